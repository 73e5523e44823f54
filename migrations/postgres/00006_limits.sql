-- How much accounts may take, and whose the feeds are, which are among that. doc/db.md describes every
-- column.

-- +goose Up

CREATE TABLE atommq_limit (
    account TEXT COLLATE "C" NOT NULL,
    what    TEXT COLLATE "C" NOT NULL,
    most    BIGINT NOT NULL,
    PRIMARY KEY (account, what)
);

ALTER TABLE atommq_feed ADD COLUMN owner TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX atommq_feed_owner ON atommq_feed (owner) WHERE owner <> '';
