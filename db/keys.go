package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"atommq/bus"
	"atommq/feeds"
)

// use is what became of a unit.
type use struct {
	digest [32]byte
	posts  []post // by Seq
}

type post struct {
	uuid string
	id   int64 // as published
}

// keyring knows the idempotency keys of one commit: which were used before, in
// the table or earlier in the commit, and which are to be remembered.
type keyring struct {
	used    map[bus.Unit]*use
	fresh   []freshKey
	replays []replay
}

type freshKey struct {
	posting *bus.Posting
	row     row
}

type replay struct {
	posting *bus.Posting
	post    post
}

func (k *keyring) reset() {
	clear(k.used)
	clear(k.fresh)
	clear(k.replays)
	k.fresh, k.replays = k.fresh[:0], k.replays[:0]
}

// allow reports whether no key of posts was used before for something else.
func (k *keyring) allow(posts []bus.Posting) bool {
	for i := range posts {
		p := &posts[i]
		if p.Key == "" {
			continue
		}
		if u := k.used[p.Unit()]; u != nil && (u.digest != p.Digest || p.Seq >= len(u.posts)) {
			return false
		}
	}
	return true
}

// replay notes p for answering as before, if its key was used before.
func (k *keyring) replay(p *bus.Posting) bool {
	if !k.has(p) {
		return false
	}
	k.replays = append(k.replays, replay{p, k.used[p.Unit()].posts[p.Seq]})
	return true
}

// has reports whether p's key was used before.
func (k *keyring) has(p *bus.Posting) bool {
	u := k.used[p.Unit()]
	return u != nil && p.Seq < len(u.posts)
}

// use remembers that p was published as r.
func (k *keyring) use(p *bus.Posting, r row) {
	k.know(p.Unit(), p.Digest, post{r.entry.UUID, r.id})
	k.fresh = append(k.fresh, freshKey{p, r})
}

// know adds the next post of a unit.
func (k *keyring) know(n bus.Unit, digest [32]byte, p post) {
	if k.used == nil {
		k.used = make(map[bus.Unit]*use)
	}
	u := k.used[n]
	if u == nil {
		u = &use{digest: digest}
		k.used[n] = u
	}
	u.posts = append(u.posts, p)
}

// selectKeys finds what became of units. A unit whose first key was forgotten
// already is forgotten, so what is left of it does not count.
var selectKeys = makeChunks("SELECT feed, key, seq, digest, uuid, id FROM atommq_key WHERE (feed, key) IN (VALUES ",
	func(b *strings.Builder, _ int) { b.WriteString("(?, ?)") }, ") ORDER BY seq")

// findKeys looks up the keys of ops.
func (c *commit) findKeys(ops []*bus.Op) error {
	units := c.keys.unknown(ops)
	for len(units) > 0 {
		n := selectKeys.fit(len(units))
		c.args = c.args[:0]
		for i, u := range units[:n] {
			c.bind(2*i+1, u.Feed)
			c.bind(2*i+2, u.Key)
		}
		if err := c.writer.query(selectKeys.text(n), c.args, c.keys.found); err != nil {
			return err
		}
		units = units[n:]
	}
	return nil
}

// unknown lists the units of ops that no earlier piece of the commit had.
func (k *keyring) unknown(ops []*bus.Op) []bus.Unit {
	var units []bus.Unit
	for _, op := range ops {
		for i := range op.Posts {
			if p := &op.Posts[i]; p.Key != "" && p.Seq == 0 && k.used[p.Unit()] == nil {
				units = append(units, p.Unit())
			}
		}
	}
	return units
}

// found takes a row of selectKeys.
func (k *keyring) found(v []driver.Value) {
	n := bus.Unit{Feed: v[0].(string), Key: v[1].(string)}
	known := 0
	if u := k.used[n]; u != nil {
		known = len(u.posts)
	}
	if v[2].(int64) == int64(known) {
		k.know(n, [32]byte(v[3].([]byte)), post{v[4].(string), v[5].(int64)})
	}
}

// upsertKeys remembers keys. There may be some left of a forgotten unit.
var upsertKeys = makeChunks("INSERT INTO atommq_key (feed, key, seq, digest, uuid, id, used) VALUES ",
	func(b *strings.Builder, _ int) { b.WriteString("(?, ?, ?, ?, ?, ?, ?)") },
	" ON CONFLICT (feed, key, seq) DO UPDATE SET digest = excluded.digest, uuid = excluded.uuid, id = excluded.id, used = excluded.used")

// keyParams is how many parameters a row of upsertKeys has.
const keyParams = 7

// insertKeys writes the keys used for the first time.
func (c *commit) insertKeys() error {
	for fresh := c.keys.fresh; len(fresh) > 0; {
		n := upsertKeys.fit(len(fresh))
		c.args = c.args[:0]
		for i, f := range fresh[:n] {
			base := i * keyParams
			c.bind(base+1, f.posting.Entry.Feed)
			c.bind(base+2, f.posting.Key)
			c.bind(base+3, int64(f.posting.Seq))
			c.bind(base+4, f.posting.Digest[:])
			c.bind(base+5, f.row.entry.UUID)
			c.bind(base+6, f.row.id)
			c.bind(base+7, f.row.at)
		}
		if err := c.writer.execNumbered(upsertKeys.text(n), c.args); err != nil {
			return err
		}
		fresh = fresh[n:]
	}
	return nil
}

// selectEntries finds entries by uuid.
var selectEntries = makeChunks("SELECT "+entryColumns+" FROM atommq_entry WHERE uuid IN (",
	func(b *strings.Builder, _ int) { b.WriteByte('?') }, ")")

// answerReplays finds the entries, as they are now, that the replayed postings
// published when their key was new.
func (c *commit) answerReplays() error {
	entries := make(map[string]*bus.Entry, len(c.keys.replays))
	for left := c.keys.replays; len(left) > 0; {
		n := selectEntries.fit(len(left))
		c.args = c.args[:0]
		for i, r := range left[:n] {
			c.bind(i+1, r.post.uuid)
		}
		err := c.writer.query(selectEntries.text(n), c.args, func(v []driver.Value) {
			e := entryOf(v)
			entries[e.UUID] = e
		})
		if err != nil {
			return err
		}
		left = left[n:]
	}
	for _, r := range c.keys.replays {
		if entries[r.post.uuid] == nil {
			var err error
			if entries[r.post.uuid], err = c.draft(r.posting.Entry.Feed, r.post.uuid); err != nil {
				return err
			}
		}
		c.outcomes = append(c.outcomes, func() { r.settle(entries[r.post.uuid]) })
	}
	return nil
}

// settle answers the posting with e, nil if it was pruned.
func (r replay) settle(e *bus.Entry) {
	if e == nil {
		e = &bus.Entry{Member: feeds.Member{Feed: r.posting.Entry.Feed, UUID: r.post.uuid, ID: r.post.id}}
	}
	r.posting.Entry, r.posting.Replayed = e, true
}

const forgetKeys = `DELETE FROM atommq_key WHERE (feed, key, seq) IN
	(SELECT feed, key, seq FROM atommq_key WHERE used < ? ORDER BY used, feed, key, seq LIMIT ?) RETURNING seq`

// ForgetKeys implements bus.Catalog.
func (s *Store) ForgetKeys(ctx context.Context, t time.Time, limit int) (removed int, err error) {
	if t, err = s.byServer(ctx, t); err != nil {
		return 0, err
	}
	err = s.writer.write(ctx, func() error {
		removed = 0
		args := number([]driver.Value{t.UnixMicro(), int64(limit)})
		err := s.writer.query(forgetKeys, args, func([]driver.Value) { removed++ })
		if err == nil && removed == 0 {
			return errUnchanged
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget idempotency keys: %w", translate(ctx, err))
	}
	return removed, nil
}
