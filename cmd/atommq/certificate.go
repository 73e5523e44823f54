package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, fmt.Errorf("--tls-cert %s and --tls-key %s do not go together: %w", certFile, keyFile, err)
	}
	return pair, nil
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
