package web

import (
	"bytes"
	"encoding/json"
	"mime"
	"strings"
	"unicode/utf8"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

// content is a text construct or a content element as a page shows it: one
// of HTML, Text, Source, Href or Size, or nothing.
type content struct {
	HTML    safeHTML
	Text    string // prose; its white space is kept
	Source  string // code; its white space is kept
	Href    string // of content that stands elsewhere
	Size    string // of content that a page cannot show
	Type    string // media type, where the reader should know it
	Lang    string
	Clipped bool // the page shows its beginning only
}

// show prepares a text construct. self is the URL of the member's page.
func (p *Pages) show(t feeds.Text, self string, at place) content {
	c := content{Lang: t.Lang}
	if t.Src != "" {
		c.Type, c.Href = t.Type, webURL(resolve(self, t.Base), t.Src)
		if c.Href == "" {
			c.Text = t.Src
		}
		return c
	}
	if len(t.Body) == 0 {
		return c
	}
	switch media, kind := classify(t.Type); kind {
	case kindText:
		c.Text = c.clip(t.Body, at)
	case kindHTML, kindXHTML:
		p.showHTML(&c, t, kind, self, at)
	case kindJSON:
		c.Type, c.Source = media, c.clip(indentJSON(t.Body), at)
	case kindSource:
		c.Type, c.Source = media, c.clip(t.Body, at)
	default:
		c.Type, c.Size = media, size(int64(len(t.Body)))
	}
	return c
}

func (p *Pages) showHTML(c *content, t feeds.Text, kind kind, self string, at place) {
	src := truncate(t.Body, at.html)
	clean := p.sanitiser.html
	if kind == kindXHTML {
		clean = p.sanitiser.xhtml
	}
	out, err := clean(src, resolve(self, t.Base))
	if err != nil {
		// Nested too deep to be a page: its source still says what it was.
		c.Type, c.Source = "text/html", c.clip(t.Body, at)
		return
	}
	c.HTML = out
	c.Clipped = len(src) < len(t.Body) || at.clip > 0 && len(out) > 2*at.clip
}

// clip returns what at has room for, in characters that HTML can carry.
func (c *content) clip(body []byte, at place) string {
	src := truncate(body, at.source)
	if len(src) < len(body) {
		c.Clipped = true
		return printable(src) + "…"
	}
	c.Clipped = at.clip > 0 && (len(src) > at.clip || bytes.Count(src, []byte("\n")) >= at.lines)
	return printable(src)
}

// truncate cuts b to at most n bytes, between characters.
func truncate(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n]
}

// printable replaces bytes that are no UTF-8, and shows control characters by
// their pictures (U+2400), so that nothing in a message is invisible or lost.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return r
		case r < ' ':
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		}
		return r
	}, strings.ToValidUTF8(string(b), "\uFFFD"))
}

type kind int

const (
	kindBinary kind = iota
	kindText
	kindHTML
	kindXHTML
	kindJSON
	kindSource
)

// classify returns the media type without parameters, and how it is shown.
func classify(t string) (media string, k kind) {
	switch t {
	case "", "text":
		return "", kindText
	case "html":
		return "", kindHTML
	case "xhtml":
		return "", kindXHTML
	}
	media, _, err := mime.ParseMediaType(t)
	if err != nil {
		media, _, _ = strings.Cut(strings.ToLower(t), ";")
		media = strings.TrimSpace(media)
	}
	switch {
	case media == "text/plain":
		return "", kindText
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return media, kindJSON
	case strings.HasPrefix(media, "text/"), media == "application/xml", strings.HasSuffix(media, "+xml"),
		media == typeFields, media == "application/x-ndjson":
		return media, kindSource
	}
	return media, kindBinary
}

// Indenting multiplies the size by up to twice the depth.
const (
	maxIndentBytes = 256 << 10
	maxIndentDepth = 32
)

// indentJSON lays JSON out for reading, or returns b where it is no JSON or
// would grow past what a page should carry.
func indentJSON(b []byte) []byte {
	if len(b) > maxIndentBytes || feeds.JSONDepth(b) > maxIndentDepth {
		return b
	}
	var out bytes.Buffer
	if json.Indent(&out, bytes.TrimSpace(b), "", "  ") != nil {
		return b
	}
	return out.Bytes()
}

// node is what a page shows of c, nil for nothing.
func (c content) node() g.Node {
	switch {
	case c.HTML != "":
		return h.Div(h.Class("prose"), h.Dir("auto"), lang(c.Lang), c.HTML.node())
	case c.Text != "":
		return h.Div(h.Class("text"), h.Dir("auto"), lang(c.Lang), g.Text(c.Text))
	case c.Source != "":
		return h.Div(h.Class("source"), g.If(c.Type != "", h.P(h.Class("type"), g.Text(c.Type))),
			h.Pre(h.Dir("ltr"), h.Code(g.Text(c.Source))))
	case c.Href != "":
		of := ": "
		if c.Type != "" {
			of = " (" + c.Type + "): "
		}
		return note(g.Text("Content elsewhere"+of), outward(c.Href, g.Text(c.Href)))
	case c.Size != "":
		return note(g.Text(c.Size+" of "), h.Code(g.Text(c.Type)))
	}
	return nil
}

// within puts c in a div of its own, where there is something to show.
func (c content) within(class string) g.Node {
	inner := c.node()
	if inner == nil {
		return nil
	}
	return h.Div(h.Class(class), inner)
}

// excerpt does likewise on a feed's page, where the stylesheet cuts off what is long.
func (c content) excerpt(class string) g.Node {
	if c.Clipped {
		class += " clip"
	}
	return c.within(class)
}
