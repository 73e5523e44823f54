package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTopShowsWhatAServerDoes(t *testing.T) {
	server := startServer(t, "--admin", "127.0.0.1:0")
	ask(t, http.MethodPut, server.URL+"feeds/jobs/queues/default", "{}")
	for range 3 {
		ask(t, http.MethodPost, server.URL+"feeds/jobs", "text", "Content-Type: text/plain")
	}
	for _, url := range []string{server.URL, server.Admin} {
		out, err := exec.CommandContext(t.Context(), "atommq", "top", "--once", "--json", "--interval", "10ms", "--url", url).Output()
		if err != nil {
			t.Fatal(err)
		}
		var r report
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if r.Waiting != 3 || r.Entries != 3 || r.Feeds != 1 || len(r.Longest) != 1 || r.Longest[0].Feed != "jobs" || r.Longest[0].Waiting != 3 || r.Longest[0].Oldest <= 0 {
			t.Errorf("%s: %s", url, out)
		}
		if feeds := len(r.Latest); url == server.URL && (feeds != 1 || r.Latest[0].Entries != 3) || url == server.Admin && feeds != 0 {
			t.Errorf("%s: %s", url, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "atommq", "top", "--once", "--interval", "10ms", "--url", server.URL).Output()
	if err != nil || !strings.Contains(string(out), "waiting 3") || !strings.Contains(string(out), "jobs default") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTopLeavesItsOwnRequestsOut(t *testing.T) {
	server := startServer(t, "--admin", "127.0.0.1:0")
	for _, url := range []string{server.URL, server.Admin} {
		client, err := newClient(&settings{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		w := &watch{client: client}
		before, err := w.look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, others := range []int{0, 0, 5} {
			for range others {
				ask(t, http.MethodGet, server.URL+"feeds", "")
			}
			now, err := w.look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var r report
			r.compare(before, now)
			if got := r.Requests * max(now.at.Sub(before.at).Seconds(), 1e-3); math.Abs(got-float64(others)) > 1e-6 {
				t.Errorf("%s: %v requests, want %d", url, got, others)
			}
			before = now
		}
	}
}

func TestCommandsComeInByAnAccountOrAToken(t *testing.T) {
	db := filepath.Join(t.TempDir(), "atommq.db")
	add := exec.CommandContext(t.Context(), "atommq", "user", "add", "ann", "--db", db)
	add.Stdin = strings.NewReader("s3cret@home\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	runCommand(t, "user", "allow", "ann", "read,publish", "*", "--db", db)
	token := strings.TrimSpace(runCommand(t, "token", "add", "ann", "laptop", "--db", db))
	server := startServer(t, "--db", db)
	in := strings.Replace(server.URL, "http://", "http://ann:s3cret%40home@", 1)
	for _, way := range [][]string{
		{"--url", server.URL, "--login", "ann", "--passcode", "s3cret@home"}, {"--url", server.URL, "--login", "ann", "--passcode", token}, {"--url", server.URL, "--passcode", token}, {"--url", in},
	} {
		runCommand(t, append([]string{"publish", "news", "hello"}, way...)...)
		if out := runCommand(t, append([]string{"tail", "news"}, way...)...); !strings.Contains(out, "hello") {
			t.Errorf("%v: tail shows %s", way, out)
		}
		if out := runCommand(t, append([]string{"top", "--once", "--interval", "10ms"}, way...)...); !strings.Contains(out, "news") {
			t.Errorf("%v: top shows %s", way, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "atommq", "top", "--once", "--url", server.URL).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--passcode") {
		t.Errorf("top without an account: %v, %s", err, out)
	}
}

func TestTopEndsWithAKey(t *testing.T) {
	server := startServer(t)
	for _, key := range []string{"q", "\x03"} {
		cmd := exec.CommandContext(t.Context(), "script", "-qefc", "atommq top --interval 10ms --url "+server.URL, "/dev/null")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		drawn := readUntil(t, out, "published")
		if !strings.Contains(drawn, otherScreen) {
			t.Errorf("the terminal is not told to show another screen: %q", drawn)
		}
		if _, err := io.WriteString(in, key); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(out) // a terminal whose program has ended is an error
		if err := cmd.Wait(); err != nil {
			t.Errorf("%q ends it with %v", key, err)
		}
		if !bytes.Contains(rest, []byte(backAgain)) {
			t.Errorf("the terminal is left as it was drawn on: %q", rest)
		}
	}
}

// readUntil reads up to a text.
func readUntil(t *testing.T, from io.Reader, text string) string {
	t.Helper()
	var all []byte
	for buf := make([]byte, 4096); !bytes.Contains(all, []byte(text)); {
		n, err := from.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			t.Fatalf("%v behind %q", err, all)
		}
	}
	return string(all)
}

func TestTopFitsTheTerminal(t *testing.T) {
	r := &report{URL: "http://127.0.0.1:8080", Version: "1", Time: time.Unix(0, 0).UTC(), Published: 1234567, Stored: 5 << 30}
	for range 100 {
		r.Longest = append(r.Longest, queueReport{Feed: strings.Repeat("ü", 200), Queue: "default\x1b[2J", Waiting: 1 << 40})
		r.Latest = append(r.Latest, feedReport{feedFigures: feedFigures{Name: strings.Repeat("日", 200), LastID: 1}})
	}
	for _, size := range [][2]int{{80, 24}, {20, 24}, {40, 5}, {1, 1}, {200, 60}} {
		text := r.text(size[0], size[1])
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(lines) > size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > size[0] {
				t.Errorf("%v: %d columns: %s", size, n, line)
			}
		}
		if strings.Contains(text, "\x1b") {
			t.Errorf("%v: a name commands the terminal: %q", size, text)
		}
	}
	if text := r.text(80, 24); !strings.Contains(text, "WAITING") || !strings.Contains(text, "LAST ID") || !strings.Contains(text, "1,234,567/s") {
		t.Errorf("in 80 × 24:\n%s", text)
	}
}

func TestTopGoesOnWhenTheServerComesBack(t *testing.T) {
	away := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case away:
			http.Error(w, "away", http.StatusBadGateway)
		case r.URL.Path == "/metrics":
			_, _ = io.WriteString(w, "atommq_build_info{version=\"1\"} 1\natommq_published_entries_total 1\n")
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	client, err := newClient(&settings{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	tp := &top{&watch{client: client}, time.Millisecond}
	var says []string
	err = tp.run(t.Context(), false, func(r *report) error {
		says = append(says, r.Error)
		away = len(says) == 1
		if len(says) == 3 {
			return io.EOF
		}
		return nil
	})
	if !errors.Is(err, io.EOF) || says[0] != "" || !strings.Contains(says[1], "502") || says[2] != "" {
		t.Errorf("%v, %q", err, says)
	}
}

func TestTopSaysWhatIsWrong(t *testing.T) {
	for status, says := range map[int]string{403: "for programs here", 404: "--admin", 401: "--login", 500: "500", 200: "no AtomMQ"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "# for programs here", status)
		}))
		client, err := newClient(&settings{URL: s.URL})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&watch{client: client}).look(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%d: %v", status, err)
		}
		s.Close()
	}
}

func TestTopShowsTimesInFewCharacters(t *testing.T) {
	for s, want := range map[float64]string{0: "0", 0.0123: "12.3ms", 75: "1m15s", 5400: "1.5h", 36 * 3600: "36.0h", 30 * 24 * 3600: "30.0d"} {
		if got := seconds(s); got != want {
			t.Errorf("%v seconds are shown as %s, want %s", s, got, want)
		}
	}
}
