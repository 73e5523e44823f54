package db

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"atommq/migrations"
)

// copySide is one of the two databases of a copy, which nobody else uses meanwhile, or a snapshot of one.
type copySide struct {
	copyDialect
	name   string // data source name
	pool   *sql.DB
	conn   *sql.Conn
	tables []*copyTable
	locked bool   // others are kept out
	schema int64  // its version, of a snapshot
	tidy   func() // what is to be done when it is closed, if anything
}

// copyDialect is how databases differ for a copy.
type copyDialect interface {
	// list returns the tables that AtomMQ has.
	list(ctx context.Context, conn *sql.Conn) ([]*copyTable, error)
	// lock keeps others out until unlock, or until the connection is closed.
	lock(ctx context.Context, conn *sql.Conn) error
	unlock(ctx context.Context, conn *sql.Conn) error
	// picture has the connection read, until it is closed, what there is at this moment, and change nothing.
	picture(ctx context.Context, conn *sql.Conn) error
	// tableCount returns a query that finds 1 if there is a table of that name, or else 0.
	tableCount(name string) string
	// text returns a statement of both databases as this one takes it.
	text(query string) string
	// param names the n-th parameter of a statement, from 1.
	param(n int) string
	// ordered returns a column as one that is sorted byte by byte.
	ordered(table *copyTable, column string) string
	// write adds rows in a transaction.
	write(ctx context.Context, tx *sql.Tx, table *copyTable, rows [][]any) error
	// sequence returns the last number that a table has given.
	sequence(ctx context.Context, conn *sql.Conn, table *copyTable) (int64, error)
	// setSequence sets it.
	setSequence(ctx context.Context, conn *sql.Conn, table *copyTable, last int64) error
}

var (
	_ copyDialect = copyFile{}
	_ copyDialect = copyServer{}
)

// copyTable is a table as the schema has it.
type copyTable struct {
	name     string
	columns  []string
	key      []string        // columns of the primary key
	texts    map[string]bool // columns that are texts
	sequence string          // the column whose numbers are never given again, "" for none
}

// copyMarker is a table that the target has while it is not whole; it holds the stamp of the source.
const copyMarker = "atommq_copy"

// checkWhole refuses a database that is the unfinished target of a copy or a restore, of which
// query counts the markers.
func checkWhole(ctx context.Context, pool *sql.DB, query string) error {
	var markers int
	if err := pool.QueryRowContext(ctx, query).Scan(&markers); err != nil {
		return err
	}
	if markers > 0 {
		return ErrUnfinished
	}
	return nil
}

// openSource opens the database to copy, which has the newest schema.
func openSource(ctx context.Context, dsn string) (*copySide, error) {
	if loc, err := parse(dsn); err == nil && !IsPostgres(dsn) {
		if err := loc.checkEnd(ctx); err != nil {
			return nil, err
		}
	}
	s, err := openSide(ctx, dsn, false)
	if err != nil {
		return nil, err
	}
	stamp, err := s.stamp(ctx)
	if err == nil && stamp != "" {
		err = ErrUnfinished
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openTarget opens the database to copy to, making its tables if there are none.
func openTarget(ctx context.Context, dsn string) (*copySide, error) { return openSide(ctx, dsn, true) }

// openSide opens a database for a copy alone.
func openSide(ctx context.Context, dsn string, create bool) (_ *copySide, err error) {
	s := &copySide{name: dsn}
	if s.pool, s.copyDialect, err = openCopyPool(ctx, dsn, create); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(busyError(err), s.close())
		}
	}()
	if s.conn, err = s.pool.Conn(ctx); err != nil {
		return nil, err
	}
	if err := s.lock(ctx, s.conn); err != nil {
		return nil, err
	}
	s.locked = true
	s.tables, err = s.list(ctx, s.conn)
	return s, err
}

func openCopyPool(ctx context.Context, dsn string, create bool) (*sql.DB, copyDialect, error) {
	if IsPostgres(dsn) {
		open := openUnshared
		if create {
			open = openFit
		}
		pool, err := open(ctx, dsn)
		if err != nil {
			return nil, nil, err
		}
		if err := checkSchema(ctx, pool, create); err != nil {
			return nil, nil, errors.Join(err, pool.Close())
		}
		return pool, copyServer{}, nil
	}
	loc, err := parse(dsn)
	if err != nil {
		return nil, nil, err
	}
	if err := loc.check(); err != nil {
		return nil, nil, err
	}
	if create {
		loc.make()
	}
	d, err := sql.Open("sqlite3", loc.url("_busy_timeout=2000"))
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(checkSchema(ctx, d, create), d.Close()); err != nil {
		return nil, nil, busyError(err)
	}
	pool, err := sql.Open("sqlite3", loc.url("_busy_timeout=2000", "_locking_mode=EXCLUSIVE", "_synchronous=FULL"))
	return pool, copyFile{}, err
}

// checkSchema refuses an older schema, or a newer one, or, unless create is set, none.
func checkSchema(ctx context.Context, d *sql.DB, create bool) error {
	if create {
		_, err := ensureOwn(ctx, d)
		return err
	}
	err := migrations.Check(ctx, d)
	if errors.Is(err, migrations.ErrNone) {
		return cmp.Or(CheckOwn(ctx, d), ErrNoBus)
	}
	return err
}

// unlockLimit is how long a database may take over letting others in.
const unlockLimit = 5 * time.Second

func (s *copySide) close() (err error) {
	if s.locked {
		ctx, cancel := context.WithTimeout(context.Background(), unlockLimit)
		_ = s.unlock(ctx, s.conn) // one that failed ends with the session
		cancel()
	}
	if s.conn != nil {
		err = s.conn.Close()
	}
	if s.pool != nil {
		err = errors.Join(err, s.pool.Close())
	}
	if s.tidy != nil {
		s.tidy()
	}
	return unlessLost(err)
}

func (s *copySide) count(ctx context.Context, table string) (n int64, err error) {
	err = s.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n)
	return n, err
}

// stamp returns the stamp in the marker, "" where there is none.
func (s *copySide) stamp(ctx context.Context) (stamp string, err error) {
	marked, err := s.has(ctx, copyMarker)
	if err != nil || !marked {
		return "", err
	}
	err = s.conn.QueryRowContext(ctx, "SELECT stamp FROM "+copyMarker).Scan(&stamp)
	return stamp, err
}

// has reports whether there is a table of that name.
func (s *copySide) has(ctx context.Context, name string) (bool, error) {
	var n int
	err := s.conn.QueryRowContext(ctx, s.tableCount(name)).Scan(&n)
	return n > 0, err
}

// mustBeEmpty refuses a database that has more in it than one that was only just made.
func (s *copySide) mustBeEmpty(ctx context.Context) error {
	fresh, err := fresh(ctx)
	if err != nil {
		return err
	}
	for _, table := range s.tables {
		n, err := s.count(ctx, table.name)
		if err != nil {
			return err
		}
		if n != fresh[table.name] {
			return fmt.Errorf("holds something already (rows in %s: %d): name an empty database", table.name, n)
		}
	}
	var last int64
	if err := s.conn.QueryRowContext(ctx, "SELECT last_id FROM atommq_log").Scan(&last); err != nil {
		return err
	}
	if last != 0 {
		return errors.New("was used already: name an empty database")
	}
	return nil
}

// transact runs work in a transaction.
func (s *copySide) transact(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		_ = tx.Rollback() // a full disk has SQLite do so itself, and another one closing it
		return err
	}
	return tx.Commit()
}

// begin marks a database as one that is not whole, and empties it.
func (s *copySide) begin(ctx context.Context, stamp string) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "CREATE TABLE "+copyMarker+" (stamp TEXT NOT NULL)"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO "+copyMarker+" VALUES ("+s.param(1)+")", stamp); err != nil {
			return err
		}
		for _, table := range s.tables {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table.name); err != nil {
				return err
			}
		}
		return nil
	})
}

// end says that the database is whole.
func (s *copySide) end(ctx context.Context) error {
	_, err := s.conn.ExecContext(ctx, "DROP TABLE IF EXISTS "+copyMarker)
	return err
}

func (s *copySide) insert(ctx context.Context, table *copyTable, rows [][]any) error {
	return s.transact(ctx, func(tx *sql.Tx) error { return s.write(ctx, tx, table, rows) })
}

func (s *copySide) sequence(ctx context.Context, table *copyTable) (int64, error) {
	return s.copyDialect.sequence(ctx, s.conn, table)
}

func (s *copySide) setSequence(ctx context.Context, table *copyTable, last int64) error {
	return s.copyDialect.setSequence(ctx, s.conn, table, last)
}

// lastKey returns the last key of a table.
func (s *copySide) lastKey(ctx context.Context, table *copyTable) ([]any, error) {
	var order []string
	for _, column := range table.key {
		order = append(order, s.ordered(table, column)+" DESC")
	}
	key, dest := scanner(len(table.key))
	query := "SELECT " + names(table.key) + " FROM " + table.name + " ORDER BY " + strings.Join(order, ", ") + " LIMIT 1"
	err := s.conn.QueryRowContext(ctx, query).Scan(dest...)
	return key, err
}

// each calls row with the rows behind the key after, nil for all, in the order of keys. Its values
// are valid during the call, except that texts and bytes are row's to keep.
func (s *copySide) each(ctx context.Context, table *copyTable, after []any, row func([]any) error) error {
	var order, params []string
	for i, column := range table.key {
		order = append(order, s.ordered(table, column))
		params = append(params, s.param(i+1))
	}
	by := strings.Join(order, ", ")
	query := "SELECT " + s.values(table) + " FROM " + table.name
	if after != nil {
		query += " WHERE (" + by + ") > (" + strings.Join(params, ", ") + ")"
	}
	rows, err := s.conn.QueryContext(ctx, query+" ORDER BY "+by, after...)
	if err != nil {
		return err
	}
	defer rows.Close()
	values, dest := scanner(len(table.columns))
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// values lists what each reads of a table: its columns, and the counter of ids as it is on a server.
func (s *copySide) values(table *copyTable) string {
	columns := names(table.columns)
	if table.name == "atommq_log" {
		columns = strings.Replace(columns, `"last_id"`, s.text(newestID), 1)
	}
	return columns
}

// names lists columns; some are words of SQL.
func names(columns []string) string { return `"` + strings.Join(columns, `", "`) + `"` }

// scanner returns values, and pointers to them.
func scanner(n int) (values, dest []any) {
	values, dest = make([]any, n), make([]any, n)
	for i := range values {
		dest[i] = &values[i]
	}
	return values, dest
}

// sizeOf returns about how much memory a row takes.
func sizeOf(row []any) (size int) {
	for _, v := range row {
		switch v := v.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
		size += 24
	}
	return size
}

// appendCanonical writes a row as the same bytes, whichever database it is from.
func appendCanonical(dst []byte, row []any) ([]byte, error) {
	for _, v := range row {
		switch v := v.(type) {
		case nil:
			dst = append(dst, 'n')
		case int64:
			dst = binary.BigEndian.AppendUint64(append(dst, 'i'), uint64(v))
		case float64:
			dst = binary.BigEndian.AppendUint64(append(dst, 'f'), math.Float64bits(v))
		case string:
			dst = append(binary.BigEndian.AppendUint64(append(dst, 't'), uint64(len(v))), v...)
		case []byte:
			dst = append(binary.BigEndian.AppendUint64(append(dst, 'b'), uint64(len(v))), v...)
		default:
			return nil, fmt.Errorf("a value of the type %T", v)
		}
	}
	return dst, nil
}
