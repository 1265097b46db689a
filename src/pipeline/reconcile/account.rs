//! The account of what vendors were sent: sent = handed over + rejected + cancelled + returned + open, for each vendor,
//! municipality and night; what is open, since when and whose it is; and everything that does not fit, a letter at a time.

use crate::domain::answer::VendorStatus;
use crate::domain::codes::{Owner, find};
use crate::domain::state::{BatchState, LetterState};
use crate::domain::status::{BatchStatus, LetterStatus};
use crate::domain::{BatchName, LetterId, counted, verb};
use crate::pipeline::overdue::overdue;
use crate::vendor::VendorProfile;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Something about a letter, batch or invoice that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Remark {
    /// The word of [`KINDS`].
    pub kind: &'static str,
    pub code: &'static str,
    pub vendor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// As the answer or invoice names it; not always a letter of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub letter: Option<String>,
    /// `vendor`, `operator` or `case worker`: who can do something about it.
    pub owner: &'static str,
    pub says: String,
    /// Whether it is a difference between them and us; what came back or was rejected is none.
    pub mismatch: bool,
}

/// Every kind of remark: word, code, whether it is a mismatch.
pub const KINDS: [(&str, &str, bool); 16] = [
    ("missing", "FP-A017", true),
    ("late", "FP-A018", true),
    ("unexpected", "FP-A004", true),
    ("pages_differ", "FP-A005", true),
    ("contradicts", "FP-A006", true),
    ("refused", "FP-A007", true),
    ("receipt_missing", "FP-A009", true),
    ("returned", "FP-A019", false),
    ("rejected", "FP-A020", false),
    ("not_counted", "FP-A025", true),
    ("billed_not_handed_over", "FP-A021", true),
    ("handed_over_not_billed", "FP-A022", true),
    ("sheets_differ", "FP-A023", true),
    ("postage_differs", "FP-A023", true),
    ("price_differs", "FP-A023", true),
    ("duplicate", "FP-A024", true),
];

impl Remark {
    pub fn new(kind: &str, vendor: impl ToString, batch: Option<&BatchName>, letter: Option<String>, says: impl Into<String>) -> Self {
        let known = KINDS.iter().find(|(word, ..)| *word == kind).copied();
        let (kind, code, mismatch) = known.expect("every remark is of a kind that stands in the list");
        let batch = batch.map(ToString::to_string);
        Self { kind, code, vendor: vendor.to_string(), batch, letter, owner: owner(code), says: says.into(), mismatch }
    }
}

/// Who can do something about a code.
fn owner(code: &str) -> &'static str {
    match find(code).map(|page| page.owner) {
        Some(Owner::Vendor) => "vendor",
        Some(Owner::CaseWorker) => "case worker",
        Some(Owner::It) | None => "operator",
    }
}

/// The terms for one vendor, municipality and night.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Terms {
    pub sent: u64,
    pub handed_over: u64,
    pub rejected: u64,
    pub cancelled: u64,
    pub returned: u64,
    pub open: u64,
}

impl Terms {
    pub fn balance(&self) -> bool {
        self.sent == self.handed_over + self.rejected + self.cancelled + self.returned + self.open
    }

    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.handed_over += other.handed_over;
        self.rejected += other.rejected;
        self.cancelled += other.cancelled;
        self.returned += other.returned;
        self.open += other.open;
    }

    /// Counts a letter that was sent. One that fits no term is counted in none, and then they do not add up.
    fn count(&mut self, state: &LetterState) {
        self.sent += 1;
        match (state.status, last_word(state)) {
            (LetterStatus::Shipped, _) => self.open += 1,
            (LetterStatus::Returned, _) => self.returned += 1,
            (LetterStatus::Settled, Some(VendorStatus::HandedOver)) => self.handed_over += 1,
            (LetterStatus::Settled, Some(VendorStatus::Rejected)) => self.rejected += 1,
            (LetterStatus::Settled, Some(VendorStatus::Cancelled)) => self.cancelled += 1,
            _ => {}
        }
    }
}

fn last_word(state: &LetterState) -> Option<VendorStatus> {
    state.word.as_deref().and_then(VendorStatus::from_word)
}

/// Whether the vendor has said that the carrier got it, whatever came after.
pub fn was_handed_over(state: &LetterState) -> bool {
    state.status == LetterStatus::Returned || state.status == LetterStatus::Settled && last_word(state) == Some(VendorStatus::HandedOver)
}

/// A letter without a final word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    pub letter: String,
    pub batch: String,
    pub vendor: String,
    pub municipality: String,
    /// Business date of the night that took it in.
    pub night: String,
    /// How far it has come, in our words and in the vendor's.
    pub word: Option<String>,
    pub said: Option<String>,
    /// Days since its batch was shipped; absent where the ledger does not tell.
    pub age_days: Option<i64>,
    pub owner: &'static str,
}

/// One batch at its vendor.
pub struct Shipment<'a> {
    pub name: &'a BatchName,
    pub state: &'a BatchState,
    pub shipped_at: Option<Timestamp>,
    pub letters: &'a [(LetterId, LetterState)],
    /// Absent for a vendor that the configuration no longer has: then nothing is late.
    pub profile: Option<&'a VendorProfile>,
}

/// What a line of the account is about: vendor, municipality, night.
pub type Line = (String, String, String);

/// The whole account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    pub lines: BTreeMap<Line, Terms>,
    pub open: Vec<Open>,
    pub remarks: Vec<Remark>,
}

impl Account {
    /// Nothing differs between the vendors and us.
    pub fn fits(&self) -> bool {
        self.lines.values().all(Terms::balance) && !self.remarks.iter().any(|remark| remark.mismatch)
    }

    /// Adds a batch that is at its vendor, as of `now`.
    pub fn add(&mut self, shipment: &Shipment<'_>, now: Timestamp) {
        let Shipment { name, state, letters, .. } = shipment;
        let mut all = Terms::default();
        for (id, letter) in *letters {
            let line = (state.vendor.to_string(), letter.municipality.to_string(), letter.business_date.clone());
            self.lines.entry(line).or_default().count(letter);
            all.count(letter);
            self.ended(shipment, id, letter);
        }
        if all.sent != u64::from(state.letters) || !all.balance() {
            let says =
                format!("{} letters were sealed; the ledger has {} of it, and {} of them in no term", state.letters, all.sent, lost(&all));
            self.remarks.push(Remark::new("not_counted", &state.vendor, Some(name), None, says));
        }
        self.waiting(shipment, all.open, now);
        self.asked(shipment);
    }

    /// What the vendor's last word makes somebody's work.
    fn ended(&mut self, shipment: &Shipment<'_>, id: &LetterId, letter: &LetterState) {
        let said = letter.said.as_deref().or(letter.word.as_deref()).unwrap_or_default();
        let kind = match (letter.status, last_word(letter)) {
            (LetterStatus::Returned, _) => "returned",
            (LetterStatus::Settled, Some(VendorStatus::Rejected)) => "rejected",
            _ => return,
        };
        let says = format!("{said}; {} of {}", letter.dispatch_id, letter.sender);
        self.remarks.push(Remark::new(kind, &shipment.state.vendor, Some(shipment.name), Some(id.to_string()), says));
    }

    /// What is open, and what of it is late.
    fn waiting(&mut self, shipment: &Shipment<'_>, open: u64, now: Timestamp) {
        let Shipment { name, state, shipped_at, letters, profile } = shipment;
        if open == 0 {
            return;
        }
        let refused = state.status == BatchStatus::Refused;
        if refused {
            let says =
                format!("{} of it {} open and will not be printed: {}", counted(open, "letter"), verb(open, "is", "are"), state.reason);
            self.remarks.push(Remark::new("refused", &state.vendor, Some(name), None, says));
        }
        let late = profile.zip(*shipped_at).and_then(|(profile, at)| overdue(state, at, open, profile, now));
        if let (Some(late), BatchStatus::Shipped) = (&late, state.status) {
            self.remarks.push(Remark::new("missing", &state.vendor, Some(name), None, late.clone()));
        }
        let age_days = shipped_at.map(|at| now.duration_since(at).as_hours() / 24);
        for (id, letter) in letters.iter().filter(|(_, letter)| letter.status == LetterStatus::Shipped) {
            self.open.push(Open {
                letter: id.to_string(),
                batch: name.to_string(),
                vendor: state.vendor.to_string(),
                municipality: letter.municipality.to_string(),
                night: letter.business_date.clone(),
                word: letter.word.clone(),
                said: letter.said.clone(),
                age_days,
                owner: if refused { "operator" } else { "vendor" },
            });
            if late.is_some() && state.status == BatchStatus::Acknowledged {
                let (kind, says) = match &letter.word {
                    Some(word) => ("late", format!("is {word}, and has no final word")),
                    None => ("missing", "was shipped, and nothing was said of it".to_owned()),
                };
                self.remarks.push(Remark::new(kind, &state.vendor, Some(name), Some(id.to_string()), says));
            }
        }
    }

    /// What receipts say that nobody has explained, and receipts that are owed.
    fn asked(&mut self, shipment: &Shipment<'_>) {
        let Shipment { name, state, .. } = shipment;
        for question in &state.questions {
            let kind = KINDS.iter().find(|(_, code, _)| *code == question.code).map_or("unexpected", |(kind, ..)| kind);
            self.remarks.push(Remark::new(kind, &state.vendor, Some(name), Some(question.letter.clone()), question.says.clone()));
        }
        if state.status == BatchStatus::Acknowledged && !state.gaps.is_empty() {
            let numbers: Vec<String> = state.gaps.iter().map(u32::to_string).collect();
            let says = format!("receipt {} is missing, and {} was applied", numbers.join(", "), state.receipts);
            self.remarks.push(Remark::new("receipt_missing", &state.vendor, Some(name), None, says));
        }
    }
}

fn lost(terms: &Terms) -> u64 {
    terms.sent.saturating_sub(terms.handed_over + terms.rejected + terms.cancelled + terms.returned + terms.open)
}
