package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"atommq/stompgw/stomp"
)

// forged is what an attacker would like to be read as a line, a field, an event or a frame of its
// own, wherever the text that it ends stands.
const forged = "\r\nX-Evil: 1\r\rid: 999\n\nevent: evil\ndata: evil\n\n{\"evil\":1}\n\x00\nMESSAGE\ndestination:/topic/evil\n\nevil\x00\r\u2028\u0085level=EVIL"

// publishForged has every text that a publisher may choose try it, and returns how many entries were taken.
func publishForged(t *testing.T, server *process) (entries int) {
	t.Helper()
	c := connect(t, server.Stomp)
	for _, header := range []string{"title", "author", "x-mine", "content-type", "correlation-id", "reply-to", "x" + forged} {
		c.must(t, stomp.SEND, "body"+forged, "destination", "/topic/hostile", header, "value"+forged)
		entries++
	}
	xml := strings.Map(func(r rune) rune {
		if r == 0 {
			return -1
		}
		return r
	}, strings.ReplaceAll(forged, "\"", "&quot;"))
	quoted, err := json.Marshal("a" + forged)
	if err != nil {
		t.Fatal(err)
	}
	text := string(quoted)
	percent := "%0D%0AX-Evil:%201%0D%0A%0D%0A%00"
	for _, post := range []struct {
		body   string
		fields []string
	}{
		{"<entry><title>t" + xml + "</title><category term=\"c" + xml + "\" scheme=\"s" + xml + "\"/></entry>", []string{"Content-Type: application/atom+xml"}},
		{"<entry><title>t&#13;&#10;X-Evil: 1&#13;&#13;id: 999&#10;</title><id>urn:x&#13;&#10;X-Evil: 1</id></entry>", []string{"Content-Type: application/atom+xml"}},
		{"<!--" + strings.ReplaceAll(xml, "--", "") + "--><entry><title>t</title></entry>", []string{"Content-Type: application/atom+xml"}},
		{`{"title":` + text + `,"name":` + text + `}`, []string{"Content-Type: application/json"}},
		{`{"specversion":"1.0","id":` + text + `,"source":` + text + `,"type":` + text + `,"subject":` + text + `,"data":` + text + `}`, []string{"Content-Type: application/cloudevents+json"}},
		{"text" + forged, []string{"Content-Type: text/plain", "Slug: a" + percent}},
		{"media" + forged, []string{"Content-Type: application/x-evil; a=\"b c\"", "Slug: a" + percent}},
		{"title=" + percent + "&content=" + percent, []string{"Content-Type: application/x-www-form-urlencoded", "Accept: text/html"}},
	} {
		answer := onWire(t, server.address(), request("POST /feeds/hostile", post.body, post.fields...))
		wantNoForgery(t, post.body, answer)
		if strings.HasPrefix(answer, "HTTP/1.1 201") || strings.HasPrefix(answer, "HTTP/1.1 303") {
			entries++
		}
	}
	if entries < 12 {
		t.Fatalf("only %d entries were taken", entries)
	}
	return entries
}

// wantNoForgery looks at the header of an answer.
func wantNoForgery(t *testing.T, what, answer string) {
	t.Helper()
	_, head, _ := strings.Cut(answer, "\r\n")
	fields, err := textproto.NewReader(bufio.NewReader(strings.NewReader(head))).ReadMIMEHeader()
	if err != nil || fields.Get("X-Evil") != "" || fields.Get("X-Request-Id") == "" {
		t.Errorf("%.200q is answered with %.500q (%v)", what, answer, err)
	}
}

func TestNothingPublishedForgesALine(t *testing.T) {
	server := startServer(t, "--log-level", "debug")
	entries := publishForged(t, server)
	for _, target := range []string{
		"/feeds/hostile", "/feeds/hostile?after=0", "/feeds/hostile?format=json", "/feeds/hostile?format=html", "/feeds/none?format=json", "/feeds/%0d%0aX-Evil:1",
		"/feeds/hostile?format=%0d%0aX-Evil:1", "/feeds/hostile?category=%0d%0aX-Evil:1", "/feeds/hostile?after=0&limit=1&category=%22%0d%0aX-Evil:%201", "/%0d%0aX-Evil:1", "/feeds?feed=%0d%0aX-Evil:1",
		"/feeds/hostile/queues/%0d%0aX-Evil:1", "/feeds/hostile/entries/%0d%0aX-Evil:1", "/feeds/hostile/archive/1-%0d%0aX-Evil:1",
	} {
		wantNoForgery(t, target, onWire(t, server.address(), request("GET "+target, "", "Accept: */*", "X-Request-Id: a\tb", "traceparent: x\tX-Evil: 1")))
	}
	for _, format := range []string{"sse", "sse&data=json"} {
		wantEvents(t, streamed(t, server, format, entries), entries)
	}
	for line := range strings.Lines(streamed(t, server, "ndjson", entries)) {
		if !json.Valid([]byte(line)) || strings.Contains(line, "\r") {
			t.Errorf("a line of JSON is %q", line)
		}
	}
	for version, as := range map[string]stomp.Version{"1.0": stomp.V10, "1.1": stomp.V11, "1.2": stomp.V12} {
		wantFrames(t, server, version, as, entries)
	}
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	wantLog(t, server.logged())
}

// streamed returns what a stream begins with, up to its last entry of so many.
func streamed(t *testing.T, server *process, format string, entries int) string {
	t.Helper()
	resp, err := newBrowser(t, "").http.Get(server.URL + "feeds/hostile?after=0&format=" + format)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	last := regexp.MustCompile(`(?s)("_atommq":\{"id":|<mq:id xmlns:mq="urn:atommq">)` + strconv.Itoa(entries) + `[,<].*(</entry>|\})\n`)
	var text strings.Builder
	for lines := bufio.NewReader(resp.Body); !last.MatchString(text.String()); {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream: %v\n%s", err, &text)
		}
		text.WriteString(line)
	}
	return strings.TrimLeft(text.String(), "\n")
}

// wantEvents reads events as HTML does: a CR ends a line as well as an LF.
func wantEvents(t *testing.T, text string, entries int) {
	t.Helper()
	id := 0
	for _, line := range regexp.MustCompile("\r\n|\r|\n").Split(text, -1) {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "id":
			if n, err := strconv.Atoi(value); err != nil || n != id && n != id+1 {
				t.Errorf("behind %d comes the id %q", id, value)
			} else {
				id = n
			}
		case "data", "retry", "":
		case "event":
			if value != "entry" {
				t.Errorf("there is an event %q", value)
			}
		default:
			t.Errorf("there is a line %q", line)
		}
	}
	if id != entries {
		t.Errorf("%d of %d entries came", id, entries)
	}
}

// wantFrames has a client of a version read the feed.
func wantFrames(t *testing.T, server *process, version string, as stomp.Version, entries int) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Stomp)
	if err != nil {
		t.Fatal(err)
	}
	c, err := greet(conn, "accept-version", version)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.frames.SetVersion(as)
	if err := c.send(stomp.SUBSCRIBE, "", "destination", "/topic/hostile", "id", "1", "Xlastid", "0"); err != nil {
		t.Fatal(err)
	}
	for id := 1; id <= entries; id++ {
		f := c.message(t)
		if f.headers["Xlastid"] != strconv.Itoa(id) || f.headers["destination"] != "/topic/hostile" || f.headers["X-Evil"] != "" {
			t.Errorf("%s: message %d has %q", version, id, f.headers)
		}
	}
}

// wantLog wants every line to be one that the server wrote.
func wantLog(t *testing.T, log string) {
	t.Helper()
	whole := regexp.MustCompile(`^time=\S+ level=(DEBUG|INFO|WARN|ERROR) msg=`)
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		if !whole.MatchString(line) || strings.ContainsFunc(line, unicode.IsControl) || strings.Contains(line, "\u2028") {
			t.Errorf("the log has %q", line)
		}
	}
}

// A page on the web may have its reader's browser send any body to any port of this machine, behind
// the head of a request.
func TestABrowserSpeaksNoSTOMPByHTTP(t *testing.T) {
	server := startServer(t)
	frames := "CONNECT\naccept-version:1.2\nhost:x\n\n\x00SEND\ndestination:/queue/evil\n\nx\x00"
	for _, head := range []string{"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\n\n\x00\n", "GET /" + frames + " HTTP/1.1\r\n\r\n"} {
		if answer := onWire(t, server.Stomp, head+frames); !strings.HasPrefix(answer, "ERROR\n") || strings.Contains(answer, "CONNECTED") {
			t.Errorf("%q is answered with %q", head, answer)
		}
	}
	if status, text := ask(t, "GET", server.URL+"feeds/evil", ""); status != 404 {
		t.Errorf("there is a feed: %s", text)
	}
}
