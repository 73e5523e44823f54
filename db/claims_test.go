package db

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"atommq/bus"
	"atommq/bus/bustest"
)

// holdFile names the database of which a re-executed test binary claims work.
const holdFile = "ATOMMQ_TEST_HOLD"

// holdAsChild claims work, prints how much it got, and holds it until it is killed.
func holdAsChild(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path, Config{})
	if err != nil {
		return err
	}
	node, err := s.Join(ctx)
	if err != nil {
		return err
	}
	q, err := s.Queue(ctx, "work", bus.DefaultQueue)
	if err != nil {
		return err
	}
	op := claiming(node, q.ID, 50)
	if err := s.Commit(ctx, bustest.Piece(op)); err != nil || op.Err != nil {
		return errors.Join(err, op.Err)
	}
	fmt.Println(len(op.Order.Claims))
	_, err = os.Stdin.Read(make([]byte, 1))
	return fmt.Errorf("the parent is gone: %w", err)
}

// startHolder starts a process that holds claims, and waits until it does.
func startHolder(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), holdFile+"="+path)
	in, inErr := cmd.StdinPipe() // it ends with this process
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	lines := bufio.NewScanner(out)
	if lines.Scan(); lines.Text() != "50" {
		t.Fatalf("the child says %q", lines.Text())
	}
	return cmd
}

func recovered(t *testing.T, s *Store) []int64 {
	t.Helper()
	queues, err := s.Recover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return queues
}

func claimed(t *testing.T, s *Store, node, queue int64, n int) []bus.Claim {
	t.Helper()
	op := claiming(node, queue, n)
	mustCommit(t, s, op)
	return op.Order.Claims
}

func TestTheClaimsOfAKilledProcessGoToOthersAtOnce(t *testing.T) {
	s, node, queue := worker(t)
	mustCommit(t, s, through(t, "work", 60)...)
	holder := startHolder(t, sqliteOf(s).location.path)
	if queues := recovered(t, s); len(queues) != 0 {
		t.Fatalf("Recover took the claims of a process that lives, in %v", queues)
	}
	if rest := claimed(t, s, node, queue, 100); len(rest) != 10 {
		t.Fatalf("%d claims beside those that the other process holds, want 10", len(rest))
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed
	if queues := recovered(t, s); !slices.Equal(queues, []int64{queue}) {
		t.Errorf("Recover = %v, want the queue %d", queues, queue)
	}
	again := claimed(t, s, node, queue, 100)
	for i, c := range again {
		if c.ID != int64(i+1) || c.Attempt != 2 {
			t.Errorf("claim %d: id %d, attempt %d", i, c.ID, c.Attempt)
		}
	}
	if len(again) != 50 {
		t.Errorf("%d claims, want the 50 that the other process held", len(again))
	}
	if queues := recovered(t, s); len(queues) != 0 {
		t.Errorf("a second Recover found work in %v", queues)
	}
	checkAccounts(t, s)
}

func TestStoresThatShareAQueueHandOutEachEntryOnce(t *testing.T) {
	const entries = 2000
	s, _, queue := worker(t)
	stores := []*Store{s, openAt(t, sqliteOf(s).location.path)}
	var mu sync.Mutex
	got := make(map[int64]int)
	var working sync.WaitGroup
	for _, s := range stores {
		node, err := s.Join(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		working.Go(func() {
			for range entries / 100 {
				ops := through(t, "work", 50)
				order := claiming(node, queue, 50)
				mustCommit(t, s, append(ops, order)...)
				mu.Lock()
				for _, c := range order.Order.Claims {
					got[c.ID]++
				}
				mu.Unlock()
				mustCommit(t, s, acking(order.Order.Claims)...)
			}
		})
	}
	working.Wait()
	for id, n := range got {
		if n != 1 {
			t.Errorf("entry %d was handed out %d times", id, n)
		}
	}
	if len(got) != entries {
		t.Errorf("%d entries were handed out, want %d", len(got), entries)
	}
	checkAccounts(t, s)
}

func TestANodeLivesUntilItsStoreIsClosed(t *testing.T) {
	s, _, queue := worker(t)
	other, err := Open(t.Context(), sqliteOf(s).location.path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	node, err := other.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, through(t, "work", 3)...)
	if held := claimed(t, other, node, queue, 3); len(held) != 3 {
		t.Fatalf("%d claims", len(held))
	}
	if queues := slices.Concat(recovered(t, s), recovered(t, other)); len(queues) != 0 {
		t.Errorf("Recover took the claims of a store that is open, in %v", queues)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if queues := recovered(t, s); !slices.Equal(queues, []int64{queue}) {
		t.Errorf("Recover = %v, want the queue %d", queues, queue)
	}
}

// A node that was struck out, because it had lost its lock, may still run.
func TestAStruckOutNodeWritesNothing(t *testing.T) {
	s, node, queue := worker(t)
	mustCommit(t, s, through(t, "work", 3)...)
	held := claimed(t, s, node, queue, 2)
	if err := s.Leave(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	ops := []*bus.Op{publishing(t, "work", 1)[0], claiming(node, queue, 1)}
	ops[0].Settle = acking(held)[0].Settle
	if err := s.Commit(t.Context(), bustest.Piece(ops...)); err != nil {
		t.Fatal(err)
	}
	for i, op := range ops {
		if !errors.Is(op.Err, bus.ErrClaimLost) {
			t.Errorf("op %d: %v, want %v", i, op.Err, bus.ErrClaimLost)
		}
	}
	q, err := s.Queue(t.Context(), "work", bus.DefaultQueue)
	if err != nil || q.Waiting != 3 {
		t.Errorf("queue = %+v, %v; want 3 waiting", q, err)
	}
	checkAccounts(t, s)
}

func TestManyClaimsAreReturnedInSmallTransactions(t *testing.T) {
	const entries = 2*strikeBatch + 500
	s, node, queue := worker(t)
	mustCommit(t, s, through(t, "work", entries)...)
	claimed(t, s, node, queue, entries)
	var left []int
	for more := true; more; {
		err := s.writer.write(t.Context(), func() (err error) {
			_, more, err = s.writer.strikeSome(node)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := s.reader.GetContext(t.Context(), &n, "SELECT count(*) FROM atommq_claim"); err != nil {
			t.Fatal(err)
		}
		left = append(left, n)
	}
	if diff := cmp.Diff([]int{1500, 500, 0}, left); diff != "" {
		t.Errorf("claims left (-want +got):\n%s", diff)
	}
	checkAccounts(t, s)
}

func TestOnlyAStoreWithANodeHasALockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atommq.db")
	s := openAt(t, path)
	mustCommit(t, s, through(t, "work", 1)...)
	recovered(t, s)
	if _, err := os.Stat(path + "-nodes"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file for locks before there is a node: %v", err)
	}
	reader := openAt(t, "file:"+path+"?mode=ro")
	if _, err := reader.Join(t.Context()); !errors.Is(err, bus.ErrReadOnly) {
		t.Errorf("Join in a file to read: %v, want %v", err, bus.ErrReadOnly)
	}
	if _, err := os.Stat(path + "-nodes"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file for locks beside one to read: %v", err)
	}
	if _, err := s.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-nodes"); err != nil {
		t.Error(err)
	}
	recovered(t, reader)
}

// The nodes in a backup are elsewhere, or were.
func TestTheNodesOfACopyAreDead(t *testing.T) {
	s, node, queue := worker(t)
	mustCommit(t, s, through(t, "work", 2)...)
	claimed(t, s, node, queue, 2)
	path := filepath.Join(t.TempDir(), "copy.db")
	sqlExec(t, s, "VACUUM INTO '"+path+"'")
	other := openAt(t, path)
	if queues := recovered(t, other); !slices.Equal(queues, []int64{queue}) {
		t.Errorf("Recover = %v, want the queue %d", queues, queue)
	}
	checkAccounts(t, other)
}

func TestAnOrderThatFindsNothingWritesNothing(t *testing.T) {
	s, node, queue := worker(t)
	other := openAt(t, sqliteOf(s).location.path)
	before, err := sqliteOf(other).dataVersion()
	if err != nil {
		t.Fatal(err)
	}
	if claims := claimed(t, s, node, queue, 10); len(claims) != 0 {
		t.Errorf("claims = %v", claims)
	}
	if after, err := sqliteOf(other).dataVersion(); err != nil || after != before {
		t.Errorf("the data version went from %d to %d, %v", before, after, err)
	}
}

func TestADroppedFeedLeavesNoRow(t *testing.T) {
	s, node, queue := worker(t)
	mustCommit(t, s, through(t, "work", 10)...)
	claimed(t, s, node, queue, 5)
	mustCommit(t, s, &bus.Op{Kind: bus.OpDrop, Drop: "work"})
	for _, table := range []string{"feed", "entry", "queue", "ready", "claim"} {
		var n int
		if err := s.reader.GetContext(t.Context(), &n, "SELECT count(*) FROM atommq_"+table); err != nil || n != 0 {
			t.Errorf("%d rows in atommq_%s, %v", n, table, err)
		}
	}
}

func TestWhatExpiresInTheCommitThatBeganItsFeedLeavesIt(t *testing.T) {
	s, node, queue := worker(t) // the feed has a queue and no entry, so nothing is decided
	ops := through(t, "work", 3)
	ops[1].Posts[0].Expires = ops[1].At
	order := claiming(node, queue, 3)
	mustCommit(t, s, append(ops, order)...)
	if n := len(order.Order.Claims); n != 2 || order.Order.Expired != 1 {
		t.Errorf("%d claims, %d expired, want 2 and 1", n, order.Order.Expired)
	}
	f, err := s.Feed(t.Context(), "work")
	if err != nil || !f.UntilAcked || f.Entries != 2 {
		t.Errorf("feed = %+v, %v", f, err)
	}
	checkAccounts(t, s)
}

// Its process may live on, when the disk was full for instance.
func TestANodeThatLeftHalfwayIsRecovered(t *testing.T) {
	s, node, queue := worker(t)
	mustCommit(t, s, through(t, "work", strikeBatch+10)...)
	claimed(t, s, node, queue, strikeBatch+10)
	err := s.writer.write(t.Context(), func() error {
		_, _, err := s.writer.strikeSome(node)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if queues := recovered(t, openAt(t, sqliteOf(s).location.path)); !slices.Equal(queues, []int64{queue}) {
		t.Errorf("Recover = %v, want the queue %d", queues, queue)
	}
	checkAccounts(t, s)
}
