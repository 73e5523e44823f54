-- Who may do what: accounts with their passwords, tokens, and rules about feeds. doc/db.md describes
-- every column.

-- +goose Up

CREATE TABLE atommq_account (
    name     TEXT    NOT NULL PRIMARY KEY,
    password TEXT    NOT NULL DEFAULT '',
    created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Of a token nothing is kept but its SHA-256.
CREATE TABLE atommq_token (
    digest  BLOB    NOT NULL PRIMARY KEY,
    account TEXT    NOT NULL,
    label   TEXT    NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, label)
) STRICT, WITHOUT ROWID;

CREATE TABLE atommq_rule (
    account TEXT    NOT NULL,
    feed    TEXT    NOT NULL,
    rights  TEXT    NOT NULL,
    PRIMARY KEY (account, feed)
) STRICT, WITHOUT ROWID;

-- Every change of the three is counted: nodes look at the count to know that they have to read them.
CREATE TABLE atommq_access (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO atommq_access VALUES (1, 0);
