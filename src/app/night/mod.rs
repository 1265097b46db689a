//! The nightly job: every stage in turn, with the ledger's events written around it.
//!
//! Each stage finds its work in the ledger, so a night that was cut off anywhere goes on where it was, and a second run
//! finds nothing to do. Intent is recorded before an effect, the effect may happen twice, and then it is recorded as done.

mod after;
mod answering;
mod claim;
mod days;
mod dry;
mod intake;
mod kept;
mod middle;
mod reconcile;
mod rehearse;
mod seal;
mod ship;
mod upload;

pub use crate::pipeline::group::{ClassTotals, Faster, Late, VendorPlan};
pub(crate) use days::open_day;
pub use dry::{DryRun, Waiting, dry_run, forecast};
pub use reconcile::Answers;
pub use rehearse::{Comparison, Rehearsal, RehearseOptions, Side, rehearse};
pub(crate) use ship::{read_manifest, sealed_on_disk};

use super::alarms::{News, Seen};
use super::config::Config;
use super::contracts;
use super::fault::{Fault, exit};
use super::gates;
use super::signing::{self, Warning};
use super::watch::Watch;
use super::{last_runs, metrics};
use crate::adapters::clock;
use crate::adapters::register::Register;
use crate::adapters::store::Store;
use crate::domain::BatchName;
use crate::domain::calendar::{begin_of, date_in_denmark, is_date};
use crate::domain::redact::redact;
use crate::ledger::{Ledger, LedgerError};
use crate::pipeline::template::Templates;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

/// What is read of who holds the lock.
const HOLDER_BYTES_MAX: u64 = 300;

/// Business dates that production runs for lie at most so far ahead: over Christmas or Easter.
const DAYS_AHEAD_MAX: i64 = 10;

/// Where a run may stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Intake,
    /// Recipient, render and validate: one letter at a time, many at once.
    Validate,
    Seal,
    Ship,
    Reconcile,
}

/// What a run is asked to do.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// ISO 8601; today in Denmark when absent.
    pub business_date: Option<String>,
    pub until: Stage,
}

/// What one run did. Numbers of this run, not of the ledger.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunReport {
    pub business_date: String,
    pub files_taken: u64,
    pub letters_accepted: u64,
    pub files_known: u64,
    pub files_refused: u64,
    /// Not whole yet: left for the next run.
    pub files_waiting: u64,
    /// Neither a message nor a table: left where they are.
    pub files_ignored: u64,
    pub digital: u64,
    pub validated: u64,
    pub held: u64,
    pub rejected: u64,
    pub batches_sealed: u64,
    pub batches_shipped: u64,
    pub letters_shipped: u64,
    pub letters_settled: u64,
    /// What will go wrong unless somebody does something, once per run.
    #[serde(skip)]
    pub warnings: Vec<Warning>,
    /// What stood in the way of a vendor's deliveries and answers: code and sentence.
    #[serde(skip)]
    pub faults: Vec<Fault>,
    /// Alarms that were raised, became graver or are over.
    #[serde(skip)]
    pub news: Vec<News>,
    /// Wall-clock time of each stage that was run, under the name that its progress bears.
    #[serde(skip)]
    pub stage_seconds: BTreeMap<&'static str, f64>,
}

impl RunReport {
    /// Runs a stage and adds its time.
    pub(crate) fn timed<T>(&mut self, stage: &'static str, work: impl FnOnce(&mut Self) -> T) -> T {
        let started = Instant::now();
        let done = work(self);
        *self.stage_seconds.entry(stage).or_default() += started.elapsed().as_secs_f64();
        done
    }

    /// A fault that does not stop the run; what was said already is not said again.
    pub(crate) fn add(&mut self, fault: Fault) {
        if !self.faults.iter().any(|known| known.message == fault.message) {
            self.faults.push(fault);
        }
    }

    /// The exit code that this run deserves: the gravest of what happened.
    pub fn exit_code(&self) -> u8 {
        let order = [exit::KEYS, exit::MISMATCH, exit::GATE, exit::UNREACHABLE, exit::UNEXPECTED, exit::USAGE];
        if let Some(code) = order.into_iter().find(|code| self.faults.iter().any(|f| f.exit == *code)) {
            return code;
        }
        let partial = self.files_refused + self.held + self.rejected > 0;
        if partial { exit::PARTIAL } else { exit::DONE }
    }
}

/// Everything a stage needs. One run holds the ledger at a time.
pub(crate) struct Night<'a> {
    pub config: &'a Config,
    pub ledger: Ledger,
    pub store: Store,
    pub business_date: String,
    /// The beginning of the business date that was asked for; `None` when the run is made for now.
    pub asked: Option<Timestamp>,
    pub watch: &'a dyn Watch,
    /// Nothing is taken out of the drop folders, and nobody is answered.
    pub dry: bool,
    _lock: File,
}

/// Opens a night, and with it the ledger. FP-L002 when another run holds it: nothing was done.
pub(crate) fn open<'a>(config: &'a Config, business_date: Option<&str>, watch: &'a dyn Watch) -> Result<Night<'a>, Fault> {
    open_for(config, business_date, watch, "a run")
}

/// The same for whatever `holder` says: it is told to whoever finds the ledger held.
pub(crate) fn open_for<'a>(
    config: &'a Config,
    business_date: Option<&str>,
    watch: &'a dyn Watch,
    holder: &str,
) -> Result<Night<'a>, Fault> {
    check_date(business_date)?;
    let asked = business_date.and_then(|date| date.parse().ok()).and_then(begin_of);
    let business_day = day_of(business_date);
    if config.environment == "production" {
        refuse_far_ahead(business_day)?;
    }
    contracts::refuse_assumptions(config, business_day)?;
    if !config.ledger_path().is_file() {
        // A ledger that vanished is no fresh start: letters that were printed would be printed again.
        return Err(LedgerError::Missing(config.ledger_path().display().to_string()).into());
    }
    let holder = format!("{holder}, process {}, since {}", std::process::id(), clock::now());
    let lock = lock(&config.data, &holder)?;
    let mut ledger = Ledger::open(&config.ledger_path())?;
    ledger.take_lease(&holder, &clock::now())?;
    let store = Store::open(&config.store_path())?;
    store.clear_unfinished()?;
    Ok(Night { config, ledger, store, business_date: business_day.to_string(), asked, watch, dry: false, _lock: lock })
}

/// The business date that is asked for, or today in Denmark.
fn day_of(business_date: Option<&str>) -> Date {
    business_date.and_then(|date| date.parse().ok()).unwrap_or_else(|| date_in_denmark(clock::instant()))
}

/// FP-C013: what a run closes stays closed, so a slip of the hand may not close the vendors' days of months to come.
fn refuse_far_ahead(business_day: Date) -> Result<(), Fault> {
    let last = date_in_denmark(clock::instant()).saturating_add(DAYS_AHEAD_MAX.days());
    if business_day <= last {
        return Ok(());
    }
    Err(Fault::usage("FP-C013", format!("business date {business_day} is more than {DAYS_AHEAD_MAX} days ahead; nothing was done")))
}

impl Night<'_> {
    /// The business date as a day.
    fn business_day(&self) -> Date {
        self.business_date.parse().unwrap_or_else(|_| date_in_denmark(self.as_of()))
    }

    /// The moment that cut-offs are held against. A run that is at work when a cut-off passes has missed it.
    fn as_of(&self) -> Timestamp {
        self.asked.unwrap_or_else(clock::instant)
    }
}

/// FP-C012 for what is no date of the calendar.
pub fn check_date(date: Option<&str>) -> Result<(), Fault> {
    match date {
        Some(date) if !is_date(date) => Err(Fault::usage("FP-C012", "a business date is a date of the calendar as 2026-11-24")),
        _ => Ok(()),
    }
}

/// The signer, also when there is nothing to seal: a bad certificate is told the first night, not the busy one. So is what
/// the contracts still need before they change.
fn look_ahead(config: &Config, business_day: Date, watch: &dyn Watch, report: &mut RunReport) -> Result<(), Fault> {
    let mut warn = |warning: Warning| {
        watch.note(&format!("{}  {}", warning.code, warning.message));
        report.warnings.push(warning);
    };
    contracts::outlook(config, business_day).into_iter().for_each(&mut warn);
    signing::outlook(config)?.warning().into_iter().for_each(warn);
    Ok(())
}

/// Takes the lock and writes into it who has it. FP-L002 with what stands in it.
fn lock(data: &Path, holder: &str) -> Result<File, Fault> {
    let path = data.join("run.lock");
    let what = || format!("locking {}", path.display());
    let io = |e: std::io::Error| Fault::io(what(), &e);
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).and_then(|()| file.write_all(holder.as_bytes())).map_err(io)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            // For people only: what is written here decides nothing.
            let mut text = String::new();
            let _ = file.take(HOLDER_BYTES_MAX).read_to_string(&mut text);
            let who = if text.is_empty() { "another run".to_owned() } else { redact(&text) };
            Err(Fault::new("FP-L002", exit::LEDGER_HELD, format!("{who} holds the ledger in {}; nothing was done", data.display())))
        }
        Err(TryLockError::Error(fault)) => Err(Fault::io(what(), &fault)),
    }
}

/// Runs the stages up to `options.until`.
///
/// A vendor that cannot be reached is a fault in the report and holds up no other vendor. An `Err` is something that
/// stops the whole run: the ledger, the store, the configuration.
pub fn run(config: &Config, options: &RunOptions, watch: &dyn Watch) -> Result<RunReport, Fault> {
    let began = Instant::now();
    let mut result = whole(config, options, watch);
    let ended = match &result {
        Ok(report) => last_runs::Ended {
            exit_code: report.exit_code(),
            stage_seconds: report.stage_seconds.iter().map(|(stage, seconds)| (*stage, *seconds)).collect(),
            did: numbers(report),
            faults: report.faults.iter().collect(),
        },
        Err(fault) => failed(fault),
    };
    let warning = leave_word(config, "run", began, &ended, watch);
    if let (Ok(report), Some(warning)) = (&mut result, warning) {
        report.warnings.push(warning);
    }
    result
}

fn whole(config: &Config, options: &RunOptions, watch: &dyn Watch) -> Result<RunReport, Fault> {
    let mut night = open(config, options.business_date.as_deref(), watch)?;
    let mut report = RunReport { business_date: night.business_date.clone(), ..RunReport::default() };
    let mut seen = Seen::default();
    let ended = stages(&mut night, options.until, &mut report, &mut seen);
    report.news = after::after(&mut night, &seen, ended.as_ref().err());
    ended.map(|()| report)
}

fn stages(night: &mut Night<'_>, until: Stage, report: &mut RunReport, seen: &mut Seen) -> Result<(), Fault> {
    let (config, watch) = (night.config, night.watch);
    report.timed("intake", |report| intake::intake(night, report))?;
    seen.taken_in = Some(night.business_day());
    if until >= Stage::Validate {
        report.timed("letters", |report| middle::middle(night, &register(config)?, &templates(config)?, report))?;
    }
    let signer = if until >= Stage::Seal { look_ahead(config, night.business_day(), watch, report) } else { Ok(()) };
    // Without a signer nothing new is sealed; what is sealed already still goes to its vendor.
    if let Err(fault) = &signer {
        report.faults.push(fault.clone());
    }
    if until >= Stage::Seal && signer.is_ok() {
        // A closed gate holds back what is ready; what is sealed already still goes to its vendor.
        let closed = gates::closed_now(config, &night.ledger, night.business_day())?;
        report.faults.extend(closed.iter().map(gates::fault));
        if closed.is_empty() {
            report.timed("batches", |report| seal::seal(night, report))?;
        }
        seen.gates = Some(closed);
    }
    if until >= Stage::Ship {
        report.timed("shipping", |report| ship::ship(night, None, report))?;
    }
    if until >= Stage::Reconcile {
        let answers = report.timed("answers", |_| reconcile::reconcile(night))?;
        report.letters_settled = answers.letters_settled;
        seen.answers = Some(answers.faults.clone());
        report.faults.extend(answers.faults);
    }
    Ok(())
}

/// Fetches and matches the vendors' answers, and does nothing else.
pub fn reconcile_only(config: &Config, watch: &dyn Watch) -> Result<Answers, Fault> {
    let began = Instant::now();
    let result = reconcile_alone(config, watch);
    let ended = match &result {
        Ok(answers) => last_runs::Ended {
            exit_code: RunReport { faults: answers.faults.clone(), ..RunReport::default() }.exit_code(),
            stage_seconds: Vec::new(),
            did: numbers(answers),
            faults: answers.faults.iter().collect(),
        },
        Err(fault) => failed(fault),
    };
    leave_word(config, "reconcile", began, &ended, watch);
    result
}

fn reconcile_alone(config: &Config, watch: &dyn Watch) -> Result<Answers, Fault> {
    let mut night = open(config, None, watch)?;
    let answers = reconcile::reconcile(&mut night);
    let seen = Seen { answers: answers.as_ref().ok().map(|answers| answers.faults.clone()), ..Seen::default() };
    let news = after::after(&mut night, &seen, answers.as_ref().err());
    answers.map(|answers| Answers { news, ..answers })
}

fn failed(fault: &Fault) -> last_runs::Ended<'_> {
    last_runs::Ended { exit_code: fault.exit, stage_seconds: Vec::new(), did: BTreeMap::new(), faults: vec![fault] }
}

/// The numbers of a report by their names.
fn numbers(report: &impl Serialize) -> BTreeMap<String, u64> {
    let fields = serde_json::to_value(report).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default();
    fields.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?))).collect()
}

/// Tells those who look on how a run ended: its last word beside the ledger, and the metrics. What cannot be written is said,
/// and is no reason for the night to fail.
fn leave_word(config: &Config, job: &str, began: Instant, ended: &last_runs::Ended<'_>, watch: &dyn Watch) -> Option<Warning> {
    let left = last_runs::note(config, job, began, ended).and_then(|()| metrics::write_configured(config));
    let fault = left.err()?;
    watch.note(&format!("{}  {}", fault.code, fault.message));
    Some(Warning { code: fault.code, message: fault.message })
}

/// Ships one batch and nothing else; gives what stood in the way.
pub(crate) fn ship_only(night: &mut Night<'_>, batch: &BatchName) -> Result<Vec<Fault>, Fault> {
    let mut report = RunReport::default();
    ship::ship(night, Some(batch), &mut report)?;
    Ok(report.faults)
}

fn register(config: &Config) -> Result<Register, Fault> {
    let key = crate::adapters::keys::read_bounded(&config.register_key_file)
        .map_err(|e| Fault::usage("FP-C007", format!("the key of the register's look-ups: {e}")))?;
    let file = File::open(&config.register_file)
        .map_err(|e| Fault::usage("FP-C001", format!("reading the register {}: {e}", config.register_file.display())))?;
    Ok(Register::read(std::io::BufReader::new(file), key.trim_ascii())?)
}

/// A folder's templates, `<folder>/<name>/template.toml`, or the shipped ones.
fn templates(config: &Config) -> Result<Templates, Fault> {
    let Some(folder) = &config.templates else { return Ok(Templates::shipped()) };
    let failed = |e: std::io::Error| Fault::usage("FP-C001", format!("reading templates in {}: {e}", folder.display()));
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path().join("template.toml");
        if path.is_file() {
            let bytes = crate::adapters::keys::read_bounded(&path)?;
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Templates::parse(&texts).map_err(|e| Fault::usage("FP-D003", e.to_string()))
}
