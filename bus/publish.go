package bus

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/google/uuid"

	"atommq/feeds"
)

// Post is an entry on its way into a feed.
type Post struct {
	Feed  string
	Entry *feeds.Entry
	// UUID is the permanent name that the entry had elsewhere, in its canonical form; "" makes a
	// new one. No entry, draft or tombstone of this bus may have it: whoever gives one looks first,
	// and nobody else publishes under it meanwhile.
	UUID string
	// Key is an idempotency key, "" for none. Posts of one call that share feed
	// and key are one unit: published together, once.
	Key string
	// Media is the upload that the entry links to, nil for none. Such a post is published alone.
	Media *Media

	// Queue names the queue that the entry is sent through, "" for none: it begins with this entry if
	// the feed does not have it, and a feed that begins with this entry keeps entries until acked.
	Queue      string
	Priority   Priority
	AckTimeout time.Duration // for whoever gets the entry from a queue; 0 leaves it to them
	Expires    time.Time     // no queue hands it out from then on; zero for never
}

// Priority of an entry in queues. The zero value is the default, 4.
type Priority uint8

// PriorityOf returns the priority n, 0 to 9, the higher the earlier.
func PriorityOf(n int) Priority { return Priority(n + 1) }

// rank is what stores sort by.
func (p Priority) rank() uint8 {
	if p == 0 {
		return 9 - 4
	}
	return 10 - uint8(p)
}

// Published is the outcome of one Post.
type Published struct {
	*Entry
	// Replayed says that the key was used before for the same bytes: Entry is what was
	// published then, as it is now.
	Replayed bool
}

// Publish appends posts to their feeds, all or none, and returns once they are
// on disk, in the order given. It makes feeds that do not exist.
//
// Errors: that of feeds.CheckName; ErrKeyReused; ErrNoMedia when an upload is gone; ErrTooLarge
// when the posts pass Config.PendingBytes or Config.BatchEntries; ErrClosed; the store's. The
// context's cause when it ends first: the entries may or may not have been published then, which a
// key makes safe to repeat. A caller who finds nobody committing commits itself, and is not
// interrupted while it does.
func (b *Bus) Publish(ctx context.Context, posts ...Post) ([]Published, error) {
	return b.PublishAs(ctx, nil, posts...)
}

// PublishAs is Publish on the caller's behalf: feeds that it makes belong to the caller, as with
// MakeFeed. What can be seen to be refused makes none.
func (b *Bus) PublishAs(ctx context.Context, by *Caller, posts ...Post) ([]Published, error) {
	if len(posts) == 0 {
		return nil, nil
	}
	p := b.publications.take(posts)
	decided, err := b.publish(ctx, p, posts, by)
	if !decided {
		return nil, err
	}
	defer b.publications.giveBack(p)
	if err != nil {
		return nil, err
	}
	return outcomes(p.ticket.op.Posts), nil
}

// publish publishes posts by way of p, which the committer still has unless it is decided.
func (b *Bus) publish(ctx context.Context, p *publication, posts []Post, by *Caller) (decided bool, err error) {
	if err := postings(p.ticket.op.Posts, posts); err != nil {
		return true, err
	}
	if err := b.makeFeeds(ctx, &p.ticket, by); err != nil {
		return true, err
	}
	if decided, err = b.commitFor(ctx, &p.ticket, p.done); err != nil {
		err = fmt.Errorf("publish: %w", err)
	}
	return decided, err
}

// publication is what a call of Publish needs until it is answered.
type publication struct {
	ticket ticket
	done   waiter
	one    [1]Posting
}

// publications serve again and again: they are the larger part of what a call takes beside its
// entries.
type publications struct{ pool sync.Pool }

// take returns one with room for posts.
func (ps *publications) take(posts []Post) *publication {
	p, _ := ps.pool.Get().(*publication)
	if p == nil {
		p = &publication{done: make(waiter, 1)}
	}
	list := p.one[:]
	if len(posts) > 1 {
		list = make([]Posting, len(posts))
	}
	p.ticket.op = Op{Kind: OpPublish, Posts: list, Media: posts[0].Media}
	return p
}

// giveBack takes back one that is decided.
func (ps *publications) giveBack(p *publication) {
	p.ticket, p.one = ticket{}, [1]Posting{}
	ps.pool.Put(p)
}

// newEntry makes the entry that the store is to write, under a new uuid.
// Version 7 keeps inserts at the right edge of the uuid index.
func newEntry(feed string, e *feeds.Entry) (*Entry, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make a uuid: %w", err)
	}
	return entryOf(feed, id.String(), e), nil
}

// entry makes the entry that the store is to write for p.
func (p *Post) entry() (*Entry, error) {
	if p.UUID == "" {
		return newEntry(p.Feed, p.Entry)
	}
	return entryOf(p.Feed, p.UUID, p.Entry), nil
}

func entryOf(feed, uuid string, e *feeds.Entry) *Entry {
	return &Entry{Member: feeds.Member{
		Feed:      feed,
		UUID:      uuid,
		AtomID:    e.ID,
		Title:     e.Title,
		Published: e.Published,
		Updated:   e.Updated,
		Absent:    e.Absent,
		Media:     e.Media,
		XML:       feeds.WithTrace(e.XML, e.Trace),
	}}
}

// sealUnits numbers the postings of each unit and gives them the digest of all its bytes as they
// were given, those of media included, so that a repetition with an entry more, fewer or changed is
// told apart. Who sends a request again may trace that one anew.
func sealUnits(posts []Posting, given []Post) {
	sums := make(map[Unit]hash.Hash)
	count := make(map[Unit]int)
	for i := range posts {
		p := &posts[i]
		if p.Key == "" {
			continue
		}
		u := p.Unit()
		h := sums[u]
		if h == nil {
			h = sha256.New()
			sums[u] = h
		}
		p.Seq = count[u]
		count[u]++
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(given[i].Entry.XML)))
		h.Write(size[:])
		h.Write(given[i].Entry.XML)
		if media := given[0].Media; media != nil {
			h.Write(media.Digest[:])
		}
	}
	for i := range posts {
		if p := &posts[i]; p.Key != "" {
			sums[p.Unit()].Sum(p.Digest[:0])
		}
	}
}
