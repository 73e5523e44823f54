package db

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"atommq/migrations"
)

// Copy moves a whole bus from one database to another: every row of every table, as it is. Whatever
// the schema has is copied, table by table in the order of keys, so that a copy that broke off goes
// on behind the last row that is there.
type Copy struct {
	From, To string
	// Progress is told now and then how far the copy is, from one goroutine at a time; nil for nobody.
	Progress func(Progress)

	batch int // rows copied at a time, 0 for copyRows
}

// Progress says how far a copy, a backup, a restore or a check is.
type Progress struct {
	// Phase is "copy", row by row, or "copy pages", of a file into a file; "verify", which comes
	// after a copy, and before a restore, too; or "check", of a Check.
	Phase string `json:"phase"`
	// Table is what is worked on: a table, or what an inspection of a Check looks at; "" where it is
	// the whole file.
	Table string `json:"table"`
	// Rows is how much is done in this phase, out of Of: rows of all tables, pages, or inspections.
	// Both are 0 where a file is verified.
	Rows int64 `json:"rows"`
	Of   int64 `json:"of"`
}

// Copied is a table of which both databases have the same rows.
type Copied struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	Digest string `json:"sha256,omitempty"` // of the rows, in the order of keys; "" where it was not asked for
}

// Run copies, and compares both databases when it is done. It refuses databases that somebody else
// uses, and a target that holds anything but a part of the same copy. What it has when it fails is
// gone on from when it is run again; until it has succeeded, no node opens the target.
func (c *Copy) Run(ctx context.Context) (_ []Copied, err error) {
	from, err := openSource(ctx, c.From)
	if err != nil {
		return nil, copyError(ctx, c.From, err)
	}
	defer func() { err = errors.Join(err, from.close()) }()
	to, err := openTarget(ctx, c.To)
	if err != nil {
		return nil, copyError(ctx, c.To, err)
	}
	defer func() { err = errors.Join(err, to.close()) }()
	t := &transfer{from: from, to: to, tell: c.Progress, batch: cmp.Or(c.batch, copyRows), advice: ": run it again to go on"}
	if t.tell == nil {
		t.tell = func(Progress) {}
	}
	return t.run(ctx)
}

func copyError(ctx context.Context, dsn string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("database %s: %w", Name(dsn), translate(ctx, err))
}

// transfer is a copy under way.
type transfer struct {
	from, to *copySide
	tables   []*copyTable
	total    int64 // rows of the source
	whole    bool  // the target has been whole before: a copy was killed at its very end
	progress Progress
	tell     func(Progress)
	batch    int
	advice   string // for who sees it break off
}

// run copies, compares, and only then calls the target whole.
func (t *transfer) run(ctx context.Context) (_ []Copied, err error) {
	if t.tables, err = common(t.from.tables, t.to.tables); err != nil {
		return nil, err
	}
	if err := t.begin(ctx); err != nil {
		return nil, copyError(ctx, t.to.name, err)
	}
	if !t.whole {
		if err := t.copyAll(ctx); err != nil {
			return nil, fmt.Errorf("copy: %w%s", translate(ctx, err), t.advice)
		}
	}
	copied, err := t.verify(ctx)
	if err != nil {
		return nil, fmt.Errorf("verify the copy: %w", translate(ctx, err))
	}
	return copied, copyError(ctx, t.to.name, t.to.end(ctx))
}

// What a copy works with at a time is bounded.
const (
	copyRows  = 5000
	copyBytes = 8 << 20 // beside one row
)

// begin makes the target ready, or finds that it was.
func (t *transfer) begin(ctx context.Context) error {
	stamp, total, err := t.stampOf(ctx, t.from)
	if err != nil {
		return err
	}
	t.total = total
	begun, err := t.to.stamp(ctx)
	switch {
	case err != nil:
		return err
	case begun == "":
		return t.beginAnew(ctx, stamp)
	case begun != stamp:
		return errors.New("holds a part of another copy or restore, or of this one as it was before its source changed: name an empty database")
	}
	return nil
}

// beginAnew begins with a target that is empty, unless it seems to be a whole copy.
func (t *transfer) beginAnew(ctx context.Context, stamp string) error {
	taken := t.to.mustBeEmpty(ctx)
	if taken == nil {
		return t.to.begin(ctx, stamp)
	}
	there, _, err := t.stampOf(ctx, t.to)
	if t.whole = err == nil && there == stamp; t.whole {
		return nil
	}
	return taken
}

// stampOf tells a database from others, and from itself after it changed. rows is how many it has.
func (t *transfer) stampOf(ctx context.Context, s *copySide) (stamp string, rows int64, err error) {
	var last, stirs int64
	if err := s.conn.QueryRowContext(ctx, s.text("SELECT "+newestID+", stirs FROM atommq_log")).Scan(&last, &stirs); err != nil {
		return "", 0, err
	}
	counts := make(map[string]int64)
	for _, table := range t.tables {
		if counts[table.name], err = s.count(ctx, table.name); err != nil {
			return "", 0, err
		}
		rows += counts[table.name]
	}
	text, err := json.Marshal(map[string]any{"last_id": last, "stirs": stirs, "rows": counts})
	return string(text), rows, err
}

// copyAll copies what the target does not have yet.
func (t *transfer) copyAll(ctx context.Context) error {
	t.progress = Progress{Phase: "copy", Of: t.total}
	for _, table := range t.tables {
		t.progress.Table = table.name
		if err := t.copyTable(ctx, table); err != nil {
			return fmt.Errorf("table %s: %w", table.name, err)
		}
	}
	return t.copySequences(ctx)
}

func (t *transfer) copyTable(ctx context.Context, table *copyTable) error {
	has, err := t.to.count(ctx, table.name)
	if err != nil {
		return err
	}
	t.report(has)
	var after []any
	if has > 0 {
		if after, err = t.to.lastKey(ctx, table); err != nil {
			return err
		}
	}
	var (
		rows [][]any
		size int
	)
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		err := t.to.insert(ctx, table, rows)
		t.report(int64(len(rows)))
		rows, size = rows[:0], 0
		return err
	}
	err = t.from.each(ctx, table, after, func(row []any) error {
		rows = append(rows, slices.Clone(row))
		size += sizeOf(row)
		if len(rows) < t.batch && size < copyBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

func (t *transfer) report(rows int64) {
	t.progress.Rows += rows
	t.tell(t.progress)
}

// copySequences has numbers that are never given again go on where they are.
func (t *transfer) copySequences(ctx context.Context) error {
	for _, table := range t.tables {
		if table.sequence == "" {
			continue
		}
		last, err := t.from.sequence(ctx, table)
		if err != nil {
			return err
		}
		if err := t.to.setSequence(ctx, table, last); err != nil {
			return fmt.Errorf("numbers of table %s: %w", table.name, err)
		}
	}
	return nil
}

// verify compares the tables.
func (t *transfer) verify(ctx context.Context) (copied []Copied, err error) {
	t.progress = Progress{Phase: "verify", Of: t.total}
	for _, table := range t.tables {
		t.progress.Table = table.name
		var there, here Copied
		both, ctx := errgroup.WithContext(ctx)
		both.Go(func() (err error) {
			there, err = t.from.digest(ctx, table, func() {})
			return err
		})
		both.Go(func() (err error) {
			here, err = t.to.digest(ctx, table, func() { t.report(1) })
			return err
		})
		if err := both.Wait(); err != nil {
			return nil, fmt.Errorf("table %s: %w", table.name, err)
		}
		if there != here {
			return nil, fmt.Errorf("the rows of table %s (%d) have the SHA-256 %s, and those of the copy (%d) %s: remove the copy, and copy anew",
				table.name, there.Rows, there.Digest, here.Rows, here.Digest)
		}
		copied = append(copied, here)
	}
	return copied, nil
}

// digest sums a table up.
func (s *copySide) digest(ctx context.Context, table *copyTable, each func()) (Copied, error) {
	sum, rows := sha256.New(), int64(0)
	var buf []byte
	err := s.each(ctx, table, nil, func(row []any) error {
		var err error
		if buf, err = appendCanonical(buf[:0], row); err != nil {
			return err
		}
		sum.Write(buf)
		rows++
		each()
		return nil
	})
	return Copied{table.name, rows, fmt.Sprintf("%x", sum.Sum(nil))}, err
}

// common returns the tables with the columns that both sides have. The time at which a node was
// last heard of is on servers only.
func common(from, to []*copyTable) (tables []*copyTable, err error) {
	for _, f := range from {
		i := slices.IndexFunc(to, func(t *copyTable) bool { return t.name == f.name })
		if i < 0 {
			return nil, fmt.Errorf("the target has no table %s", f.name)
		}
		both := *f
		both.columns = nil
		for _, column := range f.columns {
			switch {
			case slices.Contains(to[i].columns, column):
				both.columns = append(both.columns, column)
			case f.name != "atommq_node" || column != "seen":
				return nil, fmt.Errorf("the target's table %s has no column %s", f.name, column)
			}
		}
		tables = append(tables, &both)
	}
	return tables, nil
}

// fresh counts the rows of each table in a database that was only just made.
func fresh(ctx context.Context) (map[string]int64, error) {
	d, err := sql.Open("sqlite3", "file::memory:")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	d.SetMaxOpenConns(1)
	if _, err := migrations.Up(ctx, d); err != nil {
		return nil, err
	}
	conn, err := d.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	s := &copySide{conn: conn, copyDialect: copyFile{}}
	if s.tables, err = s.list(ctx, conn); err != nil {
		return nil, err
	}
	counts := make(map[string]int64)
	for _, table := range s.tables {
		if counts[table.name], err = s.count(ctx, table.name); err != nil {
			return nil, err
		}
	}
	return counts, nil
}
