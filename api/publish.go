package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

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
	if err := unconditional(r); err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	f, err := s.knownFeed(r.Context(), feed)
	if err != nil {
		return err
	}
	p, err := describeBody(r)
	if err != nil {
		return err
	}
	if err := refuse(f, p); err != nil {
		return err
	}
	unwatch(r)
	b, media, err := s.openPost(w, r, p)
	if err != nil {
		return err
	}
	defer b.close()
	if media {
		if !f.Accepts.Allow(p.typ, "") {
			return notAccepted(f, p.typ)
		}
		// Before the file comes: it may be large.
		if err := s.bus.CheckFeed(r.Context(), feed, s.caller(r)); err != nil {
			return err
		}
		return s.postMedia(w, r, feed, key, p, b)
	}
	doc, err := s.documentOf(f, p, b)
	if err != nil {
		return err
	}
	return s.publish(w, r, feed, key, doc)
}

// unconditional refuses conditions. What is published goes into one commit with what others publish
// at the same time: nobody can say of what state of the feed it is the next.
func unconditional(r *http.Request) error {
	for _, name := range [...]string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
		if len(r.Header[name]) > 0 {
			return badRequest("%s is not supported here: an entry is published whatever else came before it. Nothing was published. Leave the field out; with an Idempotency-Key the same POST publishes once only.", name)
		}
	}
	return nil
}

// knownFeed returns what is known of a feed, nothing but its name where it is none yet.
func (s *site) knownFeed(ctx context.Context, name string) (*bus.Feed, error) {
	f, err := s.bus.Feed(ctx, name)
	if errors.Is(err, bus.ErrNoFeed) {
		return &bus.Feed{Feed: feeds.Feed{Name: name}}, nil
	}
	return f, err
}

// refuse refuses, before it is read, what f cannot take whatever is in it.
func refuse(f *bus.Feed, p *posted) error {
	switch kind := bodyKindOf(p.typ); {
	case kind == bodyRefused:
		return unsupported(p.typ)
	case (kind == bodyMedia || kind == bodyJSON) && !f.Accepts.Allow(p.typ, ""), f.Accepts.Closed():
		return notAccepted(f, p.typ)
	}
	return nil
}

// sniffed is how much of a body without a telling type is looked at.
const sniffed = 4 << 10

// openPost begins to read what is posted, and reports whether it stays what it is: media.
func (s *site) openPost(w http.ResponseWriter, r *http.Request, p *posted) (b *body, media bool, err error) {
	kind := bodyKindOf(p.typ)
	if kind != bodyMedia && p.typ != "application/octet-stream" {
		b, err = s.openBody(w, r, s.maxBody, "--max-body")
		return b, false, err
	}
	if b, err = s.openBody(w, r, s.maxMedia, "--max-media"); err != nil || kind == bodyMedia {
		return b, true, err
	}
	ahead := bufio.NewReaderSize(b.Reader, sniffed)
	begin, err := ahead.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		b.close()
		return nil, false, brokenBody(err)
	}
	b.Reader = ahead
	return b, !feeds.LooksLikeAtom(begin) && !hasAtomDoctype(begin), nil
}

// publish publishes what a document holds.
func (s *site) publish(w http.ResponseWriter, r *http.Request, feed, key string, doc *feeds.Document) error {
	posts := make([]bus.Post, len(doc.Entries))
	for i, e := range doc.Entries {
		setTrace(e, r)
		posts[i] = bus.Post{Feed: feed, Entry: e, Key: key}
	}
	published, err := s.bus.PublishAs(r.Context(), s.caller(r), posts...)
	if err != nil {
		return err
	}
	if published[0].Replayed {
		w.Header()["Idempotency-Replayed"] = []string{"true"}
	}
	if doc.Batch {
		return s.createdBatch(w, r, feed, published)
	}
	return s.created(w, r, published[0])
}

// created answers with the new entry, or with the one that its key has made before.
func (s *site) created(w http.ResponseWriter, r *http.Request, p bus.Published) error {
	e := p.Entry
	if gone(e) {
		return &problemError{
			Status: http.StatusGone,
			Detail: fmt.Sprintf("This Idempotency-Key published the entry urn:uuid:%s, which is gone since. Use a new key to publish anew.", e.UUID),
		}
	}
	url := []string{e.URL(s.baseOf(r) + feeds.Path(e.Feed))}
	h := w.Header()
	h["Location"] = url
	h["Content-Location"] = url
	if s.pages != nil && fromBrowser(r) {
		if !s.caller(r).May(bus.RightRead, e.Feed) {
			return s.tellPublished(w, r, e)
		}
		showFeed(w, s.baseOf(r)+feeds.Path(e.Feed), e.ID)
		return nil
	}
	if !s.shows(r, p) {
		leaveUnshown(w, http.StatusCreated, e)
		return nil
	}
	s.writeChanged(w, r, http.StatusCreated, e)
	return nil
}

// shows reports whether who has published p may see it. What was there before may have been edited
// since, and is for those who may read it.
func (s *site) shows(r *http.Request, p bus.Published) bool {
	return !p.Replayed || s.caller(r).Rights(p.Feed)&seeing != 0
}

// setPosition tells the id to go on from; drafts have none.
func setPosition(h http.Header, id int64) {
	if id > 0 {
		h["Xlastid"] = echo(nil, id)
	}
}

// fromBrowser reports whether the request is a form that a person filled in on a page.
func fromBrowser(r *http.Request) bool {
	body, err := describeBody(r)
	return err == nil && bodyKindOf(body.typ) == bodyFields && prefersHTML(r.Header["Accept"], collectionForms[0])
}

// showFeed sends a browser to the page of the feed, where the new entry stands first: loading that
// again posts nothing twice.
func showFeed(w http.ResponseWriter, collection string, id int64) {
	h := w.Header()
	delete(h, "Content-Location")
	h["Location"] = []string{collection}
	setPosition(h, id)
	h["Cache-Control"] = noStore
	w.WriteHeader(http.StatusSeeOther)
}

// tellPublished tells somebody who may not see the feed's page that it has the entry: sent there, they
// would read that they may not, and post again.
func (s *site) tellPublished(w http.ResponseWriter, r *http.Request, e *bus.Entry) error {
	page := heldPage{header: make(http.Header)}
	detail := fmt.Sprintf("Your entry is published in the feed %q, and is not shown here: this takes the right to read the feed. Do not send it again.", e.Feed)
	if err := s.pages.Problem(&page, s.baseOf(r), http.StatusCreated, detail); err != nil {
		return err
	}
	maps.Copy(w.Header(), page.header)
	w.Header()["Cache-Control"] = noStore
	leaveUnshown(w, http.StatusCreated, e)
	writeTo(w, page.body)
	return nil
}

// gone reports whether a replayed entry was deleted, or removed by retention.
func gone(e *bus.Entry) bool { return e.Deleted || len(e.XML) == 0 }

// createdBatch answers with a feed document of the new entries. Its Location reads the same
// entries, by cursor, but for drafts, which no cursor meets: of drafts alone there is none. Where
// its key was used before, edits may have moved some since, and put others between.
func (s *site) createdBatch(w http.ResponseWriter, r *http.Request, feed string, published []bus.Published) error {
	if !slices.ContainsFunc(published, func(p bus.Published) bool { return !gone(p.Entry) }) {
		return &problemError{
			Status: http.StatusGone,
			Detail: fmt.Sprintf("This Idempotency-Key published %d entries, all of which are gone since. Use a new key to publish anew.", len(published)),
		}
	}
	base := s.baseOf(r)
	p := &page{base: base, collection: base + feeds.Path(feed)}
	var oldest, newest int64
	for _, e := range published {
		newest = max(newest, e.ID)
		pruned := len(e.XML) == 0 && !e.Deleted
		if !pruned && !e.Draft() && (oldest == 0 || e.ID < oldest) {
			oldest = e.ID
		}
		if len(e.XML) > 0 && s.shows(r, e) || e.Deleted {
			p.entries = append(p.entries, e.Entry)
		}
	}
	p.view = view{order: after, id: max(oldest-1, 0), limit: 1}
	h := w.Header()
	if oldest > 0 {
		p.view.limit = int(min(newest-oldest+1, maxLimit))
		h["Location"] = []string{p.view.url(p.collection)}
	}
	setPosition(h, newest)
	var err error
	if p.source, err = s.bus.Feed(r.Context(), feed); err != nil {
		w.WriteHeader(http.StatusCreated) // they are published, and cannot be shown
		return nil
	}
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
	if err := bus.CheckKey(key); err != nil {
		return "", badRequest("Idempotency-Key %v. Give 1 to 255 characters of printable ASCII, a new uuid for instance.", err)
	}
	return key, nil
}
