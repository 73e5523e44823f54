package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/db/dbtest"
)

// publishUntil publishes entries one by one under keys of their own until done is closed, each
// again until it is acknowledged, and returns their ids.
func publishUntil(ctx context.Context, t *testing.T, s *Store, name string, done <-chan struct{}) (ids []int64) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return ids
		default:
		}
		id := publishOnce(ctx, t, s, fmt.Sprint(name, i))
		if id == 0 {
			return ids
		}
		ids = append(ids, id)
	}
}

func publishOnce(ctx context.Context, t *testing.T, s *Store, key string) int64 {
	for {
		op := publishing(t, "shared", 1)[0]
		op.Posts[0].Key, op.Posts[0].Digest = key, [32]byte{1}
		err := s.Commit(ctx, bustest.Piece(op))
		switch {
		case errors.Is(err, bus.ErrUnavailable):
			continue
		case err != nil || op.Err != nil:
			t.Errorf("publish %s: %v, %v", key, err, op.Err)
			return 0
		}
		return op.Posts[0].Entry.ID
	}
}

// followUntil reads the feed by cursor, whenever Watch says so, until done is closed and nothing is left.
func followUntil(ctx context.Context, t *testing.T, s *Store, done <-chan struct{}) (seen []int64) {
	ctx, cancel := context.WithCancel(ctx)
	hints := make(chan struct{}, 1)
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			_ = s.Watch(ctx, func() {
				select {
				case hints <- struct{}{}:
				default:
				}
			})
		}
	})
	defer watching.Wait()
	defer cancel()
	var last int64
	for ending := false; ; {
		page, err := s.Read(ctx, bus.Query{Feed: "shared", After: last, Limit: 100})
		if err != nil && !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("Read: %v", err)
			return seen
		}
		for _, e := range page {
			last = e.ID
			seen = append(seen, last)
		}
		if err != nil || len(page) > 0 {
			continue
		}
		if ending {
			return seen
		}
		select {
		case <-done:
			ending = true
		case <-hints:
		}
	}
}

// share has publishers on two nodes, and readers on the other of the two each, for a while, and
// checks that all of them agree. There is trouble from when the nodes are open until all have done,
// when it is ended.
func share(t *testing.T, url string, while time.Duration, trouble func() (end func())) {
	stores := []*Store{openAt(t, url), openAt(t, url)}
	end := trouble()
	defer end()
	over, published := make(chan struct{}), make(chan struct{})
	time.AfterFunc(while, func() { close(over) })
	ctx, cancel := context.WithTimeout(t.Context(), while+time.Minute) // what trouble did is over long before
	defer cancel()
	const publishers = 4
	given, seen := make([][]int64, 2*publishers), make([][]int64, 4)
	var publishing, reading sync.WaitGroup
	for i := range given {
		publishing.Go(func() { given[i] = publishUntil(ctx, t, stores[i%2], fmt.Sprintf("%d/", i), over) })
	}
	for i := range seen {
		reading.Go(func() { seen[i] = followUntil(ctx, t, stores[i%2], published) })
	}
	publishing.Wait()
	close(published)
	reading.Wait()
	end()
	all := slices.Concat(given...)
	slices.Sort(all)
	t.Logf("%d entries published by %d publishers on 2 nodes", len(all), len(given))
	if len(all) == 0 {
		t.Error("nothing was published")
	}
	for i := range all {
		if i > 0 && all[i] == all[i-1] {
			t.Errorf("id %d was given twice", all[i])
		}
	}
	for i, ids := range seen {
		if !slices.Equal(ids, all) {
			t.Errorf("reader %d saw %d entries, want the %d published, in order", i, len(ids), len(all))
		}
	}
	checkServerAccounts(t, stores[0])
}

// checkServerAccounts compares what the feeds' and the queues' rows say with a count.
func checkServerAccounts(t testing.TB, s *Store) {
	t.Helper()
	var wrong []string
	const query = `
		SELECT format('queue %s: waiting %s, counted %s', id, waiting, work) FROM (SELECT q.id, ` + waits + ` AS waiting,
			(SELECT count(*) FROM atommq_ready WHERE queue = q.id) + (SELECT count(*) FROM atommq_claim WHERE queue = q.id) AS work
			` + fromQueues + `) AS w WHERE waiting <> work
		UNION ALL
		SELECT format('%s: entries %s, counted %s; bytes %s, counted %s', name, entries, live, bytes, size)
		FROM (SELECT name, entries, bytes, (SELECT count(*) FROM atommq_entry WHERE feed = name AND deleted = 0) AS live,
			(SELECT coalesce(sum(octet_length(xml)), 0) FROM atommq_entry WHERE feed = name) AS size FROM atommq_feed) AS f
		WHERE entries <> live OR bytes <> size`
	err := s.reader.DB.SelectContext(t.Context(), &wrong, query)
	for tries := 0; err != nil && tries < 20; tries++ { // each one is rid of a connection that was cut
		err = s.reader.DB.SelectContext(t.Context(), &wrong, query)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}

func TestReadersOnOtherNodesSkipNothing(t *testing.T) {
	share(t, dbtest.Start(t, "fsync=off").Database(t), 2*time.Second, func() func() { return func() {} })
}

// every runs do at intervals until it is ended.
func every(interval time.Duration, do func()) (end func()) {
	var running sync.WaitGroup
	over := make(chan struct{})
	running.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				do()
			case <-over:
				return
			}
		}
	})
	return sync.OnceFunc(func() { close(over); running.Wait() })
}

// One of the sessions there are ends, any one.
const terminateOne = `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
	WHERE application_name = 'atommq' ORDER BY random() LIMIT 1) AS one`

func TestNothingAcknowledgedIsLostWhileConnectionsAreCut(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	share(t, url, 4*time.Second, func() func() {
		return every(100*time.Millisecond, func() { cluster.Execute(t, "postgres", terminateOne) })
	})
}

func TestNodesGoOnAfterTheServerCrashed(t *testing.T) {
	cluster := dbtest.Start(t)
	url := cluster.Database(t)
	share(t, url, 4*time.Second, func() func() {
		return every(time.Second, func() { cluster.Stop(t); cluster.Run(t) })
	})
}

// claimUntil claims and acks until done is closed and the queue is empty, and returns what it
// acked for certain.
func claimUntil(t *testing.T, s *Store, queue int64, done <-chan struct{}) (acked []int64) {
	node, err := s.Join(t.Context())
	if err != nil {
		t.Error(err)
		return nil
	}
	for {
		ending := false
		select {
		case <-done:
			ending = true
		default:
		}
		order := claiming(node, queue, 10)
		if err := s.Commit(t.Context(), bustest.Piece(order)); err != nil || order.Err != nil {
			t.Errorf("claim: %v, %v", err, order.Err)
			return acked
		}
		claims := order.Order.Claims
		if len(claims) == 0 && ending {
			return acked
		}
		ops := acking(claims)
		if err := s.Commit(t.Context(), bustest.Piece(ops...)); err != nil {
			t.Errorf("ack: %v", err)
			return acked
		}
		for _, c := range claims {
			acked = append(acked, c.ID)
		}
	}
}

func TestNodesShareAQueueAndAckEachEntryOnce(t *testing.T) {
	url := dbtest.Start(t, "fsync=off").Database(t)
	stores := []*Store{openAt(t, url), openAt(t, url), openAt(t, url)}
	q, err := stores[0].ConfigureQueue(t.Context(), "shared", bus.DefaultQueue, bus.QueueSettings{})
	if err != nil {
		t.Fatal(err)
	}
	const entries, batch = 3000, 10
	published := make(chan struct{})
	acked := make([][]int64, len(stores))
	var working sync.WaitGroup
	for i, s := range stores {
		working.Go(func() { acked[i] = claimUntil(t, s, q.ID, published) })
	}
	for range entries / batch {
		mustCommit(t, stores[0], through(t, "shared", batch)...)
	}
	close(published)
	working.Wait()
	all := slices.Concat(acked...)
	slices.Sort(all)
	for i, ids := range acked {
		t.Logf("node %d acked %d", i, len(ids))
	}
	if len(all) != entries || len(slices.Compact(all)) != entries {
		t.Errorf("%d entries acked, %d of them different, want %d", len(all), len(slices.Compact(all)), entries)
	}
	checkServerAccounts(t, stores[0])
}
