//! The tables. Only `event` is truth, and SQLite itself refuses to change or delete a row of it. The others are caches:
//! `state` is what the events add up to, the columns beside it are for looking things up. `fact` holds whatever is neither
//! letter nor batch, by kind; `tally` counts the letters, so that no account reads them all. `lease` says which run may
//! write; it is no part of the log.
//!
//! Letters lie in the order they came, by SQLite's own `rowid`: a row is some 800 bytes, and a tree that was ordered by the
//! ids would hold five of them a page at every level.

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS event (
    seq     INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    data    TEXT NOT NULL,
    hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX IF NOT EXISTS event_subject ON event (subject, seq);
CREATE TRIGGER IF NOT EXISTS event_is_append_only_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_is_append_only_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
CREATE TABLE IF NOT EXISTS letter (
    id           TEXT PRIMARY KEY NOT NULL,
    status       TEXT NOT NULL,
    municipality TEXT NOT NULL,
    vendor       TEXT NOT NULL,
    batch        TEXT NOT NULL,
    original     TEXT NOT NULL,
    part         INTEGER NOT NULL,
    state        TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS letter_work ON letter (status, original, part) WHERE status IN ('accepted', 'validated');
CREATE INDEX IF NOT EXISTS letter_batch ON letter (batch, status);
CREATE TABLE IF NOT EXISTS batch (
    name     TEXT PRIMARY KEY,
    status   TEXT NOT NULL,
    vendor   TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    state    TEXT NOT NULL,
    UNIQUE (vendor, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batch_status ON batch (status, vendor, sequence);
CREATE TABLE IF NOT EXISTS lease (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    holder TEXT NOT NULL,
    at     TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS fact (
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    status  TEXT NOT NULL,
    state   TEXT NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fact_status ON fact (kind, status, subject);
CREATE INDEX IF NOT EXISTS fact_night ON fact (state ->> '$.business_date') WHERE kind = 'intake';
CREATE TABLE IF NOT EXISTS tally (
    business_date TEXT NOT NULL,
    municipality  TEXT NOT NULL,
    vendor        TEXT NOT NULL,
    batch         TEXT NOT NULL,
    status        TEXT NOT NULL,
    word          TEXT NOT NULL,
    letters       INTEGER NOT NULL,
    pages         INTEGER NOT NULL,
    sheets        INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,
    PRIMARY KEY (business_date, municipality, vendor, batch, status, word)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tally_status ON tally (status, batch);
CREATE INDEX IF NOT EXISTS tally_batch ON tally (batch, status);
";

/// Makes a ledger of the first shape one of this shape: its log took four kinds of events only, and SQLite cannot change a
/// check, so the log is copied, entry by entry and hash by hash. [`SCHEMA`] is run between the two halves.
pub const SET_ASIDE: &str = "
DROP TRIGGER event_is_append_only_update;
DROP TRIGGER event_is_append_only_delete;
DROP INDEX event_subject;
ALTER TABLE event RENAME TO event_before;
CREATE TABLE IF NOT EXISTS cutoff (vendor TEXT PRIMARY KEY, business_date TEXT NOT NULL, state TEXT NOT NULL);
";
pub const TAKE_OVER: &str = "
INSERT INTO event (seq, at, kind, subject, data, hash) SELECT seq, at, kind, subject, data, hash FROM event_before ORDER BY seq;
DROP TABLE event_before;
INSERT INTO fact (kind, subject, status, state) SELECT 'intake', subject, status, state FROM intake;
DROP TABLE intake;
INSERT INTO fact (kind, subject, status, state) SELECT 'cutoff', vendor, 'closed', state FROM cutoff;
DROP TABLE cutoff;
INSERT INTO tally SELECT state ->> '$.business_date', municipality, vendor, batch, status,
    CASE WHEN status IN ('held', 'rejected') THEN coalesce(state ->> '$.reason[0]', '')
         WHEN status IN ('shipped', 'settled', 'returned') THEN coalesce(state ->> '$.word', '') ELSE '' END,
    count(*), coalesce(sum(state ->> '$.job.pages'), 0), coalesce(sum(state ->> '$.job.sheets'), 0),
    coalesce(sum(state ->> '$.job.bytes'), 0)
FROM letter GROUP BY 1, 2, 3, 4, 5, 6;
";

/// Makes the table of letters of an earlier shape, ordered by id, one of this shape. [`SCHEMA`] is run between the halves.
pub const SET_LETTERS_ASIDE: &str = "
DROP INDEX letter_work;
DROP INDEX letter_batch;
ALTER TABLE letter RENAME TO letter_before;
";
pub const TAKE_LETTERS_OVER: &str = "
INSERT INTO letter (id, status, municipality, vendor, batch, original, part, state)
    SELECT id, status, municipality, vendor, batch, original, part, state FROM letter_before
    ORDER BY (SELECT min(seq) FROM event WHERE subject = id);
DROP TABLE letter_before;
";
