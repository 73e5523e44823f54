package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestErrorsOfAKindAreWrittenTenTimesIn10Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(newCalmLog(slog.NewTextHandler(&out, nil))).With("node", 1)
		count := func(text string) int { return strings.Count(out.String(), text) }
		for i := range 1000 {
			log.Error("commit failed", "n", i)
			log.Error("request failed", "status", 507, "n", i)
			log.Warn("dead letter")
		}
		log.Error("request failed", "status", 500)
		for text, want := range map[string]int{"commit failed": 10, "status=507": 10, "status=500": 1, "dead letter": 1000, "omitted": 0} {
			if n := count(text); n != want {
				t.Errorf("%q is written %d times, want %d", text, n, want)
			}
		}
		<-time.After(calmWindow)
		log.Error("commit failed", "n", "next")
		if line := fmt.Sprintf("node=1 n=next omitted=%d\n", 990); !strings.HasSuffix(out.String(), line) {
			t.Errorf("after %v: %s, want %s", calmWindow, out.String()[out.Len()-200:], line)
		}
		log.Error("commit failed", "n", "last")
		if !strings.HasSuffix(out.String(), "node=1 n=last\n") {
			t.Error("what was omitted is told twice")
		}
	})
}
