package api

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// validate holds the bodies of answers, by name, to a grammar of package feeds.
func validate(t *testing.T, schema string, docs map[string]*answer) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"-c", filepath.Join("..", "feeds", "testdata", "schema", schema)}
	for name, a := range docs {
		path := filepath.Join(dir, name+".xml")
		if err := os.WriteFile(path, []byte(a.body), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if out, err := exec.CommandContext(t.Context(), "jing", args...).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, strings.ReplaceAll(string(out), dir, ""))
	}
}

func TestEveryKindOfDocumentFollowsItsGrammar(t *testing.T) {
	if _, err := exec.LookPath("jing"); err != nil {
		t.Skip("needs jing: apt-get install jing")
	}
	s := serve(t, Handler{Pages: plainPages{}})
	post := func(feed, typ, body string) *answer {
		return s.do(http.MethodPost, "/feeds/"+feed, body, "Content-Type: "+typ).want(t, http.StatusCreated)
	}
	docs := make(map[string]*answer)
	for name, body := range map[string][2]string{
		"posted-text":  {"text/plain", "some text"},
		"posted-html":  {"text/html", "<p>some"},
		"posted-json":  {"application/json", `{"a": 1}`},
		"posted-form":  {"application/x-www-form-urlencoded", "title=T&content=C&author=A&category=a&category=b&link=http%3A%2F%2Fe&summary=S"},
		"posted-loose": {"application/x-www-form-urlencoded", "<entry> <title>allo</title> </entry>"},
		"posted-batch": {"application/atom+xml", `<feed xmlns="http://www.w3.org/2005/Atom"><author><name>A</name></author><entry><title>a</title></entry><entry><title>b</title></entry></feed>`},
	} {
		docs[name] = post("x", body[0], body[1])
	}
	docs["posted-media"] = post("x", "image/png", "\x89PNG")
	draft := `<entry xmlns="http://www.w3.org/2005/Atom" xmlns:app="http://www.w3.org/2007/app"><title>later</title><app:control><app:draft>yes</app:draft></app:control></entry>`
	docs["draft"] = post("x", "application/atom+xml", draft)
	s.do(http.MethodPut, "/feeds/fixed/settings", `{"categories": {"fixed": true, "list": [{"term": "a", "scheme": "urn:s", "label": "A"}]}, "accepts": ["image/*"]}`, "Content-Type: application/json").want(t, http.StatusCreated)
	edited, deleted := s.member(s.publish("x", "e")), s.member(s.publish("x", "e"))
	docs["edited"] = s.do(http.MethodPut, edited, entry("edited"), atomType).want(t, http.StatusOK)
	s.do(http.MethodDelete, deleted, "").want(t, http.StatusNoContent)
	old := s.get("/feeds/x").want(t, http.StatusOK).Header.Get("ETag")
	for i := range 200 {
		s.publish("y", fmt.Sprint(i))
	}
	s.publish("x", "new")
	for name, path := range map[string]string{
		"newest": "/feeds/x", "older": "/feeds/y?older-than=150", "newer": "/feeds/y?newer-than=0", "cursor": "/feeds/x?after=0", "tail": "/feeds/x?after=999",
		"limited": "/feeds/x?limit=2", "member": edited, "archive": "/feeds/y/archive/64-127", "newest-with-archive": "/feeds/y",
		"several": "/feeds?feed=x&feed=y&after=0",
	} {
		docs[name] = s.get(path, "Accept: application/atom+xml").want(t, http.StatusOK)
	}
	docs["delta"] = s.get("/feeds/x", "A-IM: feed", "If-None-Match: "+old).want(t, http.StatusIMUsed)
	validate(t, "atommq.rnc", docs)
	validate(t, "list.rnc", map[string]*answer{
		"list": s.get("/feeds", "Accept: application/atom+xml").want(t, http.StatusOK), "page": s.get("/feeds?limit=1", "Accept: application/atom+xml").want(t, http.StatusOK),
	})
	validate(t, "service.rnc", map[string]*answer{
		"service": s.get("/service").want(t, http.StatusOK), "page": s.get("/service?limit=1").want(t, http.StatusOK),
		"categories": s.get("/feeds/fixed/categories").want(t, http.StatusOK),
	})
}
