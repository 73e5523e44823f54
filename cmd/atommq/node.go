package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/semaphore"

	"atommq/bus"
	"atommq/db"
	"atommq/stompgw"
)

// node is a bus on its database.
type node struct {
	store  *db.Store
	bus    *bus.Bus
	access *bus.Access
	room   []byte // heapRoom

	receiving *semaphore.Weighted // memory for long bodies that come in, by HTTP and STOMP
}

// heapRoom is how much of the heap the garbage collector counts as in use beyond what is. A busy
// node has a small heap and makes garbage fast: without it, the collector would run all the time.
// Nothing ever touches it, so it takes no memory; but as much garbage more may gather. Where memory
// is limited there is none: it would count.
const heapRoom = 4 << 20

// heapGrowth is by how many percent of what is in use the heap may grow before it is collected,
// unless GOGC says it. With Go's own 100, a node takes much more that sends a large file, of which
// SQLite's driver copies each piece: GOGC=100 atommq bench media.
const heapGrowth = 50

// keepToMemory has caches take no more than their share of the memory that GOMEMLIMIT allows, and
// returns the room on the heap.
func (s *settings) keepToMemory() (room []byte) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return make([]byte, heapRoom)
	}
	share := byteSize(max(limit/8, 1))
	s.CacheBytes, s.ArchiveBytes = min(s.CacheBytes, share), min(s.ArchiveBytes, share)
	s.ReceiveBytes, s.SendBytes = min(s.ReceiveBytes, 2*share), min(s.SendBytes, 2*share)
	s.openBytes = min(int64(share), stompgw.DefaultOpenBytes)
	return nil
}

// openNode opens the database that s names, making or migrating it if need be, and
// starts a bus on it.
func openNode(ctx context.Context, s *settings, log *slog.Logger) (*node, error) {
	return startNode(ctx, s, db.Config{}, log)
}

// openExisting opens a database for what works beside servers. There must be a bus: a mistyped name
// makes none. And it must have this program's schema: where it has an older one, an older server may
// be at work, which could not go on.
func openExisting(ctx context.Context, s *settings, log *slog.Logger) (*node, error) {
	if err := s.from("db", mustExist("--db", s.DB)); err != nil {
		if errors.Is(err, errNoFile) {
			err = fmt.Errorf("%w, or make it: %s", err, makeBus)
		}
		return nil, err
	}
	return startNode(ctx, s, db.Config{Existing: true, KeepSchema: true}, log)
}

// makeBus says how.
const makeBus = "atommq serve or atommq migrate up"

func startNode(ctx context.Context, s *settings, cfg db.Config, log *slog.Logger) (*node, error) {
	if err := s.from("db", checkDatabase("--db", s.DB)); err != nil {
		return nil, err
	}
	room := s.keepToMemory()
	cfg.Log = log
	store, err := db.Open(ctx, s.DB, cfg)
	switch {
	case errors.Is(err, db.ErrNoBus):
		return nil, explainOpening("--db", err)
	case isNoDatabase(err): // which says what to do
		return nil, err
	case errors.Is(err, db.ErrUnfinished): // which does so, too
		return nil, err
	case err != nil && db.IsPostgres(s.DB):
		return nil, explainServer("--db", err)
	case errors.Is(err, bus.ErrFull):
		return nil, fmt.Errorf("%w: make room on its disk, or name another file with --db", err)
	case errors.Is(err, bus.ErrReadOnly):
		return nil, fmt.Errorf("%w: let this user write it and its directory, or name another file with --db", err)
	case errors.Is(err, db.ErrForeign):
		return nil, fmt.Errorf("%w: name another file with --db; what older systems kept, atommq import takes", err)
	case errors.Is(err, db.ErrDamaged): // for which there is no other way: execute says it
		return nil, err
	case errors.Is(err, bus.ErrUnavailable):
		return nil, fmt.Errorf("%w: put it right, or name another file with --db", err)
	case err != nil:
		return nil, err
	}
	b, err := bus.Open(ctx, store, store, bus.Config{
		CacheBytes:   int(s.CacheBytes),
		PendingBytes: s.pendingBytes(),
		KeyWindow:    s.keyWindow(),
		Log:          log,
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	access, err := bus.OpenAccess(ctx, store, bus.AccessConfig{Login: s.Login, Passcode: s.Passcode, Log: log})
	if err != nil {
		return nil, errors.Join(err, b.Close(), store.Close())
	}
	receiving := semaphore.NewWeighted(int64(max(s.ReceiveBytes, 2*s.MaxBody, 1<<20)))
	return &node{store, b, access, room, receiving}, nil
}

// leastPending is how much is accepted and not yet committed at once, in bytes of entries.
const leastPending = 64 << 20

// pendingBytes returns how much a bus accepts that is not yet committed: the longest body, too, which
// base64 and escapes make longer in its entry.
func (s *settings) pendingBytes() int { return int(max(leastPending, 2*s.MaxBody)) }

// keyWindow returns how long this node's bus remembers idempotency keys. A command that works beside
// servers is not told, and may take longer than the keys that it would then forget: it leaves that to them.
func (s *settings) keyWindow() time.Duration {
	if s.IdempotencyWindow == 0 {
		return -1
	}
	return time.Duration(s.IdempotencyWindow)
}

// explainOpening says what to do about a database, which flag names, that holds no bus, or is on a
// server that is away.
func explainOpening(flag string, err error) error {
	switch {
	case errors.Is(err, db.ErrNoBus):
		return fmt.Errorf("%w: make one with %s, or name another database with %s", err, makeBus, flag)
	case db.IsUnreachable(err) && !isNoDatabase(err): // which says what to do
		return explainServer(flag, err)
	}
	return err
}

// explainServer says what to do about a server, which flag names, that cannot be worked on.
func explainServer(flag string, err error) error {
	switch {
	case db.IsInUse(err):
		return fmt.Errorf("%w: wait until that has ended", err)
	case db.IsLoginRefused(err):
		return fmt.Errorf("%w: put the user and the password in %s right", err, flag)
	case errors.Is(err, bus.ErrReadOnly):
		return fmt.Errorf("%w: grant its user what doc/db.md names, or name another user in %s", err, flag)
	case errors.Is(err, bus.ErrFull):
		return fmt.Errorf("%w: make room on its disk", err)
	case db.IsCrowded(err):
		return fmt.Errorf("%w: raise that limit, or stop what has connections; a node takes some eight", err)
	case errors.Is(err, bus.ErrUnavailable), db.IsUnreachable(err):
		return fmt.Errorf("%w: start PostgreSQL, or put %s right", err, flag)
	}
	return err
}

// mustWrite refuses to serve on a server whose user may only read. What passes, as a full disk, is no
// reason not to start; nor is a standby, which may be promoted.
func (n *node) mustWrite(ctx context.Context, s *settings, log *slog.Logger) error {
	if !db.IsPostgres(s.DB) {
		return nil
	}
	switch err := n.store.Ready(ctx); {
	case db.IsDenied(err):
		return explainServer("--db", err)
	case errors.Is(err, bus.ErrReadOnly):
		log.Warn("nothing can be published: the database is a standby, or default_transaction_read_only is on for its user",
			"db", db.Name(s.DB), "error", err)
	}
	return nil
}

func isNoDatabase(err error) bool {
	_, is := errors.AsType[*db.NoDatabaseError](err)
	return is
}

// close commits what was accepted and closes the database.
func (n *node) close() error {
	n.access.Close()
	return errors.Join(n.bus.Close(), n.store.Close())
}

// openServed is openNode for a server with such entrances. A database that it makes is told of: where
// the name is mistyped, nobody else works on it. It makes none that guard would refuse to serve.
func openServed(ctx context.Context, s *settings, in *entrances, log *slog.Logger) (*node, error) {
	if at := in.exposed(); at != nil && s.Passcode == "" {
		n, err := startNode(ctx, s, db.Config{Existing: true}, log)
		if errors.Is(err, db.ErrNoBus) {
			return nil, tooOpen(at, s)
		}
		return n, err
	}
	missing := mustExist("--db", s.DB) != nil
	n, err := openNode(ctx, s, log)
	if err == nil && (missing || n.store.MadeTables()) {
		log.Info("made a new database", "db", db.Name(s.DB))
	}
	return n, err
}

// nodeOpener opens the database that s names for as long as do takes.
type nodeOpener func(ctx context.Context, s *settings, do func(*node) error) error

// withNode opens a database that must hold a bus.
func withNode(ctx context.Context, s *settings, do func(*node) error) error {
	n, err := openExisting(ctx, s, logOfCommand())
	if err != nil {
		return err
	}
	return errors.Join(do(n), n.close())
}

// logOfCommand is where a command's bus logs.
func logOfCommand() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }

// withAnyNode makes the database if there is none, and says so.
func withAnyNode(ctx context.Context, s *settings, do func(*node) error) error {
	missing := mustExist("--db", s.DB) != nil
	n, err := startNode(ctx, s, db.Config{KeepSchema: true}, logOfCommand())
	if err != nil {
		return err
	}
	if missing || n.store.MadeTables() { // where a server works on another one, that is not what was meant
		fmt.Fprintf(os.Stderr, "made a new database: %s\n", db.Name(s.DB))
	}
	return errors.Join(do(n), n.close())
}
