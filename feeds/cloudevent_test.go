package feeds

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// specEvent is an event as https://github.com/cloudevents/spec has it in JSON, with the
// attributes that we write.
type specEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	Method          string          `json:"method"`
	Title           string          `json:"title"`
	Traceparent     string          `json:"traceparent"`
	Tracestate      string          `json:"tracestate"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
	DataBase64      *string         `json:"data_base64"`
}

func eventOf(t *testing.T, m *Member) specEvent {
	t.Helper()
	doc := AppendCloudEvent(nil, m, testCollection)
	var e specEvent
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	if e.SpecVersion != "1.0" || e.ID == "" || e.Source == "" || e.Type == "" || e.Data != nil && e.DataBase64 != nil {
		t.Errorf("%s is no event", doc)
	}
	return e
}

// Data under a JSON type is JSON itself, and text under any other a string; what is neither goes as base64.
func TestEventsCarryDataAsItsTypeSays(t *testing.T) {
	for name, test := range map[string]struct {
		message           Message
		typ, data, base64 string
	}{
		"JSON":             {Message{Type: "application/json", Body: []byte("{\"n\": 12345678901234567890}\n")}, "application/json", `{"n":12345678901234567890}`, ""},
		"a kind of JSON":   {Message{Type: "application/vnd.x+json; v=1", Body: []byte(`[1]`)}, "application/vnd.x+json; v=1", `[1]`, ""},
		"no JSON":          {Message{Type: "application/json", Body: []byte("{")}, "application/json", "", "ew=="},
		"text":             {Message{Type: "text/plain", Body: []byte("a \"b\"\x00")}, "text/plain", `"a \"b\"\u0000"`, ""},
		"XML":              {Message{Type: "text/xml", Body: []byte("<a/>")}, "text/xml", `"<a/>"`, ""},
		"bytes":            {Message{Type: "image/png", Body: []byte("\x89PNG")}, "image/png", "", "iVBORw=="},
		"text of no type":  {Message{Body: []byte("true")}, "text/plain", `"true"`, ""},
		"bytes of no type": {Message{Body: []byte("\xff")}, "application/octet-stream", "", "/w=="},
		"nothing":          {Message{Type: "text/plain"}, "", "", ""},
	} {
		e, err := ComposeMessage("t", &test.message)
		if err != nil {
			t.Fatal(err)
		}
		got := eventOf(t, testMember(e))
		encoded := ""
		if got.DataBase64 != nil {
			encoded = *got.DataBase64
		}
		if d := cmp.Diff([]string{test.typ, test.data, test.base64}, []string{got.DataContentType, string(got.Data), encoded}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestWhateverIsAcceptedIsAnEvent(t *testing.T) {
	for name, doc := range documents(t, "accepted") {
		t.Run(name, func(t *testing.T) {
			d, err := Parse(doc, "", Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range d.Entries {
				eventOf(t, testMember(e))
			}
		})
	}
}
