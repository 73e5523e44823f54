package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// listenBench opens a free port of loopback.
func listenBench(ctx context.Context) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}

// dialTCP opens a connection to what is benched.
func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial what is benched: %w", err)
	}
	return conn, nil
}

// benchClient is one keep-alive HTTP/1.1 connection that sends requests made
// beforehand and looks at no more of a response than where it ends: it shares
// the processors with the server it measures. It has one request under way at a time.
type benchClient struct {
	conn net.Conn
	buf  []byte
}

func dialBench(ctx context.Context, addr string) (*benchClient, error) {
	conn, err := dialTCP(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &benchClient{conn: conn, buf: make([]byte, 256<<10)}, nil
}

// do sends one request and reads its response away, which must have the
// wanted status.
func (c *benchClient) do(request []byte, status int) error {
	if _, err := c.conn.Write(request); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	head, bodySoFar, err := c.readHead()
	if err != nil {
		return err
	}
	if got := string(head[9:12]); got != strconv.Itoa(status) {
		return fmt.Errorf("response has status %s, not %d: %s", got, status, bodySoFar)
	}
	if length, ok := contentLength(head); ok {
		return c.discard(length - len(bodySoFar))
	}
	return c.discardChunks(bodySoFar)
}

// fetch sends one request and returns its response, which must have status 200.
func (c *benchClient) fetch(request []byte) (contentType string, body []byte, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return "", nil, fmt.Errorf("send request: %w", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c.conn), nil)
	if err != nil {
		return "", nil, fmt.Errorf("read response: %w", err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("response has status %s: %s", response.Status, body)
	}
	return response.Header.Get("Content-Type"), body, err
}

// readHead reads up to the end of the header, and perhaps further.
func (c *benchClient) readHead() (head, body []byte, err error) {
	n := 0
	for {
		m, err := c.conn.Read(c.buf[n:])
		if err != nil {
			return nil, nil, fmt.Errorf("read response: %w", err)
		}
		from := max(0, n-3)
		n += m
		if i := bytes.Index(c.buf[from:n], []byte("\r\n\r\n")); i >= 0 {
			end := from + i + 4
			return c.buf[:end], c.buf[end:n], nil
		}
		if n == len(c.buf) {
			return nil, nil, errors.New("response header is too long")
		}
	}
}

// contentLength finds the length of the body; net/http writes the field's name so.
func contentLength(head []byte) (n int, ok bool) {
	_, value, ok := bytes.Cut(head, []byte("\r\nContent-Length: "))
	for ok && len(value) > 0 && value[0] >= '0' && value[0] <= '9' {
		n = n*10 + int(value[0]-'0')
		value = value[1:]
	}
	return n, ok
}

func (c *benchClient) discard(n int) error {
	for n > 0 {
		m, err := c.conn.Read(c.buf[:min(n, len(c.buf))])
		if err != nil {
			return fmt.Errorf("read response: %w", err)
		}
		n -= m
	}
	return nil
}

// discardChunks reads a chunked body. The last chunk ends the stream, because
// the next response comes only after the next request.
func (c *benchClient) discardChunks(body []byte) error {
	last := []byte("0\r\n\r\n")
	end := append([]byte(nil), body...)
	for !bytes.HasSuffix(end, last) {
		m, err := c.conn.Read(c.buf)
		if err != nil {
			return fmt.Errorf("read response: %w", err)
		}
		end = append(end, c.buf[:m]...)
		end = end[max(0, len(end)-len(last)):]
	}
	return nil
}

// load sends the same request over several connections.
type load struct {
	addr        string
	connections int
	request     []byte
	status      int // that every response must have
}

// run keeps every connection busy for d and returns responses per second.
func (l load) run(ctx context.Context, d time.Duration) (float64, error) {
	clients := make([]*benchClient, l.connections)
	for i := range clients {
		c, err := dialBench(ctx, l.addr)
		if err != nil {
			return 0, err
		}
		defer c.conn.Close()
		// The first exchange pays for the server's connection, not for the request.
		if err := c.do(l.request, l.status); err != nil {
			return 0, err
		}
		clients[i] = c
	}
	return rate(ctx, d, l.connections, func(caller int) (int, error) {
		return 1, clients[caller].do(l.request, l.status)
	})
}

// rate runs step in so many goroutines, over and over for d or until ctx ends,
// and returns how many things per second the steps did.
func rate(ctx context.Context, d time.Duration, callers int, step func(caller int) (done int, err error)) (float64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d, errTimeIsUp)
	defer cancel()
	var (
		running sync.WaitGroup
		total   atomic.Int64
		failure = make(chan error, callers)
		start   = time.Now()
	)
	for caller := range callers {
		running.Go(func() {
			sum := 0
			for ctx.Err() == nil {
				n, err := step(caller)
				if err != nil {
					failure <- err
					cancel()
					break
				}
				sum += n
			}
			total.Add(int64(sum))
		})
	}
	running.Wait()
	select {
	case err := <-failure:
		return 0, err
	default:
	}
	if cause := context.Cause(ctx); !errors.Is(cause, errTimeIsUp) {
		return 0, cause
	}
	return float64(total.Load()) / time.Since(start).Seconds(), nil
}

var errTimeIsUp = errors.New("time is up")

// getRequest is a GET as a polling client sends it.
func getRequest(path string, header string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n", path, header)
}

// postRequest is a POST of an Atom entry.
func postRequest(path string, entry []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/atom+xml;type=entry\r\nContent-Length: %d\r\n\r\n%s",
		path, len(entry), entry)
}
