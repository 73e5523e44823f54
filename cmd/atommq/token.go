package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"atommq/bus"
)

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Give programs tokens in place of passwords",
		Long: `Token works on the database itself, and may do so beside running servers: a new token is
taken at once, a removed one for two seconds at most. A token lets its bearer in as its account: over
HTTP as a Bearer token or as the password, over STOMP as the passcode. Only its SHA-256 is kept.`,
		Example: `  atommq token add ann laptop
  curl -H "Authorization: Bearer $TOKEN" http://localhost:8080/feeds/news`,
		RunE: func(*cobra.Command, []string) error { return misusef("no command given") },
	}
	cmd.AddCommand(tokenAddCommand(), tokenRemoveCommand(), tokenListCommand())
	return cmd
}

func tokenAddCommand() *cobra.Command {
	var lasts period
	cmd := &cobra.Command{
		Use:   "add ACCOUNT LABEL",
		Short: "Make a token, and show it once",
		Long: `Add prints a new token, which nobody can find out again: store it where its program reads it. LABEL is what it
is called in lists.`,
		Args: asUsed,
	}
	s := declare(cmd, "db")
	cmd.Flags().Var(&lasts, "lasts", "`time` after which it ends, like 12h or 30d; for ever by default")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := bus.CheckLabel(args[1]); err != nil {
			return &misuse{err}
		}
		token, digest := bus.NewToken()
		now := time.Now().UTC().Truncate(time.Microsecond)
		t := bus.Token{Digest: digest, Account: args[0], Label: args[1], Created: now}
		if lasts > 0 {
			t.Expires = now.Add(time.Duration(lasts))
		}
		return withNode(cmd.Context(), s, func(n *node) error {
			err := n.store.AddToken(cmd.Context(), t)
			if errors.Is(err, bus.ErrTokenExists) {
				return fmt.Errorf("%s has a token %q already: choose another label, or run atommq token remove %[1]s %[2]s first", t.Account, t.Label)
			}
			if err != nil {
				return accountError(t.Account, err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		})
	}
	return cmd
}

func tokenRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "remove ACCOUNT LABEL",
		SuggestFor: []string{"delete", "del", "rm"},
		Short:      "Take a token out of force",
		Args:       asUsed,
	}
	s := declare(cmd, "db")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withNode(cmd.Context(), s, func(n *node) error {
			err := n.store.RemoveToken(cmd.Context(), args[0], args[1])
			if errors.Is(err, bus.ErrNoToken) {
				return fmt.Errorf("%s has no token %q: atommq token list shows those there are", args[0], args[1])
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(toPeople{cmd.OutOrStdout()}, "removed the token %s of %s\n", args[1], args[0])
			return err
		})
	}
	return cmd
}

func tokenListCommand() *cobra.Command {
	return listCommand("List the tokens, without what lets in", listTokens, listTokensJSON)
}

type tokenJSON struct {
	Account string     `json:"account"`
	Label   string     `json:"label"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"`
}

func listTokensJSON(w io.Writer, roll *bus.Roll) error {
	lines := newEncoder(w)
	for _, t := range roll.Tokens {
		doc := tokenJSON{Account: t.Account, Label: t.Label, Created: t.Created}
		if !t.Expires.IsZero() {
			doc.Expires = &t.Expires
		}
		if err := lines.Encode(doc); err != nil {
			return err
		}
	}
	return nil
}

func listTokens(w io.Writer, roll *bus.Roll) error {
	table := tabwriter.NewWriter(toPeople{w}, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ACCOUNT\tLABEL\tCREATED\tEXPIRES")
	for _, t := range roll.Tokens {
		expires := "never"
		if !t.Expires.IsZero() {
			expires = t.Expires.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", t.Account, t.Label, t.Created.Format(time.RFC3339), expires)
	}
	return table.Flush()
}
