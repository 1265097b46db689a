//! Sends once more what a plan says, and nothing else: the plan is made again under the lock, and its hash must be the one
//! that the person had read.

use super::plan::{self, Plan, Target};
use super::{Said, misfit, open, record, told};
use crate::adapters::clock;
use crate::app::config::Config;
use crate::app::fault::{Fault, exit};
use crate::app::night::{self, Night};
use crate::app::watch::Watch;
use crate::app::who;
use crate::domain::calendar::date_in_denmark;
use crate::domain::order::{Deed, Order, OrderEvent, OrderState, OrderStatus};
use crate::domain::status::{BatchEvent, LetterEvent, Person};
use crate::domain::{OrderId, Sha256};
use crate::ledger::{Entry, Ledger};
use crate::pipeline::rerun::{Course, reprint_id};
use serde::Serialize;
use std::collections::BTreeSet;

/// Letters of a plan whose history is read to say who moved them.
const LETTERS_LOOKED_AT: usize = 100;

/// What is applied, by whom and why.
#[derive(Debug, Clone)]
pub struct Apply<'a> {
    pub target: Target,
    /// Letters that did not fail are wanted once more too.
    pub reprint: bool,
    /// More than `max_resend_percent` is meant; two persons say so.
    pub over_cap: bool,
    /// The plan that was read.
    pub hash: Sha256,
    pub said: Said<'a>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Applied {
    /// So many letters go once more with the next run.
    Done { order: OrderId, letters: u32 },
    /// A second person must order the same; nothing was done yet.
    WaitsForSecond { order: OrderId },
    /// Nothing of the batch had failed, and it was not at its vendor: it went up, the same bytes under the same name.
    Shipped,
}

/// The plan as things stand.
pub fn plan(config: &Config, target: &Target, reprint: bool) -> Result<Plan, Fault> {
    plan::make(config, &Ledger::open_read_only(&config.ledger_path())?, target, reprint, clock::instant())
}

/// Does exactly what the plan of this hash says.
///
/// FP-O004: things have moved, or the hash is of another plan; says who moved them, where an order did. FP-O005: nothing of it
/// failed. FP-O006: the same person twice. FP-O007: more than the cap allows. FP-L002: somebody else holds the ledger.
pub fn apply(config: &Config, ask: &Apply<'_>, watch: &dyn Watch) -> Result<Applied, Fault> {
    let (by, reason) = ask.said.checked(config)?;
    let deed = if ask.reprint { Deed::Reprint } else { Deed::Retry };
    let mut night = open(config, deed, &by, watch)?;
    let plan = plan::make(config, &night.ledger, &ask.target, ask.reprint, clock::instant())?;
    let asked = asked_before(&night.ledger, &ask.hash)?;
    if plan.hash != ask.hash {
        if let Some((id, _)) = asked {
            record(&mut night, &[Entry::Order(id, OrderEvent::Lapsed {})])?;
        }
        let text =
            format!("the plan of hash {} does not hold any more: {}; nothing was done", ask.hash.short(), moved(&night.ledger, &plan)?);
        return Err(Fault::new("FP-O004", exit::INVALID, text));
    }
    if let (0, Some(batch), true) = (plan.again, &plan.batch, plan.can_ship()) {
        return match night::ship_only(&mut night, batch)?.into_iter().next() {
            None => Ok(Applied::Shipped),
            Some(fault) => Err(fault),
        };
    }
    if plan.again == 0 {
        return Err(misfit(format!("{}: nothing of it failed, so nothing is sent once more", plan.about)));
    }
    if let (Some((batch, all, allowed)), false) = (plan.over_cap.first(), ask.over_cap) {
        let text = format!(
            "{all} letters of batch {batch} would have been printed once more while copies of them may exist; max_resend_percent allows \
             {allowed}; nothing was done"
        );
        return Err(Fault::new("FP-O007", exit::GATE, text));
    }
    let order = Order { deed, about: plan.about.clone(), letters: plan.again, by: by.clone(), reason, plan: Some(plan.hash) };
    let (id, event) = match asked {
        None if plan.two_persons => {
            let id = night.ledger.next_order()?;
            record(&mut night, &[Entry::Order(id.clone(), OrderEvent::Asked { order })])?;
            return Ok(Applied::WaitsForSecond { order: id });
        }
        None => (night.ledger.next_order()?, OrderEvent::Done { order }),
        Some((id, first)) => (id.clone(), seconded(&id, &first, by)?),
    };
    let entries = entries(&night, &plan, &id, event)?;
    record(&mut night, &entries)?;
    Ok(Applied::Done { order: id, letters: plan.again })
}

fn seconded(id: &OrderId, first: &OrderState, by: Person) -> Result<OrderEvent, Fault> {
    if by.is_another_than(&first.order.by) {
        return Ok(OrderEvent::Seconded { by });
    }
    let text =
        format!("order {id} was asked for by {}; another person, logged in as itself, must order the same", who::told(&first.order.by));
    Err(Fault::usage("FP-O006", text))
}

/// The order for this plan that waits for a second person.
fn asked_before(ledger: &Ledger, plan: &Sha256) -> Result<Option<(OrderId, OrderState)>, Fault> {
    Ok(ledger.orders(OrderStatus::Asked)?.into_iter().find(|(_, state)| state.order.plan == Some(*plan)))
}

/// Everything that the order does: all of it in one transaction.
fn entries(night: &Night<'_>, plan: &Plan, order: &OrderId, event: OrderEvent) -> Result<Vec<Entry>, Fault> {
    let today = date_in_denmark(clock::instant()).to_string();
    let mut entries = vec![Entry::Order(order.clone(), event)];
    let mut given_up = BTreeSet::new();
    for (item, state) in plan.items() {
        let id = item.letter_id.clone();
        match (item.course, &state.batch) {
            (Course::Again, _) => entries.push(Entry::Letter(id, LetterEvent::Retried { order: order.clone() })),
            (Course::Unbatch, Some(batch)) => {
                if given_up.insert(batch.clone()) {
                    entries.push(Entry::Batch(batch.clone(), BatchEvent::Withdrawn { order: order.clone() }));
                    // A batch is given up as a whole, whichever of its letters were asked for.
                    let back = |(id, _)| Entry::Letter(id, LetterEvent::Unbatched { batch: batch.clone(), order: order.clone() });
                    entries.extend(night.ledger.letters_of(batch)?.into_iter().map(back));
                }
            }
            (Course::Reprint, _) => {
                let as_letter = reprint_id(&id, order);
                entries.push(Entry::Letter(id.clone(), LetterEvent::Reordered { order: order.clone(), as_letter: as_letter.clone() }));
                let again = LetterEvent::Reprint {
                    of: id,
                    order: order.clone(),
                    municipality: state.municipality.clone(),
                    sender: state.sender.clone(),
                    dispatch_id: state.dispatch_id.clone(),
                    business_date: today.clone(),
                    original: state.original,
                    part: state.part,
                    documents: state.documents.clone(),
                };
                entries.push(Entry::Letter(as_letter, again));
            }
            (Course::Nothing | Course::Unbatch, _) => {}
        }
    }
    Ok(entries)
}

/// What moved the letters of a plan: the order that took its batch back, or the last one about one of its letters.
fn moved(ledger: &Ledger, plan: &Plan) -> Result<String, Fault> {
    let told = |id: &OrderId, at: Option<&str>| -> Result<Option<String>, Fault> {
        Ok(ledger.order(id)?.map(|state| format!("{} was since then", told(id, &state, at))))
    };
    let withdrawn = plan.batch.as_ref().map(|name| ledger.batch(name)).transpose()?.flatten().and_then(|state| state.withdrawn);
    if let Some(text) = withdrawn.map(|id| told(&id, None)).transpose()?.flatten() {
        return Ok(text);
    }
    for (item, _) in plan.items().take(LETTERS_LOOKED_AT) {
        for (at, event) in ledger.history(item.letter_id.as_str())?.into_iter().rev() {
            let event: Option<serde_json::Value> = serde_json::from_str(&event).ok();
            let order = event.and_then(|event| event.get("order")?.as_str()?.parse::<OrderId>().ok());
            if let Some(text) = order.map(|id| told(&id, Some(&at))).transpose()?.flatten() {
                return Ok(text);
            }
        }
    }
    Ok("a run or an answer of the vendor moved it since, or the hash is of another plan".to_owned())
}
