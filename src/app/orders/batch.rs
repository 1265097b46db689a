//! A batch is taken back before its vendor has it, or given up after the vendor refused it.

use super::{Said, done, known_batch, misfit, open, record};
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::watch::Watch;
use crate::domain::order::{Deed, Order};
use crate::domain::status::{BatchEvent, BatchStatus, LetterEvent};
use crate::domain::{BatchName, OrderId, VendorId};
use crate::ledger::Entry;
use serde::Serialize;

/// What becomes of the letters of a batch that is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// They are held until a person decides.
    Hold,
    /// The next run makes them ready anew and puts them into other batches.
    Again,
    /// They are called back too.
    Cancel,
}

#[derive(Debug, Clone, Serialize)]
pub struct Withdrawn {
    pub order: OrderId,
    pub batch: BatchName,
    pub letters: u32,
    pub afterwards: Afterwards,
    /// The vendor refused it: it had gone up.
    pub was_refused: bool,
    /// Files of it may lie at this vendor, for its upload had begun: whoever works there must delete them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_at: Option<VendorId>,
}

/// Takes a batch back. FP-O005 when the vendor has it or may have it: nothing is done then.
pub fn cancel(config: &Config, batch: &str, afterwards: Afterwards, said: Said<'_>, watch: &dyn Watch) -> Result<Withdrawn, Fault> {
    let (by, reason) = said.checked(config)?;
    let mut night = open(config, Deed::Withdraw, &by, watch)?;
    let (name, state) = known_batch(&night.ledger, batch)?;
    if let Some(why) = hindrance(state.status) {
        return Err(misfit(format!("batch {name} is {}: {why}; nothing was done", state.status.word())));
    }
    let letters = night.ledger.letters_of(&name)?;
    let count = letters.len() as u32;
    let about = format!("batch {name}, letters: {}", word(afterwards));
    let (order, entry) = done(&night.ledger, Order { deed: Deed::Withdraw, about, letters: count, by, reason, plan: None })?;
    let mut entries = vec![entry, Entry::Batch(name.clone(), BatchEvent::Withdrawn { order: order.clone() })];
    for (id, _) in letters {
        entries.push(Entry::Letter(id.clone(), LetterEvent::Unbatched { batch: name.clone(), order: order.clone() }));
        match afterwards {
            Afterwards::Hold => entries.push(Entry::Letter(id, LetterEvent::Withheld { order: order.clone() })),
            Afterwards::Cancel => entries.push(Entry::Letter(id, LetterEvent::Recalled { order: order.clone() })),
            Afterwards::Again => {}
        }
    }
    record(&mut night, &entries)?;
    let was_refused = state.status == BatchStatus::Refused;
    let left_at = (state.attempts > 0 && !was_refused).then_some(state.vendor);
    Ok(Withdrawn { order, batch: name, letters: count, afterwards, was_refused, left_at })
}

fn word(afterwards: Afterwards) -> &'static str {
    match afterwards {
        Afterwards::Hold => "held",
        Afterwards::Again => "go through once more",
        Afterwards::Cancel => "called back",
    }
}

/// Why a batch cannot be taken back; `None` when it can.
fn hindrance(status: BatchStatus) -> Option<&'static str> {
    match status {
        BatchStatus::Sealed | BatchStatus::Unreleased | BatchStatus::Uploading | BatchStatus::Refused => None,
        BatchStatus::Unknown => Some("the vendor may have it; `fjernprint run` finds out"),
        BatchStatus::Shipped | BatchStatus::Acknowledged => Some("the vendor has it: call the vendor's desk"),
        BatchStatus::Settled => Some("every letter of it has its final answer"),
        BatchStatus::Withdrawn => Some("it was taken back before"),
    }
}
