package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// noArguments refuses arguments, or commands that are none.
func noArguments(cmd *cobra.Command, given []string) error {
	switch {
	case len(given) == 0:
		return nil
	case cmd.HasSubCommands():
		return fmt.Errorf("unknown command %q for %q", given[0], cmd.CommandPath())
	}
	return fmt.Errorf("%s takes no arguments, and %q is one", cmd.Name(), given[0])
}

// oneFeed wants a FEED and no more.
func oneFeed(cmd *cobra.Command, given []string) error {
	if len(given) > 1 {
		return fmt.Errorf("%s takes one FEED, and %q is more", cmd.Name(), given[1])
	}
	return feedAndMore(cmd, given)
}

// feedAndMore wants a FEED.
func feedAndMore(_ *cobra.Command, given []string) error {
	if len(given) == 0 {
		return errors.New("no FEED given")
	}
	return nil
}

// flagMisuse says in the program's words what a flag takes that pflag itself reads.
func flagMisuse(_ *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok && wrong.GetFlag().Value.Type() == "bool" {
		return misusef("invalid argument %q for \"--%s\" flag: must be true or false", wrong.GetValue(), wrong.GetFlag().Name)
	}
	return &misuse{err}
}
