package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"atommq/db"
)

// databaseMagic begins every file of SQLite 3 that is not empty
// (https://www.sqlite.org/fileformat2.html#magic_header_string).
const databaseMagic = "SQLite format 3\x00"

// checkDatabase finds what is wrong with the file that flag names, and says what to do, where SQLite
// would only call it unable to open. A name with parameters is left to SQLite, a server's to PostgreSQL.
func checkDatabase(flag, dsn string) error {
	if err := checkKind(flag, dsn); err != nil {
		return err
	}
	if hasParameters(dsn) || db.IsPostgres(dsn) {
		return nil
	}
	info, err := os.Stat(dsn)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checkDirectory("database "+dsn, dsn, " with "+flag)
	case err != nil:
		return fmt.Errorf("database %s: %w: put it right, or name another file with %s", dsn, err, flag)
	case info.IsDir():
		return fmt.Errorf("database %s: is a directory: name a file in it with %s", dsn, flag)
	case info.Size() > 0 && !startsAsDatabase(dsn):
		return fmt.Errorf("database %s: is not a database: name another file with %s", dsn, flag)
	}
	return nil
}

// keywords begins what lib/pq and PostgreSQL's own programs take in place of a URL.
var keywords = regexp.MustCompile(`^\s*(host|hostaddr|port|dbname|user|password|passfile|service|sslmode)\s*=`)

// checkKind refuses the URL of a database of another kind, or what is no URL of PostgreSQL's, which
// would pass for a file's name. It may hold a password.
func checkKind(flag, dsn string) error {
	if form := keywords.FindString(dsn); form != "" {
		return misusef("%s %s…: a database of PostgreSQL is named by a URL: postgres://user@host/database", flag, strings.TrimSpace(form))
	}
	if name, _, ok := strings.Cut(dsn, ":"); ok && (name == "postgres" || name == "postgresql") && !db.IsPostgres(dsn) {
		return misusef("%s %s:…: two slashes follow the colon: %s://user@host/database", flag, name, name)
	}
	scheme, _, isURL := strings.Cut(dsn, "://")
	if !isURL || db.IsPostgres(dsn) || hasParameters(dsn) || strings.ContainsAny(scheme, "/.") {
		return nil
	}
	return misusef("%s %s://…: AtomMQ keeps its database in a file or in PostgreSQL: name a file, or postgres://…", flag, scheme)
}

// checkDirectory refuses a new file where there is no directory for it, or none that this user
// may make files in. The error begins with what, and ends with how another file is named.
func checkDirectory(what, path, with string) error {
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: there is no directory %s: make it, or name another file%s", what, dir, with)
	}
	if errors.Is(unix.Access(dir, unix.W_OK), fs.ErrPermission) {
		return fmt.Errorf("%s: this user may not make files in %s: allow it, or name another file%s", what, dir, with)
	}
	return nil
}

var errNoFile = errors.New("no such file")

// mustExist keeps a mistyped name from making a new database.
func mustExist(flag, dsn string) error {
	if err := checkKind(flag, dsn); err != nil {
		return err
	}
	if hasParameters(dsn) || db.IsPostgres(dsn) {
		return nil
	}
	if _, err := os.Stat(dsn); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("database %s: %w: name one with %s", dsn, errNoFile, flag)
	}
	return nil
}

func hasParameters(dsn string) bool { return strings.HasPrefix(dsn, "file:") }

// startsAsDatabase reports whether a file may be a database; one that cannot be read may.
func startsAsDatabase(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	start := make([]byte, len(databaseMagic))
	n, err := io.ReadFull(f, start)
	return err != nil && n == 0 || bytes.Equal(start, []byte(databaseMagic))
}
