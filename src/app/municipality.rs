//! A municipality as the configuration has it: who prints for it from when to when, and how its letters are printed when their
//! sender does not say.

use crate::domain::{Colour, Cvr, Envelope, Plex, Postage, VendorId};
use jiff::civil::Date;
use serde::Deserialize;

/// A municipality, its vendor, and how its letters are printed when the sender does not say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Municipality {
    pub cvr: Cvr,
    pub name: String,
    /// Return address as it stands on letters.
    #[serde(default)]
    pub lines: Vec<String>,
    /// One contract without an end; `contract` says it with dates.
    pub(super) vendor: Option<VendorId>,
    /// By date, without gap or overlap, once the configuration was checked.
    #[serde(default, rename = "contract")]
    pub contracts: Vec<Contract>,
    #[serde(default = "duplex")]
    pub plex: Plex,
    #[serde(default = "black_white")]
    pub colour: Colour,
    #[serde(default = "auto")]
    pub envelope: Envelope,
    #[serde(default = "economique")]
    pub postage: Postage,
}

/// Who prints for a municipality from one day to another, both included. It is the letter's business date that counts: a
/// letter that was made ready for the old vendor still goes there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    pub vendor: VendorId,
    /// Since ever, in the first.
    #[serde(default, deserialize_with = "day")]
    pub valid_from: Option<Date>,
    /// Without an end, in the last.
    #[serde(default, deserialize_with = "day")]
    pub valid_to: Option<Date>,
}

fn day<'de, D: serde::Deserializer<'de>>(written: D) -> Result<Option<Date>, D::Error> {
    let text = String::deserialize(written)?;
    let wrong = |_| serde::de::Error::custom(format!("{text:?} is no day: a day is written as \"2027-01-31\""));
    text.parse().map(Some).map_err(wrong)
}

impl Municipality {
    pub fn vendor_at(&self, day: Date) -> Option<&VendorId> {
        let counts = |c: &&Contract| c.valid_from.is_none_or(|from| from <= day) && c.valid_to.is_none_or(|to| day <= to);
        self.contracts.iter().find(counts).map(|contract| &contract.vendor)
    }

    /// One vendor is one contract; then by date.
    pub(super) fn settle(mut self) -> Self {
        if let Some(vendor) = self.vendor.take() {
            self.contracts = vec![Contract { vendor, valid_from: None, valid_to: None }];
        }
        self.contracts.sort_by_key(|contract| contract.valid_from);
        self
    }

    /// What is wrong with its contracts, with the dates.
    pub(super) fn contract_faults(&self) -> Vec<String> {
        let who = &self.cvr;
        match (&self.vendor, self.contracts.is_empty()) {
            (Some(_), false) => return vec![format!("municipality {who}: either vendor or contract, not both")],
            (None, true) => return vec![format!("municipality {who} has no vendor and no contract")],
            _ => {}
        }
        let mut sorted: Vec<&Contract> = self.contracts.iter().collect();
        sorted.sort_by_key(|contract| contract.valid_from);
        let mut faults = Vec::new();
        for contract in &sorted {
            if let (Some(from), Some(to)) = (contract.valid_from, contract.valid_to)
                && to < from
            {
                faults.push(format!("municipality {who}: the contract with {} ends on {to}, before it begins on {from}", contract.vendor));
            }
        }
        for pair in sorted.windows(2) {
            let (old, new) = (pair[0], pair[1]);
            let (a, b) = (&old.vendor, &new.vendor);
            match (old.valid_to, new.valid_from) {
                (None, from) => {
                    let from = from.map(|day| day.to_string()).unwrap_or_else(|| "no day".to_owned());
                    faults.push(format!("municipality {who}: the contract with {a} has no end, and the one with {b} begins on {from}"));
                }
                (Some(to), None) => faults.push(format!("municipality {who}: contracts with {a} to {to} and {b} both have no beginning")),
                (Some(to), Some(from)) if from <= to => {
                    faults.push(format!("municipality {who}: contracts with {a} and {b} overlap from {from} to {to}"));
                }
                (Some(to), Some(from)) if to.tomorrow().ok() != Some(from) => {
                    faults.push(format!("municipality {who}: nobody prints between {to} ({a}) and {from} ({b})"));
                }
                _ => {}
            }
        }
        faults
    }
}

fn duplex() -> Plex {
    Plex::Duplex
}
fn black_white() -> Colour {
    Colour::BlackWhite
}
fn auto() -> Envelope {
    Envelope::Auto
}
fn economique() -> Postage {
    Postage::Economique
}
