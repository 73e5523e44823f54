package main

import (
	"bytes"
	"database/sql"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/spf13/pflag"

	"atommq/bus"
	"atommq/feeds"
)

// Whatever a file of settings holds, its reader comes to an end, and what is quoted comes back as it was.
func FuzzEnvironmentFile(f *testing.F) {
	for _, text := range []string{"ATOMMQ_DB=x\n", "# c\n; d\nA = 'b c' \"d\\\ne\" f\\\n g\n", "A=\"", "export A=b", "A", "=", "A='\n", "\\\n", "A=b\x00c\r\n"} {
		f.Add(text, "value")
	}
	f.Add("", "it's \"$x\" \\ `y`\n")
	f.Fuzz(func(t *testing.T, text, value string) {
		r := &environmentReader{rest: text, line: 1}
		for line := 0; ; {
			before := len(r.rest)
			a, ok, err := r.next()
			if err != nil || !ok {
				break
			}
			if len(r.rest) >= before || a.line < line || a.line > 1+strings.Count(text, "\n") {
				t.Fatalf("line %d of %q is %+v, with %q behind it", line, text, a, r.rest)
			}
			line = a.line
		}
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(value)
		r = &environmentReader{rest: `A="` + quoted + `"`, line: 1}
		if a, ok, err := r.next(); err != nil || !ok || a.value != value {
			t.Fatalf("%q comes back as %+v, %v", value, a, err)
		}
	})
}

// A value that a setting takes is shown as one that it takes, too, and that means the same.
func FuzzSettingValue(f *testing.F) {
	table := settingsTable()
	for i, s := range table {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		s.bind(flags, new(settings), s.name, s.help)
		f.Add(uint(i), flags.Lookup(s.name).DefValue)
	}
	for _, value := range []string{"9223372036854775807GiB", "1e3", "2562047h47m16.854775807s", "10.0.0.0/8, ::1", "::ffff:1.2.3.4/96", "https://a.example,*", "007", "0x10", "-1", ""} {
		for i := range table {
			f.Add(uint(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, i uint, value string) {
		s := table[i%uint(len(table))]
		once, twice := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
		s.bind(once, new(settings), s.name, s.help)
		s.bind(twice, new(settings), s.name, s.help)
		if once.Set(s.name, value) != nil {
			return
		}
		shown := once.Lookup(s.name).Value.String()
		if err := twice.Set(s.name, shown); err != nil {
			t.Fatalf("--%s %q is shown as %q, which it does not take: %v", s.name, value, shown, err)
		}
		if again := twice.Lookup(s.name).Value.String(); again != shown {
			t.Fatalf("--%s %q is shown as %q, and that as %q", s.name, value, shown, again)
		}
	})
}

// Whatever path is asked for below a base URL, what is left of it is a path that reads as it is written.
func FuzzMount(f *testing.F) {
	for _, pair := range [][2]string{{"https://example.org/mq", "/mq/feeds/a%2Fb"}, {"http://x/a/b/", "/a%2Fb/c"}, {"http://x/mq", "/mqx"}, {"http://x/mq", "/mq"}, {"http://x/ü", "/%C3%BC/x"}, {"http://x//", "//"}, {"http://x", "*"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, base, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		prefix := prefixOf(base)
		if !strings.HasPrefix(prefix, "/") { // none, or that of no URL
			return
		}
		r := unmounted(prefix, (&http.Request{URL: u}).WithContext(t.Context()))
		if r.URL == u {
			return
		}
		if !strings.HasPrefix(r.URL.Path, "/") || len(r.URL.Path) > len(u.Path) {
			t.Fatalf("%q below %q is %q", target, prefix, r.URL.Path)
		}
		if path, err := url.PathUnescape(r.URL.EscapedPath()); err != nil || path != r.URL.Path {
			t.Fatalf("%q below %q is %q, written %q", target, prefix, r.URL.Path, r.URL.EscapedPath())
		}
	})
}

// A row of ocamlmq may say anything in columns of numbers: what no consumer could have been given
// counts as nothing said.
func TestAnOldMessageWithImpossibleNumbersIsImported(t *testing.T) {
	for _, m := range []oldMessage{
		{id: "1", priority: math.MinInt, sent: math.NaN(), ackTimeout: math.NaN()},
		{id: "2", priority: math.MinInt, sent: 1e300, ackTimeout: -1},
		{id: "3", priority: math.MinInt, sent: int64(math.MaxInt64), ackTimeout: math.Inf(-1)},
	} {
		p, err := m.post("jobs")
		if err != nil || p.Priority != bus.PriorityOf(9) || p.AckTimeout != 0 || !p.Entry.Published.IsZero() {
			t.Errorf("%+v becomes %+v, %v", m, p, err)
		}
	}
	m := oldMessage{id: "4", priority: math.MaxInt, ackTimeout: 1e300}
	if p, err := m.post("jobs"); err != nil || p.Priority != bus.PriorityOf(0) || p.AckTimeout != bus.LongestAckTimeout {
		t.Errorf("%+v becomes %+v, %v", m, p, err)
	}
}

// Whatever a row of ocamlmq or AtomBus says, it becomes an entry that could have been posted.
func FuzzOldRow(f *testing.F) {
	f.Add("1", "/queue/jobs", 0, 1.7e9, 30.0, "body", "title", "ann", "ann@example.org", "2009-01-02T03:04:05Z")
	f.Add("urn:uuid:01a1fb40-4426-7794-8e65-a5c058b49c35", "", -9223372036854775808, -1e300, 1e300, "<b>\x00&nbsp;", "<", "\xff", "\ufffe", "x")
	f.Add("]]>", "/topic/x", 9223372036854775807, 1e18, -1.0, "</div></content><content>", "\r", "", "", "")
	f.Fuzz(func(t *testing.T, id, destination string, priority int, sent, timeout float64, content, title, author, email, updated string) {
		m := oldMessage{id: id, destination: destination, priority: priority, sent: sent, ackTimeout: timeout, body: []byte(content)}
		p, err := m.post("")
		if err != nil {
			t.Fatal(err)
		}
		if p.AckTimeout < 0 || p.Priority > bus.PriorityOf(9) {
			t.Fatalf("%+v becomes %+v", m, p)
		}
		checkPostable(t, p.Entry)
		text := func(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }
		o := oldEntry{id: id, title: text(title), author: text(author), email: text(email), updated: text(updated), content: text(content)}
		if e, err := o.entry(); err == nil {
			checkPostable(t, e)
		}
	})
}

func checkPostable(t *testing.T, e *feeds.Entry) {
	t.Helper()
	if _, err := feeds.Parse(e.XML, "", feeds.Limits{}); err != nil {
		t.Fatalf("%v:\n%s", err, e.XML)
	}
	if year := e.Published.Year(); !e.Published.IsZero() && (year < 0 || year > 9999) {
		t.Fatalf("it was published %v", e.Published)
	}
}

// Whatever a server says of itself, atommq top shows a line for each queue and feed, and sends the
// terminal nothing but text.
func FuzzTop(f *testing.F) {
	f.Add([]byte("# TYPE atommq_published_entries_total counter\natommq_published_entries_total 5\n"), "orders")
	f.Add([]byte("# TYPE atommq_queue_waiting_entries gauge\natommq_queue_waiting_entries{feed=\"\x1b[2J\",queue=\"a\\nb\"} NaN\n"), "\x1b]0;x\a")
	f.Add([]byte("# TYPE atommq_commit_duration_seconds histogram\natommq_commit_duration_seconds_bucket{le=\"+Inf\"} -1\n"), "")
	f.Fuzz(func(t *testing.T, metrics []byte, feed string) {
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(metrics))
		if err != nil {
			return
		}
		l := &look{metrics: families, feeds: []feedFigures{{Name: feed, Entries: 1}}}
		r := &report{URL: "http://127.0.0.1:8080"}
		r.compare(l, l)
		for line := range strings.SplitSeq(r.text(80, 24), "\n") {
			if strings.ContainsFunc(line, unicode.IsControl) {
				t.Fatalf("the terminal gets %q", line)
			}
		}
	})
}
