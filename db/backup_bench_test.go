package db

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"atommq/bus/bustest"
)

// BenchmarkPublishBesideBackup is what one publisher waits for each entry while nothing else is done,
// while backups are made of 200,000 entries, one after the other, and while VACUUM INTO makes them.
func BenchmarkPublishBesideBackup(b *testing.B) {
	path := filled(b, 200_000)
	for name, backup := range map[string]func(to string) error{
		"alone": nil,
		"backup": func(to string) error {
			_, err := (&Backup{From: path, To: to}).Run(b.Context())
			return err
		},
		"vacuum": func(to string) error {
			from, err := openSnapshot(b.Context(), path)
			if err != nil {
				return err
			}
			defer from.close()
			if _, err := from.conn.ExecContext(b.Context(), "ROLLBACK; PRAGMA query_only = 0; VACUUM INTO '"+to+"'"); err != nil {
				return err
			}
			return syncFile(to)
		},
	} {
		b.Run(name, func(b *testing.B) { publishBeside(b, path, backup) })
	}
}

func publishBeside(b *testing.B, path string, backup func(to string) error) {
	s := openAt(b, path)
	done := make(chan struct{})
	var running sync.WaitGroup
	backups, took := 0, time.Duration(0)
	if backup != nil {
		running.Go(func() {
			to := filepath.Join(b.TempDir(), "backup.db")
			for {
				select {
				case <-done:
					return
				default:
				}
				start := time.Now()
				if err := backup(to); err != nil {
					b.Error(err)
					return
				}
				took += time.Since(start)
				backups++
				if err := removeDatabase(to); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for b.Loop() {
		if err := s.Commit(b.Context(), bustest.Piece(publishing(b, "beside", 1)...)); err != nil {
			b.Fatal(err)
		}
	}
	close(done)
	running.Wait()
	if backups > 0 {
		b.ReportMetric(took.Seconds()/float64(backups), "s/backup")
	}
}
