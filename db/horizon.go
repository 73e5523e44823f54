package db

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"log/slog"
	"sync/atomic"

	"github.com/lib/pq"
)

// horizon is the newest that a store knows to be committed on a server. A standby that took over
// without the last commits has lost them, and readers, here and elsewhere, are past their ids: none
// is given again up to here, though the counter may be behind.
type horizon struct {
	log    *slog.Logger // nil in a file, which loses nothing
	pulse  *pulse       // of the nodes that hold what was claimed
	id     atomic.Int64
	stirs  atomic.Int64
	count  atomic.Uint64          // of the store's own commits, as their mark has it; 0 for none
	server atomic.Pointer[string] // that was looked at last: when it started; nil before the first look
	lost   atomic.Bool            // something was, and makeGood has not ended
}

// see takes notice of an id.
func (h *horizon) see(id int64) { h.rise(&h.id, id) }

func (h *horizon) rise(known *atomic.Int64, to int64) {
	for was := known.Load(); h.log != nil && to > was && !known.CompareAndSwap(was, to); was = known.Load() {
	}
}

// above returns from where on ids are free, where the counter says last and known is what was known.
func (h *horizon) above(last, known int64) int64 {
	if last >= known {
		return last
	}
	h.complain("after", last, "up to", known)
	return known
}

func (h *horizon) complain(args ...any) {
	if h.lost.CompareAndSwap(false, true) {
		h.log.Error("the database has lost what was committed, as when an asynchronous standby takes over: what consumers here have is handed out again", args...)
	}
}

// moved reports whether a look was at another server than the one before, or at one that was
// started anew.
func (h *horizon) moved(server string) bool {
	before := h.server.Swap(&server)
	return before != nil && *before != server
}

// compare finds out, on a connection that was just made to write on, whether the store's newest
// commit, which left m, is there.
func (h *horizon) compare(conn driver.Conn, m *mark) error {
	count := h.count.Load()
	if count == 0 {
		return nil
	}
	query := "SELECT digest FROM atommq_key WHERE feed = '' AND key = " + pq.QuoteLiteral(m.row)
	rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), query, nil)
	if err != nil {
		return err
	}
	kept := count // where the mark was removed for its age, nothing tells
	err = walk(rows, all(func(v []driver.Value) { kept = binary.BigEndian.Uint64(v[0].([]byte)) }))
	if err == nil && kept < count {
		h.complain()
	}
	return err
}

// makeGood looks, under the counter's lock, whether the database has lost what is known here. Then
// the counters go on behind that, so that the other nodes, too, give no id again, and the nodes of
// here are entered anew: what they have is handed out as the database knows it.
func (s *Store) makeGood(ctx context.Context) error {
	h := &s.commit.known
	err := s.writer.write(ctx, func() error {
		var last, stirs int64
		err := s.writer.query(readCounter, nil, func(v []driver.Value) { last, stirs = v[0].(int64), v[1].(int64) })
		if err != nil {
			return err
		}
		last = h.above(last, h.id.Load())
		if known := h.stirs.Load(); stirs < known {
			h.complain()
			stirs = known
		}
		if !h.lost.Load() {
			return errUnchanged
		}
		return s.writer.exec("UPDATE atommq_log SET last_id = ?, stirs = ?", last, stirs+1)
	})
	if err != nil || !h.lost.Load() {
		return err
	}
	s.commit.mu.Lock()
	s.commit.assumed.forget()
	s.commit.mu.Unlock()
	h.count.Store(0) // of a commit that is lost: the next one leaves its mark
	h.lost.Store(false)
	h.pulse.lose(func(int64, *life) bool { return true })
	return nil
}
