package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
)

func TestReadOfAPrefixIsInTheOrderOfTheLog(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	var want []string
	for i := range 10 {
		title := fmt.Sprint(i)
		publish(t, b, post([]string{"p", "pa", "pb"}[i%3], title), post("q", "other"))
		want = append(want, title)
	}
	var got []string
	q := bus.Query{Feed: "p", Prefix: true, Limit: 3}
	for more := true; more; {
		s := read(t, b, q)
		got = append(got, titles(s.Entries)...)
		more = s.More
		if len(s.Entries) > 0 {
			q.After = s.Entries[len(s.Entries)-1].ID
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if s := read(t, b, bus.Query{Feed: "z", Prefix: true}); len(s.Entries) > 0 || s.More {
		t.Errorf("where there is no feed, a page holds %d entries", len(s.Entries))
	}
}

func TestReadOfAPrefixAnnouncesAGap(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	first := publish(t, b, post("p", "one"), post("pa", "two"), post("pa", "three"), post("q", "four"))
	if _, err := b.Prune(context.Background(), "pa", first[1].ID); err != nil {
		t.Fatal(err)
	}
	_, err := b.Read(context.Background(), bus.Query{Feed: "p", Prefix: true, After: first[0].ID, Limit: 10})
	var gap *bus.GapError
	if !errors.As(err, &gap) || gap.Feed != "pa" || gap.Oldest != first[2].ID {
		t.Errorf("error %v", err)
	}
	read(t, b, bus.Query{Feed: "q", Prefix: true, After: first[0].ID})
	read(t, b, bus.Query{Feed: "p", Prefix: true})
}

func TestAFaultHidesNoGapOfAPrefix(t *testing.T) {
	store := new(bustest.Memory)
	b := open(t, store, nil, bus.Config{})
	list := publish(t, b, post("p", "one"), post("p", "two"))
	if _, err := b.Prune(t.Context(), "p", list[1].ID); err != nil {
		t.Fatal(err)
	}
	for fails := range 5 {
		reads := 0
		store.BeforeRead = func() error {
			if reads++; reads == fails {
				return bus.ErrUnavailable
			}
			return nil
		}
		s, err := b.Read(t.Context(), bus.Query{Feed: "p", Prefix: true, After: list[0].ID, Limit: 10})
		if err == nil {
			t.Errorf("when read %d fails: %d entries, and no gap", fails, len(s.Entries))
		}
	}
}

// seeing lists the prefixes that it is asked to read.
type seeing struct {
	*bustest.Memory
	prefixes []string
}

func (s *seeing) Read(ctx context.Context, q bus.Query) ([]*bus.Entry, error) {
	if q.Prefix {
		s.prefixes = append(s.prefixes, q.Feed)
	}
	return s.Memory.Read(ctx, q)
}

// What lies between the entries of few feeds may be the whole log: it is not passed over for them.
func TestAPrefixOfFewFeedsIsReadByTheirNames(t *testing.T) {
	store := &seeing{Memory: new(bustest.Memory)}
	b := open(t, store, nil, bus.Config{})
	var want []string
	for i := range 16 {
		title := fmt.Sprint(i)
		publish(t, b, post("few/"+title, title), post("many/"+title, title), post("many/more"+title, title))
		want = append(want, title)
	}
	for _, q := range []bus.Query{{Limit: 100}, {Limit: 100, After: 1}, {Limit: 100, Newest: true}} {
		for prefix, long := range map[string]bool{"none/": false, "few/": false, "many/": true} {
			store.prefixes = nil
			span, err := b.ReadMany(t.Context(), bus.Select(nil, []string{prefix}), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(store.prefixes) > 0 != long {
				t.Errorf("for %s* these are read: %q", prefix, store.prefixes)
			}
			if prefix != "few/" {
				continue
			}
			got := titles(span.Entries)
			if q.Newest {
				slices.Reverse(got)
			}
			if d := cmp.Diff(want[min(int(q.After), 1):], got); d != "" {
				t.Errorf("%+v: -want +got:\n%s", q, d)
			}
		}
	}
}
