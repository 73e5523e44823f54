package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/blog/atom"
)

// counter passes requests on, and counts them by path.
type counter struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
}

func countRequests(t *testing.T, to string) *counter {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{seen: make(map[string]int)}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{DisableCompression: true}, // codings are between the cache and the server
	}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.seen[r.URL.Path]++
		c.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *counter) count(path string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[path]
}

// startCache starts deploy/nginx.conf with the cache that doc/http.md adds to it, in front of a
// server at an address, and returns a client that reaches it whatever the host. Words of what is
// added are replaced, by pairs.
func startCache(t *testing.T, upstream string, replace ...string) *inFront {
	t.Helper()
	page, err := os.ReadFile("../../doc/http.md")
	if err != nil {
		t.Fatal(err)
	}
	added := regexp.MustCompile("(?s)```nginx\nhttp {\n(.*?)\n    server {\n(.*?)    }\n}\n```").FindSubmatch(page)
	if added == nil {
		t.Fatal("doc/http.md adds no cache to deploy/nginx.conf")
	}
	words := strings.NewReplacer(append(replace, "/var/cache/nginx/atommq", filepath.Join(t.TempDir(), "cache"))...)
	const upstreams, locations = "    upstream heads {\n", "        location / {\n"
	f, _ := nginxAt(t, upstream,
		upstreams, words.Replace(string(added[1]))+upstreams,
		locations, "        add_header X-Cache $upstream_cache_status;\n"+words.Replace(string(added[2]))+locations)
	f.Transport.(*http.Transport).DisableCompression = true
	return f
}

// dialUntil connects as soon as the program that is to listen does, unless it has ended.
func dialUntil(ctx context.Context, address string, ended <-chan struct{}) (net.Conn, error) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, wireOf(address), address)
		if err == nil {
			return conn, nil
		}
		select {
		case <-ended:
			return nil, err
		case <-ctx.Done():
			return nil, err
		case <-again.C:
		}
	}
}

// fetch gets a feed document through a cache.
func fetch(t *testing.T, c *inFront, path string, fields ...string) (doc atom.Feed, header http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, c.site+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v\n%s", path, resp.Status, err, body)
	}
	if resp.Header.Get("Content-Encoding") == "" {
		if err := xml.Unmarshal(body, &doc); err != nil {
			t.Fatal(err)
		}
	}
	return doc, resp.Header
}

// appendBatches fills an append-only feed with pages of the archive, at the server itself.
func appendBatches(t *testing.T, server *process, feed string) {
	t.Helper()
	runCommand(t, "feeds", "set", feed, "--append-only", "--db", server.DB)
	for range 4 {
		status, text := ask(t, "POST", server.URL+"feeds/"+feed, "<feed xmlns='http://www.w3.org/2005/Atom'>"+strings.Repeat("<entry><title>e</title></entry>", 100)+"</feed>",
			"Authorization: Basic bWU6c2VjcmV0", "Content-Type: application/atom+xml")
		if status != http.StatusCreated {
			t.Fatal(text)
		}
	}
}

// prevArchive returns the path of the next older page of an archive, "" for none.
func prevArchive(t *testing.T, doc atom.Feed) string {
	t.Helper()
	for _, l := range doc.Link {
		if l.Rel == "prev-archive" {
			u, err := url.Parse(l.Href)
			if err != nil {
				t.Fatal(err)
			}
			return u.Path
		}
	}
	return ""
}

// Readers of the history are a cache's to serve: each final page is asked for once, and then comes
// without the bus, even when that is gone.
func TestNginxServesTheArchiveWithoutTheBus(t *testing.T) {
	needProgram(t, "nginx", "nginx")
	server := startServer(t)
	upstream := countRequests(t, server.URL)
	client := startCache(t, upstream.Listener.Addr().String())
	runCommand(t, "feeds", "set", "ledger", "--append-only", "--db", server.DB)
	for i := range 4 {
		var batch strings.Builder
		for j := range 100 {
			fmt.Fprintf(&batch, "<entry><title>e%d</title></entry>", 100*i+j+1)
		}
		resp, err := client.Post("http://mq.example/feeds/ledger", "application/atom+xml", strings.NewReader(`<feed xmlns="http://www.w3.org/2005/Atom">`+batch.String()+`</feed>`))
		if err != nil || resp.StatusCode != http.StatusCreated {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
	}
	newest, _ := fetch(t, client, "/feeds/ledger")
	entries := make(map[string]bool)
	for _, e := range newest.Entry {
		entries[e.Title] = true
	}
	var final []string
	for path := prevArchive(t, newest); path != ""; {
		doc, header := fetch(t, client, path)
		for range 9 {
			again, _ := fetch(t, client, path)
			if d := cmp.Diff(doc, again); d != "" {
				t.Errorf("%s changed: %s", path, d)
			}
		}
		if strings.Contains(header.Get("Cache-Control"), "immutable") {
			final = append(final, path)
		}
		for _, e := range doc.Entry {
			entries[e.Title] = true
		}
		path = prevArchive(t, doc)
	}
	if len(entries) != 400 || len(final) < 4 {
		t.Errorf("%d of 400 entries, and %q are final", len(entries), final)
	}
	for _, path := range final {
		if n := upstream.count(path); n != 1 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
	// A form, or a coding, is kept beside the others.
	_, plain := fetch(t, client, final[0])
	_, packed := fetch(t, client, final[0], "Accept-Encoding: gzip")
	if packed.Get("Content-Encoding") != "gzip" || packed.Get("ETag") == plain.Get("ETag") || upstream.count(final[0]) != 2 {
		t.Errorf("asked for %d times: %v and %v", upstream.count(final[0]), plain, packed)
	}
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	for _, path := range final {
		if _, header := fetch(t, client, path); header.Get("X-Cache") != "HIT" {
			t.Errorf("%s: %v", path, header)
		}
	}
}

// What an account read through a cache is not there for those who may not read it.
func TestASharedCacheKeepsOnlyWhatEverybodyMayRead(t *testing.T) {
	db := filepath.Join(t.TempDir(), "atommq.db")
	runCommand(t, "user", "allow", "anonymous", "read", "open", "--db", db)
	server := startServer(t, "--db", db, "--login", "me", "--passcode", "secret")
	client := startCache(t, server.address(), "~ ^/feeds/[^/]+/archive/", "/feeds/") // and pages by cursor
	get := func(path, account string) (status int, header http.Header, text string) {
		req, err := http.NewRequest(http.MethodGet, "http://mq.example"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if account != "" {
			req.SetBasicAuth(account, "secret")
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, string(b)
	}
	for _, feed := range []string{"open", "secret"} {
		appendBatches(t, server, feed)
		archive := "/feeds/" + feed
		for range 2 { // the newest page of the archive may still grow
			_, _, text := get(archive, "me")
			var doc atom.Feed
			if err := xml.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatal(err)
			}
			archive = prevArchive(t, doc)
		}
		for _, path := range []string{archive, "/feeds/" + feed + "?after=1&limit=50"} {
			if status, header, _ := get(path, "me"); status != http.StatusOK || !strings.Contains(header.Get("Cache-Control"), "immutable") {
				t.Fatalf("%s: %d %v", path, status, header)
			}
			status, header, _ := get(path, "")
			if feed == "open" && (status != http.StatusOK || header.Get("X-Cache") != "HIT") {
				t.Errorf("%s, for everybody: %d, %s", path, status, header.Get("X-Cache"))
			}
			if feed == "secret" && status != http.StatusUnauthorized {
				t.Errorf("a stranger gets %s with status %d out of the cache", path, status)
			}
		}
	}
}

// Links that began with the address of the server behind it would lead nowhere, and those that were
// made for another host astray.
func TestLinksOutOfACacheBeginWithTheHostThatWasAsked(t *testing.T) {
	db := filepath.Join(t.TempDir(), "atommq.db")
	runCommand(t, "user", "allow", "anonymous", "read", "ledger", "--db", db)
	server := startServer(t, "--db", db, "--trusted-proxies", "127.0.0.1", "--login", "me", "--passcode", "secret")
	cache := startCache(t, server.address())
	appendBatches(t, server, "ledger")
	for _, asked := range []struct{ host, status string }{{"mq.example", "MISS"}, {"other.example", "MISS"}, {"mq.example", "HIT"}} {
		cache.site = "http://" + asked.host
		status := ""
		for path := "/feeds/ledger"; path != ""; {
			resp, text := cache.do(t, "GET", path, "", http.StatusOK)
			for _, link := range regexp.MustCompile(`<link [^>]*href="([^"]*)"`).FindAllStringSubmatch(text, -1) {
				if !strings.HasPrefix(link[1], cache.site+"/feeds/") {
					t.Fatalf("%s%s has a link to %s", cache.site, path, link[1])
				}
			}
			status = resp.Header.Get("X-Cache")
			var doc atom.Feed
			if err := xml.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatal(err)
			}
			path = prevArchive(t, doc)
		}
		if status != asked.status {
			t.Errorf("the beginning of the archive at %s: %s", asked.host, status)
		}
	}
	cache.do(t, "GET", "/metrics", "", http.StatusForbidden)
}

func TestACacheHoldsNoPollBehindALongOne(t *testing.T) {
	db := filepath.Join(t.TempDir(), "atommq.db")
	runCommand(t, "user", "allow", "anonymous", "admin", "*", "--db", db)
	server := startServer(t, "--db", db, "--trusted-proxies", "127.0.0.1")
	cache := startCache(t, server.address(), "proxy_cache_lock on;", "proxy_cache_lock on; proxy_cache_lock_timeout 1m; proxy_cache_lock_age 1m;")
	cache.do(t, "POST", "/feeds/x", "first", http.StatusCreated, "Content-Type: text/plain")
	req, err := http.NewRequest(http.MethodGet, cache.site+"/feeds/x?after=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Prefer", "wait=30")
	long := make(chan string, 1)
	go func() {
		defer close(long)
		resp, err := cache.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		long <- string(text)
	}()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for scrape(t, server.URL+"metrics")["atommq_http_polls"] != 1 {
		<-again.C
	}
	if _, text := cache.do(t, "GET", "/feeds/x?after=1", "", http.StatusOK); strings.Contains(text, "<entry") {
		t.Errorf("there is something new already: %s", text)
	}
	if len(long) > 0 {
		t.Error("a poll waited for somebody else's long one")
	}
	cache.do(t, "POST", "/feeds/x", "second", http.StatusCreated, "Content-Type: text/plain")
	if text := <-long; !strings.Contains(text, "second") {
		t.Errorf("the long poll is answered with %s", text)
	}
}
