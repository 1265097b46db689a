//! Asks about one batch: the technical answer, then its receipts. Everything is stored as it was received before a word of
//! it is believed; what is refused leaves the batch as it was, and the next run asks again.

use super::reconcile::{Answers, Desk};
use crate::adapters::clock;
use crate::adapters::sftp::Connection;
use crate::app::fault::{Fault, exit};
use crate::domain::answer::Words;
use crate::domain::redact::redact;
use crate::domain::state::{BatchState, RECEIPT_GAP_MAX};
use crate::domain::status::{BatchEvent, BatchStatus, LetterEvent};
use crate::domain::{BatchName, Sha256};
use crate::ledger::{Entry, Ledger, LedgerError};
use crate::pipeline::reconcile::{AnswerFault, Receipt, match_receipt, read_ack, read_head};
use crate::vendor::VendorProfile;
use crate::wire::cms;
use crate::wire::manifest::BatchFiles;
use crate::wire::receipt::{ANSWER_BYTES_MAX, AckResult};
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

/// Receipts of one batch applied in one run: a vendor cannot keep a run busy for ever.
const RECEIPTS_MAX: u32 = 1_000;
/// Numbers behind one that is not there that are looked for: to see that it is missing, and not only late.
const LOOK_BEHIND: u32 = 2;
/// Largest ack or head of a receipt, bytes.
const HEAD_BYTES_MAX: u64 = 64 * 1024;

pub(super) struct Answering<'a, 'd, 'l> {
    desk: &'a Desk<'d, 'l>,
    profile: &'a VendorProfile,
    connection: &'a Connection,
    /// Where the vendor's answers are signed: the certificates that the signatures must lead to, PEM.
    trusted: Option<&'a [u8]>,
    deadline: Instant,
    words: Words,
    answers: &'a mut Answers,
}

/// What became of one receipt.
enum Outcome {
    Absent,
    Applied,
    /// The vendor's fault; the others are read all the same.
    Refused,
}

impl<'a, 'd, 'l> Answering<'a, 'd, 'l> {
    pub fn new(
        desk: &'a Desk<'d, 'l>,
        profile: &'a VendorProfile,
        connection: &'a Connection,
        trusted: Option<&'a [u8]>,
        deadline: Instant,
        answers: &'a mut Answers,
    ) -> Self {
        Self { desk, profile, connection, trusted, deadline, words: profile.answers.vocabulary(), answers }
    }

    pub fn batch(&mut self, name: &BatchName, mut state: BatchState) -> Result<(), Fault> {
        if state.status == BatchStatus::Shipped {
            let Some(acknowledged) = self.acknowledge(name, &state)? else { return Ok(()) };
            state = acknowledged;
        }
        if !matches!(state.status, BatchStatus::Acknowledged | BatchStatus::Settled) {
            return Ok(());
        }
        if state.status == BatchStatus::Acknowledged && state.receipts > 0 {
            self.last_is_unchanged(name, &state)?;
        }
        self.receipts(name, state)
    }

    fn ledger(&self) -> MutexGuard<'_, &'l mut Ledger> {
        // A poisoned lock is another vendor's broken thread; every record is a transaction of its own.
        self.desk.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self, name: &BatchName) -> Result<BatchState, Fault> {
        let state = self.ledger().batch(name)?;
        Ok(state.ok_or_else(|| LedgerError::Corrupt { subject: name.to_string() })?)
    }

    fn fetch(&self, file: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Fault> {
        let remote = format!("{}/{file}", self.profile.delivery.outbox);
        self.connection.fetch(&remote, bytes_max, self.deadline).map_err(|fault| match fault.code {
            "FP-A001" => Fault::new("FP-A001", exit::MISMATCH, fault.to_string()),
            _ => fault.into(),
        })
    }

    /// Where the profile wants signatures, the one beside `file`: fetched and stored. FP-A012 where there is none; whether
    /// it is good is asked with [`Self::prove`], after everything is stored.
    fn signature(&self, file: &str) -> Result<Option<(Vec<u8>, Sha256)>, Fault> {
        if self.trusted.is_none() {
            return Ok(None);
        }
        let missing = || Fault::new("FP-A012", exit::MISMATCH, format!("{file} has no signature beside it; nothing of it was applied"));
        let signature = self.fetch(&format!("{file}.p7s"), cms::SIGNATURE_BYTES_MAX)?.ok_or_else(missing)?;
        let hash = self.desk.store.put(&signature)?;
        Ok(Some((signature, hash)))
    }

    fn prove(&self, file: &str, content: &[u8], signature: Option<&(Vec<u8>, Sha256)>) -> Result<Option<Sha256>, Fault> {
        let (Some(trusted), Some((signature, hash))) = (self.trusted, signature) else { return Ok(None) };
        cms::check(content, signature, trusted).map_err(|why| match why {
            cms::SignatureFault::Trusted(_) => Fault::new("FP-K014", exit::KEYS, format!("answers.certificate: {why}")),
            _ => Fault::new("FP-A012", exit::MISMATCH, redact(&format!("{file}: {why}; nothing of it was applied"))),
        })?;
        Ok(Some(*hash))
    }

    /// The technical answer; `None` while there is none.
    fn acknowledge(&mut self, name: &BatchName, state: &BatchState) -> Result<Option<BatchState>, Fault> {
        let file = BatchFiles::ack(name);
        let Some(bytes) = self.fetch(&file, HEAD_BYTES_MAX)? else { return Ok(None) };
        let answer = self.desk.store.put(&bytes)?;
        let signature = self.signature(&file)?;
        self.desk.store.sync()?;
        let signature = self.prove(&file, &bytes, signature.as_ref())?;
        let ack = read_ack(&bytes, name, &state.manifest).map_err(mismatch)?;
        let accepted = ack.result == AckResult::Accepted;
        let reason = redact(&ack.reason);
        let event = BatchEvent::Acknowledged { accepted, reason: reason.clone(), answer, signature };
        self.ledger().record(&clock::now(), &[Entry::Batch(name.clone(), event)])?;
        if !accepted {
            self.answers.batches_refused += 1;
            let damaged = if ack.manifest_sha256 == state.manifest { "" } else { " (its manifest came there with other bytes than ours)" };
            let text = format!("{} refused batch {name}{damaged}: {reason}; none of its letters is printed", state.vendor);
            return Err(Fault::new("FP-A007", exit::MISMATCH, text));
        }
        self.answers.batches_acknowledged += 1;
        self.state(name).map(Some)
    }

    /// A receipt that was applied stays what it was: FP-A010 when the last one's head is another now.
    fn last_is_unchanged(&mut self, name: &BatchName, state: &BatchState) -> Result<(), Fault> {
        let number = state.receipts;
        if !self.profile.answers.heads {
            return Ok(());
        }
        let Some(now) = self.fetch(&head_name(name, number), HEAD_BYTES_MAX)? else { return Ok(()) };
        let history = self.ledger().history(name.as_str())?;
        let applied = history.iter().rev().find_map(|(_, data)| match serde_json::from_str(data) {
            Ok(BatchEvent::Answered { number: this, head, .. }) if this == number => Some(head),
            _ => None,
        });
        if applied.is_some_and(|head| head != Sha256(openssl::sha::sha256(&now))) {
            self.desk.store.put(&now)?;
            self.desk.store.sync()?;
            let text = format!("receipt {number} of {name} was applied, and lies there with another head now; the first stands");
            self.answers.faults.push(Fault::new("FP-A010", exit::MISMATCH, text));
        }
        Ok(())
    }

    /// Receipts that are owed, then the next ones. One that is missing or refused holds up none behind it.
    fn receipts(&mut self, name: &BatchName, mut state: BatchState) -> Result<(), Fault> {
        for number in state.gaps.clone() {
            self.receipt(name, number)?;
        }
        state = self.state(name)?;
        let (mut number, mut absent) = (state.receipts + 1, 0);
        let mut first_absent = false;
        for _ in 0..RECEIPTS_MAX {
            if absent > LOOK_BEHIND || number > state.receipts + RECEIPT_GAP_MAX + 1 {
                break;
            }
            match self.receipt(name, number)? {
                Outcome::Absent => (absent, first_absent) = (absent + 1, true),
                Outcome::Refused => {}
                Outcome::Applied => (absent, state) = (0, self.state(name)?),
            }
            number += 1;
        }
        self.owed(name, &state, first_absent)
    }

    /// FP-A009 for numbers that are not there while later ones are. They may have come just now: looked at once more.
    fn owed(&mut self, name: &BatchName, state: &BatchState, look_again: bool) -> Result<(), Fault> {
        if state.gaps.is_empty() || state.status != BatchStatus::Acknowledged {
            return Ok(());
        }
        let mut missing = Vec::new();
        for number in state.gaps.clone() {
            let outcome = if look_again { self.receipt(name, number)? } else { Outcome::Absent };
            if matches!(outcome, Outcome::Absent) {
                missing.push(number.to_string());
            }
        }
        if !missing.is_empty() {
            let (missing, last) = (missing.join(", "), state.receipts);
            let text = format!("receipt {missing} of {name} is missing, and {last} was applied; it is asked for again by each run");
            self.answers.faults.push(Fault::new("FP-A009", exit::MISMATCH, text));
        }
        Ok(())
    }

    /// One receipt by its number. An `Err` is ours, or the line's; the vendor's own faults are told and passed over.
    fn receipt(&mut self, name: &BatchName, number: u32) -> Result<Outcome, Fault> {
        match self.read(name, number) {
            Ok(true) => Ok(Outcome::Applied),
            Ok(false) => Ok(Outcome::Absent),
            Err(fault) if fault.exit == exit::MISMATCH && fault.code.starts_with("FP-A") => {
                if !self.answers.faults.iter().any(|known| known.message == fault.message) {
                    self.answers.faults.push(fault);
                }
                Ok(Outcome::Refused)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Fetches, stores, proves, matches and records a receipt; false when it is not there.
    fn read(&mut self, name: &BatchName, number: u32) -> Result<bool, Fault> {
        let ending = self.profile.answers.dialect.ending();
        let (head_file, rows_file) = (head_name(name, number), format!("{name}.receipt-{number}.{ending}"));
        // What comes last says that the receipt is complete.
        let (last, bytes_max) = if self.profile.answers.heads { (&head_file, HEAD_BYTES_MAX) } else { (&rows_file, ANSWER_BYTES_MAX) };
        let Some(last_bytes) = self.fetch(last, bytes_max)? else { return Ok(false) };
        let last_hash = self.desk.store.put(&last_bytes)?;
        let missing = || Fault::new("FP-A001", exit::MISMATCH, format!("receipt {number} of {name} has a head, but no rows"));
        let fetched = match self.profile.answers.heads {
            true => Some(self.fetch(&rows_file, ANSWER_BYTES_MAX)?.ok_or_else(missing)?),
            false => None,
        };
        let rows_hash = fetched.as_ref().map_or(Ok(last_hash), |rows| self.desk.store.put(rows))?;
        let signature = self.signature(last)?;
        self.desk.store.sync()?;
        let signature = self.prove(last, &last_bytes, signature.as_ref())?;
        let state = self.state(name)?;
        let head = fetched.is_some().then(|| read_head(&last_bytes, name, &state.manifest, number)).transpose().map_err(mismatch)?;
        let rows = fetched.as_deref().unwrap_or(&last_bytes);
        let letters = self.ledger().letters_of(name)?;
        let receipt = Receipt { batch: name, number, words: &self.words, head: head.as_ref(), rows };
        let matched = match_receipt(&receipt, &letters, &state.questions).map_err(mismatch)?;
        drop(letters);
        let count = |of: fn(&LetterEvent) -> bool| matched.events.iter().filter(|(_, event)| of(event)).count() as u64;
        let settled = count(|event| matches!(event, LetterEvent::Settled { .. }));
        let returned = count(|event| matches!(event, LetterEvent::Returned { .. }));
        let questions = matched.questions;
        self.answers.questions += questions.len() as u64;
        for question in questions.iter().take(QUESTIONS_TOLD) {
            let text = format!("receipt {number} of {name}: letter {} {}; the rest of it was applied", question.letter, question.says);
            self.answers.faults.push(Fault::new(code(&question.code), exit::MISMATCH, text));
        }
        let answered = BatchEvent::Answered { number, head: last_hash, rows: rows_hash, signature, questions };
        let mut entries = vec![Entry::Batch(name.clone(), answered)];
        entries.extend(matched.events.into_iter().map(|(id, event)| Entry::Letter(id, event)));
        let mut ledger = self.ledger();
        if settled == ledger.open_letters(name)? && state.status == BatchStatus::Acknowledged {
            entries.push(Entry::Batch(name.clone(), BatchEvent::Settled {}));
        }
        ledger.record(&clock::now(), &entries)?;
        drop(ledger);
        self.answers.receipts_applied += 1;
        self.answers.letters_settled += settled;
        self.answers.letters_returned += returned;
        Ok(true)
    }
}

/// Questions of one receipt that are told when they come up; `reconcile` lists them all.
const QUESTIONS_TOLD: usize = 10;

/// A question's code as one that has a page.
fn code(code: &str) -> &'static str {
    crate::domain::codes::find(code).map_or("FP-A003", |page| page.code)
}

fn head_name(name: &BatchName, number: u32) -> String {
    format!("{name}.receipt-{number}.json")
}

fn mismatch(fault: AnswerFault) -> Fault {
    Fault::new(fault.code, exit::MISMATCH, format!("{}; nothing of it was applied", fault.message))
}
