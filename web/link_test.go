package web

import (
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"atommq/feeds"
)

func TestOnlyLinksThatAreSafeToFollowAreLinks(t *testing.T) {
	const self = "https://mq.example.org/feeds/x/entries/1"
	for _, tt := range []struct{ base, href, want string }{
		{"", "https://example.org/a?b#c", "https://example.org/a?b#c"},
		{"", "HTTPS://example.org", "https://example.org"},
		{"", "mailto:a@example.org?subject=b", "mailto:a@example.org?subject=b"},
		{"", "a.html", ""},
		{"", "/a", ""},
		{"", "//example.org/a", ""},
		{"", "#a", ""},
		{"", "", ""},
		{"https://example.org/a/", "b/../c", "https://example.org/a/c"},
		{"https://example.org/a/", "//example.com/", "https://example.com/"},
		{"../../y/", "z", "https://mq.example.org/feeds/y/z"},
		{"urn:example:a", "b", ""},
		{"javascript:alert(1)//", "b", ""},
		{"javascript:alert(1)//", "", ""},
		{"%zz", "b", ""},
		{"", "javascript:alert(1)", ""},
		{"", " javascript:alert(1)", ""},
		{"", "java\tscript:alert(1)", ""},
		{"", "java\x00script:alert(1)", ""},
		{"", "data:text/html,a", ""},
		{"", "vbscript:a", ""},
		{"", "file:///etc/passwd", ""},
		{"", "view-source:https://example.org", ""},
		{"", "https:a", ""},
		{"", "https:///a", ""},
		{"", "https://:80/", ""},
		{"", `https:\\example.org`, ""},
	} {
		if got := webURL(resolve(self, tt.base), tt.href); got != tt.want {
			t.Errorf("%q in %q: got %q, want %q", tt.href, tt.base, got, tt.want)
		}
	}
}

func TestAURLThatRunsNeverBecomesALinkNorASource(t *testing.T) {
	for _, href := range []string{
		"javascript:document.title='owned'", "JaVaScRiPt:document.title='owned'", " \tjava\nscript:document.title='owned'",
		"javascript://example.org/%0adocument.title='owned'", "data:text/html,<script>document.title='owned'</script>",
		"data:image/png;base64,iVBORw0KGgo=", "vbscript:x", "blob:https://example.org/x", "file:///etc/passwd",
	} {
		for _, u := range followed(t, href) {
			switch at, err := url.Parse(u); {
			case err != nil:
				t.Errorf("from %q: %v", href, err)
			case at.Scheme == "http", at.Scheme == "https", at.Scheme == "mailto":
			case at.Scheme == "" && (u == "#main" || strings.HasPrefix(u, "/feeds/")): // the page's own
			default:
				t.Errorf("from %q: the page goes to %q", href, u)
			}
		}
	}
	// In the same places, one that is safe becomes a link.
	const safe = "https://example.com/safe"
	all := followed(t, safe)
	if n := len(slices.DeleteFunc(all, func(u string) bool { return u != safe })); n != 5+6 {
		t.Errorf("%d links go to %s, want five on the feed's page, and the author's too on entries' own", n, safe)
	}
}

// followed shows entries that say href wherever one can say a URL, on pages of their feed and their
// own, and in the list, and returns where those may have a browser go.
func followed(t *testing.T, href string) []string {
	t.Helper()
	page := pageOf("x", saying(t, href)...)
	page.Feed.Title, page.Feed.Subtitle, page.Feed.Author = href, href, feeds.Person{Name: href, URI: href, Email: href}
	page.Feed.Categories = feeds.Categories{Fixed: true, List: []feeds.Category{{Term: href, Scheme: href, Label: href}}}
	p := New()
	all := urls(t, func(w *httptest.ResponseRecorder) error { return p.Feed(w, page) })
	for i := range page.Members {
		own := *page
		own.Members = page.Members[i : i+1]
		all = append(all, urls(t, func(w *httptest.ResponseRecorder) error { return p.Member(w, &own) })...)
	}
	list := &feeds.List{Base: base, Feeds: []feeds.Feed{page.Feed}}
	return append(all, urls(t, func(w *httptest.ResponseRecorder) error { return p.Feeds(w, list) })...)
}

func saying(t *testing.T, href string) []*feeds.Member {
	t.Helper()
	s := escape(href)
	once := escape(s) // for HTML in XML
	members := []*feeds.Member{
		post(t, "x", 1, entry(`<title>`, s, `</title><author><name>a</name><uri>`, s, `</uri></author>`)),
		post(t, "x", 2, entry(`<link href="`, s, `" rel="`, s, `" type="`, s, `"/><category term="`, s, `" scheme="`, s, `"/>`)),
		post(t, "x", 3, entry(`<content type="text/html" src="`, s, `"/>`)),
		post(t, "x", 4, entry(`<content type="html">&lt;a href="`, once, `">a&lt;/a>&lt;img src="`, once, `">&lt;form action="`, once, `">&lt;/form></content>`)),
		post(t, "x", 5, entry(`<content type="xhtml"><div xmlns="`, feeds.NamespaceXHTML, `"><a href="`, s, `">a</a><img src="`, s, `"/></div></content>`)),
		post(t, "x", 6, `<entry xmlns="http://www.w3.org/2005/Atom" xml:base="https://example.org/"><author><name>a</name><email>`+s+`</email></author>
<link href="b"/><content type="html" xml:base="`+s+`">&lt;a href="b">b&lt;/a>&lt;a href="">b&lt;/a></content></entry>`),
		upload(t, "x", 7, href, "image/png"),
	}
	for _, m := range members {
		m.AtomID = href
	}
	return members
}

// urls returns what stands on a page where a browser takes a URL, but for the page's own icon.
func urls(t *testing.T, write func(*httptest.ResponseRecorder) error) []string {
	t.Helper()
	doc, err := html.Parse(render(t, write).Body)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if slices.Contains([]string{"href", "src", "srcset", "action", "formaction", "poster", "data", "cite", "ping"}, a.Key) && a.Val != icon {
				all = append(all, a.Val)
			}
		}
	}
	return all
}
