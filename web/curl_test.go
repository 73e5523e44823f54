package web

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/feeds"
)

func TestTheFileToUploadHasATypeThatTheFeedTakes(t *testing.T) {
	for _, r := range []string{
		"image/*", "video/*", "audio/*", "font/*", "message/*", "model/*", "chemical/*", "image/*+xml", "application/*+json",
		"text/csv", "application/pdf", "application/json; profile=x", "application/atom+xml;type=feed", "IMAGE/PNG",
	} {
		accepts := feeds.Accepts{"application/x-www-form-urlencoded", r}
		typ, params, _ := strings.Cut(fileType(accepts), ";")
		_, kind, _ := strings.Cut(params, "type=")
		if typ == "" || strings.Contains(typ, "*") || !accepts.Allow(typ, kind) {
			t.Errorf("%s: %q is not taken", r, typ)
		}
	}
}

func TestAShellHandsCurlTheURLAsItIs(t *testing.T) {
	for _, url := range []string{
		"https://mq.example.org/feeds/mycoolfeed",
		"https://mq.example.org/feeds/a b",
		"https://mq.example.org/feeds/'; touch owned; echo '",
		"https://mq.example.org/feeds/''\\'$(touch owned)`touch owned`",
		"https://mq.example.org/feeds/<&>|!*?[x]{y}~#\"\n\t%27",
	} {
		h := newHow(url, 42, nil)
		h.File = newHow(url, 42, feeds.Accepts{"Image/*"}).File
		for line, want := range map[string][]string{
			h.Text:   {"-H", "Content-Type: text/plain", "-d", "Hello, world", url},
			h.Entry:  {"-d", "<entry><title>Hello</title><content>world</content></entry>", url},
			h.File:   {"--data-binary", "@FILE", "-H", "Content-Type: image/png", "-H", "Slug: A title", url},
			h.Follow: {"-H", "Xlastid: 42", url},
		} {
			out, err := exec.CommandContext(t.Context(), "sh", "-c", `curl() { printf '%s\0' "$@"; }; `+line).Output()
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", line, diff)
			}
		}
	}
}
