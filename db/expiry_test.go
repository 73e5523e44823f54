package db

import (
	"path/filepath"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

func TestManyExpiredEntriesAreRemovedInPieces(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const expired = 2*expireLimit + 10
	publish := &bus.Op{Kind: bus.OpPublish, At: at}
	for i := range expired + 1 {
		e := &bus.Entry{Member: feeds.Member{Feed: "x", UUID: time.Unix(int64(i), 0).String(), XML: []byte("<entry/>")}}
		p := bus.Posting{Entry: e, Queue: bus.DefaultQueue, Rank: 5}
		if i < expired {
			p.Expires = at.Add(time.Second)
		}
		publish.Posts = append(publish.Posts, p)
	}
	node, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do := func(op *bus.Op) {
		t.Helper()
		if err := s.Commit(t.Context(), bustest.Piece(op)); err != nil || op.Err != nil {
			t.Fatal(err, op.Err)
		}
	}
	do(publish)
	q, err := s.Queue(t.Context(), "x", bus.DefaultQueue)
	if err != nil {
		t.Fatal(err)
	}
	total, orders := 0, 0
	for {
		order := &bus.Op{Kind: bus.OpClaim, At: at.Add(time.Minute), Order: bus.Order{Node: node, Queue: q.ID, Count: 1}}
		do(order)
		orders++
		total += order.Order.Expired
		if len(order.Order.Claims) > 0 {
			break
		}
		if !order.Order.More {
			t.Fatalf("after %d expired ones the store says that there is no more", total)
		}
	}
	if total != expired || orders < 2 {
		t.Errorf("%d expired in %d orders, want %d in 2 or more", total, orders, expired)
	}
	checkAccounts(t, s)
}
