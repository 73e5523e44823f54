package api

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"atommq/feeds"
)

func TestNegotiationPrefersWhatIsAskedForMost(t *testing.T) {
	const atomFeed, generic, html = 0, 1, 6
	for accept, want := range map[string]int{
		"*/*":                  atomFeed,
		"":                     atomFeed,
		"nonsense":             atomFeed,
		"text/html":            html,
		"application/atom+xml": atomFeed,
		"application/xml":      generic,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8":                            html,
		"text/html, application/atom+xml":                                                            atomFeed,
		"text/html;q=0.5, application/atom+xml;q=0.4":                                                html,
		"text/html;q=0.4, application/atom+xml;q=0.5":                                                atomFeed,
		"application/rss+xml, application/rdf+xml;q=0.8, application/atom+xml;q=0.6, text/xml;q=0.4": atomFeed,
		"application/atom+xml;type=feed":                                                             atomFeed,
		`application/atom+xml; TYPE="feed"; charset=utf-8`:                                           atomFeed,
		"application/atom+xml;type=entry":                                                            -1,
		"application/atom+xml;type=entry, text/html;q=0.1":                                           html,
		"application/atom+xml;q=0.1, application/atom+xml;type=feed;q=0.9, text/html;q=0.5":          atomFeed,
		"application/atom+xml;q=0.9, application/atom+xml;type=feed;q=0.1, text/html;q=0.5":          html,
		"*/*;q=0.5, text/*":                       2,
		"*/*;q=0.5, text/xml;q=0.1, text/*":       html,
		"application/atom+xml;q=0, */*":           generic,
		"image/png":                               -1,
		"*/*;q=0":                                 -1,
		"text/html;q=2":                           atomFeed,
		"text/html;q=0.1234, application/xml;q=1": generic,
		`text/html;x="a,b;c";q=1, */*;q=0.2`:      html,
		"TEXT/HTML":                               html,
		"*/html":                                  atomFeed,
		" , ,text/html":                           html,
	} {
		if got := negotiate([]string{accept}, collectionHTMLForms); got != want {
			t.Errorf("Accept %q: offer %d, want %d", accept, got, want)
		}
	}
	if got := negotiate([]string{"application/atom+xml;q=0.1", "text/html"}, collectionHTMLForms); got != html {
		t.Errorf("two lines: offer %d", got)
	}
}

func TestGzipIsUsedWhereItIsTaken(t *testing.T) {
	for accept, want := range map[string]bool{
		"gzip": true, "gzip, deflate, br": true, "GZIP;q=0.5": true, "*": true, "x-gzip": true, "br, *;q=0.1": true,
		"": false, "identity": false, "gzip;q=0": false, "gzip;q=0, *": false, "*, gzip;q=0": false, "*;q=0": false, "br": false, "gzip;q=x": false,
	} {
		r := &http.Request{Header: http.Header{"Accept-Encoding": {accept}}}
		if got := acceptsGzip(r); got != want {
			t.Errorf("Accept-Encoding %q: %v, want %v", accept, got, want)
		}
	}
	if acceptsGzip(&http.Request{}) {
		t.Error("gzip is used without Accept-Encoding")
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, accept := range []string{"*/*", "text/html,application/xml;q=0.9,*/*;q=0.8", `a/b;c="\"`, ";;;,,,q=", "text/html;q=0.001"} {
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		i := negotiate([]string{accept}, collectionHTMLForms)
		if i < -1 || i >= len(collectionHTMLForms) {
			t.Fatalf("offer %d", i)
		}
		// What is refused outright is never given.
		if j := negotiate([]string{accept + ",application/atom+xml;q=0,application/atom+xml;type=feed;q=0"}, collectionHTMLForms[:1]); j != -1 && strings.Count(accept, `"`) == 0 {
			q, _, _ := quality([]string{accept}, collectionHTMLForms[0])
			if q == 0 {
				t.Fatalf("offer %d though refused", j)
			}
		}
		acceptsGzip(&http.Request{Header: http.Header{"Accept-Encoding": {accept}}})
		anyTag([]string{accept}, func(string, bool) bool { return false })
	})
}

// plainPages is a Pages that shows which page it was asked for.
type plainPages struct{}

func (plainPages) write(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	_, err := w.Write([]byte(text + strings.Repeat(" ", 2000)))
	return err
}

func (p plainPages) Feed(w http.ResponseWriter, page *feeds.Page) error {
	return p.write(w, "feed "+page.Feed.Name)
}

func (p plainPages) Member(w http.ResponseWriter, page *feeds.Page) error {
	return p.write(w, "member "+page.Members[0].Title)
}

func (p plainPages) Feeds(w http.ResponseWriter, l *feeds.List) error {
	return p.write(w, "list of "+l.Feeds[0].Name)
}

func TestABrowserGetsHTMLAndEverybodyElseAtom(t *testing.T) {
	const chromium = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	s := serve(t, Handler{Pages: plainPages{}})
	member := s.member(s.publish("x", "e1"))
	for path, says := range map[string]string{"/feeds/x": "feed x", "/feeds/x?after=0": "feed x", member: "member e1", "/feeds": "list of x"} {
		plain := s.get(path).want(t, http.StatusOK)
		if !strings.HasPrefix(plain.Header.Get("Content-Type"), "application/atom+xml") {
			t.Errorf("%s: curl gets %s", path, plain.Header.Get("Content-Type"))
		}
		page := s.get(path, chromium).want(t, http.StatusOK)
		page.wantText(t, says)
		page.wantField(t, "Content-Type", "text/html; charset=utf-8")
		page.wantField(t, "Content-Security-Policy", "default-src 'none'")
		if !strings.Contains(page.Header.Get("Link"), `rel="alternate"; type="application/atom+xml`) {
			t.Errorf("%s: Link %q", path, page.Header.Get("Link"))
		}
		tag := page.Header.Get("ETag")
		if tag == plain.Header.Get("ETag") || !strings.HasSuffix(tag, `-html"`) {
			t.Errorf("%s: ETag %s of HTML, %s of Atom", path, tag, plain.Header.Get("ETag"))
		}
		s.get(path, chromium, "If-None-Match: "+tag).want(t, http.StatusNotModified).wantField(t, "ETag", tag)
		s.get(path, "If-None-Match: "+tag).want(t, http.StatusOK)
		packed := s.get(path, chromium, "Accept-Encoding: gzip").want(t, http.StatusOK)
		if unpack(t, packed) != page.body {
			t.Errorf("%s: the gzip form is another page", path)
		}
		s.get(path, chromium, "If-None-Match: "+packed.Header.Get("ETag")).want(t, http.StatusNotModified)
	}
	s.get("/", chromium).want(t, http.StatusSeeOther).wantField(t, "Location", s.url+"/feeds")
	s.get("/").want(t, http.StatusOK).wantField(t, "Content-Type", "application/atomsvc+xml; charset=utf-8")
}

func (p plainPages) Problem(w http.ResponseWriter, base string, status int, detail string) error {
	return p.write(w, "problem "+strconv.Itoa(status)+" "+detail)
}

func (p plainPages) NoFeed(w http.ResponseWriter, base, collection, detail string) error {
	return p.write(w, "no feed at "+collection+" "+detail)
}

const browserAccept = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestAFormFromABrowserLeadsBackToItsFeed(t *testing.T) {
	s := serve(t, Handler{Pages: plainPages{}})
	const form = "Content-Type: application/x-www-form-urlencoded"
	a := s.do(http.MethodPost, "/feeds/x", "title=a&content=&author=&category=", form, browserAccept).want(t, http.StatusSeeOther)
	a.wantField(t, "Location", s.url+"/feeds/x")
	a.wantField(t, "Xlastid", "1")
	s.get("/feeds/x").wantText(t, "<title>a</title>")
	if body := s.get("/feeds/x").body; strings.Contains(body, "<category") {
		t.Errorf("a category left empty is one:\n%s", body)
	}
	s.do(http.MethodPost, "/feeds/x", "title=b", form).want(t, http.StatusCreated)
	s.do(http.MethodPost, "/feeds/x", "<entry><title>c</title></entry>", atomType, browserAccept).want(t, http.StatusCreated)
}

func TestAFormFromABrowserThatMayNotReadIsToldThatItIsPublished(t *testing.T) {
	g := invite(t, Handler{Pages: plainPages{}}, "ann x publish", "bob x read,publish")
	const form = "Content-Type: application/x-www-form-urlencoded"
	a := g.do(http.MethodPost, "/feeds/x", "title=a", form, browserAccept, g.as("ann")).want(t, http.StatusCreated)
	a.wantText(t, `problem 201 Your entry is published in the feed "x"`)
	a.wantField(t, "Content-Type", "text/html; charset=utf-8")
	a.wantField(t, "Xlastid", "1")
	if strings.Contains(a.body, "<title>a") || a.Header.Get("Location") == "" {
		t.Errorf("%v\n%s", a.Header, a.body)
	}
	g.do(http.MethodPost, "/feeds/x", "title=b", form, browserAccept, g.as("bob")).want(t, http.StatusSeeOther)
}

// A person begins a feed on its own page.
func TestAPersonMayBeginTheFeedThatThereIsNoneOf(t *testing.T) {
	s := serve(t, Handler{Pages: plainPages{}})
	for path, collection := range map[string]string{
		"/feeds/none": "/feeds/none", "/feeds/none?after=0": "/feeds/none", "/feeds/none.html": "/feeds/none",
		"/feeds/a%2Fb/queues": "/feeds/a%2Fb",
	} {
		s.get(path, browserAccept).want(t, http.StatusNotFound).wantText(t, "no feed at "+s.url+collection+" There is no such feed")
	}
	g := invite(t, Handler{Pages: plainPages{}}, "ann news* read,publish", "bob news* read")
	g.get("/feeds/news1", browserAccept, g.as("ann")).want(t, http.StatusNotFound).wantText(t, "no feed at ")
	for _, visitor := range []string{"ann", "bob"} {
		g.get("/feeds/sport", browserAccept, g.as(visitor)).want(t, http.StatusNotFound).wantText(t, "problem 404 ")
	}
	g.get("/feeds/news1", browserAccept, g.as("bob")).want(t, http.StatusNotFound).wantText(t, "problem 404 ")
}

func TestABrowserGetsAProblemAsAPage(t *testing.T) {
	s := serve(t, Handler{Pages: plainPages{}})
	s.get("/feeds/x/entries/none", browserAccept).want(t, http.StatusNotFound).wantText(t, "problem 404 There is no such entry")
	s.get("/feeds/none").want(t, http.StatusNotFound).wantField(t, "Content-Type", "text/plain; charset=utf-8")
	s.get("/feeds/none", "Accept: application/problem+json, text/html").want(t, http.StatusNotFound).
		wantField(t, "Content-Type", "application/problem+json")
	bare := serve(t, Handler{})
	bare.get("/feeds/none", browserAccept).want(t, http.StatusNotFound).wantText(t, "404 Not Found: There is no such feed")
}
