package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

const (
	insertUpload = "INSERT INTO atommq_media (touched) VALUES (?) RETURNING id"
	touchUpload  = "UPDATE atommq_media SET touched = ? WHERE id = ? AND entry IS NULL AND size = 0"
	insertChunk  = "INSERT INTO atommq_chunk (media, seq, bytes) VALUES (?, ?, ?)"
)

// Stage implements bus.MediaStore.
func (s *Store) Stage(ctx context.Context, media, seq int64, chunk []byte, at time.Time) (int64, error) {
	id := media
	err := s.writer.write(ctx, func() error {
		id = media // of an attempt before
		if id == 0 {
			err := s.writer.query(insertUpload, number([]driver.Value{at.UnixMicro()}), func(v []driver.Value) { id = v[0].(int64) })
			if err != nil {
				return err
			}
		} else if n, err := s.writer.change(touchUpload, at.UnixMicro(), id); err != nil || n == 0 {
			return orNoMedia(err)
		}
		return s.writer.exec(insertChunk, id, seq, chunk)
	})
	if err != nil {
		return 0, fmt.Errorf("keep chunk %d: %w", seq, translate(ctx, err))
	}
	return id, nil
}

func orNoMedia(err error) error {
	if err == nil {
		return bus.ErrNoMedia
	}
	return err
}

// mediaRow is a row of atommq_media with the type that its entry says it has.
type mediaRow struct {
	ID      int64
	Type    string
	Size    int64
	Digest  []byte
	Created int64
}

// The number of media is that of the row whose chunks they are: it names the bytes.
const readMedia = `SELECT coalesce(m.chunks_of, m.id) AS id, e.media AS type, m.size, m.digest, m.created
	FROM atommq_media AS m JOIN atommq_entry AS e ON e.uuid = m.entry WHERE m.entry = ? AND e.feed = ?`

// Media implements bus.MediaStore.
func (s *Store) Media(ctx context.Context, feed, uuid string) (*bus.Media, error) {
	var rows []mediaRow
	if err := s.reader.SelectContext(ctx, &rows, readMedia, uuid, feed); err != nil {
		return nil, fmt.Errorf("find media of %s: %w", uuid, translate(ctx, err))
	}
	if len(rows) == 0 {
		return nil, bus.ErrNoMedia
	}
	r := rows[0]
	m := &bus.Media{ID: r.ID, Type: r.Type, Size: r.Size, Created: moment(r.Created)}
	copy(m.Digest[:], r.Digest)
	return m, nil
}

const readChunk = "SELECT bytes FROM atommq_chunk WHERE media = ? AND seq = ?"

// Chunk implements bus.MediaStore.
func (s *Store) Chunk(ctx context.Context, media, seq int64) ([]byte, error) {
	var (
		found [][]byte
		err   error
	)
	if s.reader.native {
		err = s.reader.eachRow(ctx, readChunk, []any{media, seq}, func(v []driver.Value) bool {
			found = append(found, v[0].([]byte)) // the driver has copied it out of SQLite's memory
			return false
		})
	} else {
		err = s.reader.SelectContext(ctx, &found, readChunk, media, seq)
	}
	if err != nil {
		return nil, fmt.Errorf("read chunk %d: %w", seq, translate(ctx, err))
	}
	if len(found) == 0 {
		return nil, bus.ErrNoMedia
	}
	return found[0], nil
}

// What no entry has any more has the size -1: nobody can go on with it as an upload, or adopt it.
const (
	adoptMedia       = "UPDATE atommq_media SET entry = ?, feed = ?, size = ?, digest = ?, created = ?, touched = ? WHERE id = ? AND entry IS NULL AND size = 0"
	releasing        = "UPDATE atommq_media SET entry = NULL, size = -1, touched = ?1 WHERE "
	releaseMedia     = releasing + "entry = ?2"
	releaseFeedMedia = releasing + "feed = ?2 AND entry IS NOT NULL"
	prunedMedia      = releasing + "feed = ?2 AND EXISTS (SELECT 1 FROM atommq_entry AS e WHERE e.uuid = atommq_media.entry AND e.id <= ?3)"
	setMediaType     = "UPDATE atommq_entry SET media = ? WHERE id = ?"
)

// adopt makes the upload m the media of the entry with uuid: ErrNoMedia if it is gone, or has an entry.
func (c *commit) adopt(m *bus.Media, feed, uuid string, at int64) (rule, err error) {
	n, err := c.writer.change(adoptMedia, uuid, feed, m.Size, m.Digest[:], at, at, m.ID)
	if err == nil && n == 0 {
		return bus.ErrNoMedia, nil
	}
	c.outcomes = append(c.outcomes, func() { m.Created = moment(at) })
	return nil, err
}

// postMedia publishes op's only entry, with its media.
func (c *commit) postMedia(op *bus.Op, at int64) (rule, err error) {
	p := &op.Posts[0]
	if rule, err := c.adopt(op.Media, p.Entry.Feed, p.Entry.UUID, at); rule != nil || err != nil {
		return rule, err
	}
	c.roster.knowMedia(p.Entry.Feed)
	if err := c.post(p, at); err != nil {
		return nil, err
	}
	id := c.rows[len(c.rows)-1].id
	if err := c.flush(); err != nil {
		return nil, err
	}
	c.outcomes = append(c.outcomes, func() { p.Entry.Media = op.Media.Type })
	return nil, c.writer.exec(setMediaType, op.Media.Type, id)
}

const (
	selectMedia = "SELECT id, size, coalesce(chunks_of, id) FROM atommq_media WHERE entry = ?"
	renewEntry  = "UPDATE atommq_entry SET id = ?, updated = ?, edited = ?, edits = edits + 1, media = ?, xml = ? WHERE id = ?"
)

// replaceMedia gives the entry old other media.
func (c *commit) replaceMedia(op *bus.Op, old *bus.Entry) (rule, err error) {
	var former, size, chunks int64
	err = c.writer.query(selectMedia, number([]driver.Value{old.UUID}), func(v []driver.Value) {
		former, size, chunks = v[0].(int64), v[1].(int64), v[2].(int64)
	})
	if err != nil {
		return nil, err
	}
	switch {
	case former == 0:
		return bus.ErrNoMedia, nil
	case op.IfID != 0 && op.IfID != chunks:
		return bus.ErrChanged, nil
	}
	at := op.At.UnixMicro()
	if err := c.writer.exec(releaseMedia, at, old.UUID); err != nil {
		return nil, err
	}
	if rule, err := c.adopt(op.Media, old.Feed, old.UUID, at); rule != nil || err != nil {
		if err == nil { // the op changes nothing
			err = c.writer.exec("UPDATE atommq_media SET entry = ?, size = ? WHERE id = ?", old.UUID, size, former)
		}
		return rule, err
	}
	return nil, c.renewEntry(op, old)
}

// renewEntry gives the entry old a new id, and the type of op's media and its trace.
func (c *commit) renewEntry(op *bus.Op, old *bus.Entry) error {
	id, at := c.take(), op.At.UnixMicro()
	updated := at
	if old.Absent&feeds.PartUpdated == 0 {
		updated = old.Updated.UnixMicro() // as its author says
	}
	xml, freed := feeds.WithTrace(old.XML, op.Trace), int64(len(old.XML))
	if err := c.writer.exec(renewEntry, id, updated, at, op.Media.Type, text(xml), old.ID); err != nil {
		return err
	}
	if err := c.renew(old.Feed, old.ID, id, int64(len(xml))); err != nil {
		return err
	}
	c.feeds.add(old.Feed, change{at: at, id: id, bytes: int64(len(xml)) - freed})
	c.outcomes = append(c.outcomes, func() {
		e := op.Posts[0].Entry
		e.Member = old.Member
		e.XML = xml
		e.ID, e.Edits, e.Media = id, old.Edits+1, op.Media.Type
		e.Updated, e.Edited = moment(updated), moment(at)
		op.Freed = freed
	})
	return nil
}

// releaseEntries lets go of the media of entries with certain ids.
var releaseEntries = makeByID(1, releasing+"entry IN (SELECT uuid FROM atommq_entry WHERE ", ")")

// releaseMedia does so for those with ids, which are about to be removed.
func (c *commit) releaseMedia(ids []int64) error {
	c.args = c.args[:0]
	c.bind(1, time.Now().UnixMicro())
	return c.writer.execNumbered(c.bindIDs(releaseEntries, ids), c.args)
}

const (
	mediaAt      = "SELECT e.media FROM atommq_entry AS e JOIN atommq_media AS m ON m.entry = e.uuid WHERE e.id = ?"
	typeMedia    = "UPDATE atommq_entry SET media = ? WHERE uuid = ?"
	shareMediaAt = `INSERT INTO atommq_media (entry, feed, size, digest, created, touched, chunks_of)
	SELECT ?1, ?2, m.size, m.digest, m.created, ?3, coalesce(m.chunks_of, m.id)
	FROM atommq_entry AS e JOIN atommq_media AS m ON m.entry = e.uuid WHERE e.id = ?4`
)

// shareMedia gives heir, which this commit publishes in place of the entry that s is about, the media
// of that, if it has any. The chunks are there once: they go when neither of the two has them any more.
// Thousands may be buried in one commit: only where the feed has media is each asked for.
func (c *commit) shareMedia(s *bus.Settlement, heir *bus.Entry, at int64) error {
	o, err := c.owner(s.Queue)
	if err != nil || !c.roster.media[o.feed] {
		return err
	}
	typ := ""
	err = c.writer.query(mediaAt, number([]driver.Value{s.ID}), func(v []driver.Value) { typ = v[0].(string) })
	if err != nil || typ == "" {
		return err
	}
	if err := c.insert(); err != nil { // heir is among the rows
		return err
	}
	c.roster.knowMedia(heir.Feed)
	c.outcomes = append(c.outcomes, func() { heir.Media = typ })
	if err := c.writer.exec(typeMedia, typ, heir.UUID); err != nil {
		return err
	}
	return c.writer.exec(shareMediaAt, heir.UUID, heir.Feed, at, s.ID)
}

// An upload that was left alone is let go first, so that it cannot be gone on with while its chunks go.
// Then go the rows that share the chunks of others: these wait for them.
const (
	releaseUploads = releasing + "entry IS NULL AND size = 0 AND touched < ?2"
	deleteSharers  = "DELETE FROM atommq_media WHERE entry IS NULL AND size < 0 AND touched < ? AND chunks_of IS NOT NULL"
	selectOrphans  = `SELECT c.media, c.seq FROM (SELECT id FROM atommq_media AS o WHERE entry IS NULL AND size < 0 AND touched < ?1
	AND NOT EXISTS (SELECT 1 FROM atommq_media AS s WHERE s.chunks_of = o.id /* OFFSET 0 */) ORDER BY entry, touched, id LIMIT ?2) AS m
	JOIN atommq_chunk AS c ON c.media = m.id LIMIT ?2`
	deleteChunk = "DELETE FROM atommq_chunk WHERE media = ? AND seq = ?"
	deleteEmpty = `DELETE FROM atommq_media WHERE entry IS NULL AND size < 0 AND touched < ?
	AND NOT EXISTS (SELECT 1 FROM atommq_chunk AS c WHERE c.media = atommq_media.id)`
)

// Sweep implements bus.MediaStore.
func (s *Store) Sweep(ctx context.Context, t time.Time, limit int) (removed int, err error) {
	if t, err = s.byServer(ctx, t); err != nil {
		return 0, err
	}
	err = s.writer.write(ctx, func() error {
		removed, err = s.writer.sweep(t.UnixMicro(), limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove media that no entry has: %w", translate(ctx, err))
	}
	return removed, nil
}

func (w *writer) sweep(before int64, limit int) (removed int, err error) {
	// They were touched long enough ago to go at once.
	left, err := w.change(releaseUploads, before-1, before)
	if err != nil {
		return 0, err
	}
	sharers, err := w.change(deleteSharers, before)
	if err != nil {
		return 0, err
	}
	var chunks [][2]int64
	err = w.query(selectOrphans, number([]driver.Value{before, int64(limit)}), func(v []driver.Value) {
		chunks = append(chunks, [2]int64{v[0].(int64), v[1].(int64)})
	})
	if err != nil {
		return 0, err
	}
	for _, c := range chunks {
		if err := w.exec(deleteChunk, c[0], c[1]); err != nil {
			return 0, err
		}
	}
	empty, err := w.change(deleteEmpty, before)
	if err == nil && left+sharers+empty+int64(len(chunks)) == 0 {
		err = errUnchanged
	}
	return len(chunks), err
}
