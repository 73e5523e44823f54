package stomp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// chunked gives src in pieces whose lengths are steps, over and over.
type chunked struct {
	src   io.Reader
	steps []byte
	at    int
}

func (c *chunked) Read(p []byte) (int, error) {
	n := 1
	if len(c.steps) > 0 {
		n += int(c.steps[c.at%len(c.steps)])
		c.at++
	}
	return c.src.Read(p[:min(n, len(p))])
}

// FuzzReader: bytes are read as the reference reads them, however they arrive; no
// buffer passes the limits; and what was read, written again, reads the same.
func FuzzReader(f *testing.F) {
	for _, tt := range transcripts {
		f.Add([]byte(tt.sent), uint8(tt.version), []byte{3, 0, 7})
	}
	for _, tt := range breaches {
		f.Add([]byte(tt.sent), uint8(tt.version), []byte{5, 1})
	}
	limits := Limits{Headers: 8, HeaderBytes: 600, BodyBytes: 900}
	f.Fuzz(func(t *testing.T, sent []byte, version uint8, steps []byte) {
		v := Version(version % 3)
		want := read(reader(bytes.NewReader(sent), v, limits))
		if frames, ok := reference(sent, v, limits); !strings.HasPrefix(want, frames) || ok != strings.HasSuffix(want, "= EOF\n") {
			t.Fatalf("is read as\n%sand should be as\n%s", want, frames)
		}
		var r *Reader
		sources := []io.Reader{
			iotest.OneByteReader(bytes.NewReader(sent)),
			&chunked{src: iotest.DataErrReader(bytes.NewReader(sent)), steps: steps},
		}
		for i, src := range sources {
			r = reader(readerFunc(func(p []byte) (int, error) {
				if len(p) == 0 || len(r.data) > limits.frame() {
					t.Fatalf("reads %d bytes into a buffer of %d", len(p), len(r.data))
				}
				if i == 0 && r.Pending() {
					t.Fatal("reads though a frame is pending")
				}
				return src.Read(p)
			}), v, limits)
			if diff := cmp.Diff(want, read(r)); diff != "" {
				t.Fatal(diff)
			}
		}
		again(t, sent, v, limits)
	})
}

// again writes every frame of sent as it was understood, and reads it back.
func again(t *testing.T, sent []byte, v Version, limits Limits) {
	r := reader(bytes.NewReader(sent), v, limits)
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		written := AppendCommand(nil, f.Command)
		as := v
		if f.Command.handshake() {
			as = V10
		}
		for _, h := range f.Fields {
			if as < V12 && bytes.IndexByte(append(h.Name, h.Value...), '\r') >= 0 {
				return // cannot be written
			}
			written = AppendHeader(written, as, string(h.Name), h.Value)
		}
		if _, counted := f.Get("content-length"); counted {
			written = append(append(append(written, '\n'), f.Body...), 0)
		} else {
			written = appendOpenBody(written, f.Body)
		}
		g, err := reader(bytes.NewReader(written), v, Limits{}).Next()
		if err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if diff := cmp.Diff(f, g, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q: %s", written, diff)
		}
	}
}

// FuzzAppend: whatever a header and a body hold, they come back, from one frame,
// as far as the version has a way to write them.
func FuzzAppend(f *testing.F) {
	f.Add(uint8(0), "key", "value", []byte("body"))
	f.Add(uint8(1), "a:b\n", "\\c\r\n", []byte("a\x00b"))
	f.Add(uint8(2), "a:b\r\n", " \\c\r\n\x00", []byte{})
	f.Add(uint8(2), "", "x\n\n\x00SEND\n", []byte("\x00"))
	f.Fuzz(func(t *testing.T, version uint8, name, value string, body []byte) {
		if name == "content-length" {
			t.Skip("is the business of AppendBody")
		}
		v := Version(version % 3)
		for _, finish := range []func(dst, body []byte) []byte{AppendBody, appendOpenBody} {
			text := AppendHeader(AppendCommand(nil, SEND), v, "first", "x")
			text = AppendHeader(text, v, name, value)
			text = finish(text, body)
			r := reader(iotest.DataErrReader(bytes.NewReader(text)), v, Limits{BodyBytes: 1 << 30, HeaderBytes: 1 << 30})
			f, err := r.Next()
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if !bytes.Equal(f.Body, body) {
				t.Errorf("body %q came back as %q", body, f.Body)
			}
			if name != "" {
				if h := f.Fields[1]; string(h.Name) != carried(v, name, true) || string(h.Value) != carried(v, value, false) {
					t.Errorf("%q: %q came back as %q: %q", name, value, h.Name, h.Value)
				}
			}
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("behind %q: %v", text, err)
			}
		}
	})
}

// carried is what a version can carry of text.
func carried(v Version, text string, name bool) string {
	b := bytes.ReplaceAll([]byte(text), []byte{0}, []byte(" "))
	if v < V12 {
		b = bytes.ReplaceAll(b, []byte("\r"), []byte(" "))
	}
	if v < V11 {
		b = bytes.ReplaceAll(b, []byte("\n"), []byte(" "))
		if name {
			b = bytes.ReplaceAll(b, []byte(":"), []byte(" "))
		} else {
			b = trim(b)
		}
	}
	return string(b)
}
