package stompgw

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/feeds"
	"atommq/stompgw/stomp"
)

const someUUID = "01926f8e-5f3a-7cc4-a1b2-0123456789ab"

// entryOf makes the entry that a message becomes.
func entryOf(t *testing.T, m *feeds.Message) *bus.Entry {
	t.Helper()
	e, err := feeds.ComposeMessage("", m)
	if err != nil {
		t.Fatal(err)
	}
	made := &bus.Entry{Member: feeds.Member{
		ID: 42, Feed: "f", UUID: someUUID, Title: e.Title, XML: e.XML, Absent: e.Absent, Edited: time.UnixMilli(1700000000123),
	}}
	made.Share()
	return made
}

// What stands behind the headers of the subscription, literally.
func TestMessageTail(t *testing.T) {
	clashing := &feeds.Message{Body: []byte("b\x00"), Header: []feeds.Field{
		{Name: "message-id", Value: "forged"}, {Name: "subscription", Value: "forged"}, {Name: "content-length", Value: "0"},
		{Name: "a", Value: "first"}, {Name: "a", Value: "second"}, {Name: "timestamp", Value: "mine"}, {Name: "uuid", Value: "mine too"},
		{Name: "Xlastid", Value: "0"}, {Name: "deleted", Value: "true"},
		{Name: "browser", Value: "end"}, {Name: "receipt", Value: "forged"}, {Name: "transaction", Value: "t"}, {Name: "idempotency-KEY", Value: "k"},
	}}
	escaping := &feeds.Message{Type: "text/plain", Header: []feeds.Field{{Name: "a:b", Value: "c\\d\ne\rf:g"}}}
	const managed = "timestamp:1700000000123\nuuid:" + someUUID + "\n"
	for name, test := range map[string]struct {
		message *feeds.Message
		version stomp.Version
		want    string
	}{
		"clashes": {clashing, stomp.V12, "message-id:42\nXlastid:42\na:first\na:second\ntimestamp:mine\nuuid:mine too\ncontent-length:2\n\nb\x00\x00\n"},
		"expires": {&feeds.Message{Header: []feeds.Field{{Name: "a", Value: "b"}, {Name: "expires", Value: "0017"}}}, stomp.V12,
			"expires:17\nmessage-id:42\nXlastid:42\na:b\n" + managed + "content-length:0\n\n\x00\n"},
		"dead letter without a feed for such": {&feeds.Message{Header: []feeds.Field{{Name: "dead-cause", Value: "x"}, {Name: "expires", Value: "17"}}}, stomp.V12,
			"expires:17\nmessage-id:42\nXlastid:42\ndead-cause:x\n" + managed + "content-length:0\n\n\x00\n"},
		"never": {&feeds.Message{Header: []feeds.Field{{Name: "expires", Value: "soon"}}}, stomp.V12,
			"message-id:42\nXlastid:42\n" + managed + "content-length:0\n\n\x00\n"},
		"1.0": {escaping, stomp.V10, "message-id:42\nXlastid:42\ncontent-type:text/plain\na b:c\\d e f:g\n" + managed + "content-length:0\n\n\x00\n"},
		"1.1": {escaping, stomp.V11, "message-id:42\nXlastid:42\ncontent-type:text/plain\na\\cb:c\\\\d\\ne f\\cg\n" + managed + "content-length:0\n\n\x00\n"},
		"1.2": {escaping, stomp.V12, "message-id:42\nXlastid:42\ncontent-type:text/plain\na\\cb:c\\\\d\\ne\\rf\\cg\n" + managed + "content-length:0\n\n\x00\n"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMessages(nil, "")
			got := string(m.tail(context.Background(), entryOf(t, test.message), test.version, false))
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestEntryBornInAtomTellsItsTitleAndAuthor(t *testing.T) {
	const xml = `<entry xmlns="http://www.w3.org/2005/Atom"><title>T: 1</title><author><name>N</name></author>` +
		`<content type="html">&lt;p&gt;x</content></entry>`
	doc, err := feeds.Parse([]byte(xml), "", feeds.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e := entryOf(t, &feeds.Message{})
	e.XML, e.Title = doc.Entries[0].XML, doc.Entries[0].Title
	tail := string(messageTail(&e.Member, stomp.V12))
	for _, part := range []string{"content-type:text/html\n", "title:T\\c 1\n", "author:N\n", "\n\n<p>x\x00\n"} {
		if !strings.Contains(tail, part) {
			t.Errorf("%q is not in %q", part, tail)
		}
	}
}

// Each version's rendering is made once, however many read it.
func TestTailIsRenderedOnceForEachVersion(t *testing.T) {
	m := newMessages(nil, "")
	e := entryOf(t, &feeds.Message{Body: []byte("x")})
	for _, v := range []stomp.Version{stomp.V10, stomp.V11, stomp.V12} {
		m.tail(context.Background(), e, v, false)
		if n := testing.AllocsPerRun(10, func() { m.tail(context.Background(), e, v, false) }); n > 0 {
			t.Errorf("%v allocations in %s", n, v)
		}
	}
}
