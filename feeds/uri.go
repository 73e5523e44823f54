package feeds

import "strings"

// isURIReference reports whether s is an RFC 3986 URI reference, as a namespace name must
// be: libxml2 reports an error for any other. IP literals are not taken.
func isURIReference(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x80 || classes[c]&classURI == 0 {
			return false
		}
		if s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return false
		}
	}
	// libxml2 takes "&amp;" in a namespace name for "&#38;", and "#" may stand only once.
	if strings.Count(s, "#")+strings.Count(s, "&") > 1 {
		return false
	}
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	first, _, _ := strings.Cut(s, "/")
	if scheme, _, ok := strings.Cut(first, ":"); ok {
		if !isScheme(scheme) {
			return false
		}
		s = s[len(scheme)+1:]
	}
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		authority, _, _ := strings.Cut(rest, "/")
		return isAuthority(authority) && !strings.Contains(authority, "&")
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || '9' < c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

func isAuthority(s string) bool {
	if user, host, ok := strings.Cut(s, "@"); ok {
		if strings.Contains(user, "@") || strings.Contains(host, "@") {
			return false
		}
		s = host
	}
	_, port, ok := strings.Cut(s, ":")
	if !ok {
		return true
	}
	for i := 0; i < len(port); i++ {
		if port[i] < '0' || '9' < port[i] {
			return false
		}
	}
	return 1 <= len(port) && len(port) <= 5
}

// isIRI reports whether s looks like an absolute IRI: a scheme and something
// behind it, without what no IRI may hold (RFC 3987).
func isIRI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	return ok && isScheme(scheme) && rest != "" && !strings.ContainsAny(rest, " \t\r\n<>\"")
}

// IsReference reports whether s may be an IRI reference: it has no character that none may hold
// (RFC 3987).
func IsReference(s string) bool { return !strings.ContainsAny(s, " \t\r\n<>\"{}|\\^`") }

// uriReference is an RFC 3986 reference taken apart: each part with the delimiter that tells
// it, so that one after the other they are the whole.
type uriReference struct{ scheme, authority, path, query, fragment string }

// splitReference takes s apart (RFC 3986 appendix B).
func splitReference(s string) (r uriReference) {
	if n := strings.IndexByte(s, '#'); n >= 0 {
		s, r.fragment = s[:n], s[n:]
	}
	if n := strings.IndexByte(s, '?'); n >= 0 {
		s, r.query = s[:n], s[n:]
	}
	if n := strings.IndexByte(s, ':'); n > 0 && isScheme(s[:n]) {
		r.scheme, s = s[:n+1], s[n+1:]
	}
	if strings.HasPrefix(s, "//") {
		n := strings.IndexByte(s[2:]+"/", '/') + 2
		r.authority, s = s[:n], s[n:]
	}
	r.path = s
	return r
}

// resolve resolves the reference ref against base (RFC 3986 §5.2.2), which may itself be
// relative to what only the document's reader knows. IRIs stay as they are written.
func resolve(base, ref string) string {
	b, r := splitReference(base), splitReference(ref)
	switch {
	case base == "", r.scheme != "":
		return ref
	case r.authority != "":
		return b.scheme + r.authority + removeDots(r.path) + r.query + r.fragment
	case r.path == "" && r.query == "":
		r.path, r.query = b.path, b.query
	case r.path == "":
		r.path = b.path
	case r.path[0] != '/' && b.path == "" && b.authority != "":
		r.path = removeDots("/" + r.path)
	case r.path[0] != '/':
		r.path = removeDots(b.path[:strings.LastIndexByte(b.path, '/')+1] + r.path)
	default:
		r.path = removeDots(r.path)
	}
	return b.scheme + b.authority + r.path + r.query + r.fragment
}

// removeDots takes the segments "." and ".." out of an absolute path (RFC 3986 §5.2.4). In a
// relative one they stay, for what they lead out of is not known.
func removeDots(path string) string {
	if !strings.HasPrefix(path, "/") {
		return path
	}
	segments := strings.Split(path, "/")
	kept := segments[:1]
	for i, s := range segments[1:] {
		if s != "." && s != ".." {
			kept = append(kept, s)
			continue
		}
		if s == ".." && len(kept) > 1 {
			kept = kept[:len(kept)-1]
		}
		if i == len(segments)-2 {
			kept = append(kept, "")
		}
	}
	return strings.Join(kept, "/")
}
