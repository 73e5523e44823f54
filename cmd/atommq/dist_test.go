package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// copySources copies what a release is built from into a new directory.
func copySources(t *testing.T, into string) {
	t.Helper()
	top := "../.."
	entries, err := os.ReadDir(top)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); name == "bin" || name == "dist" || name == ".git" || strings.Contains(name, ".db") {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), "cp", "-r", filepath.Join(top, e.Name()), into).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// buildRelease builds a release of a copy of the sources, with more variables, and returns where it is.
func buildRelease(t *testing.T, variables ...string) string {
	t.Helper()
	sources, dist := t.TempDir(), filepath.Join(t.TempDir(), "dist")
	copySources(t, sources)
	cmd := exec.CommandContext(t.Context(), "deploy/dist.sh", dist)
	cmd.Dir = sources
	cmd.Env = slices.Concat(os.Environ(), []string{"VERSION=1.2.3", "COMMIT=0123abc", "SOURCE_DATE_EPOCH=1700000000"}, variables)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dist
}

func TestAReleaseIsTheSameBytesWhereverItIsBuilt(t *testing.T) {
	t.Parallel() // it takes processors rather than time
	here := buildRelease(t)
	there := buildRelease(t, "GOCACHE="+t.TempDir(), "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8", "HOME="+t.TempDir(), "GOPATH="+strings.TrimSpace(run(t, "go", "env", "GOPATH")))
	sums := text(t, filepath.Join(here, "SHA256SUMS"))
	if other := text(t, filepath.Join(there, "SHA256SUMS")); other != sums {
		t.Errorf("one build has\n%sthe other\n%s", sums, other)
	}
	check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = here
	if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), ": OK\n") != 2 {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	release := unpackRelease(t, here)
	for _, name := range []string{
		"README.md", "LICENSE", "CHANGELOG.md", "doc/operate.md", "deploy/atommq.service", "deploy/nginx.conf",
		"man/man1/atommq.1", "man/man1/atommq-serve.1", "completions/atommq.bash", "completions/_atommq", "completions/atommq.fish",
	} {
		if info, err := os.Stat(filepath.Join(release, name)); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o644 || info.ModTime().Unix() != 1700000000 {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	run(t, "bash", "-n", filepath.Join(release, "completions/atommq.bash"))
	binary := filepath.Join(release, "atommq")
	if got := run(t, binary, "version"); !strings.HasPrefix(got, "atommq 1.2.3 0123abc (go") {
		t.Errorf("it is %s", got)
	}
	checkInstall(t, here)
	checkStatic(t, binary)
	checkBOM(t, binary, filepath.Join(here, filepath.Base(release)+".cdx.json"))
	checkAlone(t, binary)
}

// unpackRelease unpacks the archive of a release, and returns where its files are.
func unpackRelease(t *testing.T, dist string) string {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(dist, "atommq-1.2.3-linux-*.tar.gz"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("the archives are %v, %v", archives, err)
	}
	dir := t.TempDir()
	run(t, "tar", "-xpzf", archives[0], "-C", dir)
	return filepath.Join(dir, strings.TrimSuffix(filepath.Base(archives[0]), ".tar.gz"))
}

// checkInstall follows what README.md says about an archive, with directories of its own for
// those of the system.
func checkInstall(t *testing.T, dist string) {
	t.Helper()
	_, commands, _ := strings.Cut(text(t, "../../README.md"), "## Install")
	_, commands, _ = strings.Cut(commands, "```sh\n")
	commands, _, _ = strings.Cut(commands, "```")
	system := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", strings.NewReplacer("/usr/", system+"/usr/", "/etc/", system+"/etc/").Replace(commands))
	cmd.Dir = dist
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, out)
	}
	run(t, system+"/usr/local/bin/atommq", "version")
	for _, name := range []string{"usr/local/share/man/man1/atommq.1", "etc/bash_completion.d/atommq", "usr/local/share/zsh/site-functions/_atommq", "usr/local/share/fish/vendor_completions.d/atommq.fish"} {
		if text(t, filepath.Join(system, name)) == "" {
			t.Errorf("%s is empty", name)
		}
	}
}

// checkStatic fails where a program asks for a loader or for libraries.
func checkStatic(t *testing.T, binary string) {
	t.Helper()
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is not static: it has %v", binary, p.Type)
		}
	}
}

// checkAlone serves, publishes and reads with a program in a root that has nothing else.
func checkAlone(t *testing.T, binary string) {
	t.Helper()
	j := &jail{root: t.TempDir(), program: "/atommq", directory: "/", user: "0"}
	run(t, "cp", binary, j.root+j.program)
	ownNetwork(t)
	server := j.start(t, "serve", "--db", "/bus.db")
	j.run(t, "", "publish", "news", "hello")
	if got := j.run(t, "", "tail", "news"); !strings.HasSuffix(got, "  hello\n") {
		t.Errorf("it reads %q", got)
	}
	if got := j.run(t, "", "check", "--db", "/bus.db"); !strings.HasSuffix(got, "nothing is wrong\n") {
		t.Errorf("check says %q", got)
	}
	if log := server.logged(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
		t.Errorf("with nothing around it, it complains:\n%s", log)
	}
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
