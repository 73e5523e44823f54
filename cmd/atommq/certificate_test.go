package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"atommq/stompgw/stomp"
)

// certify makes a certificate for 127.0.0.1 that signs itself, as two files of PEM.
func certify(t *testing.T) (certFile, keyFile string, trust *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := issue(t, 1, time.Hour)
	writeFile(t, certFile, cert)
	writeFile(t, keyFile, key)
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM([]byte(cert))
	return certFile, keyFile, trust
}

// issue makes a certificate that ends after a time, and its key, in PEM. It began as long before.
func issue(t *testing.T, serial int64, lasts time.Duration) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: "localhost"}, // curl wants an issuer's name
		NotBefore:    time.Now().Add(-lasts),
		NotAfter:     time.Now().Add(lasts),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:     []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(typ string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", keyDER)
}

// replaceFile puts a file in the place of another, as programs that renew certificates do.
func replaceFile(t *testing.T, name, text string) {
	t.Helper()
	writeFile(t, name+".new", text)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// serialAt returns the serial number of the certificate that is shown at an address.
func serialAt(t *testing.T, address string) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestHangupReadsTheCertificateAgainWithoutARestart(t *testing.T) {
	cert, key, trust := certify(t)
	server := startServer(t, "--https", "127.0.0.1:0", "--stomp-tls", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	conn, err := tls.Dial("tcp", server.StompTLS, &tls.Config{RootCAs: trust})
	if err != nil {
		t.Fatal(err)
	}
	before, err := greet(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	newCert, newKey := issue(t, 2, time.Hour)
	replaceFile(t, cert, newCert)
	replaceFile(t, key, newKey)
	if err := server.signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	server.awaitLog(t, "read the certificate")
	for _, address := range []string{server.HTTPS, server.StompTLS} {
		if serial := serialAt(t, address); serial != 2 {
			t.Errorf("%s shows the certificate %d", address, serial)
		}
	}
	before.must(t, stomp.SEND, "hello", "destination", "/topic/news") // connections go on

	replaceFile(t, key, "nonsense")
	if err := server.signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	server.awaitLog(t, "the new certificate is broken")
	if serial := serialAt(t, server.HTTPS); serial != 2 {
		t.Errorf("with a broken key, the certificate is %d", serial)
	}
}

func TestAHangupEndsNoServerThatHasNoCertificate(t *testing.T) {
	server := startServer(t)
	if err := server.signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if _, err := newBrowser(t, server.URL+"feeds/news").post("after", ""); err != nil {
		t.Error(err)
	}
}

// logBook is what was logged.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns what was logged since it was taken last.
func (l *logBook) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}

// watched is a certificate that is watched in a bubble.
func watched(t *testing.T, lasts time.Duration) (c *certificate, log *logBook) {
	t.Helper()
	dir := t.TempDir()
	log = new(logBook)
	s := &settings{HTTPS: "127.0.0.1:0", TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}
	cert, key := issue(t, 1, lasts)
	writeFile(t, s.TLSCert, cert)
	writeFile(t, s.TLSKey, key)
	c, err := s.certificate(slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.watch(ctx, nil)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return c, log
}

// after lets a time pass in a bubble.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func serial(c *certificate) int64 { return c.current.Load().Leaf.SerialNumber.Int64() }

func TestACertificateIsReadAgainWhenItsFilesHaveChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log := watched(t, 365*24*time.Hour)
		after(certificateCheck + time.Second)
		cert, key := issue(t, 2, 365*24*time.Hour)
		replaceFile(t, c.files.cert, cert) // the key follows after the next look
		after(certificateCheck)
		if said := log.take(); serial(c) != 1 || said != "" {
			t.Errorf("half of the new pair is read: %d\n%s", serial(c), said)
		}
		replaceFile(t, c.files.key, key)
		after(2 * certificateCheck)
		if said := log.take(); serial(c) != 2 || strings.Contains(said, "ERROR") {
			t.Errorf("the certificate is %d\n%s", serial(c), said)
		}
		if err := os.Remove(c.files.key); err != nil {
			t.Fatal(err)
		}
		after(time.Hour)
		if said := log.take(); serial(c) != 2 || strings.Count(said, "the old one goes on") != 1 {
			t.Errorf("without its key, the certificate is %d\n%s", serial(c), said)
		}
		replaceFile(t, c.files.key, key)
		after(2 * certificateCheck)
		if said := log.take(); !strings.Contains(said, "read the certificate") {
			t.Errorf("the key is back\n%s", said)
		}
	})
}

func TestACertificateThatEndsIsWarnedOf(t *testing.T) {
	const day = 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		c, log := watched(t, 5*day) // so ten days in all, and two of warning
		after(5 * day / 2)
		if said := log.take(); said != "" {
			t.Errorf("two days and a half before its end\n%s", said)
		}
		after(2 * day)
		if said := log.take(); !strings.Contains(said, `level=WARN msg="the certificate expires soon`) {
			t.Errorf("half a day before its end\n%s", said)
		}
		after(day)
		if said := log.take(); !strings.Contains(said, `level=ERROR msg="the certificate has expired`) {
			t.Errorf("after its end\n%s", said)
		}
		cert, key := issue(t, 2, 5*day)
		replaceFile(t, c.files.cert, cert)
		replaceFile(t, c.files.key, key)
		after(day)
		if said := log.take(); serial(c) != 2 || strings.Contains(said, "WARN") {
			t.Errorf("renewed\n%s", said)
		}
	})
	if n := expiryNotice(90 * day); n != 14*day {
		t.Errorf("one that lasts 90 days is warned of %v before its end", n)
	}
}
