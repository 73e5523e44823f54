package web

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"atommq/web/browsertest"
)

func TestABrowserRunsAndFetchesNothingFromEntries(t *testing.T) {
	p := New()
	page := pageOf("hostile")
	for i, markup := range hostile {
		page.Members = append(page.Members, hostileMember(t, "hostile", int64(i), markup))
	}
	for name, write := range map[string]func(http.ResponseWriter) error{
		"as served": func(w http.ResponseWriter) error { return p.Feed(w, page) },
		// The sanitiser has to be enough by itself, for browsers that know no policy.
		"without a policy": func(w http.ResponseWriter) error {
			return p.Feed(withoutPolicy{w}, page)
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newRequestLog(t, write)
			checkRendered(t, browse(t, srv.url+"/feeds/hostile"), "hostile – AtomMQ")
			srv.wantOnly(t, "/feeds/hostile") // its script asks for the feed's events there
		})
	}
}

// withoutPolicy leaves out the Content-Security-Policy.
type withoutPolicy struct{ http.ResponseWriter }

func (w withoutPolicy) Write(b []byte) (int, error) {
	w.Header().Del("Content-Security-Policy")
	return w.ResponseWriter.Write(b)
}

// The test above proves something only while the same browser, given the same
// markup without protection, does run scripts and does fetch.
func TestABrowserRunsAndFetchesUnsanitisedMarkup(t *testing.T) {
	srv := newRequestLog(t, func(w http.ResponseWriter) error {
		_, err := w.Write([]byte(`<!DOCTYPE html><link rel=icon href="data:,"><title>page</title><img src="/request" onerror="document.title='owned'">`))
		return err
	})
	checkRendered(t, browse(t, srv.url+"/"), "owned")
	srv.want(t, "/", "/request")
}

func TestTheStylesheetAppliesUnderItsPolicy(t *testing.T) {
	p := New()
	page := pageOf("styled", post(t, "styled", 1, entry(`<title>a</title>`)))
	srv := newRequestLog(t, func(w http.ResponseWriter) error { return p.Feed(w, page) })
	shot := screenshot(t, srv.url+"/feeds/styled")
	bare := newRequestLog(t, func(w http.ResponseWriter) error {
		rec := httptest.NewRecorder()
		if err := p.Feed(rec, page); err != nil {
			return err
		}
		_, err := w.Write(bytes.Replace(rec.Body.Bytes(), []byte(stylesheet), nil, 1))
		return err
	})
	if bytes.Equal(shot, screenshot(t, bare.url+"/feeds/styled")) {
		t.Error("the page looks the same with its stylesheet and without")
	}
}

func TestNoPageIsWiderThanItsWindow(t *testing.T) {
	p := New()
	var frames strings.Builder
	for _, write := range []func(*httptest.ResponseRecorder) error{
		func(w *httptest.ResponseRecorder) error { return p.Feed(w, namesPage(t)) },
		func(w *httptest.ResponseRecorder) error { return p.Member(w, namesPage(t)) },
		func(w *httptest.ResponseRecorder) error { return p.Feeds(w, feedList()) },
		func(w *httptest.ResponseRecorder) error {
			return p.NoFeed(w, base, base+"/feeds/"+strings.Repeat("n", 200), "There is none.")
		},
	} {
		page := html.EscapeString(strings.ReplaceAll(render(t, write).Body.String(), "<details", "<details open"))
		for _, width := range []string{"320px", "390px", "768px", "1280px"} {
			frames.WriteString(`<iframe style="width:` + width + `" srcdoc="` + page + `"></iframe>`)
		}
	}
	srv := newRequestLog(t, func(w http.ResponseWriter) error {
		_, err := w.Write([]byte(`<!DOCTYPE html><link rel=icon href="data:,"><title>not measured</title>` + frames.String() + `<script>
onload = () => document.title = [...document.querySelectorAll("iframe")].map(f => f.contentDocument.documentElement)
  .filter(e => e.scrollWidth > e.clientWidth || !e.textContent.includes("AtomMQ")).length + " too wide"
</script>`))
		return err
	})
	checkRendered(t, browse(t, srv.url+"/"), "0 too wide")
}

// requestLog serves one page at the first path asked for, and keeps count.
type requestLog struct {
	url   string
	mu    sync.Mutex
	paths []string
}

func newRequestLog(t *testing.T, page func(w http.ResponseWriter) error) *requestLog {
	l := &requestLog{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.paths = append(l.paths, r.URL.Path)
		first := len(l.paths) == 1
		l.mu.Unlock()
		if !first {
			http.NotFound(w, r)
			return
		}
		if err := page(w); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(srv.Close)
	l.url = srv.URL
	return l
}

// asked returns the paths that the browser asked for.
func (l *requestLog) asked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.paths)
}

// wantOnly fails unless the browser asked for path, and nothing else.
func (l *requestLog) wantOnly(t *testing.T, path string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if others := slices.DeleteFunc(slices.Clone(l.paths), func(p string) bool { return p == path }); len(others) > 0 || len(l.paths) == 0 {
		t.Errorf("the browser asked for %q, want %q alone", l.paths, path)
	}
}

func (l *requestLog) want(t *testing.T, paths ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got, want := strings.Join(l.paths, " "), strings.Join(paths, " "); got != want {
		t.Errorf("the browser asked for %q, want %q", got, want)
	}
}

// checkRendered reports a document whose title a script has changed, or did not.
func checkRendered(t *testing.T, dom, title string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(dom))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "title" {
			if got := n.FirstChild.Data; got != title {
				t.Errorf("the document's title is %q, want %q", got, title)
			}
			return
		}
	}
	t.Errorf("the browser shows no page: %.200q", dom)
}

// browse returns the document that a browser makes of the page at url, after
// scripts and timers have had five seconds of its virtual time.
func browse(t *testing.T, url string) string {
	t.Helper()
	return string(browsertest.Run(t, "--virtual-time-budget=5000", "--dump-dom", url))
}

func screenshot(t *testing.T, url string) []byte {
	t.Helper()
	path := t.TempDir() + "/page.png"
	browsertest.Run(t, "--window-size=800,600", "--screenshot="+path, url)
	png, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return png
}
