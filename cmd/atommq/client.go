package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"atommq/api"
	"atommq/feeds"
)

// declareClient gives cmd the flags of the commands that talk to a server. To these, an account is
// one to come in as.
func declareClient(cmd *cobra.Command) *settings {
	s := declare(cmd, "url", "login", "passcode", "client-cert", "client-key")
	for name, help := range map[string]string{
		"login":    "`name` of the account to come in as, with --passcode",
		"passcode": "`password` of that account, or a token, which takes no --login; other users of the machine see flags, so put it in the file or the environment",
	} {
		cmd.Flags().Lookup(name).Usage = help + " (" + variable(name) + ")"
	}
	return s
}

// outgoingSettings lists the settings of those commands alone.
func outgoingSettings() []setting {
	return []setting{
		{"url", "`URL` of the server to talk to, in place of the one on this machine that ATOMMQ_HTTP tells of; for https://, SSL_CERT_FILE may name the PEM file of an authority of your own",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.URL, n, "http://127.0.0.1:8080", h) }},
		{"client-cert", "PEM `file` of a certificate to come in with at a server that has --tls-client-ca, with --client-key",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.ClientCert, n, "", h) }},
		{"client-key", "PEM `file` of the key that goes with --client-cert",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.ClientKey, n, "", h) }},
	}
}

// newClient makes a client of the server that --url names. It comes in by --login and --passcode,
// by --passcode alone if that is a token, or by what stands in the URL: messages show that without.
func newClient(s *settings) (*api.Client, error) {
	u, err := url.Parse(s.URL)
	if err != nil || api.CheckURL(s.URL) != nil {
		return nil, misusef("--url %q: want http(s)://host[:port][/path]", s.URL[strings.LastIndexByte(s.URL, '@')+1:])
	}
	c := &api.Client{Login: s.Login, Passcode: s.Passcode}
	if password, given := u.User.Password(); given && c.Passcode == "" {
		c.Login, c.Passcode = u.User.Username(), password
	}
	switch {
	case c.Login == "" || c.Passcode != "":
	case s.Login != "":
		return nil, halfAccount(s.source("login"))
	default:
		return nil, halfAccount("the name in --url")
	}
	if strings.Contains(c.Login, ":") { // RFC 7617 §2
		return nil, misusef("login %q: the name of an account has no colon", c.Login)
	}
	if c.HTTP, err = s.httpClient(u.Scheme); err != nil {
		return nil, err
	}
	c.BaseURL = s.URL
	if u.User != nil {
		u.User = nil
		c.BaseURL = u.String()
	}
	return c, nil
}

// httpClient returns one that shows the certificate that the settings name, nil where they name none.
func (s *settings) httpClient(scheme string) (*http.Client, error) {
	switch {
	case s.ClientCert == "" && s.ClientKey == "":
		return nil, nil //nolint:nilnil // the usual one
	case s.ClientCert == "" || s.ClientKey == "":
		return nil, misusef("--client-cert and --client-key go together")
	case scheme != "https":
		return nil, misusef("--client-cert is shown over TLS alone: give --url https://…")
	}
	pair, err := readKeyPair("--client-cert", s.ClientCert, "--client-key", s.ClientKey)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: transport}, nil
}

// feedName checks the name of a feed given on the command line.
func feedName(arg string) (string, error) {
	if err := feeds.CheckName(arg); err != nil {
		return "", misusef("feed %q: %w", arg, err)
	}
	return arg, nil
}

// newFeedName checks the name of a feed that is made if there is none.
func newFeedName(name string) error {
	if correction := rightName(name); correction != "" {
		return misusef("%s", correction)
	}
	return nil
}

// rightName says what the feed is called that somebody names as a protocol does, or nothing.
func rightName(name string) string {
	for prefix, protocol := range map[string]string{"/queue/": "STOMP", "/topic/": "STOMP", "/feeds/": "HTTP"} {
		if feed, _ := strings.CutPrefix(name, prefix); feed != "" && feed != name {
			return fmt.Sprintf("%s is how %s writes it: the feed's name is %s", name, protocol, feed)
		}
	}
	return ""
}

// explain says of what a client met how to get over it here: what the server says is meant for
// every kind of client.
func explain(c *api.Client, feed string, err error) error {
	refused, _ := errors.AsType[*api.StatusError](err)
	if refused == nil {
		return explainOtherEnd(c.BaseURL, err)
	}
	if stranger := explainStranger(c.BaseURL, refused); stranger != nil {
		return stranger
	}
	switch {
	case refused.Status == http.StatusNotFound:
		return noSuchFeed(feed)
	case refused.Status == http.StatusGone:
		return fmt.Errorf("%w Of atommq tail, Xlastid: 0 is --after 0", err)
	case refused.Status == http.StatusUnauthorized && c.Passcode == "" && c.HTTP != nil: // it says what is wrong with the certificate
		return err
	case refused.Status == http.StatusUnauthorized && c.Passcode == "":
		return errors.New("the server asks who you are: give --login and --passcode, or a token as --passcode alone (or ATOMMQ_LOGIN, ATOMMQ_PASSCODE)")
	case refused.Status == http.StatusUnauthorized && c.Login == "":
		return errors.New("the server knows no such token, or it has expired: correct --passcode, or give --login, too (or ATOMMQ_PASSCODE, ATOMMQ_LOGIN)")
	case refused.Status == http.StatusUnauthorized:
		return errors.New("the server knows no such account: correct --login and --passcode (or ATOMMQ_LOGIN, ATOMMQ_PASSCODE)")
	}
	return err
}

// noSuchFeed says that none of some feeds is there, and what to call the first one that is named as no feed is.
func noSuchFeed(names ...string) error {
	says := "there is no such feed yet: " + strings.Join(names, ", ")
	for _, name := range names {
		if correction := rightName(name); correction != "" {
			return fmt.Errorf("%s; %s", says, correction)
		}
	}
	return errors.New(says)
}
