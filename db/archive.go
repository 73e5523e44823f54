package db

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"atommq/bus"
	"atommq/feeds"
	"atommq/migrations"
)

// Snapshot is a database as it is at one moment, for reading. It is for one goroutine.
type Snapshot struct{ side *copySide }

// OpenSnapshot opens a database, of this program's schema, which others go on working on.
func OpenSnapshot(ctx context.Context, dsn string) (*Snapshot, error) {
	side, err := openSnapshot(ctx, dsn)
	if err != nil {
		return nil, copyError(ctx, dsn, err)
	}
	if err := migrations.CheckVersion(side.schema); err != nil {
		return nil, errors.Join(copyError(ctx, dsn, err), side.close())
	}
	return &Snapshot{side}, nil
}

// Close lets go of it.
func (s *Snapshot) Close() error { return s.side.close() }

// Feeds returns all feeds in the order of their names.
func (s *Snapshot) Feeds(ctx context.Context) (all []feeds.Feed, err error) {
	rows, err := s.side.conn.QueryContext(ctx, `SELECT name, uuid, title, subtitle, author_name, author_uri, author_email, created, updated, entries, bytes
		FROM atommq_feed ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list the feeds: %w", translate(ctx, err))
	}
	defer rows.Close()
	for rows.Next() {
		var f feeds.Feed
		var created, updated int64
		if err := rows.Scan(&f.Name, &f.UUID, &f.Title, &f.Subtitle, &f.Author.Name, &f.Author.URI, &f.Author.Email, &created, &updated, &f.Entries, &f.Bytes); err != nil {
			return nil, err
		}
		f.Created, f.Updated = moment(created), moment(updated)
		all = append(all, f)
	}
	return all, rows.Err()
}

// Page returns at most limit entries of a feed with ids above after, and no more than bytes and one
// entry, in order.
func (s *Snapshot) Page(ctx context.Context, feed string, after int64, limit, bytes int) (page []*bus.Entry, err error) {
	query := fmt.Sprintf("SELECT %s FROM atommq_entry WHERE feed = %s AND id > %s AND deleted = 0 ORDER BY id LIMIT %d",
		entryColumns, s.side.param(1), s.side.param(2), limit)
	rows, err := s.side.conn.QueryContext(ctx, query, feed, after)
	if err != nil {
		return nil, fmt.Errorf("read feed %q: %w", feed, translate(ctx, err))
	}
	defer rows.Close()
	for size := 0; size <= bytes && rows.Next(); {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		page = append(page, e)
		size += len(e.XML)
	}
	return page, rows.Err()
}

// Media writes what the entry of this uuid links to, and returns its SHA-256. It fails where that
// is not the one of what came.
func (s *Snapshot) Media(ctx context.Context, uuid string, to io.Writer) ([]byte, error) {
	query := "SELECT m.digest, c.bytes FROM atommq_media AS m JOIN atommq_chunk AS c ON c.media = coalesce(m.chunks_of, m.id) WHERE m.entry = " + s.side.param(1) + " ORDER BY c.seq"
	rows, err := s.side.conn.QueryContext(ctx, query, uuid)
	if err != nil {
		return nil, fmt.Errorf("read media of %s: %w", uuid, translate(ctx, err))
	}
	defer rows.Close()
	var digest []byte
	sum := sha256.New()
	to = io.MultiWriter(to, sum)
	for rows.Next() {
		var chunk []byte
		if err := rows.Scan(&digest, &chunk); err != nil {
			return nil, err
		}
		if _, err := to.Write(chunk); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read media of %s: %w", uuid, translate(ctx, err))
	}
	switch {
	case digest == nil:
		return nil, fmt.Errorf("media of %s: %w: run atommq check", uuid, bus.ErrNoMedia)
	case !bytes.Equal(sum.Sum(nil), digest):
		return nil, fmt.Errorf("media of entry %s are not the bytes that came (SHA-256): PUT the file anew, or delete the entry", uuid)
	}
	return digest, nil
}
