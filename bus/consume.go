package bus

import (
	"context"
	"time"
)

// ConsumerConfig says what a consumer wants.
type ConsumerConfig struct {
	Feed, Queue string
	Prefetch    int           // deliveries that it holds at once, at least 1
	AckTimeout  time.Duration // of deliveries whose message names none; 0 for the queue's
	Name        string        // of the consumer, for dead letters
	// Ready is called when Take has something to give, and not again before Take was called: from any
	// goroutine, with no lock that Take needs. It must not block.
	Ready func()
}

// Consumer takes work from a queue, in competition with the others of all nodes. Its methods may be
// called from any goroutine.
type Consumer struct{}

// Delivery is an entry handed to a consumer. It is settled once, by a Transaction or by the
// consumer's Close; or its ack timeout passes, and settling it fails with ErrClaimLost.
type Delivery struct {
	Claim
	// Entry is nil until Bus.Load when it was not in memory.
	Entry *Entry
	Feed  string
}

// Consume adds a consumer to a queue, which it makes if there is none. Close ends it.
func (b *Bus) Consume(ctx context.Context, c ConsumerConfig) (*Consumer, error) {
	panic("not built yet")
}

// Take appends to into at most limit deliveries, in order, that were handed to c and not yet taken.
func (c *Consumer) Take(into []*Delivery, limit int) []*Delivery { panic("not built yet") }

// Close ends c and releases what it holds: what was not taken as if never handed out, the rest with its
// attempt counted. It does not wait for that. It may be called again.
func (c *Consumer) Close() { panic("not built yet") }

// Load reads the entries of deliveries that have none. One whose entry is gone, deleted or edited since, keeps
// nil: ack it.
func (b *Bus) Load(ctx context.Context, ds []*Delivery) error { panic("not built yet") }

// Subscribers returns how many consumers a queue has on this node.
func (b *Bus) Subscribers(feed, queue string) int { panic("not built yet") }

// Queue returns a queue as it is now: ErrNoQueue if there is none.
func (b *Bus) Queue(ctx context.Context, feed, queue string) (*Queue, error) { panic("not built yet") }

// Queues lists queues in bytewise order of feed and name, at most limit, after the one that after names.
func (b *Bus) Queues(ctx context.Context, after QueueName, limit int) ([]*Queue, error) {
	panic("not built yet")
}

// ConfigureQueue changes a queue's settings, making it if there is none.
func (b *Bus) ConfigureQueue(ctx context.Context, feed, queue string, s QueueSettings) (*Queue, error) {
	panic("not built yet")
}

// Browse returns entries of a queue that were not acked, in the order of claims, after a place, at most limit, without
// handing them out; and the place to go on from. ErrNoQueue.
func (b *Bus) Browse(ctx context.Context, feed, queue string, after Place, limit int) ([]*Entry, Place, error) {
	panic("not built yet")
}

// DropFeed removes a feed with its entries, queues and work: ErrNoFeed if there is none.
func (b *Bus) DropFeed(ctx context.Context, feed string) error { panic("not built yet") }
