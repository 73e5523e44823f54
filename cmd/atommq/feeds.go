package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"atommq/bus"
)

// feedsPage is how many feeds are read at a time.
const feedsPage = 1000

func feedsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "feeds",
		Short: "List the feeds of a database, with what they hold",
		Long: `Feeds works on the database itself, and may do so beside a running server.
It lists the feeds; its subcommands change them.`,
	}
	s := declare(cmd, "db")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withNode(cmd.Context(), s, func(n *node) error {
			if asJSON {
				return n.listJSON(cmd.Context(), cmd.OutOrStdout())
			}
			return n.list(cmd.Context(), cmd.OutOrStdout())
		})
	}
	cmd.AddCommand(feedsSetCommand(), feedsPruneCommand(), feedsRemoveCommand())
	return cmd
}

// list writes a table of the feeds.
func (n *node) list(ctx context.Context, w io.Writer) error {
	table := tabwriter.NewWriter(toPeople{w}, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FEED\tENTRIES\tBYTES\tLAST ID\tUPDATED\tSTATE\tKEEPS")
	err := n.eachFeed(ctx, func(f *bus.Feed) error {
		_, err := fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n",
			f.Name, f.Entries, f.Bytes, f.LastID, f.Updated.Local().Format(time.DateTime), feedState(f), keeps(f))
		return err
	})
	return errors.Join(err, table.Flush())
}

// appendOnly is said of a feed that refuses edits and removals.
const appendOnly = "append-only"

// feedState tells what may become of the entries of a feed.
func feedState(f *bus.Feed) string {
	if f.AppendOnly {
		return appendOnly
	}
	return "open"
}

// keeps tells which entries a feed keeps.
func keeps(f *bus.Feed) string {
	var bounds []string
	if f.UntilAcked {
		bounds = append(bounds, "until acknowledged")
	}
	if age := period(f.Keep.Age); age > 0 {
		bounds = append(bounds, age.String())
	}
	if f.Keep.Entries > 0 {
		bounds = append(bounds, counted(f.Keep.Entries, "entry", "entries"))
	}
	if size := byteSize(f.Keep.Bytes); size > 0 {
		bounds = append(bounds, size.String())
	}
	if bounds == nil {
		return "everything"
	}
	return strings.Join(bounds, ", ")
}

// feedJSON is the form of a feed for programs.
type feedJSON struct {
	Name       string    `json:"name"`
	Title      string    `json:"title,omitempty"`
	AppendOnly bool      `json:"append_only"`
	UntilAcked bool      `json:"until_acked"`
	Entries    int64     `json:"entries"`
	Bytes      int64     `json:"bytes"`
	LastID     int64     `json:"last_id"`
	Pruned     int64     `json:"pruned"`
	Owner      string    `json:"owner,omitempty"`
	Updated    time.Time `json:"updated"`
}

func (n *node) listJSON(ctx context.Context, w io.Writer) error {
	lines := newEncoder(w)
	return n.eachFeed(ctx, func(f *bus.Feed) error {
		return lines.Encode(feedJSON{f.Name, f.Title, f.AppendOnly, f.UntilAcked, f.Entries, f.Bytes, f.LastID, f.Pruned, f.Owner, f.Updated})
	})
}

func (n *node) eachFeed(ctx context.Context, do func(*bus.Feed) error) error {
	for after := ""; ; {
		page, err := n.bus.Feeds(ctx, after, "", feedsPage)
		if err != nil {
			return err
		}
		for _, f := range page {
			if err := do(f); err != nil {
				return err
			}
		}
		if len(page) < feedsPage {
			return nil
		}
		after = page[len(page)-1].Name
	}
}

func feedsPruneCommand() *cobra.Command {
	var upTo, keep wholeNumber
	cmd := &cobra.Command{
		Use:   "prune FEED (--keep N | --upto ID)",
		Short: "Remove the oldest entries of a feed",
		Long: `Prune removes entries for good. A reader whose cursor is older than what was removed is
told so, with the oldest id that is left.`,
		Args: justOne("FEED"),
	}
	s := declare(cmd, "db")
	cmd.Flags().Var(&keep, "keep", "keep the newest `N` entries")
	cmd.Flags().Var(&upTo, "upto", "remove entries up to and including `ID`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("keep") == cmd.Flags().Changed("upto") {
			return misusef("give either --keep or --upto")
		}
		feed, err := feedName(args[0])
		if err != nil {
			return err
		}
		err = withNode(cmd.Context(), s, func(n *node) error {
			last := int64(upTo)
			if cmd.Flags().Changed("keep") {
				var err error
				if last, err = n.surplus(cmd.Context(), feed, int64(keep)); err != nil {
					return err
				}
			}
			removed, err := n.bus.Prune(cmd.Context(), feed, last)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed %d\n", removed)
			return err
		})
		if errors.Is(err, bus.ErrNoFeed) {
			return fmt.Errorf("prune %q: %w", feed, bus.ErrNoFeed) // which step found out is nobody's matter
		}
		return err
	}
	return cmd
}

// surplus returns the newest id that is not among the newest keep entries of a
// feed, 0 when there is none.
func (n *node) surplus(ctx context.Context, feed string, keep int64) (int64, error) {
	q := bus.Query{Feed: feed, Newest: true, Limit: feedsPage}
	for {
		page, err := n.bus.Read(ctx, q)
		if err != nil {
			return 0, err
		}
		for _, e := range page.Entries {
			if keep == 0 {
				return e.ID, nil
			}
			if !e.Deleted {
				keep--
			}
			q.Before = e.ID
		}
		if !page.More {
			return 0, nil
		}
	}
}
