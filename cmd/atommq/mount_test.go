package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestThePathOfTheBaseURLIsTakenOff(t *testing.T) {
	for _, tt := range []struct{ prefix, path, want string }{
		{"/mq", "/mq/feeds/x", "/feeds/x"},
		{"/mq", "/mq", "/"},
		{"/mq", "/mq/", "/"},
		{"/mq", "/feeds/x", "/feeds/x"},
		{"/mq", "/mqx/feeds", "/mqx/feeds"},
		{"/mq", "/mq/feeds/a%2Fb", "/feeds/a%2Fb"},
		{"/mq", "/m%71/feeds/a%2Fb", "/feeds/a%2Fb"},
		{"/a/b", "/a/b/feeds/%2F%2F", "/feeds/%2F%2F"},
		{"/a/b", "/a/b", "/"},
		{"", "/a/b", "/a/b"},
	} {
		r := httptest.NewRequest(http.MethodGet, tt.path, nil)
		if got := unmounted(tt.prefix, r).URL.EscapedPath(); got != tt.want {
			t.Errorf("%s without %s is %s, want %s", tt.path, tt.prefix, got, tt.want)
		}
	}
}

// linkPattern finds what leads on in documents of all forms.
var linkPattern = regexp.MustCompile(`(?:href|src|action|"[a-z_]*url"|"href"|"next")(?:=|:\s*)"([^"]+)"`)

// Whoever comes to a site under a prefix, at its root, finds nothing that leads out of it, or nowhere.
func TestEveryLinkWorksUnderAPrefix(t *testing.T) {
	for _, strips := range []bool{true, false} {
		var target *url.URL
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if strips {
				r.Out.URL.Path = strings.TrimPrefix(r.Out.URL.Path, "/mq")
				r.Out.URL.RawPath = strings.TrimPrefix(r.Out.URL.RawPath, "/mq")
			}
		}}
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/mq/") && r.URL.Path != "/mq" {
				t.Errorf("%s is outside", r.URL)
			}
			proxy.ServeHTTP(w, r)
		}))
		defer front.Close()
		cert, key, trust := certify(t)
		server := startServer(t, "--base-url", front.URL+"/mq", "--https", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
		proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}}
		target = &url.URL{Scheme: "https", Host: server.HTTPS}
		for _, feed := range []string{"news", "a%2Fb"} {
			for range 3 {
				if _, err := newBrowser(t, front.URL+"/mq/feeds/"+feed).post("hello", ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		if seen := crawl(t, front.URL+"/mq/", "text/html", "application/atom+xml", "application/json"); seen < 20 {
			t.Errorf("only %d links", seen)
		}
	}
}

// crawl follows the links of a site in all forms, and returns how many there are.
func crawl(t *testing.T, root string, forms ...string) int {
	t.Helper()
	seen := map[string]bool{root: true}
	for queue := []string{root, root + "feeds/news?limit=1", root + "service"}; len(queue) > 0 && len(seen) < 300; queue = queue[1:] {
		for _, form := range forms {
			for _, link := range linksAt(t, queue[0], form) {
				if strings.HasPrefix(link, "http") && !seen[link] {
					seen[link] = true
					queue = append(queue, link)
				}
			}
		}
	}
	return len(seen)
}

// linksAt returns the links of a document, which must be there, to places on this machine.
func linksAt(t *testing.T, at, form string) (links []string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", form+", */*;q=0.1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode >= 400 && resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET %s: %s, %v", at, resp.Status, err)
	}
	base, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range linkPattern.FindAllStringSubmatch(string(text), -1) {
		link, err := base.Parse(strings.NewReplacer("&amp;", "&", `\u0026`, "&", "&#34;", `"`).Replace(m[1]))
		if err == nil && link.Hostname() == base.Hostname() {
			link.Fragment = ""
			if strings.Contains(link.RawQuery, "sse") || strings.Contains(link.RawQuery, "ndjson") {
				continue // it has no end
			}
			links = append(links, link.String())
		}
	}
	return links
}
