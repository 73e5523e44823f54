package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"atommq/bus"
)

// limit gives an account limits, and waits until they count.
func (g *guests) limit(t *testing.T, account string, l bus.Limits) {
	t.Helper()
	changed := g.access.Changed()
	g.must(t, g.store.SetLimits(t.Context(), account, l))
	<-changed
}

// wantLimit checks that an answer names a limit, and when to come back unless no time helps.
func (a *answer) wantLimit(t *testing.T, status int, limit string, longest int) {
	t.Helper()
	a.want(t, status)
	var problem struct{ Limit, Account, Detail string }
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil || problem.Limit != limit || problem.Account == "" || !strings.Contains(problem.Detail, "may ") {
		t.Errorf("problem %+v, %v; want the limit %s", problem, err, limit)
	}
	after := a.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); longest > 0 && (err != nil || seconds < 1 || seconds > longest) || longest == 0 && after != "" {
		t.Errorf("Retry-After: %q, want 1 to %d", after, longest)
	}
}

const asProblem = "Accept: application/json"

func TestARequestOverTheRateIsToldWhenToComeBack(t *testing.T) {
	g := invite(t, Handler{}, "ann * admin", "bob * admin")
	g.limit(t, "ann", bus.Limits{bus.LimitRequests: 3})
	var last *answer
	for refused := false; !refused; refused = last.StatusCode != http.StatusOK { // on a slow machine, three a second are not too many
		last = g.get("/feeds", g.as("ann"), asProblem)
	}
	last.wantLimit(t, http.StatusTooManyRequests, "requests", 1)
	g.get("/feeds", g.as("bob")).want(t, http.StatusOK)
	g.get("/healthz", g.as("ann")).want(t, http.StatusOK)
	if g.access.Refused(bus.LimitRequests) != 1 {
		t.Errorf("%d refusals are counted, want 1", g.access.Refused(bus.LimitRequests))
	}
}

func TestABodyOverTheRateIsRefusedBeforeItIsRead(t *testing.T) {
	g := invite(t, Handler{}, "ann * admin")
	g.limit(t, "ann", bus.Limits{bus.LimitBytes: 1000})
	large := entry(strings.Repeat("a", 100_000))
	g.do(http.MethodPost, "/feeds/x", large, atomType, g.as("ann")).want(t, http.StatusCreated) // nothing was owed
	g.get("/feeds/x", g.as("ann")).want(t, http.StatusOK)
	for _, path := range []string{"/feeds/x", "/feeds/y"} {
		g.do(http.MethodPost, path, entry("b"), atomType, g.as("ann"), asProblem).wantLimit(t, http.StatusTooManyRequests, "bytes", 250)
	}
	if f, err := g.bus.Feed(t.Context(), "x"); err != nil || f.Entries != 1 {
		t.Errorf("feed %+v, %v; want one entry", f, err)
	}
}

// What is not announced is counted as it comes, and what was packed as it is unpacked.
func TestABodyWithoutALengthIsCounted(t *testing.T) {
	g := invite(t, Handler{}, "ann * admin", "bob * admin")
	g.limit(t, bus.Everyone, bus.Limits{bus.LimitBytes: 1000})
	large := entry(strings.Repeat("a", 100_000))
	chunked, err := g.try(http.MethodPost, "/feeds/x", struct{ io.Reader }{strings.NewReader(large)}, atomType, g.as("ann"))
	g.must(t, err)
	chunked.want(t, http.StatusCreated)
	g.do(http.MethodPost, "/feeds/x", packed(t, large), atomType, "Content-Encoding: gzip", g.as("bob")).want(t, http.StatusCreated)
	for _, account := range []string{"ann", "bob"} {
		g.do(http.MethodPost, "/feeds/x", entry("b"), atomType, g.as(account), asProblem).wantLimit(t, http.StatusTooManyRequests, "bytes", 250)
	}
}

func TestAnAccountMakesOnlySoManyFeeds(t *testing.T) {
	g := invite(t, Handler{}, "ann * admin", "bob * admin")
	g.limit(t, "ann", bus.Limits{bus.LimitFeeds: 1})
	g.seed("there")
	g.do(http.MethodPost, "/feeds/mine", entry("a"), atomType, g.as("ann")).want(t, http.StatusCreated)
	const asJSON = "Content-Type: application/json"
	for _, test := range []struct{ method, path, body, typ string }{
		{http.MethodPost, "/feeds/%s", entry("a"), atomType},
		{http.MethodPost, "/feeds/%s", "\x89PNG", "Content-Type: image/png"},
		{http.MethodPut, "/feeds/%s/settings", `{"title": "x"}`, asJSON},
		{http.MethodPut, "/feeds/%s/queues/q", `{}`, asJSON},
		{http.MethodPost, "/feeds/%s/queues/q/claims", "", "X-None: x"},
	} {
		path := fmt.Sprintf(test.path, "other")
		g.do(test.method, path, test.body, test.typ, g.as("ann"), asProblem).wantLimit(t, http.StatusForbidden, "feeds", 0)
		g.get("/feeds/other", g.as("root")).want(t, http.StatusNotFound)
		for _, feed := range []string{"mine", "there"} {
			a := g.do(test.method, fmt.Sprintf(test.path, feed), test.body, test.typ, g.as("ann"))
			if a.StatusCode >= 300 {
				t.Errorf("%s %s: %d %s", test.method, a.Request.URL, a.StatusCode, a.body)
			}
		}
	}
	g.do(http.MethodDelete, "/feeds/mine", "", g.as("ann")).want(t, http.StatusNoContent)
	g.do(http.MethodPost, "/feeds/other", entry("a"), atomType, g.as("ann")).want(t, http.StatusCreated)
	over := func() *answer { return g.do(http.MethodPost, "/feeds/more", entry("a"), atomType, g.as("ann")) }
	over().want(t, http.StatusForbidden).wantText(t, `403 Forbidden: The account "ann" may make 1 feed, and has made one. Nothing was done. Publish to a feed that is there, or DELETE one that this account made, which takes the right admin; whoever`)
	g.limit(t, "ann", bus.Limits{bus.LimitFeeds: 0, bus.LimitConnections: 0})
	over().want(t, http.StatusForbidden).wantText(t, `403 Forbidden: The account "ann" may make no feeds. Nothing was done. Publish to a feed that is there; whoever`)
	none := g.get("/feeds/there", asEvents, g.as("ann")).want(t, http.StatusTooManyRequests)
	none.wantText(t, "waiting requests at a time. Nothing was done. Whoever runs the server changes the limit: atommq user limit ann connections=")
}

func TestAnAccountHasOnlySoManyStreamsAndWaits(t *testing.T) {
	g := invite(t, Handler{}, "ann * admin", "bob * admin")
	g.limit(t, "ann", bus.Limits{bus.LimitConnections: 1})
	g.seed("x")
	stream := g.stream(t, "/feeds/x?after=0", asEvents, g.as("ann"))
	stream.block()
	for _, refused := range []*answer{
		g.get("/feeds/x", asEvents, g.as("ann")),
		g.get("/feeds/x?after=1", "Prefer: wait=30", asProblem, g.as("ann")),
		g.do(http.MethodPost, "/feeds/x/queues/q/claims?wait=30&format=json", "", asProblem, g.as("ann")),
	} {
		refused.want(t, http.StatusTooManyRequests)
		if refused.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", refused.Request.URL)
		}
	}
	g.get("/feeds/x?after=0", g.as("ann")).want(t, http.StatusOK)
	g.stream(t, "/feeds/x?after=0", asEvents, g.as("bob")).block()
	g.must(t, stream.resp.Body.Close())
	g.waitForReaders(1) // bob's
	g.stream(t, "/feeds/x?after=0", asEvents, g.as("ann")).block()
}

func TestStrangersAreCountedByTheAddressThatATrustedProxyTells(t *testing.T) {
	g := invite(t, Handler{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}}, "anonymous * read,publish")
	g.limit(t, bus.Anonymous, bus.Limits{bus.LimitBytes: 10})
	for _, test := range []struct {
		fields  []string
		refused bool
	}{
		{[]string{"X-Forwarded-For: 192.0.2.1"}, false},
		{[]string{"X-Forwarded-For: 192.0.2.1"}, true},
		{[]string{"X-Forwarded-For: 198.51.100.7, 192.0.2.1, 10.1.2.3"}, true},
		{[]string{"Forwarded: for=192.0.2.1;proto=https"}, true},
		{[]string{"X-Forwarded-For: 192.0.2.2"}, false},
		{[]string{`Forwarded: for="[2001:db8::1]:4711"`}, false},
		{[]string{`Forwarded: for="[2001:db8::2]"`}, true},
		{[]string{"Forwarded: for=192.0.2.3", "X-Forwarded-For: 192.0.2.3"}, false},
		{[]string{"X-Forwarded-For: unknown"}, false}, // as the proxy
		{[]string{"Forwarded: for=192.0.2.4", "X-Forwarded-For: 192.0.2.3"}, true},
		{nil, true},
		{[]string{"X-Forwarded-For: "}, true},
	} {
		a := g.do(http.MethodPost, "/feeds/x", entry(strings.Repeat("a", 1000)), append(test.fields, atomType)...)
		if (a.StatusCode == http.StatusTooManyRequests) != test.refused {
			t.Errorf("%q: %d", test.fields, a.StatusCode)
		}
	}
}

// A limit for those without an account holds where everybody may do everything, too.
func TestALimitHoldsOnAnOpenBus(t *testing.T) {
	g := invite(t, Handler{})
	for _, account := range g.accounts(t) {
		g.must(t, g.store.RemoveAccount(t.Context(), account))
	}
	g.limit(t, bus.Anonymous, bus.Limits{bus.LimitFeeds: 1})
	g.do(http.MethodPost, "/feeds/x", entry("a"), atomType).want(t, http.StatusCreated)
	g.do(http.MethodPost, "/feeds/y", entry("a"), atomType, asProblem).wantLimit(t, http.StatusForbidden, "feeds", 0)
}

func (g *guests) accounts(t *testing.T) (names []string) {
	t.Helper()
	roll, err := g.store.Roll(t.Context())
	g.must(t, err)
	for _, a := range roll.Accounts {
		names = append(names, a.Name)
	}
	return names
}

// answers is a server of the answers in it, one for each request.
type answers []func() *http.Response

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	next := (*a)[0]
	*a = (*a)[1:]
	return next(), nil
}

func refusal(status int, retryAfter string) func() *http.Response {
	return func() *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}, Body: http.NoBody}
	}
}

func created() *http.Response {
	return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{"Xlastid": {"7"}}, Body: http.NoBody}
}

func TestTheClientWaitsAsLongAsALimitAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := answers{refusal(http.StatusTooManyRequests, "40"), refusal(http.StatusTooManyRequests, "x"), created}
		c := &Client{BaseURL: "http://server", HTTP: &http.Client{Transport: &server}, Retry: time.Minute}
		begun := time.Now()
		if _, err := c.Publish(t.Context(), "x", "text/plain", nil, ""); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 40*time.Second || took > 42*time.Second {
			t.Errorf("published after %v, want 40 s", took)
		}
		// A wait that is longer than it may try is not begun, and a server that is away for a
		// guessed time is tried sooner.
		server = answers{refusal(http.StatusTooManyRequests, time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat))}
		begun = time.Now()
		if _, err := c.Publish(t.Context(), "x", "text/plain", nil, ""); err == nil || time.Since(begun) > 0 {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		server = answers{refusal(http.StatusServiceUnavailable, "40"), created}
		if _, err := c.Publish(t.Context(), "x", "text/plain", nil, ""); err != nil || time.Since(begun) > time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}
