package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"atommq/api"
	"atommq/stompgw/stomp"
)

// taken is what consumers were given, by message.
type taken struct {
	mu  sync.Mutex
	by  map[string][]string // who had it, usually one
	all chan struct{}       // closed once each of them was given to somebody
	of  int
}

func newTaken(of int) *taken {
	return &taken{by: make(map[string][]string), all: make(chan struct{}), of: of}
}

// note says that who was given a message.
func (g *taken) note(message, who string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by[message] = append(g.by[message], who)
	if len(g.by) == g.of && len(g.by[message]) == 1 {
		close(g.all)
	}
}

// consume takes messages by STOMP until the connection is closed.
func (g *taken) consume(c *stompClient) {
	for {
		f, err := c.receive()
		if err != nil || f.command != stomp.MESSAGE {
			return // the test is over, or finds too few
		}
		g.note(f.body, "STOMP")
		if c.send(stomp.ACK, "", "id", f.headers["ack"]) != nil {
			return
		}
	}
}

// claim takes messages over HTTP until ctx ends.
func (g *taken) claim(ctx context.Context, c *api.Client, count int) error {
	for ctx.Err() == nil {
		list, err := c.Claim(ctx, api.ClaimConfig{Feed: "shared", Count: count, Wait: 10 * time.Second})
		if err != nil && ctx.Err() == nil {
			return err
		}
		for _, m := range list {
			g.note(string(m.Content), "HTTP")
			if err := c.Ack(ctx, m); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

// begin has a consumer of each protocol take from a queue of a server, each so many at a time, and
// returns what ends them and counts what each got.
func (g *taken) begin(t *testing.T, server *process, each int) (end func() map[string]int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var claiming sync.WaitGroup
	claiming.Go(func() {
		if err := g.claim(ctx, &api.Client{BaseURL: server.URL}, each); err != nil {
			t.Error(err)
		}
	})
	consumer := connect(t, server.Stomp)
	consumer.must(t, stomp.SUBSCRIBE, "", "destination", "/queue/shared", "id", "1", "ack", "client-individual", "prefetch", fmt.Sprint(each))
	go g.consume(consumer)
	return func() map[string]int {
		select {
		case <-g.all:
		case <-time.After(stompWait):
			t.Errorf("not all messages were given to somebody")
		}
		cancel()
		claiming.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		got := make(map[string]int)
		for message, who := range g.by {
			if len(who) > 1 {
				t.Errorf("message %s was given to %v", message, who)
			}
			got[who[0]]++
		}
		t.Logf("consumers got %v", got)
		return got
	}
}

// Where both wait, they are given work in turn.
func TestConsumersOfBothProtocolsThatWaitAreServedInTurn(t *testing.T) {
	server := startServer(t)
	const messages = 40
	g := newTaken(messages)
	producer := connect(t, server.Stomp)
	end := g.begin(t, server, 5)
	for i := range messages {
		waitFor(t, func() bool { return scrape(t, server.URL+"metrics")["atommq_consumers"] == 2 })
		producer.must(t, stomp.SEND, fmt.Sprint(i), "destination", "/queue/shared")
		waitFor(t, func() bool { return g.count() == i+1 })
	}
	if got := end(); min(got["STOMP"], got["HTTP"]) < messages/4 {
		t.Errorf("of %d messages, consumers that both waited got %v, want about half each", messages, got)
	}
}

// count returns how many messages were given to somebody.
func (g *taken) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.by)
}

// Acknowledging takes a request each over HTTP, and next to nothing by STOMP: so the shares of what
// can be had at once differ, but nobody is left out.
func TestNeitherProtocolLeavesTheOtherWithoutWork(t *testing.T) {
	const messages = 1000
	for name, waits := range map[string]bool{"what is sent meanwhile": false, "what waits": true} {
		t.Run(name, func(t *testing.T) {
			server := startServer(t)
			g := newTaken(messages)
			producer := connect(t, server.Stomp)
			fill := func() {
				for i := range messages {
					producer.must(t, stomp.SEND, fmt.Sprint(i), "destination", "/queue/shared")
				}
			}
			if waits {
				fill()
			}
			end := g.begin(t, server, 5)
			if !waits {
				fill()
			}
			if got := end(); min(got["STOMP"], got["HTTP"]) < messages/50 {
				t.Errorf("of %d messages, the consumers got %v", messages, got)
			}
		})
	}
}
