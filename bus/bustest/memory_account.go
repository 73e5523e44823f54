package bustest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"atommq/bus"
)

// RollRevision implements bus.Accounts.
func (m *Memory) RollRevision(ctx context.Context) (int64, error) {
	roll, err := m.Roll(ctx)
	if err != nil {
		return 0, err
	}
	return roll.Revision, nil
}

// Roll implements bus.Accounts.
func (m *Memory) Roll(ctx context.Context) (*bus.Roll, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	return &bus.Roll{
		Revision: m.roll.Revision,
		Accounts: slices.Clone(m.roll.Accounts), Tokens: slices.Clone(m.roll.Tokens), Rules: slices.Clone(m.roll.Rules),
		Limits: maps.Clone(m.roll.Limits),
	}, nil
}

// changeRoll makes a change, and counts it unless it fails.
func (m *Memory) changeRoll(ctx context.Context, change func(r *bus.Roll) error) error {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := change(&m.roll); err != nil {
		return err
	}
	m.roll.Revision++
	return nil
}

func accountAt(r *bus.Roll, name string) int {
	return slices.IndexFunc(r.Accounts, func(a bus.Account) bool { return a.Name == name })
}

// AddAccount implements bus.Accounts.
func (m *Memory) AddAccount(ctx context.Context, a bus.Account) error {
	return m.changeRoll(ctx, func(r *bus.Roll) error {
		if accountAt(r, a.Name) >= 0 {
			return bus.ErrAccountExists
		}
		r.Accounts = append(r.Accounts, a)
		slices.SortFunc(r.Accounts, func(a, b bus.Account) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
}

// SetPassword implements bus.Accounts.
func (m *Memory) SetPassword(ctx context.Context, name, password string) error {
	return m.changeRoll(ctx, func(r *bus.Roll) error {
		i := accountAt(r, name)
		if i < 0 {
			return bus.ErrNoAccount
		}
		r.Accounts[i].Password = password
		return nil
	})
}

// RemoveAccount implements bus.Accounts.
func (m *Memory) RemoveAccount(ctx context.Context, name string) error {
	return m.changeRoll(ctx, func(r *bus.Roll) error {
		i := accountAt(r, name)
		if i < 0 {
			return bus.ErrNoAccount
		}
		r.Accounts = slices.Delete(r.Accounts, i, i+1)
		r.Tokens = slices.DeleteFunc(r.Tokens, func(t bus.Token) bool { return t.Account == name })
		r.Rules = slices.DeleteFunc(r.Rules, func(rule bus.Rule) bool { return rule.Account == name })
		m.setLimits(name, nil)
		for _, f := range m.feeds {
			if f.Owner == name {
				f.Owner = ""
			}
		}
		return nil
	})
}

// SetRule implements bus.Permissions.
func (m *Memory) SetRule(ctx context.Context, rule bus.Rule) error {
	return m.changeRoll(ctx, func(r *bus.Roll) error {
		if rule.Account != bus.Anonymous && accountAt(r, rule.Account) < 0 {
			return bus.ErrNoAccount
		}
		r.Rules = slices.DeleteFunc(r.Rules, func(old bus.Rule) bool { return old.Account == rule.Account && old.Feed == rule.Feed })
		if rule.Rights != 0 {
			r.Rules = append(r.Rules, rule)
		}
		slices.SortFunc(r.Rules, func(a, b bus.Rule) int {
			return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Feed, b.Feed))
		})
		return nil
	})
}

// AddToken implements bus.Permissions.
func (m *Memory) AddToken(ctx context.Context, t bus.Token) error {
	return m.changeRoll(ctx, func(r *bus.Roll) error {
		if accountAt(r, t.Account) < 0 {
			return bus.ErrNoAccount
		}
		if tokenAt(r, t.Account, t.Label) >= 0 {
			return bus.ErrTokenExists
		}
		r.Tokens = append(r.Tokens, t)
		slices.SortFunc(r.Tokens, func(a, b bus.Token) int {
			return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Label, b.Label))
		})
		return nil
	})
}

func tokenAt(r *bus.Roll, account, label string) int {
	return slices.IndexFunc(r.Tokens, func(t bus.Token) bool { return t.Account == account && t.Label == label })
}

// RemoveToken implements bus.Permissions.
func (m *Memory) RemoveToken(ctx context.Context, account, label string) error {
	return m.changeRoll(ctx, func(r *bus.Roll) error {
		i := tokenAt(r, account, label)
		if i < 0 {
			return bus.ErrNoToken
		}
		r.Tokens = slices.Delete(r.Tokens, i, i+1)
		return nil
	})
}

// SetLimits implements bus.Quotas.
func (m *Memory) SetLimits(ctx context.Context, account string, l bus.Limits) error {
	return m.changeRoll(ctx, func(r *bus.Roll) error {
		if account != bus.Anonymous && account != bus.Everyone && accountAt(r, account) < 0 {
			return bus.ErrNoAccount
		}
		m.setLimits(account, l)
		return nil
	})
}

// setLimits replaces limits. What was handed out is not changed.
func (m *Memory) setLimits(account string, l bus.Limits) {
	all := maps.Clone(m.roll.Limits)
	delete(all, account)
	if len(l) > 0 {
		if all == nil {
			all = make(map[string]bus.Limits)
		}
		all[account] = maps.Clone(l)
	}
	if len(all) == 0 {
		all = nil
	}
	m.roll.Limits = all
}

// MakeFeed implements bus.Quotas.
func (m *Memory) MakeFeed(ctx context.Context, name, owner string, most int64) error {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if m.feeds[name] != nil {
		return nil
	}
	if most >= 0 && m.owned(owner) >= most {
		return bus.ErrFeedsMade
	}
	m.ensure(name, time.Now().UTC()).Owner = owner
	return nil
}

// CountFeeds implements bus.Quotas.
func (m *Memory) CountFeeds(ctx context.Context, owner string) (int64, error) {
	defer m.reading()()
	return m.owned(owner), context.Cause(ctx)
}

func (m *Memory) owned(owner string) (made int64) {
	for _, f := range m.feeds {
		if f.Owner == owner {
			made++
		}
	}
	return made
}
