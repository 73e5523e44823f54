package web

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"atommq/feeds"
)

// file is the media of an entry, which this server keeps.
type file struct {
	Href    string
	Type    string // media type
	Picture string // path of the picture that a page shows of it, "" for none
	Title   string // says what that shows
}

// pictures are the media types of what a browser shows and does not run. SVG is not among them: it
// is a document, with links and scripts.
var pictures = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true}

// newFile returns the media of a member, nil for none.
func newFile(m *feeds.Member, collection string) *file {
	if m.Media == "" {
		return nil
	}
	f := &file{Href: m.MediaURL(collection), Type: m.Media, Title: m.Title}
	if media, _ := classify(m.Media); pictures[media] {
		f.Picture = pathOf(f.Href) // the policy lets in pictures of the page's own origin alone
	}
	return f
}

func (f *file) node() g.Node {
	if f == nil {
		return nil
	}
	open := note(h.A(h.Href(f.Href), h.Type(f.Type), g.Text("Open the file")), space, h.Span(h.Class("muted"), g.Text(f.Type)))
	if f.Picture == "" {
		return h.Div(h.Class("content"), open)
	}
	picture := h.A(h.Class("picture"), h.Href(f.Href), h.Img(h.Src(f.Picture), h.Alt(f.Title), h.Loading("lazy")))
	return h.Div(h.Class("content"), picture, newline, open)
}
