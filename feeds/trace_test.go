package feeds

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestWhatIsATrace(t *testing.T) {
	for given, want := range map[string]bool{
		testTrace:                                                      true,
		"cc" + testTrace[2:]:                                           true, // a version to come
		"cc" + testTrace[2:] + "-what-may-be":                          false,
		"cc" + testTrace[2:] + "-0abc-1":                               true,
		"cc" + testTrace[2:] + "0abc":                                  false,
		"ff" + testTrace[2:]:                                           false,
		testTrace + "-01":                                              false,
		testTrace[:54]:                                                 false,
		strings.ToUpper(testTrace):                                     false,
		strings.Replace(testTrace, "-", "_", 1):                        false,
		"00-" + strings.Repeat("0", 32) + testTrace[35:]:               false,
		testTrace[:36] + strings.Repeat("0", 16) + "-01":               false,
		testTrace[:53] + "0g":                                          false,
		"cc" + testTrace[2:] + "-" + strings.Repeat("0", longestTrace): false,
		"": false, "garbage": false, "<mq:id/>": false,
	} {
		if got := IsTrace(given); got != want {
			t.Errorf("IsTrace(%q) = %v", given, got)
		}
	}
}

// kept returns the member that is made of an entry.
func kept(e *Entry) *Member {
	m := memberOf(e)
	m.ID, m.UUID, m.XML = 1, "6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f11", WithTrace(e.XML, e.Trace)
	return m
}

func TestATraceComesBackInEveryForm(t *testing.T) {
	message, err := ComposeMessage("", &Message{Type: "text/plain", Header: []Field{{"a", "b"}}, Body: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	xml, err := ComposeMessage("", &Message{Type: "text/xml", Body: []byte("<x/>")})
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*Entry{
		"Atom":          parseOne(t, `<entry xmlns="`+NamespaceAtom+`"><title>t</title><content>c</content></entry>`),
		"prefixed Atom": parseOne(t, `<!-- > --><a:entry xmlns:a="`+NamespaceAtom+`" x=">"><a:title>t</a:title></a:entry>`),
		"no children":   parseOne(t, `<entry/>`),
		"a message":     message,
		"XML message":   xml,
	} {
		e.Trace = testTrace
		m := kept(e)
		msg, err := MessageOf(m)
		if err != nil {
			t.Fatal(err)
		}
		if last := msg.Header[len(msg.Header)-1]; last != (Field{HeaderTrace, testTrace}) {
			t.Errorf("%s: the last header is %v", name, last)
		}
		if event := eventOf(t, m); event.Traceparent != testTrace {
			t.Errorf("%s: event %+v", name, event)
		}
		if item := string(AppendJSONItem(nil, m, testFeed(), testCollection)); !strings.Contains(item, `"traceparent":"`+testTrace+`"`) {
			t.Errorf("%s: item %s", name, item)
		}
		document := AppendDocument(nil, m, testFeed(), testCollection)
		checkWellFormed(t, document)
		again := parseOne(t, string(document))
		if again.Trace != testTrace || strings.Contains(string(again.XML), HeaderTrace) {
			t.Errorf("%s: sent back it is %q, %s", name, again.Trace, again.XML)
		}
		if diff := cmp.Diff(string(e.XML), string(parseOne(t, string(m.XML)).XML)); diff != "" {
			t.Errorf("%s: without its trace it is another (-want +got):\n%s", name, diff)
		}
	}
}

func TestATraceThatIsNoneIsDropped(t *testing.T) {
	for _, inner := range []string{"", "garbage", "<x/>", "<!-- -->" + testTrace, strings.ToUpper(testTrace)} {
		e := parseOne(t, `<entry><mq:traceparent xmlns:mq="urn:atommq">`+inner+`</mq:traceparent><title>t</title></entry>`)
		if e.Trace != "" || strings.Contains(string(e.XML), "traceparent") || e.Title != "t" {
			t.Errorf("%q: %q, %s", inner, e.Trace, e.XML)
		}
	}
	e := parseOne(t, `<entry><mq:traceparent xmlns:mq="urn:atommq"/><mq:traceparent xmlns:mq="urn:atommq"> `+testTrace+"\n</mq:traceparent><title>t</title></entry>")
	if e.Trace != testTrace {
		t.Errorf("of two, one of which is none: %q", e.Trace)
	}
}

func TestADeadLetterKeepsItsTrace(t *testing.T) {
	message, err := ComposeMessage("", &Message{Header: []Field{{"a", "b"}}, Body: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*Entry{"a message": message, "Atom": parseOne(t, `<entry><title>t</title></entry>`)} {
		e.Trace = testTrace
		dead, err := Annotate(kept(e), []Field{{"dead-cause", "c"}})
		if err != nil {
			t.Fatal(err)
		}
		msg, err := MessageOf(kept(dead))
		if err != nil || msg.trace() != testTrace || strings.Count(string(kept(dead).XML), "<mq:traceparent") != 1 {
			t.Errorf("%s: %v, %v\n%s", name, msg, err, kept(dead).XML)
		}
		back, _, err := Unannotate(kept(dead), "dead-cause")
		if err != nil || string(kept(back).XML) != string(kept(e).XML) {
			t.Errorf("%s, sent back: %v\n%s\nwant\n%s", name, err, kept(back).XML, kept(e).XML)
		}
	}
}
