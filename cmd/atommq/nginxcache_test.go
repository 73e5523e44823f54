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

// startCache starts a cache in front of a server, as doc/http.md has it, and returns a client that
// reaches it whatever the host.
func startCache(t *testing.T, upstream string) *http.Client {
	t.Helper()
	nginx := needProgram(t, "nginx", "nginx")
	dir := t.TempDir()
	socket := filepath.Join(dir, "nginx.sock")
	config := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    proxy_cache_path %[1]s/cache keys_zone=atommq:10m max_size=1g;
    server {
        listen unix:%[2]s;
        location / {
            proxy_pass %[3]s;
            proxy_http_version 1.1;
            proxy_buffering on;
            proxy_cache atommq;
            proxy_cache_lock on;
            add_header X-Cache $upstream_cache_status;
        }
    }
}
`, dir, socket, upstream)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	transport := runInFront(t, socket, []string{nginx, "-p", dir, "-e", "stderr", "-c", file})
	transport.DisableCompression = true
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// dialUntil connects as soon as the program that is to listen does, unless it has ended.
func dialUntil(ctx context.Context, socket string, ended <-chan struct{}) (net.Conn, error) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
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
func fetch(t *testing.T, c *http.Client, path string, fields ...string) (doc atom.Feed, header http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://mq.example"+path, nil)
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

// linkTo returns the path that a document's link leads to, "" for none.
func linkTo(t *testing.T, doc atom.Feed, rel string) string {
	t.Helper()
	for _, l := range doc.Link {
		if l.Rel == rel {
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
	client := startCache(t, upstream.URL)
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
	for path := linkTo(t, newest, "prev-archive"); path != ""; {
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
		path = linkTo(t, doc, "prev-archive")
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
	client := startCache(t, server.URL)
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
		runCommand(t, "feeds", "set", feed, "--append-only", "--db", server.DB)
		for range 4 {
			if status, text := ask(t, "POST", server.URL+"feeds/"+feed, "<feed xmlns='http://www.w3.org/2005/Atom'>"+strings.Repeat("<entry><title>e</title></entry>", 100)+"</feed>",
				"Authorization: Basic bWU6c2VjcmV0", "Content-Type: application/atom+xml"); status != http.StatusCreated {
				t.Fatal(text)
			}
		}
		archive := "/feeds/" + feed
		for range 2 { // the newest page of the archive may still grow
			_, _, text := get(archive, "me")
			var doc atom.Feed
			if err := xml.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatal(err)
			}
			archive = linkTo(t, doc, "prev-archive")
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
