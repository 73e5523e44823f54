package web

import "testing"

func TestOnlyLinksThatAreSafeToFollowAreLinks(t *testing.T) {
	const self = "https://mq.example.org/feeds/x/entries/1"
	for _, tt := range []struct{ base, href, want string }{
		{"", "https://example.org/a?b#c", "https://example.org/a?b#c"},
		{"", "HTTPS://example.org", "https://example.org"},
		{"", "mailto:a@example.org?subject=b", "mailto:a@example.org?subject=b"},
		{"", "a.html", ""},
		{"", "/a", ""},
		{"", "//example.org/a", ""},
		{"", "#a", ""},
		{"", "", ""},
		{"https://example.org/a/", "b/../c", "https://example.org/a/c"},
		{"https://example.org/a/", "//example.com/", "https://example.com/"},
		{"../../y/", "z", "https://mq.example.org/feeds/y/z"},
		{"urn:example:a", "b", ""},
		{"javascript:alert(1)//", "b", ""},
		{"javascript:alert(1)//", "", ""},
		{"%zz", "b", ""},
		{"", "javascript:alert(1)", ""},
		{"", " javascript:alert(1)", ""},
		{"", "java\tscript:alert(1)", ""},
		{"", "java\x00script:alert(1)", ""},
		{"", "data:text/html,a", ""},
		{"", "vbscript:a", ""},
		{"", "file:///etc/passwd", ""},
		{"", "view-source:https://example.org", ""},
		{"", "https:a", ""},
		{"", "https:///a", ""},
		{"", "https://:80/", ""},
		{"", `https:\\example.org`, ""},
	} {
		if got := webURL(resolve(self, tt.base), tt.href); got != tt.want {
			t.Errorf("%q in %q: got %q, want %q", tt.href, tt.base, got, tt.want)
		}
	}
}
