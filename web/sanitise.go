package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	g "maragu.dev/gomponents"
)

// maxDepth is how deep elements may stand in an entry; browsers stop at 512 for the whole page.
const maxDepth = 256

var errDepth = errors.New("elements nest too deep")

// sanitiser makes a publisher's HTML safe to stand inside a page. The markup is
// parsed as a browser would and written out again, so that no tag stays open
// to reach past its entry; bluemonday's allow-list has the last word.
type sanitiser struct{ policy *bluemonday.Policy }

func newSanitiser() *sanitiser {
	p := bluemonday.NewPolicy()
	p.AllowElements(
		"abbr", "b", "bdi", "bdo", "blockquote", "br", "caption", "cite", "code", "dd", "del", "dfn", "div", "dl", "dt",
		"em", "figcaption", "figure", "h3", "h4", "h5", "h6", "hr", "i", "ins", "kbd", "li", "mark", "ol", "p", "pre",
		"q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot",
		"th", "thead", "time", "tr", "u", "ul", "var", "wbr",
	)
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`^(ltr|rtl|auto)$`)).Globally()
	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[A-Za-z0-9-]{1,35}$`)).Globally()
	p.AllowAttrs("title").OnElements("abbr", "dfn")
	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^[1-9][0-9]?$`)).OnElements("td", "th")
	p.AllowAttrs("scope").Matching(regexp.MustCompile(`^(row|col|rowgroup|colgroup)$`)).OnElements("th")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^-?[0-9]{1,9}$`)).OnElements("ol")
	p.AllowAttrs("value").Matching(regexp.MustCompile(`^-?[0-9]{1,9}$`)).OnElements("li")
	p.AllowAttrs("datetime").Matching(bluemonday.ISO8601).OnElements("time", "del", "ins")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile("^" + linkRel + "$")).OnElements("a")
	p.RequireParseableURLs(true)
	p.AllowURLSchemes("http", "https", "mailto")
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return &sanitiser{policy: p}
}

// safeHTML is what a sanitiser made, and nothing else: it stands in a page as it is.
type safeHTML string

func (s safeHTML) node() g.Node { return g.Raw(string(s)) }

// linkRel keeps a publisher's link from gaining by the page that shows it.
const linkRel = "nofollow noopener noreferrer"

// html cleans HTML source as the content of a div. Relative links are resolved against
// base, and are no links without one. It fails where the elements nest deeper than maxDepth.
func (s *sanitiser) html(src []byte, base *url.URL) (safeHTML, error) {
	div := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(bytes.NewReader(src), div)
	if err != nil {
		return "", fmt.Errorf("parse HTML: %w", err)
	}
	for _, n := range nodes {
		div.AppendChild(n)
	}
	return s.clean(div, base)
}

// xhtml cleans an XHTML div's source likewise. Where src ends early or stops being
// XML, what came before counts.
func (s *sanitiser) xhtml(src []byte, base *url.URL) (safeHTML, error) {
	return s.clean(parseXHTML(src), base)
}

func (s *sanitiser) clean(root *html.Node, base *url.URL) (safeHTML, error) {
	if err := reshape(root, base, maxDepth); err != nil {
		return "", err
	}
	var buf bytes.Buffer
	for n := range root.ChildNodes() {
		if err := html.Render(&buf, n); err != nil {
			return "", fmt.Errorf("write HTML: %w", err)
		}
	}
	return safeHTML(bytes.TrimSpace(s.policy.SanitizeBytes(buf.Bytes()))), nil
}

// reshape fits the nodes below parent into a page: headings go below the
// page's own, images become their alternative text, links become absolute,
// and what has no text of its own to show goes. It fails where elements nest
// deeper than depth.
func reshape(parent *html.Node, base *url.URL, depth int) error {
	if depth == 0 {
		return errDepth
	}
	for n := parent.FirstChild; n != nil; {
		next := n.NextSibling
		switch {
		case n.Type == html.TextNode:
		case n.Type != html.ElementNode || n.Namespace != "" || silent[n.Data]:
			parent.RemoveChild(n)
		case n.Data == "img":
			parent.InsertBefore(&html.Node{Type: html.TextNode, Data: altText(n)}, n)
			parent.RemoveChild(n)
		default:
			retag(n, base)
			if err := reshape(n, base, depth-1); err != nil {
				return err
			}
		}
		n = next
	}
	return nil
}

func retag(n *html.Node, base *url.URL) {
	if lower, ok := headings[n.Data]; ok {
		n.Data, n.DataAtom = lower, 0
	}
	if n.Data != "a" {
		return
	}
	href := webURL(base, attr(n, "href"))
	n.Attr = nil
	if href != "" {
		n.Attr = []html.Attribute{{Key: "href", Val: href}, {Key: "rel", Val: linkRel}}
	}
}

func altText(img *html.Node) string {
	if alt := attr(img, "alt"); alt != "" {
		return "[" + alt + "]"
	}
	return ""
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == key {
			return a.Val
		}
	}
	return ""
}

// headings stand below the page's title, h1, and the entry's, h2.
var headings = map[string]string{"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6"}

// silent elements show nothing, or nothing a message should: programs,
// styles, embedded documents, form controls. They go with what they hold.
var silent = map[string]bool{
	"applet": true, "audio": true, "base": true, "button": true, "canvas": true, "datalist": true, "dialog": true,
	"embed": true, "frame": true, "frameset": true, "iframe": true, "input": true, "link": true, "math": true,
	"meta": true, "noembed": true, "noframes": true, "noscript": true, "object": true, "option": true, "plaintext": true,
	"script": true, "select": true, "source": true, "style": true, "svg": true, "template": true, "textarea": true,
	"title": true, "track": true, "video": true, "xmp": true,
}
