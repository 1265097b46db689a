//! What a vendor answers: the technical answer to a batch, and production answers to letters, whose rows come in one of
//! three dialects. Whatever the dialect, a row is read into a [`Row`]; what it means for a letter is decided elsewhere.
//!
//! Everything in here is somebody else's text: sizes, rows and fields are bounded before they are kept.

mod csv;
mod pipe;
mod pko;

pub use self::csv::{rows_from_csv, rows_to_csv};
pub use crate::domain::answer::{RETURN_REASONS, VendorStatus, return_reason};

use super::manifest::WireError;
use crate::domain::answer::{Dialect, Meaning, Words};
use crate::domain::redact::redact;
use crate::domain::{BatchName, LetterId, Sha256};
use serde::{Deserialize, Serialize};

/// Largest answer file read, bytes.
pub const ANSWER_BYTES_MAX: u64 = 50 << 20;
/// Longest identifier, reason or time in a row, characters.
const FIELD_CHARS_MAX: usize = 300;

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

/// `<batch>.receipt-<n>.json`: the head of a receipt, in every dialect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptHead {
    pub batch: BatchName,
    pub manifest_sha256: Sha256,
    pub number: u32,
    /// Every letter of the batch stands in it, or only what changed.
    pub cumulative: bool,
    /// Rows.
    pub letters: u32,
    pub pages: u32,
    pub sheets: u32,
    /// Of the file of rows.
    #[serde(alias = "csv_sha256")]
    pub rows_sha256: Sha256,
    pub at: String,
}

/// Most rows of a receipt whose batch is not at hand: several for each letter of the largest batch.
pub const ROWS_MAX: usize = 1_000_000;

/// One row that we write, and the form that the vendor's own side keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRow {
    pub letter_id: LetterId,
    pub status: VendorStatus,
    pub reason: String,
    pub pages: u32,
    pub sheets: u32,
    pub at: String,
}

/// How a row names its letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// By our id, or what stands in its place.
    Letter(String),
    /// By the sender's own identifier: AfsendelseIdentifikator, or MessageUUID.
    Dispatch(String),
}

/// One row as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub named: Named,
    pub meaning: Meaning,
    /// The vendor's own word.
    pub said: String,
    pub reason: String,
    /// `None` where the dialect, or this row, does not say.
    pub pages: Option<u32>,
    pub sheets: Option<u32>,
    pub at: String,
}

/// Why rows could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowsFault {
    #[error("{0}")]
    Unreadable(String),
    #[error("more than {0} rows, which is more than the batch can have")]
    TooMany(usize),
    /// Nobody has told us what it means.
    #[error("row {row}: {word:?} is no word that we know")]
    UnknownWord { row: usize, word: String },
}

impl From<WireError> for RowsFault {
    fn from(fault: WireError) -> Self {
        Self::Unreadable(fault.to_string())
    }
}

/// Reads the rows of a receipt: at most `rows_max`, each field bounded, each word known.
pub fn read_rows(words: &Words, bytes: &[u8], rows_max: usize) -> Result<Vec<Row>, RowsFault> {
    match words.dialect {
        Dialect::Csv => csv::read(words, bytes, rows_max),
        Dialect::Pko => pko::read(words, bytes, rows_max),
        Dialect::Pipe => pipe::read(words, bytes, rows_max),
    }
}

/// Writes rows in a vendor's dialect and words; `dispatch_id` is asked for where the dialect names letters by it.
pub fn write_rows(words: &Words, rows: &[ReceiptRow], dispatch_id: impl Fn(&LetterId) -> String) -> Result<Vec<u8>, WireError> {
    match words.dialect {
        Dialect::Csv => csv::write(words, rows),
        Dialect::Pko => Ok(pko::write(words, rows, dispatch_id)),
        Dialect::Pipe => Ok(pipe::write(words, rows)),
    }
}

/// What the word of row `row` means.
fn meaning(words: &Words, row: usize, word: &str) -> Result<Meaning, RowsFault> {
    words.meaning(word).ok_or_else(|| RowsFault::UnknownWord { row, word: redact(word) })
}

/// A field of a row, trimmed.
fn field(row: usize, what: &str, text: &str) -> Result<String, RowsFault> {
    let text = text.trim();
    if text.chars().count() > FIELD_CHARS_MAX {
        return Err(RowsFault::Unreadable(format!("row {row}: {what} is longer than {FIELD_CHARS_MAX} characters")));
    }
    Ok(text.to_owned())
}
