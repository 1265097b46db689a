//! What a contract still needs: before it begins, while it runs, and before it ends without another behind it.

use super::config::Config;
use super::fault::{Fault, exit};
use super::municipality::Contract;
use super::signing::Warning;
use super::vendor_certificates;
use crate::domain::{Cvr, VendorId, counted, verb};
use jiff::ToSpan;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// Said so many days ahead, as the end of a certificate is.
const DAYS_AHEAD: i64 = 60;
/// Municipalities named in one sentence; the rest is counted.
const NAMED_MAX: usize = 3;

/// FP-C005: production seals and ships nothing for a vendor while a value of its profile rests on an assumption.
pub fn on_assumptions(config: &Config, vendor: &VendorId) -> Option<Fault> {
    let values = assumed(config, vendor);
    if values == 0 {
        return None;
    }
    let text = format!(
        "nothing is sealed for {vendor} or shipped to it: production does not ship on assumptions, and {} of its profile {} still \
         assumed; `fjernprint vendor check {vendor}` names them",
        counted(values as u64, "value"),
        verb(values as u64, "is", "are"),
    );
    Some(Fault::new("FP-C005", exit::USAGE, text))
}

/// FP-C005 where that is so of every vendor in use: there is nothing that a run could end.
pub fn refuse_assumptions(config: &Config, today: Date) -> Result<(), Fault> {
    let in_use = config.vendors_by(today);
    let assumed: Vec<String> = in_use
        .iter()
        .map(|vendor| (vendor, assumed(config, vendor)))
        .filter(|(_, values)| *values > 0)
        .map(|(vendor, values)| format!("{vendor} ({})", counted(values as u64, "value")))
        .collect();
    if assumed.is_empty() || assumed.len() < in_use.len() {
        return Ok(());
    }
    let text = format!("production does not ship on assumptions; still assumed: {}; see `fjernprint vendor check`", assumed.join(", "));
    Err(Fault::usage("FP-C005", text))
}

/// What will go wrong with the contracts from today on, up to 60 days ahead, unless somebody does something: a vendor whose
/// first contract begins and who is not ready (FP-C014), municipalities that nobody prints for (FP-C015), and certificates of
/// vendors that end (FP-K029, by the clock: a certificate knows no business date).
pub fn outlook(config: &Config, today: Date) -> Vec<Warning> {
    let vendors: BTreeSet<&VendorId> = contracts(config).map(|(_, contract)| &contract.vendor).collect();
    let to_come = vendors.into_iter().filter_map(|vendor| not_ready(config, vendor, today));
    to_come.chain(nobody_after(config, today)).chain(vendor_certificates::outlook(config, today)).collect()
}

/// FP-C014: a vendor's first contract begins within 60 days, and something is missing without which no letter gets there.
pub fn not_ready(config: &Config, vendor: &VendorId, today: Date) -> Option<Warning> {
    if config.vendors_by(today).contains(vendor) {
        return None;
    }
    let theirs = || contracts(config).filter(|(_, contract)| contract.vendor == *vendor);
    let first = theirs().filter_map(|(_, contract)| contract.valid_from).min()?;
    if first > ahead(today) {
        return None;
    }
    let mut missing = Vec::new();
    match assumed(config, vendor) {
        0 => {}
        values => missing.push(format!(
            "{} of its profile {} still assumed, so that nothing would be sealed for it",
            counted(values as u64, "value"),
            verb(values as u64, "is", "are")
        )),
    }
    if !config.connections.contains_key(vendor) {
        missing.push("there is no [[connection]] to it, so that batches would be sealed and wait".to_owned());
    }
    if missing.is_empty() {
        return None;
    }
    let who = named(theirs().map(|(cvr, _)| cvr));
    let message = format!("from {first} {vendor} prints for {who}, and it is not ready: {}", missing.join("; "));
    Some(Warning { code: "FP-C014", message })
}

/// FP-C015: municipalities whose last contract has ended or ends within 60 days, by the day of its end.
fn nobody_after(config: &Config, today: Date) -> Vec<Warning> {
    let mut ends: BTreeMap<(Date, &VendorId), Vec<&Cvr>> = BTreeMap::new();
    for (cvr, municipality) in &config.municipalities {
        let Some(last) = municipality.contracts.last() else { continue };
        if let Some(end) = last.valid_to.filter(|end| *end <= ahead(today)) {
            ends.entry((end, &last.vendor)).or_default().push(cvr);
        }
    }
    let told = ends.into_iter().map(|((end, vendor), municipalities)| {
        let who = named(municipalities.into_iter());
        let message = if end < today {
            format!("nobody prints for {who}: the contract with {vendor} ended on {end}, and no other follows; letters are held")
        } else {
            format!("nobody prints for {who} after {end}: the contract with {vendor} ends, and no other follows; letters would be held")
        };
        Warning { code: "FP-C015", message }
    });
    told.collect()
}

fn contracts(config: &Config) -> impl Iterator<Item = (&Cvr, &Contract)> {
    config.municipalities.iter().flat_map(|(cvr, municipality)| municipality.contracts.iter().map(move |contract| (cvr, contract)))
}

/// Values that production waits for; in a test none.
fn assumed(config: &Config, vendor: &VendorId) -> usize {
    if config.environment != "production" {
        return 0;
    }
    config.profiles.get(vendor).map_or(0, |profile| profile.assumed().len())
}

fn ahead(today: Date) -> Date {
    today.saturating_add(DAYS_AHEAD.days())
}

/// `municipality 99990011`, `5 municipalities (99990011, 99990022, 99990033 and 2 more)`.
fn named<'a>(municipalities: impl Iterator<Item = &'a Cvr>) -> String {
    let all: BTreeSet<&Cvr> = municipalities.collect();
    let shown: Vec<String> = all.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    match all.len() {
        1 => format!("municipality {}", shown.join("")),
        count if count > NAMED_MAX => format!("{count} municipalities ({} and {} more)", shown.join(", "), count - NAMED_MAX),
        count => format!("{count} municipalities ({})", shown.join(", ")),
    }
}
