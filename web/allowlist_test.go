package web

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// contentElements is every element that a publisher's markup may become, with the
// attributes it may have besides dir and lang. It is written apart from the
// policy on purpose: the two must agree.
var contentElements = map[string][]string{
	"a": {"href", "rel"}, "abbr": {"title"}, "b": nil, "bdi": nil, "bdo": nil, "blockquote": nil, "br": nil, "caption": nil,
	"cite": nil, "code": nil, "dd": nil, "del": {"datetime"}, "dfn": {"title"}, "div": nil, "dl": nil, "dt": nil, "em": nil,
	"figcaption": nil, "figure": nil, "h3": nil, "h4": nil, "h5": nil, "h6": nil, "hr": nil, "i": nil, "ins": {"datetime"},
	"kbd": nil, "li": {"value"}, "mark": nil, "ol": {"start"}, "p": nil, "pre": nil, "q": nil, "rp": nil, "rt": nil,
	"ruby": nil, "s": nil, "samp": nil, "small": nil, "span": nil, "strong": nil, "sub": nil, "sup": nil, "table": nil,
	"tbody": nil, "td": {"colspan", "rowspan"}, "tfoot": nil, "th": {"colspan", "rowspan", "scope"}, "thead": nil,
	"time": {"datetime"}, "tr": nil, "u": nil, "ul": nil, "var": nil, "wbr": nil,
}

// pageElements is what the pages add around it.
var pageElements = map[string][]string{
	"a": {"href", "rel", "class", "type"}, "article": {"class", "id", "data-uuid", "aria-labelledby"}, "bdi": nil, "body": nil,
	"button": {"type", "class", "hidden"}, "code": nil,
	"dd": nil, "details": {"class", "id"}, "div": {"class"}, "dl": {"class"}, "dt": nil, "footer": {"class"},
	"form": {"class", "id", "method", "action"}, "h1": {"class"}, "h2": {"id"}, "head": nil, "header": {"class"}, "html": nil,
	"input": {"name", "maxlength", "autocomplete"}, "kbd": nil, "label": nil,
	"li": {"title"}, "link": {"rel", "href", "type", "title"}, "main": {"id"}, "meta": {"charset", "name", "content"},
	"nav": {"aria-label", "class"}, "option": {"value"}, "p": {"class", "id", "role", "hidden"}, "pre": nil, "script": nil,
	"section": {"class", "id", "data-feed", "data-after", "aria-label", "aria-labelledby"}, "select": {"name"},
	"span": {"class", "aria-hidden"}, "style": nil, "textarea": {"name", "rows"}, "summary": nil, "table": {"class"}, "tbody": nil, "td": {"class"},
	"th": {"scope", "class"}, "thead": nil, "time": {"datetime"}, "title": nil, "tr": nil, "ul": {"class", "aria-label"},
}

// checkPage parses a whole page and reports everything outside the allow-list.
func checkPage(t *testing.T, page string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		within := contentElements
		if !inProse(n) {
			within = pageElements
		}
		checkElement(t, n, within)
		checkOwn(t, n)
	}
}

// checkOwn reports a style, a script or a form that is not the page's own.
func checkOwn(t *testing.T, n *html.Node) {
	t.Helper()
	switch n.Data {
	case "style":
		if n.FirstChild.Data != stylesheet {
			t.Errorf("a <style> that is not the stylesheet: %.80q", n.FirstChild.Data)
		}
	case "script":
		if n.FirstChild.Data != script {
			t.Errorf("a <script> that is not the page's: %.80q", n.FirstChild.Data)
		}
	case "form":
		if action := attr(n, "action"); !strings.HasPrefix(action, "/feeds/") {
			t.Errorf("a form that posts to %q", action)
		}
	}
}

func inProse(n *html.Node) bool {
	for p := range n.Ancestors() {
		if attr(p, "class") == "prose" {
			return true
		}
	}
	return false
}

func checkElement(t *testing.T, n *html.Node, within map[string][]string) {
	t.Helper()
	attrs, ok := within[n.Data]
	if !ok || n.Namespace != "" {
		t.Errorf("element <%s> %s", n.Data, n.Namespace)
		return
	}
	for _, a := range n.Attr {
		switch {
		case a.Namespace != "":
			t.Errorf("<%s %s:%s>", n.Data, a.Namespace, a.Key)
		case a.Key == "href":
			checkHref(t, n, a.Val)
		case a.Key != "dir" && a.Key != "lang" && !slices.Contains(attrs, a.Key):
			t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
		}
	}
}

func checkHref(t *testing.T, n *html.Node, href string) {
	t.Helper()
	if n.Data == "link" && attr(n, "rel") == "icon" {
		return
	}
	u, err := url.Parse(href)
	switch {
	case err != nil:
		t.Errorf("<%s href=%q>: %v", n.Data, href, err)
	case href == "#main" && !inProse(n):
	case u.Scheme == "http" || u.Scheme == "https":
		if u.Host == "" {
			t.Errorf("<%s href=%q> has no host", n.Data, href)
		}
	case u.Scheme != "mailto":
		t.Errorf("<%s href=%q>", n.Data, href)
	}
	if inProse(n) && attr(n, "rel") != linkRel {
		t.Errorf("<%s href=%q rel=%q>", n.Data, href, attr(n, "rel"))
	}
}
