package db

import (
	"strings"
	"testing"

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
