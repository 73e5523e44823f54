package bus

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func grantsOf(t *testing.T, rules ...string) *Grants {
	t.Helper()
	g := new(Grants)
	for i := 0; i < len(rules); i += 2 {
		rights, err := ParseRights(rules[i+1])
		if err != nil {
			t.Fatal(err)
		}
		g.add(rules[i], rights)
	}
	return g
}

func TestRulesGrantWhatTheySayAndNoMore(t *testing.T) {
	g := grantsOf(t, "news", "read", "orders/*", "publish,consume", "orders/eu", "edit", "own", "admin")
	for _, test := range []struct{ feed, want string }{
		{"news", "read"},
		{"news2", ""},
		{"new", ""},
		{"orders/", "publish,consume"},
		{"orders/us", "publish,consume"},
		{"orders/eu", "publish,consume,edit"},
		{"orders", ""},
		{"Orders/us", ""},
		{"own", "read,publish,consume,edit,admin"},
		{"*", ""},
		{"", ""},
	} {
		if got := g.Rights(test.feed).String(); got != test.want {
			t.Errorf("on %q: %q, want %q", test.feed, got, test.want)
		}
	}
}

func TestDeadLettersFollowTheirFeed(t *testing.T) {
	g := grantsOf(t, "work", "consume", "in", "publish", "all", "admin", "news", "read", "x.dead", "admin")
	for _, test := range []struct{ feed, want string }{
		{"work.dead", "read,consume"},
		{"in.dead", ""},
		{"all.dead", "read,publish,consume,edit,admin"},
		{"news.dead", "read"},
		{"x", ""},
		{".dead", ""},
		{"work.dead.dead", "read,consume"},
	} {
		if got := g.Rights(test.feed).String(); got != test.want {
			t.Errorf("on %q: %q, want %q", test.feed, got, test.want)
		}
	}
}

func TestAPrefixIsOpenWhereSomeFeedIs(t *testing.T) {
	g := grantsOf(t, "orders/eu", "read", "logs/*", "read", "work", "consume")
	for prefix, want := range map[string]bool{
		"": true, "orders": true, "orders/eu": true, "orders/eu/": false, "logs": true, "logs/a/b": true, "log.": false,
		"work.d": true, "secret": false,
	} {
		if got := g.MaySome(RightRead, prefix); got != want {
			t.Errorf("%q: %v, want %v", prefix, got, want)
		}
	}
	if g.MaySome(RightPublish, "") || g.MayEvery(RightRead) || !grantsOf(t, "*", "read").MayEvery(RightRead) {
		t.Error("rights on some feeds and on all are confused")
	}
}

func TestAPrefixIsNarrowedToWhatMayBeRead(t *testing.T) {
	g := grantsOf(t, "orders/eu", "read", "logs/*", "read", "work", "consume", "in", "publish")
	for prefix, want := range map[string]string{
		"":         "orders/eu,orders/eu.dead,work.dead | logs/",
		"orders/":  "orders/eu,orders/eu.dead | ",
		"logs/a":   " | logs/a",
		"lo":       " | logs/",
		"secret":   " | ",
		"work.dea": "work.dead | ",
	} {
		feeds, prefixes := g.within(prefix, 10)
		slices.Sort(feeds)
		if got := strings.Join(feeds, ",") + " | " + strings.Join(prefixes, ","); got != want {
			t.Errorf("%q: %s, want %s", prefix, got, want)
		}
	}
	if feeds, prefixes := g.within("", 2); len(feeds) != 0 || !slices.Equal(prefixes, []string{""}) {
		t.Errorf("more than fit: %q, %q", feeds, prefixes)
	}
}

func TestRightsAreReadAsTheyAreWritten(t *testing.T) {
	for r := Rights(1); r <= allRights; r++ {
		if got, err := ParseRights(r.String()); err != nil || got != r {
			t.Errorf("%s reads as %s, %v", r, got, err)
		}
	}
	for _, text := range []string{"", "read,", "Read", "all", "read;edit"} {
		if r, err := ParseRights(text); err == nil {
			t.Errorf("%q reads as %s", text, r)
		}
	}
}

func BenchmarkRights(b *testing.B) {
	g := new(Grants)
	g.add("news", RightRead)
	g.add("orders/*", RightRead)
	for b.Loop() {
		g.May(RightRead, "news")
	}
}

// What is refused names the command that would allow it, with names in it that who asks has made
// up; an operator copies it.
func TestACommandIsOneWhateverNamesAreInIt(t *testing.T) {
	for _, names := range [][2]string{
		{"ann", "orders*"}, {"ann", "x'; touch pwned; echo '"}, {"$(touch${IFS}pwned)", "`touch pwned`"}, {"a'b", "$(touch pwned)"}, {"-x", "\"\\"}, {"ä", "ü ö"}, {"a|b", "~"},
	} {
		cmd := exec.Command("sh", "-c", "atommq() { printf '%s\\n' \"$@\"; }\n"+Allowing(names[0], RightRead|RightEdit, names[1]))
		cmd.Dir = t.TempDir()
		out, err := cmd.Output()
		if want := "user\nallow\n" + names[0] + "\nread\n" + names[1] + "\n"; err != nil || string(out) != want {
			t.Errorf("%q: the shell has %q, %v", names, out, err)
		}
		if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
			t.Errorf("%q: the shell made %v, %v", names, left, err)
		}
	}
}

func TestWhatIsGivenThroughoutAPatternIsGivenOnEachOfItsFeeds(t *testing.T) {
	g := grantsOf(t, "orders*", "read", "orders/eu*", "publish", "orders/eu/1", "edit", "*", "consume", "boss*", "admin")
	for pattern, want := range map[string]string{
		"orders*": "read,consume", "orders/e*": "read,consume", "orders/eu*": "read,publish,consume", "order*": "consume", "*": "consume",
		"orders/eu/1": "read,publish,consume,edit", "orders/eu/1*": "read,publish,consume", "bosses*": "read,publish,consume,edit,admin",
	} {
		if got := g.Throughout(pattern).String(); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}
