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
	"sync"
	"testing"

	"atommq/stompgw/stomp"
)

// readmeWorker is a worker of the README.
type readmeWorker struct {
	language, library, pkg, program string
	probe                           []string
}

var readmeWorkers = []readmeWorker{
	{"python", "stomp.py", "python3-stomp", systemPython, []string{"-c", "import stomp"}},
	{"perl", "Net::Stomp", "libnet-stomp-perl", "perl", []string{"-MNet::Stomp", "-e", "1"}},
}

// script writes the worker for a server's port, with other text in place of some.
func (w *readmeWorker) script(t *testing.T, server *process, replace ...string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(server.Stomp)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "worker")
	writeFile(t, script, strings.NewReplacer(append(replace, "61613", port)...).Replace(readmeBlock(t, w.language)))
	return script
}

func TestWorkersOfTheReadmeSayWhyTheyAreRefused(t *testing.T) {
	for _, w := range readmeWorkers {
		t.Run(w.language, func(t *testing.T) {
			needLibrary(t, w.library, w.pkg, w.program, w.probe...)
			for _, test := range []struct {
				script, want string
			}{
				{w.script(t, startServer(t, "--login", "ann", "--passcode", "secret")), "this server asks for a login"},
				{w.script(t, startServer(t), "/queue/jobs", "/queue/jobs*"), "queues have no wildcards"},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), stompWait)
				out, failure := exec.CommandContext(ctx, w.program, test.script).CombinedOutput()
				if err := ctx.Err(); err != nil || failure == nil || !strings.Contains(string(out), test.want) || strings.Contains(string(out), "working on") {
					t.Errorf("%v; it says\n%s\nand not %s", err, out, test.want)
				}
				cancel()
			}
		})
	}
}

func TestWorkersOfTheReadmeWork(t *testing.T) {
	for _, w := range readmeWorkers {
		t.Run(w.language, func(t *testing.T) {
			needLibrary(t, w.library, w.pkg, w.program, w.probe...)
			server := startServer(t)
			script := w.script(t, server)
			sender := connect(t, server.Stomp)
			lines, wait := runWorker(t, w.program, script)
			for i := range 3 { // each is handed out once that before it is acknowledged
				sender.must(t, stomp.SEND, fmt.Sprint("job ", i), "destination", "/queue/jobs")
				if want := fmt.Sprint("working on job ", i); !lines.Scan() || lines.Text() != want {
					t.Fatalf("the worker says %q (%v), want %q", lines.Text(), lines.Err(), want)
				}
			}
			if err := server.kill(); err != nil {
				t.Fatal(err)
			}
			if lines.Scan() || wait() == nil {
				t.Error("the worker does not fail with its connection: no supervisor would start it again")
			}
		})
	}
}

// runWorker runs a script, at most until the test ends, and returns the lines that it prints and what
// waits for its end behind the last of them.
func runWorker(t *testing.T, program, script string) (lines *bufio.Scanner, wait func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stompWait)
	cmd := exec.CommandContext(ctx, program, script)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait = sync.OnceValue(cmd.Wait)
	t.Cleanup(func() {
		cancel()
		_ = wait()
	})
	return bufio.NewScanner(out), wait
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
