package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"atommq/bus"
	"atommq/bus/bustest"
	"atommq/feeds"
)

// shared is an Access with nothing but the account that all share.
func shared(t *testing.T, login, passcode string) *bus.Access {
	t.Helper()
	a, err := bus.OpenAccess(t.Context(), nil, bus.AccessConfig{Login: login, Passcode: passcode})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// guests are accounts, and a site for them.
type guests struct {
	*server
	store  *bustest.Memory
	access *bus.Access
	token  map[string]string
}

// invite runs a site with the rules "account feed rights", whose accounts have a token each, and
// ann the password "pässword:1".
func invite(t *testing.T, h Handler, rules ...string) *guests {
	t.Helper()
	g := &guests{store: new(bustest.Memory), token: make(map[string]string)}
	hash, err := bcrypt.GenerateFromPassword([]byte("pässword:1"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	g.must(t, g.store.AddAccount(t.Context(), bus.Account{Name: "ann", Password: string(hash)}))
	g.must(t, g.store.AddAccount(t.Context(), bus.Account{Name: "root"}))
	rules = append(rules, "root * admin")
	for _, rule := range rules {
		words := strings.Fields(rule)
		if words[0] != "ann" && words[0] != "root" && words[0] != bus.Anonymous && g.token[words[0]] == "" {
			g.must(t, g.store.AddAccount(t.Context(), bus.Account{Name: words[0]}))
		}
		if words[0] != bus.Anonymous && g.token[words[0]] == "" {
			token, digest := bus.NewToken()
			g.must(t, g.store.AddToken(t.Context(), bus.Token{Digest: digest, Account: words[0], Label: "t"}))
			g.token[words[0]] = token
		}
		g.allow(t, words[0], words[1], words[2])
	}
	access, err := bus.OpenAccess(context.Background(), g.store, bus.AccessConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(access.Close)
	h.Access, g.access = access, access
	g.server = serve(t, h)
	return g
}

func (g *guests) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (g *guests) allow(t *testing.T, account, feed, rights string) {
	t.Helper()
	r, err := bus.ParseRights(rights)
	g.must(t, err)
	g.must(t, g.store.SetRule(t.Context(), bus.Rule{Account: account, Feed: feed, Rights: r}))
}

// as is the Authorization field of an account; "" for none.
func (g *guests) as(account string) string {
	if account == "" {
		return "X-None: x"
	}
	return "Authorization: Bearer " + g.token[account]
}

// seed publishes an entry to each feed, as root.
func (g *guests) seed(feeds ...string) (members []string) {
	g.t.Helper()
	for _, feed := range feeds {
		a := g.do(http.MethodPost, "/feeds/"+url.PathEscape(feed), entry("in "+feed), atomType, g.as("root")).want(g.t, http.StatusCreated)
		members = append(members, g.member(a))
	}
	return members
}

func TestAnAccountComesInByPasswordOrToken(t *testing.T) {
	g := invite(t, Handler{}, "ann * read")
	basic := func(login, password string) string {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url, nil)
		r.SetBasicAuth(login, password)
		return "Authorization: " + r.Header.Get("Authorization")
	}
	for _, field := range []string{
		basic("ann", "pässword:1"), basic("ann", g.token["ann"]), basic("", g.token["ann"]), g.as("ann"), "Authorization: bearer  " + g.token["ann"],
	} {
		g.get("/feeds", field).want(t, http.StatusOK)
	}
	for _, field := range []string{
		basic("ann", "wrong"), basic("root", g.token["ann"]), "Authorization: Bearer x", "Authorization: Digest x", "Authorization: ", "X-None: x",
	} {
		a := g.get("/feeds", field, "Accept: application/json").want(t, http.StatusUnauthorized)
		if got := a.Header["Www-Authenticate"]; len(got) != 2 || !strings.HasPrefix(got[0], "Basic ") || !strings.HasPrefix(got[1], "Bearer ") {
			t.Errorf("%s: WWW-Authenticate: %q", field, got)
		}
	}
	two := g.get("/feeds", g.as("ann"), basic("ann", "pässword:1")).want(t, http.StatusUnauthorized) // which of the two?
	two.wantText(t, "more than one field Authorization")
	g.get("/healthz").want(t, http.StatusOK)
	g.get("/readyz").want(t, http.StatusUnauthorized)
}

// invitingPages shows whom a feed's page invites to publish.
type invitingPages struct{ plainPages }

func (p invitingPages) Feed(w http.ResponseWriter, page *feeds.Page) error {
	return p.write(w, fmt.Sprint("read only: ", page.ReadOnly))
}

// Strangers are invited, too: a browser asks them who they are when they do.
func TestAPageInvitesNobodyToPublishWhoMayNot(t *testing.T) {
	g := invite(t, Handler{Pages: invitingPages{}}, "ann x read", "bob x read,publish", "anonymous x read")
	g.seed("x")
	for account, readOnly := range map[string]bool{"ann": true, "bob": false, "root": false, "": false} {
		g.get("/feeds/x", browserAccept, g.as(account)).want(t, http.StatusOK).wantText(t, fmt.Sprint("read only: ", readOnly))
	}
	s := serve(t, Handler{Pages: invitingPages{}})
	s.publish("x", "e")
	s.get("/feeds/x", browserAccept).want(t, http.StatusOK).wantText(t, "read only: false")
}

func TestWhoIsNotLetInIsToldWhatIsTaken(t *testing.T) {
	const ways, certificate = "Give the name and password of an account, curl -u name:password …, or a token, curl -H 'Authorization: Bearer token' …", "a certificate that names the account"
	for _, certificates := range []bool{false, true} {
		g := invite(t, Handler{ClientCertificates: certificates}, "ann x read", "anonymous y read")
		for _, test := range []struct{ path, field, says, challenge string }{
			{"/feeds/x", "X-None: x", "takes the right to read", ""},
			{"/feeds", "Authorization: Basic YW5uOnh5eg==", "no such name with this password", ""},
			{"/feeds", "Authorization: Digest x", "cannot be read: it takes Basic or Bearer", ""},
			{"/feeds", "Authorization: Bearer x", "no such token; it may have ended", `, error="invalid_token"`},
		} {
			a := g.get(test.path, test.field).want(t, http.StatusUnauthorized)
			a.wantText(t, "401 Unauthorized: ")
			a.wantText(t, test.says)
			a.wantText(t, ways)
			if strings.Contains(a.body, certificate) != certificates {
				t.Errorf("certificates are taken: %t, and the answer is %s", certificates, a.body)
			}
			want := []string{`Basic realm="AtomMQ", charset="UTF-8"`, `Bearer realm="AtomMQ"` + test.challenge}
			if diff := cmp.Diff(want, a.Header["Www-Authenticate"]); diff != "" {
				t.Errorf("%s: WWW-Authenticate (-want +got):\n%s", test.field, diff)
			}
			wantProblem(t, g.get(test.path, test.field, asProblem), http.StatusUnauthorized)
		}
	}
	g := invite(t, Handler{}, "ann x read")
	g.get("/feeds").want(t, http.StatusUnauthorized).wantText(t, "This server asks who you are. "+ways)
	s := serve(t, Handler{Access: shared(t, "me", "secret"), ClientCertificates: true})
	s.get("/feeds").want(t, http.StatusUnauthorized).wantText(t, "This server asks who you are. Give its login and passcode, curl -u login:passcode ….\n")
}

// TestEveryRouteTakesItsRight asks for each resource as accounts that have one right each.
func TestEveryRouteTakesItsRight(t *testing.T) {
	g := invite(t, Handler{}, "reader x read", "publisher x publish", "consumer x consume", "editor x edit", "admin x admin", "stranger y read")
	member := g.seed("x")[0]
	const queue = "/feeds/x/queues/default"
	all := []string{"reader", "publisher", "consumer", "editor", "admin"}
	for _, test := range []struct{ method, path, allowed string }{
		{"GET", "/feeds/x", "reader admin"},
		{"GET", "/feeds/x.json", "reader admin"},
		{"GET", "/feeds/x?after=0", "reader admin"},
		{"GET", "/feeds/x/archive/1-100", "reader admin"},
		{"GET", "/feeds/x/categories", "reader publisher admin"},
		{"GET", "/feeds/x/settings", "admin"},
		{"PUT", "/feeds/x/settings", "admin"},
		{"OPTIONS", "/feeds/x", "reader publisher admin"},
		{"POST", "/feeds/x", "publisher admin"},
		{"GET", member, "reader consumer editor admin"},
		{"PUT", member, "editor admin"},
		{"GET", member + "/media", "reader consumer editor admin"},
		{"PUT", member + "/media", "editor admin"},
		{"DELETE", member + "/media", "editor admin"},
		{"GET", "/feeds/x/queues", "consumer admin"},
		{"GET", queue, "consumer admin"},
		{"PUT", queue, "admin"},
		{"GET", queue + "/entries", "consumer admin"},
		{"POST", queue + "/purge?dry-run=1", "admin"},
		{"POST", queue + "/requeue?dry-run=1", "admin"},
		{"POST", queue + "/claims", "consumer admin"},
		{"POST", queue + "/claims/abc/renew", "consumer admin"},
		{"DELETE", queue + "?count=0", "admin"},
		{"DELETE", "/feeds/x?confirm=no", "admin"},
		{"DELETE", member, "editor admin"},
	} {
		for _, account := range all {
			body := ""
			if test.method == "POST" && test.path == "/feeds/x" || test.method == "PUT" && test.path == member {
				body = entry("new")
			}
			a := g.do(test.method, test.path, body, "Accept: application/problem+json, */*", atomType, g.as(account))
			allowed := strings.Contains(" "+test.allowed+" ", " "+account+" ")
			if refused := a.StatusCode == http.StatusForbidden; refused == allowed {
				t.Errorf("%s %s as %s: %d %s", test.method, test.path, account, a.StatusCode, a.body)
			} else if refused && (!strings.Contains(a.body, `"right":"`) || !strings.Contains(a.body, "atommq user allow "+account)) {
				t.Errorf("%s %s as %s does not say which right: %s", test.method, test.path, account, a.body)
			}
		}
		want := http.StatusForbidden
		if test.method == "GET" {
			want = http.StatusNotFound
		}
		g.do(test.method, test.path, "", g.as("stranger")).want(t, want)
		g.do(test.method, test.path, "").want(t, http.StatusUnauthorized)
	}
}

func TestAFeedThatMayNotBeReadShowsNowhere(t *testing.T) {
	g := invite(t, Handler{}, "ann open read", "ann team/* read", "ann none publish", "anonymous news read")
	g.seed("open", "secret", "team/a", "team", "none", "news", "open.json")
	for _, path := range []string{
		"/feeds", "/feeds?format=json", "/feeds?before=z", "/service", "/feeds?feed=*&after=0", "/feeds?feed=s*&feed=t*&after=0", "/feeds?feed=secret&feed=open&after=0",
		"/feeds?feed=secret&after=0", "/feeds?feed=*", "/feeds?feed=*&format=json", "/feeds/open.json",
	} {
		a := g.get(path, g.as("ann")).want(t, http.StatusOK)
		for _, hidden := range []string{"in secret", "feeds/secret", "in team<", `feeds/team"`, "in none", "feeds/none", "in open.json"} {
			if strings.Contains(a.body, hidden) {
				t.Errorf("%s shows %s:\n%s", path, hidden, a.body)
			}
		}
	}
	for _, path := range []string{"/feeds", "/feeds?feed=*&after=0", "/feeds?before=z", "/feeds?limit=10"} {
		a := g.get(path, g.as("ann"))
		for _, shown := range []string{"open", "team%2Fa", "news"} {
			if !strings.Contains(a.body, "/feeds/"+shown) {
				t.Errorf("%s lacks %s:\n%s", path, shown, a.body)
			}
		}
		if a := g.get(path); !strings.Contains(a.body, "/feeds/news") || strings.Contains(a.body, "/feeds/open") {
			t.Errorf("%s shows strangers:\n%s", path, a.body)
		}
	}
	g.get("/feeds/secret", g.as("ann")).want(t, http.StatusNotFound).wantText(t, "or none that you may see. Who may publish to it makes it")
	// What may not be read is as what is not there.
	for path, unknown := range map[string]string{"/feeds/secret": "/feeds/unknown", "/feeds/secret/archive/1-100": "/feeds/unknown/archive/1-100", "/feeds/secret/queues": "/feeds/unknown/queues", "/feeds/secret/queues/q": "/feeds/unknown/queues/q"} {
		there := g.get(path, g.as("ann")).want(t, http.StatusNotFound)
		if nowhere := g.get(unknown, g.as("root")).want(t, http.StatusNotFound); strings.ReplaceAll(there.body, "secret", "unknown") != nowhere.body {
			t.Errorf("%s: %s\n%s: %s", path, there.body, unknown, nowhere.body)
		}
	}
	g.get("/feeds/none", g.as("ann")).want(t, http.StatusForbidden)
}

func TestAListOfFewFeedsAmongManyGoesOn(t *testing.T) {
	g := invite(t, Handler{}, "ann f5 read", "ann f9 read", "ann f99 read")
	for i := range 100 {
		g.seed(fmt.Sprintf("f%d", i))
	}
	a := g.get("/feeds?limit=2&format=json", g.as("ann")).want(t, http.StatusOK)
	if !strings.Contains(a.body, "/feeds/f9") || strings.Contains(a.body, "/feeds/f99") || !strings.Contains(a.body, "after=f9") {
		t.Fatalf("the first page: %s", a.body)
	}
	a = g.get("/feeds?limit=2&format=json&after=f9", g.as("ann")).want(t, http.StatusOK)
	if !strings.Contains(a.body, "/feeds/f99") || strings.Contains(a.body, "after=f99") {
		t.Errorf("the second page: %s", a.body)
	}
}

func TestDeadLettersAreReadByWhoConsumes(t *testing.T) {
	g := invite(t, Handler{}, "worker x consume", "boss x.dead admin", "owner x admin")
	g.seed("x.dead")
	g.get("/feeds/x.dead", g.as("worker")).want(t, http.StatusOK)
	g.do(http.MethodPost, "/feeds/x.dead", entry("forged"), atomType, g.as("worker")).want(t, http.StatusForbidden)
	requeue := func(account string) *answer {
		return g.do(http.MethodPost, "/feeds/x.dead/queues/default/requeue?dry-run=1", "", g.as(account))
	}
	requeue("worker").want(t, http.StatusForbidden)
	requeue("boss").want(t, http.StatusForbidden) // it would publish to x
	requeue("owner").want(t, http.StatusNotFound) // nothing was ever dead
}

func TestAStreamEndsOnceItsReaderMayNotRead(t *testing.T) {
	for _, path := range []string{"/feeds/x?format=sse", "/feeds?feed=x*&format=sse"} {
		g := invite(t, Handler{HeartBeat: time.Minute}, "ann x read")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+path, nil)
		g.must(t, err)
		r.Header.Set("Authorization", "Bearer "+g.token["ann"])
		resp, err := g.client.Do(r)
		g.must(t, err)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Scan()
		begin := time.Now()
		g.must(t, g.store.RemoveAccount(t.Context(), "ann"))
		g.seed("x", "x")   // which shows that the stream's end is not that of the server
		for lines.Scan() { // to its end
		}
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("%s ends after %v", path, took)
		}
	}
}

func TestAWaitingClaimEndsOnceItsRightIsGone(t *testing.T) {
	g := invite(t, Handler{}, "ann x consume")
	answered := make(chan *answer, 1)
	go func() {
		a, err := g.try(http.MethodPost, "/feeds/x/queues/default/claims?wait=20", nil, g.as("ann"))
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	g.must(t, g.store.SetRule(t.Context(), bus.Rule{Account: "ann", Feed: "x"}))
	begin := time.Now()
	if <-answered; time.Since(begin) > 5*time.Second {
		t.Error("a claim waits on without a right")
	}
}

// As over STOMP. The token of a claim is the right to settle it, for whoever is let in.
func TestWhatWasHandedOutBeforeARightWasTakenAwayCanBeSettled(t *testing.T) {
	g := invite(t, Handler{}, "ann x consume", "ann y read", "stranger y read")
	const queue = "/feeds/x/queues/default"
	for _, queue := range []string{queue, "/feeds/z/queues/default"} {
		g.do(http.MethodPut, queue, "{}", g.as("root")).want(t, http.StatusCreated)
	}
	g.seed("x", "x", "x", "x")
	a := g.do(http.MethodPost, queue+"/claims?count=4", "", "Accept: application/json", g.as("ann")).want(t, http.StatusOK)
	var doc struct{ Claims []claimed }
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil || len(doc.Claims) != 4 {
		t.Fatalf("%v in %s", err, a.body)
	}
	changed := g.access.Changed()
	g.must(t, g.store.SetRule(t.Context(), bus.Rule{Account: "ann", Feed: "x"}))
	<-changed
	c, ann := doc.Claims, g.as("ann")
	g.do(http.MethodPost, queue+"/claims", "", ann).want(t, http.StatusForbidden)
	g.do(http.MethodPost, g.path(c[0].Renew), "", ann).want(t, http.StatusForbidden)
	g.do(http.MethodDelete, g.path(c[0].Ack), "").want(t, http.StatusUnauthorized)
	g.do(http.MethodDelete, g.path(c[0].Ack), "", ann+"x").want(t, http.StatusUnauthorized)
	g.do(http.MethodDelete, g.path(c[0].Ack), "", ann).want(t, http.StatusNoContent)
	g.do(http.MethodPost, g.path(c[1].Nack), "", ann).want(t, http.StatusNoContent)
	g.do(http.MethodPost, queue+"/claims/acks", c[2].Ack+"\n"+c[3].Ack, ann).want(t, http.StatusOK)

	// What is no claim, and a claim of elsewhere, tell nobody which queues there are.
	for _, token := range []string{"abc", c[0].Ack[strings.LastIndexByte(c[0].Ack, '/')+1:]} {
		var told []string
		for _, queue := range []string{"/feeds/z/queues/default", "/feeds/z/queues/none", "/feeds/none/queues/default"} {
			told = append(told, g.do(http.MethodDelete, queue+"/claims/"+token, "", g.as("stranger")).body,
				g.do(http.MethodPost, queue+"/claims/acks", token, g.as("stranger")).body)
		}
		if d := cmp.Diff(slices.Concat(told[:2], told[:2], told[:2]), told); d != "" {
			t.Error(d)
		}
	}
}

// What became of an entry since is for those to see who may.
func TestARepeatedPostShowsNothingThatItsSenderMayNotRead(t *testing.T) {
	g := invite(t, Handler{}, "ann x publish", "bob x publish,read")
	post := func(key, body, account string) *answer {
		return g.do(http.MethodPost, "/feeds/x", body, "Idempotency-Key: "+key, atomType, g.as(account)).want(t, http.StatusCreated)
	}
	edit := func(member string) {
		g.do(http.MethodPut, member, entry("secret"), atomType, g.as("root")).want(t, http.StatusOK)
	}
	draft := `<entry xmlns="http://www.w3.org/2005/Atom"><title>mine</title><app:control xmlns:app="http://www.w3.org/2007/app"><app:draft>yes</app:draft></app:control></entry>`
	batch := `<feed xmlns="http://www.w3.org/2005/Atom">` + entry("mine") + `</feed>`
	for key, body := range map[string]string{"one": entry("mine"), "draft": draft} {
		first := post(key, body, "ann")
		first.wantText(t, "mine")
		edit(g.member(first))
		again := post(key, body, "ann")
		again.wantField(t, "Location", first.Header.Get("Location"))
		again.wantField(t, "Content-Location", "")
		if again.body != "" {
			t.Errorf("%s: ann is shown %s", key, again.body)
		}
		post(key, body, "bob").wantText(t, "secret")
	}
	first := post("batch", batch, "ann")
	first.wantText(t, "mine")
	edit(regexp.MustCompile(`/feeds/x/entries/[-0-9a-f]{36}`).FindString(first.body))
	if again := post("batch", batch, "ann"); strings.Contains(again.body, "secret") {
		t.Errorf("of a batch, ann is shown %s", again.body)
	}
	post("batch", batch, "bob").wantText(t, "secret")
}

func TestNoCredentialsAreLogged(t *testing.T) {
	var log bytes.Buffer
	g := invite(t, Handler{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, "ann x read,publish")
	for _, field := range []string{"Authorization: Basic YW5uOnDDpHNzd29yZDox", "Authorization: Basic YW5uOndyb25nLXNlY3JldA==", g.as("ann"), g.as("ann") + "x"} {
		g.get("/feeds/x", field)
		g.do(http.MethodPost, "/feeds/x", "broken", atomType, field)
	}
	if log.Len() == 0 {
		t.Fatal("nothing is logged")
	}
	for _, secret := range []string{"pässword", "YW5u", "wrong-secret", g.token["ann"]} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

func TestALoginThatFailsIsLoggedWithWhereItComesFrom(t *testing.T) {
	var log bytes.Buffer
	g := invite(t, Handler{Log: slog.New(slog.NewTextHandler(&log, nil))}, "ann x read,publish")
	g.get("/feeds/x")
	g.get("/feeds/x", g.as("ann"))
	if log.Len() > 0 {
		t.Errorf("no login failed, and the log has %s", &log)
	}
	g.get("/feeds/x", g.as("ann")+"x").want(t, http.StatusUnauthorized)
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=INFO") || !strings.Contains(got, "client=127.0.0.1") {
		t.Errorf("of a token that is wrong, the log has %q", got)
	}
	for credentials, logged := range map[string]string{"ann:wrong": "login=ann ", g.token["ann"] + ":": "login=(withheld) "} {
		log.Reset()
		g.get("/feeds/x", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(credentials))).want(t, http.StatusUnauthorized)
		if got := log.String(); !strings.Contains(got, logged) {
			t.Errorf("of %.4s… the log has %q", credentials, got)
		}
	}
}

func TestABrowserOnAnotherSiteMayNotPostInAnAccountsName(t *testing.T) {
	g := invite(t, Handler{}, "ann x read,publish")
	post := func(fields ...string) *answer {
		return g.do(http.MethodPost, "/feeds/x", entry("a"), append(fields, atomType, g.as("ann"))...)
	}
	post("Sec-Fetch-Site: cross-site", "Origin: https://evil.example").want(t, http.StatusForbidden)
	post("Origin: https://evil.example").want(t, http.StatusForbidden)
	post("Sec-Fetch-Site: same-origin").want(t, http.StatusCreated)
	post().want(t, http.StatusCreated)
}

func TestMetricsTakeTheRightToReadEveryFeed(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1\n")) })
	g := invite(t, Handler{Metrics: metrics}, "ann x read", "bob * read", "anonymous x read")
	g.get("/metrics").want(t, http.StatusUnauthorized)
	g.get("/metrics", g.as("ann")).want(t, http.StatusForbidden)
	g.get("/metrics", g.as("bob")).want(t, http.StatusOK)
}

// revise changes who may do what, and waits until the site knows it.
func (g *guests) revise(t *testing.T, account, feed string, rights bus.Rights) {
	t.Helper()
	known := g.access.Changed()
	g.must(t, g.store.SetRule(t.Context(), bus.Rule{Account: account, Feed: feed, Rights: rights}))
	<-known
}

// poll asks for what is not there yet, in the name of ann, and waits until the site waits for it.
func (g *guests) poll(t *testing.T, path string) <-chan *answer {
	t.Helper()
	polled := make(chan *answer, 1)
	go func() {
		a, err := g.try(http.MethodGet, path, http.NoBody, "Prefer: wait=20", g.as("ann"))
		if err != nil {
			t.Error(err)
		}
		polled <- a
	}()
	g.waitForReaders(1)
	return polled
}

func TestALongPollShowsNothingOnceItsRightIsGone(t *testing.T) {
	for _, path := range []string{"/feeds/x?after=1", "/feeds/x?after=1&category=c"} {
		g := invite(t, Handler{}, "ann x read")
		g.seed("x")
		polled := g.poll(t, path)
		g.revise(t, "ann", "x", 0)
		g.do(http.MethodPost, "/feeds/x", `<entry><title>secret</title><category term="c"/></entry>`, atomType, g.as("root")).want(t, http.StatusCreated)
		if a := (<-polled).want(t, http.StatusNotFound); strings.Contains(a.body, "secret") {
			t.Errorf("%s shows %s", path, a.body)
		}
	}
}

// Whoever waits for what he may not read any more, or for less than he may read by now, would do so
// for nothing.
func TestALongPollIsAnsweredOnceItsRightsChange(t *testing.T) {
	begun := time.Now()
	g := invite(t, Handler{}, "ann x read", "ann y read", "bob y read")
	g.seed("x")
	polled := g.poll(t, "/feeds/x?after=1")
	g.revise(t, "bob", "x", bus.RightRead) // which is not hers
	g.revise(t, "ann", "x", 0)
	(<-polled).want(t, http.StatusNotFound)
	polled = g.poll(t, "/feeds?feed=*&after=1")
	g.revise(t, "ann", "x", bus.RightRead)
	(<-polled).want(t, http.StatusOK)
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("answered after %v", took)
	}
}

func TestALongPollSkipsNothingOfARightThatWasGivenMeanwhile(t *testing.T) {
	g := invite(t, Handler{}, "ann news read")
	polled := g.poll(t, "/feeds?feed=*&after=0")
	g.revise(t, "ann", "sport", bus.RightRead)
	last := (<-polled).want(t, http.StatusOK).Header.Get("Xlastid")
	g.seed("sport", "news")
	g.get("/feeds?feed=*&after="+last, g.as("ann")).want(t, http.StatusOK).wantText(t, "<title>in sport</title>")
}

// cursorIn is the cursor that a stream has told its reader last.
func cursorIn(text string) string {
	ids := regexp.MustCompile(`(?m)^id: (\d+)$`).FindAllStringSubmatch(text, -1)
	return ids[len(ids)-1][1]
}

// upTo reads a stream until it has what: io.EOF if it ends before.
func (s *streaming) upTo(what string) (text string, err error) {
	s.t.Helper()
	late := time.AfterFunc(patience, func() { _ = s.resp.Body.Close() })
	defer late.Stop()
	for err == nil && !strings.Contains(text, what) {
		var line string
		line, err = s.ReadString('\n')
		text += line
	}
	return text, err
}

func TestAStreamEndsOnceItsReaderMayReadLessOfIt(t *testing.T) {
	for _, path := range []string{"/feeds?feed=secret*", "/feeds?feed=secret1&feed=secret2", "/feeds?feed=secret*&feed=news", "/feeds?feed=*"} {
		g := invite(t, Handler{}, "ann secret* read", "ann news read")
		events := g.stream(t, path, asEvents, g.as("ann"))
		events.block()
		g.revise(t, "ann", "secret*", 0)
		g.seed("secret1", "news")
		if text, err := events.upTo("<entry"); !errors.Is(err, io.EOF) || !strings.HasPrefix(text, "retry: ") {
			t.Errorf("%s goes on with %q, %v", path, text, err)
		}
	}
}

func TestAStreamGoesOnWhenOthersRightsChange(t *testing.T) {
	g := invite(t, Handler{}, "ann news read", "bob x read")
	events := g.stream(t, "/feeds?feed=*", asEvents, g.as("ann"))
	events.block()
	g.revise(t, "bob", "news", bus.RightRead)
	g.revise(t, "ann", "sport", bus.RightPublish)
	g.seed("news")
	if text, err := events.upTo("<title>in news"); err != nil {
		t.Errorf("it ends behind %q: %v", text, err)
	}
}

// Of a feed that its reader may read from now on, a stream's cursor passes nothing.
func TestAStreamSkipsNothingOfARightThatWasGivenMeanwhile(t *testing.T) {
	const path = "/feeds?feed=*"
	g := invite(t, Handler{}, "ann news read")
	g.seed("news")
	events := g.stream(t, path, asEvents, g.as("ann"))
	begin := events.block()
	g.revise(t, "ann", "sport", bus.RightRead)
	g.seed("sport", "news")
	text, err := events.upTo("<title>in news")
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	back := g.stream(t, path, asEvents, g.as("ann"), "Last-Event-ID: "+cursorIn(begin+text))
	seen, err := back.upTo("<title>in news")
	if text += seen; err != nil || !strings.Contains(text, "<title>in sport") {
		t.Errorf("the stream, and once its reader is back: %q, %v", text, err)
	}
}

// A body may take as long as it moves, and so may whoever reads a file.
func TestWhoLosesARightWhileABodyComesDoesNothingByIt(t *testing.T) {
	g := invite(t, Handler{}, "ann x admin")
	member := g.member(g.do(http.MethodPost, "/feeds/x", "file", "Content-Type: image/png", g.as("root")).want(t, http.StatusCreated))
	head := g.bus.Head()
	requests := []struct{ method, path, typ, body string }{
		{http.MethodPost, "/feeds/x", "text/plain", "hello"},
		{http.MethodPost, "/feeds/x", "image/png", "hello"},
		{http.MethodPost, "/feeds/x", "application/octet-stream", "\x00\x01"},
		{http.MethodPut, member, "application/atom+xml", entry("changed")},
		{http.MethodPut, member + "/media", "image/png", "changed"},
		{http.MethodPut, "/feeds/x/settings", "application/json", `{"title": "changed"}`},
		{http.MethodPut, "/feeds/x/queues/q", "application/json", `{"attempts": 3}`},
	}
	answers := make([]*answer, len(requests))
	var sending sync.WaitGroup
	bodies := make([]*io.PipeWriter, len(requests))
	for i, q := range requests {
		var body *io.PipeReader
		body, bodies[i] = io.Pipe()
		sending.Go(func() {
			var err error
			if answers[i], err = g.try(q.method, q.path, body, "Content-Type: "+q.typ, g.as("ann")); err != nil {
				t.Error(err)
			}
		})
		_, err := io.WriteString(bodies[i], q.body[:1])
		g.must(t, err)
	}
	g.revise(t, "ann", "x", 0)
	for i, q := range requests {
		_, err := io.WriteString(bodies[i], q.body[1:])
		g.must(t, err)
		g.must(t, bodies[i].Close())
	}
	sending.Wait()
	for i, a := range answers {
		if a.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s of %s: %d %s", requests[i].method, requests[i].path, requests[i].typ, a.StatusCode, a.body)
		}
	}
	if g.bus.Head() != head {
		t.Error("something was published")
	}
}

func TestAFileIsSentNoFurtherOnceItsReaderMayNotReadIt(t *testing.T) {
	const size = 24 << 20 // more than the connection takes in
	g := invite(t, Handler{}, "ann x read")
	posted := g.do(http.MethodPost, "/feeds/x", strings.Repeat("\x00", size), "Content-Type: image/png", g.as("root")).want(t, http.StatusCreated)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+g.member(posted)+"/media", http.NoBody)
	g.must(t, err)
	r.Header.Set("Authorization", "Bearer "+g.token["ann"])
	resp, err := g.client.Do(r)
	g.must(t, err)
	defer resp.Body.Close()
	g.revise(t, "ann", "x", 0)
	if n, err := io.Copy(io.Discard, resp.Body); err == nil || n == size {
		t.Errorf("%d bytes come, and then %v", n, err)
	}
}
