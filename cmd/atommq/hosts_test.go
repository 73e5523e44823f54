package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"atommq/db/dbtest"
	"atommq/stompgw/stomp"
)

// The hosts have a network of their own, with the addresses that deploy/nginx.conf names.
const (
	centre  = "10.0.0.1" // has nginx, PostgreSQL and the clients
	network = "10.0.0.0/24"

	insideVariable = "ATOMMQ_TEST_HOSTS"
)

// host is a network namespace that is linked to the test's. It lasts as long as its keeper.
type host struct {
	address string
	link    string // the end that the test has
	keeper  *exec.Cmd
}

// TestAHeadThatIsCutOffComesBack has two heads on hosts of their own behind nginx, and a gateway,
// share a PostgreSQL; one of the heads loses its network for a while.
func TestAHeadThatIsCutOffComesBack(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		runInNetwork(t)
		return
	}
	ip(t, "link", "set", "lo", "up")
	ip(t, "link", "add", "centre", "type", "bridge")
	ip(t, "address", "add", centre+"/24", "dev", "centre")
	ip(t, "link", "set", "centre", "up")
	var hosts []*host
	for i := range 3 {
		hosts = append(hosts, addHost(t, fmt.Sprint("host", i+1), "10.0.0."+strconv.Itoa(11+i)))
	}
	cluster := dbtest.Start(t, "fsync=off", "listen_addresses="+centre)
	cluster.Admit(t, network)
	cluster.Execute(t, "postgres", "CREATE DATABASE bus")
	s := &site{t: t, url: "postgres://atommq@" + centre + "/bus?sslmode=disable", account: newAccount()}
	if out, err := exec.CommandContext(t.Context(), "atommq", "user", "allow", "anonymous", "admin", "*", "--db", s.url).CombinedOutput(); err != nil {
		t.Fatalf("let everybody in: %v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s.serve(hosts[0], "serve")
	s.serve(hosts[1], "serve")
	gateway := s.serve(hosts[2], "gateway")
	startNginx(t)
	s.loseHead(ctx, hosts[0], gateway)
}

// runInNetwork runs the test in a network of its own.
func runInNetwork(t *testing.T) {
	lacking := func(what string) {
		t.Helper()
		if os.Getenv("CI") != "" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	if os.Geteuid() != 0 {
		lacking("networks are made by root: run the test as root")
	}
	for program, debian := range map[string]string{"ip": "iproute2", "nsenter": "util-linux", "nginx": "nginx"} {
		if _, err := exec.LookPath(program); err != nil {
			lacking("there is no " + program + ": install the package " + debian)
		}
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("in a network of its own: %v", err)
	}
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// addHost makes a host and links it to the centre.
func addHost(t *testing.T, name, address string) *host {
	t.Helper()
	h := &host{address: address, link: name, keeper: exec.Command("cat")}
	h.keeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	life, err := h.keeper.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.keeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(life.Close(), h.keeper.Wait()); err != nil {
			t.Error(err)
		}
	})
	ip(t, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(h.keeper.Process.Pid))
	ip(t, "link", "set", name, "master", "centre", "up")
	for _, args := range []string{"link set lo up", "address add " + address + "/24 dev eth0", "link set eth0 up"} {
		out, err := exec.CommandContext(t.Context(), "nsenter", append(h.enter()[1:], append([]string{"ip"}, strings.Fields(args)...)...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	return h
}

// enter begins a command that runs on the host.
func (h *host) enter() []string {
	return []string{"nsenter", "--target", strconv.Itoa(h.keeper.Process.Pid), "--net", "--"}
}

// startNginx runs nginx as deploy/nginx.conf has it.
func startNginx(t *testing.T) {
	t.Helper()
	config, err := filepath.Abs("../../deploy/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var log bytes.Buffer
	cmd := exec.Command("nginx", "-p", dir, "-c", config, "-e", filepath.Join(dir, "error.log"), "-g", "daemon off; pid nginx.pid; user root;")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			t.Errorf("nginx: %v: %s", err, &log)
		}
	})
}

// site is what the clients of the hosts do and see.
type site struct {
	t       *testing.T
	url     string // of the database
	all     published
	account *account
	finish  atomic.Bool
}

// serve runs atommq on a host.
func (s *site) serve(h *host, command string) *process {
	s.t.Helper()
	args := []string{"--db", s.url, "--stomp", h.address + ":61613"}
	if command == "serve" {
		args = append(args, "--http", h.address+":8080", "--trusted-proxies", centre)
	}
	p, err := launchOn(h.enter(), s.t.TempDir(), os.Environ(), command, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := p.stop(); err != nil {
			s.t.Errorf("stopping on %s: %v\n%s", h.address, err, p.logged())
		}
	})
	return p
}

const throughNginx = "http://" + centre + "/feeds/log"

// publish publishes under keys through nginx, each entry until it is acknowledged. What nginx says
// for a head is no answer.
func (s *site) publish(ctx context.Context, name int) {
	b := newBrowser(s.t, throughNginx)
	b.http.Timeout = 4 * time.Second
	for i := 0; !s.finish.Load() && ctx.Err() == nil; i++ {
		title := fmt.Sprintf("%d/%d", name, i)
		for ctx.Err() == nil {
			id, err := b.post(title, "key "+title)
			if err == nil {
				s.all.add(title, id)
				break
			}
			refusal, ok := errors.AsType[*statusError](err)
			if ok && refusal.status != http.StatusBadGateway && refusal.status != http.StatusGatewayTimeout && refusal.status != http.StatusServiceUnavailable {
				s.t.Errorf("publish: %v", err)
				return
			}
		}
	}
}

// await waits until ok holds.
func (s *site) await(what string, within time.Duration, ok func() bool) {
	s.t.Helper()
	begun := time.Now()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		if time.Since(begun) > within {
			s.t.Fatalf("%s: not within %v", what, within)
		}
		<-again.C
	}
	s.t.Logf("%s: after %v", what, time.Since(begun))
}

func (s *site) published() int { return s.all.count() }

// loseHead cuts the host of one head off under load, and has it come back.
func (s *site) loseHead(ctx context.Context, lost *host, gateway *process) {
	t := s.t
	var publishing, polling, working sync.WaitGroup
	for name := range 3 {
		publishing.Go(func() { s.publish(ctx, name) })
	}
	var walkers []*walker
	for range 2 {
		w := &walker{browser: newBrowser(t, throughNginx), limit: 100, lossy: true}
		w.http.Timeout = 4 * time.Second
		walkers = append(walkers, w)
		polling.Go(func() {
			if err := w.walk(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	holder := connect(t, lost.address+":61613")
	if err := holder.send(stomp.SUBSCRIBE, "", "destination", "/queue/orders", "id", "1", "ack", "client-individual", "prefetch", "5"); err != nil {
		t.Fatal(err)
	}
	producer := connect(t, gateway.Stomp)
	for i := range 5 {
		producer.must(t, stomp.SEND, fmt.Sprint("held/", i), "destination", "/queue/orders")
	}
	for range 5 {
		holder.message(t)
	}
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	working.Go(func() {
		c := &stompConsumer{account: s.account, address: gateway.Stomp, group: "default", faults: true}
		if err := c.consume(consuming); err != nil {
			t.Error(err)
		}
	})
	s.await("100 entries through nginx", 30*time.Second, func() bool { return s.published() >= 100 })

	s.speakThroughNginx(ctx)

	ip(t, "link", "set", lost.link, "down")
	before := s.published()
	s.await("what the lost head's consumer had is with the gateway's", 12*time.Second, func() bool { return s.account.count() == 5 })
	s.await("200 entries more through the other head", 30*time.Second, func() bool { return s.published() >= before+200 })

	ip(t, "link", "set", lost.link, "up")
	s.await("the head is ready again", time.Minute, func() bool { return answers("http://" + lost.address + ":8080/readyz") })
	if f, err := holder.receive(); err != nil || f.headers["message"] != "the server lost touch with its database" {
		t.Errorf("the lost head's consumer is told %v, %v", f, err)
	}
	b := newBrowser(t, "http://"+lost.address+":8080/feeds/log")
	if _, err := b.post("after", ""); err != nil {
		t.Error(err)
	}
	s.finish.Store(true)
	publishing.Wait()
	s.endLog(b, walkers, &polling)
	stop()
	working.Wait()
}

// speakThroughNginx has a STOMP client over WebSocket get what is published.
func (s *site) speakThroughNginx(ctx context.Context) {
	s.t.Helper()
	ws, _, err := websocket.Dial(ctx, "ws://"+centre+"/stomp", &websocket.DialOptions{Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := greet(websocket.NetConn(ctx, ws, websocket.MessageText))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if err := c.send(stomp.SUBSCRIBE, "", "destination", "/topic/log", "id", "1"); err != nil {
		s.t.Fatal(err)
	}
	c.message(s.t)
}

// endLog has the walkers end and compares what they saw with what was acknowledged.
func (s *site) endLog(b *browser, walkers []*walker, polling *sync.WaitGroup) {
	id, err := b.post(endTitle, "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.all.add(endTitle, id)
	polling.Wait()
	for _, w := range walkers {
		delete(w.seen, "after")
		s.all.check(s.t, w)
	}
	s.t.Logf("%d entries", len(s.all.ids))
}

func answers(url string) bool {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// count returns how many messages have come.
func (a *account) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}
