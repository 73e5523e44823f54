package main

import (
	"strconv"
	"testing"
	"time"

	"atommq/api"
	"atommq/stompgw/stomp"
)

// takeoverLimit is how long the claims of a process that was killed may be with nobody: twice what
// is promised, as the machine may be busy.
const takeoverLimit = 20 * time.Second

func TestWhatAKilledProcessHandedOutGoesToAnotherOne(t *testing.T) {
	const messages = 10
	server := startServer(t)
	gateway := startGateway(t, server)
	doomed, heir := connect(t, gateway.Stomp), connect(t, server.Stomp)
	doomed.must(t, stomp.SUBSCRIBE, "", "destination", "/queue/work", "id", "1", "ack", "client-individual", "prefetch-count", strconv.Itoa(messages))
	for i := range messages {
		heir.must(t, stomp.SEND, strconv.Itoa(i), "destination", "/queue/work")
	}
	for range messages {
		doomed.message(t)
	}
	heir.must(t, stomp.SUBSCRIBE, "", "destination", "/queue/work", "id", "1", "ack", "client-individual")
	killed := time.Now()
	if err := gateway.kill(); err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		f := heir.message(t)
		if f.body != strconv.Itoa(i) || f.headers["redelivered"] != "true" {
			t.Errorf("message %d comes as %q, redelivered: %q", i, f.body, f.headers["redelivered"])
		}
	}
	took := time.Since(killed)
	t.Logf("with another one after %v", took)
	if took > takeoverLimit {
		t.Errorf("another one had the messages after %v, want %v at most", took, takeoverLimit)
	}
}

// A claim over HTTP is nobody's but its holder's.
func TestAClaimOverHTTPOutlivesTheProcessThatMadeIt(t *testing.T) {
	other := startServer(t)
	server := startServer(t, "--db", other.DB, "--base-url", other.URL) // so that links lead to the other one, as through a proxy
	b := newBrowser(t, server.URL+"feeds/jobs")
	client, heir := &api.Client{BaseURL: server.URL}, &api.Client{BaseURL: other.URL}
	cfg := api.ClaimConfig{Feed: "jobs", Queue: "default"}
	if _, err := client.Claim(t.Context(), cfg); err != nil { // which makes the queue
		t.Fatal(err)
	}
	if _, err := b.post("work", ""); err != nil {
		t.Fatal(err)
	}
	claims, err := client.Claim(t.Context(), cfg)
	if err != nil || len(claims) != 1 {
		t.Fatalf("%d claims, %v, want 1", len(claims), err)
	}
	if err := server.kill(); err != nil {
		t.Fatal(err)
	}
	if others, err := heir.Claim(t.Context(), cfg); err != nil || len(others) != 0 {
		t.Errorf("another one is handed %d entries, %v, want none: the claim holds", len(others), err)
	}
	if err := heir.Ack(t.Context(), claims[0]); err != nil {
		t.Errorf("ack at another process: %v", err)
	}
}
