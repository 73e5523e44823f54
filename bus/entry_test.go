package bus_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

func TestReadersWhoComeAtOnceShareOneRendering(t *testing.T) {
	e := &bus.Entry{}
	e.Share()
	var renderings atomic.Int32
	coming := make(chan struct{})
	render := func(*feeds.Member) []byte {
		renderings.Add(1)
		<-coming
		for range 1000 {
			runtime.Gosched() // the others look for it meanwhile
		}
		return []byte("x")
	}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			if got := string(e.Form("form", render)); got != "x" {
				t.Errorf("got %q", got)
			}
		})
	}
	close(coming)
	readers.Wait()
	if n := renderings.Load(); n != 1 {
		t.Errorf("%d renderings, want 1", n)
	}
}

// What is read for one of those who have fallen behind is rendered once for all of them.
func TestWhatLaggardsShareIsRenderedOnce(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	for i := range 600 { // more than memory holds of a feed that nobody has read
		publish(t, b, post("x", fmt.Sprint(i)))
	}
	renderings := 0
	for range 3 {
		s, err := b.ReadShared(t.Context(), bus.Query{Feed: "x", Limit: 10})
		if err != nil || len(s.Entries) != 10 {
			t.Fatalf("%d entries, %v", len(s.Entries), err)
		}
		for _, e := range s.Entries {
			e.Form("atom", func(m *feeds.Member) []byte { renderings++; return m.XML })
		}
	}
	if renderings != 10 {
		t.Errorf("10 entries are rendered %d times", renderings)
	}
}
