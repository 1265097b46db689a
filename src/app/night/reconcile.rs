//! Fetches the vendors' answers: every vendor in a thread of its own, so that one that is silent or slow delays no other.
//!
//! Names of answers are made here from the batch; a vendor's listing is never asked for, so no name of its making is a path.

use super::Night;
use super::answering::Answering;
use crate::adapters::clock;
use crate::adapters::keys::read_bounded;
use crate::adapters::sftp::Connection;
use crate::adapters::store::Store;
use crate::app::alarms::News;
use crate::app::config::Config;
use crate::app::fault::{Fault, exit};
use crate::app::watch::Watch;
use crate::domain::state::BatchState;
use crate::domain::status::BatchStatus;
use crate::domain::{BatchName, VendorId, counted};
use crate::ledger::Ledger;
use crate::pipeline::reconcile::may_come_back;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// All answers of one vendor in one run take at most so long; the rest is for the next.
const VENDOR_TIME_MAX: Duration = Duration::from_secs(15 * 60);

/// What was fetched and applied.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Answers {
    pub batches_acknowledged: u64,
    pub batches_refused: u64,
    pub receipts_applied: u64,
    pub letters_settled: u64,
    pub letters_returned: u64,
    /// Rows that do not fit: kept with their batch until somebody explains them.
    pub questions: u64,
    #[serde(skip)]
    pub faults: Vec<Fault>,
    /// Alarms that were raised, became graver or are over.
    #[serde(skip)]
    pub news: Vec<News>,
}

impl Answers {
    fn add(&mut self, other: Self) {
        self.batches_acknowledged += other.batches_acknowledged;
        self.batches_refused += other.batches_refused;
        self.receipts_applied += other.receipts_applied;
        self.letters_settled += other.letters_settled;
        self.letters_returned += other.letters_returned;
        self.questions += other.questions;
        self.faults.extend(other.faults);
    }
}

pub(super) fn reconcile(night: &mut Night<'_>) -> Result<Answers, Fault> {
    let mut by_vendor: BTreeMap<VendorId, Vec<(BatchName, BatchState)>> = BTreeMap::new();
    let waiting = night.ledger.batches(&[BatchStatus::Shipped, BatchStatus::Acknowledged, BatchStatus::Settled])?;
    let today = clock::business_date();
    let asked = |state: &BatchState| state.status != BatchStatus::Settled || may_come_back(&state.business_date, &today);
    for (name, state) in waiting.into_iter().filter(|(_, state)| asked(state)) {
        by_vendor.entry(state.vendor.clone()).or_default().push((name, state));
    }
    night.watch.begin("answers", Some(by_vendor.values().map(|list| list.len() as u64).sum()));
    let (config, watch, store) = (night.config, night.watch, &night.store);
    let ledger = Mutex::new(&mut night.ledger);
    let results: Vec<Result<Answers, Fault>> = std::thread::scope(|scope| {
        let ask = |(vendor, batches): (VendorId, Vec<_>)| {
            let ledger = &ledger;
            scope.spawn(move || Desk { config, ledger, store, watch, vendor }.ask_all(batches))
        };
        let threads: Vec<_> = by_vendor.into_iter().map(ask).collect();
        let broken = || Err(Fault::new("FP-A015", exit::UNEXPECTED, "fetching answers broke off unexpectedly"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| broken())).collect()
    });
    let mut answers = Answers::default();
    for result in results {
        // A broken ledger or store stops the run, after every vendor was asked; what one did wrong does not.
        answers.add(result?);
    }
    watch.end("answers");
    Ok(answers)
}

/// Where one vendor's answers are read.
pub(super) struct Desk<'a, 'l> {
    pub config: &'a Config,
    /// One writer at a time; every record is a transaction of its own.
    pub ledger: &'a Mutex<&'l mut Ledger>,
    pub store: &'a Store,
    pub watch: &'a dyn Watch,
    pub vendor: VendorId,
}

impl Desk<'_, '_> {
    fn ask_all(&self, batches: Vec<(BatchName, BatchState)>) -> Result<Answers, Fault> {
        let mut answers = Answers::default();
        let waited_for = batches.iter().any(|(_, state)| state.status != BatchStatus::Settled);
        let (vendor, mut after, count) = (&self.vendor, batches.len(), counted(batches.len() as u64, "batch"));
        let (Some(profile), Some(address)) = (self.config.profiles.get(vendor), self.config.connections.get(vendor)) else {
            if waited_for {
                let text = format!("no answers of {vendor} to {count} are fetched: the configuration has no connection to it");
                answers.faults.push(Fault::usage("FP-C008", text));
            }
            return Ok(answers);
        };
        let opened = profile.answers.certificate.as_deref().map(read_bounded).transpose().map_err(Fault::from);
        let opened = opened.and_then(|trusted| Ok((trusted, Connection::open(address)?)));
        let (trusted, connection) = match opened {
            Ok(opened) => opened,
            // Nothing is waited for there; the next run asks again. A host key that changed is told in any case.
            Err(fault) if !waited_for && fault.exit == exit::UNREACHABLE => {
                self.watch.note(&format!("{vendor} was not asked about letters that came back: {fault}"));
                return Ok(answers);
            }
            Err(fault) => {
                let message = format!("{vendor}: answers to {count} were not fetched: {}", fault.message);
                answers.faults.push(Fault { message, ..fault });
                return Ok(answers);
            }
        };
        let deadline = Instant::now() + VENDOR_TIME_MAX;
        for (name, state) in batches {
            after -= 1;
            let asked = Answering::new(self, profile, &connection, trusted.as_deref(), deadline, &mut answers).batch(&name, state);
            self.watch.step("answers", 1);
            let Err(fault) = asked else { continue };
            match fault.exit {
                exit::UNEXPECTED | exit::LEDGER_HELD => return Err(fault),
                // The line is broken, or the time is over: there is no use in asking for the others.
                exit::UNREACHABLE | exit::KEYS => {
                    let message = format!("{vendor}, batch {name}, and {after} after it were not asked about: {}", fault.message);
                    answers.faults.push(Fault { message, ..fault });
                    break;
                }
                _ => answers.faults.push(fault),
            }
        }
        Ok(answers)
    }
}
