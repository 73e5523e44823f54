package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-sqlite3"

	"atommq/bus"
	"atommq/db"
	"atommq/feeds"
)

// old imports the database of another system.
func (i *importer) old(ctx context.Context, kind, dsn string) (err error) {
	if err := mustBeDatabase("DATABASE", dsn); err != nil {
		return err
	}
	from, err := openOld(dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	read := i.atombus
	if kind == "ocamlmq" {
		read = i.ocamlmq
	}
	if err := read(ctx, from); err != nil {
		if busy, ok := errors.AsType[sqlite3.Error](err); ok && busy.Code == sqlite3.ErrBusy {
			err = fmt.Errorf("%w: stop what works on it", err)
		}
		return fmt.Errorf("database %s: %w", db.Name(dsn), err)
	}
	if err := i.flush(ctx); err != nil {
		return err
	}
	return i.bar.Finish()
}

// oldDatabase is one of another system.
type oldDatabase struct {
	*sql.DB
	server bool // and not a file
}

// openOld opens a database for reading.
func openOld(dsn string) (o oldDatabase, err error) {
	o.server = db.IsPostgres(dsn)
	if o.server {
		o.DB, err = db.OpenServer(dsn)
	} else {
		o.DB, err = db.OpenFile(dsn)
	}
	return o, err
}

// columnsOf returns those of a table, none if there is no such table.
func (o oldDatabase) columnsOf(ctx context.Context, table string) ([]string, error) {
	query := "SELECT count(*) FROM sqlite_schema WHERE name = '" + table + "'"
	if o.server {
		query = "SELECT count(*) FROM pg_class WHERE oid = to_regclass('" + table + "')"
	}
	var tables int
	if err := o.QueryRowContext(ctx, query).Scan(&tables); err != nil || tables == 0 {
		return nil, err
	}
	rows, err := o.QueryContext(ctx, "SELECT * FROM "+table+" WHERE 1 = 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Err())
}

// count tells the bar how much there is.
func (i *importer) count(ctx context.Context, from oldDatabase, table string) error {
	var n int64
	if err := from.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		return err
	}
	i.bar.ChangeMax64(max(n, 1))
	i.bar.Describe(table)
	return nil
}

// ocamlmq has every message wait in the queue that it was sent to. What a consumer had and did not
// acknowledge is among them.
func (i *importer) ocamlmq(ctx context.Context, from oldDatabase) error {
	const table = "ocamlmq_msgs"
	switch columns, err := from.columnsOf(ctx, table); {
	case err != nil:
		return err
	case columns == nil:
		return fmt.Errorf("has no table %s: it is not one of ocamlmq", table)
	}
	if err := i.count(ctx, from, table); err != nil {
		return err
	}
	rows, err := from.QueryContext(ctx, "SELECT msg_id, priority, destination, timestamp, ack_timeout, body FROM "+table+" ORDER BY timestamp, msg_id")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var m oldMessage
		if err := rows.Scan(&m.id, &m.priority, &m.destination, &m.sent, &m.ackTimeout, &m.body); err != nil {
			return err
		}
		p, err := m.post(i.feed)
		if err != nil {
			return fmt.Errorf("message %s: %w", m.id, err)
		}
		if err := i.add(ctx, p, nil); err != nil {
			return fmt.Errorf("message %s: %w", m.id, err)
		}
		_ = i.bar.Add(1)
	}
	return rows.Err()
}

// oldMessage is a row of ocamlmq_msgs.
type oldMessage struct {
	id, destination string
	priority        int
	sent            any // seconds since 1970 in SQLite, a time in PostgreSQL
	ackTimeout      float64
	body            []byte
}

// post makes what is published in its place. Its key outlives its acknowledgement, so that an
// import which goes on does not bring back what was done meanwhile.
func (m *oldMessage) post(feed string) (bus.Post, error) {
	if feed == "" {
		feed = strings.TrimPrefix(m.destination, "/queue/")
	}
	e, err := feeds.ComposeMessage("", &feeds.Message{Body: m.body})
	if err != nil {
		return bus.Post{}, err
	}
	e.Published = m.time()
	e.Updated = e.Published
	key := "ocamlmq:" + m.id
	return bus.Post{
		Feed: feed, Entry: e, UUID: derived(feed, key), Key: key, Queue: bus.DefaultQueue,
		// The lower went first there, and 0 was what all had.
		Priority:   bus.PriorityOf(4 - min(max(m.priority, -5), 4)),
		AckTimeout: m.timeout(),
	}, nil
}

// timeout returns the time that a consumer has, 0 for as long as the queue gives.
func (m *oldMessage) timeout() time.Duration {
	if !(m.ackTimeout > 0) { // or no number
		return 0
	}
	return time.Duration(min(m.ackTimeout, bus.LongestAckTimeout.Seconds()) * float64(time.Second))
}

// time returns when the message was sent, zero if that cannot be read or written.
func (m *oldMessage) time() time.Time {
	var at time.Time
	const year10000 = 253_402_300_800
	switch t := m.sent.(type) {
	case time.Time:
		at = t.UTC().Truncate(time.Microsecond)
	case float64:
		if t >= 0 && t < year10000 {
			at = time.UnixMicro(int64(t * 1e6)).UTC()
		}
	case int64:
		if t >= 0 && t < year10000 {
			at = time.Unix(t, 0).UTC()
		}
	}
	return at
}

// oldTables are where entries are, in AtomBus and in AtomMQ up to 1.04.
var oldTables = []string{"atombus_entry", "atommq_entry"}

// atombus publishes the entries of AtomBus and the first AtomMQ.
func (i *importer) atombus(ctx context.Context, from oldDatabase) error {
	for _, table := range oldTables {
		columns, err := from.columnsOf(ctx, table)
		switch {
		case err != nil:
			return err
		case columns == nil:
			continue
		case slices.Contains(columns, "xml"):
			return errors.New("is of this AtomMQ: atommq copy moves it, atommq export writes its feeds")
		}
		if err := i.count(ctx, from, table); err != nil {
			return err
		}
		return i.oldEntries(ctx, from, oldQuery(table, columns))
	}
	return fmt.Errorf("has no table %s: it is none of AtomBus or AtomMQ", strings.Join(oldTables, " or "))
}

// oldQuery reads a table of any of the versions: the first one had neither authors nor times, and
// its ids were numbers.
func oldQuery(table string, columns []string) string {
	or := func(column, other string) string {
		if slices.Contains(columns, column) {
			return column
		}
		return other
	}
	return fmt.Sprintf("SELECT CAST(id AS TEXT), %s, title, %s, %s, %s, content FROM %s ORDER BY %s", or("feed_title", "feed"),
		or("author_name", "NULL"), or("author_email", "NULL"), or("updated", "NULL"), table, or("order_id", "id"))
}

func (i *importer) oldEntries(ctx context.Context, from oldDatabase, query string) error {
	rows, err := from.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			o    oldEntry
			feed string
		)
		if err := rows.Scan(&o.id, &feed, &o.title, &o.author, &o.email, &o.updated, &o.content); err != nil {
			return err
		}
		if i.feed != "" {
			feed = i.feed
		}
		e, err := o.entry()
		if err != nil {
			return fmt.Errorf("entry %s: %w", o.id, err)
		}
		p := bus.Post{Feed: feed, Entry: e, UUID: derived(feed, o.id)}
		if id, ok := uuidOfURN(o.id); ok {
			p.UUID = id
		}
		if err := i.add(ctx, p, nil); err != nil {
			return fmt.Errorf("entry %s: %w", o.id, err)
		}
		_ = i.bar.Add(1)
	}
	return rows.Err()
}

// oldEntry is a row of one of oldTables.
type oldEntry struct {
	id                                     string
	title, author, email, updated, content sql.NullString
}

// entry makes an entry of what was kept: not the document, but what it said. Content was kept
// without its type, and served as XHTML if it could be that.
func (o *oldEntry) entry() (e *feeds.Entry, err error) {
	text := "<content>" + escaped(o.content.String) + "</content>"
	xhtml := `<content type="xhtml"><div xmlns="` + feeds.NamespaceXHTML + `">` + o.content.String + "</div></content>"
	date := "<updated>" + escaped(o.date()) + "</updated>"
	tries := []string{date + text, text}
	if strings.Contains(o.content.String, "<") {
		tries = []string{date + xhtml, date + text, xhtml, text}
	}
	for _, try := range tries {
		var doc *feeds.Document
		if doc, err = feeds.Parse([]byte(o.head()+try+"</entry>"), "", feeds.Limits{}); err == nil {
			e = doc.Entries[0]
			e.Published = e.Updated
			return e, nil
		}
	}
	return nil, err
}

// date returns the date as Atom has it. What has no zone is taken for UTC.
func (o *oldEntry) date() string {
	if at, err := time.Parse(time.DateTime, o.updated.String); err == nil {
		return at.Format(time.RFC3339Nano)
	}
	return o.updated.String
}

// head returns the entry up to its date.
func (o *oldEntry) head() string {
	var b strings.Builder
	b.WriteString(`<entry xmlns="` + feeds.NamespaceAtom + `">`)
	if _, ok := uuidOfURN(o.id); ok {
		b.WriteString("<id>" + o.id + "</id>")
	}
	b.WriteString("<title>" + escaped(o.title.String) + "</title>")
	if o.author.String != "" {
		b.WriteString("<author><name>" + escaped(o.author.String) + "</name>")
		if o.email.String != "" {
			b.WriteString("<email>" + escaped(o.email.String) + "</email>")
		}
		b.WriteString("</author>")
	}
	return b.String()
}

// escaped writes text as XML has it. What XML cannot carry becomes U+FFFD.
func escaped(s string) string {
	return strings.ReplaceAll(html.EscapeString(strings.Map(func(r rune) rune {
		if feeds.IsXMLChar(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)), "\r", "&#13;")
}
