package api

import (
	"bytes"
	"context"
	"strconv"

	"atommq/bus"
	"atommq/feeds"
)

// rendering writes entries in one form. It belongs to one answer. Each entry is rendered once for all answers.
type rendering struct {
	bus  *bus.Bus
	base string
	kind formKind

	write func(m *feeds.Member) []byte // made once, not for each entry

	known      bool        // feed is as it was a moment ago
	feed       *feeds.Feed // of the entry rendered last
	collection string
	key        string
}

func newRendering(b *bus.Bus, base string, kind formKind) *rendering {
	r := &rendering{bus: b, base: base, kind: kind}
	r.write = func(m *feeds.Member) []byte { return kind.form(m, r.feed, r.collection) }
	return r
}

// formKind is a form that an entry has by itself.
type formKind uint8

const (
	asAtom       formKind = iota
	asItem                // JSON, as JSON Feed has it
	asCloudEvent          // JSON, too
	asLine                // an item, and a line's end
	asAtomEvent           // of a stream of events
	asJSONEvent
)

// formNames begin the keys of the renderings that bus.Entry keeps.
var formNames = [...]string{asAtom: "", asItem: "json ", asCloudEvent: "event ", asLine: "line ", asAtomEvent: "sse ", asJSONEvent: "json sse "}

// key names the rendering of f's entries under a collection's URL: what the form takes from the feed
// stands in it.
func (k formKind) key(collection string, f *feeds.Feed) string {
	key := formNames[k] + collection
	if f.Title == "" && f.Author == (feeds.Person{}) {
		return key
	}
	return key + "\x00" + f.Title + "\x00" + f.Author.Name + "\x00" + f.Author.URI + "\x00" + f.Author.Email
}

// form renders an entry of f.
func (k formKind) form(m *feeds.Member, f *feeds.Feed, collection string) []byte {
	switch k {
	case asItem:
		return feeds.AppendJSONItem(nil, m, f, collection)
	case asCloudEvent:
		return feeds.AppendCloudEvent(nil, m, collection)
	case asLine:
		return append(feeds.AppendJSONItem(nil, m, f, collection), '\n')
	case asAtomEvent:
		return appendEvent(m, feeds.AppendMember(nil, m, f, collection))
	case asJSONEvent:
		return appendEvent(m, feeds.AppendJSONItem(nil, m, f, collection))
	case asAtom:
	}
	return feeds.AppendMember(nil, m, f, collection)
}

// renew has the settings of feeds looked at again, with the next entry.
func (r *rendering) renew() { r.known = false }

// render returns the form of an entry, which must not be changed.
func (r *rendering) render(ctx context.Context, e *bus.Entry) []byte {
	if !r.known || r.feed.Name != e.Feed {
		r.turn(ctx, e.Feed)
	}
	return e.Form(r.key, r.write)
}

// turn takes up another feed.
func (r *rendering) turn(ctx context.Context, name string) {
	former := r.feed
	f := &feeds.Feed{Name: name} // should it be gone: then the entry's author is its name
	if known, err := r.bus.Feed(ctx, name); err == nil {
		f = &known.Feed
	}
	r.feed, r.known = f, true
	if former == nil || former.Name != name || former.Title != f.Title || former.Author != f.Author {
		r.collection = r.base + feeds.Path(name)
		r.key = r.kind.key(r.collection, f)
	}
}

// appendEvent makes an event of a member's form: HTML, "Server-sent events".
func appendEvent(m *feeds.Member, data []byte) []byte {
	kind := "entry"
	if m.Deleted {
		kind = "tombstone"
	}
	dst := make([]byte, 0, len(data)+8*bytes.Count(data, []byte("\n"))+64)
	dst = strconv.AppendInt(append(dst, "id: "...), m.ID, 10)
	dst = append(append(append(dst, "\nevent: "...), kind...), '\n')
	return append(appendData(dst, data), '\n')
}

// appendData appends text as lines of data. A line ends with CR, LF or both, as in XML, which tells
// them apart as little.
func appendData(dst, text []byte) []byte {
	for {
		i := bytes.IndexAny(text, "\r\n")
		if i < 0 {
			return append(append(append(dst, "data: "...), text...), '\n')
		}
		dst = append(append(append(dst, "data: "...), text[:i]...), '\n')
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			i++
		}
		text = text[i+1:]
	}
}
