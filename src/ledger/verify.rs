//! Replays the log: every hash follows from the one before, every event from the state before it, and the tables say
//! what the events add up to.

use super::tally::Tally;
use super::{LedgerError, fact_after, json, letter_columns};
use crate::domain::Sha256;
use crate::domain::entry::entry_hash;
use crate::domain::state::{BatchState, LetterState};
use crate::domain::status::{BatchEvent, LetterEvent};
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
    letters: BTreeMap<String, LetterState>,
    batches: BTreeMap<String, BatchState>,
    /// Kind and subject, then status and state.
    facts: BTreeMap<(String, String), (String, String)>,
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
    let mut tally = Tally::default();
    replay.letters.values().for_each(|state| tally.add(state));
    let letters = replay.letters.into_iter().map(|(id, s)| (id, [letter_columns(&s).join(" "), json(&s)])).collect();
    let query = "SELECT id, concat_ws(' ', status, municipality, vendor, batch, original, part), state FROM letter";
    compare(connection, "letter", query, letters, &mut violations)?;
    let columns = |s: &BatchState| format!("{} {} {}", s.status.word(), s.vendor, s.sequence);
    let batches = replay.batches.into_iter().map(|(name, s)| (name, [columns(&s), json(&s)])).collect();
    compare(connection, "batch", "SELECT name, concat_ws(' ', status, vendor, sequence), state FROM batch", batches, &mut violations)?;
    let facts = replay.facts.into_iter().map(|((kind, subject), (status, state))| (format!("{kind} {subject}"), [status, state])).collect();
    compare(connection, "fact", "SELECT concat_ws(' ', kind, subject), status, state FROM fact", facts, &mut violations)?;
    let sums = tally.into_sums().into_iter().map(|(place, sums)| (place.join("|"), [sums.map(|s| s.to_string()).join(" "), String::new()]));
    let query =
        "SELECT concat_ws('|', business_date, municipality, vendor, batch, status, word), concat_ws(' ', letters, pages, sheets, bytes), ''
                 FROM tally";
    compare(connection, "tally", query, sums.collect(), &mut violations)?;
    Ok(violations)
}

fn chain(message: String) -> Violation {
    Violation { code: "FP-L003", message }
}

impl Replay {
    fn apply(&mut self, kind: &str, subject: &str, data: &str) -> Result<(), String> {
        let unreadable = |e: serde_json::Error| format!("unreadable event: {e}");
        match kind {
            "letter" => {
                let event: LetterEvent = serde_json::from_str(data).map_err(unreadable)?;
                let state = LetterState::after(self.letters.get(subject).cloned(), &event).map_err(|e| e.to_string())?;
                self.letters.insert(subject.to_owned(), state);
            }
            "batch" => {
                let event: BatchEvent = serde_json::from_str(data).map_err(unreadable)?;
                let state = BatchState::after(self.batches.get(subject).cloned(), &event).map_err(|e| e.to_string())?;
                self.batches.insert(subject.to_owned(), state);
            }
            _ => {
                let key = (kind.to_owned(), subject.to_owned());
                let before = self.facts.get(&key).map(|(_, state)| state.as_str());
                let after = fact_after(kind, subject, before, data).map_err(|e| e.to_string())?;
                self.facts.insert(key, after);
            }
        }
        Ok(())
    }
}

/// Compares a table with what the replay expects: by key, the columns joined by a space and the state.
fn compare(
    connection: &Connection,
    table: &str,
    query: &str,
    mut expected: BTreeMap<String, [String; 2]>,
    violations: &mut Vec<Violation>,
) -> Result<(), LedgerError> {
    let differs = |message: String| Violation { code: "FP-L004", message };
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, columns, state): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match expected.remove(&id) {
            Some([its_columns, its_state]) if its_columns == columns && its_state == state => {}
            Some([its_columns, _]) if its_columns == columns => {
                violations.push(differs(format!("{table} {id}: its state in the table is not what its events add up to")));
            }
            Some([its_columns, _]) => {
                violations.push(differs(format!("{table} {id} is {columns:?} in the table, {its_columns:?} by its events")));
            }
            None => violations.push(differs(format!("{table} {id} stands in the table without an event"))),
        }
    }
    violations.extend(expected.into_keys().map(|id| differs(format!("{table} {id} is missing in the table"))));
    Ok(())
}
