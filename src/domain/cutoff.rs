//! The cut-off of a vendor's business day as a fact: from then on nothing more is put on that day's account.
//!
//! Days close in order and each once: [`CutoffState::after`] takes no event that names the same day again, an earlier one,
//! or another predecessor than the last. Clocks that change, a night that was missed and a second run change nothing.

use super::status::IllegalEvent;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Something that happened to a vendor's days. Its subject in the ledger is the vendor's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum CutoffEvent {
    /// The first run after the cut-off found it passed. `batches` and `letters` stand on the day's account: none, when no
    /// run sealed anything for it.
    Closed { business_date: Date, cutoff_at: Timestamp, previous: Option<Date>, batches: u32, letters: u32 },
}

/// The last day of a vendor that is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutoffState {
    pub business_date: Date,
    pub cutoff_at: Timestamp,
    /// Days closed so far.
    pub days: u32,
}

impl CutoffEvent {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
        }
    }
}

impl CutoffState {
    /// The vendor's days after one more event.
    pub fn after(before: Option<Self>, event: &CutoffEvent) -> Result<Self, IllegalEvent> {
        let CutoffEvent::Closed { business_date, cutoff_at, previous, .. } = event;
        let illegal = |status: String| Err(IllegalEvent { status, event: format!("{} of {business_date}", event.word()) });
        let later = |before: &Self| before.business_date < *business_date && before.cutoff_at < *cutoff_at;
        if let Some(before) = before.as_ref().filter(|before| !later(before)) {
            return illegal(format!("closed on {}", before.business_date));
        }
        if *previous != before.as_ref().map(|state| state.business_date) {
            return illegal("another day closed last".to_owned());
        }
        let days = before.map_or(0, |state| state.days) + 1;
        Ok(Self { business_date: *business_date, cutoff_at: *cutoff_at, days })
    }
}
