//! The ledger's truth: an append-only log of events, each with the hash of the one before.
//!
//! Tables beside the log are caches: they are written in the same transaction and [`Ledger::verify`] rebuilds them by
//! replay and compares. Nothing personal stands in it: no CPR number, no name, no address.

mod desk;
mod lease;
mod letters;
mod log;
mod query;
mod schema;
mod tally;
mod verify;

pub use desk::{BatchCount, Kept, Open};
pub use query::{Count, RefusedFile, Standing};
pub use verify::Violation;

use crate::domain::alarm::{AlarmEvent, AlarmState};
use crate::domain::cutoff::{CutoffEvent, CutoffState};
use crate::domain::entry::entry_hash;
use crate::domain::head::HeadEvent;
use crate::domain::order::{OrderEvent, OrderState, StopEvent};
use crate::domain::state::{BatchState, IntakeEvent, LetterState};
use crate::domain::status::{BatchEvent, IllegalEvent, LetterEvent, LetterStatus};
use crate::domain::{BatchName, LetterId, OrderId, Sha256, VendorId};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::Duration;
use tally::Tally;

/// Before 3.51.3 two connections that write and checkpoint at once can corrupt the WAL.
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// A reader beside the one writer waits this long for a lock at most.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("no ledger at {0}")]
    Missing(String),
    #[error("the linked SQLite {0} is older than 3.51.3, which can corrupt the ledger")]
    OldSqlite(String),
    #[error("ledger: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("another run took the ledger over: our lease is number {ours}, the last one is {last}; nothing more was written")]
    LeaseLost { ours: i64, last: i64 },
    #[error("ledger, {subject}: {fault}")]
    Illegal { subject: String, fault: IllegalEvent },
    #[error("ledger, {subject}: its row cannot be read; run `fjernprint ledger verify`")]
    Corrupt { subject: String },
}

/// One event with its subject, as it is recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    Letter(LetterId, LetterEvent),
    Batch(BatchName, BatchEvent),
    /// A sender's file, named by [`file_subject`].
    File(String, IntakeEvent),
    /// A vendor's business day.
    Cutoff(VendorId, CutoffEvent),
    /// What a person ordered.
    Order(OrderId, OrderEvent),
    /// The stop button of one vendor, or of [`EVERY_VENDOR`].
    Stop(String, StopEvent),
    /// The signed head of the log, by its date.
    Head(String, HeadEvent),
    /// Something that a person must know, by its key.
    Alarm(String, AlarmEvent),
}

/// The subject of a stop that holds for all.
pub const EVERY_VENDOR: &str = "every vendor";

impl Entry {
    /// Under which kind and subject it stands in the log, and its event as JSON.
    fn logged(&self) -> (&'static str, String, String) {
        match self {
            Self::Letter(id, event) => ("letter", id.to_string(), json(event)),
            Self::Batch(name, event) => ("batch", name.to_string(), json(event)),
            Self::File(subject, event) => ("intake", subject.clone(), json(event)),
            Self::Cutoff(vendor, event) => ("cutoff", vendor.to_string(), json(event)),
            Self::Order(id, event) => ("order", id.to_string(), json(event)),
            Self::Stop(subject, event) => ("stop", subject.clone(), json(event)),
            Self::Head(date, event) => ("head", date.clone(), json(event)),
            Self::Alarm(key, event) => ("alarm", key.clone(), json(event)),
        }
    }
}

/// A fact after one more event: status and state, as they stand in table `fact`. The kinds are those of [`Entry::logged`].
fn fact_after(kind: &str, subject: &str, before: Option<&str>, data: &str) -> Result<(String, String), LedgerError> {
    let corrupt = || LedgerError::Corrupt { subject: subject.to_owned() };
    let fault = |fault| LedgerError::Illegal { subject: subject.to_owned(), fault };
    match kind {
        "intake" => {
            let event: IntakeEvent = read_state(data, subject)?;
            let twice = || IllegalEvent { status: "recorded".to_owned(), event: event.word().to_owned() };
            if before.is_some() { Err(fault(twice())) } else { Ok((event.word().to_owned(), json(&event))) }
        }
        "cutoff" => {
            let before = before.map(|text| read_state(text, subject)).transpose()?;
            let state = CutoffState::after(before, &read_state(data, subject)?).map_err(fault)?;
            Ok(("closed".to_owned(), json(&state)))
        }
        "order" => {
            let before = before.map(|text| read_state(text, subject)).transpose()?;
            let state = OrderState::after(before, &read_state(data, subject)?).map_err(fault)?;
            Ok((state.status.word().to_owned(), json(&state)))
        }
        "stop" => {
            let before: Option<StopEvent> = before.map(|text| read_state(text, subject)).transpose()?;
            let state = StopEvent::after(before.as_ref(), &read_state(data, subject)?).map_err(fault)?;
            Ok((state.word().to_owned(), json(&state)))
        }
        "head" => {
            let event: HeadEvent = read_state(data, subject)?;
            let twice = || IllegalEvent { status: "signed".to_owned(), event: event.word().to_owned() };
            if before.is_some() { Err(fault(twice())) } else { Ok((event.word().to_owned(), json(&event))) }
        }
        "alarm" => {
            let before = before.map(|text| read_state(text, subject)).transpose()?;
            let state = AlarmState::after(before, &read_state(data, subject)?).map_err(fault)?;
            Ok((state.status().to_owned(), json(&state)))
        }
        _ => Err(corrupt()),
    }
}

/// The ledger's name of a sender's file: the sender and the hash of the file's bytes.
pub fn file_subject(sender: &str, hash: &Sha256) -> String {
    format!("{sender}/{hash}")
}

/// Pages of the file kept in memory, KiB. Letters are looked up in the order they are printed, which is no order of ids: with
/// SQLite's own 2 MiB every look-up of a large night is a read.
const CACHE_KIB: i64 = 16 * 1024;

/// The log and its caches, in one SQLite file.
pub struct Ledger {
    connection: Connection,
    /// The number of the lease that this run holds, once it has taken it.
    lease: Option<i64>,
}

impl Ledger {
    /// Opens the ledger, and makes it when it is not there.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        check_version()?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        make_tables(&connection)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection, lease: None })
    }

    /// Opens for reading only; an absent ledger is an error. One of an earlier shape is given this one first.
    pub fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        if !path.is_file() {
            return Err(LedgerError::Missing(path.display().to_string()));
        }
        check_version()?;
        let open = || -> Result<Connection, LedgerError> {
            let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok(connection)
        };
        let mut connection = open()?;
        if is_of_earlier_shape(&connection)? {
            drop(Self::open(path)?);
            connection = open()?;
        }
        Ok(Self { connection, lease: None })
    }

    /// Records the entries in one transaction: all or none. Durable when it returns.
    ///
    /// A run whose lease another one took over records nothing more. `at` is RFC 3339 in UTC and is shown, never used to
    /// decide.
    pub fn record(&mut self, at: &str, entries: &[Entry]) -> Result<(), LedgerError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        lease::check(&transaction, self.lease)?;
        let mut head = head(&transaction)?;
        let mut tally = Tally::default();
        for entry in entries {
            head = append(&transaction, at, entry, head, &mut tally)?;
        }
        tally.write(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// Writes a copy of the ledger as it stands to a file that is not there yet.
    pub fn copy_to(&self, path: &Path) -> Result<(), LedgerError> {
        self.connection.execute("VACUUM INTO ?1", [path.to_string_lossy()])?;
        Ok(())
    }

    /// The last entry's number and hash; zeros when nothing was recorded.
    pub fn head(&self) -> Result<(i64, Sha256), LedgerError> {
        head(&self.connection)
    }

    /// Proves the chain, and that the tables are what the events add up to. Changes nothing.
    pub fn verify(&self) -> Result<Vec<Violation>, LedgerError> {
        verify::verify(&self.connection)
    }
}

fn is_of_earlier_shape(connection: &Connection) -> Result<bool, LedgerError> {
    Ok(has_old_log(connection)? || has_old_letters(connection)?)
}

fn has_old_log(connection: &Connection) -> Result<bool, LedgerError> {
    made_with(connection, "event", "kind IN")
}

fn has_old_letters(connection: &Connection) -> Result<bool, LedgerError> {
    made_with(connection, "letter", "WITHOUT ROWID")
}

/// Whether these words stand where a table was made.
fn made_with(connection: &Connection, table: &str, words: &str) -> Result<bool, LedgerError> {
    let query = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1 AND instr(sql, ?2) > 0";
    Ok(connection.query_row(query, [table, words], |row| row.get::<_, i64>(0))? > 0)
}

fn make_tables(connection: &Connection) -> Result<(), LedgerError> {
    if !is_of_earlier_shape(connection)? {
        return Ok(connection.execute_batch(schema::SCHEMA)?);
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    // Another process may have done it while this one waited.
    let (old_log, old_letters) = (has_old_log(&transaction)?, has_old_letters(&transaction)?);
    if old_log {
        transaction.execute_batch(schema::SET_ASIDE)?;
    }
    if old_letters {
        transaction.execute_batch(schema::SET_LETTERS_ASIDE)?;
    }
    transaction.execute_batch(schema::SCHEMA)?;
    if old_letters {
        transaction.execute_batch(schema::TAKE_LETTERS_OVER)?;
    }
    if old_log {
        transaction.execute_batch(schema::TAKE_OVER)?;
    }
    Ok(transaction.commit()?)
}

fn check_version() -> Result<(), LedgerError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(LedgerError::OldSqlite(rusqlite::version().to_owned()));
    }
    Ok(())
}

fn head(connection: &Connection) -> Result<(i64, Sha256), LedgerError> {
    let row: Option<(i64, [u8; 32])> = connection
        .prepare_cached("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row.map_or((0, Sha256([0; 32])), |(seq, hash)| (seq, Sha256(hash))))
}

fn append(
    t: &Transaction<'_>,
    at: &str,
    entry: &Entry,
    (last, previous): (i64, Sha256),
    tally: &mut Tally,
) -> Result<(i64, Sha256), LedgerError> {
    let seq = last + 1;
    let (kind, subject, data) = entry.logged();
    match entry {
        Entry::Letter(id, event) => append_letter(t, id, event, tally)?,
        Entry::Batch(name, event) => {
            let before = state_of(t, "SELECT state FROM batch WHERE name = ?1", name.as_str())?;
            let state = BatchState::after(before, event).map_err(|fault| illegal(name, fault))?;
            write_batch(t, name.as_str(), &state)?;
        }
        _ => write_fact(t, kind, &subject, &data)?,
    }
    let hash = entry_hash(&previous, seq, at, kind, &subject, &data);
    t.prepare_cached("INSERT INTO event (seq, at, kind, subject, data, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![seq, at, kind, subject, data, hash.0])?;
    Ok((seq, hash))
}

fn write_fact(t: &Transaction<'_>, kind: &str, subject: &str, data: &str) -> Result<(), LedgerError> {
    let before: Option<String> = t
        .prepare_cached("SELECT state FROM fact WHERE kind = ?1 AND subject = ?2")?
        .query_row([kind, subject], |row| row.get(0))
        .optional()?;
    let (status, state) = fact_after(kind, subject, before.as_deref(), data)?;
    t.prepare_cached(
        "INSERT INTO fact (kind, subject, status, state) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kind, subject) DO UPDATE SET status = excluded.status, state = excluded.state",
    )?
    .execute([kind, subject, &status, &state])?;
    Ok(())
}

fn illegal(id: &impl std::fmt::Display, fault: IllegalEvent) -> LedgerError {
    LedgerError::Illegal { subject: id.to_string(), fault }
}

/// The columns of a letter's row beside its id and state: status, municipality, vendor, batch, original, part.
fn letter_columns(state: &LetterState) -> [String; 6] {
    [
        state.status.word().to_owned(),
        state.municipality.to_string(),
        state.job.as_ref().map(|job| job.vendor.to_string()).unwrap_or_default(),
        state.batch.as_ref().map(ToString::to_string).unwrap_or_default(),
        state.original.to_string(),
        state.part.to_string(),
    ]
}

fn append_letter(t: &Transaction<'_>, id: &LetterId, event: &LetterEvent, tally: &mut Tally) -> Result<(), LedgerError> {
    let found: Option<(i64, String)> = t
        .prepare_cached("SELECT rowid, state FROM letter WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((row, before)) = found else {
        let state = LetterState::after(None, event).map_err(|fault| illegal(id, fault))?;
        tally.add(&state);
        return insert_letter(t, id, &state);
    };
    let before: LetterState = read_state(&before, id.as_str())?;
    tally.take(&before);
    let place_before = place(&before);
    let state = LetterState::after(Some(before), event).map_err(|fault| illegal(id, fault))?;
    tally.add(&state);
    if place(&state) == place_before {
        t.prepare_cached("UPDATE letter SET state = ?2 WHERE rowid = ?1")?.execute(params![row, json(&state)])?;
        return Ok(());
    }
    let [status, _, vendor, batch, ..] = letter_columns(&state);
    t.prepare_cached("UPDATE letter SET status = ?2, vendor = ?3, batch = ?4, state = ?5 WHERE rowid = ?1")?.execute(params![
        row,
        status,
        vendor,
        batch,
        json(&state)
    ])?;
    Ok(())
}

/// What the columns that can change are made of. While these are the same, no index is touched.
fn place(state: &LetterState) -> (LetterStatus, Option<VendorId>, Option<BatchName>) {
    (state.status, state.job.as_ref().map(|job| job.vendor.clone()), state.batch.clone())
}

fn insert_letter(t: &Transaction<'_>, id: &LetterId, state: &LetterState) -> Result<(), LedgerError> {
    let [status, municipality, vendor, batch, original, _] = letter_columns(state);
    t.prepare_cached(
        "INSERT INTO letter (id, status, municipality, vendor, batch, original, part, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![id.as_str(), status, municipality, vendor, batch, original, state.part, json(state)])?;
    Ok(())
}

fn write_batch(t: &Transaction<'_>, name: &str, state: &BatchState) -> Result<(), LedgerError> {
    t.prepare_cached(
        "INSERT INTO batch (name, status, vendor, sequence, state) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET status = excluded.status, state = excluded.state",
    )?
    .execute(params![name, state.status.word(), state.vendor.as_str(), state.sequence as i64, json(state)])?;
    Ok(())
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("events and states have only string keys")
}

fn state_of<S: DeserializeOwned>(connection: &Connection, query: &str, key: &str) -> Result<Option<S>, LedgerError> {
    let text: Option<String> = connection.prepare_cached(query)?.query_row([key], |row| row.get(0)).optional()?;
    text.map(|text| read_state(&text, key)).transpose()
}

fn read_state<S: DeserializeOwned>(text: &str, key: &str) -> Result<S, LedgerError> {
    serde_json::from_str(text).map_err(|_| LedgerError::Corrupt { subject: key.to_owned() })
}
