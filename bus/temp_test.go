package bus_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"atommq/bus"
	"atommq/bus/bustest"
)

// TestNobodyMakesUpATempFeed changes each letter of a name, and its length.
func TestNobodyMakesUpATempFeed(t *testing.T) {
	b := open(t, new(bustest.Memory), nil, bus.Config{})
	feed, err := b.NewTemp(t.Context(), "me")
	if err != nil {
		t.Fatal(err)
	}
	if state, err := b.Temp(t.Context(), feed); state != bus.TempLive || err != nil {
		t.Errorf("Temp = %d, %v", state, err)
	}
	if !b.OwnsTemp(feed, "me") || b.OwnsTemp(feed, "you") || b.OwnsTemp("x", "") {
		t.Error("it is not its owner's alone")
	}
	made := []string{"", "temp.", feed + "A", feed[:len(feed)-1], strings.ToLower(feed), "Temp" + feed[4:]}
	for i := len("temp."); i < len(feed); i++ {
		other := byte('A')
		if feed[i] == other {
			other = 'B'
		}
		made = append(made, feed[:i]+string(other)+feed[i+1:])
	}
	for _, name := range made {
		if is, err := b.IsTemp(t.Context(), name); is || err != nil {
			t.Errorf("IsTemp(%q) = %t, %v", name, is, err)
		}
	}
	if state, err := b.Temp(t.Context(), bus.DeadFeed(feed)); state != bus.TempDead || err != nil {
		t.Errorf("Temp of its dead letters = %d, %v", state, err)
	}
	if err := b.DropTemp(t.Context(), feed); err != nil {
		t.Fatal(err)
	}
	if state, err := b.Temp(t.Context(), feed); state != bus.TempGone || err != nil {
		t.Errorf("Temp of one dropped = %d, %v", state, err)
	}
}

// TestTempFeedsAreRemovedOnceTheirNodeIsGone has a node die that had one, beside one that lives.
func TestTempFeedsAreRemovedOnceTheirNodeIsGone(t *testing.T) {
	store := new(bustest.Memory)
	dead, alive, last := open(t, store, nil, bus.Config{}), open(t, store, nil, bus.Config{}), open(t, store, nil, bus.Config{})
	var names []string
	for _, b := range []*bus.Bus{dead, alive} {
		feed, err := b.NewTemp(t.Context(), "me")
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, feed, bus.DeadFeed(feed))
	}
	for _, feed := range append(names, "temp.", "temp.readings", "temp.ABCDEFGHIJKLMNOPQRSTUVWXYB", "tempo") {
		if _, err := last.ConfigureQueue(t.Context(), feed, bus.DefaultQueue, bus.QueueSettings{}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := last.SweepTemps(t.Context()); n != 0 || err != nil {
		t.Errorf("SweepTemps = %d, %v while all nodes live", n, err)
	}
	store.Die(1)
	if n, err := last.SweepTemps(t.Context()); n != 1 || err != nil {
		t.Errorf("SweepTemps = %d, %v, want the one of the dead node", n, err)
	}
	for feed, want := range map[string]bus.TempState{names[0]: bus.TempGone, names[2]: bus.TempLive} {
		if state, err := last.Temp(t.Context(), feed); state != want || err != nil {
			t.Errorf("Temp(%q) = %d, %v, want %d", feed, state, err, want)
		}
	}
	list, err := last.Feeds(t.Context(), "", "", 100)
	if err != nil || len(list) != 6 {
		t.Errorf("%d feeds are left, %v", len(list), err)
	}
}

func TestWhoHasATempFeedIsToldThatItsNodeWasCutOff(t *testing.T) {
	bubble(t, func(t *testing.T, b *bus.Bus, store *bustest.Memory) {
		feed, err := b.NewTemp(t.Context(), "me")
		if err != nil {
			t.Fatal(err)
		}
		asker, other := work(t, b, bus.ConsumerConfig{Feed: feed}), work(t, b, bus.ConsumerConfig{Feed: "temp.x"})
		store.CutOff(1)
		synctest.Wait()
		if !asker.consumer.Robbed() || other.consumer.Robbed() {
			t.Errorf("who waits for answers is told %t, who waits for work %t", asker.consumer.Robbed(), other.consumer.Robbed())
		}
	})
}
