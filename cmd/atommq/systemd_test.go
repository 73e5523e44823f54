package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"atommq/stompgw/stomp"
)

// activated starts a server as systemd does, with sockets that have names.
func activated(t *testing.T, names []string, sockets []*os.File, notify string, args ...string) (*process, error) {
	t.Helper()
	environment := append(os.Environ(), fmt.Sprint("LISTEN_FDS=", len(sockets)), "LISTEN_FDNAMES="+strings.Join(names, ":"), "NOTIFY_SOCKET="+notify)
	p := newProcess([]string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}, t.TempDir(), environment, "serve", args...)
	p.cmd.ExtraFiles = sockets
	return p, p.begin()
}

// listenFile opens a socket for another process.
func listenFile(t *testing.T) (address string, file *os.File) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if file, err = l.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return l.Addr().String(), file
}

func TestSystemdPassesSocketsAndIsToldOfStartAndEnd(t *testing.T) {
	notify := filepath.Join(t.TempDir(), "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	expect := func(want string) {
		t.Helper()
		message := make([]byte, 100)
		_ = told.SetReadDeadline(time.Now().Add(processWait))
		n, err := told.Read(message)
		if err != nil || string(message[:n]) != want {
			t.Errorf("systemd is told %q, %v; want %s", message[:n], err, want)
		}
	}
	names := []string{"http", "https", "stomp", "stomp-tls"}
	addresses := make(map[string]string)
	var sockets []*os.File
	for _, name := range names {
		address, file := listenFile(t)
		addresses[name], sockets = address, append(sockets, file)
	}
	cert, key, trust := certify(t)
	server, err := activated(t, names, sockets, notify, "--tls-cert", cert, "--tls-key", key)
	if err != nil {
		t.Fatal(err)
	}
	expect("READY=1")
	secure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}}}
	for url, client := range map[string]*http.Client{"http://" + addresses["http"]: http.DefaultClient, "https://" + addresses["https"]: secure} {
		resp, err := client.Get(url + "/healthz")
		if err != nil {
			t.Error(err)
			continue
		}
		resp.Body.Close()
	}
	c := connect(t, addresses["stomp"])
	c.must(t, stomp.SEND, "plain", "destination", "/topic/news")
	conn, err := tls.Dial("tcp", addresses["stomp-tls"], &tls.Config{RootCAs: trust})
	if err != nil {
		t.Fatal(err)
	}
	s, err := greet(conn)
	if err != nil {
		t.Fatal(err)
	}
	s.must(t, stomp.SEND, "secure", "destination", "/topic/news")
	s.Close()
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	expect("STOPPING=1")
}

func TestASocketOfSystemdThatHasNoUseIsRefused(t *testing.T) {
	_, file := listenFile(t)
	p, err := activated(t, []string{"atommq.socket"}, []*os.File{file}, "")
	if err == nil {
		_ = p.stop()
	}
	if err == nil || !strings.Contains(err.Error(), "systemd passes sockets named atommq.socket: write FileDescriptorName=") {
		t.Errorf("it starts with %v", err)
	}
}

func TestASettingThatASocketOfSystemdOverridesIsToldInTheLog(t *testing.T) {
	address, file := listenFile(t)
	settings := filepath.Join(t.TempDir(), "atommq.env")
	writeFile(t, settings, "ATOMMQ_FCGI=127.0.0.1:1\n")
	p, err := activated(t, []string{"fcgi"}, []*os.File{file}, "", "--config", settings)
	if err != nil {
		t.Fatal(err)
	}
	p.awaitLog(t, `setting="`+settings+`:1: ATOMMQ_FCGI" socket=`+address)
}

// A restart behind a socket of systemd refuses no connection, and loses nothing of those who repeat
// under their key what was not answered.
func TestARestartKeepsThePortAndLosesNothing(t *testing.T) {
	address, file := listenFile(t)
	db := filepath.Join(t.TempDir(), "atommq.db")
	begin := func() *process {
		p, err := activated(t, []string{"http"}, []*os.File{file}, "", "--db", db)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	server := begin()
	ctx, cancel := context.WithCancel(t.Context())
	var all published
	var publishing sync.WaitGroup
	for name := range 4 {
		publishing.Go(func() {
			b := newBrowser(t, "http://"+address+"/feeds/log")
			for i := 0; ctx.Err() == nil; i++ {
				title := fmt.Sprintf("%d/%d", name, i)
				for {
					id, err := b.post(title, "key "+title)
					if err == nil {
						all.add(title, id)
						break
					}
					if errors.Is(err, syscall.ECONNREFUSED) {
						t.Errorf("publish: %v", err)
						return
					}
				}
			}
		})
	}
	for range 3 {
		before := all.count()
		waitFor(t, func() bool { return all.count() >= before+50 })
		if err := server.stop(); err != nil {
			t.Error(err)
		}
		server = begin()
	}
	cancel()
	publishing.Wait()
	b := newBrowser(t, "http://"+address+"/feeds/log")
	id, err := b.post(endTitle, "")
	if err != nil {
		t.Fatal(err)
	}
	all.add(endTitle, id)
	w := &walker{browser: b, limit: 1000}
	if err := w.walk(t.Context()); err != nil {
		t.Error(err)
	}
	all.check(t, w)
	t.Logf("%d entries over 3 restarts", all.count())
	if err := server.stop(); err != nil {
		t.Error(err)
	}
}

// waitFor waits until ok holds.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-t.Context().Done():
			t.Fatal("it does not come")
		}
	}
}

// The configurations of web servers name the socket that systemd opens, and a server that it is
// passed to leaves it there.
func TestSystemdOpensTheSocketThatWebServersConnectTo(t *testing.T) {
	path, _, _ := strings.Cut(strings.SplitAfterN(deployed(t, "atommq-fcgi.socket"), "\nListenStream=", 2)[1], "\n")
	deployed(t, "nginx-fastcgi.conf", "fastcgi_pass unix:"+path+";", "")
	deployed(t, "apache-fastcgi.conf", "unix:"+path+"|", "")
	deployed(t, "lighttpd.conf", `"socket" => "`+path+`"`, "")
	fcgi := filepath.Join(t.TempDir(), "atommq.fcgi")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fcgi, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	socket, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	address, port := listenFile(t)
	server, err := activated(t, []string{"http", "fcgi"}, []*os.File{port, socket}, "", "--login", "me", "--passcode", "secret")
	if err != nil {
		t.Fatal(err)
	}
	f := nginxFastCGI(t, &process{URL: "http://" + address + "/"}, fcgi)
	f.do(t, "POST", "/feeds/news", "hello", http.StatusCreated, "Content-Type: text/plain")
	speaksWebSocket(t, f)
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(fcgi); err != nil {
		t.Errorf("after the server's end: %v", err)
	}
}

func TestUnitsOfSystemdAreWhole(t *testing.T) {
	analyze := needProgram(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	program, err := exec.LookPath("atommq")
	if err != nil {
		t.Fatal(err)
	}
	var units []string
	for _, name := range []string{"atommq.service", "atommq.socket", "atommq-stomp.socket", "atommq-fcgi.socket"} {
		unit := filepath.Join(dir, name)
		text := deployed(t, name)
		writeFile(t, unit, strings.ReplaceAll(text, "/usr/local/bin/atommq", program))
		units = append(units, unit)
	}
	out, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}
