//! What one receipt means for the letters of its batch.

use super::{AnswerFault, fault};
use crate::domain::answer::{Dialect, Meaning, VendorStatus, Words, return_reason};
use crate::domain::redact::redact;
use crate::domain::state::LetterState;
use crate::domain::status::{LetterEvent, LetterStatus, Question};
use crate::domain::{BatchName, LetterId, Sha256, counted};
use crate::wire::receipt::{Named, ReceiptHead, Row, RowsFault, read_rows};
use std::collections::{BTreeMap, BTreeSet};

/// Questions of one batch that wait for a person; a receipt that would raise more is refused whole.
pub const QUESTIONS_MAX: usize = 1_000;
/// Rows for each letter of the batch: `pko` has one for every step.
const ROWS_EACH_MAX: usize = 8;
/// And rows of letters that are not in it.
const ROWS_MORE: usize = 100;

/// A receipt as it was fetched.
pub struct Receipt<'a> {
    pub batch: &'a BatchName,
    pub number: u32,
    pub words: &'a Words,
    /// Absent where the vendor makes none.
    pub head: Option<&'a ReceiptHead>,
    pub rows: &'a [u8],
}

/// What of a receipt is applied, and what is asked about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matched {
    pub events: Vec<(LetterId, LetterEvent)>,
    /// Rows that do not fit, each once; those that were asked about before are left out.
    pub questions: Vec<Question>,
}

/// Matches a receipt with the letters of its batch. `asked` are the questions that are open already.
pub fn match_receipt(receipt: &Receipt<'_>, letters: &[(LetterId, LetterState)], asked: &[Question]) -> Result<Matched, AnswerFault> {
    let name = format!("receipt {} of {}", receipt.number, receipt.batch);
    if receipt.head.is_some_and(|head| Sha256(openssl::sha::sha256(receipt.rows)) != head.rows_sha256) {
        return Err(fault("FP-A003", format!("{name}: the rows are not those that the head vouches for")));
    }
    let rows_max = letters.len().saturating_mul(ROWS_EACH_MAX).saturating_add(ROWS_MORE);
    let rows = read_rows(receipt.words, receipt.rows, rows_max).map_err(|why| unreadable(&name, &why))?;
    let batch = Letters::of(letters);
    let found: Vec<Option<usize>> = rows.iter().map(|row| batch.find(&row.named)).collect();
    if let Some(head) = receipt.head {
        totals(&name, head, &rows, &found, letters)?;
    }
    let mut matched = Matched::default();
    let mut of_letter: BTreeMap<usize, Vec<&Row>> = BTreeMap::new();
    for (row, found) in rows.iter().zip(&found) {
        match found {
            Some(index) => of_letter.entry(*index).or_default().push(row),
            None => matched.ask("FP-A004", named(&row.named), format!("is {}, and is not in this batch", told(row))),
        }
    }
    if receipt.head.is_some_and(|head| head.cumulative) && of_letter.len() != letters.len() {
        let text = format!("{name}: it says that it is complete, and {} of {} letters stand in it", of_letter.len(), letters.len());
        return Err(fault("FP-A003", text));
    }
    for (index, mut rows) in of_letter {
        let (id, state) = &letters[index];
        rows.dedup();
        if rows.len() > 1 && receipt.words.dialect != Dialect::Pko {
            return Err(fault("FP-A003", format!("{name}: letter {id} stands in it twice, and not the same")));
        }
        rows.sort_by_key(|row| status(row));
        let mut stand = Stand::of(state);
        for row in rows {
            matched.measure(id, row, state);
            stand.follow(receipt.batch, &name, id, row, &mut matched)?;
        }
    }
    let known: BTreeSet<&Question> = asked.iter().collect();
    let asked_already = |q: &Question| known.iter().any(|k| (&k.code, &k.letter) == (&q.code, &q.letter));
    matched.questions.sort();
    matched.questions.dedup_by(|a, b| (&a.code, &a.letter) == (&b.code, &b.letter));
    if !asked.is_empty() {
        matched.questions.retain(|q| !asked_already(q));
    }
    if asked.len() + matched.questions.len() > QUESTIONS_MAX {
        let text = format!("{name}: {} rows of it do not fit, more than a person can look into", matched.questions.len());
        return Err(fault("FP-A011", text));
    }
    Ok(matched)
}

fn unreadable(name: &str, why: &RowsFault) -> AnswerFault {
    let code = if matches!(why, RowsFault::UnknownWord { .. }) { "FP-A008" } else { "FP-A001" };
    fault(code, format!("{name}: {why}"))
}

/// Letters of the batch by what a row may call them.
struct Letters<'a> {
    by_id: BTreeMap<&'a str, usize>,
    /// An identifier that two letters share names neither.
    by_dispatch: BTreeMap<String, Option<usize>>,
}

impl<'a> Letters<'a> {
    fn of(letters: &'a [(LetterId, LetterState)]) -> Self {
        let by_id = letters.iter().enumerate().map(|(index, (id, _))| (id.as_str(), index)).collect();
        let mut by_dispatch: BTreeMap<String, Option<usize>> = BTreeMap::new();
        for (index, (_, state)) in letters.iter().enumerate() {
            by_dispatch.entry(state.dispatch_id.to_lowercase()).and_modify(|taken| *taken = None).or_insert(Some(index));
        }
        Self { by_id, by_dispatch }
    }

    fn find(&self, named: &Named) -> Option<usize> {
        match named {
            Named::Letter(id) => self.by_id.get(id.as_str()).copied(),
            Named::Dispatch(id) => self.by_dispatch.get(&id.to_lowercase()).copied().flatten(),
        }
    }
}

fn named(named: &Named) -> String {
    let (Named::Letter(text) | Named::Dispatch(text)) = named;
    redact(text)
}

fn status(row: &Row) -> Option<VendorStatus> {
    match row.meaning {
        Meaning::Is(status) => Some(status),
        Meaning::NoNews => None,
    }
}

/// Our word, and the vendor's where it is another.
fn told(row: &Row) -> String {
    let ours = status(row).map_or("no news", VendorStatus::word);
    if row.said == ours { ours.to_owned() } else { format!("{ours} ({})", redact(&row.said)) }
}

/// The head's totals are those of the rows. What a row does not say is taken from what we sent; where that is not known
/// either, this total cannot be checked.
fn totals(
    name: &str,
    head: &ReceiptHead,
    rows: &[Row],
    found: &[Option<usize>],
    letters: &[(LetterId, LetterState)],
) -> Result<(), AnswerFault> {
    let job = |found: &Option<usize>| found.and_then(|index| letters[index].1.job.as_ref());
    let pages = || rows.iter().zip(found).map(|(row, at)| row.pages.or(job(at).map(|job| job.pages)));
    let sheets = || rows.iter().zip(found).map(|(row, at)| row.sheets.or(job(at).map(|job| job.sheets)));
    let counted = [
        Some(rows.len() as u64),
        pages().map(|n| n.map(u64::from)).sum::<Option<u64>>(),
        sheets().map(|n| n.map(u64::from)).sum::<Option<u64>>(),
    ];
    let said = [head.letters, head.pages, head.sheets].map(u64::from);
    for ((what, said), counted) in ["rows", "pages", "sheets"].into_iter().zip(said).zip(counted) {
        if counted.is_some_and(|counted| counted != said) {
            let counted = counted.unwrap_or_default();
            return Err(fault("FP-A003", format!("{name}: the head counts {said} {what}, the rows add up to {counted}")));
        }
    }
    Ok(())
}

impl Matched {
    fn ask(&mut self, code: &str, letter: impl Into<String>, says: String) {
        self.questions.push(Question { code: code.to_owned(), letter: letter.into(), says });
    }

    /// A letter that left the vendor has the pages and sheets that we sent.
    fn measure(&mut self, id: &LetterId, row: &Row, state: &LetterState) {
        let Some(job) = &state.job else { return };
        let printed = matches!(status(row), Some(VendorStatus::HandedOver | VendorStatus::Returned));
        let (pages, sheets) = (row.pages.unwrap_or(job.pages), row.sheets.unwrap_or(job.sheets));
        if printed && (pages, sheets) != (job.pages, job.sheets) {
            let says = format!(
                "was printed with {} on {}, sent were {} on {}",
                counted(pages.into(), "page"),
                counted(sheets.into(), "sheet"),
                job.pages,
                job.sheets
            );
            self.ask("FP-A005", id.to_string(), says);
        }
    }
}

/// Where a letter stands while a receipt is read.
struct Stand {
    status: LetterStatus,
    word: Option<VendorStatus>,
}

impl Stand {
    fn of(state: &LetterState) -> Self {
        Self { status: state.status, word: state.word.as_deref().and_then(VendorStatus::from_word) }
    }

    /// The events that this row is; a word that is no news is none, and a second final word is a question.
    fn follow(&mut self, batch: &BatchName, name: &str, id: &LetterId, row: &Row, matched: &mut Matched) -> Result<(), AnswerFault> {
        let Some(says) = status(row) else { return Ok(()) };
        let said = own_word(row, says);
        let mut happened = |event| matched.events.push((id.clone(), event));
        let batch = batch.clone();
        match (says, self.status) {
            (VendorStatus::Returned, before) => {
                let text = || format!("{name}: letter {id} is returned, and its reason is none of R01 to R10");
                let reason = return_reason(&row.reason).ok_or_else(|| fault("FP-A001", text()))?.to_owned();
                // Where nobody said that it was handed over, its coming back says it too.
                if before == LetterStatus::Shipped {
                    let word = VendorStatus::HandedOver.word().to_owned();
                    happened(LetterEvent::Settled { batch: batch.clone(), word, said: None });
                } else if before == LetterStatus::Settled && self.word != Some(VendorStatus::HandedOver) {
                    matched.ask("FP-A006", id.to_string(), self.contradiction(row));
                    return Ok(());
                }
                if matches!(before, LetterStatus::Shipped | LetterStatus::Settled) {
                    happened(LetterEvent::Returned { batch, reason, said });
                    self.status = LetterStatus::Returned;
                }
            }
            (_, LetterStatus::Shipped) if says.is_final() => {
                happened(LetterEvent::Settled { batch, word: says.word().to_owned(), said });
                (self.status, self.word) = (LetterStatus::Settled, Some(says));
            }
            (_, LetterStatus::Shipped) if self.word.is_none_or(|word| word < says) => {
                happened(LetterEvent::Progressed { batch, word: says.word().to_owned(), said });
                self.word = Some(says);
            }
            (_, LetterStatus::Settled) if says.is_final() && self.word != Some(says) => {
                matched.ask("FP-A006", id.to_string(), self.contradiction(row));
            }
            // What came back had been handed over; the word for it may come late.
            (_, LetterStatus::Returned) if says.is_final() && says != VendorStatus::HandedOver => {
                matched.ask("FP-A006", id.to_string(), self.contradiction(row));
            }
            _ => {}
        }
        Ok(())
    }

    fn contradiction(&self, row: &Row) -> String {
        let before =
            if self.status == LetterStatus::Returned { "returned" } else { self.word.map_or("something else", VendorStatus::word) };
        format!("is {} in a receipt, and {before} in another, which is final and stands", told(row))
    }
}

/// The vendor's own word and its reason, where they say more than ours.
fn own_word(row: &Row, ours: VendorStatus) -> Option<String> {
    let text = if row.reason.is_empty() { row.said.clone() } else { format!("{}: {}", row.said, row.reason) };
    (text != ours.word()).then(|| redact(&text))
}
