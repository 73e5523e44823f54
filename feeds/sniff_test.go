package feeds

import (
	"strings"
	"testing"
)

func TestAtomIsToldFromOtherContent(t *testing.T) {
	wide := func(s string) string { return strings.Join(strings.Split(s, ""), "\x00") + "\x00" }
	for doc, want := range map[string]bool{
		"<entry>":                         true,
		"<feed":                           true,
		"\ufeff \r\n<a:entry xmlns:a=''>": true,
		"<?xml version='1.0'?><!-- <b> --><feed/>": true,
		"<?xml version='9'?><entry":                true,
		"<!-->--><entry/>":                         true,
		"\xff\xfe" + wide("<entry/>"):              true,
		wide("<?xml version='1.0'?><entry/>"):      true,
		"\xfe\xff\x00" + wide("<entry/"):           true,
		"":                                         false,
		"<":                                        false,
		"\xff\xfe":                                 false,
		"entry":                                    false,
		"<entries/>":                               false,
		"<rss><entry/></rss>":                      false,
		"<!-- <entry/>":                            false,
		"<!DOCTYPE entry><entry/>":                 false,
		"{\"<entry>\":1}":                          false,
		"&lt;entry>":                               false,
	} {
		if got := LooksLikeAtom([]byte(doc)); got != want {
			t.Errorf("%q: %v", doc, got)
		}
	}
}
