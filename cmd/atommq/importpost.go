package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"atommq/bus"
	"atommq/feeds"
)

// uuidOf returns the uuid that an entry of others gets: that of its atom:id, if it is a urn:uuid:,
// or else one that follows from its feed and what it is, so that it is known again.
func uuidOf(feed string, e *feeds.Entry) string {
	if id, ok := uuidOfURN(e.ID); ok {
		return id
	}
	if e.ID != "" {
		return derived(feed, e.ID)
	}
	return derived(feed, string(e.XML))
}

func uuidOfURN(urn string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(strings.ToLower(urn), "urn:uuid:")
	if !ok || len(rest) != len("6b2f4f0e-1c1d-4a6e-9d7b-0a4d8b4a2f11") {
		return "", false
	}
	parsed, err := uuid.Parse(rest)
	return parsed.String(), err == nil
}

// derived makes a uuid of a name (RFC 9562, version 5).
func derived(feed, name string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:atommq:"+feed+"\n"+name)).String()
}

// importKey is the idempotency key of what is imported: an entry that consumers took, or that is no
// longer kept, leaves nothing else by which it is known again.
func importKey(p *bus.Post) string {
	sum := sha256.Sum256(p.Entry.XML)
	return "import " + p.UUID + " " + hex.EncodeToString(sum[:16])
}

// add publishes p sooner or later, unless the database has it. media is what it links to, nil for nothing.
func (i *importer) add(ctx context.Context, p bus.Post, media *attachment) error {
	switch {
	case i.again:
		p.Key = ""
	case p.Key == "":
		p.Key = importKey(&p)
	}
	there, draft, err := i.place(ctx, &p)
	switch {
	case err != nil:
		return err
	case draft:
		return i.publishDraft(ctx, p)
	case there:
		i.had++
		return nil
	}
	if media != nil {
		return i.withMedia(ctx, p, media)
	}
	if i.inBatch == nil {
		i.inBatch = make(map[string]bool)
	}
	i.inBatch[p.UUID] = true
	i.batch = append(i.batch, p)
	i.size += len(p.Entry.XML)
	if len(i.batch) >= importEntries || i.size >= importBytes {
		return i.flush(ctx)
	}
	return nil
}

// publishDraft publishes the draft that is there of an entry, as the document has it.
func (i *importer) publishDraft(ctx context.Context, p bus.Post) error {
	if err := i.flush(ctx); err != nil { // which is before it
		return err
	}
	if p.Entry.Media != "" {
		return fmt.Errorf("entry %s links to a file, and there is a draft of it: publish or delete the draft first", p.UUID)
	}
	if _, err := i.bus.Replace(ctx, p.Feed, p.UUID, p.Entry, 0); err != nil {
		return fmt.Errorf("publish the draft that there is of entry %s: %w", p.UUID, err)
	}
	i.published++
	return nil
}

// place reports whether the entry is there, or only a draft of it, and gives it a uuid of its own if
// its own is that of an entry of another feed.
func (i *importer) place(ctx context.Context, p *bus.Post) (there, draft bool, err error) {
	for range 2 {
		found, err := i.store.Find(ctx, "", p.UUID)
		switch {
		case errors.Is(err, bus.ErrNoEntry):
			return i.inBatch[p.UUID], false, nil
		case err != nil:
			return false, false, err
		case found.Feed == p.Feed:
			return true, found.Draft() && !p.Entry.Draft, nil
		}
		if p.Entry.Absent&feeds.PartID != 0 {
			p.Entry.ID = "" // it goes by its uuid
		}
		p.UUID = derived(p.Feed, p.UUID)
	}
	return false, false, fmt.Errorf("entry %s: another feed has an entry of this uuid, and of the one made of it", p.UUID)
}

// flush publishes the batch.
func (i *importer) flush(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	done, err := i.bus.Publish(ctx, i.batch...)
	if err != nil {
		return err
	}
	i.tally(done)
	clear(i.inBatch)
	i.batch, i.size = i.batch[:0], 0
	return nil
}

// tally counts what is published, or was before: it is not there, or it would not have come here.
func (i *importer) tally(done []bus.Published) {
	for _, p := range done {
		if p.Replayed {
			i.had++
			i.gone++
		} else {
			i.published++
		}
	}
}

// withMedia publishes an entry with what it links to, behind those before it.
func (i *importer) withMedia(ctx context.Context, p bus.Post, a *attachment) error {
	if err := i.flush(ctx); err != nil {
		return err
	}
	file, err := openMedia(a.dir, a.uuid)
	if err != nil {
		return fmt.Errorf("media of entry %s: %w", p.UUID, err)
	}
	defer file.Close()
	if p.Media, err = i.bus.Upload(ctx, p.Entry.Media, file, i.mostMedia); err != nil {
		return fmt.Errorf("media of entry %s: %w", p.UUID, err)
	}
	if a.sum != nil && !bytes.Equal(p.Media.Digest[:], a.sum) {
		return fmt.Errorf("media of entry %s: are not the bytes that were exported (SHA-256): the archive is damaged; take them from another one", p.UUID)
	}
	if p.Key != "" {
		p.Key += " " + hex.EncodeToString(p.Media.Digest[:16]) // another file under the same entry is news
	}
	done, err := i.bus.Publish(ctx, p)
	if err != nil {
		return err
	}
	i.tally(done)
	return nil
}
