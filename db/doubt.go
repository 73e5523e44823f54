package db

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// doubtPatience is how long the outcome of a COMMIT is asked for, the answer to which was lost:
// about as long as a standby may take to take over.
const doubtPatience = 10 * time.Second

// undonePatience is for how long a transaction is begun anew whose COMMIT was lost and undone: a
// server that dies of it, or a network, may do so each time.
const undonePatience = 30 * time.Second

// doubtError says that a transaction may have been committed or not.
type doubtError struct {
	what string // happened
	err  error
}

func (e *doubtError) Error() string {
	return fmt.Sprintf("%s, and whether that was done is not known: %v", e.what, e.err)
}

func (e *doubtError) Unwrap() error { return e.err }

// errUndone is what asking for an outcome may come to, beside nil for a transaction that was carried out.
var errUndone = errors.New("the transaction was undone")

// mark tells afterwards whether a transaction was carried out: each leaves one in a row among the
// idempotency keys, of its store's commits or of its other transactions. It is the key of no feed.
type mark struct {
	row   string // the key
	count uint64 // of such transactions, and of attempts at them
}

// newMark returns one that no other store has.
func newMark(of string) mark { return mark{row: of + " of " + uuid.NewString()} }

// digest is what the transaction leaves, never zeros.
func (m *mark) digest() (d [32]byte) {
	binary.BigEndian.PutUint64(d[:], m.count)
	return d
}

const (
	upsertMark  = "INSERT INTO atommq_key (feed, key, seq, digest, uuid, id, used) VALUES ('', ?, 0, ?, '', ?, ?)" + replaceMark
	replaceMark = " ON CONFLICT (feed, key, seq) DO UPDATE SET digest = excluded.digest, id = excluded.id, used = excluded.used"
	// traceMark writes: so the answer comes once standbys that are waited for have it, and all before it.
	traceMark = `INSERT INTO atommq_key AS k (feed, key, seq, digest, uuid, id, used) VALUES ('', ?, 0, ?, '', 0, ?)
		ON CONFLICT (feed, key, seq) DO UPDATE SET used = excluded.used RETURNING k.digest, k.id`
)

// keepUntil is until when a mark that is left now is kept. It changes once a day, so that the row
// stays in its place in the index.
func (*mark) keepUntil() int64 {
	return time.Now().Truncate(24 * time.Hour).Add(48 * time.Hour).UnixMicro()
}

// leave leaves m, with an id.
func (w *writer) leave(m *mark, id driver.Value) error {
	if !w.repeats {
		return nil
	}
	digest := m.digest()
	return w.exec(upsertMark, m.row, digest[:], id, m.keepUntil())
}

// trace finds out, in a transaction of its own, whether m was left, and with which id.
func (w *writer) trace(m *mark) (left bool, id int64, err error) {
	args := number([]driver.Value{m.row, make([]byte, 32), m.keepUntil()})
	err = w.query(traceMark, args, func(v []driver.Value) {
		left, id = [32]byte(v[0].([]byte)) == m.digest(), v[1].(int64)
	})
	return left, id, err
}

// leaveMark leaves the commit's, with the newest id that it gave out.
func (c *commit) leaveMark() error { return c.writer.leave(&c.mark, c.own(c.next-1)) }

// carriedOut finds out, in a transaction of its own, whether the commit was carried out whose state this is.
func (c *commit) carriedOut() (done bool, err error) {
	done, newest, err := c.writer.trace(&c.mark)
	if done && c.shift.unknown {
		c.shiftBy(newest - (c.next - 1))
	}
	return done, err
}
