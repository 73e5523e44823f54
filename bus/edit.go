package bus

import (
	"context"
	"fmt"

	"atommq/feeds"
)

// Replace gives an entry new content and a new id: it moves to the head of the log. ifID is the id
// it must have, 0 for any. It returns the entry as it is now. A draft stays one as long as e is
// one, and is published when e is none.
//
// Errors: ErrNoEntry, ErrDeleted, ErrChanged, ErrAppendOnly; ErrIDChanged when e
// names another atom:id; ErrPublished when e is a draft and the entry is none; those of Publish.
func (b *Bus) Replace(ctx context.Context, feed, uuid string, e *feeds.Entry, ifID int64) (*Entry, error) {
	old, err := b.Entry(ctx, feed, uuid)
	if err != nil {
		return nil, err
	}
	if e.ID != "" && e.ID != old.AtomURI() {
		return nil, fmt.Errorf("replace %s: %w", uuid, ErrIDChanged)
	}
	return b.edit(ctx, OpReplace, Posting{Entry: entryOf(feed, uuid, e), Draft: e.Draft, Rank: Priority(0).rank()}, ifID)
}

// Remove deletes an entry and leaves a tombstone at the head of the log, which it returns; of a
// draft it leaves nothing. ifID is the id that the entry must have, 0 for any.
//
// Errors: ErrNoEntry, ErrDeleted, ErrChanged, ErrAppendOnly; those of Publish.
func (b *Bus) Remove(ctx context.Context, feed, uuid string, ifID int64) (*Entry, error) {
	return b.edit(ctx, OpRemove, Posting{Entry: &Entry{Member: feeds.Member{Feed: feed, UUID: uuid}}}, ifID)
}

func (b *Bus) edit(ctx context.Context, kind OpKind, p Posting, ifID int64) (*Entry, error) {
	t := &ticket{op: Op{Kind: kind, IfID: ifID, Posts: []Posting{p}}}
	if err := b.commit(ctx, t); err != nil {
		return nil, fmt.Errorf("edit %s: %w", p.Entry.UUID, err)
	}
	return t.op.Posts[0].Entry, nil
}
