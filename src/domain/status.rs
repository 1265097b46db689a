//! What happens to letters and batches, and what follows from it.
//!
//! Events are in the past tense and are what the ledger keeps; a status is what they add up to. [`letter_after`] and
//! [`batch_after`] are the only places where a transition is defined. An event that does not fit its status is a
//! corrupt ledger, never a warning.

use super::ids::{BatchName, Cvr, LetterId, OrderId, Sha256, VendorId};
use super::print::PrintJob;
use serde::{Deserialize, Serialize};

/// Something that happened to one letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum LetterEvent {
    /// Taken in: the file is stored under `original`, this letter is number `part` in it, counted from 0. `documents` lay
    /// beside a table's row: the letter, then its attachments in print order.
    Accepted {
        municipality: Cvr,
        sender: String,
        dispatch_id: String,
        business_date: String,
        original: Sha256,
        part: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<Sha256>,
    },
    /// The MeMo stands in the digital outbox.
    DeliveredDigitally { memo: Sha256 },
    /// Waits for a person; `code` says for whom and why.
    Held { code: String, message: String },
    /// Leaves the pipeline.
    Rejected { code: String, message: String },
    /// Printable as it is described.
    Validated { job: PrintJob },
    /// Stands in a sealed batch.
    Batched { batch: BatchName },
    /// The batch is at the vendor.
    Shipped { batch: BatchName },
    /// The vendor's word, on the way.
    Progressed {
        batch: BatchName,
        word: String,
        /// The vendor's own word, where it is another than ours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// The vendor's final word.
    Settled {
        batch: BatchName,
        word: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// After final: the carrier brought it back (R01 to R10).
    Returned {
        batch: BatchName,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
    /// A person keeps it back.
    Withheld { order: OrderId },
    /// A person lets a held letter go on; `to_print` when the person decided that it goes on paper, whatever the register says.
    Freed { order: OrderId, to_print: bool },
    /// A person sends a rejected letter through once more.
    Retried { order: OrderId },
    /// A recall (*tilbagekald*) of a letter in a batch whose outcome is not known yet: decided when it is.
    RecallAsked { order: OrderId },
    /// Recalled (*tilbagekaldt*) before any vendor had it: it leaves the pipeline.
    Recalled { order: OrderId },
    /// A recall that was asked for came too late: the vendor has the letter.
    RecallFailed {},
    /// Its batch was withdrawn before the vendor had it, or refused by the vendor and given up: nothing of it was printed, and
    /// the letter goes through once more.
    Unbatched { batch: BatchName, order: OrderId },
    /// A person ordered another print of it, which is the letter `as_letter`.
    Reordered { order: OrderId, as_letter: LetterId },
    /// A new print of letter `of`, made from the same original: a letter of its own, with a reason in its order.
    Reprint {
        of: LetterId,
        order: OrderId,
        municipality: Cvr,
        sender: String,
        dispatch_id: String,
        business_date: String,
        original: Sha256,
        part: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<Sha256>,
    },
}

/// Where a letter stands. Each counts in exactly one term of accepted = digital + shipped + rejected + held + pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterStatus {
    Accepted,
    Digital,
    Held,
    Rejected,
    Validated,
    Batched,
    Shipped,
    Settled,
    Returned,
    /// Recalled before any vendor had it.
    Cancelled,
}

/// A term of the equation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    Digital,
    Shipped,
    Rejected,
    Held,
    Pending,
}

impl LetterStatus {
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Digital,
        Self::Held,
        Self::Rejected,
        Self::Validated,
        Self::Batched,
        Self::Shipped,
        Self::Settled,
        Self::Returned,
        Self::Cancelled,
    ];

    pub fn term(self) -> Term {
        match self {
            Self::Digital => Term::Digital,
            Self::Held => Term::Held,
            // A letter that was called back has left the pipeline by a person's decision.
            Self::Rejected | Self::Cancelled => Term::Rejected,
            Self::Accepted | Self::Validated | Self::Batched => Term::Pending,
            Self::Shipped | Self::Settled | Self::Returned => Term::Shipped,
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Digital => "digital",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Validated => "validated",
            Self::Batched => "batched",
            Self::Shipped => "shipped",
            Self::Settled => "settled",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The event does not follow from the status: the ledger is corrupt, or the caller is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow {status}")]
pub struct IllegalEvent {
    pub status: String,
    pub event: String,
}

impl LetterEvent {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::DeliveredDigitally { .. } => "delivered_digitally",
            Self::Held { .. } => "held",
            Self::Rejected { .. } => "rejected",
            Self::Validated { .. } => "validated",
            Self::Batched { .. } => "batched",
            Self::Shipped { .. } => "shipped",
            Self::Progressed { .. } => "progressed",
            Self::Settled { .. } => "settled",
            Self::Returned { .. } => "returned",
            Self::Withheld { .. } => "withheld",
            Self::Freed { .. } => "freed",
            Self::Retried { .. } => "retried",
            Self::RecallAsked { .. } => "recall_asked",
            Self::Recalled { .. } => "recalled",
            Self::RecallFailed {} => "recall_failed",
            Self::Unbatched { .. } => "unbatched",
            Self::Reordered { .. } => "reordered",
            Self::Reprint { .. } => "reprint",
        }
    }

    /// Whether a letter begins with it.
    pub fn begins(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Reprint { .. })
    }
}

/// The status of a letter after one more event; `None` is a letter nothing has happened to.
pub fn letter_after(status: Option<LetterStatus>, event: &LetterEvent) -> Result<LetterStatus, IllegalEvent> {
    use LetterEvent as E;
    use LetterStatus as S;
    match (status, event) {
        (None, E::Accepted { .. } | E::Reprint { .. }) => Ok(S::Accepted),
        (Some(S::Accepted), E::DeliveredDigitally { .. }) => Ok(S::Digital),
        (Some(S::Accepted | S::Validated), E::Held { .. }) => Ok(S::Held),
        (Some(S::Accepted | S::Validated), E::Rejected { .. }) => Ok(S::Rejected),
        (Some(S::Accepted), E::Validated { .. }) => Ok(S::Validated),
        (Some(S::Validated), E::Batched { .. }) => Ok(S::Batched),
        (Some(S::Batched), E::Shipped { .. }) => Ok(S::Shipped),
        (Some(S::Shipped), E::Progressed { .. }) => Ok(S::Shipped),
        (Some(S::Shipped), E::Settled { .. }) => Ok(S::Settled),
        (Some(S::Settled), E::Returned { .. }) => Ok(S::Returned),
        (Some(S::Accepted | S::Validated), E::Withheld { .. }) => Ok(S::Held),
        (Some(S::Held), E::Freed { .. }) => Ok(S::Accepted),
        (Some(S::Rejected), E::Retried { .. }) => Ok(S::Accepted),
        (Some(S::Batched), E::RecallAsked { .. }) => Ok(S::Batched),
        (Some(S::Shipped), E::RecallFailed {}) => Ok(S::Shipped),
        (Some(S::Accepted | S::Held | S::Validated), E::Recalled { .. }) => Ok(S::Cancelled),
        (Some(S::Batched | S::Shipped), E::Unbatched { .. }) => Ok(S::Accepted),
        (Some(status @ (S::Shipped | S::Settled | S::Returned)), E::Reordered { .. }) => Ok(status),
        (status, event) => Err(IllegalEvent { status: status.map_or("nothing", S::word).to_owned(), event: event.word().to_owned() }),
    }
}

/// Something that happened to one batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum BatchEvent {
    /// Signed; its bytes will not change.
    Sealed {
        vendor: VendorId,
        municipality: Cvr,
        business_date: String,
        sequence: u64,
        manifest: Sha256,
        /// Of the detached signature: made once, never again.
        signature: Sha256,
        letters: u32,
        pages: u32,
        sheets: u32,
        bytes: u64,
    },
    /// The vendor's profile wants two persons to say that it may go.
    ReleaseRequired {},
    /// The first of them, about the batch with this manifest.
    Approved { by: Person, manifest: Sha256 },
    /// The second, another one: it may go.
    Released { by: Person, manifest: Sha256 },
    /// Written before the first byte leaves.
    UploadStarted { attempt: u32 },
    /// Written before the ready marker: from here the outcome is unknown until it was looked at.
    ReadyIntended {},
    /// Everything is at the vendor, the marker too.
    Shipped {},
    /// The vendor's technical answer, stored under `answer` as it was received.
    Acknowledged {
        accepted: bool,
        reason: String,
        answer: Sha256,
        /// Of the vendor's signature over it, where its answers are signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Sha256>,
    },
    /// Receipt `number` was applied; its head and its rows are stored as they were received.
    Answered {
        number: u32,
        head: Sha256,
        rows: Sha256,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Sha256>,
        /// What of it raises a question; the rest was applied.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        questions: Vec<Question>,
    },
    /// Somebody looked into what a receipt says of a letter, and found what became of it.
    Explained { by: Person, code: String, letter: String, note: String },
    /// Every letter of the batch has its final answer.
    Settled {},
    /// A person took it back before the vendor had it, or gave up a batch that the vendor refused: it never goes up again.
    Withdrawn { order: OrderId },
}

/// A row of a receipt that does not fit what we know: kept until somebody explains it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// FP-A004, FP-A005 or FP-A006.
    pub code: String,
    /// As the row names it; not always a letter of ours.
    pub letter: String,
    pub says: String,
}

/// Who said something at a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// As the person gave it.
    pub name: String,
    /// Under which the person logged in, as the kernel keeps it through `su` and `sudo`; absent where it knows of no login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

impl Person {
    /// Two names, and two accounts where the kernel knows them.
    pub fn is_another_than(&self, other: &Self) -> bool {
        let plain = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let accounts_differ = match (&self.account, &other.account) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => true,
        };
        plain(&self.name) != plain(&other.name) && accounts_differ
    }
}

/// Where a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchStatus {
    Sealed,
    /// Sealed, and waits for persons to say that it may go.
    Unreleased,
    Uploading,
    /// The ready marker may or may not stand at the vendor: asked about, never guessed.
    Unknown,
    Shipped,
    Acknowledged,
    /// The vendor refused the batch.
    Refused,
    /// Nothing of it is open any more.
    Settled,
    /// Taken back, or given up after the vendor's refusal: its letters are elsewhere.
    Withdrawn,
}

impl BatchStatus {
    pub const ALL: [Self; 9] = [
        Self::Sealed,
        Self::Unreleased,
        Self::Uploading,
        Self::Unknown,
        Self::Shipped,
        Self::Acknowledged,
        Self::Refused,
        Self::Settled,
        Self::Withdrawn,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Unreleased => "unreleased",
            Self::Uploading => "uploading",
            Self::Unknown => "unknown",
            Self::Shipped => "shipped",
            Self::Acknowledged => "acknowledged",
            Self::Refused => "refused",
            Self::Settled => "settled",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl BatchEvent {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Sealed { .. } => "sealed",
            Self::ReleaseRequired {} => "release_required",
            Self::Approved { .. } => "approved",
            Self::Released { .. } => "released",
            Self::UploadStarted { .. } => "upload_started",
            Self::ReadyIntended {} => "ready_intended",
            Self::Shipped {} => "shipped",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Answered { .. } => "answered",
            Self::Explained { .. } => "explained",
            Self::Settled {} => "settled",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

/// The status of a batch after one more event.
pub fn batch_after(status: Option<BatchStatus>, event: &BatchEvent) -> Result<BatchStatus, IllegalEvent> {
    use BatchEvent as E;
    use BatchStatus as S;
    match (status, event) {
        (None, E::Sealed { .. }) => Ok(S::Sealed),
        (Some(S::Sealed), E::ReleaseRequired {}) => Ok(S::Unreleased),
        (Some(S::Unreleased), E::Approved { .. }) => Ok(S::Unreleased),
        (Some(S::Unreleased), E::Released { .. }) => Ok(S::Sealed),
        (Some(S::Sealed | S::Uploading), E::UploadStarted { .. }) => Ok(S::Uploading),
        // Asked, and not everything is there: what is missing goes up again, and the outcome is as unknown as before.
        (Some(S::Unknown), E::UploadStarted { .. }) => Ok(S::Unknown),
        (Some(S::Uploading | S::Unknown), E::ReadyIntended {}) => Ok(S::Unknown),
        (Some(S::Unknown), E::Shipped {}) => Ok(S::Shipped),
        (Some(S::Shipped), E::Acknowledged { accepted: true, .. }) => Ok(S::Acknowledged),
        (Some(S::Shipped), E::Acknowledged { accepted: false, .. }) => Ok(S::Refused),
        (Some(S::Acknowledged), E::Answered { .. }) => Ok(S::Acknowledged),
        // Letters come back for weeks after the last of them was handed over.
        (Some(S::Settled), E::Answered { .. }) => Ok(S::Settled),
        (Some(status @ (S::Acknowledged | S::Settled)), E::Explained { .. }) => Ok(status),
        (Some(S::Acknowledged), E::Settled {}) => Ok(S::Settled),
        // Not from `unknown`: the vendor may have it.
        (Some(S::Sealed | S::Unreleased | S::Uploading | S::Refused), E::Withdrawn { .. }) => Ok(S::Withdrawn),
        (status, event) => Err(IllegalEvent { status: status.map_or("nothing", S::word).to_owned(), event: event.word().to_owned() }),
    }
}
