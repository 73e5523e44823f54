package bus_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
)

// within makes c have room for so many bytes, and counts how often that is taken and given back.
func within(c bus.LeaseConfig, bytes int, taken, spared *int) bus.LeaseConfig {
	c.Room = func() (int, error) { *taken++; return bytes, nil }
	c.Spare = func() { *spared++ }
	return c
}

func TestALeaseEndsOnceItsBytesArePassed(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		lease(t, b, bus.LeaseConfig{})
		publish(t, b, queued("1"), queued("2"), queued("3"), queued("4"))
		var taken, spared int
		lease(t, b, within(bus.LeaseConfig{Count: 9}, 1, &taken, &spared), "1")
		one := len(queued("1").Entry.XML)
		lease(t, b, within(bus.LeaseConfig{Count: 9}, one, &taken, &spared), "2", "3")
		for _, e := range lease(t, b, within(bus.LeaseConfig{Count: 9}, 1, &taken, &spared), "4") {
			if e.Attempt != 1 {
				t.Errorf("%s was handed out %d times", e.Entry.Title, e.Attempt)
			}
		}
		lease(t, b, within(bus.LeaseConfig{Count: 9}, 1, &taken, &spared))
		if taken != 4 || spared != 1 {
			t.Errorf("room was taken %d times and given back %d times", taken, spared)
		}
	})
}

func TestAWaitingLeaseEndsOnceItsBytesArePassed(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		var taken, spared int
		var waiting sync.WaitGroup
		waiting.Go(func() {
			lease(t, b, within(bus.LeaseConfig{Count: 9, Wait: time.Hour}, 1, &taken, &spared), "1")
		})
		synctest.Wait()
		publish(t, b, queued("1"), queued("2"), queued("3"))
		waiting.Wait()
		if taken != 2 || spared != 1 {
			t.Errorf("room was taken %d times and given back %d times", taken, spared)
		}
		synctest.Wait()
		for _, e := range lease(t, b, bus.LeaseConfig{Count: 9}, "2", "3") {
			if e.Attempt != 1 {
				t.Errorf("%s was handed out %d times", e.Entry.Title, e.Attempt)
			}
		}
	})
}

func TestWhoHasNoRoomIsHandedOutNothing(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		none := errors.New("no room")
		full := bus.LeaseConfig{Feed: "x", Queue: bus.DefaultQueue, Count: 9, Room: func() (int, error) { return 0, none }, Spare: func() {}}
		lease(t, b, bus.LeaseConfig{})
		publish(t, b, queued("1"), queued("2"))
		if _, err := b.Lease(context.Background(), full); !errors.Is(err, none) {
			t.Errorf("Lease: %v", err)
		}
		for _, e := range lease(t, b, bus.LeaseConfig{Count: 9}, "1", "2") {
			if e.Attempt != 1 {
				t.Errorf("%s was handed out %d times", e.Entry.Title, e.Attempt)
			}
		}
	})
}

func TestBrowsingEndsOnceItsBytesArePassed(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, _ *bustest.Memory) {
		publish(t, b, queued("1"), queued("2"), queued("3"))
		var got []string
		place, more := bus.Place{}, true
		for pages := 0; more; pages++ {
			page, last, err := b.Browse(context.Background(), "x", bus.DefaultQueue, place, 9, 1)
			if err != nil || len(page) != 1 || pages > 2 {
				t.Fatalf("%d entries, %v", len(page), err)
			}
			got = append(got, titles(page)...)
			place = last
			if more, err = b.Waits(context.Background(), "x", bus.DefaultQueue, place); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"1", "2", "3"}, got); diff != "" {
			t.Errorf("browsed (-want +got):\n%s", diff)
		}
	})
}
