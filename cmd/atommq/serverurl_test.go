package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestClientsFollowTheAddressThatServeIsTold(t *testing.T) {
	const standard = "http://127.0.0.1:8080"
	for address, want := range map[string]string{
		"":                    standard,
		":9000":               "http://127.0.0.1:9000",
		"0.0.0.0:9000":        "http://127.0.0.1:9000",
		"[::]:9000":           "http://127.0.0.1:9000",
		"10.0.0.11:9000":      "http://10.0.0.11:9000",
		"[::1]:9000":          "http://[::1]:9000",
		"[fe80::1%eth0]:9000": "http://[fe80::1%25eth0]:9000",
		"localhost:9000":      "http://localhost:9000",
		"127.0.0.1:http":      "http://127.0.0.1:80",
	} {
		s, err := settle(nil, map[string]string{"ATOMMQ_HTTP": address})
		if err != nil || s.URL != want {
			t.Errorf("ATOMMQ_HTTP=%s leads to %s, %v; want %s", address, s.URL, err, want)
		}
	}
}

func TestAURLThatIsGivenGoesBeforeTheAddressThatServeIsTold(t *testing.T) {
	const given = "http://elsewhere:1"
	file := filepath.Join(t.TempDir(), "atommq.env")
	for _, tt := range []struct {
		args        []string
		text        string
		environment map[string]string
		want        string
	}{
		{nil, "ATOMMQ_HTTP=:9000\n", nil, "http://127.0.0.1:9000"},
		{nil, "ATOMMQ_HTTP=:9000\n", map[string]string{"ATOMMQ_HTTP": ":9001"}, "http://127.0.0.1:9001"},
		{nil, "ATOMMQ_HTTP=:9000\nATOMMQ_URL=" + given + "\n", nil, given},
		{nil, "ATOMMQ_URL=" + given + "\n", map[string]string{"ATOMMQ_HTTP": "off"}, given},
		{nil, "ATOMMQ_HTTP=unix:/run/http\n", map[string]string{"ATOMMQ_URL": given}, given},
		{[]string{"--url", given}, "ATOMMQ_HTTP=:0\n", nil, given},
	} {
		writeFile(t, file, tt.text)
		s, err := settle(append(tt.args, "--config", file), tt.environment)
		if err != nil || s.URL != tt.want {
			t.Errorf("%v leads to %s, %v; want %s", tt, s.URL, err, tt.want)
		}
	}
}

func TestAnAddressThatTellsOfNoServerAsksForAURL(t *testing.T) {
	for _, tt := range []struct{ http, https, want string }{
		{"off", "", "ATOMMQ_HTTP=off, so there is no server of HTTP here: give --url"},
		{"off", "0.0.0.0:8443", "ATOMMQ_HTTP=off, so the server speaks TLS alone: give --url https://NAME:8443, with a name that its certificate is for"},
		{"127.0.0.1:0", "", "ATOMMQ_HTTP=127.0.0.1:0 has the server take a free port: give --url with the one that it says it serves at"},
		{"unix:/run/http", "", "ATOMMQ_HTTP=unix:/run/http: is a file, which only --fcgi takes: give --url, or an address like 127.0.0.1:8080"},
		{"127.0.0.1:80,127.0.0.2:80", "", "ATOMMQ_HTTP=127.0.0.1:80,127.0.0.2:80: is more than one address: give --url, or an address like 127.0.0.1:8080"},
		{"http://127.0.0.1:80", "", "ATOMMQ_HTTP=http://127.0.0.1:80: is a URL: give --url, or an address like 127.0.0.1:8080"},
	} {
		_, err := settle(nil, map[string]string{"ATOMMQ_HTTP": tt.http, "ATOMMQ_HTTPS": tt.https})
		if err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestCommandsFindTheServerByTheVariableThatItWasStartedWith(t *testing.T) {
	server := startServer(t)
	_, port, _ := strings.Cut(server.address(), ":")
	for _, args := range [][]string{{"publish", "news", "hello"}, {"tail", "news"}, {"top", "--once", "--interval", "10ms"}, {"health"}} {
		cmd := exec.CommandContext(t.Context(), "atommq", args...)
		cmd.Env = append(os.Environ(), "ATOMMQ_HTTP=:"+port)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	cmd := exec.CommandContext(t.Context(), "atommq", "user", "list", "--db", server.DB)
	cmd.Env = append(os.Environ(), "ATOMMQ_HTTP=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("a command that talks to no server: %v\n%s", err, out)
	}
}
