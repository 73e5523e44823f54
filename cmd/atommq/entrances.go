package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"atommq/stompgw"
)

// entrances are the doors of a process, by who serves at them.
type entrances struct {
	web, fastCGI, stomp doors
	certificate         *certificate // nil where TLS is not spoken
	crowd               *crowd
}

// entranceSettings lists the settings of doors.
func entranceSettings() []setting {
	return []setting{
		{"http", "`address` to serve HTTP on; port 0 takes a free one, off closes it",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.HTTP, n, "127.0.0.1:8080", h) }},
		{"https", "`address` to serve HTTP over TLS on, with --tls-cert and --tls-key",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.HTTPS, n, off, h) }},
		{"fcgi", "`address` to serve HTTP through a web server on, over FastCGI: unix:/path, or one of this machine",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.FCGI, n, off, h) }},
		{"stomp", "`address` to serve STOMP on; port 0 takes a free one, off closes it",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.Stomp, n, "127.0.0.1:61613", h) }},
		{"stomp-tls", "`address` to serve STOMP over TLS on, with --tls-cert and --tls-key",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.StompTLS, n, off, h) }},
		{"tls-cert", "PEM `file` of the certificate for TLS, with those that it needs behind it",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.TLSCert, n, "", h) }},
		{"tls-key", "PEM `file` of the key that goes with --tls-cert",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.TLSKey, n, "", h) }},
		{"tls-client-ca", "PEM `file` of authorities: whoever has a certificate of theirs is the account that it names",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.TLSClientCA, n, "", h) }},
		{"tls-client-auth", "whether clients must have such a certificate: request, or require",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.TLSClientAuth = choice{value: "request", of: []string{"request", "require"}}
				f.Var(&s.TLSClientAuth, n, h)
			}},
	}
}

// webProtocols are what TLS offers to speak at --https.
var webProtocols = []string{"h2", "http/1.1"}

// openEntrances opens what the settings name, or takes it from systemd. One that a command does not
// have is left out.
func openEntrances(ctx context.Context, s *settings, log *slog.Logger) (_ *entrances, err error) {
	sockets, err := passedSockets()
	if err != nil {
		return nil, err
	}
	for name, address := range map[string]*string{"https": &s.HTTPS, "stomp-tls": &s.StompTLS} {
		if len(sockets[name]) > 0 && *address != "" {
			*address = bySystemd
		}
	}
	in := new(entrances)
	if in.certificate, err = s.certificate(log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			in.close()
		}
	}()
	if in.crowd, err = newCrowd(s, log); err != nil {
		return nil, err
	}
	var web, stomp *tls.Config
	if in.certificate != nil {
		web, stomp = in.certificate.config(webProtocols...), in.certificate.stompConfig()
	}
	for _, e := range []struct {
		scheme, name, address string
		config                *tls.Config
		to                    *doors
	}{
		{"http", "http", s.HTTP, nil, &in.web},
		{"https", "https", s.HTTPS, web, &in.web},
		{"fcgi", "fcgi", s.FCGI, nil, &in.fastCGI},
		{"stomp", "stomp", s.Stomp, nil, &in.stomp},
		{"stomp+ssl", "stomp-tls", s.StompTLS, stomp, &in.stomp},
	} {
		if e.address == "" {
			continue
		}
		if passed := sockets[e.name]; len(passed) > 0 && s.given(e.name) {
			log.Warn("a setting has no effect: systemd passes a socket for it (systemctl edit atommq.socket)",
				"setting", s.source(e.name), "socket", passed[0].Addr())
		}
		ds, err := sockets.open(ctx, e.scheme, e.name, e.address)
		if err != nil {
			return nil, s.from(e.name, err)
		}
		for _, d := range ds {
			d = in.crowd.watch(d, e.scheme, s.MaxHTTP.value)
			if e.config != nil {
				d = d.secured(e.config)
			}
			*e.to = append(*e.to, d)
		}
	}
	return in, sockets.rest()
}

// close shuts the doors that nobody serves at, for good; the others are shut already.
func (in *entrances) close() {
	in.web.close()
	in.fastCGI.close()
	in.stomp.close()
}

// siteURL returns the URL that clients reach the site under: the base URL or, without one, the safest door.
func (in *entrances) siteURL(s *settings) string {
	switch {
	case s.BaseURL != "":
		return strings.TrimRight(s.BaseURL, "/") + "/"
	case len(in.web) > 0:
		return in.web[len(in.web)-1].url
	}
	return ""
}

// services has a web server and a gateway serve at the doors.
func (in *entrances) services(web *webServer, gateway *stompgw.Server) services {
	return slices.Concat(in.web.services(web), in.fastCGI.services(web.fastCGI), in.stomp.services(gateway))
}
