package db

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"atommq/db/dbtest"
)

// What holds for a file holds for a server, whatever the planner takes the tables to be: here it knows them as empty.
func TestNoFrequentStatementScansOnAServer(t *testing.T) {
	s := openServerAt(t, dbtest.Start(t, "fsync=off").Database(t))
	session, err := s.reader.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.ExecContext(t.Context(), "ANALYZE; "+writerSession+"; SET plan_cache_mode = force_generic_plan"); err != nil {
		t.Fatal(err)
	}
	statements := frequentStatements()
	// These have other texts here.
	for _, name := range []string{"claim", "expire", "hand out", "take out", "lease", "count"} {
		delete(statements, name)
	}
	statements["take"], statements["take all"], statements["count"] = takeUnlocked, takeAll, updateWaitingArrays
	statements["take held"], statements["take held array"] = takeHeld.span, takeHeld.array
	statements["ack array"], statements["release array"], statements["leave array"] = deleteClaims.array, releaseClaims.array, deleteEntries.array
	statements["unwanted array"] = selectUnwanted.array
	for name, query := range statements {
		for _, line := range serverPlan(t, session, query) {
			// The keys of a unit, and the names of feeds that changed, are few.
			sorts := strings.Contains(line, "Sort Key: ") && !slices.Contains([]string{"key", "Changed"}, name) && !strings.Contains(line, "moved.")
			if sorts || strings.Contains(line, "Seq Scan on atommq") && !strings.Contains(line, "atommq_node") {
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
