package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// settingsObject is what a JSON object of settings has to be like, to say so of one that is not.
type settingsObject struct {
	names   string            // of its members, with what they may be
	example string            // of an object
	takes   map[string]string // what a member takes, by its path, with an example
	nulls   []string          // the members that take null
}

const (
	takesText  = "a string"
	takesTruth = "true or false"
)

var feedObject = &settingsObject{
	names:   "title, subtitle, author (name, uri, email), accepts, categories (fixed, scheme, list of term, scheme, label), append_only, until_acked, keep (age, entries, bytes)",
	example: `{"title": "News", "keep": {"age": 2592000}}`,
	takes: map[string]string{
		"title": takesText, "subtitle": takesText,
		"author":      `an object: {"author": {"name": "Ann", "email": "ann@example.org"}}`,
		"author.name": takesText, "author.uri": takesText, "author.email": takesText,
		"accepts":          `a list of media ranges, or null for all: {"accepts": ["text/plain", "image/*"]}`,
		"categories":       `an object, or null for none: {"categories": {"fixed": true, "list": [{"term": "urgent"}]}}`,
		"categories.fixed": takesTruth, "categories.scheme": takesText,
		"categories.list":      `a list of objects: {"categories": {"list": [{"term": "urgent"}]}}`,
		"categories.list.term": takesText, "categories.list.scheme": takesText, "categories.list.label": takesText,
		"append_only":  takesTruth,
		"until_acked":  "true, false or, to leave it as it is, null",
		"keep":         `an object: {"keep": {"age": 2592000, "entries": 10000}}`,
		"keep.age":     `a whole number of seconds, 0 for no bound: {"keep": {"age": 2592000}} is 30 days`,
		"keep.entries": `a whole number, 0 for no bound: {"keep": {"entries": 10000}}`,
		"keep.bytes":   `a whole number, 0 for no bound: {"keep": {"bytes": 1000000}}`,
	},
	nulls: []string{"accepts", "categories", "until_acked"},
}

var queueObject = &settingsObject{
	names:   "ack_timeout (seconds, 0 for none), attempts (1 to 1000000) and paused (true or false)",
	example: `{"attempts": 5}`,
	takes: map[string]string{
		"ack_timeout": `a number of seconds, 0 for none: {"ack_timeout": 30}`,
		"attempts":    `a whole number, 1 to 1000000: {"attempts": 5}`,
		"paused":      takesTruth,
	},
}

// receiveObject reads the JSON object of settings that a request brings.
func (s *site) receiveObject(w http.ResponseWriter, r *http.Request, o *settingsObject, to any) error {
	p, err := describeBody(r)
	if err != nil {
		return err
	}
	if kind := bodyKindOf(p.typ); kind != bodyJSON && !unsaid(kind) {
		return &problemError{
			Status: http.StatusUnsupportedMediaType,
			Detail: fmt.Sprintf("Settings are JSON, not %s. Send them as application/json, an object with some of %s: %s.", p.typ, o.names, o.example),
			Header: http.Header{"Accept": {"application/json"}},
		}
	}
	body, err := s.receive(w, r)
	if err != nil {
		return err
	}
	return o.decode(body, to)
}

// decode reads body, which must be one object with known members: one that is not known would be
// without effect, which nobody would notice.
func (o *settingsObject) decode(body []byte, to any) error {
	switch text := bytes.TrimLeft(body, " \t\r\n"); {
	case len(text) == 0:
		return o.refuse("", "the body is empty")
	case text[0] != '{':
		return o.refuse("", "the body is no JSON object, which begins with {")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return o.explain(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return o.refuse("", "something follows the object")
	}
	return o.checkMembers(json.NewDecoder(bytes.NewReader(body)), "")
}

// checkMembers goes through the value at path, which is of the right type, and refuses what
// encoding/json lets pass: names in another case, members that stand twice, of which one would be
// without effect, and null in place of anything.
func (o *settingsObject) checkMembers(dec *json.Decoder, path string) error {
	begin, err := dec.Token()
	if err == nil && begin == nil && !slices.Contains(o.nulls, path) {
		return o.refuse(path, fmt.Sprintf("%s is null, and takes %s", path, o.takes[path]))
	}
	delim, nested := begin.(json.Delim)
	if err != nil || !nested {
		return err
	}
	seen := make(map[string]bool)
	for dec.More() {
		member := path
		if delim == '{' {
			if member, err = o.nextMember(dec, path, seen); err != nil {
				return err
			}
		}
		if err := o.checkMembers(dec, member); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// nextMember reads the name of the next member of the object at path, and returns where that is.
func (o *settingsObject) nextMember(dec *json.Decoder, path string, seen map[string]bool) (string, error) {
	name, err := dec.Token()
	if err != nil {
		return "", err
	}
	member := strings.TrimPrefix(fmt.Sprintf("%s.%s", path, name), ".")
	switch {
	case o.takes[member] == "":
		return "", o.refuse(member, fmt.Sprintf("there is no member %q", member))
	case seen[member]:
		return "", o.refuse(member, member+" stands twice")
	}
	seen[member] = true
	return member, nil
}

// explain says what is wrong with an object, in words of JSON.
func (o *settingsObject) explain(err error) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	unknown, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case isUnknown:
		return o.refuse(strings.Trim(unknown, `"`), "there is no member "+unknown)
	case errors.As(err, &typ):
		return o.refuse(typ.Field, fmt.Sprintf("%s is %s, and takes %s", typ.Field, jsonKind(typ.Value), o.takes[typ.Field]))
	case errors.As(err, &syntax):
		return o.refuse("", fmt.Sprintf("at byte %d: %s", syntax.Offset, syntax))
	}
	return o.refuse("", "the JSON breaks off: a quote or a bracket is not closed") // io.ErrUnexpectedEOF
}

// refuse says what is wrong, with a member or with all of it, and what would be right.
func (o *settingsObject) refuse(member, reason string) error {
	p := &problemError{
		Status: http.StatusBadRequest,
		Detail: fmt.Sprintf("The settings cannot be read: %s. Nothing was changed. Send a JSON object like %s; its members are %s.", reason, o.example, o.names),
	}
	if member != "" {
		p.Extra = map[string]any{"member": member}
	}
	return p
}

// jsonKind says what encoding/json calls a value: "number 1.5" where that very number is what cannot be.
func jsonKind(value string) string {
	switch kind, number, _ := strings.Cut(value, " "); {
	case number != "":
		return "the number " + number
	case kind == "array":
		return "a list"
	case kind == "object":
		return "an object"
	case kind == "bool":
		return "true or false"
	default:
		return "a " + kind
	}
}
