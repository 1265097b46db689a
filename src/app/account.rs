//! The account of letters: accepted = digital + shipped + rejected + held + pending, and shipped = settled + open.

use super::config::Config;
use super::fault::Fault;
use crate::adapters::clock;
use crate::domain::calendar::date_in_denmark;
use crate::domain::state::BatchState;
use crate::domain::status::{BatchEvent, BatchStatus, LetterStatus, Term};
use crate::domain::{BatchName, Cvr};
use crate::ledger::{Count, Ledger, RefusedFile};
use crate::pipeline::overdue::overdue;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

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
}

impl Terms {
    /// Whether both equations hold.
    pub fn balance(&self) -> bool {
        self.accepted == self.digital + self.shipped + self.rejected + self.held + self.pending && self.shipped == self.settled + self.open
    }

    fn add(&mut self, status: LetterStatus, letters: u64) {
        self.accepted += letters;
        let term = match status.term() {
            Term::Digital => &mut self.digital,
            Term::Shipped => &mut self.shipped,
            Term::Rejected => &mut self.rejected,
            Term::Held => &mut self.held,
            Term::Pending => &mut self.pending,
        };
        *term += letters;
        match status {
            LetterStatus::Shipped => self.open += letters,
            LetterStatus::Settled | LetterStatus::Returned => self.settled += letters,
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
    #[serde(skip)]
    pub lines: Vec<Line>,
    #[serde(skip)]
    pub refused_files: Vec<RefusedFile>,
    /// Batches that are not at the vendor, or refused by it: name, status, reason.
    #[serde(skip)]
    pub troubled_batches: Vec<(String, &'static str, String)>,
    /// Batches whose vendor owes an answer by the times of its profile.
    pub overdue: u64,
    /// Batches at the vendor with letters that have no final word: name, status, open letters.
    #[serde(skip)]
    pub open_batches: Vec<(String, &'static str, u64)>,
    /// Of those, the late ones: name, what is late.
    #[serde(skip)]
    pub overdue_batches: Vec<(String, String)>,
}

/// Counts the letters of the ledger; with a business date, those that this night took in.
pub fn account(config: &Config, ledger: &Ledger, business_date: Option<&str>) -> Result<Account, Fault> {
    super::night::check_date(business_date)?;
    let mut account = Account::default();
    let today: Date = business_date.and_then(|date| date.parse().ok()).unwrap_or_else(|| date_in_denmark(clock::instant()));
    for vendor in config.municipalities.values().filter_map(|m| m.vendor_at(today)) {
        account.vendors.entry(vendor.to_string()).or_default();
    }
    let of_night = business_date.map(|date| ledger.batches_of_night(date)).transpose()?;
    let mut lines: BTreeMap<(String, String), Terms> = BTreeMap::new();
    for count in ledger.counts(business_date)? {
        account.terms.add(count.status, count.letters);
        let vendor = vendor_of(config, &count, today);
        if count.status.term() == Term::Shipped {
            account.pages += count.pages;
            account.sheets += count.sheets;
            account.bytes += count.bytes;
            let totals = account.vendors.entry(vendor.clone()).or_default();
            totals.letters += count.letters;
            *(if count.status == LetterStatus::Shipped { &mut totals.open } else { &mut totals.settled }) += count.letters;
        }
        lines.entry((count.municipality, vendor)).or_default().add(count.status, count.letters);
    }
    for (name, state) in ledger.batches(&BatchStatus::ALL)? {
        if of_night.as_ref().is_some_and(|names| !names.contains(&name)) {
            continue;
        }
        account.batches += 1;
        account.vendors.entry(state.vendor.to_string()).or_default().batches += 1;
        let waits = matches!(
            state.status,
            BatchStatus::Sealed | BatchStatus::Unreleased | BatchStatus::Uploading | BatchStatus::Unknown | BatchStatus::Refused
        );
        if matches!(state.status, BatchStatus::Shipped | BatchStatus::Acknowledged) {
            let open = ledger.open_letters(&name)?;
            account.open_batches.push((name.to_string(), state.status.word(), open));
            if let Some(late) = late(config, ledger, &name, &state, open)? {
                account.overdue_batches.push((name.to_string(), late));
            }
        }
        if waits {
            let reason = super::release::what_is_missing(&name, &state).unwrap_or(state.reason);
            account.troubled_batches.push((name.to_string(), state.status.word(), reason));
        }
    }
    account.overdue = account.overdue_batches.len() as u64;
    let line = |((municipality, vendor), terms): ((String, String), Terms)| {
        let name = municipality.parse::<Cvr>().ok().and_then(|cvr| config.municipalities.get(&cvr)).map(|m| m.name.clone());
        Line { name: name.unwrap_or_default(), municipality, vendor, terms }
    };
    account.lines = lines.into_iter().map(line).collect();
    account.refused_files = ledger.refused_files(business_date)?;
    account.refused = account.refused_files.len() as u64;
    Ok(account)
}

/// The account of the configured ledger. FP-L001 when there is none yet.
pub fn account_of(config: &Config, business_date: Option<&str>) -> Result<Account, Fault> {
    account(config, &Ledger::open_read_only(&config.ledger_path())?, business_date)
}

/// What is late about a batch, by the time of the event that says it was shipped.
pub(super) fn late(config: &Config, ledger: &Ledger, name: &BatchName, state: &BatchState, open: u64) -> Result<Option<String>, Fault> {
    let Some(profile) = config.profiles.get(&state.vendor) else { return Ok(None) };
    let shipped = |(at, data): (String, String)| match serde_json::from_str(&data) {
        Ok(BatchEvent::Shipped {}) => at.parse::<Timestamp>().ok(),
        _ => None,
    };
    let shipped_at = ledger.history(name.as_str())?.into_iter().find_map(shipped);
    Ok(shipped_at.and_then(|at| overdue(state, at, open, profile, clock::instant())))
}

/// A letter that reached no vendor counts where its municipality prints.
fn vendor_of(config: &Config, count: &Count, today: Date) -> String {
    if !count.vendor.is_empty() {
        return count.vendor.clone();
    }
    let municipality = count.municipality.parse::<Cvr>().ok().and_then(|cvr| config.municipalities.get(&cvr));
    municipality.and_then(|m| m.vendor_at(today)).map(ToString::to_string).unwrap_or_default()
}
