package db

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"
)

// channel is what nodes are notified on.
const channel = "atommq"

// herald tells other processes of this one's commits, after they were answered: calls that come
// while it does are one.
type herald struct {
	db    *sql.DB
	name  string // of this store among those on the database
	calls chan struct{}
	end   func() // has run end, once
	ended chan struct{}
}

func newHerald(db *sql.DB) *herald {
	h := &herald{db: db, name: uuid.NewString(), calls: make(chan struct{}, 1), ended: make(chan struct{})}
	h.end = sync.OnceFunc(func() { close(h.calls) })
	go h.run()
	return h
}

// call has others told, soon.
func (h *herald) call() {
	select {
	case h.calls <- struct{}{}:
	default: // one that is not under way yet will do
	}
}

// heraldPause is how long calls are gathered after a notification: each costs the server as much
// as a small commit.
const heraldPause = 5 * time.Millisecond

// heraldWait is how long a notification may take.
const heraldWait = 5 * time.Second

func (h *herald) run() {
	defer close(h.ended)
	pause := time.NewTimer(0)
	<-pause.C
	for range h.calls {
		ctx, cancel := context.WithTimeout(context.Background(), heraldWait)
		// One that is lost is made up for by the others' own looks.
		_, _ = h.db.ExecContext(ctx, "NOTIFY "+channel+", '"+h.name+"'") // without parameters it is one way there and back
		cancel()
		pause.Reset(heraldPause)
		<-pause.C
	}
}

// close ends the herald, after what it was told last. It may be called again.
func (h *herald) close() error {
	h.end()
	<-h.ended
	return nil
}

const (
	// lookInterval is how often watch looks without being told: notifications may be lost.
	lookInterval = time.Second
	// How long the listener waits before it connects anew, at first and at most.
	listenAgain, listenAtMost = 50 * time.Millisecond, 2 * time.Second
	// standbyPause is how long it waits for a standby, which notifies nobody, to be promoted.
	standbyPause = 10 * time.Second
)

// watch implements engine.
func (p *postgres) watch(ctx context.Context, changed func()) error {
	var d sessionDialer // for one session after the other
	l := pq.NewDialListener(&d, p.server.dsn, listenAgain, listenAtMost, nil)
	err := p.follow(ctx, l, changed)
	d.end() // or Listen would wait on, and Close for it
	_ = l.Close()
	return err
}

// listen has l notified, and returns what comes of it.
func listen(l *pq.Listener) <-chan error {
	listening := make(chan error, 1)
	go func() { listening <- l.Listen(channel) }() // it waits for the server
	return listening
}

// follow calls changed at the start, for each notification by another process, after a loss of the
// connection, and every second.
func (p *postgres) follow(ctx context.Context, l *pq.Listener, changed func()) error {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	listening := listen(l)
	var again <-chan time.Time
	for look := true; ; {
		if look {
			changed()
		}
		select {
		case err := <-listening:
			if stateOf(err) == readOnlyTransaction {
				again = time.After(standbyPause)
			} else if err != nil {
				return fmt.Errorf("listen for notifications: %w", translate(ctx, err))
			}
			look, listening = true, nil
		case <-again:
			look, listening = false, listen(l)
		case n := <-l.Notify:
			look = p.foreign(n, l.Notify)
		case <-tick.C:
			look = true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// foreign reports whether n, or one of those that wait in more, is of another process, or tells
// that some may have been lost: nil.
func (p *postgres) foreign(n *pq.Notification, more <-chan *pq.Notification) bool {
	for foreign := false; ; {
		foreign = foreign || n == nil || n.Extra != p.herald.name
		select {
		case n = <-more:
		default:
			return foreign
		}
	}
}
