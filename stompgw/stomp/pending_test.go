package stomp

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestPendingTellsWhetherNextWillBlock(t *testing.T) {
	for _, tt := range []struct {
		name, behind string
		want         bool
	}{
		{"nothing", "", false},
		{"heart-beats", "\n\r\n\n", false},
		{"a command", "SEND\n", false},
		{"headers", "SEND\na:b\n\n", false},
		{"a body without its NUL", "SEND\n\nabc", false},
		{"a counted body without its NUL", "SEND\ncontent-length:3\n\nab\x00", false},
		{"a frame", "SEND\n\nabc\x00", true},
		{"a frame behind heart-beats", "\n\nSEND\ncontent-length:3\n\nabc\x00", true},
		{"a frame and more", "SEND\n\n\x00SE", true},
		{"a breach", "\nPUBLISH\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const first = "SEND\na:b\\c\n\nfirst\x00"
			r := reader(strings.NewReader(first+tt.behind), V12, Limits{})
			f, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got := r.Pending(); got != tt.want {
					t.Errorf("pending: %v", got)
				}
			}
			if r.Buffered() != len(tt.behind) {
				t.Errorf("%d bytes buffered of %d", r.Buffered(), len(tt.behind))
			}
			if value, _ := f.Get("a"); string(value) != "b:" || string(f.Body) != "first" {
				t.Errorf("the frame in hand became %q %q", value, f.Body)
			}
		})
	}
}

// Otherwise a frame that trickles in would cost the square of its length.
func TestSearchGoesOnWhereItWas(t *testing.T) {
	const size = 10_000
	for name, sent := range map[string]string{
		"body":    "SEND\n\n" + strings.Repeat("x", size) + "\x00",
		"header":  "SEND\na:" + strings.Repeat("x", size) + "\n\n\x00",
		"headers": "SEND\n" + strings.Repeat("a:b\n", size/4) + "\n\x00",
	} {
		t.Run(name, func(t *testing.T) {
			src := iotest.OneByteReader(strings.NewReader(sent))
			var r *Reader
			r = NewReader(readerFunc(func(p []byte) (int, error) {
				if r.at != r.Buffered() {
					t.Fatalf("%d bytes came and %d are known to end nothing", r.Buffered(), r.at)
				}
				return src.Read(p)
			}), Limits{Headers: size})
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestPendingReadsNothing(t *testing.T) {
	r := NewReader(iotest.ErrReader(io.ErrClosedPipe), Limits{})
	if r.Pending() {
		t.Error("pending before anything was read")
	}
}
