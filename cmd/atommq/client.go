package main

import (
	"atommq/api"
)

// newClient makes a client of the server that --url names.
func newClient(s *settings) *api.Client {
	return &api.Client{URL: s.URL, Login: s.Login, Passcode: s.Passcode}
}
