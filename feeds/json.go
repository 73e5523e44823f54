package feeds

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// titleMembers are the members of a JSON object that may name it, the best first.
var titleMembers = [...]string{"title", "name", "subject"}

// jsonTitle returns what the object that head begins is called, "" when it does not say.
// Where head ends, so does the search. It reads no more than it must to tell the object's own
// members from those within: whether all of it is JSON is for others to say.
func jsonTitle(head []byte) string {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 || head[0] != '{' {
		return ""
	}
	var found [len(titleMembers)]string
	depth := 0
	for i := 0; i < len(head) && found[0] == ""; i++ {
		switch head[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			name := jsonString(head[i:])
			if name == nil {
				return cmp.Or(found[:]...)
			}
			i += len(name) - 1
			if n := titleMember(name); n >= 0 && depth == 1 {
				found[n] = unquote(jsonString(memberValue(head[i+1:])))
			}
		}
	}
	return cmp.Or(found[:]...)
}

// titleMember returns the place in titleMembers of a quoted name, -1 for none.
func titleMember(name []byte) int {
	return slices.Index(titleMembers[:], string(name[1:len(name)-1]))
}

// jsonString returns the string that b begins with, in its quotes; nil for none, and for one that
// does not end.
func jsonString(b []byte) []byte {
	if len(b) == 0 || b[0] != '"' {
		return nil
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[:i+1]
		}
	}
	return nil
}

// memberValue returns b from the value on, where b goes on behind a member's name; else nil.
func memberValue(b []byte) []byte {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 || b[0] != ':' {
		return nil
	}
	return bytes.TrimLeft(b[1:], " \t\r\n")
}

// unquote returns what a quoted string says, "" for none, for one that is blank or no JSON.
func unquote(quoted []byte) string {
	if quoted == nil {
		return ""
	}
	s := string(quoted[1 : len(quoted)-1])
	if bytes.IndexByte(quoted, '\\') >= 0 && json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return s
}

// compactJSON returns head without the white space between tokens, or enough of it to cut a title
// from. Where head ends inside a string, so does the result; json.Compact would refuse it.
func compactJSON(head []byte) string {
	const enough = utf8.UTFMax * (jsonLength + 1)
	out := make([]byte, 0, min(len(head), enough))
	quoted, escaped := false, false
	for _, c := range head {
		switch {
		case len(out) == enough:
			return string(out)
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

// eventDepth is how deep JSON may nest within a batch of events: a reader refuses all of a document
// that nests deeper than it takes, and common ones take 64 levels, two of which are the batch's.
const eventDepth = 60

// isCommonJSON reports whether UTF-8 is JSON that common readers take, within a batch of events.
func isCommonJSON(text []byte) bool {
	return json.Valid(text) && JSONDepth(text) <= eventDepth && hasWholeCharacters(text)
}

// JSONDepth returns how deep the objects and arrays in text nest.
func JSONDepth(text []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// hasWholeCharacters reports whether the escapes in JSON name no half of a character without the
// other half, which is no character and which some readers refuse (RFC 7493 §2.1).
func hasWholeCharacters(text []byte) bool {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return true
		}
		text = text[i:]
		first := escaped(text)
		switch {
		case !utf16.IsSurrogate(first):
			text = text[len(`\n`):]
		case utf16.DecodeRune(first, escaped(text[len(`\u0000`):])) == unicode.ReplacementChar:
			return false
		default:
			text = text[2*len(`\u0000`):]
		}
	}
}

// escaped returns the code unit that a \u0000 names with which JSON begins, else -1.
func escaped(text []byte) rune {
	if len(text) < len(`\u0000`) || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(text[2:len(`\u0000`)]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}
