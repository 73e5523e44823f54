package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"atommq/bus"
)

func userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Make accounts, and say what they may do",
		Long: `User works on the database itself, and may do so beside running servers: who is new is
let in at once, all else counts within two seconds. As long as there is neither an account nor a
rule, everybody may do everything, and servers listen on this machine only. With the first one,
nobody may do anything that no rule allows.

Rules name rights, with commas between them, and feeds: one by its name, or all that begin with what
stands before a *.

  read      entries and their media, streams, topics
  publish   entries
  consume   queues: claim, acknowledge, look at what waits; and read dead letters
  edit      change and delete entries
  admin     all of these, the settings of feeds and queues, and removing them`,
		Example: `  atommq user add ann
  atommq user allow ann read,publish 'orders*'
  atommq user allow anonymous read news
  atommq user limit '*' requests=100/s`,
		RunE: func(*cobra.Command, []string) error { return misusef("no command given") },
	}
	cmd.AddCommand(userAddCommand(), userPasswdCommand(), userRemoveCommand(), userListCommand(), userAllowCommand(), userDenyCommand(), userLimitCommand())
	return cmd
}

func userAddCommand() *cobra.Command {
	var tokensOnly bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add an account",
		Long: `Add makes an account, and the database if there is none. It asks for the password, twice, on a
terminal, and takes the first line of standard input otherwise. The account may do nothing yet: go on with
atommq user allow.`,
		Args: asUsed,
	}
	s := declare(cmd, "db")
	cmd.Flags().BoolVar(&tokensOnly, "no-password", false, "let the account in by tokens only")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a := bus.Account{Name: args[0], Created: time.Now().UTC().Truncate(time.Microsecond)}
		if err := bus.CheckAccountName(a.Name); err != nil {
			return &misuse{err}
		}
		if !tokensOnly {
			var err error
			if a.Password, err = askPassword(cmd); err != nil {
				return err
			}
		}
		return withAnyNode(cmd.Context(), s, func(n *node) error {
			if err := n.store.AddAccount(cmd.Context(), a); err != nil {
				return accountError(a.Name, err)
			}
			_, err := fmt.Fprintf(toPeople{cmd.OutOrStdout()}, "%s is an account; say what it may do: atommq user allow %[1]s RIGHTS FEEDS\n", a.Name)
			return err
		})
	}
	return cmd
}

func userPasswdCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Give an account another password",
		Long: `Passwd asks for the password as atommq user add does. Whoever came in with the old one
is let in no more, within two seconds; tokens stay as they are.`,
		Args: asUsed,
	}
	s := declare(cmd, "db")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := findAccount(cmd.Context(), s, args[0]); err != nil {
			return err
		}
		hash, err := askPassword(cmd)
		if err != nil {
			return err
		}
		return withNode(cmd.Context(), s, func(n *node) error {
			if err := n.store.SetPassword(cmd.Context(), args[0], hash); err != nil {
				return accountError(args[0], err)
			}
			_, err := fmt.Fprintf(toPeople{cmd.OutOrStdout()}, "%s has a new password\n", args[0])
			return err
		})
	}
	return cmd
}

// findAccount fails where there is no such account, before a person is asked for its password. The
// database is closed meanwhile: nobody else is to wait for what is typed.
func findAccount(ctx context.Context, s *settings, name string) error {
	return withNode(ctx, s, func(n *node) error {
		roll, err := n.store.Roll(ctx)
		if err == nil && !hasAccount(roll, name) {
			err = bus.ErrNoAccount
		}
		return accountError(name, err)
	})
}

func userRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "remove NAME",
		SuggestFor: []string{"delete", "del", "rm"},
		Short:      "Remove an account, with its tokens, rules and limits",
		Args:       asUsed,
	}
	s := declare(cmd, "db")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withNode(cmd.Context(), s, func(n *node) error {
			before, err := n.store.Roll(cmd.Context())
			if err != nil {
				return err
			}
			if err := n.store.RemoveAccount(cmd.Context(), args[0]); err != nil {
				return accountError(args[0], err)
			}
			if _, err := fmt.Fprintf(toPeople{cmd.OutOrStdout()}, "removed %s, with its tokens, rules and limits\n", args[0]); err != nil {
				return err
			}
			return n.tellUnguarded(cmd.Context(), cmd.ErrOrStderr(), before)
		})
	}
	return cmd
}

// tellUnguarded says so where a change has left the bus without guards, or without an
// administrator.
func (n *node) tellUnguarded(ctx context.Context, w io.Writer, before *bus.Roll) error {
	now, err := n.store.Roll(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(now.Accounts)+len(now.Rules) == 0:
		_, err = fmt.Fprintln(w, "no account and no rule is left: without --login, whoever reaches the server may do everything from now on")
	case isAdministered(before) && !isAdministered(now):
		_, err = fmt.Fprintln(w, "no account may administer all feeds any more: atommq user allow NAME admin '*' has one do so")
	}
	return err
}

// isAdministered reports whether some account may administer all feeds.
func isAdministered(roll *bus.Roll) bool {
	return slices.ContainsFunc(roll.Accounts, func(a bus.Account) bool { return roll.Grants(a.Name).MayEvery(bus.RightAdmin) })
}

// accountError says what to do about err.
func accountError(name string, err error) error {
	switch {
	case errors.Is(err, bus.ErrNoAccount):
		return fmt.Errorf("there is no account %q: atommq user list shows those there are, and atommq user add makes one", name)
	case errors.Is(err, bus.ErrAccountExists):
		return fmt.Errorf("there is an account %q already: atommq user passwd changes its password", name)
	}
	return err
}

func userListCommand() *cobra.Command {
	return listCommand("List the accounts, what each may do, and their limits", listUsers, listUsersJSON)
}

// listCommand makes a command that lists something of the roll of accounts.
func listCommand(short string, asText, asJSON func(io.Writer, *bus.Roll) error) *cobra.Command {
	var inJSON bool
	cmd := &cobra.Command{Use: "list", Short: short}
	s := declare(cmd, "db")
	cmd.Flags().BoolVar(&inJSON, "json", false, "write JSON, one object per line")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withNode(cmd.Context(), s, func(n *node) error {
			roll, err := n.store.Roll(cmd.Context())
			if err != nil {
				return err
			}
			if inJSON {
				return asJSON(cmd.OutOrStdout(), roll)
			}
			return asText(cmd.OutOrStdout(), roll)
		})
	}
	return cmd
}

type userJSON struct {
	Name     string     `json:"name"`
	Password bool       `json:"password"` // whether there is one
	Tokens   int        `json:"tokens"`
	Created  *time.Time `json:"created,omitempty"`
	Rules    []ruleJSON `json:"rules"`

	Limits map[string]any `json:"limits,omitempty"` // null for none
	limits string
}

type ruleJSON struct {
	Feeds  string `json:"feeds"`
	Rights string `json:"rights"`
}

// usersOf returns the accounts, and the names that stand for others where there are rules or limits for those.
func usersOf(roll *bus.Roll) (users []userJSON) {
	for _, a := range append([]bus.Account{{Name: bus.Everyone}, {Name: bus.Anonymous}}, roll.Accounts...) {
		u := userJSON{
			Name: a.Name, Password: a.Password != "", Rules: []ruleJSON{},
			Limits: jsonOf(roll.Limits[a.Name]), limits: writeLimits(roll.Limits[a.Name]),
		}
		if !a.Created.IsZero() {
			u.Created = &a.Created
		}
		for _, t := range roll.Tokens {
			if t.Account == a.Name {
				u.Tokens++
			}
		}
		for _, r := range roll.Rules {
			if r.Account == a.Name {
				u.Rules = append(u.Rules, ruleJSON{r.Feed, r.Rights.String()})
			}
		}
		users = append(users, u)
	}
	return slices.DeleteFunc(users, func(u userJSON) bool { return u.Created == nil && len(u.Rules) == 0 && len(u.Limits) == 0 })
}

func listUsersJSON(w io.Writer, roll *bus.Roll) error {
	lines := newEncoder(w)
	for _, u := range usersOf(roll) {
		if err := lines.Encode(u); err != nil {
			return err
		}
	}
	return nil
}

func listUsers(w io.Writer, roll *bus.Roll) error {
	table := tabwriter.NewWriter(toPeople{w}, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tPASSWORD\tTOKENS\tRIGHTS\tFEEDS\tLIMITS")
	for _, u := range usersOf(roll) {
		password := "no"
		if u.Password {
			password = "yes"
		}
		rules := u.Rules
		if len(rules) == 0 {
			rules = []ruleJSON{{Rights: "none"}}
		}
		for i, r := range rules {
			if i == 0 {
				fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", u.Name, password, u.Tokens, r.Rights, r.Feeds, u.limits)
			} else {
				fmt.Fprintf(table, "\t\t\t%s\t%s\t\n", r.Rights, r.Feeds)
			}
		}
	}
	return table.Flush()
}
