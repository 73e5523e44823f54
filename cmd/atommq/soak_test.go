package main

import (
	"context"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"atommq/db/dbtest"
)

const (
	soakVariable = "SOAK"          // how long it takes, in the environment
	soakUsually  = 4 * time.Second // in a run of all tests
	soakPace     = 20 * time.Millisecond
	soakCache    = "4MiB"      // which is full before memory is compared
	soakPatience = time.Minute // for what is still under way in the end
)

// TestSoak has a site of two heads and a gateway under a bit of everything at once, for as long as
// the environment says (make soak: half an hour), while processes are killed. Clients know the
// public interfaces alone, and what they saw is compared in the end.
func TestSoak(t *testing.T) {
	t.Parallel()
	length := soakUsually
	if given := os.Getenv(soakVariable); given != "" {
		var err error
		if length, err = time.ParseDuration(given); err != nil {
			t.Fatalf("%s=%s: %v", soakVariable, given, err)
		}
	}
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		soakOn(t, filepath.Join(t.TempDir(), "bus.db"), length)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		soakOn(t, dbtest.Start(t, "fsync=off").Database(t), length)
	})
}

// soak is one run.
type soak struct {
	*soakJudge
	t      *testing.T
	length time.Duration
	db     string
	// The first process, whose memory is watched, is killed once, early on; the others again and again.
	processes []*process
	kills     int

	heads  []string // URLs of HTTP, which stay the same
	stomps []string // addresses
	admin  string   // of the first head

	writing, reading, working sync.WaitGroup
}

func soakOn(t *testing.T, db string, length time.Duration) {
	s := &soak{soakJudge: newSoakJudge(t), t: t, length: length, db: db}
	s.launch()
	begin := newSoakClient(s.heads[0], s.soakJudge)
	s.sendFirst()
	begin.put("/feeds/jobs/queues/default", `{"attempts":4}`)
	before := begin.vitals(s.admin)

	writes, stopWriting := context.WithCancel(t.Context())
	defer stopWriting()
	work, stopWorking := context.WithCancel(t.Context())
	defer stopWorking()
	watch := newSoakWatch(begin, s.admin, max(length/200, 50*time.Millisecond))
	readers := s.load(writes, work)
	s.disturb()
	stopWriting()
	s.writing.Wait()

	history := watch.stop()
	s.settle(begin, readers)
	stopWorking()
	s.working.Wait()
	s.judge(begin, readers)
	s.judgeMemory(history, s.length >= 20*time.Minute)
	begin.awaitGoroutines(s.admin, before.goroutines)
	s.judgeLogs()
	s.report(readers, history, s.kills)
}

// launch starts the processes.
func (s *soak) launch() {
	one := start(s.t, "serve", "--db", s.db, "--admin", "127.0.0.1:0", "--cache-bytes", soakCache)
	two := start(s.t, "serve", "--db", s.db)
	gateway := start(s.t, "gateway", "--db", s.db)
	s.processes = []*process{one, two, gateway}
	s.heads = []string{strings.TrimSuffix(one.URL, "/"), strings.TrimSuffix(two.URL, "/")}
	s.stomps = []string{one.Stomp, two.Stomp, gateway.Stomp}
	s.admin = one.Admin
}

// sendFirst makes the queue, and its feed one that lets go of what is acknowledged.
func (s *soak) sendFirst() {
	sender := &soakSender{address: s.stomps[0], destination: "/queue/jobs"}
	defer sender.close()
	if text := soakJob + "first"; sender.insist(s.t.Context(), text) {
		s.jobs.add(text, 0)
	}
}

// load starts all clients, and returns those that read. Those that write end with writes, consumers with work.
func (s *soak) load(writes, work context.Context) (readers []*soakReader) {
	for i, name := range []string{"a", "b", "c"} {
		s.writing.Go(func() { s.publish(writes, s.heads[i%2], name) })
	}
	for i, name := range []string{"x", "y"} {
		s.writing.Go(func() { s.produce(writes, s.stomps[i+1], "/topic/log", name, &s.log) })
	}
	for i := range s.stomps {
		s.writing.Go(func() { s.produce(writes, s.stomps[i], "/queue/jobs", soakJob+string(rune('p'+i)), &s.jobs) })
		s.working.Go(func() { s.consume(work, s.stomps[i]) })
	}
	for i, head := range s.heads {
		s.writing.Go(func() { s.edit(writes, head, string(rune('m'+i))) })
		s.working.Go(func() { s.workByHTTP(work, head) })
		readers = append(readers, s.read("poller", head, s.poll), s.read("stream", head, s.stream), s.read("editions", head, s.pollEditions))
	}
	for _, address := range s.stomps[1:] {
		readers = append(readers, s.read("topic", address, s.follow))
	}
	return readers
}

// read starts a reader.
func (s *soak) read(kind, at string, read func(context.Context, *soakReader)) *soakReader {
	r := &soakReader{kind: kind, at: at, judge: s.soakJudge}
	s.reading.Go(func() { read(s.t.Context(), r) })
	return r
}

// disturb lets the load run, and kills processes meanwhile: all at once in the first eighth, then
// one after the other but the first.
func (s *soak) disturb() {
	end := time.After(s.length)
	<-time.After(s.length / 8)
	s.kill(0, 1, 2)
	pace := time.NewTicker(max(time.Second, min(s.length/8, 20*time.Second)))
	defer pace.Stop()
	for {
		select {
		case <-end:
			return
		case <-pace.C:
			s.kill(1 + rand.IntN(2))
		}
	}
}

// kill kills processes, and starts them again at the same addresses.
func (s *soak) kill(which ...int) {
	for _, i := range which {
		s.kills++
		if err := s.processes[i].kill(); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, i := range which {
		s.processes[i] = s.restart(i)
	}
}

func (s *soak) restart(i int) *process {
	old := s.processes[i]
	s.checkLog(old)
	args := []string{"--db", s.db, "--stomp", s.stomps[i]}
	if i == 0 {
		args = append(args, "--cache-bytes", soakCache, "--admin", strings.TrimSuffix(strings.TrimPrefix(s.admin, "http://"), "/"))
	}
	if old.URL == "" {
		return start(s.t, "gateway", args...)
	}
	return start(s.t, "serve", append(args, "--http", old.address())...)
}

// settle lets readers and consumers come to the end of what was written.
func (s *soak) settle(c *soakClient, readers []*soakReader) {
	for _, feed := range []string{"log", "notes"} {
		ledger := map[string]*soakLedger{"log": &s.log, "notes": &s.notes}[feed]
		ledger.add(soakEnd, c.insist(s.t.Context(), "/feeds/"+feed, soakEnd))
	}
	read := make(chan struct{})
	go func() { s.reading.Wait(); close(read) }()
	select {
	case <-read:
	case <-time.After(soakPatience):
		s.broke(promiseRead, "after %v, not all readers have come to the last entry: %s", soakPatience, stragglers(readers))
	}
	s.await(soakPatience, promiseDelivered, "the queue is not empty", func() bool { return c.queue("/feeds/jobs/queues/default").Waiting == 0 })
}

// judgeLogs looks for what no log of a healthy process has.
func (s *soak) judgeLogs() {
	for _, p := range s.processes {
		s.checkLog(p)
	}
}

func (s *soak) checkLog(p *process) {
	s.t.Helper()
	if log := p.logged(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") || strings.Contains(log, "level=ERROR") {
		s.t.Error(log)
	}
}

// Who judges AtomMQ must not share its mistakes: the soak's clients and its judge are of the
// standard library alone.
func TestTheSoakKnowsNothingOfAtomMQ(t *testing.T) {
	files, err := filepath.Glob("soak_*_test.go")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); strings.Contains(path, "atommq") || strings.Contains(path, ".") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
