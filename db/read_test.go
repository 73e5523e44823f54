package db

import (
	"testing"

	"atommq/bus"
)

// No name is behind all text, so there is no first one to begin at.
func TestAPrefixThatNoNameBeginsWithReadsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string, _ func(testing.TB, *Store)) {
		s := openAt(t, dsn)
		mustCommit(t, s, publishing(t, "secret", 1)...)
		for _, q := range []bus.Query{{Feed: "\xff"}, {Feed: "\xff", Newest: true}, {Feed: "\xffsecret"}} {
			q.Prefix, q.Limit = true, 10
			if page, err := s.Read(t.Context(), q); err != nil || len(page) != 0 {
				t.Errorf("prefix %q, newest first: %t: reads %d entries, %v", q.Feed, q.Newest, len(page), err)
			}
		}
	})
}

func TestChangedGivesUpOnMoreThanItCanLookThrough(t *testing.T) {
	s := openNew(t)
	sqlExec(t, s, "UPDATE atommq_log SET last_id = 1000000")
	mustCommit(t, s, publishing(t, "x", 1)...)
	if names, head, more, err := s.Changed(t.Context(), 0, 10); err != nil || !more || head != 1000001 || names != nil {
		t.Errorf("from far behind: %q, %d, %v, %v", names, head, more, err)
	}
	if names, _, more, err := s.Changed(t.Context(), 1000000, 10); err != nil || more || len(names) != 1 {
		t.Errorf("from nearby: %q, %v, %v", names, more, err)
	}
}
