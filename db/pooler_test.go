package db

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"atommq/db/dbtest"
)

func TestNodesWorkThroughAPoolerOfSessionsAndRefuseOthers(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	refuseOthers(t, cluster)
	pooler := dbtest.StartPooler(t, cluster, "session")
	url := cluster.Database(t)
	share(t, pooler.URL(t, url), time.Second, func() func() { return func() {} })
	s, other := openAt(t, pooler.URL(t, url)), openAt(t, url)
	hints := hinted(t, s)
	if took := awaitHint(t, other, hints); took > lookInterval/2 {
		t.Errorf("a hint came after %v through the pooler", took)
	}
}

func refuseOthers(t *testing.T, cluster *dbtest.Cluster) {
	for _, mode := range []string{"transaction", "statement"} {
		url := dbtest.StartPooler(t, cluster, mode).URL(t, cluster.Database(t))
		if _, err := Open(t.Context(), url, Config{}); err == nil || !strings.Contains(err.Error(), "set pool_mode = session") {
			t.Errorf("Open through a pooler of %ss: %v", mode, err)
		}
		mustRefuseShared(t, mode, url)
	}
}

// mustRefuseShared has nothing that depends on its session begin.
func mustRefuseShared(t *testing.T, mode, url string) {
	t.Helper()
	file := filled(t, 1)
	copying := &Copy{From: file, To: url}
	from := &Copy{From: url, To: filepath.Join(t.TempDir(), "to.db")}
	backup := &Backup{From: url, To: filepath.Join(t.TempDir(), "backup.db")}
	restore := &Restore{From: file, To: url}
	for what, run := range map[string]func(context.Context) ([]Copied, error){
		"copy to": copying.Run, "copy from": from.Run, "backup": backup.Run, "restore": restore.Run,
		"check": func(ctx context.Context) ([]Copied, error) {
			_, err := (&Check{DSN: url}).Run(ctx)
			return nil, err
		},
		"migrate": func(ctx context.Context) ([]Copied, error) {
			_, err := openUnshared(ctx, url)
			return nil, err
		},
	} {
		if _, err := run(t.Context()); err == nil || !strings.Contains(err.Error(), "set pool_mode = session") {
			t.Errorf("%s through a pooler of %ss: %v", what, mode, err)
		}
	}
}

func TestACopyLeavesNoLockInASessionThatAPoolerKeeps(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	pool, err := OpenServer(cluster.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := (copyServer{}).lock(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if err := (copyServer{}).unlock(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	var locks int
	err = conn.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").Scan(&locks)
	if err != nil || locks != 0 {
		t.Errorf("locks: %d, %v", locks, err)
	}
}
