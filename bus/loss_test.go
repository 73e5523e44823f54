package bus_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
)

// pruned fills a bus with 30 entries of orders, 3 of logs, of which the last is kept, and 10 more
// of orders; and returns the titles of those that are kept, and selections of both feeds. With
// crowd, there are more feeds than a prefix is read by the names of.
func pruned(t *testing.T, b *bus.Bus, crowd bool) (kept []string, selections []bus.Selection) {
	t.Helper()
	add := func(feed string, n int) {
		for i := range n {
			title := fmt.Sprint(feed, i)
			publish(t, b, post(feed, title))
			kept = append(kept, title)
		}
	}
	if crowd {
		for i := range 20 {
			add(fmt.Sprintf("crowd%02d", i), 1)
		}
	}
	add("orders", 30)
	add("logs", 3)
	last := b.Head()
	add("orders", 10)
	if n, err := b.Prune(t.Context(), "logs", last-1); n != 2 || err != nil {
		t.Fatalf("Prune = %d, %v", n, err)
	}
	kept = slices.DeleteFunc(kept, func(title string) bool { return title == "logs0" || title == "logs1" })
	selections = []bus.Selection{bus.Select(nil, []string{""})}
	if !crowd {
		selections = append(selections, bus.Select([]string{"logs", "orders", "none"}, nil), bus.Select([]string{"orders"}, []string{"lo"}))
	}
	return kept, selections
}

// What was pruned of one feed before another one's entries were read is no gap for whoever began at
// the beginning of what is kept.
func TestSeveralFeedsAreReadWholeFromTheirBeginning(t *testing.T) {
	for _, crowd := range []bool{false, true} {
		b := open(t, &bustest.Memory{}, nil, bus.Config{CacheBytes: 16 << 10})
		kept, selections := pruned(t, b, crowd)
		for _, sel := range selections {
			var titlesRead []string
			q := bus.Query{Limit: 7}
			for more := true; more; {
				span, err := b.ReadMany(t.Context(), sel, q)
				if err != nil {
					t.Fatalf("%v after %d: %v", sel, q.After, err)
				}
				titlesRead = append(titlesRead, titles(span.Entries)...)
				q.After, q.Loss, more = span.Last, span.Loss, span.More
			}
			if d := cmp.Diff(kept, titlesRead); d != "" {
				t.Errorf("pages of %v: -want +got:\n%s", sel, d)
			}
			if q.Loss != 0 {
				t.Errorf("above the end, %v has lost something", sel)
			}
			titlesRead = nil
			sub := b.Follow(sel, 0)
			defer sub.Close()
			for len(titlesRead) < len(kept) {
				page, _, err := sub.Poll(t.Context(), 7)
				if err != nil || len(page) == 0 {
					t.Fatalf("followed after %v: %v, %v", sub.Cursor(), titles(page), err)
				}
				titlesRead = append(titlesRead, titles(page)...)
			}
			if d := cmp.Diff(kept, titlesRead); d != "" {
				t.Errorf("followed %v: -want +got:\n%s", sel, d)
			}
		}
	}
}

// A reader on its way from the beginning is told of what goes meanwhile; one who comes back with
// an id alone, of all that it may have missed; and either goes on with all that is kept.
func TestWhatIsPrunedWhileSeveralFeedsAreReadIsAnnounced(t *testing.T) {
	for _, crowd := range []bool{false, true} {
		b := open(t, &bustest.Memory{}, nil, bus.Config{CacheBytes: 16 << 10})
		kept, selections := pruned(t, b, crowd)
		first := make([]*bus.Span, len(selections))
		subs := make([]*bus.Subscription, len(selections))
		for i, sel := range selections {
			var err error
			if first[i], err = b.ReadMany(t.Context(), sel, bus.Query{Limit: 7}); err != nil {
				t.Fatal(err)
			}
			subs[i] = b.Follow(sel, 0)
			defer subs[i].Close()
			if _, _, err := subs[i].Poll(t.Context(), 7); err != nil {
				t.Fatal(err)
			}
			var gap *bus.GapError
			if _, err := b.ReadMany(t.Context(), sel, bus.Query{After: first[i].Last, Limit: 7}); !errors.As(err, &gap) || gap.Feed != "logs" {
				t.Fatalf("%v with an id alone: %v, want the gap of logs", sel, err)
			}
			again := bus.Query{After: gap.After, Loss: gap.Cursor().Loss, Limit: 100}
			span, err := b.ReadMany(t.Context(), sel, again)
			if err != nil || !slices.Equal(titles(span.Entries), kept[7:]) {
				t.Errorf("%v as the gap says: %v, %v", sel, titles(span.Entries), err)
			}
		}
		before := bus.Query{Newest: true, Feed: "orders", Limit: 1}
		newest := read(t, b, before).Entries[0].ID
		if n, err := b.Prune(t.Context(), "orders", newest-9); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		for i, sel := range selections {
			var gap *bus.GapError
			q := bus.Query{After: first[i].Last, Loss: first[i].Loss, Limit: 7}
			if _, err := b.ReadMany(t.Context(), sel, q); !errors.As(err, &gap) {
				t.Errorf("%v, of which some went: %v, want a gap", sel, err)
			}
			if _, _, err := subs[i].Poll(t.Context(), 7); !errors.As(err, &gap) {
				t.Errorf("%v, followed, of which some went: %v, want a gap", sel, err)
			}
		}
	}
}

// Another process prunes, and this one was not told of it yet.
func TestAPruneByOthersHidesNoGapOfSeveralFeeds(t *testing.T) {
	store := &bustest.Memory{}
	writer, b := open(t, store, nil, bus.Config{}), open(t, store, nil, bus.Config{CacheBytes: 16 << 10})
	for i := range 200 {
		publish(t, writer, post([]string{"x", "y"}[i%2], fmt.Sprint(i)))
	}
	for _, feed := range []string{"x", "y"} {
		read(t, b, bus.Query{Feed: feed, After: 199})
	}
	if n, err := writer.Prune(t.Context(), "y", 100); n != 50 || err != nil {
		t.Fatal(n, err)
	}
	for _, sel := range []bus.Selection{bus.Select([]string{"x", "y"}, nil), bus.Select(nil, []string{""}), bus.Select([]string{"x"}, []string{"y"})} {
		var gap *bus.GapError
		if span, err := b.ReadMany(t.Context(), sel, bus.Query{After: 10, Limit: 20}); !errors.As(err, &gap) {
			t.Errorf("%v: %v, want the gap of y; got %v", sel, err, span)
		}
	}
}

// Pages that followers of a prefix share tell each what it has missed, and no more.
func TestSharedPagesAnnounceWhatIsPrunedWhileTheyAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &bustest.Memory{}, nil, bus.Config{})
		defer b.Close()
		kept, _ := pruned(t, b, false)
		q := bus.Query{Prefix: true, Gaps: true, Limit: 7, Bytes: 1 << 20}
		next := func(q bus.Query) (got []string, loss bus.Loss, last int64, err error) {
			s, err := b.ReadShared(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			last = s.Entries[len(s.Entries)-1].ID
			loss, err = b.LossBehind(t.Context(), q, s, last)
			return titles(s.Entries), loss, last, err
		}
		got, loss, last, err := next(q)
		if err != nil || loss == 0 || !slices.Equal(got, kept[:7]) {
			t.Fatalf("the first page: %v, loss %v, %v", got, loss, err)
		}
		var gap *bus.GapError
		bare := q
		bare.After = last
		if _, _, _, err := next(bare); !errors.As(err, &gap) || gap.Feed != "logs" {
			t.Errorf("with an id alone: %v", err)
		}
		known := bare
		known.Loss = loss
		if n, err := b.Prune(t.Context(), "orders", last+9); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		if got, loss, _, err := next(known); err != nil || loss == 0 || !slices.Equal(got, kept[7:14]) {
			t.Errorf("of a page that was read before: %v, %v", got, err)
		}
		<-time.After(time.Minute)
		if _, _, _, err := next(known); !errors.As(err, &gap) {
			t.Errorf("of what went since: %v", err)
		}
	})
}

func TestACursorReadsAsItWasWritten(t *testing.T) {
	for _, c := range []bus.Cursor{{}, {After: 7}, {After: 1 << 62, Loss: 1}, {Loss: 1<<64 - 1}} {
		if got, err := bus.ParseCursor(c.String()); err != nil || got != c {
			t.Errorf("%+v as %q is %+v, %v", c, c, got, err)
		}
	}
	for _, text := range []string{"", "~1", "1~", "1~0", "+1", "-1", "1~-1", "1~g", "1~1~1", "9223372036854775808", "1~10000000000000000"} {
		if c, err := bus.ParseCursor(text); err == nil {
			t.Errorf("%q is %+v", text, c)
		}
	}
}
