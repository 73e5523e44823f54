package api

import (
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
	if b.needs != 0 && errors.Is(err, io.EOF) {
		if refused := b.site.entitled(b.r, b.needs); refused != nil {
			err = refused
		}
	}
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
	b := &body{Reader: r.Body, size: r.ContentLength, room: s.receiving, site: s, r: r}
	if rec, ok := w.(*recorder); ok {
		b.needs = rec.needs
	}
	if b.size < 0 || b.size > chunk {
		b.Reader = &pacedBody{body: b.Reader, w: w, r: r}
	}
	switch coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header["Content-Encoding"], ","))); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		gz, err := openGzip(b.Reader)
		if err != nil {
			return nil, brokenGzip(err)
		}
		b.Reader, b.size, b.gz = gz, -1, gz
	default:
		return nil, &problemError{
			Status: http.StatusUnsupportedMediaType,
			Detail: fmt.Sprintf("The Content-Encoding %q is not understood. Send gzip, or the body as it is.", coding),
			Header: http.Header{"Accept-Encoding": acceptEncoding},
		}
	}
	if err := s.meter(r, b); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// readAll reads b to its end. What it allocates is at most twice what has come.
func (s *site) readAll(b *body) ([]byte, error) {
	size, most := b.size, int(s.maxBody)+1
	if size >= 0 {
		most = int(size) + 1
	}
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
			longer := max(len(buf)+1, min(2*cap(buf), most))
			if err := b.take(longer); err != nil {
				return nil, err
			}
			buf = append(make([]byte, 0, longer), buf...)
		}
	}
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
