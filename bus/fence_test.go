package bus_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestWhoHoldsWorkIsToldThatItsNodeWasCutOff(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, store *bustest.Memory) {
		publish(t, b, queued("a"), queued("b"))
		busy := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		busy.want("a")
		idle := work(t, b, bus.ConsumerConfig{Feed: "y", Prefetch: 1})
		untaken := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		<-untaken.ready
		store.CutOff(busy.held[0].Node)
		<-busy.ready
		if !busy.consumer.Robbed() || idle.consumer.Robbed() || untaken.consumer.Robbed() {
			t.Errorf("robbed: %v, %v, %v, want only the one that had taken something",
				busy.consumer.Robbed(), idle.consumer.Robbed(), untaken.consumer.Robbed())
		}
		if err := busy.do(&bus.Transaction{Acks: busy.held}); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("ack of what was given up: %v, want ErrClaimLost", err)
		}
		busy.consumer.Close()
		synctest.Wait()
		untaken.held = nil
		// The node has entered anew. If busy was handed "a" once more before it closed, "b" came first.
		var got []string
		for range 2 {
			got = append(got, untaken.take(1)...)
			untaken.ack(1)
		}
		if slices.Sort(got); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("handed out %q", got)
		}
	})
}

func TestAnotherNodesLossConcernsNobodyHere(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, store *bustest.Memory) {
		publish(t, b, queued("a"))
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		w.want("a")
		store.CutOff(w.held[0].Node + 1)
		if w.consumer.Robbed() {
			t.Error("robbed by the loss of another node")
		}
		w.ack(1)
	})
}

func TestSettingsOfAQueueReachConsumersOnOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		one, other := open(t, store, store, bus.Config{}), open(t, store, store, bus.Config{})
		w := work(t, other, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		timeout, attempts := 5*time.Second, 1
		if _, err := one.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{AckTimeout: &timeout, Attempts: &attempts}); err != nil {
			t.Fatal(err)
		}
		<-time.After(3 * time.Second)
		publish(t, one, queued("a"))
		w.want("a")
		<-time.After(6 * time.Second)
		synctest.Wait()
		if f, err := one.Feed(t.Context(), bus.DeadFeed("x")); err != nil || f.Entries != 1 {
			t.Errorf("the feed of dead letters: %+v, %v, want one after an attempt of 5 s", f, err)
		}
	})
}

func TestConsumersOnOtherNodesOutliveTheirFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		one, other := open(t, store, store, bus.Config{}), open(t, store, store, bus.Config{})
		w := work(t, other, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		if err := one.DropFeed(t.Context(), "x", 0); err != nil {
			t.Fatal(err)
		}
		<-time.After(3 * time.Second)
		publish(t, one, post("x", "a")) // which makes no queue
		w.want("a")
	})
}

func TestReadyAsksTheStoreOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		b := open(t, &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
			if ops == nil {
				asked++
			}
			return nil
		}}, nil, bus.Config{})
		for range 30 {
			if err := b.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-time.After(100 * time.Millisecond)
		}
		if asked != 3 {
			t.Errorf("the store was asked %d times in 3 s, want 3", asked)
		}
	})
}

func TestACommitThatFailsSaysNothingOfItsOps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failing atomic.Bool
		store := &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
			if !failing.Load() {
				return nil
			}
			for _, op := range ops {
				op.Err = bus.ErrNoQueue
			}
			return bus.ErrUnavailable
		}}
		b := open(t, store, store, bus.Config{})
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		failing.Store(true)
		if _, err := b.Publish(t.Context(), queued("a")); !errors.Is(err, bus.ErrUnavailable) || errors.Is(err, bus.ErrNoQueue) {
			t.Errorf("publish while the store is away: %v, want ErrUnavailable", err)
		}
		failing.Store(false)
		store.CutOff(1) // the node enters anew, with the queue that it had
		synctest.Wait()
		publish(t, b, queued("b"))
		w.want("b")
	})
}

func TestANodeThatEntersAnewMakesItsDroppedQueuesAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone atomic.Bool
		store := &bustest.Memory{BeforeCommit: func([]*bus.Op) error {
			if gone.Load() {
				return bus.ErrUnavailable
			}
			return nil
		}}
		b, other := open(t, store, store, bus.Config{}), open(t, store, store, bus.Config{})
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		if err := other.DropFeed(t.Context(), "x", 0); err != nil {
			t.Fatal(err)
		}
		gone.Store(true)
		<-time.After(3 * time.Second) // it learns of that, and cannot make the queue
		gone.Store(false)
		store.CutOff(1)
		<-time.After(2 * time.Second)
		publish(t, b, post("x", "a"))
		w.want("a")
	})
}

// A few bytes more may still fit on a disk that is full to everybody else.
func TestAStoreThatRefusedACommitOfLateIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault atomic.Pointer[error]
		b := open(t, &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
			if err := fault.Load(); err != nil && ops != nil {
				return *err
			}
			return nil
		}}, nil, bus.Config{})
		fault.Store(&bus.ErrFull)
		refuse := func() {
			t.Helper()
			if _, err := b.Publish(t.Context(), post("x", "a")); !errors.Is(err, bus.ErrFull) {
				t.Fatal(err)
			}
			if err := b.Ready(t.Context()); !errors.Is(err, bus.ErrFull) {
				t.Errorf("after a commit that was refused, Ready is %v", err)
			}
		}
		refuse()
		<-time.After(10 * time.Second)
		if err := b.Ready(t.Context()); err != nil {
			t.Errorf("10 s later, Ready is %v", err)
		}
		refuse()
		fault.Store(nil)
		publish(t, b, post("x", "a"))
		if err := b.Ready(t.Context()); err != nil {
			t.Errorf("after a commit, Ready is %v", err)
		}
	})
}
