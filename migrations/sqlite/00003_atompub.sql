-- What AtomPub adds: media that entries link to, drafts that nobody reads yet, and what the owner of a
-- feed decides about it. Nothing of it stands in a row that a publish writes, but for one
-- column that is empty there. doc/db.md describes every column.

-- +goose Up

-- The media type of what the entry links to; empty for an entry that has its content in it.
ALTER TABLE atommq_entry ADD COLUMN media TEXT NOT NULL DEFAULT '';

-- AUTOINCREMENT: a number is never given again, so that chunks of one upload never pass for another's.
-- An upload is staged while entry is NULL; what no entry has is removed after a while.
CREATE TABLE atommq_media (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    entry   TEXT,
    feed    TEXT    NOT NULL DEFAULT '',
    size    INTEGER NOT NULL DEFAULT 0,
    digest  BLOB    NOT NULL DEFAULT x'',
    created INTEGER NOT NULL DEFAULT 0,
    touched INTEGER NOT NULL
) STRICT;

CREATE INDEX atommq_media_feed ON atommq_media (feed);
CREATE INDEX atommq_media_entry ON atommq_media (entry, touched, id);

CREATE TABLE atommq_chunk (
    media INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    bytes BLOB    NOT NULL,
    PRIMARY KEY (media, seq)
) STRICT;

-- Entries that are not published yet (RFC 5023, app:draft). They have no id: no reader of a feed can
-- come upon one, nor does any count include it.
CREATE TABLE atommq_draft (
    uuid      TEXT    NOT NULL PRIMARY KEY,
    feed      TEXT    NOT NULL,
    title     TEXT    NOT NULL,
    atom_id   TEXT    NOT NULL,
    published INTEGER NOT NULL,
    updated   INTEGER NOT NULL,
    edited    INTEGER NOT NULL,
    absent    INTEGER NOT NULL,
    edits     INTEGER NOT NULL,
    xml       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX atommq_draft_feed ON atommq_draft (feed);

-- Beside atommq_feed, whose rows every publish writes anew.
CREATE TABLE atommq_setting (
    feed         TEXT    NOT NULL PRIMARY KEY,
    accepts      TEXT,
    categories   TEXT    NOT NULL DEFAULT '',
    keep_age     INTEGER NOT NULL DEFAULT 0,
    keep_entries INTEGER NOT NULL DEFAULT 0,
    keep_bytes   INTEGER NOT NULL DEFAULT 0,
    revision     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX atommq_setting_limited ON atommq_setting (feed) WHERE keep_age + keep_entries + keep_bytes > 0;
