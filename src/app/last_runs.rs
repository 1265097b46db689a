//! What became of the last run of each job, in a file of its own beside the ledger: `last-run.json`, `last-reconcile.json`.
//!
//! For whoever looks on: `status`, `metrics`. Nothing is decided by it, and a file that is missing or cannot be read is a job
//! that nothing is known of. A failed run keeps the moment of the last good one.

use super::config::Config;
use super::fault::{Fault, exit};
use crate::adapters::clock;
use crate::adapters::keys::read_bounded;
use crate::adapters::store::write_private;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// The jobs that are made by a timer.
pub const JOBS: [&str; 2] = ["run", "reconcile"];

/// The last run of a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LastRun {
    /// Seconds since 1970.
    pub began_at_s: i64,
    pub seconds: f64,
    pub exit_code: u8,
    /// When the last one that did its work ended, seconds since 1970.
    #[serde(default)]
    pub last_success_at_s: Option<i64>,
    #[serde(default)]
    pub stage_seconds: BTreeMap<String, f64>,
    /// What it did, by the names of its report.
    #[serde(default)]
    pub did: BTreeMap<String, u64>,
    /// What stood in its way, the first of it.
    #[serde(default)]
    pub faults: Vec<Told>,
    /// Faults of all its runs since this file was begun, by code.
    #[serde(default)]
    pub faults_total: BTreeMap<String, u64>,
}

/// A fault as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub code: String,
    pub message: String,
}

/// Faults of a run that are kept.
const FAULTS_KEPT: usize = 50;

impl LastRun {
    /// Letters that are rejected or held are no failure: the rest of the night is done.
    pub fn did_its_work(&self) -> bool {
        matches!(self.exit_code, exit::DONE | exit::PARTIAL)
    }
}

/// What a run says of itself when it ends.
pub(super) struct Ended<'a> {
    pub exit_code: u8,
    pub stage_seconds: Vec<(&'a str, f64)>,
    pub did: BTreeMap<String, u64>,
    pub faults: Vec<&'a Fault>,
}

/// What is known of a job's last run.
pub fn of(config: &Config, job: &str) -> Option<LastRun> {
    serde_json::from_slice(&read_bounded(&path(config, job)).ok()?).ok()
}

/// Writes down how a run ended. One that did not get the ledger is none: another one is at work, or there is nothing to work on.
pub(super) fn note(config: &Config, job: &str, began: Instant, ended: &Ended<'_>) -> Result<(), Fault> {
    if matches!(ended.exit_code, exit::LEDGER_HELD | exit::NO_LEDGER) {
        return Ok(());
    }
    let before = of(config, job).unwrap_or_default();
    let (now_s, seconds) = (clock::now_s(), began.elapsed().as_secs_f64());
    let mut last = LastRun {
        began_at_s: now_s - seconds as i64,
        seconds,
        exit_code: ended.exit_code,
        last_success_at_s: before.last_success_at_s,
        stage_seconds: ended.stage_seconds.iter().map(|(stage, seconds)| ((*stage).to_owned(), *seconds)).collect(),
        did: ended.did.clone(),
        faults: ended.faults.iter().take(FAULTS_KEPT).map(|f| Told { code: f.code.to_owned(), message: f.message.clone() }).collect(),
        faults_total: before.faults_total,
    };
    if last.did_its_work() {
        last.last_success_at_s = Some(now_s);
    }
    for fault in &ended.faults {
        *last.faults_total.entry(fault.code.to_owned()).or_default() += 1;
    }
    let json = serde_json::to_vec_pretty(&last).expect("it has only string keys");
    let path = path(config, job);
    write_private(&path, &json).map_err(|e| Fault::io(format!("writing {}", path.display()), &e))
}

fn path(config: &Config, job: &str) -> PathBuf {
    config.data.join(format!("last-{job}.json"))
}
