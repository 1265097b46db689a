//! Matches a vendor's answers with what we sent: the technical answer with the batch, production answers with the letters,
//! invoices with both; and says what is open, late or different.
//!
//! Pure. An answer that does not add up is refused whole (an `AnswerFault`), and nothing of it is applied; a row that does
//! not fit is a question, and the others are applied. A letter never goes backwards, twice is once, and the order in which
//! receipts come makes no difference.

pub mod account;
pub mod invoice;
mod receipt;

pub use receipt::{Matched, QUESTIONS_MAX, Receipt, match_receipt};

use crate::domain::{BatchName, Sha256};
use crate::wire::receipt::{Ack, AckResult, ReceiptHead};
use jiff::civil::Date;

/// How long a settled batch is asked about for letters that came back, days after its business date.
const RETURNS_DAYS: i32 = 60;

/// Why an answer is refused. FP-A001 unreadable, FP-A002 of something else, FP-A003 does not add up, FP-A008 a word that
/// nobody has told us, FP-A011 too many questions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AnswerFault {
    pub code: &'static str,
    pub message: String,
}

fn fault(code: &'static str, message: impl Into<String>) -> AnswerFault {
    AnswerFault { code, message: message.into() }
}

/// Whether letters of a settled batch may still come back: it is asked about until then.
///
/// A date that cannot be read is asked about: that costs one question.
pub fn may_come_back(business_date: &str, today: &str) -> bool {
    match (business_date.parse::<Date>(), today.parse::<Date>()) {
        (Ok(date), Ok(today)) => (today - date).get_days() <= RETURNS_DAYS,
        _ => true,
    }
}

/// Reads the technical answer to this batch and no other. Who refuses a batch may quote another manifest than ours: it can be
/// refused just because its manifest came damaged, and the answer quotes what came. Who accepts must quote ours.
pub fn read_ack(bytes: &[u8], batch: &BatchName, manifest: &Sha256) -> Result<Ack, AnswerFault> {
    let ack: Ack =
        serde_json::from_slice(bytes).map_err(|e| fault("FP-A001", format!("the ack of {batch} is not what it should be: {e}")))?;
    let of_ours = ack.manifest_sha256 == *manifest || ack.result == AckResult::Rejected;
    if ack.batch != *batch || !of_ours {
        let text = format!("the ack of {batch} quotes {} with manifest {}, ours is {manifest}", ack.batch, ack.manifest_sha256);
        return Err(fault("FP-A002", text));
    }
    Ok(ack)
}

/// Reads the head of receipt `number`.
pub fn read_head(bytes: &[u8], batch: &BatchName, manifest: &Sha256, number: u32) -> Result<ReceiptHead, AnswerFault> {
    let name = || format!("receipt {number} of {batch}");
    let head: ReceiptHead =
        serde_json::from_slice(bytes).map_err(|e| fault("FP-A001", format!("the head of {} is not what it should be: {e}", name())))?;
    if head.batch != *batch || head.manifest_sha256 != *manifest || head.number != number {
        let text = format!(
            "{} says it is number {} of {} with manifest {}, ours is {manifest}",
            name(),
            head.number,
            head.batch,
            head.manifest_sha256
        );
        return Err(fault("FP-A002", text));
    }
    Ok(head)
}
