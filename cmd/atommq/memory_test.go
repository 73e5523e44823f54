package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
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
	var most float64
	reading.Go(func() {
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for ctx.Err() == nil {
			most = max(most, anonymous(t, p))
			<-pace.C
		}
	})
	publishing.Wait()
	stop()
	reading.Wait()
	t.Logf("at most %.1f MiB", most/(1<<20))
	// SQLite's memory and the stacks of C do not count for it.
	if most > limit+16<<20 {
		t.Errorf("the process took up to %.1f MiB of memory, with GOMEMLIMIT=%d MiB", most/(1<<20), limit>>20)
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
