//! Questions to the ledger: what is there, and what happened to it. Change nothing.

use super::config::Config;
use super::fault::Fault;
use crate::domain::state::{BatchState, LetterState};
use crate::domain::status::{BatchStatus, LetterStatus};
use crate::domain::{BatchName, LetterId};
use crate::ledger::{Ledger, LedgerError, LetterFilter};
use serde::Serialize;

/// Letters by filter, ordered by id. FP-C003 for a status that does not exist.
pub fn letters(
    config: &Config,
    status: Option<&str>,
    municipality: Option<String>,
    batch: Option<String>,
    limit: u32,
) -> Result<Vec<(LetterId, LetterState)>, Fault> {
    let unknown = |word: &str| {
        let known: Vec<&str> = LetterStatus::ALL.iter().map(|s| s.word()).collect();
        let word = crate::domain::redact::redact(word);
        Fault::usage("FP-C003", format!("no letter is ever {word:?}; known are {}", known.join(", ")))
    };
    let status = status.map(|word| LetterStatus::from_word(word).ok_or_else(|| unknown(word))).transpose()?;
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    Ok(ledger.letters(&LetterFilter { status, municipality, batch }, limit)?)
}

/// All batches, by vendor and running number.
pub fn batches(config: &Config) -> Result<Vec<(BatchName, BatchState)>, Fault> {
    Ok(Ledger::open_read_only(&config.ledger_path())?.batches(&BatchStatus::ALL)?)
}

/// One letter or batch with what happened to it: state, and time with event, all as JSON.
#[derive(Debug, Clone)]
pub struct Shown {
    pub state: serde_json::Value,
    pub history: Vec<(String, serde_json::Value)>,
}

/// A letter by its id, a batch by its name. FP-C003 when the ledger knows none.
pub fn show(config: &Config, id: &str) -> Result<Shown, Fault> {
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let unknown = || Fault::usage("FP-C003", format!("the ledger knows no letter and no batch {:?}", crate::domain::redact::redact(id)));
    let state = if let Ok(letter) = id.parse() {
        ledger.letter(&letter)?.map(json)
    } else if let Ok(batch) = id.parse::<BatchName>() {
        ledger.batch(&batch)?.map(json)
    } else {
        None
    };
    let state = state.ok_or_else(unknown)?;
    let parse = |(at, data): (String, String)| {
        let event = serde_json::from_str(&data).map_err(|_| LedgerError::Corrupt { subject: crate::domain::redact::redact(id) })?;
        Ok((at, event))
    };
    let history = ledger.history(id)?.into_iter().map(parse).collect::<Result<_, LedgerError>>()?;
    Ok(Shown { state, history })
}

fn json(state: impl Serialize) -> serde_json::Value {
    serde_json::to_value(state).expect("states have only string keys")
}
