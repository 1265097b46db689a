//! What a vendor answers, in the `csv` dialect: the technical answer to a batch, and production answers to letters.

use super::manifest::{WireError, from_csv, to_csv};
use crate::domain::{BatchName, LetterId, Sha256};
use serde::{Deserialize, Serialize};

/// Largest answer file read, bytes.
pub const ANSWER_BYTES_MAX: u64 = 50 << 20;

/// `<batch>.ack.json`: received, complete, signature good, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    pub batch: BatchName,
    pub manifest_sha256: Sha256,
    pub result: AckResult,
    #[serde(default)]
    pub reason: String,
    /// RFC 3339.
    pub at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AckResult {
    Accepted,
    Rejected,
}

/// The vendor's word for a letter. The order is how far the letter has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorStatus {
    Received,
    Accepted,
    Printed,
    Enveloped,
    /// Final: the carrier has it.
    HandedOver,
    /// Final.
    Rejected,
    /// Final.
    Cancelled,
    /// After final: the carrier brought it back. Its reason is one of [`RETURN_REASONS`].
    Returned,
}

/// Why a letter came back, as NHS Notify's print suppliers say it; the only published list.
pub const RETURN_REASONS: [(&str, &str); 10] = [
    ("R01", "addressee gone away"),
    ("R02", "address incomplete"),
    ("R03", "address inaccessible"),
    ("R04", "addressee unknown"),
    ("R05", "refused"),
    ("R06", "not called for"),
    ("R07", "no such address"),
    ("R08", "no reason given"),
    ("R09", "deceased"),
    ("R10", "something else, said after the code"),
];

/// The code that a return's reason begins with; a text may follow after a space, and must after R10.
pub fn return_reason(reason: &str) -> Option<&'static str> {
    let (code, text) = reason.split_once(' ').unwrap_or((reason, ""));
    let (known, _) = RETURN_REASONS.iter().find(|(known, _)| *known == code)?;
    (*known != "R10" || !text.trim().is_empty()).then_some(known)
}

impl VendorStatus {
    const ALL: [Self; 8] =
        [Self::Received, Self::Accepted, Self::Printed, Self::Enveloped, Self::HandedOver, Self::Rejected, Self::Cancelled, Self::Returned];

    /// How far a printed letter can come.
    pub const PROGRESS: [Self; 5] = [Self::Received, Self::Accepted, Self::Printed, Self::Enveloped, Self::HandedOver];

    pub fn word(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Accepted => "accepted",
            Self::Printed => "printed",
            Self::Enveloped => "enveloped",
            Self::HandedOver => "handed_over",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Returned => "returned",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    pub fn is_final(self) -> bool {
        matches!(self, Self::HandedOver | Self::Rejected | Self::Cancelled | Self::Returned)
    }
}

/// One row of `<batch>.receipt-<n>.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRow {
    pub letter_id: LetterId,
    pub status: VendorStatus,
    pub reason: String,
    pub pages: u32,
    pub sheets: u32,
    pub at: String,
}

/// `<batch>.receipt-<n>.json`: the head of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptHead {
    pub batch: BatchName,
    pub manifest_sha256: Sha256,
    pub number: u32,
    /// Every letter of the batch stands in it, or only what changed.
    pub cumulative: bool,
    pub letters: u32,
    pub pages: u32,
    pub sheets: u32,
    /// Of the csv file.
    pub csv_sha256: Sha256,
    pub at: String,
}

pub fn rows_to_csv(rows: &[ReceiptRow]) -> Result<Vec<u8>, WireError> {
    to_csv("receipt csv", rows)
}

pub fn rows_from_csv(bytes: &[u8]) -> Result<Vec<ReceiptRow>, WireError> {
    from_csv("receipt csv", bytes)
}
