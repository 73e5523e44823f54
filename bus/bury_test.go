package bus_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

// watched is a store that tells of what it reads.
type watched struct {
	*bustest.Memory
	fetched func([]*bus.Entry)
}

func (w *watched) Fetch(ctx context.Context, ids []int64) ([]*bus.Entry, error) {
	list, err := w.Memory.Fetch(ctx, ids)
	w.fetched(list)
	return list, err
}

// lettersOf lists the dead letters that ops make.
func lettersOf(ops []*bus.Op) (letters []*bus.Entry) {
	for _, op := range ops {
		for i := range op.Posts {
			if op.Posts[i].InPlaceOf > 0 {
				letters = append(letters, op.Posts[i].Entry)
			}
		}
	}
	return letters
}

func bytesOf(entries []*bus.Entry) (bytes int) {
	for _, e := range entries {
		bytes += len(e.XML)
	}
	return bytes
}

// expire has as many consumers as there are lengths lose a message of that length each, at the same
// time, after a second and for the last time.
func expire(t *testing.T, b *bus.Bus, lengths ...int) (lost []*bus.Delivery) {
	t.Helper()
	attempts(t, b, 1)
	for i, n := range lengths {
		e, err := feeds.Compose(feeds.Note{Title: fmt.Sprint(i), Content: []byte(strings.Repeat("x", n))})
		if err != nil {
			t.Fatal(err)
		}
		publish(t, b, bus.Post{Feed: "x", Entry: e, Queue: bus.DefaultQueue})
	}
	for range lengths {
		w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1, AckTimeout: time.Second})
		w.take(1)
		b.Unload(w.held)
		lost = append(lost, w.held...)
	}
	return lost
}

// sorted lists the titles of entries, each once.
func sorted(entries []*bus.Entry) []string {
	return slices.Compact(slices.Sorted(slices.Values(titles(entries))))
}

func TestMessagesThatAreLostTogetherBecomeDeadLettersInBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			most     = 4 << 20
			overhead = 2 << 10 // of a dead letter
		)
		var lock sync.Mutex
		var pending []*bus.Entry // read, and not written
		commits := 0
		check := func(what string, entries []*bus.Entry) {
			if n := bytesOf(entries); len(entries) > 1 && n > most+len(entries)*overhead {
				t.Errorf("%d entries of %d bytes together are %s", len(entries), n, what)
			}
		}
		var losing atomic.Bool
		store := &watched{Memory: &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
			if letters := lettersOf(ops); len(letters) > 0 {
				lock.Lock()
				defer lock.Unlock()
				check("written", letters)
				pending = nil
				commits++
			}
			return nil
		}}}
		store.fetched = func(list []*bus.Entry) {
			lock.Lock()
			defer lock.Unlock()
			if losing.Load() {
				pending = append(pending, list...)
				check("read", pending)
			}
		}
		b := open(t, store, nil, bus.Config{PageBytes: 64 << 20})
		lengths := slices.Repeat([]int{512 << 10}, 20)
		lengths[5] = 5 << 20 // alone
		lost := expire(t, b, lengths...)
		losing.Store(true)
		<-time.After(2 * time.Second)
		synctest.Wait()
		losing.Store(false)
		if got := sorted(read(t, b, bus.Query{Feed: "x.dead"}).Entries); len(got) != len(lengths) {
			t.Errorf("dead letters %q, want %d", got, len(lengths))
		}
		if commits < 4 {
			t.Errorf("they were made in %d commits", commits)
		}
		for _, d := range lost {
			if d.Entry != nil {
				t.Errorf("message %d is in memory still", d.ID)
			}
		}
	})
}

func TestNobodyWaitsForWhatDeadLettersAreMadeOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		gate := make(chan struct{})
		store := &watched{new(bustest.Memory), func([]*bus.Entry) {
			if hangs.Load() {
				<-gate
			}
		}}
		b := open(t, store, nil, bus.Config{})
		letters := work(t, b, bus.ConsumerConfig{Feed: "x.dead", Prefetch: 9})
		broken := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 1})
		publish(t, b, queued("broken"))
		expire(t, b, 1)
		broken.take(1)
		b.Unload(broken.held)
		first := work(t, b, bus.ConsumerConfig{Feed: "y", Prefetch: 1, AckTimeout: time.Second})
		publish(t, b, post("y", "first"))
		first.want("first")
		second := work(t, b, bus.ConsumerConfig{Feed: "y", Prefetch: 1, AckTimeout: 3 * time.Second})
		publish(t, b, post("y", "second"))
		second.want("second")
		hangs.Store(true)
		start := time.Now()
		broken.consumer.Abandon(broken.held[0])
		publish(t, b, post("y", "third"))
		first.want("first")
		second.want("second")
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("what has attempts left came again after %v", d)
		}
		hangs.Store(false)
		close(gate)
		letters.take(2)
	})
}

// TestWhatIsLostForTheLastTimeIsKeptOnceWhateverHappensMeanwhile has something happen while the
// first of several portions is being written.
func TestWhatIsLostForTheLastTimeIsKeptOnceWhateverHappensMeanwhile(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, b *bus.Bus, store *bustest.Memory, node int64){
		"nothing": func(*testing.T, *bus.Bus, *bustest.Memory, int64) {},
		"the bus is closed": func(_ *testing.T, b *bus.Bus, _ *bustest.Memory, _ int64) {
			go b.Close()
		},
		"the node is taken for dead": func(t *testing.T, _ *bus.Bus, store *bustest.Memory, node int64) {
			if err := store.Leave(t.Context(), node); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, fails := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", the commit fails: ", fails), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var first atomic.Bool
					arrived, gate := make(chan struct{}), make(chan struct{})
					store := &bustest.Memory{BeforeCommit: func(ops []*bus.Op) error {
						if len(lettersOf(ops)) == 0 || !first.CompareAndSwap(false, true) {
							return nil
						}
						close(arrived)
						<-gate
						if fails {
							return bus.ErrUnavailable
						}
						return nil
					}}
					b := open(t, store, nil, bus.Config{PageBytes: 64 << 20})
					lengths := slices.Repeat([]int{1 << 20}, 10)
					lost := expire(t, b, lengths...)
					<-arrived
					happens(t, b, store, lost[0].Node)
					synctest.Wait()
					close(gate)
					<-time.After(5 * time.Second)
					b.Close()

					b = open(t, store, nil, bus.Config{PageBytes: 64 << 20})
					attempts(t, b, 100)
					var all []*bus.Entry
					if _, err := b.Feed(t.Context(), "x.dead"); err == nil {
						all = read(t, b, bus.Query{Feed: "x.dead"}).Entries
					}
					dead := len(all)
					q, err := b.Queue(t.Context(), "x", bus.DefaultQueue)
					if err != nil {
						t.Fatal(err)
					}
					w := work(t, b, bus.ConsumerConfig{Feed: "x", Prefetch: 100})
					w.take(int(q.Waiting))
					for _, d := range w.held {
						all = append(all, d.Entry)
					}
					if len(all) != len(lengths) || len(sorted(all)) != len(lengths) {
						t.Errorf("%d dead letters and %d left in the queue, want %d: %q", dead, q.Waiting, len(lengths), titles(all))
					}
					if name == "nothing" && dead != len(lengths) {
						t.Errorf("%d dead letters, want %d", dead, len(lengths))
					}
				})
			})
		}
	}
}
