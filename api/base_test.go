package api

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestLinksBeginWithWhatTheOperatorTrusts(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	elsewhere := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	const own = "" // the listener's address
	for _, test := range []struct {
		name    string
		base    string
		proxies []netip.Prefix
		fields  []string
		want    string
	}{
		{"the listener", "", nil, nil, own},
		{"never Host", "", nil, []string{"Host: evil.example"}, own},
		{"the base URL", "https://example.org/mq/", nil, nil, "https://example.org/mq"},
		{"no trust, no forwarding", "https://example.org", nil, []string{"X-Forwarded-Host: evil.example"}, "https://example.org"},
		{"an untrusted peer", "", elsewhere, []string{"X-Forwarded-Host: evil.example", "Forwarded: host=evil.example"}, own},
		{"X-Forwarded", "http://b.example", loopback, []string{"X-Forwarded-Host: mq.example", "X-Forwarded-Proto: https"}, "https://mq.example"},
		{"Forwarded", "", loopback, []string{`Forwarded: for=192.0.2.1;proto=https;host="mq.example:8443"`}, "https://mq.example:8443"},
		{"the nearest proxy's word", "", loopback, []string{"Forwarded: host=evil.example, for=192.0.2.1;host=mq.example"}, "http://mq.example"},
		{"the outermost trusted proxy's word", "", loopback, []string{"Forwarded: host=evil.example, for=192.0.2.1;host=mq.example", `Forwarded: for="127.0.0.2:99";host=inner`}, "http://mq.example"},
		{"the word of one behind whom others say nothing", "", loopback, []string{"Forwarded: host=evil.example, for=192.0.2.1, for=127.0.0.3;host=mq.example;proto=https, for=127.0.0.2"}, "https://mq.example"},
		{"the host of one proxy and the scheme of another", "", loopback, []string{"Forwarded: for=192.0.2.1;proto=https, for=127.0.0.2;host=mq.example"}, "https://mq.example"},
		{"empty elements, which are none", "", loopback, []string{"Forwarded: host=evil.example, , for=192.0.2.1;host=mq.example , ,"}, "http://mq.example"},
		{"two that disagree", "http://b.example", loopback, []string{"X-Forwarded-Host: mq.example", "Forwarded: host=evil.example"}, "http://b.example"},
		{"markup in a host", "http://b.example", loopback, []string{`X-Forwarded-Host: "><script>`}, "http://b.example"},
		{"another scheme", "http://b.example", loopback, []string{"X-Forwarded-Host: mq.example", "X-Forwarded-Proto: javascript"}, "http://b.example"},
		{"IPv6", "", loopback, []string{"X-Forwarded-Host: [2001:db8::1]:80"}, "http://[2001:db8::1]:80"},
		{"a prefix", "", loopback, []string{"X-Forwarded-Host: mq.example", "X-Forwarded-Prefix: /mq/"}, "http://mq.example/mq"},
		{"a prefix from nobody", "", elsewhere, []string{"X-Forwarded-Prefix: /mq"}, own},
		{"a prefix without a host", "http://b.example", loopback, []string{"X-Forwarded-Prefix: /mq"}, "http://b.example"},
		{"the base URL's path", "http://b.example/bus", loopback, []string{"X-Forwarded-Host: mq.example"}, "http://mq.example/bus"},
		{"markup in a prefix", "http://b.example", loopback, []string{"X-Forwarded-Host: mq.example", `X-Forwarded-Prefix: /"><script>`}, "http://mq.example"},
		{"another host as a prefix", "", loopback, []string{"X-Forwarded-Host: mq.example", "X-Forwarded-Prefix: //evil.example"}, "http://mq.example"},
		{"a way up", "", loopback, []string{"X-Forwarded-Host: mq.example", "X-Forwarded-Prefix: /a/../b"}, "http://mq.example"},
		{"scheme alone", "http://b.example", loopback, []string{"X-Forwarded-Proto: https"}, "http://b.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, Handler{BaseURL: test.base, TrustedProxies: test.proxies})
			want := test.want
			if want == own {
				want = s.url
			}
			a := s.do(http.MethodPost, "/feeds/x", entry("e"), append(test.fields, atomType)...).want(t, http.StatusCreated)
			if got := a.Header.Get("Location"); !strings.HasPrefix(got, want+"/feeds/x/entries/") {
				t.Errorf("Location %q, want %s/…", got, want)
			}
			s.get("/feeds/x", test.fields...).want(t, http.StatusOK).wantText(t, `href="`+want+`/feeds/x/entries/`)
		})
	}
}

func TestABaseURLThatMakesNoSenseIsRefused(t *testing.T) {
	for _, base := range []string{"example.org", "ftp://example.org", "http://", "http://u:p@example.org", "http://example.org/?q", "http://example.org/#f", "http://[::1", "\x00"} {
		if got, err := parseBase(base); err == nil {
			t.Errorf("%q is taken as %q", base, got)
		}
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add(`for=192.0.2.1;proto=https;host="mq.example:8443"`, "https", "mq.example")
	f.Add(`for="[2001:db8::1]:80", host=a;host=b, ;;=,"`, "", "")
	f.Add(`host="\"\\`, "HTTP", "[::1]")
	f.Fuzz(func(t *testing.T, standard, proto, host string) {
		h := http.Header{"Forwarded": {standard}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}}
		scheme, authority, ok := forwarded(h, func(host string) bool { return strings.HasPrefix(host, "127.") })
		if !ok {
			return
		}
		if scheme != "http" && scheme != "https" || strings.ContainsAny(authority, "/\\<>\"'& \t\r\n@?#%") {
			t.Fatalf("%q %q", scheme, authority)
		}
		if base, err := parseBase(scheme + "://" + authority); err != nil || base != scheme+"://"+authority {
			t.Fatalf("base %q: %v", base, err)
		}
	})
}
