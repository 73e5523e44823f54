package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"
)

const (
	// certificateCheck is how often the files of a certificate are looked at.
	certificateCheck = 10 * time.Second
	// expiryCheck is how often it is looked at how long a certificate lasts.
	expiryCheck = 24 * time.Hour
)

// certificate is the one that TLS is spoken with. It is read again when its files change, and
// connections that there are go on with the one that they began with.
type certificate struct {
	files   keyPair
	must    bool // clients must have one, too
	log     *slog.Logger
	current atomic.Pointer[credentials]
	stamp   stamp // of what was read last, for good or ill
}

// certificate returns the one that the settings name, nil where TLS is not spoken.
func (s *settings) certificate(log *slog.Logger) (*certificate, error) {
	if err := s.checkTLS(); err != nil || isOff(s.HTTPS) && isOff(s.StompTLS) {
		return nil, err
	}
	c := &certificate{files: keyPair{s.TLSCert, s.TLSKey, s.TLSClientCA}, must: s.TLSClientAuth.value == "require", log: log}
	c.stamp = c.files.stamp()
	read, err := c.files.read()
	if err != nil {
		return nil, err
	}
	c.current.Store(read)
	return c, nil
}

// checkTLS refuses a certificate without a use, and a use without one: whoever names a certificate
// believes that something is encrypted.
func (s *settings) checkTLS() error {
	needs := "--https"
	if isOff(s.HTTPS) {
		needs = "--stomp-tls"
	}
	none := isOff(s.HTTPS) && isOff(s.StompTLS)
	switch {
	case s.TLSClientAuth.value == "require" && s.TLSClientCA == "":
		return misusef("--tls-client-auth require needs --tls-client-ca: who is to have signed the certificates?")
	case none && s.TLSCert == "" && s.TLSKey == "" && s.TLSClientCA == "":
		return nil
	case none && s.TLSClientCA != "":
		return misusef("--tls-client-ca serves where TLS is spoken, which is nowhere: give --stomp-tls%s an address", ifWeb(s, " or --https"))
	case none && s.HTTPS == "":
		return misusef("--tls-cert and --tls-key serve --stomp-tls, which is off: give that an address")
	case none:
		return misusef("--tls-cert and --tls-key serve --https and --stomp-tls, which are off: give one of them an address")
	case s.TLSCert == "" || s.TLSKey == "":
		return misusef("%s needs both --tls-cert and --tls-key", needs)
	}
	return nil
}

// ifWeb returns text for a command that serves HTTP.
func ifWeb(s *settings, text string) string {
	if s.HTTPS == "" {
		return ""
	}
	return text
}

// stompConfig returns how TLS is spoken to STOMP clients. They get no session tickets: in TLS 1.3
// one arrives while the client sends CONNECT, and OpenSSL loses that frame where a client reads in
// one thread and writes in another, as stomp.py does.
func (c *certificate) stompConfig() *tls.Config {
	config := c.config()
	config.SessionTicketsDisabled = true
	return config
}

// config returns how TLS is spoken where the protocols are offered inside it.
func (c *certificate) config(protocols ...string) *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &c.current.Load().Certificate, nil
		},
	}
	if c.files.clientCA == "" {
		return config
	}
	config.ClientAuth = tls.VerifyClientCertIfGiven
	if c.must {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		current := config.Clone()
		current.ClientCAs = c.current.Load().clients
		return current, nil
	}
	return config
}

// keep has the certificate read again when its files change, and on SIGHUP, until ctx ends; stop
// waits for that. Without a certificate, SIGHUP does nothing, so that a reload by habit ends no
// server; but a terminal that closes does.
func (c *certificate) keep(ctx context.Context) (stop func()) {
	if c == nil && term.IsTerminal(int(os.Stdin.Fd())) {
		return func() {}
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	if c == nil {
		return func() { signal.Stop(hangups) }
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.watch(ctx, hangups)
	}()
	return func() {
		cancel()
		<-ended
		signal.Stop(hangups)
	}
}

// watch keeps the certificate fresh until ctx ends.
func (c *certificate) watch(ctx context.Context, hangups <-chan os.Signal) {
	look := time.NewTicker(certificateCheck)
	defer look.Stop()
	expiry := time.NewTicker(expiryCheck)
	defer expiry.Stop()
	c.warnExpiry()
	seen := c.stamp
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			c.reload(c.files.stamp())
		case <-expiry.C:
			c.warnExpiry()
		case <-look.C:
			// Two files are not written at once: they are read when they have stayed the same from
			// one look to the next.
			now := c.files.stamp()
			if now.same(seen) && !now.same(c.stamp) {
				c.reload(now)
			}
			seen = now
		}
	}
}

// reload reads the files. Where they are broken, the old certificate goes on.
func (c *certificate) reload(now stamp) {
	c.stamp = now
	read, err := c.files.read()
	if err != nil {
		c.log.Error("the new certificate is broken; the old one goes on: put the files right", "error", err)
		c.warnExpiry()
		return
	}
	c.current.Store(read)
	c.log.Info("read the certificate", "file", c.files.cert, "serial", read.Leaf.SerialNumber, "ends", read.Leaf.NotAfter)
	c.warnExpiry()
}

// expiryNotice is how long before its end a certificate is warned of that lasts for a time: by
// then, whoever renews it should have done so.
func expiryNotice(lasts time.Duration) time.Duration { return min(14*24*time.Hour, lasts/5) }

// warnExpiry warns of a certificate that ends soon, or has ended.
func (c *certificate) warnExpiry() {
	leaf := c.current.Load().Leaf
	left := time.Until(leaf.NotAfter)
	switch {
	case left <= 0:
		c.log.Error("the certificate has expired: clients refuse it; renew it", "file", c.files.cert, "ended", leaf.NotAfter)
	case left < expiryNotice(leaf.NotAfter.Sub(leaf.NotBefore)):
		c.log.Warn("the certificate expires soon: renew it", "file", c.files.cert, "ends", leaf.NotAfter)
	}
}
