package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
)

// browsed returns the titles of what was not acked in a queue.
func browsed(t testing.TB, b *bus.Bus, name bus.QueueName) []string {
	t.Helper()
	list, _, err := b.Browse(context.Background(), name.Feed, name.Name, bus.Place{}, 1000, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return titles(list)
}

func wantBrowsed(t testing.TB, b *bus.Bus, name bus.QueueName, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, browsed(t, b, name)); diff != "" {
		t.Fatalf("in queue %v (-want +got):\n%s", name, diff)
	}
}

func TestNobodyPurgesWhatTheyDidNotSee(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		ctx := context.Background()
		for i := range 2500 {
			publish(t, b, queued(fmt.Sprint(i)))
		}
		held := lease(t, b, bus.LeaseConfig{}, "0")
		seen, err := b.CountReady(ctx, workQueue, 0)
		if err != nil || seen.Count != 2499 {
			t.Fatalf("CountReady = %+v, %v", seen, err)
		}
		publish(t, b, queued("later"))
		for _, wrong := range []bus.Counted{{Count: 2499}, {Count: 2498, UpTo: seen.UpTo}, {}} {
			if n, err := b.Purge(ctx, workQueue, wrong); !errors.Is(err, bus.ErrCount) || n != 0 {
				t.Errorf("Purge(%+v) = %d, %v, want ErrCount", wrong, n, err)
			}
		}
		if n, err := b.Purge(ctx, workQueue, seen); err != nil || n != 2499 {
			t.Errorf("Purge = %d, %v", n, err)
		}
		wantBrowsed(t, b, workQueue, "0", "later")
		wantTitles(t, b, bus.Query{Feed: "x"}, "0", "later") // the cached tail learned of it
		ackLeases(t, b, held, bus.NotLost)
		if _, err := b.Purge(ctx, bus.QueueName{Feed: "x", Name: "none"}, bus.Counted{}); !errors.Is(err, bus.ErrNoQueue) {
			t.Errorf("Purge of no queue: %v", err)
		}
	})
}

func TestADroppedQueueBeginsAnewWithItsConsumers(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		ctx := context.Background()
		publish(t, b, queued("1"), queued("2"))
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		w.want("1")
		if err := b.DropQueue(ctx, workQueue, 1, nil); !errors.Is(err, bus.ErrCount) {
			t.Errorf("DropQueue of another number: %v, want ErrCount", err)
		}
		if err := b.DropQueue(ctx, workQueue, 2, nil); err != nil {
			t.Fatal(err)
		}
		wantTitles(t, b, bus.Query{Feed: "x"})
		w.ack(1) // of a queue that is gone
		w.idle()
		publish(t, b, queued("3"))
		w.want("3")
		if err := b.DropQueue(ctx, bus.QueueName{Feed: "x", Name: "none"}, 0, nil); !errors.Is(err, bus.ErrNoQueue) {
			t.Errorf("DropQueue of no queue: %v", err)
		}
	})
}

func TestADropThatHasBegunIsNotGivenUpForAChange(t *testing.T) {
	var purges int
	store := new(bustest.Memory)
	store.BeforeCommit = func(ops []*bus.Op) error {
		if ops[0].Kind == bus.OpPurge {
			if purges++; purges == 2 {
				most := 7
				_, err := store.ConfigureQueue(t.Context(), "x", bus.DefaultQueue, bus.QueueSettings{Attempts: &most})
				return err
			}
		}
		return nil
	}
	b := open(t, store, nil, bus.Config{})
	const many = 1500
	for range many {
		publish(t, b, queued("e"))
	}
	seen, err := b.Queue(t.Context(), "x", bus.DefaultQueue)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.DropQueue(t.Context(), workQueue, many, seen); err != nil || purges != 2 {
		t.Errorf("DropQueue: %v, in %d parts", err, purges)
	}
	if _, err := b.Queue(t.Context(), "x", bus.DefaultQueue); !errors.Is(err, bus.ErrNoQueue) {
		t.Errorf("Queue: %v, want ErrNoQueue", err)
	}
}

func TestSettingsOfAQueueOutOfRangeAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		short, long, none, many := 500*time.Nanosecond, 366*24*time.Hour, 0, 1_000_001
		for _, set := range []bus.QueueSettings{{AckTimeout: &short}, {AckTimeout: &long}, {Attempts: &none}, {Attempts: &many}} {
			var refused *bus.SettingError
			if _, err := b.ConfigureQueue(t.Context(), "x", "q", set); !errors.As(err, &refused) {
				t.Errorf("%+v: %v, want a *SettingError", set, err)
			}
		}
		if _, err := b.Queue(t.Context(), "x", "q"); !errors.Is(err, bus.ErrNoQueue) {
			t.Errorf("a refused setting made the queue: %v", err)
		}
	})
}

func TestAFeedNamedLikeTheSuffixOfDeadLettersHasDeadLetters(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		once, p := 1, post(".dead", "1")
		p.Queue = bus.DefaultQueue
		if _, err := b.ConfigureQueue(t.Context(), ".dead", bus.DefaultQueue, bus.QueueSettings{Attempts: &once}); err != nil {
			t.Fatal(err)
		}
		w := work(t, b, bus.ConsumerConfig{Feed: ".dead", Prefetch: 1})
		publish(t, b, p)
		w.want("1")
		w.nack()
		w.idle()
		wantTitles(t, b, bus.Query{Feed: ".dead.dead"}, "1")
	})
}

// attempts sets how often the entries of x are handed out.
func attempts(t testing.TB, b *bus.Bus, most int) {
	t.Helper()
	if _, err := b.ConfigureQueue(context.Background(), "x", bus.DefaultQueue, bus.QueueSettings{Attempts: &most}); err != nil {
		t.Fatal(err)
	}
}

// bury makes dead letters of all that waits in x.
func bury(t testing.TB, b *bus.Bus) {
	t.Helper()
	attempts(t, b, 1)
	list, err := b.Lease(context.Background(), bus.LeaseConfig{Feed: "x", Queue: bus.DefaultQueue, Count: bus.MaxLeases})
	if err != nil {
		t.Fatal(err)
	}
	lost, err := b.Nack(context.Background(), workQueue, tokens(list)...)
	wantSettled(t, lost, err, make([]bus.LeaseLoss, len(list))...)
}

var deadQueue = bus.QueueName{Feed: "x.dead", Name: bus.DefaultQueue}

func TestDeadLettersGoBackOnceAndAsTheyWere(t *testing.T) {
	for name, untilAcked := range map[string]bool{"their feed kept them": false, "their feed let go of them": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
				ctx := context.Background()
				if _, err := b.Configure(ctx, "x", bus.Settings{UntilAcked: &untilAcked}); err != nil {
					t.Fatal(err)
				}
				high := queued("high")
				high.Priority = bus.PriorityOf(9)
				sent := publish(t, b, queued("1"), queued("2"), high)
				bury(t, b)
				publish(t, b, post("x.dead", "no letter"))
				wantBrowsed(t, b, deadQueue, "high", "1", "2", "no letter")
				if _, err := b.Requeue(ctx, deadQueue, 3, 10, nil); !errors.Is(err, bus.ErrCount) {
					t.Errorf("Requeue of another number: %v, want ErrCount", err)
				}
				if _, err := b.Requeue(ctx, workQueue, 0, 10, nil); !errors.Is(err, bus.ErrNotDead) {
					t.Errorf("Requeue of work: %v, want ErrNotDead", err)
				}
				done, err := b.Requeue(ctx, deadQueue, 4, 2, nil)
				if err != nil || done != (bus.Requeued{Sent: 2}) {
					t.Fatalf("Requeue of 2 = %+v, %v", done, err)
				}
				wantBrowsed(t, b, workQueue, "high", "1")
				done, err = b.Requeue(ctx, deadQueue, 2, 10, nil)
				if err != nil || done != (bus.Requeued{Sent: 1, Skipped: 1}) {
					t.Fatalf("Requeue of the rest = %+v, %v", done, err)
				}
				wantBrowsed(t, b, deadQueue, "no letter")
				wantBrowsed(t, b, workQueue, "high", "1", "2")
				want := []string{"high", "1", "2"} // published anew
				if !untilAcked {
					want = []string{"1", "2", "high"}
				}
				wantTitles(t, b, bus.Query{Feed: "x"}, want...)
				for _, e := range read(t, b, bus.Query{Feed: "x"}).Entries {
					i := slices.IndexFunc(sent, func(p bus.Published) bool { return p.Title == e.Title })
					if string(e.XML) != string(sent[i].XML) {
						t.Errorf("came back as\n%s\nwas\n%s", e.XML, sent[i].XML)
					}
				}
				if again := lease(t, b, bus.LeaseConfig{Count: 9}, "high", "1", "2"); again[0].Attempt != 1 {
					t.Errorf("attempt %d, want a new start", again[0].Attempt)
				}
			})
		})
	}
}

// What had expired when it was sent back would be gone at once; what had not yet, expires when it says.
func TestDeadLettersComeBackWithTheirOwnAckTimeoutAndExpiry(t *testing.T) {
	for how, bury := range map[string]func(t testing.TB, b *bus.Bus){
		"refused over HTTP": bury,
		"timed out over HTTP": func(t testing.TB, b *bus.Bus) {
			attempts(t, b, 1)
			lease(t, b, bus.LeaseConfig{Count: 3}, "soon", "late", "never")
			<-time.After(5 * time.Second)
		},
		"refused by a consumer": func(t testing.TB, b *bus.Bus) {
			attempts(t, b, 1)
			w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 3})
			w.want("soon", "late", "never")
			for range 3 {
				w.nack()
			}
			w.consumer.Close()
		},
	} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
				soon, late, never := queued("soon"), queued("late"), queued("never")
				soon.AckTimeout, soon.Expires = 2500*time.Millisecond, time.Now().Add(10*time.Second)
				late.AckTimeout, late.Expires = 2500*time.Millisecond, time.Now().Add(time.Hour)
				never.AckTimeout = 2500 * time.Millisecond
				publish(t, b, soon, late, never)
				bury(t, b)
				<-time.After(20 * time.Second)
				wantBrowsed(t, b, workQueue)
				wantBrowsed(t, b, deadQueue, "soon", "late", "never") // dead letters do not expire
				done, err := b.Requeue(context.Background(), deadQueue, 3, 10, nil)
				if err != nil || done != (bus.Requeued{Sent: 3}) {
					t.Fatalf("Requeue = %+v, %v", done, err)
				}
				attempts(t, b, 10)
				for _, l := range lease(t, b, bus.LeaseConfig{Count: 3}, "soon", "late", "never") {
					if d := time.Until(l.Deadline); d != 2500*time.Millisecond {
						t.Errorf("%d is handed out for %v", l.ID, d)
					}
				}
				<-time.After(2 * time.Hour)
				lease(t, b, bus.LeaseConfig{Count: 3}, "soon", "never")
			})
		})
	}
}

func TestDeadLettersOfAPausedQueueStay(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		ctx, on := context.Background(), true
		publish(t, b, queued("1"))
		bury(t, b)
		if _, err := b.ConfigureQueue(ctx, deadQueue.Feed, deadQueue.Name, bus.QueueSettings{Paused: &on}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Requeue(ctx, deadQueue, 1, 10, nil); !errors.Is(err, bus.ErrPaused) {
			t.Errorf("Requeue: %v, want ErrPaused", err)
		}
	})
}

// A letter that says it is of another feed than its feed stands for would let whoever may post dead
// letters post anywhere.
func TestALetterGoesToNoOtherFeedThanItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, store *bustest.Memory) {
		publish(t, b, queued("1"))
		bury(t, b)
		letter := read(t, b, bus.Query{Feed: "x.dead"}).Entries[0]
		forged := queued("1")
		forged.Feed, forged.Entry.XML = "y.dead", letter.XML
		publish(t, b, forged)
		done, err := b.Requeue(context.Background(), bus.QueueName{Feed: "y.dead", Name: bus.DefaultQueue}, 1, 10, nil)
		if err != nil || done != (bus.Requeued{Skipped: 1}) {
			t.Errorf("Requeue = %+v, %v, want it skipped", done, err)
		}
	})
}

// TestADroppedQueueThatHasNoRoomTellsItsConsumers has another node drop a queue, and fill its
// place.
func TestADroppedQueueThatHasNoRoomTellsItsConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int32
		store := &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
			for _, op := range ops {
				if op.Kind == bus.OpOpen {
					begun.Add(1)
				}
			}
			return nil
		}}
		here, elsewhere := open(t, store, nil, bus.Config{}), open(t, store, nil, bus.Config{})
		w := work(t, here, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		leased := make(chan error, 1)
		go func() {
			_, err := here.Lease(context.Background(), bus.LeaseConfig{Feed: "x", Queue: bus.DefaultQueue, Count: 1, Wait: time.Hour})
			leased <- err
		}()
		synctest.Wait()
		configure := func(name string) {
			t.Helper()
			if _, err := elsewhere.ConfigureQueue(t.Context(), "x", name, bus.QueueSettings{}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range bus.MostQueues - 1 {
			configure(fmt.Sprint(i))
		}
		if err := elsewhere.DropQueue(t.Context(), workQueue, 0, nil); err != nil {
			t.Fatal(err)
		}
		configure("more")
		begun.Store(0)
		<-time.After(time.Minute)
		if n := begun.Load(); n != 1 {
			t.Errorf("the queue was tried to be made %d times, want once", n)
		}
		select {
		case <-w.ready:
		default:
			t.Error("the consumer was not woken")
		}
		if err := w.consumer.Err(); !errors.Is(err, bus.ErrManyQueues) {
			t.Errorf("the consumer ended with %v, want ErrManyQueues", err)
		}
		select {
		case err := <-leased:
			if !errors.Is(err, bus.ErrManyQueues) {
				t.Errorf("Lease: %v, want ErrManyQueues", err)
			}
		default:
			t.Error("who waits for a lease goes on waiting")
		}
		if err := elsewhere.DropQueue(t.Context(), bus.QueueName{Feed: "x", Name: "more"}, 0, nil); err != nil {
			t.Fatal(err)
		}
		w.consumer.Close()
		again := work(t, here, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		publish(t, here, queued("1"))
		again.want("1")
	})
}
