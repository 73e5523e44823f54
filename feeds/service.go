package feeds

import "strings"

// AcceptedTypes lists the media ranges that a collection takes, as fields like
// Accept-Post do. "application/*+json" stands for every type with that suffix; a client that
// knows only whole subtypes finds application/json beside it.
const AcceptedTypes = "application/atom+xml, " + typeEntry + ", " + typeFeed + ", application/xml, text/*, " +
	"application/json, application/*+json, application/x-www-form-urlencoded"

// AppendService appends an RFC 5023 service document with one workspace that
// holds the list's feeds.
func AppendService(dst []byte, l *List) []byte {
	w := writer{dst: dst, prefix: []byte("atom")}
	w.raw(xmlHeader + `<service xmlns="` + NamespaceApp + `" xmlns:atom="` + NamespaceAtom + `"><workspace>`)
	w.element("title", generator)
	w.link("self", "", l.Self)
	w.link("next", "", l.Next)
	w.link("previous", "", l.Previous)
	for i := range l.Feeds {
		w.collection(&l.Feeds[i], l.Base)
	}
	w.raw("\n</workspace></service>\n")
	return w.dst
}

func (w *writer) collection(f *Feed, base string) {
	w.raw("\n<collection")
	w.attribute("href", base+Path(f.Name))
	w.raw(">")
	w.element("title", f.title())
	for a := range strings.SplitSeq(AcceptedTypes, ", ") { // RFC 5023 §8.3.4
		w.raw("<accept>")
		w.raw(a)
		w.raw("</accept>")
	}
	w.raw("</collection>")
}
