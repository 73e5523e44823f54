package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/sync/semaphore"

	"atommq/bus"
)

func TestLongBodiesShareARoomAndGiveItBack(t *testing.T) {
	const size = 200 << 10
	room := semaphore.NewWeighted(size)
	s := serve(t, Handler{Receiving: room})
	post := func(bytes, want int) {
		t.Helper()
		a := s.do(http.MethodPost, "/feeds/x", strings.Repeat("x", bytes), "Content-Type: text/plain")
		a.want(t, want)
		if want == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "5" {
			t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
		}
	}
	for range 5 {
		post(250<<10, http.StatusCreated)
		post(300<<10, http.StatusServiceUnavailable)
	}
	if !room.TryAcquire(size) {
		t.Fatal("not all is given back")
	}
	post(64<<10, http.StatusCreated) // for which there is always room
	post(100<<10, http.StatusServiceUnavailable)
}

func TestWhatBecomesOfABodyCountsAsItDoes(t *testing.T) {
	const size = 200 << 10
	room := semaphore.NewWeighted(size)
	s := serve(t, Handler{Receiving: room})
	for range 3 {
		s.do(http.MethodPost, "/feeds/x", strings.Repeat("x", size), "Content-Type: text/plain").want(t, http.StatusCreated)
		s.do(http.MethodPost, "/feeds/x", strings.Repeat("&", size), "Content-Type: text/plain").want(t, http.StatusServiceUnavailable)
	}
	if !room.TryAcquire(size) {
		t.Fatal("not all is given back")
	}
}

// passOn gives the server a request as a front end does (CGI, FastCGI): its body ends where it
// ends, whatever length the request tells.
func (s *server) passOn(method, path, body string, announced int, fields ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, struct{ io.Reader }{strings.NewReader(body)})
	r.ContentLength = int64(announced)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	if _, err := io.WriteString(gz, text); err != nil || gz.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAnUploadThatBreaksOffChangesNothing(t *testing.T) {
	s := serve(t, Handler{})
	member := s.member(s.publish("x", "one"))
	_, media := s.postMedia("image/png", binary)
	const gzipped, asJSON, asText = "Content-Encoding: gzip", "Content-Type: application/json", "Content-Type: text/plain"
	for _, test := range []struct {
		method, path, part string
		fields             []string
	}{
		{http.MethodPost, "/feeds/x", "some text", []string{asText}},
		{http.MethodPost, "/feeds/x", entry("two"), []string{atomType}},
		{http.MethodPost, "/feeds/x", "12", []string{asJSON}},
		{http.MethodPost, "/feeds/x", "title=two", []string{"Content-Type: application/x-www-form-urlencoded"}},
		{http.MethodPost, "/feeds/x", entry("two"), []string{"Content-Type: application/octet-stream"}},
		{http.MethodPost, "/feeds/x", "\x00", []string{"Content-Type: application/octet-stream"}},
		{http.MethodPost, "/feeds/x", "\x89PNG", []string{"Content-Type: image/png"}},
		{http.MethodPost, "/feeds/x", "", []string{"Content-Type: image/png"}},
		{http.MethodPost, "/feeds/x", packed(t, "some text"), []string{asText, gzipped}},
		{http.MethodPost, "/feeds/x", packed(t, "\x89PNG"), []string{"Content-Type: image/png", gzipped}},
		{http.MethodPut, member, entry("two"), []string{atomType}},
		{http.MethodPut, media, "\x89PNG", []string{"Content-Type: image/png"}},
		{http.MethodPut, "/feeds/x/settings", `{"title": "x"}`, []string{asJSON}},
		{http.MethodPut, "/feeds/x/queues/q", `{}`, []string{asJSON}},
		{http.MethodPost, "/feeds/x/queues/q/claims", "", nil},
		{http.MethodPost, "/feeds/x/queues/q/claims/acks", "one\ntwo\n", []string{asText}},
	} {
		for _, missing := range []int{1, 1 << 20} {
			w := s.passOn(test.method, test.path, test.part, len(test.part)+missing, test.fields...)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "ends before its announced end") {
				t.Errorf("%s %s %q, of which %d bytes are missing: %d %s", test.method, test.path, test.fields, missing, w.Code, w.Body)
			}
		}
	}
	s.get("/feeds/x/queues/q").want(t, http.StatusNotFound)
	if a := s.get("/feeds/x").want(t, http.StatusOK); a.Header.Get("Xlastid") != "2" {
		t.Errorf("the last entry is %s, want 2", a.Header.Get("Xlastid"))
	}
}

// A web server need not know how long a body is.
func TestABodyThatIsMoreThanAnnouncedTakesFewBuffers(t *testing.T) {
	s := &site{maxBody: DefaultMaxBody, access: bus.OpenHouse()}
	text := strings.Repeat("a", 128<<10)
	for _, announced := range []int64{0, 1, 100 << 10} {
		allocations := testing.AllocsPerRun(1, func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/feeds/x", struct{ io.Reader }{strings.NewReader(text)})
			r.ContentLength = announced
			b, err := s.openBody(httptest.NewRecorder(), r, s.maxBody, "--max-body")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.readAll(b); err != nil || string(got) != text {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
		if allocations > 100 {
			t.Errorf("%d bytes, announced as %d, took %v buffers", len(text), announced, allocations)
		}
	}
}

func TestABodyThatIsMoreThanAnnouncedIsCounted(t *testing.T) {
	g := invite(t, Handler{}, "ann * admin")
	g.limit(t, "ann", bus.Limits{bus.LimitBytes: 1000})
	if w := g.passOn(http.MethodPost, "/feeds/x", strings.Repeat("a", 100_000), 0, "Content-Type: text/plain", g.as("ann")); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	g.do(http.MethodPost, "/feeds/x", "b", "Content-Type: text/plain", g.as("ann"), asProblem).wantLimit(t, http.StatusTooManyRequests, "bytes", 250)
}

// Whoever sends what is no gzip is not asked to send it again, as one whose body broke off is.
func TestWhatIsNoGzipIsToldFromWhatBrokeOff(t *testing.T) {
	s := serve(t, Handler{})
	whole := packed(t, strings.Repeat("some text ", 1000))
	corrupt := []byte(whole)
	corrupt[len(corrupt)/2] ^= 0xff
	for of, text := range map[string]string{
		"nothing": "", "half a header": whole[:5], "a part": whole[:len(whole)/2], "no end": whole[:len(whole)-4], "other bytes": string(corrupt),
		"bytes behind it": whole + "more", "zeros behind it": whole + strings.Repeat("\x00", 512), "text": "some text that is not packed",
	} {
		for _, typ := range []string{"text/plain", "image/png"} {
			for by, body := range map[string]io.Reader{"length": strings.NewReader(text), "chunks": struct{ io.Reader }{strings.NewReader(text)}} {
				a, err := s.try(http.MethodPost, "/feeds/x", body, "Content-Type: "+typ, "Content-Encoding: gzip")
				if err != nil {
					t.Fatal(err)
				}
				if a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "is not the gzip") {
					t.Errorf("%s of %s, by %s: %s, %s", of, typ, by, a.Status, a.body)
				}
			}
		}
	}
}

// emptyGzip returns about size bytes of gzip that unpack to nothing: members, or blocks of one.
func emptyGzip(t *testing.T, size int) map[string]string {
	t.Helper()
	member := packed(t, "")
	const header, stored = 10, "\x00\x00\x00\xff\xff"
	return map[string]string{
		"members": strings.Repeat(member, size/len(member)+1),
		"blocks":  member[:header] + strings.Repeat(stored, size/len(stored)+1) + member[header:],
	}
}

func TestGzipThatUnpacksToNothingIsTakenUpToTheLimit(t *testing.T) {
	s := serve(t, Handler{MaxBody: 64 << 10, MaxMedia: 128 << 10})
	for _, test := range []struct {
		typ, first string
		limit      int
	}{
		{"text/plain", "a", 64 << 10},
		{"application/atom+xml", entry("a"), 64 << 10},
		{"application/octet-stream", entry(strings.Repeat("a", sniffed)), 64 << 10},
		{"application/octet-stream", "\x00", 128 << 10},
		{"image/png", "\x00", 128 << 10},
	} {
		for of, filler := range emptyGzip(t, test.limit) {
			body := strings.NewReader(packed(t, test.first) + filler)
			a, err := s.try(http.MethodPost, "/feeds/x", struct{ io.Reader }{body}, "Content-Type: "+test.typ, "Content-Encoding: gzip")
			if err != nil || a.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s with %d bytes of empty %s: %v %v", test.typ, test.limit, of, a, err)
			}
		}
	}
}

func TestGzipThatUnpacksToNothingIsCounted(t *testing.T) {
	g := invite(t, Handler{}, "members * admin", "blocks * admin")
	g.limit(t, bus.Everyone, bus.Limits{bus.LimitBytes: 1000})
	for account, filler := range emptyGzip(t, 100_000) {
		body := strings.NewReader(packed(t, "a") + filler)
		_, err := g.try(http.MethodPost, "/feeds/x", struct{ io.Reader }{body}, "Content-Type: text/plain", "Content-Encoding: gzip", g.as(account))
		g.must(t, err)
		g.do(http.MethodPost, "/feeds/x", "b", "Content-Type: text/plain", g.as(account), asProblem).wantLimit(t, http.StatusTooManyRequests, "bytes", 250)
	}
}

func TestAGzippedBodyOverTheRateIsRefusedBeforeItIsRead(t *testing.T) {
	g := invite(t, Handler{}, "ann * admin")
	g.limit(t, "ann", bus.Limits{bus.LimitBytes: 1000})
	g.do(http.MethodPost, "/feeds/x", strings.Repeat("a", 100_000), "Content-Type: text/plain", g.as("ann")).want(t, http.StatusCreated)
	g.send("POST /feeds/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n"+
		"Content-Length: 100\r\nExpect: 100-continue\r\n"+g.as("ann")+"\r\n\r\n").want(t, http.StatusTooManyRequests)
}
