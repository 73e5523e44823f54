package feeds

import (
	"bytes"
	"slices"
	"strings"
)

const (
	namespaceXMLNS = "http://www.w3.org/2000/xmlns/"
	// namespaceAppDraft is that of app:edited before RFC 5023.
	namespaceAppDraft = "http://purl.org/atom/app#"
)

// binding is a namespace declaration in scope. An empty prefix is the default's.
type binding struct {
	prefix []byte
	space  string
}

// bind brings the namespace declarations of the latest start tag into scope.
func (s *scanner) bind() error {
	for i := range s.attrs {
		a := &s.attrs[i]
		prefix, ok := a.declares()
		if !ok {
			continue
		}
		space, err := s.namespaceName(prefix, a)
		if err != nil {
			return err
		}
		if len(s.bound) >= s.maxBound {
			return &LimitError{What: "namespace declarations in scope", Max: s.maxBound}
		}
		a.space = namespaceXMLNS
		s.names += len(space)
		s.bound = append(s.bound, binding{prefix, space})
	}
	return nil
}

// namespaceName checks a namespace declaration (Namespaces in XML 1.0 §3) and
// returns the name that it binds prefix to.
func (s *scanner) namespaceName(prefix []byte, a *attribute) (string, error) {
	value := s.value(a.value)
	space, known := internNamespace(value)
	switch {
	case string(prefix) == "xmlns":
		return "", s.fail(a.start, "the prefix xmlns may not be declared")
	case (string(prefix) == "xml") != (space == NamespaceXML):
		return "", s.fail(a.start, "the prefix xml and the namespace %s belong to each other only", NamespaceXML)
	case space == namespaceXMLNS:
		return "", s.fail(a.start, "the namespace %s may not be declared", namespaceXMLNS)
	case len(space) == 0 && len(prefix) > 0:
		return "", s.fail(a.start, "the prefix %s is bound to an empty namespace name", prefix)
	case !known && !isURIReference(space):
		return "", s.fail(a.value.start, "the namespace name %q is not a URI (RFC 3986) that every parser takes", space)
	}
	return space, nil
}

// internNamespace is string(b), without an allocation for those known to be URIs that
// entries are made of.
func internNamespace(b []byte) (space string, known bool) {
	switch string(b) {
	case NamespaceAtom:
		return NamespaceAtom, true
	case NamespaceXHTML:
		return NamespaceXHTML, true
	case NamespaceApp:
		return NamespaceApp, true
	case NamespaceMQ:
		return NamespaceMQ, true
	case NamespaceStomp:
		return NamespaceStomp, true
	case NamespaceXML:
		return NamespaceXML, true
	}
	return string(b), false
}

// resolve gives the latest start tag's attributes their namespaces, refuses
// those that stand twice, and returns the element's own namespace.
func (s *scanner) resolve(t *token) (string, error) {
	if string(t.name.prefix()) == "xmlns" {
		return "", s.fail(t.start, "an element may not have the prefix xmlns")
	}
	space, ok := s.lookup(t.name.prefix())
	if !ok {
		return "", s.fail(t.start, `the prefix %s is not declared; add xmlns:%s="…"`, t.name.prefix(), t.name.prefix())
	}
	for i := range s.attrs {
		a := &s.attrs[i]
		if a.name.local > 0 && a.space == "" {
			if a.space, ok = s.lookup(a.name.prefix()); !ok {
				return "", s.fail(a.start, `the prefix %s is not declared; add xmlns:%s="…"`, a.name.prefix(), a.name.prefix())
			}
		}
	}
	if a := duplicate(s.attrs); a != nil {
		return "", s.fail(a.start, "the attribute %s stands twice in one tag", a.name.full)
	}
	return space, nil
}

// duplicate returns an attribute that has the same expanded name as one before it.
func duplicate(attrs []attribute) *attribute {
	const few = 16 // up to here, comparing all beats sorting
	if len(attrs) > few {
		return duplicateOfMany(attrs)
	}
	for i := range attrs {
		for j := range attrs[:i] {
			if compareNames(&attrs[i], &attrs[j]) == 0 {
				return &attrs[i]
			}
		}
	}
	return nil
}

func duplicateOfMany(attrs []attribute) *attribute {
	sorted := make([]*attribute, len(attrs))
	for i := range attrs {
		sorted[i] = &attrs[i]
	}
	slices.SortStableFunc(sorted, compareNames)
	for i := 1; i < len(sorted); i++ {
		if compareNames(sorted[i-1], sorted[i]) == 0 {
			return sorted[i]
		}
	}
	return nil
}

// compareNames compares the expanded names of two attributes.
func compareNames(a, b *attribute) int {
	if c := bytes.Compare(a.name.localPart(), b.name.localPart()); c != 0 {
		return c
	}
	return strings.Compare(a.space, b.space)
}

// lookup returns the namespace that prefix is bound to.
func (s *scanner) lookup(prefix []byte) (space string, ok bool) {
	i := s.find(prefix)
	if i < 0 {
		return "", false
	}
	return s.bound[i].space, true
}

// find returns the binding of prefix that is in force, -1 when there is none.
func (s *scanner) find(prefix []byte) int {
	i := len(s.bound) - 1
	for i >= 0 && !bytes.Equal(s.bound[i].prefix, prefix) {
		i--
	}
	return i
}
