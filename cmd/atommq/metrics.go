package main

import (
	"log/slog"
	"net/http"
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"atommq/api"
	"atommq/bus"
	"atommq/db"
	"atommq/stompgw"
)

// metrics tells Prometheus what a process does. Counting costs those who work an addition; names,
// labels and sums are made when somebody asks.
type metrics struct {
	census  *census
	crowd   *crowd
	bus     *bus.Bus
	access  *bus.Access
	store   *db.Store
	gateway *stompgw.Server
	http    func() api.Stats // nil in a gateway
}

// scrapesAtOnce bounds how many are answered at the same time.
const scrapesAtOnce = 4

// newMetrics makes the metrics of a node. Only the longest queues, so many, have metrics of their own.
func newMetrics(n *node, at *crowd, gateway *stompgw.Server, queues int, log *slog.Logger) *metrics {
	return &metrics{census: newCensus(n.bus, queues, log), crowd: at, bus: n.bus, access: n.access, store: n.store, gateway: gateway}
}

// handler answers with the metrics in the format of Prometheus.
func (m *metrics) handler(log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapesAtOnce,
	})
}

// Describe implements prometheus.Collector. It names nothing: which queues there are, and whether
// there is HTTP, shows in Collect.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	s := sink{to}
	s.gauge("atommq_build_info", "What this process was built from; always 1.", 1,
		"version", version, "revision", revision(), "go", runtime.Version())
	stats, stomp := m.bus.Stats(), m.gateway.Stats()
	s.log(&stats)
	s.commits(&stats)
	if n, ok := m.store.FailedCheckpoints(); ok {
		s.counter("atommq_checkpoints_failed_total", "Times that what is committed could not be written from SQLite's log to the database file.", n)
	}
	s.queues(&stats)
	s.limits(m.access)
	s.refusals(m.crowd, &stomp)
	s.stomp(&stomp)
	if m.http != nil {
		stats := m.http()
		s.http(&stats)
		s.slow("http", "head", m.crowd.slowHeads.Load())
	}
	s.delivered("stomp", stomp.Messages)
	m.census.collect(s)
}

// sink is where metrics go.
type sink struct{ to chan<- prometheus.Metric }

func (s sink) counter(name, help string, value int64, labels ...string) {
	s.send(prometheus.CounterValue, name, help, float64(value), labels)
}

func (s sink) gauge(name, help string, value float64, labels ...string) {
	s.send(prometheus.GaugeValue, name, help, value, labels)
}

// send sends a metric; labels are names, each with its value behind it.
func (s sink) send(kind prometheus.ValueType, name, help string, value float64, labels []string) {
	names, values := paired(labels)
	s.to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, value, values...)
}

// paired takes labels apart.
func paired(labels []string) (names, values []string) {
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	return names, values
}

func (s sink) histogram(name, help string, h bus.Histogram, labels ...string) {
	buckets := make(map[float64]uint64, len(h.Bounds))
	var count uint64
	for i, n := range h.Counts {
		count += n
		if i < len(h.Bounds) {
			buckets[h.Bounds[i]] = count
		}
	}
	names, values := paired(labels)
	s.to <- prometheus.MustNewConstHistogram(prometheus.NewDesc(name, help, names, nil), count, h.Sum, buckets, values...)
}

// log tells of what is published, and leaves.
func (s sink) log(stats *bus.Stats) {
	s.gauge("atommq_head_id", "Newest id that this process has seen.", float64(stats.Head))
	s.counter("atommq_published_entries_total", "Entries published through this process, edits included.", stats.Entries)
	s.counter("atommq_published_bytes_total", "Bytes of the XML of published entries.", stats.Bytes)
	s.counter("atommq_replayed_entries_total", "Entries that came again under an Idempotency-Key, and were not published twice.", stats.Replayed)
	for _, cause := range bus.Causes() {
		s.counter("atommq_refused_entries_total", "Entries that the bus did not publish, edit or delete, by cause.", stats.Refused[cause], "cause", cause)
	}
	const removed, help = "atommq_removed_entries_total", "Entries that left their feeds, or their queues, by cause."
	s.counter(removed, help, stats.Pruned, "cause", "retention")
	s.counter(removed, help, stats.Left, "cause", "acked")
	s.counter(removed, help, stats.Expired, "cause", "expired")
	s.gauge("atommq_followed_feeds", "Feeds that somebody follows through this process.", float64(stats.Followed))
	s.gauge("atommq_cache_bytes", "Memory for recent entries.", float64(stats.CacheSize))
	s.counter("atommq_looks_total", "Looks at what other processes wrote to the database.", stats.Looks)
}

func (s sink) commits(stats *bus.Stats) {
	s.histogram("atommq_commit_duration_seconds", "Time that commits took, the sync of the disk included.", stats.CommitSeconds)
	s.histogram("atommq_commit_size", "Entries, edits and settlements in a commit.", stats.CommitSizes)
	s.counter("atommq_commits_failed_total", "Commits that failed.", stats.CommitsFailed)
	s.gauge("atommq_commit_waiting", "Publishes and settlements that wait for the next commit.", float64(stats.Waiting))
}

func (s sink) queues(stats *bus.Stats) {
	s.counter("atommq_claims_total", "Entries that queues handed out, to STOMP and over HTTP.", stats.Claimed)
	s.counter("atommq_acks_total", "Entries that consumers acknowledged.", stats.Acked)
	s.counter("atommq_returns_total", "Entries that went back to their queues: refused, timed out, or left by their consumer.", stats.GivenBack)
	s.counter("atommq_dead_letters_total", "Entries that used up their attempts, and went to the feed of dead letters.", stats.DeadLetters)
	s.gauge("atommq_consumers", "Consumers of queues, of STOMP and of waiting HTTP claims.", float64(stats.Consumers))
}

func (s sink) limits(access *bus.Access) {
	for _, l := range bus.AllLimits() {
		s.counter("atommq_limited_total", "Requests, frames and connections refused because their account has taken as much as it may, by the limit.", access.Refused(l), "limit", l.String())
	}
}

func (s sink) refusals(c *crowd, gateway *stompgw.Stats) {
	const name, help = "atommq_refused_connections_total", "Connections for which there was no room, by protocol and by the limit that was reached."
	for _, r := range refusals {
		s.counter(name, help, c.refusedSoFar(r), "protocol", r.scheme, "cause", r.cause)
	}
	s.counter(name, help, gateway.Refused, "protocol", "stomp", "cause", noConnections)
}

// slow tells of connections whose clients were too slow with something.
func (s sink) slow(protocol, cause string, n int64) {
	s.counter("atommq_slow_connections_total", "Connections cut off because their clients were too slow, by protocol and by what they were too slow with.", n, "protocol", protocol, "cause", cause)
}

func (s sink) stomp(stats *stompgw.Stats) {
	s.gauge("atommq_stomp_connections", "STOMP connections.", float64(stats.Connections))
	s.counter("atommq_stomp_connections_total", "STOMP connections that came, those refused for want of room included.", stats.Accepted)
	for command, n := range stats.Frames {
		s.counter("atommq_stomp_frames_total", "Frames that STOMP clients sent.", n, "command", command)
	}
	s.counter("atommq_stomp_errors_total", "ERROR frames sent to STOMP clients.", stats.Errors)
	s.counter("atommq_stomp_dropped_answers_total", "Answers sent to temp queues whose sessions had ended, and dropped.", stats.Dropped)
	for with, n := range stats.Slow {
		s.slow("stomp", with, n)
	}
	s.gauge("atommq_stomp_subscriptions", "STOMP subscriptions.", float64(stats.Topics), "kind", "topic")
	s.gauge("atommq_stomp_subscriptions", "STOMP subscriptions.", float64(stats.Queues), "kind", "queue")
	s.gauge("atommq_stomp_lagging_subscriptions", "Subscriptions to topics that read what was published before.", float64(stats.Lagging))
	s.gauge("atommq_stomp_lag_ids", "How many ids of the log the one of them is behind that is furthest.", float64(stats.Lag))
}

func (s sink) http(stats *api.Stats) {
	for _, r := range stats.Requests {
		s.counter("atommq_http_requests_total", "HTTP requests that were answered.", r.Count, "route", r.Route, "status", strconv.Itoa(r.Status))
	}
	for _, r := range stats.Durations {
		s.histogram("atommq_http_request_duration_seconds", "Time that HTTP requests took which neither waited for entries nor were streams.", r.Seconds, "route", r.Route)
	}
	s.slow("http", "body", stats.SlowBodies)
	s.slow("http", "unread", stats.Unread)
	s.gauge("atommq_http_streams", "Streams that are open.", float64(stats.Streams))
	s.gauge("atommq_http_polls", "HTTP requests that wait for entries.", float64(stats.Polls))
	s.gauge("atommq_http_lagging_streams", "Streams that are sent what was published before.", float64(stats.Lagging))
	s.gauge("atommq_http_lag_ids", "How many ids of the log the one of them is behind that is furthest.", float64(stats.Lag))
	s.delivered("http_read", stats.Read)
	s.delivered("http_stream", stats.Streamed)
	s.delivered("http_claim", stats.Claimed)
}

func (s sink) delivered(way string, n int64) {
	s.counter("atommq_delivered_entries_total", "Entries given to readers and consumers, by the way they went.", n, "way", way)
}
