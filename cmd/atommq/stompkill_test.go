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

// stompProducer sends messages with receipts, so many at once, and none of them again.
type stompProducer struct {
	name, burst int
	address     string
	faults      bool     // an ERROR may come, after which it connects again
	next        int      // number of the next message
	stored      []string // what it has the receipts of
}

// produce goes on until stop is set, over any number of connections. progress is called for
// each receipt.
func (p *stompProducer) produce(ctx context.Context, stop *atomic.Bool, progress func()) error {
	for !stop.Load() && ctx.Err() == nil {
		client := redial(ctx, p.address)
		if client == nil {
			break
		}
		var err error
		for err == nil && !stop.Load() {
			err = p.send(client, progress)
		}
		client.Close()
		if wrong, ok := errors.AsType[*breach](err); ok {
			return wrong
		}
	}
	return nil
}

// send sends a burst and reads its receipts.
func (p *stompProducer) send(client *stompClient, progress func()) error {
	var bodies []string
	for range p.burst {
		body := fmt.Sprintf("%d/%d", p.name, p.next)
		p.next++
		bodies = append(bodies, body)
		if err := client.send(stomp.SEND, body, "destination", "/queue/orders", "receipt", body); err != nil {
			return err
		}
	}
	for _, body := range bodies {
		f, err := client.receive()
		if err != nil {
			return err
		}
		if p.faults && isStorageFault(f) {
			return errors.New(f.headers["message"])
		}
		if f.command != stomp.RECEIPT || f.headers["receipt-id"] != body {
			return breachf("%q got %v %v %q for a receipt", body, f.command, f.headers, f.body)
		}
		p.stored = append(p.stored, body)
		progress()
	}
	return nil
}

// isStorageFault reports whether f is an ERROR that blames the database, and nobody else.
func isStorageFault(f *stompFrame) bool {
	message := f.headers["message"]
	return f.command == stomp.ERROR && (strings.HasPrefix(message, "storage is unavailable") || strings.HasPrefix(message, "storage is read-only") || message == "storage is full" ||
		message == "the server lost touch with its database" || message == "claim is no longer held")
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

// take notes a delivery and whether it is the first of its message. It is a breach where it
// should not have come.
func (a *account) take(body string) (fresh bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.receipts[body] {
		return false, breachf("%q came again after the receipt of its ACK", body)
	}
	fresh = !a.seen[body]
	a.seen[body] = true
	return fresh, nil
}

func (a *account) settle(body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.receipts[body] = true
}

// covers reports what was stored and never came.
func (a *account) covers(t *testing.T, group string, stored []string) {
	t.Helper()
	for _, body := range stored {
		if !a.seen[body] {
			t.Errorf("group %s: %q had its receipt and never came", group, body)
		}
	}
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
	faults  bool           // an ERROR may come, after which it connects again
	alone   bool           // on its queue: all comes in order
	next    map[string]int // by producer, the number after the highest one seen
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
		case stomp.ERROR:
			if c.faults && isStorageFault(f) {
				return errors.New(f.headers["message"])
			}
			return breachf("got %v %v %q", f.command, f.headers, f.body)
		default:
			return breachf("got %v %v %q", f.command, f.headers, f.body)
		}
	}
	return err
}

// deliver checks a message and its place.
func (c *stompConsumer) deliver(f *stompFrame, last *int64) error {
	fresh, err := c.take(f.body)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(f.headers["message-id"], 10, 64)
	// Where nodes fail, what another consumer gave back may come after what lay behind it.
	if err != nil || id <= *last && !c.faults {
		return breachf("message-id %q comes after %d on one connection", f.headers["message-id"], *last)
	}
	*last = max(*last, id)
	producer, number, _ := strings.Cut(f.body, "/")
	n, err := strconv.Atoi(number)
	if err != nil || c.alone && fresh && n < c.next[producer] {
		return breachf("%q comes after %s/%d", f.body, producer, c.next[producer]-1)
	}
	c.next[producer] = max(c.next[producer], n+1)
	return nil
}

func TestKillLosesNoReceiptOfStomp(t *testing.T) {
	const kills, perLife = 20, 1000
	server := startServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), walkFor)
	defer cancel()
	consuming, stop := context.WithCancel(ctx)
	defer stop()

	// One queue with a single consumer, and one that several share.
	single, shared := newAccount(), newAccount()
	consumers := []*stompConsumer{{account: single, address: server.Stomp, group: "default", alone: true}}
	for range 3 {
		consumers = append(consumers, &stompConsumer{account: shared, address: server.Stomp, group: "workers"})
	}
	begin := connect(t, server.Stomp)
	for _, c := range consumers[:2] { // queues see what comes once they are there
		begin.must(t, stomp.SUBSCRIBE, "", "destination", "/queue/orders", "id", c.group, "group", c.group)
		begin.must(t, stomp.UNSUBSCRIBE, "", "id", c.group)
	}

	var (
		producing, working sync.WaitGroup
		producers          []*stompProducer
		stored             atomic.Int64
		finish             atomic.Bool
		lifeOver           = make(chan struct{}, 1)
	)
	progress := func() {
		if stored.Add(1)%perLife == 0 {
			select {
			case lifeOver <- struct{}{}:
			default:
			}
		}
	}
	for name, burst := range []int{1, 1, 1, 1, 100, 100} {
		p := &stompProducer{name: name, burst: burst, address: server.Stomp}
		producers = append(producers, p)
		producing.Go(func() {
			if err := p.produce(ctx, &finish, progress); err != nil {
				t.Error(err)
				cancel()
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
	for _, p := range producers {
		single.covers(t, "default", p.stored)
		shared.covers(t, "workers", p.stored)
	}
	t.Logf("%d messages with receipts, of %d that came, over %d kills", stored.Load(), len(single.seen), kills)
}
