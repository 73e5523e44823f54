package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"atommq/stompgw/stomp"
)

// Rules name feeds, and no way to write a path, or to name another resource beside it, leads around
// them: neither to the server nor to one behind nginx.
func TestNoPathLeadsAroundTheRules(t *testing.T) {
	db := filepath.Join(t.TempDir(), "atommq.db")
	runCommand(t, "user", "allow", "anonymous", "read,publish", "public*", "--db", db)
	server := startServer(t, "--db", db, "--login", "me", "--passcode", "secret", "--trusted-proxies", "127.0.0.1")
	_, nginx := nginxProxy(t, server)
	for _, feed := range []string{"secret", "public"} {
		c := connect(t, server.Stomp)
		c.must(t, stomp.SEND, "this is "+feed, "destination", "/topic/"+feed)
	}
	targets := []string{
		"/feeds/secret", "/feeds/secret/", "/feeds/secret.atom", "/feeds/secret.json", "/feeds/secret.html", "/feeds/%73ecret", "/feeds/secre%74", "/feeds/%2573ecret",
		"/feeds/public/../secret", "/feeds/public/%2e%2e/secret", "/feeds/public%2f..%2fsecret", "/feeds/public%2F%2E%2E%2Fsecret", "/feeds/public/..%2fsecret", "/feeds/public/..;/secret",
		"/feeds/public\\..\\secret", "/feeds/public%5c..%5csecret", "/feeds/public/%c0%ae%c0%ae/secret", "/feeds/public/%e0%80%ae./secret", "/feeds//secret", "//feeds/secret", "/./feeds/secret",
		"/feeds/./secret", "/feeds/x/../../feeds/secret", "/feeds/public%00/../secret", "/feeds/secret%00", "/feeds/secret%00.atom", "/feeds/secret%0a", "/feeds/secret;public", "/feeds/secret%3bpublic",
		"/feeds/public%2f/../../secret", "/FEEDS/secret", "/feeds/SECRET", "/feeds/secret%20", "/feeds/secret.", "/feeds/%EF%BD%93ecret", "/feeds/secret%23public", "/feeds/secret?feed=public",
		"/feeds/public?feed=secret", "/feeds?feed=secret", "/feeds?feed=public&feed=secret", "/feeds?feed=*", "/feeds?feed=s*&after=0", "/feeds?feed=public%2f..%2fsecret&after=0", "/feeds?feed=secret&format=ndjson",
		"/feeds/secret/archive/0-63", "/feeds/secret/archive/1-64", "/feeds/secret/queues/default/entries", "/feeds/public/queues/..%2f..%2f..%2fsecret/entries", "/feeds/secret/categories", "/feeds/secret/settings",
		"/feeds", "/feeds?format=json", "/service", "/metrics", "/feeds/secret.dead", "/stomp/../feeds/secret", "http://localhost/feeds/secret", "http://public/feeds/secret", "/feeds/public#/../secret", "*",
		"/feeds/" + strings.Repeat("../", 1000) + "secret", "/feeds/" + strings.Repeat("%2e%2e%2f", 1000) + "secret",
	}
	for _, target := range targets {
		for name, address := range map[string]string{"the server": server.address(), "nginx": nginx} {
			for _, field := range []string{"X-Original-URL: /feeds/secret", "X-Forwarded-Prefix: /feeds/secret"} {
				answer := onWire(t, address, request("GET "+target, "", "Accept: application/atom+xml", "Prefer: wait=0", field))
				if strings.Contains(answer, "this is secret") || strings.Contains(answer, ">secret<") || strings.Contains(answer, "HTTP/1.1 5") {
					t.Errorf("GET %.80s from %s is answered with %.600s", target, name, answer)
				}
			}
		}
	}
	if answer := onWire(t, server.address(), request("GET /feeds/public", "")); !strings.Contains(answer, "this is public") {
		t.Errorf("what everybody may read is answered with %s", answer)
	}
	c := stranger(t, server)
	for _, destination := range []string{
		"/topic/secret", "/queue/secret", "/topic/secret*", "/topic/public/../secret", "/topic/./secret", "/topic//secret", "/topic/%73ecret", "/queue/public/../secret", "/temp-queue/../topic/secret", "/topic/se*",
	} {
		if err := c.send(stomp.SUBSCRIBE, "", "destination", destination, "id", "1", "Xlastid", "0", "receipt", "1"); err != nil {
			t.Fatal(err)
		}
		if f, err := c.receive(); err != nil || f.command == stomp.MESSAGE || f.command == stomp.RECEIPT && !strings.HasPrefix(destination, "/topic/public") {
			t.Errorf("%s: %v, %v", destination, f, err)
		}
		c = stranger(t, server)
	}
	if err := c.send(stomp.SUBSCRIBE, "", "destination", "/topic/*", "id", "1", "Xlastid", "0"); err != nil {
		t.Fatal(err)
	}
	if m := c.message(t); m.body != "this is public" {
		t.Errorf("the first message of all is %q", m.body)
	}
}

// stranger begins a session without an account.
func stranger(t *testing.T, server *process) *stompClient {
	t.Helper()
	conn, err := net.Dial("tcp", server.Stomp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &stompClient{Conn: conn, frames: stomp.NewReader(conn, stomp.Limits{})}
	if err := c.send(stomp.CONNECT, "", "accept-version", "1.2", "host", "x"); err != nil {
		t.Fatal(err)
	}
	if f, err := c.receive(); err != nil || f.command != stomp.CONNECTED {
		t.Fatal(f, err)
	}
	c.frames.SetVersion(stomp.V12)
	return c
}
