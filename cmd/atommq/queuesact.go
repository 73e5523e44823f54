package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"atommq/bus"
)

// queueAction is a subcommand that acts on one queue.
type queueAction struct {
	use, short, long, example string
	flags                     func(cmd *cobra.Command)
	run                       func(cmd *cobra.Command, n *node, q bus.QueueName) (report string, err error)
}

func (a queueAction) command() *cobra.Command {
	cmd := &cobra.Command{Use: a.use, Short: a.short, Long: a.long, Example: a.example, Args: justOne("FEED")}
	s := declare(cmd, "db")
	queue := bus.DefaultQueue
	cmd.Flags().StringVar(&queue, "queue", queue, "`name` of the queue")
	if a.flags != nil {
		a.flags(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		feed, err := feedName(args[0])
		if err != nil {
			return err
		}
		return withNode(cmd.Context(), s, func(n *node) error {
			report, err := a.run(cmd, n, bus.QueueName{Feed: feed, Name: queue})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(toPeople{cmd.OutOrStdout()}, report)
			return err
		})
	}
	return cmd
}

// pauseCommand makes the commands pause and resume.
func pauseCommand(verb, short string, paused bool) *cobra.Command {
	return queueAction{
		use: verb + " FEED", short: short,
		long: `A paused queue hands out nothing, by any process and protocol; what consumers have they may go on with and
acknowledge, and what is published waits.`,
		run: func(cmd *cobra.Command, n *node, name bus.QueueName) (string, error) {
			if _, err := n.bus.Queue(cmd.Context(), name.Feed, name.Name); err != nil {
				return "", err
			}
			q, err := n.bus.ConfigureQueue(cmd.Context(), name.Feed, name.Name, bus.QueueSettings{Paused: &paused})
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%s, queue %s: %s", q.Feed, q.Name, queueStateOf(q)), nil
		},
	}.command()
}

func queueStateOf(q *bus.Queue) string {
	if q.Paused {
		return "paused"
	}
	return "open"
}

// countFlags are those of a command that must have counted what it removes or moves.
type countFlags struct {
	count, upTo, limit wholeNumber
	dryRun             bool
}

func (f *countFlags) declare(cmd *cobra.Command, what string) {
	cmd.Flags().Var(&f.count, "count", "`N`umber of entries that "+what+", as you saw it")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "tell the number and do nothing")
}

// check refuses what is neither counted nor a dry run.
func (f *countFlags) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("count") == f.dryRun {
		return misusef("give the number that you saw, --count N, or ask for it with --dry-run")
	}
	return nil
}

// report tells what there is to purge or to send back.
func (f *countFlags) report(cmd *cobra.Command, n *node, q bus.QueueName) (string, error) {
	there, err := n.bus.CountReady(cmd.Context(), q, int64(f.upTo))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, queue %s: %d that no consumer has, up to id %d", q.Feed, q.Name, there.Count, there.UpTo), nil
}

// explain says what to do about another number.
func (f *countFlags) explain(cmd *cobra.Command, n *node, q bus.QueueName, err error) error {
	if errors.Is(err, bus.ErrPaused) {
		return fmt.Errorf("%w: atommq queues resume %s first", err, q.Feed)
	}
	if !errors.Is(err, bus.ErrCount) {
		return err
	}
	there, countErr := n.bus.CountReady(cmd.Context(), q, int64(f.upTo))
	if countErr != nil {
		return countErr
	}
	return fmt.Errorf("nothing was done: %d wait that no consumer has, not %d; the number changes while consumers are at work", there.Count, int64(f.count))
}

func queuesPurgeCommand() *cobra.Command {
	var f countFlags
	return queueAction{
		use: "purge FEED (--count N | --dry-run)", short: "Remove what waits in a queue",
		long: `Purge removes the entries that wait for a consumer, as if they were acknowledged. Those that consumers have
now stay theirs. It refuses to when their number is not the one that you name.`,
		example: "  atommq queues purge orders --dry-run\n  atommq queues purge orders --count 17 --upto 4711",
		flags: func(cmd *cobra.Command) {
			f.declare(cmd, "wait")
			cmd.Flags().Var(&f.upTo, "upto", "only entries with ids up to `ID`, as --dry-run told")
		},
		run: func(cmd *cobra.Command, n *node, q bus.QueueName) (string, error) {
			if err := f.check(cmd); err != nil {
				return "", err
			}
			if f.dryRun {
				return f.report(cmd, n, q)
			}
			removed, err := n.bus.Purge(cmd.Context(), q, bus.Counted{Count: int64(f.count), UpTo: int64(f.upTo)})
			if err != nil {
				return "", f.explain(cmd, n, q, err)
			}
			return fmt.Sprintf("removed %d", removed), nil
		},
	}.command()
}

func queuesRequeueCommand() *cobra.Command {
	var f countFlags
	f.limit = math.MaxInt64
	return queueAction{
		use: "requeue FEED (--count N | --dry-run)", short: "Send the dead letters of a feed back to their queues",
		long: `Requeue sends the entries that used up their attempts back to the queues that they came from, each once. They
wait in the feed FEED.dead, which may be named as well; it refuses to when their number is not the one that you name.`,
		example: "  atommq queues requeue orders --dry-run\n  atommq queues requeue orders --count 17",
		flags: func(cmd *cobra.Command) {
			f.declare(cmd, "wait")
			cmd.Flags().Var(&f.limit, "limit", "send at most `N` of them")
			cmd.Flags().Lookup("limit").DefValue = ""
		},
		run: func(cmd *cobra.Command, n *node, q bus.QueueName) (string, error) {
			if err := f.check(cmd); err != nil {
				return "", err
			}
			if !bus.IsDeadFeed(q.Feed) {
				q.Feed = bus.DeadFeed(q.Feed)
			}
			if f.dryRun {
				return f.report(cmd, n, q)
			}
			done, err := n.bus.Requeue(cmd.Context(), q, int64(f.count), int64(f.limit), nil)
			if err != nil {
				return "", f.explain(cmd, n, q, err)
			}
			return fmt.Sprintf("sent back %d, left %d that are no dead letters", done.Sent, done.Skipped), nil
		},
	}.command()
}

func queuesDropCommand() *cobra.Command {
	var f countFlags
	cmd := queueAction{
		use: "drop FEED (--count N | --dry-run)", short: "Remove a queue and what waits in it",
		long: `Drop removes a queue with all its entries that were not acknowledged, those included that consumers have: N is what
"atommq queues" shows as waiting. Consumers that are still there make the queue anew.`,
		example: "  atommq queues drop orders --queue audit --dry-run\n  atommq queues drop orders --queue audit --count 17",
		flags:   func(cmd *cobra.Command) { f.declare(cmd, "are not acknowledged") },
		run: func(cmd *cobra.Command, n *node, q bus.QueueName) (string, error) {
			if err := f.check(cmd); err != nil {
				return "", err
			}
			if f.dryRun {
				return n.tellBacklog(cmd, q)
			}
			err := n.bus.DropQueue(cmd.Context(), q, int64(f.count), nil)
			if errors.Is(err, bus.ErrCount) {
				there, err := n.bus.Queue(cmd.Context(), q.Feed, q.Name)
				if err != nil {
					return "", err
				}
				return "", fmt.Errorf("nothing was done: %d are not acknowledged, not %d", there.Waiting, int64(f.count))
			}
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("dropped %s, queue %s", q.Feed, q.Name), nil
		},
	}.command()
	cmd.SuggestFor = []string{"remove", "delete", "del", "rm"}
	return cmd
}

// tellBacklog tells how much of a queue is not acknowledged, and how much of that consumers have.
func (n *node) tellBacklog(cmd *cobra.Command, name bus.QueueName) (string, error) {
	q, err := n.bus.Queue(cmd.Context(), name.Feed, name.Name)
	if err != nil {
		return "", err
	}
	backlog, err := n.bus.Backlog(cmd.Context(), q)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, queue %s: %d that are not acknowledged, %d of them with consumers", q.Feed, q.Name, q.Waiting, backlog.Claimed), nil
}
