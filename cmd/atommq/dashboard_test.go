package main

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"atommq/stompgw/stomp"
)

// told is what a server that has done a bit of everything says at /metrics: the names, and all
// names of labels.
func told(t *testing.T) (names, labels []string) {
	t.Helper()
	server := startServer(t)
	ask(t, http.MethodPut, server.URL+"feeds/jobs/queues/default", "{}")
	ask(t, http.MethodPost, server.URL+"feeds/jobs", "text", "Content-Type: text/plain")
	connect(t, server.Stomp).must(t, stomp.SEND, "", "destination", "/queue/jobs")
	for line := range scrape(t, server.URL+"metrics") {
		name, inner, _ := strings.Cut(line, "{")
		names = append(names, name)
		for _, m := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(inner, -1) {
			labels = append(labels, m[1])
		}
	}
	return names, append(labels, "job", "instance") // Prometheus's own
}

// expressions returns what the dashboard and the alerts ask for.
func expressions(t *testing.T) map[string][]string {
	t.Helper()
	dashboard, err := os.ReadFile("../../deploy/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &d); err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]string)
	seen := make(map[int]bool)
	for _, p := range d.Panels {
		if seen[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		seen[p.ID] = true
		for _, target := range p.Targets {
			found["grafana.json"] = append(found["grafana.json"], target.Expr)
		}
	}
	alerts, err := os.ReadFile("../../deploy/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^ +expr: (.+)$`).FindAllStringSubmatch(string(alerts), -1) {
		found["alerts.yml"] = append(found["alerts.yml"], m[1])
	}
	if rules := strings.Count(string(alerts), "- alert: "); rules == 0 || rules != len(found["alerts.yml"]) {
		t.Errorf("%d alerts have %d expressions", rules, len(found["alerts.yml"]))
	}
	return found
}

func TestTheDashboardAndTheAlertsAskForWhatThereIs(t *testing.T) {
	names, labels := told(t)
	var (
		metric  = regexp.MustCompile(`\b(?:atommq|go|process)_\w+`)
		matched = regexp.MustCompile(`(\w+)=~?"`)
		grouped = regexp.MustCompile(`by \(([^)]*)\)`)
	)
	for file, list := range expressions(t) {
		for _, expr := range list {
			asked := metric.FindAllString(expr, -1)
			if len(asked) == 0 && !strings.HasPrefix(expr, "up{") {
				t.Errorf("%s: %s asks for nothing", file, expr)
			}
			for _, name := range asked {
				if !slices.Contains(names, name) {
					t.Errorf("%s: there is no metric %s", file, name)
				}
			}
			wanted := regexp.MustCompile(`\w+`).FindAllString(strings.Join(submatches(grouped, expr), " "), -1)
			for _, label := range append(wanted, submatches(matched, expr)...) {
				if !slices.Contains(labels, label) {
					t.Errorf("%s: no metric has the label %s, in %s", file, label, expr)
				}
			}
		}
	}
}

func TestAlertsLeaveConsumersAloneThatWork(t *testing.T) {
	run(t, needProgram(t, "promtool", "prometheus"), "test", "rules", "testdata/alerts_test.yml")
}

func submatches(pattern *regexp.Regexp, text string) (list []string) {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestEveryMetricIsDescribed(t *testing.T) {
	doc, err := os.ReadFile("../../doc/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	names, _ := told(t)
	suffix := regexp.MustCompile(`^(atommq_\w+_(?:duration_seconds|size))_(?:bucket|sum|count)$`)
	for _, name := range names {
		name = suffix.ReplaceAllString(name, "$1")
		if strings.HasPrefix(name, "atommq_") && !strings.Contains(string(doc), "`"+name) {
			t.Errorf("doc/operate.md does not tell of %s", name)
		}
	}
}
