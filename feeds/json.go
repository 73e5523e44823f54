package feeds

import (
	"bytes"
	"encoding/json"
	"strings"
)

// titleMembers are the members of a JSON object that may name it, the best first.
var titleMembers = [...]string{"title", "name", "subject"}

// jsonTitle returns what the object that head begins is called, "" when it does not say.
// Where head ends, so does the search.
func jsonTitle(head []byte) string {
	d := json.NewDecoder(bytes.NewReader(head))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	var found [len(titleMembers)]string
	for found[0] == "" && d.More() {
		name, err := d.Token()
		if err != nil {
			break
		}
		var value any
		if value, err = skipJSON(d); err != nil {
			break
		}
		text, _ := value.(string)
		for i, member := range titleMembers {
			if name == member && strings.TrimSpace(text) != "" {
				found[i] = text
			}
		}
	}
	for _, text := range found {
		if text != "" {
			return text
		}
	}
	return ""
}

// skipJSON reads a value, and returns its first token.
func skipJSON(d *json.Decoder) (json.Token, error) {
	var first json.Token
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = t
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return first, nil
		}
	}
}

// compactJSON returns head without the white space between tokens. Where head ends inside a
// string, so does the result; json.Compact would refuse it.
func compactJSON(head []byte) string {
	out := make([]byte, 0, len(head))
	quoted, escaped := false, false
	for _, c := range head {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = quoted
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			continue
		}
		out = append(out, c)
	}
	return string(out)
}
