package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"atommq/bus"
	"atommq/feeds"
)

// canonicalUUID returns s as entries carry it, if it is the 36 characters of a uuid.
func canonicalUUID(s string) (string, bool) {
	if len(s) != 36 {
		return "", false
	}
	u, err := uuid.Parse(s)
	return u.String(), err == nil
}

// memberName returns the feed and the entry that the request's path names.
func memberName(r *http.Request) (feed, id string, err error) {
	if feed, err = feedName(r); err != nil {
		return "", "", err
	}
	segment := chi.URLParam(r, "uuid")
	if id, err = uuidOf(segment); err != nil {
		if bare, suffix := cutSuffix(segment); suffix != "" {
			err = &problemError{
				Status: http.StatusNotFound,
				Detail: fmt.Sprintf("Only GET takes the suffix .%s, which says in what form the entry comes. Leave it out: %s/entries/%s.", suffix, feeds.Path(feed), bare),
			}
		}
	}
	return feed, id, err
}

func uuidOf(segment string) (string, error) {
	id, ok := canonicalUUID(segment)
	if !ok {
		return "", fmt.Errorf("the path holds no uuid: %w", bus.ErrNoEntry)
	}
	return id, nil
}

// getMember answers with one entry.
func (s *site) getMember(w http.ResponseWriter, r *http.Request) error {
	feed, err := feedName(r)
	if err != nil {
		return err
	}
	segment, suffix := cutSuffix(chi.URLParam(r, "uuid"))
	id, err := uuidOf(segment)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Vary"] = varyAccept
	form, _, err := choose(r, suffix, s.forms(memberForms, memberHTMLForms))
	if err != nil {
		return err
	}
	e, err := s.bus.Entry(r.Context(), feed, id)
	if err != nil {
		return err
	}
	if e.Deleted {
		return fmt.Errorf("get %s: %w", id, bus.ErrDeleted)
	}
	if err := s.hold(w, e); err != nil {
		return err
	}
	h["Cache-Control"] = noCache
	if e.Draft() {
		h["Cache-Control"] = private
	}
	setPosition(h, e.ID)
	f, err := s.bus.Feed(r.Context(), e.Feed)
	if err != nil {
		return err
	}
	base := s.baseOf(r)
	if form.kind == kindHTML {
		return s.writeMemberHTML(w, r, e, f, base)
	}
	modified := e.Edited
	if lendsAuthor(&e.Member, &f.Feed) {
		modified = time.Time{} // the feed's settings tell no date
	}
	now := s.now()
	setModified(h, modified, now)
	if done, err := notModified(w, r, s.memberTag(r, &e.Member, &f.Feed, base)+form.tag, modified, now); done || err != nil {
		return err
	}
	s.stats.read.Add(1)
	s.writeMember(w, r, http.StatusOK, e, f, form)
	return nil
}

// writeMember sends an entry in a form other than HTML.
func (s *site) writeMember(w http.ResponseWriter, r *http.Request, status int, e *bus.Entry, f *bus.Feed, form offer) {
	base := s.baseOf(r)
	collection := base + feeds.Path(e.Feed)
	out := newOutput(w, r, s.memberTag(r, &e.Member, &f.Feed, base)+form.tag)
	out.status = status
	defer out.release()
	form.describe(w.Header(), typeAtomEntry)
	switch form.kind {
	case kindJSON:
		out.finish(append(feeds.AppendJSONItem(out.buf, &e.Member, &f.Feed, collection), '\n'))
	case kindEvent:
		out.finish(append(feeds.AppendCloudEvent(out.buf, &e.Member, collection), '\n'))
	default:
		out.finish(feeds.AppendDocument(out.buf, &e.Member, &f.Feed, collection))
	}
}

func (s *site) writeMemberHTML(w http.ResponseWriter, r *http.Request, e *bus.Entry, f *bus.Feed, base string) error {
	collection := base + feeds.Path(e.Feed)
	self := e.URL(collection)
	p := &feeds.Page{
		Feed: f.Feed, Collection: collection, Base: base, Self: self, Alternate: self,
		Members: []*feeds.Member{&e.Member},
	}
	out := newOutput(w, r, memberState(&e.Member))
	defer out.release()
	return out.html(self, func(w http.ResponseWriter) error { return s.pages.Member(w, p) })
}

// writeChanged answers a request that has made the entry what it now is. It is done, whether or not
// there is the memory to show it, and a database that tells how.
func (s *site) writeChanged(w http.ResponseWriter, r *http.Request, status int, e *bus.Entry) {
	f, err := s.bus.Feed(r.Context(), e.Feed)
	if err == nil && len(e.XML) > chunk {
		err = s.holdBytes(w, int64(len(e.XML)))
	}
	if err != nil {
		leaveUnshown(w, status, e)
		return
	}
	setPosition(w.Header(), e.ID)
	s.writeMember(w, r, status, e, f, memberForms[0])
}

// leaveUnshown answers such a request without the entry, whose URL has to do.
func leaveUnshown(w http.ResponseWriter, status int, e *bus.Entry) {
	setPosition(w.Header(), e.ID)
	delete(w.Header(), "Content-Location")
	w.WriteHeader(status)
}

// changing returns the entry that r is to change, and the id that it must still have then,
// 0 for any.
func (s *site) changing(r *http.Request) (feed, id string, ifID int64, err error) {
	if feed, id, err = memberName(r); err != nil {
		return "", "", 0, err
	}
	ifID, err = s.precondition(r, feed, id)
	return feed, id, ifID, err
}

// putMember gives an entry new content, RFC 5023 §9.3. Without a precondition the last writer wins.
func (s *site) putMember(w http.ResponseWriter, r *http.Request) error {
	feed, id, ifID, err := s.changing(r)
	if err != nil {
		return err
	}
	old, err := s.bus.Entry(r.Context(), feed, id)
	if err != nil {
		return err
	}
	entry, err := s.receiveEntry(w, r, &old.Member)
	if err != nil {
		return err
	}
	f, err := s.bus.Feed(r.Context(), feed)
	if err == nil {
		err = checkCategories(f, entry)
	}
	if err != nil {
		return err
	}
	setTrace(entry, r)
	e, err := s.bus.Replace(r.Context(), feed, id, entry, ifID)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Content-Location"] = []string{e.URL(s.baseOf(r) + feeds.Path(feed))}
	h["Cache-Control"] = noCache
	s.writeChanged(w, r, http.StatusOK, e)
	return nil
}

// deleteMember leaves a tombstone in an entry's place, RFC 5023 §9.4 and RFC 6721.
func (s *site) deleteMember(w http.ResponseWriter, r *http.Request) error {
	feed, id, ifID, err := s.changing(r)
	if err != nil {
		return err
	}
	e, err := s.bus.Remove(r.Context(), feed, id, ifID)
	if err != nil {
		return err
	}
	setPosition(w.Header(), e.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// ofEntry is what conditions are about, of an entry.
var ofEntry = conditional{"entry", "entry has"}

// precondition evaluates the conditions of a change, RFC 9110 §13.2.2, and returns the id
// that the entry must still have when it is made, 0 for any.
func (s *site) precondition(r *http.Request, feed, id string) (int64, error) {
	h := r.Header
	if len(h["If-Match"]) == 0 && len(h["If-None-Match"]) == 0 && len(h["If-Unmodified-Since"]) == 0 {
		return 0, nil
	}
	e, err := s.bus.Entry(r.Context(), feed, id)
	if err != nil {
		return 0, err
	}
	if e.Deleted {
		return 0, fmt.Errorf("change %s: %w", id, bus.ErrDeleted)
	}
	current := memberState(&e.Member)
	bound, err := ofEntry.checkDated(r, e.Edited, s.now(), func(tag string) bool { return state(tag) == current })
	if err != nil || !bound {
		return 0, err
	}
	return e.ID, nil
}
