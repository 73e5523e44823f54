package web

import (
	"encoding/base64"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/feeds"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestPagesReadAsTheGoldenFiles(t *testing.T) {
	p := New()
	feed := func(page *feeds.Page) func(*httptest.ResponseRecorder) error {
		return func(w *httptest.ResponseRecorder) error { return p.Feed(w, page) }
	}
	member := func(page *feeds.Page) func(*httptest.ResponseRecorder) error {
		return func(w *httptest.ResponseRecorder) error { return p.Member(w, page) }
	}
	list := func(l *feeds.List) func(*httptest.ResponseRecorder) error {
		return func(w *httptest.ResponseRecorder) error { return p.Feeds(w, l) }
	}
	for name, write := range map[string]func(*httptest.ResponseRecorder) error{
		"feed":           feed(ordersPage(t)),
		"feed-cursor":    feed(cursorPage(t)),
		"feed-end":       feed(endPage()),
		"feed-beginning": feed(beginningPage()),
		"feed-empty":     feed(pageOf("mycoolfeed")),
		"feed-names":     feed(namesPage(t)),
		"feed-closed":    feed(acceptingPage(t, feeds.Accepts{})),
		"feed-pictures":  feed(acceptingPage(t, feeds.Accepts{"image/*"})),
		"feed-fixed":     feed(fixedPage()),
		"member":         member(pageOf("orders", post(t, "orders", 41, releaseNotes))),
		"member-json":    member(pageOf("orders", post(t, "orders", 44, orderJSON()))),
		"member-media":   member(pageOf("photos", upload(t, "photos", 7, "A cat", "image/jpeg"))),
		"member-stomp":   member(pageOf("orders", stompMessage(t, "orders", 50))),
		"problem": func(w *httptest.ResponseRecorder) error {
			return p.Problem(w, base, 410, "Entries that came after 7 are <gone>. Go on with Xlastid: 0.")
		},
		"no-feed": func(w *httptest.ResponseRecorder) error {
			return p.NoFeed(w, base, base+"/feeds/a%20b", "There is no such feed yet.")
		},
		"list":       list(feedList()),
		"list-empty": list(&feeds.List{Base: base, Self: base + "/feeds"}),
	} {
		t.Run(name, func(t *testing.T) {
			checkGolden(t, name+".html", render(t, write).Body.String())
		})
	}
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	// The stylesheet and the script have files of their own; here they would drown the page.
	got = strings.NewReplacer(stylesheet, "/* page.css */", script, "/* page.js */").Replace(got)
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s, run with -update to accept (-want +got):\n%s", path, diff)
	}
}

const releaseNotes = `<entry xmlns="http://www.w3.org/2005/Atom" xml:base="https://shop.example.org/notes/" xml:lang="en">
<title>Warehouse API 2.4: what changes for pickers</title>
<author><name>Ada Okafor</name><email>ada@example.org</email></author>
<author><name>Jørgen</name><uri>https://jorgen.example.org/</uri></author>
<category term="release" label="Release"/><category term="api"/>
<link rel="alternate" href="2-4.html" title="Release notes"/>
<link rel="enclosure" type="application/pdf" href="2-4.pdf"/>
<summary>Batch picking, and an end to the nightly lock.</summary>
<content type="html">&lt;h1&gt;Highlights&lt;/h1&gt;
&lt;p&gt;Picking lists now come in &lt;strong&gt;batches of 50&lt;/strong&gt;; see &lt;a href="batch.html"&gt;the guide&lt;/a&gt;.
&lt;img src="https://tracker.example.com/p.gif" alt="A shelf with numbered boxes"&gt;&lt;/p&gt;
&lt;ul&gt;&lt;li&gt;The lock at 02:00 is gone.&lt;/li&gt;&lt;li&gt;&lt;code&gt;GET /picks?after=42&lt;/code&gt; resumes.&lt;/li&gt;&lt;/ul&gt;
&lt;blockquote&gt;&lt;p&gt;“Nobody waits for the night any more.”&lt;/p&gt;&lt;/blockquote&gt;
&lt;table&gt;&lt;tr&gt;&lt;th&gt;Site&lt;/th&gt;&lt;th&gt;Before&lt;/th&gt;&lt;th&gt;After&lt;/th&gt;&lt;/tr&gt;&lt;tr&gt;&lt;td&gt;Lyon&lt;/td&gt;&lt;td&gt;310 ms&lt;/td&gt;&lt;td&gt;18 ms&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;</content>
</entry>`

func orderJSON() string {
	doc := `{"order":10442,"lines":[{"sku":"A-17","qty":3},{"sku":"B-02","qty":1}],"note":"ring <twice>","express":true}`
	return entry(`<title>Order 10442</title><summary>Order 10442</summary><content type="application/json">`, base64.StdEncoding.EncodeToString([]byte(doc)), `</content>`)
}

func ordersPage(t *testing.T) *feeds.Page {
	const feed = "orders"
	long := strings.Repeat("2026-11-20T12:00:00Z picker-7 shelf 12: box scanned, weight 2.41 kg\n", 40)
	page := pageOf(feed,
		post(t, feed, 49, entry(`<title>Hello</title><author><name>curl</name></author><content>Hello</content>`)),
		post(t, feed, 48, entry(`<title/><content>A line without a title,
  its white space kept.</content>`)),
		post(t, feed, 47, `<entry xmlns="http://www.w3.org/2005/Atom" xml:lang="ar"><title>وصل الطلب رقم 10442 إلى المستودع</title>
<author><name>ليلى</name></author><content>تم تجهيز الطلب وهو في طريقه إلى العميل (SKU A-17).</content></entry>`),
		post(t, feed, 46, entry(`<title>Night log</title><content>`, long, `</content>`)),
		tombstone(feed, 45),
		post(t, feed, 44, orderJSON()),
		post(t, feed, 43, `<entry xmlns="http://www.w3.org/2005/Atom"><title>Stock sheet</title><content type="application/xml"><s:stock xmlns:s="urn:example:stock"><s:item sku="A-17">12</s:item></s:stock></content></entry>`),
		post(t, feed, 42, entry(`<title>Label for order 10441</title><content type="image/png">iVBORw0KGgoAAAANSUhEUg==</content>`)),
		post(t, feed, 41, releaseNotes),
		post(t, feed, 39, entry(`<title>Manual</title><content type="application/pdf" src="https://shop.example.org/manual.pdf"/>`)),
		post(t, feed, 38, `<entry xmlns="http://www.w3.org/2005/Atom"><title>Shift change</title><content type="xhtml"><h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>Ines takes over<h:br/>from <h:em>Ada</h:em>.</h:p><h:p/></h:div></content></entry>`),
	)
	page.Feed.Title, page.Feed.Subtitle = "Orders, Lyon", "Every order as it moves through the warehouse"
	page.Feed.Entries, page.Feed.Bytes = 12345, 4_200_000
	page.Next = page.Collection + "?older-than=38"
	return page
}

func cursorPage(t *testing.T) *feeds.Page {
	const feed = "orders"
	page := pageOf(feed, post(t, feed, 48, entry(`<title>First</title>`)), post(t, feed, 49, entry(`<title>Second</title>`)))
	page.Cursor, page.Feed.AppendOnly = true, true
	page.Previous, page.Next = page.Collection+"?upto=47", page.Collection+"?after=49"
	return page
}

// acceptingPage is a feed of files that takes nothing but accepts.
func acceptingPage(t *testing.T, accepts feeds.Accepts) *feeds.Page {
	page := pageOf("photos", upload(t, "photos", 2, "A cat <& its tail>", "image/png"), upload(t, "photos", 1, "drawing.svg", "image/svg+xml"))
	page.Feed.Accepts = accepts
	return page
}

// fixedPage is an empty feed with categories of its own.
func fixedPage() *feeds.Page {
	page := pageOf("orders")
	page.Feed.Categories = feeds.Categories{Fixed: true, List: []feeds.Category{{Term: "in"}, {Term: "out", Label: "On its way <out>"}}}
	return page
}

func endPage() *feeds.Page {
	page := pageOf("orders")
	page.Feed.LastID, page.Feed.Entries, page.Cursor = 49, 2, true
	return page
}

func beginningPage() *feeds.Page {
	page := endPage()
	page.Cursor, page.Previous = false, page.Collection+"?newer-than=1"
	return page
}

// namesPage is what a feed full of awkward names and words looks like.
func namesPage(t *testing.T) *feeds.Page {
	name := `a b/'"<&>` + strings.Repeat("W", 245) + "!"
	word := strings.Repeat("Donaudampfschifffahrt", 20)
	return pageOf(name,
		post(t, name, 3, entry(`<title>&lt;script&gt;document.title='owned'&lt;/script&gt;</title><author><name>`, word, `</name></author><content>`, word, `</content>`)),
		post(t, name, 2, entry(`<title>`, word, `</title><category term="`, word, `"/><link href="https://example.org/`, word, `"/><link href="javascript:alert(1)"/>
<content type="html">&lt;pre&gt;`, word, `&lt;/pre&gt;&lt;table&gt;&lt;tr&gt;&lt;td&gt;`, word, `&lt;/td&gt;&lt;td&gt;`, word, `&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;</content>`)),
		post(t, name, 1, entry("<title>\u202eesrever</title><content>\u202eafter it</content>")),
	)
}

func feedList() *feeds.List {
	return &feeds.List{Base: base, Self: base + "/feeds", Next: base + "/feeds?after=orders", Feeds: []feeds.Feed{
		{Name: " ", Entries: 2, Bytes: 80, Updated: noon},
		{Name: `<&'">`, Entries: 1, Bytes: 999, Updated: noon},
		{Name: "a b/c", Entries: 20, Bytes: 1000, Updated: noon, Title: "A feed with\ta title of its own"},
		{Name: "empty"},
		{Name: "orders", Title: "Orders, Lyon", Entries: 12345, Bytes: 4_200_000, Updated: noon},
		{Name: strings.Repeat("ж", 127), Entries: 1_000_000, Bytes: 999_960_000, Updated: noon, AppendOnly: true},
		{Name: "مستودع", Entries: 7, Bytes: 12_000, Updated: noon},
	}}
}

// stompMessage is an entry that came through STOMP.
func stompMessage(t testing.TB, feed string, id int64) *feeds.Member {
	e, err := feeds.ComposeMessage("", &feeds.Message{
		Type: "application/json",
		Header: []feeds.Field{
			{Name: "title", Value: "Order 10443"}, {Name: "customer", Value: "ACME & <Co.>"}, {Name: "priority", Value: "9"},
			{Name: "reply-to", Value: "/queue/temp.JBSWY3DPEHPK3PXPJBSWY3DPEH"}, {Name: "note", Value: "two\nlines"},
		},
		Body: []byte(`{"order": 10443, "lines": 2}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return post(t, feed, id, string(e.XML))
}
