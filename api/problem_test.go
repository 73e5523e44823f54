package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

func TestEveryRefusalSaysWhatToDo(t *testing.T) {
	const nowhere = "/entries/00000000-0000-4000-8000-000000000000"
	for _, test := range []struct {
		name         string
		method, path string // {m}: an entry's path; {d}: a deleted one's; {a}: one in an append-only feed
		body         string
		fields       []string
		status       int
		says         string
	}{
		{"no such path", "GET", "/nothing", "", nil, 404, "/feeds/{name}"},
		{"slash in a name", "GET", "/feeds/a/b", "", nil, 404, "%2F"},
		{"slash at the end", "GET", "/feeds/x/", "", nil, 404, "Leave it out: /feeds/x. A slash in a feed's name is written %2F."},
		{"slash at the list's end", "GET", "/feeds/", "", nil, 404, "Leave it out: /feeds."},
		{"no such feed", "GET", "/feeds/none", "", nil, 404, "POST an entry"},
		{"no such feed by cursor", "GET", "/feeds/none?after=4", "", nil, 404, "POST an entry"},
		{"no such feed by uuid", "GET", "/feeds/none?start_after=urn:uuid:00000000-0000-4000-8000-000000000000", "", nil, 404, "POST an entry"},
		{"name with a control character", "GET", "/feeds/a%0Ab", "", nil, 404, "control characters"},
		{"name that is not UTF-8", "POST", "/feeds/%FF", entry("a"), []string{atomType}, 404, "UTF-8"},
		{"name too long", "POST", "/feeds/" + strings.Repeat("n", 256), entry("a"), []string{atomType}, 404, "255 bytes"},
		{"name .", "POST", "/feeds/%2E", entry("a"), []string{atomType}, 404, "name"},
		{"no such entry", "GET", "/feeds/x" + nowhere, "", nil, 404, "POST to the feed"},
		{"no uuid", "GET", "/feeds/x/entries/12", "", nil, 404, "POST to the feed"},
		{"PUT to no entry", "PUT", "/feeds/x" + nowhere, entry("a"), []string{atomType}, 404, "POST to the feed"},
		{"DELETE of no entry", "DELETE", "/feeds/x" + nowhere, "", nil, 404, "POST to the feed"},
		{"entry of another feed", "GET", "/feeds/append{e}", "", nil, 404, "POST to the feed"},
		{"deleted entry", "GET", "{d}", "", nil, 410, "deleted"},
		{"PUT to a deleted entry", "PUT", "{d}", entry("a"), []string{atomType}, 410, "deleted"},
		{"DELETE of a deleted entry", "DELETE", "{d}", "", nil, 410, "deleted"},
		{"If-Match of a deleted entry", "DELETE", "{d}", "", []string{"If-Match: *"}, 410, "deleted"},
		{"append-only PUT", "PUT", "{a}", entry("a"), []string{atomType}, 405, "append-only"},
		{"append-only DELETE", "DELETE", "{a}", "", nil, 405, "append-only"},
		{"PUT to a feed", "PUT", "/feeds/x", entry("a"), []string{atomType}, 405, "GET, HEAD, OPTIONS, POST"},
		{"POST to the list", "POST", "/feeds", entry("a"), []string{atomType}, 405, "GET, HEAD, OPTIONS"},
		{"POST to an entry", "POST", "{m}", entry("a"), []string{atomType}, 405, "DELETE, GET, HEAD, OPTIONS, PUT"},
		{"HTML under curl's type", "POST", "/feeds/x", "<!DOCTYPE html><p>a=b", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "Content-Type: text/html"},
		{"XML under curl's type", "POST", "/feeds/x", "\n<order n='1'/>", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "Content-Type: text/plain"},
		{"DOCTYPE before an entry", "POST", "/feeds/x", "<?xml version='1.0'?>\n<!DOCTYPE entry [<!ENTITY a 'b'>]><entry/>", []string{"Content-Type: application/x-www-form-urlencoded"}, 400, "Line 2, column 1: a DOCTYPE is not taken"},
		{"DOCTYPE before a feed without a type", "POST", "/feeds/x", "<!DOCTYPE feed><feed/>", nil, 400, "Line 1, column 1: a DOCTYPE is not taken"},
		{"unknown method", "FROBNICATE", "/feeds/x", "", nil, 501, "FROBNICATE"},
		{"cursor is no number", "GET", "/feeds/x", "", []string{"Xlastid: abc"}, 400, "Xlastid"},
		{"cursor is negative", "GET", "/feeds/x", "", []string{"Xlastid: -1"}, 400, "whole number"},
		{"cursor has a sign", "GET", "/feeds/x?after=%2B1", "", nil, 400, "whole number"},
		{"cursor is empty", "GET", "/feeds/x?after=", "", nil, 400, "whole number"},
		{"cursor is too large", "GET", "/feeds/x?after=9223372036854775808", "", nil, 400, "9223372036854775807"},
		{"cursor is a fraction", "GET", "/feeds/x?after=1.5", "", nil, 400, "whole number"},
		{"cursor twice", "GET", "/feeds/x?after=1&after=1", "", nil, 400, "more than once"},
		{"field twice", "GET", "/feeds/x", "", []string{"Xlastid: 1", "Xlastid: 2"}, 400, "more than once"},
		{"two cursors", "GET", "/feeds/x?after=1&start_at=1", "", nil, 400, "after and start_at"},
		{"field and parameter", "GET", "/feeds/x?after=1", "", []string{"Xlastid: 2"}, 400, "Xlastid and after"},
		{"cursor of an unknown uuid", "GET", "/feeds/x?start_after=urn:uuid:00000000-0000-4000-8000-000000000000", "", nil, 400, "No such entry exists"},
		{"cursor of no uuid", "GET", "/feeds/x?start_after=urn:uuid:12", "", nil, 400, "urn:uuid:"},
		{"limit 0", "GET", "/feeds/x?limit=0", "", nil, 400, "1 to 1000"},
		{"limit negative", "GET", "/feeds/x?limit=-1", "", nil, 400, "1 to 1000"},
		{"limit no number", "GET", "/feeds?limit=NaN", "", nil, 400, "1 to 1000"},
		{"limit twice", "GET", "/feeds/x?limit=1&limit=1", "", nil, 400, "more than once"},
		{"list twice bounded", "GET", "/feeds?after=a&before=b", "", nil, 400, "after and before"},
		{"query cannot be read", "GET", "/feeds/x?after=%zz", "", nil, 400, "Percent-encode"},
		{"nothing acceptable", "GET", "/feeds/x", "", []string{"Accept: image/png"}, 406, "application/atom+xml"},
		{"no HTML here", "GET", "/feeds/x", "", []string{"Accept: text/html"}, 406, "application/atom+xml"},
		{"Atom refused", "GET", "{m}", "", []string{"Accept: application/atom+xml;q=0"}, 406, "application/xml"},
		{"empty body", "POST", "/feeds/x", "", nil, 400, "empty"},
		{"empty Atom", "POST", "/feeds/x", "", []string{atomType}, 400, "empty"},
		{"malformed", "POST", "/feeds/x", "<entry>\n <title>a</b></entry>", []string{atomType}, 400, "Line 2, column"},
		{"another root", "POST", "/feeds/x", "<rss/>", []string{"Content-Type: text/xml"}, 400, "Line 1"},
		{"empty batch", "POST", "/feeds/x", `<feed xmlns="http://www.w3.org/2005/Atom"/>`, []string{atomType}, 400, "no entry"},
		{"unknown charset", "POST", "/feeds/x", "hi", []string{"Content-Type: text/plain; charset=ebcdic"}, 415, "UTF-8"},
		{"unknown charset of Atom", "POST", "/feeds/x", entry("a"), []string{"Content-Type: application/atom+xml; charset=ebcdic"}, 415, "UTF-8"},
		{"media that the feed does not take", "POST", "/feeds/pictures", "%PDF", []string{"Content-Type: application/pdf"}, 415, "image/*"},
		{"text that the feed does not take", "POST", "/feeds/pictures", "hi", []string{"Content-Type: text/plain"}, 415, "image/*"},
		{"batch that the feed does not take", "POST", "/feeds/pictures", "<feed>" + entry("a") + "</feed>", []string{atomType}, 415, "application/atom+xml;type=entry"},
		{"feed that takes nothing", "POST", "/feeds/closed", entry("a"), []string{atomType}, 405, "no new entries"},
		{"category that is not fixed", "POST", "/feeds/pictures", "<entry><category term='z'/></entry>", []string{atomType}, 400, "/feeds/pictures/categories"},
		{"no media", "GET", "{m}/media", "", nil, 404, "POST a file"},
		{"media of a deleted entry", "GET", "{d}/media", "", nil, 410, "deleted"},
		{"media of no entry", "PUT", "/feeds/x" + nowhere + "/media", "x", []string{"Content-Type: image/png"}, 404, "POST to the feed"},
		{"range beyond the media", "GET", "{p}/media", "", []string{"Range: bytes=7-"}, 416, "from 0 to 3"},
		{"media changed meanwhile", "PUT", "{p}/media", "x", []string{"Content-Type: image/png", `If-Match: "0"`}, 412, "GET this URL again"},
		{"media of a type that is not taken", "PUT", "{p}/media", "x", []string{"Content-Type: application/pdf"}, 415, "image/*"},
		{"content in place of media", "PUT", "{p}", "<entry><content>x</content></entry>", []string{atomType}, 400, "edit-media"},
		{"POST to media", "POST", "{p}/media", "x", []string{"Content-Type: image/png"}, 405, "DELETE, GET, HEAD, OPTIONS, PUT"},
		{"draft of what is published", "PUT", "{m}", `<entry xmlns="http://www.w3.org/2005/Atom"><control xmlns="http://www.w3.org/2007/app"><draft>yes</draft></control></entry>`, []string{atomType}, 409, "app:draft"},
		{"draft that is neither", "POST", "/feeds/x", `<entry xmlns="http://www.w3.org/2005/Atom"><control xmlns="http://www.w3.org/2007/app"><draft>maybe</draft></control></entry>`, []string{atomType}, 400, `"yes" or "no"`},
		{"no feed", "GET", "/feeds/none", "", nil, 404, "POST an entry to this URL to create it. Feeds are listed at /feeds."},
		{"form of no feed", "GET", "/feeds/none.json", "", []string{"Accept: */*"}, 404, "POST an entry to /feeds/none to create it. Feeds are listed at /feeds."},
		{"settings of no feed with a suffix", "GET", "/feeds/none.json/settings", "", nil, 404, "POST an entry to /feeds/none.json "},
		{"keep less than nothing", "PUT", "/feeds/x/settings", `{"keep":{"entries":-1}}`, nil, 400, "keep.entries: -1 is out of range: give a whole number from 0 on, 0 for no bound. Nothing was changed."},
		{"address without @", "PUT", "/feeds/x/settings", `{"author":{"email":"x"}}`, nil, 400, "The author's e-mail address has no @. Nothing was changed."},
		{"settings of no feed", "GET", "/feeds/none/settings", "", nil, 404, "POST an entry to /feeds/none "},
		{"settings that are not known", "PUT", "/feeds/x/settings", `{"titel":"x"}`, []string{"Content-Type: application/json"}, 400, `there is no member "titel". Nothing was changed.`},
		{"settings that are no JSON", "PUT", "/feeds/x/settings", `title`, []string{"Content-Type: application/json"}, 400, "its members are"},
		{"trying a removal of a feed", "DELETE", "/feeds/x?dry-run=1", "", nil, 400, `"dry-run": this takes no parameters`},
		{"trying a removal of an entry", "DELETE", "{m}?dry-run=1", "", nil, 400, "this takes no parameters"},
		{"removing part of a feed", "DELETE", "/feeds/x?category=a", "", nil, 400, "this takes no parameters"},
		{"parameters of an edit", "PUT", "{m}?title=x", entry("a"), []string{atomType}, 400, "this takes no parameters"},
		{"parameters of settings", "PUT", "/feeds/x/settings?title=x", "{}", nil, 400, "this takes no parameters"},
		{"parameters of media", "PUT", "{p}/media?type=image/png", "x", []string{"Content-Type: image/png"}, 400, "this takes no parameters"},
		{"DELETE of a form", "DELETE", "{m}.json", "", nil, 404, "Only GET takes the suffix .json"},
		{"If-Match of a read of media", "GET", "{p}/media", "", []string{`If-Match: "zz"`, "Range: bytes=1-"}, 412, "GET this URL again"},
		{"old media", "GET", "{p}/media", "", []string{"If-Unmodified-Since: Thu, 01 Jan 2015 00:00:00 GMT"}, 412, "GET this URL again"},
		{"media of no type", "PUT", "{p}/media", "x", nil, 415, "curl -T FILE"},
		{"media in a form", "PUT", "{p}/media", "--b--", []string{"Content-Type: multipart/form-data; boundary=b"}, 415, "sent by itself, not in multipart/form-data"},
		{"type without a subtype", "POST", "/feeds/x", "x", []string{"Content-Type: foo"}, 415, "no type and subtype"},
		{"range of types", "POST", "/feeds/x", "x", []string{"Content-Type: image/*"}, 415, "no type and subtype"},
		{"range of texts", "POST", "/feeds/x", "x", []string{"Content-Type: text/*"}, 415, "no type and subtype"},
		{"JSON that is not UTF-8", "POST", "/feeds/x", "{\"a\":\"\xff\"}", []string{"Content-Type: application/json"}, 400, "not UTF-8"},
		{"draft without a namespace", "POST", "/feeds/x", "<entry><control><draft>yes</draft></control></entry>", []string{atomType}, 400, `<control xmlns="http://www.w3.org/2007/app">`},
		{"author's URI that is none", "PUT", "/feeds/x/settings", `{"author":{"uri":"not a uri <>"}}`, nil, 400, "a space as %20"},
		{"setting in another case", "PUT", "/feeds/x/settings", `{"Title":"x"}`, nil, 400, `there is no member "Title". Nothing was changed.`},
		{"setting within a setting in another case", "PUT", "/feeds/x/settings", `{"keep":{"Age":1}}`, nil, 400, `there is no member "keep.Age"`},
		{"setting within a list in another case", "PUT", "/feeds/x/settings", `{"categories":{"list":[{"term":"a"},{"Term":"b"}]}}`, nil, 400, `there is no member "categories.list.Term"`},
		{"setting that stands twice", "PUT", "/feeds/x/settings", `{"title":"a","title":"b"}`, nil, 400, "title stands twice"},
		{"settings twice", "PUT", "/feeds/x/settings", `{} {}`, nil, 400, "something follows the object"},
		{"settings of another type", "PUT", "/feeds/x/settings", `title`, []string{"Content-Type: text/plain"}, 415, "application/json"},
		{"a queue of another type", "PUT", "/feeds/x/queues/q", `attempts`, []string{"Content-Type: text/plain"}, 415, `{"attempts": 5}`},
		{"setting that cannot be", "PUT", "/feeds/x/settings", `{"accepts":["image"]}`, nil, 400, "image/png"},
		{"settings changed meanwhile", "PUT", "/feeds/x/settings", `{}`, []string{`If-Match: "7-x"`}, 412, "GET this URL again"},
		{"settings as HTML", "GET", "/feeds/x/settings", "", []string{"Accept: text/html"}, 406, "application/json"},
		{"categories of no feed", "GET", "/feeds/none/categories", "", nil, 404, "POST an entry"},
		{"DELETE of no feed", "DELETE", "/feeds/none", "", nil, 404, "POST an entry"},
		{"DELETE of a feed that changed", "DELETE", "/feeds/x", "", []string{`If-Match: "1"`}, 412, "GET this URL again"},
		{"multipart", "POST", "/feeds/x", "--b--", []string{"Content-Type: multipart/form-data; boundary=b"}, 415, "--data-urlencode"},
		{"no type", "POST", "/feeds/x", "hello", nil, 415, "text/plain"},
		{"type cannot be read", "POST", "/feeds/x", "hello", []string{"Content-Type: text/"}, 415, "text/plain"},
		{"two types", "POST", "/feeds/x", "hello", []string{"Content-Type: text/plain", "Content-Type: text/html"}, 400, "more than once"},
		{"not JSON", "POST", "/feeds/x", `{"a":`, []string{"Content-Type: application/json"}, 400, "not JSON"},
		{"JSON as a form", "POST", "/feeds/x", `{"order":1}`, []string{"Content-Type: application/x-www-form-urlencoded"}, 400, "JSON goes with Content-Type: application/json"},
		{"text as a form", "POST", "/feeds/x", "hello world", []string{"Content-Type: application/x-www-form-urlencoded"}, 400, "text/plain"},
		{"broken form", "POST", "/feeds/x", "title=%zz", []string{"Content-Type: application/x-www-form-urlencoded"}, 400, "--data-urlencode"},
		{"form field twice", "POST", "/feeds/x", "title=a&title=b", []string{"Content-Type: application/x-www-form-urlencoded"}, 400, "more than once"},
		{"form with half of JSON", "POST", "/feeds/x", "type=application/json&content={", []string{"Content-Type: application/x-www-form-urlencoded"}, 400, "The form's field content is not JSON"},
		{"entry to the list of feeds", "POST", "/feeds", entry("e"), []string{atomType}, 405, "An entry is posted to its feed"},
		{"settings at a feed", "PUT", "/feeds/x", "{}", []string{"Content-Type: application/json"}, 405, "/feeds/{name}/settings"},
		{"a destination of STOMP", "GET", "/queue/x", "", nil, 404, "/feeds/{name}/queues/default/claims"},
		{"form says nothing", "POST", "/feeds/x", "title=", []string{"Content-Type: application/x-www-form-urlencoded"}, 400, "says nothing"},
		{"form field not UTF-8", "POST", "/feeds/x", "title=%ff", []string{"Content-Type: application/x-www-form-urlencoded"}, 400, "UTF-8"},
		{"form with a control character", "POST", "/feeds/x", "title=%00", []string{"Content-Type: application/x-www-form-urlencoded"}, 400, "control character"},
		{"unknown coding", "POST", "/feeds/x", "hello", []string{"Content-Type: text/plain", "Content-Encoding: br"}, 415, "gzip"},
		{"too large", "POST", "/feeds/x", strings.Repeat("x", 2<<20), []string{"Content-Type: text/plain"}, 413, "1048576 bytes"},
		{"too deep", "POST", "/feeds/x", "<entry><content type='application/xml'>" + strings.Repeat("<a>", 500) + strings.Repeat("</a>", 500) + "</content></entry>", []string{atomType}, 413, "256"},
		{"key too long", "POST", "/feeds/x", entry("a"), []string{atomType, "Idempotency-Key: " + strings.Repeat("k", 256)}, 400, "1 to 255"},
		{"key not printable", "POST", "/feeds/x", entry("a"), []string{atomType, "Idempotency-Key: ü"}, 400, "ASCII"},
		{"key twice", "POST", "/feeds/x", entry("a"), []string{atomType, "Idempotency-Key: 1", "Idempotency-Key: 2"}, 400, "more than once"},
		{"PUT of a feed", "PUT", "{m}", `<feed xmlns="http://www.w3.org/2005/Atom">` + entry("a") + `</feed>`, []string{atomType}, 400, "<entry>"},
		{"PUT of text", "PUT", "{m}", "hello", []string{"Content-Type: text/plain"}, 415, "application/atom+xml"},
		{"PUT of JSON", "PUT", "{m}", "{}", []string{"Content-Type: application/json"}, 415, "application/atom+xml"},
		{"PUT of another id", "PUT", "{m}", `<entry><id>urn:x:other</id></entry>`, []string{atomType}, 409, "atom:id"},
		{"PUT with an old ETag", "PUT", "{m}", entry("a"), []string{atomType, `If-Match: "99"`}, 412, "GET this URL again"},
		{"PUT with a weak ETag", "PUT", "{m}", entry("a"), []string{atomType, `If-Match: W/"1"`}, 412, "Leave W/ out"},
		{"DELETE with an old ETag", "DELETE", "{m}", "", []string{`If-Match: "99", "98"`}, 412, "GET this URL again"},
		{"PUT ruled out", "PUT", "{m}", entry("a"), []string{atomType, "If-None-Match: *"}, 412, "If-None-Match"},
		{"PUT after a date", "PUT", "{m}", entry("a"), []string{atomType, "If-Unmodified-Since: Thu, 01 Jan 2026 00:00:00 GMT"}, 412, "GET this URL again"},
		{"another site's page", "POST", "/feeds/x", "hello", []string{"Content-Type: text/plain", "Sec-Fetch-Site: cross-site"}, 403, "another site"},
		{"another site's old browser", "POST", "/feeds/x", "hello", []string{"Content-Type: text/plain", "Origin: http://evil.example"}, 403, "another site"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, Handler{MaxBody: 1 << 20})
			path := s.placed(test.path)
			a := s.do(test.method, path, test.body, test.fields...).want(t, test.status)
			a.wantField(t, "X-Content-Type-Options", "nosniff")
			a.wantField(t, "Cache-Control", "no-store")
			switch {
			case !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain"):
				t.Errorf("curl gets %s", a.Header.Get("Content-Type"))
			case !strings.HasPrefix(a.body, fmt.Sprintf("%d %s: ", test.status, http.StatusText(test.status))):
				t.Errorf("body: %s", a.body)
			}
			a.wantText(t, test.says)
			if test.status == 405 && a.Header.Get("Allow") == "" || test.status == 415 && a.Header.Get("Accept-Post")+a.Header.Get("Accept")+a.Header.Get("Accept-Encoding") == "" {
				t.Errorf("status %d lacks the field that goes with it: %v", test.status, a.Header)
			}
			accept := "Accept: application/problem+json"
			if test.status != http.StatusNotAcceptable {
				accept += ", application/atom+xml;q=0.9"
			}
			wantProblem(t, s.do(test.method, path, test.body, append(test.fields, accept)...), test.status)
		})
	}
}

// placed puts entries into a new server and their paths into path.
func (s *server) placed(path string) string {
	s.t.Helper()
	member := s.member(s.publish("x", "m"))
	deleted := s.member(s.publish("x", "d"))
	s.do(http.MethodDelete, deleted, "").want(s.t, http.StatusNoContent)
	appended := s.member(s.publish("append", "a"))
	yes := true
	s.configure("append", bus.Settings{AppendOnly: &yes})
	s.configure("closed", bus.Settings{Accepts: &feeds.Accepts{}})
	s.configure("pictures", bus.Settings{
		Accepts:    &feeds.Accepts{"image/*", "application/atom+xml;type=entry"},
		Categories: &feeds.Categories{Fixed: true, List: []feeds.Category{{Term: "a"}, {Term: "b"}}},
	})
	picture := s.member(s.do(http.MethodPost, "/feeds/pictures", "\x89PNG", "Content-Type: image/png").want(s.t, http.StatusCreated))
	return strings.NewReplacer("{m}", member, "{p}", picture, "{d}", deleted, "{a}", appended, "{e}", strings.TrimPrefix(member, "/feeds/x")).Replace(path)
}

// wantProblem checks an RFC 9457 document.
func wantProblem(t *testing.T, a *answer, status int) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Request string
		Status                       int
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("Content-Type %q", got)
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if p.Type != "about:blank" || p.Title != http.StatusText(p.Status) || p.Status != a.StatusCode || p.Detail == "" || p.Request == "" {
		t.Errorf("problem: %s", a.body)
	}
	if p.Status != status {
		t.Errorf("status %d, want %d", p.Status, status)
	}
}

func TestAFailingStoreIsSaidToFailAndNothingElse(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		retry  string
	}{
		{bus.ErrUnavailable, http.StatusServiceUnavailable, "5"},
		{bus.ErrReadOnly, http.StatusServiceUnavailable, "60"},
		{bus.ErrFull, http.StatusInsufficientStorage, "60"},
		{errors.New("secret: disk /dev/sdb"), http.StatusInternalServerError, ""},
	} {
		s := serve(t, Handler{})
		s.publish("x", "before")
		failing := true
		s.store.BeforeCommit = func([]*bus.Op) error {
			if failing {
				return fmt.Errorf("commit: %w", test.err)
			}
			return nil
		}
		a := s.do(http.MethodPost, "/feeds/x", entry("lost"), atomType).want(t, test.status)
		a.wantField(t, "Retry-After", test.retry)
		a.wantField(t, "Location", "")
		if strings.Contains(a.body, "secret") || strings.Contains(a.body, "commit") {
			t.Errorf("the answer shows internals: %s", a.body)
		}
		failing = false
		s.publish("x", "after")
		if got := strings.Join(titles(t, s.get("/feeds/x").body), " "); got != "after before" {
			t.Errorf("%v: the feed holds %q", test.err, got)
		}
	}
}

func TestReadinessIsThatTheStoreTakesWrites(t *testing.T) {
	serve(t, Handler{}).get("/readyz").want(t, http.StatusOK)
	for _, test := range []struct {
		err    error
		detail string
	}{
		{bus.ErrUnavailable, "does not answer"},
		{bus.ErrReadOnly, "not written"},
		{bus.ErrFull, "full"},
	} {
		s := serve(t, Handler{})
		s.store.BeforeCommit = func([]*bus.Op) error { return test.err }
		a := s.get("/readyz").want(t, http.StatusServiceUnavailable)
		a.wantField(t, "Retry-After", "5")
		if !strings.Contains(a.body, test.detail) {
			t.Errorf("%v: %s", test.err, a.body)
		}
		s.get("/healthz").want(t, http.StatusOK)
		s.get("/feeds").want(t, http.StatusOK)
	}
}

func TestAStoreThatDoesNotAnswerIsNotReady(t *testing.T) {
	s := serve(t, Handler{})
	hang := make(chan struct{})
	s.store.BeforeCommit = func([]*bus.Op) error { <-hang; return nil }
	s.get("/readyz").want(t, http.StatusServiceUnavailable)
	close(hang)
}

func TestAStoreThatCannotBeReadIsSaidToFail(t *testing.T) {
	s := serve(t, Handler{})
	s.store.BeforeRead = func() error { return bus.ErrUnavailable }
	s.get("/feeds").want(t, http.StatusServiceUnavailable)
}

func (s *server) configure(feed string, set bus.Settings) {
	s.t.Helper()
	if _, err := s.bus.Configure(context.Background(), feed, set); err != nil {
		s.t.Fatal(err)
	}
}

// What the answer shows is read once it is committed, and that may fail.
func TestWhatIsPublishedIsNotToldToBeRefused(t *testing.T) {
	s := serve(t, Handler{})
	first := s.publishIn("x", "first").want(t, http.StatusCreated)
	var failing atomic.Bool
	s.store.BeforeRead = func() error {
		if failing.Load() {
			return bus.ErrUnavailable
		}
		return nil
	}
	s.store.BeforeCommit = func([]*bus.Op) error {
		title := time.Now().String()
		if _, err := s.bus.Configure(t.Context(), "x", bus.Settings{Title: &title}); err != nil { // so that the feed is read again
			return err
		}
		failing.Store(true)
		return nil
	}
	two := `<feed xmlns="` + feeds.NamespaceAtom + `"><entry><title>a</title></entry><entry><title>b</title></entry></feed>`
	for _, change := range []struct {
		method, path, body, shows string
		status                    int
	}{
		{http.MethodPost, "/feeds/x", entry("second"), "?after=1", http.StatusCreated},
		{http.MethodPost, "/feeds/x", two, "?after=2", http.StatusCreated},
		{http.MethodPut, s.member(first), entry("first, edited"), "?after=4", http.StatusOK},
	} {
		a := s.do(change.method, change.path, change.body, atomType).want(t, change.status)
		failing.Store(false)
		if a.body != "" || a.Header.Get("Xlastid") == "" || change.status == http.StatusCreated && a.Header.Get("Location") == "" {
			t.Errorf("%s %s: %v %s", change.method, change.body, a.Header, a.body)
		}
		s.get("/feeds/x"+change.shows).want(t, http.StatusOK).wantText(t, "<entry")
	}
}
