package stomp

import (
	"bytes"
	"testing"
)

// endless gives the same frames over and over, as a socket under load does.
type endless struct{ text, rest []byte }

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(e.rest) == 0 {
			e.rest = e.text
		}
		c := copy(p[n:], e.rest)
		e.rest = e.rest[c:]
		n += c
	}
	return n, nil
}

var body200 = bytes.Repeat([]byte("0123456789"), 20)

// appendOpenBody ends a frame as a client does that counts nothing: NUL ends its body, unless that
// holds one.
func appendOpenBody(dst, body []byte) []byte {
	if bytes.IndexByte(body, 0) >= 0 {
		return AppendBody(dst, body)
	}
	dst = append(dst, '\n')
	dst = append(dst, body...)
	return append(dst, 0)
}

func sendFrame(finish func(dst, body []byte) []byte) []byte {
	b := AppendCommand(nil, SEND)
	b = AppendHeader(b, V12, "destination", "/queue/orders")
	b = AppendHeader(b, V12, "content-type", "application/json")
	b = AppendHeader(b, V12, "receipt", "message-12345")
	return finish(b, body200)
}

func benchmarkRead(b *testing.B, frame []byte) {
	r := NewReader(&endless{text: bytes.Repeat(frame, 100)}, Limits{})
	r.SetVersion(V12)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := r.Next()
		if err != nil || len(f.Body) != len(body200) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}

func BenchmarkReadSEND(b *testing.B) { benchmarkRead(b, sendFrame(AppendBody)) }

func BenchmarkReadSENDWithoutLength(b *testing.B) { benchmarkRead(b, sendFrame(appendOpenBody)) }

// The session asks Pending after each frame.
func BenchmarkReadSENDWithPending(b *testing.B) {
	frame := sendFrame(AppendBody)
	r := NewReader(&endless{text: bytes.Repeat(frame, 100)}, Limits{})
	r.SetVersion(V12)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
		r.Pending()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}

// A body that grows the buffer, which is given back after each.
func BenchmarkReadSEND1MiB(b *testing.B) {
	frame := AppendBody(AppendHeader(AppendCommand(nil, SEND), V12, "destination", "/queue/x"), make([]byte, 1<<20))
	r := NewReader(&endless{text: frame}, Limits{})
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendMESSAGE(b *testing.B) {
	var dst []byte
	value := []byte("application/json")
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendCommand(dst[:0], MESSAGE)
		dst = AppendHeader(dst, V12, "subscription", "worker-1")
		dst = AppendHeader(dst, V12, "destination", "/queue/orders")
		dst = AppendHeader(dst, V12, "content-type", value)
		dst = AppendHeaderInt(dst, V12, "message-id", 123456789)
		dst = AppendHeader(dst, V12, "ack", "123456789.1")
		dst = AppendBody(dst, body200)
	}
	b.SetBytes(int64(len(dst)))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}

func BenchmarkAppendHeaderWithColons(b *testing.B) {
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendHeader(dst[:0], V12, "uuid", "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	}
}
