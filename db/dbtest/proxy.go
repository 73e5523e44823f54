package dbtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Proxy stands between clients and a cluster, and breaks what is between them.
type Proxy struct {
	dir, server string
	listener    net.Listener
	serving     sync.WaitGroup

	mu     sync.Mutex
	open   *sync.Cond
	cut    bool
	closed bool
	conns  map[net.Conn]bool
	fate   func(query string) Fate
	word   string // for ERROR
	refuse int    // so many connections
}

// Fate is what becomes of a query: one that is sent without parameters, such as COMMIT, or one that
// was prepared before and is executed.
type Fate uint8

// The fates.
const (
	Pass       Fate = iota
	LoseQuery       // the connection breaks before the server has it
	LoseAnswer      // the connection breaks when the server has carried it out
	LoseClient      // the connection breaks when the server has it, which carries it out
)

// NewProxy starts a proxy for the length of a test. URL names what it leads to.
func NewProxy(t testing.TB, c *Cluster) *Proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "atommq-proxy-")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{dir: dir, server: filepath.Join(c.dir, socket), conns: make(map[net.Conn]bool)}
	p.open = sync.NewCond(&p.mu)
	if p.listener, err = net.Listen("unix", filepath.Join(dir, socket)); err != nil {
		t.Fatal(err)
	}
	p.serving.Go(p.serve)
	t.Cleanup(func() {
		p.close()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return p
}

// socket is the name of a server's socket in its directory.
const socket = ".s.PGSQL.5432"

// URL returns the URL of a database of the cluster, by way of the proxy.
func (p *Proxy) URL(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("host", p.dir)
	q.Set("sslmode", "disable") // to be understood
	u.RawQuery = q.Encode()
	return u.String()
}

// Cut has nothing more pass, in either direction, until Mend: nobody learns that the other side
// is there no more.
func (p *Proxy) Cut() { p.setCut(true) }

// CutSoon is Cut for a fate that is being decided.
func (p *Proxy) CutSoon() { p.cut = true }

// Mend ends what Cut began. What waited passes.
func (p *Proxy) Mend() { p.setCut(false) }

func (p *Proxy) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	p.open.Broadcast()
}

// Restart breaks all connections and refuses the next ones, as a server that restarts does.
func (p *Proxy) Restart(refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refused
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// refuses reports whether a connection is one of those to refuse.
func (p *Proxy) refuses() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse--
	return p.refuse >= 0
}

// Doom has fate decide about queries from now on.
func (p *Proxy) Doom(fate func(query string) Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fate = fate
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed, p.cut = true, false
	for c := range p.conns {
		_ = c.Close()
	}
	p.open.Broadcast()
	p.mu.Unlock()
	_ = p.listener.Close()
	p.serving.Wait()
}

// keep notes a connection, to be closed with the proxy. It reports false when that is closed already.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

// pass waits while the way is cut.
func (p *Proxy) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.cut {
		p.open.Wait()
	}
}

func (p *Proxy) fateOf(query string) Fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fate == nil {
		return Pass
	}
	return p.fate(query)
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.keep(client) {
			return
		}
		p.serving.Go(func() { p.relay(client) })
	}
}

// relay serves one connection.
func (p *Proxy) relay(client net.Conn) {
	defer client.Close()
	if p.refuses() {
		return
	}
	p.pass()
	server, err := net.Dial("unix", p.server)
	if err != nil || !p.keep(server) {
		return
	}
	l := &link{Proxy: p, client: client, server: server, prepared: make(map[string]string)}
	p.serving.Go(l.answers)
	l.queries()
}

// link is one connection.
type link struct {
	*Proxy
	client, server net.Conn
	prepared       map[string]string // the client's queries, by name
	mute           bool              // answers go nowhere; the proxy's lock guards it
}

func (l *link) end() {
	_ = l.client.Close()
	_ = l.server.Close()
}

// queries passes on what the client sends, until the connection ends.
func (l *link) queries() {
	defer l.end()
	in := bufio.NewReader(l.client)
	leave := false
	for first := true; ; first = false {
		m, err := message(in, first)
		if err != nil {
			return
		}
		l.pass()
		if query, ok := l.query(m); ok && !first {
			switch l.fateOf(query) {
			case LoseQuery:
				return
			case LoseClient:
				leave = true
			case LoseAnswer:
				l.mu.Lock()
				l.mute = true
				l.mu.Unlock()
			}
		}
		if _, err := l.server.Write(m); err != nil || leave && (m[0] == 'Q' || m[0] == 'S') { // the server has all of it
			return
		}
	}
}

// query returns the query that a message has the server carry out, if it does.
func (l *link) query(m []byte) (query string, ok bool) {
	const head = 5 // its type and its length
	fields := strings.Split(string(m[min(head, len(m)):]), "\x00")
	switch m[0] {
	case 'Q':
		return fields[0], true
	case 'P': // parses one
		l.prepared[fields[0]] = fields[1]
	case 'B': // binds parameters to one; what executes it follows
		return l.prepared[fields[1]], true
	}
	return "", false
}

// answers passes on what the server sends.
func (l *link) answers() {
	defer l.end()
	in := bufio.NewReader(l.server)
	for {
		m, err := message(in, false)
		if err != nil {
			return
		}
		l.pass()
		l.mu.Lock()
		mute := l.mute
		l.mu.Unlock()
		if mute && m[0] == 'Z' { // ready for the next query
			return
		}
		if mute {
			continue
		}
		if _, err := l.client.Write(l.translate(m)); err != nil {
			return
		}
	}
}

// Translate has errors be called word from now on, as by a server whose messages are in another
// language.
func (p *Proxy) Translate(word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.word = word
}

// translate returns an ErrorResponse with its first field, the severity, in the server's language.
func (p *Proxy) translate(m []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	const head = 5 // its type and its length
	rest, ok := bytes.CutPrefix(m[min(head, len(m)):], []byte("SERROR\x00"))
	if m[0] != 'E' || !ok || p.word == "" {
		return m
	}
	fields := append([]byte("S"+p.word+"\x00"), rest...)
	return append(binary.BigEndian.AppendUint32([]byte("E"), uint32(4+len(fields))), fields...)
}

// message reads a message of PostgreSQL's protocol. The first one of a client has no type.
func message(in io.Reader, first bool) ([]byte, error) {
	head := make([]byte, 5)
	if first {
		head = head[:4]
	}
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[len(head)-4:])
	if n < 4 || n > 1<<30 {
		return nil, errors.New("no message of PostgreSQL")
	}
	m := append(head, make([]byte, n-4)...)
	_, err := io.ReadFull(in, m[len(head):])
	return m, err
}
