package db

import "atommq/bus"

// inspection finds what contradicts one thing that holds in every sound database, between any two commits.
type inspection struct {
	name  string // of what is broken
	query string // a row for each fault, for both databases
	fault string // with the values of the row, by their numbers
	do    string // likewise; "" for what --repair does
}

const (
	askRepair = "atommq check --repair counts anew"
	byHand    = "stop the servers, make a backup, and run in a SQL prompt: "
)

// head is the newest id, also where there are several counters.
const head = "(SELECT max(" + newestID + ") FROM atommq_log)"

// allWork is what waits and what consumers have.
const allWork = "(SELECT 0 AS node, queue, rank, id FROM atommq_ready UNION ALL SELECT node, queue, rank, id FROM atommq_claim) AS w"

// inspections are in the order in which faults are best mended.
var inspections = []inspection{
	{"ids", "SELECT count(*) FROM atommq_log HAVING count(*) <> 1",
		"the counter of ids has %[1]d rows instead of one", "nothing can be published: " + RestoreBackup},
	{"ids", "SELECT id, feed FROM atommq_entry WHERE id > " + head + " ORDER BY id",
		"entry %[1]d of feed %[2]q lies above the counter of ids: a new one will get its id", ""},
	{"ids", "SELECT name, last_id FROM atommq_feed WHERE last_id > " + head + " ORDER BY name",
		"feed %[1]q has given the id %[2]d, above the counter of ids: it will be given again", ""},
	{"ids", "SELECT id, feed FROM atommq_entry WHERE id < 1 ORDER BY id",
		"entry %[1]d of feed %[2]q has an id below 1, which no cursor finds", byHand + "DELETE FROM atommq_entry WHERE id = %[1]d"},
	{"ids", "SELECT feed, key, id FROM atommq_key WHERE id > " + head + " ORDER BY feed, key",
		"the idempotency key %[2]q of feed %[1]q is that of entry %[3]d, above the counter of ids", "it is forgotten by itself after --idempotency-window"},
	{"uuids", "SELECT uuid, count(*) FROM atommq_entry GROUP BY uuid HAVING count(*) > 1 ORDER BY uuid",
		"%[2]d entries have the uuid %[1]s", "an index of the database is broken: " + RestoreBackup},
	{"uuids", "SELECT d.uuid, d.feed FROM atommq_draft AS d JOIN atommq_entry AS e ON e.uuid = d.uuid ORDER BY d.uuid",
		"%[1]s is both an entry and a draft of feed %[2]q", byHand + "DELETE FROM atommq_draft WHERE uuid = '%[1]s'"},
	{"feeds", `SELECT e.feed, count(*) FROM atommq_entry AS e LEFT JOIN atommq_feed AS f ON f.name = e.feed
		WHERE f.name IS NULL GROUP BY e.feed ORDER BY e.feed`,
		"feed %[1]q is not there, and has entries: %[2]d", "publish an entry to it, which makes the feed, and run atommq check --repair"},
	{"feeds", `SELECT d.feed, count(*) FROM (SELECT feed FROM atommq_draft UNION ALL SELECT feed FROM atommq_setting UNION ALL SELECT feed FROM atommq_queue) AS d
		LEFT JOIN atommq_feed AS f ON f.name = d.feed WHERE f.name IS NULL GROUP BY d.feed ORDER BY d.feed`,
		"feed %[1]q is not there, and has drafts, settings or queues: %[2]d", "publish an entry to it, which makes the feed"},
	{"counters", `SELECT f.name, f.entries, coalesce(e.live, 0), f.bytes, coalesce(e.size, 0) FROM atommq_feed AS f
		LEFT JOIN (SELECT feed, CAST(sum(1 - deleted) AS BIGINT) AS live, CAST(sum(octet_length(xml)) AS BIGINT) AS size
			FROM atommq_entry GROUP BY feed) AS e ON e.feed = f.name
		WHERE f.entries <> coalesce(e.live, 0) OR f.bytes <> coalesce(e.size, 0) ORDER BY f.name`,
		"feed %[1]q counts its entries as %[2]d and has %[3]d, and their bytes as %[4]d and has %[5]d", ""},
	{"counters", `SELECT f.name, f.last_id, e.newest FROM atommq_feed AS f
		JOIN (SELECT feed, max(id) AS newest FROM atommq_entry GROUP BY feed) AS e ON e.feed = f.name WHERE f.last_id < e.newest ORDER BY f.name`,
		"feed %[1]q calls %[2]d its newest id, and has entry %[3]d", ""},
	{"counters", "SELECT name, pruned_id, last_id FROM atommq_feed WHERE pruned_id > last_id ORDER BY name",
		"feed %[1]q has pruned entry %[2]d, above its newest id %[3]d", ""},
	{"counters", `SELECT q.feed, q.name, q.waiting, coalesce(w.n, 0) FROM (` + selectQueues + `) AS q
		LEFT JOIN (SELECT queue, count(*) AS n FROM ` + allWork + ` GROUP BY queue) AS w ON w.queue = q.id
		WHERE q.waiting <> coalesce(w.n, 0) ORDER BY q.feed, q.name`,
		"queue %[2]q of feed %[1]q counts %[3]d that wait, and has %[4]d", ""},
	{"queues", "SELECT w.queue, count(*) FROM " + allWork + ` LEFT JOIN atommq_queue AS q ON q.id = w.queue
		WHERE q.id IS NULL GROUP BY w.queue ORDER BY w.queue`,
		"queue %[1]d is not there, and has entries that wait in it: %[2]d", byHand + "DELETE FROM atommq_ready WHERE queue = %[1]d; DELETE FROM atommq_claim WHERE queue = %[1]d"},
	{"queues", "SELECT w.id, q.name, q.feed, w.queue FROM " + allWork + ` JOIN atommq_queue AS q ON q.id = w.queue
		LEFT JOIN atommq_entry AS e ON e.id = w.id AND e.feed = q.feed AND e.deleted = 0 WHERE e.id IS NULL ORDER BY w.queue, w.id`,
		"entry %[1]d waits in queue %[2]q of feed %[3]q, and is gone", byHand + "DELETE FROM atommq_ready WHERE queue = %[4]d AND id = %[1]d; DELETE FROM atommq_claim WHERE queue = %[4]d AND id = %[1]d; then run atommq check --repair"},
	{"queues", "SELECT w.id, count(*), w.queue FROM " + allWork + " GROUP BY w.queue, w.id HAVING count(*) > 1 ORDER BY w.queue, w.id",
		"entry %[1]d waits %[2]d times in queue %[3]d", byHand + "DELETE FROM atommq_claim WHERE queue = %[3]d AND id = %[1]d; then run atommq check --repair"},
	{"queues", `SELECT c.node, count(*) FROM atommq_claim AS c LEFT JOIN atommq_node AS n ON n.id = c.node
		WHERE n.id IS NULL GROUP BY c.node ORDER BY c.node`,
		"node %[1]d is not there, and its consumers have entries: %[2]d", byHand + "INSERT INTO atommq_node (id, started) VALUES (%[1]d, 0); the next server gives them back to their queues"},
	{"secrets", "SELECT count(*) FROM atommq_secret WHERE octet_length(lease) >= 16 HAVING count(*) <> 1",
		"there are %[1]d secrets for leases instead of one", "no work can be handed out over HTTP: " + RestoreBackup},
	{"access", `SELECT t.account, count(*) FROM (SELECT account FROM atommq_token UNION ALL SELECT account FROM atommq_rule WHERE account <> '` + bus.Anonymous + `'
		UNION ALL SELECT account FROM atommq_limit WHERE account NOT IN ('` + bus.Anonymous + `', '` + bus.Everyone + `')) AS t
		LEFT JOIN atommq_account AS a ON a.name = t.account WHERE a.name IS NULL GROUP BY t.account ORDER BY t.account`,
		"account %[1]q is not there, and has tokens, rules or limits: %[2]d", "add the account and remove it again, which removes them"},
	{"keys", "SELECT feed, key, octet_length(digest) FROM atommq_key WHERE octet_length(digest) <> 32 OR seq < 0 ORDER BY feed, key",
		"the idempotency key %[2]q of feed %[1]q has a digest of %[3]d bytes, or a place below 0", "it is forgotten by itself after --idempotency-window"},
	{"media", `SELECT m.id, m.entry FROM atommq_media AS m LEFT JOIN atommq_entry AS e ON e.uuid = m.entry AND e.deleted = 0
		WHERE m.entry IS NOT NULL AND e.uuid IS NULL ORDER BY m.id`,
		"media %[1]d belong to entry %[2]s, which is gone", byHand + "UPDATE atommq_media SET entry = NULL, size = -1 WHERE id = %[1]d; the next server removes them"},
	{"media", `SELECT e.id, e.feed, e.uuid FROM atommq_entry AS e LEFT JOIN atommq_media AS m ON m.entry = e.uuid
		WHERE e.media <> '' AND m.id IS NULL ORDER BY e.id`,
		"entry %[1]d of feed %[2]q links to media that are not there", "PUT the file to /feeds/%[2]s/entries/%[3]s/media, or delete the entry"},
	{"media", `SELECT m.id, m.entry, m.size, coalesce(c.n, 0), coalesce(c.size, 0) FROM atommq_media AS m
		LEFT JOIN (SELECT media, count(*) AS n, max(seq) AS last, CAST(sum(octet_length(bytes)) AS BIGINT) AS size FROM atommq_chunk GROUP BY media) AS c ON c.media = coalesce(m.chunks_of, m.id)
		WHERE m.entry IS NOT NULL AND (c.n IS NULL OR c.n <> c.last + 1 OR c.size <> m.size) ORDER BY m.id`,
		"media %[1]d of entry %[2]s have %[3]d bytes, and %[4]d chunks with %[5]d are there", "PUT the file anew, or restore a backup"},
	{"media", `SELECT c.media, count(*) FROM atommq_chunk AS c LEFT JOIN atommq_media AS m ON m.id = c.media
		WHERE m.id IS NULL GROUP BY c.media ORDER BY c.media`,
		"media %[1]d are not there, and %[2]d of their chunks are", byHand + "DELETE FROM atommq_chunk WHERE media = %[1]d"},
}
