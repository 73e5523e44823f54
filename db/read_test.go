package db

import "testing"

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
