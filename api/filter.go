package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"atommq/bus"
	"atommq/feeds"
)

// maxNames bounds the feeds, prefixes and categories that one request names.
const maxNames = 100

// filter lets entries pass that have one of its categories; without any, all.
type filter struct {
	categories []category
	reader     *bus.Caller // whose feeds they must be; nil where that was found out before
}

// category is a term, in one scheme or in whichever.
type category struct {
	term, scheme string
	any          bool // the scheme does not matter
}

// passes reports whether the filter lets e pass. What was deleted always does: it has no categories
// any more, and whoever was shown it has to learn that it is gone.
func (f filter) passes(e *bus.Entry) bool {
	if f.reader != nil && !f.reader.May(bus.RightRead, e.Feed) {
		return false
	}
	if len(f.categories) == 0 || e.Deleted {
		return true
	}
	return slices.ContainsFunc(e.Categories(), f.has)
}

func (f filter) has(c feeds.Category) bool {
	for _, k := range f.categories {
		if k.term == c.Term && (k.any || k.scheme == c.Scheme) {
			return true
		}
	}
	return false
}

// any reports whether one of entries passes.
func (f filter) any(entries []*bus.Entry) bool {
	return slices.ContainsFunc(entries, f.passes)
}

// choice is what a request names of what there is: feeds, and categories.
type choice struct {
	own             string // the feed that the path names, "" for none
	feeds, prefixes []string
	filter          filter
	caller          *bus.Caller
	query           string // the parameters that say so, for links to keep; without a mark before or behind
}

// selection returns what the request's sender may read of it: the rest reads as what is not there.
func (c *choice) selection() bus.Selection { return c.caller.Readable(c.feeds, c.prefixes) }

// parseChoice reads the parameters feed and category.
func (s *site) parseChoice(r *http.Request) (choice, error) {
	c := choice{caller: s.caller(r)}
	for query := r.URL.RawQuery; query != ""; {
		var name, value string
		var err error
		if name, value, query, err = nextPair(query); err != nil {
			return c, err
		}
		switch name {
		case "feed":
			err = c.name(value)
		case "category":
			err = c.category(value)
		default:
			continue
		}
		if err != nil {
			return c, err
		}
		if c.query != "" {
			c.query += "&"
		}
		c.query += name + "=" + url.QueryEscape(value)
		if len(c.feeds)+len(c.prefixes)+len(c.filter.categories) > maxNames {
			return c, badRequest("A request names at most %d feeds and categories. Share them among several, or use a prefix: feed=ab* is every feed whose name begins with ab.", maxNames)
		}
	}
	if len(c.feeds)+len(c.prefixes) > 0 {
		c.filter.reader = c.caller
	}
	return c, nil
}

// name takes up a feed's name, or, with a star at its end, how names begin.
func (c *choice) name(value string) error {
	if prefix, ok := strings.CutSuffix(value, "*"); ok {
		if prefix != "" && feeds.CheckName(prefix+"x") != nil {
			return badRequest("feed: no feed's name begins with %.40q.", prefix)
		}
		c.prefixes = append(c.prefixes, prefix)
		return nil
	}
	if err := feeds.CheckName(value); err != nil {
		return badRequest("feed: %.40q cannot name a feed: %v. Give a feed's name, or how names begin and a star: feed=ab*.", value, err)
	}
	c.feeds = append(c.feeds, value)
	return nil
}

// category takes up term, or {scheme}term.
func (c *choice) category(value string) error {
	k := category{term: value, any: true}
	if rest, ok := strings.CutPrefix(value, "{"); ok {
		k.any = false
		if k.scheme, k.term, ok = strings.Cut(rest, "}"); !ok {
			return badRequest("category: %.80q has no } behind its scheme. Give a term, or {scheme}term.", value)
		}
	}
	if k.term == "" {
		return badRequest("category: %.80q has no term. Give a term, or {scheme}term.", value)
	}
	c.filter.categories = append(c.filter.categories, k)
	return nil
}
