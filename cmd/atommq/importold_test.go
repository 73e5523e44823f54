package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"atommq/db/dbtest"
)

// ocamlmq's own tables in PostgreSQL, with what a consumer had.
var ocamlmqOnServer = []string{
	`CREATE TABLE ocamlmq_msgs(ack_pending BOOL NOT NULL, msg_id VARCHAR(255) NOT NULL PRIMARY KEY, priority INT NOT NULL, destination VARCHAR(255) NOT NULL,
		timestamp TIMESTAMP WITHOUT TIME ZONE NOT NULL, ack_timeout FLOAT NOT NULL, body BYTEA NOT NULL)`,
	`INSERT INTO ocamlmq_msgs VALUES (true, 'conn-1', 0, 'jobs', '2010-11-17 13:20:00.5', 3.14, 'one'), (false, 'conn-2', 0, 'jobs', '2010-11-17 13:20:01', 0, '\x00ff')`,
}

func TestMessagesOfOcamlmqInPostgreSQLAreImported(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	server := cluster.Database(t)
	cluster.Execute(t, "test1", ocamlmqOnServer...)
	path := filepath.Join(t.TempDir(), "bus.db")
	run := func(want string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "atommq", append(args, "--db", path)...).CombinedOutput()
		if err != nil || !regexp.MustCompile(want).Match(out) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	run("applied", "migrate", "up")
	run("imported 2, had 0", "import", "--from", "ocamlmq", server)
	run("imported 0, had 2", "import", "--from", "ocamlmq", server)
	run(`jobs +default +2 `, "queues")
	run("nothing is wrong", "check")
	// What keeps the database from being read is no missing table.
	cluster.Execute(t, "test1", "CREATE ROLE stranger LOGIN")
	strange := strings.Replace(server, "user=atommq", "user=stranger", 1)
	for dsn, want := range map[string]string{"postgres://127.0.0.1:1/x": "connection refused", strange: "permission denied"} {
		out, err := exec.CommandContext(t.Context(), "atommq", "import", "--from", "ocamlmq", dsn, "--db", path).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "has no table") {
			t.Errorf("import from %s: %v: %s", dsn, err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "sqlite3", path, "SELECT title, published FROM atommq_entry ORDER BY id LIMIT 1").Output()
	if err != nil || string(out) != "one|1290000000500000\n" {
		t.Errorf("the first one is %q, %v", out, err)
	}
}
