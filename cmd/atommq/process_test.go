package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary answer to the name atommq, so that what the
// tests start is the program itself, under the race detector when they are.
func TestMain(m *testing.M) {
	// The race detector has every process that ends sleep for a second.
	if err := os.Setenv(raceOptions, raceAtOnce); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"atommq": main})
}

const (
	raceOptions = "GORACE"
	raceAtOnce  = "atexit_sleep_ms=0"
)

// processWait bounds how long a server may take to start or to stop.
const processWait = time.Minute

// process is a running atommq serve or atommq gateway.
type process struct {
	URL      string // of HTTP, with a trailing slash; "" for a gateway
	HTTPS    string // its address, "" where that is off
	Stomp    string // likewise
	StompTLS string
	Admin    string // of --admin, with a trailing slash
	DB       string
	said     string // the line with all of these
	cmd      *exec.Cmd
	done     chan struct{} // closed when it has ended
	err      error         // how it ended, once done is closed

	mu  sync.Mutex
	log bytes.Buffer // what it wrote to standard error
}

// startServer starts atommq serve on free ports and, unless args name one with --db, on
// a new database. The test's end stops it.
func startServer(t *testing.T, args ...string) *process {
	t.Helper()
	return start(t, "serve", args...)
}

// startGateway starts atommq gateway beside a server.
func startGateway(t *testing.T, server *process, args ...string) *process {
	t.Helper()
	return start(t, "gateway", append([]string{"--db", server.DB}, args...)...)
}

// start starts a command that serves.
func start(t *testing.T, command string, args ...string) *process {
	t.Helper()
	db := filepath.Join(t.TempDir(), "atommq.db")
	if testCluster != nil && !slices.Contains(args, "--db") {
		db = testCluster.Database(t)
	}
	p, err := launch(t.TempDir(), os.Environ(), command, append([]string{"--db", db}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("stopping the server: %v\n%s", err, p.logged())
		}
	})
	return p
}

// launch starts a command that serves, on free ports, in dir, and waits until it prints its URLs.
func launch(dir string, environment []string, command string, args ...string) (*process, error) {
	return launchOn(nil, dir, environment, command, args...)
}

// launchOn does so by way of another command, which runs what comes behind it.
func launchOn(way []string, dir string, environment []string, command string, args ...string) (*process, error) {
	p := newProcess(way, dir, environment, command, args...)
	if err := p.begin(); err != nil {
		return nil, err
	}
	return p, nil
}

// newProcess makes a process that was not begun.
func newProcess(way []string, dir string, environment []string, command string, args ...string) *process {
	p := &process{done: make(chan struct{})}
	// Not CommandContext: a server that a test forgot must be stopped, not killed.
	free := []string{command, "--stomp", "127.0.0.1:0"}
	if command == "serve" {
		free = append(free, "--http", "127.0.0.1:0")
	}
	line := slices.Concat(way, []string{"atommq"}, free, args)
	p.cmd = exec.Command(line[0], line[1:]...)
	p.cmd.Dir, p.cmd.Env = dir, environment
	p.cmd.Stderr = p
	for i, arg := range args {
		if arg == "--db" {
			p.DB = args[i+1]
		}
	}
	return p
}

// begin starts the process and waits until it prints its URLs.
func (p *process) begin() error {
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	timer := time.AfterFunc(processWait, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	said, readErr := bufio.NewReader(stdout).ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, stdout)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if readErr != nil {
		<-p.done
		return fmt.Errorf("%s did not start: %w\n%s", p.cmd.Args, p.err, p.logged())
	}
	p.said = said
	p.locate(said)
	return nil
}

// locate reads where the process serves from the line that it prints: behind a base URL, where that
// leads to in brackets.
func (p *process) locate(line string) {
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" \n,()", r) }) {
		scheme, address, _ := strings.Cut(word, "://")
		switch scheme {
		case "http":
			if admin, is := strings.CutSuffix(strings.TrimSpace(word), "metrics"); is {
				p.Admin = admin
				continue
			}
			p.URL = word
		case "https":
			p.HTTPS = strings.TrimSuffix(address, "/")
		case "stomp":
			p.Stomp = address
		case "stomp+ssl":
			p.StompTLS = address
		}
	}
}

// Write keeps what the process logs.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

// awaitLog waits until the process has logged a text.
func (p *process) awaitLog(t *testing.T, text string) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !strings.Contains(p.logged(), text) {
		select {
		case <-again.C:
		case <-p.done:
			t.Fatalf("the process ended, and did not log %q\n%s", text, p.logged())
		case <-time.After(processWait):
			t.Fatalf("the process did not log %q\n%s", text, p.logged())
		}
	}
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// address is what --http takes to start another server in this one's place.
func (p *process) address() string {
	u, err := url.Parse(p.URL)
	if err != nil {
		return p.URL
	}
	return u.Host
}

// stop asks the server to stop, and returns an error unless it exits with 0.
func (p *process) stop() error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.wait()
}

// kill ends the server at once, as kill -9 does.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *process) signal(s os.Signal) error {
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// wait waits for the server's end. A server that was killed ended as it was meant to.
func (p *process) wait() error {
	select {
	case <-p.done:
	case <-time.After(processWait):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("server did not stop within %v", processWait)
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
		return nil
	}
	return p.err
}
