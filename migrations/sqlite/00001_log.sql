-- The log: one order of ids over all feeds. Times are microseconds since
-- 1970-01-01 UTC. doc/db.md describes every column.

-- +goose Up

-- The counter that ids are taken from, inside the publishing transaction: so
-- they become visible in order.
CREATE TABLE atommq_log (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    last_id INTEGER NOT NULL
) STRICT;

INSERT INTO atommq_log (one, last_id) VALUES (1, 0);

CREATE TABLE atommq_feed (
    name         TEXT    NOT NULL PRIMARY KEY,
    uuid         TEXT    NOT NULL,
    title        TEXT    NOT NULL DEFAULT '',
    subtitle     TEXT    NOT NULL DEFAULT '',
    author_name  TEXT    NOT NULL DEFAULT '',
    author_uri   TEXT    NOT NULL DEFAULT '',
    author_email TEXT    NOT NULL DEFAULT '',
    append_only  INTEGER NOT NULL DEFAULT 0,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    last_id      INTEGER NOT NULL DEFAULT 0,
    pruned_id    INTEGER NOT NULL DEFAULT 0,
    entries      INTEGER NOT NULL DEFAULT 0,
    bytes        INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE atommq_entry (
    id        INTEGER NOT NULL PRIMARY KEY,
    feed      TEXT    NOT NULL,
    uuid      TEXT    NOT NULL UNIQUE,
    title     TEXT    NOT NULL,
    atom_id   TEXT    NOT NULL,
    published INTEGER NOT NULL,
    updated   INTEGER NOT NULL,
    edited    INTEGER NOT NULL,
    absent    INTEGER NOT NULL,
    edits     INTEGER NOT NULL DEFAULT 0,
    deleted   INTEGER NOT NULL DEFAULT 0,
    xml       TEXT    NOT NULL
) STRICT;

CREATE INDEX atommq_entry_feed ON atommq_entry (feed, id);

CREATE TABLE atommq_key (
    feed   TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    digest BLOB    NOT NULL,
    uuid   TEXT    NOT NULL,
    id     INTEGER NOT NULL,
    used   INTEGER NOT NULL,
    PRIMARY KEY (feed, key, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX atommq_key_used ON atommq_key (used);
