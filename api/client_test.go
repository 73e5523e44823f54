package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"atommq/feeds"
)

func TestTheClientPublishesAndFollows(t *testing.T) {
	s := serve(t, Handler{Access: shared(t, "me", "secret")})
	c := &Client{BaseURL: s.url + "/", HTTP: s.client, Login: "me", Passcode: "secret"}
	ctx := context.Background()
	first, err := c.Publish(ctx, "a/b ü", "text/plain", []byte("hello"), "key")
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Publish(ctx, "a/b ü", "text/plain", []byte("hello"), "key")
	if err != nil || !cmp.Equal(again, first) || first.ID != 1 {
		t.Fatalf("published %+v, then %+v, %v", first, again, err)
	}
	if _, err := c.Publish(ctx, "a/b ü", "text/html", []byte("<p>hi"), ""); err != nil {
		t.Fatal(err)
	}
	batch, err := c.After(ctx, "a/b ü", 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := &Batch{Entries: []BatchEntry{{ID: 1, Feed: "a/b ü", Title: "hello", Author: "a/b ü", Content: "hello", ContentType: "text", URL: first.Location}}, Last: 1, More: true}
	if diff := cmp.Diff(want, batch, cmpopts.IgnoreTypes(time.Time{})); diff != "" {
		t.Errorf("After 0 (-want +got):\n%s", diff)
	}
	if at := batch.Entries[0].Published; time.Since(at) > time.Hour {
		t.Errorf("published %v", at)
	}
	batch, err = c.After(ctx, "a/b ü", batch.Last, 10)
	if err != nil || len(batch.Entries) != 1 || batch.Last != 2 || batch.More || batch.Entries[0].ContentType != "html" {
		t.Errorf("After 1: %+v, %v", batch, err)
	}
	batch, err = c.After(ctx, "a/b ü", 2, 10)
	if err != nil || len(batch.Entries) != 0 || batch.Last != 2 {
		t.Errorf("After 2: %+v, %v", batch, err)
	}
}

// RFC 4287 §4.2.7.6 lets a link's length be any text.
func TestNoLinkKeepsTheClientFromAFeed(t *testing.T) {
	s := serve(t, Handler{})
	c := &Client{BaseURL: s.url, HTTP: s.client}
	lengths := []string{"", "12", "1.5MB", "-1", strings.Repeat("9", 23)}
	for _, length := range lengths {
		entry := `<entry xmlns="http://www.w3.org/2005/Atom"><title>` + length + `</title><link rel="enclosure" href="http://e/x" length="` + length + `"/></entry>`
		if _, err := c.Publish(t.Context(), "x", "application/atom+xml", []byte(entry), ""); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := c.After(t.Context(), "x", 0, 10)
	if err != nil || len(batch.Entries) != len(lengths) {
		t.Errorf("After 0: %+v, %v", batch, err)
	}
	var followed []string
	ctx, cancel := context.WithCancelCause(t.Context())
	err = c.Follow(ctx, &Following{Feeds: []string{"x"}, Lost: cancel}, func(e *BatchEntry) error {
		if followed = append(followed, e.Title); len(followed) == len(lengths) {
			return io.EOF
		}
		return nil
	})
	if diff := cmp.Diff(lengths, followed); diff != "" || !errors.Is(err, io.EOF) {
		t.Errorf("Follow: %v (-want +got):\n%s", err, diff)
	}
}

func TestTheClientHasTheTitlesThatJSONFeedHas(t *testing.T) {
	s := serve(t, Handler{})
	c := &Client{BaseURL: s.url, HTTP: s.client}
	titles := map[string]string{
		`<title>a &lt;b> &amp;amp; c</title>`:                                                                                 "a <b> &amp; c",
		"<title type='text'> two\n lines </title>":                                                                            "two lines",
		`<title type="html">a &lt;b>bold&lt;/b> &amp;amp; b</title>`:                                                          "a bold & b",
		`<title type="html"><![CDATA[a <i>b</i>]]></title>`:                                                                   "a b",
		`<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">An <b>important</b> title</div></title>`:               "An important title",
		`<title type="xhtml"> <h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>1 &lt; <!-- not --> 2</h:p></h:div></title>`: "1 < 2",
		`<title/>`: "",
	}
	for title, want := range titles {
		doc := `<entry xmlns="http://www.w3.org/2005/Atom">` + title + `<content>x</content></entry>`
		receipt, err := c.Publish(t.Context(), "x", "application/atom+xml", []byte(doc), "")
		if err != nil {
			t.Fatal(err)
		}
		var item struct{ Title string }
		if err := json.Unmarshal([]byte(s.get(strings.TrimPrefix(receipt.Location, s.url)+"?format=json").body), &item); err != nil {
			t.Fatal(err)
		}
		batch, err := c.After(t.Context(), "x", receipt.ID-1, 1)
		if err != nil || len(batch.Entries) != 1 {
			t.Fatalf("%s: %+v, %v", title, batch, err)
		}
		if got := batch.Entries[0]; got.Title != want || got.Title != item.Title || got.Content != "x" {
			t.Errorf("%s is %q with content %q, in JSON Feed %q; want %q", title, got.Title, got.Content, item.Title, want)
		}
	}
}

func TestTheClientHasTombstonesInTheirPlace(t *testing.T) {
	s := serve(t, Handler{})
	c := &Client{BaseURL: s.url, HTTP: s.client}
	ctx := context.Background()
	first, err := c.Publish(ctx, "x", "text/plain", []byte("one"), "")
	if err != nil {
		t.Fatal(err)
	}
	s.do(http.MethodDelete, strings.TrimPrefix(first.Location, s.url), "").want(t, http.StatusNoContent)
	if _, err := c.Publish(ctx, "x", "text/plain", []byte("two"), ""); err != nil {
		t.Fatal(err)
	}
	batch, err := c.After(ctx, "x", 0, 10)
	if err != nil || len(batch.Entries) != 2 {
		t.Fatalf("After 0: %+v, %v", batch, err)
	}
	gone, kept := batch.Entries[0], batch.Entries[1]
	if !gone.Deleted || gone.ID != 2 || gone.URL != first.Location || time.Since(gone.Updated) > time.Hour {
		t.Errorf("the tombstone is %+v", gone)
	}
	if kept.Deleted || kept.ID != 3 || kept.Title != "two" {
		t.Errorf("the entry is %+v", kept)
	}
}

func TestTheClientPublishesDrafts(t *testing.T) {
	s := serve(t, Handler{})
	c := &Client{BaseURL: s.url, HTTP: s.client, Retry: time.Minute}
	batch := func(entries ...string) string {
		return "<feed xmlns='http://www.w3.org/2005/Atom'>" + strings.Join(entries, "") + "</feed>"
	}
	draft, entry := draftEntry("draft", "yes"), draftEntry("entry", "no")
	for _, test := range []struct {
		body   string
		id     int64
		drafts int
	}{
		{draft, 0, 1}, {entry, 1, 0}, {batch(draft), 0, 1}, {batch(draft, entry, draft), 2, 2}, {batch(entry), 3, 0},
	} {
		receipt, err := c.Publish(t.Context(), "x", "application/atom+xml", []byte(test.body), "")
		if err != nil || receipt.ID != test.id || len(receipt.Drafts) != test.drafts || (receipt.ID > 0 && receipt.Location == "") {
			t.Errorf("%s\nis published as %+v, %v; want id %d and %d drafts", test.body, receipt, err, test.id, test.drafts)
			continue
		}
		for _, url := range receipt.Drafts {
			s.get(strings.TrimPrefix(url, s.url)).want(t, http.StatusOK).wantText(t, "<title>draft</title>")
		}
	}
}

func TestTheClientSaysWhatTheServerSays(t *testing.T) {
	s := serve(t, Handler{})
	c := &Client{BaseURL: s.url, HTTP: s.client}
	_, err := c.After(context.Background(), "none", 0, 10)
	var refused *StatusError
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound || !strings.Contains(refused.Text, "POST an entry") {
		t.Errorf("After: %v", err)
	}
	_, err = c.Publish(context.Background(), "x", "multipart/mixed", []byte("x"), "")
	if !errors.As(err, &refused) || refused.Status != http.StatusUnsupportedMediaType {
		t.Errorf("Publish: %v", err)
	}
	if _, err := c.Publish(context.Background(), "..", "text/plain", []byte("x"), ""); err == nil {
		t.Error("a feed named .. is taken")
	}
	for _, base := range []string{"nonsense", "ftp://host", "http:///path", "http://host/?x=1", "http://host/?", "http://host/#top", "http://me:secret@host/#"} {
		_, err := (&Client{BaseURL: base, Retry: time.Hour}).Publish(context.Background(), "x", "text/plain", nil, "")
		if !errors.Is(err, errMisuse) || strings.Contains(err.Error(), "secret") {
			t.Errorf("the base URL %s is taken: %v", base, err)
		}
	}
}

func TestTheClientHasTheHeadersOfMessages(t *testing.T) {
	s := serve(t, Handler{})
	c := &Client{BaseURL: s.url, HTTP: s.client}
	want := &feeds.Message{Type: "application/json", Header: []feeds.Field{
		{Name: "order", Value: "17"}, {Name: "note", Value: "two\nlines, <b>"}, {Name: "raw\x01", Value: "\xff"}, {Name: "order", Value: ""},
	}}
	e, err := feeds.ComposeMessage("", &feeds.Message{Type: want.Type, Header: want.Header, Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), "x", "application/atom+xml", e.XML, ""); err != nil {
		t.Fatal(err)
	}
	batch, err := c.After(t.Context(), "x", 0, 1)
	if err != nil || len(batch.Entries) != 1 {
		t.Fatalf("%+v, %v", batch, err)
	}
	if diff := cmp.Diff(want, batch.Entries[0].Message); diff != "" {
		t.Error(diff)
	}
}
