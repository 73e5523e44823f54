package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// writeModule makes a Go module of one file, and of what else is given.
func writeModule(t *testing.T, name, source string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	writeFile(t, filepath.Join(dir, "go.mod"), "module tiny\n\ngo 1.26.0\n")
	writeFile(t, filepath.Join(dir, name), source)
	return dir
}

// runCI runs a script of .ci in a directory.
func runCI(t *testing.T, dir, script string, variables []string, args ...string) (string, error) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../.ci", script))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), variables...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestFuzzingShowsTheInputThatFails(t *testing.T) {
	dir := writeModule(t, "tiny_test.go", `package tiny

import "testing"

func FuzzGood(f *testing.F) {
	f.Fuzz(func(*testing.T, string) {})
}

func FuzzBad(f *testing.F) {
	f.Add("a")
	f.Fuzz(func(t *testing.T, s string) {
		if s != "a" {
			t.Fatalf("not that of %d bytes", len(s))
		}
	})
}
`)
	out, err := runCI(t, dir, "fuzz", nil, "2s")
	if err == nil {
		t.Error("fuzzing that finds something succeeds")
	}
	for _, want := range []string{"FAIL  tiny FuzzBad\n", "not that of ", "testdata/fuzz/FuzzBad/", "go test fuzz v1\nstring(", "ok    tiny FuzzGood execs: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// writeVulnerability makes a database that knows of one function of Go's library, in all versions.
func writeVulnerability(t *testing.T, symbol string) (url string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"index/db.json":        `{"modified":"2026-01-02T00:00:00Z"}`,
		"index/modules.json":   `[{"path":"stdlib","vulns":[{"id":"GO-2026-9999","modified":"2026-01-02T00:00:00Z"}]}]`,
		"index/vulns.json":     `[{"id":"GO-2026-9999","modified":"2026-01-02T00:00:00Z"}]`,
		"ID/GO-2026-9999.json": `{"schema_version":"1.3.1","id":"GO-2026-9999","modified":"2026-01-02T00:00:00Z","published":"2026-01-02T00:00:00Z","summary":"Made up","details":"Made up.","affected":[{"package":{"name":"stdlib","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"strings","symbols":["` + symbol + `"]}]}}],"database_specific":{"url":"https://example.org/GO-2026-9999"}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), text)
	}
	return "file://" + dir
}

func TestAVulnerabilityThatTheProgramReachesFailsTheCheck(t *testing.T) {
	dir := writeModule(t, "tiny.go", "package main\n\nimport \"strings\"\n\nfunc main() { println(strings.ToTitle(\"x\")) }\n")
	out, err := runCI(t, dir, "vuln", []string{"VULNDB=" + writeVulnerability(t, "ToTitle")})
	if strings.Contains(out, "cannot be installed") {
		lacking(t, out)
	}
	exit, _ := errors.AsType[*exec.ExitError](err)
	if exit == nil || exit.ExitCode() != 3 || !strings.Contains(out, "GO-2026-9999") || !strings.Contains(out, "calls strings.ToTitle") {
		t.Errorf("it ends with %v\n%s", err, out)
	}
	if out, err := runCI(t, dir, "vuln", []string{"VULNDB=" + writeVulnerability(t, "ToLower")}); err != nil || !strings.Contains(out, "No vulnerabilities found") {
		t.Errorf("of what it does not call, it ends with %v\n%s", err, out)
	}
}

func TestWithoutANetworkTheCheckSaysThatNothingWasLookedFor(t *testing.T) {
	out, err := runCI(t, t.TempDir(), "vuln", []string{"VULNDB=http://127.0.0.1:1"})
	if err != nil || !strings.Contains(out, "vulnerabilities were NOT looked for: http://127.0.0.1:1 cannot be read") {
		t.Errorf("it ends with %v\n%s", err, out)
	}
}
