package web

import (
	"net/http"
	"strconv"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// problemPage says why a request was not answered as asked.
func problemPage(base string, status int, detail string) g.Node {
	f := newFrame(http.StatusText(status), base)
	return f.document(h.Section(h.Class("empty problem"), lines(
		h.H1(g.Text(strconv.Itoa(status)+" "+f.Title)),
		h.P(h.Dir("auto"), g.Text(detail)),
	)))
}
