package main

import (
	"os/exec"
	"strings"
	"testing"
)

func TestAMistypedCommandIsNamedWhateverItsFlags(t *testing.T) {
	for line, want := range map[string]string{
		"user ad ann --db x.db":          `unknown command "ad" for "atommq user": did you mean add?`,
		"queues remove jobs --count 0":   `unknown command "remove" for "atommq queues": did you mean drop?`,
		"feeds drop jobs":                `unknown command "drop" for "atommq feeds": did you mean remove?`,
		"queues sett jobs --attempts 3":  `unknown command "sett" for "atommq queues": did you mean set?`,
		"feeds list":                     `unknown command "list" for "atommq feeds": atommq feeds by itself lists them`,
		"queues ls --json":               `unknown command "ls" for "atommq queues": atommq queues by itself lists them`,
		"user delete ann":                `unknown command "delete" for "atommq user": did you mean remove?`,
		"token rm ann laptop":            `unknown command "rm" for "atommq token": did you mean remove?`,
		"start":                          `unknown command "start" for "atommq": did you mean serve?`,
		"serv --http 127.0.0.1:0":        `unknown command "serv" for "atommq": did you mean serve`,
		"user add ann --htp 127.0.0.1:0": "unknown flag: --htp",
		"--htp":                          "unknown flag: --htp",
		"serve --htp 127.0.0.1:0":        "unknown flag: --htp: did you mean --http?",
		"tail x --follw":                 "unknown flag: --follw: did you mean --follow?",
		"tail x -Z":                      "unknown shorthand flag: 'Z' in -Z",
	} {
		out, err := exec.CommandContext(t.Context(), "atommq", strings.Fields(line)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("atommq %s: %v: %s", line, err, out)
		}
	}
}
