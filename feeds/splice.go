package feeds

import "bytes"

// edit replaces a span of a document by text.
type edit struct {
	span
	text string
}

// splice returns doc[outer.start:outer.end] with edits made, which are in order
// and do not overlap. It is a part of doc itself where there is nothing to edit, unless
// that would keep much more in memory than it is.
func splice(doc []byte, outer span, edits []edit) []byte {
	if len(edits) == 0 {
		part := doc[outer.start:outer.end:outer.end]
		if cap(doc) > len(part)+len(part)/4+1024 {
			return bytes.Clone(part)
		}
		return part
	}
	size := outer.end - outer.start
	for _, e := range edits {
		size += len(e.text) - (e.end - e.start)
	}
	out := make([]byte, 0, size)
	at := outer.start
	for _, e := range edits {
		out = append(append(out, doc[at:e.start]...), e.text...)
		at = e.end
	}
	return append(out, doc[at:outer.end]...)
}

// finish returns the entry that stands in outer. It is a copy, for the draft holds on to the document.
func (d *draft) finish(doc []byte, outer span) *Entry {
	e := d.Entry
	e.XML = splice(doc, outer, d.edits)
	return &e
}

// namespaceEdit returns what the root of an entry lacks, so that its default
// namespace does not depend on what surrounds it.
func namespaceEdit(root token, defaulted bool) string {
	switch {
	case defaulted:
		return ""
	case root.name.local > 0:
		return ` xmlns=""`
	}
	return ` xmlns="` + NamespaceAtom + `"`
}

// rootEdits puts what goes into the root's tag before the other edits: attributes
// behind its name, and children, with which an empty-element tag becomes a pair.
func (d *draft) rootEdits(attributes, children string) {
	var first []edit
	nameEnd := d.root.start + 1 + len(d.root.name.full)
	if attributes != "" {
		first = append(first, edit{span{nameEnd, nameEnd}, attributes})
	}
	first = append(first, d.baseEdit...)
	switch {
	case d.root.empty:
		end := span{d.inner - len("/>"), d.inner}
		first = append(first, edit{end, ">" + children + "</" + string(d.root.name.full) + ">"})
	case children != "":
		first = append(first, edit{span{d.inner, d.inner}, children})
	}
	if len(first) > 0 {
		d.edits = append(first, d.edits...)
	}
}
