//! Single letters: kept back, let go, called back.

use super::{Said, done, known, misfit, open, record};
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::watch::Watch;
use crate::domain::order::{Deed, Order};
use crate::domain::state::{LetterState, Recall};
use crate::domain::status::{BatchEvent, BatchStatus, LetterEvent, LetterStatus};
use crate::domain::{BatchName, LetterId, OrderId};
use crate::ledger::Entry;
use serde::Serialize;
use std::collections::BTreeSet;

/// What was done, and to how many.
#[derive(Debug, Clone, Serialize)]
pub struct Handled {
    pub order: OrderId,
    pub letters: u32,
}

/// Keeps letters back that are in no batch yet. FP-O005 when one of them is further or out already: nothing is done then.
pub fn hold(config: &Config, ids: &[String], said: Said<'_>, watch: &dyn Watch) -> Result<Handled, Fault> {
    each(config, ids, Deed::Hold, said, watch, |id, state, order| match state.status {
        LetterStatus::Accepted | LetterStatus::Validated => Ok(LetterEvent::Withheld { order }),
        LetterStatus::Batched => Err(misfit(format!(
            "letter {id} stands in batch {}: `fjernprint letter cancel {id}` calls it back as long as no vendor has it",
            batch_of(state)
        ))),
        status => Err(misfit(format!("letter {id} is {}: there is nothing to keep back; nothing was done", status.word()))),
    })
}

/// Lets held letters go on; with `to_print` on paper, whatever the register says of their recipients.
pub fn release(config: &Config, ids: &[String], to_print: bool, said: Said<'_>, watch: &dyn Watch) -> Result<Handled, Fault> {
    each(config, ids, Deed::Release, said, watch, |id, state, order| match state.status {
        LetterStatus::Held => Ok(LetterEvent::Freed { order, to_print }),
        LetterStatus::Rejected => Err(misfit(format!(
            "letter {id} is rejected, not held: `fjernprint letter retry {id} --plan` says what sending it once more means"
        ))),
        status => Err(misfit(format!("letter {id} is {}, not held; nothing was done", status.word()))),
    })
}

fn each(
    config: &Config,
    ids: &[String],
    deed: Deed,
    said: Said<'_>,
    watch: &dyn Watch,
    event: impl Fn(&LetterId, &LetterState, OrderId) -> Result<LetterEvent, Fault>,
) -> Result<Handled, Fault> {
    let (by, reason) = said.checked(config)?;
    let mut night = open(config, deed, &by, watch)?;
    let letters = known(&night.ledger, ids)?;
    let count = letters.len() as u32;
    let (order, entry) = done(&night.ledger, Order { deed, about: about(&letters), letters: count, by, reason, plan: None })?;
    let mut entries = vec![entry];
    for (id, state) in &letters {
        entries.push(Entry::Letter(id.clone(), event(id, state, order.clone())?));
    }
    record(&mut night, &entries)?;
    Ok(Handled { order, letters: count })
}

/// One letter by its id, many by their number.
pub(super) fn about(letters: &[(LetterId, LetterState)]) -> String {
    match letters {
        [(id, _)] => format!("letter {id}"),
        many => format!("{} letters", many.len()),
    }
}

fn batch_of(state: &LetterState) -> String {
    state.batch.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// How far each recall has come.
#[derive(Debug, Clone, Serialize)]
pub struct CancelOutcome {
    /// Absent when nothing could be called back.
    pub order: Option<OrderId>,
    pub recalls: Vec<Recalled>,
    /// Batches that were taken back, since a letter of theirs was called back; their other letters go through once more.
    pub withdrawn: Vec<BatchName>,
}

/// One letter's recall, with TilbagekaldStatusKode.
#[derive(Debug, Clone, Serialize)]
pub struct Recalled {
    pub letter_id: LetterId,
    pub recall: Recall,
    pub tilbagekald: &'static str,
    pub why: String,
}

/// Calls letters back (*tilbagekald*). One that stands in a batch that has not gone up takes its batch back with it; one whose
/// batch may be at the vendor waits until that is known; one that the vendor has cannot be called back from here.
pub fn cancel(config: &Config, ids: &[String], said: Said<'_>, watch: &dyn Watch) -> Result<CancelOutcome, Fault> {
    let (by, reason) = said.checked(config)?;
    let mut night = open(config, Deed::Cancel, &by, watch)?;
    let letters = known(&night.ledger, ids)?;
    let mut outcome = CancelOutcome { order: None, recalls: Vec::new(), withdrawn: Vec::new() };
    let (mut called, mut entries) = (0, Vec::new());
    let order = night.ledger.next_order()?;
    let mut taken_back: BTreeSet<BatchName> = BTreeSet::new();
    for (id, state) in &letters {
        let batch = match &state.batch {
            Some(name) => night.ledger.batch(name)?.map(|batch| (name.clone(), batch.status)),
            None => None,
        };
        let (recall, why) = how_far(state, batch.as_ref().map(|(_, status)| *status));
        match recall {
            Recall::Recalled if state.status != LetterStatus::Cancelled => {
                if let Some((name, _)) = batch
                    && taken_back.insert(name.clone())
                {
                    entries.push(Entry::Batch(name.clone(), BatchEvent::Withdrawn { order: order.clone() }));
                    let back = |(id, _)| Entry::Letter(id, LetterEvent::Unbatched { batch: name.clone(), order: order.clone() });
                    entries.extend(night.ledger.letters_of(&name)?.into_iter().map(back));
                }
                entries.push(Entry::Letter(id.clone(), LetterEvent::Recalled { order: order.clone() }));
                called += 1;
            }
            Recall::Waiting if state.recall.is_none() => {
                entries.push(Entry::Letter(id.clone(), LetterEvent::RecallAsked { order: order.clone() }));
                called += 1;
            }
            _ => {}
        }
        outcome.recalls.push(Recalled { letter_id: id.clone(), recall, tilbagekald: recall.oio(), why });
    }
    if called > 0 {
        let (order, entry) =
            done(&night.ledger, Order { deed: Deed::Cancel, about: about(&letters), letters: called, by, reason, plan: None })?;
        entries.insert(0, entry);
        record(&mut night, &entries)?;
        outcome.order = Some(order);
        outcome.withdrawn = taken_back.into_iter().collect();
    }
    Ok(outcome)
}

/// Pure: how far a recall of this letter comes now. `batch` is where its batch stands.
fn how_far(state: &LetterState, batch: Option<BatchStatus>) -> (Recall, String) {
    let says = |word: &str| state.word.as_deref() == Some(word);
    match (state.status, batch) {
        (LetterStatus::Accepted | LetterStatus::Held | LetterStatus::Validated, _) => {
            (Recall::Recalled, "no vendor had it; it will not be printed".to_owned())
        }
        (LetterStatus::Cancelled, _) => (Recall::Recalled, "was called back before".to_owned()),
        (LetterStatus::Batched, Some(BatchStatus::Unknown)) => {
            (Recall::Waiting, "its batch may be at the vendor: the next run finds out".to_owned())
        }
        (LetterStatus::Batched, _) => (Recall::Recalled, format!("its batch {} was taken back before the vendor had it", batch_of(state))),
        (LetterStatus::Shipped | LetterStatus::Settled, _) if says("cancelled") => {
            (Recall::Recalled, "the vendor says that it was not printed".to_owned())
        }
        (LetterStatus::Shipped, Some(BatchStatus::Refused)) => {
            (Recall::Impossible, format!("the vendor refused its batch: `fjernprint batch cancel {}` gives it up", batch_of(state)))
        }
        (LetterStatus::Shipped | LetterStatus::Settled | LetterStatus::Returned, _) if state.recall == Some(Recall::Unsuccessful) => {
            (Recall::Unsuccessful, "it was at the vendor when the recall came: call the vendor's desk".to_owned())
        }
        (LetterStatus::Shipped, _) => {
            (Recall::Impossible, format!("the vendor has it in batch {}: call the vendor's desk", batch_of(state)))
        }
        (LetterStatus::Settled | LetterStatus::Returned, _) => {
            (Recall::Impossible, format!("the vendor's last word is {}", state.word.as_deref().unwrap_or("final")))
        }
        (LetterStatus::Digital, _) => (Recall::Impossible, "it went by Digital Post".to_owned()),
        (LetterStatus::Rejected, _) => (Recall::Impossible, "it is rejected and will not be printed".to_owned()),
    }
}
