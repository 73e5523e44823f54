package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"atommq/bus"
	"atommq/feeds"
)

const (
	selectFeeds = `SELECT name, uuid, title, subtitle, author_name, author_uri, author_email,
		append_only, created, updated, last_id, pruned_id, entries, bytes, coalesce(until_acked, 0) AS until_acked, owner,
		s.accepts, coalesce(s.categories, '') AS categories, coalesce(s.keep_age, 0) AS keep_age, coalesce(s.keep_entries, 0) AS keep_entries,
		coalesce(s.keep_bytes, 0) AS keep_bytes, coalesce(s.revision, 0) AS revision
		FROM atommq_feed LEFT JOIN atommq_setting AS s ON s.feed = name `
	readFeed        = selectFeeds + "WHERE name = ?"
	readFeedsAfter  = selectFeeds + "WHERE name > ? ORDER BY name LIMIT ?"
	readFeedsBefore = selectFeeds + "WHERE name < ? ORDER BY name DESC LIMIT ?"
)

// feedRow is a row of atommq_feed.
type feedRow struct {
	Name        string
	UUID        string
	Title       string
	Subtitle    string
	AuthorName  string `db:"author_name"`
	AuthorURI   string `db:"author_uri"`
	AuthorEmail string `db:"author_email"`
	AppendOnly  bool   `db:"append_only"`
	Created     int64
	Updated     int64
	LastID      int64 `db:"last_id"`
	PrunedID    int64 `db:"pruned_id"`
	Entries     int64
	Bytes       int64
	UntilAcked  bool `db:"until_acked"`
	Owner       string
	settingRow
}

func (r *feedRow) feed() *bus.Feed {
	f := &bus.Feed{
		Feed: feeds.Feed{
			Name:       r.Name,
			UUID:       r.UUID,
			Title:      r.Title,
			Subtitle:   r.Subtitle,
			Author:     feeds.Person{Name: r.AuthorName, URI: r.AuthorURI, Email: r.AuthorEmail},
			AppendOnly: r.AppendOnly,
			Created:    moment(r.Created),
			Updated:    moment(r.Updated),
			LastID:     r.LastID,
			Entries:    r.Entries,
			Bytes:      r.Bytes,
		},
		Pruned:     r.PrunedID,
		UntilAcked: r.UntilAcked,
		Owner:      r.Owner,
	}
	r.fill(f)
	return f
}

// Feed implements bus.Catalog.
func (s *Store) Feed(ctx context.Context, name string) (*bus.Feed, error) {
	var r feedRow
	err := s.reader.GetContext(ctx, &r, readFeed, name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, bus.ErrNoFeed
	}
	if err != nil {
		return nil, fmt.Errorf("read feed %q: %w", name, translate(ctx, err))
	}
	return r.feed(), nil
}

// Feeds implements bus.Catalog.
func (s *Store) Feeds(ctx context.Context, after, before string, limit int) ([]*bus.Feed, error) {
	query, name := readFeedsAfter, after
	if before != "" {
		query, name = readFeedsBefore, before
	}
	list, err := s.listFeeds(ctx, query, legibleCursor(name), limit)
	if err != nil {
		return nil, fmt.Errorf("list feeds: %w", err)
	}
	if before != "" {
		slices.Reverse(list)
	}
	return list, nil
}

// listFeeds returns the feeds that a query of selectFeeds finds.
func (s *Store) listFeeds(ctx context.Context, query string, args ...any) ([]*bus.Feed, error) {
	var rows []feedRow
	if err := s.reader.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, translate(ctx, err)
	}
	list := make([]*bus.Feed, len(rows))
	for i := range rows {
		list[i] = rows[i].feed()
	}
	return list, nil
}

const (
	readNames       = "SELECT name FROM atommq_feed WHERE name >= ?1 AND (?2 = '' OR name < ?2) ORDER BY name LIMIT ?3"
	readPrunedAbove = "SELECT name, pruned_id FROM atommq_feed WHERE name >= ?1 AND (?2 = '' OR name < ?2) AND name > ?3 AND pruned_id > ?4 ORDER BY name LIMIT ?5"
)

// Names implements bus.Catalog.
func (s *Store) Names(ctx context.Context, prefix string, limit int) (names []string, err error) {
	first, end, some := prefixBounds(prefix)
	if !some {
		return nil, nil
	}
	if err := s.reader.SelectContext(ctx, &names, readNames, first, end, limit); err != nil {
		return nil, fmt.Errorf("list feeds %q*: %w", prefix, translate(ctx, err))
	}
	return names, nil
}

// PrunedAbove implements bus.Catalog.
func (s *Store) PrunedAbove(ctx context.Context, prefix, after string, id int64, limit int) ([]bus.Pruned, error) {
	first, end, some := prefixBounds(prefix)
	if !some {
		return nil, nil
	}
	var rows []struct {
		Name     string
		PrunedID int64 `db:"pruned_id"`
	}
	if err := s.reader.SelectContext(ctx, &rows, readPrunedAbove, first, end, legibleCursor(after), id, limit); err != nil {
		return nil, fmt.Errorf("look for what feeds %q* have lost: %w", prefix, translate(ctx, err))
	}
	list := make([]bus.Pruned, len(rows))
	for i, r := range rows {
		list[i] = bus.Pruned{Feed: r.Name, UpTo: r.PrunedID}
	}
	return list, nil
}

const (
	insertFeed = "INSERT INTO atommq_feed (name, uuid, created, updated) VALUES (?1, ?2, ?3, ?3) ON CONFLICT (name) DO NOTHING"
	setFeed    = `UPDATE atommq_feed SET title = coalesce(?, title), subtitle = coalesce(?, subtitle),
		author_name = coalesce(?, author_name), author_uri = coalesce(?, author_uri), author_email = coalesce(?, author_email),
		append_only = coalesce(?, append_only), until_acked = coalesce(?, until_acked) WHERE name = ?`
)

// Configure implements bus.Catalog.
func (s *Store) Configure(ctx context.Context, name string, set bus.Settings) (*bus.Feed, error) {
	err := s.writer.write(ctx, func() error {
		if err := s.writer.exclude(); err != nil {
			return err
		}
		if err := s.writer.checkRevision(name, set.IfRevision); err != nil {
			return err
		}
		if err := s.writer.makeFeed(name, time.Now().UnixMicro()); err != nil {
			return err
		}
		if err := s.writer.exec(setFeed, append(settingsArgs(set), name)...); err != nil {
			return err
		}
		return s.writer.set(name, set)
	})
	if err != nil {
		return nil, fmt.Errorf("configure feed %q: %w", name, translate(ctx, err))
	}
	return s.Feed(ctx, name)
}

// makeFeed makes a feed, if there is none.
func (w *writer) makeFeed(name string, at int64) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a uuid: %w", err)
	}
	return w.exec(insertFeed, name, id.String(), at)
}

// settingsArgs returns the arguments of setFeed, nil for what stays.
func settingsArgs(set bus.Settings) []driver.Value {
	args := make([]driver.Value, 7, 8)
	if set.Title != nil {
		args[0] = *set.Title
	}
	if set.Subtitle != nil {
		args[1] = *set.Subtitle
	}
	if a := set.Author; a != nil {
		args[2], args[3], args[4] = a.Name, a.URI, a.Email
	}
	if set.AppendOnly != nil {
		args[5] = *set.AppendOnly
	}
	if set.UntilAcked != nil {
		args[6] = *set.UntilAcked
	}
	return args
}
