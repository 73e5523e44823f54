// Package bus holds AtomMQ's rules: how entries are published, in which order
// they are seen, and how a reader follows them.
//
// A Bus stands on a Store, which keeps the log, and a Notifier, which tells it
// that another process wrote to the same store. Package bustest holds the
// conformance tests of both.
//
// # Where to begin
//
// store.go says what a bus asks of a database, and what an Op is, of which commits are made. An
// entry comes in by publish.go and commit.go; hub.go and tail.go keep what is new in memory, and
// readers take it by read.go and follow.go. desk.go hands out the work of queues, to the consumers
// of consume.go, and lease.go lends it to those who hold no connection. access.go and rights.go say
// who may do what.
//
// # Concurrency
//
// Every method of a Bus may be called from any goroutine. Open starts the committer, which writes to
// the log, unless a caller who waits for the outcome finds it idle and does so itself; the watcher,
// which alone listens to the Notifier; the keeper, which takes back claims; the burier, which makes
// dead letters of those that were the last; the rescuer, which takes over those of nodes that died;
// the lessor, which ends leases; and the janitor, which removes what nobody keeps: old idempotency
// keys, entries, media. Ready and the storing of media start one each for as long as they last.
// Close stops them and waits. A Subscription belongs to one goroutine at a time and starts none:
// its caller's goroutine is the follower.
package bus

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Config holds the settings of a Bus. A zero field means its default.
type Config struct {
	CacheBytes   int           // memory for recent entries, default 32 MiB
	PendingBytes int           // accepted and not yet committed; a publisher waits beyond it; default 64 MiB
	BatchEntries int           // entries and edits in one commit, default 2048
	PageBytes    int           // XML in one Slice before it ends early, default 8 MiB
	KeyWindow    time.Duration // how long an idempotency key is remembered, default 24 h; below 0, this bus forgets none
	MediaGrace   time.Duration // how long an upload may pause, and replaced media can still be read, default 10 min
	Log          *slog.Logger  // default slog.Default()
}

func (c Config) withDefaults() Config {
	setDefault(&c.CacheBytes, 32<<20)
	setDefault(&c.PendingBytes, 64<<20)
	setDefault(&c.BatchEntries, 2048)
	setDefault(&c.PageBytes, 8<<20)
	if c.KeyWindow == 0 {
		c.KeyWindow = 24 * time.Hour
	}
	setDefault(&c.MediaGrace, 10*time.Minute)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Bus is the message bus of one node.
type Bus struct {
	config Config
	store  Store
	hub    *hub
	intake *intake
	desk   *desk
	lessor *lessor
	stats  *stats

	reading   *semaphore.Weighted       // of pages from the store
	made      atomic.Pointer[time.Time] // as the store knows it, once it was asked
	readiness readiness
	committer committer
	telling   sync.Mutex // held from learning of commits until everybody is told
	listeners listeners

	pages        *pages
	publications publications
	present      presence
	temps        temps
	closing      chan struct{} // closed first by Close: followers leave
	once         sync.Once
	stop         context.CancelFunc // ends all that Open starts but the committer
	running      sync.WaitGroup
}

// Open starts a bus on a store. notifier tells of other processes' commits; nil
// when there can be none. Close stops the bus; the store stays open.
func Open(ctx context.Context, store Store, notifier Notifier, config Config) (*Bus, error) {
	config = config.withDefaults()
	head, err := store.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	b := &Bus{
		config:  config,
		store:   store,
		hub:     newHub(store, head, config.CacheBytes),
		intake:  newIntake(config.PendingBytes, config.BatchEntries),
		lessor:  newLessor(),
		stats:   newStats(),
		reading: semaphore.NewWeighted(storeReads),
		closing: make(chan struct{}),
	}
	b.desk = newDesk(b)
	store.OnLoss(b.desk.lost)
	b.committer = newCommitter(batch{intake: b.intake, desk: b.desk})
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	b.running.Go(b.commitLoop)
	b.running.Go(func() { b.tidy(background) })
	b.running.Go(func() { b.keep(background) })
	b.running.Go(func() { b.buryLost(background) })
	b.running.Go(func() { b.rescue(background) })
	b.running.Go(func() { b.endLeases(background) })
	if notifier != nil {
		b.running.Go(func() { b.watch(background, notifier) })
	}
	b.pages = newPages(b)
	return b, nil
}

// Close refuses new publishes with ErrClosed, commits the accepted ones, sends
// followers away with ErrClosed, gives what consumers still hold back to the queues, and
// waits for all of it. It may be called again.
func (b *Bus) Close() error {
	b.once.Do(func() {
		close(b.closing)
		b.stop()
		b.intake.close()
	})
	b.readiness.close()
	b.running.Wait()
	return b.desk.part()
}

func (b *Bus) isClosing() bool {
	select {
	case <-b.closing:
		return true
	default:
		return false
	}
}

// Head returns the newest id that this node has seen.
func (b *Bus) Head() int64 { return b.hub.head.Load() }

// Newest returns the newest id that there is, which another node may have just given.
func (b *Bus) Newest(ctx context.Context) (int64, error) {
	head, err := b.store.Head(ctx)
	if err != nil {
		return 0, fmt.Errorf("newest id: %w", err)
	}
	return max(head, b.Head()), nil
}
