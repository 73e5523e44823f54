package db

import (
	"context"
	"database/sql"
	"fmt"
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
	// silence is how long a node may give no sign of life before others take it for dead: with the time
	// between two looks, its claims are with others within 10 s. It gives them up itself a little before.
	silence     = 7 * time.Second
	giveUpAfter = silence - pulseCheck
	pulseCheck  = 250 * time.Millisecond

	beat = "UPDATE atommq_node SET seen = " + pgNow + " WHERE id = ANY ($1) AND gone = 0 RETURNING id"
)

// pulse shows other processes that the nodes of this one live: it renews their rows in the table. A
// process that is stopped, or cut off from the database, is soon taken for dead.
type pulse struct {
	db *sql.DB

	mu      sync.Mutex
	nodes   map[int64]*life
	losses  []func(node int64)
	stop    context.CancelFunc // nil while nothing beats
	stopped chan struct{}
}

// life is what is known of a node of here.
type life struct {
	seen  time.Time // when the last sign of it was under way that came through
	known bool      // one did: its row is there
}

// hold implements vitals.
func (p *pulse) hold(node int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes == nil {
		p.nodes = make(map[int64]*life)
	}
	p.nodes[node] = &life{seen: time.Now()}
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

// onLoss implements vitals.
func (p *pulse) onLoss(call func(node int64)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.losses = append(p.losses, call)
}

// run beats, and looks for nodes that could not: a beat may hang.
func (p *pulse) run(ctx context.Context, stopped chan<- struct{}) {
	defer close(stopped)
	beats, looks := time.NewTicker(pulseInterval), time.NewTicker(pulseCheck)
	defer beats.Stop()
	defer looks.Stop()
	var beating chan struct{} // nil while none is under way
	for {
		select {
		case <-beats.C:
			if beating == nil {
				beating = make(chan struct{})
				go func(done chan<- struct{}) {
					defer close(done)
					p.beat(ctx)
				}(beating)
			}
		case <-beating:
			beating = nil
		case now := <-looks.C:
			p.lose(func(_ int64, l *life) bool { return now.Sub(l.seen) >= giveUpAfter })
		case <-ctx.Done():
			if beating != nil {
				<-beating
			}
			return
		}
	}
}

// beat renews the nodes' rows. When it cannot, there is another time before the nodes are taken for dead.
func (p *pulse) beat(ctx context.Context) {
	nodes := p.list()
	if len(nodes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pulseInterval)
	defer cancel()
	begun := time.Now()
	var found []int64
	rows, err := p.db.QueryContext(ctx, beat, pq.Int64Array(nodes))
	if err != nil {
		return
	}
	defer rows.Close()
	for rows.Next() {
		var node int64
		if rows.Scan(&node) == nil {
			found = append(found, node)
		}
	}
	if rows.Err() == nil {
		p.note(found, begun)
	}
}

// note takes in which nodes a beat found, and that the others were struck out.
func (p *pulse) note(found []int64, begun time.Time) {
	p.mu.Lock()
	for _, node := range found {
		if l := p.nodes[node]; l != nil {
			l.seen, l.known = begun, true
		}
	}
	p.mu.Unlock()
	p.lose(func(node int64, l *life) bool {
		return l.known && l.seen.Before(begun) && !slices.Contains(found, node)
	})
}

// lose forgets the nodes that gone holds for, and has everybody told.
func (p *pulse) lose(gone func(node int64, l *life) bool) {
	p.mu.Lock()
	var lost []int64
	for node, l := range p.nodes {
		if gone(node, l) {
			lost = append(lost, node)
			delete(p.nodes, node)
		}
	}
	calls := slices.Clone(p.losses)
	p.mu.Unlock()
	for _, node := range lost {
		for _, call := range calls {
			call(node)
		}
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

// byServer returns a time of this machine's clock by the server's, which all nodes have in common:
// what one of them removes for its age, another has dated. A file has one machine.
func (s *Store) byServer(ctx context.Context, t time.Time) (time.Time, error) {
	if s.reader.native {
		return t, nil
	}
	var now int64
	if err := s.reader.GetContext(ctx, &now, "SELECT "+pgNow); err != nil {
		return t, fmt.Errorf("ask the server for the time: %w", translate(ctx, err))
	}
	return t.Add(time.Until(moment(now))), nil
}
