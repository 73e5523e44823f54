package api

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
	"testing/iotest"
	"time"
)

// readEvents reads a stream to its end.
func readEvents(s *eventStream) (all []event, id string, retry time.Duration, err error) {
	for {
		e, err := s.next()
		if err != nil {
			return all, s.id, s.retry, err
		}
		e.data = bytes.Clone(e.data)
		all = append(all, e)
		_, _ = parseEvent(e) // which may fail, and no more
	}
}

// A client reads the same events however the stream comes in, and whatever a server sends.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("retry: 2000\nid: 4\n\nid: 5\nevent: entry\ndata: <entry>\ndata: </entry>\n\n"))
	f.Add([]byte(": comment\r\ndata\r\n\r\ndata:x"))
	f.Add([]byte("id: a\x00b\nretry: -1\nevent: tombstone\ndata: <a\n\n\n\n"))
	f.Add([]byte("event: entry\ndata: <entry xmlns=\"http://www.w3.org/2005/Atom\"><id xmlns=\"urn:atommq\">9</id><title>t</title></entry>\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, id, retry, err := readEvents(newEventStream(bytes.NewReader(stream)))
		bytewise, id1, retry1, err1 := readEvents(newEventStream(iotest.OneByteReader(bytes.NewReader(stream))))
		same := slices.EqualFunc(whole, bytewise, func(a, b event) bool { return a.kind == b.kind && bytes.Equal(a.data, b.data) })
		if !same || id != id1 || retry != retry1 || err.Error() != err1.Error() {
			t.Fatalf("at once %q, %q, %v, %v; byte for byte %q, %q, %v, %v", whole, id, retry, err, bytewise, id1, retry1, err1)
		}
		if retry < 0 || bytes.IndexByte([]byte(id), 0) >= 0 {
			t.Fatalf("id %q, retry %v", id, retry)
		}
	})
}

// A client reads whatever a server sends for a page, in the order of ids.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(`<feed xmlns="http://www.w3.org/2005/Atom" xmlns:mq="urn:atommq"><link rel="next" href="x"/><entry><mq:id>2</mq:id><title>t</title><content type="html">c</content></entry><entry><mq:id>1</mq:id><updated>x</updated></entry></feed>`))
	f.Add([]byte(`<feed><deleted-entry xmlns="http://purl.org/atompub/tombstones/1.0" when="2026-03-14T15:09:26Z"><id xmlns="urn:atommq">3</id></deleted-entry></feed>`))
	f.Add([]byte(`<feed xmlns="http://www.w3.org/2005/Atom"><entry><message xmlns="urn:atommq:stomp" content-type="YQ==" base64="content-type name"><header name="!">v</header></message></entry></feed>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := parseBatch(body)
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(b.Entries, func(x, y BatchEntry) int { return cmp.Compare(x.ID, y.ID) }) {
			t.Fatalf("out of order: %+v", b.Entries)
		}
	})
}
