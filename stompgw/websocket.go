package stompgw

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// subprotocols are the names of STOMP among WebSocket's subprotocols, as IANA registered them; the
// one preferred first.
var subprotocols = [...]string{"v12.stomp", "v11.stomp", "v10.stomp"}

// WebSocket returns the handler of STOMP over WebSocket (RFC 6455). Its connections count as
// the server's own: its limits bind them, and Shutdown ends them.
//
// A client's messages, text or binary, are a stream of STOMP: a frame may be spread over several
// and one may hold many. The server answers with one message for each frame, of the
// kind that the client sent last; a frame that is not UTF-8 is always binary, because a text
// message cannot carry it (RFC 6455 §5.6).
//
// A browser connects on behalf of the pages that origins lets in, or of the site's own where it is
// nil. Programs that are no browser send no Origin and are not asked.
//
// addressOf tells whom a request comes from, as proxies have it; where it returns the zero Addr, or
// is nil, that is who is at the other end of the connection.
func (s *Server) WebSocket(origins *http.CrossOriginProtection, addressOf func(*http.Request) netip.Addr) http.Handler {
	if origins == nil {
		origins = http.NewCrossOriginProtection()
	}
	h := newWebSocketHandler(s.ServeConn, origins)
	h.addressOf = addressOf
	return h
}

func newWebSocketHandler(serve func(net.Conn), origins *http.CrossOriginProtection) *webSocketHandler {
	return &webSocketHandler{
		serve:   serve,
		origins: origins,
		pieces:  sync.Pool{New: func() any { return new([pieceBytes]byte) }},
	}
}

type webSocketHandler struct {
	serve   func(net.Conn) // runs a session on a connection, and closes that
	origins *http.CrossOriginProtection
	pieces  sync.Pool // of *[pieceBytes]byte

	addressOf func(*http.Request) netip.Addr // may be nil
}

func (h *webSocketHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade") // RFC 9110 §7.8
		http.Error(w, "STOMP over WebSocket is spoken here: connect with a WebSocket client. Feeds are at /feeds.", http.StatusUpgradeRequired)
		return
	}
	if !h.admits(r) {
		http.Error(w, "A browser opened this connection on behalf of another site's page. Connect from a program, or from a page of this site.", http.StatusForbidden)
		return
	}
	taken := &hijacker{ResponseWriter: w}
	c := new(webSocketConn)
	ws, err := websocket.Accept(taken, r, &websocket.AcceptOptions{
		Subprotocols:       subprotocols[:],
		InsecureSkipVerify: true, // h.origins has verified
		OnPingReceived:     c.answerPing,
	})
	if err != nil {
		return // Accept has answered
	}
	c.open(ws, taken.conn)
	c.client = h.clientOf(r, taken.conn)
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.serve(c)
	}()
	c.receive(&h.pieces)
	<-done
}

// admits applies the rule for requests that change something, which a handshake by GET would
// escape: any page on the web could have its reader's browser connect to a bus on localhost.
func (h *webSocketHandler) admits(r *http.Request) bool {
	changing := *r
	changing.Method = http.MethodPost
	return h.origins.Check(&changing) == nil
}

// clientOf returns the address of who sent r over conn.
func (h *webSocketHandler) clientOf(r *http.Request, conn net.Conn) net.Addr {
	peer := conn.RemoteAddr()
	if h.addressOf == nil {
		return peer
	}
	told := h.addressOf(r)
	if !told.IsValid() || told.Unmap() == addressOf(peer).Unmap() {
		return peer
	}
	return &net.IPAddr{IP: told.AsSlice(), Zone: told.Zone()}
}

// hijacker keeps the connection that a handler takes over, whose deadlines package websocket
// does not show. The HTTP server has removed its own by then.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, buffers, err
}
