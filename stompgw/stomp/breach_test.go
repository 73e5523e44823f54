package stomp

import (
	"errors"
	"io"
	"strings"
	"testing"
)

var small = Limits{Headers: 2, HeaderBytes: 64, BodyBytes: 8}

const (
	commandHelp = "a frame begins with a command in capital letters alone in its line, such as SEND; a body longer than its content-length also ends up here"
	lengthHelp  = "send the count of the body's bytes in plain digits, or no content-length when the body holds no NUL"
	colonHelp   = "write each header as name:value, and an empty line before the body"
	escapeHelp  = `write a backslash in a header as \\`
	bodyHelp    = "the bytes of the body of a frame pass the limit of 8: split it into several messages"
)

var breaches = []struct {
	name    string
	version Version
	limits  Limits
	sent    string
	want    string
	limit   bool
	receipt string
}{
	{name: "an unknown command", sent: "PUBLISH\n", want: `"PUBLISH" is no STOMP command: ` + commandHelp},
	{name: "a command in lower case", sent: "send\n", want: `"send" is no STOMP command: ` + commandHelp},
	{name: "a space behind a command", sent: "SEND \n", want: `"SEND " is no STOMP command: ` + commandHelp},
	{name: "a first line without end", sent: strings.Repeat("A", 13), want: `"AAAAAAAAAAAAA" is no STOMP command: ` + commandHelp},
	{name: "a NUL too many", sent: "\x00", want: `"\x00" is no STOMP command: ` + commandHelp},
	{name: "a CR alone", sent: "\rSEND\n", want: `"\rSEND" is no STOMP command: ` + commandHelp},
	{name: "HTTP", sent: "GET / HTTP/1.1\r\n", want: "this is HTTP, and here STOMP is spoken: use the HTTP port, where STOMP over WebSocket is spoken too"},
	{name: "TLS", sent: "\x16\x03\x01\x02\x00", want: "this is TLS, and here plain STOMP is spoken: connect without TLS, or to the port that has it"},

	{name: "a header without colon", sent: "SEND\nreceipt:7\nfoo\n", receipt: "7", want: `header line "foo" has no name or no colon: ` + colonHelp},
	{name: "a header without name", sent: "SEND\n:foo\n", want: `header line ":foo" has no name or no colon: ` + colonHelp},
	{name: "a colon too late", sent: "SEND\n" + strings.Repeat("x", 40) + "\n", want: `header line "` + strings.Repeat("x", 32) + `" has no name or no colon: ` + colonHelp},
	{name: "no empty line before NUL", version: V12, sent: "DISCONNECT\nreceipt:a\\cb\n\x00", receipt: "a:b",
		want: "NUL in the headers of a frame: end the headers with an empty line, also where no body follows"},
	{name: "too many headers", limits: small, sent: "SEND\na:1\nb:2\nc:3\n", limit: true,
		want: "the headers of a frame pass the limit of 2: send fewer, or put them into the body"},
	{name: "too long headers", limits: small, sent: "SEND\na:" + strings.Repeat("x", 60), limit: true,
		want: "the bytes of command and headers of a frame pass the limit of 64: put what is long into the body, and end the headers with an empty line"},

	{name: "an escape that 1.1 does not define", version: V11, sent: "SEND\nreceipt: 1\na:\\r\n\n", receipt: " 1",
		want: `escape sequence "\\r" is not defined in STOMP 1.1: ` + escapeHelp},
	{name: "an escape that 1.2 does not define", version: V12, sent: "SEND\na\\t:b\n\n",
		want: `escape sequence "\\t" is not defined in STOMP 1.2: ` + escapeHelp},
	{name: "a backslash at the end of a name", version: V12, sent: "SEND\na\\:b\n\n",
		want: `escape sequence "\\:" is not defined in STOMP 1.2: ` + escapeHelp},
	{name: "a backslash at the end of a value", version: V12, sent: "SEND\na:\\\\\\\n\n",
		want: `escape sequence "\\" is not defined in STOMP 1.2: ` + escapeHelp},

	{name: "no content-length", sent: "SEND\ncontent-length:\n", want: "content-length is not a number: " + lengthHelp},
	{name: "a negative content-length", sent: "SEND\ncontent-length:-1\n", want: "content-length is not a number: " + lengthHelp},
	{name: "a content-length with sign", sent: "SEND\ncontent-length:+1\n", want: "content-length is not a number: " + lengthHelp},
	{name: "a padded content-length in 1.1", version: V11, sent: "SEND\ncontent-length: 1\n", want: "content-length is not a number: " + lengthHelp},
	{name: "a content-length beyond the limit", limits: small, sent: "SEND\ncontent-length:9\n", limit: true, want: bodyHelp},
	{name: "a content-length beyond all integers", limits: small, sent: "SEND\ncontent-length:99999999999999999999999\n", limit: true, want: bodyHelp},
	{name: "a body longer than content-length", sent: "SEND\nreceipt:r\ncontent-length:2\n\nabc\x00", receipt: "r",
		want: "no NUL after the 2 bytes that content-length tells: count the body's bytes, not its characters, and end the frame with NUL"},
	{name: "a body shorter than content-length", sent: "SEND\ncontent-length:4\n\nabc\x00SEND\n",
		want: "no NUL after the 4 bytes that content-length tells: count the body's bytes, not its characters, and end the frame with NUL"},
	{name: "a body without end", limits: small, sent: "SEND\n\n123456789", limit: true, want: bodyHelp + ", and end each frame with NUL"},
}

func TestBreaches(t *testing.T) {
	for _, tt := range breaches {
		t.Run(tt.name, func(t *testing.T) {
			r := reader(strings.NewReader(tt.sent), tt.version, tt.limits)
			_, err := r.Next()
			var breach *Error
			if !errors.As(err, &breach) {
				t.Fatalf("got %v", err)
			}
			if breach.Error() != "stomp: "+tt.want {
				t.Errorf("says %q, should say %q", breach.Error(), tt.want)
			}
			if breach.Limit != tt.limit || breach.Receipt != tt.receipt {
				t.Errorf("limit %v, receipt %q", breach.Limit, breach.Receipt)
			}
			if strings.ContainsAny(breach.Message+breach.Detail, "\r\n\x00") {
				t.Error("more than a line")
			}
			if _, again := r.Next(); !errors.Is(again, err) {
				t.Errorf("and then %v", again)
			}
		})
	}
}

func TestWhatJustFitsTheLimitsIsRead(t *testing.T) {
	head := "SEND\na:" + strings.Repeat("x", 64-len("SEND\na:\n\n")) + "\n\n"
	for _, sent := range []string{
		head + "12345678\x00",
		"SEND\ncontent-length:8\na:b\n\n12345678\x00",
		"SEND\ncontent-length:0000008\na:b\n\n12345678\x00",
	} {
		for way, src := range sources(sent) {
			f, err := reader(src, V12, small).Next()
			if err != nil || string(f.Body) != "12345678" {
				t.Errorf("%q, %s: %v", sent, way, err)
			}
		}
	}
}

func TestHostileStreamsEndInABreachWithinTheLimits(t *testing.T) {
	limits := Limits{HeaderBytes: 10_000, BodyBytes: 100_000}
	for name, tt := range map[string]struct{ first, endless string }{
		"headers":              {"SEND\n", "a:b\n"},
		"a header line":        {"SEND\na:", "x"},
		"a header name":        {"SEND\n", "x"},
		"commands":             {"", "SEND\n"},
		"a body":               {"SEND\n\n", "x"},
		"line ends in a body":  {"SEND\n\n", "\r\n"},
		"bodies too long":      {"", "SEND\ncontent-length:3\n\nabcd\x00"},
		"NULs":                 {"", "\x00"},
		"NULs behind a frame":  {"SEND\n\n", "\x00"},
		"NULs behind a header": {"SEND\na:b\n", "\x00"},
		"CRs":                  {"", "\r"},
		"binary":               {"", "\x80\xff\x01\x00\n:\\"},
		"backslashes":          {"SEND\n", `\`},
	} {
		t.Run(name, func(t *testing.T) {
			for v := V10; v <= V12; v++ {
				src := io.MultiReader(strings.NewReader(tt.first), &endless{text: []byte(tt.endless)})
				r := reader(src, v, limits)
				var err error
				for err == nil {
					_, err = r.Next()
				}
				if breach := new(Error); !errors.As(err, &breach) {
					t.Errorf("%s: %v", v, err)
				}
				if len(r.data) > limits.withDefaults().frame() {
					t.Errorf("%s: takes %d bytes", v, len(r.data))
				}
			}
		})
	}
}
