package db

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lib/pq"
)

const (
	// pgNow is the time by the clock of the database, which all nodes have in common.
	pgNow = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"

	pulseInterval = 2 * time.Second
	beat          = "UPDATE atommq_node SET seen = " + pgNow + " WHERE id = ANY ($1)"
)

// pulse shows other processes that the nodes of this one live: it renews their rows in the table. A process
// that is stopped, or cut off from the database, is soon taken for dead, and finds itself so when
// it is back.
type pulse struct {
	db *sql.DB

	mu      sync.Mutex
	nodes   map[int64]bool
	stop    context.CancelFunc // nil while nothing beats
	stopped chan struct{}
}

// hold implements vitals.
func (p *pulse) hold(node int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes == nil {
		p.nodes = make(map[int64]bool)
	}
	p.nodes[node] = true
	if p.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		p.stop, p.stopped = stop, make(chan struct{})
		go p.run(ctx, p.stopped)
	}
	return nil
}

// release implements vitals.
func (p *pulse) release(node int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.nodes, node)
	return nil
}

// held implements vitals: the table knows.
func (p *pulse) held(int64) (bool, error) { return true, nil }

func (p *pulse) run(ctx context.Context, stopped chan<- struct{}) {
	defer close(stopped)
	tick := time.NewTicker(pulseInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.beat(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// beat renews the nodes' rows. When it cannot, there is another time before the nodes are taken for dead.
func (p *pulse) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pulseInterval)
	defer cancel()
	if nodes := p.list(); len(nodes) > 0 {
		_, _ = p.db.ExecContext(ctx, beat, pq.Int64Array(nodes))
	}
}

func (p *pulse) list() []int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.nodes))
}

// close implements vitals.
func (p *pulse) close() error {
	p.mu.Lock()
	stop, stopped := p.stop, p.stopped
	p.mu.Unlock()
	if stop != nil {
		stop()
		<-stopped
	}
	return p.db.Close()
}
