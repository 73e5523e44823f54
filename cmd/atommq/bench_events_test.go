package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestABenchThatGetsNoEventsSaysWhatItGotAndLeaves(t *testing.T) {
	left := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
		close(left)
	}))
	defer server.Close()
	_, err := dialEvents(t.Context(), server.Listener.Addr().String(), "/feeds/x")
	if err == nil || !strings.HasPrefix(err.Error(), `ask for events: the server answers "HTTP/1.1 503 `) {
		t.Errorf("a refusal is told as %v", err)
	}
	select {
	case <-left:
	case <-time.After(processWait):
		t.Errorf("the connection is open %v after the refusal", processWait)
	}
}
