//! Past nights against another vendor's profile: what it would have rejected, what it would have cost, and when the
//! carrier would have had the letters. Nothing is sent, stored or recorded.
//!
//! Each letter goes through the same rendering and validation as in its own night, from the original that the store holds.
//! Who has Digital Post is not asked again: what was printed then is printed here.

use super::middle::{Unit, replay_letters};
use super::{register, templates};
use crate::adapters::store::Store;
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::municipality::Contract;
use crate::app::watch::Watch;
use crate::domain::state::LetterState;
use crate::domain::status::LetterEvent;
use crate::domain::{LetterId, PrintJob, VendorId};
use crate::ledger::Ledger;
use crate::vendor::VendorProfile;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is rehearsed.
#[derive(Debug, Clone)]
pub struct RehearseOptions {
    pub vendor: String,
    /// Nights, by business date, both included; all of them when absent.
    pub from: Option<String>,
    pub to: Option<String>,
}

/// Letters, sheets and cost on one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Side {
    pub printed: u64,
    pub rejected: u64,
    /// Neither printed nor rejected: somebody would have to look.
    pub held: u64,
    pub sheets: u64,
    pub cost_ore: u64,
    pub unpriced: u64,
}

/// The letters that one vendor had, there and here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    pub letters: u64,
    pub was: Side,
    pub would: Side,
    /// Printed then, and not by the other vendor.
    pub lost: u64,
    /// Rejected then, and printed by the other vendor.
    pub won: u64,
    /// Of letters printed on both sides: calendar days that the carrier has them sooner (negative) or later, by letters.
    pub days: BTreeMap<i32, u64>,
}

/// One rehearsal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    pub vendor: String,
    /// By the vendor that the letters went to, or would have; empty where none is known any more.
    pub by_vendor: BTreeMap<String, Comparison>,
    /// Codes that the other vendor rejects or holds by: letters, and of them those that were printed then.
    pub codes: BTreeMap<String, (u64, u64)>,
}

/// Rehearses. FP-C003 for an unknown vendor, FP-C012 for what is no date.
pub fn rehearse(config: &Config, options: &RehearseOptions, watch: &dyn Watch) -> Result<Rehearsal, Fault> {
    super::check_date(options.from.as_deref())?;
    super::check_date(options.to.as_deref())?;
    if let (Some(from), Some(to)) = (&options.from, &options.to)
        && from > to
    {
        return Err(Fault::usage("FP-C012", format!("--from {from} is after --to {to}")));
    }
    let Some((vendor, profile)) = config.profiles.iter().find(|(id, _)| id.as_str() == options.vendor) else {
        let known: Vec<&str> = config.profiles.keys().map(VendorId::as_str).collect();
        return Err(Fault::usage("FP-C003", format!("vendor {:?} is not known; known are {}", options.vendor, known.join(", "))));
    };
    let mut other = config.clone();
    for municipality in other.municipalities.values_mut() {
        municipality.contracts = vec![Contract { vendor: vendor.clone(), valid_from: None, valid_to: None }];
    }
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let store = Store::open(&config.store_path())?;
    let mut rehearsal = Rehearsal { vendor: vendor.to_string(), ..Rehearsal::default() };
    watch.begin("letters", None);
    let find = |take: &mut dyn FnMut(LetterId, LetterState)| {
        let reader = Ledger::open_read_only(&config.ledger_path())?;
        Ok(reader.for_each_that_was_to_be_printed(options.from.as_deref(), options.to.as_deref(), take)?)
    };
    replay_letters(&other, &store, &register(config)?, &templates(config)?, find, |unit: &Unit, events: Vec<LetterEvent>| {
        for ((id, state), event) in unit.letters.iter().zip(&events) {
            let at: Option<Timestamp> = ledger.first_at(id)?.and_then(|at| at.parse().ok());
            rehearsal.add(config, profile, state, event, at);
        }
        watch.step("letters", events.len() as u64);
        Ok(())
    })?;
    watch.end("letters");
    Ok(rehearsal)
}

impl Rehearsal {
    fn add(&mut self, config: &Config, profile: &VendorProfile, state: &LetterState, event: &LetterEvent, at: Option<Timestamp>) {
        let old = match &state.job {
            Some(job) => config.profiles.get(&job.vendor),
            None => config.profile_of(&state.municipality, &state.business_date),
        };
        let name = state.job.as_ref().map(|job| job.vendor.to_string()).or_else(|| old.map(|p| p.id.to_string())).unwrap_or_default();
        let line = self.by_vendor.entry(name).or_default();
        line.letters += 1;
        let then = old.zip(at).and_then(|(profile, at)| days(profile, at));
        let now = at.and_then(|at| days(profile, at));
        // A letter that was judged printable and rejected later has both a job and a reason.
        let was = state.job.as_ref().filter(|_| state.reason.is_none());
        match was {
            Some(job) => line.was.print(job, old, then.map(|(day, _)| day)),
            None => line.was.rejected += 1,
        }
        let printed_then = was.is_some();
        match event {
            LetterEvent::Validated { job } => {
                line.would.print(job, Some(profile), now.map(|(day, _)| day));
                line.won += u64::from(!printed_then);
                if let (true, Some((_, then)), Some((_, now))) = (printed_then, then, now) {
                    *line.days.entry((now - then).get_days()).or_default() += 1;
                }
            }
            LetterEvent::Rejected { code, .. } | LetterEvent::Held { code, .. } => {
                let side = if matches!(event, LetterEvent::Held { .. }) { &mut line.would.held } else { &mut line.would.rejected };
                *side += 1;
                line.lost += u64::from(printed_then);
                let (letters, lost) = self.codes.entry(code.clone()).or_default();
                *letters += 1;
                *lost += u64::from(printed_then);
            }
            _ => {}
        }
    }
}

impl Side {
    fn print(&mut self, job: &PrintJob, profile: Option<&VendorProfile>, day: Option<Date>) {
        self.printed += 1;
        self.sheets += u64::from(job.sheets);
        match profile.zip(day).and_then(|(profile, day)| profile.postage.price_ore(job.options.postage, job.weight_g, day)) {
            Some(price_ore) => self.cost_ore += u64::from(price_ore),
            None => self.unpriced += 1,
        }
    }
}

/// The business day of a letter that was handed in at this moment, and the day on which the carrier has it.
fn days(profile: &VendorProfile, at: Timestamp) -> Option<(Date, Date)> {
    let calendar = profile.calendar.calendar();
    let business_day = calendar.cutoff_from(at)?.business_day;
    Some((business_day, calendar.handover(business_day)?))
}
