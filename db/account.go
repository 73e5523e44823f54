package db

import (
	"context"
	"database/sql/driver"
	"fmt"

	"atommq/bus"
)

const (
	readRollRevision = "SELECT revision FROM atommq_access"
	countRoll        = "UPDATE atommq_access SET revision = revision + 1"
	readAccounts     = "SELECT name, password, created FROM atommq_account ORDER BY name"
	readTokens       = "SELECT digest, account, label, created, expires FROM atommq_token ORDER BY account, label"
	readRules        = "SELECT account, feed, rights FROM atommq_rule ORDER BY account, feed"
)

type accountRow struct {
	Name, Password string
	Created        int64
}

type tokenRow struct {
	Digest           []byte
	Account, Label   string
	Created, Expires int64
}

type ruleRow struct{ Account, Feed, Rights string }

// RollRevision implements bus.Accounts.
func (s *Store) RollRevision(ctx context.Context) (revision int64, err error) {
	if err := s.reader.GetContext(ctx, &revision, readRollRevision); err != nil {
		return 0, fmt.Errorf("look for changes of accounts: %w", translate(ctx, err))
	}
	return revision, nil
}

// Roll implements bus.Accounts.
func (s *Store) Roll(ctx context.Context) (*bus.Roll, error) {
	// It is read in parts: what changes meanwhile makes another revision, and is read again.
	for {
		before, err := s.RollRevision(ctx)
		if err != nil {
			return nil, err
		}
		roll, err := s.readRoll(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the accounts: %w", translate(ctx, err))
		}
		if roll.Revision, err = s.RollRevision(ctx); err != nil {
			return nil, err
		}
		if roll.Revision == before {
			return roll, nil
		}
	}
}

func (s *Store) readRoll(ctx context.Context) (*bus.Roll, error) {
	var accounts []accountRow
	if err := s.reader.SelectContext(ctx, &accounts, readAccounts); err != nil {
		return nil, err
	}
	var tokens []tokenRow
	if err := s.reader.SelectContext(ctx, &tokens, readTokens); err != nil {
		return nil, err
	}
	var rules []ruleRow
	if err := s.reader.SelectContext(ctx, &rules, readRules); err != nil {
		return nil, err
	}
	limits, err := s.readLimits(ctx)
	if err != nil {
		return nil, err
	}
	roll := &bus.Roll{Limits: limits}
	for _, r := range accounts {
		roll.Accounts = append(roll.Accounts, bus.Account{Name: r.Name, Password: r.Password, Created: moment(r.Created)})
	}
	for _, r := range tokens {
		t := bus.Token{Account: r.Account, Label: r.Label, Created: moment(r.Created), Expires: expiry(r.Expires)}
		copy(t.Digest[:], r.Digest)
		roll.Tokens = append(roll.Tokens, t)
	}
	for _, r := range rules {
		// What cannot be read, written by hand perhaps, gives no right.
		rights, _ := bus.ParseRights(r.Rights)
		roll.Rules = append(roll.Rules, bus.Rule{Account: r.Account, Feed: r.Feed, Rights: rights})
	}
	return roll, nil
}

// changeRoll makes a change, and counts it. The count locks the roll: there is one change at a time.
func (s *Store) changeRoll(ctx context.Context, what string, change func() error) error {
	err := s.writer.write(ctx, func() error {
		if _, err := s.writer.change(countRoll); err != nil {
			return err
		}
		return change()
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, translate(ctx, err))
	}
	return nil
}

// one returns the error rule unless query changes a row.
func (w *writer) one(rule error, query string, args ...driver.Value) error {
	n, err := w.change(query, args...)
	if err == nil && n == 0 {
		return rule
	}
	return err
}

const (
	// The same one again is no other: the transaction may run twice.
	insertAccount = `INSERT INTO atommq_account (name, password, created) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET name = excluded.name
		WHERE atommq_account.password = excluded.password AND atommq_account.created = excluded.created`
	updatePassword = "UPDATE atommq_account SET password = ? WHERE name = ?"
	deleteAccount  = "DELETE FROM atommq_account WHERE name = ?"
	knowAccount    = "UPDATE atommq_account SET name = name WHERE name = ?"
)

// AddAccount implements bus.Accounts.
func (s *Store) AddAccount(ctx context.Context, a bus.Account) error {
	return s.changeRoll(ctx, "add account "+a.Name, func() error {
		return s.writer.one(bus.ErrAccountExists, insertAccount, a.Name, a.Password, a.Created.UnixMicro())
	})
}

// SetPassword implements bus.Accounts.
func (s *Store) SetPassword(ctx context.Context, name, password string) error {
	return s.changeRoll(ctx, "set the password of "+name, func() error {
		return s.writer.one(bus.ErrNoAccount, updatePassword, password, name)
	})
}

// RemoveAccount implements bus.Accounts.
func (s *Store) RemoveAccount(ctx context.Context, name string) error {
	return s.changeRoll(ctx, "remove account "+name, func() error {
		if err := s.writer.one(bus.ErrNoAccount, deleteAccount, name); err != nil {
			return err
		}
		if err := s.writer.exec("DELETE FROM atommq_token WHERE account = ?", name); err != nil {
			return err
		}
		if err := s.writer.exec("DELETE FROM atommq_rule WHERE account = ?", name); err != nil {
			return err
		}
		return s.writer.disown(name)
	})
}

const (
	upsertRule = `INSERT INTO atommq_rule (account, feed, rights) VALUES (?, ?, ?)
		ON CONFLICT (account, feed) DO UPDATE SET rights = excluded.rights`
	deleteRule  = "DELETE FROM atommq_rule WHERE account = ? AND feed = ?"
	insertToken = `INSERT INTO atommq_token (digest, account, label, created, expires) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (account, label) DO UPDATE SET label = excluded.label WHERE atommq_token.digest = excluded.digest`
	deleteToken = "DELETE FROM atommq_token WHERE account = ? AND label = ?"
)

// SetRule implements bus.Permissions.
func (s *Store) SetRule(ctx context.Context, r bus.Rule) error {
	return s.changeRoll(ctx, "set a rule of "+r.Account, func() error {
		if r.Account != bus.Anonymous {
			if err := s.writer.one(bus.ErrNoAccount, knowAccount, r.Account); err != nil {
				return err
			}
		}
		if r.Rights == 0 {
			return s.writer.exec(deleteRule, r.Account, r.Feed)
		}
		return s.writer.exec(upsertRule, r.Account, r.Feed, r.Rights.String())
	})
}

// AddToken implements bus.Permissions.
func (s *Store) AddToken(ctx context.Context, t bus.Token) error {
	expires := int64(0)
	if !t.Expires.IsZero() {
		expires = t.Expires.UnixMicro()
	}
	return s.changeRoll(ctx, "add token "+t.Label, func() error {
		if err := s.writer.one(bus.ErrNoAccount, knowAccount, t.Account); err != nil {
			return err
		}
		return s.writer.one(bus.ErrTokenExists, insertToken, t.Digest[:], t.Account, t.Label, t.Created.UnixMicro(), expires)
	})
}

// RemoveToken implements bus.Permissions.
func (s *Store) RemoveToken(ctx context.Context, account, label string) error {
	return s.changeRoll(ctx, "remove token "+label, func() error {
		return s.writer.one(bus.ErrNoToken, deleteToken, account, label)
	})
}
