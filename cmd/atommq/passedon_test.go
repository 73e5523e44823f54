package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// spoken is a connection over which a test speaks FastCGI itself.
type spoken struct {
	net.Conn
	in *bufio.Reader
}

func speakFastCGI(t *testing.T, socket string) *spoken {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(processWait)); err != nil {
		t.Fatal(err)
	}
	return &spoken{conn, bufio.NewReader(conn)}
}

// record writes a record.
func (s *spoken) record(t *testing.T, kind byte, id uint16, content string) {
	t.Helper()
	record := binary.BigEndian.AppendUint16([]byte{1, kind}, id)
	record = binary.BigEndian.AppendUint16(record, uint16(len(content)))
	const padding = "pad"
	record = append(append(record, byte(len(padding)), 0), content+padding...)
	if _, err := s.Write(record); err != nil {
		t.Fatal(err)
	}
}

// begin sends a request. The web server keeps the connection.
func (s *spoken) begin(t *testing.T, id uint16, env map[string]string, body string) {
	t.Helper()
	s.record(t, 1, id, "\x00\x01\x01\x00\x00\x00\x00\x00")
	var params []byte
	for name, value := range env {
		params = append(params, byte(len(name)))
		if params = append(params, byte(len(value))); len(value) > 127 {
			params = appendSize(params[:len(params)-1], len(value))
		}
		params = append(append(params, name...), value...)
	}
	half := len(params) / 2 // somewhere inside of a variable
	s.record(t, recordParams, id, string(params[:half]))
	s.record(t, recordParams, id, string(params[half:]))
	s.record(t, recordParams, id, "")
	if body != "" {
		s.record(t, 5, id, body)
	}
	s.record(t, 5, id, "")
}

// answer reads to the end of a request's answer, and returns it.
func (s *spoken) answer(t *testing.T, id uint16) string {
	t.Helper()
	var out strings.Builder
	for {
		var head [8]byte
		if _, err := io.ReadFull(s.in, head[:]); err != nil {
			t.Fatalf("behind %q: %v", out.String(), err)
		}
		content := make([]byte, binary.BigEndian.Uint16(head[4:]))
		_, err := io.ReadFull(s.in, content)
		_, skipping := s.in.Discard(int(head[6]))
		if err := errors.Join(err, skipping); err != nil {
			t.Fatal(err)
		}
		switch of := binary.BigEndian.Uint16(head[2:]); {
		case of != id:
		case head[1] == 6:
			out.Write(content)
		case head[1] == 3:
			return out.String()
		}
	}
}

// asked returns the variables of a request, and more of them.
func asked(method, uri string, more ...string) map[string]string {
	env := map[string]string{
		"REQUEST_METHOD": method, "REQUEST_URI": uri, "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "mq.example", "SERVER_NAME": "mq.example",
		"SERVER_PORT": "80", "REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "9", "CONTENT_TYPE": "text/plain", "HTTP_X_LONG": strings.Repeat("long ", 40),
	}
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return env
}

// script makes a process of atommq cgi for a request.
func script(t *testing.T, db string, env map[string]string, body string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "atommq", "cgi", "--db", db)
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdin = strings.NewReader(body)
	return cmd
}

// passer passes a request on, and returns the answer as CGI has it, its head before its body.
type passer func(env map[string]string, sent string) (head, body string)

// eitherWay runs a test over FastCGI and with scripts.
func eitherWay(t *testing.T, test func(t *testing.T, pass passer)) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "fcgi")
	server := startServer(t, "--fcgi", "unix:"+socket)
	t.Run("FastCGI", func(t *testing.T) {
		conn, id := speakFastCGI(t, socket), uint16(0)
		test(t, func(env map[string]string, sent string) (head, body string) {
			id++
			conn.begin(t, id, env, sent)
			head, body, _ = strings.Cut(conn.answer(t, id), "\r\n\r\n")
			return head, body
		})
	})
	t.Run("CGI", func(t *testing.T) {
		test(t, func(env map[string]string, sent string) (head, body string) {
			out, err := script(t, server.DB, env, sent).Output()
			if err != nil {
				t.Error(err)
			}
			head, body, _ = strings.Cut(string(out), "\r\n\r\n")
			return head, body
		})
	})
}

func TestAHostThatIsNoneIsRefusedWithWhatIsWrong(t *testing.T) {
	eitherWay(t, func(t *testing.T, pass passer) {
		for _, tt := range []struct{ host, uri, want string }{
			{"a:b", "/healthz", `The Host "a:b" is none.`},
			{"a%zz", "/healthz", `The Host "a%zz" is none.`},
			{"x:80x", "/healthz", `The Host "x:80x" is none.`},
			{"[::1", "/healthz", `The Host "[::1" is none.`},
			{"x?", "/healthz", `The Host "x?" is none.`}, // which would make a query of the path
			{"x/feeds", "/healthz", `The Host "x/feeds" is none.`},
			{"mq.example", "/feeds/%zz", `The path "/feeds/%zz" cannot be read.`},
			{"", "//evil/healthz", `The path "//evil/healthz" begins with two slashes.`},
		} {
			head, body := pass(asked("GET", tt.uri, "HTTP_HOST", tt.host), "")
			if !strings.HasPrefix(head, "Status: 400 ") || !strings.Contains(head, "X-Request-Id: ") || !strings.Contains(body, tt.want) {
				t.Errorf("Host %q, %s:\n%s\n\n%s", tt.host, tt.uri, head, body)
			}
		}
		for _, host := range []string{"", "MQ.example", "mq.example:8080", "[::1]:80", "192.0.2.1"} {
			if head, body := pass(asked("GET", "/healthz", "HTTP_HOST", host), ""); !strings.HasPrefix(head, "Status: 200 ") {
				t.Errorf("Host %q:\n%s\n\n%s", host, head, body)
			}
		}
	})
}

func TestAnAnswerToHEADHasNoBodyBehindAWebServer(t *testing.T) {
	eitherWay(t, func(t *testing.T, pass passer) {
		for _, uri := range []string{"/feeds", "/feeds/none", "/openapi.json", "/stomp"} {
			want, _ := pass(asked("GET", uri), "")
			head, body := pass(asked("HEAD", uri), "")
			status, _, _ := strings.Cut(want, "\r\n")
			if body != "" || !strings.HasPrefix(head, status) || !strings.Contains(head, "Content-Type: ") {
				t.Errorf("HEAD %s, where GET has %s:\n%s\n\n%.200s", uri, status, head, body)
			}
		}
	})
}

func TestAnAnswerWithoutABodyHasNoTypeBehindAWebServer(t *testing.T) {
	eitherWay(t, func(t *testing.T, pass passer) {
		made, _ := pass(asked("POST", "/feeds/x", "CONTENT_LENGTH", "4"), "gone")
		_, at, _ := strings.Cut(made, "Location: http://mq.example")
		at, _, _ = strings.Cut(at, "\r\n")
		head, body := pass(asked("DELETE", at), "")
		if !strings.HasPrefix(head, "Status: 204 ") || strings.Contains(head, "Content-Type") || body != "" {
			t.Errorf("DELETE %s:\n%s\n\n%s", at, head, body)
		}
	})
}

func TestLinksOfAScriptWithASpaceInItsNameAreURLs(t *testing.T) {
	cmd := script(t, filepath.Join(t.TempDir(), "atommq.db"),
		asked("POST", "/cgi-bin/my%20news/feeds/x", "SCRIPT_NAME", "/cgi-bin/my news", "PATH_INFO", "/feeds/x", "CONTENT_LENGTH", "4"), "here")
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "\r\nLocation: http://mq.example/cgi-bin/my%20news/feeds/x/entries/") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestABodyOfALengthThatNoWebServerKnowsIsOfNone(t *testing.T) {
	lengths := make(chan int64, 1)
	rest, more := io.Pipe() // nginx knows the length of what comes at once
	socket := serveFastCGI(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		lengths <- r.ContentLength
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
	}))
	f := nginxFastCGI(t, &process{URL: "http://127.0.0.1:9/"}, socket, "fastcgi_buffering off;", "fastcgi_buffering off; fastcgi_request_buffering off;")
	for _, tt := range []struct {
		method string
		body   io.Reader
		want   int64
	}{
		{"POST", io.MultiReader(strings.NewReader("some"), rest), -1}, // chunked, then
		{"POST", strings.NewReader("some"), 4},
		{"POST", http.NoBody, 0},
		{"GET", nil, 0},
	} {
		req, err := http.NewRequest(tt.method, f.site+"/x", tt.body)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			resp, err := f.Do(req)
			if err == nil {
				err = resp.Body.Close()
			}
			done <- err
		}()
		got := <-lengths
		more.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got != tt.want {
			t.Errorf("%s of %v: its length is %d, and not %d", tt.method, tt.body, got, tt.want)
		}
	}
}

// serveFastCGI serves a handler until the test ends, at a socket that it returns.
func serveFastCGI(t *testing.T, handler http.Handler) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "fcgi")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := fastCGIServer(t, handler, io.Discard)
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return socket
}

func TestARequestThatAWebServerGivesUpEndsAlone(t *testing.T) {
	begun, ended := make(chan string, 8), make(chan string, 8)
	socket := serveFastCGI(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/at-once" {
			return
		}
		begun <- r.URL.Path
		<-r.Context().Done()
		ended <- r.URL.Path
	}))
	expect := func(from <-chan string, want string) {
		t.Helper()
		select {
		case got := <-from:
			if got != want {
				t.Fatalf("%s has, and not %s", got, want)
			}
		case <-time.After(processWait):
			t.Fatalf("%s has not", want)
		}
	}
	conn := speakFastCGI(t, socket)
	for id, path := range []string{"/first", "/second"} { // at the same time, on one connection
		conn.begin(t, uint16(id+1), asked("GET", path), "")
		expect(begun, path)
	}
	conn.record(t, recordAbort, 1, "")
	expect(ended, "/first")
	conn.begin(t, 3, asked("GET", "/at-once"), "")
	if text := conn.answer(t, 3); !strings.HasPrefix(text, "Status: 200 ") {
		t.Errorf("the connection that is kept has %s", text)
	}
	select {
	case path := <-ended:
		t.Fatalf("%s ended with another", path)
	default:
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	expect(ended, "/second")

	half := speakFastCGI(t, socket)
	half.begin(t, 1, asked("POST", "/half-closed"), "")
	expect(begun, "/half-closed")
	if err := half.Conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expect(ended, "/half-closed")
}

// queue returns how a queue stands.
func (p *process) queue(t *testing.T, path string) (status, claimed, waiting int) {
	t.Helper()
	resp, err := http.Get(p.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var q struct{ Claimed, Waiting int }
	if err := json.NewDecoder(resp.Body).Decode(&q); err != nil && resp.StatusCode == http.StatusOK {
		t.Fatal(err)
	}
	return resp.StatusCode, q.Claimed, q.Waiting
}

// takesNothing wants a queue to have what is published.
func (p *process) takesNothing(t *testing.T) {
	t.Helper()
	resp, err := http.Post(p.URL+"feeds/jobs", "text/plain", strings.NewReader("work"))
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	if _, claimed, waiting := p.queue(t, "feeds/jobs/queues/work"); claimed != 0 || waiting != 1 {
		t.Errorf("of one entry, %d are claimed and %d wait", claimed, waiting)
	}
}

// pollsAre waits until as many wait.
func (p *process) pollsAre(t *testing.T, want float64) {
	t.Helper()
	for deadline := time.Now().Add(processWait); scrape(t, p.URL+"metrics")["atommq_http_polls"] != want; {
		if time.Now().After(deadline) {
			t.Fatalf("not %v wait", want)
		}
	}
}

// claims has a client leave that waits for work. lighttpd watches a client only that it once had to
// wait for: this one sends no body before it is told to.
func (f *inFront) claims(t *testing.T, server *process) {
	t.Helper()
	conn, err := f.Transport.(*http.Transport).DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const head = "POST /feeds/jobs/queues/work/claims?wait=600 HTTP/1.1\r\nHost: mq.example\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatal(line, err)
	}
	if _, err := io.WriteString(conn, "0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	server.pollsAre(t, 1)
}

func TestAClientThatLeavesWhileItWaitsTakesNothingOverFastCGI(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, server *process, socket string) *inFront{
		"nginx":    func(t *testing.T, server *process, socket string) *inFront { return nginxFastCGI(t, server, socket) },
		"lighttpd": func(t *testing.T, _ *process, socket string) *inFront { return lighttpd(t, socket, t.TempDir()) },
	} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "fcgi")
			server := startServer(t, "--fcgi", "unix:"+socket, "--max-wait", "10m")
			f := start(t, server, socket)
			f.do(t, "PUT", "/feeds/jobs/settings", "{}", http.StatusCreated, "Content-Type: application/json")
			f.claims(t, server)
			server.pollsAre(t, 0)
			server.takesNothing(t)
		})
	}
}

func TestAScriptThatIsToldToEndTakesNothing(t *testing.T) {
	server := startServer(t)
	resp, err := http.Post(server.URL+"feeds/jobs", "text/plain", strings.NewReader("work"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cmd := script(t, server.DB, asked("POST", "/feeds/jobs/queues/work/claims?wait=600"), "")
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(processWait); ; {
		if status, _, _ := server.queue(t, "feeds/jobs/queues/work"); status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the queue is not there")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.HasPrefix(out.String(), "Status: 503 ") {
		t.Errorf("%v\n%s", err, out.String())
	}
	server.takesNothing(t)
}
