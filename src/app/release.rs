//! A person says that a sealed batch may go to its vendor, where the vendor's profile wants two to say so.
//!
//! Sealing is no such word: the night seals, and whoever started it may be one of the two. What is said is said about the
//! bytes: the batch is read whole and compared with what was sealed before the word is recorded.

use super::config::Config;
use super::fault::{Fault, exit};
use super::night;
use super::watch::Watch;
use super::who;
use crate::adapters::clock;
use crate::domain::BatchName;
use crate::domain::redact::redact;
use crate::domain::state::BatchState;
use crate::domain::status::{BatchEvent, BatchStatus};
use crate::ledger::Entry;

/// Records this person's word about a batch, and gives the batch after it. `by` is the account's name when not given.
///
/// FP-B031: the batch waits for nobody. FP-B032: the same person as before, or one of whom nothing is known. FP-L006: the
/// batch on the disk is not what was sealed. FP-L002: a run is at work.
pub fn release(config: &Config, batch: &str, by: Option<&str>, watch: &dyn Watch) -> Result<BatchState, Fault> {
    let mut night = night::open(config, None, watch)?;
    let unknown = || Fault::usage("FP-C003", format!("the ledger knows no batch {:?}", redact(batch)));
    let name: BatchName = batch.parse().map_err(|_| unknown())?;
    let state = night.ledger.batch(&name)?.ok_or_else(unknown)?;
    if state.status != BatchStatus::Unreleased {
        let text = format!("batch {name} waits for nobody's word: it is {}", state.status.word());
        return Err(Fault::usage("FP-B031", text));
    }
    let by = who::person(by, config.environment == "production")?;
    let event = match &state.approved {
        None => BatchEvent::Approved { by, manifest: state.manifest },
        Some(first) if by.is_another_than(first) => BatchEvent::Released { by, manifest: state.manifest },
        Some(first) => {
            let text =
                format!("batch {name} was approved by {} already; a second person must say it, logged in as itself", who::told(first));
            return Err(Fault::usage("FP-B032", text));
        }
    };
    night::sealed_on_disk(&config.batches_path().join(name.as_str()), &name, &state)?;
    night.ledger.record(&clock::now(), &[Entry::Batch(name.clone(), event)])?;
    night.ledger.batch(&name)?.ok_or_else(|| Fault::new("FP-L004", exit::MISMATCH, format!("batch {name} is gone from the ledger")))
}

/// What an unreleased batch waits for; nothing of any other batch.
pub fn what_is_missing(state: &BatchState) -> Option<String> {
    match (state.status, &state.approved) {
        (BatchStatus::Unreleased, None) => Some("waits for two persons".to_owned()),
        (BatchStatus::Unreleased, Some(first)) => Some(format!("approved by {}, waits for another person", who::told(first))),
        _ => None,
    }
}
