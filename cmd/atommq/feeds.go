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
	"atommq/feeds"
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
	cmd.AddCommand(feedsSetCommand(), feedsPruneCommand())
	return cmd
}

// list writes a table of the feeds.
func (n *node) list(ctx context.Context, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FEED\tENTRIES\tBYTES\tLAST ID\tUPDATED\tKEEPS")
	err := n.eachFeed(ctx, func(f *bus.Feed) error {
		_, err := fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\n",
			f.Name, f.Entries, f.Bytes, f.LastID, f.Updated.Local().Format(time.DateTime), keeps(f))
		return err
	})
	return errors.Join(err, table.Flush())
}

// keeps tells which entries a feed keeps.
func keeps(f *bus.Feed) string {
	if f.UntilAcked {
		return "until acknowledged"
	}
	return "everything"
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
	Updated    time.Time `json:"updated"`
}

func (n *node) listJSON(ctx context.Context, w io.Writer) error {
	lines := newEncoder(w)
	return n.eachFeed(ctx, func(f *bus.Feed) error {
		return lines.Encode(feedJSON{f.Name, f.Title, f.AppendOnly, f.UntilAcked, f.Entries, f.Bytes, f.LastID, f.Pruned, f.Updated})
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

func feedsSetCommand() *cobra.Command {
	var (
		title, subtitle, author string
		appendOnly, untilAcked  bool
	)
	cmd := &cobra.Command{
		Use:     "set FEED",
		Short:   "Change the properties of a feed, making it if there is none",
		Example: `  atommq feeds set orders --title 'Orders of the shop' --append-only`,
		Args:    oneFeed,
	}
	s := declare(cmd, "db")
	cmd.Flags().StringVar(&title, "title", "", "`title` of the feed")
	cmd.Flags().StringVar(&subtitle, "subtitle", "", "`subtitle` of the feed")
	cmd.Flags().StringVar(&author, "author", "", "`name` of the author of entries that name none")
	cmd.Flags().BoolVar(&appendOnly, "append-only", false, "refuse edits and removals")
	cmd.Flags().BoolVar(&untilAcked, "until-acked", false, "remove an entry once every queue of the feed has acknowledged it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var change bus.Settings
		given := cmd.Flags().Changed
		if given("title") {
			change.Title = &title
		}
		if given("subtitle") {
			change.Subtitle = &subtitle
		}
		if given("author") {
			change.Author = &feeds.Person{Name: author}
		}
		if given("append-only") {
			change.AppendOnly = &appendOnly
		}
		if given("until-acked") {
			change.UntilAcked = &untilAcked
		}
		if change == (bus.Settings{}) {
			return misusef("nothing to set: give --title, --subtitle, --author, --append-only or --until-acked")
		}
		feed, err := feedName(args[0])
		if err != nil {
			return err
		}
		return withNode(cmd.Context(), s, func(n *node) error {
			f, err := n.bus.Configure(cmd.Context(), feed, change)
			if err != nil {
				return err
			}
			return writeSettings(cmd.OutOrStdout(), f)
		})
	}
	return cmd
}

// writeSettings writes the properties that a feed has now, on one line.
func writeSettings(w io.Writer, f *bus.Feed) error {
	has := []string{"open to edits"}
	if f.AppendOnly {
		has[0] = "append-only"
	}
	if f.UntilAcked {
		has = append(has, "kept until acknowledged")
	}
	for _, p := range []struct{ name, value string }{
		{"title", f.Title}, {"subtitle", f.Subtitle}, {"author", f.Author.Name},
	} {
		if p.value != "" {
			has = append(has, fmt.Sprintf("%s %q", p.name, p.value))
		}
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", f.Name, strings.Join(has, ", "))
	return err
}

func feedsPruneCommand() *cobra.Command {
	var upTo, keep wholeNumber
	cmd := &cobra.Command{
		Use:   "prune FEED (--keep N | --upto ID)",
		Short: "Remove the oldest entries of a feed",
		Long: `Prune removes entries for good. A reader whose cursor is older than what was removed is
told so, with the oldest id that is left.`,
		Args: oneFeed,
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
