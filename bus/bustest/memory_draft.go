package bustest

import (
	"time"

	"atommq/bus"
)

// draft returns a draft as its author sees it, nil for none.
func (m *Memory) draft(feed, uuid string) *bus.Entry {
	for name, f := range m.feeds {
		if feed != "" && name != feed {
			continue
		}
		if e := f.drafts[uuid]; e != nil {
			return e
		}
	}
	return nil
}

// keepDraft keeps e where only its author finds it, edited so often before.
func (m *Memory) keepDraft(e *bus.Entry, edits int64, at time.Time) {
	f := m.ensure(e.Feed, at)
	if f.drafts == nil {
		f.drafts = make(map[string]*bus.Entry)
	}
	e.ID, e.Edits, e.Edited = -1-edits, edits, at
	if e.Published.IsZero() {
		e.Published = at
	}
	if e.Updated.IsZero() {
		e.Updated = at
	}
	f.drafts[e.UUID] = e
}

// editDraft does to the draft old what op asks for an entry.
func (m *Memory) editDraft(op *bus.Op, old *bus.Entry) error {
	if op.IfID != 0 && op.IfID != old.ID {
		return bus.ErrChanged
	}
	p := &op.Posts[0]
	switch {
	case op.Kind == bus.OpRemove:
		p.Entry.Member = old.Member
		p.Entry.Deleted, p.Entry.XML = true, nil
	case p.Draft:
		p.Entry.AtomID = old.AtomID
		m.keepDraft(p.Entry, old.Edits+1, op.At)
		return nil
	}
	delete(m.feeds[old.Feed].drafts, old.UUID)
	if op.Kind == bus.OpReplace {
		p.Entry.AtomID = old.AtomID
		op.Born, op.Freed = true, 0
		m.post(p, op.At)
	}
	return nil
}
