package feeds

import (
	"strconv"
	"time"
)

// List is one page of the list of feeds, ordered by name, bytewise.
type List struct {
	Base     string
	Self     string
	Next     string
	Previous string
	Feeds    []Feed
	Made     time.Time // when the bus was: its last change where the list has no feed
	Prefixes bool      // a service document has a workspace for each prefix of names, up to the first "/" or "."
}

// AppendList appends the list of feeds as an Atom feed, an entry each.
func AppendList(dst []byte, l *List) []byte {
	w := writer{dst: dst}
	w.raw(xmlHeader + `<feed xmlns="` + NamespaceAtom + `">`)
	w.element("id", l.Base+"/feeds")
	w.element("title", "Feeds")
	w.date("updated", l.updated())
	w.author(Person{Name: generator})
	w.element("generator", generator)
	w.link("self", typeFeed, l.Self)
	w.link("next", typeFeed, l.Next)
	w.link("previous", typeFeed, l.Previous)
	for i := range l.Feeds {
		w.dst = append(w.dst, '\n')
		w.listed(&l.Feeds[i], l.Base)
	}
	w.raw("\n</feed>\n")
	return w.dst
}

// listed appends the entry of one feed.
func (w *writer) listed(f *Feed, base string) {
	w.raw("<entry>")
	w.element("id", urnUUID+f.UUID)
	w.element("title", f.title())
	w.date("updated", f.Updated)
	w.date("published", f.Created)
	w.link("alternate", typeFeed, base+Path(f.Name))
	w.element("summary", counted(f.Entries, "entry", "entries")+", "+counted(f.Bytes, "byte", "bytes"))
	w.raw("</entry>")
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}

// updated is the time of the last change to a feed of the list. It never differs between two looks at the same.
func (l *List) updated() time.Time {
	if len(l.Feeds) == 0 {
		return l.Made
	}
	t := l.Feeds[0].Updated
	for i := range l.Feeds {
		if u := l.Feeds[i].Updated; u.After(t) {
			t = u
		}
	}
	return t
}

// listJSON is the JSON form of a List.
type listJSON struct {
	Feeds    []feedJSON `json:"feeds"`
	Next     string     `json:"next,omitempty"`
	Previous string     `json:"previous,omitempty"`
}

type feedJSON struct {
	Name       string `json:"name"`
	Title      string `json:"title"`
	Href       string `json:"href"`
	Entries    int64  `json:"entries"`
	Bytes      int64  `json:"bytes"`
	LastID     int64  `json:"last_id"`
	Updated    string `json:"updated"`
	AppendOnly bool   `json:"append_only"`
}

// AppendListJSON appends the list of feeds as a JSON object.
func AppendListJSON(dst []byte, l *List) []byte {
	out := listJSON{Feeds: make([]feedJSON, len(l.Feeds)), Next: l.Next, Previous: l.Previous}
	for i := range l.Feeds {
		f := &l.Feeds[i]
		out.Feeds[i] = feedJSON{
			Name: f.Name, Title: f.title(), Href: l.Base + Path(f.Name),
			Entries: f.Entries, Bytes: f.Bytes, LastID: f.LastID,
			Updated: string(appendTime(nil, f.Updated)), AppendOnly: f.AppendOnly,
		}
	}
	return append(appendJSON(dst, out), '\n')
}
