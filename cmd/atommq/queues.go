package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"atommq/bus"
)

// queuesPage is how many queues are read at a time.
const queuesPage = 1000

func queuesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "queues",
		Short: "List the queues of a database, with what waits in them",
		Long: `Queues works on the database itself, and may do so beside a running server. It lists the
queues: groups of consumers on a feed, that share its entries. Waiting counts what no
consumer has acknowledged, those included that one is at work on, which are claimed. Oldest is for how
long the first of the others has been waiting. Its subcommands change the queues.`,
	}
	s := declare(cmd, "db")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withNode(cmd.Context(), s, func(n *node) error {
			if asJSON {
				return n.listQueuesJSON(cmd.Context(), cmd.OutOrStdout())
			}
			return n.listQueues(cmd.Context(), cmd.OutOrStdout())
		})
	}
	cmd.AddCommand(queuesSetCommand(), queuesPurgeCommand(), queuesRequeueCommand(), queuesDropCommand(),
		pauseCommand("pause", "Have a queue hand out nothing", true), pauseCommand("resume", "Have a paused queue hand out again", false))
	return cmd
}

// listQueues writes a table of the queues, whose columns are aligned page by page: there may be millions.
func (n *node) listQueues(ctx context.Context, w io.Writer) error {
	table := tabwriter.NewWriter(toPeople{w}, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FEED\tQUEUE\tWAITING\tCLAIMED\tOLDEST\tACK TIMEOUT\tATTEMPTS\tSTATE")
	rows := 0
	err := n.eachQueue(ctx, func(q *bus.Queue, l bus.Backlog) error {
		if rows++; rows%queuesPage == 0 {
			if err := table.Flush(); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%d\t%s\n",
			q.Feed, q.Name, q.Waiting, l.Claimed, ageOf(l.Oldest), ackTimeout(q), q.Attempts, queueStateOf(q))
		return err
	})
	return errors.Join(err, table.Flush())
}

// ageOf writes how long ago t was, in whole seconds or more.
func ageOf(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return seconds(max(time.Since(t), 0).Truncate(time.Second).Seconds())
}

// ackTimeout writes how long a queue's consumers have for an entry.
func ackTimeout(q *bus.Queue) string {
	if q.AckTimeout == 0 {
		return "none"
	}
	p := period(q.AckTimeout)
	return p.String()
}

// queueJSON is the form of a queue for programs.
type queueJSON struct {
	Feed       string    `json:"feed"`
	Name       string    `json:"name"`
	Waiting    int64     `json:"waiting"`
	Claimed    int64     `json:"claimed"`         // of those
	Oldest     time.Time `json:"oldest,omitzero"` // of the others
	AckTimeout float64   `json:"ack_timeout"`     // seconds, 0 for none
	Attempts   int       `json:"attempts"`
	Paused     bool      `json:"paused"`
	Created    time.Time `json:"created"`
}

func (n *node) listQueuesJSON(ctx context.Context, w io.Writer) error {
	lines := newEncoder(w)
	return n.eachQueue(ctx, func(q *bus.Queue, l bus.Backlog) error {
		return lines.Encode(queueJSON{q.Feed, q.Name, q.Waiting, l.Claimed, l.Oldest, q.AckTimeout.Seconds(), q.Attempts, q.Paused, q.Created})
	})
}

// eachQueue calls do with the queues and, where something waits in them, how it stands with that.
func (n *node) eachQueue(ctx context.Context, do func(*bus.Queue, bus.Backlog) error) error {
	for after := (bus.QueueName{}); ; {
		page, err := n.bus.Queues(ctx, after, queuesPage)
		if err != nil {
			return err
		}
		for _, q := range page {
			var l bus.Backlog
			if q.Waiting > 0 {
				if l, err = n.bus.Backlog(ctx, q); err != nil {
					return err
				}
			}
			if err := do(q, l); err != nil {
				return err
			}
		}
		if len(page) < queuesPage {
			return nil
		}
		after = page[len(page)-1].QueueName
	}
}

func queuesSetCommand() *cobra.Command {
	var (
		queue    string
		timeout  = periodOrNone(bus.DefaultAckTimeout)
		attempts = count{value: bus.DefaultAttempts}
	)
	cmd := &cobra.Command{
		Use:   "set FEED",
		Short: "Change the properties of a queue, making it if there is none",
		Long: `Set changes the queue of a feed that /queue/FEED names, or the one that --queue names. The
queue begins now if there is none: it gets what is published from now on, and set says that it is new.`,
		Example: `  atommq queues set orders --ack-timeout 30s --attempts 5`,
		Args:    justOne("FEED"),
	}
	s := declare(cmd, "db")
	cmd.Flags().StringVar(&queue, "queue", bus.DefaultQueue, "`name` of the queue")
	cmd.Flags().Var(&timeout, "ack-timeout", "`time` after which an entry that was not acknowledged goes to another consumer, 0 for never")
	cmd.Flags().Var(&attempts, "attempts", "`number` of times that an entry is given to consumers before it becomes a dead letter")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var change bus.QueueSettings
		if cmd.Flags().Changed("ack-timeout") {
			change.AckTimeout = (*time.Duration)(&timeout)
		}
		if cmd.Flags().Changed("attempts") {
			change.Attempts = &attempts.value
		}
		if change == (bus.QueueSettings{}) {
			return misusef("nothing to set: give --ack-timeout or --attempts")
		}
		feed, err := feedName(args[0])
		if err != nil {
			return err
		}
		return withNode(cmd.Context(), s, func(n *node) error {
			_, noFeed := n.bus.Feed(cmd.Context(), feed)
			if err := newFeedName(feed); errors.Is(noFeed, bus.ErrNoFeed) && err != nil {
				return err
			}
			_, noQueue := n.bus.Queue(cmd.Context(), feed, queue)
			q, err := n.bus.ConfigureQueue(cmd.Context(), feed, queue, change)
			if err != nil {
				return err
			}
			if errors.Is(noFeed, bus.ErrNoFeed) {
				tellNewFeed(cmd, feed)
			}
			if errors.Is(noQueue, bus.ErrNoQueue) {
				fmt.Fprintf(toPeople{cmd.ErrOrStderr()}, "made a new queue: %s, queue %s\n", feed, queue)
			}
			_, err = fmt.Fprintf(toPeople{cmd.OutOrStdout()}, "%s, queue %s: ack timeout %s, attempts %d\n", q.Feed, q.Name, ackTimeout(q), q.Attempts)
			return err
		})
	}
	return cmd
}
