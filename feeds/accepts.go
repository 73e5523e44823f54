package feeds

import (
	"fmt"
	"strings"
	"unicode"
)

// Accepts lists the media ranges that a collection takes, RFC 5023 §8.3.4, "application/*+json"
// included, which stands for every type with that suffix. nil stands for all there is; an empty
// list, for nothing.
type Accepts []string

// Limits of what is said of a feed.
const (
	maxAccepts    = 100
	maxCategories = 1000
	maxSetting    = 1000 // bytes of a text
)

// allAccepts is what a collection takes unless it says otherwise. */* takes in the rest; but
// clients look for theirs.
var allAccepts = Accepts{
	"application/atom+xml", typeEntry, typeFeed, "application/xml", "text/*",
	"application/json", "application/*+json", "application/x-www-form-urlencoded", "*/*",
}

// Closed reports whether a takes nothing at all.
func (a Accepts) Closed() bool { return a != nil && len(a) == 0 }

// Ranges returns the media ranges to show.
func (a Accepts) Ranges() []string {
	if a == nil {
		return allAccepts
	}
	return a
}

// Field returns them as the value of a field like Accept-Post.
func (a Accepts) Field() string { return strings.Join(a.Ranges(), ", ") }

// Allow reports whether a takes typ, a media type in lower case. kind is "entry" or "feed" for an
// Atom document, which a range can name by its parameter "type"; "" for any other.
func (a Accepts) Allow(typ, kind string) bool {
	if a == nil {
		return true
	}
	for _, r := range a {
		media, params, _ := strings.Cut(r, ";")
		if !matches(strings.ToLower(strings.TrimSpace(media)), typ) {
			continue
		}
		name, value, found := strings.Cut(strings.ToLower(strings.TrimSpace(params)), "=")
		if !found || kind == "" || strings.TrimSpace(name) != "type" || strings.Trim(strings.TrimSpace(value), `"`) == kind {
			return true
		}
	}
	return false
}

// matches reports whether the media range r takes in typ.
func matches(r, typ string) bool {
	main, sub, _ := strings.Cut(r, "/")
	typMain, typSub, _ := strings.Cut(typ, "/")
	switch {
	case r == "*/*" || r == typ:
		return true
	case main != typMain:
		return false
	}
	suffix, ok := strings.CutPrefix(sub, "*")
	return ok && (suffix == "" || strings.HasPrefix(suffix, "+") && strings.HasSuffix(typSub, suffix))
}

// Check returns what is wrong with the list, nil when nothing is.
func (a Accepts) Check() error {
	if len(a) > maxAccepts {
		return &LimitError{What: "media ranges that a feed accepts", Max: maxAccepts}
	}
	for _, r := range a {
		media, params, hasParams := strings.Cut(r, ";")
		main, sub, ok := strings.Cut(strings.TrimSpace(media), "/")
		if !ok || main == "" || sub == "" || !isRangeToken(main) || !isRangeToken(sub) || main == "*" && sub != "*" || strings.Contains(main, "*") && main != "*" ||
			len(r) > maxSetting || strings.ContainsFunc(r, unicode.IsControl) || hasParams && !isParameter(params) {
			return fmt.Errorf("%.80q is not a media range such as image/png, image/* or application/atom+xml;type=entry", r)
		}
	}
	return nil
}

// isRangeToken reports whether s is a token of RFC 9110 §5.6.2, or a token's end behind a "*".
func isRangeToken(s string) bool {
	s = strings.TrimPrefix(s, "*")
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && !strings.ContainsRune("!#$&^_.+-", rune(c)) {
			return false
		}
	}
	return true
}

// isParameter reports whether s reads like name=value.
func isParameter(s string) bool {
	name, value, ok := strings.Cut(strings.TrimSpace(s), "=")
	return ok && name != "" && isRangeToken(name) && value != "" && isRangeToken(strings.Trim(value, `"`))
}
