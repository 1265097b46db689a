//! The tables. Only `event` is truth, and SQLite itself refuses to change or delete a row of it. The others are caches:
//! `state` is what the events add up to, the columns beside it are for looking things up. `lease` says which run may write;
//! it is no part of the log.

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS event (
    seq     INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,
    kind    TEXT NOT NULL CHECK (kind IN ('letter', 'batch', 'intake', 'cutoff')),
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
    id           TEXT PRIMARY KEY,
    status       TEXT NOT NULL,
    municipality TEXT NOT NULL,
    vendor       TEXT NOT NULL,
    batch        TEXT NOT NULL,
    original     TEXT NOT NULL,
    part         INTEGER NOT NULL,
    state        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS letter_work ON letter (status, original, part);
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
CREATE TABLE IF NOT EXISTS intake (
    subject TEXT PRIMARY KEY,
    status  TEXT NOT NULL,
    state   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS intake_status ON intake (status, subject);
CREATE TABLE IF NOT EXISTS cutoff (
    vendor        TEXT PRIMARY KEY,
    business_date TEXT NOT NULL,
    state         TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Makes a ledger of before the cut-offs one that takes them: SQLite cannot change a check, so the log is copied, entry by
/// entry and hash by hash, into a table with the new one. [`SCHEMA`] is run between the two halves and makes it.
pub const SET_ASIDE: &str = "
DROP TRIGGER event_is_append_only_update;
DROP TRIGGER event_is_append_only_delete;
DROP INDEX event_subject;
ALTER TABLE event RENAME TO event_before_cutoffs;
";
pub const TAKE_OVER: &str = "
INSERT INTO event (seq, at, kind, subject, data, hash)
SELECT seq, at, kind, subject, data, hash FROM event_before_cutoffs ORDER BY seq;
DROP TABLE event_before_cutoffs;
";
