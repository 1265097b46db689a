//! The command line: asks `app`, shows what it says, and turns it into an exit code.

mod arguments;
mod progress;
mod show;

use crate::app::account::{Account, account_of};
use crate::app::config::Config;
use crate::app::demo::{DemoOptions, demo, lay_only};
use crate::app::fault::{Fault, exit};
use crate::app::night::{self, RunOptions, RunReport, Stage};
use crate::app::validate::validate;
use crate::app::verify::{Depth, batch_verify, ledger_verify};
use crate::app::{inquiry, profiles, setup};
use crate::domain::redact::redact;
use crate::domain::state::LetterState;
use crate::domain::{LetterId, codes};
use arguments::{Arguments, BatchCommand, Command, LedgerCommand, LetterCommand, Until, VendorCommand};
use clap::{CommandFactory, Parser};
use progress::Progress;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Stack of each worker thread; the parsers recurse as deep as a document nests.
const WORKER_STACK_BYTES: usize = 16 << 20;

/// Held and rejected letters that are read for one screen.
const TROUBLES_MAX: u32 = 1_000;

/// Why a command ended without doing its work.
enum Ended {
    Fault(Fault),
    Output(io::Error),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Ended {
    fn from(fault: io::Error) -> Self {
        Self::Output(fault)
    }
}

/// Parses the arguments, does what they say, and gives the exit code of the contract.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(help) => {
            let code = if help.use_stderr() { exit::USAGE } else { exit::DONE };
            // Nothing is left to do when even the help cannot be written.
            let _ = help.print();
            return ExitCode::from(code);
        }
    };
    // Whatever is written is this user's alone: ledger, batches, receipts, keys.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    if matches!(arguments.command, Command::InspectWorker) {
        // Before anything here takes the output for itself.
        return ExitCode::from(crate::app::validate::work().unwrap_or(exit::UNEXPECTED));
    }
    // PDFs nest deep: workers get room for it. A pool that is there already is as good as it was.
    let _ = rayon::ThreadPoolBuilder::new().stack_size(WORKER_STACK_BYTES).build_global();
    let json = arguments.json;
    let mut face = Face { out: io::stdout().lock(), json, progress: Progress::new(arguments.quiet) };
    let code = match face.execute(arguments) {
        Ok(code) => code,
        Err(Ended::Fault(fault)) => {
            tell(json, &fault);
            fault.exit
        }
        // A reader that has seen enough, as in `| head`.
        Err(Ended::Output(fault)) if fault.kind() == io::ErrorKind::BrokenPipe => exit::DONE,
        Err(Ended::Output(fault)) => {
            eprintln!("writing the output: {fault}");
            exit::UNEXPECTED
        }
    };
    ExitCode::from(code)
}

fn tell(json: bool, fault: &Fault) {
    if json {
        eprintln!("{}", json!({"message_type": "exit_error", "code": fault.code, "message": fault.message}));
    } else {
        eprintln!("{}  {}\nhint: `fjernprint explain {}`", fault.code, fault.message, fault.code);
    }
}

struct Face<'a> {
    out: io::StdoutLock<'a>,
    json: bool,
    progress: Progress,
}

impl Face<'_> {
    fn execute(&mut self, arguments: Arguments) -> Result<u8, Ended> {
        let folder = arguments.vendors.as_deref();
        let config = || Config::read(&arguments.config);
        match arguments.command {
            Command::Demo { dir, letters, samples, lay_only: true } => {
                lay_only(&DemoOptions { dir, letters, samples }, &self.progress)?;
                Ok(exit::DONE)
            }
            Command::Demo { dir, letters, samples, .. } => self.demo(&DemoOptions { dir, letters, samples }),
            Command::Init { dir } => {
                setup::init(&dir)?;
                let path = dir.join(setup::CONFIG_NAME);
                if self.json {
                    show::line(&mut self.out, "summary", &json!({"config": path.display().to_string()}))?;
                    return Ok(exit::DONE);
                }
                writeln!(self.out, "wrote {} and what it names; edit it, then run `fjernprint run --dry-run`", path.display())?;
                Ok(exit::DONE)
            }
            Command::Run { dry_run: true, business_date, .. } => self.dry_run(&config()?, business_date.as_deref()),
            Command::Run { until, business_date, .. } => self.night(&config()?, until, business_date),
            Command::Validate { vendor, files } => self.validate(&profiles::select(folder, &vendor)?, &files),
            Command::Batch { command: BatchCommand::List } => self.batches(&config()?),
            Command::Batch { command: BatchCommand::Show { batch: id } }
            | Command::Letter { command: LetterCommand::Show { letter: id } } => {
                let shown = inquiry::show(&config()?, &id)?;
                if self.json {
                    let events: Vec<Value> = shown.history.iter().map(|(at, event)| json!({"at": at, "event": event})).collect();
                    show::line(&mut self.out, "shown", &json!({"id": id, "state": shown.state, "history": events}))?;
                    show::line(&mut self.out, "summary", &json!({"events": shown.history.len()}))?;
                } else {
                    show::shown(&mut self.out, &shown)?;
                }
                Ok(exit::DONE)
            }
            Command::Batch { command: BatchCommand::Verify { path, certificate } } => self.batch_verify(&path, &certificate),
            Command::Letter { command: LetterCommand::List { status, municipality, batch, limit } } => {
                self.letters(&config()?, status.as_deref(), municipality, batch, limit)
            }
            Command::Reconcile => self.reconcile(&config()?),
            Command::Status { business_date } => self.status(&config()?, business_date.as_deref()),
            Command::Ledger { command: LedgerCommand::Verify { quick, deep } } => self.ledger_verify(
                &config()?,
                if quick {
                    Depth::Quick
                } else if deep {
                    Depth::Deep
                } else {
                    Depth::Usual
                },
            ),
            Command::Vendor { command: VendorCommand::List } => {
                for profile in profiles::check(folder, "all")? {
                    if self.json {
                        show::line(&mut self.out, "vendor", &json!({"vendor": profile.vendor, "name": profile.name}))?;
                        continue;
                    }
                    writeln!(self.out, "{:<12} {}", profile.vendor, profile.name)?;
                }
                self.end(folder)
            }
            Command::Vendor { command: VendorCommand::Check { vendor } } => {
                for checked in profiles::check(folder, &vendor)? {
                    if self.json {
                        show::line(&mut self.out, "vendor", &json!({"vendor": checked.vendor, "assumed": checked.assumed}))?;
                        continue;
                    }
                    let count = checked.assumed.len();
                    writeln!(self.out, "{}: no impossible combination; {count} values are still assumed", checked.vendor)?;
                    checked.assumed.iter().try_for_each(|key| writeln!(self.out, "    {key}"))?;
                }
                self.end(folder)
            }
            Command::Explain { code } => {
                let unknown = || Fault::usage("FP-C003", format!("code {:?} is not known", redact(&code)));
                let found = codes::find(&code).ok_or_else(unknown)?;
                if self.json {
                    show::line(&mut self.out, "code", found)?;
                    show::line(&mut self.out, "summary", &json!({"codes": 1}))?;
                } else {
                    write!(self.out, "{}", found.page())?;
                }
                Ok(exit::DONE)
            }
            Command::InspectWorker => Ok(exit::UNEXPECTED),
            Command::Completions { shell } => {
                clap_complete::generate(shell, &mut Arguments::command(), "fjernprint", &mut self.out);
                Ok(exit::DONE)
            }
        }
    }

    /// The last line of a list of vendors.
    fn end(&mut self, folder: Option<&std::path::Path>) -> Result<u8, Ended> {
        if self.json {
            show::line(&mut self.out, "summary", &json!({"vendors": profiles::all(folder)?.len()}))?;
        }
        Ok(exit::DONE)
    }

    fn demo(&mut self, options: &DemoOptions) -> Result<u8, Ended> {
        let night = demo(options, &self.progress)?;
        night.report.faults.iter().for_each(|fault| tell(self.json, fault));
        let config = Config::read(&options.dir.join(setup::CONFIG_NAME))?;
        if self.json {
            for missed in &night.missed {
                show::line(&mut self.out, "missed", missed)?;
            }
            show::line(&mut self.out, "stages", &stages(&night.report))?;
            self.summary(&night.account, night.seconds)?;
        } else {
            self.account(&config, &night.report, &night.account)?;
            show::demo(&mut self.out, &night)?;
            let path = options.dir.join(setup::CONFIG_NAME);
            writeln!(self.out, "look around: fjernprint status --config {}", path.display())?;
        }
        Ok(night.exit_code())
    }

    fn night(&mut self, config: &Config, until: Until, business_date: Option<String>) -> Result<u8, Ended> {
        let until = match until {
            Until::Intake => Stage::Intake,
            Until::Validate => Stage::Validate,
            Until::Seal => Stage::Seal,
            Until::Ship => Stage::Ship,
            Until::Reconcile => Stage::Reconcile,
        };
        let started = Instant::now();
        let report = night::run(config, &RunOptions { business_date, until }, &self.progress)?;
        let account = account_of(config, None)?;
        if self.json {
            show::line(&mut self.out, "run", &report)?;
            show::line(&mut self.out, "stages", &stages(&report))?;
            self.summary(&account, started.elapsed().as_secs_f64())?;
        } else {
            self.account(config, &report, &account)?;
        }
        report.faults.iter().for_each(|fault| tell(self.json, fault));
        Ok(report.exit_code())
    }

    fn dry_run(&mut self, config: &Config, business_date: Option<&str>) -> Result<u8, Ended> {
        let dry = night::dry_run(config, business_date, &self.progress)?;
        if self.json {
            for plan in &dry.plans {
                show::line(&mut self.out, "plan", plan)?;
            }
            for (batch, letters) in &dry.waiting {
                show::line(&mut self.out, "waiting", &json!({"batch": batch, "letters": letters}))?;
            }
            show::line(&mut self.out, "summary", &dry.report)?;
        } else {
            show::dry_run(&mut self.out, &dry)?;
        }
        Ok(dry.report.exit_code())
    }

    /// The report of a run, the account after it, and what is held or rejected.
    fn account(&mut self, config: &Config, report: &RunReport, account: &Account) -> Result<(), Ended> {
        show::report(&mut self.out, report)?;
        show::account(&mut self.out, account)?;
        self.troubles(config, None)
    }

    fn troubles(&mut self, config: &Config, business_date: Option<&str>) -> Result<(), Ended> {
        for word in ["held", "rejected"] {
            let letters = inquiry::letters(config, Some(word), None, None, TROUBLES_MAX)?;
            let of_night = |state: &LetterState| business_date.is_none_or(|date| date == state.business_date);
            let row = |(id, state): (LetterId, LetterState)| {
                let (code, message) = state.reason.unwrap_or_default();
                [code, id.to_string(), format!("{}/{}", state.sender, state.dispatch_id), message]
            };
            let letters: Vec<_> = letters.into_iter().filter(|(_, state)| of_night(state)).map(row).collect();
            show::troubles(&mut self.out, word, &letters)?;
        }
        Ok(())
    }

    fn summary(&mut self, account: &Account, seconds: f64) -> Result<(), Ended> {
        let mut value = serde_json::to_value(account).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("seconds".to_owned(), json!(rounded(seconds)));
        }
        Ok(show::line(&mut self.out, "summary", &value)?)
    }

    fn status(&mut self, config: &Config, business_date: Option<&str>) -> Result<u8, Ended> {
        let started = Instant::now();
        let account = account_of(config, business_date)?;
        if self.json {
            for line in &account.lines {
                show::line(&mut self.out, "municipality", line)?;
            }
            self.summary(&account, started.elapsed().as_secs_f64())?;
        } else {
            show::account(&mut self.out, &account)?;
            self.troubles(config, business_date)?;
        }
        Ok(if account.terms.balance() { exit::DONE } else { exit::MISMATCH })
    }

    fn reconcile(&mut self, config: &Config) -> Result<u8, Ended> {
        let started = Instant::now();
        let answers = night::reconcile_only(config, &self.progress)?;
        let account = account_of(config, None)?;
        if self.json {
            show::line(&mut self.out, "answers", &answers)?;
            self.summary(&account, started.elapsed().as_secs_f64())?;
        } else {
            let a = &answers;
            writeln!(
                self.out,
                "{} batches acknowledged, {} refused; {} receipts applied, {} letters settled\n",
                a.batches_acknowledged, a.batches_refused, a.receipts_applied, a.letters_settled
            )?;
            show::account(&mut self.out, &account)?;
        }
        answers.faults.iter().for_each(|fault| tell(self.json, fault));
        let report = RunReport { faults: answers.faults, ..RunReport::default() };
        Ok(report.exit_code())
    }

    fn letters(
        &mut self,
        config: &Config,
        status: Option<&str>,
        municipality: Option<String>,
        batch: Option<String>,
        limit: u32,
    ) -> Result<u8, Ended> {
        let letters = inquiry::letters(config, status, municipality, batch, limit)?;
        for (id, state) in &letters {
            if self.json {
                show::line(&mut self.out, "letter", &with_id("letter_id", id.as_str(), state))?;
            } else {
                let code = state.reason.as_ref().map(|(code, _)| code.as_str()).unwrap_or_default();
                let word = state.word.as_deref().unwrap_or_default();
                let batch = state.batch.as_ref().map(ToString::to_string).unwrap_or_default();
                let (status, sender, dispatch) = (state.status.word(), &state.sender, &state.dispatch_id);
                writeln!(self.out, "{id}  {status:<9} {}  {sender}/{dispatch}  {code}{word} {batch}", state.municipality)?;
            }
        }
        if self.json {
            show::line(&mut self.out, "summary", &json!({"letters": letters.len(), "limit": limit}))?;
        } else if letters.len() as u32 == limit {
            writeln!(self.out, "the first {limit}; --limit shows more")?;
        }
        Ok(exit::DONE)
    }

    fn batches(&mut self, config: &Config) -> Result<u8, Ended> {
        let batches = inquiry::batches(config)?;
        for (name, state) in &batches {
            if self.json {
                show::line(&mut self.out, "batch", &with_id("batch", name.as_str(), state))?;
            } else {
                let (status, letters, pages, sheets) = (state.status.word(), state.letters, state.pages, state.sheets);
                writeln!(self.out, "{name}  {status:<12} {letters:>6} letters {pages:>7} pages {sheets:>7} sheets  {}", state.reason)?;
            }
        }
        if self.json {
            show::line(&mut self.out, "summary", &json!({"batches": batches.len()}))?;
        }
        Ok(exit::DONE)
    }

    fn batch_verify(&mut self, path: &std::path::Path, certificate: &std::path::Path) -> Result<u8, Ended> {
        let mut worst = exit::DONE;
        let (mut accepted, mut refused) = (0, 0);
        for result in batch_verify(path, certificate)? {
            match result {
                Ok(batch) => {
                    accepted += 1;
                    if self.json {
                        show::line(&mut self.out, "batch_verified", &batch)?;
                    } else {
                        let (letters, pages, sheets) = (batch.letters, batch.pages, batch.sheets);
                        writeln!(self.out, "accepted  {}  {letters} letters, {pages} pages, {sheets} sheets", batch.batch)?;
                    }
                }
                Err(fault) => {
                    refused += 1;
                    worst = worst.max(fault.exit);
                    tell(self.json, &fault);
                }
            }
        }
        if self.json {
            show::line(&mut self.out, "summary", &json!({"accepted": accepted, "refused": refused}))?;
        }
        Ok(worst)
    }

    fn ledger_verify(&mut self, config: &Config, depth: Depth) -> Result<u8, Ended> {
        let violations = ledger_verify(config, depth)?;
        for violation in &violations {
            if self.json {
                show::line(&mut self.out, "violation", violation)?;
            } else {
                writeln!(self.out, "{}  {}", violation.code, violation.message)?;
            }
        }
        if self.json {
            show::line(&mut self.out, "summary", &json!({"violations": violations.len()}))?;
        } else if violations.is_empty() {
            let proved = match depth {
                Depth::Quick => "chain and tables; nothing was looked at on disk",
                Depth::Usual => "chain, tables and account; every original, document and batch is there",
                Depth::Deep => "chain, tables and account; every stored byte is what its hash says",
            };
            writeln!(self.out, "the ledger holds: {proved}")?;
        }
        Ok(if violations.is_empty() { exit::DONE } else { exit::MISMATCH })
    }

    fn validate(&mut self, profiles: &[crate::app::profiles::VendorProfile], files: &[PathBuf]) -> Result<u8, Ended> {
        let started = Instant::now();
        let mut written = Ok(());
        let (out, json) = (&mut self.out, self.json);
        let totals = validate(files, profiles, |verdict| {
            if written.is_ok() {
                written = if json { show::line(out, "document", verdict) } else { show::verdict(out, verdict) };
            }
        })?;
        written?;
        if self.json {
            let mut value = serde_json::to_value(&totals).unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("seconds".to_owned(), json!(started.elapsed().as_secs_f64()));
            }
            show::line(&mut self.out, "summary", &value)?;
        } else {
            let (files, accepted, rejected, pages) = (totals.files, totals.accepted, totals.rejected, totals.pages);
            writeln!(self.out, "{files} files: {accepted} accepted, {rejected} rejected, {pages} pages")?;
        }
        Ok(match (totals.accepted, totals.rejected) {
            (_, 0) => exit::DONE,
            (0, _) => exit::INVALID,
            _ => exit::PARTIAL,
        })
    }
}

/// Each stage with its seconds.
fn stages(report: &RunReport) -> Value {
    report.stage_seconds.iter().map(|(stage, seconds)| ((*stage).to_owned(), json!(rounded(*seconds)))).collect()
}

/// To the millisecond.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn with_id(key: &str, id: &str, state: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(state).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert(key.to_owned(), json!(id));
    }
    value
}
