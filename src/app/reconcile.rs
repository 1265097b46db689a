//! `reconcile`: the account of what vendors were sent, questions that a person explains, and invoices. Fetching the answers
//! is the night's work ([`super::night::reconcile_only`]).

use super::config::Config;
use super::fault::{Fault, exit};
use crate::adapters::clock;
use crate::domain::redact::redact;
use crate::domain::state::BatchState;
use crate::domain::status::{BatchEvent, BatchStatus};
use crate::domain::{BatchName, LetterId, VendorId};
use crate::ledger::{Entry, Ledger};
use crate::pipeline::reconcile::account::Shipment;
pub use crate::pipeline::reconcile::account::{Account, Open, Remark, Terms};
use crate::pipeline::reconcile::invoice::{Known, billed, class, not_billed};
use crate::pipeline::reconcile::may_come_back;
use crate::wire::invoice::{INVOICE_BYTES_MAX, read};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The account of every batch that its vendor is still asked about, or has refused.
pub fn balance(config: &Config) -> Result<Account, Fault> {
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let (now, today) = (clock::instant(), clock::business_date());
    let at_vendor = [BatchStatus::Shipped, BatchStatus::Acknowledged, BatchStatus::Refused, BatchStatus::Settled];
    let mut account = Account::default();
    for (name, state) in ledger.batches(&at_vendor)? {
        let over = state.status == BatchStatus::Settled && state.questions.is_empty() && !may_come_back(&state.business_date, &today);
        if over {
            continue;
        }
        let shipped_at = if state.status == BatchStatus::Settled { None } else { shipped_at(&ledger, &name)? };
        let letters = ledger.letters_of(&name)?;
        let profile = config.profiles.get(&state.vendor);
        account.add(&Shipment { name: &name, state: &state, shipped_at, letters: &letters, profile }, now);
    }
    Ok(account)
}

/// By the time of the event that says it was shipped.
fn shipped_at(ledger: &Ledger, name: &BatchName) -> Result<Option<Timestamp>, Fault> {
    let shipped = |(at, data): (String, String)| match serde_json::from_str(&data) {
        Ok(BatchEvent::Shipped {}) => at.parse().ok(),
        _ => None,
    };
    Ok(ledger.history(name.as_str())?.into_iter().find_map(shipped))
}

/// Writes down what became of the questions about a letter of this batch; gives the batch after it. FP-C003 when there is
/// no such question, FP-O008 for a reason that says nothing.
pub fn explain(config: &Config, batch: &str, letter: &str, by: Option<&str>, reason: &str) -> Result<BatchState, Fault> {
    let usage = |text: String| Fault::usage("FP-C003", text);
    let name: BatchName = batch.parse().map_err(|_| usage(format!("{:?} is no batch's name", redact(batch))))?;
    let note = super::who::reason(reason)?;
    let mut night = super::night::open(config, None, &super::watch::Unwatched)?;
    let state = night.ledger.batch(&name)?.ok_or_else(|| usage(format!("the ledger knows no batch {name}")))?;
    let codes: BTreeSet<String> = state.questions.iter().filter(|q| q.letter == letter).map(|q| q.code.clone()).collect();
    if codes.is_empty() {
        return Err(usage(format!("nothing is asked about {:?} in {name}; `fjernprint reconcile` lists what is", redact(letter))));
    }
    let by = super::who::person(by, config.environment == "production")?;
    let event = |code: String| BatchEvent::Explained { by: by.clone(), code, letter: letter.to_owned(), note: note.clone() };
    let entries: Vec<Entry> = codes.into_iter().map(|code| Entry::Batch(name.clone(), event(code))).collect();
    night.ledger.record(&clock::now(), &entries)?;
    Ok(night.ledger.batch(&name)?.unwrap_or(state))
}

/// What an invoice shows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct InvoiceReport {
    pub vendor: String,
    /// First and last night whose letters were looked for in it.
    pub from: String,
    pub to: String,
    pub rows: u64,
    /// Sum of its prices, øre.
    pub price_ore: u64,
    /// Rows whose class is none of ours: it was not compared.
    pub unknown_classes: u64,
    pub differences: u64,
    #[serde(skip)]
    pub remarks: Vec<Remark>,
}

/// Holds an invoice against what was sent and handed over; changes nothing. `from` and `to` are the nights that it is for:
/// those between the first and the last letter in it, when not given.
///
/// FP-A016 when it cannot be read, FP-C003 for an unknown vendor, FP-C012 for a date that is none.
pub fn invoice(config: &Config, file: &Path, vendor: &VendorId, from: Option<&str>, to: Option<&str>) -> Result<InvoiceReport, Fault> {
    super::night::check_date(from)?;
    super::night::check_date(to)?;
    let known = || config.profiles.keys().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    let profile = config
        .profiles
        .get(vendor)
        .ok_or_else(|| Fault::usage("FP-C003", format!("vendor {vendor} is not known; known are {}", known())))?;
    let unreadable = |why: &dyn std::fmt::Display| Fault::new("FP-A016", exit::INVALID, redact(&format!("{}: {why}", file.display())));
    let mut bytes = Vec::new();
    let opened = File::open(file).and_then(|opened| opened.take(INVOICE_BYTES_MAX + 1).read_to_end(&mut bytes));
    opened.map_err(|fault| unreadable(&fault))?;
    if bytes.len() as u64 > INVOICE_BYTES_MAX {
        return Err(unreadable(&format!("larger than {INVOICE_BYTES_MAX} bytes")));
    }
    let columns = &profile.answers.invoice;
    let names = [&columns.letter_id, &columns.sheets, &columns.postage, &columns.price].map(String::as_str);
    let rows = read(names, &bytes).map_err(|fault| unreadable(&fault))?;
    drop(bytes);
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let mut report = InvoiceReport { vendor: vendor.to_string(), rows: rows.len() as u64, ..InvoiceReport::default() };
    let mut days: BTreeMap<BatchName, Option<Date>> = BTreeMap::new();
    let mut in_it: BTreeSet<LetterId> = BTreeSet::new();
    let mut nights: Option<(String, String)> = None;
    for row in &rows {
        report.price_ore += u64::from(row.price_ore.unwrap_or(0));
        report.unknown_classes += u64::from(row.postage.is_some() && class(row).is_none());
        let id = row.letter.parse::<LetterId>().ok();
        let again = id.as_ref().is_some_and(|id| !in_it.insert(id.clone()));
        let state = id.map(|id| ledger.letter(&id)).transpose()?.flatten();
        let day = match state.as_ref().and_then(|state| state.batch.as_ref()) {
            Some(batch) if !days.contains_key(batch) => {
                let day = ledger.batch(batch)?.and_then(|batch| batch.business_date.parse().ok());
                *days.entry(batch.clone()).or_insert(day)
            }
            Some(batch) => days.get(batch).copied().flatten(),
            None => None,
        };
        let known = state.as_ref().map(|state| Known { state, day });
        report.remarks.extend(billed(profile, row, known.as_ref(), again));
        if let Some(state) = state.filter(|state| state.job.as_ref().is_some_and(|job| job.vendor == *vendor)) {
            let night = state.business_date;
            nights = Some(match nights {
                None => (night.clone(), night),
                Some((first, last)) => (first.min(night.clone()), last.max(night)),
            });
        }
    }
    let first = from.map(str::to_owned).or_else(|| nights.as_ref().map(|(first, _)| first.clone()));
    let last = to.map(str::to_owned).or_else(|| nights.map(|(_, last)| last));
    // Without a date and without a letter of ours there is no time that it could be for.
    if let (Some(first), Some(last)) = (first, last) {
        ledger.for_each_that_was_to_be_printed(Some(&first), Some(&last), |id, state| {
            if !in_it.contains(&id) {
                report.remarks.extend(not_billed(profile, &id, &state));
            }
        })?;
        (report.from, report.to) = (first, last);
    }
    report.differences = report.remarks.len() as u64;
    Ok(report)
}
