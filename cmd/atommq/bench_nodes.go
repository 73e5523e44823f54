package main

import (
	"context"
	"errors"
	"time"
)

// benchNodes measures two nodes on one database beside one of them alone, each with as many callers.
func benchNodes(ctx context.Context, b *bench) (err error) {
	name, err := b.database(ctx, "atommq")
	if err != nil {
		return err
	}
	one, err := openBenchNode(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, one.close()) }()
	two, err := openBenchNode(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, two.close()) }()
	rates, err := b.compare(ctx, "two nodes beside one", both(one.publishing(1), two.publishing(1)), one.publishing(1))
	if err != nil {
		return err
	}
	b.report(finding{Section: "nodes", What: "bus.Publish of 200-byte entries, 64 callers on each of two nodes", Unit: "entries/s",
		Value: rates[0], Ceiling: rates[1], CeilingWhat: "on one node", Budget: b.budget(budget{}, budget{Ratio: 1})})
	return nil
}

// both measures what two do at the same time, together.
func both(one, two measure) measure {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		type outcome struct {
			rate float64
			err  error
		}
		other := make(chan outcome, 1)
		go func() {
			rate, err := two(ctx, d)
			other <- outcome{rate, err}
		}()
		rate, err := one(ctx, d)
		o := <-other
		return rate + o.rate, errors.Join(err, o.err)
	}
}
