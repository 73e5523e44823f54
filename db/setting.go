package db

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// settingRow is a row of atommq_setting, or what a feed without one has.
type settingRow struct {
	Accepts     *string
	Categories  string
	KeepAge     int64 `db:"keep_age"` // microseconds
	KeepEntries int64 `db:"keep_entries"`
	KeepBytes   int64 `db:"keep_bytes"`
	Revision    int64
}

// fill tells f what its owner decided.
func (r *settingRow) fill(f *bus.Feed) {
	if r.Accepts != nil {
		f.Accepts = strings.Fields(*r.Accepts)
	}
	if r.Categories != "" {
		// What cannot be read, written by hand perhaps, says nothing.
		_ = json.Unmarshal([]byte(r.Categories), &f.Categories)
	}
	f.Keep = bus.Keep{Age: span(r.KeepAge), Entries: r.KeepEntries, Bytes: r.KeepBytes}
	f.Revision = r.Revision
}

const (
	selectRevision = "SELECT revision FROM atommq_setting WHERE feed = ?"
	upsertSetting  = "INSERT INTO atommq_setting (feed) VALUES (?) ON CONFLICT (feed) DO NOTHING"
	updateSetting  = `UPDATE atommq_setting SET accepts = CASE WHEN ?1 = 1 THEN ?2 ELSE accepts END, categories = coalesce(?3, categories),
		keep_age = coalesce(?4, keep_age), keep_entries = coalesce(?5, keep_entries), keep_bytes = coalesce(?6, keep_bytes),
		revision = revision + 1 WHERE feed = ?7`
)

// checkRevision returns ErrChanged unless the settings of a feed have the revision wanted; nil is any.
func (w *writer) checkRevision(feed string, wanted *int64) error {
	if wanted == nil {
		return nil
	}
	var revision int64
	err := w.query(selectRevision, number([]driver.Value{feed}), func(v []driver.Value) { revision = v[0].(int64) })
	if err == nil && revision != *wanted {
		return bus.ErrChanged
	}
	return err
}

// set changes what stands in atommq_setting, and counts the change whatever it is.
func (w *writer) set(feed string, set bus.Settings) error {
	args := make([]driver.Value, 7)
	args[0], args[6] = int64(0), feed
	if a := set.Accepts; a != nil {
		args[0] = int64(1)
		if *a != nil {
			args[1] = spaced(*a)
		}
	}
	if set.Categories != nil {
		args[2] = ""
		if !set.Categories.IsZero() {
			text, err := json.Marshal(set.Categories)
			if err != nil {
				return fmt.Errorf("write categories: %w", err)
			}
			args[2] = string(text)
		}
	}
	if k := set.Keep; k != nil {
		args[3], args[4], args[5] = k.Age.Microseconds(), k.Entries, k.Bytes
	}
	if err := w.exec(upsertSetting, feed); err != nil {
		return err
	}
	return w.exec(updateSetting, args...)
}

// spaced writes media ranges with a space between them; they hold none themselves.
func spaced(a feeds.Accepts) string {
	ranges := make([]string, len(a))
	for i, r := range a {
		ranges[i] = strings.Join(strings.Fields(r), "")
	}
	return strings.Join(ranges, " ")
}

const readLimited = selectFeeds + `WHERE s.keep_age + s.keep_entries + s.keep_bytes > 0 AND s.feed > ? ORDER BY s.feed LIMIT ?`

// Limited implements bus.Retention.
func (s *Store) Limited(ctx context.Context, after string, limit int) ([]*bus.Feed, error) {
	list, err := s.listFeeds(ctx, readLimited, legibleCursor(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list feeds with limits: %w", err)
	}
	return list, nil
}

// oldRow is an entry that retention looks at.
type oldRow struct {
	ID, Edited int64
	Live       int64
	Bytes      int64 // with its media
}

const (
	readOld = `SELECT e.id, e.edited, 1 - e.deleted AS live, octet_length(e.xml) + coalesce(m.size, 0) AS bytes
		FROM atommq_entry AS e LEFT JOIN atommq_media AS m ON m.entry = e.uuid WHERE e.feed = ? ORDER BY e.id LIMIT ?`
	readMediaSize = "SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM atommq_media WHERE feed = ? AND entry IS NOT NULL"
)

// Surplus implements bus.Retention.
func (s *Store) Surplus(ctx context.Context, f *bus.Feed, now time.Time, limit int) (upTo int64, err error) {
	if f.Keep.Age > 0 {
		if now, err = s.byServer(ctx, now); err != nil {
			return 0, err
		}
	}
	var rows []oldRow
	var media int64
	if f.Keep.Bytes > 0 {
		err = s.reader.GetContext(ctx, &media, readMediaSize, f.Name)
	}
	if err == nil {
		err = s.reader.SelectContext(ctx, &rows, readOld, f.Name, limit)
	}
	if err != nil {
		return 0, fmt.Errorf("look for what feed %q no longer keeps: %w", f.Name, translate(ctx, err))
	}
	oldest := int64(0)
	if f.Keep.Age > 0 {
		oldest = now.Add(-f.Keep.Age).UnixMicro()
	}
	entries, bytes := f.Entries, f.Bytes+media
	for _, r := range rows {
		if r.Edited >= oldest && (f.Keep.Entries == 0 || entries <= f.Keep.Entries) && (f.Keep.Bytes == 0 || bytes <= f.Keep.Bytes) {
			break
		}
		upTo = r.ID
		entries, bytes = entries-r.Live, bytes-r.Bytes
	}
	return upTo, nil
}
