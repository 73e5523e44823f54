package api

import (
	"fmt"
	"net/http"

	"atommq/bus"
	"atommq/feeds"
)

// postCollection publishes an entry, RFC 5023 §9.2, or a feed document's entries, all or none.
// When the 201 goes out, they are on disk.
func (s *site) postCollection(w http.ResponseWriter, r *http.Request) error {
	feed, err := feedName(r)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	doc, err := s.receiveDocument(w, r)
	if err != nil {
		return err
	}
	posts := make([]bus.Post, len(doc.Entries))
	for i, e := range doc.Entries {
		posts[i] = bus.Post{Feed: feed, Entry: e, Key: key}
	}
	published, err := s.bus.Publish(r.Context(), posts...)
	if err != nil {
		return err
	}
	if published[0].Replayed {
		w.Header()["Idempotency-Replayed"] = []string{"true"}
	}
	if doc.Batch {
		return s.createdBatch(w, r, feed, published)
	}
	return s.created(w, r, published[0].Entry)
}

// created answers with the new entry, or with the one that its key has made before.
func (s *site) created(w http.ResponseWriter, r *http.Request, e *bus.Entry) error {
	if gone(e) {
		return &problemError{
			Status: http.StatusGone,
			Detail: fmt.Sprintf("This Idempotency-Key published the entry urn:uuid:%s, which is gone since. Use a new key to publish anew.", e.UUID),
		}
	}
	url := []string{memberURL(s.baseOf(r)+feeds.Path(e.Feed), &e.Member)}
	h := w.Header()
	h["Location"] = url
	h["Content-Location"] = url
	return s.writeChanged(w, r, http.StatusCreated, e)
}

// gone reports whether a replayed entry was deleted, or removed by retention.
func gone(e *bus.Entry) bool { return e.Deleted || len(e.XML) == 0 }

// createdBatch answers with a feed document of the new entries. Its Location reads
// the same entries, by cursor.
func (s *site) createdBatch(w http.ResponseWriter, r *http.Request, feed string, published []bus.Published) error {
	f, err := s.bus.Feed(r.Context(), feed)
	if err != nil {
		return err
	}
	base := s.baseOf(r)
	p := &page{source: f, base: base, collection: base + feeds.Path(feed)}
	var newest int64
	for _, e := range published {
		newest = max(newest, e.ID)
		if len(e.XML) > 0 || e.Deleted {
			p.entries = append(p.entries, e.Entry)
		}
	}
	p.view = view{order: after, id: published[0].ID - 1, limit: len(published)}
	h := w.Header()
	h["Location"] = []string{p.view.url(p.collection)}
	h["Xlastid"] = echo(nil, newest)
	h["Cache-Control"] = noCache
	h["Content-Type"] = typeAtomFeed
	h["X-Content-Type-Options"] = nosniff
	h["Content-Security-Policy"] = sandbox
	out := newOutput(w, r, "")
	out.status = http.StatusCreated
	defer out.release()
	s.writeForm(out, p, kindAtom)
	return nil
}

// idempotencyKey returns the request's key, "" for none.
func idempotencyKey(r *http.Request) (string, error) {
	lines := r.Header["Idempotency-Key"]
	switch {
	case len(lines) == 0:
		return "", nil
	case len(lines) > 1:
		return "", repeated("Idempotency-Key")
	}
	key := lines[0]
	if key == "" || len(key) > 255 {
		return "", badRequest("Idempotency-Key has %d bytes. Give 1 to 255, a new uuid for instance.", len(key))
	}
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return "", badRequest("Idempotency-Key has a character that is not printable ASCII. Give a new uuid, for instance.")
		}
	}
	return key, nil
}
