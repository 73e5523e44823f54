package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"atommq/bus"
	"atommq/feeds"
)

// posted is a request body and what its sender says of it.
type posted struct {
	body    []byte
	typ     string // media type, lower case, "" when absent
	whole   string // the media type as it was sent, with its parameters
	charset string
	slug    string // RFC 5023 §9.7, decoded
}

// bodyKind says how a body of some media type becomes an entry.
type bodyKind uint8

const (
	bodyRefused bodyKind = iota
	bodyAtom
	bodyGuess // Atom if it starts like it
	bodyFields
	bodyText
	bodyJSON
	bodyMedia // it stays what it is, and an entry links to it
)

// acceptPost lists what POST takes where the feed says nothing else (W3C LDP §7.1).
var acceptPost = []string{feeds.Accepts(nil).Field()}

func bodyKindOf(typ string) bodyKind {
	switch typ {
	case "application/atom+xml", "application/xml", "text/xml":
		return bodyAtom
	case "", "application/octet-stream":
		return bodyGuess
	case "application/x-www-form-urlencoded":
		return bodyFields
	case "application/json":
		return bodyJSON
	}
	switch {
	case strings.HasPrefix(typ, "text/"):
		return bodyText
	case strings.HasPrefix(typ, "application/") && strings.HasSuffix(typ, "+json"):
		return bodyJSON
	case strings.HasPrefix(typ, "multipart/"):
		return bodyRefused
	}
	return bodyMedia
}

// documentOf reads the entry or entries that a POST to f brings in b.
func (s *site) documentOf(f *bus.Feed, p *posted, b *body) (*feeds.Document, error) {
	var err error
	if p.body, err = s.readAll(b); err != nil {
		return nil, err
	}
	kind := bodyKindOf(p.typ)
	if kind == bodyAtom || kind != bodyJSON && feeds.LooksLikeAtom(p.body) || unsaid(kind) && hasAtomDoctype(p.body) {
		doc, err := s.parse(nil, p) // which says what it does not take of a DOCTYPE, and where
		if err != nil {
			return nil, err
		}
		return doc, checkAtom(f, p.typ, doc)
	}
	if !f.Accepts.Allow(p.typ, "") {
		return nil, notAccepted(f, p.typ)
	}
	var note feeds.Note
	switch kind {
	case bodyFields:
		note, err = fieldNote(p)
	case bodyText:
		note, err = textNote(p)
	case bodyJSON:
		note, err = jsonNote(p)
	default:
		err = unknownBody(p)
	}
	if err != nil {
		return nil, err
	}
	doc, err := compose(note, p)
	if err != nil {
		return nil, err
	}
	if xml := len(doc.Entries[0].XML); xml > 2*len(p.body) { // so much has to be escaped
		if err := b.take(xml); err != nil {
			return nil, err
		}
	}
	return doc, checkCategories(f, doc.Entries...)
}

// unsaid reports whether the media type is what a client sends that was told none: curl -d says
// that everything is a form.
func unsaid(k bodyKind) bool { return k == bodyGuess || k == bodyFields }

// hasAtomDoctype reports whether body is Atom but for a document type declaration.
func hasAtomDoctype(body []byte) bool {
	prolog, declaration, found := bytes.Cut(body[:min(len(body), 1<<10)], []byte("<!DOCTYPE"))
	root := bytes.TrimLeft(declaration, " \t\r\n")
	return found && feeds.LooksLikeAtom(slices.Concat(prolog, []byte("<"), root))
}

// receiveEntry reads the one entry that a PUT brings in place of m.
func (s *site) receiveEntry(w http.ResponseWriter, r *http.Request, m *feeds.Member) (*feeds.Entry, error) {
	p, err := describeBody(r)
	if err != nil {
		return nil, err
	}
	kind := bodyKindOf(p.typ)
	if kind == bodyRefused || kind == bodyJSON || kind == bodyMedia {
		return nil, unsupportedEdit(p.typ)
	}
	if p.body, err = s.receive(w, r); err != nil {
		return nil, err
	}
	if kind != bodyAtom && !feeds.LooksLikeAtom(p.body) {
		return nil, unsupportedEdit(p.typ)
	}
	doc, err := s.parse(m, p)
	if err != nil {
		return nil, err
	}
	if doc.Batch {
		return nil, badRequest("A PUT takes one entry, and this document is a feed. Send the <entry>.")
	}
	return doc.Entries[0], nil
}

func (s *site) parse(m *feeds.Member, p *posted) (*feeds.Document, error) {
	if len(p.body) == 0 {
		return nil, emptyBody()
	}
	return feeds.ParseFor(m, p.body, p.charset, feeds.Limits{Bytes: int(s.maxBody)})
}

// describeBody reads the request's fields about its body.
func describeBody(r *http.Request) (*posted, error) {
	p := &posted{slug: slugOf(r.Header.Get("Slug"))}
	lines := r.Header["Content-Type"]
	switch {
	case len(lines) > 1:
		return nil, repeated("Content-Type")
	case len(lines) == 0 || lines[0] == "":
		return p, nil
	}
	typ, params, err := mime.ParseMediaType(lines[0])
	if err == nil && !feeds.IsMediaType(typ) {
		err = errors.New("it is no type and subtype, with a / between")
	}
	if err != nil {
		return nil, &problemError{
			Status: http.StatusUnsupportedMediaType,
			Detail: fmt.Sprintf("The Content-Type %q cannot be read: %v. Send one like application/atom+xml or text/plain.", lines[0], err),
			Header: http.Header{"Accept-Post": acceptPost},
		}
	}
	p.typ, p.charset, p.whole = typ, params["charset"], wholeType(lines[0], typ, params)
	return p, nil
}

// slugOf decodes a Slug; one that does not decode to printable UTF-8 says nothing.
func slugOf(field string) string {
	s, err := url.PathUnescape(field)
	if err != nil || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return s
}

// unsupported refuses a form with files in it, which browsers send, and curl -F.
func unsupported(typ string) error {
	return &problemError{
		Status: http.StatusUnsupportedMediaType,
		Detail: fmt.Sprintf("Content of type %s is not taken. Send the form's fields as application/x-www-form-urlencoded (curl: --data-urlencode instead of -F), and a file by itself, under its own type (curl: --data-binary @FILE -H 'Content-Type: …').", typ),
		Header: http.Header{"Accept-Post": acceptPost},
	}
}

func unsupportedEdit(typ string) error {
	if typ == "" {
		typ = "unknown"
	}
	return &problemError{
		Status: http.StatusUnsupportedMediaType,
		Detail: fmt.Sprintf("An entry is edited with an Atom entry, not with content of type %s. GET the entry, change it, and PUT it as application/atom+xml; a file that it links to is PUT at its link edit-media.", typ),
		Header: http.Header{"Accept": {"application/atom+xml;type=entry, application/xml"}},
	}
}

func emptyBody() error {
	return badRequest("The body is empty. Send an Atom entry, text, JSON or form fields.")
}

func unknownBody(p *posted) error {
	if len(p.body) == 0 {
		return emptyBody()
	}
	return &problemError{
		Status: http.StatusUnsupportedMediaType,
		Detail: "The body has no Content-Type that says what it is, and does not start like an Atom entry. Send its type: for text, Content-Type: text/plain.",
		Header: http.Header{"Accept-Post": acceptPost},
	}
}

func compose(note feeds.Note, p *posted) (*feeds.Document, error) {
	if note.Title == "" {
		note.Title = p.slug
	}
	e, err := feeds.Compose(note)
	if refused, ok := errors.AsType[*feeds.NoteError](err); ok {
		return nil, badRequest("This cannot become an entry: %s. Check the type, the link, and the fields for characters that XML does not have.", refused.Reason)
	}
	if err != nil {
		return nil, fmt.Errorf("compose an entry: %w", err)
	}
	return &feeds.Document{Entries: []*feeds.Entry{e}}, nil
}

// textNote takes text as content: plain text and HTML as Atom's own types, any other
// under its media type.
func textNote(p *posted) (feeds.Note, error) {
	body, err := toUTF8(p.body, p.charset)
	if err != nil {
		return feeds.Note{}, err
	}
	note := feeds.Note{Type: p.typ, Content: body}
	switch p.typ {
	case "text/plain":
		note.Type = "text"
	case "text/html":
		note.Type = "html"
	}
	return note, nil
}

// toUTF8 decodes text. Bytes that are not what charset says are kept as they are.
func toUTF8(body []byte, charset string) ([]byte, error) {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return body, nil
	case "iso-8859-1", "latin1":
		text := make([]byte, 0, len(body)+len(body)/8)
		for _, c := range body {
			text = utf8.AppendRune(text, rune(c))
		}
		return text, nil
	}
	return nil, &feeds.EncodingError{Encoding: charset}
}

func jsonNote(p *posted) (feeds.Note, error) {
	return feeds.Note{Type: p.typ, Content: p.body}, checkJSON("The body", p.body)
}

// checkJSON refuses text, which the error calls what, unless it is JSON.
func checkJSON(what string, text []byte) error {
	var value json.RawMessage
	if err := json.Unmarshal(text, &value); err != nil {
		at := int64(len(text))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = syntax.Offset
		}
		return badRequest("%s is not JSON: %v, at byte %d. Correct it, or send it as text/plain.", what, err, at)
	}
	if !utf8.Valid(text) {
		return badRequest("%s is not UTF-8, which JSON is. Encode it so, or send it as application/octet-stream.", what)
	}
	return nil
}

// fieldNote reads a form's fields.
func fieldNote(p *posted) (feeds.Note, error) {
	note := feeds.Note{Type: "text"}
	if bytes.HasPrefix(bytes.TrimLeft(p.body, " \t\r\n"), []byte("<")) {
		return note, markupAsForm()
	}
	fields, err := url.ParseQuery(string(p.body))
	if err != nil {
		return note, badRequest("The form cannot be read: %v. Percent-encode its values (curl: --data-urlencode), or send text as text/plain.", err)
	}
	for name, values := range fields {
		if !utf8.ValidString(strings.Join(values, "")) {
			return note, badRequest("The form's field %q is not UTF-8. Encode it as UTF-8.", name)
		}
		if len(values) > 1 && name != "category" {
			return note, repeated("The form's field " + name)
		}
		for _, value := range values {
			if err := setField(&note, name, value); err != nil {
				return note, err
			}
		}
	}
	if note.Title == "" && len(note.Content) == 0 && note.Link == "" && note.Summary == "" {
		return note, badRequest("The form says nothing: it needs a title, content, summary or link. Plain text goes with Content-Type: text/plain.")
	}
	if len(note.Content) > 0 && bodyKindOf(note.Type) == bodyJSON {
		return note, checkJSON("The form's field content", note.Content)
	}
	return note, nil
}

// markupAsForm refuses a body that nobody means as fields.
func markupAsForm() error {
	return &problemError{
		Status: http.StatusUnsupportedMediaType,
		Detail: "The Content-Type says that this is a form (as curl does unless told), and the body is markup that starts with neither <entry nor <feed. Say what it is: Content-Type: text/html for a page, Content-Type: text/plain for other markup.",
		Header: http.Header{"Accept-Post": acceptPost},
	}
}

// setField takes one field. Only content may hold characters that XML does not
// have: it can go as base64.
func setField(note *feeds.Note, name, value string) error {
	if name != "content" && strings.ContainsFunc(value, func(r rune) bool { return !feeds.IsXMLChar(r) }) {
		return badRequest("The form's field %q holds a control character. Take it out, or put it into content.", name)
	}
	switch name {
	case "title":
		note.Title = value
	case "content":
		note.Content = []byte(value)
	case "type":
		note.Type = value
	case "category":
		if value != "" { // a field that was left empty on a page
			note.Category = append(note.Category, value)
		}
	case "author":
		note.Author.Name = value
	case "link":
		note.Link = value
	case "summary":
		note.Summary = value
	default:
		other := "plain text goes with Content-Type: text/plain" // curl -d says that everything is a form
		if strings.HasPrefix(name, "{") || strings.HasPrefix(name, "[") {
			other = "JSON goes with Content-Type: application/json"
		}
		return badRequest("The form has a field %.40q, which means nothing here. The fields are title, content, type, author, category, link and summary; %s.", name, other)
	}
	return nil
}
