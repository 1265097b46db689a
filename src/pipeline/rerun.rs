//! Decides what sending a letter once more would mean: whether it goes on as itself or is printed as a new letter, and whether
//! a copy of it may already have been printed.
//!
//! Pure, and careful in one direction: a copy that nobody has ruled out may exist. A letter that a vendor had is never sent
//! again as itself, so that the answers to its first batch keep their meaning.

use crate::domain::state::LetterState;
use crate::domain::status::{BatchStatus, LetterStatus};
use crate::domain::{BatchName, LetterId, OrderId, Sha256};
use crate::wire::receipt::VendorStatus;
use serde::Serialize;

/// Whether a copy of the letter may already have been printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Copy {
    /// No vendor had it, or the vendor says that it was not printed.
    No,
    /// A vendor has it, or may have it, and has not said.
    Unknown,
    /// The vendor says so.
    Yes,
}

/// What would be done about a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// It goes through the pipeline once more, as itself.
    Again,
    /// So does it, and its batch, which the vendor refused, is given up.
    Unbatch,
    /// It is printed as a new letter.
    Reprint,
    /// Nothing: the run brings it home, or there is nothing to bring home.
    Nothing,
}

/// One letter of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    pub letter_id: LetterId,
    pub status: &'static str,
    pub batch: Option<BatchName>,
    pub course: Course,
    pub copy_printed: Copy,
    /// Why it failed, or why nothing is done about it.
    pub why: String,
}

/// What to do about one letter. `batch` is where its batch stands; `reprint` says that also letters that did not fail are
/// wanted once more.
pub fn item(id: &LetterId, state: &LetterState, batch: Option<BatchStatus>, reprint: bool) -> Item {
    let (course, copy_printed, why) = decided(state, batch, reprint);
    Item { letter_id: id.clone(), status: state.status.word(), batch: state.batch.clone(), course, copy_printed, why }
}

fn decided(state: &LetterState, batch: Option<BatchStatus>, reprint: bool) -> (Course, Copy, String) {
    use LetterStatus as S;
    let reason = || state.reason.as_ref().map(|(code, why)| format!("{code} {why}")).unwrap_or_default();
    let nothing = |copy, why: &str| (Course::Nothing, copy, why.to_owned());
    if let Some(again) = &state.reprinted_as {
        return (Course::Nothing, copy_of(state), format!("was printed again as {again}: look there"));
    }
    match state.status {
        S::Rejected => (Course::Again, Copy::No, reason()),
        S::Held => nothing(Copy::No, "is held: `fjernprint letter release` lets it go on"),
        S::Accepted | S::Validated => nothing(Copy::No, "has not failed: the next run brings it on its way"),
        S::Batched if batch == Some(BatchStatus::Unknown) => nothing(Copy::Unknown, "the vendor is asked by the next run"),
        S::Batched => nothing(Copy::No, "the next run ships its batch"),
        S::Digital => nothing(Copy::No, "went by Digital Post"),
        S::Cancelled => nothing(Copy::No, "was called back"),
        S::Shipped if batch == Some(BatchStatus::Refused) => (Course::Unbatch, Copy::No, "the vendor refused its batch".to_owned()),
        S::Shipped | S::Settled | S::Returned => at_vendor(state, reprint),
    }
}

fn at_vendor(state: &LetterState, reprint: bool) -> (Course, Copy, String) {
    let copy = copy_of(state);
    let said = state.word.as_deref();
    let not_printed = [VendorStatus::Rejected, VendorStatus::Cancelled].map(VendorStatus::word);
    let why = match said {
        None => "the vendor has it and has not answered".to_owned(),
        Some(word) => format!("the vendor says {word}"),
    };
    if state.recall.is_some() && said == Some(VendorStatus::Cancelled.word()) {
        return (Course::Nothing, copy, "was called back, and the vendor says that it was not printed".to_owned());
    }
    let failed = said.is_some_and(|word| not_printed.contains(&word));
    let course = if failed || reprint { Course::Reprint } else { Course::Nothing };
    (course, copy, why)
}

fn copy_of(state: &LetterState) -> Copy {
    let said = state.word.as_deref().and_then(VendorStatus::from_word);
    match (state.status, said) {
        (LetterStatus::Returned, _) => Copy::Yes,
        (_, Some(VendorStatus::Printed | VendorStatus::Enveloped | VendorStatus::HandedOver | VendorStatus::Returned)) => Copy::Yes,
        (_, Some(VendorStatus::Rejected | VendorStatus::Cancelled)) => Copy::No,
        (LetterStatus::Shipped | LetterStatus::Settled, _) => Copy::Unknown,
        _ => Copy::No,
    }
}

/// How many letters of a batch may be printed once more while copies of them may exist: `percent` of it, and one always.
pub fn reprints_max(letters: u32, percent: u32) -> u32 {
    (u64::from(letters) * u64::from(percent) / 100).max(1) as u32
}

/// The plan's name: the same for the same letters where they stand now, and for no others. Time and prices are not in it.
pub fn plan_hash(about: &str, items: &[Item]) -> Sha256 {
    let text = serde_json::to_vec(&(about, items)).expect("a plan has only string keys");
    Sha256(openssl::sha::sha256(&text))
}

/// The id of the letter that another print of `of` is. It follows from the order, so the same order makes it once.
pub fn reprint_id(of: &LetterId, order: &OrderId) -> LetterId {
    let hash = Sha256(openssl::sha::sha256(format!("reprint {of} {order}").as_bytes()));
    format!("L{}", &hash.to_string()[..24]).parse().expect("24 hex digits after an L are a letter's id")
}
