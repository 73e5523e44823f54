package feeds

import "slices"

// Person is an RFC 4287 person construct.
type Person struct{ Name, URI, Email string }

// person reads the person construct t (RFC 4287 §3.2) and, unless keep is nil,
// keeps what it says, its URI resolved against the base outside of it and its own.
func (p *parser) person(t token, keep *Person, base string) error {
	var got [3]bool
	if keep != nil {
		_, base = p.inherit("", base)
	}
	for {
		n, err := p.next()
		if err != nil {
			return err
		}
		switch n.kind {
		case startTag:
			if err := p.personPart(t, *n, keep, base, &got); err != nil {
				return err
			}
		case endTag:
			if !got[0] {
				return p.fail(t.start, "<%s> has no <name>", t.name.full)
			}
			return nil
		}
	}
}

func (p *parser) personPart(t, n token, keep *Person, base string, got *[3]bool) error {
	i := -1
	if n.space == NamespaceAtom {
		i = slices.Index([]string{"name", "uri", "email"}, string(n.name.localPart()))
	}
	if i < 0 {
		return p.skip()
	}
	if got[i] {
		return p.fail(n.start, "<%s> has a second <%s>", t.name.full, n.name.full)
	}
	got[i] = true
	b, err := p.elementText(n)
	if err != nil || keep == nil {
		return err
	}
	*[]*string{&keep.Name, &keep.URI, &keep.Email}[i] = fold(b)
	if i == 1 && keep.URI != "" {
		_, base = p.inherit("", base)
		keep.URI = resolve(base, keep.URI)
	}
	return nil
}
