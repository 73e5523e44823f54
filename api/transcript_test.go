package api

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// send writes a literal request and reads the response.
func (s *server) send(raw string) *answer {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, raw); err != nil {
		s.t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Request = &http.Request{Method: method}
	return &answer{resp, string(body)}
}

// What curl sends for the two examples of AtomMQ 0.01's manual.
func TestTheFirstAtomMQsExamplesWorkVerbatim(t *testing.T) {
	s := serve(t, Handler{})
	const entry = "<entry> <title>allo</title> <content type=\"xhtml\">\n" +
		"      <div xmlns=\"http://www.w3.org/1999/xhtml\" >an important message</div>\n" +
		"      </content> </entry>"
	posted := s.send("POST /feeds/mycoolfeed HTTP/1.1\r\n"+
		"Host: localhost\r\n"+
		"User-Agent: curl/8.14.1\r\n"+
		"Accept: */*\r\n"+
		"Content-Length: "+strconv.Itoa(len(entry))+"\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\n"+
		"\r\n"+entry).want(t, http.StatusCreated)
	posted.wantField(t, "Xlastid", "1")
	posted.wantText(t, "an important message")

	all := s.send("GET /feeds/mycoolfeed HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n").want(t, http.StatusOK)
	all.wantField(t, "Content-Type", "application/atom+xml;type=feed;charset=utf-8")
	all.wantText(t, `<div xmlns="http://www.w3.org/1999/xhtml" >an important message</div>`)

	none := s.send("GET /feeds/mycoolfeed HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\nXlastid: 42\r\n\r\n").want(t, http.StatusOK)
	none.wantField(t, "Xlastid", "42")
	if strings.Contains(none.body, "<entry") {
		t.Errorf("there is something after 42:\n%s", none.body)
	}
}

func TestABodyAnnouncedTooLargeIsRefusedBeforeItIsSent(t *testing.T) {
	s := serve(t, Handler{})
	a := s.send("POST /feeds/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
	if a.want(t, http.StatusRequestEntityTooLarge); !a.Close {
		t.Error("the connection stays open for a body that nobody reads")
	}
}

func TestBrokenRequestsAreRefused(t *testing.T) {
	s := serve(t, Handler{})
	for raw, status := range map[string]int{
		"GET /feeds/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                    http.StatusBadRequest,
		"GET /feeds/x HTTP/1.1\r\nHost: localhost\r\nX-Big: " + strings.Repeat("x", 64<<10) + "\r\n\r\n":        http.StatusRequestHeaderFieldsTooLarge,
		"POST /feeds/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":                 http.StatusBadRequest,
		"POST /feeds/x HTTP/1.0\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi":                     http.StatusCreated,
		"OPTIONS /feeds/x HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                  http.StatusNoContent,
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                         http.StatusOK,
		"GET http://elsewhere.example/feeds/x HTTP/1.1\r\nHost: elsewhere.example\r\nX-Request-ID: <b>\r\n\r\n": http.StatusOK,
	} {
		if strings.HasPrefix(raw, "GET http") {
			s.publish("x", "e")
		}
		a := s.send(raw).want(t, status)
		if strings.Contains(a.Header.Get("X-Request-Id"), "<") {
			t.Error("a request id is echoed that no log should hold")
		}
	}
}
