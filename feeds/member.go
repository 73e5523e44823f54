package feeds

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Member is a published entry: what was posted, and what the server manages.
type Member struct {
	ID        int64  // position in the log, the value of Xlastid; of a draft, below 0: -1, and one less for each edit
	Feed      string // name
	UUID      string // permanent, canonical lower-case form
	AtomID    string // atom:id as posted, "" for urn:uuid:UUID
	Title     string // plain text
	Published time.Time
	Updated   time.Time
	Edited    time.Time // of the last change, app:edited
	Absent    Parts
	Edits     int64  // how often it was replaced or deleted
	Deleted   bool   // a tombstone; XML is then empty
	Media     string // as Entry.Media
	XML       []byte // as Entry.XML
}

// Draft reports whether the entry is not published yet.
func (m *Member) Draft() bool { return m.ID < 0 }

// AtomURI returns the entry's atom:id: the posted one, or the server's.
func (m *Member) AtomURI() string {
	if m.AtomID != "" {
		return m.AtomID
	}
	return urnUUID + m.UUID
}

const (
	xmlHeader  = `<?xml version="1.0" encoding="utf-8"?>` + "\n"
	urnUUID    = "urn:uuid:"
	typeEntry  = "application/atom+xml;type=entry"
	typeFeed   = "application/atom+xml;type=feed"
	typeHTML   = "text/html"
	entriesURL = "/entries/"
	mediaURL   = "/media"
)

// AppendDocument appends the XML declaration and the member's element: the
// document at the member's URI.
func AppendDocument(dst []byte, m *Member, f *Feed, collection string) []byte {
	return AppendMember(append(dst, xmlHeader...), m, f, collection)
}

// AppendMember appends the entry element of m, or its at:deleted-entry. The same bytes
// serve alone and inside a feed. f gives the author of an entry without one,
// collection is the absolute URL of the feed.
//
// What the server manages stands directly behind the root's start tag; every byte of
// m.XML stays.
func AppendMember(dst []byte, m *Member, f *Feed, collection string) []byte {
	w := writer{dst: dst}
	if m.Deleted {
		w.tombstone(m, collection)
		return w.dst
	}
	prefix, inner := rootTag(m.XML)
	w.prefix = prefix
	w.dst = append(w.dst, m.XML[:inner]...)
	w.managed(m, f, collection)
	w.dst = append(w.dst, m.XML[inner:]...)
	return w.dst
}

// rootTag finds the prefix of the root element, and where its start tag ends, in the XML of
// an Entry: it is well-formed, and the root's tag no empty-element tag.
func rootTag(xml []byte) (prefix []byte, inner int) {
	i := rootStart(xml) + 1
	start := i
	for ; xml[i] != '>'; i++ {
		switch c := xml[i]; {
		case c == ':' && prefix == nil:
			prefix = xml[start:i]
		case isSpace(c) && prefix == nil:
			prefix = []byte{}
		case c == '"' || c == '\'':
			i += 1 + bytes.IndexByte(xml[i+1:], c)
		}
	}
	return prefix, i + 1
}

// rootStart returns where the root element starts, behind comments and processing instructions.
func rootStart(xml []byte) int {
	i := 0
	for {
		i += bytes.IndexByte(xml[i:], '<')
		switch xml[i+1] {
		case '!':
			i += len("<!--") + bytes.Index(xml[i+len("<!--"):], []byte("-->"))
		case '?':
			i += bytes.Index(xml[i:], []byte("?>"))
		default:
			return i
		}
	}
}

// managed appends the server's part of an entry.
func (w *writer) managed(m *Member, f *Feed, collection string) {
	if !m.Draft() {
		w.position(m.ID)
	}
	w.absentMetadata(m)
	w.edited(m.Edited)
	w.memberLink("edit", typeEntry, m, collection)
	w.memberLink("self", typeEntry, m, collection)
	if m.Media != "" {
		w.media(m, collection)
	}
	if m.Absent&PartAuthor != 0 {
		w.author(f.author())
	}
	if m.Absent&PartAlternate != 0 {
		w.memberLink("alternate", typeHTML, m, collection)
	}
	if m.Absent&PartSummary != 0 {
		w.element("summary", "")
	}
}

// absentMetadata appends what its publisher left out of what tells one entry from others.
func (w *writer) absentMetadata(m *Member) {
	if m.Absent&PartID != 0 {
		w.element("id", m.AtomURI())
	}
	if m.Absent&PartTitle != 0 {
		w.element("title", "")
	}
	if m.Absent&PartUpdated != 0 {
		w.date("updated", m.Updated)
	}
	if m.Absent&PartPublished != 0 {
		w.date("published", m.Published)
	}
}

// position appends the id extension.
func (w *writer) position(id int64) {
	w.raw(`<mq:id xmlns:mq="` + NamespaceMQ + `">`)
	w.dst = strconv.AppendInt(w.dst, id, 10)
	w.raw("</mq:id>")
}

func (w *writer) edited(t time.Time) {
	w.raw(`<app:edited xmlns:app="` + NamespaceApp + `">`)
	w.dst = appendTime(w.dst, t)
	w.raw("</app:edited>")
}

// memberLink appends a link to the member's URI.
func (w *writer) memberLink(rel, typ string, m *Member, collection string) {
	w.open("link")
	w.attribute("rel", rel)
	w.attribute("type", typ)
	w.raw(` href="`)
	w.dst = appendEscapedValue(w.dst, collection)
	w.raw(entriesURL)
	w.raw(m.UUID)
	w.raw(`"/>`)
}

// media appends what leads to the media of a media link entry, RFC 5023 §9.6.
func (w *writer) media(m *Member, collection string) {
	url := m.MediaURL(collection)
	w.open("link")
	w.attribute("rel", "edit-media")
	w.attribute("type", m.Media)
	w.attribute("href", url)
	w.raw("/>")
	w.mediaContent(m.Media, url)
}

// mediaContent appends the content of a media link entry, which is elsewhere.
func (w *writer) mediaContent(typ, src string) {
	w.open("content")
	if contentType(typ) {
		w.attribute("type", typ)
	}
	w.attribute("src", src)
	w.raw("/>")
}

// URL returns the member's own URL; collection is that of its feed.
func (m *Member) URL(collection string) string { return collection + entriesURL + m.UUID }

// MediaURL returns the URL of its media.
func (m *Member) MediaURL(collection string) string { return m.URL(collection) + mediaURL }

// contentType reports whether content may say that it has the media type typ: composite ones it may
// not (RFC 4287 §4.1.3.1).
func contentType(typ string) bool {
	media, ok := mediaType([]byte(typ))
	return ok && !strings.HasPrefix(media, "multipart/") && !strings.HasPrefix(media, "message/")
}

// tombstone appends an RFC 6721 deleted-entry element.
func (w *writer) tombstone(m *Member, collection string) {
	w.raw(`<at:deleted-entry xmlns:at="` + NamespaceTombstone + `" xmlns="` + NamespaceAtom + `" ref="`)
	if m.AtomID != "" {
		w.dst = appendEscapedValue(w.dst, m.AtomID)
	} else {
		w.raw(urnUUID)
		w.raw(m.UUID)
	}
	w.raw(`" when="`)
	w.dst = appendTime(w.dst, m.Edited)
	w.raw(`">`)
	w.position(m.ID)
	w.memberLink("self", typeEntry, m, collection)
	w.raw("</at:deleted-entry>")
}
