// Package dbtest starts throwaway PostgreSQL clusters for tests, from the installed binaries.
package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver "postgres"
)

// Cluster is a PostgreSQL server of its own, reached through a socket in its directory.
type Cluster struct {
	bin, dir string
	owner    *syscall.Credential // nil for the user of the test
	options  []string
	server   *exec.Cmd
	life     io.Closer    // while it is open, the server runs
	log      bytes.Buffer // read once the server has ended
	count    atomic.Int64 // of its databases
}

// Start makes a cluster and runs it until the test is over. options are settings of the server,
// "name=value". It skips the test where PostgreSQL is not installed.
//
// Its databases sort as people do, not byte for byte: a test that passes owes nothing to the collation.
func Start(t testing.TB, options ...string) *Cluster {
	t.Helper()
	c := &Cluster{options: append([]string{"listen_addresses=", "shared_buffers=16MB"}, options...)}
	if c.bin = binaries(); c.bin == "" {
		lacking(t, "there is no PostgreSQL server: install the package postgresql (15 or newer)")
	}
	if err := c.make(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop(t)
		if err := os.RemoveAll(c.dir); err != nil {
			t.Error(err)
		}
	})
	c.Run(t)
	return c
}

// lacking skips a test that needs what is not there; where CI is set, it fails.
func lacking(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// binaries returns the directory of the newest server, "" for none.
func binaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real // the other programs may be there alone
		}
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(slices.Max(found))
}

// make makes the files. PostgreSQL does not run as root: then they are for the user postgres.
func (c *Cluster) make() (err error) {
	// The path of a socket must be short, which t.TempDir is not.
	if c.dir, err = os.MkdirTemp("", "atommq-pg-"); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := c.disown(); err != nil {
			return err
		}
	}
	out, err := c.command("initdb", "--pgdata", c.data(), "--username", "atommq", "--auth", "trust", "--no-sync",
		"--encoding", "UTF8", "--locale", "C", "--locale-provider", "icu", "--icu-locale", "en-US").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (c *Cluster) disown() error {
	account, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return err
	}
	c.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(c.dir, int(uid), int(gid))
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	if !filepath.IsAbs(name) {
		name = filepath.Join(c.bin, name)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner}
	return cmd
}

// keepAlive runs a program for as long as somebody holds the other end of its input, and then sends
// it the signal that is $0: a test that is killed leaves no server behind.
const keepAlive = `"$@" </dev/null & read -r end; kill "-$0" $!; wait`

// keep makes a command that runs a program so, as the cluster's user, and returns what ends it.
func (c *Cluster) keep(signal string, args ...string) (cmd *exec.Cmd, life io.Closer, err error) {
	cmd = c.command("/bin/sh", append([]string{"-c", keepAlive, signal}, args...)...)
	life, err = cmd.StdinPipe()
	return cmd, life, err
}

// Run starts the server, which must not run, and waits until it takes connections.
func (c *Cluster) Run(t testing.TB) {
	t.Helper()
	args := []string{filepath.Join(c.bin, "postgres"), "-D", c.data(), "-k", c.dir}
	for _, o := range c.options {
		args = append(args, "-c", o)
	}
	c.log.Reset()
	var err error
	if c.server, c.life, err = c.keep("QUIT", args...); err != nil { // an immediate shutdown
		t.Fatal(err)
	}
	c.server.Stdout, c.server.Stderr = &c.log, &c.log
	if err := c.server.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("postgres", c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := await(ctx, db); err != nil {
		c.Stop(t)
		t.Fatalf("the server does not start: %v: %s", err, &c.log)
	}
}

// await waits until a database takes connections.
func await(ctx context.Context, db *sql.DB) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// Stop ends the server as a crash would, at once and without a checkpoint, if it runs.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	if c.server == nil {
		return
	}
	if err := c.life.Close(); err != nil {
		t.Error(err)
	}
	if err := c.server.Wait(); err != nil {
		t.Error(err)
	}
	c.server = nil
}

// URL names a database of the cluster.
func (c *Cluster) URL(name string) string {
	return "postgres:///" + name + "?" + url.Values{"host": {c.dir}, "user": {"atommq"}}.Encode()
}

// Admit lets in whoever connects from network, such as 10.0.0.0/24, to the addresses that the
// option listen_addresses names.
func (c *Cluster) Admit(t testing.TB, network string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(c.data(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(f, "host all all %s trust\n", network)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	c.Execute(t, "postgres", "SELECT pg_reload_conf()")
}

// Database makes an empty database and returns its URL.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprint("test", c.count.Add(1))
	c.Execute(t, "postgres", "CREATE DATABASE "+name)
	return c.URL(name)
}

// Execute runs statements in a database as its administrator would.
func (c *Cluster) Execute(t testing.TB, database string, statements ...string) {
	t.Helper()
	db, err := sql.Open("postgres", c.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(strings.Join(statements, "; ")); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}
