package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"
)

// watchInterval is how often Watch looks.
const watchInterval = 20 * time.Millisecond

// Watch implements bus.Notifier. It calls changed once at the start, for what
// was written while nobody watched.
func (s *Store) Watch(ctx context.Context, changed func()) error { return s.writer.watch(ctx, changed) }

// watch implements engine.
func (w *sqlite) watch(ctx context.Context, changed func()) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for seen := (version{opens: -1}); ; {
		now, err := w.dataVersion()
		if err != nil {
			return fmt.Errorf("watch the database: %w", translate(ctx, err))
		}
		if now != seen {
			seen = now
			changed()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// version is a state of the file. SQLite's number of it means nothing on another connection, which
// may have come to the same one by another way.
type version struct{ opens, data int64 }

// dataVersion returns what changes when another connection has written. Asked on the connection
// through which this process does all its writing, it stands still for that.
func (w *sqlite) dataVersion() (v version, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.connect(); err != nil {
		return version{}, err
	}
	v.opens = w.opens
	err = w.query("PRAGMA data_version", nil, func(row []driver.Value) { v.data = row[0].(int64) })
	return v, err
}
