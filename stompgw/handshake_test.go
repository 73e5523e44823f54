package stompgw_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"atommq/stompgw"
)

func TestVersionIsNegotiated(t *testing.T) {
	g := start(t)
	for _, c := range []struct{ name, script string }{
		{"the highest of both", `
			> CONNECT
			> accept-version:1.1,7.0,1.2

			< CONNECTED
			< version:1.2
		`},
		{"none asked for", `
			> CONNECT

			< CONNECTED
			< version:1.0
		`},
		{"without host", `
			> STOMP
			> accept-version:1.1

			< CONNECTED
			< version:1.1
		`},
		{"none in common", `
			> CONNECT
			> accept-version:2.0,3.1

			< ERROR
			< version:1.0,1.1,1.2
			< content-type:text/plain
			< message:no version in common with accept-version "2.0,3.1"

			<EOF
		`},
	} {
		t.Run(c.name, func(t *testing.T) { g.play(t, c.script) })
	}
}

func TestSessionBeginsWithOneCONNECT(t *testing.T) {
	g := start(t)
	for _, c := range []struct{ name, script string }{
		{"none", `
			> SEND
			> destination:/queue/x
			> receipt:1

			< ERROR
			< message:SEND before CONNECT

			<EOF
		`},
		{"two", `
			> CONNECT

			< CONNECTED

			> CONNECT

			< ERROR
			< message:CONNECT in a session

			<EOF
		`},
	} {
		t.Run(c.name, func(t *testing.T) { g.play(t, c.script) })
	}
}

func TestAccountIsAskedFor(t *testing.T) {
	g := start(t, func(s *stompgw.Server) { s.Access = sharedAccess(t, "me", "s:cret") })
	for _, c := range []struct{ name, script string }{
		{"right", `
			> CONNECT
			> accept-version:1.2
			> login:me
			> passcode:s:cret

			< CONNECTED
		`},
		{"none", `
			> CONNECT
			> accept-version:1.2

			< ERROR
			< message:this server asks for a login
			< session:{any}
			<
			< this server asks for a login.
			< send the headers login and passcode with CONNECT.
			<

			<EOF
		`},
		{"empty", `
			> CONNECT
			> login:
			> passcode:

			< ERROR
			< message:this server asks for a login

			<EOF
		`},
		{"no passcode", `
			> CONNECT
			> login:me

			< ERROR
			< message:wrong login or passcode

			<EOF
		`},
		{"wrong passcode", `
			> CONNECT
			> login:me
			> passcode:secret

			< ERROR
			< message:wrong login or passcode

			<EOF
		`},
	} {
		t.Run(c.name, func(t *testing.T) { g.play(t, c.script) })
	}
}

func TestCertificatesAreNamedWhereTheyAreTaken(t *testing.T) {
	ann := invite(t, "ann x read")
	g := start(t, func(s *stompgw.Server) { s.Access, s.ClientCertificates = ann.access, true })
	c := g.dial(t)
	c.sendFrame("CONNECT", "accept-version:1.2")
	if f := c.next(); !strings.Contains(string(f.Body), "or a token as the passcode; over TLS, a certificate that names the account does without both") {
		t.Errorf("got %s", show(f))
	}
	c.expectEnd()
}

func TestConnectionWithoutCONNECTIsClosed(t *testing.T) {
	g := start(t, func(s *stompgw.Server) { s.ConnectTimeout = 50 * time.Millisecond })
	c := g.dial(t)
	if f := c.next(); header(f, "message") != "no CONNECT frame within 50ms" {
		t.Errorf("got %s", show(f))
	}
	c.expectEnd()
}

func TestConnectionsAreBounded(t *testing.T) {
	var log lockedBuffer
	g := start(t, func(s *stompgw.Server) {
		s.MaxConnections = 1
		s.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	first := g.connect(t, "1.2")
	g.play(t, `
	< ERROR
	< message:the server has its 1 connections

	<EOF
	`)
	if text := log.String(); strings.Count(text, "connections are refused") != 1 || !strings.Contains(text, "--max-connections") || !strings.Contains(text, "client=127.0.0.1:") {
		t.Errorf("the log says %q", text)
	}
	if n := g.Stats().Refused; n != 1 {
		t.Errorf("%d are counted as refused", n)
	}
	first.sendFrame("DISCONNECT", "receipt:bye")
	first.next()
	first.expectEnd()
}

func TestHeartBeatIsAgreedUpon(t *testing.T) {
	g := start(t, func(s *stompgw.Server) { s.HeartBeat = 5 * time.Second })
	for _, c := range []struct{ client, server string }{
		{"0,0", "0,0"},
		{"1000,2000", "2000,1000"},
		{"60000,60000", "5000,5000"},
		{"1,1", "100,100"},
		{"0,500", "500,0"},
		{"99999999999999999,0", "0,5000"},
	} {
		t.Run(c.client, func(t *testing.T) {
			g.play(t, `
			> CONNECT
			> accept-version:1.2
			> heart-beat:`+c.client+`

			< CONNECTED
			< heart-beat:`+c.server+`
			`)
		})
	}
	for _, bad := range []string{"", "1", "a,b", "-1,0", "1,2,3"} {
		t.Run("bad "+bad, func(t *testing.T) {
			g.play(t, `
			> CONNECT
			> heart-beat:`+bad+`

			< ERROR
			< message:heart-beat "`+bad+`" is not two numbers

			<EOF
			`)
		})
	}
}
