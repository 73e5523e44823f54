package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// benchManyFeeds is how many feeds of one entry the memory section makes.
const benchManyFeeds = 100_000

// benchMemory measures what an idle server holds in memory, without feeds and
// with many. The server is a process of its own, so that nothing of the
// benchmark is counted.
func benchMemory(ctx context.Context, b *bench) (err error) {
	program, err := b.copyProgram()
	if err != nil {
		return err
	}
	name, err := b.database(ctx, "atommq")
	if err != nil {
		return err
	}
	server, err := startProgram(ctx, program, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	b.say("starting a server")
	empty, err := server.settle()
	if err != nil {
		return err
	}
	mapped, err := server.memory("RssFile")
	if err != nil {
		return err
	}
	b.say("publishing to 100,000 feeds")
	if err := server.publishFeeds(ctx, benchManyFeeds); err != nil {
		return err
	}
	b.say("waiting for memory to be given back")
	full, err := server.settle()
	if err != nil {
		return err
	}
	b.report(
		finding{Section: "memory", What: "idle server", Unit: "MiB", Value: empty, Budget: budget{AtMost: 25}},
		finding{Section: "memory", What: "of that, pages of the program's file, which the kernel shares and takes back", Unit: "MiB", Value: mapped},
		finding{Section: "memory", What: "100,000 feeds of one entry add", Unit: "MiB", Value: full - empty, Budget: budget{AtMost: 10}},
	)
	return nil
}

// benchServerCommand is serve for the benchmark: it gives back the memory that it does not use each
// time it is sent a line, and answers with one. By itself a program in Go does so within minutes.
func benchServerCommand() *cobra.Command {
	cmd := serveCommand()
	cmd.Use, cmd.Hidden = "server", true
	serve := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		go giveBackMemory(cmd.InOrStdin(), cmd.OutOrStdout()) // ends with the program
		return serve(cmd, args)
	}
	return cmd
}

func giveBackMemory(in io.Reader, out io.Writer) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		runtime.GC() // pools keep what they hold from one collection to the next
		debug.FreeOSMemory()
		fmt.Fprintln(out, "given back")
	}
}

// benchServer is this program, serving in a process of its own.
type benchServer struct {
	cmd     *exec.Cmd
	in      io.Writer
	out     *bufio.Reader
	address string // for HTTP
	stomp   string
	media   string // URL of the file uploaded last
}

// copyProgram copies this program, as it would be installed. Of a file that a linker has just
// written, the kernel keeps large pieces in its cache, and counts each as a whole for whoever uses
// a part of it: up to 2.5 MiB more than from a copy (VmRSS of atommq bench server, run from either).
func (b *bench) copyProgram() (path string, err error) {
	self, err := thisProgram()
	if err != nil {
		return "", err
	}
	from, err := os.Open(self)
	if err != nil {
		return "", err
	}
	defer from.Close()
	path = filepath.Join(b.dir, "atommq")
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(struct{ io.Writer }{to}, from) // by writes, as whoever installs it does
	return path, errors.Join(err, to.Close())
}

// startServer starts one on a new database.
func (b *bench) startServer(ctx context.Context) (*benchServer, error) {
	name, err := b.database(ctx, "atommq")
	if err != nil {
		return nil, err
	}
	return startBenchServer(ctx, name)
}

func startBenchServer(ctx context.Context, db string) (*benchServer, error) {
	self, err := thisProgram()
	if err != nil {
		return nil, err
	}
	return startProgram(ctx, self, db)
}

func thisProgram() (path string, err error) {
	if path, err = os.Executable(); err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return path, nil
}

// startPiped starts cmd, and returns what is written to it and read from it.
func startPiped(cmd *exec.Cmd) (in io.WriteCloser, out *bufio.Reader, err error) {
	if in, err = cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	read, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return in, bufio.NewReader(read), cmd.Start()
}

func startProgram(ctx context.Context, program, db string) (*benchServer, error) {
	cmd := exec.CommandContext(ctx, program, "bench", "server", "--db", db, "--http", "127.0.0.1:0", "--stomp", "127.0.0.1:0", "--stomp-tls", off)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "ATOMMQ_CONFIG=", "ATOMMQ_LOG_LEVEL=warn", "ATOMMQ_PASSCODE=", "ATOMMQ_BASE_URL=")
	in, out, err := startPiped(cmd)
	if err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	server := &benchServer{cmd: cmd, in: in, out: out}
	line, err := server.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a server: %w", err), cmd.Wait())
	}
	server.readAddresses(line)
	if server.address == "" || server.stomp == "" {
		return nil, errors.Join(fmt.Errorf("the server says %q and not where it serves", line), server.stop())
	}
	return server, nil
}

// readAddresses takes the addresses from what serve prints: "AtomMQ serves http://… and stomp://…".
func (s *benchServer) readAddresses(line string) {
	for word := range strings.FieldsSeq(line) {
		switch at, err := url.Parse(strings.TrimSuffix(word, ",")); {
		case err != nil:
		case at.Scheme == "http":
			s.address = at.Host
		case at.Scheme == "stomp":
			s.stomp = at.Host
		}
	}
}

func (s *benchServer) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// publishFeeds posts one entry to each of n feeds, over several connections.
func (s *benchServer) publishFeeds(ctx context.Context, n int) error {
	entry := benchEntry(benchEntryBytes).XML
	callers, ctx := errgroup.WithContext(ctx)
	for caller := range benchConnections {
		callers.Go(func() error {
			c, err := dialBench(ctx, s.address)
			if err != nil {
				return err
			}
			defer c.conn.Close()
			for i := caller; i < n && ctx.Err() == nil; i += benchConnections {
				if err := c.do(postRequest(fmt.Sprintf("/feeds/feed%d", i), entry), http.StatusCreated); err != nil {
					return err
				}
			}
			return context.Cause(ctx)
		})
	}
	return callers.Wait()
}

// settle has the server give back the memory that it does not use, and returns its resident memory
// in MiB: the garbage of what was done before is no part of it.
func (s *benchServer) settle() (float64, error) {
	if _, err := io.WriteString(s.in, "\n"); err != nil {
		return 0, fmt.Errorf("ask the server to give back memory: %w", err)
	}
	if _, err := s.out.ReadString('\n'); err != nil {
		return 0, fmt.Errorf("wait for the server to give back memory: %w", err)
	}
	return s.resident()
}

// resident returns the server's resident memory in MiB.
func (s *benchServer) resident() (float64, error) { return s.memory("VmRSS") }

// memory returns what the kernel counts of the server's memory under a name of proc(5), in MiB.
func (s *benchServer) memory(name string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("memory is measured on Linux only: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), name+":")
	kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), " kB"), 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return kib / 1024, nil
}
