package main

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestScripts runs testdata/script. Beside testscript's own commands, which go before ours of the
// same name, there are
//
//	serve [flag…]          start a server on a free port; $URL and $ADDRESS are where
//	shut                   stop it, which must end with status 0
//	crash                  end it at once, as kill -9 does
//	take                   occupy a port; $TAKEN is its address
//	soon program [arg…]    as exec, again and again until it succeeds: a server heeds what it is told through the database within moments
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": scriptServe,
			"shut": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(ts.Value(serverKey{}).(*scriptServer).process.stop())
			},
			"crash": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(ts.Value(serverKey{}).(*scriptServer).process.kill())
			},
			"take": scriptTake,
			"soon": scriptSoon,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv(raceOptions, raceAtOnce)
			env.Values[serverKey{}] = new(scriptServer)
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// TestEveryScriptRunsToItsEnd refuses testscript's own stop, which ends a script as passed, and its
// kill, which ends nothing of ours.
func TestEveryScriptRunsToItsEnd(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	other := regexp.MustCompile(`(?m)^(stop|kill)\b.*$`)
	for _, script := range scripts {
		archive, err := txtar.ParseFile(script)
		if err != nil {
			t.Fatal(err)
		}
		if line := other.Find(archive.Comment); line != nil {
			t.Errorf("%s: %q: write shut or crash", script, line)
		}
	}
}

// serverKey finds the script's server among its values.
type serverKey struct{}

type scriptServer struct{ process *process }

func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	environment := []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + ts.Getenv("PATH"), raceOptions + "=" + raceAtOnce}
	p, err := launch(ts.MkAbs("."), environment, "serve", args...)
	if neg {
		if err == nil {
			_ = p.stop()
			ts.Fatalf("the server started")
		}
		return
	}
	ts.Check(err)
	ts.Value(serverKey{}).(*scriptServer).process = p
	ts.Setenv("URL", strings.TrimSuffix(p.URL, "/"))
	ts.Setenv("ADDRESS", p.address())
	ts.Setenv("ATOMMQ_URL", p.URL)
	ts.Defer(func() {
		if err := p.stop(); err != nil {
			ts.Logf("server: %v\n%s", err, p.logged())
		}
	})
}

func scriptSoon(ts *testscript.TestScript, _ bool, args []string) {
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if err = ts.Exec(args[0], args[1:]...); err == nil {
			return
		}
	}
	ts.Fatalf("not within 20 seconds: %v", err)
}

func scriptTake(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("TAKEN", l.Addr().String())
}
