package api

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"atommq/bus"
)

// trustedLength is how much memory a Content-Length is good for before that much has come, and what
// every body may take; what it takes beyond comes from the room that all share.
const trustedLength = 64 << 10

// receive reads the request's body, decompressed, up to the limit.
func (s *site) receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := s.openBody(w, r, s.maxBody, "--max-body")
	if err != nil {
		return nil, err
	}
	defer b.close()
	return s.readAll(b)
}

// body is a request's, decompressed.
type body struct {
	io.Reader
	size int64 // -1 for not known
	gz   *gzip.Reader

	raw     io.Reader // as it comes
	limit   int64     // of the bytes that come
	setting string    // which has that limit

	came, out int64       // how much came, and what was read of what that unpacks to
	whole     bool        // all of it came
	caller    *bus.Caller // who pays for it; nil for one without limits
	paid      int64

	room  *semaphore.Weighted // nil for any
	taken int64

	site  *site
	r     *http.Request
	needs bus.Rights // of which the sender must have one still at the end; none for whoever may send it
}

// Read implements io.Reader. A body may take hours, in which its sender can lose the right to what
// it is for: its end is only for those who have it then.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.out += int64(n)
	b.charge()
	if b.needs != 0 && errors.Is(err, io.EOF) {
		if refused := b.site.entitled(b.r, b.needs); refused != nil {
			err = refused
		}
	}
	if b.gz != nil && b.noGzip(err) {
		err = brokenGzip(err)
	}
	return n, err
}

// noGzip reports whether what came cannot be unpacked. That it ends early says so once it came whole:
// before that it broke off on its way.
func (b *body) noGzip(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt || b.whole && errors.Is(err, io.ErrUnexpectedEOF)
}

// wire is a body as it comes, before it is decompressed. What unpacks to nothing counts as well:
// gzip may go on so without end.
type wire struct{ b *body }

func (w wire) Read(p []byte) (int, error) {
	b := w.b
	n, err := b.raw.Read(p)
	b.came += int64(n)
	b.charge()
	switch {
	case b.came > b.limit:
		return n, tooLarge(b.setting, b.limit)
	case errors.Is(err, io.EOF) && b.came < b.r.ContentLength: // a front end that lost its client may just end it
		return n, io.ErrUnexpectedEOF
	}
	b.whole = b.whole || errors.Is(err, io.EOF)
	return n, err
}

func (b *body) close() {
	if b.gz != nil {
		gunzips.Put(b.gz)
	}
	if b.taken > 0 {
		b.room.Release(b.taken)
		b.taken = 0
	}
}

// take takes room for a buffer of so many bytes.
func (b *body) take(size int) error {
	need := int64(size) - trustedLength - b.taken
	if b.room == nil || need <= 0 {
		return nil
	}
	if !b.room.TryAcquire(need) {
		return &problemError{
			Status: http.StatusServiceUnavailable,
			Detail: "As many long bodies are coming in as this server has memory for (--receive-bytes). Nothing was published; send the request again.",
			Header: http.Header{"Retry-After": retryAfter["Retry-After"], "Connection": {"close"}}, // the rest is not read
		}
	}
	b.taken += need
	return nil
}

// openBody begins to read the request's body, unless it says that it is larger than the limit that setting has.
func (s *site) openBody(w http.ResponseWriter, r *http.Request, limit int64, setting string) (*body, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(setting, limit)
	}
	packed, err := isPacked(r)
	if err != nil {
		return nil, err
	}
	b := &body{size: r.ContentLength, raw: r.Body, limit: limit, setting: setting, room: s.receiving, site: s, r: r}
	b.Reader = wire{b}
	if rec, ok := w.(*recorder); ok {
		b.needs = rec.needs
	}
	if b.size < 0 || b.size > chunk {
		b.raw = &pacedBody{body: r.Body, w: w, r: r}
	}
	if err := s.meter(b); err != nil { // before anything is read
		return nil, err
	}
	if packed {
		err = b.unpack()
	}
	return b, err
}

// isPacked reports whether the body is gzip.
func isPacked(r *http.Request) (bool, error) {
	switch coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header["Content-Encoding"], ","))); coding {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	default:
		return false, &problemError{
			Status: http.StatusUnsupportedMediaType,
			Detail: fmt.Sprintf("The Content-Encoding %q is not understood. Send gzip, or the body as it is.", coding),
			Header: http.Header{"Accept-Encoding": acceptEncoding},
		}
	}
}

// unpack begins to decompress b.
func (b *body) unpack() error {
	gz, err := openGzip(b.Reader)
	if errors.Is(err, io.EOF) || b.noGzip(err) { // there is none
		return brokenGzip(err)
	}
	if err != nil {
		return brokenBody(err)
	}
	b.Reader, b.size, b.gz = gz, -1, gz
	return nil
}

// readAll reads b to its end. What it allocates is at most twice what has come.
func (s *site) readAll(b *body) ([]byte, error) {
	if b.limit > s.maxBody { // it could have been media
		b.limit, b.setting = s.maxBody, "--max-body"
	}
	size := b.size
	if size < 0 || size > trustedLength {
		size = 4 << 10
	}
	buf := make([]byte, 0, size+1) // one more, to see the end without growing
	for {
		n, err := b.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > s.maxBody {
			return nil, tooLarge("--max-body", s.maxBody)
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, brokenBody(err)
		}
		if len(buf) == cap(buf) {
			longer := s.longer(b, len(buf))
			if err := b.take(longer); err != nil {
				return nil, err
			}
			buf = append(make([]byte, 0, longer), buf...)
		}
	}
}

// longer returns how long a buffer that b has filled becomes: twice as long, unless b ends sooner.
// That more has come than was announced makes it grow no slower.
func (s *site) longer(b *body, full int) int {
	longer := min(2*full, int(s.maxBody)+1)
	if end := int(b.size) + 1; end > full {
		longer = min(longer, end)
	}
	return longer
}

func tooLarge(setting string, limit int64) error {
	return &problemError{
		Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("The body is larger than the %d bytes that this server takes. Send less at a time; the operator sets the limit (%s).", limit, setting),
		Header: http.Header{"Connection": {"close"}}, // the rest is not read
		Extra:  map[string]any{"limit": limit},
	}
}

// brokenBody explains why a body ends early, where that does not explain itself.
func brokenBody(err error) error {
	if _, explained := errors.AsType[*problemError](err); explained {
		return err
	}
	switch {
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return brokenGzip(err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &problemError{
			Status: http.StatusBadRequest,
			Detail: "The body ends before its announced end. Nothing was published; send it again.",
			cause:  err,
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("read the body: %w", err)
	}
	return &problemError{Status: http.StatusBadRequest, Detail: "The body cannot be read. Nothing was published; send it again.", cause: err}
}

func brokenGzip(err error) error {
	return &problemError{
		Status: http.StatusBadRequest,
		Detail: "The body is not the gzip that its Content-Encoding says. Nothing was published; compress it again, or send it as it is.",
		cause:  err,
	}
}

var gunzips = sync.Pool{New: func() any { return new(gzip.Reader) }}

func openGzip(body io.Reader) (*gzip.Reader, error) {
	gz := gunzips.Get().(*gzip.Reader)
	if err := gz.Reset(body); err != nil {
		gunzips.Put(gz)
		return nil, err
	}
	return gz, nil
}

// pacedBody gives a large body more time as it comes in.
type pacedBody struct {
	body io.Reader
	w    http.ResponseWriter
	r    *http.Request
	n    int // since the last extension
}

func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if b.n += n; b.n >= chunk {
		b.n = 0
		extendRead(b.w, b.r)
	}
	return n, err
}
