package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rendered returns a page as man shows it, which must have nothing to complain of.
func rendered(t *testing.T, man, page string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), man, "--warnings", "--local-file", page)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=100", "MANPAGER=cat", "PATH=/usr/bin:/bin")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Errorf("%s: %v: %s", page, err, complaints.String())
	}
	return string(out)
}

func TestEveryCommandHasAManualPageThatTellsItsOptions(t *testing.T) {
	man := needProgram(t, "man", "man-db")
	dir := filepath.Join(t.TempDir(), "man1")
	run(t, "atommq", "man", dir)
	pages := 0
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		pages++
		text := rendered(t, man, filepath.Join(dir, manName(cmd)+".1"))
		flat := strings.Join(strings.Fields(text), " ")
		for _, section := range []string{"NAME " + manName(cmd) + " - " + cmd.Short, "SYNOPSIS " + cmd.CommandPath(), "DESCRIPTION", "OPTIONS", "SEE ALSO"} {
			if !strings.Contains(flat, section) {
				t.Errorf("%s has no %s", manName(cmd), section)
			}
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			if !strings.Contains(text, line) {
				t.Errorf("%s lacks the example %s", manName(cmd), line)
			}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			name, usage := pflag.UnquoteUsage(f)
			usage, variable, _ := strings.Cut(usage, " (ATOMMQ_")
			if want := strings.TrimSpace("--"+f.Name+" "+name) + " " + usage; !strings.Contains(flat, want) {
				t.Errorf("%s lacks %s", manName(cmd), want)
			}
			if variable != "" && !strings.Contains(flat, "ATOMMQ_"+strings.TrimSuffix(variable, ")")+" as --"+f.Name) {
				t.Errorf("%s lacks the variable of --%s", manName(cmd), f.Name)
			}
		})
		for _, s := range settingsTable() {
			f := cmd.Flag(s.name)
			if heeded := f != nil && strings.Contains(f.Usage, "("+s.variable()+")"); !heeded && strings.Contains(flat, s.variable()+" as --") {
				t.Errorf("%s has the variable %s, which %s does not look at", manName(cmd), s.variable(), cmd.CommandPath())
			}
		}
		for _, sub := range manSubcommands(cmd) {
			check(sub)
		}
	}
	check(newCommand())
	if written, err := os.ReadDir(dir); err != nil || len(written) != pages {
		t.Errorf("%d pages for %d commands, %v", len(written), pages, err)
	}
}

func TestManualPagesShowWhatIsWritten(t *testing.T) {
	man := needProgram(t, "man", "man-db")
	const hard = ".SH is no request here, nor 'this', `that`, a\\nb, ~/x, x^2, --a-b-c, “…” and 100 %"
	cmd := &cobra.Command{Use: "hard", Short: hard, Long: hard + "\n'quoted' first\n.TH 1\n\n    \\literal  -x\n\nlast", Example: "  " + hard, Run: func(*cobra.Command, []string) {}}
	date, err := manDate("1700000000")
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "hard.1")
	writeFile(t, page, string(manPage(cmd, date)))
	text := rendered(t, man, page)
	flat := strings.Join(strings.Fields(text), " ")
	if got := strings.Count(flat, hard); got != 3 {
		t.Errorf("it stands there %d times, of 3, in\n%s", got, text)
	}
	for _, want := range []string{"'quoted' first .TH 1", "2023-11-14"} {
		if !strings.Contains(flat, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if !strings.Contains(text, `    \literal  -x`+"\n") {
		t.Errorf("what is indented is not literal in\n%s", text)
	}
}
