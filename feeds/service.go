package feeds

import "strings"

// AppendService appends an RFC 5023 service document that holds the list's feeds, in one workspace
// or one for each prefix.
func AppendService(dst []byte, l *List) []byte {
	w := writer{dst: dst, prefix: []byte("atom")}
	w.raw(xmlHeader + `<service xmlns="` + NamespaceApp + `" xmlns:atom="` + NamespaceAtom + `">`)
	for i, space := range l.workspaces() {
		w.raw("\n<workspace>")
		w.element("title", space.title)
		if i == 0 {
			w.link("self", "", l.Self)
			w.link("next", "", l.Next)
			w.link("previous", "", l.Previous)
		}
		for _, f := range space.feeds {
			w.collection(f, l.Base)
		}
		w.raw("\n</workspace>")
	}
	w.raw("\n</service>\n")
	return w.dst
}

// workspace is a group of feeds, RFC 5023 §8.3.2.
type workspace struct {
	title string
	feeds []*Feed
}

// workspaces groups the list's feeds, in the order of their first. There is always one. The first
// is that of feeds whose names have no prefix.
func (l *List) workspaces() []workspace {
	spaces := []workspace{{title: generator}}
	index := map[string]int{"": 0}
	for i := range l.Feeds {
		f := &l.Feeds[i]
		prefix := ""
		if end := strings.IndexAny(f.Name, "/."); l.Prefixes && end > 0 {
			prefix = f.Name[:end]
		}
		n, known := index[prefix]
		if !known {
			n = len(spaces)
			index[prefix] = n
			spaces = append(spaces, workspace{title: prefix})
		}
		spaces[n].feeds = append(spaces[n].feeds, f)
	}
	return spaces
}

func (w *writer) collection(f *Feed, base string) {
	w.raw("\n<collection")
	w.attribute("href", base+Path(f.Name))
	w.raw(">")
	w.element("title", f.title())
	for _, r := range f.Accepts.Ranges() { // RFC 5023 §8.3.4
		w.raw("<accept>")
		w.dst = appendEscapedText(w.dst, r)
		w.raw("</accept>")
	}
	if len(f.Accepts.Ranges()) == 0 {
		w.raw("<accept/>") // nothing can be posted
	}
	if !f.Categories.IsZero() {
		w.raw("<categories")
		w.attribute("href", base+Path(f.Name)+categoriesURL)
		w.raw("/>")
	}
	w.raw("</collection>")
}

const categoriesURL = "/categories"
