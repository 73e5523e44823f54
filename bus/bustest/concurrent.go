package bustest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"atommq/bus"
)

func testConcurrent(t *testing.T, s *suite) {
	const writers, each = 4, 100
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		reading.Go(func() { walk(t, s, writers*each, done) })
	}
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				op := publishing(entry("x", fmt.Sprintf("%d/%d", w, i)))
				op.At = s.at
				if err := s.Commit(context.Background(), Piece(op)); err != nil || op.Err != nil {
					t.Errorf("Commit: %v, %v", err, op.Err)
					return
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
}

// walk follows feed x with a cursor until want entries were seen, each once, or
// nothing is left to come.
func walk(t *testing.T, s *suite, want int, done <-chan struct{}) {
	var after int64
	seen := 0
	for last := false; ; {
		select {
		case <-done:
			last = true
		default:
		}
		page, err := s.Read(context.Background(), bus.Query{Feed: "x", After: after, Limit: 10})
		if err != nil {
			t.Errorf("Read: %v", err)
			return
		}
		if len(page) == 0 && last {
			break
		}
		if len(page) > 0 {
			seen += len(page)
			after = page[len(page)-1].ID
		}
	}
	if seen != want {
		t.Errorf("a reader saw %d entries of %d", seen, want)
	}
}
