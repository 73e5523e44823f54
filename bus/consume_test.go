package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

// worker is a consumer that keeps what it was handed.
type worker struct {
	t        testing.TB
	bus      *bus.Bus
	consumer *bus.Consumer
	ready    chan struct{}
	held     []*bus.Delivery
}

func work(t testing.TB, b *bus.Bus, c bus.ConsumerConfig) *worker {
	t.Helper()
	w := &worker{t: t, bus: b, ready: make(chan struct{}, 1)}
	if c.Queue == "" {
		c.Queue = bus.DefaultQueue
	}
	c.Ready = func() {
		select {
		case w.ready <- struct{}{}:
		default:
		}
	}
	var err error
	if w.consumer, err = b.Consume(context.Background(), c); err != nil {
		t.Fatalf("Consume: %v", err)
	}
	t.Cleanup(w.consumer.Close)
	return w
}

// take waits for n deliveries and returns their titles.
func (w *worker) take(n int) (titles []string) {
	w.t.Helper()
	timeout := time.After(10 * time.Second)
	for len(titles) < n {
		ds := w.consumer.Take(nil, n-len(titles))
		if len(ds) == 0 {
			select {
			case <-w.ready:
			case <-timeout:
				w.t.Fatalf("got %q, want %d deliveries", titles, n)
			}
			continue
		}
		if err := w.bus.Load(context.Background(), ds); err != nil {
			w.t.Fatal(err)
		}
		for _, d := range ds {
			titles = append(titles, d.Entry.Title)
		}
		w.held = append(w.held, ds...)
	}
	return titles
}

func (w *worker) want(titles ...string) {
	w.t.Helper()
	if diff := cmp.Diff(titles, w.take(len(titles))); diff != "" {
		w.t.Fatalf("delivered (-want +got):\n%s", diff)
	}
}

// idle checks that nothing was handed out.
func (w *worker) idle() {
	w.t.Helper()
	synctest.Wait()
	if ds := w.consumer.Take(nil, 10); len(ds) > 0 {
		w.t.Fatalf("got %d deliveries, want none", len(ds))
	}
}

func (w *worker) do(x *bus.Transaction) error { return w.bus.Do(context.Background(), x) }

func (w *worker) ack(n int) {
	w.t.Helper()
	if err := w.do(&bus.Transaction{Acks: w.held[:n]}); err != nil {
		w.t.Fatalf("ack: %v", err)
	}
	w.held = w.held[n:]
}

func (w *worker) nack() {
	w.t.Helper()
	if err := w.do(&bus.Transaction{Nacks: w.held[:1]}); err != nil {
		w.t.Fatalf("nack: %v", err)
	}
	w.held = w.held[1:]
}

func queued(title string) bus.Post {
	p := post("x", title)
	p.Queue = bus.DefaultQueue
	return p
}

// bubble runs a test of queues on a fresh bus, in a bubble of synthetic time.
func bubble(t *testing.T, test func(t *testing.T, b *bus.Bus, store *bustest.Memory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		b := open(t, store, nil, bus.Config{})
		test(t, b, store)
	})
}

func TestWorkIsHandedOutByPriorityThenId(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		for i, p := range []int{4, 0, 9, 4, 9} {
			post := queued(fmt.Sprintf("%d at %d", i, p))
			post.Priority = bus.PriorityOf(p)
			publish(t, b, post)
		}
		publish(t, b, queued("default"))
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		for _, want := range []string{"2 at 9", "4 at 9", "0 at 4", "3 at 4", "default", "1 at 0"} {
			w.want(want)
			w.idle()
			w.ack(1)
		}
		w.idle()
	})
}

func TestPrefetchBoundsWhatAConsumerHolds(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 2})
		publish(t, b, queued("a"), queued("b"), queued("c"), queued("d"))
		w.want("a", "b")
		w.idle()
		w.ack(1)
		w.want("c")
		w.idle()
		w.ack(2)
		w.want("d")
	})
}

func TestConsumersShareTheWork(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		v := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 10})
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 10})
		g := work(t, b, bus.ConsumerConfig{Feed: "x", Queue: "other", Prefetch: 10})
		publish(t, b, post("x", "a"), post("x", "b"), post("x", "c"), post("x", "d"))
		v.want("a", "c")
		w.want("b", "d")
		g.want("a", "b", "c", "d")
	})
}

func TestARefusedEntryKeepsItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		publish(t, b, queued("a"), queued("b"))
		w.want("a")
		w.nack()
		w.want("a")
		if n := w.held[0].Attempt; n != 2 {
			t.Errorf("attempt %d, want 2", n)
		}
		w.ack(1)
		w.want("b")
	})
}

func TestWhatAConsumerHeldGoesToTheNext(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		v := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 3})
		publish(t, b, queued("a"), queued("b"), queued("c"))
		v.want("a", "b")
		v.ack(1)
		synctest.Wait()
		v.consumer.Close()
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 3})
		w.want("b", "c")
		if b, c := w.held[0].Attempt, w.held[1].Attempt; b != 2 || c != 1 {
			t.Errorf("attempts %d and %d, want 2 for the one taken, 1 for the one never taken", b, c)
		}
	})
}

func TestAnAckTimeoutPassesTheEntryOn(t *testing.T) {
	tests := map[string]struct {
		message, consumer, queue, want time.Duration
	}{
		"of the message":  {time.Second, time.Minute, time.Hour, time.Second},
		"of the consumer": {0, time.Minute, time.Hour, time.Minute},
		"of the queue":    {0, 0, time.Hour, time.Hour},
		"by default":      {0, 0, -1, bus.DefaultAckTimeout},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
				if test.queue >= 0 {
					if _, err := b.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{AckTimeout: &test.queue}); err != nil {
						t.Fatal(err)
					}
				}
				slow := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1, AckTimeout: test.consumer})
				p := queued("a")
				p.AckTimeout = test.message
				publish(t, b, p)
				slow.want("a")
				w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
				start := time.Now()
				<-w.ready
				if late := time.Since(start) - test.want; late < 0 || late > 100*time.Millisecond {
					t.Errorf("passed on %v after its deadline", late)
				}
				w.want("a")
				if err := slow.do(&bus.Transaction{Acks: slow.held}); !errors.Is(err, bus.ErrClaimLost) {
					t.Errorf("the late ack: %v, want ErrClaimLost", err)
				}
				w.ack(1)
			})
		})
	}
}

// It is told at once, also while it takes nothing of what waits for it.
func TestAConsumerIsToldWhatItLostToItsAckTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 2, AckTimeout: time.Minute})
		publish(t, b, queued("a"), queued("b"))
		w.want("a")
		<-w.ready // for b
		start := time.Now()
		<-w.ready
		if late := time.Since(start) - time.Minute; late < 0 || late > 100*time.Millisecond {
			t.Errorf("told %v after the deadline", late)
		}
		if !w.consumer.HasLost() {
			t.Error("nothing is lost")
		}
		if lost := w.consumer.Lost(nil); len(lost) != 1 || lost[0] != w.held[0] {
			t.Errorf("lost %v, want what it took first", lost)
		}
		if lost := w.consumer.Lost(nil); len(lost) > 0 || w.consumer.HasLost() {
			t.Errorf("lost %v twice", lost)
		}
	})
}

func TestUsedUpAttemptsMakeADeadLetter(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		two := 2
		if _, err := b.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{Attempts: &two}); err != nil {
			t.Fatal(err)
		}
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1, Name: "worker 7"})
		first := publish(t, b, queued("bad"), queued("good"))
		w.want("bad")
		w.nack()
		w.want("bad")
		w.nack()
		w.want("good")
		work(t, b, bus.ConsumerConfig{Feed: "x.dead", Prefetch: 1}).want("bad")
		dead := read(t, b, bus.Query{Feed: "x.dead", Limit: 10}).Entries
		if len(dead) != 1 || dead[0].Title != "bad" {
			t.Fatalf("dead letters %q", titles(dead))
		}
		m, err := feeds.MessageOf(&dead[0].Member)
		if err != nil {
			t.Fatal(err)
		}
		want := []feeds.Field{
			{Name: "dead-cause", Value: "the consumer refused it"},
			{Name: "dead-feed", Value: "x"},
			{Name: "dead-queue", Value: "default"},
			{Name: "dead-id", Value: fmt.Sprint(first[0].ID)},
			{Name: "dead-attempts", Value: "2"},
			{Name: "dead-consumer", Value: "worker 7"},
			{Name: "dead-ack-timeout", Value: "0"},
			{Name: "dead-expires", Value: "0"},
			{Name: "dead-uuid", Value: first[0].UUID},
		}
		if diff := cmp.Diff(want, m.Header[:len(want)]); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
		q, err := b.Queue(t.Context(), "x", bus.DefaultQueue)
		if err != nil || q.Waiting != 1 {
			t.Errorf("%d waiting, %v; want 1", q.Waiting, err)
		}
	})
}

func TestWhatItsConsumerLetGoOfBecomesADeadLetter(t *testing.T) {
	for name, giveBack := range map[string]func(w *worker){
		"refused": func(w *worker) { w.nack() },
		"gone":    func(w *worker) { w.consumer.Abandon(w.held[0]) },
		"late":    func(w *worker) {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
				attempts(t, b, 1)
				w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1, AckTimeout: time.Second})
				publish(t, b, queued("bad"))
				w.want("bad")
				b.Unload(w.held)
				if w.held[0].Entry != nil {
					t.Error("it is in memory")
				}
				giveBack(w)
				work(t, b, bus.ConsumerConfig{Feed: "x.dead", Prefetch: 1}).want("bad")
			})
		})
	}
}

// TestWhatCannotBeReadForAWhileIsNotAttemptedAgain has the store fail when it is asked for what a
// dead letter is made of.
func TestWhatCannotBeReadForAWhileIsNotAttemptedAgain(t *testing.T) {
	for name, giveBack := range map[string]func(w *worker){
		"gone": func(w *worker) { w.consumer.Abandon(w.held[0]) },
		"late": func(w *worker) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var fails atomic.Bool
				store := &bustest.Memory{BeforeRead: func() error {
					if fails.Load() {
						return bus.ErrUnavailable
					}
					return nil
				}}
				b := open(t, store, nil, bus.Config{})
				attempts(t, b, 1)
				w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1, AckTimeout: time.Second})
				other := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
				letters := work(t, b, bus.ConsumerConfig{Feed: "x.dead", Prefetch: 1})
				publish(t, b, queued("bad"))
				w.want("bad")
				b.Unload(w.held)
				publish(t, b, queued("next"))
				other.want("next")
				fails.Store(true)
				giveBack(w)
				<-time.After(5 * time.Second)
				fails.Store(false)
				letters.want("bad")
				other.ack(1)
				other.idle()
			})
		})
	}
}

// What can never be read again, as a page of it is damaged, must not keep its queue from being
// worked on.
func TestWhatCannotBeReadAtAllIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fails atomic.Bool
		store := &bustest.Memory{BeforeRead: func() error {
			if fails.Load() {
				return errors.New("damaged")
			}
			return nil
		}}
		b := open(t, store, nil, bus.Config{})
		attempts(t, b, 1)
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1, AckTimeout: time.Second})
		publish(t, b, queued("bad"))
		w.want("bad")
		b.Unload(w.held)
		fails.Store(true)
		<-time.After(15 * time.Second)
		fails.Store(false)
		w.want("bad")
		if attempt := w.held[1].Attempt; attempt != 2 {
			t.Errorf("attempt %d, want 2", attempt)
		}
	})
}

func TestATransactionIsAllOrNothing(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 2})
		p := queued("a")
		p.AckTimeout = time.Second
		publish(t, b, p, queued("b"))
		w.want("a", "b")
		<-time.After(2 * time.Second) // synthetic: a times out
		w.want("a")
		stale, b1, a2 := w.held[0], w.held[1], w.held[2]
		err := w.do(&bus.Transaction{Posts: []bus.Post{post("y", "out")}, Acks: []*bus.Delivery{b1, stale}})
		if !errors.Is(err, bus.ErrClaimLost) {
			t.Fatalf("with a lost claim: %v, want ErrClaimLost", err)
		}
		if _, err := b.Feed(t.Context(), "y"); !errors.Is(err, bus.ErrNoFeed) {
			t.Errorf("feed y: %v, want none", err)
		}
		if err := w.do(&bus.Transaction{Posts: []bus.Post{post("y", "out")}, Acks: []*bus.Delivery{b1, a2}}); err != nil {
			t.Fatal(err)
		}
		wantTitles(t, b, bus.Query{Feed: "y"}, "out")
		if q, err := b.Queue(t.Context(), "x", bus.DefaultQueue); err != nil || q.Waiting != 0 {
			t.Errorf("%d waiting, %v; want none", q.Waiting, err)
		}
	})
}

func TestWhatTheStoreCouldNotWriteIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		store := &bustest.Memory{BeforeCommit: func([]*bus.Op) error {
			if broken.Load() {
				return bus.ErrUnavailable
			}
			return nil
		}}
		b := open(t, store, nil, bus.Config{})
		publish(t, b, queued("a"), queued("b"))
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		w.want("a")
		broken.Store(true)
		if err := w.do(&bus.Transaction{Acks: w.held}); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("ack on a broken store: %v", err)
		}
		w.consumer.Close()
		v := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 2})
		v.idle()
		broken.Store(false)
		v.want("a", "b")
	})
}

func TestANodeThatDiesLeavesItsWorkToOthers(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, store *bustest.Memory) {
		publish(t, b, queued("a"))
		dying, err := store.Join(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		q, err := b.Queue(t.Context(), "x", bus.DefaultQueue)
		if err != nil {
			t.Fatal(err)
		}
		claim := &bus.Op{Kind: bus.OpClaim, Order: bus.Order{Node: dying, Queue: q.ID, Count: 1}}
		if err := store.Commit(t.Context(), bustest.Piece(claim)); err != nil || claim.Err != nil {
			t.Fatal(err, claim.Err)
		}
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		w.idle()
		start := time.Now()
		store.Die(dying)
		<-w.ready
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("taken over after %v", d)
		}
		w.want("a")
	})
}

func TestANodeThatWasTakenForDeadGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, store *bustest.Memory) {
		publish(t, b, queued("a"), queued("b"))
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 2})
		w.want("a", "b")
		if err := store.Leave(t.Context(), w.held[0].Node); err != nil {
			t.Fatal(err)
		}
		if err := w.do(&bus.Transaction{Acks: w.held[:1]}); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("ack by a node struck out: %v, want ErrClaimLost", err)
		}
		w.held = nil
		w.want("a", "b")
		w.ack(2)
	})
}

func TestWorkGivenBackOnOneNodeGoesToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		one, other := open(t, store, store, bus.Config{}), open(t, store, store, bus.Config{})
		publish(t, one, queued("a"))
		v := work(t, one, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		v.want("a")
		w := work(t, other, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		w.idle()
		v.consumer.Close()
		w.want("a")
		publish(t, one, queued("b"))
		w.ack(1)
		w.want("b")
	})
}

func TestAnAckedEntryLeavesAFeedThatKeepsUntilAcked(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 5})
		publish(t, b, queued("a"), queued("b"))
		wantTitles(t, b, bus.Query{Feed: "x"}, "a", "b")
		s := b.Follow(bus.Only("x"), 0)
		defer s.Close()
		w.want("a", "b")
		w.ack(1)
		wantTitles(t, b, bus.Query{Feed: "x"}, "b")
		f, err := b.Feed(t.Context(), "x")
		if err != nil || f.Entries != 1 || !f.UntilAcked {
			t.Errorf("feed %+v, %v; want one entry, kept until acked", f, err)
		}
		got, err := s.Next(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"a", "b"}, titles(got)); diff != "" {
			t.Errorf("a live follower saw (-want +got):\n%s", diff)
		}
	})
}

func TestSubmittedTransactionsAreToldInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		var order []int
		done := make(chan struct{})
		const n = 100
		var ts []*bus.Transaction
		for i := range n {
			ts = append(ts, &bus.Transaction{Posts: []bus.Post{post("x", "a")}, Done: func(x *bus.Transaction) {
				if x.Err != nil || len(x.Published) != 1 || x.Published[0].ID != int64(i+1) {
					t.Errorf("%d: %v, %v", i, x.Published, x.Err)
				}
				order = append(order, i)
				if len(order) == n {
					close(done)
				}
			}})
		}
		if err := b.Submit(t.Context(), ts...); err != nil {
			t.Fatal(err)
		}
		<-done
		for i, got := range order {
			if i != got {
				t.Fatalf("told in the order %v", order)
			}
		}
	})
}

func TestConsumersOutliveTheirFeed(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		publish(t, b, queued("a"), queued("b"))
		w.want("a")
		if err := b.DropFeed(t.Context(), "x", 0); err != nil {
			t.Fatal(err)
		}
		w.ack(1)
		<-time.After(2 * time.Second) // synthetic: the queue is made anew
		publish(t, b, queued("c"))
		w.want("c")
	})
}

func TestADeadLetterIsDeliveredForEver(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		w := work(t, b, bus.ConsumerConfig{Feed: "x.dead", Prefetch: 1})
		publish(t, b, post("x.dead", "a"))
		for range 2 * bus.DefaultAttempts {
			w.want("a")
			w.nack()
		}
	})
}

func TestNamesOfDeadLettersFit(t *testing.T) {
	long := strings.Repeat("ü", 127)
	for feed, dead := range map[string]bool{"orders": false, "orders.dead": true, "orders.dead.dead": true, ".dead": false, "dead": false} {
		if bus.IsDeadFeed(feed) != dead {
			t.Errorf("IsDeadFeed(%q) = %t", feed, !dead)
		}
	}
	for feed, want := range map[string]string{"orders": "orders.dead", long: strings.Repeat("ü", 125) + ".dead"} {
		got := bus.DeadFeed(feed)
		if got != want {
			t.Errorf("DeadFeed(%q) = %q, want %q", feed, got, want)
		}
		if err := feeds.CheckName(got); err != nil {
			t.Error(err)
		}
	}
}

func TestAWorkerThatIsRestartedMakesNoDeadLetters(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		publish(t, b, queued("a"), queued("b"))
		for range 2 * bus.DefaultAttempts {
			w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 2})
			w.want("a", "b")
			w.consumer.Close()
		}
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 2})
		w.want("a", "b")
		if n := w.held[0].Attempt; n != 2*bus.DefaultAttempts+1 {
			t.Errorf("attempt %d, want every one counted", n)
		}
	})
}

func TestAWorkerThatBreaksOffBlamesWhatItWasWorkingOnAlone(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		publish(t, b, queued("bad"), queued("good"))
		for range bus.DefaultAttempts {
			w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 2})
			w.want("bad", "good")
			w.consumer.Abandon(w.held[0])
		}
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 2})
		w.want("good")
		wantTitles(t, b, bus.Query{Feed: "x.dead"}, "bad")
	})
}

// A consumer that takes nothing, because its client has too much in hand, keeps nobody else from it.
func TestWhatIsNotTakenInTimeGoesToOthers(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{time.Hour: time.Hour, time.Second: time.Minute} {
		bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
			full := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 3, AckTimeout: limit})
			publish(t, b, queued("a"), queued("b"), queued("c"))
			full.want("a")
			full.ack(1)
			start := time.Now()
			idle := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1, AckTimeout: limit})
			select {
			case <-idle.ready:
			case <-time.After(2 * want):
				t.Fatal("nobody else gets it")
			}
			if late := time.Since(start) - want; late < 0 || late > 100*time.Millisecond {
				t.Errorf("passed on %v after its time", late)
			}
			idle.want("b")
			if d := idle.held[0]; d.Attempt != 1 {
				t.Errorf("attempt %d of what nobody was given", d.Attempt)
			}
			full.want("c") // which is handed out anew, in turn
			if full.consumer.HasLost() {
				t.Error("a consumer is told of what it never had")
			}
		})
	}
}

// A queue that has no timeout by the time that a consumer takes what it was handed gives it for good.
func TestWhatIsTakenAfterItsQueueLostItsTimeoutIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		publish(t, b, queued("a"))
		<-w.ready
		var none time.Duration
		if _, err := b.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{AckTimeout: &none}); err != nil {
			t.Fatal(err)
		}
		w.want("a")
		<-time.After(24 * time.Hour)
		if w.consumer.HasLost() {
			t.Error("it was taken from the consumer")
		}
	})
}
