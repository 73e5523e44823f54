package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"atommq/bus"
)

const (
	benchMediaBytes = 1 << 30
	mega            = 1e6
)

// benchMedia measures one file of 1 GiB, to a server that is a process of its own and back, and by
// how much that makes it grow; beside the same chunks written with no server around them.
func benchMedia(ctx context.Context, b *bench) (err error) {
	b.say("writing 1 GiB of raw chunks")
	raw, err := rawChunks(ctx, b.dir)
	if err != nil {
		return err
	}
	server, err := startBenchServer(ctx, filepath.Join(b.dir, "atommq.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	// A small one first: what a server takes for its first request is no matter of the file's size.
	if err := server.uploadMedia(ctx, bus.MediaChunk); err != nil {
		return err
	}
	idle, err := server.settle()
	if err != nil {
		return err
	}
	b.say("uploading 1 GiB")
	up, peakUp, err := server.watched(func() error { return server.uploadMedia(ctx, benchMediaBytes) })
	if err != nil {
		return err
	}
	b.say("downloading 1 GiB")
	down, peakDown, err := server.watched(func() error { return server.downloadMedia(ctx) })
	if err != nil {
		return err
	}
	rate := func(took time.Duration) float64 { return benchMediaBytes / mega / took.Seconds() }
	b.report(
		finding{Section: "media", What: "upload of 1 GiB", Unit: "MB/s", Value: rate(up), Ceiling: raw, CeilingWhat: "raw chunks", Budget: budget{AtLeast: 300, OrRatio: 0.6}},
		finding{Section: "media", What: "download of 1 GiB", Unit: "MB/s", Value: rate(down), Budget: budget{AtLeast: 300}},
		finding{Section: "media", What: "upload adds in memory", Unit: "MiB", Value: peakUp - idle, Budget: budget{AtMost: 16}},
		finding{Section: "media", What: "download adds in memory", Unit: "MiB", Value: peakDown - idle, Budget: budget{AtMost: 16}},
	)
	return nil
}

// rawChunks writes as many chunks as a file of benchMediaBytes has to a SQLite file, a transaction
// for each, and returns the rate in MB/s.
func rawChunks(ctx context.Context, dir string) (rate float64, err error) {
	raw, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "chunks.db")+"?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	raw.SetMaxOpenConns(1)
	if _, err := raw.ExecContext(ctx, "CREATE TABLE chunk (media INTEGER, seq INTEGER, bytes BLOB, PRIMARY KEY (media, seq))"); err != nil {
		return 0, err
	}
	insert, err := raw.PrepareContext(ctx, "INSERT INTO chunk (media, seq, bytes) VALUES (1, ?, ?)")
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	chunk := benchBytes(bus.MediaChunk)
	begun := time.Now()
	for seq := range benchMediaBytes / bus.MediaChunk {
		if _, err := insert.ExecContext(ctx, seq, chunk); err != nil {
			return 0, err
		}
	}
	return benchMediaBytes / mega / time.Since(begun).Seconds(), nil
}

// benchBytes returns bytes that do not compress well.
func benchBytes(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// repeated reads the same bytes again and again, without end.
type repeated struct {
	bytes []byte
	at    int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.bytes[r.at:])
	r.at = (r.at + n) % len(r.bytes)
	return n, nil
}

// uploadMedia posts a file of so many bytes.
func (s *benchServer) uploadMedia(ctx context.Context, size int64) error {
	body := io.LimitReader(&repeated{bytes: benchBytes(bus.MediaChunk)}, size)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/feeds/bench", body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/x-bench")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("the upload is answered with %s", resp.Status)
	}
	s.media = resp.Header.Get("Location") + "/media"
	return nil
}

// downloadMedia reads the file that was uploaded last.
func (s *benchServer) downloadMedia(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.media, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n != benchMediaBytes {
		err = fmt.Errorf("%d bytes come back", n)
	}
	return err
}

// watched does work and returns how long it took, and the most memory in MiB that the server was
// seen with meanwhile.
func (s *benchServer) watched(work func() error) (took time.Duration, peak float64, err error) {
	begun := time.Now()
	done := make(chan error, 1)
	go func() { done <- work() }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return time.Since(begun), peak, err
		case <-tick.C:
			now, err := s.resident()
			if err != nil {
				return 0, 0, errors.Join(err, <-done)
			}
			peak = max(peak, now)
		}
	}
}
