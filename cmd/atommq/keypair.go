package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// keyPair names the files of a chain of certificates and of the key of its first one, and of those
// whose certificates clients may have, "" for none.
type keyPair struct{ cert, key, clientCA string }

// credentials are what is in the files.
type credentials struct {
	tls.Certificate
	clients *x509.CertPool
}

// read reads all.
func (p keyPair) read() (*credentials, error) {
	pair, err := readKeyPair("--tls-cert", p.cert, "--tls-key", p.key)
	if err != nil {
		return nil, err
	}
	clients, err := p.readClientCA()
	if err != nil {
		return nil, err
	}
	return &credentials{pair, clients}, nil
}

// readClientCA reads the authorities of clients.
func (p keyPair) readClientCA() (*x509.CertPool, error) {
	if p.clientCA == "" {
		return nil, nil //nolint:nilnil // none was asked for
	}
	text, err := readPEM("--tls-client-ca", p.clientCA)
	if err != nil {
		return nil, err
	}
	if holdsPEM(text, "PRIVATE KEY") {
		return nil, fmt.Errorf("--tls-client-ca %s: there is a key in it, which should lie where certificates are signed, and not here; give the certificates alone", p.clientCA)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--tls-client-ca %s: there is no PEM certificate in it", p.clientCA)
	}
	return pool, nil
}

// readKeyPair reads a chain of certificates and the key of its first one from the files that two flags name.
func readKeyPair(certFlag, certFile, keyFlag, keyFile string) (tls.Certificate, error) {
	cert, err := readPEM(certFlag, certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readPEM(keyFlag, keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	switch {
	case !holdsPEM(cert, "CERTIFICATE"):
		return tls.Certificate{}, fmt.Errorf("%s %s: there is no PEM certificate in it", certFlag, certFile)
	case !holdsPEM(key, "PRIVATE KEY"):
		return tls.Certificate{}, fmt.Errorf("%s %s: there is no PEM key in it", keyFlag, keyFile)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, fmt.Errorf("%s %s and %s %s do not go together: %w", certFlag, certFile, keyFlag, keyFile, err)
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

// stamp tells whether the files of a key pair are others than before. A file that is not there, or
// not asked for, is nil.
type stamp [3]fs.FileInfo

func (p keyPair) stamp() stamp {
	var s stamp
	for i, name := range []string{p.cert, p.key, p.clientCA} {
		s[i], _ = os.Stat(name) // reading it says why
	}
	return s
}

func (s stamp) same(other stamp) bool {
	for i, file := range s {
		was := other[i]
		if (file == nil) != (was == nil) {
			return false
		}
		if file != nil && (!os.SameFile(file, was) || !file.ModTime().Equal(was.ModTime()) || file.Size() != was.Size()) {
			return false
		}
	}
	return true
}
