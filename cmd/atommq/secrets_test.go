package main

import (
	"encoding/base64"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// No password, passcode or token is shown by what a server logs at any level, answers, or counts,
// or by what commands print: neither those that are right nor those that were nearly.
func TestNoSecretIsShown(t *testing.T) {
	const passcode, password, wrong, ofServer = "passcode-S3CRET", "password-S3CRET", "mistyped-S3CRET", "postgres-S3CRET"
	db := filepath.Join(t.TempDir(), "atommq.db")
	add := exec.CommandContext(t.Context(), "atommq", "user", "add", "ann", "--db", db)
	add.Stdin = strings.NewReader(password + "\n")
	if out, err := add.CombinedOutput(); err != nil || strings.Contains(string(out), "S3CRET") {
		t.Fatalf("%v: %s", err, out)
	}
	runCommand(t, "user", "allow", "ann", "publish", "x", "--db", db)
	token := strings.TrimSpace(runCommand(t, "token", "add", "ann", "laptop", "--db", db))
	server := startServer(t, "--db", db, "--login", "me", "--passcode", passcode, "--log-level", "debug", "--admin", "127.0.0.1:0")
	shown := make(map[string]string)
	for who, credentials := range map[string]string{
		"the passcode": "Basic " + encoded("me:"+passcode), "the password": "Basic " + encoded("ann:"+password), "a wrong password": "Basic " + encoded("ann:"+wrong), "nobody's password": "Basic " + encoded("nobody:"+wrong),
		"a token": "Bearer " + token, "a token as a password": "Basic " + encoded("ann:"+token), "a wrong token": "Bearer " + token + wrong, "no scheme": wrong, "another scheme": "Digest " + wrong,
	} {
		for _, line := range []string{"GET /feeds/x", "POST /feeds/x", "GET /feeds/y?format=html", "GET /metrics", "GET /feeds/x?access_token=" + wrong, "BREW /feeds/x"} {
			shown["what "+who+" gets"] += onWire(t, server.address(), request(line, "", "Authorization: "+credentials, "Accept: application/json", "Content-Type: text/plain"))
		}
	}
	for login, code := range map[string]string{"me": passcode, "ann": password, "": token, "nobody": wrong, "an\\cn": wrong} {
		shown["ERROR"] += onWire(t, server.Stomp, "CONNECT\naccept-version:1.2\nhost:x\nlogin:"+login+"\npasscode:"+code+"\n\n\x00SEND\ndestination:/topic/y\n\nx\x00DISCONNECT\n\n\x00")
	}
	for _, path := range []string{"metrics", "debug/pprof/", "debug/pprof/cmdline", "debug/pprof/goroutine?debug=2", "debug/pprof/heap?debug=1", "debug/vars"} {
		_, shown[path] = ask(t, "GET", server.Admin+path, "")
	}
	for _, args := range [][]string{
		{"user", "list", "--json", "--db", db}, {"token", "list", "--json", "--db", db}, {"check", "--db", db}, {"tail", "x", "--url", server.URL, "--login", "ann", "--passcode", wrong},
		{"tail", "x", "--url", "http://ann:" + wrong + "@127.0.0.1:1/"}, {"top", "--once", "--url", "http://ann:" + wrong + "@127.0.0.1:1/"},
		{"serve", "--db", "postgres://u:" + ofServer + "@127.0.0.1:1/x?sslmode=disable", "--http", "127.0.0.1:0", "--stomp", "off"},
		{"copy", "--from", "postgres://u:" + ofServer + "@127.0.0.1:1/x?sslmode=disable&password=" + ofServer, "--to", db + ".copy"}, {"copy", "--from", db, "--to", "postgres://u:" + ofServer + "%zz@127.0.0.1:1/x"},
		{"export", "x", "--db", "postgres://u:" + ofServer + "@127.0.0.1:1/x"}, {"migrate", "status", "--db", "postgres://u:" + ofServer + "@[::1/x"},
	} {
		out, _ := exec.CommandContext(t.Context(), "atommq", args...).CombinedOutput()
		shown["atommq "+args[0]] += string(out)
	}
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	shown["the log"] = server.logged()
	if !strings.Contains(shown["the log"], "level=DEBUG") {
		t.Error("the log tells nothing")
	}
	for what, text := range shown {
		for _, secret := range []string{"S3CRET", token, encoded("me:" + passcode), encoded("ann:" + password), encoded("ann:" + wrong)} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s shows %q: %q", what, secret, text[max(0, at-200):min(len(text), at+100)])
			}
		}
	}
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
