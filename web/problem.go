package web

import (
	"net/http"
	"strconv"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

// problemPage says why a request was not answered as asked.
func problemPage(base string, status int, detail string) g.Node {
	f := newFrame(http.StatusText(status), base)
	return f.document(f.problem(status, detail))
}

// noFeedPage says so of a feed that is not there, and how to begin it.
func noFeedPage(base, collection, detail string) g.Node {
	f := newFrame(http.StatusText(http.StatusNotFound), base)
	unborn := new(feeds.Feed)
	return f.document(
		f.problem(http.StatusNotFound, detail),
		empty("Begin this feed",
			h.P(g.Text("Post its first entry:")),
			newForm(unborn, pathOf(collection), unborn.Accepts).node(),
			newHow(collection, 0, unborn.Accepts).node(),
		),
	)
}

func (f frame) problem(status int, detail string) g.Node {
	return h.Section(h.Class("empty problem"), lines(
		h.H1(g.Text(strconv.Itoa(status)+" "+f.Title)),
		h.P(h.Dir("auto"), g.Text(detail)),
	))
}
