package feeds

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func itemOf(t *testing.T, m *Member) []byte {
	t.Helper()
	item := AppendJSONItem(nil, m, testFeed(), testCollection)
	checkItem(t, item)
	return item
}

// specItem is an item as https://www.jsonfeed.org/version/1.1/ has it, as far as we write it.
type specItem struct {
	ID            string  `json:"id"`
	URL           string  `json:"url"`
	Title         string  `json:"title"`
	ContentHTML   *string `json:"content_html"`
	ContentText   *string `json:"content_text"`
	Summary       string  `json:"summary"`
	DatePublished string  `json:"date_published"`
	DateModified  string  `json:"date_modified"`
	Authors       []struct {
		Name, URL, Avatar string
	} `json:"authors"`
	Tags        []string `json:"tags"`
	Language    string   `json:"language"`
	Attachments []struct {
		URL   string `json:"url"`
		Type  string `json:"mime_type"`
		Title string `json:"title"`
		Size  uint64 `json:"size_in_bytes"`
	} `json:"attachments"`
	AtomMQ struct {
		ID      int64             `json:"id"`
		Feed    string            `json:"feed"`
		URL     string            `json:"url"`
		Deleted bool              `json:"deleted"`
		Type    string            `json:"type"`
		Headers map[string]string `json:"headers"`
	} `json:"_atommq"`
}

// checkItem holds an item to what JSON Feed demands of one.
func checkItem(t *testing.T, doc []byte) specItem {
	t.Helper()
	var item specItem
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&item); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	if item.ID == "" || item.ContentHTML == nil && item.ContentText == nil || item.AtomMQ.ID == 0 || item.AtomMQ.Feed == "" || item.AtomMQ.URL == "" {
		t.Errorf("%s lacks what an item has to have", doc)
	}
	for _, date := range []string{item.DatePublished, item.DateModified} {
		if _, err := time.Parse(time.RFC3339, date); date != "" && err != nil {
			t.Error(err)
		}
	}
	for _, a := range item.Attachments {
		if a.URL == "" || a.Type == "" {
			t.Errorf("an attachment without url or mime_type: %s", doc)
		}
	}
	if bytes.IndexByte(doc, '\n') >= 0 {
		t.Errorf("an item of more than one line: %s", doc)
	}
	return item
}

func TestItemsTellWhatTheEntrySays(t *testing.T) {
	for name, doc := range documents(t, "items") {
		t.Run(name, func(t *testing.T) {
			d, err := Parse(doc, "", Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := json.Indent(&out, itemOf(t, testMember(d.Entries[0])), "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("items", name+".json"), append(out.Bytes(), '\n'))
		})
	}
}

func TestWhateverIsAcceptedHasAnItem(t *testing.T) {
	for name, doc := range documents(t, "accepted") {
		t.Run(name, func(t *testing.T) {
			d, err := Parse(doc, "", Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range d.Entries {
				itemOf(t, testMember(e))
			}
		})
	}
}

func TestItemsOfMessagesHaveTheirTypeHeadersAndBody(t *testing.T) {
	for want, m := range map[string]Message{
		"plain":           {Body: []byte("plain"), Header: []Field{{"b", "1\xff"}, {"a", "2"}, {"b", "3"}}},
		`{"a": "\u0001"}`: {Type: "application/json", Body: []byte(`{"a": "\u0001"}`)},
		"bell\a\x00":      {Type: "text/plain", Body: []byte("bell\a\x00")},
		"":                {Type: "image/gif", Body: []byte("GIF89a\xff")},
	} {
		e, err := ComposeMessage("", &m)
		if err != nil {
			t.Fatal(err)
		}
		got := checkItem(t, itemOf(t, testMember(e)))
		if got.ContentText == nil || *got.ContentText != want || m.Type != "" && got.AtomMQ.Type != m.Type {
			t.Errorf("%q of type %q came as %+v", want, m.Type, got)
		}
		if m.Header != nil {
			if d := cmp.Diff(map[string]string{"a": "2", "b": "1\uFFFD"}, got.AtomMQ.Headers); d != "" {
				t.Error(d)
			}
		}
		if m.Type == "image/gif" && (len(got.Attachments) != 1 || got.Attachments[0].URL != "data:image/gif;base64,R0lGODlh/w==") {
			t.Errorf("%+v", got.Attachments)
		}
	}
}

func TestItemsOfDeletedEntriesSayWhichAndWhen(t *testing.T) {
	m := &Member{ID: 43, Feed: "a b", UUID: "6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f12", AtomID: "tag:x,2005:<>", Edited: testTime, Deleted: true}
	want := `{"id":"tag:x,2005:<>","content_text":"","date_modified":"2026-03-14T15:09:26.535897Z","_atommq":{"id":43,"feed":"a b","url":"https://example.org/feeds/a%20b/entries/6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f12","deleted":true}}`
	if d := cmp.Diff(want, string(itemOf(t, m))); d != "" {
		t.Error(d)
	}
}

func TestItemsAreAppended(t *testing.T) {
	m := &Member{ID: 1, Feed: "x", UUID: "6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f12", Deleted: true}
	if got := AppendJSONItem([]byte("data: "), m, testFeed(), ""); !bytes.HasPrefix(got, []byte(`data: {"id"`)) {
		t.Errorf("%s", got)
	}
}

// A damaged entry in the store breaks no feed.
func TestAnItemStandsForADamagedEntry(t *testing.T) {
	m := &Member{ID: 1, Feed: "x", UUID: "6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f12", Title: "T", XML: []byte("<entry><content>")}
	if got := checkItem(t, itemOf(t, m)); got.Title != "T" || *got.ContentText != "" {
		t.Errorf("%+v", got)
	}
}

// A million references under a long base would make gigabytes of a page.
func TestResolvedReferencesAreBounded(t *testing.T) {
	base := "http://example.org/" + strings.Repeat("a", 100_000) + "/"
	div := `<div xmlns="http://www.w3.org/1999/xhtml">` + strings.Repeat(`<a href="b"/>`, 1000) + `</div>`
	got := appendHTML(nil, []byte(div), base)
	if len(got) > maxResolved+len(div)+20*1000 {
		t.Errorf("%d bytes", len(got))
	}
	if n := bytes.Count(got, []byte(`href="b"`)); n < 900 {
		t.Errorf("%d references were left as they are", n)
	}
}

func BenchmarkAppendJSONItem(b *testing.B) {
	m, f := benchMember(b)
	buf := make([]byte, 0, 1<<16)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSONItem(buf[:0], m, f, testCollection)
	}
}
