package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"atommq/bus"
)

// askPassword returns the hash of the password that the user types, without showing it, or that is
// the first line of standard input. It is never an argument: other users of the machine see those.
func askPassword(cmd *cobra.Command) (string, error) {
	password, err := readPassword(cmd)
	if err != nil {
		return "", err
	}
	hash, err := bus.HashPassword(password)
	if err != nil {
		return "", &misuse{err}
	}
	return hash, nil
}

func readPassword(cmd *cobra.Command) (string, error) {
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return typedPassword(f, cmd.ErrOrStderr())
	}
	// bcrypt looks at 72 bytes; a longer line is refused as that.
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 1024)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func typedPassword(f *os.File, prompt io.Writer) (string, error) {
	var typed [2]string
	for i, question := range [...]string{"Password: ", "Again: "} {
		fmt.Fprint(prompt, question)
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(prompt)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ: run it again")
	}
	return typed[0], nil
}
