package db

import (
	"context"
	"database/sql"

	"github.com/mattn/go-sqlite3"
)

// pagesAtOnce is how many pages of a file are copied between two looks at the context.
const pagesAtOnce = 512

// copyPages makes the file behind to what the file behind from is in its transaction. Because that
// one has begun before, all pages are of one moment, and what others write meanwhile does not have
// it begin anew. Until the last page is there, to is as it was.
func copyPages(ctx context.Context, from, to *sql.Conn, tell func(done, of int64)) error {
	return to.Raw(func(target any) error {
		return from.Raw(func(source any) error {
			b, err := target.(*sqlite3.SQLiteConn).Backup("main", source.(*sqlite3.SQLiteConn), "main")
			if err != nil {
				return err
			}
			for done := false; !done; {
				if ctx.Err() != nil {
					_ = b.Finish() // it undoes all
					return context.Cause(ctx)
				}
				if done, err = b.Step(pagesAtOnce); err != nil {
					_ = b.Finish() // it says the same
					return err
				}
				tell(int64(b.PageCount()-b.Remaining()), int64(b.PageCount()))
			}
			return b.Finish()
		})
	})
}
