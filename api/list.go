package api

import (
	"net/http"
	"net/url"
	"strconv"

	"atommq/bus"
	"atommq/feeds"
)

const typeServiceDocument = "application/atomsvc+xml"

var (
	listForms = []offer{
		{typ: "application/atom+xml", param: "feed", format: "atom"},
		{typ: "application/json", format: "json", kind: kindJSON},
		{typ: "application/xml", tag: "-xml"},
		{typ: "text/xml", tag: "-textxml"},
	}
	listHTMLForms = withHTML(listForms)
	serviceForms  = []offer{{typ: typeServiceDocument}, {typ: "application/xml", tag: "-xml"}, {typ: "text/xml", tag: "-textxml"}}
	rootForms     = withHTML(serviceForms)
)

// getRoot sends browsers to the list of feeds, and gives everybody else the
// service document, where an AtomPub client begins.
func (s *site) getRoot(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h["Vary"] = varyAccept
	form, err := accepted(r, s.forms(serviceForms, rootForms))
	if err != nil {
		return err
	}
	if form.kind == kindHTML {
		h["Location"] = []string{s.baseOf(r) + "/feeds"}
		h["Cache-Control"] = noCache
		h["Content-Type"] = typeText
		w.WriteHeader(http.StatusSeeOther)
		writeTo(w, []byte("The feeds are at /feeds.\n"))
		return nil
	}
	return s.getService(w, r)
}

// listView says which feeds a request for a list asks for.
type listView struct {
	path          string
	after, before string
	limit, usual  int
	format        string // as in the request, "" for none
}

// parseListView reads the paging parameters of the list at path, which gives usual
// feeds to those who name no limit. more names parameters that others read.
func parseListView(r *http.Request, path string, usual int, more ...string) (listView, error) {
	p := listView{path: path, limit: usual, usual: usual}
	seen, limited := "", false
	for query := r.URL.RawQuery; query != ""; {
		var name, value string
		var err error
		if name, value, query, err = nextPair(query); err != nil {
			return p, err
		}
		switch name {
		case "limit":
			if limited {
				return p, repeated(name)
			}
			limited = true
			p.limit, err = parseLimit(value)
		case "after", "before":
			if seen != "" {
				return p, twice(seen, name)
			}
			seen = name
			p.after, p.before, err = bound(name, value)
		default:
			err = unknown(name, append(more, "after", "before", "format", "limit"))
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func bound(name, value string) (after, before string, err error) {
	if value == "" && name == "after" {
		return "", "", nil // the beginning
	}
	if err := feeds.CheckName(value); err != nil {
		return "", "", badRequest("%s: %q cannot name a feed: %v. Give the name of the feed to go on from.", name, value, err)
	}
	if name == "after" {
		return value, "", nil
	}
	return "", value, nil
}

// from returns the reference of the page that begins, by name ("after" or "before"), at value.
func (p listView) from(name, value string) string {
	q := make(url.Values, 2)
	if value != "" {
		q.Set(name, value)
	}
	if p.limit != p.usual {
		q.Set("limit", strconv.Itoa(p.limit))
	}
	if p.format != "" {
		q.Set("format", p.format)
	}
	if len(q) == 0 {
		return p.path
	}
	return p.path + "?" + q.Encode()
}

// self returns the canonical reference of p.
func (p listView) self() string {
	if p.before != "" {
		return p.from("before", p.before)
	}
	return p.from("after", p.after)
}

// readList reads the feeds that p asks for and finds out what lies beyond them.
func (s *site) readList(r *http.Request, p listView) (*feeds.List, error) {
	found, stop, err := s.visible(r, p.after, p.before, p.limit+1)
	if err != nil {
		return nil, err
	}
	beyond := len(found) > p.limit
	switch {
	case beyond && p.before != "":
		found = found[1:]
	case beyond:
		found = found[:p.limit]
	}
	base := s.baseOf(r)
	l := &feeds.List{Base: base, Self: base + p.self(), Feeds: make([]feeds.Feed, len(found))}
	for i, f := range found {
		l.Feeds[i] = f.Feed
	}
	if len(found) > 0 {
		err = s.linkList(r, l, p, beyond)
	} else {
		l.Made, err = s.bus.Made(r.Context())
	}
	switch {
	case beyond || stop == "":
	case p.before != "":
		l.Previous = base + p.from("before", stop)
	default:
		l.Next = base + p.from("after", stop)
	}
	return l, err
}

const (
	visiblePage = 1000
	// visibleMost is how many feeds are looked at for one page of those that somebody may read.
	visibleMost = 20_000
)

// visible returns what bus.Feeds does of those that the request's sender may read. stop is the last
// name looked at where there are too many others for one request, "" otherwise.
func (s *site) visible(r *http.Request, after, before string, limit int) (list []*bus.Feed, stop string, err error) {
	c := s.caller(r)
	if c.MayEvery(bus.RightRead) {
		list, err = s.bus.Feeds(r.Context(), after, before, limit)
		return list, "", err
	}
	backward := before != ""
	for looked := 0; len(list) < limit; looked += visiblePage {
		if looked >= visibleMost {
			return list, stop, nil
		}
		page, err := s.bus.Feeds(r.Context(), after, before, visiblePage)
		if err != nil {
			return nil, "", err
		}
		if len(page) == 0 {
			return list, "", nil
		}
		var readable []*bus.Feed
		for _, f := range page {
			if c.May(bus.RightRead, f.Name) {
				readable = append(readable, f)
			}
		}
		if backward {
			list, before = append(readable, list...), page[0].Name
			stop = before
		} else {
			list, after = append(list, readable...), page[len(page)-1].Name
			stop = after
		}
	}
	if backward {
		return list[len(list)-limit:], "", nil
	}
	return list[:limit], "", nil
}

// linkList sets the links of l where there are feeds behind them. beyond tells of more in
// the direction of reading; the other one is looked at.
func (s *site) linkList(r *http.Request, l *feeds.List, p listView, beyond bool) error {
	first, last := l.Feeds[0].Name, l.Feeds[len(l.Feeds)-1].Name
	next, previous := beyond, beyond
	switch {
	case p.before != "":
		rest, stop, err := s.visible(r, last, "", 1)
		if err != nil {
			return err
		}
		next = len(rest) > 0 || stop != ""
	case p.after != "":
		rest, stop, err := s.visible(r, "", first, 1)
		if err != nil {
			return err
		}
		previous = len(rest) > 0 || stop != ""
	default:
		previous = false
	}
	if next {
		l.Next = l.Base + p.from("after", last)
	}
	if previous {
		l.Previous = l.Base + p.from("before", first)
	}
	return nil
}

// getList answers with a page of the list of feeds.
func (s *site) getList(w http.ResponseWriter, r *http.Request) error {
	if namesFeeds(r.URL.RawQuery) {
		return s.getMany(w, r)
	}
	h := w.Header()
	h["Vary"] = varyAccept
	form, format, err := choose(r, "", s.forms(listForms, listHTMLForms))
	if err != nil {
		return err
	}
	p, err := parseListView(r, "/feeds", defaultLimit, "category", "feed")
	if err != nil {
		return err
	}
	p.format = format
	l, err := s.readList(r, p)
	if err != nil {
		return err
	}
	p.format = ""
	return s.writeList(w, r, l, form, l.Base+p.self())
}

// writeList sends a page of the list, whose form Accept decides on at negotiated.
func (s *site) writeList(w http.ResponseWriter, r *http.Request, l *feeds.List, form offer, negotiated string) error {
	w.Header()["Cache-Control"] = noCache
	out := newOutput(w, r, "list")
	defer out.release()
	if form.kind == kindHTML {
		return out.html(negotiated, func(w http.ResponseWriter) error { return s.pages.Feeds(w, l) })
	}
	form.describe(w.Header(), typeAtomFeed)
	if form.kind == kindJSON {
		return out.digested(form, feeds.AppendListJSON(out.buf, l))
	}
	return out.digested(form, feeds.AppendList(out.buf, l))
}

// getService answers with the service document, RFC 5023 §8. It has no paging of its own: where
// there are more feeds than one lists, a Link field leads on.
func (s *site) getService(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h["Vary"] = varyAccept
	form, err := accepted(r, serviceForms)
	if err != nil {
		return err
	}
	p, err := parseListView(r, "/service", maxLimit)
	if err != nil {
		return err
	}
	l, err := s.readList(r, p)
	if err != nil {
		return err
	}
	if l.Next != "" {
		h["Link"] = []string{"<" + l.Next + `>; rel="next"`}
	}
	h["Cache-Control"] = noCache
	l.Prefixes = s.prefixes
	out := newOutput(w, r, "")
	defer out.release()
	form.describe(w.Header(), typeService)
	return out.digested(form, feeds.AppendService(out.buf, l))
}
