package api

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const testQueue = "/feeds/x/queues/default"

// claimed is a claim as a worker reads it.
type claimed struct {
	ID                     int64
	Title, Type, Content   string
	Href, Ack, Nack, Renew string
	Attempt                int
	Deadline               time.Time
	Headers                map[string]string
}

// claim claims, in JSON, and checks the titles.
func (s *server) claim(query string, want ...string) []claimed {
	s.t.Helper()
	a := s.do(http.MethodPost, testQueue+"/claims"+query, "", "Accept: application/json").want(s.t, http.StatusOK)
	var doc struct{ Claims []claimed }
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil || doc.Claims == nil {
		s.t.Fatalf("%v in %s", err, a.body)
	}
	var got []string
	for _, c := range doc.Claims {
		got = append(got, c.Title)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Fatalf("claimed (-want +got):\n%s", diff)
	}
	return doc.Claims
}

// path takes the server's address off a URL.
func (s *server) path(url string) string {
	s.t.Helper()
	path, ok := strings.CutPrefix(url, s.url)
	if !ok {
		s.t.Fatalf("%q is not below %s", url, s.url)
	}
	return path
}

// queueState is what a queue says of itself.
type queueState struct {
	Feed, Name       string
	Waiting, Claimed int64
	AckTimeout       float64 `json:"ack_timeout"`
	Attempts         int
	Paused           bool
	Consumers        int
	Oldest           *time.Time
}

func (s *server) queue(a *answer) (q queueState) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(a.body), &q); err != nil {
		s.t.Fatalf("%v in %s", err, a.body)
	}
	return q
}

func TestAWorkerClaimsWorksAndAcks(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	s.fill(3)
	list := s.claim("?count=2&ack-timeout=60", "e1", "e2")
	first := list[0]
	if first.Attempt != 1 || first.Content != "text of e1" || first.Type != "text/plain" || first.ID != 1 ||
		time.Until(first.Deadline) > time.Minute || time.Until(first.Deadline) < 50*time.Second {
		t.Errorf("claim = %+v", first)
	}
	s.get(s.path(first.Href)).want(t, http.StatusOK)
	if q := s.queue(s.get(testQueue).want(t, 200)); q.Waiting != 3 || q.Claimed != 2 || q.Oldest == nil {
		t.Errorf("queue = %+v", q)
	}
	s.do(http.MethodDelete, s.path(first.Ack), "").want(t, http.StatusNoContent)
	s.do(http.MethodDelete, s.path(first.Ack), "").want(t, http.StatusGone).wantText(t, "acked, by you perhaps")
	renewed := s.do(http.MethodPost, s.path(list[1].Renew)+"?ack-timeout=3600", "").want(t, 200)
	var answer struct{ Deadline time.Time }
	if err := json.Unmarshal([]byte(renewed.body), &answer); err != nil || time.Until(answer.Deadline) < 50*time.Minute {
		t.Errorf("renewed: %s, %v", renewed.body, err)
	}
	s.do(http.MethodPost, s.path(list[1].Nack), "").want(t, http.StatusNoContent)
	s.do(http.MethodPost, s.path(list[1].Renew), "").want(t, http.StatusConflict).wantText(t, "claim again")
	if again := s.claim("?count=10", "e2", "e3"); again[0].Attempt != 2 {
		t.Errorf("attempt %d, want 2", again[0].Attempt)
	}
	s.claim("")
}

func TestClaimsComeAsAtomToo(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	s.publish("x", "a &amp; b")
	a := s.do(http.MethodPost, testQueue+"/claims", "").want(t, 200)
	a.wantField(t, "Content-Type", "application/atom+xml;type=feed;charset=utf-8")
	var doc struct {
		Entry []struct {
			Title string `xml:"http://www.w3.org/2005/Atom title"`
			Claim struct {
				Attempt  int       `xml:"attempt,attr"`
				Deadline time.Time `xml:"deadline,attr"`
			} `xml:"urn:atommq claim"`
			Link []struct {
				Rel  string `xml:"rel,attr"`
				Href string `xml:"href,attr"`
			} `xml:"http://www.w3.org/2005/Atom link"`
		} `xml:"http://www.w3.org/2005/Atom entry"`
	}
	if err := xml.Unmarshal([]byte(a.body), &doc); err != nil || len(doc.Entry) != 1 {
		t.Fatalf("%v in %s", err, a.body)
	}
	e := doc.Entry[0]
	if e.Title != "a & b" || e.Claim.Attempt != 1 || time.Until(e.Claim.Deadline) < 29*time.Minute {
		t.Errorf("entry = %+v", e)
	}
	links := make(map[string]string)
	for _, l := range e.Link {
		links[l.Rel] = l.Href
	}
	s.do(http.MethodPost, s.path(links["urn:atommq:renew"]), "").want(t, 200)
	s.do(http.MethodPost, s.path(links["urn:atommq:nack"]), "").want(t, 204)
	s.do(http.MethodDelete, s.path(links["urn:atommq:ack"]), "").want(t, http.StatusConflict)
	if empty := s.do(http.MethodPost, "/feeds/new/queues/q/claims", "").want(t, 200); strings.Contains(empty.body, "<entry") || !strings.Contains(empty.body, "<feed") {
		t.Errorf("a claim of nothing: %s", empty.body)
	}
}

func TestManyAcksAreOneRequest(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	s.fill(4)
	list := s.claim("?count=4", "e1", "e2", "e3", "e4")
	token := list[1].Ack[strings.LastIndexByte(list[1].Ack, '/')+1:]
	s.do(http.MethodPost, testQueue+"/claims/acks", list[0].Ack+"\n"+token+"\n", "Content-Type: text/plain").want(t, 200).wantText(t, `{"acked":2}`)
	both := list[0].Ack + " " + list[2].Ack
	a := s.do(http.MethodPost, testQueue+"/claims/acks", both, "Accept: application/problem+json").want(t, http.StatusConflict)
	a.wantText(t, `"acked":1`)
	a.wantText(t, `"lost":["`+list[0].Ack[strings.LastIndexByte(list[0].Ack, '/')+1:]+`"]`)
	if q := s.queue(s.get(testQueue)); q.Waiting != 1 || q.Claimed != 1 {
		t.Errorf("queue = %+v, want e4 alone", q)
	}
}

// waitForConsumers waits until so many wait for work.
func (s *server) waitForConsumers(n int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d consumers", n), func() bool { return s.queue(s.get(testQueue)).Consumers == n })
}

func TestAWaitingWorkerGetsWhatIsPublished(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	var worker sync.WaitGroup
	worker.Go(func() { s.claim("?wait=60&count=5", "e1") })
	s.waitForConsumers(1)
	start := time.Now()
	s.fill(1)
	worker.Wait()
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("handed out after %v", d)
	}
	start = time.Now()
	s.claim("?wait=0.05")
	if d := time.Since(start); d < 50*time.Millisecond || d > 5*time.Second {
		t.Errorf("waited %v, want 50 ms", d)
	}
}

// RFC 7240 §4.3, as for reading.
func TestAWorkerWaitsAsItPrefers(t *testing.T) {
	s := serve(t, Handler{MaxWait: 50 * time.Millisecond})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	start := time.Now()
	a := s.do(http.MethodPost, testQueue+"/claims", "", "Prefer: wait=60").want(t, http.StatusOK)
	if d := time.Since(start); d < 50*time.Millisecond {
		t.Errorf("waited %v, want 50 ms", d)
	}
	if got := a.Header.Get("Preference-Applied"); got != "wait=0" {
		t.Errorf("Preference-Applied: %q, want the server's own bound, which is none in seconds", got)
	}
	a = s.do(http.MethodPost, testQueue+"/claims?wait=0", "", "Prefer: wait=60").want(t, http.StatusOK)
	if got, there := a.Header["Preference-Applied"]; there {
		t.Errorf("beside the parameter, which goes first, there is Preference-Applied: %q", got)
	}
}

func TestAWorkerThatLeavesWhileItWaitsEatsNothing(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+testQueue+"/claims?wait=60", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	var worker sync.WaitGroup
	worker.Go(func() {
		if resp, err := s.client.Do(req); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v", resp, err)
		}
	})
	s.waitForConsumers(1)
	leave()
	worker.Wait()
	s.waitForConsumers(0)
	s.fill(1)
	if again := s.claim("", "e1"); again[0].Attempt != 1 {
		t.Errorf("attempt %d, want 1", again[0].Attempt)
	}
}

func TestWaitingWorkersDoNotHoldUpTheServersEnd(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	var worker sync.WaitGroup
	worker.Go(func() { s.claim("?wait=60") })
	s.waitForConsumers(1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	worker.Wait()
}

func TestAQueueIsMadeSetListedAndDropped(t *testing.T) {
	s := serve(t, Handler{})
	s.get(testQueue).want(t, http.StatusNotFound)
	a := s.do(http.MethodPut, testQueue, `{"ack_timeout": 2.5, "attempts": 3}`, "Content-Type: application/json").want(t, http.StatusCreated)
	want := queueState{Feed: "x", Name: "default", AckTimeout: 2.5, Attempts: 3}
	if diff := cmp.Diff(want, s.queue(a)); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	want.Paused = true
	if diff := cmp.Diff(want, s.queue(s.do(http.MethodPut, testQueue, `{"paused":true}`).want(t, 200))); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
	s.fill(2)
	s.claim("?count=2")
	s.do(http.MethodPut, testQueue, `{"paused":false}`).want(t, 200)
	s.claim("?count=1", "e1")
	for _, name := range []string{"a%2Fb", "b", "c"} {
		s.do(http.MethodPut, "/feeds/x/queues/"+name, `{}`).want(t, http.StatusCreated)
	}
	var page struct {
		Queues []queueState
		Next   string
	}
	for _, names := range []string{"a/b b", "c default"} {
		path := "/feeds/x/queues?limit=2"
		if page.Next != "" {
			path = s.path(page.Next)
		}
		page.Next = ""
		if err := json.Unmarshal([]byte(s.get(path).want(t, 200).body), &page); err != nil {
			t.Fatal(err)
		}
		if got := page.Queues[0].Name + " " + page.Queues[1].Name; got != names {
			t.Errorf("listed %q, want %q", got, names)
		}
	}
	if page.Next != "" {
		t.Errorf("the list goes on at %q", page.Next)
	}
	s.do(http.MethodDelete, "/feeds/x/queues/a%2Fb", "").want(t, http.StatusNoContent)
	s.do(http.MethodDelete, testQueue, "").want(t, http.StatusConflict).wantText(t, "?count=2")
	s.do(http.MethodDelete, testQueue+"?count=2", "").want(t, http.StatusNoContent)
	s.get(testQueue).want(t, http.StatusNotFound)
	s.get("/feeds/none/queues").want(t, http.StatusNotFound)
}

func TestAQueueIsSetOnlyAsItWasSeen(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}", "If-Match: *").want(t, http.StatusPreconditionFailed)
	made := s.do(http.MethodPut, testQueue, "{}", "If-None-Match: *").want(t, http.StatusCreated).Header.Get("Etag")
	s.do(http.MethodPut, testQueue, "{}", "If-None-Match: *").want(t, http.StatusPreconditionFailed)
	s.get(testQueue).want(t, http.StatusOK).wantField(t, "Etag", made)
	s.get(testQueue, "If-None-Match: "+made).want(t, http.StatusNotModified)

	s.fill(1) // which shows, and is no change of what was decided
	now := s.get(testQueue, "If-None-Match: "+made).want(t, http.StatusOK).Header.Get("Etag")
	set := s.do(http.MethodPut, testQueue, `{"attempts":3}`, "If-Match: "+made).want(t, http.StatusOK)
	for _, old := range []string{made, now, `"none"`, "W/" + set.Header.Get("Etag")} {
		s.do(http.MethodPut, testQueue, `{"paused":true}`, "If-Match: "+old).want(t, http.StatusPreconditionFailed).wantText(t, "If-Match")
	}
	s.do(http.MethodPut, testQueue, `{"paused":true}`, `If-Match: "x", `+set.Header.Get("Etag")).want(t, http.StatusOK)
	s.do(http.MethodPut, testQueue, `{"paused":false}`, "If-Match: *").want(t, http.StatusOK)
}

// The server asks for the body once it has looked at the condition.
func TestAQueueThatChangesWhileABodyComesIsNotSet(t *testing.T) {
	s := serve(t, Handler{})
	tag := s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated).Header.Get("Etag")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	send(t, conn, "PUT "+testQueue+" HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\nExpect: 100-continue\r\nIf-Match: "+tag+"\r\n\r\n")
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("answered %q, %v", line, err)
	}
	s.do(http.MethodPut, testQueue, `{"attempts":3}`).want(t, http.StatusOK)
	send(t, conn, `{"paused":true}`)
	if _, err := in.ReadString('\n'); err != nil { // the empty line behind 100
		t.Fatal(err)
	}
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 412 Precondition Failed\r\n" {
		t.Errorf("answered %q, %v", line, err)
	}
}

func TestAQueueIsBrowsedWithoutConsuming(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	s.fill(6)
	s.claim("", "e1")
	var got []string
	for path := testQueue + "/entries?limit=2&format=json"; path != ""; {
		var page struct {
			Entries []claimed
			Next    string
		}
		if err := json.Unmarshal([]byte(s.get(path).want(t, 200).body), &page); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			got = append(got, e.Title)
		}
		if len(page.Entries) == 0 {
			t.Error("a next link leads to an empty page")
		}
		path = strings.TrimPrefix(page.Next, s.url)
	}
	if diff := cmp.Diff([]string{"e1", "e2", "e3", "e4", "e5", "e6"}, got); diff != "" {
		t.Errorf("browsed (-want +got):\n%s", diff)
	}
	if got := strings.Join(titles(t, s.get(testQueue+"/entries").want(t, 200).body), " "); got != "e1 e2 e3 e4 e5 e6" {
		t.Errorf("as Atom: %q", got)
	}
	s.claim("?count=9", "e2", "e3", "e4", "e5", "e6")
}

func TestWhatIsPurgedWasCounted(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	s.fill(4)
	s.claim("", "e1")
	s.do(http.MethodPost, testQueue+"/purge", "").want(t, 400).wantText(t, "?count=N")
	s.do(http.MethodPost, testQueue+"/purge?dry-run=1", "").want(t, 200).wantText(t, `{"dry_run":true,"count":3,"upto":4}`)
	s.publish("x", "later")
	s.do(http.MethodPost, testQueue+"/purge?count=3", "").want(t, 409).wantText(t, "You named 3, and the number of entries that wait and that nobody has is 4")
	s.do(http.MethodPost, testQueue+"/purge?count=3&upto=4", "").want(t, 200).wantText(t, `{"removed":3}`)
	s.claim("?count=9", "later")
}

func TestDeadLettersAreSentBackOnce(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, `{"attempts":1}`).want(t, http.StatusCreated)
	s.fill(3)
	for _, c := range s.claim("?count=3", "e1", "e2", "e3") {
		s.do(http.MethodPost, s.path(c.Nack), "").want(t, 204)
	}
	s.claim("")
	const dead = "/feeds/x.dead/queues/default"
	s.get(dead+"/entries?format=json").want(t, 200).wantText(t, `"dead-cause":"the consumer refused it"`)
	s.do(http.MethodPost, dead+"/requeue?dry-run=1", "").want(t, 200).wantText(t, `"count":3`)
	s.do(http.MethodPost, dead+"/requeue?count=2", "").want(t, 409).wantText(t, "Nothing was done")
	s.do(http.MethodPost, dead+"/requeue?count=3&limit=1", "").want(t, 200).wantText(t, `{"sent":1,"skipped":0}`)
	for _, query := range []string{"?dry-run=1", "?count=0", "?count=1&limit=1"} {
		work := s.do(http.MethodPost, testQueue+"/requeue"+query, "").want(t, http.StatusConflict)
		work.wantText(t, `those wait in the feed "x.dead". Nothing was done. POST to `+dead+"/requeue?dry-run=1")
		wantProblem(t, s.do(http.MethodPost, testQueue+"/requeue"+query, "", "Accept: application/json"), http.StatusConflict)
	}
	s.claim("", "e1")
	s.do(http.MethodPost, dead+"/requeue?count=2", "").want(t, 200).wantText(t, `{"sent":2,"skipped":0}`)
	s.claim("?count=9", "e2", "e3")
	if got := len(titles(t, s.get("/feeds/x").body)); got != 3 {
		t.Errorf("the feed has %d entries, want the three it kept", got)
	}
}

func TestEveryRefusalAboutQueuesSaysWhatToDo(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	s.fill(1)
	held := s.claim("", "e1")[0]
	ack := s.path(held.Ack)
	for _, test := range []struct {
		name, method, path, body string
		fields                   []string
		status                   int
		says                     string
	}{
		{"count 0", "POST", testQueue + "/claims?count=0", "", nil, 400, "1 to 1000"},
		{"count too large", "POST", testQueue + "/claims?count=1001", "", nil, 400, "1 to 1000"},
		{"count no number", "POST", testQueue + "/claims?count=many", "", nil, 400, "whole number"},
		{"count twice", "POST", testQueue + "/claims?count=1&count=2", "", nil, 400, "more than once"},
		{"ack-timeout 0", "POST", testQueue + "/claims?ack-timeout=0", "", nil, 400, "86400 seconds"},
		{"ack-timeout too long", "POST", testQueue + "/claims?ack-timeout=1e6", "", nil, 400, "86400 seconds"},
		{"ack-timeout no number", "POST", testQueue + "/claims?ack-timeout=NaN", "", nil, 400, "time in seconds"},
		{"wait negative", "POST", testQueue + "/claims?wait=-1", "", nil, 400, "time in seconds"},
		{"wait endless", "POST", testQueue + "/claims?wait=Inf", "", nil, 400, "time in seconds"},
		{"unknown parameter", "POST", testQueue + "/claims?acktimeout=5", "", nil, 400, "ack-timeout, count"},
		{"a body", "POST", testQueue + "/claims", "count=5", nil, 400, "into the URL"},
		{"nothing acceptable", "POST", testQueue + "/claims", "", []string{"Accept: image/png"}, 406, "application/json"},
		{"unknown form", "POST", testQueue + "/claims?format=csv", "", nil, 400, "atom, json"},
		{"GET of claims", "GET", testQueue + "/claims", "", nil, 405, "OPTIONS, POST"},
		{"GET of a claim", "GET", ack, "", nil, 405, "DELETE, OPTIONS"},
		{"queue that cannot be", "POST", "/feeds/x/queues/%00/claims", "", nil, 404, "cannot name a queue"},
		{"no claim", "DELETE", testQueue + "/claims/nonsense", "", nil, 404, "names no claim"},
		{"claim with a byte changed", "DELETE", ack[:len(ack)-1] + "~", "", nil, 404, "names no claim"},
		{"claim of another queue", "DELETE", strings.Replace(ack, "default", "other", 1), "", nil, 410, "not in the queue any more"},
		{"ack with a body", "DELETE", ack, "x", nil, 400, "not empty"},
		{"ack with a parameter", "DELETE", ack + "?x=1", "", nil, 400, "no parameters"},
		{"renew with an unknown parameter", "POST", ack + "/renew?timeout=5", "", nil, 400, "ack-timeout"},
		{"no acks", "POST", testQueue + "/claims/acks", " \n", nil, 400, "names no claim"},
		{"acks of nonsense", "POST", testQueue + "/claims/acks", ack + "\nnonsense", nil, 400, `Nothing was acked: "nonsense" in the body names no claim`},
		{"too many acks", "POST", testQueue + "/claims/acks", strings.Repeat("a\n", 1001), nil, 413, "1000"},
		{"settings no JSON", "PUT", testQueue, "paused", nil, 400, `{"attempts": 5}`},
		{"settings empty", "PUT", testQueue, "", nil, 400, `{"attempts": 5}`},
		{"settings unknown", "PUT", testQueue, `{"atempts":5}`, nil, 400, "atempts"},
		{"settings twice", "PUT", testQueue, `{} {}`, nil, 400, "something follows"},
		{"settings of another type", "PUT", testQueue, `<queue/>`, []string{"Content-Type: text/xml"}, 415, "JSON"},
		{"attempts 0", "PUT", testQueue, `{"attempts":0}`, nil, 400, "1 to 1000000"},
		{"ack_timeout negative", "PUT", testQueue, `{"ack_timeout":-1}`, nil, 400, "0 for none"},
		{"queues of no feed", "GET", "/feeds/n%2F1/queues", "", nil, 404, "POST an entry to /feeds/n%2F1 to create it. Feeds are listed at /feeds."},
		{"no queue", "GET", "/feeds/x/queues/none", "", nil, 404, "from then on. The feed's queues are listed at /feeds/x/queues."},
		{"queue of no feed", "POST", "/feeds/none/queues/q/purge?count=1", "", nil, 404, "from then on. Feeds are listed at /feeds."},
		{"no such queue", "GET", "/feeds/x/queues/none", "", nil, 404, "PUT {}"},
		{"browse no such queue", "GET", "/feeds/x/queues/none/entries", "", nil, 404, "PUT {}"},
		{"browse from nowhere", "GET", testQueue + "/entries?after=here", "", nil, 400, "next link"},
		{"purge no such queue", "POST", "/feeds/x/queues/none/purge?count=0", "", nil, 404, "PUT {}"},
		{"purge counted and not", "POST", testQueue + "/purge?count=1&dry-run=1", "", nil, 400, "dry-run=1"},
		{"purge count no number", "POST", testQueue + "/purge?count=all", "", nil, 400, "whole number"},
		{"requeue without count", "POST", testQueue + "/requeue", "", nil, 400, "dry-run=1"},
		{"drop no such queue", "DELETE", "/feeds/x/queues/none?count=0", "", nil, 404, "PUT {}"},
		{"drop uncounted", "DELETE", testQueue, "", nil, 409, "?count=1"},
		{"queues backwards", "GET", "/feeds/x/queues?before=a", "", nil, 400, "one direction"},
		{"POST to a queue", "POST", testQueue, "", nil, 405, "DELETE, GET, HEAD, OPTIONS, PUT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := s.do(test.method, test.path, test.body, test.fields...).want(t, test.status)
			a.wantText(t, test.says)
			a.wantField(t, "Cache-Control", "no-store")
			if test.status != http.StatusNotAcceptable {
				fields := append(test.fields, "Accept: application/problem+json, application/atom+xml;q=0.9, application/json;q=0.5")
				wantProblem(t, s.do(test.method, test.path, test.body, fields...), test.status)
			}
		})
	}
	if q := s.queue(s.get(testQueue)); q.Waiting != 1 || q.Claimed != 1 {
		t.Errorf("after the refusals the queue is %+v", q)
	}
}
