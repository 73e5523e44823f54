-- What waits in a queue is counted from what its feed has offered, so that publishing an entry
-- writes the feed's row, which it writes anyway, and none of its queues'. doc/db.md describes every
-- column.

-- +goose Up

ALTER TABLE atommq_feed ADD COLUMN offered BIGINT NOT NULL DEFAULT 0;
UPDATE atommq_feed SET offered = coalesce((SELECT max(q.waiting) FROM atommq_queue AS q WHERE q.feed = atommq_feed.name), 0);

ALTER TABLE atommq_queue RENAME COLUMN waiting TO passed;
UPDATE atommq_queue SET passed = coalesce((SELECT f.offered FROM atommq_feed AS f WHERE f.name = atommq_queue.feed), 0) - passed;
