package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"atommq/migrations"
)

// Check looks for what contradicts itself in a database. It reads it as it is at one moment, while
// others work on it.
type Check struct {
	DSN string
	// Found is told of each fault, from one goroutine.
	Found func(Fault)
	// Progress is told how many inspections are done, from the same one; nil for nobody.
	Progress func(Progress)
}

// Fault is something wrong in a database.
type Fault struct {
	Kind   string `json:"kind"`
	What   string `json:"fault"`
	Do     string `json:"do"`     // what helps
	Repair bool   `json:"repair"` // Repair helps
}

// faultsEach bounds the faults that one inspection tells of.
const faultsEach = 100

// Run returns how many faults there are.
func (c *Check) Run(ctx context.Context) (faults int, err error) {
	s, err := openSnapshot(ctx, c.DSN)
	if err != nil {
		return 0, copyError(ctx, c.DSN, err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := migrations.CheckVersion(s.schema); err != nil {
		return 0, copyError(ctx, c.DSN, err)
	}
	steps := c.steps(s)
	for i, step := range steps {
		if c.Progress != nil {
			c.Progress(Progress{Phase: "check", Table: step.what, Rows: int64(i), Of: int64(len(steps))})
		}
		n, err := step.run(ctx)
		faults += n
		if err != nil {
			return faults, copyError(ctx, c.DSN, fmt.Errorf("check %s: %w", step.what, err))
		}
	}
	return faults, nil
}

// checkStep is a part of the check, and returns how many faults it has told of.
type checkStep struct {
	what string
	run  func(ctx context.Context) (int, error)
}

func (c *Check) steps(s *copySide) (steps []checkStep) {
	if !IsPostgres(c.DSN) {
		steps = append(steps,
			checkStep{"pages", func(ctx context.Context) (int, error) { return c.pages(ctx, s) }},
			checkStep{"references", func(ctx context.Context) (int, error) { return c.references(ctx, s) }})
	}
	for _, i := range inspections {
		steps = append(steps, checkStep{i.name, func(ctx context.Context) (int, error) { return c.inspect(ctx, s, i) }})
	}
	return append(steps, checkStep{"media", func(ctx context.Context) (int, error) { return c.media(ctx, s) }})
}

// inspect tells of what one inspection finds.
func (c *Check) inspect(ctx context.Context, s *copySide, i inspection) (faults int, err error) {
	err = eachFound(ctx, s.conn, s.text(i.query), func(row []any) {
		if faults++; faults > faultsEach {
			return
		}
		c.Found(Fault{Kind: i.name, What: fill(i.fault, row), Do: fill(cmp.Or(i.do, askRepair), row), Repair: i.do == ""})
	})
	if more := faults - faultsEach; more > 0 {
		c.Found(Fault{Kind: i.name, What: fmt.Sprintf("and %d more of this kind", more), Do: "mend those above first", Repair: i.do == ""})
	}
	return faults, err
}

// fill puts a row's values, which the text names by their numbers, into it.
func fill(text string, row []any) string {
	if !strings.Contains(text, "%") {
		return text
	}
	return fmt.Sprintf(text, row...)
}

// eachFound calls do with each row of a query. The values are valid during the call.
func eachFound(ctx context.Context, conn *sql.Conn, query string, do func(row []any)) error {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, dest := scanner(len(columns))
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		do(values)
	}
	return rows.Err()
}

// RestoreBackup is what to do about a file whose pages are lost.
const RestoreBackup = "move the database away, with the files -wal and -shm beside it, and restore a backup: atommq restore FILE --db DATABASE"

// pages has SQLite look through its file.
func (c *Check) pages(ctx context.Context, s *copySide) (faults int, err error) {
	err = eachFound(ctx, s.conn, fmt.Sprintf("PRAGMA integrity_check(%d)", faultsEach), func(row []any) {
		if what := fmt.Sprint(row[0]); what != "ok" {
			faults++
			c.Found(Fault{Kind: "pages", What: "the file is damaged: " + what, Do: RestoreBackup})
		}
	})
	return faults, err
}

// references has SQLite look for rows that name others which are gone.
func (c *Check) references(ctx context.Context, s *copySide) (faults int, err error) {
	err = eachFound(ctx, s.conn, "PRAGMA foreign_key_check", func(row []any) {
		if faults++; faults <= faultsEach {
			c.Found(Fault{Kind: "references", What: fmt.Sprintf("row %v of table %v names one of %v that is gone", row[1], row[0], row[2]), Do: RestoreBackup})
		}
	})
	return faults, err
}

// media tells of those that are not what came.
func (c *Check) media(ctx context.Context, s *copySide) (faults int, err error) {
	err = s.eachWrongMedia(ctx, func(what string) {
		if faults++; faults <= faultsEach {
			c.Found(Fault{Kind: "media", What: what, Do: "PUT the file anew, or restore a backup"})
		}
	})
	return faults, err
}
