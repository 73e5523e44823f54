package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"atommq/stompgw/stomp"
)

func TestWorkersOfTheReadmeWork(t *testing.T) {
	for _, w := range []struct {
		language, library, pkg, program string
		probe                           []string
	}{
		{"python", "stomp.py", "python3-stomp", systemPython, []string{"-c", "import stomp"}},
		{"perl", "Net::Stomp", "libnet-stomp-perl", "perl", []string{"-MNet::Stomp", "-e", "1"}},
	} {
		t.Run(w.language, func(t *testing.T) {
			needLibrary(t, w.library, w.pkg, w.program, w.probe...)
			server := startServer(t)
			_, port, err := net.SplitHostPort(server.Stomp)
			if err != nil {
				t.Fatal(err)
			}
			script := filepath.Join(t.TempDir(), "worker")
			writeFile(t, script, strings.ReplaceAll(readmeBlock(t, w.language), "61613", port))
			sender, lines := connect(t, server.Stomp), runWorker(t, w.program, script)
			for i := range 3 { // each is handed out once that before it is acknowledged
				sender.must(t, stomp.SEND, fmt.Sprint("job ", i), "destination", "/queue/jobs")
				if want := fmt.Sprint("working on job ", i); !lines.Scan() || lines.Text() != want {
					t.Fatalf("the worker says %q (%v), want %q", lines.Text(), lines.Err(), want)
				}
			}
		})
	}
}

// runWorker runs a script until the test ends, and returns the lines that it prints.
func runWorker(t *testing.T, program, script string) *bufio.Scanner {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stompWait)
	cmd := exec.CommandContext(ctx, program, script)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	return bufio.NewScanner(out)
}

// readmeBlock returns the README's first block in a language.
func readmeBlock(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```"+language+"\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("README.md has no block of %s", language)
	}
	return block
}
