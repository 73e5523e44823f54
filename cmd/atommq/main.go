// Command atommq is AtomMQ: the bus, its clients and its tools in one binary.
//
// newCommand lists the commands, each of which is in a file of its name; serve.go is where to begin.
// settings.go has the settings, entrances.go opens the addresses that clients come in at, and node.go
// opens a bus on its database. The files bench_… and hostile.go are the benchmark.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"atommq/bus"
	"atommq/db"
)

// The exit statuses.
const (
	statusDone   = 0
	statusFailed = 1
	statusMisuse = 2
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel(interrupted{})
		// Whoever signals twice does not want to wait for what is under way.
		<-signals
		os.Exit(statusFailed)
	}()
	os.Exit(execute(ctx, newCommand(), os.Stderr))
}

// interrupted is why everything ends at a signal.
type interrupted struct{}

func (interrupted) Error() string        { return "interrupted" }
func (interrupted) Is(target error) bool { return target == context.Canceled }

// execute runs the command line and returns the exit status. ctx ends at the first
// signal.
func execute(ctx context.Context, root *cobra.Command, stderr io.Writer) int {
	cmd, err := root.ExecuteContextC(ctx)
	_, misused := errors.AsType[*misuse](err)
	switch {
	case err == nil:
		return statusDone
	case misused, cmd == root: // root alone does nothing
		fmt.Fprintf(stderr, "atommq: %s; see %s --help\n", printable(err.Error()), cmd.CommandPath())
		return statusMisuse
	default:
		// What kind of error it is, behind what to do about it, is for programs.
		text := strings.TrimSuffix(err.Error(), ": "+bus.ErrUnavailable.Error())
		if errors.Is(context.Cause(ctx), interrupted{}) { // whichever way that came back
			text = strings.ReplaceAll(text, context.Canceled.Error(), interrupted{}.Error())
		}
		for _, r := range remedies { // whichever command came upon it
			if errors.Is(err, r.err) {
				text += ": " + r.remedy
			}
		}
		fmt.Fprintf(stderr, "atommq: %s\n", printable(text)) // which may be a server's words, or a file's
		return statusFailed
	}
}

// remedies are what to do about errors that do not say so themselves.
var remedies = []struct {
	err    error
	remedy string
}{
	{db.ErrDamaged, db.RestoreBackup},
	{bus.ErrNoFeed, "atommq feeds lists those that there are"},
	{bus.ErrNoQueue, "atommq queues lists those that there are"},
}

// misuse is an error in how the program was called.
type misuse struct{ err error }

func (m *misuse) Error() string { return m.err.Error() }
func (m *misuse) Unwrap() error { return m.err }

func misusef(format string, args ...any) error {
	return &misuse{fmt.Errorf(format, args...)}
}

// newCommand builds the command tree.
func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "atommq",
		Short: "A message bus that speaks the Atom Publishing Protocol",
		Long: `AtomMQ is a message bus that speaks the web's own publishing protocol.
Every feed is a durable, ordered, replayable log that curl, a browser, a feed
reader or any AtomPub client can read and write, and that STOMP clients share as
queues and topics.

Every setting is a flag, an environment variable (--max-body is ATOMMQ_MAX_BODY)
or a line ATOMMQ_MAX_BODY=… in the file that --config names, which systemd can
read as an EnvironmentFile. Flags win, then the environment, then the file.

Exit status: 0 done, 1 failed, 2 used wrongly.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
	}
	showVersion := root.Flags().BoolP("version", "v", false, "version for atommq")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*showVersion {
			return misusef("no command given")
		}
		return writeVersion(cmd.OutOrStdout())
	}
	root.SetFlagErrorFunc(flagMisuse)
	root.PersistentFlags().String("config", "", "`file` of ATOMMQ_…=value lines (ATOMMQ_CONFIG)")
	root.AddCommand(
		serveCommand(), gatewayCommand(), cgiCommand(), publishCommand(), tailCommand(),
		feedsCommand(), queuesCommand(), topCommand(), userCommand(), tokenCommand(), migrateCommand(), copyCommand(), backupCommand(), restoreCommand(), checkCommand(), exportCommand(), importCommand(), benchCommand(),
		healthCommand(), versionCommand(), completionCommand(), manCommand(),
	)
	for _, cmd := range root.Commands() {
		prepare(cmd)
	}
	return root
}

// prepare gives cmd and those below it what all commands have: a wrong number of arguments is
// misuse, settings are resolved before a command runs, and shells can complete it.
func prepare(cmd *cobra.Command) {
	completeArguments(cmd)
	completeFlags(cmd)
	args := cmd.Args
	if args == nil {
		args = noArguments
	}
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if err := args(cmd, given); err != nil {
			return &misuse{err}
		}
		return nil
	}
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := resolve(cmd.Context(), cmd.Flags(), os.LookupEnv); err != nil {
			return &misuse{err}
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		prepare(sub)
	}
}
