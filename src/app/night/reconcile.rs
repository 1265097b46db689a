//! Fetches the vendors' answers, stores them as they were received, and applies each once.
//!
//! Names of answers are made here from the batch; a vendor's listing is never asked for, so no name of its making is a path.

use super::Night;
use crate::adapters::clock;
use crate::adapters::sftp::Connection;
use crate::app::alarms::News;
use crate::app::fault::{Fault, exit};
use crate::domain::state::BatchState;
use crate::domain::status::{BatchEvent, BatchStatus, LetterEvent};
use crate::domain::{BatchName, VendorId};
use crate::ledger::Entry;
use crate::pipeline::reconcile::{AnswerFault, match_receipt, may_come_back, read_ack, read_head};
use crate::wire::manifest::BatchFiles;
use crate::wire::receipt::{ANSWER_BYTES_MAX, AckResult};
use serde::Serialize;
use std::collections::BTreeMap;

/// Receipts of one batch applied in one run: a vendor cannot keep a run busy for ever.
const RECEIPTS_MAX: u32 = 1_000;
/// Largest ack or head of a receipt, bytes.
const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// What was fetched and applied.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Answers {
    pub batches_acknowledged: u64,
    pub batches_refused: u64,
    pub receipts_applied: u64,
    pub letters_settled: u64,
    pub letters_returned: u64,
    #[serde(skip)]
    pub faults: Vec<Fault>,
    /// Alarms that were raised, became graver or are over.
    #[serde(skip)]
    pub news: Vec<News>,
}

pub(super) fn reconcile(night: &mut Night<'_>) -> Result<Answers, Fault> {
    let mut answers = Answers::default();
    let mut by_vendor: BTreeMap<VendorId, Vec<(BatchName, BatchState)>> = BTreeMap::new();
    let waiting = night.ledger.batches(&[BatchStatus::Shipped, BatchStatus::Acknowledged, BatchStatus::Settled])?;
    let today = clock::business_date();
    let asked = |state: &BatchState| state.status != BatchStatus::Settled || may_come_back(&state.business_date, &today);
    for (name, state) in waiting.into_iter().filter(|(_, state)| asked(state)) {
        by_vendor.entry(state.vendor.clone()).or_default().push((name, state));
    }
    night.watch.begin("answers", Some(by_vendor.values().map(|list| list.len() as u64).sum()));
    for (vendor, batches) in by_vendor {
        let waited_for = batches.iter().any(|(_, state)| state.status != BatchStatus::Settled);
        let Some(address) = night.config.connections.get(&vendor) else {
            if !waited_for {
                continue;
            }
            let text = format!("{} batches wait for answers of {vendor}, and the configuration has no connection to it", batches.len());
            answers.faults.push(Fault::usage("FP-C008", text));
            continue;
        };
        let connection = match Connection::open(address) {
            Ok(connection) => connection,
            // Nothing is waited for there; the next run asks again.
            Err(fault) if !waited_for => {
                night.watch.note(&format!("{vendor} was not asked about letters that came back: {fault}"));
                continue;
            }
            Err(fault) => {
                let fault = Fault::from(fault);
                let message = format!("{vendor}: answers to {} batches were not fetched: {}", batches.len(), fault.message);
                answers.faults.push(Fault { message, ..fault });
                continue;
            }
        };
        for (name, state) in batches {
            let mut answering = Answering { night, connection: &connection, answers: &mut answers };
            match answering.batch(&name, state) {
                Ok(()) => {}
                // A broken ledger or store stops the run; what the vendor did wrong does not.
                Err(fault) if fault.exit == exit::UNEXPECTED => return Err(fault),
                Err(fault) => answers.faults.push(fault),
            }
            night.watch.step("answers", 1);
        }
    }
    night.watch.end("answers");
    Ok(answers)
}

struct Answering<'a, 'n> {
    night: &'a mut Night<'n>,
    connection: &'a Connection,
    answers: &'a mut Answers,
}

impl Answering<'_, '_> {
    fn batch(&mut self, name: &BatchName, mut state: BatchState) -> Result<(), Fault> {
        let Some(profile) = self.night.config.profiles.get(&state.vendor) else { return Ok(()) };
        let outbox = profile.delivery.outbox.clone();
        if state.status == BatchStatus::Shipped {
            let Some(acknowledged) = self.acknowledge(name, &state, &outbox)? else { return Ok(()) };
            state = acknowledged;
        }
        for _ in 0..RECEIPTS_MAX {
            if !matches!(state.status, BatchStatus::Acknowledged | BatchStatus::Settled) {
                break;
            }
            match self.receipt(name, &state, &outbox)? {
                Some(next) => state = next,
                None => break,
            }
        }
        Ok(())
    }

    fn fetch(&self, remote: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.connection.read_if_there(remote, bytes_max).map_err(|fault| match fault.code {
            "FP-A001" => Fault::new("FP-A001", exit::MISMATCH, fault.to_string()),
            _ => fault.into(),
        })
    }

    /// The technical answer; `None` while there is none.
    fn acknowledge(&mut self, name: &BatchName, state: &BatchState, outbox: &str) -> Result<Option<BatchState>, Fault> {
        let Some(bytes) = self.fetch(&format!("{outbox}/{}", BatchFiles::ack(name)), HEAD_BYTES_MAX)? else { return Ok(None) };
        let answer = self.night.store.put(&bytes)?;
        self.night.store.sync()?;
        let ack = read_ack(&bytes, name, &state.manifest).map_err(mismatch)?;
        let accepted = ack.result == AckResult::Accepted;
        let reason = crate::domain::redact::redact(&ack.reason);
        let event = BatchEvent::Acknowledged { accepted, reason: reason.clone(), answer };
        self.night.ledger.record(&clock::now(), &[Entry::Batch(name.clone(), event)])?;
        if !accepted {
            self.answers.batches_refused += 1;
            let text = format!("{} refused batch {name}: {reason}; none of its letters is printed", state.vendor);
            return Err(Fault::new("FP-A007", exit::MISMATCH, text));
        }
        self.answers.batches_acknowledged += 1;
        Ok(self.night.ledger.batch(name)?)
    }

    /// The next receipt; `None` while there is none.
    fn receipt(&mut self, name: &BatchName, state: &BatchState, outbox: &str) -> Result<Option<BatchState>, Fault> {
        let number = state.receipts + 1;
        let base = format!("{outbox}/{name}.receipt-{number}");
        let Some(head_bytes) = self.fetch(&format!("{base}.json"), HEAD_BYTES_MAX)? else { return Ok(None) };
        // The head comes last: a head without rows is a fault of the vendor's.
        let rows_bytes = self
            .fetch(&format!("{base}.csv"), ANSWER_BYTES_MAX)?
            .ok_or_else(|| Fault::new("FP-A001", exit::MISMATCH, format!("receipt {number} of {name} has a head, but no rows")))?;
        let (head, rows) = (self.night.store.put(&head_bytes)?, self.night.store.put(&rows_bytes)?);
        self.night.store.sync()?;
        let letters = self.night.ledger.letters_of(name)?;
        let parsed = read_head(&head_bytes, name, &state.manifest, number).map_err(mismatch)?;
        let events = match_receipt(&parsed, &rows_bytes, &letters).map_err(mismatch)?;
        let count = |of: fn(&LetterEvent) -> bool| events.iter().filter(|(_, event)| of(event)).count() as u64;
        let settled = count(|event| matches!(event, LetterEvent::Settled { .. }));
        let returned = count(|event| matches!(event, LetterEvent::Returned { .. }));
        let open = self.night.ledger.open_letters(name)?;
        let mut entries = vec![Entry::Batch(name.clone(), BatchEvent::Answered { number, head, rows })];
        entries.extend(events.into_iter().map(|(id, event)| Entry::Letter(id, event)));
        if settled == open && state.status == BatchStatus::Acknowledged {
            entries.push(Entry::Batch(name.clone(), BatchEvent::Settled {}));
        }
        self.night.ledger.record(&clock::now(), &entries)?;
        self.answers.receipts_applied += 1;
        self.answers.letters_settled += settled;
        self.answers.letters_returned += returned;
        Ok(self.night.ledger.batch(name)?)
    }
}

fn mismatch(fault: AnswerFault) -> Fault {
    Fault::new(fault.code, exit::MISMATCH, format!("{}; nothing of it was applied", fault.message))
}
