package db

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
)

// mediaBytes are those of all media that entries have, in order; NULL where all are lost.
const mediaBytes = `SELECT m.id, m.entry, m.digest, c.bytes FROM atommq_media AS m LEFT JOIN atommq_chunk AS c ON c.media = coalesce(m.chunks_of, m.id)
	WHERE m.entry IS NOT NULL ORDER BY m.id, c.seq`

// Of a file with a schema before sharedMedia, all chunks are of the row that has their number.
const (
	sharedMedia     = 8
	mediaBytesUpTo7 = `SELECT m.id, m.entry, m.digest, c.bytes FROM atommq_media AS m LEFT JOIN atommq_chunk AS c ON c.media = m.id
	WHERE m.entry IS NOT NULL ORDER BY m.id, c.seq`
)

// eachWrongMedia compares what entries link to with the digests that were taken when it came.
func (s *copySide) eachWrongMedia(ctx context.Context, found func(what string)) error {
	var (
		id     int64
		entry  string
		digest []byte
		sum    hash.Hash
	)
	end := func() {
		if sum != nil && !bytes.Equal(sum.Sum(nil), digest) {
			found(fmt.Sprintf("media %d of entry %s are not the bytes that came (SHA-256)", id, entry))
		}
	}
	query := mediaBytes
	if version, err := s.version(ctx); err != nil {
		return err
	} else if version < sharedMedia {
		query = mediaBytesUpTo7
	}
	err := eachFound(ctx, s.conn, query, func(row []any) {
		if next := row[0].(int64); sum == nil || next != id {
			end()
			id, entry, digest, sum = next, fmt.Sprintf("%s", row[1]), bytes.Clone(row[2].([]byte)), sha256.New()
		}
		part, _ := row[3].([]byte)
		sum.Write(part)
	})
	if err == nil {
		end()
	}
	return err
}

// mustHaveMedia refuses a file of which media are not what came. One of the first schemas has none.
func (s *copySide) mustHaveMedia(ctx context.Context) error {
	if there, err := s.has(ctx, "atommq_media"); err != nil || !there {
		return err
	}
	var (
		first string
		wrong int
	)
	err := s.eachWrongMedia(ctx, func(what string) {
		if wrong++; wrong == 1 {
			first = what
		}
	})
	switch {
	case err != nil || wrong == 0:
		return err
	case wrong > 1:
		first = fmt.Sprintf("%s, and %d more", first, wrong-1)
	}
	return fmt.Errorf("%w: %s", ErrDamaged, first)
}
