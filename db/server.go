package db

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
)

// server is where a PostgreSQL database is: one server, or several of which one is the primary.
type server struct {
	name string       // to show to people: without password or key
	dsn  string       // as the driver takes it
	path string       // of schemas, "" for the server's own
	last atomic.Int32 // of the hosts: the one that the last session is on
}

// IsPostgres reports whether dsn names a PostgreSQL database, and not a file.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// Name returns dsn as it may be shown: without a password or key.
func Name(dsn string) string {
	if !IsPostgres(dsn) {
		return dsn
	}
	s, err := parseServer(dsn)
	if err != nil {
		return "postgres:"
	}
	return s.name
}

// parseServer reads a URL as PostgreSQL's own programs take it, several hosts with a port each included.
func parseServer(dsn string) (*server, error) {
	u, err := parseServerURL(dsn)
	if err != nil {
		return nil, err
	}
	name := *u
	params := u.Query()
	params.Del("password")
	params.Del("sslpassword")
	if params.Has("sslinline") { // then it is the key, and not the name of its file
		params.Del("sslkey")
	}
	name.RawQuery = params.Encode()
	params = u.Query()
	path := params.Get("search_path")
	params.Del("search_path") // which PgBouncer does not take with the connection
	params.Set("fallback_application_name", "atommq")
	// The driver would insist on TLS, and wait for ever; PostgreSQL's own programs try it.
	for _, d := range []struct{ key, variable, value string }{{"sslmode", "PGSSLMODE", "prefer"}, {"connect_timeout", "PGCONNECT_TIMEOUT", "5"}} {
		if os.Getenv(d.variable) == "" && !params.Has(d.key) {
			params.Set(d.key, d.value)
		}
	}
	u.RawQuery = params.Encode()
	s := &server{name: name.Redacted(), dsn: u.String(), path: path}
	cfg, err := pq.NewConfig(s.dsn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	switch target := cfg.TargetSessionAttrs; target {
	case pq.TargetSessionAttrsReadOnly, pq.TargetSessionAttrsStandby, pq.TargetSessionAttrsPreferStandby:
		return nil, fmt.Errorf("%s: target_session_attrs=%s leads to servers that cannot be written to: use read-write", s.name, target)
	case "":
		if len(cfg.Multi) > 0 {
			// Whichever of them takes writes is the bus's database; the others lag behind.
			params.Set("target_session_attrs", string(pq.TargetSessionAttrsReadWrite))
			u.RawQuery = params.Encode()
			s.dsn = u.String()
		}
	}
	return s, nil
}

// parseServerURL reads a URL so that the driver takes it for one when it is written again, and finds the
// hosts in it.
func parseServerURL(dsn string) (*url.URL, error) {
	u, err := url.Parse(joinPorts(dsn))
	if err != nil || endsInPassword(dsn) {
		// The error would show the password.
		return nil, errNoServerURL
	}
	if strings.HasPrefix(u.Host, "[") && u.Port() == "" {
		// The driver would put brackets around it once more.
		params := u.Query()
		if !params.Has("host") {
			params.Set("host", u.Hostname())
		}
		u.Host, u.RawQuery = "", params.Encode()
	}
	if u.Host == "" && u.Path == "" {
		u.Path = "/" // or it would be written as postgres:?…
	}
	return u, nil
}

var errNoServerURL = errors.New("not a URL: write postgres://user:password@host/database, and in the password %25 for %, %2F for /, %3F for ?, %23 for # and %40 for @")

// endsInPassword reports whether a character of a password that has a meaning in URLs ends what dsn has before the host: the
// host would be the user, and what is shown would have the password.
func endsInPassword(dsn string) bool {
	_, rest, _ := strings.Cut(dsn, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 || !strings.Contains(rest[:max(end, strings.LastIndexByte(rest, '@'))], ":") { // there is no password
		return false
	}
	path, query, _ := strings.Cut(rest[end:], "?")
	if strings.Contains(path, "@") || strings.Contains(rest[end:], "#") {
		return true
	}
	for param := range strings.SplitSeq(query, "&") {
		if key, _, _ := strings.Cut(param, "="); key != "user" && key != "password" && strings.Contains(param, "@") {
			return true
		}
	}
	return false
}

// InSchema returns dsn, a URL of PostgreSQL, with schema as the one that AtomMQ's tables are made
// and looked for in.
func InSchema(dsn, schema string) (string, error) {
	u, err := parseServerURL(dsn)
	if err != nil {
		return "", err
	}
	params := u.Query()
	params.Set("search_path", schema)
	u.RawQuery = params.Encode()
	return u.String(), nil
}

// joinPorts writes postgres://a:1,b:2/x as postgres:///x?host=a,b&port=1,2: a URL in Go has one port.
func joinPorts(dsn string) string {
	scheme, rest, _ := strings.Cut(dsn, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@') + 1
	if !strings.Contains(rest[at:end], ",") {
		return dsn
	}
	var hosts, ports []string
	for _, h := range strings.Split(rest[at:end], ",") {
		host, port, err := net.SplitHostPort(h)
		if err != nil {
			host = strings.Trim(h, "[]")
		}
		hosts, ports = append(hosts, host), append(ports, cmp.Or(port, "5432"))
	}
	path, query, _ := strings.Cut(rest[end:], "?")
	return scheme + "://" + rest[:at] + path + "?" + query + "&host=" + strings.Join(hosts, ",") + "&port=" + strings.Join(ports, ",")
}

// What a session is set to once it is connected: PgBouncer takes no settings with the connection.
const (
	// homing puts the schema that has AtomMQ's tables before others that the user may make tables in:
	// a schema of the user's name, made later, comes first otherwise.
	homing = ` SELECT set_config('search_path', quote_ident(n.nspname) || ', ' || current_setting('search_path'), false)
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE c.oid = to_regclass('atommq_schema') AND n.nspname IS DISTINCT FROM current_schema(); `
	// isolation is what statements are written for: all that others have committed, and no rows left
	// out, in silence, because a policy hides them from the user.
	isolation = "SET default_transaction_isolation = 'read committed'; SET row_security = off; "
	// Every statement of the store finds its rows through an index, in its order where it needs
	// only the first of them. The planner, which knows the tables as they were minutes ago, or not
	// at all, must not take them for empty, nor a feed for so short that its rows may as well be
	// collected and sorted. It must not compile either what it then thinks dear.
	planning = isolation + "SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; "
	// A node that is cut off in a transaction must not stop the others for longer than it may keep
	// claims. What is acknowledged is on disk. Its lock, which it has for as long as the session
	// lasts, keeps a copy of the whole database away, as a copy does the writer. It hears the warnings
	// of a COMMIT.
	writerSession = planning + `SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '10s';
		SET standard_conforming_strings = on; SET array_nulls = on; SET statement_timeout = 0; SET client_min_messages = warning;
		SELECT set_config('idle_session_timeout', '0', false) WHERE current_setting('idle_session_timeout', true) IS NOT NULL;
		SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
		DO $$ BEGIN IF NOT pg_try_advisory_lock_shared(` + presence + `) THEN
			RAISE EXCEPTION 'atommq copy works on the database' USING ERRCODE = '` + objectInUse + `'; END IF; END $$`
	// presence is what nodes, and copies, of AtomMQ's tables in the schema lock: "atmq" in
	// ASCII, and the schema.
	presence      = "1635020145, hashtext(current_schema())"
	readerSession = planning
	// unhurriedSession is one whose other end takes its time, as in a copy, whatever its user may take
	// otherwise. Not every server has each of these settings.
	unhurriedSession = readerSession + `SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN
		('idle_in_transaction_session_timeout', 'idle_session_timeout', 'statement_timeout', 'transaction_timeout')`
	// A notification is a hint, and a sign of life is soon followed by another: neither waits for the disk.
	sideSession = isolation + "SET synchronous_commit = off"
)

// connector returns what opens sessions that begin with setting.
func (s *server) connector(setting string) *session { return &session{server: s, setting: setting} }

type session struct {
	server  *server
	setting string
	// unprepared sends a statement that is not prepared with its parameters, in one round trip for two.
	unprepared bool
	// limit is how long the server may take over each part of an answer, 0 for any time.
	limit time.Duration
	// warned, unless nil, is called with each warning.
	warned func()
}

var _ driver.Connector = (*session)(nil)

// Driver implements driver.Connector.
func (s *session) Driver() driver.Driver { return &pq.Driver{} }

// Connect implements driver.Connector.
func (s *session) Connect(ctx context.Context) (driver.Conn, error) {
	cfg, err := pq.NewConfig(s.server.dsn)
	if err != nil {
		return nil, err
	}
	cfg.BinaryParameters = s.unprepared
	conn, err := s.server.reach(ctx, cfg, s.open)
	if stateOf(err) == noSuchDatabase {
		err = &NoDatabaseError{cfg.Database, err}
	}
	if err != nil {
		return nil, &unreachableError{err}
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, s.server.pathSetting()+homing+s.setting, nil); err != nil {
		_ = conn.Close()
		return nil, &unreachableError{err}
	}
	return conn, nil
}

// open opens a session, and gives it up when ctx is done.
func (s *session) open(ctx context.Context, cfg pq.Config) (driver.Conn, error) {
	c, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, err
	}
	d := &sessionDialer{}
	c.Dialer(d)
	stop := context.AfterFunc(ctx, d.end) // the driver heeds ctx until it has a connection
	// What a server warns of before the session is there is about no commit, and others may be opened beside it.
	heard := func(n *pq.Error) {
		if d.begun {
			s.notice(n)
		}
	}
	conn, err := pq.ConnectorWithNoticeHandler(c, heard).Connect(ctx)
	if !stop() {
		if err == nil {
			_ = conn.Close()
		}
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	d.begin(s.limit)
	return conn, nil
}

// notice takes what the server says beside its answers. What is no warning has the code of success.
func (s *session) notice(n *pq.Error) {
	if s.warned != nil && n.Code.Class() != "00" {
		s.warned()
	}
}

// pathSetting sets a session's path of schemas.
func (s *server) pathSetting() string {
	if s.path == "" {
		return ""
	}
	return "SELECT set_config('search_path', " + pq.QuoteLiteral(s.path) + ", false);"
}

// NoDatabaseError says that a server of PostgreSQL, which is there, has no database of a name.
type NoDatabaseError struct {
	Name string
	err  error
}

func (e *NoDatabaseError) Error() string {
	return fmt.Sprintf("the server has no database %q: make it, as with createdb %s, or name another one", e.Name, e.Name)
}
func (e *NoDatabaseError) Unwrap() error { return e.err }

// IsUnreachable reports whether no session could be had of a server of PostgreSQL.
func IsUnreachable(err error) bool {
	_, is := errors.AsType[*unreachableError](err)
	return is
}

// unreachableError says that no session could be had.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string { return e.err.Error() }
func (e *unreachableError) Unwrap() error { return e.err }
