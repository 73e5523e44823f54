-- How much accounts may take, and whose the feeds are, which are among that. doc/db.md describes every
-- column.

-- +goose Up

CREATE TABLE atommq_limit (
    account TEXT    NOT NULL,
    what    TEXT    NOT NULL,
    most    INTEGER NOT NULL,
    PRIMARY KEY (account, what)
) STRICT, WITHOUT ROWID;

ALTER TABLE atommq_feed ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE INDEX atommq_feed_owner ON atommq_feed (owner) WHERE owner <> '';
