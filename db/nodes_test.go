package db

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"atommq/bus"
	"atommq/db/dbtest"
	"atommq/feeds"
)

// TestNodesOnOneFileShareTheLog runs two buses, each with a store of its own as two processes
// have, on one file: publishers that also edit, and followers, on both.
func TestNodesOnOneFileShareTheLog(t *testing.T) {
	shareLog(t, filepath.Join(t.TempDir(), "atommq.db"))
}

func TestNodesOnOneServerShareTheLog(t *testing.T) {
	shareLog(t, dbtest.Start(t, "fsync=off").Database(t))
}

func shareLog(t *testing.T, dsn string) {
	const writers, each = 4, 150
	nodes := []*bus.Bus{openNode(t, dsn), openNode(t, dsn)}
	var writing, reading sync.WaitGroup
	for w := range writers {
		b := nodes[w%len(nodes)]
		writing.Go(func() {
			for i := range each {
				if err := publishAndEdit(t, b, fmt.Sprintf("%d/%d", w, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 4 {
		reading.Go(func() { followToEnd(t, nodes[i%len(nodes)], writers*each) })
	}
	writing.Wait()
	end := &feeds.Entry{Title: "end", XML: []byte("<entry/>")}
	if _, err := nodes[0].Publish(t.Context(), bus.Post{Feed: "x", Entry: end}); err != nil {
		t.Fatal(err)
	}
	reading.Wait()
}

func openNode(t *testing.T, path string) *bus.Bus {
	t.Helper()
	s := openAt(t, path)
	b, err := bus.Open(t.Context(), s, s, bus.Config{CacheBytes: 64 << 10, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// publishAndEdit publishes an entry and replaces it, which moves it.
func publishAndEdit(t *testing.T, b *bus.Bus, title string) error {
	e := &feeds.Entry{Title: title, XML: []byte("<entry/>")}
	out, err := b.Publish(t.Context(), bus.Post{Feed: "x", Entry: e})
	if err != nil {
		return err
	}
	final := &feeds.Entry{Title: title + " final", XML: []byte("<entry/>")}
	_, err = b.Replace(t.Context(), "x", out[0].UUID, final, out[0].ID)
	return err
}

// followToEnd follows feed x until its last entry, and checks that ids rise and that
// the final form of every entry came by, once.
func followToEnd(t *testing.T, b *bus.Bus, want int) {
	s := b.Follow(bus.Only("x"), 0)
	defer s.Close()
	seen := make(map[string]bool)
	for after := int64(0); ; {
		page, err := s.Next(t.Context(), 7)
		if err != nil {
			t.Error(err)
			return
		}
		for _, e := range page {
			if e.ID <= after {
				t.Errorf("id %d came after %d", e.ID, after)
			}
			after = e.ID
			switch {
			case e.Title == "end":
				if len(seen) != want {
					t.Errorf("a follower saw the final form of %d entries, want %d", len(seen), want)
				}
				return
			case e.Edits > 0 && seen[e.Title]:
				t.Errorf("%q came twice", e.Title)
			case e.Edits > 0:
				seen[e.Title] = true
			}
		}
	}
}
