// Package web renders the pages a browser gets.
//
// A page is plain HTML, and works without scripts. Its one stylesheet and its one script, which
// follows the feed and takes keys, stand inline: its Content-Security-Policy lets nothing else load
// or run but pictures of its own server, and lets it speak to that server only. What publishers
// wrote is text, or HTML reduced to an allow-list, without pictures: those that a page shows are
// media that the server keeps.
//
// A Pages keeps no state between calls and is safe for concurrent use.
package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	g "maragu.dev/gomponents"

	"atommq/feeds"
)

//go:embed page.css
var stylesheet string

//go:embed page.js
var script string

// Pages renders the pages.
type Pages struct {
	sanitiser *sanitiser
	policy    string // the Content-Security-Policy
}

// New prepares the pages.
func New() *Pages {
	return &Pages{sanitiser: newSanitiser(), policy: contentPolicy(stylesheet, script)}
}

// contentPolicy allows the one inline stylesheet and the one inline script, the icons that the page
// and its stylesheet carry as data: URLs, pictures that its own server keeps, and to read from and
// post to that server.
func contentPolicy(style, script string) string {
	return "default-src 'none'; style-src " + hashSource(style) + "; script-src " + hashSource(script) +
		"; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// hashSource names one inline text, CSP level 3, section 2.3.1.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Feed writes a page of a feed.
func (p *Pages) Feed(w http.ResponseWriter, page *feeds.Page) error {
	return p.write(w, p.feedPage(page).node())
}

// Member writes the page of one live member, page.Members[0].
func (p *Pages) Member(w http.ResponseWriter, page *feeds.Page) error {
	if len(page.Members) == 0 || page.Members[0].Deleted {
		return errors.New("web: a member's page without a live member")
	}
	return p.write(w, p.memberPage(page).node())
}

// Feeds writes a page of the list of feeds.
func (p *Pages) Feeds(w http.ResponseWriter, l *feeds.List) error {
	return p.write(w, newListPage(l).node())
}

// Problem writes the page of an answer other than the one asked for: its status, and what to do
// about it.
func (p *Pages) Problem(w http.ResponseWriter, base string, status int, detail string) error {
	return p.write(w, problemPage(base, status, detail))
}

// NoFeed writes the page of an answer that says that there is no feed at the URL collection, with
// the form that begins one.
func (p *Pages) NoFeed(w http.ResponseWriter, base, collection, detail string) error {
	return p.write(w, noFeedPage(base, collection, detail))
}

// write renders the whole page before its first byte, so that a failure
// leaves the response to the caller, untouched.
func (p *Pages) write(w http.ResponseWriter, page g.Node) error {
	var buf bytes.Buffer
	if err := page.Render(&buf); err != nil {
		return fmt.Errorf("web: render a page: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if _, err := w.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("web: write a page: %w", err)
	}
	return nil
}
