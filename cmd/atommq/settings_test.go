package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestFlagsWinOverEnvironmentOverFile(t *testing.T) {
	const inFile, inEnvironment, onLine = 1, 2, 4
	file := filepath.Join(t.TempDir(), "atommq.env")
	tests := []struct {
		given int
		want  string
	}{
		{0, "atommq.db"},
		{inFile, "file.db"},
		{inEnvironment, "environment.db"},
		{inFile | inEnvironment, "environment.db"},
		{onLine, "line.db"},
		{inFile | onLine, "line.db"},
		{inEnvironment | onLine, "line.db"},
		{inFile | inEnvironment | onLine, "line.db"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%03b", tt.given), func(t *testing.T) {
			text, args, environment := "", []string{"--config", file}, map[string]string{}
			if tt.given&inFile != 0 {
				text = "ATOMMQ_DB=file.db\n"
			}
			if tt.given&inEnvironment != 0 {
				environment["ATOMMQ_DB"] = "environment.db"
			}
			if tt.given&onLine != 0 {
				args = append(args, "--db", "line.db")
			}
			writeFile(t, file, text)
			s, err := settle(args, environment)
			if err != nil {
				t.Fatal(err)
			}
			if s.DB != tt.want {
				t.Errorf("db is %q, want %q", s.DB, tt.want)
			}
		})
	}
}

func TestEverySettingIsAFlagOfSomeCommand(t *testing.T) {
	var taken func(*cobra.Command, string) bool
	taken = func(c *cobra.Command, name string) bool {
		return c.Flags().Lookup(name) != nil || slices.ContainsFunc(c.Commands(), func(sub *cobra.Command) bool { return taken(sub, name) })
	}
	root := newCommand()
	for _, s := range settingsTable() {
		if !taken(root, s.name) {
			t.Errorf("no command takes --%s", s.name)
		}
	}
}

func TestConfigFileCanBeNamedInTheEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "atommq.env")
	writeFile(t, file, "ATOMMQ_MAX_BODY=1MiB\n")
	s, err := settle(nil, map[string]string{"ATOMMQ_CONFIG": file})
	if err != nil {
		t.Fatal(err)
	}
	if s.MaxBody != 1<<20 {
		t.Errorf("max-body is %d", s.MaxBody)
	}
}

func TestWrongSettingsNameTheirSource(t *testing.T) {
	file := filepath.Join(t.TempDir(), "atommq.env")
	tests := []struct {
		name        string
		text        string
		environment map[string]string
		want        string
	}{
		{"unknown in file", "# mine\nOTHER=1\nATOMMQ_BD=x\n", nil, file + ":3: there is no setting ATOMMQ_BD: did you mean ATOMMQ_DB?"},
		{"bad value in file", "ATOMMQ_DB=x\nATOMMQ_MAX_BODY=lots\n", nil, file + `:2: ATOMMQ_MAX_BODY="lots": must be a number of bytes above 0`},
		{"bad value in environment", "", map[string]string{"ATOMMQ_LOG_LEVEL": "loud"}, `ATOMMQ_LOG_LEVEL="loud": must be one of debug, info, warn, error`},
		{"no equals sign", "ATOMMQ_DB=x\n\nATOMMQ_HTTP\n", nil, file + `:3: no = in "ATOMMQ_HTTP"`},
		{"a long line of no setting", strings.Repeat("x", 100), nil, file + `:1: no = in "` + strings.Repeat("x", 40) + `"`},
		{"no text", "\x7fELF\x02\x00\x00", nil, file + ": is no text: name a file of ATOMMQ_…=value lines"},
		{"exported", "\nexport ATOMMQ_PASSCODE=secret\n", nil, file + ":2: systemd reads no export: write ATOMMQ_PASSCODE=…"},
		{"exported, another's", "export\tFOO=bar\n", nil, file + ":1: systemd reads no export: write FOO=…"},
		{"lower case", "atommq_http=:80\n", nil, file + ":1: atommq_http is no setting: write ATOMMQ_HTTP=…"},
		{"the flag's name", "max-body=1\n", nil, file + ":1: max-body is no setting: write ATOMMQ_MAX_BODY=…"},
		{"without the prefix", "FOO=bar\nHTTP=:80\n", nil, file + ":2: HTTP is no setting: write ATOMMQ_HTTP=…"},
		{"without the prefix, beside the setting", "HTTP=:80\nATOMMQ_BD=x\nATOMMQ_HTTP=:81\n", nil, file + ":2: there is no setting ATOMMQ_BD"},
		{"the flag", "--max-body=1\n", nil, file + ":1: --max-body is no setting: write ATOMMQ_MAX_BODY=…"},
		{"a prefix misspelt", "ATOM_FEED=x\nATOMQ_DB=x\n", nil, file + ":2: there is no setting ATOMQ_DB: did you mean ATOMMQ_DB?"},
		{"another file", "ATOMMQ_CONFIG=x\n", nil, file + ":1: a file of settings names no other one"},
		{"a byte order mark", "\uFEFFATOMMQ_DB=x\n", nil, file + ":1: begins with a byte order mark, which systemd takes for a part of the first name: save it without"},
		{"open quote", "A=1\nATOMMQ_DB=\"x\ny\n", nil, file + `:2: no closing "`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			writeFile(t, file, tt.text)
			_, err := settle([]string{"--config", file}, tt.environment)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestHalfAnAccountNamesWhereItIsFrom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "atommq.env")
	for _, tt := range []struct {
		args        []string
		text        string
		environment map[string]string
		want        string
	}{
		{[]string{"--login", "me"}, "", nil, "only --login is given"},
		{nil, "", map[string]string{"ATOMMQ_PASSCODE": "secret"}, "only ATOMMQ_PASSCODE is given"},
		{nil, "\nATOMMQ_PASSCODE=secret\n", nil, "only " + file + ":2: ATOMMQ_PASSCODE is given: give both, or none; a token is for clients, and stays out of a server's settings"},
		{nil, "ATOMMQ_LOGIN=me\n", map[string]string{"ATOMMQ_LOGIN": "you"}, "only ATOMMQ_LOGIN is given"},
		{nil, "ATOMMQ_LOGIN=me\n", map[string]string{"ATOMMQ_PASSCODE": "secret"}, ""},
	} {
		writeFile(t, file, tt.text)
		s, err := settle(append(tt.args, "--config", file), tt.environment)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.checkAccount(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %q", tt, err, tt.want)
		}
	}
}

func TestConfigFileMayServeOtherPrograms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "atommq.env")
	writeFile(t, file, "FOO=bar\nURL=postgres://other\nATOMMQ_URL=http://127.0.0.1:9/\n")
	s, err := settle([]string{"--config", file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.URL != "http://127.0.0.1:9/" {
		t.Errorf("url is %q", s.URL)
	}
}

func TestEnvironmentFileReadsAsSystemdReadsIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	writeFile(t, file, strings.Join([]string{
		`# a comment`,
		`  ; another`,
		`A=plain`,
		` B = white space around  `,
		`C="  kept "`,
		`D='single "quotes" \ and $dollar'`,
		`E="double \"quotes\" \\ \$dollar \n"`,
		`F=continued \`,
		`on the next line`,
		`G=`,
		`H=not#a comment`,
		`I="two`,
		`lines"`,
		`J='joined '"pieces" here`,
		`K=back\\slash\ `,
		`L=it's`,
		`M=a=b`,
		`N=windows` + "\r",
		`O=value   # comment`,
		`P="quoted" # comment`,
		`Q= # comment`,
		`R="quoted # value"`,
		`S=#value a# b \#c`,
	}, "\n"))
	got, err := readEnvironmentFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []assignment{
		{"A", "plain", 3, false},
		{"B", "white space around", 4, false},
		{"C", "  kept ", 5, false},
		{"D", `single "quotes" \ and $dollar`, 6, false},
		{"E", `double "quotes" \ $dollar \n`, 7, false},
		{"F", "continued on the next line", 8, false},
		{"G", "", 10, false},
		{"H", "not#a comment", 11, false},
		{"I", "two\nlines", 12, false},
		{"J", "joined pieceshere", 14, false},
		{"K", `back\slash `, 15, false},
		{"L", "it's", 16, false},
		{"M", "a=b", 17, false},
		{"N", "windows", 18, false},
		{"O", "value   # comment", 19, true},
		{"P", "quoted# comment", 20, true},
		{"Q", "# comment", 21, true},
		{"R", "quoted # value", 22, false},
		{"S", "#value a# b #c", 23, false},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(assignment{})); diff != "" {
		t.Error(diff)
	}
}

func TestByteSizeTakesUnits(t *testing.T) {
	for text, want := range map[string]byteSize{
		"1": 1, "1000": 1000, "512KiB": 512 << 10, "16MiB": 16 << 20, "2GiB": 2 << 30,
	} {
		var b byteSize
		if err := b.Set(text); err != nil || b != want || b.String() != text {
			t.Errorf("%s: got %d (%s), %v", text, b, b.String(), err)
		}
	}
	for _, text := range []string{"", "0", "-1", "1.5MiB", "16MB", "MiB", "99999999999GiB", "1 KiB"} {
		var b byteSize
		if err := b.Set(text); err == nil {
			t.Errorf("%q is taken for %d", text, b)
		}
	}
}

func TestPeriodTakesUnits(t *testing.T) {
	for text, written := range map[string]string{"24h": "24h", "1d": "24h", "36h": "36h", "48h": "2d", "720h": "30d", "30d": "30d", "61h30m": "2d13h30m", "7d1s": "7d1s"} {
		var p period
		if err := p.Set(text); err != nil || p.String() != written {
			t.Errorf("%s is written as %s, %v; want %s", text, p.String(), err, written)
		}
	}
	for text, want := range map[string]time.Duration{
		"24h": 24 * time.Hour, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "10m": 10 * time.Minute, "1500ms": 1500 * time.Millisecond,
		"7d": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour, "100000d": 100_000 * 24 * time.Hour,
	} {
		var p period
		if err := p.Set(text); err != nil || time.Duration(p) != want {
			t.Errorf("%s: got %v, %v", text, time.Duration(p), err)
		}
		var again period
		if err := again.Set(p.String()); err != nil || again != p {
			t.Errorf("%s is written as %s", text, p.String())
		}
	}
	for _, text := range []string{"", "0", "0s", "-1h", "24", "a day", "0d", "-7d", "d", "1.5d", "7 d", "7d-1h", "7dd", "1h7d", "100001d", "99999999999999999999d"} {
		var p period
		if err := p.Set(text); err == nil {
			t.Errorf("%q is taken for %v", text, time.Duration(p))
		}
	}
}

func TestCountIsOneOrMore(t *testing.T) {
	c := count{most: 65535}
	if err := c.Set("65535"); err != nil || c.value != 65535 || c.String() != "65535" {
		t.Errorf("got %s, %v", c.String(), err)
	}
	for _, text := range []string{"", "0", "-1", "1.5", "many", "65536", "99999999999999999999"} {
		if err := c.Set(text); err == nil {
			t.Errorf("%q is taken for %s", text, c.String())
		}
	}
}

// settle resolves every setting as a command with all of them would.
func settle(args []string, environment map[string]string) (*settings, error) {
	cmd := &cobra.Command{Use: "all"}
	cmd.Flags().String("config", "", "")
	var names []string
	for _, s := range settingsTable() {
		names = append(names, s.name)
	}
	values := declare(cmd, names...)
	if err := cmd.ParseFlags(args); err != nil {
		return nil, err
	}
	return values, resolve(context.Background(), cmd.Flags(), func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	})
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// An import may take longer than keys are remembered by default, beside servers that are told to
// remember them longer.
func TestOnlyServersForgetIdempotencyKeys(t *testing.T) {
	if s := declare(new(cobra.Command), "db", "max-media"); s.keyWindow() >= 0 {
		t.Errorf("a command forgets them after %v", s.keyWindow())
	}
	if s := declare(new(cobra.Command), "db", "idempotency-window"); s.keyWindow() != 24*time.Hour {
		t.Errorf("a server forgets them after %v", s.keyWindow())
	}
}
