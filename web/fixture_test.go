package web

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"atommq/feeds"
)

const base = "https://mq.example.org"

var noon = time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)

// post parses doc as a publisher's post, and gives it what the server adds.
func post(t testing.TB, feed string, id int64, doc string) *feeds.Member {
	t.Helper()
	d, err := feeds.Parse([]byte(doc), "", feeds.Limits{})
	if err != nil {
		t.Fatalf("entry %d: %v", id, err)
	}
	e := d.Entries[0]
	at := noon.Add(time.Duration(id) * time.Minute)
	m := &feeds.Member{
		ID: id, Feed: feed, UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", id),
		AtomID: e.ID, Title: e.Title, Published: at, Updated: e.Updated, Edited: at, Absent: e.Absent, XML: e.XML,
	}
	if m.Updated.IsZero() {
		m.Updated = at
	}
	return m
}

// upload is the entry of a file.
func upload(t testing.TB, feed string, id int64, title, media string) *feeds.Member {
	t.Helper()
	e, err := feeds.ComposeLink(title)
	if err != nil {
		t.Fatal(err)
	}
	m := post(t, feed, id, string(e.XML))
	m.Media = media
	return m
}

func tombstone(feed string, id int64) *feeds.Member {
	return &feeds.Member{
		ID: id, Feed: feed, UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", id), Deleted: true,
		Published: noon, Updated: noon, Edited: noon.Add(time.Duration(id) * time.Minute),
	}
}

// entry wraps an entry's parts in a root without a namespace, as curl users post it.
func entry(parts ...string) string { return "<entry>" + strings.Join(parts, "") + "</entry>" }

// pageOf returns a page of the feed called name.
func pageOf(name string, members ...*feeds.Member) *feeds.Page {
	f := feeds.Feed{Name: name, UUID: "00000000-0000-4000-8000-00000000feed", Created: noon, Updated: noon}
	for _, m := range members {
		f.LastID = max(f.LastID, m.ID)
		f.Updated = noon.Add(time.Duration(f.LastID) * time.Minute)
		f.Bytes += int64(len(m.XML))
		if !m.Deleted {
			f.Entries++
		}
	}
	collection := base + feeds.Path(name)
	return &feeds.Page{Feed: f, Base: base, Collection: collection, Self: collection, Alternate: collection, Members: members}
}

// render returns the response that write leaves.
func render(t testing.TB, write func(w *httptest.ResponseRecorder) error) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := write(w); err != nil {
		t.Fatal(err)
	}
	return w
}
