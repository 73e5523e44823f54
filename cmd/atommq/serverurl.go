package main

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strconv"

	"github.com/spf13/pflag"
)

// resolveURL has --url, where nobody gave it, name the server on this machine that the setting http
// tells of: whoever moves serve by the environment or the file moves its clients along.
func resolveURL(ctx context.Context, flags *pflag.FlagSet, given func(name string) (value, source string)) error {
	flag := flags.Lookup("url")
	address, source := given("http")
	if named, _ := given("url"); flag == nil || flag.Changed || named != "" || address == "" {
		return nil
	}
	if address == off {
		https, _ := given("https")
		return serverOff(source, https)
	}
	if wrong := wrongInAddress(ctx, "--http", address); wrong != "" {
		return misusef("%s=%s: %s: give --url, or an address like %s", source, address, wrong, exampleAddresses["--http"])
	}
	server, err := urlOf(ctx, address)
	if err != nil {
		return err
	}
	if server == "" {
		return misusef("%s=%s has the server take a free port: give --url with the one that it says it serves at", source, address)
	}
	flag.Annotations = map[string][]string{sourceMark: {source}}
	return flag.Value.Set(server)
}

// serverOff says that there is no HTTP without TLS, and what to do. The names that a certificate is
// for are not known here.
func serverOff(source, https string) error {
	if _, port, err := net.SplitHostPort(https); err == nil {
		return misusef("%s=%s, so the server speaks TLS alone: give --url https://NAME:%s, with a name that its certificate is for", source, off, port)
	}
	return misusef("%s=%s, so there is no server of HTTP here: give --url", source, off)
}

// urlOf returns the URL of a server that listens on an address, as clients on this machine can use
// it; "" where its port is not known beforehand. All addresses have IPv4's loopback among them.
func urlOf(ctx context.Context, address string) (string, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil || port == 0 {
		return "", err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	server := url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(port))}
	return server.String(), nil
}
