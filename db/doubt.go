package db

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"
)

// doubtPatience is how long the outcome of a COMMIT is asked for, the answer to which was lost:
// about as long as a standby may take to take over.
const doubtPatience = 10 * time.Second

// doubtError says that a transaction may have been committed or not.
type doubtError struct{ err error }

func (e *doubtError) Error() string {
	return fmt.Sprintf("the connection was lost while committing, and whether that was done is not known: %v", e.err)
}

func (e *doubtError) Unwrap() error { return e.err }

// errUndone is what asking for an outcome may come to, beside nil for a transaction that was carried out.
var errUndone = errors.New("the transaction was undone")

// isRefusal reports whether a COMMIT that failed with err is undone for sure: the server said so,
// and did not die over it.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && e.Severity == "ERROR"
}

// mark tells afterwards whether a commit was carried out: each leaves one in a row that is its
// store's, among the idempotency keys. It is the key of no feed.
type mark struct {
	store string // the key
	count uint64 // of this store's commits, and of attempts at them
}

// newMark returns one that no other store has.
func newMark() mark { return mark{store: "commit of " + uuid.NewString()} }

// digest is what the commit leaves, never zeros.
func (m *mark) digest() (d [32]byte) {
	binary.BigEndian.PutUint64(d[:], m.count)
	return d
}

const (
	upsertMark = `INSERT INTO atommq_key (feed, key, seq, digest, uuid, id, used) VALUES ('', ?, 0, ?, '', ?, ?)
		ON CONFLICT (feed, key, seq) DO UPDATE SET digest = excluded.digest, id = excluded.id, used = excluded.used`
	// traceMark waits for the end of a commit that left one, should the server not know yet that
	// its client is gone. It writes: so the answer comes once standbys that are waited for have it,
	// and all before it.
	traceMark = `INSERT INTO atommq_key AS k (feed, key, seq, digest, uuid, id, used) VALUES ('', ?, 0, ?, '', 0, ?)
		ON CONFLICT (feed, key, seq) DO UPDATE SET used = excluded.used RETURNING k.digest, k.id`
)

// keepUntil is until when a mark that is left now is kept. It changes once a day, so that the row
// stays in its place in the index.
func (*mark) keepUntil() int64 {
	return time.Now().Truncate(24 * time.Hour).Add(48 * time.Hour).UnixMicro()
}

// leaveMark leaves the commit's, with the newest id that it gave out.
func (c *commit) leaveMark() error {
	if !c.writer.repeats {
		return nil
	}
	digest := c.mark.digest()
	return c.writer.exec(upsertMark, c.mark.store, digest[:], c.own(c.next-1), c.mark.keepUntil())
}

// carriedOut finds out, in a transaction of its own, whether the commit was carried out whose state this is.
func (c *commit) carriedOut() (done bool, err error) {
	args := number([]driver.Value{c.mark.store, make([]byte, 32), c.mark.keepUntil()})
	err = c.writer.query(traceMark, args, func(v []driver.Value) {
		if done = [32]byte(v[0].([]byte)) == c.mark.digest(); done && c.shift.unknown {
			c.shiftBy(v[1].(int64) - (c.next - 1))
		}
	})
	return done, err
}
