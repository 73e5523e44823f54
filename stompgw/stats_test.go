package stompgw_test

import (
	"testing"
	"time"

	"atommq/stompgw"
)

// eventually waits until the stats are as ok wants them.
func (g *gateway) eventually(t *testing.T, ok func(*stompgw.Stats) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		stats := g.Stats()
		if ok(&stats) {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatalf("stats = %+v", stats)
		}
	}
}

func TestStatsTellOfConnectionsFramesAndMessages(t *testing.T) {
	g := start(t)
	c := g.connect(t, "1.2")
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/topic/news", "receipt:a")
	c.next()
	c.sendFrame("SUBSCRIBE", "id:2", "destination:/queue/jobs", "ack:client", "receipt:b")
	c.next()
	g.eventually(t, func(s *stompgw.Stats) bool { return s.Topics == 1 && s.Queues == 1 && s.Connections == 1 })
	for _, to := range []string{"/topic/news", "/queue/jobs"} {
		c.sendFrame("SEND", "destination:"+to)
		c.next()
	}
	c.sendFrame("UNSUBSCRIBE", "id:2", "receipt:c")
	c.next()
	c.sendFrame("UNSUBSCRIBE", "id:7")
	c.next() // an ERROR, which ends the session
	g.eventually(t, func(s *stompgw.Stats) bool {
		return s.Topics == 0 && s.Queues == 0 && s.Connections == 0 && s.Accepted == 1 && s.Messages == 2 && s.Errors == 1 &&
			s.Frames["STOMP"]+s.Frames["CONNECT"] == 1 && s.Frames["SUBSCRIBE"] == 2 && s.Frames["SEND"] == 2 && s.Frames["UNSUBSCRIBE"] == 2 && s.Frames["ACK"] == 0
	})
}

// TestStatsTellWhoLags has a client that reads nothing replay more than the kernel holds for it.
func TestStatsTellWhoLags(t *testing.T) {
	g := start(t)
	sender := g.connect(t, "1.2")
	body := string(make([]byte, 1<<20))
	for range 20 {
		sender.send("SEND\ndestination:/topic/news\ncontent-length:1048576\n\n" + body + "\x00")
	}
	sender.sendFrame("SEND", "destination:/topic/other", "receipt:all")
	sender.next()
	c := g.connect(t, "1.2")
	c.sendFrame("SUBSCRIBE", "id:1", "destination:/topic/news", "Xlastid:0")
	g.eventually(t, func(s *stompgw.Stats) bool { return s.Lagging == 1 && s.Lag > 0 && s.Lag <= 21 })
	c.nc.Close()
	g.eventually(t, func(s *stompgw.Stats) bool { return s.Lagging == 0 && s.Topics == 0 })
}
