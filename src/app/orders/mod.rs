//! What operators order: letters kept back, let go, called back or sent once more, batches taken back, shipping stopped.
//!
//! Each order is one transaction with all that it does, quotes who, why and the plan that was read, and is refused when what
//! it was about has moved meanwhile. Nothing here sends anything: the next run does.

mod batch;
mod letters;
mod plan;
mod rerun;
mod stop;

pub use crate::pipeline::rerun::{Copy, Course, Item};
pub use batch::{Afterwards, Withdrawn, cancel as cancel_batch};
pub use letters::{CancelOutcome, Handled, cancel, hold, release};
pub use plan::{Plan, Share, Target};
pub use rerun::{Applied, Apply, apply, plan};
pub use stop::{resume, stop};

use super::config::Config;
use super::fault::{Fault, exit};
use super::night::{self, Night};
use super::watch::Watch;
use super::who;
use crate::adapters::clock;
use crate::domain::order::{Deed, Order, OrderEvent, OrderState};
use crate::domain::redact::redact;
use crate::domain::state::{BatchState, LetterState};
use crate::domain::status::Person;
use crate::domain::{BatchName, LetterId, OrderId};
use crate::ledger::{Entry, Ledger};

/// Letters that one order may name.
const LETTERS_MAX: usize = 100_000;

/// Who orders something, and why.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    pub by: Option<&'a str>,
    pub reason: &'a str,
}

impl Said<'_> {
    /// FP-B032 and FP-O008, see [`who`].
    fn checked(&self, config: &Config) -> Result<(Person, String), Fault> {
        Ok((who::person(self.by, config.environment == "production")?, who::reason(self.reason)?))
    }
}

/// The ledger for one order; FP-L002 names whoever holds it.
fn open<'a>(config: &'a Config, deed: Deed, by: &Person, watch: &'a dyn Watch) -> Result<Night<'a>, Fault> {
    night::open_for(config, None, watch, &format!("an order ({}) of {}", deed.word(), who::told(by)))
}

/// An order that is done, as an entry, with its number.
fn done(ledger: &Ledger, order: Order) -> Result<(OrderId, Entry), Fault> {
    let id = ledger.next_order()?;
    Ok((id.clone(), Entry::Order(id, OrderEvent::Done { order })))
}

/// Letters by their ids, each once and in the order given. FP-C003 for what is no letter of this ledger.
fn known(ledger: &Ledger, ids: &[String]) -> Result<Vec<(LetterId, LetterState)>, Fault> {
    if ids.is_empty() || ids.len() > LETTERS_MAX {
        return Err(Fault::usage("FP-C003", format!("name 1 to {LETTERS_MAX} letters; nothing was done")));
    }
    let mut letters: Vec<(LetterId, LetterState)> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        let unknown = || Fault::usage("FP-C003", format!("the ledger knows no letter {:?}; nothing was done", redact(id)));
        let letter: LetterId = id.parse().map_err(|_| unknown())?;
        let state = ledger.letter(&letter)?.ok_or_else(unknown)?;
        if seen.insert(letter.clone()) {
            letters.push((letter, state));
        }
    }
    Ok(letters)
}

fn known_batch(ledger: &Ledger, name: &str) -> Result<(BatchName, BatchState), Fault> {
    let unknown = || Fault::usage("FP-C003", format!("the ledger knows no batch {:?}; nothing was done", redact(name)));
    let name: BatchName = name.parse().map_err(|_| unknown())?;
    let state = ledger.batch(&name)?.ok_or_else(unknown)?;
    Ok((name, state))
}

/// FP-O005: it does not fit where things stand.
fn misfit(text: impl Into<String>) -> Fault {
    Fault::new("FP-O005", exit::INVALID, text)
}

/// Who gave an order, what and when it was, for the one who comes second.
pub fn told(id: &OrderId, state: &OrderState, at: Option<&str>) -> String {
    let second = state.second.as_ref().map(|second| format!(" and {}", who::told(second))).unwrap_or_default();
    let at = at.map(|at| format!(", {at}")).unwrap_or_default();
    format!("order {id}: {} by {}{second}{at}, \"{}\"", state.order.deed.word(), who::told(&state.order.by), state.order.reason)
}

fn record(night: &mut Night<'_>, entries: &[Entry]) -> Result<(), Fault> {
    Ok(night.ledger.record(&clock::now(), entries)?)
}
