package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"atommq/bus"
	"atommq/feeds"
)

// kind is what a form of a feed or an entry is made of.
type kind uint8

const (
	kindAtom kind = iota // the same document under any of XML's types
	kindHTML
	kindJSON  // JSON Feed, or an item of one
	kindEvent // CloudEvents
	kindStream
)

const (
	typeFeedJSON   = "application/feed+json"
	typeEventBatch = "application/cloudevents-batch+json"
	typeEvent      = "application/cloudevents+json"
)

var (
	pageForms = []offer{
		{typ: "application/atom+xml", param: "feed", format: "atom"},
		{typ: "application/xml", tag: "-xml"},
		{typ: "text/xml", tag: "-textxml"},
		{typ: typeFeedJSON, format: "json", kind: kindJSON, tag: "-json"},
		{typ: "application/json", kind: kindJSON, tag: "-plainjson"},
		{typ: typeEventBatch, format: "cloudevents", kind: kindEvent, tag: "-events"},
	}
	streamForms         = []offer{{typ: typeEvents, format: "sse", kind: kindStream}, {typ: typeLines, format: "ndjson", kind: kindStream}}
	collectionForms     = slices.Concat(pageForms, streamForms)
	pageHTMLForms       = withHTML(pageForms)
	collectionHTMLForms = slices.Concat(pageHTMLForms, streamForms)
	choiceForms         = slices.Concat(pageForms[:len(pageForms)-1], streamForms) // but for CloudEvents, whose source is one feed

	memberForms = []offer{
		{typ: "application/atom+xml", param: "entry", format: "atom"},
		{typ: "application/xml", tag: "-xml"},
		{typ: "text/xml", tag: "-textxml"},
		{typ: "application/json", format: "json", kind: kindJSON, tag: "-json"},
		{typ: typeEvent, format: "cloudevents", kind: kindEvent, tag: "-event"},
	}
	memberHTMLForms = withHTML(memberForms)
)

func withHTML(forms []offer) []offer {
	return append(forms[:len(forms):len(forms)], offer{typ: typeHTML, format: "html", kind: kindHTML})
}

// describe sets the fields that tell of a form which is not HTML; own is the type of its Atom form.
func (o offer) describe(h http.Header, own []string) {
	h["X-Content-Type-Options"] = nosniff
	if o.kind != kindAtom {
		h["Content-Type"] = []string{o.typ}
		return
	}
	switch o.typ {
	case "application/xml":
		h["Content-Type"] = typeXML
	case "text/xml":
		h["Content-Type"] = typeTextXML
	default:
		h["Content-Type"] = own
	}
	h["Content-Security-Policy"] = sandbox
}

// suffixes are what may stand behind the last name of a URL, to ask for a form.
var suffixes = map[string]string{".atom": "atom", ".json": "json", ".html": "html", ".sse": "sse", ".ndjson": "ndjson"}

// cutSuffix takes a suffix off a name; format is "" where there is none, or nothing before it.
func cutSuffix(name string) (rest, format string) {
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 {
		return name, ""
	}
	if format = suffixes[name[dot:]]; format != "" {
		name = name[:dot]
	}
	return name, format
}

// unsuffixed returns the feed that a URL names, and the form that its suffix asks for. A feed with
// the very name, suffix included, comes first.
//
// A feed that may not be read does not count as one.
func (s *site) unsuffixed(r *http.Request, name string) (feed, format string, err error) {
	feed, format = cutSuffix(name)
	if format == "" || !canName(feed) {
		return name, "", nil
	}
	_, err = s.bus.Feed(r.Context(), name)
	if errors.Is(err, bus.ErrNoFeed) || !s.caller(r).May(bus.RightRead, name) && s.caller(r).May(bus.RightRead, feed) {
		return feed, format, nil
	}
	return name, "", err
}

func canName(feed string) bool { return feeds.CheckName(feed) == nil }
