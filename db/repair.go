package db

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// Repair counts anew what Check finds counted wrongly, in one transaction, while others work on the
// database, and returns a line for each counter that it set.
func (s *Store) Repair(ctx context.Context) (repaired []string, err error) {
	err = s.writer.write(ctx, func() error {
		r := repair{writer: s.writer}
		if err := r.run(); err != nil {
			return err
		}
		if repaired = r.done; repaired == nil {
			return errUnchanged
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("repair the counters: %w", translate(ctx, err))
	}
	return repaired, nil
}

// repair is one under way. It takes locks in the order in which commits do; a row is counted once
// its lock is held, in a statement of its own, so that whoever changed it before is counted, and
// who waits for the lock adds to what was counted.
type repair struct {
	writer *writer
	done   []string
}

func (r *repair) run() error {
	if err := r.writer.exclude(); err != nil {
		return err
	}
	for _, part := range []func() error{r.log, r.feeds, r.queues} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// row runs query and returns the numbers of its first row, nil for none.
func (r *repair) row(query string, args ...driver.Value) (n []int64, err error) {
	err = r.writer.query(query, number(args), func(v []driver.Value) {
		n = n[:0]
		for _, value := range v {
			i, _ := value.(int64)
			n = append(n, i)
		}
	})
	return n, err
}

func (r *repair) report(format string, args ...any) {
	r.done = append(r.done, fmt.Sprintf(format, args...))
}

const highest = "SELECT " + newestID + `, (SELECT coalesce(max(id), 0) FROM atommq_entry), (SELECT coalesce(max(last_id), 0) FROM atommq_feed),
	(SELECT coalesce(max(pruned_id), 0) FROM atommq_feed) FROM atommq_log`

// log raises the counter of ids above all that were given.
func (r *repair) log() error {
	n, err := r.row(highest)
	if err != nil || n == nil {
		return err
	}
	to := max(n[0], n[1], n[2], n[3])
	if to == n[0] {
		return nil
	}
	r.report("the counter of ids: %d becomes %d", n[0], to)
	return r.writer.exec("UPDATE atommq_log SET last_id = ?", to)
}

const (
	lockFeed  = "SELECT entries, bytes, last_id, pruned_id FROM atommq_feed WHERE name = ? /* FOR UPDATE */"
	countSome = `SELECT CAST(coalesce(sum(1 - deleted), 0) AS BIGINT), CAST(coalesce(sum(size), 0) AS BIGINT), coalesce(max(id), 0), count(*)
		FROM (SELECT id, deleted, octet_length(xml) AS size FROM atommq_entry WHERE feed = ? AND id > ? ORDER BY id LIMIT ?) AS piece`
)

// countPiece is how many entries one statement counts: a server that takes long over its answer
// would be taken for one that is gone.
const countPiece = 1000

func (r *repair) feeds() error {
	var names []string
	err := r.writer.query("SELECT name FROM atommq_feed ORDER BY name", nil, func(v []driver.Value) { names = append(names, v[0].(string)) })
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := r.feed(name); err != nil {
			return err
		}
	}
	return nil
}

func (r *repair) feed(name string) error {
	is, err := r.row(lockFeed, name)
	if err != nil || is == nil {
		return err
	}
	n, err := r.countFeed(name)
	if err != nil {
		return err
	}
	last := max(is[2], is[3], n[2])
	if is[0] == n[0] && is[1] == n[1] && is[2] == last {
		return nil
	}
	r.report("feed %q: entries counted as %d, now %d; bytes as %d, now %d; newest id %d, now %d", name, is[0], n[0], is[1], n[1], is[2], last)
	return r.writer.exec("UPDATE atommq_feed SET entries = ?, bytes = ?, last_id = ? WHERE name = ?", n[0], n[1], last, name)
}

// countFeed returns how many entries a feed has, their bytes, and its newest id.
func (r *repair) countFeed(name string) (sum [3]int64, err error) {
	for more := true; more; {
		n, err := r.row(countSome, name, sum[2], int64(countPiece))
		if err != nil {
			return sum, err
		}
		sum = [3]int64{sum[0] + n[0], sum[1] + n[1], max(sum[2], n[2])}
		more = n[3] == countPiece
	}
	return sum, nil
}

const (
	lockQueue  = "SELECT " + waits + fromQueues + "WHERE q.id = ? /* FOR UPDATE OF q */"
	countQueue = `SELECT (SELECT count(*) FROM atommq_ready WHERE queue = ?1) + (SELECT count(*) FROM atommq_claim WHERE queue = ?1)`
)

func (r *repair) queues() error {
	type named struct {
		id         int64
		feed, name string
	}
	var all []named
	err := r.writer.query("SELECT id, feed, name FROM atommq_queue ORDER BY id", nil, func(v []driver.Value) {
		all = append(all, named{v[0].(int64), v[1].(string), v[2].(string)})
	})
	if err != nil {
		return err
	}
	for _, q := range all {
		is, err := r.row(lockQueue, q.id)
		if err != nil {
			return err
		}
		n, err := r.row(countQueue, q.id)
		if err != nil {
			return err
		}
		if len(is) == 0 || is[0] == n[0] {
			continue
		}
		r.report("queue %q of feed %q: %d that wait become %d", q.name, q.feed, is[0], n[0])
		if err := r.writer.exec(updateWaiting, n[0]-is[0], q.id); err != nil {
			return err
		}
	}
	return nil
}
