package db

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"atommq/db/dbtest"
)

// unanalyzed fills tables with rows that the planner does not know yet.
const unanalyzed = `
	INSERT INTO atommq_entry (id, feed, uuid, title, atom_id, published, updated, edited, absent, xml)
		SELECT i, 'x', 'u' || i, 't', '', 0, 0, 0, 0, repeat('x', 200) FROM generate_series(1, 20000) AS i;
	INSERT INTO atommq_ready (queue, rank, id, attempts, bytes, ack_timeout, expires) SELECT 1, 5, i, 0, 200, 0, 0 FROM generate_series(1, 20000) AS i;
	INSERT INTO atommq_claim (node, queue, rank, id, attempts, bytes, ack_timeout, expires) SELECT 1, 1, 5, i, 0, 200, 0, 0 FROM generate_series(20001, 40000) AS i`

// What holds for a file holds for a server, whatever the planner takes the tables to be.
func TestNoFrequentStatementScansOnAServer(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off", "autovacuum=off")
	for name, before := range map[string]string{"known as empty": "ANALYZE", "not known": unanalyzed, "grown since": "ANALYZE; " + unanalyzed, "known": unanalyzed + "; ANALYZE"} {
		t.Run(name, func(t *testing.T) { checkServerPlans(t, openAt(t, cluster.Database(t)), before) })
	}
}

// checkServerPlans finds statements that look for their rows in vain, or collect more than they need.
func checkServerPlans(t *testing.T, s *Store, before string) {
	session, err := s.reader.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.ExecContext(t.Context(), before+"; SET plan_cache_mode = force_generic_plan"); err != nil {
		t.Fatal(err)
	}
	statements := frequentStatements()
	// These have other texts here.
	for _, name := range []string{"claim", "expire", "hand out", "take out", "lease", "count"} {
		delete(statements, name)
	}
	statements["take"], statements["take all"], statements["count"] = takeUnlocked, takeAll, updateWaitingArrays
	statements["take within"], statements["take all within"] = takeUnlockedBounded, takeAllBounded
	statements["take held"], statements["take held array"] = takeHeld.span, takeHeld.array
	statements["ack array"], statements["release array"], statements["leave array"] = deleteClaims.array, releaseClaims.array, deleteEntries.array
	statements["unwanted array"], statements["plain"] = selectUnwanted.array, publishPlain
	// Where the counter has the newest id, no entry is looked at.
	for _, query := range []string{readHead, readCounter} {
		if lines := serverPlan(t, session, query); strings.Contains(strings.Join(lines, "\n"), "atommq_entry") {
			t.Errorf("the counter is read with the entries: %q", lines)
		}
	}
	// The keys of a unit, the names of feeds that changed, and what a commit names by id are few.
	small := regexp.MustCompile("atommq_(node|log) ")
	few := []string{"key", "Changed", "held list", "unwanted array"}
	for name, query := range statements {
		for _, line := range serverPlan(t, session, query) {
			sorts := strings.Contains(line, "Sort Key: ") && !slices.Contains(few, name) && !strings.Contains(line, "moved.") && !strings.Contains(line, "front.")
			if sorts || strings.Contains(line, "Bitmap") || strings.Contains(line, "Anti Join") && name != "empty" || strings.Contains(line, "Seq Scan on atommq") && !small.MatchString(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

// serverPlan returns the plan for a statement whose parameters are not known.
func serverPlan(t *testing.T, session *sqlx.Conn, query string) (lines []string) {
	t.Helper()
	text := pgText(query)
	params := 0
	for strings.Contains(text, fmt.Sprint("$", params+1)) {
		params++
	}
	explain := "EXPLAIN EXECUTE planned"
	if params > 0 {
		explain += "(NULL" + strings.Repeat(", NULL", params-1) + ")"
	}
	for _, q := range []string{"PREPARE planned AS " + text, explain, "DEALLOCATE planned"} {
		var err error
		if q == explain {
			err = session.SelectContext(t.Context(), &lines, q)
		} else {
			_, err = session.ExecContext(t.Context(), q)
		}
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return lines
}
