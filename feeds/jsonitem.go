package feeds

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonItem is an item of JSON Feed 1.1, https://www.jsonfeed.org/version/1.1/. One of the contents
// always stands, as that asks for.
type jsonItem struct {
	ID            string           `json:"id"`
	URL           string           `json:"url,omitempty"`
	Title         string           `json:"title,omitempty"`
	ContentHTML   *string          `json:"content_html,omitempty"`
	ContentText   *string          `json:"content_text,omitempty"`
	Summary       string           `json:"summary,omitempty"`
	DatePublished string           `json:"date_published,omitempty"`
	DateModified  string           `json:"date_modified,omitempty"`
	Authors       []jsonAuthor     `json:"authors,omitempty"`
	Tags          []string         `json:"tags,omitempty"`
	Language      string           `json:"language,omitempty"`
	Attachments   []jsonAttachment `json:"attachments,omitempty"`
	AtomMQ        jsonExtension    `json:"_atommq"`
}

type jsonAuthor struct {
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

type jsonAttachment struct {
	URL   string `json:"url"`
	Type  string `json:"mime_type"`
	Title string `json:"title,omitempty"`
	Size  int64  `json:"size_in_bytes,omitempty"`
}

// jsonExtension is what JSON Feed has no member for.
type jsonExtension struct {
	ID      int64             `json:"id,omitempty"` // a draft has none
	Feed    string            `json:"feed"`
	URL     string            `json:"url"` // the member's
	Deleted bool              `json:"deleted,omitempty"`
	Type    string            `json:"type,omitempty"` // of the content, a media type
	Trace   string            `json:"traceparent,omitempty"`
	State   string            `json:"tracestate,omitempty"`
	Headers map[string]string `json:"headers,omitempty"` // that a STOMP client sent; of repeated ones the first
}

// AppendJSONItem appends a member as an item of JSON Feed 1.1, in one line without its end. f gives
// the author of an entry without one, collection is the absolute URL of the feed.
//
// HTML and XHTML are its content_html, the latter written as HTML; whatever else is UTF-8, JSON and
// XML among it, its content_text. Other bytes are an attachment with a data: URL, content that
// stands elsewhere is one with its own URL, and the summary is the text then. The member "_atommq"
// has the id, the feed's name, the member's URL, the content's media type, and what a STOMP client
// sent as headers; of a deleted entry there is that with "deleted", and when it was.
func AppendJSONItem(dst []byte, m *Member, f *Feed, collection string) []byte {
	item := jsonItem{
		ID:     m.AtomURI(),
		AtomMQ: jsonExtension{ID: max(m.ID, 0), Feed: m.Feed, URL: m.URL(collection), Deleted: m.Deleted},
	}
	if m.Deleted {
		item.ContentText, item.DateModified = new(string), rfc3339(m.Edited)
		return appendJSON(dst, item)
	}
	item.Title, item.DatePublished, item.DateModified = m.Title, rfc3339(m.Published), rfc3339(m.Updated)
	v, err := Inspect(m)
	if err != nil {
		v = &View{} // Parse takes nothing that Inspect does not read: a damaged entry breaks no feed
	}
	if m.Media != "" {
		v.Content.Src = m.MediaURL(collection)
	}
	item.describe(v, f, collection)
	item.carry(v)
	return appendJSON(dst, item)
}

// appendJSON appends v, and no line end.
func appendJSON(dst []byte, v any) []byte {
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// describe tells what stands beside the content.
func (item *jsonItem) describe(v *View, f *Feed, collection string) {
	base := resolve(collection, v.Base)
	item.URL = item.AtomMQ.URL
	for _, a := range v.Authors {
		item.author(a, base)
	}
	if len(v.Authors) == 0 {
		item.author(f.author(), base)
	}
	for _, c := range v.Categories {
		if c.Term != "" {
			item.Tags = append(item.Tags, c.Term)
		}
	}
	if url := v.alternate(); url != "" {
		item.URL = resolve(collection, url)
	}
	for _, l := range v.Links {
		if l.Rel == "enclosure" {
			size, _ := strconv.ParseInt(l.Length, 10, 64) // RFC 4287 §4.2.7.6: a hint
			item.attach(jsonAttachment{URL: resolve(collection, l.url()), Type: l.Type, Title: l.Title, Size: max(size, 0)})
		}
	}
	if c := v.Content; c.Src != "" {
		item.attach(jsonAttachment{URL: resolve(resolve(collection, c.Base), c.Src), Type: c.Type})
	}
}

// author names somebody; who has no page may have a mailbox.
func (item *jsonItem) author(p Person, base string) {
	a := jsonAuthor{Name: p.Name}
	switch {
	case p.URI != "":
		a.URL = resolve(base, p.URI)
	case p.Email != "":
		a.URL = "mailto:" + p.Email
	}
	if a != (jsonAuthor{}) {
		item.Authors = append(item.Authors, a)
	}
}

func (item *jsonItem) attach(a jsonAttachment) {
	a.Type = cmp.Or(a.Type, typeOctets)
	item.Attachments = append(item.Attachments, a)
}

// carry sets the content.
func (item *jsonItem) carry(v *View) {
	x := &item.AtomMQ
	x.Type = mediaTypeOf(v.Content.Type)
	if v.Trace.Parent != "" {
		x.Trace, x.State = v.Trace.Parent, v.Trace.State
	}
	if v.Message != nil {
		x.Type = cmp.Or(sentType(v.Message.Type, v.Content.Type), x.Type)
		x.Headers = v.Message.Fields()
	}
	item.Language = cmp.Or(v.Content.Lang, v.Lang)
	if v.Content.Type == "" || v.Content.Src != "" || !item.show(v.Content) {
		item.carrySummary(v)
		return
	}
	item.Summary = v.Summary.line()
}

// carrySummary makes the summary the content, where that is no text.
func (item *jsonItem) carrySummary(v *View) {
	if c := v.Content; len(c.Body) > 0 {
		media, _ := mediaType([]byte(c.Type))
		data := "data:" + media + ";base64," + base64.StdEncoding.EncodeToString(c.Body)
		item.attach(jsonAttachment{URL: data, Type: media, Size: int64(len(c.Body))})
	}
	if !item.show(v.Summary) {
		item.ContentText = new(string)
	}
}

// show makes t the content, unless it is no text.
func (item *jsonItem) show(t Text) bool {
	media, _ := mediaType([]byte(t.Type))
	switch {
	case t.Type == "html", media == typeHTML:
		item.ContentHTML = new(strings.ToValidUTF8(string(t.Body), "\uFFFD"))
	case t.Type == "xhtml":
		item.ContentHTML = new(string(appendHTML(nil, t.Body, t.Base)))
	case utf8.Valid(t.Body):
		item.ContentText = new(string(t.Body))
	default:
		return false
	}
	return true
}

// Fields returns the headers by name: of repeated ones the first counts (STOMP 1.2, "Repeated
// Header Entries").
func (m *Message) Fields() map[string]string {
	all := make(map[string]string, len(m.Header))
	for _, h := range m.Header {
		if _, given := all[h.Name]; !given {
			all[h.Name] = h.Value
		}
	}
	return all
}
