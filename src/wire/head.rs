//! The daily head of the ledger: where its log stood, signed, so that a log that was written anew shows.

use super::manifest::WireError;
use crate::domain::Sha256;
use serde::{Deserialize, Serialize};

pub const FORMAT: &str = "fjernprint-head/1";
/// Largest head read, bytes.
pub const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// `<date>.json`. Field order here is the order in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub format: String,
    /// The day in Denmark, ISO 8601.
    pub date: String,
    /// `test` or `production`.
    pub environment: String,
    /// RFC 3339, UTC.
    pub created: String,
    /// Number of the first entry that no head before this one covers.
    pub first: i64,
    /// Number of the last entry there was.
    pub last: i64,
    /// Its hash: everything before it follows.
    pub last_sha256: Sha256,
    /// Over the hashes of the entries from `first` to `last`: one of them is proved without the others.
    pub entries_merkle_sha256: Sha256,
    pub letters: Letters,
    /// Of the JSON of the head before this one; absent in the first.
    pub previous_head_sha256: Option<Sha256>,
}

/// Letters by term, all nights together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letters {
    pub accepted: u64,
    pub digital: u64,
    pub shipped: u64,
    pub rejected: u64,
    pub held: u64,
    pub pending: u64,
}

impl Head {
    /// The bytes that are signed.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a head has only string keys");
        bytes.push(b'\n');
        bytes
    }

    pub fn from_json(bytes: &[u8]) -> Result<Self, WireError> {
        let head: Self = serde_json::from_slice(bytes).map_err(|e| WireError::new("head of the log", e))?;
        if head.format != FORMAT || head.first < 1 || head.last < head.first {
            return Err(WireError::new("head of the log", "its format or its numbers are not those of a head"));
        }
        Ok(head)
    }
}
