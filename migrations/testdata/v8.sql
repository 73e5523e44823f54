BEGIN TRANSACTION;
CREATE TABLE atommq_claim (
    node        INTEGER NOT NULL,
    queue       INTEGER NOT NULL,
    rank        INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    ack_timeout INTEGER NOT NULL,
    expires     INTEGER NOT NULL, deadline INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (node, queue, rank, id)
) STRICT, WITHOUT ROWID;
INSERT INTO atommq_claim VALUES(-1,1,5,5,1,31,0,0,1763679700000000);
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
, media TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO atommq_entry VALUES(2,'first','019aa000-0000-7000-8000-000000000011','an edited one','tag:example.org,2026:1',1763679600000000,1763679601000000,1763679601000000,28,1,0,'<entry><title>an edited one</title></entry>','');
INSERT INTO atommq_entry VALUES(3,'first','019aa000-0000-7000-8000-000000000012','a deleted one','',1763679600000000,1763679600000000,1763679602000000,29,1,1,'','');
INSERT INTO atommq_entry VALUES(4,'second','019aa000-0000-7000-8000-000000000013','ü','',1763679603000000,1763679603000000,1763679603000000,29,0,0,'<entry><title>ü</title></entry>','');
INSERT INTO atommq_entry VALUES(5,'work','019aa000-0000-7000-8000-000000000021','a','',1763679604000000,1763679604000000,1763679604000000,29,0,0,'<entry><title>a</title></entry>','');
INSERT INTO atommq_entry VALUES(6,'work','019aa000-0000-7000-8000-000000000022','b','',1763679604000000,1763679604000000,1763679604000000,29,0,0,'<entry><title>b</title></entry>','');
INSERT INTO atommq_entry VALUES(7,'work','019aa000-0000-7000-8000-000000000023','c','',1763679605000000,1763679605000000,1763679605000000,29,0,0,'<entry><title>c</title></entry>','');
INSERT INTO atommq_entry VALUES(8,'files','019aa000-0000-7000-8000-000000000031','cat.png','',1763679606000000,1763679606000000,1763679606000000,125,0,0,'<entry xmlns="http://www.w3.org/2005/Atom"><title>cat.png</title></entry>','image/png');
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
, until_acked INTEGER, owner TEXT NOT NULL DEFAULT '', offered INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO atommq_feed VALUES('empty','019aa000-0000-7000-8000-000000000004','','','','','',0,1763679604000000,1763679604000000,0,0,0,0,NULL,'',0);
INSERT INTO atommq_feed VALUES('files','019aa000-0000-7000-8000-000000000005','','','','','',0,1763679606000000,1763679606000000,8,0,1,73,0,'',0);
INSERT INTO atommq_feed VALUES('first','019aa000-0000-7000-8000-000000000001','The first','','','','',0,1763679600000000,1763679602000000,3,0,1,43,0,'',0);
INSERT INTO atommq_feed VALUES('second','019aa000-0000-7000-8000-000000000002','','','','','',0,1763679603000000,1763679603000000,4,0,1,32,0,'bob',0);
INSERT INTO atommq_feed VALUES('work','019aa000-0000-7000-8000-000000000003','','','','','',0,1763679604000000,1763679605000000,7,0,3,93,1,'anonymous',5);
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
INSERT INTO atommq_key VALUES('second','once',0,X'0000000000000000000000000000000000000000000000000000000000000000','019aa000-0000-7000-8000-000000000013',4,1763679603000000);
CREATE TABLE atommq_log (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    last_id INTEGER NOT NULL
, stirs INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO atommq_log VALUES(1,8,0);
CREATE TABLE atommq_node (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    started INTEGER NOT NULL,
    gone    INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO atommq_node VALUES(-1,0,0);
INSERT INTO atommq_node VALUES(2,1763679604000000,0);
CREATE TABLE atommq_queue (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    feed        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    ack_timeout INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    passed     INTEGER NOT NULL DEFAULT 0,
    created     INTEGER NOT NULL,
    stirred     INTEGER NOT NULL DEFAULT 0, paused INTEGER NOT NULL DEFAULT 0,
    UNIQUE (feed, name)
) STRICT;
INSERT INTO atommq_queue VALUES(1,'work','default',1800000000,10,2,1763679604000000,0,0);
INSERT INTO atommq_queue VALUES(3,'empty','default',5000000,3,0,1763679604000000,0,1);
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
INSERT INTO atommq_ready VALUES(1,0,7,0,31,2500000,1895000000000000);
INSERT INTO atommq_ready VALUES(1,5,6,2,31,0,0);
CREATE TABLE atommq_schema (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO atommq_schema VALUES(1,0,1,'2026-11-20 23:00:00');
INSERT INTO atommq_schema VALUES(2,1,1,'2026-11-20 23:00:00');
INSERT INTO atommq_schema VALUES(3,2,1,'2026-11-21 01:00:00');
INSERT INTO atommq_schema VALUES(4,3,1,'2026-11-28 21:00:00');
INSERT INTO atommq_schema VALUES(5,4,1,'2026-11-29 00:03:18');
INSERT INTO atommq_schema VALUES(6,5,1,'2026-11-29 00:03:29');
INSERT INTO atommq_schema VALUES(7,6,1,'2026-11-29 03:11:27');
INSERT INTO atommq_schema VALUES(8,7,1,'2026-11-29 22:17:33');
INSERT INTO atommq_schema VALUES(9,8,1,'2026-12-01 00:54:17');
CREATE TABLE atommq_media (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    entry   TEXT,
    feed    TEXT    NOT NULL DEFAULT '',
    size    INTEGER NOT NULL DEFAULT 0,
    digest  BLOB    NOT NULL DEFAULT x'',
    created INTEGER NOT NULL DEFAULT 0,
    touched INTEGER NOT NULL
, chunks_of INTEGER) STRICT;
INSERT INTO atommq_media VALUES(1,'019aa000-0000-7000-8000-000000000031','files',3,X'9d1b3a2c6a7ed6fae7fb35e1ab4a7a2c9a4ed9a0f29d5f6a0b0d8a2f6b3c4d5e',1763679606000000,1763679606000000,NULL);
INSERT INTO atommq_media VALUES(2,NULL,'',0,X'',0,1763679607000000,NULL);
CREATE TABLE atommq_chunk (
    media INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    bytes BLOB    NOT NULL,
    PRIMARY KEY (media, seq)
) STRICT;
INSERT INTO atommq_chunk VALUES(1,0,X'000102');
INSERT INTO atommq_chunk VALUES(2,0,X'ff');
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
INSERT INTO atommq_draft VALUES('019aa000-0000-7000-8000-000000000032','files','later','',0,0,1763679607000000,29,1,'<entry xmlns="http://www.w3.org/2005/Atom"><title>later</title><app:control xmlns:app="http://www.w3.org/2007/app"><app:draft>yes</app:draft></app:control></entry>');
CREATE TABLE atommq_setting (
    feed         TEXT    NOT NULL PRIMARY KEY,
    accepts      TEXT,
    categories   TEXT    NOT NULL DEFAULT '',
    keep_age     INTEGER NOT NULL DEFAULT 0,
    keep_entries INTEGER NOT NULL DEFAULT 0,
    keep_bytes   INTEGER NOT NULL DEFAULT 0,
    revision     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO atommq_setting VALUES('files','image/* application/atom+xml;type=entry','{"fixed":true,"list":[{"term":"a"}]}',86400000000,1000,1073741824,2);
CREATE TABLE atommq_secret (
    one   INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    lease BLOB    NOT NULL
) STRICT;
INSERT INTO atommq_secret VALUES(1,X'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
CREATE TABLE atommq_account (
    name     TEXT    NOT NULL PRIMARY KEY,
    password TEXT    NOT NULL DEFAULT '',
    created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO atommq_account VALUES('ann','$2a$10$aZ/2xO40QLrEFC4eQCrC7u9xgfq/51uiRwCf3rqfhfcE6rcBTnDCO',1763679800000000);
INSERT INTO atommq_account VALUES('bob','',1763679801000000);
CREATE TABLE atommq_token (
    digest  BLOB    NOT NULL PRIMARY KEY,
    account TEXT    NOT NULL,
    label   TEXT    NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, label)
) STRICT, WITHOUT ROWID;
INSERT INTO atommq_token VALUES(X'0f01020304050607080910111213141516171819202122232425262728293031','bob','laptop',1763679802000000,0);
CREATE TABLE atommq_rule (
    account TEXT    NOT NULL,
    feed    TEXT    NOT NULL,
    rights  TEXT    NOT NULL,
    PRIMARY KEY (account, feed)
) STRICT, WITHOUT ROWID;
INSERT INTO atommq_rule VALUES('ann','*','admin');
INSERT INTO atommq_rule VALUES('anonymous','news','read');
INSERT INTO atommq_rule VALUES('bob','first','read,consume');
CREATE TABLE atommq_access (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO atommq_access VALUES(1,9);
CREATE TABLE atommq_limit (
    account TEXT    NOT NULL,
    what    TEXT    NOT NULL,
    most    INTEGER NOT NULL,
    PRIMARY KEY (account, what)
) STRICT, WITHOUT ROWID;
INSERT INTO atommq_limit VALUES('*','connections',50);
INSERT INTO atommq_limit VALUES('anonymous','feeds',0);
INSERT INTO atommq_limit VALUES('bob','bytes',10485760);
INSERT INTO atommq_limit VALUES('bob','requests',-1);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('atommq_schema',9);
INSERT INTO sqlite_sequence VALUES('atommq_queue',3);
INSERT INTO sqlite_sequence VALUES('atommq_node',2);
INSERT INTO sqlite_sequence VALUES('atommq_media',2);
CREATE INDEX atommq_entry_feed ON atommq_entry (feed, id);
CREATE INDEX atommq_key_used ON atommq_key (used);
CREATE INDEX atommq_queue_stirred ON atommq_queue (stirred) WHERE stirred > 0;
CREATE INDEX atommq_media_feed ON atommq_media (feed);
CREATE INDEX atommq_media_entry ON atommq_media (entry, touched, id);
CREATE INDEX atommq_draft_feed ON atommq_draft (feed);
CREATE INDEX atommq_setting_limited ON atommq_setting (feed) WHERE keep_age + keep_entries + keep_bytes > 0;
CREATE INDEX atommq_claim_deadline ON atommq_claim (deadline) WHERE deadline > 0;
CREATE INDEX atommq_feed_owner ON atommq_feed (owner) WHERE owner <> '';
CREATE INDEX atommq_media_shared ON atommq_media (chunks_of) WHERE chunks_of IS NOT NULL;
COMMIT;
