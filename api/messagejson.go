package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
	"unicode/utf8"

	"atommq/bus"
	"atommq/feeds"
)

// messageJSON is an entry as a worker wants it.
type messageJSON struct {
	ID      int64             `json:"id"`
	Href    string            `json:"href"`
	Title   string            `json:"title"`
	Type    string            `json:"type,omitempty"` // of the content
	Content string            `json:"content"`
	Base64  bool              `json:"base64,omitempty"` // the content is, because it is not UTF-8
	Headers map[string]string `json:"headers,omitempty"`
}

// messageOf shows an entry as its STOMP form does.
func messageOf(e *bus.Entry, collection string) messageJSON {
	m := messageJSON{ID: e.ID, Href: e.URL(collection), Title: e.Title}
	msg, err := feeds.MessageOf(&e.Member)
	if err != nil {
		return m // cannot be: what is kept was read before
	}
	m.Type, m.Content, m.Headers = msg.Type, string(msg.Body), msg.Fields()
	if m.Base64 = !utf8.Valid(msg.Body); m.Base64 {
		m.Content = base64.StdEncoding.EncodeToString(msg.Body)
	}
	return m
}

type claimJSON struct {
	messageJSON
	Attempt  int       `json:"attempt"`
	Deadline time.Time `json:"deadline"`
	Ack      string    `json:"ack"`
	Nack     string    `json:"nack"`
	Renew    string    `json:"renew"`
}

type renewedJSON struct {
	Deadline time.Time `json:"deadline"`
}

type ackedJSON struct {
	Acked int `json:"acked"`
}

var typePlainJSON = []string{"application/json"}

// writeJSON sends v, which has a JSON form.
func (s *site) writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	s.writeEncoded(w, r, http.StatusOK, "", encodeJSON(v))
}

func encodeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return b.Bytes()
}

// writeEncoded answers with JSON whose opaque ETag is tag, "" for none.
func (s *site) writeEncoded(w http.ResponseWriter, r *http.Request, status int, tag string, body []byte) {
	h := w.Header()
	h["Content-Type"] = typePlainJSON
	h["X-Content-Type-Options"] = nosniff
	if h["Cache-Control"] == nil {
		h["Cache-Control"] = noStore
	}
	out := newOutput(w, r, tag)
	defer out.release()
	out.status = status
	out.send(body)
}

// writeItems answers with a JSON object that has a list of so many items and, unless it is empty,
// the link next. The items are made one by one: they are not in memory together.
func writeItems(w http.ResponseWriter, r *http.Request, list, next string, n int, item func(i int) any) {
	h := w.Header()
	h["Content-Type"] = typePlainJSON
	h["X-Content-Type-Options"] = nosniff
	h["Cache-Control"] = noStore
	out := newOutput(w, r, "")
	defer out.release()
	dst := append(append(append(out.buf, `{"`...), list...), `":[`...)
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = out.append(dst, bytes.TrimSuffix(encodeJSON(item(i)), []byte("\n")))
	}
	dst = append(dst, ']')
	if next != "" {
		dst = append(append(dst, `,"next":`...), bytes.TrimSuffix(encodeJSON(next), []byte("\n"))...)
	}
	out.finish(append(dst, "}\n"...))
}
