//! The ledger's truth: an append-only log of events, each with the hash of the one before.
//!
//! Tables beside the log are caches: they are written in the same transaction and [`Ledger::verify`] rebuilds them by
//! replay and compares. Nothing personal stands in it: no CPR number, no name, no address.

mod schema;
mod verify;

pub use verify::Violation;

use crate::domain::status::{BatchEvent, BatchStatus, IllegalEvent, LetterEvent, LetterStatus, batch_after, letter_after};
use crate::domain::{BatchName, LetterId, Sha256};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use std::path::Path;

/// Before 3.51.3 two connections that write and checkpoint at once can corrupt the WAL.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("no ledger at {0}")]
    Missing(String),
    #[error("the linked SQLite {0} is older than 3.51.3, which can corrupt the ledger")]
    OldSqlite(String),
    #[error("ledger: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("ledger, {subject}: {fault}")]
    Illegal { subject: String, fault: IllegalEvent },
    #[error("ledger, entry {seq}: {why}")]
    Corrupt { seq: i64, why: String },
}

/// One event with its subject, as it is recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    Letter(LetterId, LetterEvent),
    Batch(BatchName, BatchEvent),
}

/// The log and its caches, in one SQLite file.
pub struct Ledger {
    connection: Connection,
}

impl Ledger {
    /// Opens the ledger, and makes it when it is not there.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::prepared(Connection::open(path)?)
    }

    /// Opens for reading only; an absent ledger is an error.
    pub fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        if !path.is_file() {
            return Err(LedgerError::Missing(path.display().to_string()));
        }
        check_version()?;
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        Ok(Self { connection })
    }

    fn prepared(connection: Connection) -> Result<Self, LedgerError> {
        check_version()?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        connection.execute_batch(schema::SCHEMA)?;
        Ok(Self { connection })
    }

    /// Records the entries in one transaction: all or none. Durable when it returns.
    ///
    /// `at` is RFC 3339 in UTC and is shown, never used to decide.
    pub fn record(&mut self, at: &str, entries: &[Entry]) -> Result<(), LedgerError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut head = head(&transaction)?;
        for entry in entries {
            head = append(&transaction, at, entry, head)?;
        }
        transaction.commit()?;
        Ok(())
    }

    pub fn letter_status(&self, letter: &LetterId) -> Result<Option<LetterStatus>, LedgerError> {
        cached_letter(&self.connection, letter)
    }

    pub fn batch_status(&self, batch: &BatchName) -> Result<Option<BatchStatus>, LedgerError> {
        cached_batch(&self.connection, batch)
    }

    /// The last entry's number and hash; zeros when nothing was recorded.
    pub fn head(&self) -> Result<(i64, Sha256), LedgerError> {
        head(&self.connection)
    }

    /// How many letters stand in each status.
    pub fn letters_by_status(&self) -> Result<Vec<(LetterStatus, u64)>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT status, count(*) FROM letter GROUP BY status")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        let mut counts = Vec::new();
        for row in rows {
            let (word, count) = row?;
            let status = letter_status_of(&word).ok_or_else(|| LedgerError::Corrupt { seq: 0, why: "unknown letter status".to_owned() })?;
            counts.push((status, u64::try_from(count).unwrap_or(0)));
        }
        counts.sort();
        Ok(counts)
    }

    /// The events of one letter or batch, oldest first: time, event as JSON.
    pub fn history(&self, subject: &str) -> Result<Vec<(String, String)>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT at, data FROM event WHERE subject = ?1 ORDER BY seq")?;
        let rows = statement.query_map([subject], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Proves the chain, and that the tables are what the events add up to. Changes nothing.
    pub fn verify(&self) -> Result<Vec<Violation>, LedgerError> {
        verify::verify(&self.connection)
    }
}

fn check_version() -> Result<(), LedgerError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(LedgerError::OldSqlite(rusqlite::version().to_owned()));
    }
    Ok(())
}

fn head(connection: &Connection) -> Result<(i64, Sha256), LedgerError> {
    let row: Option<(i64, [u8; 32])> = connection
        .query_row("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row.map_or((0, Sha256([0; 32])), |(seq, hash)| (seq, Sha256(hash))))
}

/// The hash of an entry: over the one before and every column, each with its length in front.
pub(crate) fn entry_hash(previous: &Sha256, seq: i64, at: &str, kind: &str, subject: &str, data: &str) -> Sha256 {
    let mut hasher = openssl::sha::Sha256::new();
    hasher.update(&previous.0);
    hasher.update(&seq.to_be_bytes());
    for text in [at, kind, subject, data] {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    Sha256(hasher.finish())
}

fn append(t: &Transaction<'_>, at: &str, entry: &Entry, (last, previous): (i64, Sha256)) -> Result<(i64, Sha256), LedgerError> {
    let seq = last + 1;
    let (kind, subject, data) = match entry {
        Entry::Letter(id, event) => {
            let status = next(id, cached_letter(t, id)?, event, letter_after)?;
            t.prepare_cached("INSERT INTO letter (id, status) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET status = excluded.status")?
                .execute(params![id.as_str(), status.word()])?;
            ("letter", id.to_string(), json(event))
        }
        Entry::Batch(name, event) => {
            let status = next(name, cached_batch(t, name)?, event, batch_after)?;
            t.prepare_cached("INSERT INTO batch (name, status) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET status = excluded.status")?
                .execute(params![name.as_str(), status.word()])?;
            ("batch", name.to_string(), json(event))
        }
    };
    let hash = entry_hash(&previous, seq, at, kind, &subject, &data);
    t.prepare_cached("INSERT INTO event (seq, at, kind, subject, data, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![seq, at, kind, subject, data, hash.0])?;
    Ok((seq, hash))
}

fn next<I: std::fmt::Display, S, E>(
    id: &I,
    status: Option<S>,
    event: &E,
    after: fn(Option<S>, &E) -> Result<S, IllegalEvent>,
) -> Result<S, LedgerError> {
    after(status, event).map_err(|fault| LedgerError::Illegal { subject: id.to_string(), fault })
}

fn json(event: &impl Serialize) -> String {
    serde_json::to_string(event).expect("an event has only string keys")
}

fn cached_letter(connection: &Connection, id: &LetterId) -> Result<Option<LetterStatus>, LedgerError> {
    let word = cached(connection, "SELECT status FROM letter WHERE id = ?1", id.as_str())?;
    word.map(|w| letter_status_of(&w).ok_or_else(|| LedgerError::Corrupt { seq: 0, why: format!("letter {id} has an unknown status") }))
        .transpose()
}

fn cached_batch(connection: &Connection, name: &BatchName) -> Result<Option<BatchStatus>, LedgerError> {
    let word = cached(connection, "SELECT status FROM batch WHERE name = ?1", name.as_str())?;
    let known = |w: String| serde_json::from_value(serde_json::Value::String(w)).ok();
    word.map(|w| known(w).ok_or_else(|| LedgerError::Corrupt { seq: 0, why: format!("batch {name} has an unknown status") })).transpose()
}

fn cached(connection: &Connection, query: &str, key: &str) -> Result<Option<String>, LedgerError> {
    Ok(connection.prepare_cached(query)?.query_row([key], |row| row.get(0)).optional()?)
}

fn letter_status_of(word: &str) -> Option<LetterStatus> {
    LetterStatus::ALL.into_iter().find(|status| status.word() == word)
}
