package feeds

import (
	"net/url"
	"strings"
)

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

// resolve resolves the reference ref against base (RFC 3986 §5.2), which may itself be
// relative to what only the document's reader knows. What is not understood stays as it is.
func resolve(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil || base == "" {
		return ref
	}
	r, err := url.Parse(ref)
	switch {
	case err != nil:
		return ref
	case ref == "":
		return base
	case b.IsAbs(), b.Host != "":
		return b.ResolveReference(r).String()
	case r.IsAbs(), r.Host != "", strings.HasPrefix(r.Path, "/"):
		return ref
	}
	path, _, _ := strings.Cut(base, "#")
	path, _, _ = strings.Cut(path, "?")
	if r.Path == "" {
		return path + ref
	}
	return path[:strings.LastIndexByte(path, '/')+1] + ref
}
