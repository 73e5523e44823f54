package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// benchRounds is how often AtomMQ and the ceiling take turns; the medians are
// reported. Taking turns, because other load on the machine comes and goes.
const benchRounds = 5

// benchSection is one part of the benchmark.
type benchSection struct {
	name  string
	steps int // how often it calls say
	run   func(ctx context.Context, b *bench) error
}

func benchSections() []benchSection {
	return []benchSection{
		{"publish", 4 * benchRounds, benchPublish},
		{"post", 4 * benchRounds, benchPost},
		{"poll", 2 * benchRounds, benchPoll},
		{"page", 2 * benchRounds, benchPage},
		{"million", 1 + 2*benchRounds, benchMillion},
		{"memory", 3, benchMemory},
	}
}

// bench is one run of the benchmark.
type bench struct {
	dir      string        // scratch directory of the section
	time     time.Duration // for one comparison
	progress *progressbar.ProgressBar
	findings []finding
}

func benchCommand() *cobra.Command {
	var names []string
	for _, s := range benchSections() {
		names = append(names, s.name)
	}
	var (
		dir    string
		length = period(4 * time.Second)
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "bench [" + strings.Join(names, "|") + "|all]…",
		Short: "Measure this machine against the ceiling that it sets",
		Long: `Bench measures AtomMQ on this machine, each figure beside a ceiling measured in
the same run: the rows that SQLite takes without a bus, what an HTTP handler does
that only writes bytes. Both share the processors with the load generator.
It works on scratch databases, which it removes.`,
		Args: func(_ *cobra.Command, given []string) error {
			for _, section := range given {
				if section != "all" && !slices.Contains(names, section) {
					return fmt.Errorf("no section %q: there are %s and all", section, strings.Join(names, ", "))
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || slices.Contains(args, "all") {
				args = names
			}
			b := &bench{time: time.Duration(length), progress: newProgress(cmd.ErrOrStderr(), args)}
			if err := b.run(cmd.Context(), dir, args); err != nil {
				return err
			}
			if asJSON {
				return newEncoder(cmd.OutOrStdout()).Encode(b.findings)
			}
			return writeFindings(cmd.OutOrStdout(), b.findings)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".", "`directory` for the scratch databases: it decides which disk is measured")
	cmd.Flags().Var(&length, "time", "`time` for each comparison")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return cmd
}

// run runs the named sections, each in a directory of its own below dir.
func (b *bench) run(ctx context.Context, dir string, names []string) (err error) {
	defer func() { err = errors.Join(err, b.progress.Finish()) }()
	for _, s := range benchSections() {
		if !slices.Contains(names, s.name) {
			continue
		}
		if err := b.section(ctx, dir, s); err != nil {
			return fmt.Errorf("bench %s: %w", s.name, err)
		}
	}
	return nil
}

func (b *bench) section(ctx context.Context, parent string, s benchSection) (err error) {
	b.dir, err = os.MkdirTemp(parent, "atommq-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	return s.run(ctx, b)
}

// measure is a way to spend d on one kind of work; it returns a rate per second.
type measure func(ctx context.Context, d time.Duration) (float64, error)

// compare lets the measures take turns for b.time altogether, and returns the median of each.
func (b *bench) compare(ctx context.Context, what string, measures ...measure) ([]float64, error) {
	rates := make([][]float64, len(measures))
	slice := b.time / time.Duration(benchRounds*len(measures))
	for range benchRounds {
		for i, m := range measures {
			b.say(what)
			r, err := m(ctx, slice)
			if err != nil {
				return nil, err
			}
			rates[i] = append(rates[i], r)
		}
	}
	medians := make([]float64, len(measures))
	for i := range rates {
		medians[i] = median(rates[i])
	}
	return medians, nil
}

func (b *bench) report(f ...finding) { b.findings = append(b.findings, f...) }

// say shows what is being done, and that something is.
func (b *bench) say(what string) {
	b.progress.Describe(what)
	_ = b.progress.Add(1)
}

// newProgress makes a progress bar over the named sections on w. It stays silent unless
// that is a terminal.
func newProgress(w io.Writer, names []string) *progressbar.ProgressBar {
	file, ok := w.(*os.File)
	visible := ok && term.IsTerminal(int(file.Fd()))
	steps := 0
	for _, s := range benchSections() {
		if slices.Contains(names, s.name) {
			steps += s.steps
		}
	}
	return progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetVisibility(visible),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetElapsedTime(true),
	)
}
