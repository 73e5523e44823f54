package bus

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"atommq/feeds"
)

// MediaChunk is how many bytes each chunk of media has, but for the last one.
const MediaChunk = 256 << 10

// Media are bytes of any type that an entry links to, or an upload that no entry has yet.
type Media struct {
	ID      int64  // never given again, so it names these very bytes
	Type    string // as their sender gave it
	Size    int64
	Digest  [sha256.Size]byte
	Created time.Time // when their entry got them
}

// MediaStore keeps media in chunks. An upload is staged outside of any commit, however long
// its bytes take to come in, and becomes an entry's media by an op.
type MediaStore interface {
	// Stage keeps the next chunk of an upload, for which it returns a number: given 0, it begins
	// one. at is the time. ErrNoMedia if there is no such upload any more.
	Stage(ctx context.Context, media, seq int64, chunk []byte, at time.Time) (int64, error)

	// Media returns what an entry links to: ErrNoMedia if that is nothing, or there is no such entry.
	Media(ctx context.Context, feed, uuid string) (*Media, error)

	// Chunk returns a chunk of media, numbered from 0: ErrNoMedia if it is gone.
	Chunk(ctx context.Context, media, seq int64) ([]byte, error)

	// Sweep removes at most limit chunks of uploads that were not touched since t, and of what
	// no entry has any more since then.
	Sweep(ctx context.Context, t time.Time, limit int) (removed int, err error)
}

// Upload reads body to its end and keeps it as media that no entry has yet. It holds two chunks in
// memory: one comes in while the other is written. ErrTooLarge when body has more than limit bytes;
// what body's reader returns.
func (b *Bus) Upload(ctx context.Context, typ string, body io.Reader, limit int64) (*Media, error) {
	m := &Media{Type: typ}
	sum := sha256.New()
	chunk, other := make([]byte, MediaChunk), make([]byte, MediaChunk)
	st := stager{store: b.store}
	defer st.running.Wait() // it may still be writing when body fails
	for seq := int64(0); ; seq++ {
		n, last, err := fill(body, chunk)
		if err != nil {
			return nil, err
		}
		if m.Size += int64(n); m.Size > limit {
			return nil, ErrTooLarge
		}
		if n > 0 || seq == 0 {
			sum.Write(chunk[:n])
			if err := st.wait(); err != nil {
				return nil, err
			}
			st.start(ctx, seq, chunk[:n])
			chunk, other = other, chunk
		}
		if !last {
			continue
		}
		if err := st.wait(); err != nil {
			return nil, err
		}
		m.ID = st.media
		sum.Sum(m.Digest[:0])
		return m, nil
	}
}

// stager writes the chunks of an upload, one at a time, while the next one comes in.
type stager struct {
	store   MediaStore
	media   int64 // 0 before the first chunk is written
	err     error
	running sync.WaitGroup
}

// start writes a chunk. What was started before must have been waited for.
func (s *stager) start(ctx context.Context, seq int64, chunk []byte) {
	s.running.Go(func() { s.media, s.err = s.store.Stage(ctx, s.media, seq, chunk, time.Now()) })
}

// wait returns how what was started last went, once it has ended.
func (s *stager) wait() error {
	s.running.Wait()
	if s.err != nil {
		return fmt.Errorf("keep an upload: %w", s.err)
	}
	return nil
}

// fill reads a whole chunk, or the last part of body. A body that ends too early is told by its own
// error, which io.ReadFull would not tell from the end.
func fill(body io.Reader, chunk []byte) (n int, last bool, err error) {
	for n < len(chunk) {
		m, err := body.Read(chunk[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// Media returns what an entry links to: ErrNoMedia if that is nothing.
func (b *Bus) Media(ctx context.Context, feed, uuid string) (*Media, error) {
	m, err := b.store.Media(ctx, feed, uuid)
	if err != nil {
		return nil, fmt.Errorf("media of %s: %w", uuid, err)
	}
	return m, nil
}

// Chunk returns chunk number seq of m, from 0, MediaChunk bytes but for the last: ErrNoMedia when m
// was replaced or removed a while ago. The result is the caller's.
func (b *Bus) Chunk(ctx context.Context, m *Media, seq int64) ([]byte, error) {
	chunk, err := b.store.Chunk(ctx, m.ID, seq)
	if err != nil {
		return nil, fmt.Errorf("chunk %d of media %d: %w", seq, m.ID, err)
	}
	return chunk, nil
}

// ReplaceMedia gives an entry the upload m in place of the media it has, and a new id: it moves to
// the head of the log. It belongs to trace from now on, unless that is zero. ifMedia is the number
// of the media that it must have, 0 for any. It returns the entry as it is now.
//
// Errors: ErrNoMedia; those of Replace.
func (b *Bus) ReplaceMedia(ctx context.Context, feed, uuid string, m *Media, trace feeds.Trace, ifMedia int64) (*Entry, error) {
	e := &Entry{Member: feeds.Member{Feed: feed, UUID: uuid}}
	t := &ticket{op: Op{Kind: OpMedia, IfID: ifMedia, Media: m, Trace: trace, Posts: []Posting{{Entry: e}}}}
	if err := b.commit(ctx, t); err != nil {
		return nil, fmt.Errorf("edit the media of %s: %w", uuid, err)
	}
	return t.op.Posts[0].Entry, nil
}
