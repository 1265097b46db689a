//! The account of letters: accepted = digital + shipped + rejected + held + pending, shipped = settled + open, and
//! shipped = handed over + rejected by the vendor + cancelled by it + returned + open. Read from the ledger's counts and its
//! open batches: it takes no longer after years.

use super::config::Config;
use super::fault::Fault;
use crate::adapters::clock;
use crate::domain::calendar::date_in_denmark;
use crate::domain::state::BatchState;
use crate::domain::status::{BatchStatus, LetterStatus, Term};
use crate::domain::{BatchName, Cvr};
use crate::ledger::{Count, Ledger};
use crate::pipeline::overdue::overdue;
use crate::wire::receipt::VendorStatus;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

/// Batches that are neither settled nor withdrawn: something about them is still to come.
const UNSETTLED: [BatchStatus; 7] = [
    BatchStatus::Sealed,
    BatchStatus::Unreleased,
    BatchStatus::Uploading,
    BatchStatus::Unknown,
    BatchStatus::Shipped,
    BatchStatus::Acknowledged,
    BatchStatus::Refused,
];

/// The terms, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Terms {
    pub accepted: u64,
    pub digital: u64,
    pub shipped: u64,
    pub rejected: u64,
    pub held: u64,
    pub pending: u64,
    /// Of the shipped: the vendor's final word is there.
    pub settled: u64,
    /// Of the shipped: it is not.
    pub open: u64,
    /// Of the settled: the carrier has it, and has not brought it back.
    pub handed_over: u64,
    /// Of the settled: the vendor did not print it.
    pub vendor_rejected: u64,
    /// Of the settled: the vendor was told in time not to print it.
    pub vendor_cancelled: u64,
    /// Of the settled: the carrier brought it back.
    pub returned: u64,
    /// Of the rejected: called back (*tilbagekaldt*) before any vendor had it.
    pub cancelled: u64,
}

impl Terms {
    /// Whether all equations hold.
    pub fn balance(&self) -> bool {
        self.accepted == self.digital + self.shipped + self.rejected + self.held + self.pending
            && self.shipped == self.settled + self.open
            && self.shipped == self.handed_over + self.vendor_rejected + self.vendor_cancelled + self.returned + self.open
    }

    fn add(&mut self, count: &Count) {
        let letters = count.letters;
        self.accepted += letters;
        let term = match count.status.term() {
            Term::Digital => &mut self.digital,
            Term::Shipped => &mut self.shipped,
            Term::Rejected => &mut self.rejected,
            Term::Held => &mut self.held,
            Term::Pending => &mut self.pending,
        };
        *term += letters;
        match count.status {
            LetterStatus::Shipped => self.open += letters,
            LetterStatus::Settled | LetterStatus::Returned => {
                self.settled += letters;
                self.add_settled(count);
            }
            LetterStatus::Cancelled => self.cancelled += letters,
            _ => {}
        }
    }

    /// A word that is no final one of a vendor is counted nowhere, and the account does not balance.
    fn add_settled(&mut self, count: &Count) {
        let is = |word: VendorStatus| count.word == word.word();
        match count.status {
            LetterStatus::Returned => self.returned += count.letters,
            _ if is(VendorStatus::HandedOver) => self.handed_over += count.letters,
            _ if is(VendorStatus::Rejected) => self.vendor_rejected += count.letters,
            _ if is(VendorStatus::Cancelled) => self.vendor_cancelled += count.letters,
            _ => {}
        }
    }
}

/// One municipality at one vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    pub municipality: String,
    pub name: String,
    pub vendor: String,
    #[serde(flatten)]
    pub terms: Terms,
}

/// One vendor: what is batched there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VendorTotals {
    pub batches: u64,
    /// Shipped letters.
    pub letters: u64,
    pub settled: u64,
    pub open: u64,
}

/// A batch that is not settled.
#[derive(Debug, Clone)]
pub struct Unsettled {
    pub name: BatchName,
    pub state: BatchState,
    /// Letters without the vendor's final word, of those that it has.
    pub open: u64,
    /// What is late about it, by the times of the vendor's profile.
    pub late: Option<String>,
}

/// The whole account.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Account {
    #[serde(flatten)]
    pub terms: Terms,
    pub batches: u64,
    /// Of shipped letters.
    pub pages: u64,
    pub sheets: u64,
    pub bytes: u64,
    pub vendors: BTreeMap<String, VendorTotals>,
    /// Files that were refused at the door; no letters, and so no term of the equation.
    pub refused: u64,
    /// Batches whose vendor owes an answer by the times of its profile.
    pub overdue: u64,
    #[serde(skip)]
    pub lines: Vec<Line>,
    /// By vendor and running number.
    #[serde(skip)]
    pub unsettled: Vec<Unsettled>,
}

/// Counts the letters of the ledger; with a business date, those that this night took in.
pub fn account(config: &Config, ledger: &Ledger, business_date: Option<&str>) -> Result<Account, Fault> {
    super::night::check_date(business_date)?;
    account_between(config, ledger, business_date, business_date)
}

/// Counts the letters that the nights from `from` to `to` took in, both included; dates as 2026-11-24.
pub fn account_between(config: &Config, ledger: &Ledger, from: Option<&str>, to: Option<&str>) -> Result<Account, Fault> {
    let mut account = Account::default();
    let nights = from.zip(to);
    let today: Date = to.and_then(|date| date.parse().ok()).unwrap_or_else(|| date_in_denmark(clock::instant()));
    for vendor in config.municipalities.values().filter_map(|m| m.vendor_at(today)) {
        account.vendors.entry(vendor.to_string()).or_default();
    }
    let mut lines: BTreeMap<(String, String), Terms> = BTreeMap::new();
    for count in ledger.counts_between(from, to)? {
        account.terms.add(&count);
        let vendor = vendor_of(config, &count, today);
        if count.status.term() == Term::Shipped {
            account.pages += count.pages;
            account.sheets += count.sheets;
            account.bytes += count.bytes;
            let totals = account.vendors.entry(vendor.clone()).or_default();
            totals.letters += count.letters;
            *(if count.status == LetterStatus::Shipped { &mut totals.open } else { &mut totals.settled }) += count.letters;
        }
        lines.entry((count.municipality.clone(), vendor)).or_default().add(&count);
    }
    for count in ledger.batch_counts(nights)? {
        account.batches += count.batches;
        account.vendors.entry(count.vendor).or_default().batches += count.batches;
    }
    account.unsettled = unsettled(config, ledger, nights)?;
    account.overdue = account.unsettled.iter().filter(|batch| batch.late.is_some()).count() as u64;
    let line = |((municipality, vendor), terms): ((String, String), Terms)| {
        let name = municipality.parse::<Cvr>().ok().and_then(|cvr| config.municipalities.get(&cvr)).map(|m| m.name.clone());
        Line { name: name.unwrap_or_default(), municipality, vendor, terms }
    };
    account.lines = lines.into_iter().map(line).collect();
    account.refused = ledger.refused_counts(from, to)?.iter().map(|kept| kept.letters).sum();
    Ok(account)
}

fn unsettled(config: &Config, ledger: &Ledger, nights: Option<(&str, &str)>) -> Result<Vec<Unsettled>, Fault> {
    let of_nights = nights.map(|(from, to)| ledger.batches_of_nights(from, to)).transpose()?;
    let open = ledger.open_by_batch()?;
    let mut batches = Vec::new();
    for (name, state) in ledger.batches(&UNSETTLED)? {
        if of_nights.as_ref().is_some_and(|names| !names.contains(&name)) {
            continue;
        }
        let open = open.get(name.as_str()).copied().unwrap_or(0);
        let late = late(config, ledger, &name, &state, open)?;
        batches.push(Unsettled { name, state, open, late });
    }
    Ok(batches)
}

/// The account of the configured ledger. FP-L001 when there is none yet.
pub fn account_of(config: &Config, business_date: Option<&str>) -> Result<Account, Fault> {
    account(config, &Ledger::open_read_only(&config.ledger_path())?, business_date)
}

/// What is late about a batch, by the time of the event that says it was shipped.
pub(super) fn late(config: &Config, ledger: &Ledger, name: &BatchName, state: &BatchState, open: u64) -> Result<Option<String>, Fault> {
    let (true, Some(profile)) = (at_vendor(state.status), config.profiles.get(&state.vendor)) else { return Ok(None) };
    let shipped_at = ledger.batch_event_at(name, "shipped")?.and_then(|at| at.parse::<Timestamp>().ok());
    Ok(shipped_at.and_then(|at| overdue(state, at, open, profile, clock::instant())))
}

/// The vendor has it, and answers are to come.
pub fn at_vendor(status: BatchStatus) -> bool {
    matches!(status, BatchStatus::Shipped | BatchStatus::Acknowledged)
}

/// A letter that reached no vendor counts where its municipality prints.
fn vendor_of(config: &Config, count: &Count, today: Date) -> String {
    if !count.vendor.is_empty() {
        return count.vendor.clone();
    }
    let municipality = count.municipality.parse::<Cvr>().ok().and_then(|cvr| config.municipalities.get(&cvr));
    municipality.and_then(|m| m.vendor_at(today)).map(ToString::to_string).unwrap_or_default()
}
