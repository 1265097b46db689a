//! What is asked of the log itself: entries with their hashes, for those who prove something with them.

use super::{Ledger, LedgerError, read_state};
use crate::domain::Sha256;
use crate::domain::alarm::AlarmState;
use crate::domain::entry::LoggedEntry;
use crate::domain::head::HeadEvent;
use rusqlite::{Params, Row, params};
use serde::de::DeserializeOwned;

const COLUMNS: &str = "e.seq, e.at, e.kind, e.subject, e.data, e.hash,
    coalesce((SELECT p.hash FROM event p WHERE p.seq = e.seq - 1), zeroblob(32))";

impl Ledger {
    /// The entries of one letter or batch, oldest first.
    pub fn entries_of(&self, subject: &impl std::fmt::Display) -> Result<Vec<LoggedEntry>, LedgerError> {
        self.entries(&format!("SELECT {COLUMNS} FROM event e WHERE e.subject = ?1 ORDER BY e.seq"), [subject.to_string()])
    }

    /// The entries of these kinds, oldest first, from one moment on and before another, both RFC 3339 in UTC.
    pub fn entries_of_kinds(&self, kinds: &[&str], from: &str, before: &str) -> Result<Vec<LoggedEntry>, LedgerError> {
        let kinds = serde_json::to_string(kinds).expect("a list of words is JSON");
        let query = format!(
            "SELECT {COLUMNS} FROM event e WHERE e.kind IN (SELECT value FROM json_each(?1)) AND e.at >= ?2 AND e.at < ?3 ORDER BY e.seq"
        );
        self.entries(&query, params![kinds, from, before])
    }

    /// The heads of the log that were signed, by day.
    pub fn heads(&self) -> Result<Vec<(String, HeadEvent)>, LedgerError> {
        self.facts("SELECT subject, state FROM fact WHERE kind = 'head' ORDER BY subject")
    }

    /// Every alarm that was ever raised, by key; those that are raised now with their status.
    pub fn alarms(&self) -> Result<Vec<(String, AlarmState)>, LedgerError> {
        self.facts("SELECT subject, state FROM fact WHERE kind = 'alarm' ORDER BY subject")
    }

    fn facts<S: DeserializeOwned>(&self, query: &str) -> Result<Vec<(String, S)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let mut rows = statement.query([])?;
        let mut facts = Vec::new();
        while let Some(row) = rows.next()? {
            let (subject, state): (String, String) = (row.get(0)?, row.get(1)?);
            let state = read_state(&state, &subject)?;
            facts.push((subject, state));
        }
        Ok(facts)
    }

    /// The hashes of the entries from one number to another, both included; fewer where the log is shorter.
    pub fn entry_hashes(&self, first: i64, last: i64) -> Result<Vec<Sha256>, LedgerError> {
        let mut hashes = Vec::new();
        self.for_each_entry_hash(first, last, |hash| hashes.push(hash))?;
        Ok(hashes)
    }

    /// Hands them on, one by one.
    pub fn for_each_entry_hash(&self, first: i64, last: i64, mut take: impl FnMut(Sha256)) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare_cached("SELECT hash FROM event WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq")?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            take(Sha256(row.get(0)?));
        }
        Ok(())
    }

    fn entries(&self, query: &str, parameters: impl Params) -> Result<Vec<LoggedEntry>, LedgerError> {
        let mut statement = self.connection.prepare(query)?;
        let rows = statement.query_map(parameters, entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<LoggedEntry> {
    let (at, kind, subject, data) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
    Ok(LoggedEntry { seq: row.get(0)?, at, kind, subject, data, hash: Sha256(row.get(5)?), previous: Sha256(row.get(6)?) })
}
