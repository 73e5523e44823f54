package main

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWrongAddressesAreSaidInTheProgramsWords(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, strings.Repeat("x", longestSocket))
	for _, test := range []struct{ flag, address, want string }{
		{"--http", "localhost", "--http localhost: has no port: give an address like 127.0.0.1:8080"},
		{"--http", "8080", "--http 8080: has no port: "},
		{"--http", "127.0.0.1:", "--http 127.0.0.1:: has no port: "},
		{"--http", "[::1]", "in brackets, with a port behind them, as in [::1]:8080"},
		{"--stomp", ":notaport", `--stomp :notaport: "notaport" is no port, which is a number up to 65535: give an address like 127.0.0.1:61613`},
		{"--stomp", "127.0.0.1:70000", `"70000" is no port`},
		{"--https", "127.0.0.1:8443   # for all", `"8443   # for all" is no port`},
		{"--http", "a b:1", `"a b" is no host`},
		{"--admin", "http://127.0.0.1:9164/", "--admin http://127.0.0.1:9164/: is a URL: give an address like 127.0.0.1:9164"},
		{"--http", "127.0.0.1:80,[::1]:80", "is more than one address: give an address like 127.0.0.1:8080"},
		{"--http", "::1:8080", "in brackets, with a port behind them, as in [::1]:8080"},
		{"--http", "unix:/run/x", "is a file, which only --fcgi takes: give an address like 127.0.0.1:8080"},
		{"--fcgi", "/run/x", "a file has unix: before it: give an address like unix:/run/atommq/atommq.fcgi or 127.0.0.1:9000"},
		{"--fcgi", "localhost", "--fcgi localhost: has no port"},
		{"--fcgi", "unix:" + dir + "/none/x", "/none/x: there is no directory " + dir + "/none: make it, or choose another file"},
		{"--fcgi", "unix:" + long, "a socket's path has at most 107 bytes, and this one "},
		{"--http", "192.0.2.1:80", "192.0.2.1:80 is not an address of this machine: choose another one with --http"},
	} {
		open := openDoor
		if test.flag == "--fcgi" {
			open = openFastCGIDoor
		}
		d, err := open(t.Context(), "x", test.flag, test.address)
		if err == nil {
			d.close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %s: %v, want %s", test.flag, test.address, err, test.want)
		}
	}
}

func TestWhatListeningFailsWithIsSaidInTheProgramsWords(t *testing.T) {
	for _, test := range []struct {
		address string
		err     error
		want    string
	}{
		{"nohost:80", &net.OpError{Op: "listen", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "nohost", IsNotFound: true}}, `--http nohost:80: no address is found for the host "nohost": give one of this machine, like 127.0.0.1:8080`},
		{"unix:/x", syscall.EACCES, "--http unix:/x: this user may not make files in /: allow it, or choose another file"},
		{"x:1", &net.OpError{Op: "listen", Net: "tcp", Err: syscall.EAFNOSUPPORT}, "--http x:1: address family not supported by protocol: give an address like 127.0.0.1:8080"},
	} {
		if err := cannotListen("--http", test.address, test.err); err.Error() != test.want {
			t.Errorf("%s, %v: %v, want %s", test.address, test.err, err, test.want)
		}
	}
}
