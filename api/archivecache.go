package api

import (
	"container/list"
	"sync"

	"atommq/bus"
)

// DefaultArchiveBytes is the memory for archive pages where Handler.ArchiveBytes says nothing.
const DefaultArchiveBytes = 16 << 20

// archiveShare is the part of the cache that one page may take: an eighth.
const archiveShare = 8

// archiveKey names an archive page of an append-only feed, in one form: all that its bytes depend
// on, once it is final.
type archiveKey struct {
	feed              string
	revision          int64 // of the settings: the page tells some, and entries leave it by others
	ids               bus.Range
	pruned            int64 // which the link to the page before depends on
	base, format, typ string
}

// archiveDoc is a final page, written out.
type archiveDoc struct {
	key  archiveKey
	tag  string // opaque part of its ETag
	next string // URL of the page behind it
	size int    // in entries
	body []byte
}

// archiveCache keeps final archive pages, those read last, within a bound of memory.
type archiveCache struct {
	limit int

	mu    sync.Mutex
	docs  map[archiveKey]*list.Element // of *archiveDoc
	order *list.List                   // the one read last in front
	bytes int
}

// docCost is what a page takes beside its bytes.
const docCost = 1024

func newArchiveCache(limit int) *archiveCache {
	return &archiveCache{limit: limit, docs: make(map[archiveKey]*list.Element), order: list.New()}
}

func (c *archiveCache) get(key archiveKey) *archiveDoc {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.docs[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*archiveDoc)
}

// put keeps doc, unless it is there already or takes too much of the cache.
func (c *archiveCache) put(doc *archiveDoc) {
	cost := len(doc.body) + docCost
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.docs[doc.key] != nil || cost > c.limit/archiveShare {
		return
	}
	c.docs[doc.key] = c.order.PushFront(doc)
	for c.bytes += cost; c.bytes > c.limit; {
		last := c.order.Remove(c.order.Back()).(*archiveDoc)
		delete(c.docs, last.key)
		c.bytes -= len(last.body) + docCost
	}
}

// keyOf returns the key of a page of f's archive. Its uuid tells a feed from one of the same name
// that was dropped.
func keyOf(f *bus.Feed, ids bus.Range, base, format string, form offer) archiveKey {
	return archiveKey{f.UUID + f.Name, f.Revision, ids, f.Pruned, base, format, form.typ}
}

// keepsArchive reports whether nothing leaves the full pages of f, and none of the ids was pruned.
func keepsArchive(f *bus.Feed, ids bus.Range) bool {
	return f.KeepsAll() && max(ids.First, 1) > f.Pruned
}
