//! Business days of the vendors: which have closed, and on whose account letters are put now.

use super::Night;
use crate::adapters::clock;
use crate::app::fault::Fault;
use crate::domain::VendorId;
use crate::domain::calendar::Cutoff;
use crate::domain::cutoff::CutoffEvent;
use crate::ledger::{Entry, Ledger};
use crate::vendor::VendorProfile;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// Days of one vendor that one run closes: four years of a program that stood still.
const CLOSED_AT_ONCE_MAX: usize = 1_000;

/// Writes down every cut-off that has passed and was not written yet, vendor by vendor. A vendor's first run writes the
/// last one before it; from there on no day of work is left out, whether a run was made on it or not.
pub(super) fn close_days(night: &mut Night<'_>, as_of: Timestamp) -> Result<(), Fault> {
    let today = night.business_day();
    let mut vendors: BTreeSet<VendorId> = night.config.vendors_by(today).into_iter().cloned().collect();
    vendors.retain(|vendor| night.config.profiles.contains_key(vendor));
    for vendor in vendors {
        let entries = passed(&night.ledger, &night.config.profiles[&vendor], as_of)?;
        night.ledger.record(&clock::now(), &entries)?;
    }
    Ok(())
}

fn passed(ledger: &Ledger, profile: &VendorProfile, as_of: Timestamp) -> Result<Vec<Entry>, Fault> {
    let calendar = profile.calendar.calendar();
    let mut last = ledger.last_cutoff(&profile.id)?;
    let mut entries = Vec::new();
    while entries.len() < CLOSED_AT_ONCE_MAX {
        let next = match &last {
            None => calendar.cutoff_before(as_of),
            Some(closed) => calendar
                .workdays_after(closed.business_date, 1)
                .and_then(|business_day| Some(Cutoff { business_day, at: calendar.cutoff_at(business_day)? }))
                .filter(|cutoff| cutoff.at < as_of),
        };
        let Some(Cutoff { business_day, at }) = next else { break };
        let (batches, letters) = ledger.on_account(&profile.id, &business_day.to_string())?;
        let previous = last.as_ref().map(|closed| closed.business_date);
        let event = CutoffEvent::Closed { business_date: business_day, cutoff_at: at, previous, batches, letters };
        last = Some(crate::domain::cutoff::CutoffState::after(last, &event).map_err(|fault| {
            let subject = profile.id.to_string();
            crate::ledger::LedgerError::Illegal { subject, fault }
        })?);
        entries.push(Entry::Cutoff(profile.id.clone(), event));
    }
    Ok(entries)
}

/// The day on whose account the vendor's letters are put now: its first day of work that is neither before the run's
/// business date nor closed, whether the ledger says so already or the cut-off has passed meanwhile.
pub(crate) fn open_day(ledger: &Ledger, profile: &VendorProfile, business_day: Date, as_of: Timestamp) -> Result<Cutoff, Fault> {
    let calendar = profile.calendar.calendar();
    let closed = ledger.last_cutoff(&profile.id)?.map(|state| state.business_date);
    let never = || Fault::usage("FP-C002", format!("vendor {}: its calendar has no day of work in the next year", profile.id));
    let after_closed = closed.and_then(|day| day.tomorrow().ok()).unwrap_or(business_day);
    let by_clock = calendar.cutoff_from(as_of).ok_or_else(never)?.business_day;
    let day = calendar.workday_from(business_day.max(after_closed).max(by_clock)).ok_or_else(never)?;
    let at = calendar.cutoff_at(day).ok_or_else(never)?;
    Ok(Cutoff { business_day: day, at })
}
