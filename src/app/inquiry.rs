//! Questions to the ledger: what is there, and what happened to it. Change nothing.

use super::config::Config;
use super::fault::Fault;
use super::who::told;
use crate::adapters::clock;
use crate::domain::calendar::date_in_denmark;
use crate::domain::filter::{Condition, Field, Filter, Value};
use crate::domain::redact::redact;
use crate::domain::state::{BatchState, LetterState};
use crate::domain::status::{BatchStatus, LetterStatus};
use crate::domain::{BatchName, LetterId, OrderId};
use crate::ledger::{Ledger, LedgerError};
use jiff::civil::Date;
use serde::Serialize;

/// Which letters are asked for: a filter, and the flags that say some of it too.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// `status=held and age>3d`.
    pub filter: Option<String>,
    pub status: Option<String>,
    pub municipality: Option<String>,
    pub batch: Option<String>,
}

/// Letters by filter, by id. FP-T003 for a filter that is not understood, FP-C003 for a status, municipality or batch that
/// does not exist.
pub fn letters(config: &Config, which: &Which, limit: u32) -> Result<Vec<(LetterId, LetterState)>, Fault> {
    let (ledger, filter) = question(config, which)?;
    Ok(ledger.letters(&filter, limit)?)
}

/// How many letters are meant; faults as [`letters`].
pub fn count_letters(config: &Config, which: &Which) -> Result<u64, Fault> {
    let (ledger, filter) = question(config, which)?;
    Ok(ledger.count_letters(&filter)?)
}

fn question(config: &Config, which: &Which) -> Result<(Ledger, Filter), Fault> {
    let today = date_in_denmark(clock::instant());
    let mut filter = match &which.filter {
        Some(text) => Filter::parse(text, today).map_err(|fault| Fault::usage("FP-T003", format!("--where: {fault}")))?,
        None => Filter::default(),
    };
    if let Some(status) = &which.status {
        filter = filter.is(Field::Status, known_status(status)?);
    }
    for (field, value) in [(Field::Municipality, &which.municipality), (Field::Batch, &which.batch)] {
        if let Some(value) = value {
            filter = filter.is(field, value);
        }
    }
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    for Condition { field, value, .. } in &filter.0 {
        match (field, value) {
            (Field::Municipality, Value::Text(cvr)) => known_municipality(config, cvr)?,
            (Field::Batch, Value::Text(name)) => known_batch(&ledger, name)?,
            _ => {}
        }
    }
    Ok((ledger, filter))
}

fn known_status(word: &str) -> Result<&'static str, Fault> {
    let unknown = || {
        let known: Vec<&str> = LetterStatus::ALL.iter().map(|s| s.word()).collect();
        Fault::usage("FP-C003", format!("no letter is ever {:?}; known are {}", redact(word), known.join(", ")))
    };
    Ok(LetterStatus::from_word(word).ok_or_else(unknown)?.word())
}

fn known_municipality(config: &Config, cvr: &str) -> Result<(), Fault> {
    if config.municipalities.keys().any(|known| known.as_str() == cvr) {
        return Ok(());
    }
    let known: Vec<&str> = config.municipalities.keys().map(|cvr| cvr.as_str()).collect();
    Err(Fault::usage("FP-C003", format!("no municipality {:?} in the configuration; known are {}", redact(cvr), known.join(", "))))
}

fn known_batch(ledger: &Ledger, name: &str) -> Result<(), Fault> {
    match name.parse().ok().map(|name: BatchName| ledger.batch(&name)).transpose()?.flatten() {
        Some(_) => Ok(()),
        None => Err(Fault::usage("FP-C003", format!("the ledger knows no batch {:?}", redact(name)))),
    }
}

/// All batches, by vendor and running number.
pub fn batches(config: &Config) -> Result<Vec<(BatchName, BatchState)>, Fault> {
    Ok(Ledger::open_read_only(&config.ledger_path())?.batches(&BatchStatus::ALL)?)
}

/// Something that happened: when, the event as JSON, and who ordered it and why, where a person did.
#[derive(Debug, Clone, Serialize)]
pub struct Happened {
    pub at: String,
    pub event: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered: Option<String>,
}

/// One letter or batch with what happened to it.
#[derive(Debug, Clone)]
pub struct Shown {
    pub state: serde_json::Value,
    /// Since the night that took it in, or on whose account it is.
    pub age_days: Option<i64>,
    pub history: Vec<Happened>,
}

/// A letter by its id, a batch by its name. FP-C003 when the ledger knows none.
pub fn show(config: &Config, id: &str) -> Result<Shown, Fault> {
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let unknown = || Fault::usage("FP-C003", format!("the ledger knows no letter and no batch {:?}", redact(id)));
    let state = if let Ok(letter) = id.parse() {
        ledger.letter(&letter)?.map(json)
    } else if let Ok(batch) = id.parse::<BatchName>() {
        ledger.batch(&batch)?.map(json)
    } else {
        None
    };
    let state = state.ok_or_else(unknown)?;
    let happened = |(at, data): (String, String)| {
        let event: serde_json::Value = serde_json::from_str(&data).map_err(|_| LedgerError::Corrupt { subject: redact(id) })?;
        let ordered = ordered(&ledger, &event)?;
        Ok(Happened { at, event, ordered })
    };
    let history = ledger.history(id)?.into_iter().map(happened).collect::<Result<_, LedgerError>>()?;
    let night = state["business_date"].as_str().and_then(|night| night.parse::<Date>().ok());
    let age_days = night.map(|night| i64::from((date_in_denmark(clock::instant()) - night).get_days()).max(0));
    Ok(Shown { state, age_days, history })
}

/// Who ordered what an event tells of, and why.
fn ordered(ledger: &Ledger, event: &serde_json::Value) -> Result<Option<String>, LedgerError> {
    let Some(id) = event["order"].as_str().and_then(|id| id.parse::<OrderId>().ok()) else { return Ok(None) };
    let Some(state) = ledger.order(&id)? else { return Ok(None) };
    let second = state.second.map(|person| format!(" and {}", told(&person))).unwrap_or_default();
    let order = state.order;
    Ok(Some(format!("{id}: {} {}, by {}{second}: {}", order.deed.word(), order.about, told(&order.by), order.reason)))
}

fn json(state: impl Serialize) -> serde_json::Value {
    serde_json::to_value(state).expect("states have only string keys")
}
