package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func TestBenchClientReadsEveryResponseToItsEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := strings.Repeat("0\r\n\r\n", 100_000)
		switch r.URL.Path {
		case "/empty":
		case "/short":
			body = "short"
			_, _ = w.Write([]byte(body))
		case "/long":
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write([]byte(body))
		case "/missing":
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	c, err := dialBench(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	// What one response left unread would be taken for the next one.
	for range 3 {
		for _, path := range []string{"/empty", "/short", "/long", "/short"} {
			if err := c.do(getRequest(path, ""), http.StatusOK); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
	}
	if err := c.do(getRequest("/missing", ""), http.StatusOK); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a response of another status gives %v", err)
	}
}

func TestBenchClientReadsChunks(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 50 {
			_, _ = w.Write([]byte(strings.Repeat("x", 10_000)))
			w.(http.Flusher).Flush()
		}
	}))
	defer server.Close()
	c, err := dialBench(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	for range 10 {
		if err := c.do(getRequest("/", ""), http.StatusOK); err != nil {
			t.Fatal(err)
		}
	}
}

func TestABudgetIsKeptOrMissed(t *testing.T) {
	for _, tt := range []struct {
		finding finding
		kept    bool
		row     string
	}{
		{finding{Value: 60, Ceiling: 100, Budget: budget{Ratio: 0.6}}, true, "≥ 60 % kept"},
		{finding{Value: 59, Ceiling: 100, Budget: budget{Ratio: 0.6}}, false, "≥ 60 % MISSED"},
		{finding{Value: 14_999, Budget: budget{AtLeast: 15_000}}, false, "≥ 15,000 MISSED"},
		{finding{Value: 4_000, Ceiling: 5_000, Budget: budget{AtLeast: 4500, OrRatio: 0.75}}, true, "≥ 4,500 or 75 % kept"},
		{finding{Value: 4_600, Ceiling: 9_000, Budget: budget{AtLeast: 4500, OrRatio: 0.75}}, true, "≥ 4,500 or 75 % kept"},
		{finding{Value: 4_000, Ceiling: 6_000, Budget: budget{AtLeast: 4500, OrRatio: 0.75}}, false, "≥ 4,500 or 75 % MISSED"},
		{finding{Value: 25, Budget: budget{AtMost: 25}}, true, "≤ 25.0 kept"},
		{finding{Value: 1_234_567}, true, "1,234,567"},
	} {
		var out strings.Builder
		if err := writeFindings(&out, []finding{tt.finding}); err != nil {
			t.Fatal(err)
		}
		if tt.finding.kept() != tt.kept || !strings.Contains(out.String(), tt.row) {
			t.Errorf("%+v is kept: %v\n%s", tt.finding, tt.finding.kept(), out.String())
		}
	}
}
