package db

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lib/pq"

	"atommq/db/dbtest"
)

// Notifications are hints: the log is read every second without any, and anew once they come again.
func TestWhatNobodyIsNotifiedOfIsSeenInASecond(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	proxy := dbtest.NewProxy(t, cluster)
	deaf := func(query string) dbtest.Fate {
		if strings.HasPrefix(query, "LISTEN") {
			return dbtest.LoseQuery
		}
		return dbtest.Pass
	}
	proxy.Doom(deaf)
	s, other := openAt(t, proxy.URL(t, url)), openAt(t, url)
	hints := hinted(t, s)
	for range 3 {
		if took := awaitHint(t, other, hints); took > lookInterval+lookInterval/2 {
			t.Errorf("a look without being told came after %v", took)
		}
	}
	proxy.Doom(nil)
	heard := false
	for range 20 {
		heard = heard || awaitHint(t, other, hints) < lookInterval/10
	}
	if !heard {
		t.Error("no notification came once they could")
	}
}

// A standby notifies nobody, but is looked at.
func TestAStandbyIsWatchedWithoutAWarningEachSecond(t *testing.T) {
	t.Parallel()
	primary := dbtest.Start(t, "fsync=off")
	url := primary.Database(t)
	mustCommit(t, openAt(t, url), publishing(t, "x", 1)...)
	s := openAt(t, dbtest.StartStandby(t, primary).URL(databaseOf(t, url)))
	engine := s.writer.engine.(*postgres)
	connected := make(chan struct{}, 1)
	l := pq.NewDialListener(&sessionDialer{}, engine.server.dsn, listenAgain, listenAtMost, func(event pq.ListenerEventType, _ error) {
		if event == pq.ListenerEventConnected {
			connected <- struct{}{}
		}
	})
	defer l.Close()
	<-connected // or it would wait for a connection that can listen
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks := 0
	err := engine.follow(ctx, l, func() {
		if looks++; looks == 4 { // at the start, when it cannot listen, and twice later
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || looks < 4 {
		t.Errorf("after %d looks: %v", looks, err)
	}
}
