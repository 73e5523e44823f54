package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
)

var workQueue = bus.QueueName{Feed: "x", Name: bus.DefaultQueue}

// lease leases at most count entries of x, and checks which.
func lease(t testing.TB, b *bus.Bus, c bus.LeaseConfig, want ...string) []bus.LeasedEntry {
	t.Helper()
	c.Feed, c.Queue, c.Count = "x", bus.DefaultQueue, max(c.Count, 1)
	list, err := b.Lease(context.Background(), c)
	if err != nil {
		t.Fatalf("Lease: %v", err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Entry.Title)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("leased (-want +got):\n%s", diff)
	}
	return list
}

func tokens(list []bus.LeasedEntry) (out []string) {
	for _, e := range list {
		out = append(out, e.Token)
	}
	return out
}

// wantSettled checks what settling leases says of each.
func wantSettled(t testing.TB, lost []bus.LeaseLoss, err error, want ...bus.LeaseLoss) {
	t.Helper()
	if diff := cmp.Diff(want, lost); diff != "" || err != nil {
		t.Fatalf("settled: %v (-want +got):\n%s", err, diff)
	}
}

func ackLeases(t testing.TB, b *bus.Bus, list []bus.LeasedEntry, want ...bus.LeaseLoss) {
	t.Helper()
	lost, err := b.Ack(context.Background(), workQueue, tokens(list)...)
	wantSettled(t, lost, err, want...)
}

// A claim that comes from outside does not know how long its entry is.
func TestAFeedCountsItsBytesRightAfterAnAckOverHTTP(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, store *bustest.Memory) {
		publish(t, b, queued("1"), queued("2"))
		wantTitles(t, b, bus.Query{Feed: "x"}, "1", "2") // the bus has the feed in memory
		ackLeases(t, b, lease(t, b, bus.LeaseConfig{Count: 1}, "1"), bus.NotLost)
		want, err := store.Feed(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Feed(t.Context(), "x"); err != nil || got.Entries != want.Entries || got.Bytes != want.Bytes {
			t.Errorf("the feed has %d entries of %d bytes, %v; want %d of %d", got.Entries, got.Bytes, err, want.Entries, want.Bytes)
		}
	})
}

func waitingIn(t testing.TB, b *bus.Bus) int64 {
	t.Helper()
	q, err := b.Queue(context.Background(), "x", bus.DefaultQueue)
	if err != nil {
		t.Fatal(err)
	}
	return q.Waiting
}

func TestALeaseEndsAtItsDeadlineAndItsAckSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		publish(t, b, queued("1"))
		first := lease(t, b, bus.LeaseConfig{AckTimeout: 3 * time.Second}, "1")
		if d := time.Until(first[0].Deadline); d != 3*time.Second || first[0].Attempt != 1 {
			t.Errorf("deadline in %v, attempt %d", d, first[0].Attempt)
		}
		lease(t, b, bus.LeaseConfig{Wait: 2 * time.Second})
		start := time.Now()
		again := lease(t, b, bus.LeaseConfig{Wait: time.Minute}, "1")
		if d := time.Since(start); d < time.Second || d > 1100*time.Millisecond {
			t.Errorf("handed out again after %v, want 1 s and at most 0.1 s more", d)
		}
		if again[0].Attempt != 2 {
			t.Errorf("attempt %d, want 2", again[0].Attempt)
		}
		ackLeases(t, b, first, bus.LostBack)
		if n := waitingIn(t, b); n != 1 {
			t.Errorf("%d waiting, want what the second has", n)
		}
		ackLeases(t, b, again, bus.NotLost)
		ackLeases(t, b, again, bus.LostGone)
		ackLeases(t, b, first, bus.LostGone)
	})
}

func TestALeaseIsRenewedAndNacked(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		publish(t, b, queued("1"))
		held := lease(t, b, bus.LeaseConfig{AckTimeout: 3 * time.Second}, "1")
		for range 5 {
			<-time.After(2 * time.Second)
			lost, deadline, err := b.Renew(context.Background(), workQueue, 3*time.Second, held[0].Token)
			wantSettled(t, lost, err, bus.NotLost)
			if d := time.Until(deadline); d != 3*time.Second {
				t.Errorf("renewed for %v", d)
			}
		}
		lost, err := b.Nack(context.Background(), workQueue, held[0].Token)
		wantSettled(t, lost, err, bus.NotLost)
		if again := lease(t, b, bus.LeaseConfig{}, "1"); again[0].Attempt != 2 {
			t.Errorf("attempt %d, want 2", again[0].Attempt)
		}
		lost, _, err = b.Renew(context.Background(), workQueue, time.Second, held[0].Token)
		wantSettled(t, lost, err, bus.LostBack)
	})
}

func TestALeaseIsRenewedForAsLongAsItWasHandedOut(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		own := queued("own")
		own.AckTimeout = 20 * time.Second
		publish(t, b, queued("asked"), own)
		asked := lease(t, b, bus.LeaseConfig{AckTimeout: 10 * time.Minute, Count: 2}, "asked", "own")
		publish(t, b, queued("queue's"))
		plain := lease(t, b, bus.LeaseConfig{}, "queue's")
		for _, test := range []struct {
			of   bus.LeasedEntry
			want time.Duration
		}{{asked[0], 10 * time.Minute}, {asked[1], 20 * time.Second}, {plain[0], bus.DefaultAckTimeout}} {
			lost, deadline, err := b.Renew(context.Background(), workQueue, 0, test.of.Token)
			wantSettled(t, lost, err, bus.NotLost)
			if d := time.Until(deadline); d != test.want {
				t.Errorf("%s is renewed for %v, want %v", test.of.Entry.Title, d, test.want)
			}
		}
	})
}

func TestATokenThatNobodyMadeSettlesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		publish(t, b, queued("1"), queued("2"))
		held := lease(t, b, bus.LeaseConfig{Count: 2}, "1", "2")
		good := held[0].Token
		for i := range len(good) {
			c := "A"
			if good[i] == 'A' {
				c = "B"
			}
			forged := good[:i] + c + good[i+1:]
			if _, err := b.Ack(context.Background(), workQueue, held[1].Token, forged); !errors.Is(err, bus.ErrNoClaim) {
				t.Errorf("token with byte %d changed: %v, want ErrNoClaim", i, err)
			}
		}
		for _, forged := range []string{"", good + "A", good[1:], strings.Repeat("=", len(good))} {
			if _, err := b.Ack(context.Background(), workQueue, forged); !errors.Is(err, bus.ErrNoClaim) {
				t.Errorf("token %q: %v, want ErrNoClaim", forged, err)
			}
		}
		if n := waitingIn(t, b); n != 2 {
			t.Errorf("%d waiting, want 2", n)
		}
	})
}

// Who may settle what one queue handed out may do nothing to another's: neither take its entries
// away, nor have them become dead letters of a feed of their own.
func TestATokenOfAnotherQueueSettlesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		ctx := context.Background()
		mine := bus.QueueName{Feed: "mine", Name: "default"}
		once := 1
		if _, err := b.ConfigureQueue(ctx, mine.Feed, mine.Name, bus.QueueSettings{Attempts: &once}); err != nil {
			t.Fatal(err)
		}
		publish(t, b, queued("1"), queued("2"))
		held := lease(t, b, bus.LeaseConfig{Count: 2}, "1", "2")
		for name, settle := range map[string]func() ([]bus.LeaseLoss, error){
			"ack":  func() ([]bus.LeaseLoss, error) { return b.Ack(ctx, mine, held[0].Token, held[1].Token) },
			"nack": func() ([]bus.LeaseLoss, error) { return b.Nack(ctx, mine, held[0].Token, held[1].Token) },
			"renew": func() ([]bus.LeaseLoss, error) {
				lost, _, err := b.Renew(ctx, mine, time.Hour, held[0].Token, held[1].Token)
				return lost, err
			},
		} {
			if lost, err := settle(); err != nil || !slices.Equal(lost, []bus.LeaseLoss{bus.LostGone, bus.LostGone}) {
				t.Errorf("%s by another queue: %v, %v", name, lost, err)
			}
		}
		if _, err := b.Feed(ctx, "mine.dead"); !errors.Is(err, bus.ErrNoFeed) {
			t.Errorf("there is a feed of dead letters: %v", err)
		}
		ackLeases(t, b, held, bus.NotLost, bus.NotLost)
	})
}

func TestAPublishedEntryGoesToAWaitingLease(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		var waiting sync.WaitGroup
		waiting.Go(func() {
			start := time.Now()
			held := lease(t, b, bus.LeaseConfig{Count: 5, Wait: time.Hour}, "1", "2")
			if d := time.Since(start); d != time.Minute {
				t.Errorf("handed out after %v, want at once", d)
			}
			ackLeases(t, b, held, bus.NotLost, bus.NotLost)
		})
		<-time.After(time.Minute)
		publish(t, b, queued("1"), queued("2"))
		waiting.Wait()
		publish(t, b, queued("3"))
		synctest.Wait()
		lease(t, b, bus.LeaseConfig{Count: 5}, "3")
	})
}

func TestAClientThatLeavesWhileItWaitsEatsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, store *bustest.Memory) {
		for i := range 20 {
			ctx, leave := context.WithCancel(context.Background())
			var waiting sync.WaitGroup
			waiting.Go(func() {
				list, err := b.Lease(ctx, bus.LeaseConfig{Feed: "x", Queue: bus.DefaultQueue, Count: 3, Wait: time.Hour})
				if err == nil {
					ackLeases(t, b, list, make([]bus.LeaseLoss, len(list))...)
				}
			})
			synctest.Wait()
			n := 0
			store.BeforeCommit = func([]*bus.Op) error {
				if n++; n == i%4 {
					leave()
				}
				return nil
			}
			publish(t, b, queued(fmt.Sprint(i)))
			leave()
			waiting.Wait()
			synctest.Wait()
			store.BeforeCommit = nil
			if waitingIn(t, b) == 0 {
				continue // it was handed out before the client left
			}
			held := lease(t, b, bus.LeaseConfig{Count: 3}, fmt.Sprint(i))
			if held[0].Attempt != 1 {
				t.Errorf("attempt %d, want 1: nobody saw it before", held[0].Attempt)
			}
			ackLeases(t, b, held, bus.NotLost)
		}
	})
}

func TestLeasesAndConsumersShareAQueue(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		const n = 200
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		ctx, stop := context.WithCancel(context.Background())
		leased := 0
		var leasing sync.WaitGroup
		leasing.Go(func() {
			for {
				list, err := b.Lease(ctx, bus.LeaseConfig{Feed: "x", Queue: bus.DefaultQueue, Count: 1, Wait: time.Hour})
				if err != nil {
					return
				}
				<-time.After(time.Millisecond)
				ackLeases(t, b, list, make([]bus.LeaseLoss, len(list))...)
				leased += len(list)
			}
		})
		consumed := 0
		for range n {
			publish(t, b, queued("a"))
			synctest.Wait()
			for _, d := range w.consumer.Take(nil, 10) {
				<-time.After(time.Millisecond)
				if err := w.do(&bus.Transaction{Acks: []*bus.Delivery{d}}); err != nil {
					t.Error(err)
				}
				consumed++
			}
			<-time.After(2 * time.Millisecond)
		}
		stop()
		leasing.Wait()
		if leased+consumed != n || min(leased, consumed) < n/3 {
			t.Errorf("leases got %d and the consumer %d of %d", leased, consumed, n)
		}
	})
}

func TestALeaseOutlivesItsBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		a, b := open(t, store, store, bus.Config{}), open(t, store, store, bus.Config{})
		publish(t, a, queued("1"), queued("2"), queued("3"))
		held := lease(t, a, bus.LeaseConfig{Count: 2, AckTimeout: 10 * time.Second}, "1", "2")
		a.Close()
		ackLeases(t, b, held[:1], bus.NotLost)
		lease(t, b, bus.LeaseConfig{}, "3")
		start := time.Now()
		again := lease(t, b, bus.LeaseConfig{Wait: time.Minute}, "2")
		if d := time.Since(start); d > 10100*time.Millisecond {
			t.Errorf("handed out again after %v, want 10 s", d)
		}
		ackLeases(t, b, held[1:], bus.LostBack)
		ackLeases(t, b, again, bus.NotLost)
	})
}

func TestALeaseForTheLastTimeBecomesADeadLetter(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		ctx, two := context.Background(), 2
		if _, err := b.ConfigureQueue(ctx, "x", bus.DefaultQueue, bus.QueueSettings{Attempts: &two}); err != nil {
			t.Fatal(err)
		}
		publish(t, b, queued("late"), queued("refused"))
		for range 2 {
			held := lease(t, b, bus.LeaseConfig{Count: 2, AckTimeout: time.Second}, "late", "refused")
			lost, err := b.Nack(ctx, workQueue, held[1].Token)
			wantSettled(t, lost, err, bus.NotLost)
			<-time.After(1100 * time.Millisecond)
			synctest.Wait()
		}
		lease(t, b, bus.LeaseConfig{})
		wantTitles(t, b, bus.Query{Feed: "x.dead"}, "refused", "late")
		wantTitles(t, b, bus.Query{Feed: "x"})
		for i, cause := range []string{"the consumer refused it", "its ack timeout passed"} {
			xml := string(read(t, b, bus.Query{Feed: "x.dead"}).Entries[i].XML)
			if !strings.Contains(xml, cause) || !strings.Contains(xml, `name="dead-attempts">2<`) {
				t.Errorf("dead letter: %s", xml)
			}
		}
		if n := waitingIn(t, b); n != 0 {
			t.Errorf("%d waiting, want none", n)
		}
	})
}

func TestAPauseHoldsEverybodyUpOnAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, on, off := context.Background(), true, false
		store := &bustest.Memory{}
		a, b := open(t, store, store, bus.Config{}), open(t, store, store, bus.Config{})
		here, there := work(t, a, bus.ConsumerConfig{Feed: "x", Prefetch: 1}), work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		publish(t, a, queued("1"))
		synctest.Wait()
		if _, err := a.ConfigureQueue(ctx, "x", bus.DefaultQueue, bus.QueueSettings{Paused: &on}); err != nil {
			t.Fatal(err)
		}
		publish(t, b, queued("2"), queued("3"), queued("4"))
		lease(t, b, bus.LeaseConfig{Wait: time.Minute})
		if n := len(here.consumer.Take(nil, 9)) + len(there.consumer.Take(nil, 9)); n != 1 {
			t.Errorf("%d were handed out, want the one from before the pause", n)
		}
		start := time.Now()
		if _, err := b.ConfigureQueue(ctx, "x", bus.DefaultQueue, bus.QueueSettings{Paused: &off}); err != nil {
			t.Fatal(err)
		}
		list, err := a.Lease(ctx, bus.LeaseConfig{Feed: "x", Queue: bus.DefaultQueue, Count: 9, Wait: time.Minute})
		if err != nil || len(list) == 0 {
			t.Fatalf("resumed: %d leased, %v", len(list), err)
		}
		synctest.Wait()
		if n := len(list) + len(here.consumer.Take(nil, 9)) + len(there.consumer.Take(nil, 9)); n < 3 || time.Since(start) > 0 {
			t.Errorf("%d were handed out when the queue was resumed, after %v; want 3 at once", n, time.Since(start))
		}
	})
}

func TestWhoWaitsForALeaseGetsTheNextWhenWhatCameIsGone(t *testing.T) {
	for name, change := range map[string]func(b *bus.Bus, uuid string) error{
		"deleted": func(b *bus.Bus, uuid string) error {
			_, err := b.Remove(context.Background(), "x", uuid, 0)
			return err
		},
		"edited": func(b *bus.Bus, uuid string) error {
			_, err := b.Replace(context.Background(), "x", uuid, queued("1, edited").Entry, 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
				came, asked := make(chan string), 0
				c := bus.LeaseConfig{Feed: "x", Queue: bus.DefaultQueue, Count: 9, Wait: time.Hour, Spare: func() {}}
				c.Room = func() (int, error) {
					if asked++; asked == 2 { // it was handed an entry that is not leased yet
						return 1 << 20, change(b, <-came)
					}
					return 1 << 20, nil
				}
				var waiting sync.WaitGroup
				waiting.Go(func() {
					begun := time.Now()
					list, err := b.Lease(context.Background(), c)
					if err != nil || len(list) == 0 || time.Since(begun) > time.Minute {
						t.Errorf("%d entries after %v: %v", len(list), time.Since(begun), err)
					}
				})
				synctest.Wait()
				first := publish(t, b, queued("1"))
				came <- first[0].UUID
				synctest.Wait()
				publish(t, b, queued("2"), queued("3"))
				waiting.Wait()
			})
		})
	}
}

// lateStore calls before once, before it reads entries by their ids.
type lateStore struct {
	bus.Store
	before func()
	once   sync.Once
}

func (s *lateStore) Fetch(ctx context.Context, ids []int64) ([]*bus.Entry, error) {
	s.once.Do(s.before)
	return s.Store.Fetch(ctx, ids)
}

func TestALeaseThatIsGoneBeforeItIsReadIsWaitedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lateStore{Store: &bustest.Memory{}}
		former := open(t, store, nil, bus.Config{})
		gone := publish(t, former, queued("1"))[0].UUID
		if err := former.Close(); err != nil {
			t.Fatal(err)
		}
		b := open(t, store, nil, bus.Config{}) // which has to read it
		store.before = func() {
			if _, err := b.Remove(context.Background(), "x", gone, 0); err != nil {
				t.Error(err)
			}
		}
		taken := 0 // times that room is
		c := bus.LeaseConfig{Wait: time.Hour, Spare: func() { taken-- }}
		c.Room = func() (int, error) { taken++; return 1 << 20, nil }
		var waiting sync.WaitGroup
		waiting.Go(func() { lease(t, b, c, "2") })
		synctest.Wait()
		publish(t, b, queued("2"))
		waiting.Wait()
		if taken != 1 {
			t.Errorf("room is taken %d times for what was handed out once", taken)
		}
	})
}

// dropping is a store that drops a queue as soon as it was looked for, once.
type dropping struct {
	*bustest.Memory
	done bool
}

func (d *dropping) Queue(ctx context.Context, feed, name string) (*bus.Queue, error) {
	q, err := d.Memory.Queue(ctx, feed, name)
	if err == nil && !d.done {
		d.done = true
		drop := &bus.Op{Kind: bus.OpDropQueue, Purge: &bus.Purge{Queue: q.ID}}
		if err := d.Commit(ctx, bustest.Piece(drop)); err != nil || drop.Err != nil {
			return nil, errors.Join(err, drop.Err)
		}
	}
	return q, err
}

func TestALeaseMakesAQueueThatWasJustDropped(t *testing.T) {
	store := &dropping{Memory: new(bustest.Memory)}
	if _, err := store.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{}); err != nil {
		t.Fatal(err)
	}
	lease(t, open(t, store, nil, bus.Config{}), bus.LeaseConfig{})
	if !store.done {
		t.Error("nothing was dropped")
	}
}
