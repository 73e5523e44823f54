package db

import (
	"context"
	"testing"
	"time"

	"atommq/bus"
	"atommq/db/dbtest"
)

// A node makes a lease of a claim of its own, and has not committed that when another node changes
// or removes what is claimed.
func TestWhatIsEditedWhileItIsLeasedKeepsOrLosesItsWork(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	for _, test := range []struct {
		name string
		edit func(edited *bus.Op, queue int64)
		left int // places in queues
	}{
		{"replaced", func(op *bus.Op, _ int64) { op.Kind = bus.OpReplace }, 1},
		{"removed", func(op *bus.Op, _ int64) { op.Kind = bus.OpRemove }, 0},
		{"queue dropped", func(op *bus.Op, queue int64) {
			*op = bus.Op{Kind: bus.OpDropQueue, At: op.At, Purge: &bus.Purge{Queue: queue}}
		}, 0},
		{"feed dropped", func(op *bus.Op, _ int64) { *op = bus.Op{Kind: bus.OpDrop, At: op.At, Drop: "work"} }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			dsn := cluster.Database(t)
			a, b := openAt(t, dsn), openAt(t, dsn)
			node, queue := joined(t, a)
			posted := through(t, "work", 1)
			mustCommit(t, a, posted...)
			order := claiming(node, queue, 10)
			mustCommit(t, a, order)
			if n := len(order.Order.Claims); n != 1 {
				t.Fatalf("%d claims", n)
			}
			lease := &bus.Op{Kind: bus.OpPublish, At: time.Now(), Settle: []bus.Settlement{{Claim: order.Order.Claims[0], Verdict: bus.Leased, Lease: time.Hour}}}
			written, leased := make(chan struct{}), make(chan error, 1)
			ctx, goOn := context.WithTimeout(t.Context(), time.Minute)
			defer goOn()
			go func() {
				first := true
				leased <- a.Commit(context.WithoutCancel(ctx), func(yield func([]*bus.Op) bool) {
					// As a batch has it: what is settled, then an order for more.
					if !yield([]*bus.Op{lease}) || !yield([]*bus.Op{claiming(node, queue, 1)}) || !first {
						return
					}
					first = false
					close(written)
					<-ctx.Done()
				})
			}()
			<-written
			edit := publishing(t, "work", 1)[0]
			edit.Posts[0].Entry.UUID = posted[0].Posts[0].Entry.UUID
			test.edit(edit, queue)
			edited := make(chan error, 1)
			go func() {
				edited <- b.Commit(context.WithoutCancel(ctx), func(yield func([]*bus.Op) bool) { yield([]*bus.Op{edit}) })
			}()
			for waiting := 0; waiting == 0; {
				if err := b.reader.GetContext(ctx, &waiting, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"); err != nil {
					t.Fatal(err)
				}
			}
			goOn()
			if err := <-leased; err != nil {
				t.Fatal(err)
			}
			if err := <-edited; err != nil || edit.Err != nil {
				t.Fatal(err, edit.Err)
			}
			var left int
			if err := b.reader.GetContext(t.Context(), &left, "SELECT (SELECT count(*) FROM atommq_ready) + (SELECT count(*) FROM atommq_claim)"); err != nil {
				t.Fatal(err)
			}
			if left != test.left {
				t.Errorf("%d places in queues are left, not %d", left, test.left)
			}
		})
	}
}
