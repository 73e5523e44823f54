package bus_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestOneConsumerGetsABurstInOrder(t *testing.T) {
	for range 20 {
		b := open(t, &bustest.Memory{}, nil, bus.Config{})
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 10})
		for i := range 9 {
			publish(t, b, queued(fmt.Sprint(i)))
		}
		w.take(9)
		for range 9 {
			w.ack(1)
		}
		var posts []bus.Post
		for i := range 100 {
			posts = append(posts, queued(fmt.Sprint(i)))
		}
		publish(t, b, posts...)
		var ids []int64
		for range 100 {
			w.take(1)
			ids = append(ids, w.held[0].ID)
			w.ack(1)
		}
		if !slices.IsSorted(ids) {
			t.Fatalf("handed out in the order %v", ids)
		}
		b.Close()
	}
}

func TestOneConsumerAfterAnotherGetsTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate atomic.Pointer[chan struct{}]
		store := &bustest.Memory{BeforeCommit: func([]*bus.Op) error {
			if g := gate.Load(); g != nil {
				<-*g
			}
			return nil
		}}
		b := open(t, store, nil, bus.Config{})
		for round := range 50 {
			feed := fmt.Sprint("f", round)
			v := work(t, b, bus.ConsumerConfig{Feed: feed, Prefetch: 20})
			var posts []bus.Post
			for i := range 50 {
				posts = append(posts, post(feed, fmt.Sprint(i)))
			}
			held := make(chan struct{})
			gate.Store(&held)
			go func() {
				if _, err := b.Publish(context.Background(), posts...); err != nil {
					t.Errorf("Publish: %v", err)
				}
			}()
			synctest.Wait()
			v.consumer.Close() // while its claims are on their way
			gate.Store(nil)
			w := make(chan *worker, 1)
			go func() { w <- work(t, b, bus.ConsumerConfig{Feed: feed, Prefetch: 10}) }()
			close(held)
			(<-w).want("0", "1", "2")
		}
	})
}

func TestAnOrderAsksForNoMoreThanThereIsRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var most atomic.Int64
		store := &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
			for _, op := range ops {
				if op.Kind == bus.OpClaim && int64(op.Order.Count) > most.Load() {
					most.Store(int64(op.Order.Count))
				}
			}
			return nil
		}}
		b := open(t, store, nil, bus.Config{})
		var all []*bus.Delivery
		for i := range 600 {
			w := work(t, b, bus.ConsumerConfig{Feed: fmt.Sprint(i), Prefetch: 1})
			publish(t, b, post(fmt.Sprint(i), "a"), post(fmt.Sprint(i), "b"))
			w.want("a")
			all = append(all, w.held...)
		}
		if err := b.Do(t.Context(), &bus.Transaction{Acks: all}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := most.Load(); n != 1 {
			t.Errorf("an order asked for %d with room for 1", n)
		}
	})
}

func TestALateFailureDoesNotStrandWhatTheNewNodeHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var late atomic.Bool // the next commit waits at the gate
		store := &bustest.Memory{BeforeCommit: func([]*bus.Op) error {
			if late.CompareAndSwap(true, false) {
				<-gate
			}
			return nil
		}}
		b := open(t, store, nil, bus.Config{})
		publish(t, b, queued("a"), queued("b"), queued("c"), queued("d"))
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 4})
		w.take(4)
		if err := store.Leave(t.Context(), w.held[0].Node); err != nil {
			t.Fatal(err)
		}
		if err := w.do(&bus.Transaction{Acks: w.held[:1]}); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("ack by a node struck out: %v", err)
		}
		late.Store(true)
		second := make(chan error, 1)
		go func() { second <- w.do(&bus.Transaction{Acks: w.held[1:2]}) }()
		<-time.After(2 * time.Second)
		synctest.Wait()
		close(gate)
		if err := <-second; !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("a late ack by that node: %v", err)
		}
		for range 3 {
			<-time.After(time.Minute)
			synctest.Wait()
			if ds := w.consumer.Take(nil, 100); len(ds) > 0 {
				if err := w.do(&bus.Transaction{Acks: ds}); err != nil {
					t.Errorf("ack: %v", err)
				}
			}
		}
		if q, err := b.Queue(t.Context(), "x", bus.DefaultQueue); err != nil || q.Waiting != 0 {
			t.Errorf("%d still waiting, %v", q.Waiting, err)
		}
	})
}

func TestSubmitWakesWhoMakesItRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &bustest.Memory{}, nil, bus.Config{PendingBytes: 1500})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var ts []*bus.Transaction
		for range 5 {
			ts = append(ts, &bus.Transaction{Posts: []bus.Post{post("x", "a")}})
		}
		if err := b.Submit(ctx, ts...); err != nil {
			t.Fatal(err)
		}
		b.Close()
	})
}

func TestWhatLeftTheQueueMakesNoDeadLetter(t *testing.T) {
	edits := map[string]func(b *bus.Bus, d *bus.Delivery) error{
		"removed": func(b *bus.Bus, d *bus.Delivery) error {
			_, err := b.Remove(context.Background(), "x", d.Entry.UUID, 0)
			return err
		},
		"replaced": func(b *bus.Bus, d *bus.Delivery) error {
			_, err := b.Replace(context.Background(), "x", d.Entry.UUID, post("x", "new").Entry, 0)
			return err
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
				one := 1
				if _, err := b.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{Attempts: &one}); err != nil {
					t.Fatal(err)
				}
				w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
				publish(t, b, queued("a"))
				w.want("a")
				if err := edit(b, w.held[0]); err != nil {
					t.Fatal(err)
				}
				w.nack()
				if f, err := b.Feed(t.Context(), "x.dead"); !errors.Is(err, bus.ErrNoFeed) {
					t.Errorf("feed of dead letters: %+v, %v; want none", f, err)
				}
			})
		})
	}
}

func TestAnIdleConsumerOutlivesItsFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures atomic.Int32
		store := &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
			if ops[0].Kind == bus.OpOpen && failures.Add(-1) >= 0 {
				return bus.ErrUnavailable
			}
			return nil
		}}
		b := open(t, store, nil, bus.Config{})
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		publish(t, b, queued("a"))
		w.want("a")
		w.ack(1)
		synctest.Wait()
		failures.Store(2)
		if err := b.DropFeed(t.Context(), "x", 0); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		publish(t, b, post("x", "b"))
		w.want("b")
	})
}

func TestExpiredEntriesLeaveTheirFeed(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		p := queued("a")
		p.Expires = time.Now().Add(time.Second)
		publish(t, b, p)
		wantTitles(t, b, bus.Query{Feed: "x"}, "a")
		<-time.After(2 * time.Second)
		work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1}).idle()
		wantTitles(t, b, bus.Query{Feed: "x"})
	})
}

func TestFollowersSeeWhatIsAckedBetweenTwoLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		b, other := open(t, store, store, bus.Config{}), open(t, store, store, bus.Config{})
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 5})
		publish(t, b, queued("a"))
		wantTitles(t, b, bus.Query{Feed: "x"}, "a")
		s := b.Follow(bus.Only("x"), 0)
		defer s.Close()
		w.want("a")
		w.ack(1)
		publish(t, other, post("x", "b"))
		synctest.Wait()
		got, err := s.Next(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(titles(got)) != "[a b]" {
			t.Errorf("the follower saw %q, want a and b", titles(got))
		}
	})
}

func TestReleasesFitAnyBatch(t *testing.T) {
	bubble(t, func(t *testing.T, _ *bus.Bus, store *bustest.Memory) {
		b := open(t, store, nil, bus.Config{BatchEntries: 4})
		v := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 10})
		for i := range 6 {
			publish(t, b, queued(fmt.Sprint(i)))
		}
		v.take(6)
		v.consumer.Close()
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 10})
		w.want("0", "1", "2", "3", "4", "5")
	})
}

func TestATransactionServesAgain(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		publish(t, b, queued("a"))
		w.want("a")
		x := &bus.Transaction{Acks: w.held}
		if err := w.do(x); err != nil {
			t.Fatal(err)
		}
		x.Acks, x.Posts = nil, []bus.Post{post("x", "b")}
		if err := w.do(x); err != nil {
			t.Fatal(err)
		}
		w.want("b")
	})
}

// refusing is a store that now and then cannot begin a commit, as one whose file was removed: it
// does not look at what is to be done.
type refusing struct {
	*bustest.Memory
	left atomic.Int64 // how often it refuses
}

func (r *refusing) Commit(ctx context.Context, pieces iter.Seq[[]*bus.Op]) error {
	if r.left.Add(-1) >= 0 {
		return bus.ErrUnavailable
	}
	return r.Memory.Commit(ctx, pieces)
}

func TestAStoreThatFailsIsAskedAgainASecondLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &refusing{Memory: new(bustest.Memory)}
		b := open(t, store, nil, bus.Config{})
		for _, feed := range []string{"x", "y"} {
			if _, err := store.ConfigureQueue(t.Context(), feed, bus.DefaultQueue, bus.QueueSettings{}); err != nil {
				t.Fatal(err)
			}
		}
		work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1}) // so that this node has joined
		synctest.Wait()
		start := time.Now()
		store.left.Store(5)
		worker := work(t, b, bus.ConsumerConfig{Feed: "y", Prefetch: 1})
		for store.left.Load() >= 0 {
			<-time.After(time.Second)
		}
		if took := time.Since(start); took < 5*time.Second {
			t.Errorf("five refusals took %v", took)
		}
		publish(t, b, post("y", "a"))
		worker.want("a")
	})
}
