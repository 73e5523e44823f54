package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestA201NamesTheEntryAndCarriesIt(t *testing.T) {
	s := serve(t, Handler{})
	a := s.publish("x", "hello")
	location := a.Header.Get("Location")
	if !strings.HasPrefix(location, s.url+"/feeds/x/entries/") {
		t.Errorf("Location is %q", location)
	}
	a.wantField(t, "Content-Location", location)
	a.wantField(t, "Xlastid", "1")
	a.wantField(t, "ETag", `"1"`)
	a.wantField(t, "Content-Type", "application/atom+xml;type=entry;charset=utf-8")
	a.wantText(t, "<content>text of hello</content>")
	got := s.get(s.member(a)).want(t, http.StatusOK)
	if got.body != a.body {
		t.Errorf("GET of Location:\n%s\nthe 201 had:\n%s", got.body, a.body)
	}
	got.wantField(t, "ETag", `"1"`)
}

func TestWhatACollectionTakes(t *testing.T) {
	for _, test := range []struct {
		name, body string
		fields     []string
		want       string // in the entry
	}{
		{"atom under curl's form type", "<entry> <title>allo</title> </entry>", []string{"Content-Type: application/x-www-form-urlencoded"}, "<title>allo</title>"},
		{"atom without a type", "<entry><title>allo</title></entry>", nil, "<title>allo</title>"},
		{"atom as octets", "<entry><title>allo</title></entry>", []string{"Content-Type: application/octet-stream"}, "<title>allo</title>"},
		{"atom as text", "<?xml version='1.0'?><!-- c --><a:entry xmlns:a='http://www.w3.org/2005/Atom'><a:title>allo</a:title></a:entry>", []string{"Content-Type: text/plain"}, "<a:title>allo</a:title>"},
		{"atom in latin 1", "<entry><title>caf\xe9</title></entry>", []string{"Content-Type: application/atom+xml; charset=iso-8859-1"}, "<title>café</title>"},
		{"text", "an <important> message", []string{"Content-Type: text/plain"}, "an &lt;important&gt; message"},
		{"text in latin 1", "caf\xe9", []string{"Content-Type: text/plain; charset=ISO-8859-1"}, "café"},
		{"text with a slug", "body", []string{"Content-Type: text/plain", "Slug: The%20t%C3%ADtle"}, "<title>The títle</title>"},
		{"html", "<p>hi</p>", []string{"Content-Type: text/html"}, `type="html"`},
		{"markdown", "# hi", []string{"Content-Type: text/markdown"}, `type="text/markdown"`},
		{"json", `{"a": 1}`, []string{"Content-Type: application/json"}, `type="application/json"`},
		{"other json", `{"a": 1}`, []string{"Content-Type: application/vnd.acme+json"}, `type="application/vnd.acme+json"`},
		{"form", "title=T+1&content=C%26&author=me&category=a&category=b&link=http%3A%2F%2Fexample.org%2F&summary=S", []string{"Content-Type: application/x-www-form-urlencoded"}, `<title>T 1</title>`},
		{"form with html", "content=%3Cp%3Ehi&type=html", []string{"Content-Type: application/x-www-form-urlencoded"}, `&lt;p&gt;hi`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, Handler{})
			a := s.do(http.MethodPost, "/feeds/x", test.body, test.fields...).want(t, http.StatusCreated)
			s.get(s.member(a)).want(t, http.StatusOK).wantText(t, test.want)
		})
	}
}

func TestAFeedDocumentIsPublishedAsOneBatch(t *testing.T) {
	s := serve(t, Handler{})
	s.fill(1)
	batch := `<feed xmlns="http://www.w3.org/2005/Atom"><title>b</title>` + entry("one") + entry("two") + `</feed>`
	a := s.do(http.MethodPost, "/feeds/x", batch, atomType).want(t, http.StatusCreated)
	a.wantField(t, "Xlastid", "3")
	a.wantField(t, "Location", s.url+"/feeds/x?after=1&limit=2")
	a.wantText(t, "<title>one</title>")
	back := s.get(s.member(a)).want(t, http.StatusOK)
	if strings.Contains(back.body, "<title>e1</title>") || strings.Count(back.body, "<entry") != 2 {
		t.Errorf("Location reads:\n%s", back.body)
	}
	broken := strings.Replace(batch, "<title>two</title>", "<title>two</wrong>", 1)
	s.do(http.MethodPost, "/feeds/x", broken, atomType).want(t, http.StatusBadRequest)
	s.get("/feeds/x").want(t, http.StatusOK).wantField(t, "Xlastid", "3")
}

func TestAKeyPublishesOnce(t *testing.T) {
	s := serve(t, Handler{})
	post := func(body string) *answer {
		return s.do(http.MethodPost, "/feeds/x", body, atomType, "Idempotency-Key: k 1")
	}
	first := post(entry("a")).want(t, http.StatusCreated)
	first.wantField(t, "Idempotency-Replayed", "")
	again := post(entry("a")).want(t, http.StatusCreated)
	again.wantField(t, "Idempotency-Replayed", "true")
	again.wantField(t, "Location", first.Header.Get("Location"))
	again.wantField(t, "Xlastid", "1")
	post(entry("b")).want(t, http.StatusConflict)
	s.do(http.MethodDelete, s.member(first), "").want(t, http.StatusNoContent)
	post(entry("a")).want(t, http.StatusGone)
}

func TestTheLocationOfARepeatedBatchReadsWhatIsLeftOfIt(t *testing.T) {
	s := serve(t, Handler{})
	batch := `<feed xmlns="http://www.w3.org/2005/Atom"><title>b</title>` + entry("one") + entry("two") + entry("three") + `</feed>`
	post := func() *answer {
		return s.do(http.MethodPost, "/feeds/x", batch, atomType, "Idempotency-Key: k")
	}
	var members []string
	for _, m := range regexp.MustCompile(`rel="edit"[^>]*href="([^"]+)"`).FindAllStringSubmatch(post().want(t, http.StatusCreated).body, -1) {
		members = append(members, s.path(m[1]))
	}
	s.publish("x", "another")
	s.do(http.MethodPut, members[0], entry("one again"), atomType).want(t, http.StatusOK)
	s.do(http.MethodDelete, members[1], "").want(t, http.StatusNoContent)
	again := post().want(t, http.StatusCreated)
	back := s.get(s.member(again)).want(t, http.StatusOK)
	back.wantText(t, "<title>three</title>")
	back.wantText(t, "<title>one again</title>")
	back.wantText(t, "deleted-entry")
	s.do(http.MethodDelete, members[0], "").want(t, http.StatusNoContent)
	post().want(t, http.StatusCreated)
	s.do(http.MethodDelete, members[2], "").want(t, http.StatusNoContent)
	post().want(t, http.StatusGone).wantText(t, "Use a new key")
}

func TestGzippedBodiesAreTakenUpToTheLimit(t *testing.T) {
	s := serve(t, Handler{MaxBody: 64 << 10})
	post := func(body string) *answer {
		return s.do(http.MethodPost, "/feeds/x", body, atomType, "Content-Encoding: gzip")
	}
	post(packed(t, entry("packed"))).want(t, http.StatusCreated).wantText(t, "<title>packed</title>")
	post(packed(t, strings.Repeat(" ", 5<<20))).want(t, http.StatusRequestEntityTooLarge)
	post(packed(t, entry("packed"))[:40]).want(t, http.StatusBadRequest)
	post(entry("plain")).want(t, http.StatusBadRequest)
	s.do(http.MethodPost, "/feeds/x", packed(t, entry("packed")), atomType, "Content-Encoding: gzip", "Content-Encoding: br").want(t, http.StatusUnsupportedMediaType)
	// The pooled readers are whole after that.
	post(packed(t, entry("packed"))).want(t, http.StatusCreated)
}

func TestManyFirstPostsToOneFeedAllSucceed(t *testing.T) {
	s := serve(t, Handler{})
	const posts = 200
	var all sync.WaitGroup
	begin := make(chan struct{})
	failed := make(chan string, posts)
	for i := range posts {
		all.Go(func() {
			<-begin
			a, err := s.try(http.MethodPost, "/feeds/new", strings.NewReader(entry(fmt.Sprint(i))), atomType)
			if err != nil {
				failed <- err.Error()
			} else if a.StatusCode != http.StatusCreated {
				failed <- a.Status + a.body
			}
		})
	}
	close(begin)
	all.Wait()
	close(failed)
	for f := range failed {
		t.Error(f)
	}
	a := s.get("/feeds/new?limit=1000&after=0").want(t, http.StatusOK)
	if n := strings.Count(a.body, "<entry"); n != posts {
		t.Errorf("the feed has %d entries, want %d", n, posts)
	}
}

func TestALargeEntryComesBackWhole(t *testing.T) {
	s := serve(t, Handler{})
	text := strings.Repeat("0123456789abcdef", 200_000) // 3.2 MB: streamed in chunks
	a := s.do(http.MethodPost, "/feeds/x", "<entry><title>big</title><content>"+text+"</content></entry>", atomType).want(t, http.StatusCreated)
	a.wantText(t, text)
	s.get("/feeds/x").want(t, http.StatusOK).wantText(t, text)
	for _, path := range []string{"/feeds/x", s.member(a)} {
		packed := s.get(path, "Accept-Encoding: gzip").want(t, http.StatusOK)
		packed.wantField(t, "Content-Encoding", "gzip")
		if got := unpack(t, packed); !strings.Contains(got, text) {
			t.Errorf("%s: unpacked body lacks the text", path)
		}
	}
}

func unpack(t testing.TB, a *answer) string {
	t.Helper()
	gz, err := gzip.NewReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(gz); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
