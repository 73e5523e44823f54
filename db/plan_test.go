package db

import (
	"database/sql/driver"
	"strings"
	"testing"
)

// What is asked for each request, commit and poll must cost the same in a log of
// any size: it finds its rows through an index and does not sort them.
func TestNoFrequentStatementScans(t *testing.T) {
	s := openNew(t)
	mustCommit(t, s, publishing(t, "x", 1)...)
	statements := map[string]string{
		"Read oldest": readOldest, "Read newest": readNewest, "Find": readFind, "Changed": readNames,
		"Feed": readFeed, "Feeds after": readFeedsAfter, "Feeds before": readFeedsBefore,
		"edit": selectCurrent, "replace": updateReplace, "configure": setFeed,
		"key": selectKeys.text(4), "replay": selectEntries.text(4), "forget": forgetKeys,
		"prune count": pruneCount, "prune delete": pruneDelete, "prune update": pruneUpdate,
	}
	// What a plan may say that reads no table: the values given, and what a
	// subquery found.
	harmless := []string{"SCAN 4-ROW VALUES CLAUSE", "SCAN oldest", "SCAN newer"}
	for name, query := range statements {
		for _, line := range plan(t, s, query) {
			scans := strings.HasPrefix(line, "SCAN")
			for _, h := range harmless {
				scans = scans && !strings.HasPrefix(line, h)
			}
			// Keys come in the order of Seq, a handful at a time.
			if scans || (strings.Contains(line, "TEMP B-TREE FOR ORDER BY") && name != "key") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

func plan(t *testing.T, s *Store, query string) (lines []string) {
	t.Helper()
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	err := s.writer.query("EXPLAIN QUERY PLAN "+query, nil, func(v []driver.Value) { lines = append(lines, v[3].(string)) })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return lines
}
