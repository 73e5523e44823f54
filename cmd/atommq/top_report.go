package main

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// report is what a server did between two looks, and how it stood at the second. Rates are per second.
type report struct {
	URL     string    `json:"url"`
	Time    time.Time `json:"time"`
	Error   string    `json:"error,omitempty"` // why there is nothing else
	Version string    `json:"version,omitempty"`

	Published float64 `json:"published"`
	Bytes     float64 `json:"published_bytes"`
	Refused   float64 `json:"refused"`
	Commits   float64 `json:"commits"`
	// CommitMedian and CommitWorst are bounds that half, and 99 of 100, of the commits kept, in
	// seconds; 0 for no commits.
	CommitMedian float64 `json:"commit_p50"`
	CommitWorst  float64 `json:"commit_p99"`
	Read         float64 `json:"read"` // over HTTP, streams included
	Claimed      float64 `json:"claimed"`
	Messages     float64 `json:"messages"` // of STOMP
	Acked        float64 `json:"acked"`
	DeadLetters  float64 `json:"dead_letters"` // since the server's start
	Requests     float64 `json:"requests"`     // without those made to look
	Failures     float64 `json:"failures"`     // requests answered with 5xx, and ERROR frames

	Connections int64 `json:"stomp_connections"`
	Topics      int64 `json:"topic_subscriptions"`
	Consumers   int64 `json:"consumers"`
	Streams     int64 `json:"streams"`
	Polls       int64 `json:"polls"`
	Lagging     int64 `json:"lagging"`

	Feeds   int64 `json:"feeds"`
	Entries int64 `json:"entries"`
	Stored  int64 `json:"stored_bytes"`
	Queues  int64 `json:"queues"`
	Waiting int64 `json:"waiting"`

	Longest []queueReport `json:"longest_queues"` // the longest first
	Latest  []feedReport  `json:"latest_feeds"`   // those that were published to last first
}

// queueReport is how a queue stood.
type queueReport struct {
	Feed    string  `json:"feed"`
	Queue   string  `json:"queue"`
	Waiting int64   `json:"waiting"`
	Claimed int64   `json:"claimed"`
	Oldest  float64 `json:"oldest"` // seconds
}

// feedReport is how a feed stood, and by how many ids more.
type feedReport struct {
	feedFigures
	Rate float64 `json:"rate"` // entries that it got
}

// compare fills r in from two looks.
func (r *report) compare(before, now *look) {
	seconds := max(now.at.Sub(before.at).Seconds(), 1e-3)
	rate := func(name string, labels ...string) float64 {
		return max(now.sum(name, labels...)-before.sum(name, labels...), 0) / seconds // it may have been started anew
	}
	const delivered = "atommq_delivered_entries_total"
	for _, m := range now.metrics["atommq_build_info"].GetMetric() {
		r.Version = label(m, "version")
	}
	r.Published, r.Bytes, r.Refused = rate("atommq_published_entries_total"), rate("atommq_published_bytes_total"), rate("atommq_refused_entries_total")
	r.Read = rate(delivered, "way", "http_read") + rate(delivered, "way", "http_stream")
	r.Claimed, r.Messages, r.Acked = rate(delivered, "way", "http_claim"), rate(delivered, "way", "stomp"), rate("atommq_acks_total")
	r.DeadLetters, r.Requests = now.sum("atommq_dead_letters_total"), max(now.requests()-before.requests(), 0)/seconds
	r.Failures = rate("atommq_stomp_errors_total") + max(now.failures()-before.failures(), 0)/seconds
	r.commits(before, now, seconds)
	for _, figure := range []struct {
		to     *int64
		name   string
		labels []string
	}{
		{&r.Connections, "atommq_stomp_connections", nil},
		{&r.Topics, "atommq_stomp_subscriptions", []string{"kind", "topic"}},
		{&r.Consumers, "atommq_consumers", nil},
		{&r.Streams, "atommq_http_streams", nil},
		{&r.Polls, "atommq_http_polls", nil},
		{&r.Lagging, "atommq_stomp_lagging_subscriptions", nil},
		{&r.Feeds, "atommq_feeds", nil},
		{&r.Entries, "atommq_entries", nil},
		{&r.Stored, "atommq_entry_bytes", nil},
		{&r.Queues, "atommq_queues", nil},
		{&r.Waiting, "atommq_waiting_entries", nil},
	} {
		*figure.to = int64(now.sum(figure.name, figure.labels...))
	}
	r.Lagging += int64(now.sum("atommq_http_lagging_streams"))
	r.Longest, r.Latest = now.longest(), now.latest(before, seconds)
}

// requests counts those of others than who looks.
func (l *look) requests() float64 { return l.sum("atommq_http_requests_total") - float64(l.own) }

// failures counts the requests that were the server's fault.
func (l *look) failures() (n float64) {
	for _, m := range l.metrics["atommq_http_requests_total"].GetMetric() {
		if label(m, "status") >= "500" {
			n += m.GetCounter().GetValue()
		}
	}
	return n
}

func (r *report) commits(before, now *look, seconds float64) {
	bounds, counts := now.buckets("atommq_commit_duration_seconds")
	if _, former := before.buckets("atommq_commit_duration_seconds"); len(former) == len(counts) {
		for i := range counts {
			counts[i] -= min(former[i], counts[i])
		}
	}
	if len(counts) == 0 || counts[len(counts)-1] == 0 {
		return
	}
	all := float64(counts[len(counts)-1])
	r.Commits = all / seconds
	r.CommitMedian, r.CommitWorst = quantile(bounds, counts, all*0.5), quantile(bounds, counts, all*0.99)
}

// quantile returns the first bound that so many values keep; the last one that is finite where none does.
func quantile(bounds []float64, counts []uint64, values float64) float64 {
	for i, n := range counts {
		if float64(n) >= values && !math.IsInf(bounds[i], 1) {
			return bounds[i]
		}
	}
	return bounds[max(len(bounds)-2, 0)]
}

// longest lists the queues, the longest first.
func (l *look) longest() []queueReport {
	list := []queueReport{}
	for _, m := range l.metrics["atommq_queue_waiting_entries"].GetMetric() {
		feed, queue := label(m, "feed"), label(m, "queue")
		list = append(list, queueReport{
			feed, queue, int64(m.GetGauge().GetValue()),
			int64(l.sum("atommq_queue_claimed_entries", "feed", feed, "queue", queue)),
			l.sum("atommq_queue_oldest_seconds", "feed", feed, "queue", queue),
		})
	}
	slices.SortFunc(list, func(a, b queueReport) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.Feed, b.Feed), cmp.Compare(a.Queue, b.Queue))
	})
	return list
}

// latest lists the feeds, those that were published to last first.
func (l *look) latest(before *look, seconds float64) []feedReport {
	former := make(map[string]int64, len(before.feeds))
	for _, f := range before.feeds {
		former[f.Name] = f.Entries
	}
	list := []feedReport{}
	for _, f := range l.feeds {
		list = append(list, feedReport{f, max(float64(f.Entries-former[f.Name]), 0) / seconds})
	}
	slices.SortFunc(list, func(a, b feedReport) int { return cmp.Compare(b.LastID, a.LastID) })
	return list
}
