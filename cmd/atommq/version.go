package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/mattn/go-sqlite3"
	"github.com/spf13/cobra"
)

// A release is linked with values of its own (-X main.version=…; deploy/static.sh).
var (
	version = "0.1.0-dev"
	commit  string // "" where the build did not say, and Go may have recorded one
	libc    string // the C library that a static binary holds, like "glibc 2.41"
)

// build is what "atommq version --json" writes.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	SQLite   string `json:"sqlite"`
}

func versionCommand() *cobra.Command {
	var asJSON, parts bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, or what the program is made of",
		Long: `Version prints the version, the commit that the program was built from, and the Go and SQLite that are in it.
With --sbom it lists its parts for programs that look for known vulnerabilities: every Go module with the
checksum that it was built with, Go's standard library, SQLite, and the C library of a static binary, as a
software bill of materials (CycloneDX 1.5).`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch out := cmd.OutOrStdout(); {
			case asJSON && parts:
				return misusef("either --json or --sbom")
			case parts:
				return writeBOM(out)
			case asJSON:
				return newEncoder(out).Encode(thisBuild())
			default:
				return writeVersion(out)
			}
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	cmd.Flags().BoolVar(&parts, "sbom", false, "write the parts, as CycloneDX")
	return cmd
}

func thisBuild() build {
	sqlite, _, _ := sqlite3.Version()
	return build{Version: version, Commit: revision(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, SQLite: sqlite}
}

// writeVersion is "atommq version" and "atommq --version".
func writeVersion(w io.Writer) error {
	b := thisBuild()
	if b.Commit != "" {
		b.Version += " " + b.Commit
	}
	_, err := fmt.Fprintf(w, "atommq %s (%s %s, SQLite %s)\n", b.Version, b.Go, b.Platform, b.SQLite)
	return err
}

// revision returns the commit the binary was built from; "" when the build did not record one.
func revision() string {
	var recorded string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				recorded = s.Value
			}
		}
	}
	return cmp.Or(commit, recorded)
}
