package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"atommq/stompgw/stomp"
)

// authority signs certificates of clients.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// sign makes a client's certificate of a name, which change may spoil.
func (a *authority) sign(t *testing.T, name string, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, EmailAddresses: []string{"root@example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, spoil := range change {
		spoil(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// certified is a server that takes certificates of an authority, with the accounts ann, who may
// publish to "ann", and bob likewise.
type certified struct {
	*process
	trust *x509.CertPool
	by    *authority
	cert  string // file of the server's
	ca    string // file
	token string // bob's
}

func startCertified(t *testing.T, args ...string) *certified {
	t.Helper()
	db := filepath.Join(t.TempDir(), "atommq.db")
	for _, name := range []string{"ann", "bob"} {
		runAtommq(t, "user", "add", name, "--no-password", "--db", db)
		runAtommq(t, "user", "allow", name, "publish,read", name, "--db", db)
	}
	token := runAtommq(t, "token", "add", "bob", "laptop", "--db", db)
	cert, key, trust := certify(t)
	by := newAuthority(t, "the first")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, by.pem)
	p := startServer(t, append([]string{"--db", db, "--https", "127.0.0.1:0", "--stomp-tls", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", ca}, args...)...)
	return &certified{p, trust, by, cert, ca, strings.TrimSpace(string(token))}
}

// config is that of a client with certificates.
func (s *certified) config(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: s.trust, Certificates: certificates}
}

// post publishes to a feed, over a connection of its own, and returns the status and the text of
// the answer, or why there is none.
func (s *certified) post(config *tls.Config, h2 bool, feed, authorization string) (status int, text string) {
	transport := &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: h2} // which adds to it
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodPost, "https://"+s.HTTPS+"/feeds/"+feed, strings.NewReader("hello"))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "text/plain")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	if h2 != (resp.ProtoMajor == 2) {
		return 0, resp.Proto
	}
	return resp.StatusCode, string(body)
}

// connect begins a session over TLS with no login and no passcode, which some clients send as empty ones.
func (s *certified) connect(config *tls.Config, headers ...string) (*stompClient, error) {
	conn, err := tls.Dial("tcp", s.StompTLS, config)
	if err != nil {
		return nil, err
	}
	return greet(conn, append(headers, "login", "", "passcode", "")...)
}

// wantAlert checks that a server refuses a client with an alert that says why, whichever protocol
// it wants to speak. Of TLS 1.3 a client learns that when it reads; one that writes first may only
// see that the connection is broken.
func (s *certified) wantAlert(t *testing.T, config *tls.Config, want string) {
	t.Helper()
	for address, protocols := range map[string][]string{s.StompTLS: nil, s.HTTPS: {"h2", "http/1.1"}} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			client := config.Clone()
			client.NextProtos, client.MaxVersion = protocols, version
			conn, err := tls.Dial("tcp", address, client)
			if err == nil {
				_, err = conn.Read(make([]byte, 1))
				conn.Close()
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, TLS %x: %v, want %s", address, version, err, want)
			}
		}
	}
	for _, h2 := range []bool{false, true} {
		if status, text := s.post(config, h2, "ann", "Bearer "+s.token); status != 0 {
			t.Errorf("h2 %v: %d %s", h2, status, text)
		}
	}
	if c, err := s.connect(config, "login", "bob", "passcode", s.token); err == nil {
		c.Close()
		t.Error("STOMP lets in who was to be refused")
	}
}

func TestACertificateIsTheAccountThatItNames(t *testing.T) {
	s := startCertified(t)
	ann := s.config(s.by.sign(t, "ann"))
	for _, test := range []struct {
		config              *tls.Config
		feed, authorization string
		status              int
	}{
		{ann, "ann", "", http.StatusCreated},
		{ann, "bob", "", http.StatusForbidden},
		{ann, "bob", "Bearer " + s.token, http.StatusCreated}, // what is said counts for more
		{ann, "ann", "Bearer " + s.token, http.StatusForbidden},
		{ann, "ann", "Bearer wrong", http.StatusUnauthorized},
		{s.config(), "ann", "", http.StatusUnauthorized},
		{s.config(), "bob", "Bearer " + s.token, http.StatusCreated},
	} {
		for _, h2 := range []bool{false, true} {
			if status, text := s.post(test.config, h2, test.feed, test.authorization); status != test.status {
				t.Errorf("h2 %v, to %s as %q: %d, want %d: %s", h2, test.feed, test.authorization, status, test.status, text)
			}
		}
	}
	c, err := s.connect(ann)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.must(t, stomp.SEND, "hello", "destination", "/topic/ann")
	if err := c.request(stomp.SEND, "hello", "destination", "/topic/bob"); err == nil || !strings.Contains(err.Error(), "the account \"ann\" lacks the right") {
		t.Errorf("to bob's feed: %v", err)
	}
	other, err := s.connect(ann, "login", "bob", "passcode", s.token)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.must(t, stomp.SEND, "hello", "destination", "/topic/bob")
	if c, err := s.connect(s.config()); err == nil {
		c.Close()
		t.Error("a session without a certificate is let in")
	}
	ws, _, err := websocket.Dial(t.Context(), "wss://"+s.HTTPS+"/stomp", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: ann.Clone()}}, Subprotocols: []string{"v12.stomp"},
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := greet(websocket.NetConn(t.Context(), ws, websocket.MessageText), "login", "", "passcode", "")
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	page.must(t, stomp.SEND, "hello", "destination", "/topic/ann")
}

func TestACertificateThatIsNoGoodIsRefused(t *testing.T) {
	s := startCertified(t)
	spoilt := map[string]struct {
		cert tls.Certificate
		want string
	}{
		"an unknown authority": {newAuthority(t, "the first").sign(t, "ann"), "unknown certificate authority"},
		"expired": {s.by.sign(t, "ann", func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(-time.Minute)
		}), "expired certificate"},
		"not yet": {s.by.sign(t, "ann", func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(time.Hour)
			c.NotAfter = time.Now().Add(2 * time.Hour)
		}), "expired certificate"},
		"a server's": {s.by.sign(t, "ann", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), "bad certificate"},
	}
	for name, test := range spoilt {
		t.Run(name, func(t *testing.T) {
			// The server names the authorities that it takes: a client that looks would not send these at all.
			config := s.config()
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &test.cert, nil }
			s.wantAlert(t, config, test.want)
		})
	}
	for _, name := range []string{"carl", "", "Ann", "anonymous", "root@example.org"} {
		config := s.config(s.by.sign(t, name))
		for _, h2 := range []bool{false, true} {
			status, text := s.post(config, h2, "ann", "")
			if status != http.StatusUnauthorized || !strings.Contains(text, fmt.Sprintf("Your certificate names %q", name)) {
				t.Errorf("a certificate for %q, h2 %v: %d %s", name, h2, status, text)
			}
		}
		if c, err := s.connect(config); err == nil || !strings.Contains(err.Error(), "names") || !strings.Contains(err.Error(), "there is no such account") {
			t.Errorf("a certificate for %q, over STOMP: %v, %v", name, c, err)
		}
	}
}

func TestACertificateMayBeRequired(t *testing.T) {
	s := startCertified(t, "--tls-client-auth", "require")
	s.wantAlert(t, s.config(), "remote error: tls: ")
	if status, text := s.post(s.config(s.by.sign(t, "ann")), true, "ann", ""); status != http.StatusCreated {
		t.Errorf("with a certificate: %d %s", status, text)
	}
	for file, want := range map[string]string{
		s.cert:       "--client-cert and --client-key\n", // what the system says of a connection that was closed comes at times before why
		"absent.pem": "in the variable SSL_CERT_FILE (absent.pem now: is it there,",
	} {
		cmd := exec.CommandContext(t.Context(), "atommq", "health", "--url", "https://"+s.HTTPS)
		cmd.Env = append(cmd.Environ(), "SSL_CERT_FILE="+file)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("with the authorities in %s, health says %q, %v", file, out, err)
		}
	}
}

// healthy asks for the server's health over a connection of its own, and reports whether that
// resumed a session.
func (s *certified) healthy(t *testing.T, config *tls.Config) (resumed bool) {
	t.Helper()
	conn, err := tls.Dial("tcp", s.HTTPS, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request("GET /healthz", "")); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), "200 OK") {
		t.Errorf("%v: %s", err, answer)
	}
	return conn.ConnectionState().DidResume
}

func TestAuthoritiesOfClientsAreReadAgainWithoutARestart(t *testing.T) {
	s := startCertified(t)
	old := s.config(s.by.sign(t, "ann"))
	old.ClientSessionCache = tls.NewLRUClientSessionCache(10)
	before, err := s.connect(old)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	s.healthy(t, old)
	if !s.healthy(t, old) {
		t.Error("a session that could be resumed was not")
	}
	next := newAuthority(t, "the next")
	replaceFile(t, s.ca, next.pem)
	if err := s.signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.awaitLog(t, "read the certificate")
	forced := old.Clone()
	forced.Certificates = nil
	forced.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &old.Certificates[0], nil }
	s.wantAlert(t, forced, "unknown certificate authority")
	fresh := s.config(next.sign(t, "ann"))
	if status, text := s.post(fresh, true, "ann", ""); status != http.StatusCreated {
		t.Errorf("the new authority: %d %s", status, text)
	}
	before.must(t, stomp.SEND, "hello", "destination", "/topic/ann") // connections go on

	replaceFile(t, s.ca, "nonsense")
	if err := s.signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.awaitLog(t, "there is no PEM certificate in it")
	if status, text := s.post(fresh, true, "ann", ""); status != http.StatusCreated {
		t.Errorf("with a broken file: %d %s", status, text)
	}
}

// The commands of doc/operate.md are run as they stand there, but for the server's address and its
// own certificate.
func TestTheDocumentedCertificatesOfClientsWork(t *testing.T) {
	text, err := os.ReadFile("../../doc/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### Certificates of clients")
	_, block, _ := strings.Cut(section, "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	setUp, serve, ok := strings.Cut(block, "atommq serve ")
	if !ok {
		t.Fatalf("no server in %q", block)
	}
	serve, request, _ := strings.Cut(serve, "\n")
	t.Chdir(t.TempDir())
	t.Setenv("ATOMMQ_DB", filepath.Join(t.TempDir(), "atommq.db"))
	run := func(script string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "sh", "-ec", script).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		return string(out)
	}
	run(setUp)
	cert, key, _ := certify(t)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(strings.NewReplacer("0.0.0.0:8443", "127.0.0.1:0", "fullchain.pem", cert, "privkey.pem", key, " ca.pem", " "+filepath.Join(dir, "ca.pem")).Replace(serve))
	server := startServer(t, append([]string{"--db", os.Getenv("ATOMMQ_DB")}, args...)...)
	answer := run(strings.NewReplacer("https://server:8443", "https://"+server.HTTPS, "curl ", "curl -sS --cacert "+cert+" ").Replace(request))
	if !strings.Contains(answer, "<title>Lunch</title>") {
		t.Errorf("%s is answered %s", request, answer)
	}
}

func TestTheCommandsThatTalkToAServerShowACertificate(t *testing.T) {
	s := startCertified(t, "--tls-client-auth", "require")
	dir := t.TempDir()
	files := func(name string) []string {
		t.Helper()
		pair := s.by.sign(t, name)
		key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		cert, keyFile := filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
		writeFile(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
		writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
		return []string{"--client-cert", cert, "--client-key", keyFile}
	}
	ann, carl := files("ann"), files("carl")
	t.Setenv("SSL_CERT_FILE", s.cert)
	t.Setenv("ATOMMQ_URL", "https://"+s.HTTPS)
	runAtommq(t, append([]string{"publish", "ann", "hello"}, ann...)...)
	if out := runAtommq(t, append([]string{"tail", "ann"}, ann...)...); !strings.Contains(string(out), "hello") {
		t.Errorf("tail shows %q", out)
	}
	runAtommq(t, append([]string{"health"}, ann...)...)
	for _, test := range []struct {
		args []string
		want string
	}{
		{append([]string{"publish", "ann", "hello"}, carl...), `Your certificate names "carl"`},
		{append([]string{"top", "--once"}, ann...), "atommq user allow ann read '*'"}, // so that top shows it, too
		{append([]string{"publish", "ann", "hello"}, ann[:2]...), "--client-cert and --client-key go together"},
		{append([]string{"publish", "ann", "hello", "--url", "http://" + s.HTTPS}, ann...), "--client-cert is shown over TLS alone"},
		{[]string{"publish", "ann", "hello", "--client-cert", ann[1], "--client-key", carl[3]}, "do not go together"},
		{[]string{"publish", "ann", "hello"}, "atommq: "}, // it may only see that the connection is broken
	} {
		out, err := exec.CommandContext(t.Context(), "atommq", test.args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), test.want) {
			t.Errorf("%q: %v, %s, want %s", test.args, err, out, test.want)
		}
	}
}
