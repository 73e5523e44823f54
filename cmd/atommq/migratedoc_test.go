package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"atommq/stompgw/stomp"
)

const migrateDoc = "../../doc/migrate.md"

// oldDatabases are those that doc/migrate.md imports, by file.
var oldDatabases = map[string]string{
	"atombus.db": `CREATE TABLE atombus_entry (order_id INTEGER PRIMARY KEY NOT NULL, id varchar(100) NOT NULL UNIQUE, feed_title varchar(255) NOT NULL, title text NOT NULL,
			author_name varchar(255), author_email varchar(255), updated varchar(100) NOT NULL, content text NOT NULL);
		INSERT INTO atombus_entry VALUES (1, 'urn:uuid:3F2504E0-4F89-11D3-9A0C-0305E82C3301', 'widgets', 'first', NULL, NULL, '2010-06-01T10:00:00Z', 'one'),
			(2, 'urn:uuid:3F2504E0-4F89-11D3-9A0C-0305E82C3302', 'widgets', 'second', NULL, NULL, '2010-06-02T10:00:00Z', 'two'),
			(3, 'urn:uuid:3F2504E0-4F89-11D3-9A0C-0305E82C3303', 'gadgets', 'third', NULL, NULL, '2010-06-02T10:00:00Z', 'three')`,
	"ocamlmq.db": `CREATE TABLE ocamlmq_msgs (msg_id VARCHAR(255) NOT NULL PRIMARY KEY, priority INT NOT NULL, destination VARCHAR(255) NOT NULL, timestamp DOUBLE NOT NULL,
			ack_timeout DOUBLE NOT NULL, body BLOB NOT NULL);
		INSERT INTO ocamlmq_msgs VALUES ('a', 0, 'jobs', 1290000000.5, 0, x'6f6e65'), ('b', 0, 'jobs', 1290000001.5, 0, x'74776f')`,
}

func TestTheWaysOfMigratingWorkAsWritten(t *testing.T) {
	shell := newShell(t, startServer(t))
	for name, statements := range oldDatabases {
		if out, err := exec.CommandContext(t.Context(), "sqlite3", filepath.Join(shell.dir, name), statements).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	transcripts := readTranscripts(t, migrateDoc)
	if len(transcripts) < 5 {
		t.Errorf("%d commands", len(transcripts))
	}
	for _, tr := range transcripts {
		out, err := shell.run(t, tr.command)
		if err != nil || !tr.matches(out) {
			t.Errorf("line %d: %s: %v\nprints:\n%s\nthe page has:\n%s", tr.line, tr.command, err, out, strings.Join(tr.output, "\n"))
		}
	}
}

func TestTheBridgeFromOtherBrokersMovesMessagesOnce(t *testing.T) {
	needLibrary(t, "stomp.py", "python3-stomp", systemPython, "-c", "import stomp")
	old, server := startServer(t), startServer(t)
	text, err := os.ReadFile(migrateDoc)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```python\n")
	block, _, _ := strings.Cut(rest, "```")
	script := filepath.Join(t.TempDir(), "bridge.py")
	writeFile(t, script, strings.ReplaceAll(block, "timeout=5", "timeout=1"))
	sender := connect(t, old.Stomp)
	for i := range 3 {
		sender.must(t, stomp.SEND, fmt.Sprint("job ", i), "destination", "/queue/jobs", "content-type", "text/plain")
	}
	sender.must(t, stomp.SEND, "\x00\xff", "destination", "/queue/jobs")
	out, err := exec.CommandContext(t.Context(), systemPython, script, old.Stomp, server.Stomp, "/queue/jobs").CombinedOutput()
	if err != nil || strings.Count(string(out), "moved ") != 4 {
		t.Fatalf("the bridge: %v\n%s", err, out)
	}
	for name, waiting := range map[string]string{old.DB: "0", server.DB: "4"} {
		out, err := exec.CommandContext(t.Context(), "atommq", "queues", "--db", name).Output()
		if fields := strings.Fields(string(out)); err != nil || len(fields) < 10 || fields[9] != waiting {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	out, err = exec.CommandContext(t.Context(), "sqlite3", server.DB, "SELECT count(*) FROM atommq_entry WHERE xml LIKE '%>AP8=<%'").Output()
	if err != nil || string(out) != "1\n" {
		t.Errorf("of the body of bytes there are %s, %v", out, err)
	}
}
