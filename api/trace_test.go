package api

import (
	"net/http"
	"strings"
	"testing"
)

const testTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

const traced = "traceparent: " + testTrace

func TestATraceIsCarriedFromPublishToDelivery(t *testing.T) {
	s := serve(t, Handler{})
	s.do(http.MethodPut, testQueue, "{}").want(t, http.StatusCreated)
	for name, body := range map[string][]string{
		"Atom":   {entry("a"), atomType},
		"a feed": {`<feed xmlns="http://www.w3.org/2005/Atom">` + entry("a") + entry("b") + `</feed>`, atomType},
		"text":   {"just text", "Content-Type: text/plain"},
		"JSON":   {`{"order": 17}`, "Content-Type: application/json"},
		"media":  {"\x89PNG", "Content-Type: image/png"},
	} {
		created := s.do(http.MethodPost, "/feeds/x", body[0], append(body[1:], traced)...).want(t, http.StatusCreated)
		for range strings.Count(created.body, "<entry") {
			claim := s.do(http.MethodPost, testQueue+"/claims", "", "Accept: application/json").want(t, http.StatusOK)
			claim.wantText(t, `"traceparent":"`+testTrace+`"`)
		}
		member := s.get("/feeds/x?limit=1").want(t, http.StatusOK)
		for _, form := range []string{"atom", "json", "cloudevents"} {
			a := s.get(s.entryLink(member, "edit")+"?format="+form).want(t, http.StatusOK)
			if !strings.Contains(a.body, testTrace) {
				t.Errorf("%s as %s: %s", name, form, a.body)
			}
		}
	}
	s.do(http.MethodPost, "/feeds/x", entry("claimed"), atomType, traced).want(t, http.StatusCreated)
	s.do(http.MethodPost, testQueue+"/claims", "").want(t, http.StatusOK).wantText(t, "<mq:traceparent xmlns:mq=\"urn:atommq\">"+testTrace+"<")
	for _, format := range []string{"sse", "sse&data=json", "ndjson"} {
		stream := s.stream(t, "/feeds/x?after=0&format="+format)
		for {
			line, err := stream.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(line, testTrace) {
				break
			}
		}
	}
}

func TestATraceThatIsNoneIsDroppedAndTheEntryIsPublished(t *testing.T) {
	s := serve(t, Handler{})
	for _, fields := range [][]string{
		{"traceparent: garbage"}, {"traceparent: "}, {traced, traced}, {"traceparent: 00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"},
	} {
		a := s.do(http.MethodPost, "/feeds/x", entry("a"), append(fields, atomType)...).want(t, http.StatusCreated)
		if strings.Contains(a.body, "traceparent") {
			t.Errorf("%q: %s", fields, a.body)
		}
	}
}

// TestARetryMayHaveATraceOfItsOwn has a client trace each of its attempts, as instrumented ones do.
func TestARetryMayHaveATraceOfItsOwn(t *testing.T) {
	s := serve(t, Handler{})
	const key = "Idempotency-Key: k"
	s.do(http.MethodPost, "/feeds/x", entry("a"), atomType, key, traced).want(t, http.StatusCreated)
	again := s.do(http.MethodPost, "/feeds/x", entry("a"), atomType, key, strings.Replace(traced, "00f0", "11f1", 1)).want(t, http.StatusCreated)
	again.wantField(t, "Idempotency-Replayed", "true")
	again.wantText(t, testTrace)
}

func TestAnEditKeepsTheTraceOrTakesItsOwn(t *testing.T) {
	s := serve(t, Handler{})
	created := s.do(http.MethodPost, "/feeds/x", entry("a"), atomType, traced, "tracestate: vendor=1").want(t, http.StatusCreated)
	member := s.member(created)
	edited := s.do(http.MethodPut, member, s.get(member).body, atomType).want(t, http.StatusOK)
	edited.wantText(t, testTrace)
	edited.wantText(t, ">vendor=1<")
	other := strings.Replace(testTrace, "4bf9", "5cfa", 1)
	edited = s.do(http.MethodPut, member, edited.body, atomType, "traceparent: "+other).want(t, http.StatusOK)
	edited.wantText(t, other)
	if n := strings.Count(edited.body, "<mq:traceparent"); n != 1 || strings.Contains(edited.body, testTrace) || strings.Contains(edited.body, "tracestate") {
		t.Errorf("%d traces: %s", n, edited.body)
	}
}

func TestAFileThatIsPutTakesTheTraceOfItsRequest(t *testing.T) {
	s := serve(t, Handler{})
	member, media := s.postMedia("image/png", "one", traced, "tracestate: vendor=1")
	put := func(fields ...string) *answer {
		s.do(http.MethodPut, media, "another", append(fields, "Content-Type: image/png")...).want(t, http.StatusNoContent)
		return s.get(member).want(t, http.StatusOK)
	}
	put().wantText(t, testTrace)
	other := strings.Replace(testTrace, "4bf9", "5cfa", 1)
	a := put("traceparent: " + other)
	a.wantText(t, other)
	if strings.Contains(a.body, testTrace) || strings.Contains(a.body, "tracestate") {
		t.Errorf("the former trace is still there: %s", a.body)
	}
	s.get("/feeds/x?after=1").want(t, http.StatusOK).wantText(t, other)
}
