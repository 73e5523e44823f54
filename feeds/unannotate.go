package feeds

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Unannotate undoes Annotate: it returns the entry as it was, or as it was edited to be since, and
// the headers, which must be those of names and in their order, in front of any others. An error
// says that m has none such.
func Unannotate(m *Member, names ...string) (*Entry, []Field, error) {
	msg, err := MessageOf(m)
	if err != nil {
		return nil, nil, fmt.Errorf("take headers off entry %d: %w", m.ID, err)
	}
	if len(msg.Header) < len(names) {
		return nil, nil, errors.New("take headers off an entry: there are fewer")
	}
	for i, name := range names {
		if msg.Header[i].Name != name {
			return nil, nil, fmt.Errorf("take headers off an entry: %q stands where %q should", msg.Header[i].Name, name)
		}
	}
	header, rest := msg.Header[:len(names)], msg.Header[len(names):]
	if _, born := readMessage(m.XML); born {
		e, err := recompose(m.Title, msg.Type, rest, msg.Body)
		return e, header, err
	}
	a := annotation{Member: m, parser: viewing(m)}
	if err := a.read(); err != nil {
		return nil, nil, fmt.Errorf("take headers off entry %d: %w", m.ID, err)
	}
	xml, err := a.takeOff(len(names), rest)
	if err != nil {
		return nil, nil, err
	}
	return &Entry{ID: m.AtomID, Title: m.Title, Published: m.Published, Updated: m.Updated, Absent: m.Absent | a.absent, XML: xml}, header, nil
}

// annotation is what Annotate added to an entry that may have been edited since: wherever it
// stands.
type annotation struct {
	*Member
	parser
	message  span   // the element that has the headers
	headers  []span // of it
	messages int    // such elements: what is behind the first is the entry's own
	filled   []edit // what the server had filled in when the entry was read to be edited
	absent   Parts  // of which this is one
}

// read looks through the children of the entry.
func (a *annotation) read() error {
	if _, err := a.prolog(); err != nil {
		return err
	}
	for {
		t, err := a.next()
		if err != nil || t.kind == endTag {
			return err
		}
		if t.kind == startTag {
			if err := a.child(*t); err != nil {
				return err
			}
		}
	}
}

func (a *annotation) child(t token) error {
	if t.space == NamespaceStomp && string(t.name.localPart()) == "message" {
		if a.messages++; a.messages == 1 {
			return a.first(t.start)
		}
		return a.skip()
	}
	if t.space != NamespaceAtom || a.Edits == 0 {
		return a.skip()
	}
	return a.fillIn(t)
}

// first reads the first message, the element that has just begun.
func (a *annotation) first(start int) error {
	outer := a.depth() - 1
	for a.depth() > outer {
		t, err := a.next()
		if err != nil {
			return err
		}
		if t.kind == startTag && t.space == NamespaceStomp && string(t.name.localPart()) == "header" && a.depth() == outer+2 {
			header := span{start: t.start}
			if err := a.skip(); err != nil {
				return err
			}
			header.end = a.pos
			a.headers = append(a.headers, header)
		}
	}
	a.message = span{start, a.pos}
	return nil
}

// fillIn notes an element of Atom's if it says what only this entry is, and no other that it
// becomes.
func (a *annotation) fillIn(t token) error {
	var part Parts
	name := string(t.name.localPart())
	switch {
	case name == "link" && a.linkRelation() == "alternate" && strings.HasSuffix(a.attrString("href"), entriesURL+a.UUID):
		part = PartAlternate
	case name == "author":
		var author Person
		if err := a.person(t, &author, ""); err != nil {
			return err
		}
		if author != (Person{Name: a.Feed}) {
			return nil
		}
		part = PartAuthor
	case name == "id" && a.AtomID == "":
		part = PartID
	}
	if part != PartAuthor {
		if err := a.skip(); err != nil || part == 0 {
			return err
		}
	}
	a.absent |= part
	a.filled = append(a.filled, edit{span: span{t.start, a.pos}})
	return nil
}

// takeOff returns the entry without the first n headers. Of a message that was sent as one, and
// edited since, the others stay; of an entry born in Atom, they all go, being in it anyway.
func (a *annotation) takeOff(n int, rest []Field) ([]byte, error) {
	edits := a.filled
	switch {
	case len(a.headers) < n:
		return nil, errors.New("take headers off an entry: they are not its own")
	case a.Edits == 0 || a.messages > 1 || a.bornInAtom(rest):
		edits = append(edits, edit{span: a.message})
	default:
		for _, h := range a.headers[:n] {
			edits = append(edits, edit{span: h})
		}
	}
	slices.SortFunc(edits, func(x, y edit) int { return cmp.Compare(x.start, y.start) })
	return splice(a.XML, span{0, len(a.XML)}, edits), nil
}

// bornInAtom reports whether the headers behind those that were added are those that MessageOf
// makes of such an entry: they name the time at which it was published.
func (a *annotation) bornInAtom(rest []Field) bool {
	return slices.Contains(rest, Field{"published", rfc3339(a.Published)}) &&
		slices.ContainsFunc(rest, func(f Field) bool { return f.Name == "atom-id" })
}
