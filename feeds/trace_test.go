package feeds

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	testTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	testState = `rojo=00f067aa0ba902b7,t61@vendor=a<b>&"c'`
)

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

func TestWhatIsATraceState(t *testing.T) {
	long := strings.Repeat("v", stateWord)
	many := strings.TrimSuffix(strings.Repeat("a=b,", stateMembers), ",")
	for given, want := range map[string]string{
		"":                               "",
		testState:                        testState,
		" a=1 ,\t,b=2\t,":                "a=1,b=2",
		"a=1,,b=2":                       "a=1,b=2",
		"0a/b_c-d*e@f=x y":               "0a/b_c-d*e@f=x y",
		"a=" + long:                      "a=" + long,
		"a=" + long + "v":                "",
		long + "=a":                      long + "=a",
		long + "v=a":                     "",
		many:                             many,
		many + ",a=b":                    "",
		"a=" + long + ",b=" + long[:251]: "a=" + long + ",b=" + long[:251],
		"a=" + long + ",b=" + long[:252]: "",
		strings.Repeat(" ", 2*stateBytes) + "a=1": "",
		"a":      "",
		"a=":     "",
		"=a":     "",
		"A=1":    "",
		"_a=1":   "",
		"a=b=c":  "",
		"a=\x7f": "",
		"a=\n":   "",
		"a=ü":    "",
	} {
		if got := NewTrace(testTrace, given); got != (Trace{testTrace, want}) {
			t.Errorf("%q is %q, want %q", given, got.State, want)
		}
	}
	if got := NewTrace(testTrace, "a=1", "b=2"); got.State != "a=1,b=2" {
		t.Errorf("two lines are %q", got.State)
	}
	if got := NewTrace("garbage", testState); got != (Trace{}) {
		t.Errorf("without a traceparent it is %v", got)
	}
	e := parseOne(t, `<entry><mq:tracestate xmlns:mq="urn:atommq">a=1</mq:tracestate><title>t</title></entry>`)
	if m := kept(e); strings.Contains(string(m.XML), "tracestate") {
		t.Errorf("alone it is kept: %s", m.XML)
	}
}

// kept returns the member that is made of an entry.
func kept(e *Entry) *Member {
	m := testMember(e)
	m.ID, m.XML = 1, WithTrace(e.XML, e.Trace)
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
		e.Trace = Trace{testTrace, testState}
		m := kept(e)
		msg, err := MessageOf(m)
		if err != nil {
			t.Fatal(err)
		}
		if last := msg.Header[len(msg.Header)-2:]; last[0] != (Field{HeaderTrace, testTrace}) || last[1] != (Field{HeaderTraceState, testState}) {
			t.Errorf("%s: the last headers are %v", name, last)
		}
		if event := eventOf(t, m); event.Traceparent != testTrace || event.Tracestate != testState {
			t.Errorf("%s: event %+v", name, event)
		}
		if item := string(AppendJSONItem(nil, m, testFeed(), testCollection)); !strings.Contains(item, `"traceparent":"`+testTrace+`","tracestate":"rojo=00f067aa0ba902b7,t61@vendor=`) {
			t.Errorf("%s: item %s", name, item)
		}
		document := AppendDocument(nil, m, testFeed(), testCollection)
		checkWellFormed(t, document)
		again := parseOne(t, string(document))
		if again.Trace != e.Trace || strings.Contains(string(again.XML), HeaderTrace) || strings.Contains(string(again.XML), HeaderTraceState) {
			t.Errorf("%s: sent back it is %v, %s", name, again.Trace, again.XML)
		}
		if diff := cmp.Diff(string(e.XML), string(parseOne(t, string(m.XML)).XML)); diff != "" {
			t.Errorf("%s: without its trace it is another (-want +got):\n%s", name, diff)
		}
	}
}

func TestATraceThatIsNoneIsDropped(t *testing.T) {
	for _, inner := range []string{"", "garbage", "<x/>", "<!-- -->" + testTrace, strings.ToUpper(testTrace)} {
		e := parseOne(t, `<entry><mq:traceparent xmlns:mq="urn:atommq">`+inner+`</mq:traceparent><title>t</title></entry>`)
		if e.Trace != (Trace{}) || strings.Contains(string(e.XML), "traceparent") || e.Title != "t" {
			t.Errorf("%q: %v, %s", inner, e.Trace, e.XML)
		}
	}
	e := parseOne(t, `<entry><mq:traceparent xmlns:mq="urn:atommq"/><mq:traceparent xmlns:mq="urn:atommq"> `+testTrace+"\n</mq:traceparent><title>t</title></entry>")
	if e.Trace != (Trace{Parent: testTrace}) {
		t.Errorf("of two, one of which is none: %v", e.Trace)
	}
}

func TestADeadLetterKeepsItsTrace(t *testing.T) {
	message, err := ComposeMessage("", &Message{Header: []Field{{"a", "b"}}, Body: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*Entry{"a message": message, "Atom": parseOne(t, `<entry><title>t</title></entry>`)} {
		e.Trace = Trace{testTrace, testState}
		dead, err := Annotate(kept(e), []Field{{"dead-cause", "c"}})
		if err != nil {
			t.Fatal(err)
		}
		msg, err := MessageOf(kept(dead))
		if err != nil || msg.trace() != e.Trace || strings.Count(string(kept(dead).XML), "<mq:tracestate") != 1 || strings.Count(string(kept(dead).XML), "<mq:traceparent") != 1 {
			t.Errorf("%s: %v, %v\n%s", name, msg, err, kept(dead).XML)
		}
		back, _, err := Unannotate(kept(dead), "dead-cause")
		if err != nil || string(kept(back).XML) != string(kept(e).XML) {
			t.Errorf("%s, sent back: %v\n%s\nwant\n%s", name, err, kept(back).XML, kept(e).XML)
		}
	}
}
