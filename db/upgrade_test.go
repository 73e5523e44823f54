package db

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"atommq/db/dbtest"
	"atommq/migrations"
)

// olderServer makes a database of PostgreSQL as a former version left it.
func olderServer(t *testing.T, cluster *dbtest.Cluster) (url string) {
	t.Helper()
	dump, err := os.ReadFile("../migrations/testdata/postgres/v7.sql")
	if err != nil {
		t.Fatal(err)
	}
	url = cluster.Database(t)
	cluster.Execute(t, databaseOf(t, url), string(dump))
	return url
}

// Its rows would be in the file without what the steps to this schema make of them.
func TestABackupOfAnOlderSchemaOnAServerIsLeftToTheOlderProgram(t *testing.T) {
	t.Parallel()
	b := Backup{From: olderServer(t, dbtest.Start(t, "fsync=off")), To: filepath.Join(t.TempDir(), "backup.db")}
	if tables, err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "make the backup with the program that works on it") {
		t.Errorf("Run = %v, %v", tables, err)
	}
}

// A process of an older version that was forgotten would write rows without what the new schema keeps.
func TestNoSchemaIsChangedUnderANode(t *testing.T) {
	t.Parallel()
	url := olderServer(t, dbtest.Start(t, "fsync=off"))
	server, err := parseServer(url)
	if err != nil {
		t.Fatal(err)
	}
	node, err := server.connector(writerSession).Connect(t.Context()) // as older versions do
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenAsIs(t.Context(), url, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if steps, err := Upgrade(t.Context(), d); err == nil || !strings.Contains(err.Error(), "stop every server and gateway") {
		t.Errorf("Upgrade beside a node = %v, %v", steps, err)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	if steps, err := Upgrade(t.Context(), d); err != nil || len(steps) == 0 {
		t.Errorf("Upgrade = %v, %v", steps, err)
	}
	openAt(t, url) // a node of the new version, beside which there is nothing to do
	if steps, err := Upgrade(t.Context(), d); err != nil || len(steps) > 0 {
		t.Errorf("Upgrade = %v, %v", steps, err)
	}
	if err := migrations.Check(t.Context(), d); err != nil {
		t.Error(err)
	}
}
