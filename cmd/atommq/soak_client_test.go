package main

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The clients of the soak are written after the protocols' specifications, with nothing of AtomMQ's.

// soakClient speaks HTTP with one head.
type soakClient struct {
	base  string
	http  *http.Client
	judge *soakJudge
}

func newSoakClient(base string, judge *soakJudge) *soakClient {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	judge.t.Cleanup(transport.CloseIdleConnections)
	return &soakClient{base: base, http: &http.Client{Transport: transport, Timeout: time.Minute}, judge: judge}
}

// soakAnswer is one of HTTP; status is 0 where none came.
type soakAnswer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request. headers are names and values in turn.
func (c *soakClient) do(ctx context.Context, method, target, body string, headers ...string) soakAnswer {
	if strings.HasPrefix(target, "/") {
		target = c.base + target
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		c.judge.t.Error(err)
		return soakAnswer{}
	}
	req.Header.Set("Content-Type", "text/plain")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return soakAnswer{}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return soakAnswer{}
	}
	return soakAnswer{resp.StatusCode, resp.Header, text}
}

// passes reports whether to come again: nobody was there, or said so.
func (a soakAnswer) passes() bool { return a.status == 0 || a.status == http.StatusServiceUnavailable }

// again repeats a request until there is an answer that counts.
func (c *soakClient) again(ctx context.Context, method, target, body string, headers ...string) soakAnswer {
	for {
		a := c.do(ctx, method, target, body, headers...)
		if !a.passes() || !soakPause(ctx) {
			return a
		}
	}
}

// soakPause waits a little, and reports whether ctx goes on.
func soakPause(ctx context.Context) bool {
	select {
	case <-time.After(soakPace):
		return true
	case <-ctx.Done():
		return false
	}
}

// insist publishes a text under a key until it is acknowledged, and returns its id.
func (c *soakClient) insist(ctx context.Context, path, text string) (id int64) {
	a := c.again(ctx, http.MethodPost, path, text, "Idempotency-Key", text)
	if a.status != http.StatusCreated {
		c.judge.broke(promiseAnswer, "POST %s of %s: %d %s", path, text, a.status, a.body)
	}
	return a.id()
}

// id returns the answer's Xlastid.
func (a soakAnswer) id() int64 {
	id, _ := strconv.ParseInt(a.header.Get("Xlastid"), 10, 64)
	return id
}

func (c *soakClient) put(path, body string) {
	if a := c.again(c.judge.t.Context(), http.MethodPut, path, body, "Content-Type", "application/json"); a.status/100 != 2 {
		c.judge.broke(promiseAnswer, "PUT %s: %d %s", path, a.status, a.body)
	}
}

// getJSON reads what a path has into v.
func (c *soakClient) getJSON(path string, v any) {
	a := c.again(c.judge.t.Context(), http.MethodGet, path, "", "Accept", "application/json")
	if err := json.Unmarshal(a.body, v); err != nil || a.status != http.StatusOK {
		c.judge.broke(promiseAnswer, "GET %s: %d %s, %v", path, a.status, a.body, err)
	}
}

type soakQueue struct{ Waiting int }

func (c *soakClient) queue(path string) (q soakQueue) {
	c.getJSON(path, &q)
	return q
}

// soakEntry is an entry as it stands in Atom.
type soakEntry struct {
	ID      int64  `xml:"urn:atommq id"`
	UUID    string `xml:"http://www.w3.org/2005/Atom id"`
	Content string `xml:"http://www.w3.org/2005/Atom content"`
	Links   []struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	} `xml:"http://www.w3.org/2005/Atom link"`
}

type soakPage struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Entries []soakEntry `xml:"http://www.w3.org/2005/Atom entry"`
}

// page reads what a feed has after a cursor, and the next cursor. ok is false where there was no answer.
func (c *soakClient) page(ctx context.Context, path string, after int64, prefer string) (p soakPage, next int64, ok bool) {
	a := c.do(ctx, http.MethodGet, path, "", "Xlastid", strconv.FormatInt(after, 10), "Prefer", prefer, "Accept", "application/atom+xml")
	if a.passes() || a.status == http.StatusNotFound { // nothing is published yet
		return p, after, false
	}
	if err := xml.Unmarshal(a.body, &p); err != nil || a.status != http.StatusOK {
		c.judge.broke(promiseRead, "GET %s after %d: %d %s, %v", path, after, a.status, a.body, err)
		return p, after, false
	}
	return p, a.id(), true
}

// soakStomp is a connection of STOMP 1.2. No frame of the soak has a NUL in its body, or a
// character in a header that needs an escape.
type soakStomp struct {
	net.Conn
	in *bufio.Reader
}

type soakFrame struct {
	command, body string
	headers       map[string]string
}

// dialSoak connects, again and again while nobody is there. It returns nil when ctx ends.
func dialSoak(ctx context.Context, address string) *soakStomp {
	for {
		if c, err := connectSoak(ctx, address); err == nil {
			return c
		}
		if !soakPause(ctx) {
			return nil
		}
	}
}

func connectSoak(ctx context.Context, address string) (*soakStomp, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &soakStomp{nc, bufio.NewReader(nc)}
	context.AfterFunc(ctx, func() { nc.Close() })
	err = c.send("CONNECT", "", "accept-version:1.2", "host:soak")
	if err == nil {
		_, err = c.expect("CONNECTED")
	}
	if err != nil {
		nc.Close()
	}
	return c, err
}

func (c *soakStomp) send(command, body string, headers ...string) error {
	_, err := io.WriteString(c, command+"\n"+strings.Join(headers, "\n")+"\n\n"+body+"\x00")
	return err
}

func (c *soakStomp) receive() (f soakFrame, err error) {
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return f, err
	}
	text, err := c.in.ReadString(0)
	if err != nil {
		return f, err
	}
	head, body, _ := strings.Cut(strings.TrimLeft(strings.TrimSuffix(text, "\x00"), "\n"), "\n\n")
	lines := strings.Split(head, "\n")
	f = soakFrame{lines[0], body, make(map[string]string)}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		if _, repeated := f.headers[name]; !repeated {
			f.headers[name] = value
		}
	}
	return f, nil
}

// expect receives a frame of one kind.
func (c *soakStomp) expect(command string) (soakFrame, error) {
	f, err := c.receive()
	if err == nil && f.command != command {
		err = fmt.Errorf("got %s %v %q", f.command, f.headers, f.body)
	}
	return f, err
}
