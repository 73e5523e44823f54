package api

import (
	"iter"
	"net/http"
	"strings"
)

// offer is a representation that a resource can give.
type offer struct {
	typ    string // media type, lower case
	param  string // the value of its "type" parameter (RFC 5023 §12.1), "" for none
	format string // the value of the query's "format" that asks for it, "" for none
	kind   kind
	tag    string // what its ETag ends with: a strong one tells forms apart, RFC 9110 §8.8.3.3
}

// specificity of a media range, RFC 9110 §12.5.1.
const (
	matchAny = iota + 1
	matchMain
	matchType
	matchParam
)

// negotiate returns the index of the offer that Accept asks for most, the first
// among equals, and -1 when none will do. Elements that are no media range are passed
// over; without any that is one, anything will do.
func negotiate(accept []string, offers []offer) int {
	if len(accept) == 0 || len(accept) == 1 && accept[0] == "*/*" {
		return 0
	}
	best, bestQ, valid := -1, 0, false
	for i, o := range offers {
		q, _, ok := quality(accept, o)
		valid = valid || ok
		if q > bestQ {
			best, bestQ = i, q
		}
	}
	if !valid {
		return 0
	}
	return best
}

// quality returns the weight, in thousandths, that accept gives to o: that of
// the most specific range, which has the given specificity. valid tells whether accept holds
// any range at all.
func quality(accept []string, o offer) (q, specific int, valid bool) {
	for element := range elements(accept) {
		r, ok := parseRange(element)
		valid = valid || ok
		if s := r.match(o); ok && s > specific {
			specific, q = s, r.q
		}
	}
	return q, specific, valid
}

// mediaRange is one element of Accept. Of its parameters only "type" tells
// representations apart here.
type mediaRange struct {
	typ, param string
	q          int
}

func parseRange(element string) (mediaRange, bool) {
	typ, params := cutOutsideQuotes(element, ';')
	r := mediaRange{typ: strings.TrimSpace(typ), q: 1000}
	main, sub, ok := strings.Cut(r.typ, "/")
	if !ok || main == "" || sub == "" || main == "*" && sub != "*" || strings.ContainsAny(r.typ, " \t\"") {
		return r, false
	}
	for params != "" {
		var param string
		param, params = cutOutsideQuotes(params, ';')
		name, value, _ := strings.Cut(param, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "q"):
			if r.q, ok = parseWeight(value); !ok {
				return r, false
			}
		case strings.EqualFold(name, "type"):
			r.param = strings.Trim(value, `"`)
		}
	}
	return r, true
}

// match returns how specifically r names o, 0 when it does not.
func (r mediaRange) match(o offer) int {
	if r.typ == "*/*" {
		return matchAny
	}
	if main, isMain := strings.CutSuffix(r.typ, "/*"); isMain {
		offered, _, _ := strings.Cut(o.typ, "/")
		if strings.EqualFold(main, offered) {
			return matchMain
		}
		return 0
	}
	switch {
	case !strings.EqualFold(r.typ, o.typ):
		return 0
	case r.param == "":
		return matchType
	case strings.EqualFold(r.param, o.param):
		return matchParam
	}
	return 0
}

// parseWeight reads an RFC 9110 §12.4.2 weight as thousandths.
func parseWeight(s string) (int, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 {
		return 0, false
	}
	q := 0
	for i := range 3 {
		q *= 10
		if i < len(fraction) {
			if fraction[i] < '0' || fraction[i] > '9' {
				return 0, false
			}
			q += int(fraction[i] - '0')
		}
	}
	if whole == "1" {
		return 1000, q == 0
	}
	return q, true
}

// elements are those of a field that is a list, whatever lines it has, RFC 9110 §5.6.1. Empty ones
// are none.
func elements(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for line != "" {
				var element string
				element, line = cutOutsideQuotes(line, ',')
				if element = strings.TrimSpace(element); element != "" && !yield(element) {
					return
				}
			}
		}
	}
}

// cutOutsideQuotes slices s around the first sep that stands in no quoted string.
func cutOutsideQuotes(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// prefersHTML reports whether accept names HTML, and wants it more than another form: a browser does.
func prefersHTML(accept []string, other offer) bool {
	q, specific, _ := quality(accept, offer{typ: typeHTML})
	less, _, _ := quality(accept, other)
	return specific >= matchType && q > less
}

// acceptsGzip reports whether the client takes gzip, RFC 9110 §12.5.3.
func acceptsGzip(r *http.Request) bool {
	lines := r.Header["Accept-Encoding"]
	if len(lines) == 1 && lines[0] == "gzip" {
		return true
	}
	taken, named := false, false
	for element := range elements(lines) {
		coding, params := cutOutsideQuotes(element, ';')
		coding = strings.TrimSpace(coding)
		isGzip := strings.EqualFold(coding, "gzip") || strings.EqualFold(coding, "x-gzip")
		if isGzip || coding == "*" && !named {
			taken = !refused(params)
		}
		named = named || isGzip
	}
	return taken
}

// refused reports whether params give a weight of 0.
func refused(params string) bool {
	name, value, ok := strings.Cut(params, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return false
	}
	q, ok := parseWeight(strings.TrimSpace(value))
	return !ok || q == 0
}
