package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// ask sends a request with "Name: value" fields and returns the status and the body.
func ask(t *testing.T, method, url, body string, fields ...string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		switch name {
		case "":
		case "Host":
			req.Host = value
		default:
			req.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// scrape returns the metrics at url: name{labels} → value.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	status, text := ask(t, http.MethodGet, url, "")
	if status != http.StatusOK {
		t.Fatalf("%s: %d\n%s", url, status, text)
	}
	found := make(map[string]float64)
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			value, err := strconv.ParseFloat(line[at+1:], 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			found[line[:at]] = value
		}
	}
	return found
}

func wantMetrics(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if is, there := got[name]; !there || is != value {
			t.Errorf("%s = %v (there: %v), want %v", name, is, there, value)
		}
	}
}

func TestMetricsTellWhatAServerAndAGatewayDo(t *testing.T) {
	server := startServer(t, "--admin", "127.0.0.1:0", "--metrics-queues", "1")
	for i := range 3 {
		ask(t, http.MethodPut, fmt.Sprintf("%sfeeds/f%d/queues/default", server.URL, i), "{}")
		for range i + 1 {
			ask(t, http.MethodPost, fmt.Sprintf("%sfeeds/f%d", server.URL, i), "text", "Content-Type: text/plain")
		}
	}
	ask(t, http.MethodPost, server.URL+"feeds/f2/queues/default/claims", "")
	got := scrape(t, server.Admin+"metrics")
	wantMetrics(t, got, map[string]float64{
		"atommq_published_entries_total":                                 6,
		"atommq_commit_duration_seconds_count":                           got["atommq_commit_size_count"],
		"atommq_claims_total":                                            1,
		`atommq_delivered_entries_total{way="http_claim"}`:               1,
		`atommq_http_requests_total{route="/feeds/{feed}",status="201"}`: 6,
		`atommq_queue_waiting_entries{feed="f2",queue="default"}`:        3,
		`atommq_queue_claimed_entries{feed="f2",queue="default"}`:        1,
		"atommq_other_queues_waiting_entries":                            3,
		"atommq_waiting_entries":                                         6,
		"atommq_census_ok":                                               1,
		"atommq_feeds":                                                   3,
		"atommq_entries":                                                 6,
		"atommq_stomp_connections":                                       0,
		fmt.Sprintf("atommq_build_info{go=%q,revision=%q,version=%q}", goVersion(got), "", version): 1,
	})
	if got[`atommq_queue_oldest_seconds{feed="f2",queue="default"}`] <= 0 || got["go_goroutines"] == 0 || got["process_open_fds"] == 0 {
		t.Errorf("missing among %v", got)
	}
	if _, labelled := got[`atommq_queue_waiting_entries{feed="f1",queue="default"}`]; labelled {
		t.Error("more queues have metrics of their own than --metrics-queues says")
	}
	if status, text := ask(t, http.MethodGet, server.URL+"metrics", ""); status != http.StatusOK || !strings.Contains(text, "atommq_feeds 3") {
		t.Errorf("at --http: %d\n%s", status, text)
	}
	gateway := startGateway(t, server, "--admin", "127.0.0.1:0")
	wantMetrics(t, scrape(t, gateway.Admin+"metrics"), map[string]float64{"atommq_feeds": 3, "atommq_published_entries_total": 0})
	if log := server.logged() + gateway.logged(); strings.Contains(log, "level=WARN") {
		t.Errorf("log:\n%s", log)
	}
}

// What Prometheus's own checker has to say of names, types and help.
func TestMetricsAreNamedByPrometheusRules(t *testing.T) {
	server := startServer(t, "--metrics-queues", "1")
	ask(t, http.MethodPut, server.URL+"feeds/jobs/queues/default", "{}")
	_, text := ask(t, http.MethodGet, server.URL+"metrics", "")
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// goVersion returns the label go of the build info.
func goVersion(metrics map[string]float64) string {
	for name := range metrics {
		if rest, ok := strings.CutPrefix(name, `atommq_build_info{go="`); ok {
			v, _, _ := strings.Cut(rest, `"`)
			return v
		}
	}
	return ""
}

func TestTheAdminAddressIsForThisMachine(t *testing.T) {
	server := startServer(t, "--admin", "127.0.0.1:0", "--metrics", "off")
	for _, tt := range []struct {
		path, field string
		status      int
		says        string
	}{
		{"healthz", "", 200, "ok"},
		{"readyz", "", 200, "ok"},
		{"", "", 200, "/debug/pprof/"},
		{"debug/pprof/goroutine?debug=1", "", 200, "goroutine profile"},
		{"metrics", "Host: rebound.example", 421, "localhost"},
		{"metrics", "Host: localhost:9164", 200, "atommq_"},
		{"nothing", "", 404, ""},
	} {
		if status, text := ask(t, http.MethodGet, server.Admin+tt.path, "", tt.field); status != tt.status || !strings.Contains(text, tt.says) {
			t.Errorf("/%s (%s): %d %.200s", tt.path, tt.field, status, text)
		}
	}
	if status, _ := ask(t, http.MethodGet, server.URL+"metrics", ""); status != http.StatusNotFound {
		t.Errorf("--metrics off: %d at --http", status)
	}
}

func TestAnAdminAddressOpenToOthersHasToBeMeant(t *testing.T) {
	server := startServer(t, "--admin", "0.0.0.0:0", "--metrics", "all")
	if status, _ := ask(t, http.MethodGet, server.Admin+"metrics", "", "Host: mq.example"); status != http.StatusOK {
		t.Errorf("%d by another name", status)
	}
	if status, _ := ask(t, http.MethodGet, server.URL+"metrics", "", "X-Forwarded-For: 192.0.2.1"); status != http.StatusOK {
		t.Errorf("%d at --http by way of a proxy", status)
	}
}
