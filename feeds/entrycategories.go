package feeds

import "bytes"

// CategoriesOf returns the categories of a member: those of its atom:source are no concern of it. A
// deleted one has none.
func CategoriesOf(m *Member) []Category {
	if m.Deleted || !bytes.Contains(m.XML, []byte("category")) {
		return nil // as most entries, which so need not be parsed
	}
	p := viewing(m)
	if _, err := p.prolog(); err != nil {
		return nil // Parse takes nothing that cannot be read: a damaged entry breaks no feed
	}
	var found []Category
	for {
		t, err := p.next()
		if err != nil || t.kind == endTag {
			return found
		}
		if t.kind != startTag {
			continue
		}
		if t.space == NamespaceAtom && string(t.name.localPart()) == "category" {
			found = append(found, p.category())
		}
		if err := p.skip(); err != nil {
			return found
		}
	}
}
