package db

import (
	"database/sql/driver"

	"atommq/bus"
)

// draftColumns are those of entryColumns, as a draft has them. Its id says how often it was edited;
// times that its author left out show as that of the last edit.
const (
	draftColumns = `-1 - edits, feed, uuid, atom_id, title, CASE WHEN published = 0 THEN edited ELSE published END,
	CASE WHEN updated = 0 THEN edited ELSE updated END, edited, absent, edits, CAST(0 AS BIGINT), '', xml`
	readDraft = "SELECT " + draftColumns + " FROM atommq_draft WHERE uuid = ?"
)

// draft returns a draft as it is now, nil for none. Nobody can change it before the transaction ends.
func (c *commit) draft(feed, uuid string) (e *bus.Entry, err error) {
	err = c.writer.query(readDraft+" AND feed = ?", number([]driver.Value{uuid, feed}), func(v []driver.Value) { e = entryOf(v) })
	return e, err
}

const insertDraft = `INSERT INTO atommq_draft (uuid, feed, title, atom_id, published, updated, edited, absent, edits, xml)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`

// keepDraft keeps p's entry where no reader of the feed comes.
func (c *commit) keepDraft(p *bus.Posting, at int64) error {
	e := p.Entry
	if err := c.writer.makeFeed(e.Feed, at); err != nil {
		return err
	}
	err := c.writer.exec(insertDraft, e.UUID, e.Feed, e.Title, e.AtomID, micros(e.Published, 0), micros(e.Updated, 0), at, int64(e.Absent), text(e.XML))
	if err != nil {
		return err
	}
	if p.Key != "" {
		c.keys.use(p, row{entry: e, id: -1, at: at})
	}
	c.settleDraft(e, 0, at)
	return nil
}

// settleDraft tells the draft e, edited so often, what it is once all is on disk.
func (c *commit) settleDraft(e *bus.Entry, edits, at int64) {
	c.dirty = true
	c.outcomes = append(c.outcomes, func() {
		e.ID, e.Edits, e.Edited = -1-edits, edits, moment(at)
		e.Published, e.Updated = moment(micros(e.Published, at)), moment(micros(e.Updated, at))
	})
}

// editDraft does to a draft what op asks for an entry: ErrNoEntry if there is none.
func (c *commit) editDraft(op *bus.Op) (rule, err error) {
	p := &op.Posts[0]
	old, err := c.draft(p.Entry.Feed, p.Entry.UUID)
	switch {
	case err != nil:
		return nil, err
	case old == nil:
		return bus.ErrNoEntry, nil
	case op.Kind == bus.OpMedia:
		return bus.ErrNoMedia, nil
	case op.IfID != 0 && op.IfID != old.ID:
		return bus.ErrChanged, nil
	case p.Draft:
		return nil, c.replaceDraft(op, old)
	}
	c.dirty = true
	if err := c.writer.exec("DELETE FROM atommq_draft WHERE uuid = ?", old.UUID); err != nil {
		return nil, err
	}
	if op.Kind == bus.OpRemove {
		c.outcomes = append(c.outcomes, func() {
			p.Entry.Member = old.Member
			p.Entry.Deleted, p.Entry.XML = true, nil
		})
		return nil, nil
	}
	// To everybody else, it begins now.
	p.Entry.AtomID = old.AtomID
	c.outcomes = append(c.outcomes, func() { op.Born, op.Freed = true, 0 })
	return nil, c.post(p, op.At.UnixMicro())
}

const updateDraft = `UPDATE atommq_draft SET title = ?, published = ?, updated = ?, edited = ?, absent = ?, edits = edits + 1, xml = ? WHERE uuid = ?`

func (c *commit) replaceDraft(op *bus.Op, old *bus.Entry) error {
	e, at := op.Posts[0].Entry, op.At.UnixMicro()
	err := c.writer.exec(updateDraft, e.Title, micros(e.Published, 0), micros(e.Updated, 0), at, int64(e.Absent), text(e.XML), old.UUID)
	e.AtomID = old.AtomID
	c.settleDraft(e, old.Edits+1, at)
	return err
}
