package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/google/uuid"

	"atommq/bus"
)

const (
	readLimits   = "SELECT account, what, most FROM atommq_limit"
	deleteLimits = "DELETE FROM atommq_limit WHERE account = ?"
	insertLimit  = "INSERT INTO atommq_limit (account, what, most) VALUES (?, ?, ?)"
)

type limitRow struct {
	Account, What string
	Most          int64
}

// readLimits returns all limits, by account; nil when there are none.
func (s *Store) readLimits(ctx context.Context) (limits map[string]bus.Limits, err error) {
	var rows []limitRow
	if err := s.reader.SelectContext(ctx, &rows, readLimits); err != nil {
		return nil, err
	}
	for _, r := range rows {
		what, err := bus.ParseLimit(r.What)
		if err != nil {
			continue // written by hand perhaps: it limits nothing
		}
		if limits == nil {
			limits = make(map[string]bus.Limits)
		}
		if limits[r.Account] == nil {
			limits[r.Account] = make(bus.Limits)
		}
		limits[r.Account][what] = r.Most
	}
	return limits, nil
}

// SetLimits implements bus.Quotas.
func (s *Store) SetLimits(ctx context.Context, account string, l bus.Limits) error {
	return s.changeRoll(ctx, "set the limits of "+account, func() error {
		if account != bus.Anonymous && account != bus.Everyone {
			if err := s.writer.one(bus.ErrNoAccount, knowAccount, account); err != nil {
				return err
			}
		}
		if err := s.writer.exec(deleteLimits, account); err != nil {
			return err
		}
		for what, most := range l {
			if err := s.writer.exec(insertLimit, account, what.String(), most); err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	insertOwned = "INSERT INTO atommq_feed (name, uuid, owner, created, updated) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (name) DO NOTHING"
	countOwned  = "SELECT count(*) FROM atommq_feed WHERE owner = ? AND owner <> ''"
	disownFeeds = "UPDATE atommq_feed SET owner = '' WHERE owner = ? AND owner <> ''"
)

// MakeFeed implements bus.Quotas. The count is exact: the counter of ids is locked, as by all who make feeds.
func (s *Store) MakeFeed(ctx context.Context, name, owner string, most int64) error {
	err := s.writer.write(ctx, func() error {
		if err := s.writer.exclude(); err != nil {
			return err
		}
		return s.writer.makeOwned(name, owner, most)
	})
	if err != nil {
		return fmt.Errorf("make feed %q of %q: %w", name, owner, translate(ctx, err))
	}
	return nil
}

// CountFeeds implements bus.Quotas.
func (s *Store) CountFeeds(ctx context.Context, owner string) (n int64, err error) {
	if err := s.reader.GetContext(ctx, &n, countOwned, owner); err != nil {
		return 0, fmt.Errorf("count the feeds of %q: %w", owner, translate(ctx, err))
	}
	return n, nil
}

// makeOwned makes a feed, if there is none; an error undoes it.
func (w *writer) makeOwned(name, owner string, most int64) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a uuid: %w", err)
	}
	made, err := w.change(insertOwned, name, id.String(), owner, time.Now().UnixMicro())
	if err != nil || made == 0 || most < 0 {
		return err
	}
	var owned int64
	err = w.query(countOwned, number([]driver.Value{owner}), func(v []driver.Value) { owned = v[0].(int64) })
	if err == nil && owned > most {
		return bus.ErrFeedsMade
	}
	return err
}

// disown forgets an account's limits, and has its feeds belong to nobody.
func (w *writer) disown(account string) error {
	if err := w.exec(deleteLimits, account); err != nil {
		return err
	}
	if err := w.exclude(); err != nil {
		return err
	}
	return w.exec(disownFeeds, account)
}
