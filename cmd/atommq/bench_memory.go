package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// benchManyFeeds is how many feeds of one entry the memory section makes.
const benchManyFeeds = 100_000

// benchMemory measures what an idle server holds in memory, without feeds and
// with many. The server is a process of its own, so that nothing of the
// benchmark is counted.
func benchMemory(ctx context.Context, b *bench) (err error) {
	server, err := startBenchServer(ctx, filepath.Join(b.dir, "atommq.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	b.say("starting a server")
	empty, err := server.settle(ctx)
	if err != nil {
		return err
	}
	b.say("publishing to 100,000 feeds")
	if err := server.publishFeeds(ctx, benchManyFeeds); err != nil {
		return err
	}
	b.say("waiting for memory to be given back")
	full, err := server.settle(ctx)
	if err != nil {
		return err
	}
	b.report(
		finding{Section: "memory", What: "idle server", Unit: "MiB", Value: empty, Budget: budget{AtMost: 25}},
		finding{Section: "memory", What: "100,000 feeds of one entry add", Unit: "MiB", Value: full - empty, Budget: budget{AtMost: 10}},
	)
	return nil
}

// benchServer is this program, serving in a process of its own.
type benchServer struct {
	cmd     *exec.Cmd
	address string // for HTTP
	stomp   string
}

func startBenchServer(ctx context.Context, db string) (*benchServer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "serve", "--db", db, "--http", "127.0.0.1:0", "--stomp", "127.0.0.1:0", "--stomp-tls", off)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "ATOMMQ_CONFIG=", "ATOMMQ_LOG_LEVEL=warn", "ATOMMQ_PASSCODE=", "ATOMMQ_BASE_URL=")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	server := &benchServer{cmd: cmd}
	line, err := bufio.NewReader(out).ReadString('\n')
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

// settle waits until the server's resident memory has stopped falling, and
// returns it in MiB: the garbage of what was done before is no part of it.
func (s *benchServer) settle(ctx context.Context) (float64, error) {
	const patience = 10
	least, err := s.resident()
	if err != nil {
		return 0, err
	}
	for since := 0; since < patience; since++ {
		if !wait(ctx, time.Second) {
			return 0, context.Cause(ctx)
		}
		now, err := s.resident()
		if err != nil {
			return 0, err
		}
		if now < least {
			least, since = now, 0
		}
	}
	return least, nil
}

// resident returns the server's resident memory in MiB.
func (s *benchServer) resident() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("memory is measured on Linux only: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), " kB"), 64)
	if err != nil {
		return 0, fmt.Errorf("read VmRSS: %w", err)
	}
	return kib / 1024, nil
}
