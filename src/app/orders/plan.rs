//! What sending letters once more would mean: a value one can read, with a hash that names it.

use super::{known, known_batch};
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::night;
use crate::domain::calendar::date_in_denmark;
use crate::domain::state::LetterState;
use crate::domain::status::BatchStatus;
use crate::domain::{BatchName, LetterId, PrintJob, Sha256, VendorId};
use crate::ledger::Ledger;
use crate::pipeline::rerun::{Copy, Course, Item, item, plan_hash, reprints_max};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is to be sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Batch(String),
    Letters(Vec<String>),
}

/// The letters of a plan that one vendor would get, and what they cost there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    pub letters: u32,
    pub sheets: u64,
    /// By the vendor's own table, in øre without VAT, of the letters that have a price.
    pub cost_ore: u64,
    /// Letters without a price: the ones that were never made ready, and those that no list has.
    pub unpriced: u32,
    /// On whose account they would come, and when the carrier would have them; absent where the vendor is not known.
    pub business_day: Option<Date>,
    pub handover: Option<Date>,
}

/// What would be done, to which letters, and at what risk.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub hash: Sha256,
    pub about: String,
    /// Where the batch stands, when the plan is about one.
    pub batch_status: Option<&'static str>,
    pub letters: Vec<Item>,
    /// Letters that would go once more.
    pub again: u32,
    /// Of those, letters of which a copy may be printed already, or is.
    pub copies_possible: u32,
    /// By the vendor that printed them or would have; without a name where none was reached.
    pub vendors: BTreeMap<String, Share>,
    /// Another person must order it too.
    pub two_persons: bool,
    /// Batches of which more would be printed once more than `max_resend_percent` allows: name, letters, allowed.
    pub over_cap: Vec<(BatchName, u32, u32)>,
    #[serde(skip)]
    pub(super) states: Vec<(LetterId, LetterState)>,
    #[serde(skip)]
    pub(super) batch: Option<BatchName>,
}

impl Plan {
    /// Whether the plan is about a batch that has not gone up, or of which it is not known.
    pub fn can_ship(&self) -> bool {
        [BatchStatus::Sealed, BatchStatus::Uploading, BatchStatus::Unknown].iter().any(|status| self.batch_status == Some(status.word()))
    }

    pub(super) fn items(&self) -> impl Iterator<Item = (&Item, &LetterState)> {
        self.letters.iter().zip(self.states.iter().map(|(_, state)| state))
    }
}

/// Makes the plan as things stand. Changes nothing.
pub(super) fn make(config: &Config, ledger: &Ledger, target: &Target, reprint: bool, now: Timestamp) -> Result<Plan, Fault> {
    let (about, batch, states) = match target {
        Target::Batch(name) => {
            let (name, state) = known_batch(ledger, name)?;
            let letters = ledger.letters_of(&name)?;
            (format!("batch {name}"), Some((name, state.status)), letters)
        }
        Target::Letters(ids) => {
            let mut letters = known(ledger, ids)?;
            letters.sort_by(|(a, _), (b, _)| a.cmp(b));
            (super::letters::about(&letters), None, letters)
        }
    };
    let mut statuses: BTreeMap<BatchName, (BatchStatus, u32)> = BTreeMap::new();
    for name in states.iter().filter_map(|(_, state)| state.batch.as_ref()) {
        if !statuses.contains_key(name)
            && let Some(state) = ledger.batch(name)?
        {
            statuses.insert(name.clone(), (state.status, state.letters));
        }
    }
    let status_of = |state: &LetterState| state.batch.as_ref().and_then(|name| statuses.get(name)).map(|(status, _)| *status);
    let letters: Vec<Item> = states.iter().map(|(id, state)| item(id, state, status_of(state), reprint)).collect();
    let goes = |item: &&Item| item.course != Course::Nothing;
    let risky = |item: &&Item| item.course == Course::Reprint && item.copy_printed != Copy::No;
    let copies_possible = letters.iter().filter(risky).count() as u32;
    let mut over_cap = Vec::new();
    for (name, (_, size)) in &statuses {
        let planned = letters.iter().filter(risky).filter(|item| item.batch.as_ref() == Some(name)).count() as u32;
        let allowed = reprints_max(*size, config.orders.max_resend_percent);
        let all = planned + ledger.reprints_of(name)?;
        if planned > 0 && all > allowed {
            over_cap.push((name.clone(), all, allowed));
        }
    }
    Ok(Plan {
        hash: plan_hash(&about, &letters),
        batch_status: batch.as_ref().map(|(_, status)| status.word()),
        again: letters.iter().filter(goes).count() as u32,
        copies_possible,
        vendors: shares(config, ledger, letters.iter().zip(&states), now)?,
        two_persons: copies_possible > 0 && (config.orders.two_persons_reprint || !over_cap.is_empty()),
        over_cap,
        about,
        letters,
        batch: batch.map(|(name, _)| name),
        states,
    })
}

fn shares<'a>(
    config: &Config,
    ledger: &Ledger,
    letters: impl Iterator<Item = (&'a Item, &'a (LetterId, LetterState))>,
    now: Timestamp,
) -> Result<BTreeMap<String, Share>, Fault> {
    let today = date_in_denmark(now);
    let mut shares: BTreeMap<String, (Share, Vec<&PrintJob>)> = BTreeMap::new();
    for (_, (_, state)) in letters.filter(|(item, _)| item.course != Course::Nothing) {
        let made_for = state.job.as_ref().map(|job| &job.vendor);
        let prints = config.municipalities.get(&state.municipality).and_then(|m| m.vendor_at(today));
        let vendor = made_for.or(prints).map(ToString::to_string).unwrap_or_default();
        let (share, jobs) = shares.entry(vendor).or_default();
        share.letters += 1;
        share.sheets += state.job.as_ref().map_or(0, |job| u64::from(job.sheets));
        jobs.extend(state.job.as_ref());
    }
    let mut priced = BTreeMap::new();
    for (vendor, (mut share, jobs)) in shares {
        share.unpriced = share.letters;
        let profile = vendor.parse::<VendorId>().ok().and_then(|id| config.profiles.get(&id));
        if let Some(profile) = profile {
            let day = night::open_day(ledger, profile, today, now)?.business_day;
            let prices = jobs.iter().filter_map(|job| profile.postage.price_ore(job.options.postage, job.weight_g, day));
            for price in prices {
                share.cost_ore += u64::from(price);
                share.unpriced -= 1;
            }
            share.business_day = Some(day);
            share.handover = profile.calendar.calendar().handover(day);
        }
        priced.insert(vendor, share);
    }
    Ok(priced)
}
