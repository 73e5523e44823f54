// Package api is AtomMQ's HTTP interface: AtomPub (RFC 5023) over the feeds of
// a bus, with cursors that let a reader go on where it stopped. doc/http.md is
// its contract.
//
// # Where to begin
//
// This file makes the routes. What serves one returns an error, of which problem.go makes an answer.
// collection.go and page.go read a feed, publish.go and content.go take what is posted, stream.go
// and live.go serve those who follow; claim.go hands out the work of queues. client.go is where the
// client begins.
//
// # Concurrency
//
// The Routes that Handler.Routes returns serve any number of requests at the same time. A connection
// holds at most one page of entries, shared with the bus's cache where it can be, and one buffer. A
// stream over HTTP/1.1 has two goroutines, to which net/http's hands its connection: one writes,
// one reads, to learn that its reader has left. Server.Shutdown ends them and waits. A claim that
// waits for work has one more than its request's, which ends before that is answered. Nothing else
// starts any. A Client may be used by any number of goroutines.
package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/semaphore"

	"atommq/bus"
	"atommq/feeds"
)

// DefaultMaxBody is the size in bytes that a request's body may have, as it comes
// and decompressed, where Handler.MaxBody says nothing.
const DefaultMaxBody = 16 << 20

// Handler holds the settings of the HTTP interface. Only Bus has to be set.
type Handler struct {
	Bus   *bus.Bus
	Pages Pages        // what a browser gets; nil for no HTML
	Log   *slog.Logger // default slog.Default()

	// BaseURL begins every link, "https://example.org/mq". Without one, links begin with the
	// address that the request's connection came in on; never with its Host field, which is
	// the client's to choose.
	BaseURL string
	// TrustedProxies are the peers whose Forwarded and X-Forwarded-* fields
	// replace BaseURL.
	TrustedProxies []netip.Prefix
	// MaxBody bounds a request's body in bytes, as it comes and decompressed; default DefaultMaxBody.
	MaxBody int64
	// Receiving is memory that long bodies share while they come in, and until they are published:
	// what a body takes beyond 64 KiB comes from it. nil for any.
	Receiving *semaphore.Weighted
	// SendBytes is memory for what is read from the database for one answer, until its client has
	// it: pages become shorter as it gets short, and answers are broken off whose clients had time
	// enough; default DefaultSendBytes.
	SendBytes int
	// ArchiveBytes is memory for archive pages of append-only feeds; default DefaultArchiveBytes.
	ArchiveBytes int
	// MaxMedia bounds what is neither Atom nor text in bytes, as it comes and decompressed;
	// default DefaultMaxMedia.
	MaxMedia int64
	// Prefixes gives the service document a workspace for each prefix of the feeds' names, up to
	// the first "/" or ".".
	Prefixes bool
	// CORSOrigins are the origins whose pages may use the server from a browser,
	// "https://example.org"; "*" lets all sites' pages read. None by default.
	CORSOrigins []string
	// Access says who may do what; /healthz is everybody's. nil for everything to everybody.
	Access *bus.Access

	// ClientCertificates says that clients who speak TLS may show certificates, which name their accounts.
	ClientCertificates bool

	// NoStreams refuses streams, where a request has a process of its own (CGI): their readers poll.
	NoStreams bool
	// MaxReaders bounds how many wait for what is published at once; default DefaultMaxReaders.
	MaxReaders int
	// MaxWait bounds how long one request waits (Prefer: wait); default DefaultMaxWait.
	MaxWait time.Duration
	// StreamLifetime is after what time a stream's reader has to come back, or up to a quarter more;
	// default DefaultStreamLifetime.
	StreamLifetime time.Duration
	// HeartBeat is the time between two writes to a stream; default DefaultHeartBeat.
	HeartBeat time.Duration

	// Metrics answers at /metrics, nil for nobody: programs on this machine and, with OpenMetrics, everybody.
	Metrics     http.Handler
	OpenMetrics bool
}

// Pages renders what a browser gets. Each method sets Content-Type and
// Content-Security-Policy and writes the body; an error means that no page was made.
type Pages interface {
	// Feed writes a page of a feed.
	Feed(w http.ResponseWriter, p *feeds.Page) error
	// Member writes the page of p's only member.
	Member(w http.ResponseWriter, p *feeds.Page) error
	// Feeds writes a page of the list of feeds.
	Feeds(w http.ResponseWriter, l *feeds.List) error
	// Problem writes the page of an answer other than the one asked for, which says what to do
	// about it, or that something is done. base is the URL that links begin with.
	Problem(w http.ResponseWriter, base string, status int, detail string) error
	// NoFeed writes the page of an answer that says that there is no feed at the URL collection, to
	// somebody who may begin it there.
	NoFeed(w http.ResponseWriter, base, collection, detail string) error
}

// site is a Handler made ready.
type site struct {
	bus          *bus.Bus
	pages        Pages
	log          *slog.Logger
	base         string // without a trailing slash, "" for the connection's own address
	prefix       string // the path of base
	streams      bool
	proxies      []netip.Prefix
	maxBody      int64
	receiving    *semaphore.Weighted
	maxMedia     int64
	prefixes     bool
	ids          *requestIDs
	access       *bus.Access
	certificates bool             // clients may show them
	now          func() time.Time // the clock of what is said to have changed when
	origins      *http.CrossOriginProtection
	live         *live
	stats        *stats

	metrics     http.Handler
	openMetrics bool

	archives *archiveCache
	sending  *sending
	contract []byte // the OpenAPI document
}

// Routes serves all resources of a Handler.
type Routes struct {
	http.Handler
	site *site
}

// Routes returns the handler of all resources, for NewServer. It fails where a setting makes no sense.
func (h Handler) Routes() (*Routes, error) {
	if h.Bus == nil {
		return nil, errors.New("api: Handler.Bus is not set")
	}
	base, err := parseBase(h.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("api: base URL %w", err)
	}
	s := &site{
		bus:          h.Bus,
		pages:        h.Pages,
		log:          h.Log,
		base:         base,
		prefix:       pathOf(base),
		streams:      !h.NoStreams,
		proxies:      h.TrustedProxies,
		maxBody:      orUsual(h.MaxBody, DefaultMaxBody),
		receiving:    h.Receiving,
		maxMedia:     orUsual(h.MaxMedia, DefaultMaxMedia),
		prefixes:     h.Prefixes,
		ids:          newRequestIDs(),
		access:       h.Access,
		certificates: h.ClientCertificates,
		now:          time.Now,
		origins:      http.NewCrossOriginProtection(),
		live:         newLive(&h),

		metrics:     h.Metrics,
		openMetrics: h.OpenMetrics,

		archives: newArchiveCache(orUsual(h.ArchiveBytes, DefaultArchiveBytes)),
		sending:  &sending{left: int64(orUsual(h.SendBytes, DefaultSendBytes))},
	}
	if s.access == nil {
		s.access = bus.OpenHouse()
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if err := trustOrigin(s.origins, base); err != nil {
		return nil, err
	}
	router := s.router()
	if s.contract, err = contract(router); err != nil {
		return nil, err
	}
	s.stats = newStats(router)
	handler := s.observed(s.admitted(router))
	if len(h.CORSOrigins) > 0 {
		policy, err := s.corsPolicy(h.CORSOrigins)
		if err != nil {
			return nil, err
		}
		handler = policy(varying(handler))
	}
	return &Routes{handler, s}, nil
}

// trustOrigin lets the site's own pages post to it where a proxy hides the
// name that the browser knows it by.
func trustOrigin(origins *http.CrossOriginProtection, base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("api: base URL %q: %w", base, err)
	}
	if err := origins.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return fmt.Errorf("api: base URL %q: %w", base, err)
	}
	return nil
}

// forms returns what a resource offers: with HTML where there are pages.
func (s *site) forms(plain, withHTML []offer) []offer {
	if s.pages == nil {
		return plain
	}
	return withHTML
}

func (s *site) router() chi.Router {
	r := chi.NewRouter()
	r.Use(noted, routeEscaped)
	r.NotFound(s.handle(noResource))
	r.MethodNotAllowed(s.handle(noMethod))
	get, put, del := http.MethodGet, http.MethodPut, http.MethodDelete
	r.Handle("/", s.resource(methods{get: s.getRoot}))
	r.Handle("/service", s.resource(methods{get: s.getService}))
	r.Handle("/feeds", s.resource(methods{get: s.getList}))
	const read, publish, edit, admin = bus.RightRead, bus.RightPublish, bus.RightEdit, bus.RightAdmin
	r.Handle("/feeds/{feed}/archive/{range}", s.resource(methods{get: s.needing(read, s.getArchive)}))
	r.Handle("/feeds/{feed}", s.resource(methods{
		get: s.getCollection, http.MethodPost: s.needing(publish, s.postCollection), del: s.needing(admin, plainly(s.deleteCollection)),
		http.MethodOptions: s.needing(read|publish, s.optionsCollection),
	}))
	r.Handle("/feeds/{feed}/settings", s.resource(methods{get: s.needing(admin, s.getSettings), put: s.needing(admin, plainly(s.putSettings))}))
	r.Handle("/feeds/{feed}/categories", s.resource(methods{get: s.needing(read|publish, s.getCategories)}))
	r.Handle("/feeds/{feed}/entries/{uuid}", s.resource(methods{
		get: s.needing(seeing, s.getMember), put: s.needing(edit, plainly(s.putMember)), del: s.needing(edit, plainly(s.deleteMember)),
		http.MethodOptions: s.needing(seeing, s.optionsMember),
	}))
	r.Handle("/feeds/{feed}/entries/{uuid}/media", s.resource(methods{
		get: s.needing(seeing, s.getMedia), put: s.needing(edit, plainly(s.putMedia)), del: s.needing(edit, plainly(s.deleteMedia)),
		http.MethodOptions: s.needing(seeing, s.optionsMember),
	}))
	s.routeQueues(r)
	r.Handle("/openapi.json", s.resource(methods{get: s.getOpenAPI}))
	r.Handle(healthPath, s.resource(methods{get: getHealth}))
	r.Handle(readyPath, s.resource(methods{get: s.getReady}))
	r.Handle("/metrics", s.resource(methods{get: s.getMetrics}))
	return r
}

// routeQueues adds the resources of queues.
func (s *site) routeQueues(r chi.Router) {
	get, post := http.MethodGet, http.MethodPost
	const queue = "/feeds/{feed}/queues/{queue}"
	consumer := func(h handler) handler { return s.needing(bus.RightConsume, h) }
	admin := func(h handler) handler { return s.needing(bus.RightAdmin, h) }
	r.Handle("/feeds/{feed}/queues", s.resource(methods{get: consumer(s.getQueues)}))
	r.Handle(queue, s.resource(methods{get: consumer(s.getQueue), http.MethodPut: admin(s.putQueue), http.MethodDelete: admin(s.deleteQueue)}))
	r.Handle(queue+"/entries", s.resource(methods{get: consumer(s.getBrowsed)}))
	r.Handle(queue+"/purge", s.resource(methods{post: admin(s.postPurge)}))
	r.Handle(queue+"/requeue", s.resource(methods{post: admin(s.postRequeue)}))
	r.Handle(queue+"/claims", s.resource(methods{post: consumer(s.postClaims)}))
	// A token, which nobody can make up, is the right to settle its claim: what was handed out before
	// a right was taken away can still be done with, but not be kept for longer.
	r.Handle(queue+"/claims/acks", s.resource(methods{post: s.postAcks}))
	r.Handle(queue+"/claims/{token}", s.resource(methods{http.MethodDelete: s.deleteClaim}))
	r.Handle(queue+"/claims/{token}/nack", s.resource(methods{post: s.postNack}))
	r.Handle(queue+"/claims/{token}/renew", s.resource(methods{post: consumer(s.postRenew)}))
}

// routeEscaped has chi match the path as it was sent: a feed named "a/b" is the
// one segment "a%2Fb".
func routeEscaped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chi.RouteContext(r.Context()).RoutePath = r.URL.EscapedPath()
		next.ServeHTTP(w, r)
	})
}

// feedName returns the feed that the request's path names.
func feedName(r *http.Request) (string, error) {
	escaped := chi.URLParam(r, "feed")
	name, err := url.PathUnescape(escaped)
	if err == nil {
		err = feeds.CheckName(name)
	}
	if err != nil {
		return "", &problemError{
			Status: http.StatusNotFound,
			Detail: fmt.Sprintf("%q cannot name a feed: %v. A name takes 1 to 255 bytes of UTF-8 without control characters, percent-encoded in the URL.", escaped, err),
		}
	}
	return name, nil
}

// feedOf returns the feed that the request's path names, which must be there.
func (s *site) feedOf(r *http.Request) (*bus.Feed, error) {
	name, err := feedName(r)
	if err != nil {
		return nil, err
	}
	return s.bus.Feed(r.Context(), name)
}

func noResource(_ http.ResponseWriter, r *http.Request) error {
	detail := "There is nothing at this path. Feeds are listed at /feeds; a feed is at /feeds/{name}."
	path := r.URL.EscapedPath()
	if trimmed := strings.TrimRight(path, "/"); trimmed != "" && trimmed != path {
		// Not a redirect: clients that post would drop the body, or go on with the wrong URL for good.
		detail = fmt.Sprintf("There is nothing at this path because of the slash at its end. Leave it out: %s.", trimmed)
	}
	if rest, ok := strings.CutPrefix(path, "/feeds/"); ok && strings.Contains(rest, "/") {
		detail += " A slash in a feed's name is written %2F."
	}
	if strings.HasPrefix(path, "/queue/") || strings.HasPrefix(path, "/topic/") {
		detail += " /queue/ and /topic/ are of STOMP: over HTTP, consumers of /queue/{name} POST to /feeds/{name}/queues/default/claims."
	}
	return &problemError{Status: http.StatusNotFound, Detail: detail}
}

// noMethod answers methods that chi does not know; resource answers the rest.
func noMethod(_ http.ResponseWriter, r *http.Request) error {
	return &problemError{
		Status: http.StatusNotImplemented,
		Detail: fmt.Sprintf("The method %q is not known here. OPTIONS tells which ones a resource takes.", r.Method),
	}
}
