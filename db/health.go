package db

import (
	"context"
	"fmt"
)

// Ready implements bus.Health, on the writer's way.
func (s *Store) Ready(ctx context.Context) error {
	err := s.writer.write(ctx, func() error { return s.writer.exec(touchLog) })
	if err == nil {
		_, err = s.nodes.held(0) // which is no node: to see whether the locks can be opened, or no queue works
	}
	if err != nil {
		return fmt.Errorf("write to see whether that works: %w", translate(ctx, err))
	}
	return nil
}

// touchLog changes nothing, which has to be on disk nevertheless.
const touchLog = "UPDATE atommq_log SET stirs = stirs"

// OnLoss implements bus.Health.
func (s *Store) OnLoss(call func(node int64)) { s.nodes.onLoss(call) }
