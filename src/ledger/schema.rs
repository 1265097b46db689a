//! The tables. Only `event` is truth, and SQLite itself refuses to change or delete a row of it.

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS event (
    seq     INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,
    kind    TEXT NOT NULL CHECK (kind IN ('letter', 'batch')),
    subject TEXT NOT NULL,
    data    TEXT NOT NULL,
    hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX IF NOT EXISTS event_subject ON event (subject, seq);
CREATE TRIGGER IF NOT EXISTS event_is_append_only_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_is_append_only_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
CREATE TABLE IF NOT EXISTS letter (id TEXT PRIMARY KEY, status TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS letter_status ON letter (status, id);
CREATE TABLE IF NOT EXISTS batch (name TEXT PRIMARY KEY, status TEXT NOT NULL) STRICT, WITHOUT ROWID;
";
