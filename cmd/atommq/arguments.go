package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// noArguments refuses arguments, or commands that are none.
func noArguments(cmd *cobra.Command, given []string) error {
	switch {
	case len(given) == 0:
		return nil
	case cmd.HasSubCommands():
		return fmt.Errorf("unknown command %q for %q%s", given[0], cmd.CommandPath(), suggestion(cmd, given[0]))
	}
	return fmt.Errorf("%s takes no arguments, and %q is one", cmd.Name(), given[0])
}

// suggestion names the commands that may have been meant.
func suggestion(cmd *cobra.Command, typed string) string {
	cmd.SuggestionsMinimumDistance = 2
	if len(strings.TrimLeft(typed, "-")) <= 3 { // of so few letters, two others are another word
		cmd.SuggestionsMinimumDistance = 1
	}
	names := cmd.SuggestionsFor(typed)
	switch {
	case len(names) > 0:
		return ": did you mean " + strings.Join(names, " or ") + "?"
	case strings.HasPrefix(cmd.Short, "List ") && slices.Contains([]string{"list", "ls", "show"}, typed):
		return ": " + cmd.CommandPath() + " by itself lists them"
	}
	return ""
}

// asUsed wants the arguments that the command's Use names.
func asUsed(cmd *cobra.Command, given []string) error {
	_, wanted, _ := strings.Cut(cmd.Use, " ")
	names := strings.Fields(wanted)
	switch n := len(names); {
	case len(given) == n:
		return nil
	case len(given) > n:
		return fmt.Errorf("%s takes %s, and %q is more%s", cmd.CommandPath(), wanted, given[n], unquoted(given[n-1:]))
	}
	missing := strings.Join(names[len(given):], " ")
	return fmt.Errorf("%s takes %s, and %s is missing%s", cmd.CommandPath(), wanted, missing, asIn(cmd))
}

// asIn shows how a command is written, if it has an example.
func asIn(cmd *cobra.Command) string {
	first, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	if first == "" {
		return ""
	}
	return ", as in " + first
}

// unquoted says what may have become of a * where arguments are the names of files here: shells put
// those in its place.
func unquoted(given []string) string {
	for _, arg := range given {
		if _, err := os.Lstat(arg); err != nil {
			return ""
		}
	}
	return ": they are names of files, which the shell puts in the place of a *: write it in quotes, '*'"
}

// atLeastOne wants an argument that help calls so, and takes more of them, or others behind it.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, given []string) error {
		if len(given) == 0 {
			return errors.New("no " + name + " given")
		}
		return nil
	}
}

// justOne wants that argument and no more.
func justOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		switch {
		case len(given) > 1:
			return fmt.Errorf("%s takes one %s, and %q is more%s", cmd.Name(), name, given[1], apartFromFlag(cmd, given[1]))
		case len(given) == 1 && given[0] == "":
			return errors.New(name + " is empty, as a variable that is not set: name one")
		}
		return atLeastOne(name)(cmd, given)
	}
}

// apartFromFlag says how the value of a flag is written that is true where it stands alone.
func apartFromFlag(cmd *cobra.Command, value string) (hint string) {
	if value != "true" && value != "false" {
		return ""
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "bool" {
			hint = ": write --" + f.Name + "=" + value
		}
	})
	return hint
}

// flagMisuse says in the program's words what a flag takes that pflag itself reads.
func flagMisuse(cmd *cobra.Command, err error) error {
	// A flag of a command that is mistyped is no fault.
	if given := cmd.Flags().Args(); len(given) > 0 && cmd.HasSubCommands() {
		if strayed := cmd.ValidateArgs(given); strayed != nil {
			return &misuse{strayed}
		}
	}
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok && wrong.GetFlag().Value.Type() == "bool" {
		return misusef("invalid argument %q for \"--%s\" flag: must be true or false", wrong.GetValue(), wrong.GetFlag().Name)
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		var flags []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, "--"+f.Name) })
		return misusef("%w%s", err, nearest("--"+unknown.GetSpecifiedName(), flags))
	}
	return &misuse{err}
}
