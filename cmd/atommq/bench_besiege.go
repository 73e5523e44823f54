package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// benchHostilesCommand is the hostile clients, for the benchmark, until their input ends.
func benchHostilesCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "hostiles http-address stomp-address",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := context.WithCancel(cmd.Context())
			go func() {
				defer stop()
				_, _ = io.Copy(io.Discard, cmd.InOrStdin())
			}()
			return besiege(ctx, args[0], args[1], cmd.OutOrStdout())
		},
	}
}

// besiege attacks a server until ctx ends, and says when all are there.
func besiege(ctx context.Context, web, stomp string, out io.Writer) error {
	var others errgroup.Group
	for i := range benchHostiles {
		others.Go(func() error { hostiles[i%len(hostiles)].persist(ctx, web, stomp); return nil })
	}
	if pause(ctx, time.Second) == nil {
		fmt.Fprintln(out, "all are there")
	}
	return others.Wait() // what becomes of hostile clients is their own affair
}

// besiegers are hostile clients in a process of their own, as they would be on machines of their
// own: so they share no scheduler with those whose delays are measured.
type besiegers struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// startBesiegers returns once they are there. program is this one.
func startBesiegers(ctx context.Context, program string, s *benchServer) (*besiegers, error) {
	cmd := exec.CommandContext(ctx, program, "bench", "hostiles", s.address, s.stomp)
	cmd.Stderr = os.Stderr
	in, out, err := startPiped(cmd)
	if err != nil {
		return nil, fmt.Errorf("start hostile clients: %w", err)
	}
	b := &besiegers{cmd, in}
	if _, err := out.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("start hostile clients: %w", err), b.leave())
	}
	return b, nil
}

func (b *besiegers) leave() error {
	_ = b.in.Close()
	return b.cmd.Wait()
}
