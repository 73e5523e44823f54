package db

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"atommq/bus"
	"atommq/db/dbtest"
	"atommq/feeds"
)

// TestANodeThatIsCutOffGivesUpItsClaimsBeforeOthersHaveThem also has it come back.
func TestANodeThatIsCutOffGivesUpItsClaimsBeforeOthersHaveThem(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	proxy := dbtest.NewProxy(t, cluster)
	one, other := openNode(t, proxy.URL(t, url)), openNode(t, url)
	const entries = 20
	holder := consume(t, one, entries)
	for i := range entries {
		e := &feeds.Entry{Title: fmt.Sprint(i), XML: []byte("<entry/>")}
		if _, err := other.Publish(t.Context(), bus.Post{Feed: "work", Entry: e, Queue: bus.DefaultQueue}); err != nil {
			t.Fatal(err)
		}
	}
	held := holder.take(t, entries)
	if err := one.Do(t.Context(), &bus.Transaction{Acks: held[:5]}); err != nil {
		t.Fatal(err)
	}
	heir := consume(t, other, entries)

	proxy.Cut()
	cut := time.Now()
	<-holder.ready
	gaveUp := time.Since(cut)
	if !holder.Robbed() || len(heir.ready) > 0 {
		t.Errorf("after %v the consumer was robbed: %v; another one had work already: %v", gaveUp, holder.Robbed(), len(heir.ready) > 0)
	}
	taken := heir.take(t, entries-5)
	took := time.Since(cut)
	t.Logf("given up after %v, with another one after %v", gaveUp, took)
	if took > 10*time.Second {
		t.Errorf("others had the claims after %v, want 10 s at most", took)
	}
	proxy.Mend()
	if err := one.Do(t.Context(), &bus.Transaction{Acks: held[5:10]}); !errors.Is(err, bus.ErrClaimLost) {
		t.Errorf("ack of what was given up: %v, want ErrClaimLost", err)
	}
	if err := other.Do(t.Context(), &bus.Transaction{Acks: taken}); err != nil {
		t.Error(err)
	}
	if q, err := other.Queue(t.Context(), "work", bus.DefaultQueue); err != nil || q.Waiting != 0 {
		t.Errorf("%d waiting, %v, want none", q.Waiting, err)
	}
	heir.Close()
	e := &feeds.Entry{Title: "new", XML: []byte("<entry/>")}
	if _, err := one.Publish(t.Context(), bus.Post{Feed: "work", Entry: e, Queue: bus.DefaultQueue}); err != nil {
		t.Fatal(err)
	}
	again := holder.take(t, 1) // the node has entered anew
	if err := one.Do(t.Context(), &bus.Transaction{Acks: again}); err != nil || again[0].Attempt != 1 {
		t.Errorf("attempt %d of new work, acked with %v", again[0].Attempt, err)
	}
}

// consumer is a consumer of the feed work.
type consumer struct {
	*bus.Consumer
	ready chan struct{}
}

func consume(t *testing.T, b *bus.Bus, prefetch int) *consumer {
	t.Helper()
	c := &consumer{ready: make(chan struct{}, 1)}
	var err error
	c.Consumer, err = b.Consume(t.Context(), bus.ConsumerConfig{Feed: "work", Queue: bus.DefaultQueue, Prefetch: prefetch, Ready: func() {
		select {
		case c.ready <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// take waits for n deliveries.
func (c *consumer) take(t *testing.T, n int) (ds []*bus.Delivery) {
	t.Helper()
	late := time.After(30 * time.Second)
	for len(ds) < n {
		if ds = c.Take(ds, n-len(ds)); len(ds) == n {
			break
		}
		select {
		case <-c.ready:
		case <-late:
			t.Fatalf("%d deliveries, want %d", len(ds), n)
		}
	}
	for len(c.ready) > 0 {
		<-c.ready
	}
	return ds
}

func TestANodeThatWasStruckOutLearnsOfItInTwoBeats(t *testing.T) {
	t.Parallel()
	s := openAt(t, dbtest.Start(t, "fsync=off").Database(t))
	lost := make(chan int64, 2)
	s.OnLoss(func(node int64) { lost <- node })
	node, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	beaten := s.nodes.(*pulse)
	beaten.beat(t.Context())
	if _, err := s.strikeOut(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-lost:
		if got != node {
			t.Errorf("lost node %d, want %d", got, node)
		}
	case <-time.After(2 * pulseInterval):
		t.Error("the node does not know")
	}
}
