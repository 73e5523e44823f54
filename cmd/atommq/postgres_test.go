package main

import (
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"atommq/db/dbtest"
)

// runCommand runs a command to its end and returns what it says.
func runCommand(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "atommq", args...).CombinedOutput()
	if err != nil {
		t.Errorf("atommq %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestHeadsShareADatabaseOfPostgreSQL(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	if out := runCommand(t, "migrate", "status", "--db", url); !regexp.MustCompile(`00001_log\.sql +pending`).MatchString(out) {
		t.Errorf("status of an empty database: %s", out)
	}
	for _, args := range [][]string{{"feeds"}, {"queues"}, {"user", "list"}, {"feeds", "set", "x", "--title", "X"}, {"import", "x.atom"}, {"gateway", "--stomp", "127.0.0.1:0"}} {
		out, err := exec.CommandContext(t.Context(), "atommq", append(args, "--db", url)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "holds no bus yet: make one with atommq serve or atommq migrate up") {
			t.Errorf("%s on an empty database: %v: %s", args, err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "atommq", "serve", "--db", url, "--http", "0.0.0.0:0", "--stomp", "off").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "make an account first") {
		t.Errorf("a start in front of everybody on an empty database: %v: %s", err, out)
	}
	if out := runCommand(t, "migrate", "status", "--db", url); !strings.Contains(out, "pending") {
		t.Errorf("status of a database that was only looked at: %s", out)
	}
	one := start(t, "serve", "--db", url)
	if out := runCommand(t, "migrate", "status", "--db", url); strings.Contains(out, "pending") {
		t.Errorf("status of one in use: %s", out)
	}
	if out := runCommand(t, "migrate", "up", "--db", url); out != "nothing to do\n" {
		t.Errorf("up says %q", out)
	}
	two := start(t, "serve", "--db", url)
	for id := 1; id <= 3; id++ {
		posted, err := http.Post(one.URL+"feeds/shared", "text/plain", strings.NewReader("across"))
		if err != nil {
			t.Fatal(err)
		}
		if err := posted.Body.Close(); err != nil || posted.StatusCode != http.StatusCreated {
			t.Fatalf("POST: %s, %v", posted.Status, err)
		}
		awaitHead(t, two.URL+"feeds/shared?after=0", strconv.Itoa(id))
	}
}

// awaitHead polls a feed until its newest entry is the one with this id.
func awaitHead(t *testing.T, feed, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), processWait)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, feed, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatalf("waiting for entry %s: %v", id, err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if response.Header.Get("Xlastid") == id {
			return
		}
	}
}

func TestADatabaseOfPostgreSQLThatIsNotThereIsSaidHowToMake(t *testing.T) {
	url := dbtest.Start(t, "fsync=off").URL("nobus")
	for _, args := range [][]string{{"serve", "--http", "127.0.0.1:0", "--stomp", "off"}, {"feeds"}, {"migrate", "up"}, {"check"}, {"restore", "x.db"}} {
		if args[0] == "restore" {
			args[1] = filepath.Join(t.TempDir(), "x.db")
			runCommand(t, "migrate", "up", "--db", args[1])
		}
		out, err := exec.CommandContext(t.Context(), "atommq", append(args, "--db", url)...).CombinedOutput()
		if err == nil || !strings.HasSuffix(string(out), `the server has no database "nobus": make it, as with createdb nobus, or name another one`+"\n") {
			t.Errorf("%s: %v: %s", args, err, out)
		}
	}
}

func TestServeTellsOfTheTablesThatItMakesInPostgreSQL(t *testing.T) {
	url := dbtest.Start(t, "fsync=off").Database(t)
	one := start(t, "serve", "--db", url)
	one.awaitLog(t, `msg="made a new database" db=`)
	if out := runCommand(t, "user", "add", "someone", "--no-password", "--db", url); strings.Contains(out, "made a new database") {
		t.Errorf("beside it: %s", out)
	}
}

func TestADatabaseOfAnotherProgramOnPostgreSQLIsLeftAsItIs(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	cluster.Execute(t, "test1", "CREATE TABLE customers (id int)")
	for _, args := range [][]string{{"serve", "--http", "127.0.0.1:0", "--stomp", "off"}, {"migrate", "up"}} {
		out, err := exec.CommandContext(t.Context(), "atommq", append(args, "--db", url)...).CombinedOutput()
		want := `with a table "customers": name another database, or give AtomMQ a schema of its own: CREATE SCHEMA atommq, and ?search_path=atommq`
		if err == nil || !strings.HasSuffix(string(out), want+"\n") {
			t.Errorf("%s: %v: %s", args, err, out)
		}
	}
	if out := runCommand(t, "migrate", "status", "--db", url); strings.Contains(out, "applied") {
		t.Errorf("status: %s", out)
	}
}

func TestAnOlderDatabaseOfPostgreSQLIsLeftAsItIs(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	runCommand(t, "migrate", "up", "--db", url)
	cluster.Execute(t, "test1", "DELETE FROM atommq_schema WHERE version_id = (SELECT max(version_id) FROM atommq_schema)")
	out, err := exec.CommandContext(t.Context(), "atommq", "serve", "--db", url, "--http", "127.0.0.1:0", "--stomp", "off").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "atommq migrate up") {
		t.Errorf("serve: %v: %s", err, out)
	}
	cluster.Execute(t, "test1", "INSERT INTO atommq_schema (version_id, is_applied) SELECT max(version_id) + 1, true FROM atommq_schema UNION ALL VALUES (99, true)")
	out, err = exec.CommandContext(t.Context(), "atommq", "migrate", "up", "--db", url).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "run the newer AtomMQ") {
		t.Errorf("migrate: %v: %s", err, out)
	}
}

// The benchmark works beside what is in the database, and leaves nothing behind.
func TestTheBenchmarkRunsOnPostgreSQL(t *testing.T) {
	cluster := dbtest.Start(t)
	url := cluster.Database(t)
	out := runCommand(t, "bench", "publish", "nodes", "post", "--db", url, "--time", "100ms", "--dir", t.TempDir(), "--json")
	for _, want := range []string{`"section":"publish"`, `"section":"nodes"`, `"budget":{"ratio":1}`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
	out = runCommand(t, "bench", "stomp", "pipeline", "flow", "--db", url, "--time", "100ms", "--dir", t.TempDir(), "--json")
	for _, want := range []string{`"budget":{"at_least":40000,"or_ratio":0.36`, `"budget":{"at_least":15000}`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
	cluster.Execute(t, "test1", "DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_namespace WHERE nspname LIKE 'atommq%') THEN"+
		" RAISE EXCEPTION 'schemas are left behind'; END IF; END $$")
}

func TestAServerWhoseUserLacksARightSaysWhich(t *testing.T) {
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	cluster.Execute(t, "postgres", "CREATE ROLE weak LOGIN", "CREATE ROLE reader LOGIN")
	as := func(user string) string { return strings.Replace(url, "user=atommq", "user="+user, 1) }
	refused := func(want string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "atommq", args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v: %s", args, err, out)
		}
	}
	serve := []string{"serve", "--http", "127.0.0.1:0", "--stomp", "off", "--db"}
	grant := `the user "weak" may not make tables in the schema "public": GRANT CREATE ON SCHEMA "public" TO "weak"`
	refused(grant, append(serve, as("weak"))...)
	refused(grant, "migrate", "up", "--db", as("weak"))
	refused(`there is no schema of those that search_path names`, "migrate", "up", "--db", url+"&search_path=none")
	runCommand(t, "migrate", "up", "--db", url)
	name, _ := strings.CutPrefix(url, "postgres:///")
	name, _, _ = strings.Cut(name, "?")
	cluster.Execute(t, name, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
	const readOnly = "storage is read-only"
	refused(readOnly, append(serve, as("reader"))...)
	refused("grant its user what doc/db.md names", "gateway", "--stomp", "127.0.0.1:0", "--db", as("reader"))
	runCommand(t, "check", "--db", as("reader"))
	refused("put the user and the password in --db right", "feeds", "--db", as("nobody"))
}

// A standby may be promoted: it is no reason not to start.
func TestAServerSaysAtItsStartThatNothingCanBePublished(t *testing.T) {
	t.Parallel()
	cluster := dbtest.Start(t, "fsync=off")
	url := cluster.Database(t)
	runCommand(t, "migrate", "up", "--db", url)
	cluster.Execute(t, "postgres", "CREATE ROLE idle LOGIN SUPERUSER", "ALTER ROLE idle SET default_transaction_read_only = on")
	idle := strings.Replace(url, "user=atommq", "user=idle", 1)
	standby := dbtest.StartStandby(t, cluster)
	name, _, _ := strings.Cut(strings.TrimPrefix(url, "postgres:///"), "?")
	for what, db := range map[string]string{"read-only": idle, "standby": standby.URL(name), "primary": url} {
		for _, command := range []string{"serve", "gateway"} {
			p := start(t, command, "--db", db)
			const warning = "nothing can be published"
			if what != "primary" {
				p.awaitLog(t, warning)
			}
			if said := strings.Count(p.logged(), warning); said != map[bool]int{true: 0, false: 1}[what == "primary"] {
				t.Errorf("%s on a %s says it %d times:\n%s", command, what, said, p.logged())
			}
		}
	}
}
