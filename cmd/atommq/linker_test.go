package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Where something calls methods by names that it reads at run time, as text/template does, the
// linker keeps every exported method of every type: 2 MiB of the memory of an idle server (atommq
// bench memory).
func TestNothingHasTheLinkerKeepEveryMethod(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags=-dumpdep", "-o", os.DevNull, ".")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%.2000s", err, out)
	}
	if !strings.Contains(string(out), "\nmain.main -> ") {
		t.Fatalf("the linker does not say what needs what:\n%.2000s", out)
	}
	for line := range strings.Lines(string(out)) {
		if _, callee, _ := strings.Cut(line, " -> "); strings.HasSuffix(callee, " <ReflectMethod>\n") {
			t.Errorf("the linker keeps every method because of %s", line)
		}
	}
}
