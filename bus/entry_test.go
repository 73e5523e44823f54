package bus_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"atommq/bus"
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
