package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"

	"atommq/feeds"
)

// Field values that never change: assigned as they are, no response allocates them.
var (
	typeText      = []string{"text/plain; charset=utf-8"}
	typeAtomFeed  = []string{"application/atom+xml;type=feed;charset=utf-8"}
	typeAtomEntry = []string{"application/atom+xml;type=entry;charset=utf-8"}
	typeXML       = []string{"application/xml; charset=utf-8"}
	typeTextXML   = []string{"text/xml; charset=utf-8"}
	typeService   = []string{"application/atomsvc+xml; charset=utf-8"}
	typeCategory  = []string{"application/atomcat+xml; charset=utf-8"}
	noCache       = []string{"no-cache"}
	private       = []string{"private, no-cache"}
	noStore       = []string{"no-store"}
	immutable     = []string{"max-age=31536000, immutable"}
	nosniff       = []string{"nosniff"}

	privateForever = []string{"private, max-age=31536000, immutable"}
	// XHTML within XML is live in a browser; the browser's own view of XML is styled inline.
	sandbox        = []string{"default-src 'none'; style-src 'unsafe-inline'; sandbox"}
	sandboxPlayed  = []string{"default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox allow-same-origin"}
	varyAccept     = []string{"Accept, Accept-Encoding"}
	varyCollection = []string{"Accept, Accept-Encoding, Xlastid, A-IM"}
	codingGzip     = []string{"gzip"}
	acceptEncoding = []string{"gzip, identity"}
)

const typeHTML = "text/html"

const (
	// chunk is how much is written under one deadline, and how much of a document is
	// held at a time.
	chunk = 256 << 10
	// worthGzip is the size below which gzip saves no packet.
	worthGzip = 1024
)

// output writes the body of one successful answer. Small bodies go out in one
// write, with their length; larger ones in chunks while they are made.
type output struct {
	w       http.ResponseWriter
	r       *http.Request
	status  int
	tag     string // opaque part of the ETag, "" for none
	started bool
	chunked bool         // begun before its end is known
	gz      *gzip.Writer // while compressing
	buf     []byte
	packed  bytes.Buffer
	members []*feeds.Member
}

var outputs = sync.Pool{New: func() any { return new(output) }}

var gzips = sync.Pool{New: func() any {
	gz, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return gz
}}

func newOutput(w http.ResponseWriter, r *http.Request, tag string) *output {
	out := outputs.Get().(*output)
	out.w, out.r, out.tag, out.status = w, r, tag, http.StatusOK
	return out
}

// release gives the buffers back, but for those that one large answer has grown.
func (out *output) release() {
	clear(out.members)
	next := output{buf: out.buf[:0], members: out.members[:0]}
	if cap(out.buf) > 2*chunk {
		next.buf = nil
	}
	if out.packed.Cap() <= 2*chunk {
		next.packed = out.packed
		next.packed.Reset()
	}
	*out = next
	outputs.Put(out)
}

// append adds part to dst, and writes out what makes more than a chunk. A part as large as that
// is not copied: it belongs to all who read it.
func (out *output) append(dst, part []byte) []byte {
	if len(dst)+len(part) <= chunk {
		return append(dst, part...)
	}
	if !out.started {
		out.begin(len(dst)+len(part), false)
	}
	out.write(dst)
	if len(part) > chunk/2 {
		out.write(part)
		return dst[:0]
	}
	return append(dst[:0], part...)
}

// finish writes the rest of the body. The buffer comes back to be used again.
func (out *output) finish(rest []byte) {
	out.buf = rest
	out.send(rest)
}

// send writes the rest of the body, which is not the buffer's.
func (out *output) send(rest []byte) {
	if !out.started {
		out.begin(len(rest), true)
	}
	out.write(rest)
	if out.gz == nil {
		return
	}
	if out.gz.Close() != nil {
		panic(http.ErrAbortHandler)
	}
	out.gz.Reset(io.Discard)
	gzips.Put(out.gz)
	out.gz = nil
	if !out.chunked {
		out.setLength(out.packed.Len())
		out.w.WriteHeader(out.status)
		out.write(out.packed.Bytes())
	}
}

// begin decides on the encoding, and sends the header unless the length of the
// encoded body is still to be found out.
func (out *output) begin(size int, whole bool) {
	out.started, out.chunked = true, !whole
	h := out.w.Header()
	tag := out.tag
	if size >= worthGzip && (out.r.Method == http.MethodGet || out.r.Method == http.MethodHead) && acceptsGzip(out.r) {
		h["Content-Encoding"] = codingGzip
		tag += gzipSuffix
		out.gz = gzips.Get().(*gzip.Writer)
	}
	if out.tag != "" {
		h["Etag"] = []string{quoted(tag)}
	}
	switch {
	case out.gz != nil && whole:
		out.gz.Reset(&out.packed)
		return
	case out.gz != nil:
		out.gz.Reset(out.w)
	case whole:
		out.setLength(size)
	}
	out.w.WriteHeader(out.status)
}

// setLength states the body's length where net/http would not find it out by itself.
func (out *output) setLength(n int) {
	if n >= 2048 {
		out.w.Header()["Content-Length"] = []string{strconv.Itoa(n)}
	}
}

// write sends p in chunks, each with time of its own.
func (out *output) write(p []byte) {
	var to io.Writer = out.w
	if out.gz != nil {
		to = out.gz
	}
	for len(p) > chunk {
		writeTo(to, p[:chunk])
		p = p[chunk:]
		out.extend()
	}
	writeTo(to, p)
	if out.chunked {
		out.extend()
	}
}

// extend gives the next chunk its time, unless the client has had enough.
func (out *output) extend() {
	extendWrite(out.w, out.r)
	if brokenOff(out.w) {
		unread(out.w)
		panic(http.ErrAbortHandler)
	}
}

// digested sends body with an ETag made from it, or says that it has not changed.
func (out *output) digested(form offer, body []byte) error {
	out.buf = body
	out.tag = digest(body) + form.tag
	if done, err := sameState(out.w, out.r, out.tag); done || err != nil {
		return err
	}
	out.finish(body)
	return nil
}

// digest returns what tells bodies apart in an ETag.
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:10])
}

// html has render make a page, and sends it. atom is the URL of the Atom form. The page looks as
// the program that made it has it look: so its ETag is a digest of it, behind the tag that out has,
// and it has no date.
func (out *output) html(atom string, render func(w http.ResponseWriter) error) error {
	held := heldPage{header: make(http.Header), body: out.buf}
	if err := render(&held); err != nil {
		return err
	}
	out.buf = held.body
	out.tag += "-" + digest(held.body) + htmlSuffix
	if done, err := sameState(out.w, out.r, out.tag); done || err != nil {
		return err
	}
	h := out.w.Header()
	maps.Copy(h, held.header)
	h["X-Content-Type-Options"] = nosniff
	h["Link"] = []string{"<" + atom + `>; rel="alternate"; type="application/atom+xml"`}
	out.finish(held.body)
	return nil
}

// heldPage keeps what Pages writes until it is whole.
type heldPage struct {
	header http.Header
	body   []byte
}

func (p *heldPage) Header() http.Header { return p.header }

func (p *heldPage) WriteHeader(int) {}

func (p *heldPage) Write(b []byte) (int, error) {
	p.body = append(p.body, b...)
	return len(b), nil
}

// writeTo writes p. A client that has left, or is too slow, takes its connection with it.
func writeTo(w io.Writer, p []byte) {
	if _, err := w.Write(p); err != nil {
		panic(http.ErrAbortHandler)
	}
}
