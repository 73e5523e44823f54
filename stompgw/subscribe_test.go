package stompgw_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"atommq/stompgw"
)

func TestWrongSUBSCRIBEIsAnsweredWithWhatToDo(t *testing.T) {
	g := start(t, func(s *stompgw.Server) { s.MaxSubscriptions = 1 })
	for _, c := range []struct{ name, headers, message string }{
		{"no destination", "id:1", "SUBSCRIBE without destination"},
		{"no id", "destination:/queue/x", "SUBSCRIBE without id"},
		{"long id", "destination:/queue/x\nid:" + strings.Repeat("x", 256), "the id of a subscription takes at most 255 bytes"},
		{"no form", "id:1\ndestination:x", `destination "x" is none that this server knows`},
		{"control", "id:1\ndestination:/control/count-msgs/queue/x", `destination "/control/count-msgs/queue/x" cannot be subscribed to`},
		{"queues that begin so", "id:1\ndestination:/queue/a*", `destination "/queue/a*": queues have no wildcards`},
		{"prefetch", "id:1\ndestination:/queue/x\nprefetch:many", `prefetch "many" is none`},
		{"ack-timeout", "id:1\ndestination:/queue/x\nack-timeout:soon", `ack-timeout "soon" is no time`},
		{"selector", "id:1\ndestination:/queue/x\nselector:a=1", "selectors are not supported"},
		{"Xlastid", "id:1\ndestination:/queue/x\nXlastid:5", "Xlastid on a queue"},
		{"bad Xlastid", "id:1\ndestination:/topic/x\nXlastid:new", `Xlastid "new" is none`},
		{"group of a topic", "id:1\ndestination:/topic/x\ngroup:g", "topics have no group and no browser"},
		{"browser that acks", "id:1\ndestination:/queue/x\nbrowser:true\nack:client", "a browser acknowledges nothing"},
		{"accept", "id:1\ndestination:/queue/x\naccept:application/json", `accept "application/json" is no form that messages come in`},
		{"empty accept", "id:1\ndestination:/topic/x\naccept:", `accept "" is no form that messages come in`},
		{"accept that only begins so", "id:1\ndestination:/topic/x\naccept:application/atom+xmlx", `accept "application/atom+xmlx" is no form that messages come in`},
		{"long prefix", "id:1\ndestination:/topic/" + strings.Repeat("x", 256) + "*", `destination "/topic/` + strings.Repeat("x", 57) + `"… is longer than a feed's name, which takes at most 255 bytes`},
		{"topic twice", "id:0\ndestination:/topic/y", `there is a subscription "0" already`},
		{"twice", "id:0\ndestination:/queue/y", `there is a subscription "0" already`},
		{"too many", "id:1\ndestination:/queue/y", "the connection has its 1 subscriptions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := g.connect(t, "1.1")
			if c.name == "topic twice" {
				conn.sendFrame("SUBSCRIBE", "id:0", "destination:/topic/x")
			}
			if c.name == "twice" || c.name == "too many" {
				conn.sendFrame("SUBSCRIBE", "id:0", "destination:/queue/x")
			}
			conn.send("SUBSCRIBE\nreceipt:r1\n" + c.headers + "\n\n\x00")
			f := conn.next()
			if f.Command.String() != "ERROR" || header(f, "receipt-id") != "r1" || header(f, "message") != c.message || !saysWhatToDo(f.Body) {
				t.Errorf("got %s", show(f))
			}
			conn.expectEnd()
		})
	}
}

// saysWhatToDo reports whether the body of an ERROR has a line behind the one that says what is wrong.
func saysWhatToDo(body []byte) bool {
	_, detail, found := strings.Cut(string(body), ".\n")
	return found && len(detail) > len(".\n")
}

func TestPrefetchBoundsWhatIsHeld(t *testing.T) {
	for _, name := range []string{"prefetch", "prefetch-count", "activemq.prefetchSize"} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			c := g.connect(t, "1.2")
			for i := range 5 {
				c.sendFrame("SEND", "destination:/queue/x", "n:"+strconv.Itoa(i))
			}
			c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "ack:client", name+":2")
			for i := range 5 {
				f := c.next()
				if header(f, "n") != strconv.Itoa(i) {
					t.Fatalf("got %s", show(f))
				}
				if i%2 == 0 {
					continue
				}
				ack := header(f, "ack")
				c.sendFrame("SEND", "destination:/control/count-subscribers/queue/x", "receipt:none between")
				if f := c.next(); header(f, "receipt-id") != "none between" {
					t.Fatalf("got %s", show(f))
				}
				c.sendFrame("ACK", "id:"+ack)
			}
		})
	}
}

func TestUNSUBSCRIBEOfNone(t *testing.T) {
	start(t).play(t, connected12+`
	> UNSUBSCRIBE
	> id:1
	> receipt:r

	< ERROR
	< receipt-id:r
	< message:there is no subscription "1"

	<EOF
	`)
}

func TestWholeEntryIsDeliveredWhereItIsAccepted(t *testing.T) {
	g := start(t, func(s *stompgw.Server) { s.BaseURL = "https://example.org" })
	c := g.connect(t, "1.2")
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "accept:application/atom+xml;type=entry")
	c.send("SEND\ndestination:/queue/x\n\nhello\x00")
	f := c.next()
	for _, want := range []string{"<?xml", `href="https://example.org/feeds/x/entries/`, "hello"} {
		if !strings.Contains(string(f.Body), want) {
			t.Errorf("no %s in\n%s", want, show(f))
		}
	}
	if typ := header(f, "content-type"); !strings.HasPrefix(typ, "application/atom+xml") {
		t.Errorf("content-type %s", typ)
	}
}

func TestAcceptOfAnythingDeliversMessagesAsSent(t *testing.T) {
	start(t).play(t, connected12+`
	> SUBSCRIBE
	> id:1
	> destination:/queue/x
	> accept:*/*

	> SEND
	> destination:/queue/x
	>
	> hello

	< MESSAGE
	<
	< hello
	`)
}

func TestBrowserShowsWhatWaitsAndTakesNothing(t *testing.T) {
	start(t).play(t, connected12+`
	> SEND
	> destination:/queue/x
	>
	> a

	> SEND
	> destination:/queue/x
	> priority:9
	>
	> b

	> SUBSCRIBE
	> id:look
	> destination:/queue/x
	> browser:true
	> receipt:r

	< RECEIPT

	< MESSAGE
	< subscription:look
	< destination:/queue/x
	< !ack
	< !browser
	<
	< b

	< MESSAGE
	<
	< a

	< MESSAGE
	< subscription:look
	< destination:/queue/x
	< browser:end

	> SEND
	> destination:/control/count-msgs/queue/x
	> receipt:r

	< RECEIPT
	< num-messages:2

	> UNSUBSCRIBE
	> id:look
	> receipt:gone

	< RECEIPT
	< receipt-id:gone
	`)
}

func TestBrowserOfALongQueueEnds(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	const n = 300
	for i := range n {
		c.send(fmt.Sprintf("SEND\ndestination:/queue/x\npriority:%d\n\n%d\x00", i%10, i))
	}
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "browser:true")
	got := 0
	for header(c.next(), "browser") != "end" {
		got++
	}
	if got != n {
		t.Errorf("got %d", got)
	}
}

func TestRepliesArriveThroughATempQueue(t *testing.T) {
	const replier = `
	replier> CONNECT
	replier> accept-version:1.2

	replier< CONNECTED

	replier> SUBSCRIBE
	replier> id:work
	replier> destination:/queue/work

	replier< MESSAGE
	replier< reply-to:{address}
	replier< …

	replier> SEND
	replier> destination:{address}
	replier>
	replier> answer
	`
	for _, c := range []struct{ name, before, after string }{
		{"as RabbitMQ has it", "", `
			< MESSAGE
			< subscription:/temp-queue/answers
			< destination:/temp-queue/answers
			<
			< answer`},
		{"as ActiveMQ has it", `
			> SUBSCRIBE
			> id:mine
			> destination:/temp-queue/answers
			> ack:client-individual`, `
			< MESSAGE
			< subscription:mine
			< destination:/temp-queue/answers
			< ack:{ack}
			<
			< answer

			> ACK
			> id:{ack}
			> receipt:acked

			< RECEIPT`},
		{"subscribed to later", "", `
			> SUBSCRIBE
			> id:mine
			> destination:/temp-queue/answers

			< MESSAGE
			< destination:/temp-queue/answers
			<
			< answer`},
		{"unsubscribed from before", `
			> SUBSCRIBE
			> id:mine
			> destination:/temp-queue/answers

			> UNSUBSCRIBE
			> id:mine`, `
			< MESSAGE
			< subscription:/temp-queue/answers
			< destination:/temp-queue/answers
			<
			< answer`},
		{"unsubscribed from later", `
			> SUBSCRIBE
			> id:mine
			> destination:/temp-queue/answers
			> ack:client-individual`, `
			< MESSAGE
			< subscription:mine
			< …

			> UNSUBSCRIBE
			> id:mine

			< MESSAGE
			< subscription:/temp-queue/answers
			< destination:/temp-queue/answers
			< redelivered:true
			<
			< answer`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := start(t)
			g.play(t, connected12+c.before+`

			> SEND
			> destination:/queue/work
			> reply-to:/temp-queue/answers
			> receipt:asked
			>
			> question

			< RECEIPT
			`+replier+c.after+`

			> DISCONNECT
			> receipt:bye

			< RECEIPT
			< receipt-id:bye

			<EOF
			`)
		})
	}
}

func TestFeedNamedLikeATempQueueIsOneLikeOthers(t *testing.T) {
	start(t).play(t, connected12+`
	> SEND
	> destination:/queue/temp.readings
	> receipt:1

	< RECEIPT
	`)
}

func TestTempQueueGoesWithItsSession(t *testing.T) {
	g := start(t, func(s *stompgw.Server) { s.MaxTempQueues = 1 })
	c := g.connect(t, "1.2")
	c.sendFrame("SEND", "destination:/queue/x", "reply-to:/temp-queue/a")
	c.sendFrame("SEND", "destination:/temp-queue/a", "receipt:1")
	for range 2 { // the receipt, and the message
		c.next()
	}
	c.sendFrame("SEND", "destination:/queue/x", "reply-to:/temp-queue/b")
	if f := c.next(); header(f, "message") != "the connection has its 1 temp queues" {
		t.Errorf("got %s", show(f))
	}
	c.expectEnd()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := g.Bus.Feeds(t.Context(), "", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.Name != "x" {
			t.Errorf("feed %s is left", f.Name)
		}
	}
}
