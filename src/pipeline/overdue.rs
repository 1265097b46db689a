//! Which answers a vendor owes: agreed times from its profile, held against what has come. Decides nothing about letters.

use crate::domain::calendar::date_in_denmark;
use crate::domain::state::BatchState;
use crate::domain::status::BatchStatus;
use crate::domain::{counted, verb};
use crate::vendor::VendorProfile;
use jiff::{Timestamp, ToSpan};

/// What is late about a batch at its vendor; `None` when nothing is. `open` letters have no final word.
pub fn overdue(state: &BatchState, shipped_at: Timestamp, open: u64, profile: &VendorProfile, now: Timestamp) -> Option<String> {
    let agreed = &profile.answers;
    let deleted = shipped_at.checked_add((i64::from(agreed.kept_days) * 24).hours()).ok()?;
    let waits = matches!(state.status, BatchStatus::Shipped) || open > 0;
    if waits && now > deleted && matches!(state.status, BatchStatus::Shipped | BatchStatus::Acknowledged) {
        let deleted = date_in_denmark(deleted);
        return Some(format!(
            "the vendor deletes its answers after {}, on {deleted}: have them sent again",
            counted(agreed.kept_days.into(), "day")
        ));
    }
    match state.status {
        BatchStatus::Shipped => {
            let due = shipped_at.checked_add(i64::from(agreed.ack_within_minutes).minutes()).ok()?;
            (now > due).then(|| {
                format!(
                    "no technical answer since {shipped_at}; agreed {} {}",
                    verb(agreed.ack_within_minutes.into(), "is", "are"),
                    counted(agreed.ack_within_minutes.into(), "minute")
                )
            })
        }
        BatchStatus::Acknowledged if open > 0 => {
            let day = state.business_date.parse().ok()?;
            let due = profile.calendar.calendar().workdays_after(day, agreed.receipt_within_workdays)?;
            (date_in_denmark(now) > due)
                .then(|| format!("{} {} no final word; it was due on {due}", counted(open, "letter"), verb(open, "has", "have")))
        }
        _ => None,
    }
}
