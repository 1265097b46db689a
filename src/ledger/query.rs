//! What the other modules ask the ledger: reads of the tables, never of the log.

use super::{EVERY_VENDOR, Ledger, LedgerError, read_state, state_of};
use crate::domain::cutoff::CutoffState;
use crate::domain::order::{OrderState, OrderStatus};
use crate::domain::state::{BatchState, IntakeEvent, LetterState};
use crate::domain::status::{BatchStatus, LetterStatus};
use crate::domain::{BatchName, LetterId, OrderId, Sha256, VendorId};
use rusqlite::{OptionalExtension, Params, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::str::FromStr;

/// Letters of one municipality, vendor, status and word, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    pub municipality: String,
    /// Empty where no vendor was reached.
    pub vendor: String,
    pub status: LetterStatus,
    /// The vendor's word, or the code of the reason; see [`LetterState::counted_under`].
    pub word: String,
    pub letters: u64,
    pub pages: u64,
    pub sheets: u64,
    pub bytes: u64,
}

/// Letters of one night, municipality, vendor and status, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub night: String,
    pub municipality: String,
    /// Empty where no vendor was reached.
    pub vendor: String,
    pub status: LetterStatus,
    pub letters: u64,
}

/// A file that was refused at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedFile {
    pub sender: String,
    pub sha256: String,
    pub file: String,
    pub code: String,
    pub message: String,
}

impl Ledger {
    pub fn letter(&self, id: &LetterId) -> Result<Option<LetterState>, LedgerError> {
        state_of(&self.connection, "SELECT state FROM letter WHERE id = ?1", id.as_str())
    }

    /// Hands on these letters, in this order; all as they stood at one moment. One that is not there is an error.
    pub fn for_each_of(&self, ids: &[LetterId], mut take: impl FnMut(&LetterId, LetterState)) -> Result<(), LedgerError> {
        // One read transaction: without it each look-up takes and gives back the file's lock.
        let moment = self.connection.unchecked_transaction()?;
        let mut statement = moment.prepare_cached("SELECT state FROM letter WHERE id = ?1")?;
        for id in ids {
            let mut rows = statement.query([id.as_str()])?;
            let row = rows.next()?.ok_or_else(|| LedgerError::Corrupt { subject: id.to_string() })?;
            take(id, read_state(text(row, 0)?, id.as_str())?);
        }
        Ok(())
    }

    pub fn letter_status(&self, id: &LetterId) -> Result<Option<LetterStatus>, LedgerError> {
        Ok(self.letter(id)?.map(|state| state.status))
    }

    pub fn batch(&self, name: &BatchName) -> Result<Option<BatchState>, LedgerError> {
        state_of(&self.connection, "SELECT state FROM batch WHERE name = ?1", name.as_str())
    }

    /// What was made of a sender's file, named by [`super::file_subject`].
    pub fn file(&self, subject: &str) -> Result<Option<IntakeEvent>, LedgerError> {
        state_of(&self.connection, "SELECT state FROM fact WHERE kind = 'intake' AND subject = ?1", subject)
    }

    /// Letters that wait for the middle of the pipeline, a page of at most `limit`, in the order of their files. `after`
    /// is the last one of the page before.
    pub fn accepted(&self, after: Option<&(Sha256, u32)>, limit: u32) -> Result<Vec<(LetterId, LetterState)>, LedgerError> {
        let (original, part) = after.map_or((String::new(), 0), |(original, part)| (original.to_string(), *part));
        self.states(
            "SELECT id, state FROM letter INDEXED BY letter_work
             WHERE status IN ('accepted', 'validated') AND status = 'accepted' AND (original, part) > (?1, ?2) ORDER BY original, part LIMIT ?3",
            params![original, part, limit],
        )
    }

    /// Hands on every printable letter that is in no batch yet.
    pub fn for_each_validated(&self, take: impl FnMut(LetterId, LetterState)) -> Result<(), LedgerError> {
        self.for_each(
            "SELECT id, state FROM letter INDEXED BY letter_work
             WHERE status IN ('accepted', 'validated') AND status = 'validated' ORDER BY original, part",
            [],
            take,
        )
    }

    /// Hands on every letter there is, in the order they came.
    pub fn for_each_letter(&self, take: impl FnMut(LetterId, LetterState)) -> Result<(), LedgerError> {
        self.for_each("SELECT id, state FROM letter ORDER BY rowid", [], take)
    }

    /// Hands on the letters of these nights, both included, that were printed or rejected, in the order of their originals.
    pub fn for_each_that_was_to_be_printed(
        &self,
        from: Option<&str>,
        to: Option<&str>,
        take: impl FnMut(LetterId, LetterState),
    ) -> Result<(), LedgerError> {
        self.for_each(
            "SELECT id, state FROM letter WHERE status NOT IN ('accepted', 'digital', 'held')
             AND (?1 IS NULL OR state ->> '$.business_date' >= ?1) AND (?2 IS NULL OR state ->> '$.business_date' <= ?2)
             ORDER BY original, part",
            params![from, to],
            take,
        )
    }

    /// When the first event of a subject was recorded, RFC 3339.
    pub fn first_at(&self, subject: &impl std::fmt::Display) -> Result<Option<String>, LedgerError> {
        let mut statement = self.connection.prepare_cached("SELECT at FROM event WHERE subject = ?1 ORDER BY seq LIMIT 1")?;
        Ok(statement.query_row([subject.to_string()], |row| row.get(0)).optional()?)
    }

    fn for_each(&self, query: &str, parameters: impl Params, mut take: impl FnMut(LetterId, LetterState)) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare(query)?;
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            let id = text(row, 0)?;
            take(parsed(id)?, read_state(text(row, 1)?, id)?);
        }
        Ok(())
    }

    pub fn letters_of(&self, batch: &BatchName) -> Result<Vec<(LetterId, LetterState)>, LedgerError> {
        self.states("SELECT id, state FROM letter WHERE batch = ?1 ORDER BY id", [batch.as_str()])
    }

    /// Batches in any of these states, by vendor and running number.
    pub fn batches(&self, statuses: &[BatchStatus]) -> Result<Vec<(BatchName, BatchState)>, LedgerError> {
        let words: Vec<&str> = statuses.iter().map(|s| s.word()).collect();
        let words = serde_json::to_string(&words).expect("a list of words is JSON");
        self.states("SELECT name, state FROM batch WHERE status IN (SELECT value FROM json_each(?1)) ORDER BY vendor, sequence", [words])
    }

    /// The vendor's last running number and the hash of that manifest.
    pub fn last_batch(&self, vendor: &VendorId) -> Result<Option<(u64, Sha256)>, LedgerError> {
        let state: Option<String> = self
            .connection
            .prepare_cached("SELECT state FROM batch WHERE vendor = ?1 ORDER BY sequence DESC LIMIT 1")?
            .query_row([vendor.as_str()], |row| row.get(0))
            .optional()?;
        let state: Option<BatchState> = state.map(|text| read_state(&text, vendor.as_str())).transpose()?;
        Ok(state.map(|s| (s.sequence, s.manifest)))
    }

    /// Letters of a batch of which another print was ordered while a copy of them may exist: the vendor did not say of them
    /// that they were not printed.
    pub fn reprints_of(&self, batch: &BatchName) -> Result<u32, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*) FROM letter WHERE batch = ?1 AND state ->> '$.reprinted_as' IS NOT NULL
             AND coalesce(state ->> '$.word', '') NOT IN ('rejected', 'cancelled')",
        )?;
        Ok(statement.query_row([batch.as_str()], |row| row.get(0))?)
    }

    /// What a person ordered.
    pub fn order(&self, id: &OrderId) -> Result<Option<OrderState>, LedgerError> {
        state_of(&self.connection, "SELECT state FROM fact WHERE kind = 'order' AND subject = ?1", id.as_str())
    }

    /// All orders of this status, by number.
    pub fn orders(&self, status: OrderStatus) -> Result<Vec<(OrderId, OrderState)>, LedgerError> {
        self.states(
            "SELECT subject, state FROM fact INDEXED BY fact_status WHERE kind = 'order' AND status = ?1 ORDER BY length(subject), subject",
            [status.word()],
        )
    }

    /// The number of the next order.
    pub fn next_order(&self) -> Result<OrderId, LedgerError> {
        let query = "SELECT count(*) FROM fact WHERE kind = 'order'";
        let orders: i64 = self.connection.query_row(query, [], |row| row.get(0))?;
        Ok(OrderId::number(orders.unsigned_abs() + 1))
    }

    /// The order that stops this vendor, or every one; `None` while it may be shipped.
    pub fn stopped(&self, vendor: &VendorId) -> Result<Option<OrderId>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT state ->> '$.order' FROM fact WHERE kind = 'stop' AND status = 'stopped' AND subject IN (?1, ?2) LIMIT 1",
        )?;
        let order: Option<String> = statement.query_row([vendor.as_str(), EVERY_VENDOR], |row| row.get(0)).optional()?;
        order.map(|id| parsed(&id)).transpose()
    }

    /// Whom a stop holds for now, and by which order: a vendor's id, or [`EVERY_VENDOR`].
    pub fn stops(&self) -> Result<Vec<(String, OrderId)>, LedgerError> {
        let mut statement =
            self.connection.prepare("SELECT subject, state ->> '$.order' FROM fact WHERE kind = 'stop' AND status = 'stopped'")?;
        let mut rows = statement.query([])?;
        let mut stops = Vec::new();
        while let Some(row) = rows.next()? {
            stops.push((row.get(0)?, parsed(&row.get::<_, String>(1)?)?));
        }
        Ok(stops)
    }

    /// The vendor's last business day that is closed.
    pub fn last_cutoff(&self, vendor: &VendorId) -> Result<Option<CutoffState>, LedgerError> {
        state_of(&self.connection, "SELECT state FROM fact WHERE kind = 'cutoff' AND subject = ?1", vendor.as_str())
    }

    /// Batches and letters on the account of a vendor's business day.
    pub fn on_account(&self, vendor: &VendorId, business_date: &str) -> Result<(u32, u32), LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*), total(state ->> '$.letters') FROM batch WHERE vendor = ?1 AND state ->> '$.business_date' = ?2",
        )?;
        Ok(statement.query_row([vendor.as_str(), business_date], |row| Ok((row.get(0)?, row.get::<_, f64>(1)? as u32)))?)
    }

    /// Batches that hold a letter which a night from `from` to `to` took in.
    pub fn batches_of_nights(&self, from: &str, to: &str) -> Result<BTreeSet<BatchName>, LedgerError> {
        let mut statement =
            self.connection.prepare("SELECT DISTINCT batch FROM tally WHERE batch <> '' AND business_date BETWEEN ?1 AND ?2")?;
        let mut rows = statement.query([from, to])?;
        let mut names = BTreeSet::new();
        while let Some(row) = rows.next()? {
            names.insert(parsed(&row.get::<_, String>(0)?)?);
        }
        Ok(names)
    }

    /// Letters of a batch that wait for the vendor's final word.
    pub fn open_letters(&self, batch: &BatchName) -> Result<u64, LedgerError> {
        let open: i64 = self
            .connection
            .prepare_cached("SELECT coalesce(sum(letters), 0) FROM tally WHERE batch = ?1 AND status = 'shipped'")?
            .query_row([batch.as_str()], |row| row.get(0))?;
        Ok(open.unsigned_abs())
    }

    /// How many letters stand in this status.
    pub fn counts_of_status(&self, status: LetterStatus) -> Result<u64, LedgerError> {
        let mut statement = self.connection.prepare_cached("SELECT coalesce(sum(letters), 0) FROM tally WHERE status = ?1")?;
        Ok(statement.query_row([status.word()], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    /// All letters, counted; with a business date, those that this night took in.
    pub fn counts(&self, business_date: Option<&str>) -> Result<Vec<Count>, LedgerError> {
        self.counts_between(business_date, business_date)
    }

    /// Letters of the nights from `from` to `to`, both included, counted.
    pub fn counts_between(&self, from: Option<&str>, to: Option<&str>) -> Result<Vec<Count>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT municipality, vendor, status, word, sum(letters), sum(pages), sum(sheets), sum(bytes)
             FROM tally WHERE (?1 IS NULL OR business_date >= ?1) AND (?2 IS NULL OR business_date <= ?2)
             GROUP BY municipality, vendor, status, word ORDER BY 1, 2, 3, 4",
        )?;
        let mut rows = statement.query([from, to])?;
        let mut counts = Vec::new();
        while let Some(row) = rows.next()? {
            let number = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
            counts.push(Count {
                municipality: row.get(0)?,
                vendor: row.get(1)?,
                status: status_in(&row.get::<_, String>(2)?)?,
                word: row.get(3)?,
                letters: number(4)?,
                pages: number(5)?,
                sheets: number(6)?,
                bytes: number(7)?,
            });
        }
        Ok(counts)
    }

    /// Files refused at the door, by sender and hash; with a business date, those of this night. It reads them all.
    pub fn refused_files(&self, business_date: Option<&str>) -> Result<Vec<RefusedFile>, LedgerError> {
        let rows: Vec<(Subject, IntakeEvent)> = self.states(
            "SELECT subject, state FROM fact INDEXED BY fact_status
             WHERE kind = 'intake' AND status = 'refused' AND (?1 IS NULL OR state ->> '$.business_date' = ?1)
             ORDER BY subject",
            [business_date],
        )?;
        let refused = |(Subject(subject), event): (Subject, IntakeEvent)| {
            let IntakeEvent::Refused { file, code, message, .. } = event else { return None };
            let (sender, sha256) = subject.split_once('/')?;
            Some(RefusedFile { sender: sender.to_owned(), sha256: sha256.to_owned(), file, code, message })
        };
        Ok(rows.into_iter().filter_map(refused).collect())
    }

    /// Letters that senders handed in on these days: sender, day, letters.
    pub fn handed_in(&self, days: &[String]) -> Result<Vec<(String, String, u64)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT substr(subject, 1, instr(subject, '/') - 1), state ->> '$.business_date', sum(state ->> '$.letters')
             FROM fact INDEXED BY fact_night WHERE kind = 'intake' AND status = 'taken' AND state ->> '$.business_date' IN (SELECT value FROM json_each(?1)) GROUP BY 1, 2",
        )?;
        let rows = statement.query_map([words(days)], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs())))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Letters of these nights: night, municipality, vendor (empty where none was reached), status, letters.
    pub fn nights(&self, nights: &[String]) -> Result<Vec<Standing>, LedgerError> {
        self.standing(
            "SELECT business_date, municipality, vendor, status, sum(letters) FROM tally
             WHERE business_date IN (SELECT value FROM json_each(?1)) GROUP BY 1, 2, 3, 4",
            &words(nights),
        )
    }

    /// Letters of all nights that stand in this status, in the same manner.
    pub fn standing_in(&self, status: LetterStatus) -> Result<Vec<Standing>, LedgerError> {
        self.standing(
            "SELECT business_date, municipality, vendor, status, sum(letters) FROM tally WHERE status = ?1 GROUP BY 1, 2, 3, 4",
            status.word(),
        )
    }

    fn standing(&self, query: &str, parameter: &str) -> Result<Vec<Standing>, LedgerError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query([parameter])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let word: String = row.get(3)?;
            let status = LetterStatus::from_word(&word).ok_or(LedgerError::Corrupt { subject: word })?;
            let letters = row.get::<_, i64>(4)?.unsigned_abs();
            found.push(Standing { night: row.get(0)?, municipality: row.get(1)?, vendor: row.get(2)?, status, letters });
        }
        Ok(found)
    }

    /// The events of one letter, batch or file, oldest first: time, event as JSON.
    pub fn history(&self, subject: &str) -> Result<Vec<(String, String)>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT at, data FROM event WHERE subject = ?1 ORDER BY seq")?;
        let rows = statement.query_map([subject], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn states<I: FromStr, S: DeserializeOwned>(&self, query: &str, parameters: impl Params) -> Result<Vec<(I, S)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query(parameters)?;
        let mut states = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, state): (String, String) = (row.get(0)?, row.get(1)?);
            states.push((parsed(&id)?, read_state(&state, &id)?));
        }
        Ok(states)
    }
}

/// As SQLite's `json_each` reads a list.
fn words(list: &[String]) -> String {
    serde_json::to_string(list).expect("a list of words is JSON")
}

/// A key that is any text.
struct Subject(String);

impl FromStr for Subject {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// A status as the tables spell it.
fn status_in(word: &str) -> Result<LetterStatus, LedgerError> {
    LetterStatus::from_word(word).ok_or_else(|| LedgerError::Corrupt { subject: word.to_owned() })
}

/// A text where SQLite holds it, for many rows of which each is read once.
fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    Ok(row.get_ref(column)?.as_str()?)
}

fn parsed<I: FromStr>(id: &str) -> Result<I, LedgerError> {
    id.parse().map_err(|_| LedgerError::Corrupt { subject: crate::domain::redact::redact(id) })
}
