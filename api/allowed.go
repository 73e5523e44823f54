package api

import (
	"fmt"
	"net/http"
	"strings"

	"atommq/bus"
	"atommq/feeds"
)

// What is left to do with what takes no new entries, and with what does not change.
var (
	allowClosed     = []string{"DELETE, GET, HEAD, OPTIONS"}
	allowUnchanging = []string{"GET, HEAD, OPTIONS"}
)

// notAccepted refuses what the feed's owner does not let in, RFC 5023 §8.3.4.
func notAccepted(f *bus.Feed, typ string) error {
	switch {
	case f.Accepts.Closed():
		return &problemError{
			Status: http.StatusMethodNotAllowed,
			Detail: fmt.Sprintf("The feed %q takes no new entries; its owner has closed it. Ask them, or post to another feed.", f.Name),
			Header: http.Header{"Allow": allowClosed},
		}
	case typ == "":
		typ = "an unnamed type"
	}
	return &problemError{
		Status: http.StatusUnsupportedMediaType,
		Detail: fmt.Sprintf("The feed %q does not take %s. Send one of: %s.", f.Name, typ, f.Accepts.Field()),
		Header: http.Header{"Accept-Post": {f.Accepts.Field()}},
		Extra:  map[string]any{"accepts": f.Accepts.Ranges()},
	}
}

// checkAtom checks whether f takes the document, which was sent as typ, and its categories.
func checkAtom(f *bus.Feed, typ string, doc *feeds.Document) error {
	const atom = "application/atom+xml"
	kind := "entry"
	if doc.Batch {
		kind = "feed"
	}
	// XML is Atom here: a feed that takes XML takes it under that name.
	asXML := typ != atom && bodyKindOf(typ) == bodyAtom && f.Accepts.Allow(typ, "")
	if !asXML && !f.Accepts.Allow(atom, kind) {
		return notAccepted(f, atom+";type="+kind)
	}
	return checkCategories(f, doc.Entries...)
}

// checkCategories checks whether the entries have only categories that f has, where those are fixed.
func checkCategories(f *bus.Feed, entries ...*feeds.Entry) error {
	if !f.Categories.Fixed {
		return nil
	}
	for _, e := range entries {
		v, err := feeds.Inspect(&feeds.Member{XML: e.XML})
		if err != nil {
			return fmt.Errorf("read the categories: %w", err)
		}
		for _, c := range v.Categories {
			if !f.Categories.Allow(c) {
				return unknownCategory(f, c)
			}
		}
	}
	return nil
}

func unknownCategory(f *bus.Feed, c feeds.Category) error {
	terms := make([]string, len(f.Categories.List))
	for i, known := range f.Categories.List {
		terms[i] = known.Term
	}
	name := fmt.Sprintf("%q", c.Term)
	if c.Scheme != "" {
		name += fmt.Sprintf(" of the scheme %q", c.Scheme)
	}
	return &problemError{
		Status: http.StatusBadRequest,
		Detail: fmt.Sprintf("The category %s is none of this feed's, which are fixed: %s. Take one of them, or leave it out; GET %s/categories has them in full.",
			name, strings.Join(terms[:min(len(terms), 20)], ", "), feeds.Path(f.Name)),
		Extra: map[string]any{"categories": terms},
	}
}

var categoryForms = []offer{{typ: "application/atomcat+xml"}, {typ: "application/xml"}, {typ: "text/xml"}}

// getCategories answers with the category document of a feed, RFC 5023 §7.
func (s *site) getCategories(w http.ResponseWriter, r *http.Request) error {
	f, err := s.feedOf(r)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Vary"] = varyAccept
	form, err := accepted(r, categoryForms)
	if err != nil {
		return err
	}
	h["Cache-Control"] = noCache
	out := newOutput(w, r, "")
	defer out.release()
	form.describe(h, typeCategory)
	return out.digested(form, feeds.AppendCategories(out.buf, &f.Categories))
}
