package bus_test

import (
	"errors"
	"testing"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestAKeyPublishesOnceWithinATransaction(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	keyed := func(title string) bus.Post {
		p := post("x", title)
		p.Key = "k"
		return p
	}
	once := &bus.Transaction{Posts: []bus.Post{keyed("a"), post("x", "b"), keyed("a")}}
	if err := b.Do(t.Context(), once); err != nil || len(once.Published) != 2 {
		t.Fatalf("the same message twice: %d published, %v", len(once.Published), err)
	}
	again := &bus.Transaction{Posts: []bus.Post{keyed("a")}}
	if err := b.Do(t.Context(), again); err != nil || !again.Published[0].Replayed {
		t.Errorf("the message again: %v", err)
	}
	for name, posts := range map[string][]bus.Post{"two messages": {keyed("a"), keyed("c")}, "another one": {keyed("c")}} {
		if err := b.Do(t.Context(), &bus.Transaction{Posts: posts}); !errors.Is(err, bus.ErrKeyReused) {
			t.Errorf("%s under one key: %v, want ErrKeyReused", name, err)
		}
	}
	if f, err := b.Feed(t.Context(), "x"); err != nil || f.Entries != 2 {
		t.Errorf("the feed has %d entries, want 2: %v", f.Entries, err)
	}
}
