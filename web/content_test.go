package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/feeds"
)

var onePage = onFeedPage(1)

func TestContentShowsAsItsType(t *testing.T) {
	p := New()
	for _, tt := range []struct {
		name string
		in   feeds.Text
		want content
	}{
		{"none", feeds.Text{}, content{}},
		{"text", feeds.Text{Type: "text", Body: []byte(" a\n b "), Lang: "fr"}, content{Text: " a\n b ", Lang: "fr"}},
		{"plain text", feeds.Text{Type: "text/plain; charset=utf-8", Body: []byte("<b>")}, content{Text: "<b>"}},
		{"html", feeds.Text{Type: "html", Body: []byte("<b>a")}, content{HTML: "<b>a</b>"}},
		{"html of nothing but markup", feeds.Text{Type: "html", Body: []byte("<script>a</script>")}, content{}},
		{"a whole HTML document is source", feeds.Text{Type: "text/html", Body: []byte("<b>a")}, content{Type: "text/html", Source: "<b>a"}},
		{"json", feeds.Text{Type: "application/json", Body: []byte(`{"a":[1,"\"[{"],"b":{}}`)},
			content{Type: "application/json", Source: "{\n  \"a\": [\n    1,\n    \"\\\"[{\"\n  ],\n  \"b\": {}\n}"}},
		{"json by suffix", feeds.Text{Type: "Application/Problem+JSON", Body: []byte(`[]`)}, content{Type: "application/problem+json", Source: "[]"}},
		{"broken json", feeds.Text{Type: "application/json", Body: []byte(`{"a":`)}, content{Type: "application/json", Source: `{"a":`}},
		{"json in bytes that are no text", feeds.Text{Type: "application/json", Body: []byte("\"\xff\x00\x1b\"")},
			content{Type: "application/json", Source: "\"\uFFFD\u2400\u241b\""}},
		{"xml", feeds.Text{Type: "image/svg+xml", Body: []byte("<svg/>")}, content{Type: "image/svg+xml", Source: "<svg/>"}},
		{"csv", feeds.Text{Type: "text/csv;header=present", Body: []byte("a,b")}, content{Type: "text/csv", Source: "a,b"}},
		{"binary", feeds.Text{Type: "image/png", Body: make([]byte, 1500)}, content{Type: "image/png", Size: "1.5 kB"}},
		{"a type that is none", feeds.Text{Type: "IMAGE/PNG; x", Body: []byte("a")}, content{Type: "image/png", Size: "1 B"}},
		{"elsewhere", feeds.Text{Type: "video/webm", Src: "https://example.org/a"}, content{Type: "video/webm", Href: "https://example.org/a"}},
		{"elsewhere, relative", feeds.Text{Src: "a", Base: "https://example.org/b/"}, content{Href: "https://example.org/b/a"}},
		{"nowhere a browser should go", feeds.Text{Src: "javascript:a"}, content{Text: "javascript:a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, p.show(tt.in, base, onePage)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLongContentIsClippedOnAFeedPageAndWholeOnItsOwn(t *testing.T) {
	p := New()
	for _, tt := range []struct {
		name, typ, body string
		clipped         bool
	}{
		{"short", "text", "a", false},
		{"many bytes", "text", strings.Repeat("a", onePage.clip+1), true},
		{"more bytes than are sent", "text", strings.Repeat("é", onePage.source), true},
		{"many lines", "text", strings.Repeat("\n", onePage.lines), true},
		{"short html", "html", "<b>a</b>", false},
		{"long html", "html", strings.Repeat("<p>aaaaaaaaaaaa</p>", 200), true},
		{"html longer than is read", "html", strings.Repeat("<p>aaaaaaaaaaaa</p>", 2000), true},
		{"many lines of json", "application/json", "[" + strings.Repeat("1,", 20) + "1]", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := feeds.Text{Type: tt.typ, Body: []byte(tt.body)}
			if got := p.show(text, base, onePage); got.Clipped != tt.clipped {
				t.Errorf("clipped on the feed page: %v", got.Clipped)
			} else if n := len(got.Text) + len(got.HTML) + len(got.Source); n > onePage.html+1000 {
				t.Errorf("the feed page carries %d bytes of it", n)
			}
			if got := p.show(text, base, onMemberPage); got.Clipped {
				t.Error("clipped on its own page")
			} else if tt.typ == "text" && got.Text != tt.body {
				t.Errorf("its own page has %d of %d bytes", len(got.Text), len(tt.body))
			}
		})
	}
}

func TestJSONNeverGrowsPastItsBound(t *testing.T) {
	for _, body := range []string{
		strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		strings.Repeat("[", maxIndentDepth) + strings.Repeat("1,", 100_000) + "1" + strings.Repeat("]", maxIndentDepth),
		"[" + strings.Repeat("1,", maxIndentBytes) + "1]",
	} {
		if got := indentJSON([]byte(body)); len(got) > maxIndentBytes*(maxIndentDepth+2) {
			t.Errorf("%d bytes of JSON became %d", len(body), len(got))
		}
	}
}

func TestMarkupNestedTooDeepShowsAsSource(t *testing.T) {
	p := New()
	for _, tt := range []feeds.Text{
		{Type: "html", Body: []byte(strings.Repeat("<div>", 600))},
		{Type: "xhtml", Body: []byte(`<div xmlns="` + feeds.NamespaceXHTML + `">` + strings.Repeat("<p>", 300))},
	} {
		if got := p.show(tt, base, onMemberPage); got.HTML != "" || got.Source != string(tt.Body) {
			t.Errorf("%s: got %.80q and %.80q", tt.Type, got.HTML, got.Source)
		}
	}
}
