package db

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"
)

// postgres is the engine of a PostgreSQL database: one connection that writes, with its statements prepared.
type postgres struct {
	server *server
	texts  *pgTexts
	herald *herald
	commit *commit // whose mark and horizon a new connection is compared with; nil until there is one
	made   bool    // the tables, when it was opened
	lock   int64   // this engine's own
	warned bool    // the server did, since the transaction began

	mu    sync.Mutex
	conn  driver.Conn // nil until used, and after it failed
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
	batch batch
	sole  func() error // sends the only statement of the transaction under way; nil if it is no such one
}

// patience is how long a transaction is tried again while the database cannot be reached, or asks for it.
const patience = 3 * time.Second

// transact implements engine. It tries again what a lost connection or a deadlock undid. When the
// answer to a COMMIT is lost, it asks the database what became of it.
func (p *postgres) transact(ctx context.Context, t transaction) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lost error // of a COMMIT, the outcome of which is to be found out
	begun, r := time.Now(), newRetries(patience)
	defer r.stop()
	for ctx.Err() == nil {
		err := p.advance(ctx, t, &lost)
		switch {
		case err == nil:
			p.herald.call()
			return nil
		case errors.Is(err, errUnchanged):
			return nil
		case stateOf(err) == divisionByZero: // what the commit assumed does not hold; it does not assume it again
			continue
		case errors.Is(err, errUndone):
			if time.Since(begun) > undonePatience {
				return err
			}
			r.allow(patience)
			continue
		}
		doubt, ok := errors.AsType[*doubtError](err)
		if ok && lost == nil {
			lost = doubt
			r.allow(doubtPatience)
		}
		if !passing(err) || !r.wait(ctx) {
			return cmp.Or(lost, err)
		}
	}
	return cmp.Or(lost, context.Cause(ctx))
}

// advance runs t's work, or finds out whether it is done already.
func (p *postgres) advance(ctx context.Context, t transaction, lost *error) error {
	if *lost == nil {
		return p.attempt(ctx, t.work)
	}
	done := false
	err := p.attempt(ctx, func() (err error) {
		done, err = t.done()
		return err
	})
	if err != nil || done {
		return err
	}
	err = fmt.Errorf("%w: %w", errUndone, errors.Unwrap(*lost))
	*lost = nil
	return err
}

// ownLock is what each transaction of an engine takes first. The server may not know yet that a
// connection is lost, and carry out what came over it: whatever is sent over the next one waits for
// the end of that.
const ownLock = "SELECT pg_advisory_xact_lock(CAST(? AS BIGINT))"

// attempt runs work in a transaction once.
func (p *postgres) attempt(ctx context.Context, work func() error) error {
	if err := p.connect(ctx); err != nil {
		return err
	}
	p.warned, p.sole = false, nil
	p.batch.begin()
	err := p.batch.add(ownLock, p.texts, number([]driver.Value{p.lock}), func([]driver.Value) {})
	if err == nil {
		err = work()
	}
	committing := err == nil
	if committing {
		switch err = p.end(); {
		case err == nil && p.warned:
			return &doubtError{"the server warned while committing, as when the wait for a standby is cancelled", errWarned}
		case err == nil:
			return nil
		}
	}
	alive := !p.batch.begun() || p.rollback()
	// A server that became a standby is left for the one that took over.
	if !alive || stateOf(err) == readOnlyTransaction {
		p.disconnect()
	}
	// What the server refuses is undone, and the session goes on; of what it died of, nobody knows.
	if committing && (!alive || stateOf(err) == "") {
		return &doubtError{"the connection was lost while committing", err}
	}
	return err
}

// end ends the transaction under way, the work of which was well.
func (p *postgres) end() error {
	if p.sole == nil {
		return p.batch.commit(p.conn)
	}
	p.batch.drop()
	p.batch.sent = true
	return p.sole()
}

// whole implements writer.whole.
func (p *postgres) whole(query string, args []driver.NamedValue, row func(v []driver.Value)) bool {
	const own = 2 // ownLock and lockCounter
	if p.batch.begun() || p.batch.added > own {
		return false // or the statement would wait for a COMMIT, and what else was put off be left out
	}
	p.sole = func() error { return p.execute(query, args, row) }
	return true
}

// errWarned says that the server has carried out a COMMIT that may not be on its standbys.
var errWarned = errors.New("a warning of the server")

// rollback ends the transaction under way, if any. It reports false where the session has ended.
func (p *postgres) rollback() bool {
	text := "ROLLBACK"
	if p.sole != nil {
		text = ";" // the server has undone what failed, and would warn
	}
	_, err := p.conn.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err == nil
}

// connect opens the connection if it is not. Callers hold p.mu.
func (p *postgres) connect(ctx context.Context) error {
	if p.conn != nil {
		return nil
	}
	session := p.server.connector(writerSession)
	session.limit, session.warned = answerLimit, func() { p.warned = true }
	conn, err := session.Connect(ctx)
	if err != nil {
		return err
	}
	if p.commit != nil {
		if err := p.commit.known.compare(conn, &p.commit.mark); err != nil {
			_ = conn.Close()
			return &unreachableError{err}
		}
	}
	p.conn, p.stmts = conn, make(map[string]driver.Stmt)
	p.batch.forget()
	return nil
}

// disconnect closes the connection, and with it what the server has for it. Callers hold p.mu.
func (p *postgres) disconnect() {
	if p.conn != nil {
		_ = p.conn.Close() // there is nothing more to give up
		p.conn, p.stmts = nil, nil
	}
}

func (p *postgres) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disconnect()
	return p.herald.close()
}

// statement returns the prepared form of query, and args by their place, the others NULL.
func (p *postgres) statement(query string, args []driver.NamedValue) (driver.Stmt, []driver.NamedValue, error) {
	s := p.stmts[query]
	if s == nil {
		var err error
		if s, err = p.conn.Prepare(p.texts.text(query)); err != nil {
			return nil, nil, err
		}
		p.stmts[query] = s
	}
	p.args = p.args[:0]
	for i := range s.NumInput() {
		p.args = append(p.args, driver.NamedValue{Ordinal: i + 1})
	}
	for _, a := range args {
		switch v := a.Value.(type) {
		case bool:
			a.Value = int64(0)
			if v {
				a.Value = int64(1)
			}
		case arrayText:
			a.Value = []byte(v) // which the driver sends as it is
		case shifted:
			a.Value = v.id + v.shift.by // known by now: lockCounter was sent before
		}
		p.args[a.Ordinal-1].Value = a.Value
	}
	return s, p.args, nil
}

// later implements statements.
func (p *postgres) later(query string, args []driver.NamedValue, row func(v []driver.Value)) error {
	if large(args) {
		if row == nil {
			row = func([]driver.Value) {}
		}
		return p.alone(query, args, row)
	}
	return p.batch.add(query, p.texts, args, row)
}

// sync implements statements.
func (p *postgres) sync() error {
	_, err := p.batch.send(p.conn)
	return err
}

// changeNumbered implements statements.
func (p *postgres) changeNumbered(query string, args []driver.NamedValue) (rows int64, err error) {
	if err := p.batch.add(query, p.texts, args, nil); err != nil {
		return 0, err
	}
	return p.batch.send(p.conn)
}

// query implements statements.
func (p *postgres) query(query string, args []driver.NamedValue, row func(v []driver.Value)) error {
	if err := p.batch.add(query, p.texts, args, row); err != nil {
		return err
	}
	return p.sync()
}

// alone runs a statement whose parameters are large, which the server need not look for in a text.
func (p *postgres) alone(query string, args []driver.NamedValue, row func(v []driver.Value)) error {
	if err := p.sync(); err != nil {
		return err
	}
	return p.execute(query, args, row)
}

// execute sends a statement with its parameters beside it.
func (p *postgres) execute(query string, args []driver.NamedValue, row func(v []driver.Value)) error {
	s, args, err := p.statement(query, args)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), args)
	if err != nil {
		return err
	}
	return walk(rows, all(row))
}
