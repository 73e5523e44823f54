package stompgw_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

const connected12 = `
	> CONNECT
	> accept-version:1.2

	< CONNECTED
`

func TestHeadersComeBackAsSent(t *testing.T) {
	start(t).play(t, connected12+`
	> SUBSCRIBE
	> id:1
	> destination:/queue/x

	> SEND
	> destination:/queue/x
	> content-type:application/json
	> content-length:7
	> priority:9
	> persistent:true
	> ack-timeout:2.5
	> reply-to:/queue/y
	> correlation-id:a\nb
	> title:An order
	> message-id:forged
	> redelivered:forged
	> Idempotency-key:k1
	> Group:own
	>
	> {"a":1}

	< MESSAGE
	< content-type:application/json
	< priority:9
	< persistent:true
	< ack-timeout:2.5
	< reply-to:/queue/y
	< correlation-id:a\nb
	< title:An order
	< Group:own
	< !redelivered
	< !Idempotency-key
	<
	< {"a":1}
	`)
}

func TestHeadersKeepTheirOrderAndRepetitions(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x")
	own := []string{"z:1", "a:2", "z:3", "m:4"}
	c.sendFrame(append([]string{"SEND", "destination:/queue/x"}, own...)...)
	var got []string
	for _, field := range c.next().Fields {
		if len(field.Name) == 1 {
			got = append(got, string(field.Name)+":"+string(field.Value))
		}
	}
	if diff := cmp.Diff(own, got); diff != "" {
		t.Error(diff)
	}
}

func TestOfARepeatedContentTypeTheFirstComesBackAlone(t *testing.T) {
	c := start(t).connect(t, "1.2")
	c.done("SUBSCRIBE", "id:1", "destination:/queue/x")
	c.sendFrame("SEND", "destination:/queue/x", "content-type:text/plain", "content-type:text/html")
	var got []string
	for _, field := range c.next().Fields {
		if string(field.Name) == "content-type" {
			got = append(got, string(field.Value))
		}
	}
	if diff := cmp.Diff([]string{"text/plain"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBodyComesBackByteForByte(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x")
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, body := range []string{"", "plain", string(all), "<a>&amp;</a>", "line\r\nline\r", strings.Repeat("x", 1<<20)} {
		c.send(fmt.Sprintf("SEND\ndestination:/queue/x\ncontent-length:%d\n\n%s\x00", len(body), body))
		if f := c.next(); string(f.Body) != body {
			t.Errorf("got %.100q, want %.100q", f.Body, body)
		}
	}
}

func TestIdempotencyKeyPublishesOnce(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	for _, spelling := range []string{"Idempotency-Key", "IDEMPOTENCY-KEY"} {
		for _, name := range []string{"Idempotency-Key", "idempotency-key"} {
			c.sendFrame("SEND", "destination:/queue/"+name, spelling+":k", "receipt:1")
			c.next()
		}
	}
	g.play(t, connected12+`
	> SEND
	> destination:/control/count-msgs/queue/Idempotency-Key
	> receipt:2

	< RECEIPT
	< num-messages:1

	> SEND
	> destination:/control/count-msgs/queue/idempotency-key
	> receipt:2

	< RECEIPT
	< num-messages:1

	> SEND
	> destination:/queue/Idempotency-Key
	> Idempotency-Key:k
	> receipt:3
	>
	> another body

	< ERROR
	< message:idempotency key was used for another message
	< receipt-id:3

	<EOF
	`)
}

func TestPriorityGoesFirstThenOrderOfSending(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	for i, priority := range []string{"0", "", "9", "4", "9", "5"} {
		lines := []string{"SEND", "destination:/queue/x", "receipt:1", "n:" + strconv.Itoa(i)}
		if priority != "" {
			lines = append(lines, "priority:"+priority)
		}
		c.sendFrame(lines...)
		c.next()
	}
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x")
	var got []string
	for range 6 {
		got = append(got, header(c.next(), "n"))
	}
	if diff := cmp.Diff([]string{"2", "4", "5", "1", "3", "0"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestExpiredMessagesAreNotDelivered(t *testing.T) {
	g := start(t)
	old, err := feeds.ComposeMessage("", &feeds.Message{Body: []byte("old")})
	if err != nil {
		t.Fatal(err)
	}
	post := bus.Post{Feed: "x", Queue: bus.DefaultQueue, Entry: old, Expires: time.Now().Add(-time.Second)}
	if err := g.Bus.Do(t.Context(), &bus.Transaction{Posts: []bus.Post{post}}); err != nil {
		t.Fatal(err)
	}
	g.play(t, connected12+`
	> SEND
	> destination:/queue/x
	> expires:99999999999999
	>
	> fresh

	> SUBSCRIBE
	> id:1
	> destination:/queue/x

	< MESSAGE
	<
	< fresh
	`)
}

func TestEveryGroupGetsEachMessage(t *testing.T) {
	start(t).play(t, connected12+`
	> SUBSCRIBE
	> id:1
	> destination:/queue/x
	> group:billing

	> SEND
	> destination:/queue/x
	> group:archive
	> receipt:1
	>
	> hello

	< RECEIPT

	< MESSAGE
	< subscription:1
	<
	< hello

	> SUBSCRIBE
	> id:2
	> destination:/queue/x
	> group:archive

	< MESSAGE
	< subscription:2
	<
	< hello
	`)
}

func TestReceiptsComeInTheOrderOfFrames(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	var all strings.Builder
	var want, got []string
	for i := range 500 {
		id := strconv.Itoa(i)
		want = append(want, id)
		switch i % 5 {
		case 1:
			all.WriteString("BEGIN\ntransaction:t\nreceipt:" + id + "\n\n\x00")
		case 2:
			all.WriteString("SEND\ndestination:/queue/y\ntransaction:t\nreceipt:" + id + "\n\n\x00")
		case 3:
			all.WriteString("COMMIT\ntransaction:t\nreceipt:" + id + "\n\n\x00")
		default:
			all.WriteString("SEND\ndestination:/queue/x\nreceipt:" + id + "\n\nbody\x00")
		}
	}
	c.send(all.String())
	for range want {
		got = append(got, header(c.next(), "receipt-id"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestControlDestinationsCount(t *testing.T) {
	start(t).play(t, connected12+`
	> SEND
	> destination:/queue/x

	> SEND
	> destination:/queue/x

	> SEND
	> destination:/control/count-msgs/queue/x
	> receipt:1

	< RECEIPT
	< receipt-id:1
	< num-messages:2

	> SEND
	> destination:/control/count-msgs/queue/x
	> group:other
	> receipt:2

	< RECEIPT
	< num-messages:0

	> SUBSCRIBE
	> id:q
	> destination:/queue/x
	> ack:client
	> prefetch:1

	< MESSAGE

	> SUBSCRIBE
	> id:t
	> destination:/topic/x

	> SUBSCRIBE
	> id:p
	> destination:/topic/*

	> SEND
	> destination:/control/count-msgs/queue/x
	> receipt:3

	< RECEIPT
	< receipt-id:3
	< num-messages:2

	> SEND
	> destination:/control/count-subscribers/queue/x
	> receipt:4

	< RECEIPT
	< num-subscribers:1

	> SEND
	> destination:/control/count-subscribers/topic/x
	> receipt:5

	< RECEIPT
	< num-subscribers:2

	> SEND
	> destination:/control/count-msgs/queue/x

	> DISCONNECT

	<EOF
	`)
}

func TestWrongSENDIsAnsweredWithWhatToDo(t *testing.T) {
	g := start(t)
	for _, c := range []struct{ headers, message string }{
		{"", "SEND without destination"},
		{"destination:nowhere", `destination "nowhere" is none that this server knows`},
		{"destination:/queue/", `destination "/queue/": a feed's name must not be empty`},
		{"destination:/queue/" + strings.Repeat("x", 256), "…"},
		{"destination:/queue/a\\nb", `destination "/queue/a\nb": a feed's name must not hold control characters`},
		{"destination:/topic/a*", `destination "/topic/a*" names all topics that begin so`},
		{"destination:/queue/a*", `destination "/queue/a*": queues have no wildcards`},
		{"destination:/control/x", `"/control/x" is no control destination`},
		{"destination:/control/count-subscribers/topic/" + strings.Repeat("x", 300), "…"},
		{"destination:/queue/x\npriority:10", `priority "10" is none`},
		{"destination:/queue/x\npriority:high", `priority "high" is none`},
		{"destination:/queue/x\nack-timeout:NaN", `ack-timeout "NaN" is no time`},
		{"destination:/queue/x\nack-timeout:-1", `ack-timeout "-1" is no time`},
		{"destination:/queue/x\nack-timeout:1e300", `ack-timeout "1e300" is no time`},
		{"destination:/queue/x\nexpires:soon", `expires "soon" is no time`},
		{"destination:/queue/x\nexpires:-5", `expires "-5" is no time`},
		{"destination:/queue/x\nexpires:1", `expires "1" looks like seconds`},
		{"destination:/queue/x\nexpires:1800000000", `expires "1800000000" looks like seconds`},
		{"destination:/queue/x\nexpiration:0", `expiration "0" is no time`},
		{"destination:/queue/x\nexpiration:soon", `expiration "soon" is no time`},
		{"destination:/queue/x\ngroup:a\\nb", `group "a\nb" is no name of a queue`},
		{"destination:/queue/x\nIdempotency-Key:", "Idempotency-Key is empty"},
		{"destination:/queue/x\nIdempotency-Key:" + strings.Repeat("k", 256), "Idempotency-Key has 256 bytes"},
		{"destination:/queue/x\nidempotency-key:\u00fc", `Idempotency-Key "ü" is not printable ASCII`},
		{"destination:/queue/x\ntransaction:t", `no transaction "t" is open`},
	} {
		t.Run(c.headers[:min(len(c.headers), 60)], func(t *testing.T) {
			conn := g.connect(t, "1.2")
			conn.send("SEND\nreceipt:r1\n" + c.headers + "\n\n\x00")
			f := conn.next()
			if f.Command.String() != "ERROR" || header(f, "receipt-id") != "r1" || len(f.Body) == 0 {
				t.Errorf("got %s", show(f))
			}
			if got := header(f, "message"); got != c.message && c.message != "…" {
				t.Errorf("message %s, want %s", got, c.message)
			}
			conn.expectEnd()
		})
	}
}

func TestTextThatHTTPRefusesIsRefusedAlike(t *testing.T) {
	g := start(t)
	body := strings.Repeat("&", feeds.MaxText/5+1)
	for _, header := range []string{"", "content-type:text/plain\n", "persistent:false\n"} {
		c := g.connect(t, "1.2")
		c.send("SEND\ndestination:/topic/x\nreceipt:1\n" + header + "\n" + body + "\x00")
		if f := c.next(); f.Command != stomp.ERROR || !strings.Contains(string(f.Body), "application/octet-stream") {
			t.Errorf("got %s", show(f))
		}
	}
	c := g.connect(t, "1.2")
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/topic/x", "receipt:1")
	c.next()
	c.send("SEND\ndestination:/topic/x\ncontent-type:application/octet-stream\n\n" + body + "\x00")
	if f := c.next(); string(f.Body) != body || header(f, "content-type") != "application/octet-stream" {
		t.Errorf("got %.500s", show(f))
	}
}
