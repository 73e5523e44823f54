package db

import "testing"

func TestABoundThatIsNoTextIsReplacedByTheFirstTextBehindIt(t *testing.T) {
	tests := []struct {
		name, bound, want string
		none              bool
	}{
		{name: "text", bound: "a/ü", want: "a/ü"},
		{name: "empty"},
		{name: "half a rune", bound: "a/\xc3", want: "a/\u00c0"},
		{name: "behind the last of two bytes", bound: "\xdf\xc0", want: "\u0800"},
		{name: "behind ASCII", bound: "a\x80", want: "a\u0080"},
		{name: "a surrogate", bound: "\xed\xa0\x80", want: "\ue000"},
		{name: "NUL", bound: "a\x00z", want: "a\x01"},
		{name: "behind all runes", bound: "a\xf5b", want: "b"},
		{name: "behind all texts", bound: "\xff", none: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, found := legibleBound(test.bound)
			if got != test.want || found == test.none {
				t.Errorf("%q, %v, want %q", got, found, test.want)
			}
		})
	}
}
