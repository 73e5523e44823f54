package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"atommq/bus"
)

func userLimitCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "limit NAME [LIMIT=MOST …]",
		Short: "Say how much an account may take, or show it",
		Long: `Limit takes the name of an account, anonymous for whoever gives none, or '*' for all of them: what is said
there counts for whoever has no such limit of its own. Without a LIMIT it shows those that NAME has. It makes
the database if there is none. Running servers follow within two seconds.

  requests=100/s      HTTP requests, and STOMP's CONNECT, SEND and SUBSCRIBE
  bytes=10MiB/s       bodies of HTTP requests, and SEND with its headers
  feeds=100           feeds that it has made and that are still there
  connections=50      STOMP sessions, streams and waiting requests at a time
  subscriptions=1000  STOMP subscriptions at a time

LIMIT=none is no limit, and LIMIT=default takes back what was said, so that '*' counts. Each server counts for
itself, but for feeds. Those without an account are counted by their addresses, but for feeds.`,
		Example: `  atommq user limit ann requests=100/s bytes=10MiB/s feeds=100
  atommq user limit '*' connections=50 subscriptions=1000
  atommq user limit ann feeds=none requests=default`,
		Args: atLeastOne("NAME"),
	}
	s := declare(cmd, "db")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		change, err := parseLimits(args[1:])
		if err != nil {
			return misusef("%w%s", err, unquoted(args[:2]))
		}
		with := withNodeFor(args[0])
		if len(change) == 0 {
			with = withNode
		}
		return with(cmd.Context(), s, func(n *node) error {
			limits, err := n.limit(cmd.Context(), args[0], change)
			if err != nil {
				return accountError(args[0], err)
			}
			return tellLimits(cmd.OutOrStdout(), args[0], limits, asJSON)
		})
	}
	return cmd
}

// byDefault takes a limit back, in a change of limits.
const byDefault = bus.Unlimited - 1

// parseLimits reads LIMIT=MOST, each limit once.
func parseLimits(words []string) (bus.Limits, error) {
	change := make(bus.Limits)
	for _, word := range words {
		name, value, given := strings.Cut(word, "=")
		limit, err := bus.ParseLimit(name)
		if err != nil {
			return nil, err
		}
		if _, twice := change[limit]; !given || twice {
			return nil, fmt.Errorf("%s: say once how much, like %s", word, limitExamples[limit])
		}
		if change[limit], err = parseMost(limit, value); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
	}
	return change, nil
}

var limitExamples = map[bus.Limit]string{
	bus.LimitRequests: "requests=100/s", bus.LimitBytes: "bytes=10MiB/s", bus.LimitFeeds: "feeds=100",
	bus.LimitConnections: "connections=50", bus.LimitSubscriptions: "subscriptions=1000",
}

// parseMost reads how much an account may take.
func parseMost(l bus.Limit, value string) (int64, error) {
	switch value {
	case "none":
		return bus.Unlimited, nil
	case "default":
		return byDefault, nil
	}
	number, each := strings.CutSuffix(value, "/s")
	most, err := strconv.ParseInt(number, 10, 64)
	if l == bus.LimitBytes {
		var size byteSize
		err = size.Set(number)
		most = int64(size)
	}
	if err != nil || each != l.IsRate() || most < 0 || each && most == 0 {
		return 0, fmt.Errorf("must be like %s, none, or default", strings.TrimPrefix(limitExamples[l], l.String()+"="))
	}
	return most, nil
}

// limit changes the limits of an account, and returns those that it has then.
func (n *node) limit(ctx context.Context, account string, change bus.Limits) (bus.Limits, error) {
	roll, err := n.store.Roll(ctx)
	if err != nil {
		return nil, err
	}
	limits := maps.Clone(roll.Limits[account])
	if limits == nil {
		limits = make(bus.Limits)
	}
	maps.Copy(limits, change)
	maps.DeleteFunc(limits, func(_ bus.Limit, most int64) bool { return most == byDefault })
	if len(change) == 0 {
		return limits, knownIn(roll, account)
	}
	return limits, n.store.SetLimits(ctx, account, limits)
}

// knownIn fails where there is neither such an account nor such a name that stands for others.
func knownIn(roll *bus.Roll, account string) error {
	if account == bus.Everyone || isNamed(roll, account) {
		return nil
	}
	return bus.ErrNoAccount
}

type limitsJSON struct {
	Name   string         `json:"name"`
	Limits map[string]any `json:"limits"`
}

// jsonOf returns limits by name: numbers, or null for none.
func jsonOf(limits bus.Limits) map[string]any {
	named := make(map[string]any, len(limits))
	for l, most := range limits {
		named[l.String()] = most
		if most < 0 {
			named[l.String()] = nil
		}
	}
	return named
}

func tellLimits(w io.Writer, account string, limits bus.Limits, asJSON bool) error {
	if asJSON {
		return newEncoder(w).Encode(limitsJSON{account, jsonOf(limits)})
	}
	text := writeLimits(limits)
	if text == "" {
		text = "no limits of its own"
	}
	_, err := fmt.Fprintf(toPeople{w}, "%s: %s\n", account, text)
	return err
}

// writeLimits writes limits as parseLimits reads them.
func writeLimits(limits bus.Limits) string {
	var words []string
	for _, l := range bus.AllLimits() {
		most, ok := limits[l]
		if !ok {
			continue
		}
		text := strconv.FormatInt(most, 10)
		if l == bus.LimitBytes {
			size := byteSize(most)
			text = size.String()
		}
		if l.IsRate() {
			text += "/s"
		}
		if most < 0 {
			text = "none"
		}
		words = append(words, l.String()+"="+text)
	}
	return strings.Join(words, " ")
}
