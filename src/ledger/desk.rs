//! What the desk asks every morning. Answered from the counts and from what is open, never from all letters or batches
//! there have been, so that an answer takes no longer after years.

use super::{Ledger, LedgerError};
use crate::domain::BatchName;
use crate::domain::state::BatchState;
use crate::domain::status::{BatchStatus, LetterStatus};
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// Batches of one vendor and status, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchCount {
    pub vendor: String,
    pub status: BatchStatus,
    pub batches: u64,
}

/// Letters kept back or turned away for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub code: String,
    pub letters: u64,
    /// The night that took in the first of them, and the last.
    pub first_night: String,
    pub last_night: String,
}

/// Letters of one night that have no end yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub night: String,
    /// Accepted, held, validated, batched or shipped.
    pub status: LetterStatus,
    pub letters: u64,
}

impl Ledger {
    /// The first and the last night that took in a letter.
    pub fn first_and_last_night(&self) -> Result<Option<(String, String)>, LedgerError> {
        let query = "SELECT (SELECT min(business_date) FROM tally), (SELECT max(business_date) FROM tally)";
        let (first, last): (Option<String>, Option<String>) = self.connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(first.zip(last))
    }

    /// Letters that are or were to be printed, of these nights, by night and vendor.
    pub fn printed_by_night(&self, from: &str, to: &str) -> Result<Vec<(String, String, u64)>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT business_date, vendor, sum(letters) FROM tally WHERE business_date BETWEEN ?1 AND ?2
             AND status IN ('validated', 'batched', 'shipped', 'settled', 'returned') GROUP BY business_date, vendor",
        )?;
        let rows = statement.query_map([from, to], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs())))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Letters that have no end yet, by night and status.
    pub fn open_by_night(&self) -> Result<Vec<Open>, LedgerError> {
        let mut statement = self.connection.prepare(
            "SELECT business_date, status, sum(letters) FROM tally
             WHERE status IN ('accepted', 'held', 'validated', 'batched', 'shipped') GROUP BY business_date, status",
        )?;
        let mut rows = statement.query([])?;
        let mut open = Vec::new();
        while let Some(row) = rows.next()? {
            let word: String = row.get(1)?;
            let status = LetterStatus::from_word(&word).ok_or(LedgerError::Corrupt { subject: word })?;
            open.push(Open { night: row.get(0)?, status, letters: row.get::<_, i64>(2)?.unsigned_abs() });
        }
        Ok(open)
    }

    /// All batches, counted; with nights, those that hold a letter which one from `from` to `to` took in.
    pub fn batch_counts(&self, nights: Option<(&str, &str)>) -> Result<Vec<BatchCount>, LedgerError> {
        let mut statement = self.connection.prepare(match nights {
            None => "SELECT vendor, status, count(*) FROM batch GROUP BY vendor, status",
            Some(_) => {
                "SELECT vendor, status, count(*) FROM batch
                 WHERE name IN (SELECT batch FROM tally WHERE business_date BETWEEN ?1 AND ?2) GROUP BY vendor, status"
            }
        })?;
        let mut rows = statement.query(rusqlite::params_from_iter(nights.map(|(from, to)| [from, to]).into_iter().flatten()))?;
        let mut counts = Vec::new();
        while let Some(row) = rows.next()? {
            let word: String = row.get(1)?;
            let status = BatchStatus::ALL.into_iter().find(|status| status.word() == word);
            let status = status.ok_or(LedgerError::Corrupt { subject: word })?;
            counts.push(BatchCount { vendor: row.get(0)?, status, batches: row.get::<_, i64>(2)?.unsigned_abs() });
        }
        Ok(counts)
    }

    /// Batches with questions that nobody has explained, settled or not. It goes through the table's text: batches are thousands
    /// where letters are millions.
    pub fn questioned(&self, business_date: Option<&str>) -> Result<Vec<(BatchName, BatchState)>, LedgerError> {
        self.states(
            "SELECT name, state FROM batch WHERE instr(state, '\"questions\":[') > 0
             AND (?1 IS NULL OR name IN (SELECT batch FROM tally WHERE business_date = ?1)) ORDER BY vendor, sequence",
            [business_date],
        )
    }

    /// Letters without a final word, by batch.
    pub fn open_by_batch(&self) -> Result<BTreeMap<String, u64>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT batch, sum(letters) FROM tally WHERE status = 'shipped' GROUP BY batch")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Letters of this status by the code they stand under, of the nights from `from` to `to`, both included. The most come first.
    pub fn kept(&self, status: LetterStatus, from: Option<&str>, to: Option<&str>) -> Result<Vec<Kept>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT word, sum(letters), min(business_date), max(business_date) FROM tally
             WHERE status = ?1 AND (?2 IS NULL OR business_date >= ?2) AND (?3 IS NULL OR business_date <= ?3)
             GROUP BY word ORDER BY sum(letters) DESC, word",
        )?;
        let kept = |row: &rusqlite::Row<'_>| {
            let letters = row.get::<_, i64>(1)?.unsigned_abs();
            Ok(Kept { code: row.get(0)?, letters, first_night: row.get(2)?, last_night: row.get(3)? })
        };
        let rows = statement.query_map(params![status.word(), from, to], kept)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the last event of this kind was recorded of a batch, RFC 3339.
    pub fn batch_event_at(&self, batch: &BatchName, event: &str) -> Result<Option<String>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT at FROM event WHERE subject = ?1 AND kind = 'batch' AND data ->> '$.event' = ?2 ORDER BY seq DESC LIMIT 1",
        )?;
        Ok(statement.query_row([batch.as_str(), event], |row| row.get(0)).optional()?)
    }

    /// Files refused at the door, by code, of the nights from `from` to `to`, both included.
    pub fn refused_counts(&self, from: Option<&str>, to: Option<&str>) -> Result<Vec<Kept>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT state ->> '$.code', count(*), min(state ->> '$.business_date'), max(state ->> '$.business_date')
             FROM fact INDEXED BY fact_status
             WHERE kind = 'intake' AND status = 'refused'
             AND (?1 IS NULL OR state ->> '$.business_date' >= ?1) AND (?2 IS NULL OR state ->> '$.business_date' <= ?2)
             GROUP BY 1 ORDER BY 2 DESC, 1",
        )?;
        let kept = |row: &rusqlite::Row<'_>| {
            let letters = row.get::<_, i64>(1)?.unsigned_abs();
            Ok(Kept { code: row.get(0)?, letters, first_night: row.get(2)?, last_night: row.get(3)? })
        };
        let rows = statement.query_map([from, to], kept)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The night that last took in a letter, by municipality.
    pub fn last_nights(&self) -> Result<BTreeMap<String, String>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT municipality, max(business_date) FROM tally GROUP BY municipality")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
