package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"atommq/stompgw/stomp"
)

// commands are what terminals obey: to name their window, to clear themselves, to answer as if
// typed; by C0, by C1, by what makes a line of its own, and by what turns the order around of what
// stands behind it.
const commands = "\u202e\u2066\u200f\x1b]0;pwned\x07\x1b[2J\x1b[5n\x9b31m\u009b31m\u0085\r\x08\x00"

// obeyed returns what a terminal would obey in text.
func obeyed(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r) && r != '\n' && r != '\t' {
			return r
		}
		return -1
	}, text)
}

// An operator looks at what strangers publish, and at files and servers of strangers, in a terminal.
func TestNothingThatIsShownCommandsATerminal(t *testing.T) {
	server := startServer(t)
	c := connect(t, server.Stomp)
	for _, header := range []string{"title", "author", "x"} { // JSON and Atom cannot carry them all
		c.must(t, stomp.SEND, "body "+commands, "destination", "/topic/news", header, "a"+commands+"\n999  2030-01-01 00:00:00  forged", "content-type", "text/plain")
	}
	for _, body := range []string{"<entry><title>a&#x202e;&#x9b;31m&#x85;&#13;&#10;999  2030-01-01 00:00:00  forged</title></entry>", "<entry><title>t</title><content type='text/x'>G1sySg==</content></entry>"} {
		if status, text := ask(t, "POST", server.URL+"feeds/news", body, "Content-Type: application/atom+xml"); status != http.StatusCreated {
			t.Fatal(text)
		}
	}
	// Names hold no controls, but they may hold what turns the order around.
	const name = "orders\u202egnp.exe"
	runCommand(t, "publish", name, "hello", "--url", server.URL)
	runCommand(t, "user", "allow", "anonymous", "read,publish,consume,edit,admin", "*", "--db", server.DB)
	for _, args := range [][]string{
		{"feeds", "set", name, "--subtitle", name, "--category", name, "--db", server.DB}, {"feeds", "set", "new" + name, "--title", name, "--db", server.DB},
		{"queues", "set", name, "--queue", name, "--attempts", "1", "--db", server.DB}, {"queues", "pause", name, "--queue", name, "--db", server.DB},
		{"user", "allow", "anonymous", "read", name, "--db", server.DB}, {"user", "list", "--db", server.DB}, {"publish", name, "hello", "--url", server.URL},
		{"tail", name, "no" + name, "--url", server.URL},
		{"tail", "news", "--url", server.URL}, {"top", "--once", "--interval", "10ms", "--url", server.URL}, {"feeds", "--db", server.DB}, {"queues", "--db", server.DB},
		{"check", "--db", server.DB},
	} {
		out := runCommand(t, args...)
		if got := obeyed(out); got != "" {
			t.Errorf("%v shows %q", args, got)
		}
		if strings.Contains(out, "\n999 ") {
			t.Errorf("%v shows an entry that is none:\n%s", args, out)
		}
	}
}

func TestNoErrorCommandsATerminal(t *testing.T) {
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, commands)
	}))
	defer hostile.Close()
	dir := t.TempDir()
	name := filepath.Join(dir, "\x1b[31m\u009b.atom")
	writeFile(t, name, "<feed xmlns='http://www.w3.org/2005/Atom'><\x1b[31m/></feed>")
	writeFile(t, filepath.Join(dir, "names.atom"), "<entry xmlns='http://www.w3.org/2005/Atom'><a\u009b/></entry>")
	runCommand(t, "migrate", "up", "--db", filepath.Join(dir, "x.db"))
	for _, args := range [][]string{
		{"tail", "news", "--url", hostile.URL}, {"publish", "news", "x", "--retry", "0s", "--url", hostile.URL}, {"top", "--once", "--url", hostile.URL},
		{"import", name, "--feed", "x", "--db", filepath.Join(dir, "x.db")}, {"import", dir, "--feed", "x", "--db", filepath.Join(dir, "x.db")},
		{"import", filepath.Join(dir, "names.atom"), "--feed", "x", "--db", filepath.Join(dir, "x.db")}, {"import", dir + "/\x1b[31m", "--db", filepath.Join(dir, "x.db")},
		{"tail", "\x1b[31m"}, {"serve", "--http", "\x1b[31m"}, {"\x1b[31m"}, {"serve", "--\x1b[31m"},
	} {
		out, err := exec.CommandContext(t.Context(), "atommq", args...).CombinedOutput()
		if err == nil {
			t.Errorf("%q succeeds", args)
		}
		if got := obeyed(string(out)); got != "" {
			t.Errorf("%q shows %q", args, out)
		}
	}
}
