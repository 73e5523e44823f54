package feeds

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnnotatingKeepsAllElse(t *testing.T) {
	added := []Field{{"dead-cause", "refused"}, {"dead-feed", "a&b"}}
	t.Run("a message", func(t *testing.T) {
		sent := &Message{Type: "text/plain", Header: []Field{{"dead-cause", "its own"}, {"x", "\x00"}}, Body: []byte("body\r\n")}
		e := annotated(t, entryOf(t, sent), added)
		checkMessage(t, e, &Message{Type: sent.Type, Header: append(added, sent.Header...), Body: sent.Body})
	})
	t.Run("an Atom entry", func(t *testing.T) {
		const posted = `<?p?><a:entry xmlns:a="http://www.w3.org/2005/Atom" xml:lang="en"><a:id>urn:x</a:id><a:title>T</a:title>` +
			`<!-- c --><f:foreign xmlns:f="urn:f"/><a:content type="html">&lt;b&gt;</a:content></a:entry>`
		doc, err := Parse([]byte(posted), "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		before := doc.Entries[0]
		e := annotated(t, before, added)
		again, err := Parse(e.XML, "", Limits{})
		if err != nil {
			t.Fatalf("Parse: %v\n%s", err, e.XML)
		}
		if diff := cmp.Diff(again.Entries[0], e); diff != "" {
			t.Errorf("the entry (-as Parse reads it +returned):\n%s", diff)
		}
		if e.ID != "urn:x" || e.Title != "T" {
			t.Errorf("id %q, title %q", e.ID, e.Title)
		}
		m, err := MessageOf(&Member{XML: e.XML, Title: e.Title, AtomID: e.ID})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(added, m.Header[:len(added)]); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
		if string(m.Body) != "<b>" || m.Type != "text/html" {
			t.Errorf("body %q of type %q", m.Body, m.Type)
		}
	})
}

func TestAnnotatingKeepsWhatTheBodyIs(t *testing.T) {
	edited := `<entry xmlns="http://www.w3.org/2005/Atom"><stomp:message xmlns:stomp="urn:atommq:stomp" content-type="application/json">` +
		`<stomp:header name="a">b</stomp:header></stomp:message><title>T</title><content>{}</content></entry>`
	plain := `<entry xmlns="http://www.w3.org/2005/Atom"><title>T</title><content type="text">hello</content></entry>`
	for _, xml := range []string{edited, plain} {
		doc, err := Parse([]byte(xml), "", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		before, err := MessageOf(&Member{XML: doc.Entries[0].XML, Title: "T"})
		if err != nil {
			t.Fatal(err)
		}
		added := []Field{{"dead-cause", "refused"}}
		checkMessage(t, annotated(t, doc.Entries[0], added), &Message{Type: before.Type, Header: append(added, before.Header...), Body: before.Body})
	}
}

func annotated(t *testing.T, e *Entry, header []Field) *Entry {
	t.Helper()
	out, err := Annotate(memberOf(e), header)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range header {
		names = append(names, f.Name)
	}
	back, taken, err := Unannotate(memberOf(out), names...)
	if err != nil {
		t.Fatalf("Unannotate: %v", err)
	}
	if string(back.XML) != string(e.XML) || back.Title != e.Title || back.ID != e.ID || back.Absent != e.Absent {
		t.Errorf("Unannotate gives\n%+v\n%s\nof what was\n%+v\n%s", back, back.XML, e, e.XML)
	}
	if diff := cmp.Diff(header, taken); diff != "" {
		t.Errorf("headers taken off (-want +got):\n%s", diff)
	}
	return out
}

func memberOf(e *Entry) *Member {
	return &Member{XML: e.XML, Title: e.Title, AtomID: e.ID, Absent: e.Absent, Published: e.Published, Updated: e.Updated}
}

func TestWhatWasNotAnnotatedIsNotTakenApart(t *testing.T) {
	sent := entryOf(t, &Message{Header: []Field{{"a", "b"}}, Body: []byte("x")})
	for _, names := range [][]string{{"b"}, {"a", "b"}} {
		if _, _, err := Unannotate(memberOf(sent), names...); err == nil {
			t.Errorf("Unannotate took %q off", names)
		}
	}
}

// An editing client puts back what it was served: with more in front of the headers, under any
// prefix.
func TestHeadersAreTakenOffWhereverTheyStand(t *testing.T) {
	const (
		root = `<entry xmlns="http://www.w3.org/2005/Atom">`
		dead = `<m:message xmlns:m="urn:atommq:stomp"><m:header name="dead-cause">c</m:header>%</m:message>`
		own  = `<s:message xmlns:s="urn:atommq:stomp"><s:header name="a">b</s:header></s:message>`
		atom = `<m:header name="atom-id">urn:x</m:header><m:header name="published">2026-01-02T03:04:05Z</m:header>`
		sent = ` <m:header name="a">b</m:header>`
		rest = `<title>T</title><!-- c --><f:x xmlns:f="urn:f"><m:message xmlns:m="urn:atommq:stomp"/></f:x><content>mended</content></entry>`
	)
	mine := `<id>urn:uuid:u</id><author><name>x.dead</name></author><link href="http://h/feeds/x.dead/entries/u"/>`
	theirs := `<author><name>Ada</name></author><link href="http://h/entries/v"/>`
	of := func(headers string) string { return strings.Replace(dead, "%", headers, 1) }
	for name, test := range map[string][2]string{
		"an Atom entry":           {mine + of(atom), ""},
		"one with what is its":    {theirs + of(atom), theirs},
		"a message":               {mine + of(sent), strings.Replace(of(sent), `<m:header name="dead-cause">c</m:header>`, "", 1)},
		"a message edited before": {mine + of(sent) + own, own},
	} {
		m := &Member{Feed: "x.dead", UUID: "u", Edits: 1, Title: "T", XML: []byte(root + test[0] + rest), Published: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		e, header, err := Unannotate(m, "dead-cause")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want := root + test[1] + rest; string(e.XML) != want {
			t.Errorf("%s: it is\n%s\nwant\n%s", name, e.XML, want)
		}
		if len(header) != 1 || header[0].Value != "c" {
			t.Errorf("%s: the headers are %v", name, header)
		}
	}
}
