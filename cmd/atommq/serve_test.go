package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// beginPost sends the head of a POST and half of its body, and returns once the
// server is known to have begun with it.
func beginPost(t *testing.T, server *process, expect string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /feeds/slow HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\nExpect: %s\r\n\r\n", expect)
	if err != nil {
		t.Fatal(err)
	}
	// The server asks for the body when its handler begins to read it.
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("server says %q, %v", line, err)
	}
	return conn
}

func TestStoppingFinishesWhatWasAccepted(t *testing.T) {
	server := startServer(t)
	conn := beginPost(t, server, "100-continue")
	if err := server.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	refusesConnections(t, server)
	if _, err := io.WriteString(conn, "0123456789"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), "HTTP/1.1 201 Created") {
		t.Errorf("the post under way is answered with %v %q", err, answer)
	}
	if err := server.wait(); err != nil {
		t.Errorf("server ended with %v", err)
	}
	again := startServer(t, "--db", server.DB)
	resp, err := http.Get(again.URL + "feeds/slow")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "0123456789") {
		t.Errorf("after a restart the feed is %v %s", err, body)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	p, err := launch(t.TempDir(), os.Environ(), "serve", "--db", "atommq.db")
	if err != nil {
		t.Fatal(err)
	}
	beginPost(t, p, "100-continue")
	if err := p.signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	refusesConnections(t, p)
	if err := p.signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = p.wait()
	if status := p.cmd.ProcessState.ExitCode(); status != statusFailed {
		t.Errorf("exit status is %d", status)
	}
}

// refusesConnections waits until the server accepts no more.
func refusesConnections(t *testing.T, server *process) {
	t.Helper()
	for deadline := time.Now().Add(processWait); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", server.address())
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatalf("the server accepts connections %v after it was told to stop", processWait)
}

func TestAnAddressForEverybodyIsRefusedUntilSomebodyDecided(t *testing.T) {
	all := []string{"--http", "0.0.0.0:0", "--stomp", "0.0.0.0:0"}
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "atommq", append(all, "serve", "--db", filepath.Join(dir, "new.db"))...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "make an account first") {
		t.Errorf("a start in front of everybody: %v: %s", err, out)
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("the start that is refused makes %v: %v", made, err)
	}
	startServer(t, append(all, "--login", "me", "--passcode", "secret")...)
	db := filepath.Join(t.TempDir(), "decided.db")
	if out, err := exec.CommandContext(t.Context(), "atommq", "user", "allow", "anonymous", "read", "news", "--db", db).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server := startServer(t, append(all, "--db", db)...)
	for path, want := range map[string]int{"feeds": http.StatusOK, "feeds/other": http.StatusUnauthorized} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestWhoServesAtAllAddressesSaysSo(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--http", "0.0.0.0:0", "--stomp", "127.0.0.1:0"}, `^AtomMQ serves http://127\.0\.0\.1:\d+/ \(all IPv4 addresses\) and stomp://127\.0\.0\.1:\d+\n$`},
		{[]string{"--http", "127.0.0.1:0", "--stomp", "[::]:0"}, `^AtomMQ serves http://127\.0\.0\.1:\d+/ and stomp://localhost:\d+ \(all addresses\)\n$`},
		{[]string{"--http", ":0", "--stomp", "off", "--base-url", "https://mq.example"}, `^AtomMQ serves https://mq\.example/ \(at http://localhost:\d+/, all addresses\)\n$`},
	} {
		server := startServer(t, append(tt.args, "--login", "me", "--passcode", "secret")...)
		if !regexp.MustCompile(tt.want).MatchString(server.said) {
			t.Errorf("%v: %q, want %s", tt.args, server.said, tt.want)
		}
	}
}

func TestAnIPv4AddressOpensNoOther(t *testing.T) {
	server := startServer(t, "--http", "0.0.0.0:0", "--login", "me", "--passcode", "secret")
	_, port, err := net.SplitHostPort(server.address())
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp6", net.JoinHostPort("::1", port)); err == nil {
		conn.Close()
		t.Error("0.0.0.0 is reached over IPv6")
	}
}

func TestFollowingSurvivesARestartOfTheServer(t *testing.T) {
	server := startServer(t)
	publish(t, server, "one")
	tail := exec.CommandContext(t.Context(), "atommq", "tail", "news", "--follow", "--url", server.URL)
	stdout, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	expect := func(text string) {
		t.Helper()
		line, err := lines.ReadString('\n')
		if err != nil || !strings.HasSuffix(line, "  "+text+"\n") {
			t.Fatalf("tail prints %q, %v; want %s", line, err, text)
		}
	}
	expect("one")
	publish(t, server, "two")
	expect("two")
	if err := server.kill(); err != nil {
		t.Fatal(err)
	}
	server = startServer(t, "--db", server.DB, "--http", server.address())
	publish(t, server, "three")
	expect("three")
	if err := tail.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := tail.Wait(); err != nil {
		t.Errorf("tail ends with %v after Ctrl-C", err)
	}
}

func publish(t *testing.T, server *process, text string) {
	t.Helper()
	run(t, "atommq", "publish", "news", text, "--url", server.URL)
}

func TestABuildWithoutCgoSaysSoInOneLine(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", t.TempDir(), ".")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err == nil || strings.Count(strings.TrimSpace(string(out)), "\n") > 0 || !strings.Contains(string(out), "needs_a_C_compiler") {
		t.Errorf("go build says %v\n%s", err, out)
	}
}
