//! Holds a vendor's invoice against what was sent and handed over, both ways. Nothing of it is applied to a letter.

use super::account::{Remark, was_handed_over};
use crate::domain::redact::redact;
use crate::domain::state::LetterState;
use crate::domain::{LetterId, Postage, counted, verb};
use crate::vendor::VendorProfile;
use crate::wire::invoice::Billed;
use jiff::civil::Date;

/// A letter as the ledger knows it.
pub struct Known<'a> {
    pub state: &'a LetterState,
    /// The business day of its batch, whose prices count; `None` where it cannot be told.
    pub day: Option<Date>,
}

/// What is wrong with one row; `again` says that the letter stood in a row before. Empty when it is as it should be.
pub fn billed(profile: &VendorProfile, row: &Billed, known: Option<&Known<'_>>, again: bool) -> Vec<Remark> {
    let vendor = &profile.id;
    let state = known.map(|known| known.state).filter(|state| state.job.as_ref().is_some_and(|job| job.vendor == *vendor));
    let batch = state.and_then(|state| state.batch.as_ref());
    let mut remarks = Vec::new();
    let mut say = |kind: &str, says: String| remarks.push(Remark::new(kind, vendor, batch, Some(redact(&row.letter)), says));
    if again {
        say("duplicate", "stands in the invoice more than once".to_owned());
        return remarks;
    }
    let Some(state) = state else {
        say("billed_not_handed_over", format!("is billed, and is no letter that went to {vendor}"));
        return remarks;
    };
    if !was_handed_over(state) {
        let word = state.word.as_deref().unwrap_or(state.status.word());
        say("billed_not_handed_over", format!("is billed, and is {word}"));
    }
    let Some(job) = &state.job else { return remarks };
    if let Some(sheets) = row.sheets.filter(|sheets| *sheets != job.sheets) {
        say(
            "sheets_differ",
            format!("is billed with {}, sent {} {}", counted(sheets.into(), "sheet"), verb(job.sheets.into(), "was", "were"), job.sheets),
        );
    }
    let ours = job.options.postage;
    if let Some(class) = class(row).filter(|class| *class != ours) {
        say("postage_differs", format!("is billed as {}, sent as {}", class.word(), ours.word()));
    }
    let price = known.and_then(|known| known.day).and_then(|day| profile.postage.price_ore(ours, job.weight_g, day));
    if let (Some(theirs), Some(ours)) = (row.price_ore, price)
        && theirs != ours
    {
        say("price_differs", format!("is billed at {} kr, the vendor's table says {}", kroner(theirs), kroner(ours)));
    }
    remarks
}

/// The class that a row names, where it is one of ours.
pub fn class(row: &Billed) -> Option<Postage> {
    Postage::from_word(&row.postage.as_deref()?.to_lowercase())
}

/// A letter of the time that the invoice is for, which stands in none of its rows.
pub fn not_billed(profile: &VendorProfile, id: &LetterId, state: &LetterState) -> Option<Remark> {
    let its = state.job.as_ref().is_some_and(|job| job.vendor == profile.id);
    let says = || format!("was handed over, night of {}, and is not billed", state.business_date);
    (its && was_handed_over(state))
        .then(|| Remark::new("handed_over_not_billed", &profile.id, state.batch.as_ref(), Some(id.to_string()), says()))
}

fn kroner(ore: u32) -> String {
    format!("{},{:02}", ore / 100, ore % 100)
}
