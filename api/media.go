package api

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// DefaultMaxMedia is the size in bytes that media may have where Handler.MaxMedia says nothing.
const DefaultMaxMedia = 1 << 30

// explained is a body whose errors say what its sender can do.
type explained struct{ io.Reader }

func (b explained) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = brokenBody(err)
	}
	return n, err
}

// upload keeps the request's body, of p's type, as media that no entry has yet. Whatever its size,
// little of it is in memory.
func (s *site) upload(r *http.Request, p *posted, body io.Reader) (*bus.Media, error) {
	m, err := s.bus.Upload(r.Context(), p.whole, explained{body}, s.maxMedia)
	if errors.Is(err, bus.ErrTooLarge) {
		return nil, tooLarge("--max-media", s.maxMedia)
	}
	return m, err
}

// postMedia publishes an entry that links to what was posted, RFC 5023 §9.6.
func (s *site) postMedia(w http.ResponseWriter, r *http.Request, feed, key string, p *posted, body io.Reader) error {
	m, err := s.upload(r, p, body)
	if err != nil {
		return err
	}
	title := p.slug
	if title == "" {
		title = p.typ
	}
	e, err := feeds.ComposeLink(title)
	if err != nil {
		return fmt.Errorf("compose an entry: %w", err)
	}
	setTrace(e, r)
	published, err := s.bus.PublishAs(r.Context(), s.caller(r), bus.Post{Feed: feed, Entry: e, Key: key, Media: m})
	if err != nil {
		return err
	}
	if published[0].Replayed {
		w.Header()["Idempotency-Replayed"] = []string{"true"}
	}
	return s.created(w, r, published[0])
}

// mediaOf returns the media that the request's path names.
func (s *site) mediaOf(r *http.Request) (feed, id string, m *bus.Media, err error) {
	if feed, id, err = memberName(r); err != nil {
		return "", "", nil, err
	}
	m, err = s.bus.Media(r.Context(), feed, id)
	if !errors.Is(err, bus.ErrNoMedia) {
		return feed, id, m, err
	}
	none := err
	e, err := s.bus.Entry(r.Context(), feed, id)
	switch {
	case err != nil:
		return "", "", nil, err
	case e.Deleted:
		return "", "", nil, fmt.Errorf("media of %s: %w", id, bus.ErrDeleted)
	}
	return "", "", nil, none
}

// mediaTag returns the opaque part of the ETag of m, which is one of its bytes.
func mediaTag(m *bus.Media) string { return hex.EncodeToString(m.Digest[:16]) }

// getMedia answers with media as they were sent. A browser shows them as from nowhere: what was
// uploaded as a page must not act as one of this site.
func (s *site) getMedia(w http.ResponseWriter, r *http.Request) error {
	_, _, m, err := s.mediaOf(r)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Cache-Control"] = noCache
	h["X-Content-Type-Options"] = nosniff
	h["Content-Security-Policy"] = sandboxOf(m.Type)
	now := s.now()
	setModified(h, m.Created, now)
	if done, err := notModified(w, r, mediaTag(m), m.Created, now); done || err != nil {
		return err
	}
	h["Etag"] = []string{quoted(mediaTag(m))}
	h["Accept-Ranges"] = []string{"bytes"}
	part, partial, err := rangeOf(r, m, now)
	if err != nil {
		return err
	}
	if r.Method != http.MethodHead {
		if err := s.holdBytes(w, min(part.size(), bus.MediaChunk)); err != nil {
			return err
		}
	}
	h["Content-Type"] = []string{m.Type}
	h["Content-Length"] = []string{strconv.FormatInt(part.size(), 10)}
	status := http.StatusOK
	if partial {
		h["Content-Range"] = []string{fmt.Sprintf("bytes %d-%d/%d", part.first, part.last, m.Size)}
		status = http.StatusPartialContent
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		s.writeMedia(w, r, m, part)
	}
	return nil
}

// sandboxOf returns the sandbox of a file of a type. What has sound a browser puts on a page of its
// own making, which asks for the file once more, and as from nowhere would not get it.
func sandboxOf(typ string) []string {
	typ = strings.ToLower(typ)
	played := strings.HasPrefix(typ, "audio/") || strings.HasPrefix(typ, "video/")
	if played && !strings.Contains(typ, "xml") { // which browsers take for a page
		return sandboxPlayed
	}
	return sandbox
}

// writeMedia sends a part of m, a chunk at a time. What cannot be read any more takes the
// connection with it, so that nobody takes a part for the whole; as does the end of the right to
// it, for which a slow reader could have days, and a chunk that he had time enough for where memory
// runs short.
func (s *site) writeMedia(w http.ResponseWriter, r *http.Request, m *bus.Media, part byteRange) {
	for at := part.first; at <= part.last; {
		if err := s.entitled(r, seeing); err != nil {
			s.log.InfoContext(r.Context(), "sending media broke off: its reader lost the right to it", "request", requestID(w), "media", m.ID, "at", at)
			panic(http.ErrAbortHandler)
		}
		chunk, err := s.bus.Chunk(r.Context(), m, at/bus.MediaChunk)
		if err != nil || at%bus.MediaChunk >= int64(len(chunk)) {
			s.log.ErrorContext(r.Context(), "reading media broke off", "request", requestID(w), "media", m.ID, "at", at, "error", err)
			panic(http.ErrAbortHandler)
		}
		chunk = chunk[at%bus.MediaChunk:]
		chunk = chunk[:min(int64(len(chunk)), part.last+1-at)]
		writeTo(w, chunk)
		at += int64(len(chunk))
		extendWrite(w, r)
		if brokenOff(w) {
			unread(w)
			panic(http.ErrAbortHandler)
		}
		s.restart(w)
	}
}

// putMedia gives an entry other media, RFC 5023 §9.3.
func (s *site) putMedia(w http.ResponseWriter, r *http.Request) error {
	feed, id, m, err := s.mediaOf(r)
	if err != nil {
		return err
	}
	ifMedia, err := mediaPrecondition(r, m, s.now())
	if err != nil {
		return err
	}
	p, err := describeBody(r)
	if err != nil {
		return err
	}
	f, err := s.bus.Feed(r.Context(), feed)
	if err != nil {
		return err
	}
	if f.AppendOnly {
		return fmt.Errorf("put media: %w", bus.ErrAppendOnly)
	}
	switch {
	case p.typ == "", strings.HasPrefix(p.typ, "multipart/"):
		return noFile(f, p.typ)
	case !f.Accepts.Allow(p.typ, ""):
		return notAccepted(f, p.typ)
	}
	body, err := s.openBody(w, r, s.maxMedia, "--max-media")
	if err != nil {
		return err
	}
	defer body.close()
	next, err := s.upload(r, p, body)
	if err != nil {
		return err
	}
	e, err := s.bus.ReplaceMedia(r.Context(), feed, id, next, traceOf(r), ifMedia)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Etag"] = []string{quoted(mediaTag(next))}
	h["Xlastid"] = echo(nil, e.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// noFile refuses a file of no type, and a form that may have one in it.
func noFile(f *bus.Feed, typ string) error {
	reason := "The body has no Content-Type, and a file has one"
	if typ != "" {
		reason = "A file is sent by itself, not in " + typ
	}
	return &problemError{
		Status: http.StatusUnsupportedMediaType,
		Detail: reason + ". Send it under its own type: curl -T FILE -H 'Content-Type: image/png' …",
		Header: http.Header{"Accept": {f.Accepts.Field()}},
	}
}

// deleteMedia deletes the entry with its media, RFC 5023 §9.6.
func (s *site) deleteMedia(w http.ResponseWriter, r *http.Request) error {
	feed, id, err := memberName(r)
	if err != nil {
		return err
	}
	// Before its media: where these are replaced after that, the entry has another id.
	e, err := s.bus.Entry(r.Context(), feed, id)
	if err != nil {
		return err
	}
	_, _, m, err := s.mediaOf(r)
	if err != nil {
		return err
	}
	ifMedia, err := mediaPrecondition(r, m, s.now())
	if err != nil {
		return err
	}
	ifID := int64(0)
	if ifMedia != 0 {
		ifID = e.ID
	}
	if e, err = s.bus.Remove(r.Context(), feed, id, ifID); err != nil {
		return err
	}
	w.Header()["Xlastid"] = echo(nil, e.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// ofFile is what conditions are about, of the file that an entry links to.
var ofFile = conditional{"file", "file has"}

// mediaPrecondition evaluates the conditions of a change of m, and returns the number that the
// media must still have when it is made, 0 for any.
func mediaPrecondition(r *http.Request, m *bus.Media, now time.Time) (int64, error) {
	bound, err := ofFile.checkDated(r, m.Created, now, func(tag string) bool { return tag == mediaTag(m) })
	if err != nil || !bound {
		return 0, err
	}
	return m.ID, nil
}

// wholeType returns the media type as it was sent, if it can stand in a document, or else written anew.
func wholeType(field, typ string, params map[string]string) string {
	for _, c := range []byte(field) {
		if c < ' ' || c > '~' {
			return mime.FormatMediaType(typ, params)
		}
	}
	return strings.TrimSpace(field)
}
