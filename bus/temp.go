package bus

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Temp feeds stand behind the queues of one session each, which others know by name alone: it is as
// good as a password for sending there. The name has the node whose session it is, and is sealed
// with the secret of the log: so nobody makes one up that counts as one, and any node knows whom a
// feed belonged to that was left behind.
const (
	tempPrefix = "temp."
	tempNode   = 5 // bytes
	tempNonce  = 10
	tempMAC    = 10
	tempLength = (tempNode + tempNonce + tempMAC) * 8 / 5 // letters and digits, without a bit left over
)

var tempCoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// TempState is what a name is as that of a temp feed.
type TempState uint8

// The states of temp feeds.
const (
	NoTemp   TempState = iota // a feed like any other
	TempGone                  // its session has ended
	TempLive                  // its session is there
	TempDead                  // it holds dead letters of a temp feed
)

// temps are the temp feeds of sessions on this node, with the names of their owners.
type temps struct {
	mu     sync.RWMutex
	owners map[string]string
}

func (t *temps) add(feed, owner string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owners == nil {
		t.owners = make(map[string]string)
	}
	t.owners[feed] = owner
}

func (t *temps) remove(feed string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.owners, feed)
}

// owner returns who has a temp feed, "" for nobody here.
func (t *temps) owner(feed string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.owners[feed]
}

// has reports whether a feed is the temp feed of a session here.
func (t *temps) has(feed string) bool {
	return strings.HasPrefix(feed, tempPrefix) && t.owner(feed) != ""
}

// NewTemp names a temp feed for a session of this node, owner, until DropTemp. It makes no feed.
func (b *Bus) NewTemp(ctx context.Context, owner string) (feed string, err error) {
	if err := b.desk.join(ctx); err != nil {
		return "", fmt.Errorf("name a temp feed: %w", err)
	}
	seal, err := b.leaseSeal(ctx)
	if err != nil {
		return "", fmt.Errorf("name a temp feed: %w", err)
	}
	feed = seal.temp(b.desk.number())
	b.temps.add(feed, owner)
	return feed, nil
}

// DropTemp removes a temp feed with its dead letters, if it was made.
func (b *Bus) DropTemp(ctx context.Context, feed string) error {
	b.temps.remove(feed)
	var failed error
	for _, name := range []string{feed, DeadFeed(feed)} {
		if err := b.DropFeed(ctx, name, 0); err != nil && !errors.Is(err, ErrNoFeed) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// OwnsTemp reports whether a feed is the temp feed of that session of this node.
func (b *Bus) OwnsTemp(feed, owner string) bool {
	return strings.HasPrefix(feed, tempPrefix) && b.temps.owner(feed) == owner
}

// IsTemp reports whether a feed is a temp feed that some session made, or has dead letters of one.
func (b *Bus) IsTemp(ctx context.Context, feed string) (bool, error) {
	_, is, err := b.tempNode(ctx, LivingFeed(feed))
	return is, err
}

// Temp returns what a name is as that of a temp feed. Names that are none cost no look.
func (b *Bus) Temp(ctx context.Context, feed string) (TempState, error) {
	living := LivingFeed(feed)
	node, is, err := b.tempNode(ctx, living)
	switch {
	case err != nil || !is:
		return NoTemp, err
	case living != feed:
		return TempDead, nil
	case b.temps.has(feed):
		return TempLive, nil
	case node == b.desk.number():
		return TempGone, nil
	}
	// Of another node's session, its queue tells: it goes with it.
	switch _, err := b.Queue(ctx, feed, DefaultQueue); {
	case errors.Is(err, ErrNoQueue):
		return TempGone, nil
	case err != nil:
		return NoTemp, err
	}
	return TempLive, nil
}

// tempNode returns the node whose session made a temp feed.
func (b *Bus) tempNode(ctx context.Context, feed string) (node int64, is bool, err error) {
	if len(feed) != len(tempPrefix)+tempLength || !strings.HasPrefix(feed, tempPrefix) {
		return 0, false, nil
	}
	seal, err := b.leaseSeal(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("tell whether %q is a temp feed: %w", feed, err)
	}
	node, is = seal.tempNode(feed)
	return node, is, nil
}

// temp makes the name of a temp feed.
func (s *seal) temp(node int64) string {
	b := make([]byte, tempNode+tempNonce, tempNode+tempNonce+tempMAC)
	for i := range tempNode {
		b[i] = byte(node >> (8 * (tempNode - 1 - i)))
	}
	_, _ = rand.Read(b[tempNode:]) // which never fails
	return tempPrefix + tempCoding.EncodeToString(append(b, s.mac("temp", b)[:tempMAC]...))
}

// tempNode returns the node that a temp feed is named for.
func (s *seal) tempNode(feed string) (node int64, ok bool) {
	b, err := tempCoding.DecodeString(strings.TrimPrefix(feed, tempPrefix))
	if err != nil || len(b) != tempNode+tempNonce+tempMAC {
		return 0, false
	}
	said := b[:tempNode+tempNonce]
	if !hmac.Equal(b[len(said):], s.mac("temp", said)[:tempMAC]) {
		return 0, false
	}
	for _, digit := range said[:tempNode] {
		node = node<<8 | int64(digit)
	}
	return node, true
}

const tempBatch = 1000 // feeds that are looked at together

// SweepTemps removes the temp feeds whose sessions are gone: with their process or, on this node,
// otherwise. It returns how many it removed.
func (b *Bus) SweepTemps(ctx context.Context) (removed int, err error) {
	for after, more := tempPrefix, true; more; {
		var left map[string]int64
		if left, after, more, err = b.tempsAfter(ctx, after); err != nil {
			return removed, err
		}
		n, err := b.sweepTemps(ctx, left)
		if removed += n; err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// tempsAfter returns some temp feeds that no session on this node has, each with its node, and where to go on.
func (b *Bus) tempsAfter(ctx context.Context, after string) (left map[string]int64, next string, more bool, err error) {
	list, err := b.Feeds(ctx, after, "", tempBatch)
	if err != nil {
		return nil, after, false, err
	}
	left = make(map[string]int64)
	for _, f := range list {
		if !strings.HasPrefix(f.Name, tempPrefix) {
			return left, after, false, nil
		}
		after = f.Name
		living := LivingFeed(f.Name)
		node, is, err := b.tempNode(ctx, living)
		if err != nil {
			return nil, after, false, err
		}
		if is && !b.temps.has(living) {
			left[living] = node
		}
	}
	return left, after, len(list) == tempBatch, nil
}

// sweepTemps removes those of the feeds whose nodes are this one or gone. The nodes are asked for
// after the feeds: who made one of these was there before.
func (b *Bus) sweepTemps(ctx context.Context, left map[string]int64) (removed int, err error) {
	if len(left) == 0 {
		return 0, nil
	}
	nodes, err := b.store.Living(ctx)
	if err != nil {
		return 0, fmt.Errorf("remove temp feeds: %w", err)
	}
	living := make(map[int64]bool, len(nodes))
	for _, node := range nodes {
		living[node] = node != b.desk.number()
	}
	for feed, node := range left {
		if living[node] {
			continue
		}
		if err := b.DropTemp(ctx, feed); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
