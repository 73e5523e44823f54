package web

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAShellHandsCurlTheURLAsItIs(t *testing.T) {
	for _, url := range []string{
		"https://mq.example.org/feeds/mycoolfeed",
		"https://mq.example.org/feeds/a b",
		"https://mq.example.org/feeds/'; touch owned; echo '",
		"https://mq.example.org/feeds/''\\'$(touch owned)`touch owned`",
		"https://mq.example.org/feeds/<&>|!*?[x]{y}~#\"\n\t%27",
	} {
		h := newHow(url, 42)
		for line, want := range map[string][]string{
			h.Text:   {"-H", "Content-Type: text/plain", "-d", "Hello, world", url},
			h.Entry:  {"-d", "<entry><title>Hello</title><content>world</content></entry>", url},
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
