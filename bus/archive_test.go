package bus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

// archivedPage is a page of an archive as a reader finds it.
type archivedPage struct {
	span   bus.Range
	titles string
	final  bool
}

// archive walks a feed's archive back from its end, and returns its pages, the oldest first.
func archive(t testing.TB, b *bus.Bus, feed string) (pages []archivedPage, since int) {
	t.Helper()
	span, since, err := b.LastArchive(context.Background(), feed)
	if err != nil {
		t.Fatal(err)
	}
	next := bus.Range{}
	for span != (bus.Range{}) {
		a, err := b.Archive(context.Background(), feed, span)
		if err != nil {
			t.Fatal(err)
		}
		if a.Next != next || len(a.Entries) == 0 || len(a.Entries) > 100 {
			t.Fatalf("the page %v has %d entries, and leads to %v, not %v", span, len(a.Entries), a.Next, next)
		}
		pages = append(pages, archivedPage{span, strings.Join(titles(a.Entries), " "), a.Final})
		span, next = a.Previous, span
	}
	slices.Reverse(pages)
	return pages, since
}

// wantWhole holds the archive's pages, with what has come since, to be the whole feed, each entry once.
func wantWhole(t testing.TB, b *bus.Bus) []archivedPage {
	t.Helper()
	const feed = "x"
	pages, since := archive(t, b, feed)
	got := []string{}
	for _, p := range pages {
		got = append(got, strings.Fields(p.titles)...)
	}
	all := titles(read(t, b, bus.Query{Feed: feed, Limit: 1 << 20, Bytes: 1 << 30}).Entries)
	if since > 100 || len(all) < since {
		t.Fatalf("%d of %d entries are in no page", since, len(all))
	}
	if d := cmp.Diff(all[:len(all)-since], got); d != "" {
		t.Fatalf("the archive has other entries than the feed (-want +got):\n%s", d)
	}
	return pages
}

func number(t testing.TB, title string) int {
	t.Helper()
	n, err := strconv.Atoi(title)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// appendOnly makes x a feed that refuses changes.
func appendOnly(t testing.TB, b *bus.Bus) {
	t.Helper()
	yes := true
	if _, err := b.Configure(context.Background(), "x", bus.Settings{AppendOnly: &yes}); err != nil {
		t.Fatal(err)
	}
}

// Whatever the mix of feeds, a final page is as it is for good, and so are its neighbours.
func TestFinalArchivePagesNeverChange(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	appendOnly(t, b)
	r := rand.New(rand.NewPCG(1, 2))
	final := make(map[bus.Range]archivedPage)
	n := 0
	for _, share := range []int{1, 30, 2, 1, 7} { // one entry of so many is in the feed
		for range 25 {
			var posts []bus.Post
			for range r.IntN(40) {
				feed := "y"
				if r.IntN(share) == 0 {
					feed, n = "x", n+1
				}
				posts = append(posts, post(feed, fmt.Sprint(n)))
			}
			publish(t, b, append(posts, post("x", fmt.Sprint("last", n)))...)
			seen := 0
			for _, p := range wantWhole(t, b) {
				if was, ok := final[p.span]; ok {
					if seen++; was != p {
						t.Fatalf("the page %v was %+v, and is %+v", p.span, was, p)
					}
				} else if p.final {
					final[p.span] = p
					seen++
				}
			}
			if seen != len(final) {
				t.Fatalf("of %d final pages, the archive has %d", len(final), seen)
			}
		}
	}
	if len(final) < 15 {
		t.Errorf("%d pages became final", len(final))
	}
}

// reopening makes a feed changeable for a moment, between a look at a page's entries and one at the
// feed itself.
type reopening struct {
	*bustest.Memory
	between func()
}

func (r *reopening) Read(ctx context.Context, q bus.Query) ([]*bus.Entry, error) {
	entries, err := r.Memory.Read(ctx, q)
	if between := r.between; between != nil && !q.Newest && !q.Outline {
		r.between = nil
		between()
	}
	return entries, err
}

func TestAnArchivePageThatIsReadWhileTheSettingsChangeIsNotFinal(t *testing.T) {
	store := &reopening{Memory: &bustest.Memory{}}
	b := open(t, store, nil, bus.Config{})
	appendOnly(t, b)
	first := publish(t, b, post("x", "0"))[0]
	for i := range 300 {
		publish(t, b, post("x", fmt.Sprint(i+1)))
	}
	span := bus.Range{First: 0, Last: 63}
	store.between = func() {
		no := false
		if _, err := b.Configure(context.Background(), "x", bus.Settings{AppendOnly: &no}); err != nil {
			t.Error(err)
		}
		if _, err := b.Remove(context.Background(), "x", first.UUID, 0); err != nil {
			t.Error(err)
		}
		appendOnly(t, b)
	}
	for i, want := range []bool{false, true} {
		a, err := b.Archive(context.Background(), "x", span)
		if err != nil || a.Final != want || len(a.Entries) != 63-i {
			t.Errorf("reading %d: %+v, %v", i, a, err)
		}
	}
}

// In a feed of its own a page is half full at least, and the walk takes no more than twice the steps.
func TestArchivePagesAreNotSmallWhereOneFeedIsAlone(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	for i := range 1000 {
		publish(t, b, post("x", fmt.Sprint(i)))
	}
	pages := wantWhole(t, b)
	for _, p := range pages[1:] {
		if n := len(strings.Fields(p.titles)); n != 64 {
			t.Errorf("%v holds %d entries", p.span, n)
		}
	}
}

// What is edited or deleted leaves its page, which then reads as what is left, also where the
// archive has made one page of it and its neighbour.
func TestArchivePagesOfEditedFeedsKeepTheirSpan(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	var all []bus.Published
	for i := range 600 {
		all = append(all, publish(t, b, post("x", fmt.Sprint(i)))...)
	}
	before := wantWhole(t, b)
	for i, p := range all[:300] {
		if i%3 == 0 {
			continue
		}
		var err error
		if i%2 == 0 {
			_, err = b.Remove(context.Background(), "x", p.UUID, 0)
		} else {
			_, err = b.Replace(context.Background(), "x", p.UUID, post("x", "edited"+fmt.Sprint(i)).Entry, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	after := wantWhole(t, b)
	if len(after) == 0 || after[0].final {
		t.Errorf("%+v", after)
	}
	for _, p := range before {
		a, err := b.Archive(context.Background(), "x", p.span)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, title := range strings.Fields(p.titles) {
			if i := number(t, title); i >= 300 || i%3 == 0 {
				left = append(left, title)
			}
		}
		if d := cmp.Diff(left, titles(a.Entries)); d != "" {
			t.Errorf("%v: %s", p.span, d)
		}
	}
}

func TestArchivePagesBeginBehindWhatWasPruned(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	appendOnly(t, b)
	for i := range 600 {
		publish(t, b, post("x", fmt.Sprint(i+1)))
	}
	before := wantWhole(t, b)
	if _, err := b.Prune(context.Background(), "x", 300); err != nil {
		t.Fatal(err)
	}
	after := wantWhole(t, b)
	if d := cmp.Diff(before[len(before)-3:], after[len(after)-3:], cmp.AllowUnexported(archivedPage{})); d != "" {
		t.Errorf("pages that lost nothing changed: %s", d)
	}
	var gap *bus.GapError
	if _, err := b.Archive(context.Background(), "x", before[0].span); !errors.As(err, &gap) || gap.Oldest != 301 {
		t.Errorf("a pruned page: %v", err)
	}
	if _, err := b.Archive(context.Background(), "x", bus.Range{First: 256, Last: 319}); !errors.As(err, &gap) {
		t.Errorf("a page that lost entries: %v", err)
	}
}

// A page holds 4 MiB; an entry that is larger has one of its own.
func TestArchivePagesAreBoundedInBytes(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	large := func(title string, n int) bus.Post {
		p := post("x", title)
		p.Entry = &feeds.Entry{Title: title, XML: append(p.Entry.XML, make([]byte, n)...), Absent: feeds.PartID}
		return p
	}
	sizes := []int{1 << 20, 1 << 20, 3 << 20, 100, 9 << 20, 100, 5 << 20, 6 << 20, 100, 1 << 20, 3 << 20, 3 << 20, 100, 100, 100, 2 << 20, 4 << 20, 1, 1, 4 << 20}
	for i, n := range sizes {
		publish(t, b, large(fmt.Sprint(i), n))
	}
	for _, p := range wantWhole(t, b) {
		sum := 0
		held := strings.Fields(p.titles)
		for _, title := range held {
			sum += sizes[number(t, title)]
		}
		if len(held) > 1 && sum > 4<<20 {
			t.Errorf("%v holds %d bytes", p.span, sum)
		}
	}
}

func TestOnlyPagesThatAreFullAreInTheArchive(t *testing.T) {
	b := open(t, &bustest.Memory{}, nil, bus.Config{})
	for i := range 200 {
		publish(t, b, post("x", fmt.Sprint(i)))
	}
	for _, s := range []bus.Range{{1, 64}, {64, 126}, {0, 255}, {128, 255}, {64, 63}, {-64, -1}, {0, 1<<62 - 1}, {-1 << 63, 1<<63 - 1}, {1, 0}, {0, 127}} {
		if a, err := b.Archive(context.Background(), "x", s); !errors.Is(err, bus.ErrNoArchive) {
			t.Errorf("%v: %+v, %v", s, a, err)
		}
	}
	if _, err := b.Archive(context.Background(), "none", bus.Range{First: 0, Last: 63}); !errors.Is(err, bus.ErrNoFeed) {
		t.Error(err)
	}
	if _, _, err := b.LastArchive(context.Background(), "none"); !errors.Is(err, bus.ErrNoFeed) {
		t.Error(err)
	}
	publish(t, b, post("small", "1"))
	if s, since, err := b.LastArchive(context.Background(), "small"); s != (bus.Range{}) || since != 1 || err != nil {
		t.Errorf("%v, %d, %v", s, since, err)
	}
}
