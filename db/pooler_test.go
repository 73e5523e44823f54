package db

import (
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
	}
}
