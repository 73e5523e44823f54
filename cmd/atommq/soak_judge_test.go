package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// The promises that a soak holds AtomMQ to.
const (
	promiseOnDisk    = "what is acknowledged is on disk, once"
	promiseOrder     = "ids become visible in order"
	promiseRead      = "no reader skips an entry, or gets one twice"
	promiseDelivered = "what has its receipt is delivered"
	promiseAcked     = "what was acknowledged is not delivered again"
	promiseDead      = "what used up its attempts is a dead letter, once"
	promiseCounts    = "counts agree with what there is"
	promiseMemory    = "memory and goroutines do not grow with time"
	promiseAnswer    = "requests are answered"
)

// soakJudge knows what clients were told, and compares it with what can be read.
type soakJudge struct {
	t          *testing.T
	log, notes soakLedger
	jobs       soakLedger
	work       soakWork

	mu     sync.Mutex
	broken map[string]int // times that a promise was
}

func newSoakJudge(t *testing.T) *soakJudge {
	j := &soakJudge{t: t, broken: make(map[string]int)}
	j.work.judge, j.work.jobs = j, make(map[string]*soakJobState)
	return j
}

// broke reports a broken promise. Of many breaches of one, the first few say enough.
func (j *soakJudge) broke(promise, format string, args ...any) {
	j.t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken[promise]++; j.broken[promise] <= 5 {
		j.t.Errorf("broken: %s: %s", promise, fmt.Sprintf(format, args...))
	}
}

// await waits until ok holds.
func (j *soakJudge) await(patience time.Duration, promise, otherwise string, ok func() bool) {
	j.t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) || !soakPause(j.t.Context()) {
			j.broke(promise, "%s after %v", otherwise, patience)
			return
		}
	}
}

// soakLedger is what was acknowledged: text → id, 0 where that was not told.
type soakLedger struct {
	mu    sync.Mutex
	acked map[string]int64
}

func (l *soakLedger) add(text string, id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.acked == nil {
		l.acked = make(map[string]int64)
	}
	l.acked[text] = id
}

// soakWork is what consumers know of jobs together.
type soakWork struct {
	judge *soakJudge
	mu    sync.Mutex
	jobs  map[string]*soakJobState
}

type soakJobState struct {
	delivered    int
	asked, acked bool
}

func (w *soakWork) change(text string, change func(*soakJobState)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.jobs[text] == nil {
		w.jobs[text] = new(soakJobState)
	}
	change(w.jobs[text])
}

func (w *soakWork) deliver(text string) {
	w.change(text, func(j *soakJobState) {
		if j.delivered++; j.acked {
			w.judge.broke(promiseAcked, "%q came again", text)
		}
	})
}

func (w *soakWork) ask(text string) { w.change(text, func(j *soakJobState) { j.asked = true }) }

// settle notes that it was acknowledged that a job was acknowledged.
func (w *soakWork) settle(text string) { w.change(text, func(j *soakJobState) { j.acked = true }) }

// judge reads everything again, and compares it with what was acknowledged and what readers saw.
func (j *soakJudge) judge(c *soakClient, readers []*soakReader) {
	log, notes, dead := c.all("/feeds/log"), c.all("/feeds/notes"), c.all("/feeds/jobs.dead")
	j.judgeFeed("log", log, &j.log)
	j.judgeFeed("notes", notes, &j.notes)
	for _, r := range readers {
		if r.kind == "editions" {
			j.judgeEditions(r, notes)
		} else {
			j.judgeReader(r, log)
		}
	}
	j.judgeJobs(dead)
	j.judgeCounts(c, map[string]int{"log": len(log), "notes": len(notes), "jobs": 0, "jobs.dead": len(dead)})
}

// all reads a whole feed.
func (c *soakClient) all(path string) (all []sighting) {
	r := &soakReader{kind: "checker", at: path, judge: c.judge}
	for cursor := int64(0); ; {
		page, next, ok := c.page(c.judge.t.Context(), path+"?limit=1000", cursor, "")
		if !ok {
			c.judge.broke(promiseAnswer, "GET %s after %d is not answered", path, cursor)
			return r.seen
		}
		if next == cursor {
			return r.seen
		}
		for _, e := range page.Entries {
			r.take(e.ID, e.Content)
		}
		cursor = next
	}
}

// judgeFeed compares a feed with its ledger.
func (j *soakJudge) judgeFeed(feed string, all []sighting, ledger *soakLedger) {
	there := make(map[string]int64, len(all))
	for _, e := range all {
		if twice := there[e.text]; twice > 0 {
			j.broke(promiseOnDisk, "feed %s: %q is there twice, as %d and %d", feed, e.text, twice, e.id)
		}
		if _, acked := ledger.acked[e.text]; !acked {
			j.broke(promiseOnDisk, "feed %s: %q is there, %d, and not what was acknowledged last", feed, e.text, e.id)
		}
		there[e.text] = e.id
	}
	for text, id := range ledger.acked {
		if got := there[text]; got == 0 || id > 0 && got != id {
			j.broke(promiseOnDisk, "feed %s: %q was acknowledged as %d, and is %d", feed, text, id, got)
		}
	}
}

// judgeReader compares what a reader saw with what there is.
func (j *soakJudge) judgeReader(r *soakReader, all []sighting) {
	for i, e := range all {
		if i >= len(r.seen) || r.seen[i] != e {
			j.broke(promiseRead, "%v: entry %d of the feed is %v, and the reader's %v", r, i, e, r.seen[min(i, len(r.seen)):min(i+1, len(r.seen))])
			return
		}
	}
	if len(r.seen) != len(all) {
		j.broke(promiseRead, "%v saw %d entries of %d", r, len(r.seen), len(all))
	}
}

// soakNote splits the text of a note in its name and its version.
func soakNote(text string) (name, version string) {
	name, version, _ = strings.Cut(text, " ")
	return name, version
}

// judgeEditions checks that a reader saw the last edition of each note that there is, and none that
// is older after it.
func (j *soakJudge) judgeEditions(r *soakReader, all []sighting) {
	latest := make(map[string]string)
	for _, e := range r.seen {
		name, version := soakNote(e.text)
		if version < latest[name] {
			j.broke(promiseOrder, "%v: %q came after %s", r, e.text, latest[name])
		}
		latest[name] = version
	}
	for _, e := range all {
		if name, version := soakNote(e.text); latest[name] != version {
			j.broke(promiseRead, "%v: %q is there, and the reader's last is %s", r, e.text, latest[name])
		}
	}
}

// judgeJobs accounts for each job: done, or dead.
func (j *soakJudge) judgeJobs(letters []sighting) {
	dead := make(map[string]bool)
	for _, e := range letters {
		if dead[e.text] {
			j.broke(promiseDead, "%q is there twice", e.text)
		}
		dead[e.text] = true
		if state := j.work.jobs[e.text]; state == nil || state.acked {
			j.broke(promiseDead, "%q is %+v, and dead", e.text, state)
		}
	}
	for text := range j.jobs.acked {
		state := j.work.jobs[text]
		switch {
		case state == nil:
			j.broke(promiseDelivered, "%q never came", text)
		case strings.HasSuffix(text, soakPoison) && !dead[text]:
			j.broke(promiseDead, "%q is not there", text)
		case !state.asked && !dead[text]:
			j.broke(promiseDelivered, "%q is neither waiting, nor done, nor dead", text)
		}
	}
}

// judgeCounts compares what the list of feeds says with what was read.
func (j *soakJudge) judgeCounts(c *soakClient, want map[string]int) {
	var list struct {
		Feeds []struct {
			Name    string
			Entries int
		}
	}
	c.getJSON("/feeds", &list)
	for _, f := range list.Feeds {
		if n, known := want[f.Name]; known && n != f.Entries {
			j.broke(promiseCounts, "the list of feeds says that %s has %d entries, and it has %d", f.Name, f.Entries, n)
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		j.broke(promiseCounts, "the list of feeds lacks %v", want)
	}
}

// report writes a table of what happened.
func (s *soak) report(readers []*soakReader, history []soakVitals, kills int) {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(what, value string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", what, fmt.Sprintf(value, args...))
	}
	dead, deliveries := 0, 0
	for _, state := range s.work.jobs {
		deliveries += state.delivered
	}
	for text := range s.jobs.acked {
		if strings.HasSuffix(text, soakPoison) {
			dead++
		}
	}
	row("length", "%v, %d processes killed", s.length, kills)
	row("entries acknowledged", "%d", len(s.log.acked))
	row("notes left after edits and deletes", "%d", len(s.notes.acked))
	row("jobs with receipts", "%d, %d of them poison, delivered %d times", len(s.jobs.acked), dead, deliveries)
	for _, r := range readers {
		row(r.String(), "%d entries, connected again %d times", len(r.seen), r.resumed)
	}
	second, last := soakQuarters(history)
	row("resident memory, second and last quarter", "%.1f and %.1f MiB", second.resident/(1<<20), last.resident/(1<<20))
	row("goroutines, second and last quarter", "%.0f and %.0f", second.goroutines, last.goroutines)
	for _, promise := range []string{promiseOnDisk, promiseOrder, promiseRead, promiseDelivered, promiseAcked, promiseDead, promiseCounts, promiseMemory, promiseAnswer} {
		verdict := "kept"
		if n := s.broken[promise]; n > 0 {
			verdict = fmt.Sprintf("BROKEN %d times", n)
		}
		row(promise, "%s", verdict)
	}
	_ = table.Flush()
	s.t.Logf("the soak on %s:\n%s", s.t.Name(), text.String())
}

// soakVitals are what a process takes.
type soakVitals struct{ resident, goroutines float64 }

// vitals asks a process's admin address for them; they are zero where it does not answer.
func (c *soakClient) vitals(admin string) (v soakVitals) {
	a := c.do(c.judge.t.Context(), "GET", admin+"metrics", "")
	for line := range strings.Lines(string(a.body)) {
		_, _ = fmt.Sscanf(line, "process_resident_memory_bytes %g", &v.resident)
		_, _ = fmt.Sscanf(line, "go_goroutines %g", &v.goroutines)
	}
	return v
}

// soakWatch takes the vitals of a process again and again.
type soakWatch struct {
	cancel context.CancelFunc
	taken  chan []soakVitals
}

func newSoakWatch(c *soakClient, admin string, every time.Duration) *soakWatch {
	ctx, cancel := context.WithCancel(c.judge.t.Context())
	w := &soakWatch{cancel, make(chan []soakVitals)}
	go func() {
		pace := time.NewTicker(every)
		defer pace.Stop()
		var history []soakVitals
		for {
			select {
			case <-pace.C:
				if v := c.vitals(admin); v.goroutines > 0 {
					history = append(history, v)
				}
			case <-ctx.Done():
				w.taken <- history
				return
			}
		}
	}()
	return w
}

func (w *soakWatch) stop() []soakVitals {
	w.cancel()
	return <-w.taken
}

// soakQuarters returns the medians of the second and the last quarter.
func soakQuarters(history []soakVitals) (second, last soakVitals) {
	middle := func(part []soakVitals) (v soakVitals) {
		if len(part) == 0 {
			return v
		}
		by := func(field func(soakVitals) float64) float64 {
			slices.SortFunc(part, func(a, b soakVitals) int { return cmp.Compare(field(a), field(b)) })
			return field(part[len(part)/2])
		}
		return soakVitals{by(func(v soakVitals) float64 { return v.resident }), by(func(v soakVitals) float64 { return v.goroutines })}
	}
	n := len(history)
	return middle(slices.Clone(history[n/4 : n/2])), middle(slices.Clone(history[n-n/4:]))
}

// judgeMemory holds the last quarter to the second one, by which time all that is bounded is full:
// a tenth and 8 MiB more memory, and a tenth and 10 goroutines more, may be there by chance.
func (j *soakJudge) judgeMemory(history []soakVitals, long bool) {
	second, last := soakQuarters(history)
	if long && last.resident > second.resident*1.1+8<<20 {
		j.broke(promiseMemory, "resident memory is %.1f MiB in the second quarter, and %.1f MiB in the last", second.resident/(1<<20), last.resident/(1<<20))
	}
	if long && last.goroutines > second.goroutines*1.1+10 {
		j.broke(promiseMemory, "there are %.0f goroutines in the second quarter, and %.0f in the last", second.goroutines, last.goroutines)
	}
}

// awaitGoroutines waits until a process has no more goroutines than before the load, but for a few
// that come and go.
func (c *soakClient) awaitGoroutines(admin string, before float64) {
	c.judge.await(soakPatience, promiseMemory, fmt.Sprintf("with the load gone, there are still more goroutines than the %.0f before it", before), func() bool {
		v := c.vitals(admin)
		return v.goroutines > 0 && v.goroutines <= before+10
	})
}
