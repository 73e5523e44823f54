package db

import (
	"os"
	"regexp"
	"testing"

	"github.com/jmoiron/sqlx"
)

// The examples run as "sqlite3 -readonly" would run them, beside an open store.
func TestTheExamplesInTheDocumentationRun(t *testing.T) {
	text, err := os.ReadFile("../doc/db.md")
	if err != nil {
		t.Fatal(err)
	}
	s := openNew(t)
	mustCommit(t, s, through(t, "mycoolfeed", 50)...)
	prompt, err := sqlx.Open("sqlite3", sqliteOf(s).location.url("mode=ro"))
	if err != nil {
		t.Fatal(err)
	}
	defer prompt.Close()
	t.Chdir(t.TempDir()) // for the backup
	examples := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllSubmatch(text, -1)
	if len(examples) < 5 {
		t.Fatalf("%d examples found", len(examples))
	}
	for _, example := range examples {
		if err := count(t, prompt, string(example[1])); err != nil {
			t.Errorf("%s: %v", example[1], err)
		}
	}
	if _, err := os.Stat("backup.db"); err != nil {
		t.Error(err)
	}
}

// count runs query to its end.
func count(t *testing.T, db *sqlx.DB, query string) error {
	t.Helper()
	rows, err := db.QueryxContext(t.Context(), query)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	t.Logf("%s%d rows", query, n)
	return rows.Err()
}

// Every column is described where its table is.
func TestTheDocumentationNamesEveryColumn(t *testing.T) {
	text, err := os.ReadFile("../doc/db.md")
	if err != nil {
		t.Fatal(err)
	}
	s := openNew(t)
	var columns []string
	err = s.reader.SelectContext(t.Context(), &columns, `SELECT DISTINCT c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
		WHERE t.type = 'table' AND t.name LIKE 'atommq%' AND t.name <> 'atommq_schema' AND c.name <> 'one'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range columns {
		if !regexp.MustCompile("`" + c + "`").Match(text) {
			t.Errorf("column %s is not described", c)
		}
	}
}
