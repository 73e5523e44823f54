package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math"
	"strings"

	"atommq/bus"
	"atommq/feeds"
)

// entryColumns are the columns of an entry in the order that entryOf and
// scanEntry take them.
const entryColumns = "id, feed, uuid, atom_id, title, published, updated, edited, absent, edits, deleted, media, xml"

// entryWidth is how many those are.
const entryWidth = 13

// entryOf makes an entry of the driver's values.
func entryOf(v []driver.Value) *bus.Entry {
	return &bus.Entry{Member: feeds.Member{
		ID:        v[0].(int64),
		Feed:      v[1].(string),
		UUID:      v[2].(string),
		AtomID:    v[3].(string),
		Title:     v[4].(string),
		Published: moment(v[5].(int64)),
		Updated:   moment(v[6].(int64)),
		Edited:    moment(v[7].(int64)),
		Absent:    feeds.Parts(v[8].(int64)),
		Edits:     v[9].(int64),
		Deleted:   v[10].(int64) != 0,
		Media:     v[11].(string),
		XML:       bytesOf(v[12].(string)),
	}}
}

// rowOf is a current row: of *sql.Rows, or *sqlx.Rows.
type rowOf interface{ Scan(dest ...any) error }

// scanEntry makes an entry of the current row, and reads the columns behind those of an entry.
func scanEntry(rows rowOf, extra ...any) (*bus.Entry, error) {
	var published, updated, edited int64
	e := new(bus.Entry)
	err := rows.Scan(append([]any{&e.ID, &e.Feed, &e.UUID, &e.AtomID, &e.Title, &published, &updated, &edited, &e.Absent, &e.Edits, &e.Deleted, &e.Media, &e.XML}, extra...)...)
	e.Published, e.Updated, e.Edited = moment(published), moment(updated), moment(edited)
	return e, err
}

const (
	// Names stand in the comparison and in the order, so that no index but that of feeds will do:
	// PostgreSQL would walk through the ids of all feeds where it takes a feed for a large part of
	// them, or does not know which one it is.
	within     = "(feed, id) > (?1, ?2) AND (feed, id) < (?1, ?3)"
	readOldest = "SELECT " + entryColumns + " FROM atommq_entry WHERE " + within + " ORDER BY feed, id LIMIT ?4"
	readNewest = "SELECT " + entryColumns + " FROM atommq_entry WHERE " + within + " ORDER BY feed DESC, id DESC LIMIT ?4"
	readFind   = "SELECT " + entryColumns + " FROM atommq_entry WHERE uuid = ?"
	readHead   = "SELECT " + newestID + " FROM atommq_log"
	// The plus keeps SQLite from collecting the feeds by name, and then sorting what they have.
	ofPrefix         = "+feed >= ?1 AND (?2 = '' OR +feed < ?2)"
	readPrefixOldest = "SELECT " + entryColumns + " FROM atommq_entry WHERE " + ofPrefix + " AND id > ?3 AND id < ?4 ORDER BY id LIMIT ?5"
	readPrefixNewest = "SELECT " + entryColumns + " FROM atommq_entry WHERE " + ofPrefix + " AND id > ?3 AND id < ?4 ORDER BY id DESC LIMIT ?5"
	// The bound inside keeps SQLite from walking the index of all feeds instead.
	readChanged = "SELECT " + newestID + ` AS head, n.feed /* , stirs, CAST(extract(epoch FROM pg_postmaster_start_time()) AS TEXT) AS server */ FROM atommq_log LEFT JOIN (
		SELECT DISTINCT feed FROM (SELECT feed FROM atommq_entry WHERE id > ? ORDER BY id LIMIT ?) AS newer LIMIT ?) AS n ON TRUE`
)

// outlines has in place of each query for whole entries the one that Query.Outline asks for.
var outlines = func() map[string]string {
	columns := strings.TrimSuffix(entryColumns, "xml") + "'', octet_length(xml)"
	queries := make(map[string]string)
	for _, whole := range []string{readOldest, readNewest, readPrefixOldest, readPrefixNewest} {
		queries[whole] = strings.Replace(whole, entryColumns, columns, 1)
	}
	return queries
}()

// Read implements bus.Log.
func (s *Store) Read(ctx context.Context, q bus.Query) ([]*bus.Entry, error) {
	query, args, some := readQuery(q)
	if !some {
		return nil, nil
	}
	if q.Outline {
		query = outlines[query]
	}
	size := 0
	page, err := s.entries(ctx, query, func(e *bus.Entry) (more bool) {
		size += len(e.XML) + e.Outlined
		return q.Bytes == 0 || size <= q.Bytes
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("read feed %q: %w", q.Feed, translate(ctx, err))
	}
	return page, nil
}

// readQuery returns the statement that reads q, and its arguments. some is false where no feed can
// have a name that begins so.
func readQuery(q bus.Query) (query string, args []any, some bool) {
	before := q.Before
	if before == 0 {
		before = math.MaxInt64
	}
	switch {
	case q.Prefix:
		first, end, some := prefixBounds(q.Feed)
		if !some {
			return "", nil, false
		}
		query, args = readPrefixOldest, []any{first, end}
		if q.Newest {
			query = readPrefixNewest
		}
	default:
		query, args = readOldest, []any{q.Feed}
		if q.Newest {
			query = readNewest
		}
	}
	return query, append(args, q.After, before, q.Limit), true
}

// prefixBounds returns the first name that may begin with prefix, and the first one behind all that
// do, "" for none. some is false where no feed can have a name that begins so.
func prefixBounds(prefix string) (first, end string, some bool) {
	if first, some = legibleBound(prefix); !some { // without bounds, it would be all feeds
		return "", "", false
	}
	end, _ = legibleBound(prefixEnd(prefix))
	return first, end, true
}

// prefixEnd returns the first name, in bytewise order, behind all that start with prefix; "" if there is none.
func prefixEnd(prefix string) string {
	end := []byte(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xFF {
			end[i]++
			return string(end[:i+1])
		}
	}
	return ""
}

// entries collects what query finds, until more says that it is enough.
func (s *Store) entries(ctx context.Context, query string, more func(*bus.Entry) bool, args ...any) ([]*bus.Entry, error) {
	if s.reader.native {
		var page []*bus.Entry
		err := s.reader.eachRow(ctx, query, args, func(v []driver.Value) bool {
			e := entryOf(v)
			if len(v) > entryWidth {
				e.Outlined = int(v[entryWidth].(int64))
			}
			page = append(page, e)
			return more(e)
		})
		return page, err
	}
	rows, err := s.reader.QueryxContext(ctx, query, args...)
	if stateOf(err) == notText {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var outlined int
	var extra []any
	if columns, err := rows.Columns(); err != nil {
		return nil, err
	} else if len(columns) > entryWidth {
		extra = []any{&outlined}
	}
	var page []*bus.Entry
	for rows.Next() {
		e, err := scanEntry(rows, extra...)
		if err != nil {
			return nil, err
		}
		e.Outlined = outlined
		page = append(page, e)
		if !more(e) {
			break
		}
	}
	return page, rows.Err()
}

// Find implements bus.Log.
func (s *Store) Find(ctx context.Context, feed, uuid string) (*bus.Entry, error) {
	all := func(*bus.Entry) bool { return true }
	found, err := s.entries(ctx, readFind, all, uuid)
	if err == nil && len(found) == 0 {
		found, err = s.entries(ctx, readDraft, all, uuid)
	}
	if err != nil {
		return nil, fmt.Errorf("find entry %s: %w", uuid, translate(ctx, err))
	}
	if len(found) == 0 || (feed != "" && found[0].Feed != feed) {
		return nil, bus.ErrNoEntry
	}
	return found[0], nil
}

// Head implements bus.Log.
func (s *Store) Head(ctx context.Context) (int64, error) {
	var head int64
	if err := s.reader.GetContext(ctx, &head, readHead); err != nil {
		return 0, fmt.Errorf("read the newest id: %w", translate(ctx, err))
	}
	s.commit.known.see(head)
	return head, nil
}

// changedSpan is how many new ids Changed looks through at most. An index over the feeds' newest
// ids would answer at once, but cost every commit a page.
const changedSpan = 50_000

// Changed implements bus.Log. Past changedSpan new entries, there is more than it can name, and so
// there may be where a server has lost some.
func (s *Store) Changed(ctx context.Context, after int64, limit int) (names []string, head int64, more bool, err error) {
	var rows []struct {
		Head   int64
		Feed   *string // nil, in the only row, where nothing is newer
		Stirs  int64   // and Server, of a server
		Server string
	}
	known := &s.commit.known
	id, stirs := known.id.Load(), known.stirs.Load()
	err = s.reader.selectOften(ctx, &rows, readChanged, after, changedSpan, limit+1)
	if err == nil && len(rows) == 0 {
		err = sql.ErrNoRows // of the counter
	}
	if err != nil {
		return nil, 0, false, fmt.Errorf("read what changed: %w", translate(ctx, err))
	}
	head = rows[0].Head
	if known.lost.Load() || head < id || rows[0].Stirs < stirs {
		if err := s.makeGood(ctx); err != nil {
			return nil, 0, false, fmt.Errorf("go on behind what was lost: %w", translate(ctx, err))
		}
	}
	known.see(head)
	known.rise(&known.stirs, rows[0].Stirs)
	if known.moved(rows[0].Server) || head < after || head-after > changedSpan || len(rows) > limit {
		return nil, head, true, nil
	}
	for _, r := range rows {
		if r.Feed != nil {
			names = append(names, *r.Feed)
		}
	}
	return names, head, false, nil
}
