package api

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheServiceDocumentAcceptsWhatPOSTTakes(t *testing.T) {
	s := serve(t, Handler{})
	s.publish("x", "e1")
	var service struct {
		Accept []string `xml:"workspace>collection>accept"`
	}
	if err := xml.Unmarshal([]byte(s.get("/service").want(t, http.StatusOK).body), &service); err != nil {
		t.Fatal(err)
	}
	fields := s.do(http.MethodOptions, "/feeds/x", "").want(t, http.StatusNoContent).Header.Get("Accept-Post")
	if diff := cmp.Diff(strings.Split(fields, ", "), service.Accept); diff != "" {
		t.Errorf("(-Accept-Post +app:accept):\n%s", diff)
	}
	taken := map[string]string{ // a body for each range
		"application/atom+xml":              entry("e"),
		"application/atom+xml;type=entry":   entry("e"),
		"application/atom+xml;type=feed":    `<feed xmlns="http://www.w3.org/2005/Atom">` + entry("e") + `</feed>`,
		"application/xml":                   entry("e"),
		"text/*":                            "text",
		"application/json":                  "{}",
		"application/*+json":                "{}",
		"application/x-www-form-urlencoded": "title=t",
		"*/*":                               "\x89PNG",
	}
	for _, accept := range service.Accept {
		typ := strings.NewReplacer("text/*", "text/csv", "*+json", "ld+json", "*/*", "image/png").Replace(accept)
		s.do(http.MethodPost, "/feeds/x", taken[accept], "Content-Type: "+typ).want(t, http.StatusCreated)
	}
	if len(taken) != len(service.Accept) {
		t.Errorf("%d ranges are taken, and %d announced", len(taken), len(service.Accept))
	}
	for _, typ := range []string{"multipart/form-data; boundary=x", "multipart/mixed"} {
		s.do(http.MethodPost, "/feeds/x", "x", "Content-Type: "+typ).want(t, http.StatusUnsupportedMediaType).wantField(t, "Accept-Post", fields)
	}
}

func TestAFormOfACompositeTypeIsRefusedWithoutAPlace(t *testing.T) {
	s := serve(t, Handler{})
	a := s.do(http.MethodPost, "/feeds/x", "content=c&type=multipart/mixed", "Content-Type: application/x-www-form-urlencoded").want(t, http.StatusBadRequest)
	a.wantText(t, "This cannot become an entry")
	if strings.Contains(a.body, "column") {
		t.Errorf("the answer names a place in a document that nobody sent: %s", a.body)
	}
}

func TestWhatIsTooLongForAnEntryIsKeptAsAFileWhenItIsPostedAsTheErrorSays(t *testing.T) {
	s := serve(t, Handler{})
	long := `{"a":"` + strings.Repeat("a", 6_800_000) + `"}`
	refused := s.do(http.MethodPost, "/feeds/x", long, "Content-Type: application/json").want(t, http.StatusRequestEntityTooLarge)
	refused.wantText(t, "9000000")
	refused.wantText(t, "Post it as application/octet-stream")
	s.do(http.MethodPost, "/feeds/x", long, "Content-Type: application/octet-stream").want(t, http.StatusCreated)
}
