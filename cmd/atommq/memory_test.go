package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A limit that caches alone would pass, were they not told of it.
func TestGOMEMLIMITIsKeptTo(t *testing.T) {
	if underRace {
		t.Skip("the race detector takes memory of its own: run this without -race")
	}
	const limit = 48 << 20
	p, err := launch(t.TempDir(), append(os.Environ(), fmt.Sprint("GOMEMLIMIT=", limit)), "serve", "--db", "bus.db", "--cache-bytes", "128MiB")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	text := strings.Repeat("many words make a long text. ", 64<<10/29)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var publishing, reading sync.WaitGroup
	for i := range 4 {
		publishing.Go(func() {
			for range 400 { // 100 MiB in all
				resp, err := http.Post(fmt.Sprintf("%sfeeds/f%d", p.URL, i), "text/plain", strings.NewReader(text))
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusCreated {
					t.Errorf("POST: %s", resp.Status)
				}
			}
		})
		reading.Go(func() {
			for ctx.Err() == nil {
				status(t, fmt.Sprintf("%sfeeds/f%d?limit=20", p.URL, i))
			}
		})
	}
	var seen []float64
	reading.Go(func() {
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for ctx.Err() == nil {
			seen = append(seen, anonymous(t, p))
			<-pace.C
		}
	})
	publishing.Wait()
	stop()
	reading.Wait()
	slices.Sort(seen)
	usual := seen[len(seen)*3/4]
	t.Logf("three quarters of the time at most %.1f MiB, at most %.1f", usual/(1<<20), seen[len(seen)-1]/(1<<20))
	// SQLite's memory and the stacks of C do not count for it. Where others have the processors,
	// collections end late.
	if usual > limit+10<<20 {
		t.Errorf("the process took up to %.1f MiB of memory three quarters of the time, with GOMEMLIMIT=%d MiB", usual/(1<<20), limit>>20)
	}
}

// anonymous returns the bytes of memory that a process has for itself: not those of its program, or of files.
func anonymous(t *testing.T, p *process) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Error(err)
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "RssAnon:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Error(err)
	}
	return kib * 1024
}
