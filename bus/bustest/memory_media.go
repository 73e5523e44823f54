package bustest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// memoryMedia is an upload, or what an entry has or had.
type memoryMedia struct {
	bus.Media
	entry   string // uuid, "" for none
	gone    bool   // no entry has it any more
	of      int64  // whose chunks these are, 0 for its own
	touched time.Time
	chunks  [][]byte
}

// mediaOf returns the media of an entry, nil for none.
func (m *Memory) mediaOf(uuid string) *memoryMedia {
	for _, media := range m.media {
		if media.entry == uuid {
			return media
		}
	}
	return nil
}

// releaseMedia lets go of the media of an entry, if it has any.
func (m *Memory) releaseMedia(uuid string, at time.Time) {
	if media := m.mediaOf(uuid); media != nil {
		media.entry, media.gone, media.touched = "", true, at
	}
}

// share gives heir, which is published in its place, the media of the entry with a uuid.
func (m *Memory) share(uuid string, heir *bus.Entry) {
	media := m.mediaOf(uuid)
	if uuid == "" || media == nil {
		return
	}
	m.lastMedia++
	shared := *media
	shared.entry, shared.of = heir.UUID, media.ID
	m.media[m.lastMedia] = &shared
	heir.Media = media.Type
}

// isShared reports whether others have the chunks of what has this number.
func (m *Memory) isShared(id int64) bool {
	for _, media := range m.media {
		if media.of == id {
			return true
		}
	}
	return false
}

// uuidAt returns the uuid of the entry with this id, "" for none.
func (m *Memory) uuidAt(id int64) string {
	for _, f := range m.feeds {
		for _, e := range f.entries {
			if e.ID == id {
				return e.UUID
			}
		}
	}
	return ""
}

// adoptable returns the upload that is to become an entry's media, nil if that is not possible.
func (m *Memory) adoptable(upload *bus.Media) *memoryMedia {
	if media := m.media[upload.ID]; media != nil && media.entry == "" && !media.gone {
		return media
	}
	return nil
}

func (media *memoryMedia) adopt(upload *bus.Media, uuid string, at time.Time) {
	upload.Created = at
	media.Media, media.entry = *upload, uuid
}

// editMedia gives an entry other media.
func (m *Memory) editMedia(op *bus.Op) error {
	e := op.Posts[0].Entry
	old := m.find(e.Feed, e.UUID)
	var former *memoryMedia
	if old != nil {
		former = m.mediaOf(old.UUID)
	}
	switch {
	case old == nil && m.draft(e.Feed, e.UUID) != nil:
		return bus.ErrNoMedia
	case old == nil:
		return bus.ErrNoEntry
	case m.feeds[old.Feed].AppendOnly:
		return bus.ErrAppendOnly
	case old.Deleted:
		return bus.ErrDeleted
	case former == nil:
		return bus.ErrNoMedia
	case op.IfID != 0 && op.IfID != former.ID:
		return bus.ErrChanged
	}
	media := m.adoptable(op.Media)
	if media == nil {
		return bus.ErrNoMedia
	}
	m.releaseMedia(old.UUID, op.At)
	media.adopt(op.Media, old.UUID, op.At)
	as := *op
	as.IfID = 0
	err := m.edit(&as, func(e, old *bus.Entry) {
		edits := e.Edits
		e.Member = old.Member
		e.Edits, e.Media, e.XML = edits, op.Media.Type, feeds.WithTrace(old.XML, op.Trace)
		if old.Absent&feeds.PartUpdated != 0 {
			e.Updated = op.At
		}
	})
	op.Freed = as.Freed
	return err
}

// Stage implements bus.MediaStore.
func (m *Memory) Stage(ctx context.Context, media, seq int64, chunk []byte, at time.Time) (int64, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	if media == 0 {
		m.lastMedia++
		media = m.lastMedia
		if m.media == nil {
			m.media = make(map[int64]*memoryMedia)
		}
		m.media[media] = &memoryMedia{Media: bus.Media{ID: media}}
	}
	upload := m.adoptable(&bus.Media{ID: media})
	if upload == nil {
		return 0, bus.ErrNoMedia
	}
	upload.touched = at
	upload.chunks = append(upload.chunks, bytes.Clone(chunk))
	return media, nil
}

// Media implements bus.MediaStore.
func (m *Memory) Media(ctx context.Context, feed, uuid string) (*bus.Media, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	media := m.mediaOf(uuid)
	if uuid == "" || media == nil || m.find(feed, uuid) == nil {
		return nil, bus.ErrNoMedia
	}
	found := media.Media
	return &found, nil
}

// Chunk implements bus.MediaStore.
func (m *Memory) Chunk(ctx context.Context, id, seq int64) ([]byte, error) {
	defer m.reading()()
	if err := m.readable(ctx); err != nil {
		return nil, err
	}
	if media := m.media[id]; media != nil && seq < int64(len(media.chunks)) {
		return bytes.Clone(media.chunks[seq]), nil
	}
	return nil, bus.ErrNoMedia
}

// Sweep implements bus.MediaStore.
func (m *Memory) Sweep(ctx context.Context, t time.Time, limit int) (int, error) {
	defer m.reading()()
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	orphans := slices.SortedFunc(maps.Keys(m.media), func(a, b int64) int {
		// Those that share chunks go before those whose chunks they are.
		return cmp.Or(cmp.Compare(min(m.media[b].of, 1), min(m.media[a].of, 1)), m.media[a].touched.Compare(m.media[b].touched), cmp.Compare(a, b))
	})
	removed := 0
	for _, id := range orphans {
		media := m.media[id]
		if media.entry != "" && m.find("", media.entry) == nil {
			media.entry, media.gone = "", true // it left its feed, being acked
		}
		if media.entry != "" || !media.touched.Before(t) || removed == limit {
			continue
		}
		media.gone = true
		if media.of != 0 {
			delete(m.media, id)
		}
		if media.of != 0 || m.isShared(id) {
			continue
		}
		n := min(limit-removed, len(media.chunks))
		media.chunks = media.chunks[n:]
		if removed += n; len(media.chunks) == 0 {
			delete(m.media, id)
		}
	}
	return removed, nil
}
