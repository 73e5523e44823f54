package api

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestTheExamplesOfTheContractRun runs the commands of doc/http.md against a live server, as a
// reader would, and looks for what the page shows.
func TestTheExamplesOfTheContractRun(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl: apt-get install curl")
	}
	page, err := os.ReadFile("../doc/http.md")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, Handler{})
	var members []string     // in order of publishing
	claim, commands := "", 0 // the one handed out last
	third := ""              // the ETag of the feed once its third entry was there
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		for example := range strings.SplitSeq(strings.TrimPrefix(block[1], "$ "), "\n$ ") {
			command, shown, _ := strings.Cut(strings.TrimSpace(example), "\n")
			commands++
			output := s.shell(strings.NewReplacer("{claim}", claim, "{third}", third).Replace(command), members)
			if m := regexp.MustCompile(`"ack":"([^"]*)"`).FindStringSubmatch(output); m != nil {
				claim = m[1]
			}
			if m := regexp.MustCompile(`rel="edit"[^>]* href="([^"]*)"`).FindStringSubmatch(output); m != nil {
				members = append(members, strings.Replace(m[1], "http://localhost:8080", s.url, 1))
			}
			if third == "" && len(members) == 3 {
				third = s.get("/feeds/news").Header.Get("ETag")
			}
			for line := range strings.Lines(shown) {
				wantLine(t, command, output, strings.TrimSpace(line))
			}
		}
	}
	if commands < 10 {
		t.Errorf("the page has %d commands", commands)
	}
}

// shell runs a command of the page with this server's address and entries in it.
func (s *server) shell(command string, members []string) string {
	s.t.Helper()
	command = strings.ReplaceAll(command, "http://localhost:8080", s.url)
	for placeholder, i := range map[string]int{"{first}": 0, "{fourth}": 3} {
		if strings.Contains(command, placeholder) {
			command = strings.ReplaceAll(command, placeholder, members[i])
		}
	}
	limit, endless := "10", strings.Contains(command, "curl -N ")
	if endless { // a stream, of which a second will do
		limit = "1"
	}
	out, err := exec.CommandContext(s.t.Context(), "sh", "-c", strings.Replace(command, "curl ", "curl -sS --noproxy '*' --max-time "+limit+" ", 1)).CombinedOutput()
	if err != nil && !endless {
		s.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return strings.ReplaceAll(string(out), s.url, "http://localhost:8080")
}

func wantLine(t *testing.T, command, output, line string) {
	t.Helper()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
	if !regexp.MustCompile(`(?im)^` + pattern).MatchString(output) {
		t.Errorf("$ %s\nshows no line %q:\n%s", command, line, output)
	}
}
