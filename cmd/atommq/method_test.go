package main

import (
	"net/http"
	"strings"
	"testing"
)

// A request is what its first line says: proxies and rules in front of the server see no more of it.
func TestNoFieldOrParameterChangesTheMethod(t *testing.T) {
	server := startServer(t)
	if status, text := ask(t, "POST", server.URL+"feeds/x", "first", "Content-Type: text/plain"); status != http.StatusCreated {
		t.Fatal(text)
	}
	for _, field := range []string{"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X-Original-Method: DELETE"} {
		for _, target := range []string{"feeds/x", "feeds/x?_method=DELETE", "feeds/x?method=DELETE"} {
			if status, text := ask(t, "GET", server.URL+target, "", field); status != http.StatusOK {
				t.Errorf("GET %s with %s: %d %s", target, field, status, text)
			}
			if status, text := ask(t, "POST", server.URL+target, "title=x", field, "Content-Type: application/x-www-form-urlencoded"); status != http.StatusCreated {
				t.Errorf("POST %s with %s: %d %s", target, field, status, text)
			}
		}
	}
	if status, text := ask(t, "POST", server.URL+"feeds/x", "_method=DELETE&title=x", "Content-Type: application/x-www-form-urlencoded"); status != http.StatusBadRequest {
		t.Errorf("a form with a method: %d %s", status, text)
	}
	if status, text := ask(t, "GET", server.URL+"feeds/x?after=0", ""); status != http.StatusOK || !strings.Contains(text, ">first<") {
		t.Errorf("the feed is then %d %s", status, text)
	}
	for method, want := range map[string]int{"TRACE": 405, "TRACK": 501, "CONNECT": 405, "DEBUG": 501, "PROPFIND": 501, "get": 501, "PURGE": 501} {
		answer := onWire(t, server.address(), request(method+" /feeds/x", "", "Cookie: secret", "X-Mine: secret"))
		if status := strings.Fields(answer)[1]; status != map[int]string{405: "405", 501: "501"}[want] || strings.Contains(answer, "secret") {
			t.Errorf("%s is answered with %s", method, answer)
		}
	}
}
