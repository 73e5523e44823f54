package bustest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/feeds"
)

// upload stages bytes, a chunk for each of parts.
func (s *suite) upload(typ string, parts ...string) *bus.Media {
	s.Helper()
	m := &bus.Media{Type: typ}
	sum := sha256.New()
	for i, part := range parts {
		id, err := s.Stage(context.Background(), m.ID, int64(i), []byte(part), s.at)
		if err != nil || m.ID != 0 && id != m.ID {
			s.Fatalf("Stage = %d, %v", id, err)
		}
		m.ID = id
		m.Size += int64(len(part))
		sum.Write([]byte(part))
	}
	sum.Sum(m.Digest[:0])
	return m
}

func withMedia(e *bus.Entry, m *bus.Media) *bus.Op {
	op := publishing(e)
	op.Media = m
	return op
}

// publishMedia publishes an entry that links to a new upload.
func (s *suite) publishMedia(feed, title string, parts ...string) (*bus.Entry, *bus.Media) {
	s.Helper()
	e, m := entry(feed, title), s.upload("image/png", parts...)
	s.must(withMedia(e, m))
	return e, m
}

func giving(old *bus.Entry, m *bus.Media, ifMedia int64) *bus.Op {
	e := &bus.Entry{Member: feeds.Member{Feed: old.Feed, UUID: old.UUID}}
	return &bus.Op{Kind: bus.OpMedia, IfID: ifMedia, Media: m, Posts: []bus.Posting{{Entry: e}}}
}

// wantMedia checks what an entry links to; no parts for nothing.
func (s *suite) wantMedia(feed, uuid string, want *bus.Media, parts ...string) {
	s.Helper()
	got, err := s.Media(context.Background(), feed, uuid)
	if want == nil {
		if !errors.Is(err, bus.ErrNoMedia) {
			s.Fatalf("Media = %+v, %v; want ErrNoMedia", got, err)
		}
		return
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		s.Fatalf("Media: %v (-want +got):\n%s", err, diff)
	}
	s.wantChunks(want.ID, parts...)
}

func (s *suite) wantChunks(media int64, parts ...string) {
	s.Helper()
	for i, part := range parts {
		chunk, err := s.Chunk(context.Background(), media, int64(i))
		if err != nil || string(chunk) != part {
			s.Fatalf("Chunk(%d, %d) = %q, %v, want %q", media, i, chunk, err, part)
		}
	}
	if _, err := s.Chunk(context.Background(), media, int64(len(parts))); !errors.Is(err, bus.ErrNoMedia) {
		s.Fatalf("Chunk(%d, %d): %v, want ErrNoMedia", media, len(parts), err)
	}
}

// sweep sweeps what was not touched for a while, to the end, a few chunks at a time, and returns how many went.
func (s *suite) sweep(ago time.Duration) (removed int) {
	s.Helper()
	for {
		n, err := s.Sweep(context.Background(), time.Now().Add(-ago), 2)
		if err != nil || n > 2 {
			s.Fatalf("Sweep = %d, %v", n, err)
		}
		if removed += n; n == 0 {
			return removed
		}
	}
}

func testMedia(t *testing.T, s *suite) {
	binary := string(bytes.Repeat([]byte{0, 0xff, '\'', '\\', '\n'}, bus.MediaChunk/5))
	e, m := s.publishMedia("x", "a", binary, binary, "the end")
	if e.Media != "image/png" || m.Created.IsZero() {
		t.Errorf("the entry's media is %q, made at %v", e.Media, m.Created)
	}
	s.wantMember(e.Member, s.find("x", e.UUID))
	s.wantMember(e.Member, s.read(bus.Query{Feed: "x"})[0])
	s.wantMedia("x", e.UUID, m, binary, binary, "the end")
	s.wantMedia("y", e.UUID, nil)
	other := entry("x", "b")
	s.must(publishing(other))
	s.wantMedia("x", other.UUID, nil)
	none, empty := s.publishMedia("x", "c", "")
	s.wantMedia("x", none.UUID, empty, "")
	op := replacing(e, "A", 0)
	s.must(op)
	if op.Posts[0].Entry.Media != "image/png" {
		t.Error("an edit of the entry takes its media")
	}
	s.wantMedia("x", e.UUID, m, binary, binary, "the end")
}

func testAdoption(t *testing.T, s *suite) {
	a, m := s.publishMedia("x", "a", "1")
	s.refused(withMedia(entry("x", "b"), m), bus.ErrNoMedia)
	s.refused(withMedia(entry("x", "b"), &bus.Media{ID: 99, Type: "image/png"}), bus.ErrNoMedia)
	s.refused(giving(a, m, 0), bus.ErrNoMedia)
	s.wantMedia("x", a.UUID, m, "1")
	if _, err := s.Stage(context.Background(), m.ID, 1, []byte("2"), s.at); !errors.Is(err, bus.ErrNoMedia) {
		t.Errorf("Stage of what an entry has: %v, want ErrNoMedia", err)
	}
	if _, err := s.Stage(context.Background(), 99, 0, []byte("2"), s.at); !errors.Is(err, bus.ErrNoMedia) {
		t.Errorf("Stage of no upload: %v, want ErrNoMedia", err)
	}
	s.wantTitles(bus.Query{Feed: "x"}, "a")
}

// What is published in place of an entry, a dead letter or what that goes back as, has its media.
func testMediaOfLetters(t *testing.T, s *suite) {
	node := s.join()
	post := publishing(entry("x", "first"))
	post.Posts[0].Queue = "q" // so that entries leave once they are acked
	s.must(post)
	q := s.open("x", "q")
	s.must(settling(bus.Acked, s.claim(node, q, 1, post.Posts[0].Entry.ID)...))
	e, m := s.publishMedia("x", "a", "1", "2")
	letter := entry("x.dead", "a")
	op := settling(bus.Acked, s.claim(node, q, 1, e.ID)...)
	op.Posts = []bus.Posting{{Entry: letter, Queue: "default", InPlaceOf: 1}}
	s.must(op)
	if letter.Media != "image/png" {
		t.Errorf("the letter's media is %q", letter.Media)
	}
	s.wantMember(letter.Member, s.find("x.dead", letter.UUID))
	s.wantMedia("x.dead", letter.UUID, m, "1", "2")
	s.wantMedia("x", e.UUID, nil)
	back := entry("x", "a")
	again := &bus.Op{Kind: bus.OpRequeue, Posts: []bus.Posting{{Entry: back, Queue: "q"}}, Again: bus.Again{ID: e.ID}, At: s.at}
	again.Settle = settling(bus.Acked, s.claim(node, s.open("x.dead", "default"), 1, letter.ID)...).Settle
	s.must(again)
	s.wantMember(back.Member, s.find("x", back.UUID))
	s.wantMedia("x", back.UUID, m, "1", "2")
	s.wantMedia("x.dead", letter.UUID, nil)
	s.must(settling(bus.Acked, s.claim(node, q, 1, back.ID)...))
	s.wantMedia("x", back.UUID, nil)
}

// letterFor returns a dead letter in place of e, which a queue gives up for good.
func (s *suite) letterFor(node int64, q *bus.Queue, e *bus.Entry) *bus.Entry {
	s.Helper()
	letter := entry("x.dead", e.Title)
	op := settling(bus.Acked, s.claim(node, q, 1, e.ID)...)
	op.Posts = []bus.Posting{{Entry: letter, Queue: "default", InPlaceOf: 1}}
	s.must(op)
	if letter.Media != e.Media {
		s.Errorf("the letter's media is %q, want %q", letter.Media, e.Media)
	}
	s.wantMember(letter.Member, s.find("x.dead", letter.UUID))
	return letter
}

// An entry may stay when it becomes a dead letter, and go later: neither takes the other's file
// along.
func testSharedMedia(t *testing.T, s *suite) {
	s.at = time.Now().UTC().Truncate(time.Microsecond)
	node := s.join()
	first := publishing(entry("x", "first"))
	first.Posts[0].Queue = "q"
	s.must(first)
	a, b := s.open("x", "q"), s.open("x", "other")
	s.must(settling(bus.Acked, s.claim(node, a, 1, first.Posts[0].Entry.ID)...))
	e, m := s.publishMedia("x", "a", "1", "2")
	one := s.letterFor(node, a, e)
	s.wantMedia("x", e.UUID, m, "1", "2") // the other queue has it yet
	s.wantMedia("x.dead", one.UUID, m, "1", "2")
	two := s.letterFor(node, b, e)
	s.wantMedia("x", e.UUID, nil)
	s.sweep(-time.Hour)
	s.wantMedia("x.dead", one.UUID, m, "1", "2")
	s.wantMedia("x.dead", two.UUID, m, "1", "2")
	next := s.upload("text/css", "3")
	s.refused(giving(one, next, m.ID+100), bus.ErrChanged)
	s.must(giving(one, next, m.ID)) // of one letter alone
	s.wantMedia("x.dead", one.UUID, next, "3")
	s.sweep(-time.Hour)
	s.wantMedia("x.dead", two.UUID, m, "1", "2")
	back := entry("x", "a")
	again := &bus.Op{Kind: bus.OpRequeue, Posts: []bus.Posting{{Entry: back, Queue: "q"}}, Again: bus.Again{ID: e.ID}, At: s.at}
	again.Settle = settling(bus.Acked, s.claim(node, s.open("x.dead", "default"), 1, two.ID)...).Settle
	s.must(again)
	s.sweep(-time.Hour)
	s.wantMedia("x", back.UUID, m, "1", "2")
	s.must(removing(back, 0))
	if n := s.sweep(-time.Hour); n != 2 {
		s.Errorf("swept %d chunks once nobody had them, want 2", n)
	}
	s.wantChunks(m.ID)
}

func testReplaceMedia(t *testing.T, s *suite) {
	e, m := s.publishMedia("x", "a", "1")
	plain := entry("x", "b")
	s.must(through("q", plain))
	q := s.queue("x", "q")
	next := s.upload("text/css", "2", "3")
	s.refused(giving(plain, next, 0), bus.ErrNoMedia)
	s.refused(giving(entry("x", "none"), next, 0), bus.ErrNoEntry)
	s.refused(giving(e, next, m.ID+100), bus.ErrChanged)
	s.wantMedia("x", e.UUID, m, "1")
	op := giving(e, next, m.ID)
	s.must(op)
	got := op.Posts[0].Entry
	want := e.Member
	want.ID, want.Edits, want.Media, want.Edited, want.Updated = 3, 1, "text/css", s.at, s.at
	s.wantMember(want, got)
	s.wantMember(want, s.find("x", e.UUID))
	s.wantMedia("x", e.UUID, next, "2", "3")
	s.wantTitles(bus.Query{Feed: "x"}, "b", "a")
	s.wantAccount(3, plain, got)
	s.wantWaiting(q, 2)
	s.wantChunks(m.ID, "1") // readers under way go on
	if n := s.sweep(-time.Hour); n != 1 {
		t.Errorf("swept %d chunks, want that of the former media", n)
	}
	s.wantChunks(m.ID)
	s.wantMedia("x", e.UUID, next, "2", "3")
}

// Whoever gives an entry other media says what trace it belongs to from then on.
func testTraceOfMedia(t *testing.T, s *suite) {
	e, _ := s.publishMedia("x", "a", "1")
	s.must(through("q", entry("x", "b")))
	for _, trace := range []feeds.Trace{feeds.NewTrace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "v=1"), feeds.NewTrace("00-5cfa2f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), {}} {
		was := s.find("x", e.UUID).XML
		op := giving(e, s.upload("text/css", "2"), 0)
		op.Trace = trace
		s.must(op)
		got := op.Posts[0].Entry
		if want := feeds.WithTrace(was, trace); string(got.XML) != string(want) || op.Freed != int64(len(was)) {
			t.Errorf("given the trace %+v it is\n%s\nwant\n%s", trace, got.XML, want)
		}
		s.wantMember(got.Member, s.find("x", e.UUID))
		s.wantAccount(2+got.Edits, s.read(bus.Query{Feed: "x", Limit: 9})...)
	}
}

func testMediaGoes(t *testing.T, s *suite) {
	ctx := context.Background()
	s.at = time.Now().UTC().Truncate(time.Microsecond) // stores prune by the clock
	removed, _ := s.publishMedia("x", "1", "a")
	pruned, _ := s.publishMedia("x", "2", "b")
	stays, m := s.publishMedia("x", "3", "c")
	dropped, _ := s.publishMedia("y", "4", "d")
	acked := entry("z", "5")
	op := through("q", acked)
	op.Media = s.upload("image/png", "e")
	s.must(op)
	node := s.join()
	s.must(settling(bus.Acked, s.claim(node, s.queue("z", "q"), 1, acked.ID)...))
	removal := removing(removed, 0)
	s.must(removal, dropping("y"))
	if removal.Posts[0].Entry.Media != "" {
		t.Error("a tombstone has media")
	}
	if _, err := s.Prune(ctx, "x", pruned.ID, 10); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*bus.Entry{removed, pruned, dropped, acked} {
		s.wantMedia(e.Feed, e.UUID, nil)
	}
	if n := s.sweep(time.Hour); n != 0 {
		t.Errorf("swept %d chunks at once", n)
	}
	if n := s.sweep(-time.Hour); n != 4 {
		t.Errorf("swept %d chunks, want 4", n)
	}
	s.wantMedia("x", stays.UUID, m, "c")
}

func testSweepUploads(t *testing.T, s *suite) {
	s.at = time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	old := s.upload("image/png", "1", "2", "3")
	s.at = s.at.Add(time.Hour)
	fresh := s.upload("image/png", "4")
	kept, m := s.publishMedia("x", "a", "5")
	if n := s.sweep(time.Minute); n != 3 {
		t.Errorf("swept %d chunks, want 3", n)
	}
	if _, err := s.Stage(context.Background(), old.ID, 3, []byte("6"), s.at); !errors.Is(err, bus.ErrNoMedia) {
		t.Errorf("Stage of a swept upload: %v, want ErrNoMedia", err)
	}
	s.refused(withMedia(entry("x", "b"), old), bus.ErrNoMedia)
	s.wantChunks(fresh.ID, "4")
	s.wantMedia("x", kept.UUID, m, "5")
}

func testKeyedMedia(t *testing.T, s *suite) {
	first := keyed("k", 1, entry("x", "a"))
	first.Media = s.upload("image/png", "1")
	s.must(first)
	again := keyed("k", 1, entry("x", "a"))
	again.Media = s.upload("image/png", "1")
	s.must(again)
	if !again.Posts[0].Replayed {
		t.Error("not replayed")
	}
	s.wantMember(first.Posts[0].Entry.Member, again.Posts[0].Entry)
	s.wantMedia("x", first.Posts[0].Entry.UUID, first.Media, "1")
	if n := s.sweep(-time.Hour); n != 1 {
		t.Errorf("swept %d chunks, want that of the repeated upload", n)
	}
}
