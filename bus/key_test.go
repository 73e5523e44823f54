package bus

import (
	"strings"
	"testing"
)

func TestAnIdempotencyKeyIs1To255CharactersOfPrintableASCII(t *testing.T) {
	for key, want := range map[string]string{
		"k":                      "",
		" ~":                     "",
		strings.Repeat("k", 255): "",
		"":                       "is empty",
		strings.Repeat("k", 256): "has 256 bytes",
		"a\tb":                   `"a\tb" is not printable ASCII`,
		"a\x7f":                  `"a\x7f" is not printable ASCII`,
		"\u00fc":                 `"ü" is not printable ASCII`,
		"\xff":                   `"\xff" is not printable ASCII`,
	} {
		got := ""
		if err := CheckKey(key); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("CheckKey(%q) says %q, want %q", key, got, want)
		}
	}
}
