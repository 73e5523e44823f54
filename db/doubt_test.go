package db

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/db/dbtest"
)

// doomCommits has the proxy lose the COMMIT that comes next, or the answer to it, and reports whether it has.
func doomCommits(p *dbtest.Proxy, fate dbtest.Fate) (doomed func() bool) {
	var done atomic.Bool
	p.Doom(func(query string) dbtest.Fate {
		if commits(query) && done.CompareAndSwap(false, true) {
			return fate
		}
		return dbtest.Pass
	})
	return done.Load
}

// commits reports whether query ends a transaction.
func commits(query string) bool {
	return strings.HasSuffix(query, "COMMIT;") || query == pgText(publishPlain)
}

// lostCommits are the ways in which nobody is told of a COMMIT.
var lostCommits = map[string]dbtest.Fate{"COMMIT is lost": dbtest.LoseQuery, "its answer is lost": dbtest.LoseAnswer}

// eachLoss runs try with each way, on a store behind a proxy and another one that is not.
func eachLoss(t *testing.T, cluster *dbtest.Cluster, try func(t *testing.T, s, other *Store, lose func(op ...*bus.Op))) {
	for name, fate := range lostCommits {
		t.Run(name, func(t *testing.T) {
			url := cluster.Database(t)
			p := dbtest.NewProxy(t, cluster)
			s, other := openAt(t, p.URL(t, url)), openAt(t, url)
			try(t, s, other, func(ops ...*bus.Op) {
				t.Helper()
				doomed := doomCommits(p, fate)
				mustCommit(t, s, ops...)
				if !doomed() {
					t.Error("no COMMIT was lost")
				}
			})
			checkServerAccounts(t, other)
		})
	}
}

// When the answer to a COMMIT is lost, the node finds out what became of it.
func TestWhatIsLostInACommitIsFoundOut(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	t.Run("unless nobody knows", func(t *testing.T) {
		t.Parallel()
		tellOfDoubt(t, cluster)
	})
	t.Run("whoever took its ids", func(t *testing.T) { tellApart(t, cluster) })
	t.Run("published", func(t *testing.T) {
		eachLoss(t, cluster, func(t *testing.T, s, other *Store, lose func(...*bus.Op)) {
			ops := publishing(t, "x", 3)
			lose(ops...)
			for i, op := range ops {
				e, err := other.Find(t.Context(), "x", op.Posts[0].Entry.UUID)
				if err != nil || e.ID != int64(i+1) || op.Posts[0].Entry.ID != e.ID {
					t.Errorf("entry %d: %v, %v", i+1, e, err)
				}
			}
			if head, err := other.Head(t.Context()); head != 3 {
				t.Errorf("head %d, %v, want 3", head, err)
			}
		})
	})
	t.Run("published behind what another node did", func(t *testing.T) {
		eachLoss(t, cluster, func(t *testing.T, s, other *Store, lose func(...*bus.Op)) {
			sureOf(t, s, "x")
			mustCommit(t, other, publishing(t, "x", 5)...)
			ops := publishing(t, "x", 3)
			lose(ops...)
			for i, op := range ops {
				e, err := other.Find(t.Context(), "x", op.Posts[0].Entry.UUID)
				if err != nil || op.Posts[0].Entry.ID != e.ID {
					t.Errorf("entry %d has the id %d, and its publisher is told %d, %v", i+1, e.ID, op.Posts[0].Entry.ID, err)
				}
			}
		})
	})
	t.Run("edited", func(t *testing.T) {
		eachLoss(t, cluster, func(t *testing.T, s, other *Store, lose func(...*bus.Op)) {
			e := publishing(t, "x", 1)[0]
			mustCommit(t, s, e)
			edit := publishing(t, "x", 1)[0]
			edit.Kind, edit.IfID, edit.Posts[0].Entry.UUID = bus.OpReplace, 1, e.Posts[0].Entry.UUID
			lose(edit)
			if got := edit.Posts[0].Entry; got.ID != 2 || got.Edits != 1 {
				t.Errorf("edited once, it has id %d and %d edits", got.ID, got.Edits)
			}
		})
	})
	t.Run("claimed and acked", func(t *testing.T) {
		eachLoss(t, cluster, func(t *testing.T, s, other *Store, lose func(...*bus.Op)) {
			node, q := joined(t, s)
			mustCommit(t, s, through(t, "work", 20)...)
			order := claiming(node, q, 10)
			lose(order)
			if n := len(order.Order.Claims); n != 10 || order.Order.Claims[0].Attempt != 1 {
				t.Errorf("%d claims, want 10", n)
			}
			lose(acking(order.Order.Claims)...)
			if left := claimed(t, s, node, q, 100); len(left) != 10 || left[0].ID != 11 {
				t.Errorf("%d left, want the 10 that were not acked", len(left))
			}
		})
	})
	t.Run("leased and acked", func(t *testing.T) {
		eachLoss(t, cluster, func(t *testing.T, s, other *Store, lose func(...*bus.Op)) {
			_, q := joined(t, s)
			mustCommit(t, s, through(t, "work", 20)...)
			order := claiming(bus.LeaseNode, q, 10)
			order.Order.Lease = time.Minute
			lose(order)
			if n := len(order.Order.Claims); n != 10 || order.Order.Claims[0].Attempt != 1 {
				t.Errorf("%d leases, want 10", n)
			}
			acks := acking(order.Order.Claims)
			lose(acks...)
			for i := range acks {
				if acks[i].Settle[0].Lost {
					t.Errorf("the ack of lease %d is said to have come too late", i+1)
				}
			}
			if waiting := waitingIn(t, other, "work"); len(waiting) != 10 || waiting[0] != 11 {
				t.Errorf("%d wait, want the 10 that were not leased", waiting)
			}
		})
	})
	t.Run("dropped", func(t *testing.T) {
		url := cluster.Database(t)
		p := dbtest.NewProxy(t, cluster)
		s := openAt(t, p.URL(t, url))
		mustCommit(t, s, publishing(t, "x", 3)...)
		doomCommits(p, dbtest.LoseAnswer)
		mustCommit(t, s, &bus.Op{Kind: bus.OpDrop, Drop: "x"})
	})
}

// joined enters a node and makes the queue of the feed work.
func joined(t *testing.T, s *Store) (node, queue int64) {
	t.Helper()
	node, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q, err := s.ConfigureQueue(t.Context(), "work", bus.DefaultQueue, bus.QueueSettings{})
	if err != nil {
		t.Fatal(err)
	}
	return node, q.ID
}

// tellApart has another node take the ids of what was not stored.
func tellApart(t *testing.T, cluster *dbtest.Cluster) {
	url := cluster.Database(t)
	p := dbtest.NewProxy(t, cluster)
	s, other := openAt(t, p.URL(t, url)), openAt(t, url)
	var done atomic.Bool
	taken := make(chan error, 1)
	p.Doom(func(query string) dbtest.Fate {
		if !commits(query) || !done.CompareAndSwap(false, true) {
			return dbtest.Pass
		}
		go func() { // once the connection, and so the lock, is gone
			taken <- other.Commit(t.Context(), bustest.Piece(publishing(t, "x", 1)...))
		}()
		return dbtest.LoseQuery
	})
	op := publishing(t, "x", 1)[0]
	mustCommit(t, s, op)
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	page, err := other.Read(t.Context(), bus.Query{Feed: "x", Limit: 10})
	if err != nil || len(page) != 2 {
		t.Errorf("%d entries, %v, want 2", len(page), err)
	}
}

// tellOfDoubt loses every answer.
func tellOfDoubt(t *testing.T, cluster *dbtest.Cluster) {
	p := dbtest.NewProxy(t, cluster)
	s := openAt(t, p.URL(t, cluster.Database(t)))
	p.Doom(func(query string) dbtest.Fate {
		if commits(query) {
			return dbtest.LoseAnswer
		}
		return dbtest.Pass
	})
	op := publishing(t, "x", 1)[0]
	err := s.Commit(t.Context(), bustest.Piece(op))
	if !errors.Is(err, bus.ErrUncertain) || !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("Commit: %v, want ErrUncertain", err)
	}
	p.Doom(nil)
	mustCommit(t, s, publishing(t, "x", 1)...)
}

// What is done under a condition fails the second time.
func TestNothingIsDoneTwiceWhenTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	title, three := "b", 3
	for name, try := range map[string]func(t *testing.T, s, other *Store, lose func()) error{
		"settings of a queue": func(t *testing.T, s, other *Store, lose func()) error {
			q, err := other.ConfigureQueue(t.Context(), "x", "default", bus.QueueSettings{})
			if err != nil {
				t.Fatal(err)
			}
			lose()
			_, err = s.ConfigureQueue(t.Context(), "x", "default", bus.QueueSettings{Attempts: &three, If: q})
			return err
		},
		"settings of a feed": func(t *testing.T, s, other *Store, lose func()) error {
			f, err := other.Configure(t.Context(), "x", bus.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			lose()
			f, err = s.Configure(t.Context(), "x", bus.Settings{Title: &title, IfRevision: &f.Revision})
			if err == nil && f.Title != title {
				t.Errorf("the title is %q", f.Title)
			}
			return err
		},
		"part of a file": func(t *testing.T, s, _ *Store, lose func()) error {
			id, err := s.Stage(t.Context(), 0, 0, []byte("a"), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			lose()
			_, err = s.Stage(t.Context(), id, 1, []byte("b"), time.Now())
			return err
		},
	} {
		for how, fate := range lostCommits {
			t.Run(name+": "+how, func(t *testing.T) {
				t.Parallel()
				url := cluster.Database(t)
				p := dbtest.NewProxy(t, cluster)
				doomed := func() bool { return false }
				err := try(t, openAt(t, p.URL(t, url)), openAt(t, url), func() { doomed = doomCommits(p, fate) })
				if err != nil || !doomed() {
					t.Errorf("a COMMIT was lost: %v; told %v", doomed(), err)
				}
			})
		}
	}
}

// A server that works on a COMMIT does not notice that its client is gone, and carries it out late.
func TestNothingIsDoneTwiceWhileTheServerStillDoesIt(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	for name, holdUp := range map[string]string{
		"publishing waits for the counter":         "SELECT 1 FROM atommq_log FOR UPDATE",
		"publishing to a queue waits for the same": "SELECT 1 FROM atommq_log FOR UPDATE",
		"claiming waits for the queue":             "UPDATE atommq_queue SET passed = passed",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := cluster.Database(t)
			p := dbtest.NewProxy(t, cluster)
			s, other := openAt(t, p.URL(t, url)), openAt(t, url)
			node, q := joined(t, s)
			for range 6 {
				mustCommit(t, s, through(t, "work", 1)...)
			}
			first := claimed(t, s, node, q, 2)
			sureOf(t, s, "work")
			mustCommit(t, s, publishing(t, "plain", 1)...)
			blocker, err := other.reader.DB.BeginTxx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := blocker.ExecContext(t.Context(), holdUp); err != nil {
				t.Fatal(err)
			}
			post, claim := through(t, "work", 1)[0], claiming(node, q, 2)
			if name == "publishing waits for the counter" {
				post = publishing(t, "plain", 1)[0]
			}
			ops := []*bus.Op{post}
			if strings.Contains(name, "claiming") {
				ops = append(acking(first), claim)
			}
			doomed := doomCommits(p, dbtest.LoseClient)
			done := make(chan error, 1)
			go func() { done <- s.Commit(t.Context(), bustest.Piece(ops...)) }()
			waiting := 0
			for waiting < 2 { // what was lost, and what asks about it
				if err := other.reader.DB.GetContext(t.Context(), &waiting, "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE NOT granted AND datname = current_database()"); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(blocker.Commit(), <-done); err != nil || !doomed() {
				t.Fatal(err)
			}
			e, err := other.Find(t.Context(), post.Posts[0].Entry.Feed, post.Posts[0].Entry.UUID)
			if err := errors.Join(err, post.Err); len(ops) == 1 && (err != nil || e.ID != post.Posts[0].Entry.ID) {
				t.Errorf("published as %d, is %v, %v", post.Posts[0].Entry.ID, e, err)
			}
			var held int
			if err := other.reader.DB.GetContext(t.Context(), &held, "SELECT count(*) FROM atommq_claim"); err != nil || len(ops) > 1 && held != len(claim.Order.Claims) {
				t.Errorf("%d are claimed, and the consumer has %d, %v", held, len(claim.Order.Claims), err)
			}
			checkServerAccounts(t, other)
		})
	}
}

// How severe an error is, a server says in its own language.
func TestWhatTheServerRefusesIsUndoneInEveryLanguage(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	p := dbtest.NewProxy(t, cluster)
	s, other := openAt(t, p.URL(t, url)), openAt(t, url)
	p.Translate("FEHLER")
	mustCommit(t, s, publishing(t, "x", 1)...)
	if _, err := other.reader.DB.ExecContext(t.Context(), "ALTER TABLE atommq_entry RENAME TO atommq_away"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := s.Commit(ctx, bustest.Piece(publishing(t, "x", 1)...))
	if err == nil || ctx.Err() != nil || errors.Is(err, bus.ErrUncertain) {
		t.Errorf("Commit without a table: %v", err)
	}
	if _, err := other.reader.DB.ExecContext(t.Context(), "ALTER TABLE atommq_away RENAME TO atommq_entry"); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, publishing(t, "x", 1)...)
}

func TestWhoReadsWaitsForAServerThatRestarts(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	p := dbtest.NewProxy(t, cluster)
	s := openAt(t, p.URL(t, cluster.Database(t)))
	mustCommit(t, s, publishing(t, "x", 3)...)
	p.Restart(6) // more than are tried at once
	if f, err := s.Feed(t.Context(), "x"); err != nil || f.Entries != 3 {
		t.Errorf("Feed = %v, %v", f, err)
	}
	p.Restart(6)
	if page, err := s.Read(t.Context(), bus.Query{Feed: "x", Limit: 10}); err != nil || len(page) != 3 {
		t.Errorf("Read = %v, %v", page, err)
	}
}

// A standby that takes over without the last commits has lost them, and readers are past their ids.
func TestNoIDIsGivenAgainThatAStandbyHasLost(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	s, other, stranger := openAt(t, url), openAt(t, url), openAt(t, url)
	mustCommit(t, s, publishing(t, "x", 3)...)
	sureOf(t, s, "x")
	head, err := other.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lose := func() {
		t.Helper()
		cluster.Execute(t, databaseOf(t, url), "DELETE FROM atommq_entry WHERE id > 1", "UPDATE atommq_log SET last_id = 1")
	}
	for name, store := range map[string]*Store{"which published it": s, "which read of it": other} {
		lose()
		op := publishing(t, "x", 1)[0]
		mustCommit(t, store, op)
		if id := op.Posts[0].Entry.ID; id <= head {
			t.Errorf("a node %s gives out %d, and readers are at %d", name, id, head)
		}
		head = max(head, op.Posts[0].Entry.ID)
		other.commit.known.see(head) // as the next look has it
		s.commit.known.see(head)
	}
	op := publishing(t, "x", 1)[0]
	mustCommit(t, stranger, op)
	if id := op.Posts[0].Entry.ID; id != head+1 {
		t.Errorf("the counter is at %d, behind %d", id-1, head)
	}
}

// PostgreSQL carries out a COMMIT whose wait for its standby somebody cancels, and warns.
func TestWhatAStandbyMayLackIsNotToldToBeStoredBeforeItHasIt(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off", "client_min_messages=error")
	url := cluster.Database(t)
	s, admin := openAt(t, url), openAt(t, url)
	mustCommit(t, s, publishing(t, "x", 1)...)
	wants := func(standby string) {
		t.Helper()
		cluster.Execute(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = '"+standby+"'")
		cluster.Execute(t, "postgres", "SELECT pg_reload_conf()")
	}
	wants("nobody")
	var stored atomic.Int64
	var over atomic.Bool
	done := make(chan error, 1)
	go func() {
		for !over.Load() {
			if err := s.Commit(t.Context(), bustest.Piece(publishing(t, "x", 1)...)); err != nil {
				done <- err
				return
			}
			stored.Add(1)
		}
		done <- nil
	}()
	// waits has what is true of the transaction that waits for a standby and began after another, and
	// returns when it began.
	waits := func(what string, after time.Time) (begun time.Time) {
		t.Helper()
		for begun.IsZero() {
			err := admin.reader.DB.GetContext(t.Context(), &begun, `SELECT xact_start FROM (SELECT pid, xact_start FROM pg_stat_activity
				WHERE wait_event = 'SyncRep' AND xact_start > $1 OFFSET 0) AS a WHERE `+what, after)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				t.Fatal(err)
			}
		}
		return begun
	}
	waits("true", time.Time{})
	before := stored.Load()
	cancelled := waits("pg_cancel_backend(pid)", time.Time{})
	waits("true", cancelled) // the question whether it was carried out
	if n := stored.Load() - before; n > 0 {
		t.Errorf("%d told to be stored that no standby has", n)
	}
	over.Store(true)
	wants("")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A server, or a pooler, may keep the connection and say nothing.
func TestAWatchEndsThoughTheServerDoesNotAnswerLISTEN(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	p := dbtest.NewProxy(t, cluster)
	s := openAt(t, p.URL(t, cluster.Database(t)))
	asked := make(chan struct{})
	var once sync.Once
	p.Doom(func(query string) dbtest.Fate {
		if strings.HasPrefix(query, "LISTEN") {
			once.Do(func() { p.CutSoon(); close(asked) })
		}
		return dbtest.Pass
	})
	defer p.Mend()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func() {}) }()
	<-asked
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits for the server's answer")
	}
}

// A node whose clock is wrong would remove what others have just published.
func TestWhatIsRemovedForItsAgeGoesByTheServersClock(t *testing.T) {
	t.Parallel()
	s := openAt(t, dbtest.Start(t, "fsync=off").Database(t))
	now := time.Now()
	told, err := s.byServer(t.Context(), now.Add(-time.Hour))
	if off := told.Sub(now) + time.Hour; err != nil || off.Abs() > time.Minute {
		t.Errorf("an hour ago was %v, %v", told, err)
	}
}
