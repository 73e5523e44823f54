package db

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Join implements bus.Nodes. Who sees the node in the table finds its lock held: it is taken inside
// the transaction.
func (s *Store) Join(ctx context.Context) (node int64, err error) {
	err = s.writer.write(ctx, func() error {
		if node != 0 { // of an attempt before
			if err := s.nodes.release(node); err != nil {
				return err
			}
		}
		args := number([]driver.Value{time.Now().UnixMicro()})
		err := s.writer.query("INSERT INTO atommq_node (started) VALUES (?) RETURNING id", args,
			func(v []driver.Value) { node = v[0].(int64) })
		if err != nil {
			return err
		}
		return s.nodes.hold(node)
	})
	if err != nil {
		return 0, errors.Join(fmt.Errorf("join as a node: %w", translate(ctx, err)), s.nodes.release(node))
	}
	return node, nil
}

// Leave implements bus.Nodes.
func (s *Store) Leave(ctx context.Context, node int64) error {
	if _, err := s.strikeOut(ctx, node); err != nil {
		return fmt.Errorf("leave as node %d: %w", node, translate(ctx, err))
	}
	return s.nodes.release(node)
}

// Recover implements bus.Nodes.
func (s *Store) Recover(ctx context.Context) (queues []int64, err error) {
	nodes, err := s.listNodes(ctx)
	if err != nil {
		return nil, err
	}
	for _, node := range nodes {
		if alive, err := s.alive(node); err != nil {
			return queues, fmt.Errorf("see whether node %d lives: %w", node.ID, err)
		} else if alive {
			continue
		}
		more, err := s.strikeOut(ctx, node.ID)
		queues = append(queues, more...)
		if err != nil {
			return queues, fmt.Errorf("recover the claims of node %d: %w", node.ID, translate(ctx, err))
		}
	}
	slices.Sort(queues)
	return slices.Compact(queues), nil
}

// Living implements bus.Health.
func (s *Store) Living(ctx context.Context) (living []int64, err error) {
	nodes, err := s.listNodes(ctx)
	if err != nil {
		return nil, err
	}
	for _, node := range nodes {
		alive, err := s.alive(node)
		if err != nil {
			return nil, fmt.Errorf("see whether node %d lives: %w", node.ID, err)
		}
		if alive {
			living = append(living, node.ID)
		}
	}
	return living, nil
}

// selectNodes lists the nodes that are processes. In PostgreSQL one that was silent for too long is
// gone, and one that was last seen in a future that no living one leaves itself in, by a clock that
// was set back since.
var selectNodes = "SELECT id, CASE WHEN gone <> 0 /* OR seen < " + pgNow + " - " + strconv.FormatInt(silence.Microseconds(), 10) +
	" OR seen > " + pgNow + " + " + strconv.FormatInt(time.Minute.Microseconds(), 10) + " */ THEN 1 ELSE 0 END AS gone FROM atommq_node WHERE id > 0"

// nodeRow is a row of selectNodes.
type nodeRow struct {
	ID   int64
	Gone bool
}

func (s *Store) listNodes(ctx context.Context) (nodes []nodeRow, err error) {
	if err := s.reader.SelectContext(ctx, &nodes, selectNodes); err != nil {
		return nil, fmt.Errorf("list the nodes: %w", translate(ctx, err))
	}
	return nodes, nil
}

// alive reports whether a node may hold claims. One that could not finish leaving may not, though
// its process lives.
func (s *Store) alive(node nodeRow) (bool, error) {
	if node.Gone {
		return false, nil
	}
	return s.nodes.held(node.ID)
}

// strikeBatch is how many claims one transaction returns, so that publishers wait little behind it.
const strikeBatch = 1000

// strikeOut returns a node's claims to their queues, in small transactions, and removes it. From
// the first one on it can neither claim nor settle.
func (s *Store) strikeOut(ctx context.Context, node int64) (queues []int64, err error) {
	for more := true; more; {
		var some []int64
		err := s.writer.write(ctx, func() (err error) {
			some, more, err = s.writer.strikeSome(node)
			return err
		})
		if err != nil {
			return queues, err
		}
		queues = append(queues, some...)
	}
	return queues, nil
}

const (
	selectBatch   = "SELECT queue, rank, id FROM atommq_claim WHERE node = ? ORDER BY queue, rank, id LIMIT 1 OFFSET ?"
	ofBatch       = " FROM atommq_claim WHERE node = ? AND (queue, rank, id) <= (?, ?, ?)"
	selectHolders = "SELECT DISTINCT queue" + ofBatch
	returnBatch   = `INSERT INTO atommq_ready (queue, rank, id, attempts, bytes, ack_timeout, expires)
		SELECT queue, rank, id, attempts, bytes, ack_timeout, expires` + ofBatch
	deleteBatch = "DELETE" + ofBatch
)

// strikeSome returns a batch of a node's claims, and the queues they went to; with the last one it
// removes the node.
func (w *writer) strikeSome(node int64) (queues []int64, more bool, err error) {
	if err := w.exclude(); err != nil {
		return nil, false, err
	}
	if err := w.lockNode(node); err != nil {
		return nil, false, err
	}
	if n, err := w.change("UPDATE atommq_node SET gone = 1 WHERE id = ?", node); err != nil || n == 0 {
		return nil, false, cmp.Or(err, errUnchanged)
	}
	batch, more, err := w.batchOf(node)
	if err != nil {
		return nil, false, err
	}
	err = w.query(selectHolders, number(batch), func(v []driver.Value) { queues = append(queues, v[0].(int64)) })
	if err != nil {
		return nil, false, err
	}
	if err := w.exec(returnBatch, batch...); err != nil {
		return nil, false, err
	}
	if err := w.exec(deleteBatch, batch...); err != nil {
		return nil, false, err
	}
	for _, q := range queues {
		if err := w.stir(q); err != nil {
			return nil, false, err
		}
	}
	if !more {
		err = w.exec("DELETE FROM atommq_node WHERE id = ?", node)
	}
	return queues, more, err
}

// lockNode waits for the end of the commit under way that goes by node being there, which has it
// locked, and keeps others out.
func (w *writer) lockNode(node int64) error {
	return w.query("SELECT id FROM atommq_node WHERE id = ? /* FOR UPDATE */", number([]driver.Value{node}), func([]driver.Value) {})
}

// batchOf returns the arguments of ofBatch for the first claims of a node, and whether it has more.
func (w *writer) batchOf(node int64) (batch []driver.Value, more bool, err error) {
	batch = []driver.Value{node, int64(math.MaxInt64), int64(0), int64(0)}
	err = w.query(selectBatch, number([]driver.Value{node, int64(strikeBatch - 1)}), func(v []driver.Value) {
		batch, more = []driver.Value{node, v[0], v[1], v[2]}, true
	})
	return batch, more, err
}
