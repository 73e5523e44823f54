package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"atommq/stompgw/stomp"
)

// The messages of the test are "producer/number".

// stompProducer sends one message after another, each until it has its receipt.
type stompProducer struct {
	name    int
	address string
	sent    int // messages that have their receipts
	client  *stompClient
}

// produce sends the next message. An idempotency key makes it safe to repeat.
func (p *stompProducer) produce(ctx context.Context) {
	p.insist(ctx, fmt.Sprintf("%d/%d", p.name, p.sent))
	p.sent++
}

func (p *stompProducer) insist(ctx context.Context, body string) {
	for ctx.Err() == nil {
		if p.client == nil {
			p.client = redial(ctx, p.address)
			continue
		}
		err := p.client.request(stomp.SEND, body, "destination", "/queue/orders", "Idempotency-Key", body)
		if err == nil {
			return
		}
		p.client.Close()
		p.client = nil
	}
}

// redial connects to a server that may be down for the moment. It returns nil when ctx ends.
func redial(ctx context.Context, address string) *stompClient {
	for {
		c, err := dialStomp(address)
		if err == nil {
			return c
		}
		select {
		case <-time.After(rand.N(20 * time.Millisecond)):
		case <-ctx.Done():
			return nil
		}
	}
}

// account is what the consumers of one queue know together.
type account struct {
	mu       sync.Mutex
	seen     map[string]bool
	receipts map[string]bool // of ACKs
}

func newAccount() *account {
	return &account{seen: make(map[string]bool), receipts: make(map[string]bool)}
}

// breach is an error in what the server sends. Others say that the connection broke.
type breach struct{ message string }

func (b *breach) Error() string { return b.message }

func breachf(format string, args ...any) error { return &breach{fmt.Sprintf(format, args...)} }

// take notes a delivery. It is a breach where that should not have come.
func (a *account) take(body string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[body] = true
	if a.receipts[body] {
		return breachf("%q came again after the receipt of its ACK", body)
	}
	return nil
}

func (a *account) settle(body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.receipts[body] = true
}

// waiting returns how many messages no consumer has acked, over all queues of a database.
func waiting(t *testing.T, db string) (n int) {
	t.Helper()
	for line := range strings.Lines(run(t, "atommq", "queues", "--db", db, "--json")) {
		var q queueJSON
		if err := json.Unmarshal([]byte(line), &q); err != nil {
			t.Fatal(err)
		}
		n += int(q.Waiting)
	}
	return n
}

// stompConsumer takes messages from one queue and acks each with a receipt.
type stompConsumer struct {
	*account
	address string
	group   string
	alone   bool // on its queue: all comes in order
	next    map[string]int
}

// consume goes on until ctx ends, over any number of connections.
func (c *stompConsumer) consume(ctx context.Context) error {
	c.next = make(map[string]int)
	for ctx.Err() == nil {
		client := redial(ctx, c.address)
		if client == nil {
			return nil
		}
		stop := context.AfterFunc(ctx, func() { client.Close() })
		err := c.session(client)
		stop()
		client.Close()
		if wrong, ok := errors.AsType[*breach](err); ok {
			return wrong
		}
	}
	return nil
}

// session consumes until the connection breaks.
func (c *stompConsumer) session(client *stompClient) error {
	err := client.send(stomp.SUBSCRIBE, "", "destination", "/queue/orders", "id", "1", "group", c.group, "ack", "client-individual", "prefetch", "50")
	for last := int64(0); err == nil; {
		var f *stompFrame
		if f, err = client.receive(); err != nil {
			break
		}
		switch f.command {
		case stomp.RECEIPT:
			c.settle(f.headers["receipt-id"])
		case stomp.MESSAGE:
			if err := c.deliver(f, &last); err != nil {
				return err
			}
			err = client.send(stomp.ACK, "", "id", f.headers["ack"], "receipt", f.body)
		default:
			return breachf("got %v %v %q", f.command, f.headers, f.body)
		}
	}
	return err
}

// deliver checks a message and its place.
func (c *stompConsumer) deliver(f *stompFrame, last *int64) error {
	if err := c.take(f.body); err != nil {
		return err
	}
	id, err := strconv.ParseInt(f.headers["message-id"], 10, 64)
	if err != nil || id <= *last {
		return breachf("message-id %q comes after %d on one connection", f.headers["message-id"], *last)
	}
	*last = id
	producer, number, _ := strings.Cut(f.body, "/")
	if n, err := strconv.Atoi(number); err == nil && c.alone {
		if n > c.next[producer] {
			return breachf("%q comes before %s/%d", f.body, producer, c.next[producer])
		}
		c.next[producer] = max(c.next[producer], n+1)
	}
	return nil
}

func TestKillLosesNoReceiptOfStomp(t *testing.T) {
	const producers, workers, kills, perLife = 4, 3, 20, 150
	server := startServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), walkFor)
	defer cancel()
	consuming, stop := context.WithCancel(ctx)
	defer stop()

	// One queue with a single consumer, and one that several share.
	single, shared := newAccount(), newAccount()
	consumers := []*stompConsumer{{account: single, address: server.Stomp, group: "default", alone: true}}
	for range workers {
		consumers = append(consumers, &stompConsumer{account: shared, address: server.Stomp, group: "workers"})
	}
	begin := connect(t, server.Stomp)
	for _, c := range []*stompConsumer{consumers[0], consumers[1]} { // queues see what comes once they are there
		begin.must(t, stomp.SUBSCRIBE, "", "destination", "/queue/orders", "id", c.group, "group", c.group)
		begin.must(t, stomp.UNSUBSCRIBE, "", "id", c.group)
	}

	var producing, working sync.WaitGroup
	var sent atomic.Int64
	var finish atomic.Bool
	lifeOver := make(chan struct{}, 1)
	for name := range producers {
		p := &stompProducer{name: name, address: server.Stomp}
		producing.Go(func() {
			for !finish.Load() && ctx.Err() == nil {
				p.produce(ctx)
				if sent.Add(1)%perLife == 0 {
					select {
					case lifeOver <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	for _, c := range consumers {
		working.Go(func() {
			if err := c.consume(consuming); err != nil {
				t.Errorf("group %s: %v", c.group, err)
				cancel()
			}
		})
	}
	for range kills {
		select {
		case <-lifeOver:
		case <-ctx.Done():
			t.Fatal("producers made no progress")
		}
		if err := server.kill(); err != nil {
			t.Fatal(err)
		}
		server = startServer(t, "--db", server.DB, "--stomp", server.Stomp)
	}
	finish.Store(true)
	producing.Wait()
	for waiting(t, server.DB) > 0 && ctx.Err() == nil {
	}
	stop()
	working.Wait()
	for name, a := range map[string]*account{"default": single, "workers": shared} {
		if n := int(sent.Load()); len(a.seen) != n {
			t.Errorf("group %s: of %d messages with receipts, %d came", name, n, len(a.seen))
		}
	}
	t.Logf("%d messages over %d kills", sent.Load(), kills)
}
