package db

import (
	"context"
	"errors"
)

// Join implements bus.Nodes.
func (s *Store) Join(context.Context) (int64, error) {
	return 0, errors.New("db: Join is not built")
}

// Leave implements bus.Nodes.
func (s *Store) Leave(context.Context, int64) error {
	return errors.New("db: Leave is not built")
}

// Recover implements bus.Nodes.
func (s *Store) Recover(context.Context) ([]int64, error) {
	return nil, errors.New("db: Recover is not built")
}
