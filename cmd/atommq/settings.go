package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"atommq/api"
)

// settings holds the value of every setting.
type settings struct {
	DB                string
	HTTP, HTTPS, FCGI string
	Stomp, StompTLS   string
	TLSCert, TLSKey   string
	TLSClientCA       string
	TLSClientAuth     choice
	BaseURL           string
	Login, Passcode   string
	LogLevel          choice
	LogFormat         choice
	MaxBody           byteSize
	ReceiveBytes      byteSize
	SendBytes         byteSize
	openBytes         int64 // of STOMP's open transactions, 0 for the usual
	MaxMedia          byteSize
	Workspaces        choice
	CacheBytes        byteSize
	ArchiveBytes      byteSize
	TrustedProxies    prefixes
	CORSOrigins       origins
	IdempotencyWindow period
	MaxConnections    count
	MaxHTTP           count
	MaxPerAddress     ceiling
	MaxPrefetch       count
	HeartBeat         period
	MaxReaders        count
	MaxWait           period
	StreamLifetime    period
	StreamHeartBeat   period
	Admin             string
	Metrics           choice
	MetricsQueues     ceiling
	URL               string
	ClientCert        string
	ClientKey         string

	flags *pflag.FlagSet // that the values are from
}

// setting is one setting under its one name, in three dresses: --max-body on
// the command line, ATOMMQ_MAX_BODY in the environment and in the file.
type setting struct {
	name string
	help string
	bind func(f *pflag.FlagSet, s *settings, name, help string)
}

// variable returns the setting's name in the environment.
func (s setting) variable() string { return variable(s.name) }

// variablePrefix tells AtomMQ's variables from others.
const variablePrefix = "ATOMMQ_"

func variable(name string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// settingsTable lists every setting with its default and its help.
func settingsTable() []setting {
	return slices.Concat(entranceSettings(), mainSettings(), adminSettings(), corsSettings(), outgoingSettings(), crowdSettings())
}

func mainSettings() []setting {
	return []setting{
		{"db", "`file` of the database, or postgres://… for one of PostgreSQL",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.DB, n, "atommq.db", h) }},
		{"base-url", "`URL` that clients reach the server under, when it is not the address it listens on",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.BaseURL, n, "", h) }},
		{"login", "`name` of an account that is not in the database and may do everything, with --passcode",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.Login, n, "", h) }},
		{"passcode", "`password` that goes with --login; other users of the machine see flags, so put it in the file or the environment",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.StringVar(&s.Passcode, n, "", h) }},
		{"log-level", "least severe `level` that is logged: debug, info, warn or error",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.LogLevel = choice{"info", []string{"debug", "info", "warn", "error"}}
				f.Var(&s.LogLevel, n, h)
			}},
		{"log-format", "`form` of the log: text or json",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.LogFormat = choice{"text", []string{"text", "json"}}
				f.Var(&s.LogFormat, n, h)
			}},
		{"max-body", "largest request body or STOMP body, in bytes or as a `size` like 512KiB",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.MaxBody = 16 << 20
				f.Var(&s.MaxBody, n, h)
			}},
		{"receive-bytes", "memory for long bodies while they come in, a `size`; never less than twice --max-body",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.ReceiveBytes = 256 << 20
				f.Var(&s.ReceiveBytes, n, h)
			}},
		{"send-bytes", "memory for what HTTP answers read from the database, until their clients have it, a `size`",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.SendBytes = 256 << 20
				f.Var(&s.SendBytes, n, h)
			}},
		{"archive-bytes", "memory for archive pages of append-only feeds, a `size`",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.ArchiveBytes = 16 << 20
				f.Var(&s.ArchiveBytes, n, h)
			}},
		{"max-media", "largest file that is kept as it is, with an entry that links to it, a `size`",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.MaxMedia = 1 << 30
				f.Var(&s.MaxMedia, n, h)
			}},
		{"workspaces", "`grouping` of feeds in the service document: one workspace, or one for each prefix of their names, up to the first / or .",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.Workspaces = choice{"one", []string{"one", "prefix"}}
				f.Var(&s.Workspaces, n, h)
			}},
		{"cache-bytes", "memory for recent entries, a `size`",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.CacheBytes = 32 << 20
				f.Var(&s.CacheBytes, n, h)
			}},
		{"trusted-proxies", "`networks` of proxies whose Forwarded and X-Forwarded headers count, like 10.0.0.0/8,::1",
			func(f *pflag.FlagSet, s *settings, n, h string) { f.Var(&s.TrustedProxies, n, h) }},
		{"idempotency-window", "`time` for which an Idempotency-Key is remembered, like 90m, 24h or 7d",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.IdempotencyWindow = period(24 * time.Hour)
				f.Var(&s.IdempotencyWindow, n, h)
			}},
		{"max-connections", "`number` of STOMP connections at once",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.MaxConnections = count{value: 20_000}
				f.Var(&s.MaxConnections, n, h)
			}},
		{"max-prefetch", "`number` of unacknowledged messages that a STOMP subscription can ask for, at most 65535",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.MaxPrefetch = count{10_000, math.MaxUint16}
				f.Var(&s.MaxPrefetch, n, h)
			}},
		{"heart-beat", "longest `time` between STOMP heart-beats, where a client has them",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.HeartBeat = period(10 * time.Second)
				f.Var(&s.HeartBeat, n, h)
			}},
		{"max-readers", "`number` of HTTP requests at once that wait for new entries: streams and long polls",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.MaxReaders = count{value: api.DefaultMaxReaders}
				f.Var(&s.MaxReaders, n, h)
			}},
		{"max-wait", "longest `time` that one HTTP request waits for new entries (Prefer: wait)",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.MaxWait = period(api.DefaultMaxWait)
				f.Var(&s.MaxWait, n, h)
			}},
		{"stream-lifetime", "`time` after which the reader of an HTTP stream has to come back, or up to a quarter more",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.StreamLifetime = period(api.DefaultStreamLifetime)
				f.Var(&s.StreamLifetime, n, h)
			}},
		{"stream-heart-beat", "longest `time` between two writes to an HTTP stream",
			func(f *pflag.FlagSet, s *settings, n, h string) {
				s.StreamHeartBeat = period(api.DefaultHeartBeat)
				f.Var(&s.StreamHeartBeat, n, h)
			}},
	}
}

// declare gives cmd a flag for each of the named settings, and returns where
// their values will be when cmd runs.
func declare(cmd *cobra.Command, names ...string) *settings {
	values := &settings{flags: cmd.Flags()}
	rows := make(map[string]setting)
	for _, s := range settingsTable() {
		rows[s.name] = s
	}
	for _, name := range names {
		s := rows[name]
		s.bind(cmd.Flags(), values, name, s.help+" ("+s.variable()+")")
	}
	return values
}

// resolve gives every setting in flags that the command line left alone its
// value from the environment, or from the file that --config names. An empty value
// counts as none.
func resolve(ctx context.Context, flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	path, _ := flags.GetString("config")
	if path == "" {
		path, _ = lookup(variable("config"))
	}
	file := make(map[string]assignment)
	if path != "" {
		var err error
		if file, err = readSettingsFile(path); err != nil {
			return err
		}
	}
	given := func(name string) (value, source string) {
		source = variable(name)
		if value, _ = lookup(source); value != "" {
			return value, source
		}
		a := file[source]
		return a.value, fmt.Sprintf("%s:%d: %s", path, a.line, source)
	}
	for _, s := range settingsTable() {
		flag := flags.Lookup(s.name)
		if flag == nil || flag.Changed {
			continue
		}
		value, source := given(s.name)
		if value == "" {
			continue
		}
		if err := flag.Value.Set(value); err != nil {
			return fmt.Errorf("%s=%q: %w", source, value, err)
		}
		flag.Annotations = map[string][]string{sourceMark: {source}}
	}
	return resolveURL(ctx, flags, given)
}

// sourceMark marks a flag with where its value is from, if that is not the command line.
const sourceMark = "atommq_source"

// given reports whether somebody set a setting.
func (s *settings) given(name string) bool {
	if s.flags == nil || s.flags.Lookup(name) == nil {
		return false
	}
	flag := s.flags.Lookup(name)
	return flag.Changed || flag.Annotations[sourceMark] != nil
}

// source names what a setting's value is from: the flag, the variable, or the line of a file.
func (s *settings) source(name string) string {
	if source := s.flags.Lookup(name).Annotations[sourceMark]; source != nil {
		return source[0]
	}
	return "--" + name
}

// from names what a setting's value is from before an error about it, where that is not the flag
// that the error names.
func (s *settings) from(name string, err error) error {
	if err == nil || !s.given(name) || s.source(name) == "--"+name {
		return err
	}
	return fmt.Errorf("%s: %w", s.source(name), err)
}

// checkAccount refuses half an account: whoever gives one half believes that
// strangers are kept out.
func (s *settings) checkAccount() error {
	switch {
	case (s.Login == "") == (s.Passcode == ""):
		return nil
	case s.Login == "":
		return fmt.Errorf("%w; a token is for clients, and stays out of a server's settings", halfAccount(s.source("passcode")))
	}
	return halfAccount(s.source("login"))
}

// halfAccount names the half that is given, which may stand where nobody looks.
func halfAccount(given string) error {
	return misusef("--login and --passcode go together, and only %s is given: give both, or none", given)
}

// checkBaseURL refuses a URL that no link can begin with, before anything is opened.
func (s *settings) checkBaseURL() error {
	if err := api.CheckBaseURL(s.BaseURL); err != nil {
		return misusef("--base-url %w", err)
	}
	return nil
}

// readSettingsFile reads the settings in a file. Other variables are somebody else's, unless
// their names are a setting's but for the dress: whoever wrote one believes that it counts.
func readSettingsFile(path string) (map[string]assignment, error) {
	assignments, err := readEnvironmentFile(path)
	if err != nil {
		return nil, err
	}
	file := make(map[string]assignment)
	for _, a := range assignments {
		file[a.name] = a
	}
	for _, a := range assignments {
		if err := checkName(a.name, file); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, a.line, err)
		}
		if a.comment && isVariable(a.name) {
			return nil, fmt.Errorf("%s:%d: %s: what follows the # is part of the value, for systemd too: give a comment a line of its own, or put the value in quotes", path, a.line, a.name)
		}
	}
	return file, nil
}

// misspeltPrefix is what a name begins with that may be misspelt in what they all begin with.
const misspeltPrefix = "ATOM"

// checkName refuses a variable in file that looks like a setting and is none.
func checkName(name string, file map[string]assignment) error {
	if name == variable("config") {
		return errors.New("a file of settings names no other one")
	}
	dressed := strings.ToUpper(strings.ReplaceAll(strings.TrimLeft(name, "-"), "-", "_"))
	bare := !strings.HasPrefix(dressed, variablePrefix)
	if bare {
		dressed = variablePrefix + dressed
	}
	known := slices.ContainsFunc(settingsTable(), func(s setting) bool { return s.variable() == dressed })
	switch {
	case known && name == dressed:
		return nil
	case known && bare && file[dressed].line > 0: // then the bare one is another program's
		return nil
	case known:
		return fmt.Errorf("%s is no setting: write %s=…", name, dressed)
	case !bare || strings.HasPrefix(dressed, variablePrefix+misspeltPrefix) && nearest(name, variables()) != "":
		return fmt.Errorf("there is no setting %s%s", name, nearest(name, variables()))
	}
	return nil
}
