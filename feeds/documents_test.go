package feeds

import (
	"encoding/json"
	"encoding/xml"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/blog/atom"
)

// oddFeed needs escaping wherever it can.
func oddFeed() *Feed {
	return &Feed{
		Name: `a/b <&>"'`, UUID: "0f8fad5b-d9cb-469f-a165-70867728950e", Subtitle: "all of it & more",
		Author:  Person{Name: "A <b>", URI: "https://example.org/?a&b", Email: "a@example.org"},
		Created: testTime, Updated: testTime, LastID: 42, Entries: 1, Bytes: 2048, AppendOnly: true,
	}
}

func testList() *List {
	return &List{
		Base: "https://example.org", Self: "https://example.org/feeds", Next: "https://example.org/feeds?after=b&limit=2",
		Previous: "https://example.org/feeds?before=a",
		Feeds:    []Feed{*oddFeed(), {Name: "ü", UUID: "6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f11", Title: "T", Created: testTime, Updated: testTime.Add(-time.Hour)}},
	}
}

func TestDocumentsOfTheServer(t *testing.T) {
	f := oddFeed()
	entry, err := Compose(Note{Content: []byte("Hello")})
	if err != nil {
		t.Fatal(err)
	}
	published, deleted := testMember(entry), &Member{ID: 43, Feed: f.Name, UUID: "6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f12", AtomID: "tag:x,2005:<>", Edited: testTime, Deleted: true}
	member := func(dst []byte, m *Member) []byte { return AppendMember(dst, m, f, "https://example.org"+Path(f.Name)) }
	full := &Page{
		Feed: *f, Collection: "https://example.org" + Path(f.Name), Base: "https://example.org",
		Self: "https://example.org/a?b&c", First: "https://example.org/first", Last: "https://example.org/last",
		Next: "https://example.org/next", Previous: "https://example.org/previous",
		Alternate: "https://example.org/html", Members: []*Member{published, deleted}, Cursor: true,
	}
	item := func(dst []byte, m *Member) []byte { return AppendJSONItem(dst, m, f, full.Collection) }
	event := func(dst []byte, m *Member) []byte { return AppendCloudEvent(dst, m, full.Collection) }
	newest := *full
	newest.Cursor, newest.Members = false, []*Member{deleted, published, published}
	archived := *full
	archived.First, archived.Last, archived.Next, archived.Previous = "", "", "", ""
	archived.Archive, archived.Current = true, full.Collection
	archived.PrevArchive, archived.NextArchive = full.Collection+"/archive/0-31", full.Collection+"/archive/64-127"
	unborn := &Page{Feed: Feed{Name: "x"}, Collection: "https://example.org/feeds/x"}
	for name, doc := range map[string][]byte{
		"feed.xml":        AppendFeed(nil, full, member),
		"archive.xml":     AppendFeed(nil, &archived, member),
		"archive.json":    AppendJSONFeed(nil, &archived, item),
		"feed-unborn.xml": AppendFeed(nil, unborn, member),
		"tombstone.xml":   AppendDocument(nil, deleted, f, full.Collection),
		"list.xml":        AppendList(nil, testList()),
		"list-empty.xml":  AppendList(nil, &List{Base: "https://example.org", Made: testTime.Add(-time.Hour)}),
		"service.xml":     AppendService(nil, testList()),
		"list.json":       AppendListJSON(nil, testList()),
		"list-empty.json": AppendListJSON(nil, &List{}),
		"feed.json":       AppendJSONFeed(nil, full, item),
		"newest.json":     AppendJSONFeed(nil, &newest, item),
		"unborn.json":     AppendJSONFeed(nil, unborn, item),
		"events.json":     AppendCloudEvents(nil, full.Members, event),
		"no-events.json":  AppendCloudEvents(nil, nil, event),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "documents/"+name, doc)
			if name[len(name)-1] == 'l' {
				checkWellFormed(t, doc)
			} else if !json.Valid(doc) {
				t.Error("not JSON")
			} else if name == "feed.json" || name == "archive.json" || name == "newest.json" || name == "unborn.json" {
				checkJSONFeed(t, doc)
			}
		})
	}
}

func checkWellFormed(t *testing.T, doc []byte) {
	t.Helper()
	text, start, err := decode(doc, "")
	if err != nil {
		t.Fatal(err)
	}
	p := parser{scanner: newScanner(text, start, Limits{}.withDefaults())}
	if err := p.epilog(); err != nil {
		t.Error(err)
	}
}

func TestDocumentsAreAppended(t *testing.T) {
	f, l := oddFeed(), testList()
	m := &Member{Deleted: true}
	for name, write := range map[string]func(dst []byte) []byte{
		"feed":      func(dst []byte) []byte { return AppendFeed(dst, &Page{}, nil) },
		"document":  func(dst []byte) []byte { return AppendDocument(dst, m, f, "") },
		"list":      func(dst []byte) []byte { return AppendList(dst, l) },
		"list JSON": func(dst []byte) []byte { return AppendListJSON(dst, l) },
		"service":   func(dst []byte) []byte { return AppendService(dst, l) },
	} {
		if d := cmp.Diff("before"+string(write(nil)), string(write([]byte("before")))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// An independent reader sees what was posted and what the server added.
func TestFeedIsReadByBlogAtom(t *testing.T) {
	d, err := Parse(realisticEntry(t), "", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	note, err := Compose(Note{Type: "html", Content: []byte("<p>a &amp; b"), Link: "https://example.org/?a&b"})
	if err != nil {
		t.Fatal(err)
	}
	var got atom.Feed
	if err := xml.Unmarshal(page(append(d.Entries, note)), &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != "urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e" || got.Title != "a b" || len(got.Entry) != 2 {
		t.Errorf("%+v", got)
	}
	posted, composed := got.Entry[0], got.Entry[1]
	if posted.ID != "tag:example.org,2026:orders/4711" || posted.Updated != "2026-03-14T15:09:26.535Z" || posted.Author.Name != "Ordering service" {
		t.Errorf("%+v", posted)
	}
	want := atom.Entry{
		Title: "a & b", ID: "urn:uuid:6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f11",
		Published: "2026-03-14T15:09:26.535897Z", Updated: "2026-03-14T15:09:26.535897Z",
		Author:  &atom.Person{Name: "a b", InnerXML: "<name>a b</name>"},
		Content: &atom.Text{Type: "html", Body: "<p>a &amp; b"},
	}
	links := composed.Link
	composed.Link = nil
	if d := cmp.Diff(want, *composed); d != "" {
		t.Errorf("composed (-want +got):\n%s", d)
	}
	if len(links) != 3 || links[0].Rel != "edit" || links[1].Rel != "self" || links[2].Href != "https://example.org/?a&b" {
		t.Errorf("%+v", links)
	}
}

func TestTimesAreUTCWithMicroseconds(t *testing.T) {
	for want, at := range map[string]time.Time{
		"2026-03-14T15:09:26.535897Z": testTime,
		"2026-03-14T15:09:26Z":        testTime.Truncate(time.Second).In(time.FixedZone("", 3600)),
		"2026-03-14T15:09:26.5Z":      testTime.Truncate(500 * time.Millisecond),
	} {
		if got := string(appendTime(nil, at)); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}
