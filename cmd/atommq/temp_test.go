package main

import (
	"path/filepath"
	"strings"
	"testing"

	"atommq/stompgw/stomp"
)

// TestAKilledServerLeavesNoTempQueue kills the server of a session that waits for answers. It is of a
// file: the node of a server on PostgreSQL is known to be gone after some seconds only.
func TestAKilledServerLeavesNoTempQueue(t *testing.T) {
	server := startServer(t, "--db", filepath.Join(t.TempDir(), "atommq.db"))
	asker, worker := connect(t, server.Stomp), connect(t, server.Stomp)
	asker.must(t, stomp.SEND, "How many?", "destination", "/queue/questions", "reply-to", "/temp-queue/answers")
	worker.must(t, stomp.SUBSCRIBE, "", "id", "1", "destination", "/queue/questions", "ack", "client-individual")
	address := worker.message(t).headers["reply-to"]
	if !strings.HasPrefix(address, "/queue/temp.") {
		t.Fatalf("reply-to %q", address)
	}
	if err := server.kill(); err != nil {
		t.Fatal(err)
	}
	server = startServer(t, "--db", server.DB)
	worker = connect(t, server.Stomp)
	worker.must(t, stomp.SEND, "42", "destination", address)
	worker.must(t, stomp.SUBSCRIBE, "", "id", "1", "destination", "/queue/questions")
	if question := worker.message(t); question.body != "How many?" || question.headers["redelivered"] != "true" {
		t.Errorf("got %v", question)
	}
	if out := run(t, "atommq", "feeds", "--db", server.DB); strings.Contains(out, "temp.") {
		t.Errorf("there are the feeds\n%s", out)
	}
}
