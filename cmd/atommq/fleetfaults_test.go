package main

import (
	"strings"
	"testing"
	"time"

	"atommq/db/dbtest"
)

// The faults of PostgreSQL that a fleet has to survive: nothing acknowledged is lost, nothing published
// under a key comes twice, no poller skips, the nodes heal by themselves, and say so meanwhile.

// Consumers that are alike, on several nodes, get about as much.
func TestNodesShareAQueueFairly(t *testing.T) {
	t.Parallel()
	url := dbtest.Start(t, "fsync=off").Database(t)
	nodes := []*process{start(t, "serve", "--db", url), start(t, "gateway", "--db", url), start(t, "gateway", "--db", url)}
	producer := start(t, "gateway", "--db", url)
	got := fairShare(t, producer, nodes...)
	t.Logf("consumers on three nodes got %v", got)
	for i, n := range got {
		if n < 600/3-2*paceLead {
			t.Errorf("the consumer on node %d got %d of 600 messages, want about a third", i, n)
		}
	}
}

func TestAFleetSurvivesThatPostgreSQLCrashes(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t)
	f := launchFleet(t, cluster.Database(t))
	for range 3 {
		f.progress(100)
		cluster.Stop(t)
		f.wantReady(false, 5*time.Second)
		cluster.Run(t)
		f.wantReady(true, healWithin)
	}
	f.check()
}

func TestAFleetSurvivesThatItsConnectionsAreCut(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	f := launchFleet(t, cluster.Database(t))
	cut := time.NewTicker(100 * time.Millisecond)
	defer cut.Stop()
	for range 40 {
		<-cut.C
		cluster.Execute(t, "postgres", `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
			WHERE application_name = 'atommq' ORDER BY random() LIMIT 1) AS one`)
	}
	f.check()
}

func TestAFleetSurvivesThatItGetsNoConnection(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	cluster.Execute(t, "postgres", "CREATE ROLE bus LOGIN", "ALTER DATABASE test1 OWNER TO bus")
	f := launchFleet(t, strings.Replace(url, "user=atommq", "user=bus", 1))
	f.progress(100)
	cluster.Execute(t, "postgres", "ALTER ROLE bus CONNECTION LIMIT 0")
	cluster.Execute(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bus'")
	f.wantReady(false, 5*time.Second)
	before := f.refused.Load()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for f.refused.Load() < before+fleetPublishers && !f.isExpired() {
		<-again.C
	}
	cluster.Execute(t, "postgres", "ALTER ROLE bus CONNECTION LIMIT -1")
	f.check()
}

func TestAFleetSurvivesThatAStandbyTakesOver(t *testing.T) {
	t.Parallel()
	primary := dbtest.Start(t, "fsync=off")
	url := primary.Database(t)
	standby := dbtest.StartStandby(t, primary)
	f := launchFleet(t, primary.Either(t, standby, url))
	f.progress(200)
	primary.Stop(t)
	f.wantReady(false, 5*time.Second)
	standby.Promote(t)
	f.check()
}
