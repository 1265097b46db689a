//! Gates: whether a night may be sealed. Decides from what is ready and what past nights had; changes nothing.
//!
//! A gate that is closed is passed by a person, for one business date and for what it measured.

use super::usual::{limit, usual};
use crate::domain::{Cvr, VendorId, counted, verb};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// `[gates]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateRules {
    /// Letters ready for a vendor and municipality, against the usual number of that weekday; 0 turns the gate off.
    pub volume_factor: f64,
    /// Fewer letters than this are never too many.
    pub volume_min_letters: u64,
    /// Past days of the same weekday with letters that make a history, of the last eight.
    pub history_nights_min: usize,
    /// Rejected and held letters, of all that the night took in; 100 turns the gate off.
    pub error_rate_max_percent: f64,
    /// With fewer letters than this the share says nothing.
    pub error_rate_min_letters: u64,
}

impl Default for GateRules {
    fn default() -> Self {
        Self {
            volume_factor: 3.0,
            volume_min_letters: 100,
            history_nights_min: 4,
            error_rate_max_percent: 10.0,
            error_rate_min_letters: 200,
        }
    }
}

/// The gate of the error rate.
pub const ERROR_RATE: &str = "error-rate";

/// Printable letters that are in no batch yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub vendor: VendorId,
    pub municipality: Cvr,
    pub letters: u64,
    /// What the same weekdays before had for print, zeros where there was nothing.
    pub past: Vec<u64>,
}

/// What the night took in, and what of it was rejected or is held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Errors {
    pub letters: u64,
    pub wrong: u64,
}

/// A gate that stops the night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closed {
    pub id: String,
    /// FP-M001 or FP-M002.
    pub code: &'static str,
    /// Gate, business date and measured value: what a pass is for.
    pub about: String,
    /// Measured, limit, compared with what, and what to do.
    pub message: String,
}

/// The gates that are closed on this business date, and that nobody has passed. `passed` are the `about`s of passes.
pub fn closed(rules: &GateRules, date: Date, ready: &[Ready], errors: Errors, passed: &[String]) -> Vec<Closed> {
    let mut closed: Vec<Closed> = ready.iter().filter_map(|ready| volume(rules, date, ready)).collect();
    closed.extend(error_rate(rules, date, errors));
    closed.retain(|gate| !passed.contains(&gate.about));
    closed
}

fn volume(rules: &GateRules, date: Date, ready: &Ready) -> Option<Closed> {
    let Ready { vendor, municipality, letters, past } = ready;
    let usual = usual(past, rules.history_nights_min)?;
    let limit = limit(usual, rules.volume_factor).max(rules.volume_min_letters);
    if rules.volume_factor <= 0.0 || *letters <= limit {
        return None;
    }
    let days = past.iter().filter(|letters| **letters > 0).count();
    let weekday = format!("{:?}", date.weekday());
    let why = format!(
        "{} of {municipality} {} ready for {vendor}, the limit is {limit}: \
         {days} past {weekday}s had {usual} (median), [gates] volume_factor is {}",
        counted(*letters, "letter"),
        verb(*letters, "is", "are"),
        rules.volume_factor
    );
    Some(stop(format!("volume-{vendor}-{municipality}"), "FP-M001", date, &letters.to_string(), &why))
}

fn error_rate(rules: &GateRules, date: Date, Errors { letters, wrong }: Errors) -> Option<Closed> {
    let percent = wrong as f64 * 100.0 / letters.max(1) as f64;
    if letters < rules.error_rate_min_letters || percent <= rules.error_rate_max_percent {
        return None;
    }
    let why = format!(
        "{wrong} of {letters} letters of this night are rejected or held, {percent:.1} %; \
         the limit is {} % ([gates] error_rate_max_percent)",
        rules.error_rate_max_percent
    );
    Some(stop(ERROR_RATE.to_owned(), "FP-M002", date, &format!("{wrong} of {letters}"), &why))
}

fn stop(id: String, code: &'static str, date: Date, measured: &str, why: &str) -> Closed {
    let message =
        format!("gate {id} on {date}: {why}; nothing was sealed. If it is meant, `fjernprint gate pass {id} --reason TEXT`, and run again");
    Closed { about: format!("gate {id} {date}: {measured}"), id, code, message }
}
