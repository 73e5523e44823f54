package db

import (
	"database/sql/driver"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// frequentStatements are those of requests, commits and polls.
func frequentStatements() map[string]string {
	return map[string]string{
		"Read oldest": readOldest, "Read newest": readNewest, "outline": outlines[readOldest], "outline newest": outlines[readNewest], "Find": readFind, "Changed": readChanged,
		"Feed": readFeed, "Feeds after": readFeedsAfter, "Feeds before": readFeedsBefore, "names": readNames, "lost": readPrunedAbove,
		"edit": selectCurrent, "replace": updateReplace, "configure": setFeed,
		"key": selectKeys.text(4), "replay": selectEntries.text(4), "forget": forgetKeys,
		"prune count": pruneCount, "prune delete": pruneDelete, "prune update": pruneUpdate,
		"queues of feeds": selectQueuesOf.text(4), "owner": selectOwner, "count": updateWaiting, "queue": readQueue, "queues": readQueuesAfter, "make queue": insertQueue,
		"Fetch span": fetchEntries.span, "Fetch list": fetchEntries.list[2],
		"claim": selectReady, "expire": deleteExpired, "hand out": insertClaims, "take out": deleteReady,
		"ack span": deleteClaims.span, "ack list": deleteClaims.list[2], "held": countClaims.span, "held list": heldClaims.list[2],
		"release": releaseClaims.span, "release list": releaseClaims.list[2], "leave": deleteEntries.span, "leave list": deleteEntries.list[2],
		"withdraw": deleteReadyWork, "withdraw claims": deleteClaimWork, "renew": renewReady, "renew claims": renewClaim,
		"lease": insertLeases, "lease span": leaseClaims.span, "lease list": leaseClaims.list[2], "leases": readLeases,
		"purge": selectPurge, "purge span": deleteReadyByID.span, "purge list": deleteReadyByID.list[2], "waiting": selectWaiting, "left": selectLeft, "work": selectWork, "original": selectAt,
		"draft": readDraft, "media": readMedia, "chunk": readChunk, "touch": touchUpload, "adopt": adoptMedia, "let go": releaseMedia,
		"let go of feed": releaseFeedMedia, "pruned media": prunedMedia, "acked media": releaseEntries.list[2], "revision": selectRevision,
		"limited": readLimited, "old": readOld, "media size": readMediaSize, "left alone": releaseUploads, "orphans": selectOrphans, "empty": deleteEmpty,
		"media at": mediaAt, "type media": typeMedia, "share media": shareMediaAt, "sharers": deleteSharers, "named again": selectNamed,
		"make feed": insertOwned, "feeds made": countOwned, "strike batch": selectBatch, "strike holders": selectHolders, "strike return": returnBatch, "strike delete": deleteBatch,
	}
}

// What is asked for each request, commit and poll must cost the same in a log of
// any size: it finds its rows through an index and does not sort them.
func TestNoFrequentStatementScans(t *testing.T) {
	s := openNew(t)
	mustCommit(t, s, publishing(t, "x", 1)...)
	// What a plan may say that reads no table: the values given, and what a
	// subquery found.
	harmless := []string{"SCAN 4-ROW VALUES CLAUSE", "SCAN oldest", "SCAN newer", "SCAN m", "SCAN l", "SCAN n", "SCAN atommq_log", "SCAN CONSTANT ROW"}
	for name, query := range frequentStatements() {
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
	sqliteOf(s).mu.Lock()
	defer sqliteOf(s).mu.Unlock()
	err := s.writer.query("EXPLAIN QUERY PLAN "+query, nil, func(v []driver.Value) { lines = append(lines, v[3].(string)) })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return lines
}

// A reader of many feeds gets one order of ids, and stops where its page is full.
func TestAPrefixIsReadInTheOrderOfTheLog(t *testing.T) {
	s := openNew(t)
	want := []string{"SEARCH atommq_entry USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"}
	for _, query := range []string{readPrefixOldest, readPrefixNewest} {
		if diff := cmp.Diff(want, plan(t, s, query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

// Whether anybody still waits for an entry is looked up by key, in however much work there is.
func TestWorkIsFoundByItsWholeKey(t *testing.T) {
	s := openNew(t)
	const ready, claimed = "SEARCH r EXISTS USING PRIMARY KEY (queue=? AND rank=? AND id=?)", "SEARCH c EXISTS USING PRIMARY KEY (node=? AND queue=? AND rank=? AND id=?)"
	tests := []struct{ query, search string }{
		{selectUnwanted.span, ready},
		{selectUnwanted.span, claimed},
		{selectUnwanted.list[3], ready},
		{selectUnwanted.list[3], claimed},
		{deleteReadyWork, "SEARCH atommq_ready USING PRIMARY KEY (queue=? AND rank=? AND id>? AND id<?)"},
		{deleteClaimWork, "SEARCH atommq_claim USING PRIMARY KEY (node=? AND queue=? AND rank=? AND id>? AND id<?)"},
		{renewClaim, "SEARCH atommq_claim USING PRIMARY KEY (node=? AND queue=? AND rank=? AND id=?)"},
		{insertClaims, "SEARCH atommq_ready USING PRIMARY KEY (queue=? AND (rank,id)<(?,?))"},
		{returnBatch, "SEARCH atommq_claim USING PRIMARY KEY (node=? AND (queue,rank,id)<(?,?,?))"},
	}
	for _, test := range tests {
		if lines := plan(t, s, test.query); !slices.Contains(lines, test.search) {
			t.Errorf("%q does not contain %q", lines, test.search)
		}
	}
}
