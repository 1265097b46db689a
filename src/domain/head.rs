//! That the ledger's log was signed as it stood on one day.

use super::ids::Sha256;
use serde::{Deserialize, Serialize};

/// Recorded once for a day, after its files were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum HeadEvent {
    /// `last` is the number of the last entry that the head covers; the hashes are of its JSON and of its signature.
    Signed { last: i64, head: Sha256, signature: Sha256 },
}

impl HeadEvent {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Signed { .. } => "signed",
        }
    }
}
