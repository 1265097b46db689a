//! Holds what became of the samples against what their `expected.csv` says.

use super::lay::Samples;
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::domain::status::LetterStatus;
use crate::domain::{Cvr, Sha256};
use crate::ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// One row of `expected.csv`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    file: String,
    dispatch_id: String,
    ends: String,
    code: String,
    vendor: String,
}

/// A letter or file that ended elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    pub sender: String,
    pub file: String,
    pub dispatch_id: String,
    pub expected: String,
    pub found: String,
}

pub struct Checked {
    pub met: usize,
    pub missed: Vec<Missed>,
}

pub fn check(samples: &Samples, config: &Config, ledger: &Ledger) -> Result<Checked, Fault> {
    let mut checked = Checked { met: 0, missed: Vec::new() };
    let refused = ledger.refused_files(None)?;
    let by_dispatch = ByDispatch::of(ledger)?;
    let mut listed: BTreeSet<(String, String)> = BTreeSet::new();
    for (sender, text) in samples.expectations() {
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(text);
        for row in reader.deserialize() {
            let row: Row = row.map_err(|e| Fault::usage("FP-C001", format!("expected.csv of {sender}: {e}")))?;
            listed.insert((sender.clone(), row.file.clone()));
            by_dispatch.listed(config, &sender, &row.dispatch_id);
            let still_there = config.drop.join(&sender).join(&row.file).exists();
            let found = match row.ends.as_str() {
                _ if still_there => "still in the drop folder".to_owned(),
                "refused" => {
                    let file = refused.iter().find(|r| r.sender == sender && r.file == row.file);
                    file.map_or("not refused".to_owned(), |r| format!("refused {}", r.code))
                }
                "duplicate" if refused.iter().any(|r| r.sender == sender && r.file == row.file) => "refused".to_owned(),
                "duplicate" if by_dispatch.find(config, &sender, &row.dispatch_id).is_some() => "duplicate".to_owned(),
                _ => by_dispatch.find(config, &sender, &row.dispatch_id).cloned().unwrap_or_else(|| "no such letter".to_owned()),
            };
            let expected = [row.ends.as_str(), &row.code, &row.vendor].into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
            if found == expected {
                checked.met += 1;
            } else {
                checked.missed.push(Missed { sender: sender.clone(), file: row.file, dispatch_id: row.dispatch_id, expected, found });
            }
        }
    }
    // What nobody expected is as wrong as what ended elsewhere: a sample without a row, a letter without one.
    let missed = |(sender, file): (String, String), dispatch_id: String, found: &str| Missed {
        sender,
        file,
        dispatch_id,
        expected: "a row in expected.csv".to_owned(),
        found: found.to_owned(),
    };
    for (sender, file, hash) in samples.handed_in() {
        let unlisted =
            by_dispatch.unlisted(&hash).into_iter().map(|(dispatch, end)| missed((sender.clone(), file.clone()), dispatch, &end));
        checked.missed.extend(unlisted);
        if !listed.contains(&(sender.clone(), file.clone())) {
            checked.missed.push(missed((sender, file), String::new(), "none"));
        }
    }
    Ok(checked)
}

/// What became of each letter, by the municipality and the sender's identifier.
struct ByDispatch {
    ends: BTreeMap<(String, String), (String, Sha256)>,
    listed: RefCell<BTreeSet<(String, String)>>,
}

impl ByDispatch {
    fn of(ledger: &Ledger) -> Result<Self, Fault> {
        let mut ends = BTreeMap::new();
        ledger.for_each_letter(|_, state| {
            let vendor = state.job.as_ref().map(|job| job.vendor.to_string()).unwrap_or_default();
            let code = state.reason.as_ref().map(|(code, _)| code.clone()).unwrap_or_default();
            let end = match state.status {
                LetterStatus::Settled if state.word.as_deref() == Some("handed_over") => format!("settled {vendor}"),
                LetterStatus::Settled => format!("{} {vendor}", state.word.as_deref().unwrap_or("settled")),
                LetterStatus::Held | LetterStatus::Rejected => format!("{} {code}", state.status.word()),
                status => status.word().to_owned(),
            };
            ends.insert((state.municipality.to_string(), state.dispatch_id.to_lowercase()), (end, state.original));
        })?;
        Ok(Self { ends, listed: RefCell::default() })
    }

    fn key(&self, config: &Config, sender: &str, dispatch_id: &str) -> Option<(String, String)> {
        let sender = config.senders.iter().find(|s| s.id == sender)?;
        let key = |cvr: &Cvr| (cvr.to_string(), dispatch_id.to_lowercase());
        sender.municipalities.iter().map(key).find(|key| self.ends.contains_key(key))
    }

    fn find(&self, config: &Config, sender: &str, dispatch_id: &str) -> Option<&String> {
        self.ends.get(&self.key(config, sender, dispatch_id)?).map(|(end, _)| end)
    }

    fn listed(&self, config: &Config, sender: &str, dispatch_id: &str) {
        self.listed.borrow_mut().extend(self.key(config, sender, dispatch_id));
    }

    /// Letters of this file that no row lists: identifier, end.
    fn unlisted(&self, original: &Sha256) -> Vec<(String, String)> {
        let listed = self.listed.borrow();
        let of_file = self.ends.iter().filter(|(key, (_, hash))| hash == original && !listed.contains(*key));
        of_file.map(|((_, dispatch), (end, _))| (dispatch.clone(), end.clone())).collect()
    }
}
