package db

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"atommq/bus"
	"atommq/db/walvfs"
)

// location is where a SQLite database lies.
type location struct {
	path   string     // of the file
	params url.Values // SQLite's own: mode, vfs, immutable …
}

// parse reads a data source name.
func parse(dsn string) (location, error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	if scheme == "file" {
		return parseURL(rest)
	}
	if dsn == "" || strings.HasPrefix(dsn, ":memory:") {
		return location{}, errors.New("a database in memory would be another one for each connection: name a file")
	}
	if strings.Contains(dsn, "://") || scheme == "sqlite" || scheme == "sqlite3" {
		return location{}, fmt.Errorf("%s: names no database here: write the path of a SQLite file alone, or postgres://…", scheme)
	}
	return location{path: dsn}, nil
}

// parseURL reads what follows "file:", as https://www.sqlite.org/uri.html has it.
func parseURL(rest string) (location, error) {
	rest, _, _ = strings.Cut(rest, "#")
	escaped, query, _ := strings.Cut(rest, "?")
	if after, ok := strings.CutPrefix(escaped, "//"); ok {
		host, path, _ := strings.Cut(after, "/")
		if host != "" && host != "localhost" {
			return location{}, fmt.Errorf("file:%s names the machine %q: write file:///%s", rest, host, path)
		}
		escaped = "/" + path
	}
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return location{}, fmt.Errorf("file:%s: %w", rest, err)
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return location{}, fmt.Errorf("file:%s: %w", rest, err)
	}
	switch {
	case path == "" || path == ":memory:" || params.Get("mode") == "memory":
		return parse("")
	case params.Get("cache") == "shared":
		return location{}, errors.New("cache=shared makes readers wait for the writer: leave it out")
	}
	return location{path: path, params: params}, nil
}

// check finds what SQLite would only call "unable to open database file", and what it would lose.
func (l location) check() error {
	info, err := os.Stat(l.path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("is a directory: name a file in it: %w", bus.ErrUnavailable)
	case err == nil:
		return l.checkNames(info)
	case !errors.Is(err, os.ErrNotExist):
		return nil
	}
	if err := l.checkDirectory(); err != nil {
		return err
	}
	if rest := l.orphan(); rest != "" {
		return fmt.Errorf("is not there, but %s is, and may hold the only copy of what was published last: put the file back beside it, or move it away: %w", rest, bus.ErrUnavailable)
	}
	return nil
}

func (l location) checkDirectory() error {
	dir := filepath.Dir(l.real())
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no directory %s: make it first: %w", dir, bus.ErrUnavailable)
	}
	return nil
}

// checkNames refuses a file of several names. Under each of them SQLite would have another log, and
// processes would overwrite each other's commits.
func (l location) checkNames(info fs.FileInfo) error {
	names := linksTo(info)
	if names <= 1 {
		return nil
	}
	remedy := "remove the others, or make symbolic links of them (find -samefile finds them)"
	if other, err := os.Stat(partial(l.path)); err == nil && os.SameFile(info, other) { // of a backup that was killed
		remedy = "remove " + partial(l.path)
	}
	return fmt.Errorf("has %d names (hard links), and what is published under one would be lost under another: %s: %w", names, remedy, bus.ErrUnavailable)
}

// orphan returns the name of the log or journal that lies where there is no file, "" for none or an
// empty one. SQLite would take it for a part of a new file that has pages, and remove it beside one
// that has none.
func (l location) orphan() string {
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Lstat(l.real() + suffix); err == nil && info.Size() > 0 {
			return l.real() + suffix
		}
	}
	return ""
}

// make makes the file, for nobody but its owner to read, if there is none: SQLite has its other
// files as this one. What it cannot make, SQLite says better. Root gives it to whom the directory
// belongs to: a server that runs as its user could not open it otherwise.
func (l location) make() {
	if l.params.Has("mode") || l.params.Has("vfs") {
		return
	}
	path := l.real()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	if dir, err := os.Stat(filepath.Dir(path)); err == nil {
		giveTo(f, dir)
	}
	_ = f.Close() // there is nothing in it
}

// url returns the driver's data source name, with more parameters: "key=value".
func (l location) url(more ...string) string {
	params := url.Values{}
	maps.Copy(params, l.params)
	for _, p := range more {
		k, v, _ := strings.Cut(p, "=")
		params.Set(k, v)
	}
	path := (&url.URL{Path: l.path}).EscapedPath()
	if strings.HasPrefix(path, "//") {
		path = "//" + path // or SQLite would take what follows for a machine
	}
	return "file:" + path + "?" + params.Encode()
}

// writer names the connection that writes. The writer waits for other processes
// and lets one goroutine in at a time, so SQLite need do neither. Pages are kept by the
// operating system, too: half of what SQLite would take for them does.
func (l location) writer(cfg Config) string {
	params := []string{"_mutex=no", "_busy_timeout=0", "_foreign_keys=1", "_cache_size=-1024", "_synchronous=" + cfg.Synchronous}
	if walvfs.Name != "" && !l.params.Has("vfs") {
		params = append(params, "vfs="+walvfs.Name)
	}
	return l.url(params...)
}

// reader names the connections of the pool. Each would keep 2 MiB of pages, which
// the operating system keeps too.
func (l location) reader() string {
	return l.url("mode=ro", "_query_only=1", "_busy_timeout=5000", "_stmt_cache_size=32", "_cache_size=-256")
}

// migrator names the connection that migrates. Only the first start of
// a new version holds the lock for long.
func (l location) migrator(cfg Config) string {
	wait := max(cfg.BusyTimeout, time.Minute)
	return l.url(fmt.Sprintf("_busy_timeout=%d", wait.Milliseconds()), "_synchronous="+cfg.Synchronous)
}

// nodes names the file of the nodes' locks, beside the database. Like SQLite's own, it is named
// after the file that symbolic links lead to: processes that call the database by different names
// must find the same locks.
func (l location) nodes() string { return l.real() + "-nodes" }

// mostLinks is how many symbolic links real follows, one to the other: as many as Linux does.
const mostLinks = 40

// real is the path that symbolic links lead to, whether there is a file or not.
func (l location) real() string {
	path := l.path
	for range mostLinks {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		next, err := os.Readlink(path)
		if err != nil { // no link: it is the file that is not there
			return path
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return l.path
}
