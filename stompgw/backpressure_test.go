package stompgw_test

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

// A client that sends and does not read is slowed by its own socket, and loses no receipt.
func TestReceiptsWaitForAClientThatDoesNotReadThem(t *testing.T) {
	g := start(t, func(s *stompgw.Server) { s.PendingBytes = 64 << 10 })
	c := g.connect(t, "1.2")
	const n = 20_000
	padding := strings.Repeat("x", 500)
	written := make(chan error, 1)
	go func() {
		w := bufio.NewWriter(c.nc)
		for i := range n {
			fmt.Fprintf(w, "SEND\ndestination:/topic/x\npersistent:false\nreceipt:%s%d\n\n\x00", padding, i)
		}
		written <- w.Flush()
	}()
	for i := range n {
		if f := c.next(); header(f, "receipt-id") != padding+strconv.Itoa(i) {
			t.Fatalf("receipt %d: got %s", i, show(f))
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestMessagesHeldAreBoundedInBytes(t *testing.T) {
	g := start(t, func(s *stompgw.Server) { s.HeldBytes = 100_000 })
	c := g.connect(t, "1.2")
	const n = 40
	for i := range n {
		c.send(fmt.Sprintf("SEND\ndestination:/queue/x\nn:%d\n\n%s\x00", i, strings.Repeat("x", 30_000)))
	}
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "ack:client-individual", "prefetch:100")
	acks := []string{header(c.next(), "ack")}
	c.sendFrame("SEND", "destination:/control/count-msgs/queue/x", "receipt:1")
	for f := c.next(); f.Command == stomp.MESSAGE; f = c.next() {
		acks = append(acks, header(f, "ack"))
	}
	if len(acks) > 16 { // the first load
		t.Errorf("%d are held", len(acks))
	}
	for got := len(acks); got < n; got++ {
		for _, ack := range acks {
			c.sendFrame("ACK", "id:"+ack)
		}
		acks = []string{header(c.next(), "ack")}
	}
}

// A client that holds as much as it may, and acknowledges nothing, keeps what comes after from
// others until its ack timeouts pass, and no longer.
func TestWhatIsNotAcknowledgedGoesToOthersHoweverMuchTheClientHolds(t *testing.T) {
	g := start(t, func(s *stompgw.Server) { s.HeldBytes = 100_000 })
	stuck, p := g.connect(t, "1.2"), g.connect(t, "1.2")
	stuck.done("SUBSCRIBE", "id:1", "destination:/queue/x", "ack:client-individual", "prefetch:10", "ack-timeout:0.1")
	const n = 20
	for i := range n {
		p.send(fmt.Sprintf("SEND\ndestination:/queue/x\nn:%d\n\n%s\x00", i, strings.Repeat("x", 30_000)))
	}
	if f := stuck.next(); f.Command != stomp.MESSAGE {
		t.Fatalf("got %s", show(f))
	}
	go func() {
		for err := error(nil); err == nil; {
			_, err = stuck.read()
		}
	}()
	w := g.connect(t, "1.2")
	w.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "ack:client-individual")
	for range n {
		w.sendFrame("ACK", "id:"+header(w.next(), "ack"))
	}
	w.sendFrame("SEND", "destination:/control/count-msgs/queue/x", "receipt:1")
	if f := w.next(); header(f, "num-messages") != "0" {
		t.Errorf("got %s", show(f))
	}
}

// full connects a client that has got as much of /queue/x as it may hold, by the subscription x.
func full(t *testing.T, s *stompgw.Server) (c *client, acks []string, end func()) {
	t.Helper()
	s.HeldBytes = 100_000
	nc, _, end := pipe(t, s)
	c = newClient(t, nc)
	c.send("CONNECT\naccept-version:1.2\n\n\x00")
	c.next()
	c.done("SUBSCRIBE", "id:x", "destination:/queue/x", "ack:client-individual")
	for range 2 {
		c.send("SEND\ndestination:/queue/x\n\n" + strings.Repeat("x", 60_000) + "\x00")
		acks = append(acks, header(c.next(), "ack"))
	}
	return c, acks, end
}

func TestUNSUBSCRIBEMakesRoomForOtherSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, end := full(t, new(stompgw.Server))
		defer end()
		c.done("SUBSCRIBE", "id:y", "destination:/queue/y", "ack:client-individual")
		c.done("SEND", "destination:/queue/y")
		synctest.Wait() // it is with the connection
		c.sendFrame("UNSUBSCRIBE", "id:x")
		if f := c.next(); header(f, "subscription") != "y" {
			t.Errorf("got %s", show(f))
		}
	})
}

func TestMessageThatExpiresWhileItWaitsForRoomIsNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, acks, end := full(t, new(stompgw.Server))
		defer end()
		expires := fmt.Sprint("expires:", time.Now().Add(time.Minute).UnixMilli())
		c.done("SEND", "destination:/queue/x", "n:late", expires)
		c.done("SEND", "destination:/queue/x", "n:next")
		<-time.After(2 * time.Minute)
		c.sendFrame("ACK", "id:"+acks[0])
		if f := c.next(); header(f, "n") != "next" {
			t.Errorf("got %s", show(f))
		}
		synctest.Wait()
		c.sendFrame("SEND", "destination:/control/count-msgs/queue/x", "receipt:1")
		if f := c.next(); header(f, "num-messages") != "2" {
			t.Errorf("left: %s", show(f))
		}
	})
}

func TestSessionEndsWhenWhatItDeliveredCannotBeAcknowledged(t *testing.T) {
	var failing atomic.Bool
	memory := &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
		for _, op := range ops {
			if failing.Load() && len(op.Settle) > 0 {
				return bus.ErrUnavailable
			}
		}
		return nil
	}}
	g := serveMemory(t, memory)
	c := g.connect(t, "1.0")
	failing.Store(true)
	c.sendFrame("SEND", "destination:/queue/x")
	c.sendFrame("SUBSCRIBE", "destination:/queue/x")
	if f := c.next(); f.Command != stomp.MESSAGE {
		t.Errorf("got %s", show(f))
	}
	if f := c.next(); header(f, "message") != "storage is unavailable" {
		t.Errorf("got %s", show(f))
	}
	c.expectEnd()
	failing.Store(false)
}

func TestSessionEndsWhenWhatWaitsCannotBeRead(t *testing.T) {
	var failing atomic.Bool
	memory := &bustest.Memory{BeforeRead: func() error {
		if failing.Load() {
			return bus.ErrUnavailable
		}
		return nil
	}}
	g := serveMemory(t, memory)
	c := g.connect(t, "1.2")
	c.sendFrame("SEND", "destination:/queue/x", "receipt:1")
	c.next()
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "browser:true", "receipt:2")
	for header(c.next(), "browser") != "end" {
	}
	failing.Store(true)
	c.sendFrame("SUBSCRIBE", "id:2", "destination:/queue/x", "browser:true", "receipt:3")
	if f := c.next(); header(f, "receipt-id") != "3" {
		t.Errorf("got %s", show(f))
	}
	if f := c.next(); header(f, "message") != "storage is unavailable" {
		t.Errorf("got %s", show(f))
	}
	c.expectEnd()
	failing.Store(false)
}

// What was deleted while it waited is not delivered, and does not hold up what is behind it.
func TestDeletedMessagesLeaveTheQueue(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	for _, body := range []string{"a", "b", "c"} {
		c.send("SEND\ndestination:/queue/x\nreceipt:1\n\n" + body + "\x00")
		c.next()
	}
	page, err := g.Bus.Read(t.Context(), bus.Query{Feed: "x", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Bus.Remove(t.Context(), "x", page.Entries[1].UUID, 0); err != nil {
		t.Fatal(err)
	}
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x")
	var got []string
	for range 2 {
		got = append(got, string(c.next().Body))
	}
	if diff := cmp.Diff([]string{"a", "c"}, got); diff != "" {
		t.Error(diff)
	}
}

// What HTTP clients publish reaches the queue, with its content as the body.
func TestEntriesBornInAtomAreDelivered(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/queue/x", "receipt:1")
	c.next()
	doc, err := feeds.Parse([]byte(`<entry><title>News</title><content>hello</content></entry>`), "", feeds.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Bus.Publish(t.Context(), bus.Post{Feed: "x", Entry: doc.Entries[0]}); err != nil {
		t.Fatal(err)
	}
	if f := c.next(); string(f.Body) != "hello" || header(f, "title") != "News" {
		t.Errorf("got %s", show(f))
	}
}
