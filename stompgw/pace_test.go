package stompgw_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"atommq/stompgw"
)

// A client that begins frames and does not end them would keep what it sent in the server's memory for good.
func TestAFrameThatDribblesInIsCutOff(t *testing.T) {
	for name, beat := range map[string]string{"without heart-beats": "0,0", "with heart-beats": "1000,0"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, _, end := pipe(t, new(stompgw.Server))
				defer end()
				c := newClient(t, nc)
				c.send("CONNECT\naccept-version:1.2\nheart-beat:" + beat + "\n\n\x00")
				c.next()
				<-time.After(time.Second) // between frames, time does not count
				begun := time.Now()
				c.send("SEND\ndestination:/queue/x\n\n")
				for range 29 {
					<-time.After(time.Second)
					c.send("x")
				}
				if f := c.next(); header(f, "message") != "a frame that had begun did not come within 30s" {
					t.Errorf("got %s", show(f))
				}
				if d := time.Since(begun); d != 30*time.Second {
					t.Errorf("cut off after %v", d)
				}
				c.expectEnd()
			})
		})
	}
}

func TestALongFrameGetsMoreTimeAsItMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, _, end := pipe(t, new(stompgw.Server))
		defer end()
		c := newClient(t, nc)
		c.send("CONNECT\naccept-version:1.2\n\n\x00")
		c.next()
		c.send("SEND\ndestination:/queue/x\nreceipt:1\n\n")
		for range 5 {
			c.send(strings.Repeat("x", 256<<10))
			<-time.After(25 * time.Second)
		}
		c.send("\x00")
		if f := c.next(); header(f, "receipt-id") != "1" {
			t.Errorf("got %s", show(f))
		}
		<-time.After(time.Hour) // who says nothing at all is no burden
		c.send("SEND\ndestination:/queue/x\nreceipt:2\n\n\x00")
		if f := c.next(); header(f, "receipt-id") != "2" {
			t.Errorf("got %s", show(f))
		}
	})
}
