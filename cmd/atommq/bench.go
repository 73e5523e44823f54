package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"atommq/db"
)

// benchRounds is how often AtomMQ and the ceiling take turns; the medians are
// reported. Taking turns, because other load on the machine comes and goes.
const benchRounds = 5

// benchSection is one part of a benchmark.
type benchSection struct {
	name  string
	steps int // how often it calls say
	run   func(ctx context.Context, b *bench) error
}

// benchSuite is the sections that one command runs, in order.
type benchSuite []benchSection

func benchSections() benchSuite {
	return benchSuite{
		{"publish", 4 * benchRounds, benchPublish},
		{"nodes", 2 * benchRounds, benchNodes},
		{"post", 4 * benchRounds, benchPost},
		{"poll", 2 * benchRounds, benchPoll},
		{"page", 2 * benchRounds, benchPage},
		{"archive", 2 * benchRounds, benchArchive},
		{"million", 1 + 2*benchRounds, benchMillion},
		{"memory", 3, benchMemory},
		{"events", 2 * benchRounds, benchEvents},
		{"readers", 4, benchReaders},
		{"wake", 1, benchWake},
		{"media", 3, benchMedia},
		{"hostile", 2 * benchRounds, benchHostile},
	}
}

func (s benchSuite) names() []string {
	names := make([]string, len(s))
	for i := range s {
		names[i] = s[i].name
	}
	return names
}

// check refuses names of sections that there are not.
func (s benchSuite) check(_ *cobra.Command, given []string) error {
	names := s.names()
	for _, section := range given {
		if section != "all" && !slices.Contains(names, section) {
			return fmt.Errorf("no section %q: there are %s and all", section, strings.Join(names, ", "))
		}
	}
	return nil
}

// pick returns the sections that are named; without names, all.
func (s benchSuite) pick(names []string) benchSuite {
	if len(names) == 0 || slices.Contains(names, "all") {
		return s
	}
	return slices.DeleteFunc(slices.Clone(s), func(section benchSection) bool {
		return !slices.Contains(names, section.name)
	})
}

func (s benchSuite) steps() int {
	steps := 0
	for _, section := range s {
		steps += section.steps
	}
	return steps
}

// bench is one run of the benchmark.
type bench struct {
	server   string        // URL of a PostgreSQL database; "" for files
	dir      string        // scratch directory of the section
	schemas  []string      // scratch schemas of the section
	grown    int           // databases that growth made
	time     time.Duration // for one comparison
	progress *progressbar.ProgressBar
	findings []finding
}

func benchCommand() *cobra.Command {
	cmd := benchSections().command("bench", 4*time.Second)
	cmd.Short = "Measure this machine against the ceiling that it sets"
	cmd.Long = `Bench measures AtomMQ on this machine, each figure beside a ceiling measured in
the same run: the rows that the database takes without a bus, what an HTTP handler does
that only writes bytes. Both share the processors with the load generator.
It works on scratch databases, which it removes: files, or with --db schemas named
atommq_bench_… in a database of PostgreSQL, where the user must be allowed to make schemas.`
	cmd.AddCommand(benchStompCommand(), benchServerCommand(), benchHostilesCommand())
	return cmd
}

// command makes a command that runs the suite, with so much time for each comparison.
func (s benchSuite) command(name string, usual time.Duration) *cobra.Command {
	var (
		dir, server, profile string
		length               = period(usual)
		asJSON               bool
	)
	cmd := &cobra.Command{
		Use:       name + " [" + strings.Join(s.names(), "|") + "|all]…",
		Args:      s.check,
		ValidArgs: append(s.names(), "all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			sections := s.pick(args)
			if !cmd.Flags().Changed("db") {
				server = "" // what serve works on is not to be loaded unasked
			} else if !db.IsPostgres(server) {
				return misusef("--db takes postgres://…: for files there is --dir")
			}
			b := &bench{server: server, time: time.Duration(length), progress: newProgress(cmd.ErrOrStderr(), sections.steps())}
			err := profiled(profile, func() error { return b.run(cmd.Context(), dir, sections) })
			if err != nil {
				return err
			}
			if asJSON {
				return newEncoder(cmd.OutOrStdout()).Encode(b.findings)
			}
			return writeFindings(cmd.OutOrStdout(), b.findings)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".", "`directory` for the scratch databases: it decides which disk is measured")
	cmd.Flags().StringVar(&server, "db", "", "`URL`, postgres://…, of a database to work in instead of files; taken from the command line only")
	cmd.Flags().Var(&length, "time", "`time` for each comparison")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	cmd.Flags().StringVar(&profile, "cpuprofile", "", "`file` to write a profile of this process to, for go tool pprof")
	return cmd
}

// profiled does the work, and writes a profile of the processors' time to the file at path unless that is "".
func profiled(path string, work func() error) (err error) {
	if path == "" {
		return work()
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--cpuprofile: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return fmt.Errorf("--cpuprofile: %w", err)
	}
	defer pprof.StopCPUProfile()
	return work()
}

// run runs sections, each in a directory of its own below dir.
func (b *bench) run(ctx context.Context, dir string, sections benchSuite) (err error) {
	defer func() { err = errors.Join(err, b.progress.Finish()) }()
	for _, s := range sections {
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
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir), b.dropSchemas(ctx)) }()
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

// budget returns which of two is to be kept: that for files, or that for servers.
func (b *bench) budget(file, server budget) budget {
	if b.server != "" {
		return server
	}
	return file
}

func (b *bench) report(f ...finding) { b.findings = append(b.findings, f...) }

// say shows what is being done, and that something is.
func (b *bench) say(what string) {
	b.progress.Describe(what)
	_ = b.progress.Add(1)
}

// newProgress makes a progress bar of so many steps on w. It stays silent unless that is a terminal.
func newProgress(w io.Writer, steps int) *progressbar.ProgressBar {
	file, ok := w.(*os.File)
	visible := ok && term.IsTerminal(int(file.Fd()))
	return progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetVisibility(visible),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetElapsedTime(true),
	)
}
