package main

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestClientCommandsSayWhatIsAtAnAddressThatIsNone(t *testing.T) {
	cert, key, _ := certify(t)
	server := startServer(t, "--https", "127.0.0.1:0", "--stomp-tls", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	plain, secure := server.address(), server.HTTPS
	another := httptest.NewServer(http.FileServer(http.Dir(t.TempDir())))
	defer another.Close()
	nginxOfTLS := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer nginxOfTLS.Close()
	misnamed := httptest.NewTLSServer(http.NotFoundHandler())
	defer misnamed.Close()
	misnamed.Config.ErrorLog = log.New(io.Discard, "", 0)
	own, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	authorities := filepath.Join(t.TempDir(), "authorities.pem")
	writeFile(t, authorities, string(own)+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: misnamed.Certificate().Raw})))
	writeHTTPS := "if there is TLS, write https://"
	for _, tt := range []struct {
		url     string
		trusted bool // the authority of the server's certificate is
		want    string
	}{
		{"http://" + secure, false, writeHTTPS + secure + " in --url"},
		{nginxOfTLS.URL, false, nginxOfTLS.URL + " refuses HTTP without TLS: " + writeHTTPS},
		{"https://" + plain, false, "there is HTTP without TLS at https://" + plain + ": write http:// in --url"},
		{"http://" + server.Stomp, false, "there is STOMP at http://" + server.Stomp + ": --url takes an address of HTTP"},
		{"https://" + server.Stomp, false, "there is STOMP at https://"},
		{"http://" + server.StompTLS, false, "ends the connection without an answer: " + writeHTTPS},
		{"https://" + server.StompTLS, true, "there is STOMP at https://"},
		{"https://" + secure, false, "give the PEM file of who did, in the variable SSL_CERT_FILE"},
		{strings.Replace(misnamed.URL, "127.0.0.1", "localhost", 1), true, "is for other names: write one of them in --url (x509: certificate is valid for example.com, *.example.com, not localhost)"},
		{"http://127.0.0.1:1", false, "connection refused at http://127.0.0.1:1: does the server run? --url names another address"},
		{"http://nowhere.invalid", false, "there is no host nowhere.invalid ("},
		{another.URL, false, another.URL + " "},
	} {
		for _, args := range [][]string{{"publish", "news", "hello"}, {"tail", "news"}, {"tail", "a", "b"}, {"top", "--once"}, {"health"}, {"health", "--ready"}} {
			cmd := exec.CommandContext(t.Context(), "atommq", append(args, "--url", tt.url)...)
			if cmd.Env = cmd.Environ(); tt.trusted {
				cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+authorities)
			}
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.want) || strings.Count(string(out), "\n") != 1 {
				t.Errorf("%v at %s: %v, %s want %s", args, tt.url, err, out, tt.want)
			}
			for _, raw := range []string{"malformed HTTP", "tls: ", "dial tcp", "EOF", "Xlastid", "XML", "HTTP response to HTTPS"} {
				if strings.Contains(string(out), raw) {
					t.Errorf("%v at %s says %s", args, tt.url, out)
				}
			}
		}
	}
}

func TestPublishTriesNoLongerThanItIsToldWhereNothingAnswers(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	at := "http://" + silent.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "atommq", "publish", "news", "hello", "--retry", "1s", "--url", at).CombinedOutput()
	if want := at + " does not answer: does the server run"; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v, %s want %s", err, out, want)
	}
}

func TestTailFollowsNothingThatIsNoAtomMQ(t *testing.T) {
	for _, page := range []http.HandlerFunc{http.NotFound, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!DOCTYPE html><p>It works")
	}} {
		another := httptest.NewServer(page)
		defer another.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, "atommq", "tail", "news", "--follow", "--url", another.URL).CombinedOutput()
		if want := "atommq: " + another.URL + " is no AtomMQ: --url names another address\n"; err == nil || string(out) != want {
			t.Errorf("%v, %s want %s", err, out, want)
		}
	}
}

// A redirection makes a GET of the POST, whose answer would pass for that of the POST.
func TestPublishSaysWhereARedirectionLeads(t *testing.T) {
	server := startServer(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, server.URL+r.URL.Path[1:], http.StatusMovedPermanently)
	}))
	defer elsewhere.Close()
	for range 2 { // before and after there is such a feed
		out, err := exec.CommandContext(t.Context(), "atommq", "publish", "news", "hello", "--url", elsewhere.URL).CombinedOutput()
		want := elsewhere.URL + " answers with 301 Moved Permanently to " + server.URL + "feeds/news"
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v, %s want %s", err, out, want)
		}
		runCommand(t, "publish", "news", "hello", "--url", server.URL)
	}
}
