package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// deployScript makes deploy/atommq.cgi a script on a database, in a directory that it returns.
func deployScript(t *testing.T, db string) string {
	t.Helper()
	program, err := exec.LookPath("atommq")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "atommq.env")
	writeFile(t, config, "ATOMMQ_DB="+db+"\n")
	script := filepath.Join(dir, "news")
	writeFile(t, script, deployed(t, "atommq.cgi", "exec atommq", raceOptions+"="+raceAtOnce+" exec "+program, "/etc/atommq-cgi.env", config))
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAScriptServesItsFeed(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, fcgi, scripts string) *inFront{"lighttpd": lighttpd, "Apache": apacheScripts} {
		t.Run(name, func(t *testing.T) {
			db := filepath.Join(t.TempDir(), "atommq.db")
			start(t, filepath.Join(t.TempDir(), "nobody"), deployScript(t, db)).servesItsFeed(t)
		})
	}
}

// servesItsFeed uses a script through a web server.
func (f *inFront) servesItsFeed(t *testing.T) {
	t.Helper()
	const script = "/cgi-bin/news"
	post, _ := f.do(t, "POST", script, "<entry> <title>allo</title> </entry>", http.StatusCreated, "Content-Type: application/x-www-form-urlencoded")
	if at := post.Header.Get("Location"); !strings.HasPrefix(at, "http://mq.example"+script+"/feeds/news/entries/") {
		t.Errorf("Location is %q", at)
	}
	f.do(t, "GET", strings.TrimPrefix(post.Header.Get("Location"), "http://mq.example"), "", http.StatusOK)
	f.do(t, "POST", script+"/feeds/a%2Fb", "other", http.StatusCreated, "Content-Type: text/plain")
	f.do(t, "POST", script, "second", http.StatusCreated, "Content-Type: text/plain")
	resp, text := f.do(t, "GET", script, "", http.StatusOK, "Xlastid: "+post.Header.Get("Xlastid"))
	if strings.Contains(text, "allo") || !strings.Contains(text, "second") {
		t.Errorf("after %s comes\n%s", post.Header.Get("Xlastid"), text)
	}
	// Apache knows no length of these, and lighttpd finds it out.
	if status, text := f.chunked(t, script+"/feeds/chunked"); status != http.StatusLengthRequired && !strings.Contains(text, ">in chunks<") {
		t.Errorf("in chunks: %d %s", status, text)
	}
	// Apache loses the answers of scripts that leave some of the body.
	f.do(t, "POST", script, strings.Repeat("--x\r\n", 1<<17), http.StatusUnsupportedMediaType, "Content-Type: multipart/form-data; boundary=x")
	begun := time.Now()
	empty, _ := f.do(t, "GET", script, "", http.StatusOK, "Xlastid: "+resp.Header.Get("Xlastid"), "Prefer: wait=1")
	if waited := time.Since(begun); waited < time.Second || empty.Header.Get("Xlastid") != resp.Header.Get("Xlastid") {
		t.Errorf("at the end, after %v: %v", waited, empty.Header)
	}
	_, text = f.do(t, "GET", script, "", http.StatusNotAcceptable, "Accept: text/event-stream")
	if !strings.Contains(text, "Poll") {
		t.Errorf("a stream is refused with %s", text)
	}
	f.do(t, "GET", script+"/stomp", "", http.StatusNotImplemented)
	f.do(t, "GET", script+"/feeds/none", "", http.StatusNotFound)
}

func TestScriptsAtOnceLoseNothing(t *testing.T) {
	db := filepath.Join(t.TempDir(), "atommq.db")
	f := lighttpd(t, filepath.Join(t.TempDir(), "nobody"), deployScript(t, db))
	const posts = 20
	var all sync.WaitGroup
	for i := range posts {
		all.Go(func() {
			resp, err := f.Post(f.site+"/cgi-bin/news", "text/plain", strings.NewReader(fmt.Sprintf("post %d.", i)))
			if err != nil || resp.StatusCode != http.StatusCreated {
				t.Errorf("post %d: %v, %v", i, resp, err)
				return
			}
			resp.Body.Close()
		})
	}
	all.Wait()
	_, text := f.do(t, "GET", "/cgi-bin/news", "", http.StatusOK, "Xlastid: 0")
	for i := range posts {
		if n := strings.Count(text, fmt.Sprintf(">post %d.</content>", i)); n != 1 {
			t.Errorf("post %d is there %d times", i, n)
		}
	}
}

func TestAScriptWhoseBusCannotBeOpenedSaysSo(t *testing.T) {
	for _, start := range []func(t *testing.T, fcgi, scripts string) *inFront{lighttpd, apacheScripts} {
		f := start(t, filepath.Join(t.TempDir(), "nobody"), deployScript(t, t.TempDir()))
		for method, body := range map[string]string{"GET": "", "POST": strings.Repeat("lost", 1<<17)} {
			resp, text := f.do(t, method, "/cgi-bin/news", body, http.StatusServiceUnavailable)
			if resp.Header.Get("Retry-After") == "" || strings.Contains(text, "/tmp") {
				t.Errorf("%v\n%s", resp.Header, text)
			}
		}
	}
}
