package stompgw_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"atommq/stompgw/stomp"
)

// done keeps account of what consumers acknowledged.
type done struct {
	mu    sync.Mutex
	times map[string]int
	left  int
	all   chan struct{} // closed when nothing is left
}

func (d *done) settled(n string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.times[n]++; d.times[n] == 1 {
		if d.left--; d.left == 0 {
			close(d.all)
		}
	}
}

// Consumers that refuse, vanish and come again get everything, and nothing that a RECEIPT said is
// acknowledged comes back.
func TestNothingIsLostAndNoReceiptedAckComesBack(t *testing.T) {
	g := start(t)
	const producers, each = 4, 250
	d := &done{times: make(map[string]int), left: producers * each, all: make(chan struct{})}
	var running sync.WaitGroup
	for p := range producers {
		running.Go(func() {
			c := g.connect(t, "1.2")
			for i := range each {
				c.send(fmt.Sprintf("SEND\ndestination:/queue/x\npriority:%d\nn:%d\nreceipt:r\n\nbody\x00", i%10, p*each+i))
			}
			for range each {
				if f := c.next(); f.Command != stomp.RECEIPT {
					t.Errorf("got %s", show(f))
				}
			}
			c.nc.Close()
		})
	}
	for range 4 {
		running.Go(func() {
			for d.consume(t, g) {
			}
		})
	}
	running.Wait()
	for n, times := range d.times {
		if times != 1 {
			t.Errorf("message %s was acknowledged %d times", n, times)
		}
	}
	c := g.connect(t, "1.2")
	c.sendFrame("SEND", "destination:/control/count-msgs/queue/x", "receipt:1")
	if f := c.next(); header(f, "num-messages") != "0" {
		t.Errorf("got %s", show(f))
	}
}

// consume is the life of one connection: it acknowledges some messages, refuses some, and vanishes.
// It reports whether there is more to do.
func (d *done) consume(t *testing.T, g *gateway) bool {
	c := g.connect(t, "1.2")
	defer c.nc.Close()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-d.all: // no message comes any more
			c.nc.Close()
		case <-over:
		}
	}()
	c.sendFrame("SUBSCRIBE", "id:s", "destination:/queue/x", "ack:client-individual", "prefetch:"+strconv.Itoa(1+rand.IntN(20)))
	waiting := make(map[string]string) // for receipts: the message that each is for
	for frames := 10 + rand.IntN(100); frames > 0 || len(waiting) > 0; frames-- {
		f, err := c.read()
		switch {
		case err != nil:
			return false
		case f.Command == stomp.RECEIPT:
			d.settled(waiting[header(f, "receipt-id")])
			delete(waiting, header(f, "receipt-id"))
		case frames <= 0: // it vanishes with this one unacknowledged
		case rand.IntN(10) == 0 && header(f, "attempts") == "":
			c.sendFrame("NACK", "id:"+header(f, "ack"))
		default:
			ack := header(f, "ack")
			waiting[ack] = header(f, "n")
			c.sendFrame("ACK", "id:"+ack, "receipt:"+ack)
		}
	}
	return true
}
