package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// needProgram skips the test unless a program is installed; under CI it must be.
func needProgram(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		lacking(t, fmt.Sprintf("%s is not installed: apt-get install %s", name, pkg))
	}
	return path
}

func lacking(t *testing.T, message string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// systemPython is Debian's, the one that its packages serve.
const systemPython = "/usr/bin/python3"

// run runs a client to its end and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// publishNews makes the feed that the readers read.
func publishNews(t *testing.T, server *process) (feed string) {
	t.Helper()
	feed = server.URL + "feeds/news%20&%20%3Cmore%3E"
	for _, body := range []string{
		`<entry><title>first</title><content type="html">&lt;em>hello&lt;/em></content></entry>`,
		`<e:entry xmlns:e="http://www.w3.org/2005/Atom"><e:title>second</e:title><e:summary>short</e:summary></e:entry>`,
		`<entry xmlns="http://www.w3.org/2005/Atom"><title>third &lt;b></title><content>a &amp; b</content></entry>`,
	} {
		resp, err := http.Post(feed, "application/atom+xml", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("POST %s: %s", body, resp.Status)
		}
	}
	return feed
}

func TestAtompubClientWalksThroughAtomPub(t *testing.T) {
	needProgram(t, "perl", "perl")
	if err := exec.CommandContext(t.Context(), "perl", "-MAtompub::Client", "-e", "1").Run(); err != nil {
		lacking(t, "Atompub::Client is not installed: apt-get install libatompub-perl")
	}
	server := startServer(t)
	out := run(t, "perl", "testdata/clients/atompub.pl", server.URL+"service", server.URL+"feeds/mycoolfeed")
	if !strings.HasSuffix(out, " checks\n") {
		t.Error(out)
	}
}

func TestFeedparserReadsAFeed(t *testing.T) {
	if err := exec.CommandContext(t.Context(), systemPython, "-c", "import feedparser").Run(); err != nil {
		lacking(t, "feedparser is not installed: apt-get install python3-feedparser")
	}
	feed := publishNews(t, startServer(t))
	if out := run(t, systemPython, "testdata/clients/feedparser_read.py", feed); out != "3 entries\n" {
		t.Error(out)
	}
}

func TestSfeedReadsAFeed(t *testing.T) {
	sfeed := needProgram(t, "sfeed", "sfeed")
	curl := needProgram(t, "curl", "curl")
	feed := publishNews(t, startServer(t))
	file := filepath.Join(t.TempDir(), "feed.atom")
	run(t, curl, "-sSf", "-o", file, feed)
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd := exec.CommandContext(t.Context(), sfeed, feed)
	cmd.Stdin = in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	// Fields are parted by tabs: time, title, link, content, its type, id, author …
	var titles []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(line, "\t")
		if len(fields) < 7 || fields[0] == "" || fields[2] == "" || fields[5] == "" || fields[6] == "" {
			t.Errorf("incomplete line %q", line)
			continue
		}
		titles = append(titles, fields[1])
	}
	// sfeed matches names without regard to namespaces, and so knows no e:entry.
	if got := strings.Join(titles, ", "); got != "third <b>, first" {
		t.Errorf("sfeed saw %s", got)
	}
}

func TestNewsboatReadsAFeed(t *testing.T) {
	newsboat := needProgram(t, "newsboat", "newsboat")
	feed := publishNews(t, startServer(t))
	dir := t.TempDir()
	urls := filepath.Join(dir, "urls")
	if err := os.WriteFile(urls, []byte(feed+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), newsboat, "-u", urls, "-c", filepath.Join(dir, "cache.db"), "-C", os.DevNull, "-x", "reload", "print-unread")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "3 unread articles") {
		t.Errorf("newsboat: %v\n%s", err, out)
	}
}
