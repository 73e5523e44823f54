package db

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNodesAreKnownUnderEveryNameOfTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	open := func(name string) *Store {
		s, err := Open(t.Context(), name, Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	one, other := open(file), open(link)
	node, err := one.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := one.reader.GetContext(t.Context(), &n, "SELECT count(*) FROM atommq_node WHERE id = ?", node); err != nil || n != 1 {
		t.Errorf("%d nodes left, %v; want the one that lives", n, err)
	}
}
