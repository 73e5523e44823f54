package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program that was replaced goes on until it is restarted, and a newer one that is typed beside it,
// even for a list, must not take the tables away from under it.
func TestOnlyAServerAndMigrateUpBringAFileUpToDate(t *testing.T) {
	dump, err := os.ReadFile("../../migrations/testdata/v6.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bus.db")
	sqlite := exec.CommandContext(t.Context(), "sqlite3", path)
	sqlite.Stdin = strings.NewReader(string(dump))
	if out, err := sqlite.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, command := range [][]string{
		{"queues"}, {"feeds"}, {"feeds", "prune", "first", "--keep", "0"}, {"user", "list"}, {"user", "add", "cid", "--no-password"},
		{"user", "limit", "*", "connections=1"}, {"import", "x.atom"}, {"gateway", "--stomp", "127.0.0.1:0"},
	} {
		out, err := exec.CommandContext(t.Context(), "atommq", append(command, "--db", path)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "has version 6") || !strings.Contains(string(out), "run atommq migrate up with this program") {
			t.Errorf("%s: %v: %s", command, err, out)
		}
		if status := string(runAtommq(t, "migrate", "status", "--db", path)); !strings.Contains(status, "00007_offered.sql  pending") {
			t.Fatalf("%s migrates the file:\n%s", command, status)
		}
	}
	startServer(t, "--db", path)
	if out := string(runAtommq(t, "queues", "--db", path)); !strings.Contains(out, "work") {
		t.Errorf("a server's file has the queues\n%s", out)
	}
}
