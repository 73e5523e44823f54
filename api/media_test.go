package api

import (
	"context"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
)

// binary is several chunks of bytes that no text has.
var binary = strings.Repeat("\x00\xff\x89PNG\r\n", bus.MediaChunk/4)

// linkEntry is what a client sees of a media link entry.
type linkEntry struct {
	Title   string `xml:"title"`
	Summary *string
	Content struct {
		Type string `xml:"type,attr"`
		Src  string `xml:"src,attr"`
	} `xml:"content"`
	Links []struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	} `xml:"link"`
}

func readLink(t testing.TB, body string) (e linkEntry) {
	t.Helper()
	if err := xml.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return e
}

// editMedia returns the path of the link "edit-media".
func (s *server) editMedia(e linkEntry) string {
	s.t.Helper()
	for _, l := range e.Links {
		if l.Rel == "edit-media" {
			return strings.TrimPrefix(l.Href, s.url)
		}
	}
	s.t.Fatalf("no link edit-media: %+v", e)
	return ""
}

// postMedia posts a file to the feed x and returns the paths of its entry and of its bytes.
func (s *server) postMedia(typ, body string, fields ...string) (member, media string) {
	s.t.Helper()
	a := s.do(http.MethodPost, "/feeds/x", body, append(fields, "Content-Type: "+typ)...).want(s.t, http.StatusCreated)
	return s.member(a), s.editMedia(readLink(s.t, a.body))
}

func TestMediaComeBackByteForByteUnderTheirType(t *testing.T) {
	s := serve(t, Handler{})
	for typ, body := range map[string]string{
		"image/png": binary,
		`application/x-thing; a="b c"; Version=1.0`:  "\x00",
		"application/octet-stream":                   "\x00\x01",
		"application/pdf":                            "",
		"message/rfc822":                             "From: me\r\n\r\nhi",
		"application/vnd.example+zip; charset=utf-8": binary[:bus.MediaChunk],
	} {
		member, media := s.postMedia(typ, body, "Slug: The%20B%C3%A9atles")
		a := s.get(media).want(t, http.StatusOK)
		if a.body != body {
			t.Errorf("%s: %d bytes come back as %d others", typ, len(body), len(a.body))
		}
		a.wantField(t, "Content-Type", typ)
		a.wantField(t, "X-Content-Type-Options", "nosniff")
		if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s may act in a browser: %s", typ, csp)
		}
		e := readLink(t, s.get(member).want(t, http.StatusOK).body)
		if e.Title != "The Béatles" || e.Content.Src != s.url+media || e.Content.Type != typ && typ != "message/rfc822" {
			t.Errorf("%s: the entry is %+v", typ, e)
		}
		if head := s.do(http.MethodHead, media, ""); head.ContentLength != int64(len(body)) || head.body != "" {
			t.Errorf("%s: HEAD tells of %d bytes", typ, head.ContentLength)
		}
	}
}

func TestOnlySoundAndFilmMayAskForThemselvesAndNothingMayRun(t *testing.T) {
	for typ, played := range map[string]bool{
		"audio/wav": true, "Video/MP4; codecs=avc1": true,
		"text/html": false, "image/svg+xml": false, "video/x+XML; a=b": false, "application/pdf": false, "audiovideo/x": false, "": false,
	} {
		policy := sandboxOf(typ)[0]
		if strings.Contains(policy, "allow-same-origin") != played || strings.Contains(policy, "allow-scripts") {
			t.Errorf("%q comes with %s", typ, policy)
		}
	}
}

func TestACompressedUploadIsKeptDecompressed(t *testing.T) {
	s := serve(t, Handler{})
	_, media := s.postMedia("image/png", packed(t, binary), "Content-Encoding: gzip")
	if a := s.get(media).want(t, http.StatusOK); a.body != binary {
		t.Errorf("%d bytes come back", len(a.body))
	}
}

func TestAPartOfMediaCanBeAskedFor(t *testing.T) {
	s := serve(t, Handler{})
	_, media := s.postMedia("image/png", binary)
	s.setClock(time.Now().Add(time.Minute))
	whole := s.get(media).want(t, http.StatusOK)
	tag := whole.Header.Get("Etag")
	whole.wantField(t, "Accept-Ranges", "bytes")
	size := len(binary)
	for spec, want := range map[string]string{
		"bytes=0-0":            binary[:1],
		"bytes=5-9":            binary[5:10],
		"bytes=262140-262150":  binary[262140:262151],
		"bytes=524280-":        binary[524280:],
		"bytes=-7":             binary[size-7:],
		"bytes=-999999999":     binary,
		"bytes=10-99999999999": binary[10:],
	} {
		a := s.get(media, "Range: "+spec).want(t, http.StatusPartialContent)
		if a.body != want {
			t.Errorf("%s: %d bytes, want %d", spec, len(a.body), len(want))
		}
		if a.Header.Get("Etag") != tag || !strings.HasPrefix(a.Header.Get("Content-Range"), "bytes ") {
			t.Errorf("%s: %v", spec, a.Header)
		}
	}
	for _, spec := range []string{"bytes=0-1,3-4", "lines=1-2", "bytes=x-", "bytes=5-3", "bytes="} {
		if a := s.get(media, "Range: "+spec).want(t, http.StatusOK); a.body != binary {
			t.Errorf("%s: %d bytes", spec, len(a.body))
		}
	}
	for _, spec := range []string{"bytes=99999999-", "bytes=-0"} {
		a := s.get(media, "Range: "+spec).want(t, http.StatusRequestedRangeNotSatisfiable)
		a.wantField(t, "Content-Range", "bytes */524288")
	}
	s.get(media, "Range: bytes=0-0", "If-Range: "+tag).want(t, http.StatusPartialContent)
	s.get(media, "Range: bytes=0-0", `If-Range: "other"`).want(t, http.StatusOK)
	modified := whole.Header.Get("Last-Modified")
	s.get(media, "Range: bytes=0-0", "If-Range: "+modified).want(t, http.StatusPartialContent)
	s.get(media, "Range: bytes=0-0", "If-Range: "+time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)).want(t, http.StatusOK)
	s.get(media, "If-None-Match: "+tag).want(t, http.StatusNotModified)
	s.get(media, "If-Modified-Since: "+modified).want(t, http.StatusNotModified)
}

// RFC 9110 §14.2 defines ranges for GET alone.
func TestHEADOfMediaTellsOfTheWhole(t *testing.T) {
	s := serve(t, Handler{})
	_, media := s.postMedia("image/png", "bytes")
	for _, spec := range []string{"bytes=0-1", "bytes=99-"} {
		a := s.do(http.MethodHead, media, "", "Range: "+spec).want(t, http.StatusOK)
		a.wantField(t, "Content-Length", "5")
		a.wantField(t, "Content-Range", "")
		a.wantField(t, "Accept-Ranges", "bytes")
	}
}

// HTTP dates know whole seconds only.
func TestMediaReplacedWithinOneSecondAreToldFromTheFormer(t *testing.T) {
	s := serve(t, Handler{})
	member, media := s.postMedia("image/png", "first")
	m, err := s.bus.Media(t.Context(), "x", member[strings.LastIndexByte(member, '/')+1:])
	if err != nil {
		t.Fatal(err)
	}
	s.setClock(m.Created)
	s.get(media).want(t, http.StatusOK).wantField(t, "Last-Modified", "")
	date, _ := lastModified(m.Created, m.Created)
	told := date.UTC().Format(http.TimeFormat)
	a := s.get(media, "Range: bytes=2-", "If-Range: "+told).want(t, http.StatusOK)
	if a.body != "first" {
		t.Errorf("%q is what is sent instead of a part", a.body)
	}
	s.do(http.MethodPut, media, "other", "Content-Type: image/png", "If-Unmodified-Since: "+told).want(t, http.StatusPreconditionFailed)
	s.do(http.MethodPut, member, entry("other"), atomType, "If-Unmodified-Since: "+told).want(t, http.StatusPreconditionFailed)

	s.setClock(date.Add(commitTime))
	s.get(media).want(t, http.StatusOK).wantField(t, "Last-Modified", told)
	s.do(http.MethodPut, media, "other", "Content-Type: image/png", "If-Unmodified-Since: "+told).want(t, http.StatusNoContent)
}

func TestMediaAreReplacedWithTheirEntryEdited(t *testing.T) {
	s := serve(t, Handler{})
	member, media := s.postMedia("image/png", "first", "Slug: a")
	before := s.get(media)
	tag := before.Header.Get("Etag")
	changed := s.do(http.MethodPut, media, "second", "Content-Type: text/css", "If-Match: "+tag).want(t, http.StatusNoContent)
	changed.wantField(t, "Xlastid", "2")
	after := s.get(media).want(t, http.StatusOK)
	after.wantField(t, "Content-Type", "text/css")
	if after.body != "second" || after.Header.Get("Etag") == tag || after.Header.Get("Etag") != changed.Header.Get("Etag") {
		t.Errorf("%q under %s, before %s, said %s", after.body, after.Header.Get("Etag"), tag, changed.Header.Get("Etag"))
	}
	s.do(http.MethodPut, media, "third", "Content-Type: text/css", "If-Match: "+tag).want(t, http.StatusPreconditionFailed)
	e := s.get(member).want(t, http.StatusOK)
	e.wantField(t, "Etag", `"2"`)
	if link := readLink(t, e.body); link.Content.Type != "text/css" || link.Title != "a" {
		t.Errorf("the entry is %+v", link)
	}
	follow := s.get("/feeds/x?after=1").want(t, http.StatusOK)
	follow.wantField(t, "Xlastid", "2")
}

func TestALinkEntryIsEditedAsItIsRead(t *testing.T) {
	s := serve(t, Handler{})
	member, media := s.postMedia("image/png", "bytes")
	body := strings.Replace(s.get(member).body, "<title>image/png</title>", "<title>A cat</title>", 1)
	a := s.do(http.MethodPut, member, body, atomType).want(t, http.StatusOK)
	e := readLink(t, a.body)
	if e.Title != "A cat" || e.Content.Src != s.url+media || strings.Count(a.body, "<content") != 1 || strings.Count(a.body, "edit-media") != 1 || strings.Count(a.body, "<summary") != 1 {
		t.Errorf("the entry is %s", a.body)
	}
	bare := s.do(http.MethodPut, member, `<entry><title>Bare</title></entry>`, atomType).want(t, http.StatusOK)
	if e := readLink(t, bare.body); e.Content.Src != s.url+media || strings.Count(bare.body, "<summary") != 1 {
		t.Errorf("the entry is %s", bare.body)
	}
	if a := s.get(media).want(t, http.StatusOK); a.body != "bytes" {
		t.Errorf("the media are %q", a.body)
	}
}

// Editing clients send their credentials where these links lead: RFC 5023 §11.1 and §11.2.
func TestLinksForEditingLeadToTheServerAlone(t *testing.T) {
	s := serve(t, Handler{})
	link, media := s.postMedia("image/png", "bytes")
	const elsewhere = `<entry xmlns="http://www.w3.org/2005/Atom"><title>t</title>
<link rel="edit" href="http://evil.example/"/>
<link rel="edit-media" href="http://evil.example/"/>
<link rel="http://www.iana.org/assignments/relation/edit-media" type="image/png" href="http://evil.example/a"/>
<link rel="related" href="http://friend.example/"/></entry>`
	plain := s.member(s.do(http.MethodPost, "/feeds/x", elsewhere, atomType).want(t, http.StatusCreated))
	s.do(http.MethodPut, link, elsewhere, atomType).want(t, http.StatusOK)
	for _, member := range []string{plain, link} {
		a := s.get(member)
		a.wantText(t, "friend.example")
		if strings.Contains(a.body, "evil.example") {
			t.Errorf("editing leads elsewhere: %s", a.body)
		}
	}
	if got := s.editMedia(readLink(t, s.get(link).body)); got != media {
		t.Errorf("the media are edited at %s, want %s", got, media)
	}
}

func TestMediaGoWithTheirEntryAndItWithThem(t *testing.T) {
	s := serve(t, Handler{})
	member, media := s.postMedia("image/png", "bytes")
	s.do(http.MethodDelete, member, "").want(t, http.StatusNoContent)
	s.get(media).want(t, http.StatusGone)
	member, media = s.postMedia("image/png", "bytes")
	s.do(http.MethodDelete, media, "", `If-Match: "other"`).want(t, http.StatusPreconditionFailed)
	s.do(http.MethodDelete, media, "").want(t, http.StatusNoContent)
	s.get(member).want(t, http.StatusGone)
	s.get(media).want(t, http.StatusGone)
}

// overtaken has another request come in once an entry's media are looked up.
type overtaken struct {
	*bustest.Memory
	by func()
}

func (o *overtaken) Media(ctx context.Context, feed, uuid string) (*bus.Media, error) {
	m, err := o.Memory.Media(ctx, feed, uuid)
	if by := o.by; by != nil {
		o.by = nil
		by()
	}
	return m, err
}

func TestNoFileIsDeletedThatItsReaderHasNotSeen(t *testing.T) {
	store := &overtaken{Memory: new(bustest.Memory)}
	s := serve(t, Handler{Bus: openBus(t, store)})
	_, media := s.postMedia("image/png", "seen")
	seen := "If-Match: " + s.get(media).want(t, http.StatusOK).Header.Get("ETag")
	store.by = func() {
		s.do(http.MethodPut, media, "unseen", "Content-Type: image/png", seen).want(t, http.StatusNoContent)
	}
	s.do(http.MethodDelete, media, "", seen).want(t, http.StatusPreconditionFailed)
	if a := s.get(media).want(t, http.StatusOK); a.body != "unseen" {
		t.Errorf("the file is %q", a.body)
	}
}

func TestMediaHaveALimitOfTheirOwn(t *testing.T) {
	s := serve(t, Handler{MaxMedia: 1000, MaxBody: 100})
	s.postMedia("image/png", strings.Repeat("x", 1000))
	for _, fields := range [][]string{{"Content-Type: image/png"}, {"Content-Type: application/octet-stream"}} {
		a := s.do(http.MethodPost, "/feeds/x", strings.Repeat("\x01", 1001), fields...).want(t, http.StatusRequestEntityTooLarge)
		a.wantText(t, "--max-media")
	}
	a, err := s.try(http.MethodPost, "/feeds/x", io.MultiReader(strings.NewReader(strings.Repeat("x", 2000))), "Content-Type: image/png") // of no known length
	if err != nil || a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of no known length: %v, %v", a, err)
	}
	s.do(http.MethodPost, "/feeds/x", entry(strings.Repeat("x", 100)), "Content-Type: application/octet-stream").want(t, http.StatusRequestEntityTooLarge).wantText(t, "--max-body")
}

func TestAnUploadThatBreaksOffPublishesNothing(t *testing.T) {
	s := serve(t, Handler{})
	s.publish("x", "first")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send(t, conn, "POST /feeds/x HTTP/1.1\r\nHost: h\r\nContent-Type: image/png\r\nContent-Length: 300000\r\n\r\n"+binary[:299999])
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 400 ") {
		t.Errorf("answered %q, %v", text, err)
	}
	s.get("/feeds/x").want(t, http.StatusOK).wantField(t, "Xlastid", "1")
}

func TestARepeatedUploadIsPublishedOnce(t *testing.T) {
	s := serve(t, Handler{})
	first := s.do(http.MethodPost, "/feeds/x", "bytes", "Content-Type: image/png", "Idempotency-Key: 1").want(t, http.StatusCreated)
	again := s.do(http.MethodPost, "/feeds/x", "bytes", "Content-Type: image/png", "Idempotency-Key: 1").want(t, http.StatusCreated)
	again.wantField(t, "Idempotency-Replayed", "true")
	again.wantField(t, "Location", first.Header.Get("Location"))
	s.do(http.MethodPost, "/feeds/x", "other", "Content-Type: image/png", "Idempotency-Key: 1").want(t, http.StatusConflict)
	if diff := cmp.Diff("bytes", s.get(s.editMedia(readLink(t, again.body))).body); diff != "" {
		t.Error(diff)
	}
}

// A type that a document cannot carry as it was sent is written anew.
func TestATypeThatIsNoASCIIBreaksNoFeed(t *testing.T) {
	s := serve(t, Handler{})
	_, media := s.postMedia("image/png; name=\"\xff\"", "bytes")
	s.get(media).want(t, http.StatusOK)
	if err := xml.Unmarshal([]byte(s.get("/feeds/x").body), new(struct{})); err != nil {
		t.Error(err)
	}
}
