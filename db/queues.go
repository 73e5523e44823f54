package db

import (
	"context"
	"errors"

	"atommq/bus"
)

// Queue implements bus.Queues.
func (s *Store) Queue(context.Context, string, string) (*bus.Queue, error) {
	return nil, errors.New("db: Queue is not built")
}

// Queues implements bus.Queues.
func (s *Store) Queues(context.Context, bus.QueueName, int) ([]*bus.Queue, error) {
	return nil, errors.New("db: Queues is not built")
}

// ConfigureQueue implements bus.Queues.
func (s *Store) ConfigureQueue(context.Context, string, string, bus.QueueSettings) (*bus.Queue, error) {
	return nil, errors.New("db: ConfigureQueue is not built")
}

// Waiting implements bus.Queues.
func (s *Store) Waiting(context.Context, int64, bus.Place, int) ([]bus.Place, error) {
	return nil, errors.New("db: Waiting is not built")
}

// Fetch implements bus.Queues.
func (s *Store) Fetch(context.Context, []int64) ([]*bus.Entry, error) {
	return nil, errors.New("db: Fetch is not built")
}
