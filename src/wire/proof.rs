//! The proof of one letter: everything that shows, without our ledger, that its document stood in a signed batch and what
//! the vendor answered. No name, no address, no other letter.

use super::manifest::WireError;
use super::receipt::VendorStatus;
use crate::domain::answer::Words;
use crate::domain::entry::LoggedEntry;
use crate::domain::{LetterId, Sha256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub const FORMAT: &str = "fjernprint-proof/1";
/// Largest proof read, bytes: an old batch's whole letters.csv in base64, and room for the rest.
pub const PROOF_BYTES_MAX: u64 = 128 << 20;

/// Bytes as they were, base64 in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The whole proof. The same letter and the same ledger give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    pub format: String,
    pub letter_id: LetterId,
    /// The batch's manifest, with the certificates in its signature.
    pub manifest: Signed,
    pub row: Row,
    /// In the order of the log.
    pub answers: Vec<Answer>,
    /// The log's entries about the letter and its batch. Left out are those with the recipient's postcode or an employee's
    /// name in them.
    pub entries: Vec<Proved>,
    /// Signed heads of the log that cover entries above.
    pub heads: Vec<Signed>,
}

/// A file and its detached signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    pub name: String,
    pub content: Bytes,
    /// CMS, DER.
    pub signature: Bytes,
}

/// How the letter's row of letters.csv is shown to be in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Row {
    /// The row as it stands there, and its path to `letters_merkle_sha256`.
    Merkle { row: String, path: Vec<Sha256> },
    /// The whole file, for a manifest that has no such root. It names other letters' ids and hashes.
    LettersCsv(Bytes),
}

/// What the vendor answered, as it lies in our store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// `<batch>.ack.json`. `content` is left out where it holds a text of the vendor's own.
    Ack {
        sha256: Sha256,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<Bytes>,
        /// Of the vendor, where it signs its answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Bytes>,
    },
    /// Receipt `number`: its head, and what its rows say of this letter.
    Receipt {
        number: u32,
        head_sha256: Sha256,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<Bytes>,
        /// Of the vendor, where it signs its answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Bytes>,
        rows_sha256: Sha256,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quoted: Option<Quoted>,
    },
}

/// One row of a receipt, without the vendor's own text. It is quoted: the rows of other letters, which would be needed to
/// prove it, are not shown. The receipt itself proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quoted {
    pub letter_id: LetterId,
    /// The dialect of the receipt, with the vendor's own words: what is needed to read it again.
    pub words: Words,
    pub status: VendorStatus,
    /// Absent where the dialect does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheets: Option<u32>,
    /// The vendor's time.
    pub at: String,
}

/// An entry of the log, and its way to the signed head that covers it, where there is one already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    pub entry: LoggedEntry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Which of `heads`, counted from 0.
    pub head: usize,
    pub path: Vec<Sha256>,
}

impl Proof {
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a proof has only string keys");
        bytes.push(b'\n');
        bytes
    }

    pub fn from_json(bytes: &[u8]) -> Result<Self, WireError> {
        let proof: Self = serde_json::from_slice(bytes).map_err(|e| WireError::new("proof", e))?;
        if proof.format != FORMAT {
            return Err(WireError::new("proof", format!("format {} is not {FORMAT}", proof.format)));
        }
        Ok(proof)
    }
}
