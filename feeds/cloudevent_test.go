package feeds

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

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
	DataRef         string          `json:"dataref"`
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

// What some readers of JSON refuse must not be in a document with what others have published.
func TestNoEntrysJSONBreaksABatchOfEvents(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	for name, test := range map[string]struct {
		body  string
		taken bool
	}{
		"nesting as deep as may be":       {nested(eventDepth), true},
		"nesting deeper":                  {nested(eventDepth + 1), false},
		"nesting without end":             {nested(9000), false},
		"brackets in a string":            {`"` + nested(9000) + `\""`, true},
		"bytes that are no UTF-8":         {"{\"a\":\"\xff\"}", false},
		"UTF-8 of half a character":       {"\"\xed\xa0\x80\"", false},
		"an escaped character":            {`"\ud83d\uDE00 \n\u00e9"`, true},
		"what looks like an escaped one":  {`"\\ud83d"`, true},
		"half an escaped character":       {`"\ud83d"`, false},
		"the other half first":            {`"\ude00\ud83d"`, false},
		"half of one behind a whole one":  {`"\ud83d\ude00\ud83d\n"`, false},
		"half an escaped character, last": {`{"a":"\\","b\uD800":1}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := ComposeMessage("t", &Message{Type: "application/json", Body: []byte(test.body)})
			if err != nil {
				t.Fatal(err)
			}
			doc := AppendCloudEvents(nil, []*Member{testMember(e)}, func(dst []byte, m *Member) []byte {
				return AppendCloudEvent(dst, m, testCollection)
			})
			if !utf8.Valid(doc) || JSONDepth(doc) > 64 {
				t.Errorf("not everybody can read %.200q", doc)
			}
			got := eventOf(t, testMember(e))
			packed := base64.StdEncoding.EncodeToString([]byte(test.body))
			switch {
			case test.taken && string(got.Data) != test.body:
				t.Errorf("the data is %.80q", got.Data)
			case !test.taken && (got.DataBase64 == nil || *got.DataBase64 != packed):
				t.Errorf("the bytes are not kept as base64, in %.200q", doc)
			}
		})
	}
}

func TestAnEventOfMediaSaysWhatTheyAreAndWhere(t *testing.T) {
	e, err := ComposeLink("A cat")
	if err != nil {
		t.Fatal(err)
	}
	m := testMember(e)
	m.Media = "image/png"
	got := eventOf(t, m)
	want := testCollection + "/entries/" + m.UUID + "/media"
	if got.DataContentType != "image/png" || got.DataRef != want || got.Data != nil || got.DataBase64 != nil {
		t.Errorf("the event is %+v, want the type of the file and %s", got, want)
	}
}

func TestAnEventSaysWhereContentIsThatStandsElsewhere(t *testing.T) {
	for content, want := range map[string][2]string{
		`<content src="http://e.example/a.mp4" type="video/mp4"/><summary>s</summary>`: {"video/mp4", "http://e.example/a.mp4"},
		`<content src="b" xml:base="http://e.example/a"/>`:                             {"", "http://e.example/b"},
		`<content src="/b" type="text/html"/>`:                                         {"text/html", "https://example.org/b"},
		`<summary>s</summary>`:                                                         {"text/plain", ""},
		`<content/>`:                                                                   {"", ""},
	} {
		d, err := Parse([]byte(`<entry xmlns="http://www.w3.org/2005/Atom"><title>t</title>`+content+`</entry>`), "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got := eventOf(t, testMember(d.Entries[0]))
		if d := cmp.Diff(want, [2]string{got.DataContentType, got.DataRef}); d != "" {
			t.Errorf("%s: %s", content, d)
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
