package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"atommq/bus"
)

func userAllowCommand() *cobra.Command {
	return ruleCommand(&cobra.Command{
		Use:   "allow NAME RIGHTS FEEDS",
		Short: "Give an account rights on feeds, beside those it has",
		Long: `Allow takes the name of an account, or anonymous for whoever gives none; what anonymous may do,
everybody may. What anonymous may do can be said before there is a database, which it makes.`,
		Example: `  atommq user allow ann read,publish 'orders*'`,
	}, withNodeFor, func(had, given bus.Rights) bus.Rights { return had | given })
}

func userDenyCommand() *cobra.Command {
	return ruleCommand(&cobra.Command{
		Use:   "deny NAME RIGHTS FEEDS",
		Short: "Take rights on feeds from an account",
		Long: `Deny takes back what atommq user allow gave for the same FEEDS, written the same way. Rules only give: what
another rule allows stays allowed.`,
		Example: `  atommq user deny ann publish 'orders*'`,
	}, func(string) nodeOpener { return withNode }, func(had, taken bus.Rights) bus.Rights { return had &^ taken })
}

// withNodeFor returns what opens the database to say something of an account: one that must be in
// it already is in none that is new.
func withNodeFor(account string) nodeOpener {
	if account == bus.Anonymous || account == bus.Everyone {
		return withAnyNode
	}
	return withNode
}

// ruleCommand makes a command that changes a rule.
func ruleCommand(cmd *cobra.Command, opener func(account string) nodeOpener, change func(had, named bus.Rights) bus.Rights) *cobra.Command {
	cmd.Args = asUsed
	s := declare(cmd, "db")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		rights, err := bus.ParseRights(args[1])
		if err == nil {
			err = bus.CheckPattern(args[2])
		}
		if err != nil {
			return &misuse{err}
		}
		open := opener(args[0])
		if doubt(args[2]) != nil {
			open = withNode // in a new database there is no such feed
		}
		return open(cmd.Context(), s, func(n *node) error {
			roll, err := n.store.Roll(cmd.Context())
			if err != nil {
				return err
			}
			if !isNamed(roll, args[0]) {
				return accountError(args[0], bus.ErrNoAccount)
			}
			rule := ruleOf(roll, args[0], args[2])
			had := rule.Rights
			rule.Rights = change(had, rights)
			if rule.Rights == had && had&rights == 0 {
				return fmt.Errorf("%s has no rule for %s, written like that, that names %s%s; atommq user list shows those that there are", args[0], args[2], rights, stillGiven(roll, rule, rights))
			}
			if rule.Rights&^had != 0 {
				if err := n.checkMeant(cmd.Context(), args[2]); err != nil {
					return err
				}
			}
			if err := n.store.SetRule(cmd.Context(), rule); err != nil {
				return accountError(args[0], err)
			}
			if roll, err = n.store.Roll(cmd.Context()); err != nil {
				return err
			}
			if err := tellRule(cmd.OutOrStdout(), rule, stillGiven(roll, rule, had&^rule.Rights)); err != nil || unquoted(args[2:]) == "" {
				return err
			}
			_, err = fmt.Fprintf(toPeople{cmd.ErrOrStderr()}, "%s is the name of a file here, too: where all feeds are meant, write '*' in quotes\n", args[2])
			return err
		})
	}
	return cmd
}

// hasInnerStar reports whether a pattern has a star that stands for nothing but itself.
func hasInnerStar(pattern string) bool {
	return strings.Contains(strings.TrimSuffix(pattern, "*"), "*")
}

// doubt tells why a pattern is hardly what is meant by it: it names a feed as STOMP or HTTP does, or
// has a star elsewhere than at the end, which whoever writes one takes for several feeds.
func doubt(pattern string) error {
	if hasInnerStar(pattern) {
		return misusef("%s: a * stands for what follows only at the end, and there is no feed of that very name: name feeds one by one, by how their names begin ('photos*'), or all of them ('*')", pattern)
	}
	return newFeedName(pattern)
}

// checkMeant refuses to give rights by a pattern that is in doubt, unless there is a feed of that very name.
func (n *node) checkMeant(ctx context.Context, pattern string) error {
	err := doubt(pattern)
	if err == nil {
		return nil
	}
	if _, none := n.store.Feed(ctx, pattern); !errors.Is(none, bus.ErrNoFeed) {
		return none
	}
	return err
}

// isNamed reports whether rules may be about a name: an account's, or anonymous.
func isNamed(roll *bus.Roll, name string) bool {
	return name == bus.Anonymous || hasAccount(roll, name)
}

func hasAccount(roll *bus.Roll, name string) bool {
	return slices.ContainsFunc(roll.Accounts, func(a bus.Account) bool { return a.Name == name })
}

// ruleOf returns the rule that an account has for a pattern, with no rights if it has none.
func ruleOf(roll *bus.Roll, account, pattern string) bus.Rule {
	for _, r := range roll.Rules {
		if r.Account == account && r.Feed == pattern {
			return r
		}
	}
	return bus.Rule{Account: account, Feed: pattern}
}

// stillGiven tells which of the rights that were to be taken the account has nevertheless, on all
// that the rule is about: by another rule, of anonymous perhaps, or because admin has them in it.
func stillGiven(roll *bus.Roll, rule bus.Rule, taken bus.Rights) string {
	left := roll.Grants(rule.Account).Throughout(rule.Feed) & taken
	if left == 0 {
		return ""
	}
	return fmt.Sprintf("; it may still %s there, by another rule or the right admin", left)
}

// tellRule says what rule there is now, and what is still given beside it.
func tellRule(w io.Writer, r bus.Rule, beside string) error {
	says := fmt.Sprintf("%s may %s in %s", r.Account, r.Rights, r.Feed)
	if r.Rights == 0 {
		says = fmt.Sprintf("%s has no rule for %s any more", r.Account, r.Feed)
	}
	_, err := fmt.Fprintln(toPeople{w}, says+beside)
	return err
}
