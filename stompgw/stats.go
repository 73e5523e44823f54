package stompgw

import (
	"sync/atomic"

	"atommq/stompgw/stomp"
)

// Stats is what a Server did since its first session, which only rises, and what clients do with it
// now.
type Stats struct {
	Connections int   // now
	Accepted    int64 // connections, those refused for want of room included
	Frames      map[string]int64
	Messages    int64 // MESSAGE frames
	Errors      int64 // ERROR frames
	Refused     int64 // connections for which there was no room
	Dropped     int64 // answers that were dropped because whoever asked had gone
	// Slow is connections that were cut off because their clients were too slow, by what with:
	// "connect", "frame", "heart_beat", "unread" (they did not read), "live" (they did not read
	// what is not stored).
	Slow map[string]int64

	Topics  int // subscriptions to topics now
	Queues  int // and to queues
	Lagging int // subscriptions to topics that read from the log what they missed, or asked for
	// Lag is how many ids of the log the one of them is behind that is furthest.
	Lag int64
}

// stats is what Stats is read from.
type stats struct {
	accepted, refused, errors, messages, queues, dropped atomic.Int64
	frames                                               [stomp.DISCONNECT + 1]atomic.Int64 // that clients sent, by command
	slow                                                 [slownesses]atomic.Int64
}

// count takes note of a frame. What only servers send is an error.
func (s *Server) count(command stomp.Command) {
	if int(command) < len(s.stats.frames) {
		s.stats.frames[command].Add(1)
	}
}

// Stats tells what the server has done, and for whom.
func (s *Server) Stats() Stats {
	s.init()
	out := Stats{
		Accepted: s.stats.accepted.Load(),
		Frames:   make(map[string]int64),
		Messages: s.stats.messages.Load() + s.topics.delivered.Load(),
		Errors:   s.stats.errors.Load(),
		Refused:  s.stats.refused.Load(),
		Dropped:  s.stats.dropped.Load(),
		Slow:     make(map[string]int64),
		Topics:   s.topics.size(),
		Queues:   int(s.stats.queues.Load()),
	}
	for with, word := range slownessWords {
		out.Slow[word] = s.stats.slow[with].Load()
	}
	for command := stomp.CONNECT; command <= stomp.DISCONNECT; command++ {
		out.Frames[command.String()] = s.stats.frames[command].Load()
	}
	head := s.Bus.Head()
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Connections = len(s.conns)
	for c := range s.conns {
		c.topics.describe(&out, head)
	}
	return out
}

// size returns how many subscriptions there are.
func (t *topics) size() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.feeds.size + t.prefixes.size
}

// describe counts what a connection's subscriptions have to read. head is the newest id.
func (f *follower) describe(s *Stats, head int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lagging {
		if l.gone {
			continue
		}
		newest := l.lag.newest
		if l.lag.again {
			newest = head // nobody knows better before it is read
		}
		s.Lagging++
		s.Lag = max(s.Lag, newest-l.after)
	}
}
