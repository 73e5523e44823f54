package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/stompgw/stomp"
)

func TestTheStompPortOpensMovesAndCloses(t *testing.T) {
	server := startServer(t)
	connect(t, server.Stomp).must(t, stomp.SEND, "hello", "destination", "/topic/news")
	address := server.Stomp
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("the port is open after the server's end")
	}
	again := startServer(t, "--db", server.DB, "--stomp", address)
	if again.Stomp != address {
		t.Errorf("STOMP is at %s, not %s", again.Stomp, address)
	}
	c := connect(t, address)
	c.must(t, stomp.SUBSCRIBE, "", "destination", "/topic/news", "id", "1", "Xlastid", "0")
	if m := c.message(t); m.body != "hello" {
		t.Errorf("the feed has %q", m.body)
	}
	if closed := startServer(t, "--stomp", "off"); closed.Stomp != "" {
		t.Errorf("with --stomp off STOMP is at %s", closed.Stomp)
	}
}

func TestAnAccountGuardsStomp(t *testing.T) {
	server := startServer(t, "--login", "me", "--passcode", "secret")
	connect(t, server.Stomp)
	other := startServer(t, "--login", "me", "--passcode", "other")
	if c, err := dialStomp(other.Stomp); err == nil {
		c.Close()
		t.Error("a wrong passcode is let in")
	}
}

func TestConnectionsOverTheLimitAreToldSo(t *testing.T) {
	server := startServer(t, "--max-connections", "1")
	connect(t, server.Stomp)
	if c, err := dialStomp(server.Stomp); err == nil || !strings.Contains(err.Error(), "1 connections") {
		t.Errorf("the second connection gets %v, %v", c, err)
	}
}

func TestLimitsOfStompAreSettings(t *testing.T) {
	server := startServer(t, "--max-prefetch", "1", "--max-body", "100", "--heart-beat", "300ms")
	c := connect(t, server.Stomp)
	c.must(t, stomp.SEND, "one", "destination", "/queue/jobs")
	c.must(t, stomp.SEND, "two", "destination", "/queue/jobs")
	if err := c.send(stomp.SUBSCRIBE, "", "destination", "/queue/jobs", "id", "1", "ack", "client", "prefetch", "5"); err != nil {
		t.Fatal(err)
	}
	if m := c.message(t); m.body != "one" {
		t.Errorf("first comes %q", m.body)
	}
	c.must(t, stomp.UNSUBSCRIBE, "", "id", "1") // answered next: there is no second message before an ACK
	if err := c.request(stomp.SEND, strings.Repeat("x", 101), "destination", "/queue/jobs"); err == nil || !strings.Contains(err.Error(), "limit of 100") {
		t.Errorf("a body of 101 bytes is answered with %v", err)
	}

	beating, err := net.Dial("tcp", server.Stomp)
	if err != nil {
		t.Fatal(err)
	}
	second, err := greet(beating, "heart-beat", "1000,1000")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got := second.connected.headers["heart-beat"]; got != "300,300" {
		t.Errorf("heart-beat is %q", got)
	}
}

// Its entry, in base64, is longer than what a bus accepts at once by default.
func TestABodyAsLongAsMaxBodyAllowsIsStored(t *testing.T) {
	server := startServer(t, "--max-body", "49MiB")
	c := connect(t, server.Stomp)
	c.must(t, stomp.SEND, strings.Repeat("x", 49<<20), "destination", "/topic/films", "content-type", "application/octet-stream")
}

func TestStoppingEndsSessionsThatWouldGoOn(t *testing.T) {
	overTCP := func(t *testing.T, p *process) *stompClient { return connect(t, p.Stomp) }
	for _, tt := range []struct {
		name, stomp string
		begin       func(*testing.T, *process) *stompClient
	}{
		{"TCP", "127.0.0.1:0", overTCP},
		{"WebSocket", "127.0.0.1:0", connectWebSocket},
		{"WebSocket with the STOMP port off", "off", connectWebSocket},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := startServer(t, "--stomp", tt.stomp)
			c := tt.begin(t, server)
			c.must(t, stomp.SUBSCRIBE, "", "destination", "/topic/news", "id", "1")
			if err := server.signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if f, err := c.receive(); err != nil || f.command != stomp.ERROR {
				t.Errorf("instead of a goodbye came %v, %v", f, err)
			}
			if f, err := c.receive(); err == nil {
				t.Errorf("after the goodbye came %v", f)
			}
			if err := server.wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStompIsSpokenOverTLS(t *testing.T) {
	cert, key, trust := certify(t)
	server := startServer(t, "--stomp-tls", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	conn, err := tls.Dial("tcp", server.StompTLS, &tls.Config{RootCAs: trust})
	if err != nil {
		t.Fatal(err)
	}
	secure, err := greet(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	plain := connect(t, server.Stomp)
	plain.must(t, stomp.SUBSCRIBE, "", "destination", "/topic/news", "id", "1")
	secure.must(t, stomp.SEND, "hello", "destination", "/topic/news")
	if m := plain.message(t); m.body != "hello" {
		t.Errorf("what was sent over TLS arrives as %q", m.body)
	}
	old, err := tls.Dial("tcp", server.StompTLS, &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		old.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// ticketBox counts the session tickets that a client gets.
type ticketBox struct{ tickets atomic.Int32 }

func (b *ticketBox) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

func (b *ticketBox) Put(_ string, state *tls.ClientSessionState) {
	if state != nil {
		b.tickets.Add(1)
	}
}

// TestNoSessionTicketMeetsACONNECTOnItsWay holds for clients over OpenSSL that read and write in
// two threads, as stomp.py does: now and then one of them hung when tickets came.
func TestNoSessionTicketMeetsACONNECTOnItsWay(t *testing.T) {
	cert, key, trust := certify(t)
	server := startServer(t, "--stomp-tls", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		box := &ticketBox{}
		conn, err := tls.Dial("tcp", server.StompTLS, &tls.Config{RootCAs: trust, MaxVersion: version, ClientSessionCache: box})
		if err != nil {
			t.Fatal(err)
		}
		c, err := greet(conn)
		if err != nil {
			t.Fatal(err)
		}
		c.must(t, stomp.SEND, "hello", "destination", "/topic/news") // what came before its receipt has been read
		c.Close()
		if n := box.tickets.Load(); n != 0 {
			t.Errorf("%s: %d tickets came", tls.VersionName(version), n)
		}
	}
}

func TestPlainSTOMPAtThePortForTLSIsToldSo(t *testing.T) {
	cert, key, _ := certify(t)
	server := startServer(t, "--stomp-tls", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	for _, command := range []string{"CONNECT", "STOMP", "\r\nCONNECT"} {
		conn, err := net.Dial("tcp", server.StompTLS)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, command+"\naccept-version:1.2\nhost:test\n\n\x00"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(answer), "ERROR\nmessage:this port speaks TLS\n") {
			t.Errorf("%q is answered with %q, %v", command, answer, err)
		}
	}
}

func TestTheLogTellsOfSessionsAndTheEnd(t *testing.T) {
	server := startServer(t, "--log-level", "debug")
	c, err := dialStomp(server.Stomp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	named := "session=" + c.connected.headers["session"] + " client=" + c.LocalAddr().String()
	if err := c.request(stomp.SEND, ""); err == nil {
		t.Fatal("a SEND without destination is receipted")
	}
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	log := server.logged()
	for _, want := range []string{
		`msg="STOMP session opened" ` + named + " version=1.2",
		`msg="STOMP client is sent an ERROR" ` + named + ` message="SEND without destination"`,
		`msg="STOMP session closed" ` + named,
		"msg=stopped",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	if strings.Contains(log, "secret") {
		t.Errorf("the log has the passcode:\n%s", log)
	}
}

func TestAGatewayAndAServerShareOneDatabase(t *testing.T) {
	server := startServer(t)
	gateway := startGateway(t, server)
	if gateway.URL != "" {
		t.Errorf("the gateway serves HTTP at %s", gateway.URL)
	}
	follower, sender := connect(t, gateway.Stomp), connect(t, gateway.Stomp)
	follower.must(t, stomp.SUBSCRIBE, "", "destination", "/topic/shared", "id", "1")
	feed := server.URL + "feeds/shared"
	for i := range 20 {
		sender.must(t, stomp.SEND, fmt.Sprint("from the gateway ", i), "destination", "/topic/shared")
		fromServer := fmt.Sprint("from the server ", i)
		postText(t, feed, fromServer)
		for _, want := range []string{fmt.Sprint("from the gateway ", i), fromServer} {
			if m := follower.message(t); m.body != want {
				t.Fatalf("the follower at the gateway got %q, want %q", m.body, want)
			}
		}
	}
	titles := readTitles(t, feed, 40)
	if titles[0] != "from the gateway 0" || titles[39] != "from the server 19" {
		t.Errorf("the server shows %q", titles)
	}
}

func TestQueuesAreSharedByProcesses(t *testing.T) {
	server := startServer(t)
	gateway := startGateway(t, server)
	worker := connect(t, server.Stomp)
	worker.must(t, stomp.SUBSCRIBE, "", "destination", "/queue/jobs", "id", "1", "ack", "client-individual")
	sender := connect(t, gateway.Stomp)
	for i := range 20 {
		sender.must(t, stomp.SEND, fmt.Sprint("job ", i), "destination", "/queue/jobs")
		m := worker.message(t)
		if m.body != fmt.Sprint("job ", i) {
			t.Fatalf("job %d is %q", i, m.body)
		}
		worker.must(t, stomp.ACK, "", "id", m.headers["ack"])
	}
	// What a process held when it was killed goes to another's consumers.
	sender.must(t, stomp.SEND, "inherited", "destination", "/queue/jobs")
	worker.message(t)
	if err := server.kill(); err != nil {
		t.Fatal(err)
	}
	heir := connect(t, gateway.Stomp)
	heir.must(t, stomp.SUBSCRIBE, "", "destination", "/queue/jobs", "id", "1", "ack", "client-individual")
	if m := heir.message(t); m.body != "inherited" || m.headers["redelivered"] != "true" {
		t.Errorf("the heir got %q %v", m.body, m.headers)
	}
}

func TestCurlAndStompWorkOnTheSameEntries(t *testing.T) {
	const orders = 60
	needProgram(t, "curl", "curl")
	server := startServer(t)
	feed := server.URL + "feeds/orders"
	curl := func(i int) {
		t.Helper()
		run(t, "curl", "-sSf", "-o", filepath.Join(t.TempDir(), "answer"), "-H", "Content-Type: text/plain", "-d", fmt.Sprint("order ", i), feed)
	}
	var all []string
	for i := range orders {
		all = append(all, fmt.Sprint("order ", i))
	}
	curl(-1) // a feed that begins with a post keeps what it has
	follower := connect(t, server.Stomp)
	follower.must(t, stomp.SUBSCRIBE, "", "destination", "/topic/orders", "id", "f")
	taken := make(chan string, orders)
	for w := range 3 {
		worker := connect(t, server.Stomp)
		worker.must(t, stomp.SUBSCRIBE, "", "destination", "/queue/orders", "id", "w", "ack", "client-individual", "prefetch", "1")
		go func() {
			for {
				m, err := worker.receive()
				if err != nil {
					return // the test is over
				}
				if err := worker.send(stomp.ACK, "", "id", m.headers["ack"]); err != nil {
					t.Errorf("worker %d: %v", w, err)
				}
				taken <- m.body
			}
		}()
	}
	for i := range orders {
		curl(i)
	}
	work := make(map[string]int)
	for range orders {
		work[<-taken]++
	}
	for _, order := range all {
		if work[order] != 1 {
			t.Errorf("the workers took %q %d times", order, work[order])
		}
	}
	var followed []string
	for range orders {
		followed = append(followed, follower.message(t).body)
	}
	if diff := cmp.Diff(all, followed); diff != "" {
		t.Errorf("the follower saw:\n%s", diff)
	}
	if diff := cmp.Diff(all, readTitles(t, feed, orders+1)[1:]); diff != "" {
		t.Errorf("the poller saw:\n%s", diff)
	}
}

func postText(t *testing.T, feed, text string) {
	t.Helper()
	resp, err := http.Post(feed, "text/plain", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST: %s %s %v", resp.Status, answer, err)
	}
}

// readTitles polls a feed with Xlastid until it has seen n entries.
func readTitles(t *testing.T, feed string, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), processWait)
	defer cancel()
	b := newBrowser(t, feed)
	var titles []string
	for cursor := int64(0); len(titles) < n; {
		page, next, err := b.poll(cursor, 100)
		if err != nil {
			t.Fatal(err)
		}
		if ctx.Err() != nil {
			t.Fatalf("only %d entries came", len(titles))
		}
		for _, e := range page {
			titles = append(titles, e.title)
		}
		cursor = next
	}
	return titles
}
