package db

import (
	"database/sql/driver"

	"atommq/bus"
)

// edit gives an entry new content, or makes it a tombstone, under a new id.
func (c *commit) edit(op *bus.Op) (rule, err error) {
	// The entry may have been published earlier in this commit.
	if err := c.flush(); err != nil {
		return nil, err
	}
	e := op.Posts[0].Entry
	old, appendOnly, err := c.current(e.Feed, e.UUID)
	if err != nil {
		return nil, err
	}
	switch {
	case old == nil:
		return c.editDraft(op)
	case appendOnly:
		return bus.ErrAppendOnly, nil
	case old.Deleted:
		return bus.ErrDeleted, nil
	case op.Kind == bus.OpMedia:
		return c.replaceMedia(op, old)
	case op.IfID != 0 && op.IfID != old.ID:
		return bus.ErrChanged, nil
	case op.Posts[0].Draft:
		return bus.ErrPublished, nil
	case op.Kind == bus.OpReplace:
		return nil, c.replace(op, old)
	}
	return nil, c.remove(op, old)
}

// A feed that this commit makes has no row yet.
const selectCurrent = "SELECT " + entryColumns + `,
	coalesce((SELECT append_only FROM atommq_feed WHERE name = atommq_entry.feed), 0)
	FROM atommq_entry WHERE uuid = ? AND feed = ?`

// current returns an entry as it is now, nil for none. Nobody can change it before
// the transaction ends.
func (c *commit) current(feed, uuid string) (e *bus.Entry, appendOnly bool, err error) {
	args := number([]driver.Value{uuid, feed})
	err = c.writer.query(selectCurrent, args, func(v []driver.Value) {
		e, appendOnly = entryOf(v), v[len(v)-1].(int64) != 0
	})
	return e, appendOnly, err
}

const updateReplace = `UPDATE atommq_entry
	SET id = ?, title = ?, published = ?, updated = ?, edited = ?, absent = ?, edits = edits + 1, xml = ? WHERE id = ?`

func (c *commit) replace(op *bus.Op, old *bus.Entry) error {
	e, id, at := op.Posts[0].Entry, c.take(), op.At.UnixMicro()
	published := micros(e.Published, old.Published.UnixMicro())
	updated := micros(e.Updated, at)
	err := c.writer.exec(updateReplace, id, e.Title, published, updated, at, int64(e.Absent), text(e.XML), old.ID)
	if err != nil {
		return err
	}
	if err := c.renew(old.Feed, old.ID, id, int64(len(e.XML))); err != nil {
		return err
	}
	freed := int64(len(old.XML))
	c.feeds.add(e.Feed, change{at: at, id: id, bytes: int64(len(e.XML)) - freed})
	c.outcomes = append(c.outcomes, func() {
		e.ID, e.AtomID, e.Edits, e.Deleted, e.Media = id, old.AtomID, old.Edits+1, false, old.Media
		e.Published, e.Updated, e.Edited = moment(published), moment(updated), moment(at)
		op.Freed = freed
	})
	return nil
}

func (c *commit) remove(op *bus.Op, old *bus.Entry) error {
	id, at := c.take(), op.At.UnixMicro()
	err := c.writer.exec("UPDATE atommq_entry SET id = ?, edited = ?, edits = edits + 1, deleted = 1, media = '', xml = '' WHERE id = ?", id, at, old.ID)
	if err != nil {
		return err
	}
	if err := c.withdraw(old.Feed, old.ID); err != nil {
		return err
	}
	if old.Media != "" {
		if err := c.writer.exec(releaseMedia, at, old.UUID); err != nil {
			return err
		}
	}
	freed := int64(len(old.XML))
	c.feeds.add(old.Feed, change{at: at, id: id, entries: -1, bytes: -freed})
	c.outcomes = append(c.outcomes, func() {
		e := op.Posts[0].Entry
		e.Member = old.Member
		e.ID, e.Edited, e.Deleted, e.Media, e.XML = id, moment(at), true, "", nil
		e.Edits++
		op.Freed = freed
	})
	return nil
}
