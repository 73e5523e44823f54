package main

import (
	"net/url"

	"atommq/api"
	"atommq/feeds"
)

// newClient makes a client of the server that --url names.
func newClient(s *settings) (*api.Client, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, misusef("--url %q: want http(s)://host[:port][/path]", s.URL)
	}
	if err := s.checkAccount(); err != nil {
		return nil, err
	}
	return &api.Client{BaseURL: s.URL, Login: s.Login, Passcode: s.Passcode}, nil
}

// feedName checks the name of a feed given on the command line.
func feedName(arg string) (string, error) {
	if err := feeds.CheckName(arg); err != nil {
		return "", misusef("feed %q: %w", arg, err)
	}
	return arg, nil
}
