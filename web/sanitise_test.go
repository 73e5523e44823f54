package web

import (
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"atommq/feeds"
)

func TestMarkupIsKeptAsItReads(t *testing.T) {
	at, _ := url.Parse("https://example.org/notes/")
	for _, tt := range []struct {
		name, in string
		base     *url.URL
		want     safeHTML
	}{
		{"plain", `a <em>b</em> &amp; c`, nil, `a <em>b</em> &amp; c`},
		{"headings go below the page's own", `<h1>a</h1><h3>b</h3><h6>c</h6>`, nil, `<h3>a</h3><h5>b</h5><h6>c</h6>`},
		{"images are their alternative text", `x <img src=a.png alt="A <cat>"> <img src=b.png alt=""> <img>`, nil, `x [A &lt;cat&gt;]`},
		{"links are absolute", `<a href="../x?a=1&amp;b=2#f" target=_top onclick=x()>y</a>`, at, `<a href="https://example.org/x?a=1&amp;b=2#f" rel="` + linkRel + `">y</a>`},
		{"a network path takes the base's scheme", `<a href="//example.com/">y</a>`, at, `<a href="https://example.com/" rel="` + linkRel + `">y</a>`},
		{"relative to nothing is no link", `<a href="/feeds/x">y</a> <a href="#f">z</a>`, nil, `y z`},
		{"mail", `<a href="mailto:a@example.org">y</a>`, nil, `<a href="mailto:a@example.org" rel="` + linkRel + `">y</a>`},
		{"open tags are closed", `<div><p>a<b>b`, nil, `<div><p>a<b>b</b></p></div>`},
		{"closed tags were opened", `a</div></article></main><p>b`, nil, `a<p>b</p>`},
		{"tables", `<table><tr><td colspan=2>a<td colspan=9999>b</table>`, nil, `<table><tbody><tr><td colspan="2">a</td><td>b</td></tr></tbody></table>`},
		{"comments go", `a<!-- b -->c`, nil, `ac`},
		{"direction and language stay", `<p dir=rtl lang=ar>a</p><p dir=x lang="a b">b</p>`, nil, `<p dir="rtl" lang="ar">a</p><p>b</p>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newSanitiser().html([]byte(tt.in), tt.base)
			if err != nil || got != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

func TestXHTMLReadsAsXML(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty elements are whole", `<div xmlns="X"><p/>a<em/>b<br/>c</div>`, `<div><p></p>a<em></em>b<br/>c</div>`},
		{"any prefix", `<h:div xmlns:h="X"><h:p>a</h:p></h:div>`, `<div><p>a</p></div>`},
		{"CDATA is text", `<div xmlns="X"><![CDATA[<script>a</script>]]></div>`, `<div>&lt;script&gt;a&lt;/script&gt;</div>`},
		{"a name in capitals", `<div xmlns="X"><SCRIPT>a</SCRIPT><P>b</P></div>`, `<div><p>b</p></div>`},
		{"other vocabularies go", `<div xmlns="X">a<svg xmlns="http://www.w3.org/2000/svg"><script>b</script></svg><p xmlns="">c</p>d</div>`, `<div>ad</div>`},
		{"content in a void element", `<div xmlns="X"><br>a<b>b</b></br>c</div>`, `<div><br/>a<b>b</b>c</div>`},
		{"xml:lang", `<div xmlns="X"><p xml:lang="ar">a</p></div>`, `<div><p lang="ar">a</p></div>`},
		{"what came before an early end counts", `<div xmlns="X"><p>a</p><p>b`, `<div><p>a</p><p>b</p></div>`},
		{"raw text cannot end early", `<div xmlns="X"><xmp>&lt;/xmp&gt;&lt;img onerror="a"/&gt;</xmp><noscript>&lt;/noscript&gt;&lt;script&gt;</noscript>b</div>`, `<div>b</div>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newSanitiser().xhtml([]byte(strings.ReplaceAll(tt.in, `"X"`, `"`+feeds.NamespaceXHTML+`"`)), nil)
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

// hostile is markup that must never come alive. Every piece sets the
// document's title to "owned" or asks the server for something if it does.
var hostile = []string{
	`<script>document.title='owned'</script>`,
	`<ScRiPt/x>document.title='owned'</sCrIpT >`,
	`<<script>script>document.title='owned'<</script>/script>`,
	`<script src="/request"></script>`,
	`<img src="/request" onerror="document.title='owned'">`,
	`<img src=x onerror=document.title='owned'//`,
	`<img src="x" srcset="/request 1x">`,
	`<image src="/request" onerror="document.title='owned'">`,
	`<svg onload="document.title='owned'"><script>document.title='owned'</script></svg>`,
	`<svg><animate onbegin="document.title='owned'" attributeName=x dur=1s></svg>`,
	`<svg><use href="/request#x"></use><image href="/request"/></svg>`,
	`<svg><style><img src=x onerror="document.title='owned'"></style></svg>`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=document.title='owned'&gt;"></mglyph></table></mtext></math>`,
	`<math href="javascript:document.title='owned'">x</math>`,
	`<noscript><p title="</noscript><img src=x onerror=document.title='owned'>">`,
	`<template><script>document.title='owned'</script></template>`,
	`<iframe src="/request"></iframe><iframe srcdoc="&lt;script&gt;parent.document.title='owned'&lt;/script&gt;"></iframe>`,
	`<object data="/request"></object><embed src="/request"><applet code="/request"></applet>`,
	`<frameset><frame src="/request"></frameset>`,
	`<video src="/request" poster="/request" autoplay onloadstart="document.title='owned'"><source src="/request"></video>`,
	`<audio src="/request" autoplay></audio><track src="/request">`,
	`<link rel="stylesheet" href="/request"><link rel="prefetch" href="/request"><link rel=preconnect href="/request">`,
	`<meta http-equiv="refresh" content="0;url=/request"><meta http-equiv="Content-Security-Policy" content="default-src *">`,
	`<base href="https://example.com/">`,
	`<style>@import '/request'; body{background:url(/request)}</style>`,
	`</style><script>document.title='owned'</script>`,
	`</div></article></section></main></body></html><script>document.title='owned'</script>`,
	`<p style="background:url(/request);width:expression(document.title='owned');-moz-binding:url(/request)">x</p>`,
	`<p style="position:fixed;inset:0;z-index:9999">x</p>`,
	`<table background="/request"><tr><td background="/request">x</td></tr></table><body background="/request" onload="document.title='owned'">`,
	`<form action="/request"><input name=q autofocus onfocus="document.title='owned'"><button formaction="/request">x</button></form>`,
	`<input type=image src="/request"><isindex action="/request" prompt="x">`,
	`<textarea autofocus onfocus="document.title='owned'">x</textarea><select autofocus onfocus="document.title='owned'"></select>`,
	`<details open ontoggle="document.title='owned'">x</details><dialog open>x</dialog>`,
	`<marquee onstart="document.title='owned'">x</marquee>`,
	`<a href="javascript:document.title='owned'" id=x>x</a>`,
	"<a href=\" \tjav&#x09;ascript&colon;document.title='owned'\">x</a>",
	`<a href="&#106;&#97;vascript:document.title='owned'">x</a>`,
	`<a href="data:text/html,&lt;script&gt;document.title='owned'&lt;/script&gt;">x</a><a href="vbscript:x">x</a><a href="blob:x">x</a>`,
	`<a href="view-source:/request">x</a><a href="http:">x</a><a href="https:///x">x</a><a href="http://[::1">x</a>`,
	`<a href="https://example.com/" ping="/request" target="_top" download>x</a>`,
	`<a href="https://example.com/&quot; onmouseover=&quot;document.title='owned'">x</a>`,
	`<img src="data:image/svg+xml,&lt;svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/&gt;">`,
	`<p id="main" name="body" class="skip" accesskey="x" tabindex="1" contenteditable autofocus hidden popover>x</p>`,
	`<p onpointerover="document.title='owned'" onANYTHING=x data-x=1 is="x-y" slot=x part=x nonce=x>x</p>`,
	`&lt;script&gt;document.title='owned'&lt;/script&gt;`,
	`<section id="entries" data-feed="//example.com/" data-after="0"><form id="post" action="//example.com/"><button>x</button></form></section>`,
	`<!--><script>document.title='owned'</script>-->`,
	`<![CDATA[><script>document.title='owned'</script>]]>`,
	`<?xml-stylesheet href="/request"?><!DOCTYPE html SYSTEM "/request">`,
	`<title><script>document.title='owned'</script></title><plaintext><script>document.title='owned'</script>`,
	`<xmp><script>document.title='owned'</script></xmp><noembed><img src=/request></noembed>`,
	"<scr\x00ipt>document.title='owned'</scr\x00ipt>\xff\xfe<img src=x\x0conerror=document.title='owned'>",
	strings.Repeat("<div>", 600) + `<script>document.title='owned'</script>`,
	strings.Repeat("<b><p>", 300) + `<img src=x onerror="document.title='owned'">`,
}

func TestHostileMarkupNeverComesAlive(t *testing.T) {
	p := New()
	for i, markup := range hostile {
		checkHostile(t, p, i, markup)
	}
}

// checkHostile shows markup wherever a publisher can put it.
func checkHostile(t *testing.T, p *Pages, i int, markup string) {
	t.Helper()
	page := pageOf(truncateString(markup, 80), hostileMember(t, "x", int64(i), markup))
	page.Feed.Title, page.Feed.Subtitle, page.Feed.Author.Name = markup, markup, markup
	list := &feeds.List{Base: base, Feeds: []feeds.Feed{page.Feed}}
	for _, write := range []func(*httptest.ResponseRecorder) error{
		func(w *httptest.ResponseRecorder) error { return p.Feed(w, page) },
		func(w *httptest.ResponseRecorder) error { return p.Member(w, page) },
		func(w *httptest.ResponseRecorder) error { return p.Feeds(w, list) },
	} {
		checkPage(t, render(t, write).Body.String())
		if t.Failed() {
			t.Fatalf("from %q", markup)
		}
	}
}

func truncateString(s string, n int) string { return string(truncate([]byte(s), n)) }

// hostileMember says markup in every part of an entry.
func hostileMember(t testing.TB, feed string, id int64, markup string) *feeds.Member {
	t.Helper()
	s := escape(markup)
	m := post(t, feed, id, entry(`<title>`, s, `</title><author><name>`, s, `</name><uri>`, s, `</uri><email>`, s, `</email></author>
<category term="`, s, `" scheme="`, s, `" label="`, s, `"/><link rel="`, s, `" href="`, s, `" type="`, s, `" title="`, s, `"/>
<link href="javascript:document.title='owned'"/><summary type="html">`, s, `</summary><content type="html">`, s, `</content>`))
	m.AtomID = markup
	return m
}

// escape writes s as XML text, leaving out what XML has no way to say.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == 0xFFFD || r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return -1
		}
		return r
	}, s)
	return html.EscapeString(s)
}

// What is no safeHTML is escaped, unless it is written with Raw.
func TestNothingIsWrittenAsItIsButWhatTheSanitiserMadeAndThePagesOwn(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code := strings.NewReplacer("g.Raw(stylesheet)", "", "g.Raw(script)", "").Replace(string(source))
		want := 0
		if file == "sanitise.go" {
			want = 1
		}
		for _, way := range []string{".Raw", "safeHTML("} {
			if n := strings.Count(code, way); n != want {
				t.Errorf("%s says %s %d times, want %d", file, way, n, want)
			}
		}
	}
}

func TestHostileXHTMLNeverComesAlive(t *testing.T) {
	s := newSanitiser()
	for _, markup := range hostile {
		got, err := s.xhtml([]byte(`<div xmlns="`+feeds.NamespaceXHTML+`">`+markup+`</div>`), nil)
		if err == nil {
			checkFragment(t, got)
		}
	}
}

// checkFragment reports what is outside the allow-list in clean content, and
// markup that reaches past the element it is put in.
func checkFragment(t *testing.T, clean safeHTML) {
	t.Helper()
	page := `<!DOCTYPE html><main><div class="prose">` + string(clean) + `</div><footer>end</footer></main>`
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatalf("%v in %q", err, clean)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && inProse(n) {
			checkElement(t, n, contentElements)
		}
		if n.Type == html.ElementNode && n.Data == "footer" && (n.Parent.Data != "main" || n.FirstChild.Data != "end") {
			t.Error("the content changes what comes after it")
		}
	}
	if t.Failed() {
		t.Fatalf("in %q", clean)
	}
}

// Each costs a page's author a few bytes, and the reader's server as much as a page takes.
func BenchmarkHostileMarkup(b *testing.B) {
	p := New()
	for _, piece := range []string{"<b><p>", "<a><table>", "<table><td>", "</p>", "<a href=x>", "<!--", "&amp;lt;"} {
		body := []byte(strings.Repeat(piece, onMemberPage.html/len(piece)))
		b.Run(piece, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				p.show(feeds.Text{Type: "html", Body: body}, base, onMemberPage)
			}
		})
	}
}

func FuzzSanitise(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	s, at := newSanitiser(), &url.URL{Scheme: "https", Host: "example.org", Path: "/"}
	f.Fuzz(func(t *testing.T, src string) {
		if clean, err := s.html([]byte(src), at); err == nil {
			checkFragment(t, clean)
		}
		if clean, err := s.xhtml([]byte(`<div xmlns="`+feeds.NamespaceXHTML+`">`+src+`</div>`), at); err == nil {
			checkFragment(t, clean)
		}
	})
}
