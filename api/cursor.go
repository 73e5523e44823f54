package api

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"atommq/bus"
)

// How many members a page holds.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// order is one of the ways to walk through a feed.
type order uint8

const (
	newestFirst order = iota // RFC 5023 §10, from the newest
	olderThan                // newest first, ids below
	newerThan                // newest first, the page just above
	after                    // oldest first, ids above: a cursor
	upTo                     // oldest first, the page that ends at
)

// view says which page of a feed a request asks for.
type view struct {
	order     order
	id        int64
	loss      bus.Loss // that the cursor of several feeds knows of
	uuid      string   // of the entry whose id the cursor is, "" when id has it
	inclusive bool     // start_at an entry: it is wanted as well
	limit     int      // 1 … maxLimit
	limited   bool     // the request names it
	format    string   // as in the request, "" for none
}

func (v *view) cursor() bool { return v.order == after || v.order == upTo }

// url returns the canonical URL of v's page of a collection.
func (v *view) url(collection string) string {
	var b [256]byte
	url, mark := append(b[:0], collection...), byte('?')
	if name := v.order.param(); name != "" {
		url = append(append(append(url, mark), name...), '=')
		url, mark = append(url, bus.Cursor{After: v.id, Loss: v.loss}.String()...), '&'
	}
	if v.limit != defaultLimit {
		url = append(append(url, mark), "limit="...)
		url, mark = strconv.AppendInt(url, int64(v.limit), 10), '&'
	}
	if v.format != "" {
		url = append(append(append(url, mark), "format="...), v.format...)
	}
	return string(url)
}

// at returns the view of as many entries, in the same form, in another place.
func (v *view) at(o order, id int64) view {
	return view{order: o, id: id, limit: v.limit, format: v.format}
}

func (o order) param() string {
	switch o {
	case olderThan:
		return "older-than"
	case newerThan:
		return "newer-than"
	case after:
		return "after"
	case upTo:
		return "upto"
	case newestFirst:
	}
	return ""
}

// parseView reads the cursor and the page size of a request for a feed.
func parseView(r *http.Request) (view, error) {
	v := view{limit: defaultLimit}
	given := ""
	if lines := r.Header["Xlastid"]; len(lines) > 0 {
		if len(lines) > 1 {
			return v, repeated("Xlastid")
		}
		if err := v.place("Xlastid", lines[0]); err != nil {
			return v, err
		}
		given = "Xlastid"
	}
	for query := r.URL.RawQuery; query != ""; {
		var name, value string
		var err error
		if name, value, query, err = nextPair(query); err != nil {
			return v, err
		}
		switch name {
		case "limit":
			if v.limited {
				return v, repeated(name)
			}
			v.limited = true
			v.limit, err = parseLimit(value)
		case "after", "start_after", "start_at", "lastEventId", "last-event-id", "older-than", "newer-than", "upto":
			if given != "" {
				return v, twice(given, name)
			}
			given = name
			err = v.place(name, value)
		default:
			if err = unknown(name, viewParameters); err == nil {
				err = foreign(name, value)
			}
		}
		if err != nil {
			return v, err
		}
	}
	return v, nil
}

// place puts the view where the field or parameter called name says, whatever said so before.
func (v *view) place(name, value string) error {
	v.uuid, v.loss = "", 0
	switch name {
	case "older-than":
		v.order = olderThan
	case "newer-than":
		v.order = newerThan
	case "upto":
		v.order = upTo
	default:
		v.order = after
		v.inclusive = name == "start_at"
		if uuid, ok := strings.CutPrefix(value, "urn:uuid:"); ok {
			v.uuid, ok = canonicalUUID(uuid)
			if !ok {
				return badRequest("%s: %q is not the URN of an entry. Give the id that Xlastid had, or urn:uuid: and the entry's uuid.", name, value)
			}
			return nil
		}
		if c, err := bus.ParseCursor(value); err == nil && c.Loss != 0 && !v.inclusive {
			v.id, v.loss = c.After, c.Loss
			return nil
		}
	}
	id, err := parseID(value)
	if err != nil {
		return badRequest("%s: %q is not an id. An id is a whole number from 0 to %d: the value of Xlastid in an earlier answer, or 0 for the beginning.", name, value, int64(math.MaxInt64))
	}
	v.id = id
	if v.inclusive = v.inclusive && id > 0; v.inclusive {
		v.id--
	}
	return nil
}

// fromFirst reports whether v begins at the entry 1. Its cursor is 0, as that of the beginning of
// what is kept, which misses nothing.
func (v *view) fromFirst() bool { return v.inclusive && v.id == 0 }

// checkLoss refuses for one feed the cursors that only several have.
func (v *view) checkLoss() error {
	if v.loss == 0 {
		return nil
	}
	return badRequest("The cursor of one feed is an id, without what stands behind the number in that of several. Give the id, or 0 for the beginning.")
}

// parseID reads an id: decimal digits, and nothing beside them.
func parseID(s string) (int64, error) {
	if s == "" || s[0] == '+' || s[0] == '-' {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(s, 10, 64)
}

// parseLimit reads a page size. A larger one than is given counts as the largest; the next
// link leads to the rest.
func parseLimit(s string) (int, error) {
	digits := strings.TrimLeft(s, "0")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, badRequest("limit: %q is not a page size. Give a whole number from 1 to %d.", s, maxLimit)
	}
	if len(digits) > len("1000") {
		return maxLimit, nil
	}
	n, err := strconv.Atoi(digits)
	return min(n, maxLimit), err
}

// nextPair takes the first pair off a query. It allocates only where the pair is escaped:
// url.ParseQuery would make a map for every poll.
func nextPair(query string) (name, value, rest string, err error) {
	pair, rest, _ := strings.Cut(query, "&")
	name, value, _ = strings.Cut(pair, "=")
	if name, err = url.QueryUnescape(name); err == nil {
		value, err = url.QueryUnescape(value)
	}
	if err != nil {
		return "", "", "", badRequest("The query cannot be read: %v. Percent-encode what is no letter, digit, or one of - . _ ~", err)
	}
	return name, value, rest, nil
}

func badRequest(format string, args ...any) error {
	return &problemError{Status: http.StatusBadRequest, Detail: fmt.Sprintf(format, args...)}
}

func repeated(name string) error { return badRequest("%s stands more than once. Give it once.", name) }

func twice(first, second string) error {
	if first == second {
		return repeated(first)
	}
	return badRequest("%s and %s both say where to begin. Give one of them.", first, second)
}
