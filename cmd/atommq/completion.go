package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shells lists those that cobra writes scripts for.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion (" + strings.Join(shells(), " | ") + ")",
		Short: "Write the script that has a shell complete atommq's commands",
		Long: `Completion writes a script for a shell, which then completes commands, flags, their values, and the
names of feeds where a server is asked (publish, tail). Put it where the shell looks:

    atommq completion bash > /etc/bash_completion.d/atommq
    atommq completion zsh > /usr/local/share/zsh/site-functions/_atommq
    atommq completion fish > ~/.config/fish/completions/atommq.fish

Bash needs its package bash-completion, zsh a line "autoload -U compinit; compinit" in ~/.zshrc.`,
		ValidArgs: shells(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("completion takes one of %s", strings.Join(shells(), ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return misusef("no script for %q: there are those for %s", args[0], strings.Join(shells(), ", "))
		},
	}
}

// completeArguments has the shell offer files only where a command takes some.
func completeArguments(cmd *cobra.Command) {
	takesFiles := strings.Contains(cmd.Use, "FILE") || strings.Contains(cmd.Use, "DIR")
	if cmd.ValidArgsFunction == nil && cmd.ValidArgs == nil && !takesFiles {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}

// completeFlags has the values of cmd's flags completed: words where a flag takes one of a few,
// files where it takes a file, and nothing elsewhere.
func completeFlags(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		complete := cobra.NoFileCompletions
		if c, ok := f.Value.(*choice); ok {
			complete = cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp)
		}
		switch name, _ := pflag.UnquoteUsage(f); name {
		case "file", "database", "directory":
			return // which the shell does by itself
		}
		// The only error is that there is a function already: then that one is right.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
	})
}

const (
	completeWait  = time.Second // for which somebody who hit the key may wait
	completeFeeds = 1000        // that are shown at most
)

// completeFeed completes the names of at most so many feeds, the first arguments of a command that
// talks to a server, with those that the server lists.
func completeFeed(s *settings, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= most || resolve(cmd.Context(), cmd.Flags(), os.LookupEnv) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		client, err := newClient(s)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), completeWait)
		defer cancel()
		target := fmt.Sprintf("/feeds?limit=%d", completeFeeds)
		if begun != "" {
			target += "&after=" + url.QueryEscape(begun) // of more feeds than that, those that may fit
		}
		text, status, err := (&watch{client: client}).get(ctx, target, "application/json")
		var list struct{ Feeds []feedFigures }
		if err != nil || status != http.StatusOK || json.Unmarshal([]byte(text), &list) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []cobra.Completion
		for _, f := range list.Feeds {
			if strings.HasPrefix(f.Name, begun) && printable(f.Name) == f.Name && !slices.Contains(args, f.Name) {
				names = append(names, cobra.CompletionWithDesc(f.Name, counted(f.Entries, "entry", "entries")))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
