-- A dead letter has the file of the entry that it was made of, which may stay and may go: both have
-- one row of atommq_media, and the chunks in common. doc/db.md describes every column.

-- +goose Up

ALTER TABLE atommq_media ADD COLUMN chunks_of INTEGER;

CREATE INDEX atommq_media_shared ON atommq_media (chunks_of) WHERE chunks_of IS NOT NULL;
