-- Who may do what: accounts with their passwords, tokens, and rules about feeds. doc/db.md describes
-- every column.

-- +goose Up

CREATE TABLE atommq_account (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    password TEXT    NOT NULL DEFAULT '',
    created  BIGINT  NOT NULL
);

-- Of a token nothing is kept but its SHA-256.
CREATE TABLE atommq_token (
    digest  BYTEA   NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    label   TEXT COLLATE "C" NOT NULL,
    created BIGINT  NOT NULL,
    expires BIGINT  NOT NULL DEFAULT 0,
    UNIQUE (account, label)
);

CREATE TABLE atommq_rule (
    account TEXT COLLATE "C" NOT NULL,
    feed    TEXT COLLATE "C" NOT NULL,
    rights  TEXT    NOT NULL,
    PRIMARY KEY (account, feed)
);

-- Every change of the three is counted: nodes look at the count to know that they have to read them.
CREATE TABLE atommq_access (
    one      BIGINT  NOT NULL PRIMARY KEY CHECK (one = 1),
    revision BIGINT  NOT NULL
);
INSERT INTO atommq_access VALUES (1, 0);
