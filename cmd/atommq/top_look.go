package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"atommq/api"
)

const (
	lookWait  = 10 * time.Second // for an answer
	lookBytes = 16 << 20         // of one
	lookFeeds = 1000             // that are asked for
)

// watch looks at a server.
type watch struct {
	client  *api.Client
	noFeeds bool // there are none here: it is an admin address
	asked   int  // requests that the server answered
}

// look is what a server said at a time.
type look struct {
	at      time.Time
	metrics map[string]*dto.MetricFamily
	feeds   []feedFigures
	own     int // requests in the metrics that were made to look
}

// feedFigures is a feed in the list of feeds.
type feedFigures struct {
	Name    string `json:"name"`
	Entries int64  `json:"entries"`
	Bytes   int64  `json:"bytes"`
	LastID  int64  `json:"last_id"`
}

// look asks for the metrics and the feeds.
func (w *watch) look(ctx context.Context) (*look, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	l := &look{at: time.Now(), own: w.asked}
	if w.noFeeds { // requests to an admin address are not counted
		l.own = 0
	}
	text, status, err := w.get(ctx, "/metrics", "text/plain")
	if err != nil {
		return nil, err
	}
	switch status {
	case http.StatusOK:
	case http.StatusForbidden:
		line, _, _ := strings.Cut(text, "\n") // which says for whom they are
		return nil, fmt.Errorf("%s/metrics: %s", w.client.BaseURL, printable(line))
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s has no /metrics: it is no AtomMQ, or it runs with --metrics off; try its --admin address", w.client.BaseURL)
	case http.StatusUnauthorized:
		return nil, explain(w.client, "", &api.StatusError{Status: status})
	case http.StatusBadRequest:
		return nil, explain(w.client, "", &api.StatusError{Status: status, Text: "400 Bad Request"})
	default:
		return nil, fmt.Errorf("%s/metrics answers with status %d", w.client.BaseURL, status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if l.metrics, err = parser.TextToMetricFamilies(strings.NewReader(text)); err != nil {
		return nil, fmt.Errorf("%s/metrics cannot be read: %w", w.client.BaseURL, err)
	}
	if l.metrics["atommq_build_info"] == nil {
		return nil, fmt.Errorf("%s is no AtomMQ", w.client.BaseURL)
	}
	return l, w.lookAtFeeds(ctx, l)
}

// lookAtFeeds asks for the list of feeds.
func (w *watch) lookAtFeeds(ctx context.Context, l *look) error {
	if w.noFeeds {
		return nil
	}
	text, status, err := w.get(ctx, fmt.Sprintf("/feeds?limit=%d", lookFeeds), "application/json")
	switch {
	case err != nil:
		return err
	case status == http.StatusNotFound:
		w.noFeeds = true
		return nil
	case status != http.StatusOK:
		return fmt.Errorf("%s/feeds answers with status %d", w.client.BaseURL, status)
	}
	var list struct{ Feeds []feedFigures }
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return fmt.Errorf("%s/feeds cannot be read: %w", w.client.BaseURL, err)
	}
	l.feeds = list.Feeds
	return nil
}

func (w *watch) get(ctx context.Context, path, accept string) (text string, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(w.client.BaseURL, "/")+path, nil)
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Accept", accept)
	if w.client.Passcode != "" {
		req.SetBasicAuth(w.client.Login, w.client.Passcode)
	}
	resp, err := cmp.Or(w.client.HTTP, http.DefaultClient).Do(req)
	if err != nil {
		return "", 0, explain(w.client, "", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < http.StatusInternalServerError { // the others may be a proxy's answers
		w.asked++
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, lookBytes))
	return string(body), resp.StatusCode, err
}

// sum adds up the metrics of a name that have the labels, names with their values behind them.
func (l *look) sum(name string, labels ...string) (sum float64) {
	for _, m := range l.metrics[name].GetMetric() {
		if has(m, labels) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

func has(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if label(m, labels[i]) != labels[i+1] {
			return false
		}
	}
	return true
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// buckets returns a histogram's bounds, and how many values lie up to each.
func (l *look) buckets(name string) (bounds []float64, counts []uint64) {
	for _, m := range l.metrics[name].GetMetric() {
		for _, b := range m.GetHistogram().GetBucket() {
			bounds, counts = append(bounds, b.GetUpperBound()), append(counts, b.GetCumulativeCount())
		}
	}
	return bounds, counts
}
