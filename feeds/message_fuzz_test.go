package feeds

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever a STOMP client sends becomes an entry that Parse takes, alone and in a feed, and
// comes back byte for byte, also once the entry was written differently.
func FuzzMessage(f *testing.F) {
	for _, test := range messages {
		h := append(test.msg.Header, make([]Field, 2)...)
		f.Add("", test.msg.Type, h[0].Name, h[0].Value, h[1].Name, h[1].Value, test.msg.Body)
	}
	f.Add("a\u00a0 \x0b\x00 b", "text/plain; charset=\"", "title", "\u0085", "", "", []byte("\ufeff<a/>"))
	f.Fuzz(func(t *testing.T, title, typ, name1, value1, name2, value2 string, body []byte) {
		sent := Message{Type: typ, Header: []Field{{name1, value1}, {name2, value2}}, Body: body}
		e, err := ComposeMessage(title, &sent)
		if err != nil {
			t.Fatal(err)
		}
		checkEntry(t, e)
		if d, err := Parse(page([]*Entry{e, e}), "", Limits{}); err != nil || len(d.Entries) != 2 {
			t.Errorf("in a feed: %v", err)
		}
		for name, read := range map[string]func(*Member) (*Message, error){"MessageOf": MessageOf, "inspectMessage": inspectMessage} {
			got, err := read(testMember(e))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&sent, got, exactly); d != "" {
				t.Errorf("%s (-sent +received):\n%s\n%s", name, d, e.XML)
			}
		}
		if _, direct := readMessage(e.XML); direct != (e.XML[1] == 'e') {
			t.Errorf("read directly: %v\n%s", direct, e.XML)
		}
	})
}

// Every entry is a message, and the direct reader finds in it what the parser finds.
func FuzzMessageOf(f *testing.F) {
	for _, test := range messages {
		f.Add(entryOf(f, &test.msg).XML)
	}
	for _, doc := range documents(f, "accepted") {
		f.Add(doc)
	}
	for _, test := range edited {
		f.Add([]byte(test.doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		d, err := Parse(bytes.Clone(doc), "", Limits{})
		if err != nil {
			return
		}
		for _, e := range d.Entries {
			compareReaders(t, e)
		}
	})
}

func compareReaders(t *testing.T, e *Entry) {
	t.Helper()
	m := testMember(e)
	xml := bytes.Clone(e.XML)
	direct, err := MessageOf(m)
	if err != nil {
		t.Fatalf("%v\n%s", err, e.XML)
	}
	thorough, err := inspectMessage(m)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(thorough, direct, exactly); d != "" {
		t.Errorf("-parser +direct reader:\n%s\n%s", d, e.XML)
	}
	if !bytes.Equal(xml, e.XML) {
		t.Errorf("reading changed %q to %q", xml, e.XML)
	}
}
