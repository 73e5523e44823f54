package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"atommq/bus"
)

func feedsRemoveCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:        "remove FEED…",
		SuggestFor: []string{"drop", "delete", "del", "rm"},
		Short:      "Remove feeds with all they have",
		Long: `Remove removes feeds for good, with their entries, drafts, media, settings and queues, and what waits in those, as
DELETE of a feed does over HTTP. It does not ask, and says how many entries went. When one of the feeds is not there, it removes none.
Running servers follow: who reads such a feed finds none, until somebody publishes to it again. Its dead letters are another feed, FEED.dead.`,
		Example: `  atommq feeds remove orders orders.dead`,
		Args:    atLeastOne("FEED"),
	}
	s := declare(cmd, "db")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON, one object per line")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var names []string
		for _, arg := range args {
			name, err := feedName(arg)
			if err != nil {
				return err
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return withNode(cmd.Context(), s, func(n *node) error {
			there, err := n.feedsNamed(cmd.Context(), names)
			if err != nil {
				return err
			}
			for _, f := range there {
				if err := n.bus.DropFeed(cmd.Context(), f.Name, 0); err != nil {
					return err
				}
				if err := tellRemoved(cmd.OutOrStdout(), f, asJSON); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

// feedsNamed returns the feeds with these names, which must all be there.
func (n *node) feedsNamed(ctx context.Context, names []string) (there []*bus.Feed, err error) {
	for _, name := range names {
		f, err := n.bus.Feed(ctx, name)
		if errors.Is(err, bus.ErrNoFeed) {
			return nil, noFeedOf(name)
		}
		if err != nil {
			return nil, err
		}
		there = append(there, f)
	}
	return there, nil
}

// noFeedOf says that there is no feed of a name.
func noFeedOf(name string) error {
	return fmt.Errorf("feed %q: there is none: atommq feeds lists them", name)
}

type removedJSON struct {
	Name    string `json:"name"`
	Entries int64  `json:"entries"`
}

func tellRemoved(w io.Writer, f *bus.Feed, asJSON bool) error {
	if asJSON {
		return newEncoder(w).Encode(removedJSON{f.Name, f.Entries})
	}
	_, err := fmt.Fprintf(toPeople{w}, "removed %s, with %s\n", f.Name, counted(f.Entries, "entry", "entries"))
	return err
}
