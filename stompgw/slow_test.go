package stompgw_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"atommq/stompgw"
	"atommq/stompgw/stomp"
)

func TestWhoIsCutOffForBeingSlowIsCounted(t *testing.T) {
	const (
		hello   = "CONNECT\naccept-version:1.2\n\n\x00"
		beating = "CONNECT\naccept-version:1.2\nheart-beat:1000,0\n\n\x00"
	)
	for _, tt := range []struct {
		with string
		act  func(c *client)
	}{
		{"connect", func(c *client) { c.next() }},
		{"frame", func(c *client) {
			c.send(hello)
			c.next()
			c.send("SEND\ndestination:/queue/x\n\n")
			c.next()
		}},
		{"heart_beat", func(c *client) {
			c.send(beating)
			c.next()
			c.next()
		}},
		{"unread", func(c *client) { c.send(hello) }},
		{"live", func(c *client) {
			c.send(hello)
			c.next()
			c.send("SUBSCRIBE\nid:1\ndestination:/topic/x\n\n\x00")
			const more = 15_000 // than are kept for who does not read
			c.send(strings.Repeat("SEND\ndestination:/topic/x\npersistent:false\n\n\x00", more))
			for c.next().Command != stomp.ERROR {
			}
		}},
	} {
		t.Run(tt.with, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stompgw.Server{ConnectTimeout: time.Second, FrameTimeout: time.Second}
				nc, ended, end := pipe(t, s)
				defer end()
				tt.act(newClient(t, nc))
				<-ended
				for with, n := range s.Stats().Slow {
					if (n == 1) != (with == tt.with) || n > 1 {
						t.Errorf("too slow with %s: %d", with, n)
					}
				}
			})
		})
	}
}
