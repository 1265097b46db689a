//! Matches a vendor's answers with what we sent: the technical answer with the batch, production answers with the letters.
//!
//! Pure, and strict: an answer that does not add up is refused whole (an `AnswerFault`), and nothing of it is applied. A
//! letter never goes backwards, and twice is once.

use crate::domain::state::LetterState;
use crate::domain::status::{LetterEvent, LetterStatus};
use crate::domain::{BatchName, LetterId, Sha256};
use crate::wire::receipt::{Ack, ReceiptHead, ReceiptRow, VendorStatus, return_reason, rows_from_csv};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// How long a settled batch is asked about for letters that came back, days after its business date.
const RETURNS_DAYS: i32 = 60;

/// Why an answer is refused. FP-A001 unreadable, FP-A002 of something else, FP-A003 does not add up, FP-A004 unknown letter,
/// FP-A005 other pages or sheets than we sent, FP-A006 contradicts a final word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AnswerFault {
    pub code: &'static str,
    pub message: String,
}

fn fault(code: &'static str, message: impl Into<String>) -> AnswerFault {
    AnswerFault { code, message: message.into() }
}

/// Whether letters of a settled batch may still come back: it is asked about until then.
///
/// A date that cannot be read is asked about: that costs one question.
pub fn may_come_back(business_date: &str, today: &str) -> bool {
    match (business_date.parse::<Date>(), today.parse::<Date>()) {
        (Ok(date), Ok(today)) => (today - date).get_days() <= RETURNS_DAYS,
        _ => true,
    }
}

/// Reads the technical answer to this batch and no other.
pub fn read_ack(bytes: &[u8], batch: &BatchName, manifest: &Sha256) -> Result<Ack, AnswerFault> {
    let ack: Ack =
        serde_json::from_slice(bytes).map_err(|e| fault("FP-A001", format!("the ack of {batch} is not what it should be: {e}")))?;
    if ack.batch != *batch || ack.manifest_sha256 != *manifest {
        let text = format!("the ack of {batch} quotes {} with manifest {}, ours is {manifest}", ack.batch, ack.manifest_sha256);
        return Err(fault("FP-A002", text));
    }
    Ok(ack)
}

/// Reads the head of receipt `number`.
pub fn read_head(bytes: &[u8], batch: &BatchName, manifest: &Sha256, number: u32) -> Result<ReceiptHead, AnswerFault> {
    let name = || format!("receipt {number} of {batch}");
    let head: ReceiptHead =
        serde_json::from_slice(bytes).map_err(|e| fault("FP-A001", format!("the head of {} is not what it should be: {e}", name())))?;
    if head.batch != *batch || head.manifest_sha256 != *manifest || head.number != number {
        let text = format!(
            "{} says it is number {} of {} with manifest {}, ours is {manifest}",
            name(),
            head.number,
            head.batch,
            head.manifest_sha256
        );
        return Err(fault("FP-A002", text));
    }
    Ok(head)
}

/// What a receipt's rows mean for the letters of its batch.
pub fn match_receipt(
    head: &ReceiptHead,
    csv: &[u8],
    letters: &[(LetterId, LetterState)],
) -> Result<Vec<(LetterId, LetterEvent)>, AnswerFault> {
    let name = format!("receipt {} of {}", head.number, head.batch);
    if Sha256(openssl::sha::sha256(csv)) != head.csv_sha256 {
        return Err(fault("FP-A003", format!("{name}: the rows are not those that the head vouches for")));
    }
    let rows = rows_from_csv(csv).map_err(|e| fault("FP-A001", format!("{name}: {e}")))?;
    totals(&name, head, &rows)?;
    let known: BTreeMap<&LetterId, &LetterState> = letters.iter().map(|(id, state)| (id, state)).collect();
    let mut said: BTreeMap<&LetterId, &ReceiptRow> = BTreeMap::new();
    let mut events = Vec::new();
    for row in &rows {
        let id = &row.letter_id;
        let Some(state) = known.get(id) else {
            return Err(fault("FP-A004", format!("{name}: letter {id} is not in this batch")));
        };
        match said.insert(id, row) {
            Some(earlier) if earlier == row => continue,
            Some(_) => return Err(fault("FP-A003", format!("{name}: letter {id} stands in it twice, and not the same"))),
            None => {}
        }
        measure(&name, row, state)?;
        events.extend(follow(&name, head, row, state)?.into_iter().map(|event| (id.clone(), event)));
    }
    if head.cumulative && said.len() != letters.len() {
        let text = format!("{name}: it says that it is complete, and {} of {} letters stand in it", said.len(), letters.len());
        return Err(fault("FP-A003", text));
    }
    Ok(events)
}

fn totals(name: &str, head: &ReceiptHead, rows: &[ReceiptRow]) -> Result<(), AnswerFault> {
    let sum = |of: fn(&ReceiptRow) -> u32| rows.iter().map(|row| u64::from(of(row))).sum::<u64>();
    let found = [rows.len() as u64, sum(|r| r.pages), sum(|r| r.sheets)];
    let said = [head.letters, head.pages, head.sheets].map(u64::from);
    if found == said {
        return Ok(());
    }
    let text = format!("{name}: the head counts {said:?} letters, pages and sheets, the rows add up to {found:?}");
    Err(fault("FP-A003", text))
}

/// A letter that left the vendor has the pages and sheets that we sent.
fn measure(name: &str, row: &ReceiptRow, state: &LetterState) -> Result<(), AnswerFault> {
    let Some(job) = &state.job else { return Ok(()) };
    let printed = matches!(row.status, VendorStatus::HandedOver | VendorStatus::Returned);
    if !printed || (row.pages, row.sheets) == (job.pages, job.sheets) {
        return Ok(());
    }
    let text = format!(
        "{name}: letter {} was printed with {} pages on {} sheets, sent were {} on {}",
        row.letter_id, row.pages, row.sheets, job.pages, job.sheets
    );
    Err(fault("FP-A005", text))
}

/// The events that this row is; a word that is no news is none.
fn follow(name: &str, head: &ReceiptHead, row: &ReceiptRow, state: &LetterState) -> Result<Vec<LetterEvent>, AnswerFault> {
    let batch = head.batch.clone();
    let word = row.status.word().to_owned();
    if row.status == VendorStatus::Returned {
        return come_back(name, batch, row, state);
    }
    let last = state.word.as_deref().and_then(VendorStatus::from_word);
    match state.status {
        LetterStatus::Shipped if row.status.is_final() => Ok(vec![LetterEvent::Settled { batch, word, said: None }]),
        LetterStatus::Shipped if last.is_none_or(|last| last < row.status) => Ok(vec![LetterEvent::Progressed { batch, word, said: None }]),
        LetterStatus::Settled if row.status.is_final() && last != Some(row.status) => {
            Err(contradiction(name, row, last.map_or("something else", VendorStatus::word)))
        }
        // What came back had been handed over; the word for it may come late.
        LetterStatus::Returned if row.status.is_final() && row.status != VendorStatus::HandedOver => {
            Err(contradiction(name, row, "returned"))
        }
        _ => Ok(Vec::new()),
    }
}

fn contradiction(name: &str, row: &ReceiptRow, before: &str) -> AnswerFault {
    let (id, word) = (&row.letter_id, row.status.word());
    fault("FP-A006", format!("{name}: letter {id} is {word} now, and was {before} before, which was final"))
}

/// A letter that the carrier brought back. Where nobody said that it was handed over, this says it too.
fn come_back(name: &str, batch: BatchName, row: &ReceiptRow, state: &LetterState) -> Result<Vec<LetterEvent>, AnswerFault> {
    let Some(reason) = return_reason(&row.reason) else {
        return Err(fault("FP-A001", format!("{name}: letter {} is returned, and its reason is none of R01 to R10", row.letter_id)));
    };
    let returned = LetterEvent::Returned { batch: batch.clone(), reason: reason.to_owned(), said: None };
    let handed_over = VendorStatus::HandedOver.word();
    match state.status {
        LetterStatus::Shipped => Ok(vec![LetterEvent::Settled { batch, word: handed_over.to_owned(), said: None }, returned]),
        LetterStatus::Settled if state.word.as_deref() == Some(handed_over) => Ok(vec![returned]),
        LetterStatus::Settled => Err(contradiction(name, row, state.word.as_deref().unwrap_or("something else"))),
        _ => Ok(Vec::new()),
    }
}
