package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFastCGIIsSpokenOverTCP(t *testing.T) {
	address := freeAddress(t)
	startServer(t, "--fcgi", address, "--login", "me", "--passcode", "secret")
	nginxFastCGI(t, &process{URL: "http://127.0.0.1:9/"}, address, "unix:/run/atommq/atommq.fcgi", address).passesOn(t, "")
}

// freeAddress returns one of this machine that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestStoppingAnswersWhatCameByFastCGI(t *testing.T) {
	fcgi := filepath.Join(t.TempDir(), "atommq.fcgi")
	server := startServer(t, "--fcgi", "unix:"+fcgi, "--max-wait", "10m")
	f := nginxFastCGI(t, server, fcgi)
	f.do(t, "POST", "/feeds/x", "first", http.StatusCreated, "Content-Type: text/plain")
	polled := make(chan string)
	go func() {
		resp, err := f.Do(mustRequest(f.site + "/feeds/x?after=1"))
		if err != nil {
			polled <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		polled <- fmt.Sprint(resp.StatusCode, err, strings.Contains(string(body), "</feed>"))
	}()
	for deadline := time.Now().Add(processWait); scrape(t, server.URL+"metrics")["atommq_http_polls"] != 1; {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
	}
	if err := server.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-polled; got != "200 <nil> true" {
		t.Errorf("who waited gets %s", got)
	}
	if err := server.wait(); err != nil {
		t.Error(err)
	}
	if resp, err := f.Get(f.site + "/feeds"); err != nil || resp.StatusCode != http.StatusBadGateway {
		t.Errorf("afterwards: %v, %v", resp, err)
	}
}

// mustRequest makes a request that waits.
func mustRequest(url string) *http.Request {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	req.Header.Set("Prefer", "wait=600")
	return req
}

// An answer that breaks off must not look whole, nor keep its reader waiting, nor take the process with it.
func TestAnAnswerByFastCGIThatBreaksOffIsSeenToAtOnce(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "fcgi")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var log logBook
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.WriteString(w, strings.Repeat("half ", 1<<16)); err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/panic":
			panic(errors.New("a fault"))
		}
	})
	server := fastCGIServer(t, handler, &log)
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	nobody := &process{URL: "http://127.0.0.1:9/"}
	for _, f := range []*inFront{nginxFastCGI(t, nobody, socket), apacheFastCGI(t, nobody, socket), lighttpd(t, socket, t.TempDir())} {
		for _, path := range []string{"/abort", "/whole", "/panic", "/whole", "/abort", "/whole"} {
			f.breaksOff(t, path, path != "/whole")
		}
	}
	if text := log.take(); strings.Count(text, "panic while serving FastCGI") != 3 || !strings.Contains(text, "a fault") {
		t.Errorf("the log has %s", text)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve: %v", err)
	}
}

// breaksOff wants an answer to break off, or not, and not to be long about it.
func (f *inFront) breaksOff(t *testing.T, path string, breaks bool) {
	t.Helper()
	begun := time.Now()
	resp, err := f.Get(f.site + path)
	status, size := 0, 0
	if err == nil {
		var body []byte
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		status, size = resp.StatusCode, len(body)
	}
	if whole := err == nil && status == http.StatusOK; whole == breaks || whole && size != 5<<16 {
		t.Errorf("%s: %d, %d bytes, %v", path, status, size, err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("%s took %v", path, took)
	}
}

// fastCGIServer makes a server of a handler.
func fastCGIServer(t *testing.T, handler http.Handler, log io.Writer) *fastCGI {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(log, nil))
	s := &settings{DB: filepath.Join(t.TempDir(), "atommq.db")}
	n, err := openNode(t.Context(), s, logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	site, err := n.server(s, nil, logger)
	if err != nil {
		t.Fatal(err)
	}
	return newFastCGI(site, handler, logger)
}
