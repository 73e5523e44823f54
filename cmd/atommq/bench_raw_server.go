package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"atommq/db"
)

// rawServer is a session on a PostgreSQL server.
type rawServer struct {
	pool     *sql.DB
	session  *sql.Conn
	prepared map[string]*sql.Stmt
}

func openRawServer(ctx context.Context, dsn string) (rawConn, error) {
	pool, err := db.OpenServer(dsn)
	if err != nil {
		return nil, err
	}
	session, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to PostgreSQL: %w", err), pool.Close())
	}
	r := &rawServer{pool: pool, session: session, prepared: make(map[string]*sql.Stmt)}
	if err := r.exec("SET enable_seqscan = off"); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// close implements rawConn.
func (r *rawServer) close() error { return errors.Join(r.session.Close(), r.pool.Close()) }

// begin implements rawConn.
func (r *rawServer) begin() error { return r.exec("BEGIN") }

// exec implements rawConn.
func (r *rawServer) exec(query string, args ...driver.Value) error {
	statement := r.prepared[query]
	if statement == nil {
		var err error
		if statement, err = r.session.PrepareContext(context.Background(), numberParameters(query)); err != nil {
			return fmt.Errorf("%.20s: %w", query, err)
		}
		r.prepared[query] = statement
	}
	values := make([]any, len(args))
	for i, v := range args {
		values[i] = v
	}
	if _, err := statement.ExecContext(context.Background(), values...); err != nil {
		return fmt.Errorf("%.20s: %w", query, err)
	}
	return nil
}

// numberParameters writes question marks as PostgreSQL's names for parameters.
func numberParameters(query string) string {
	for n := 1; strings.Contains(query, "?"); n++ {
		query = strings.Replace(query, "?", "$"+strconv.Itoa(n), 1)
	}
	return query
}

// insertEntries implements rawConn, with an array for each column that differs between rows.
func (r *rawServer) insertEntries(after int64, n int, xml string) error {
	var uuids, texts strings.Builder
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(xml) + `",`
	texts.Grow(n * len(quoted))
	for range n {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make a uuid: %w", err)
		}
		uuids.WriteString(id.String() + ",")
		texts.WriteString(quoted)
	}
	return r.exec("INSERT INTO atommq_entry (id, feed, uuid, title, published, updated, edited, xml, atom_id, absent)"+
		" SELECT ? + number, ?, uuid, 'bench', ?, ?, ?, xml, '', 0"+
		" FROM unnest(CAST(? AS TEXT[]), CAST(? AS TEXT[])) WITH ORDINALITY AS rows (uuid, xml, number)",
		after, benchFeed, time.Now().UnixMicro(), time.Now().UnixMicro(), time.Now().UnixMicro(), array(&uuids), array(&texts))
}

// array makes an array of elements that each end with a comma.
func array(elements *strings.Builder) string {
	return "{" + strings.TrimSuffix(elements.String(), ",") + "}"
}

// insertWorks implements rawConn.
func (r *rawServer) insertWorks(after int64, n int) error {
	return r.exec("INSERT INTO atommq_ready (queue, rank, id, attempts, bytes, ack_timeout, expires)"+
		" SELECT 1, 5, id, 0, 200, 0, 0 FROM generate_series(CAST(? AS BIGINT), CAST(? AS BIGINT)) AS id", after+1, after+int64(n))
}
