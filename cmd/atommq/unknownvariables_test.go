package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestVariablesThatAreNoSettingsAreWarnedOf(t *testing.T) {
	for _, tt := range []struct {
		environment []string
		want        string // "" for nothing
	}{
		{nil, ""},
		{[]string{"ATOMMQ_DB=x", "ATOMMQ_CONFIG=y", "ATOMMQ_URL=z", "HOME=/", "DB=x", "ATOMMQ_PASSCDOE="}, ""},
		{[]string{"ATOMMQ_DB=/srv/a.db   # the bus", "ATOMMQ_PASSCODE=secret #1", "OTHER=a # b"}, `lines of their own alone" variables=ATOMMQ_DB` + "\n"},
		{[]string{"ATOMMQ_PORT=tcp://10.0.0.1:8080", "ATOMMQ_SERVICE_HOST=10.0.0.1", "ATOMMQ_PORT_8080_TCP_ADDR=10.0.0.1"}, ""},
		{[]string{"ATOMMQ_PASSCDOE=secret", "ATOMMQ_FOO=bar", "ATOMMQ_DB=x"}, `variables="ATOMMQ_FOO, ATOMMQ_PASSCDOE: did you mean ATOMMQ_PASSCODE?"`},
	} {
		var text bytes.Buffer
		warnOfUnknown(tt.environment, slog.New(slog.NewTextHandler(&text, nil)))
		if got := text.String(); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") || strings.Contains(got, "secret") {
			t.Errorf("%v: logs %q, want %q", tt.environment, got, tt.want)
		}
	}
}

func TestServersWarnOfWhatIsMistyped(t *testing.T) {
	t.Setenv("ATOMMQ_MAXBODY", "1MiB")
	server := startServer(t)
	for _, p := range []*process{server, startGateway(t, server)} {
		p.awaitLog(t, "ATOMMQ_MAXBODY: did you mean ATOMMQ_MAX_BODY?")
	}
	server.awaitLog(t, `msg="made a new database" db=`+server.DB)
}
