package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// offer inserts n entries and the work of one queue for each.
func (r *rawTable) offer(n int) error {
	id := r.next
	if err := r.insert(n); err != nil {
		return err
	}
	return r.insertWorks(id, n)
}

// claim moves the work with ids up to last from what is ready to what is claimed.
func (r *rawTable) claim(last int64) error {
	const ready = " FROM atommq_ready WHERE queue = 1 AND rank = 5 AND id <= ?"
	if err := r.exec("INSERT INTO atommq_claim SELECT 1, *, 0"+ready, last); err != nil {
		return err
	}
	return r.exec("DELETE"+ready, last)
}

// settle removes the claims with ids up to last, and their entries.
func (r *rawTable) settle(last int64) error {
	if err := r.exec("DELETE FROM atommq_claim WHERE node = 1 AND queue = 1 AND rank = 5 AND id <= ?", last); err != nil {
		return err
	}
	return r.exec("DELETE FROM atommq_entry WHERE id <= ?", last)
}

// sends measures what sending to a queue comes to: entries and their work, so many in one commit,
// in messages per second.
func (r *rawTable) sends(batch int) measure {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		return rate(ctx, d, 1, func(int) (int, error) {
			return batch, r.transact(func() error { return r.offer(batch) })
		})
	}
}

// sendsOverSocket measures the same, a message a commit, where each comes in over a socket whose
// other end waits for the answer.
func (r *rawTable) sendsOverSocket() measure {
	return func(ctx context.Context, d time.Duration) (perSecond float64, err error) {
		listener, err := listenBench(ctx)
		if err != nil {
			return 0, err
		}
		defer listener.Close()
		message, answer := make([]byte, len(r.xml)), make([]byte, 16)
		var answering errgroup.Group
		answering.Go(func() error {
			conn, err := listener.Accept()
			if err != nil {
				return fmt.Errorf("accept: %w", err)
			}
			defer conn.Close()
			came, receipt := make([]byte, len(message)), make([]byte, len(answer))
			for {
				if _, err := io.ReadFull(conn, came); err != nil {
					return nil // there are no more
				}
				if err := r.transact(func() error { return r.offer(1) }); err != nil {
					return err
				}
				if _, err := conn.Write(receipt); err != nil {
					return fmt.Errorf("answer: %w", err)
				}
			}
		})
		defer func() { err = errors.Join(err, answering.Wait()) }()
		conn, err := dialTCP(ctx, listener.Addr().String())
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		return rate(ctx, d, 1, func(int) (int, error) {
			if _, err := conn.Write(message); err != nil {
				return 0, fmt.Errorf("send: %w", err)
			}
			_, err := io.ReadFull(conn, answer)
			return 1, err
		})
	}
}

// flows measures what a busy queue comes to: each commit settles what the one before claimed, and
// sends and claims as much again.
func (r *rawTable) flows(batch int) measure {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		return rate(ctx, d, 1, func(int) (int, error) {
			return batch, r.transact(func() error {
				if err := r.settle(r.next); err != nil {
					return err
				}
				if err := r.offer(batch); err != nil {
					return err
				}
				return r.claim(r.next)
			})
		})
	}
}

// drains measures how fast so many waiting messages are claimed and settled, some in one commit.
func (r *rawTable) drains(waiting, batch int) measure {
	return func(context.Context, time.Duration) (float64, error) {
		first := r.next
		for range waiting / batch {
			if err := r.transact(func() error { return r.offer(batch) }); err != nil {
				return 0, err
			}
		}
		start := time.Now()
		for last := first; last <= r.next; last += int64(batch) {
			err := r.transact(func() error {
				if err := r.settle(last); err != nil {
					return err
				}
				return r.claim(last + int64(batch))
			})
			if err != nil {
				return 0, err
			}
		}
		return float64(waiting) / time.Since(start).Seconds(), nil
	}
}
