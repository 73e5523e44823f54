package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"atommq/api"
	"atommq/stompgw"
	"atommq/web"
)

// webServer is the HTTP server with a gateway behind it, for STOMP over WebSocket.
type webServer struct {
	*api.Server
	gateway *stompgw.Server
	fastCGI *fastCGI // the same site for web servers in front
}

// Shutdown ends the gateway's sessions too: http.Server forgets a connection that became a
// WebSocket. It cuts off what http.Server leaves to itself.
func (w *webServer) Shutdown(ctx context.Context) error {
	sessions := make(chan error)
	go func() { sessions <- w.gateway.Shutdown(ctx) }()
	err := w.Server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, w.Close())
	}
	return errors.Join(err, <-sessions)
}

// handler makes the HTTP interface of a node.
func (n *node) handler(s *settings, log *slog.Logger) api.Handler {
	return api.Handler{
		Bus:            n.bus,
		Pages:          web.New(),
		Log:            log,
		BaseURL:        s.BaseURL,
		TrustedProxies: s.TrustedProxies,
		CORSOrigins:    s.CORSOrigins,
		MaxBody:        int64(s.MaxBody),
		Receiving:      n.receiving,
		SendBytes:      int(s.SendBytes),
		ArchiveBytes:   int(s.ArchiveBytes),
		MaxMedia:       int64(s.MaxMedia),
		Prefixes:       s.Workspaces.value == "prefix",
		Access:         n.access,
		MaxReaders:     s.MaxReaders.value,
		MaxWait:        time.Duration(s.MaxWait),
		StreamLifetime: time.Duration(s.StreamLifetime),
		HeartBeat:      time.Duration(s.StreamHeartBeat),
		OpenMetrics:    s.Metrics.value == "all",

		ClientCertificates: s.TLSClientCA != "",
	}
}

// server makes the HTTP server of a node.
func (n *node) server(s *settings, metrics http.Handler, log *slog.Logger) (*api.Server, error) {
	h := n.handler(s, log)
	if s.Metrics.value != off {
		h.Metrics = metrics
	}
	routes, err := h.Routes()
	if err != nil {
		return nil, err
	}
	return api.NewServer(routes, log), nil
}

// webServer makes the HTTP server of a node, with STOMP over WebSocket beside its routes.
func (n *node) webServer(s *settings, gateway *stompgw.Server, metrics http.Handler, log *slog.Logger) (*webServer, error) {
	origins, err := s.origins()
	if err != nil {
		return nil, err
	}
	server, err := n.server(s, metrics, log)
	if err != nil {
		return nil, err
	}
	routes := server.Handler
	stomp := gateway.WebSocket(origins, func(r *http.Request) netip.Addr { return api.ClientAddress(r, s.TrustedProxies) })
	prefix := prefixOf(s.BaseURL)
	passedOn := newFastCGI(server, mounted(prefix, withoutStomp(routes, "FastCGI")), log)
	if isOwn(prefix) { // then a proxy has to take it off
		prefix = ""
	}
	server.Handler = n.names(s).guard(mounted(prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stomp" {
			stomp.ServeHTTP(w, r)
			return
		}
		routes.ServeHTTP(w, r)
	})))
	server.ConnState = noteState
	return &webServer{server, gateway, passedOn}, nil
}

// origins says for which pages a browser may speak STOMP: the site's own, also where a proxy
// hides the name that the browser knows it by.
func (s *settings) origins() (*http.CrossOriginProtection, error) {
	origins := http.NewCrossOriginProtection()
	if s.BaseURL == "" {
		return origins, nil
	}
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil, err
	}
	return origins, origins.AddTrustedOrigin(u.Scheme + "://" + u.Host)
}
