package main

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// warnOfUnknown tells of variables in the environment that are called like settings and are none, and
// of those that have a comment in their value: whoever gave one believes that it counts, or does not.
func warnOfUnknown(environment []string, log *slog.Logger) {
	var unknown, commented []string
	for _, assignment := range environment {
		name, value, _ := strings.Cut(assignment, "=")
		if value != "" && strings.HasPrefix(name, variablePrefix) && !isVariable(name) && !isOrchestrators(name) {
			unknown = append(unknown, name+nearest(name, variables()))
		}
		if strings.Contains(value, " #") && isVariable(name) && !isSecret(name) {
			commented = append(commented, name)
		}
	}
	if slices.Sort(unknown); unknown != nil {
		log.Warn("variables that are no settings are ignored", "variables", strings.Join(unknown, ", "))
	}
	if slices.Sort(commented); commented != nil {
		log.Warn("what follows a # is part of the value: systemd takes comments on lines of their own alone", "variables", strings.Join(commented, ", "))
	}
}

// isSecret reports whether a variable's value is of somebody's choosing, and may hold anything.
func isSecret(name string) bool { return name == variable("login") || name == variable("passcode") }

// isVariable reports whether name is a setting's, or that of the file of settings.
func isVariable(name string) bool { return slices.Contains(variables(), name) }

// variables lists the names that count in the environment.
func variables() []string {
	names := []string{variable("config")}
	for _, s := range settingsTable() {
		names = append(names, s.variable())
	}
	return names
}

// isOrchestrators reports whether Kubernetes, or a link of Docker, gives a variable of this name to
// everyone beside a service called atommq.
func isOrchestrators(name string) bool {
	return strings.HasPrefix(name, "ATOMMQ_SERVICE_") || name == "ATOMMQ_PORT" || strings.HasPrefix(name, "ATOMMQ_PORT_")
}

// nearest tells which of names may have been meant, as suggestion does of commands.
func nearest(typed string, names []string) string {
	known := new(cobra.Command)
	for _, name := range names {
		known.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	return suggestion(known, typed)
}
