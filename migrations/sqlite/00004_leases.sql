-- Leases: claims that belong to no process, each until its deadline, which is how work is handed out
-- over HTTP. And queues that pause. doc/db.md describes every column.

-- +goose Up

-- When a lease ends; 0 for a claim that a process holds.
ALTER TABLE atommq_claim ADD COLUMN deadline INTEGER NOT NULL DEFAULT 0;
CREATE INDEX atommq_claim_deadline ON atommq_claim (deadline) WHERE deadline > 0;

-- The node that all leases are kept under. It is no process, and never gone.
INSERT INTO atommq_node (id, started) VALUES (-1, 0);

ALTER TABLE atommq_queue ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;

-- What the names of leases are sealed with, so that nobody guesses one.
CREATE TABLE atommq_secret (
    one   INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    lease BLOB    NOT NULL
) STRICT;
INSERT INTO atommq_secret VALUES (1, randomblob(32));
