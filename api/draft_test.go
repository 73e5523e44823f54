package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func draftEntry(title, draft string) string {
	return `<entry xmlns="http://www.w3.org/2005/Atom" xmlns:app="http://www.w3.org/2007/app"><title>` + title + `</title><app:control><app:draft> ` + draft + ` </app:draft></app:control></entry>`
}

func TestADraftIsSeenByNobodyUntilItIsPublished(t *testing.T) {
	s := serve(t, Handler{})
	s.publish("x", "first")
	created := s.do(http.MethodPost, "/feeds/x", draftEntry("draft", "yes"), atomType).want(t, http.StatusCreated)
	member := s.member(created)
	s.publish("x", "second")
	created.wantField(t, "Xlastid", "")
	created.wantField(t, "Etag", `"draft1"`)
	created.wantText(t, "<app:draft> yes </app:draft>")
	if strings.Contains(created.body, "mq:id") {
		t.Errorf("a draft has an id: %s", created.body)
	}
	for _, path := range []string{"/feeds/x", "/feeds/x?after=0", "/feeds/x?upto=9", "/feeds", "/service"} {
		if a := s.get(path).want(t, http.StatusOK); strings.Contains(a.body, "draft<") {
			t.Errorf("GET %s shows the draft: %s", path, a.body)
		}
	}
	uuid := member[strings.LastIndexByte(member, '/')+1:]
	s.get("/feeds/x?start_after=urn:uuid:"+uuid).want(t, http.StatusBadRequest)
	read := s.get(member).want(t, http.StatusOK)
	read.wantField(t, "Cache-Control", "private, no-cache")
	read.wantField(t, "Etag", `"draft1"`)

	s.do(http.MethodPut, member, draftEntry("better", "yes"), atomType, `If-Match: "draft7"`).want(t, http.StatusPreconditionFailed)
	s.do(http.MethodPut, member, draftEntry("better", "yes"), atomType, `If-Match: "draft1"`).want(t, http.StatusOK).wantField(t, "Etag", `"draft2"`)
	published := s.do(http.MethodPut, member, draftEntry("best", "no"), atomType, `If-Match: "draft2"`).want(t, http.StatusOK)
	published.wantField(t, "Xlastid", "3")
	published.wantField(t, "Etag", `"3"`)
	after := s.get("/feeds/x?after=2").want(t, http.StatusOK)
	after.wantField(t, "Xlastid", "3")
	after.wantText(t, "<title>best</title>")
	s.get("/feeds/x?start_after=urn:uuid:"+uuid).want(t, http.StatusOK)
	s.do(http.MethodPut, member, draftEntry("again", "yes"), atomType).want(t, http.StatusConflict)
}

// What says both that it is a draft and that it is none is refused, where it is said once too
// often.
func TestADraftThatIsAskedForIsNotPublished(t *testing.T) {
	s := serve(t, Handler{})
	const yes, no = "<app:control><app:draft>yes</app:draft></app:control>", "<app:control><app:draft>no</app:draft></app:control>"
	const older = `<old:control xmlns:old="http://purl.org/atom/app#"><old:draft>no</old:draft></old:control>`
	for _, controls := range []string{yes + no, no + yes, yes + older, yes + "<app:control/>", "<app:control><app:draft>yes</app:draft><app:draft>no</app:draft></app:control>"} {
		doc := `<entry xmlns="http://www.w3.org/2005/Atom" xmlns:app="http://www.w3.org/2007/app">` + controls + "</entry>"
		s.do(http.MethodPost, "/feeds/x", doc, atomType).want(t, http.StatusBadRequest)
	}
	s.get("/feeds/x").want(t, http.StatusNotFound)
}

// Nobody may take it for a cursor, nor two drafts for one event.
func TestADraftHasNoIDInAnyForm(t *testing.T) {
	s := serve(t, Handler{})
	events := make(map[string]bool)
	read := func(path string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.get(path).want(t, http.StatusOK).body), into); err != nil {
			t.Fatal(err)
		}
	}
	tell := func(member string) {
		t.Helper()
		var item struct {
			AtomMQ map[string]any `json:"_atommq"`
		}
		read(member+"?format=json", &item)
		if id, given := item.AtomMQ["id"]; given || item.AtomMQ["url"] != s.url+member {
			t.Errorf("the item has the id %v: %v", id, item)
		}
		var event, again struct{ ID string }
		read(member+"?format=cloudevents", &event)
		read(member+"?format=cloudevents", &again)
		if _, err := parseID(event.ID); err == nil || event.ID == "" || event != again || events[event.ID] {
			t.Errorf("the event has the id %q, then %q, beside %v", event.ID, again.ID, events)
		}
		events[event.ID] = true
	}
	for range 2 {
		member := s.member(s.do(http.MethodPost, "/feeds/x", draftEntry("draft", "yes"), atomType).want(t, http.StatusCreated))
		tell(member)
		s.do(http.MethodPut, member, draftEntry("better", "yes"), atomType).want(t, http.StatusOK)
		tell(member)
	}
}

func TestADraftIsDeletedWithoutATrace(t *testing.T) {
	s := serve(t, Handler{})
	member := s.member(s.do(http.MethodPost, "/feeds/x", draftEntry("draft", "yes"), atomType).want(t, http.StatusCreated))
	s.do(http.MethodDelete, member, "", `If-Match: "draft1"`).want(t, http.StatusNoContent).wantField(t, "Xlastid", "")
	s.get(member).want(t, http.StatusNotFound)
	s.get("/feeds/x?after=0").want(t, http.StatusOK).wantField(t, "Xlastid", "0")
}

func TestABatchMayHoldDrafts(t *testing.T) {
	s := serve(t, Handler{})
	a := s.do(http.MethodPost, "/feeds/x", "<feed xmlns='http://www.w3.org/2005/Atom'>"+draftEntry("a", "yes")+draftEntry("b", "no")+"</feed>", atomType).want(t, http.StatusCreated)
	a.wantField(t, "Xlastid", "1")
	a.wantField(t, "Location", s.url+"/feeds/x?after=0&limit=1")
	if page := s.get("/feeds/x?after=0").body; strings.Contains(page, "<title>a<") || !strings.Contains(page, "<title>b<") {
		t.Errorf("the feed is %s", page)
	}
	drafts := s.do(http.MethodPost, "/feeds/x", "<feed xmlns='http://www.w3.org/2005/Atom'>"+draftEntry("c", "yes")+"</feed>", atomType).want(t, http.StatusCreated)
	drafts.wantField(t, "Xlastid", "")
	drafts.wantField(t, "Location", "")
}
