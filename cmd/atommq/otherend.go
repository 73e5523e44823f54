package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"atommq/api"
)

// explainOtherEnd says what is at the address of a server where nothing there answered as one over
// HTTP, and what to do.
func explainOtherEnd(at string, err error) error {
	unknown, _ := errors.AsType[*net.DNSError](err)
	notTLS, _ := errors.AsType[tls.RecordHeaderError](err)
	untrusted, _ := errors.AsType[*tls.CertificateVerificationError](err)
	text := err.Error() // some errors of net/http have no other mark
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("connection refused at %s: does the server run? --url names another address", at)
	case unknown != nil:
		return fmt.Errorf("there is no host %s (%s): correct --url", unknown.Name, unknown.Err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("there is HTTP without TLS at %s: write http:// in --url", at)
	case string(notTLS.RecordHeader[:]) == "ERROR", strings.Contains(text, `malformed HTTP response "ERROR"`):
		return fmt.Errorf("there is STOMP at %s: --url takes an address of HTTP, such as http://127.0.0.1:8080", at)
	case notTLS.Msg != "":
		return fmt.Errorf("there is no TLS at %s: write http:// in --url, or name another address", at)
	case strings.Contains(text, "tls: certificate required"), strings.Contains(text, "tls: unknown certificate authority"):
		return fmt.Errorf("%s wants a certificate from an authority that it trusts: give it with --client-cert and --client-key", at)
	case untrusted != nil:
		return explainCertificate(at, untrusted.Err)
	case strings.Contains(text, "malformed HTTP"):
		return fmt.Errorf("there is no HTTP at %s, nor AtomMQ: name another address with --url", at)
	case breaksOff(err):
		return fmt.Errorf("%s ends the connection without an answer: %s", at, otherScheme(at))
	case isLate(err):
		return fmt.Errorf("%s does not answer: does the server run, and may this machine reach it? --url names another address", at)
	case errors.Is(err, api.ErrForeign):
		return notAtomMQ(at)
	}
	return err
}

// isLate reports whether err is about something that did not come in time.
func isLate(err error) bool {
	var late interface{ Timeout() bool }
	return errors.As(err, &late) && late.Timeout()
}

// breaksOff reports whether err is about a connection that somebody closed.
func breaksOff(err error) bool {
	// A server of TLS is rude to who speaks none; net/http has no better word for it.
	text := err.Error()
	return strings.HasSuffix(text, ": EOF") || strings.Contains(text, "http2: client conn could not be established") || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// otherScheme says what to try where something else than the scheme of a URL may be spoken.
func otherScheme(at string) string {
	if host, plain := strings.CutPrefix(at, "http://"); plain {
		return "if there is TLS, write https://" + host + " in --url, or name another address"
	}
	return "name another address with --url, or give the certificate that it may want, with --client-cert and --client-key"
}

// explainCertificate says why a server's certificate is not believed.
func explainCertificate(at string, err error) error {
	if _, stranger := errors.AsType[x509.UnknownAuthorityError](err); stranger {
		now := ""
		if file := os.Getenv("SSL_CERT_FILE"); file != "" {
			now = " (" + file + " now: is it there, in PEM?)"
		}
		return fmt.Errorf("nobody whom this machine trusts signed the certificate of %s: give the PEM file of who did, in the variable SSL_CERT_FILE%s", at, now)
	}
	if misnamed, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Errorf("the certificate of %s is for other names: write one of them in --url (%w)", at, misnamed)
	}
	return fmt.Errorf("the certificate of %s is no good: %w", at, err)
}

// explainStranger says what to do about an answer that AtomMQ does not give; nil for one that may be its own.
func explainStranger(at string, refused *api.StatusError) error {
	unexplained := refused.Text == fmt.Sprintf("%d %s", refused.Status, http.StatusText(refused.Status))
	switch plain := strings.HasPrefix(at, "http://"); {
	case strings.Contains(refused.Text, "HTTP request to an HTTPS server"), // net/http's, and so a server's of AtomMQ
		refused.Status == http.StatusBadRequest && plain && unexplained:
		return fmt.Errorf("%s refuses HTTP without TLS: %s", at, otherScheme(at))
	case refused.Status < http.StatusBadRequest:
		return fmt.Errorf("%s answers with %s, as no AtomMQ does: name another address with --url", at, refused.Text)
	case refused.Status == http.StatusNotFound && !strings.Contains(refused.Text, "no such feed"):
		return notAtomMQ(at)
	}
	return nil
}

func notAtomMQ(at string) error {
	if bus, _, inside := strings.Cut(at, "/feeds"); inside {
		return fmt.Errorf("%s may be a feed of an AtomMQ, and is none itself: write --url %s/, and the feed's name by itself", at, bus)
	}
	return fmt.Errorf("%s is no AtomMQ: --url names another address", at)
}
