package main

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/fcgi"
	"strconv"
	"sync"
)

// The kinds of FastCGI records that net/http/fcgi does not make enough of.
const (
	recordAbort  = 2
	recordParams = 4
)

// What fastCGIConn says of a request, beside the web server. No web server has a variable of such
// a name.
const (
	numberVariable = "AtomMQ number" // of the request on its connection
	wrongVariable  = "AtomMQ wrong"  // why it is none
)

// fastCGIConn is a web server's connection, as net/http/fcgi reads it. That tells no handler that
// the web server has left or given its request up, and answers what it can make no request of with
// an empty 500. So this looks into the records that go by, and adds a record of variables.
//
// One goroutine reads, that of net/http/fcgi. Those of requests may use the rest.
type fastCGIConn struct {
	net.Conn

	// The reader's.
	ready  []byte // of a record, to be read
	rest   int    // bytes of it that are still to come, and go by unseen
	params map[uint16][]byte
	latest map[uint16]uint64 // numbers of requests, by FastCGI's ids, which are used again
	count  uint64

	mu   sync.Mutex
	ends map[uint64]context.CancelFunc // of the requests that may still be answered, by number
}

func newFastCGIConn(conn net.Conn) *fastCGIConn {
	return &fastCGIConn{Conn: conn, params: map[uint16][]byte{}, latest: map[uint16]uint64{}, ends: map[uint64]context.CancelFunc{}}
}

// Read implements net.Conn. When it fails, no request is answered any more: net/http/fcgi closes
// the connection then, also one that only its other half is closed of.
func (c *fastCGIConn) Read(p []byte) (n int, err error) {
	defer func() {
		if err != nil {
			c.end()
		}
	}()
	if len(c.ready) == 0 && c.rest == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.ready) > 0 {
		n = copy(p, c.ready)
		c.ready = c.ready[n:]
		return n, nil
	}
	n, err = c.Conn.Read(p[:min(len(p), c.rest)])
	c.rest -= n
	return n, err
}

// Close implements net.Conn.
func (c *fastCGIConn) Close() error {
	c.end()
	return c.Conn.Close()
}

// next makes the next record ready.
func (c *fastCGIConn) next() error {
	var head [8]byte // version, type, id, length of the content, length of the padding
	if _, err := io.ReadFull(c.Conn, head[:]); err != nil {
		return err
	}
	c.ready = head[:]
	if head[0] != 1 { // net/http/fcgi reads no further
		return nil
	}
	id, length, padding := binary.BigEndian.Uint16(head[2:]), int(binary.BigEndian.Uint16(head[4:])), int(head[6])
	switch {
	case head[1] == recordAbort:
		c.giveUp(c.latest[id])
	case head[1] == recordParams && length == 0:
		c.ready = append(c.begin(id), head[:]...)
	case head[1] == recordParams:
		content := make([]byte, length)
		if _, err := io.ReadFull(c.Conn, content); err != nil {
			return err
		}
		c.params[id] = append(c.params[id], content...)
		c.ready = append(c.ready, content...)
		c.rest = padding
		return nil
	}
	c.rest = length + padding
	return nil
}

// begin returns the record of what is to be known of a request whose variables have come.
func (c *fastCGIConn) begin(id uint16) []byte {
	c.count++
	c.latest[id] = c.count
	c.mu.Lock()
	c.ends[c.count] = func() {}
	c.mu.Unlock()
	more := map[string]string{numberVariable: strconv.FormatUint(c.count, 10)}
	if wrong := unreadable(readVariables(c.params[id])); wrong != "" {
		more[wrongVariable] = wrong
		maps.Copy(more, readable)
	}
	delete(c.params, id)
	var content []byte
	for name, value := range more {
		content = appendSize(appendSize(content, len(name)), len(value))
		content = append(append(content, name...), value...)
	}
	record := []byte{1, recordParams}
	record = binary.BigEndian.AppendUint16(record, id)
	record = binary.BigEndian.AppendUint16(record, uint16(len(content))) // unreadable is brief
	return append(append(record, 0, 0), content...)
}

// readVariables reads the names and values of a request, as far as they can be read.
func readVariables(text []byte) map[string]string {
	read := make(map[string]string)
	for len(text) > 0 {
		name, n := readSize(text)
		value, m := readSize(text[n:])
		if text = text[n+m:]; n == 0 || m == 0 || name+value > len(text) {
			break
		}
		read[string(text[:name])] = string(text[name : name+value])
		text = text[name+value:]
	}
	return read
}

// readSize reads the length of a name or a value, and returns how many bytes say it, 0 for too few.
func readSize(text []byte) (size, n int) {
	switch {
	case len(text) > 0 && text[0] < 1<<7:
		return int(text[0]), 1
	case len(text) >= 4:
		return int(binary.BigEndian.Uint32(text) &^ (1 << 31)), 4
	}
	return 0, 0
}

func appendSize(dst []byte, size int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(size)|1<<31)
}

// watched returns r with a context that ends when the web server leaves or gives r up, and what is
// to be called once it is answered.
func (c *fastCGIConn) watched(r *http.Request) (*http.Request, context.CancelFunc) {
	number, _ := strconv.ParseUint(fcgi.ProcessEnv(r)[numberVariable], 10, 64) // there is no 0
	ctx, cancel := context.WithCancel(r.Context())
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.ends[number]; ok {
		c.ends[number] = cancel
	} else { // given up before it could begin
		cancel()
	}
	return r.WithContext(ctx), func() { c.giveUp(number) }
}

// giveUp ends the context of a request.
func (c *fastCGIConn) giveUp(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel, ok := c.ends[number]; ok {
		cancel()
		delete(c.ends, number)
	}
}

// end ends the contexts of all requests.
func (c *fastCGIConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cancel := range c.ends {
		cancel()
	}
	clear(c.ends)
}
