package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"syscall"
)

// exampleAddresses has an address for each flag that takes one.
var exampleAddresses = map[string]string{
	"--http": "127.0.0.1:8080", "--https": "0.0.0.0:8443", "--fcgi": "unix:/run/atommq/atommq.fcgi or 127.0.0.1:9000",
	"--stomp": "127.0.0.1:61613", "--stomp-tls": "0.0.0.0:61614", "--admin": "127.0.0.1:9164",
}

// checkAddress finds what is wrong with the form of an address to listen on, for which Go has words of its own.
func checkAddress(ctx context.Context, flag, address string) error {
	if wrong := wrongInAddress(ctx, flag, address); wrong != "" {
		return misusef("%s %s: %s: give an address like %s", flag, address, wrong, exampleAddresses[flag])
	}
	return nil
}

func wrongInAddress(ctx context.Context, flag, address string) string {
	host, port, err := net.SplitHostPort(address)
	switch {
	case strings.Contains(address, "://"):
		return "is a URL"
	case strings.HasPrefix(address, "/") && flag == "--fcgi":
		return "a file has unix: before it"
	case strings.HasPrefix(address, "unix:"), strings.Contains(address, "/"):
		return "is a file, which only --fcgi takes"
	case strings.Contains(address, ","):
		return "is more than one address"
	case err != nil && strings.Count(address, ":") > 1:
		return "an IPv6 address stands in brackets, with a port behind them, as in [::1]:8080"
	case err != nil || port == "":
		return "has no port"
	case strings.ContainsAny(host, " \t"):
		return fmt.Sprintf("%q is no host", host)
	}
	if _, err := net.DefaultResolver.LookupPort(ctx, "tcp", port); err != nil {
		return fmt.Sprintf("%q is no port, which is a number up to 65535", port)
	}
	return ""
}

// cannotListen says in one line why, and what to do.
func cannotListen(flag, address string, err error) error {
	path, isFile := strings.CutPrefix(address, "unix:")
	dir := filepath.Dir(path)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken by another program: stop that, or choose another address with %s", address, flag)
	case isFile && errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %s: there is no directory %s: make it, or choose another file", flag, address, dir)
	case isFile && errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s %s: this user may not make files in %s: allow it, or choose another file", flag, address, dir)
	case isFile && len(path) > longestSocket:
		return misusef("%s %s: a socket's path has at most %d bytes, and this one %d: choose a shorter one", flag, address, longestSocket, len(path))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("not allowed to listen on %s: choose a port from 1024 up with %s", address, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine: choose another one with %s", address, flag)
	}
	if unknown, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("%s %s: no address is found for the host %q: give one of this machine, like %s", flag, address, unknown.Name, exampleAddresses[flag])
	}
	cause := err
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		cause = errno
	}
	return misusef("%s %s: %w: give an address like %s", flag, address, cause, exampleAddresses[flag])
}

// longestSocket is how long the path of a socket may be (unix(7)).
const longestSocket = 107
