package feeds

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// realisticEntry is an entry of about 1 KB with a bit of everything.
func realisticEntry(tb testing.TB) []byte {
	tb.Helper()
	b, err := os.ReadFile("testdata/bench/entry.xml")
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func BenchmarkParse(b *testing.B) {
	doc := realisticEntry(b)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(doc, "", Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodingXML reads the same entry's tokens with the standard library,
// which checks less and keeps nothing.
func BenchmarkEncodingXML(b *testing.B) {
	doc := realisticEntry(b)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		d := xml.NewDecoder(bytes.NewReader(doc))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkCompose(b *testing.B) {
	n := Note{Type: "text", Content: bytes.Repeat([]byte("All's well & good.\n"), 10)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compose(n); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendMember(b *testing.B) {
	m, f := benchMember(b)
	buf := make([]byte, 0, 1<<16)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendMember(buf[:0], m, f, testCollection)
	}
}

func BenchmarkAppendFeed(b *testing.B) {
	m, f := benchMember(b)
	member := func(dst []byte, m *Member) []byte { return AppendMember(dst, m, f, testCollection) }
	for name, n := range map[string]int{"empty": 0, "100": 100} {
		b.Run(name, func(b *testing.B) {
			p := &Page{Feed: *f, Collection: testCollection, Self: testCollection + "?after=7", Members: make([]*Member, n)}
			for i := range p.Members {
				p.Members[i] = m
			}
			buf := make([]byte, 0, 1<<20)
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendFeed(buf[:0], p, member)
			}
		})
	}
}

func BenchmarkInspect(b *testing.B) {
	m, _ := benchMember(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Inspect(m); err != nil {
			b.Fatal(err)
		}
	}
}

const testCollection = "https://example.org/feeds/a%20b"

var testTime = time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)

func benchMember(b *testing.B) (*Member, *Feed) {
	b.Helper()
	doc, err := Parse(realisticEntry(b), "", Limits{})
	if err != nil {
		b.Fatal(err)
	}
	return testMember(doc.Entries[0]), testFeed()
}

// testMember publishes e.
func testMember(e *Entry) *Member {
	m := &Member{
		ID: 42, Feed: "a b", UUID: "6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f11",
		AtomID: e.ID, Title: e.Title, Published: e.Published, Updated: e.Updated,
		Edited: testTime, Absent: e.Absent, XML: e.XML,
	}
	if e.Absent&PartPublished != 0 {
		m.Published = testTime
	}
	if e.Absent&PartUpdated != 0 {
		m.Updated = testTime
	}
	return m
}

func testFeed() *Feed {
	return &Feed{
		Name: "a b", UUID: "0f8fad5b-d9cb-469f-a165-70867728950e",
		Created: testTime, Updated: testTime, LastID: 42, Entries: 1, Bytes: 100,
	}
}

// benchMessages are what STOMP clients usually send, by the kind of their body: 200 bytes.
func benchMessages() map[string]*Message {
	header := []Field{{"order", "4711"}, {"customer", "ACME & Co."}, {"trace", "00-4bf92f3577b34da6a3ce929d0e0e4736"}}
	text := strings.Repeat("All's well & good.\n", 11)[:200]
	return map[string]*Message{
		"text":    {Type: "text/plain", Header: header, Body: []byte(text)},
		"line":    {Type: "text/plain", Body: bytes.Repeat([]byte("All's well. "), 400)},
		"charset": {Type: "text/plain; charset=utf-8", Header: header, Body: []byte(text)},
		"json":    {Type: "application/json", Header: header, Body: []byte(`{"id": 4711, "name": "an order", "lines": [` + strings.Repeat(`{"n": 1}, `, 14) + `{"n": 15}]}`)},
		"xml":     {Type: "application/xml", Header: header, Body: []byte("<order>" + strings.Repeat("<line n='1'/>", 14) + "</order>")},
		"image":   {Type: "image/png", Header: header, Body: bytes.Repeat([]byte("\x89PNG\xff"), 40)},
	}
}

func BenchmarkComposeMessage(b *testing.B) {
	for name, m := range benchMessages() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ComposeMessage("", m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMessageOf(b *testing.B) {
	for name, m := range benchMessages() {
		b.Run(name, func(b *testing.B) {
			member := testMember(entryOf(b, m))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := MessageOf(member); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("atom", func(b *testing.B) {
		m, _ := benchMember(b)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := MessageOf(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
