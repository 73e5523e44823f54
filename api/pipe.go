package api

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// usualWriteTime is how long a write may take where the server sets no limit.
const usualWriteTime = time.Minute

// writeTime returns how long a write to r's client may take.
func writeTime(r *http.Request) time.Duration {
	if srv := serverOf(r); srv != nil && srv.WriteTimeout > 0 {
		return srv.WriteTimeout
	}
	return usualWriteTime
}

// responsePipe writes to whatever net/http, or who stands in for it, gives: FastCGI, HTTP/2, a
// proxy's recorder.
type responsePipe struct {
	w       http.ResponseWriter
	control *http.ResponseController
	time    time.Duration
}

func newResponsePipe(w http.ResponseWriter, r *http.Request) *responsePipe {
	p := &responsePipe{w: w, control: http.NewResponseController(w), time: writeTime(r)}
	_ = p.control.SetReadDeadline(time.Time{}) // a passed deadline would look as if the client had left
	return p
}

func (p *responsePipe) send(parts [][]byte) error {
	_ = p.control.SetWriteDeadline(time.Now().Add(p.time)) // where there are none, there is none to move
	for _, part := range parts {
		if _, err := p.w.Write(part); err != nil {
			return err
		}
	}
	if err := p.control.Flush(); err != nil {
		return err
	}
	_ = p.control.SetWriteDeadline(time.Time{}) // HTTP/2 ends a stream by it that has nothing to write
	return nil
}

func (p *responsePipe) finish() error { return nil }

// takenPipe writes to a connection that was taken over from net/http, which would hold more for it:
// buffers for a request that will not come, and goroutines with large stacks. It needs none of that,
// nor a copy of what all readers get.
type takenPipe struct {
	conn    net.Conn
	time    time.Duration
	head    []byte // of the answer, until it is written
	chunked [24]byte
}

// takeOver takes the connection of an HTTP/1.1 request over, if it can be had: nil if not. Nothing
// was written yet.
func takeOver(w http.ResponseWriter, r *http.Request) *takenPipe {
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 {
		return nil
	}
	h := w.Header()
	h["Date"] = []string{time.Now().UTC().Format(http.TimeFormat)}
	h["Transfer-Encoding"] = []string{"chunked"}
	h["Connection"] = []string{"close"}
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(&head) // to memory
	head.WriteString("\r\n")
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		for _, name := range []string{"Date", "Transfer-Encoding", "Connection"} {
			delete(h, name)
		}
		return nil
	}
	return &takenPipe{conn: conn, time: writeTime(r), head: head.Bytes()}
}

// buffers are what takenPipe writes from.
var buffers = sync.Pool{New: func() any {
	b := make(net.Buffers, 0, streamEntries+8)
	return &b
}}

var crlf = []byte("\r\n")

func (p *takenPipe) send(parts [][]byte) error {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	all := buffers.Get().(*net.Buffers)
	defer buffers.Put(all)
	*all = (*all)[:0]
	if p.head != nil {
		*all = append(*all, p.head)
		p.head = nil
	}
	size := append(strconv.AppendInt(p.chunked[:0], int64(n), 16), "\r\n"...)
	*all = append(*all, size)
	*all = append(append(*all, parts...), crlf)
	return p.write(*all)
}

// write writes buffers, at once where the connection can.
func (p *takenPipe) write(all net.Buffers) error {
	if err := p.conn.SetWriteDeadline(time.Now().Add(p.time)); err != nil {
		return err
	}
	if _, ok := p.conn.(syscall.Conn); ok { // the system's own
		_, err := all.WriteTo(p.conn)
		return err
	}
	joined := bytes.Join(all, nil) // each piece would be a packet of its own
	_, err := p.conn.Write(joined)
	return err
}

func (p *takenPipe) finish() error { return p.write(net.Buffers{[]byte("0\r\n\r\n")}) }

// mostUnasked is how much a reader may send behind its request, in bytes. It gets no answer to it.
const mostUnasked = 64 << 10

var errUnasked = errors.New("the reader of a stream sends more than a request")

// awaitLeaving reads from a connection that was taken over until its client has left, and closes
// it: a write may be waiting for that client. One that will send no more has left, as it has for
// net/http. It returns early when somebody else closes the connection.
func awaitLeaving(conn net.Conn) error {
	defer conn.Close()
	var unasked [128]byte // there is one for each stream, mostly for nothing
	for most := mostUnasked; most > 0; {
		n, err := conn.Read(unasked[:])
		if err != nil {
			return err
		}
		most -= n
	}
	return errUnasked
}
