//! The account of letters: accepted = digital + shipped + rejected + held + pending, and shipped = settled + open.

use super::config::Config;
use super::fault::Fault;
use crate::domain::Cvr;
use crate::domain::status::{BatchStatus, LetterStatus, Term};
use crate::ledger::{Count, Ledger, RefusedFile};
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
    /// Batches at the vendor with letters that have no final word: name, status, open letters.
    #[serde(skip)]
    pub open_batches: Vec<(String, &'static str, u64)>,
}

/// Counts the letters of the ledger; with a business date, those that this night took in.
pub fn account(config: &Config, ledger: &Ledger, business_date: Option<&str>) -> Result<Account, Fault> {
    super::night::check_date(business_date)?;
    let mut account = Account::default();
    for vendor in config.municipalities.values().map(|m| m.vendor.to_string()) {
        account.vendors.entry(vendor).or_default();
    }
    let mut lines: BTreeMap<(String, String), Terms> = BTreeMap::new();
    for count in ledger.counts(business_date)? {
        account.terms.add(count.status, count.letters);
        let vendor = vendor_of(config, &count);
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
        if business_date.is_some_and(|date| date != state.business_date) {
            continue;
        }
        account.batches += 1;
        account.vendors.entry(state.vendor.to_string()).or_default().batches += 1;
        let waits = matches!(
            state.status,
            BatchStatus::Sealed | BatchStatus::Unreleased | BatchStatus::Uploading | BatchStatus::Unknown | BatchStatus::Refused
        );
        if matches!(state.status, BatchStatus::Shipped | BatchStatus::Acknowledged) {
            account.open_batches.push((name.to_string(), state.status.word(), ledger.open_letters(&name)?));
        }
        if waits {
            let reason = super::release::what_is_missing(&name, &state).unwrap_or(state.reason);
            account.troubled_batches.push((name.to_string(), state.status.word(), reason));
        }
    }
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

/// A letter that reached no vendor counts where its municipality prints.
fn vendor_of(config: &Config, count: &Count) -> String {
    if !count.vendor.is_empty() {
        return count.vendor.clone();
    }
    let municipality = count.municipality.parse::<Cvr>().ok().and_then(|cvr| config.municipalities.get(&cvr));
    municipality.map(|m| m.vendor.to_string()).unwrap_or_default()
}
