package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/mattn/go-sqlite3"
)

// eachRow calls row with the values of each row that query finds, as long as it says that it wants
// more. It asks SQLite's driver without database/sql, which converts and copies each value and
// starts a goroutine for each context that may end. ctx is heeded between rows; a page is short.
func (r *reader) eachRow(ctx context.Context, query string, args []any, row func(v []driver.Value) bool) error {
	conn, err := r.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		named, err := convert(args)
		if err != nil {
			return err
		}
		rows, err := c.(*sqlite3.SQLiteConn).QueryContext(context.WithoutCancel(ctx), query, named)
		if err != nil {
			return err
		}
		err = walk(rows, func(v []driver.Value) bool { return ctx.Err() == nil && row(v) })
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	})
}

// walk does as eachOf, and closes rows.
func walk(rows driver.Rows, row func(v []driver.Value) (more bool)) error {
	defer rows.Close()
	return eachOf(rows, row)
}

// eachOf calls row with the values of each row of a result, which are valid during the call, as
// long as it wants more.
func eachOf(rows driver.Rows, row func(v []driver.Value) (more bool)) error {
	values := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(values)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !row(values) {
			return nil
		}
	}
}

// all has row called with every row.
func all(row func(v []driver.Value)) func(v []driver.Value) (more bool) {
	return func(v []driver.Value) bool { row(v); return true }
}

// convert makes of args what a driver takes, with the ordinals from 1.
func convert(args []any) ([]driver.NamedValue, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return number(values), nil
}
