package db

import (
	"net/url"
	"strings"
	"testing"
)

// A file that is named by a URL is the one that the driver is told, and what else the URL says does
// not change what AtomMQ relies on.
func FuzzLocation(f *testing.F) {
	for _, dsn := range []string{"atommq.db", "file:a%20b.db?mode=ro", "file:///tmp/x.db#f", "file://host/x", "file::memory:", ":memory:", "file:x?_synchronous=OFF&cache=private", "a?b#c%d", "file:%zz", "file:x?a=%zz", "\x00"} {
		f.Add(dsn)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		l, err := parse(dsn)
		if err != nil {
			return
		}
		if l.path == "" {
			t.Fatalf("%q names no file", dsn)
		}
		written := l.writer(Config{Synchronous: "FULL"})
		again, err := parse(written)
		if err != nil || again.path != l.path {
			t.Fatalf("%q is the file %q, written as %q that is %q, %v", dsn, l.path, written, again.path, err)
		}
		_, query, _ := strings.Cut(written, "?")
		if params, err := url.ParseQuery(query); err != nil || params.Get("_synchronous") != "FULL" || len(params["_synchronous"]) != 1 {
			t.Fatalf("%q has the parameters %v, %v", dsn, params, err)
		}
	})
}

// However a server is named, its password is in nothing that is shown.
func FuzzServer(f *testing.F) {
	for _, password := range []string{"secret-word", "s/e@c:r?e#t%", "%2F%zz", "a b&c=d", "12/secret", "12?secret", "12#secret", "secret@word/s"} {
		f.Add("postgres://user:"+password+"@a:1,b:2/atommq?sslmode=disable", password)
		f.Add("postgres:///atommq?host=a&password="+url.QueryEscape(password), password)
		f.Add("postgres://user:"+url.QueryEscape(password)+"@host/atommq", password)
	}
	f.Add("postgres://[::1", "x")
	f.Fuzz(func(t *testing.T, dsn, password string) {
		dsn = "postgres://" + strings.TrimPrefix(dsn, "postgres://")
		s, err := parseServer(dsn)
		shown := Name(dsn)
		if err != nil {
			shown += err.Error()
		} else {
			shown += s.name
			u, err := url.Parse(s.name)
			if err != nil {
				t.Fatalf("%q is shown as %q: %v", dsn, s.name, err)
			}
			if given, ok := u.User.Password(); ok && given != "xxxxx" || u.Query().Has("password") {
				t.Fatalf("%q is shown as %q", dsn, s.name)
			}
		}
		// A word that stands where only a password does.
		rest, isPassword := strings.CutPrefix(dsn, "postgres://user:"+password+"@")
		if isPassword && len(password) >= 8 && !strings.Contains(rest, password) && !strings.Contains("postgres:"+errNoServerURL.Error(), password) && strings.Contains(shown, password) {
			t.Fatalf("%q is shown as %q", dsn, shown)
		}
	})
}
