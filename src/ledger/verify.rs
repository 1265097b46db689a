//! Replays the log: every hash follows from the one before, every event from the status before it, and the tables say
//! what the events add up to.

use super::{LedgerError, entry_hash};
use crate::domain::Sha256;
use crate::domain::status::{BatchEvent, BatchStatus, LetterEvent, LetterStatus, batch_after, letter_after};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// What is wrong, with its code: FP-L003 chain, FP-L004 tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub code: &'static str,
    pub message: String,
}

#[derive(Default)]
struct Replay {
    letters: BTreeMap<String, LetterStatus>,
    batches: BTreeMap<String, BatchStatus>,
}

pub(super) fn verify(connection: &Connection) -> Result<Vec<Violation>, LedgerError> {
    let mut violations = Vec::new();
    let mut replay = Replay::default();
    let (mut last, mut previous) = (0_i64, Sha256([0; 32]));
    let mut statement = connection.prepare("SELECT seq, at, kind, subject, data, hash FROM event ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, at, kind, subject, data): (i64, String, String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        let hash = Sha256(row.get(5)?);
        if seq != last + 1 {
            violations.push(chain(format!("entry {} is missing", last + 1)));
        }
        if entry_hash(&previous, seq, &at, &kind, &subject, &data) != hash {
            violations.push(chain(format!("entry {seq} was changed, or one before it: its hash does not follow")));
        }
        if let Err(why) = replay.apply(&kind, &subject, &data) {
            violations.push(chain(format!("entry {seq}, {subject}: {why}")));
        }
        (last, previous) = (seq, hash);
    }
    let letters = replay.letters.into_iter().map(|(id, s)| (id, s.word())).collect();
    compare(connection, "letter", "SELECT id, status FROM letter", letters, &mut violations)?;
    let batches = replay.batches.into_iter().map(|(name, s)| (name, s.word())).collect();
    compare(connection, "batch", "SELECT name, status FROM batch", batches, &mut violations)?;
    Ok(violations)
}

fn chain(message: String) -> Violation {
    Violation { code: "FP-L003", message }
}

impl Replay {
    fn apply(&mut self, kind: &str, subject: &str, data: &str) -> Result<(), String> {
        let unreadable = |e: serde_json::Error| format!("unreadable event: {e}");
        if kind == "letter" {
            let event: LetterEvent = serde_json::from_str(data).map_err(unreadable)?;
            let status = letter_after(self.letters.get(subject).copied(), &event).map_err(|e| e.to_string())?;
            self.letters.insert(subject.to_owned(), status);
        } else {
            let event: BatchEvent = serde_json::from_str(data).map_err(unreadable)?;
            let status = batch_after(self.batches.get(subject).copied(), &event).map_err(|e| e.to_string())?;
            self.batches.insert(subject.to_owned(), status);
        }
        Ok(())
    }
}

fn compare(
    connection: &Connection,
    table: &str,
    query: &str,
    mut expected: BTreeMap<String, &'static str>,
    violations: &mut Vec<Violation>,
) -> Result<(), LedgerError> {
    let differs = |message: String| Violation { code: "FP-L004", message };
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, status): (String, String) = (row.get(0)?, row.get(1)?);
        match expected.remove(&id) {
            Some(word) if word == status => {}
            Some(word) => violations.push(differs(format!("{table} {id} is {status} in the table, {word} by its events"))),
            None => violations.push(differs(format!("{table} {id} stands in the table without an event"))),
        }
    }
    violations.extend(expected.into_keys().map(|id| differs(format!("{table} {id} is missing in the table"))));
    Ok(())
}
