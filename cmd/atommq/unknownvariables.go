package main

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// warnOfUnknown tells of variables in the environment that are called like settings and are none: whoever gave one believes that it counts.
func warnOfUnknown(environment []string, log *slog.Logger) {
	var unknown []string
	for _, assignment := range environment {
		name, value, _ := strings.Cut(assignment, "=")
		if value != "" && strings.HasPrefix(name, variablePrefix) && !isVariable(name) && !isOrchestrators(name) {
			unknown = append(unknown, name+nearest(name))
		}
	}
	if slices.Sort(unknown); unknown != nil {
		log.Warn("variables that are no settings are ignored", "variables", strings.Join(unknown, ", "))
	}
}

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

// isOrchestrators reports whether Kubernetes, or a link of Docker, gives a variable of this name to everyone beside a service called atommq.
func isOrchestrators(name string) bool {
	return strings.HasPrefix(name, "ATOMMQ_SERVICE_") || name == "ATOMMQ_PORT" || strings.HasPrefix(name, "ATOMMQ_PORT_")
}

// nearest names the variables that may have been meant, as suggestion does commands.
func nearest(typed string) string {
	known := new(cobra.Command)
	for _, name := range variables() {
		known.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	return suggestion(known, typed)
}
