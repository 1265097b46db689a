//! One entry of the ledger's log as it can leave the ledger, so that it is proved by whoever holds none.

use super::ids::Sha256;
use serde::{Deserialize, Serialize};

/// An entry with the hash of the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedEntry {
    pub seq: i64,
    /// RFC 3339, UTC.
    pub at: String,
    pub kind: String,
    pub subject: String,
    /// The event, JSON as it was recorded.
    pub data: String,
    pub previous: Sha256,
    pub hash: Sha256,
}

impl LoggedEntry {
    /// Whether its hash is that of what it says.
    pub fn holds(&self) -> bool {
        entry_hash(&self.previous, self.seq, &self.at, &self.kind, &self.subject, &self.data) == self.hash
    }
}

/// The hash of an entry: over the one before and every column, each with its length in front (docs/ledger.md).
pub fn entry_hash(previous: &Sha256, seq: i64, at: &str, kind: &str, subject: &str, data: &str) -> Sha256 {
    let mut hasher = openssl::sha::Sha256::new();
    hasher.update(&previous.0);
    hasher.update(&seq.to_be_bytes());
    for text in [at, kind, subject, data] {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    Sha256(hasher.finish())
}
