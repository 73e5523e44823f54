package bus_test

import (
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

func TestAClosedFeedIsKnownAtOnceHereAndWithinTwoSecondsElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &bustest.Memory{}
		here, elsewhere := open(t, store, nil, bus.Config{}), open(t, store, nil, bus.Config{})
		want := func(b *bus.Bus, want bool) {
			t.Helper()
			if closed, err := b.IsClosed(t.Context(), "x"); err != nil || closed != want {
				t.Errorf("closed: %v, %v; want %v", closed, err, want)
			}
		}
		set := func(accepts feeds.Accepts) {
			t.Helper()
			if _, err := here.Configure(t.Context(), "x", bus.Settings{Accepts: &accepts}); err != nil {
				t.Fatal(err)
			}
		}
		want(here, false) // there is none yet
		set(nil)
		want(here, false)
		want(elsewhere, false)
		set(feeds.Accepts{})
		want(here, true)
		<-time.After(2 * time.Second)
		want(elsewhere, true)
		set(feeds.Accepts{"image/*"})
		want(here, false)
		want(elsewhere, false)
	})
}
