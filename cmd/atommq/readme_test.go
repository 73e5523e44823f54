package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// Where README.md has its server.
const (
	readmeAddress = "127.0.0.1:8080"
	readmeStomp   = "127.0.0.1:61613"
)

// transcript is a command in README.md and what it prints there.
type transcript struct {
	line    int
	command string
	output  []string
}

func TestReadmeWorksAsWritten(t *testing.T) {
	shell := newShell(t, startServer(t))
	for _, tr := range readTranscripts(t, "../../README.md") {
		if tr.command == "make run" {
			// make run is atommq serve, which is running.
			if want := "AtomMQ serves http://" + readmeAddress + "/ and stomp://" + readmeStomp; strings.Join(tr.output, "") != want {
				t.Errorf("line %d: make run prints %q", tr.line, want)
			}
			continue
		}
		out, err := shell.run(t, tr.command)
		if err != nil && !strings.Contains(tr.command, " --max-time ") { // which is how the reading of a stream ends
			t.Errorf("line %d: %s: %v\n%s", tr.line, tr.command, err, out)
		}
		if !tr.matches(out) {
			t.Errorf("line %d: %s\nprints:\n%s\nREADME.md has:\n%s", tr.line, tr.command, out, strings.Join(tr.output, "\n"))
		}
	}
}

// newShell returns one in a new directory with the program in bin, as after make build.
func newShell(t *testing.T, server *process) *shell {
	t.Helper()
	dir := t.TempDir()
	program, err := exec.LookPath("atommq")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(dir, "bin", "atommq")); err != nil {
		t.Fatal(err)
	}
	return &shell{dir: dir, state: filepath.Join(dir, "state.sh"), server: server}
}

func TestReadmeListsEverySetting(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range settingsRows() {
		if !strings.Contains(string(text), "\n"+row+"\n") {
			t.Errorf("README.md lacks the row\n%s", row)
		}
	}
}

// settingsRows writes the table of settings as README.md has it.
func settingsRows() []string {
	rows := []string{"| flag | variable | default | what it is |", "|---|---|---|---|"}
	for _, s := range settingsTable() {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		s.bind(flags, new(settings), s.name, s.help)
		value := flags.Lookup(s.name).DefValue
		if value != "" {
			value = "`" + value + "`"
		}
		help := strings.ReplaceAll(s.help, "`", "")
		rows = append(rows, fmt.Sprintf("| `--%s` | `%s` | %s | %s |", s.name, s.variable(), value, help))
	}
	return rows
}

// readTranscripts reads the blocks of a document that are marked as console.
func readTranscripts(t *testing.T, path string) []transcript {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []transcript
	inside := false
	for i, line := range strings.Split(string(text), "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case isCommand:
			all = append(all, transcript{line: i + 1, command: command})
		case len(all) > 0 && all[len(all)-1].open():
			all[len(all)-1].command += "\n" + line
		case len(all) > 0:
			all[len(all)-1].output = append(all[len(all)-1].output, line)
		}
	}
	return all
}

// open reports whether the command goes on with the next line: a quote is not closed.
func (tr *transcript) open() bool { return strings.Count(tr.command, "'")%2 == 1 }

// matches compares what a command printed with what README.md has: "…" stands for anything,
// a line of it alone for any lines; uuids, times and runs of space may differ.
func (tr *transcript) matches(out string) bool {
	var pattern strings.Builder
	for _, line := range tr.output {
		if line == "…" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		quoted := regexp.QuoteMeta(normalise(line))
		pattern.WriteString(strings.ReplaceAll(quoted, "…", ".*") + `\n`)
	}
	if out != "" && !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	return regexp.MustCompile(`\A` + pattern.String() + `\z`).MatchString(normalise(out))
}

// normalise puts words for what is never the same twice.
func normalise(s string) string {
	s = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(s, "UUID")
	s = regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`).ReplaceAllString(s, "TIME")
	s = strings.ReplaceAll(s, "\r", "")
	return regexp.MustCompile(` +`).ReplaceAllString(s, " ")
}

// shell runs the commands of README.md against a server of a test. Variables
// that one command sets are there in the next.
type shell struct {
	dir, state string
	server     *process
}

func (s *shell) run(t *testing.T, command string) (string, error) {
	t.Helper()
	command = strings.NewReplacer(readmeAddress, s.server.address(), readmeStomp, s.server.Stomp).Replace(command)
	script := fmt.Sprintf("touch %[1]s; . %[1]s; { %[2]s\n}; status=$?; set | grep -E '^(entry|job)=' >%[1]s; exit $status", s.state, command)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "ATOMMQ_URL="+s.server.URL, "ATOMMQ_DB="+s.server.DB, "TZ=UTC")
	out, err := cmd.Output()
	return strings.ReplaceAll(string(out), s.server.address(), readmeAddress), err
}
