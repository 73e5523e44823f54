package bus

import (
	"context"
	"fmt"

	"atommq/feeds"
)

// Replace gives an entry new content and a new id: it moves to the head of the
// log. ifID is the id it must have, 0 for any. It returns the entry as it is now.
//
// Errors: ErrNoEntry, ErrDeleted, ErrChanged, ErrAppendOnly; ErrIDChanged when e
// names another atom:id; those of Publish.
func (b *Bus) Replace(ctx context.Context, feed, uuid string, e *feeds.Entry, ifID int64) (*Entry, error) {
	old, err := b.Entry(ctx, feed, uuid)
	if err != nil {
		return nil, err
	}
	if e.ID != "" && e.ID != old.AtomURI() {
		return nil, fmt.Errorf("replace %s: %w", uuid, ErrIDChanged)
	}
	return b.edit(ctx, OpReplace, entryOf(feed, uuid, e), ifID)
}

// Remove deletes an entry and leaves a tombstone at the head of the log, which it returns.
// ifID is the id that the entry must have, 0 for any.
//
// Errors: ErrNoEntry, ErrDeleted, ErrChanged, ErrAppendOnly; those of Publish.
func (b *Bus) Remove(ctx context.Context, feed, uuid string, ifID int64) (*Entry, error) {
	return b.edit(ctx, OpRemove, &Entry{Member: feeds.Member{Feed: feed, UUID: uuid}}, ifID)
}

func (b *Bus) edit(ctx context.Context, kind OpKind, e *Entry, ifID int64) (*Entry, error) {
	t := &ticket{op: Op{Kind: kind, IfID: ifID, Posts: []Posting{{Entry: e}}}}
	if err := b.commit(ctx, t); err != nil {
		return nil, fmt.Errorf("edit %s: %w", e.UUID, err)
	}
	return t.op.Posts[0].Entry, nil
}
