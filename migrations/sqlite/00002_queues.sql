-- Queues: groups of competing consumers on a feed. A publish writes a row to atommq_ready for each
-- queue of its feed; handing it out moves the row to atommq_claim, an ack deletes it. So both
-- tables are as long as there is work, and each is read and written from one end. doc/db.md
-- describes every column.

-- +goose Up

-- NULL: not decided, until the first entry is published. Feeds from before there were queues keep all.
ALTER TABLE atommq_feed ADD COLUMN until_acked INTEGER;
UPDATE atommq_feed SET until_acked = 0;

-- AUTOINCREMENT: a number is never given again, so that a claim of a dropped queue fits no other one.
CREATE TABLE atommq_queue (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    feed        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    ack_timeout INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    waiting     INTEGER NOT NULL DEFAULT 0,
    created     INTEGER NOT NULL,
    stirred     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (feed, name)
) STRICT;

-- How often a queue got work back so far, any queue; atommq_queue has the count at its last time. So a
-- node finds the queues that got some back since it looked last, and may have consumers for it.
ALTER TABLE atommq_log ADD COLUMN stirs INTEGER NOT NULL DEFAULT 0;
CREATE INDEX atommq_queue_stirred ON atommq_queue (stirred) WHERE stirred > 0;

-- In the order of claims; rank is 9 - priority, because not every database sorts a key both ways.
CREATE TABLE atommq_ready (
    queue       INTEGER NOT NULL,
    rank        INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    ack_timeout INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    PRIMARY KEY (queue, rank, id)
) STRICT, WITHOUT ROWID;

-- By node first: the claims of a process that died are one range.
CREATE TABLE atommq_claim (
    node        INTEGER NOT NULL,
    queue       INTEGER NOT NULL,
    rank        INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    ack_timeout INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    PRIMARY KEY (node, queue, rank, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE atommq_node (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    started INTEGER NOT NULL,
    gone    INTEGER NOT NULL DEFAULT 0
) STRICT;
