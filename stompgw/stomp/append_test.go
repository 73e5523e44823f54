package stomp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFramesAsWritten(t *testing.T) {
	head := AppendHeader(AppendCommand(nil, MESSAGE), V12, "destination", []byte("/queue/a:b"))
	head = AppendHeaderInt(head, V12, "Xlastid", -42)
	const written = "MESSAGE\ndestination:/queue/a\\cb\nXlastid:-42\n"
	for name, tt := range map[string]struct {
		got  []byte
		want string
	}{
		"body":       {AppendBody(bytes.Clone(head), []byte("a\x00b")), written + "content-length:3\n\na\x00b\x00\n"},
		"empty body": {AppendBody(bytes.Clone(head), nil), written + "content-length:0\n\n\x00\n"},
		"no body":    {AppendEnd(bytes.Clone(head)), written + "\n\x00\n"},
		"no name":    {AppendHeaderInt(AppendHeader(nil, V12, "", "x"), V12, "", 1), ""},
	} {
		if diff := cmp.Diff(tt.want, string(tt.got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestHeadersAreEscapedAsTheirVersionSays(t *testing.T) {
	const all = "\x00\t\n\r:\\ é"
	for v, want := range map[Version]string{
		V10: " \t  " + " \\ é: \t  :\\ é\n",
		V11: " \t\\n \\c\\\\ é: \t\\n \\c\\\\ é\n",
		V12: " \t\\n\\r\\c\\\\ é: \t\\n\\r\\c\\\\ é\n",
	} {
		if diff := cmp.Diff(want, string(AppendHeader(nil, v, all, all))); diff != "" {
			t.Errorf("%s: %s", v, diff)
		}
	}
}

// Wherever a byte stands among others, it is escaped or left alone as it is on its own.
func TestEveryByteAtEveryPlace(t *testing.T) {
	for v := V10; v <= V12; v++ {
		for c := range 256 {
			own := string(AppendHeader(nil, v, "k", []byte{byte(c)}))
			own = own[len("k:") : len(own)-len("\n")]
			for at := range 20 {
				text := []byte(strings.Repeat("x", 20))
				text[at] = byte(c)
				want := "k:" + strings.Repeat("x", at) + own + strings.Repeat("x", 19-at) + "\n"
				if got := string(AppendHeader(nil, v, "k", text)); got != want {
					t.Fatalf("%s: byte %#x at %d: %q", v, c, at, got)
				}
			}
		}
	}
}

func TestNoHeaderForgesAnother(t *testing.T) {
	forgeries := []string{
		"x\nadmin:true", "x\r\nadmin:true", "x\radmin:true", "x\n\nbody\x00SEND\nadmin:true\n\n", "x\x00\nSEND\n\n\x00",
		`x\nadmin:true`, `x\`, "\n", "\r", "\x00", ":", "x:y", "content-length:0\n\n",
	}
	for v := V10; v <= V12; v++ {
		for _, bad := range forgeries {
			for _, h := range []struct{ name, value string }{{"name", bad}, {bad, "value"}, {bad, bad}} {
				text := AppendEnd(AppendHeader(AppendCommand(nil, MESSAGE), v, h.name, h.value))
				r := reader(bytes.NewReader(text), v, Limits{})
				f, err := r.Next()
				if err != nil || len(f.Fields) != 1 || len(f.Body) != 0 {
					t.Fatalf("%s: %q became %v, %v", v, text, f, err)
				}
				if got := read(r); got != "= EOF\n" {
					t.Errorf("%s: behind %q came %s", v, text, got)
				}
			}
		}
	}
}

func TestAppendingAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 2000)
	value, long := []byte("a:b"), strings.Repeat("x", 300)
	if n := testing.AllocsPerRun(1000, func() {
		b := AppendCommand(dst, MESSAGE)
		b = AppendHeader(b, V12, "destination", "/queue/a:b")
		b = AppendHeader(b, V12, "content-type", value)
		b = AppendHeader(b, V12, long, long)
		b = AppendHeaderInt(b, V12, "message-id", 1<<40)
		_ = AppendBody(b, body200)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestVersionsAreNegotiated(t *testing.T) {
	for _, tt := range []struct {
		accept string
		want   Version
		ok     bool
	}{
		{"", V10, true},
		{"1.0", V10, true},
		{"1.1", V11, true},
		{"1.2", V12, true},
		{"1.0,1.1,1.2", V12, true},
		{"1.2,1.1,1.0", V12, true},
		{"1.1, 1.0", V11, true},
		{"1.1,2.0", V11, true},
		{"2.0", V10, false},
		{"1.20", V10, false},
		{",", V10, false},
	} {
		for _, got := range []func() (Version, bool){
			func() (Version, bool) { return Negotiate(tt.accept) },
			func() (Version, bool) { return Negotiate([]byte(tt.accept)) },
		} {
			if v, ok := got(); v != tt.want || ok != tt.ok {
				t.Errorf("%q: %s, %v", tt.accept, v, ok)
			}
		}
	}
	var all []string
	for v := V10; v <= V12; v++ {
		all = append(all, fmt.Sprint(v))
	}
	if got := strings.Join(all, ","); got != Versions {
		t.Errorf("%s, and Versions says %s", got, Versions)
	}
}
