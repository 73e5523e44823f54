package main

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ownNetwork puts what this test starts from now on into a network of its own, where all ports are
// free. The test has it by its thread, which it keeps for itself, and which ends with it; what
// other goroutines start is outside.
func ownNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		lacking(t, "other roots and networks are for root: run the test as root")
	}
	needProgram(t, "ip", "iproute2")
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("make a network: %v", err)
	}
	run(t, "ip", "link", "set", "lo", "up")
}

// jail is a directory that a program has for its root.
type jail struct {
	root        string
	program     string   // as it is called within
	directory   string   // that it starts in, within
	user        string   // number of the user and the group that it runs as
	environment []string // all that there is
}

// command makes one that runs the program. unshare becomes it, so that signals reach it.
func (j *jail) command(args ...string) *exec.Cmd {
	enter := []string{"/usr/bin/unshare", "--root=" + j.root, "--wd=" + j.directory, "--setgid=" + j.user, "--setuid=" + j.user, j.program}
	return exec.Command("env", slices.Concat([]string{"-i"}, j.environment, enter, args)...)
}

// start begins a server.
func (j *jail) start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: j.command(args...), done: make(chan struct{})}
	p.cmd.Stderr = p
	if err := p.begin(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("stopping the server: %v\n%s", err, p.logged())
		}
	})
	return p
}

// run runs the program to its end, with something to read, and returns what it prints.
func (j *jail) run(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, err := j.try(input, args...)
	if err != nil {
		t.Errorf("%s: %v\n%s", args, err, out)
	}
	return out
}

func (j *jail) try(input string, args ...string) (string, error) {
	cmd := j.command(args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
