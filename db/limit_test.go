package db

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"atommq/bus"
	"atommq/db/dbtest"
)

// Nodes count feeds in the database, so together they make no more than one would.
func TestNodesTogetherMakeNoMoreFeedsThanTheirMakerMay(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "atommq.db")
		makeFeedsTogether(t, openAt(t, path), openAt(t, path))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := dbtest.Start(t, "fsync=off").Database(t)
		makeFeedsTogether(t, openAt(t, dsn), openAt(t, dsn))
	})
}

func makeFeedsTogether(t *testing.T, stores ...*Store) {
	const most = 10
	var made atomic.Int64
	var making sync.WaitGroup
	for n, s := range stores {
		for i := range 3 {
			making.Go(func() {
				for j := range 10 {
					name := fmt.Sprint(n, i, j)
					switch err := s.MakeFeed(t.Context(), name, "ann", most); {
					case err == nil:
						made.Add(1)
						mustCommit(t, s, publishing(t, name, 1)...)
					case !errors.Is(err, bus.ErrFeedsMade):
						t.Error(err)
					}
				}
			})
		}
	}
	making.Wait()
	list, err := stores[0].Feeds(t.Context(), "", "", 100)
	if err != nil || len(list) != most || made.Load() != most {
		t.Errorf("%d feeds, of which %d were made, %v; want %d", len(list), made.Load(), err, most)
	}
	for _, f := range list {
		if f.Owner != "ann" || f.Entries != 1 {
			t.Errorf("feed %+v", f)
		}
	}
}
