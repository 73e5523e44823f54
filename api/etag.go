package api

import (
	"cmp"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// The suffixes that tell the forms of one state apart: a strong ETag names bytes, RFC 9110 §8.8.3.3.
const (
	htmlSuffix = "-html"
	gzipSuffix = "-gzip"
)

// memberTag returns the opaque part of the ETag of a member's Atom form: its id, which names what
// was posted, and, where more than that and the URL has a part in the bytes, a digest of the rest:
// settings, and the address in the links where the client has used another.
func (s *site) memberTag(r *http.Request, m *feeds.Member, f *feeds.Feed, base string) string {
	var settings []string
	if s.base != "" || len(s.proxies) > 0 || base != schemeOf(r)+r.Host {
		settings = append(settings, base)
	}
	if lendsAuthor(m, f) {
		settings = append(settings, cmp.Or(f.Author.Name, f.Title), f.Author.URI, f.Author.Email)
	}
	tag := memberState(m)
	if len(settings) == 0 {
		return tag
	}
	d := fnv.New64a()
	for _, setting := range settings {
		_, _ = d.Write(append([]byte(setting), 0)) // a hash never fails
	}
	return tag + "-" + strconv.FormatUint(d.Sum64(), 36)
}

// lendsAuthor reports whether settings of f stand in the document of m.
func lendsAuthor(m *feeds.Member, f *feeds.Feed) bool {
	return m.Absent&feeds.PartAuthor != 0 && (f.Title != "" || f.Author != feeds.Person{})
}

// memberState is what all forms of one state of a member have in common.
func memberState(m *feeds.Member) string {
	if m.Draft() {
		return "draft" + strconv.FormatInt(-m.ID, 10)
	}
	return strconv.FormatInt(m.ID, 10)
}

// state takes from a member's opaque tag what only tells forms of a state apart.
func state(tag string) string {
	tag, _, _ = strings.Cut(tag, "-")
	return tag
}

// quoted makes an entity-tag of its opaque part.
func quoted(tag string) string { return `"` + tag + `"` }

// nextTag takes the first entity-tag off a list of them. ok is false where
// there is none left, or no well-formed one.
func nextTag(list string) (tag string, weak bool, rest string, ok bool) {
	list = strings.TrimLeft(list, ", \t")
	list, weak = strings.CutPrefix(list, "W/")
	if !strings.HasPrefix(list, `"`) {
		return "", false, "", false
	}
	tag, rest, ok = strings.Cut(list[1:], `"`)
	return tag, weak, rest, ok
}

// anyTag reports whether match holds for one of the tags in lines, and returns
// that one. "*" stands for every tag.
func anyTag(lines []string, match func(tag string, weak bool) bool) (string, bool) {
	for _, line := range lines {
		if strings.TrimSpace(line) == "*" {
			return "*", true
		}
		for {
			tag, weak, rest, ok := nextTag(line)
			if !ok {
				break
			}
			if match(tag, weak) {
				return tag, true
			}
			line = rest
		}
	}
	return "", false
}

// ofAnswer is what conditions are about, of what a GET is answered with.
var ofAnswer = conditional{"answer", "answer has"}

// notModified answers a conditional GET whose client has the current state: tag is the opaque ETag
// of the form it asked for, without encoding; modified its date, zero for none. Its error is that
// the client wants another state alone. RFC 9110 §13.2.2.
func notModified(w http.ResponseWriter, r *http.Request, tag string, modified, now time.Time) (bool, error) {
	same := func(t string, weak bool) bool { return !weak && strings.TrimSuffix(t, gzipSuffix) == tag }
	switch match, date := r.Header["If-Match"], r.Header["If-Unmodified-Since"]; {
	case len(match) > 0:
		if _, ok := anyTag(match, same); !ok {
			return false, ofAnswer.unmatched(match)
		}
	case len(date) == 1 && !modified.IsZero() && changedSince(modified, now, date[0]):
		return false, failedCondition("What this URL shows changed after the time that If-Unmodified-Since names. GET this URL again without it.")
	}
	return holds(w, r, tag, modified), nil
}

// sameState is notModified for what has no date.
func sameState(w http.ResponseWriter, r *http.Request, tag string) (bool, error) {
	return notModified(w, r, tag, time.Time{}, time.Time{})
}

// holds answers with a 304 if the client has what it asks for.
func holds(w http.ResponseWriter, r *http.Request, tag string, modified time.Time) bool {
	h := w.Header()
	if lines := r.Header["If-None-Match"]; len(lines) > 0 {
		held, ok := anyTag(lines, func(t string, _ bool) bool { return strings.TrimSuffix(t, gzipSuffix) == tag })
		if !ok {
			return false
		}
		if held == "*" {
			held = tag
		}
		h["Etag"] = []string{quoted(held)}
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	date := r.Header["If-Modified-Since"]
	if len(date) != 1 || modified.IsZero() {
		return false
	}
	if since, err := http.ParseTime(date[0]); err != nil || modified.After(since) {
		return false
	}
	h["Etag"] = []string{quoted(tag)}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// commitTime is more than passes, but on the slowest of disks, from the time that a change bears
// until everybody sees it.
const commitTime = time.Second

// lastModified returns the date of a change. HTTP knows whole seconds only: the time is rounded up,
// and no validator while another change of that second may still come to light, RFC 9110 §8.8.2.2.
func lastModified(modified, now time.Time) (date time.Time, strong bool) {
	date = modified.Truncate(time.Second)
	if date.Before(modified) {
		date = date.Add(time.Second)
	}
	return date, !date.Add(commitTime).After(now)
}

// setModified states when a representation changed, if a date can say it.
func setModified(h http.Header, modified, now time.Time) {
	date, strong := lastModified(modified, now)
	if modified.IsZero() || !strong {
		return
	}
	var b [32]byte
	h["Last-Modified"] = []string{string(date.UTC().AppendFormat(b[:0], http.TimeFormat))}
}

// changedSince reports whether what was last modified then may have changed since the HTTP date,
// never since one that cannot be read: RFC 9110 §13.1.4.
func changedSince(modified, now time.Time, field string) bool {
	since, err := http.ParseTime(field)
	if err != nil {
		return false
	}
	date, strong := lastModified(modified, now)
	return date.After(since) || date.Equal(since) && !strong
}

// appendFeedMark appends what the ETags of a feed's pages have in common, and no other feed's have:
// a digest of its UUID, of which a feed that is made anew has another.
func appendFeedMark(dst []byte, f *bus.Feed) []byte {
	d := fnv.New32a()
	var b [64]byte
	_, _ = d.Write(append(b[:0], f.UUID...)) // a hash never fails
	return strconv.AppendUint(dst, uint64(d.Sum32()), 36)
}

// pageTag returns the opaque ETag of a page of a feed: the feed's newest id for people to
// see, which feed it is, and a digest of all that the page is made from.
func pageTag(p *page) string {
	if p.final() {
		return finalTag(p, p.last())
	}
	d := fnv.New64a()
	var b [128]byte
	text := b[:0]
	for _, n := range [...]int64{
		p.source.Pruned, p.source.Updated.UnixMicro(), p.source.Entries, p.source.Bytes,
		int64(p.view.order), p.view.id, int64(p.view.limit), int64(len(p.entries)), p.first(), p.last(),
	} {
		text = strconv.AppendInt(text, n, 36)
		text = append(text, '.')
	}
	if p.source.AppendOnly {
		text = append(text, 'a')
	}
	_, _ = d.Write(text) // a hash never fails
	for _, s := range [...]string{p.base, p.view.format, p.next, p.previous, p.prevArchive, p.source.Title, p.source.Subtitle, p.source.Author.Name, p.source.Author.URI, p.source.Author.Email} {
		_, _ = d.Write(append(append(b[:0], s...), 0))
	}
	tag := strconv.AppendInt(b[:0], p.source.LastID, 10)
	tag = append(appendFeedMark(append(tag, '-'), p.source), '-')
	return string(strconv.AppendUint(tag, d.Sum64(), 36))
}
