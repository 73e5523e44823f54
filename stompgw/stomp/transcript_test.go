package stomp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// read tells everything that a Reader makes of source: a line per command, header and
// body, then how it ended.
func read(r *Reader) string {
	var b strings.Builder
	for {
		f, err := r.Next()
		if err != nil {
			fmt.Fprintln(&b, "=", err)
			return b.String()
		}
		fmt.Fprintln(&b, f.Command)
		for _, h := range f.Fields {
			fmt.Fprintf(&b, "  %q: %q\n", h.Name, h.Value)
		}
		fmt.Fprintf(&b, "  %q\n", f.Body)
	}
}

func reader(src io.Reader, v Version, l Limits) *Reader {
	r := NewReader(src, l)
	r.SetVersion(v)
	return r
}

func lines(text ...string) string { return strings.Join(text, "\n") + "\n" }

var transcripts = []struct {
	name    string
	version Version
	sent    string
	want    string
}{
	{
		name: "a 1.0 client with padded headers and newlines behind NUL",
		sent: "CONNECT\nlogin: guest\npasscode:\tguest \n\n\x00\n" +
			"SEND\ndestination: /queue/a\nreceipt: 1\n\nhello queue a\n\x00\n\n" +
			"DISCONNECT\n\n\x00\n",
		want: lines("CONNECT", `  "login": "guest"`, `  "passcode": "guest"`, `  ""`,
			"SEND", `  "destination": "/queue/a"`, `  "receipt": "1"`, `  "hello queue a\n"`,
			"DISCONNECT", `  ""`, "= EOF"),
	}, {
		name: "no newline behind NUL",
		sent: "SEND\ndestination:/topic/a\n\none\x00SEND\ndestination:/topic/a\n\ntwo\x00",
		want: lines("SEND", `  "destination": "/topic/a"`, `  "one"`,
			"SEND", `  "destination": "/topic/a"`, `  "two"`, "= EOF"),
	}, {
		name: "content-length carries NUL, padded in 1.0",
		sent: "SEND\ndestination:/queue/a\ncontent-length: 5\n\n\x00\n\x00\n\x00\x00\n",
		want: lines("SEND", `  "destination": "/queue/a"`, `  "content-length": "5"`, `  "\x00\n\x00\n\x00"`, "= EOF"),
	}, {
		name: "a client that speaks later versions sends what it means",
		sent: "CONNECT\naccept-version:1.0,1.2\nhost:x\npasscode: \\c secret \n\n\x00" +
			"CONNECTED\nversion:1.2\nserver: x\n\n\x00STOMP\nhost: x\n\n\x00CONNECTED\nserver: x\n\n\x00",
		want: lines("CONNECT", `  "accept-version": "1.0,1.2"`, `  "host": "x"`, `  "passcode": " \\c secret "`, `  ""`,
			"CONNECTED", `  "version": "1.2"`, `  "server": " x"`, `  ""`,
			"STOMP", `  "host": " x"`, `  ""`,
			"CONNECTED", `  "server": "x"`, `  ""`, "= EOF"),
	}, {
		name: "backslashes and colons mean nothing in 1.0",
		sent: "SEND\ndestination:/queue/a:b\\c\\n\n\n\x00",
		want: lines("SEND", `  "destination": "/queue/a:b\\c\\n"`, `  ""`, "= EOF"),
	}, {
		name: "CONNECT and CONNECTED are escaped in no version", version: V12,
		sent: "CONNECT\nlogin:a\\c\\t\n\n\x00CONNECTED\nuser:\\\n\n\x00",
		want: lines("CONNECT", `  "login": "a\\c\\t"`, `  ""`, "CONNECTED", `  "user": "\\"`, `  ""`, "= EOF"),
	}, {
		name: "1.1 escapes names and values, and trims neither", version: V11,
		sent: "MESSAGE\na\\cb\\n: 1\\\\n\\c \nc::2\n\n\x00",
		want: lines("MESSAGE", `  "a:b\n": " 1\\n: "`, `  "c": ":2"`, `  ""`, "= EOF"),
	}, {
		name: "1.2 escapes CR too", version: V12,
		sent: "MESSAGE\na:\\r\\n\\c\\\\\n\n\x00",
		want: lines("MESSAGE", `  "a": "\r\n:\\"`, `  ""`, "= EOF"),
	}, {
		name: "1.2 ends lines with CRLF or LF", version: V12,
		sent: "\r\n\r\nSEND\na:1\r\nb:2\nc:3\r\r\n\r\nx\r\n\x00\r\n\nACK\nid:1\n\r\n\x00",
		want: lines("SEND", `  "a": "1"`, `  "b": "2"`, `  "c": "3\r"`, `  "x\r\n"`, "ACK", `  "id": "1"`, `  ""`, "= EOF"),
	}, {
		name: "before 1.2 a CR belongs to the value", version: V11,
		sent: "SEND\na:1\r\nb:\r\n\n\x00",
		want: lines("SEND", `  "a": "1\r"`, `  "b": "\r"`, `  ""`, "= EOF"),
	}, {
		name: "who begins with CRLF means it in every version", version: V11,
		sent: "\r\nSEND\r\na:1\r\nb:2\n\r\nx\x00\r\n",
		want: lines("SEND", `  "a": "1"`, `  "b": "2"`, `  "x"`, "= EOF"),
	}, {
		name: "a handshake may end lines with CRLF from its first header on",
		sent: "CONNECT\nhost:x\r\n\r\n\x00",
		want: lines("CONNECT", `  "host": "x"`, `  ""`, "= EOF"),
	}, {
		name: "repeated headers are kept in order", version: V12,
		sent: "MESSAGE\nfoo:World\nfoo:Hello\ncontent-length:2\ncontent-length:x\n\n\x00\x00\x00",
		want: lines("MESSAGE", `  "foo": "World"`, `  "foo": "Hello"`, `  "content-length": "2"`, `  "content-length": "x"`, `  "\x00\x00"`, "= EOF"),
	}, {
		name: "every command", version: V12,
		sent: "CONNECT\n\n\x00STOMP\n\n\x00SEND\n\n\x00SUBSCRIBE\n\n\x00UNSUBSCRIBE\n\n\x00ACK\n\n\x00NACK\n\n\x00BEGIN\n\n\x00COMMIT\n\n\x00" +
			"ABORT\n\n\x00DISCONNECT\n\n\x00CONNECTED\n\n\x00MESSAGE\n\n\x00RECEIPT\n\n\x00ERROR\n\n\x00",
		want: strings.ReplaceAll("CONNECT STOMP SEND SUBSCRIBE UNSUBSCRIBE ACK NACK BEGIN COMMIT ABORT DISCONNECT CONNECTED MESSAGE RECEIPT ERROR ",
			" ", "\n  \"\"\n") + "= EOF\n",
	}, {
		name: "empty values, spaces in names, and bytes that are no UTF-8", version: V12,
		sent: "SEND\na:\n b :\xff\xfe\n\n\xff\x00",
		want: lines("SEND", `  "a": ""`, `  " b ": "\xff\xfe"`, `  "\xff"`, "= EOF"),
	}, {
		name: "nothing but heart-beats",
		sent: "\n\r\n\n\n",
		want: "= EOF\n",
	}, {
		name: "an end inside a command",
		sent: "\n\nSEN",
		want: "= unexpected EOF\n",
	}, {
		name: "an end inside headers",
		sent: "SEND\na:1\n",
		want: "= unexpected EOF\n",
	}, {
		name: "an end inside a counted body",
		sent: "SEND\ncontent-length:3\n\nabc",
		want: "= unexpected EOF\n",
	}, {
		name: "an end inside an open body",
		sent: "SEND\n\nabc",
		want: "= unexpected EOF\n",
	}, {
		name: "an end inside a heart-beat",
		sent: "SEND\n\n\x00\r",
		want: lines("SEND", `  ""`, "= unexpected EOF"),
	},
}

func TestTranscripts(t *testing.T) {
	for _, tt := range transcripts {
		t.Run(tt.name, func(t *testing.T) {
			got := read(reader(strings.NewReader(tt.sent), tt.version, Limits{}))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// sources gives text in every way that a network may.
func sources(text string) map[string]io.Reader {
	all := map[string]io.Reader{
		"whole":            strings.NewReader(text),
		"byte by byte":     iotest.OneByteReader(strings.NewReader(text)),
		"halves":           iotest.HalfReader(strings.NewReader(text)),
		"end with data":    iotest.DataErrReader(strings.NewReader(text)),
		"bytes, then both": iotest.DataErrReader(iotest.OneByteReader(strings.NewReader(text))),
	}
	for i := range text {
		all[fmt.Sprintf("split at %d", i)] = io.MultiReader(strings.NewReader(text[:i]), strings.NewReader(text[i:]))
	}
	return all
}

func TestFramesDoNotDependOnHowTheyArrive(t *testing.T) {
	for _, tt := range transcripts {
		for way, src := range sources(tt.sent) {
			if diff := cmp.Diff(tt.want, read(reader(src, tt.version, Limits{}))); diff != "" {
				t.Errorf("%s, %s: %s", tt.name, way, diff)
			}
		}
	}
	for _, tt := range breaches {
		for way, src := range sources(tt.sent) {
			if diff := cmp.Diff("= stomp: "+tt.want+"\n", read(reader(src, tt.version, tt.limits))); diff != "" {
				t.Errorf("%s, %s: %s", tt.name, way, diff)
			}
		}
	}
}

// A connection's versions are settled by its first frame, however much came with it.
func TestVersionAppliesToFramesReadAheadAndLookedAt(t *testing.T) {
	r := NewReader(strings.NewReader("CONNECT\naccept-version:1.2\n\n\x00SEND\na: \\c\r\n\r\n\x00"), Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	r.Pending()
	r.SetVersion(V12)
	if diff := cmp.Diff(lines("SEND", `  "a": " :"`, `  ""`, "= EOF"), read(r)); diff != "" {
		t.Error(diff)
	}
}

func TestManyFramesInOnePacketComeOneByOne(t *testing.T) {
	const count = 10_000
	var text []byte
	for i := range count {
		text = AppendCommand(text, SEND)
		text = AppendHeaderInt(text, V12, "n", int64(i))
		text = AppendBody(text, bytes.Repeat([]byte{byte(i)}, i%300))
	}
	r := reader(bytes.NewReader(text), V12, Limits{})
	for i := range count {
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		n, _ := f.Get("n")
		if string(n) != fmt.Sprint(i) || !bytes.Equal(f.Body, bytes.Repeat([]byte{byte(i)}, i%300)) {
			t.Fatalf("frame %d came as %s with %q", i, n, f.Body)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last frame: %v", err)
	}
}

func TestFirstOfRepeatedHeadersCounts(t *testing.T) {
	f, err := reader(strings.NewReader("MESSAGE\nfoo:World\nfoo:Hello\n\n\x00"), V12, Limits{}).Next()
	if err != nil {
		t.Fatal(err)
	}
	if value, ok := f.Get("foo"); string(value) != "World" || !ok {
		t.Errorf("foo is %q, %v", value, ok)
	}
	if value, ok := f.Get("Foo"); value != nil || ok {
		t.Errorf("Foo is %q, %v", value, ok)
	}
}

func TestSourceErrorsComeAsTheyAreAndReadingGoesOn(t *testing.T) {
	broken := errors.New("wire cut")
	src := io.MultiReader(strings.NewReader("SEND\n\nab"), iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("c\x00"))), iotest.ErrReader(broken))
	r := NewReader(src, Limits{})
	if _, err := r.Next(); !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("the first error is %v", err)
	}
	f, err := r.Next()
	if err != nil || string(f.Body) != "abc" {
		t.Fatalf("after a timeout: %v, %v", f, err)
	}
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("the last error is %v", err)
	}
}

func TestSourceThatGivesNothingIsLeft(t *testing.T) {
	silent := readerFunc(func([]byte) (int, error) { return 0, nil })
	if _, err := NewReader(silent, Limits{}).Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
