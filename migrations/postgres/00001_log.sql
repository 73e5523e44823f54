-- The log: one order of ids over all feeds. Times are microseconds since
-- 1970-01-01 UTC. Names are compared byte for byte, whatever the database's collation.
-- doc/db.md describes every column.

-- +goose Up

-- The counter that ids are taken from, inside the publishing transaction: so
-- they become visible in order.
CREATE TABLE atommq_log (
    one     BIGINT  NOT NULL PRIMARY KEY CHECK (one = 1),
    last_id BIGINT  NOT NULL
);

INSERT INTO atommq_log (one, last_id) VALUES (1, 0);

CREATE TABLE atommq_feed (
    name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    uuid         TEXT COLLATE "C" NOT NULL,
    title        TEXT    NOT NULL DEFAULT '',
    subtitle     TEXT    NOT NULL DEFAULT '',
    author_name  TEXT    NOT NULL DEFAULT '',
    author_uri   TEXT    NOT NULL DEFAULT '',
    author_email TEXT    NOT NULL DEFAULT '',
    append_only  BIGINT  NOT NULL DEFAULT 0,
    created      BIGINT  NOT NULL,
    updated      BIGINT  NOT NULL,
    last_id      BIGINT  NOT NULL DEFAULT 0,
    pruned_id    BIGINT  NOT NULL DEFAULT 0,
    entries      BIGINT  NOT NULL DEFAULT 0,
    bytes        BIGINT  NOT NULL DEFAULT 0
);

CREATE TABLE atommq_entry (
    id        BIGINT  NOT NULL PRIMARY KEY,
    feed      TEXT COLLATE "C" NOT NULL,
    uuid      TEXT COLLATE "C" NOT NULL UNIQUE,
    title     TEXT    NOT NULL,
    atom_id   TEXT    NOT NULL,
    published BIGINT  NOT NULL,
    updated   BIGINT  NOT NULL,
    edited    BIGINT  NOT NULL,
    absent    BIGINT  NOT NULL,
    edits     BIGINT  NOT NULL DEFAULT 0,
    deleted   BIGINT  NOT NULL DEFAULT 0,
    xml       TEXT    NOT NULL
);

CREATE INDEX atommq_entry_feed ON atommq_entry (feed, id);

CREATE TABLE atommq_key (
    feed   TEXT COLLATE "C" NOT NULL,
    key    TEXT COLLATE "C" NOT NULL,
    seq    BIGINT  NOT NULL,
    digest BYTEA   NOT NULL,
    uuid   TEXT COLLATE "C" NOT NULL,
    id     BIGINT  NOT NULL,
    used   BIGINT  NOT NULL,
    PRIMARY KEY (feed, key, seq)
);

-- With the rest of the key, which SQLite adds by itself.
CREATE INDEX atommq_key_used ON atommq_key (used, feed, key, seq);
