package main

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// tlsConfig returns how TLS is spoken under --stomp-tls, nil where it is not.
func (s *settings) tlsConfig() (*tls.Config, error) {
	given := s.TLSCert != "" && s.TLSKey != ""
	switch {
	case s.StompTLS == off && s.TLSCert == "" && s.TLSKey == "":
		return nil, nil
	case s.StompTLS == off: // whoever names a certificate believes that something is encrypted
		return nil, misusef("--tls-cert and --tls-key serve --stomp-tls, which is off: give that an address")
	case !given:
		return nil, misusef("--stomp-tls needs both --tls-cert and --tls-key")
	}
	certificate, err := loadCertificate(s.TLSCert, s.TLSKey)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

// loadCertificate reads a chain of certificates and the key of its first one.
func loadCertificate(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := readPEM("--tls-cert", certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readPEM("--tls-key", keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	switch {
	case !holdsPEM(cert, "CERTIFICATE"):
		return tls.Certificate{}, fmt.Errorf("--tls-cert %s: there is no PEM certificate in it", certFile)
	case !holdsPEM(key, "PRIVATE KEY"):
		return tls.Certificate{}, fmt.Errorf("--tls-key %s: there is no PEM key in it", keyFile)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, fmt.Errorf("--tls-cert %s and --tls-key %s do not go together: %w", certFile, keyFile, err)
	}
	return pair, nil
}

// holdsPEM reports whether text has a block of a type that ends so, as "EC PRIVATE KEY" does.
func holdsPEM(text []byte, typ string) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, typ) {
			return true
		}
	}
	return false
}

func readPEM(flag, name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		if path, ok := errors.AsType[*fs.PathError](err); ok {
			err = path.Err // the name stands in front already
		}
		return nil, fmt.Errorf("%s %s: %w", flag, name, err)
	}
	return text, nil
}
