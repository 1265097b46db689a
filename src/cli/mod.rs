//! The command line: asks `app`, shows what it says, and turns it into an exit code.

mod arguments;
mod asks;
mod forecast;
mod morning;
mod nights;
mod orders;
mod progress;
mod reconcile;
mod show;
mod vendor_side;
mod vendors;
mod watching;

use crate::app::account::{Account, account_of};
use crate::app::config::Config;
use crate::app::demo::{DemoOptions, demo, lay_only};
use crate::app::desk::{self, Attention, Gravity};
use crate::app::fault::{Fault, exit};
use crate::app::inquiry::Which;
use crate::app::night::{self, RehearseOptions, RunOptions, RunReport, Stage};
use crate::app::orders::Target;
use crate::app::validate::{Ask, Policy, Totals, validate};
use crate::app::vendor_side::{VendorStatus, Word};
use crate::app::verify::{BatchTerms, Depth, Moment, batch_verify, ledger_verify};
use crate::app::{inquiry, metrics, profiles, release, report, setup, signing, who};
use crate::domain::codes;
use crate::domain::redact::redact;
use arguments::{Arguments, BatchCommand, Command, LedgerCommand, LetterCommand, Until, VendorCommand};
use clap::{CommandFactory, Parser};
use progress::Progress;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

/// Stack of each worker thread; the parsers recurse as deep as a document nests.
const WORKER_STACK_BYTES: usize = 16 << 20;

/// Held and rejected letters of a night that a person is shown; the rest is counted.
const TROUBLES_SHOWN: u32 = 40;

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
    let mut face = Face { out: io::stdout().lock(), json, progress: Progress::new(arguments.quiet, json) };
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

/// Where profiles and connections stand.
struct Place<'a> {
    folder: Option<&'a std::path::Path>,
    config: &'a std::path::Path,
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
            Command::Forecast { business_date } => self.forecast(&config()?, business_date.as_deref()),
            Command::Run { until, business_date, .. } => self.night(&config()?, until, business_date),
            Command::Validate { vendor, sender, repair, overlay, files } => {
                let policy = match (&sender, &repair) {
                    (Some(sender), _) => config()?.policy_of_known(sender)?.clone(),
                    (None, Some(_)) => Policy::repairs_all(),
                    (None, None) => Policy::default(),
                };
                let profiles = profiles::chosen(profiles::in_force(folder, &arguments.config)?, &vendor)?;
                let (repaired, pictures) = (repair.as_deref(), overlay.as_deref());
                self.validate(&Ask { named: &files, profiles: &profiles, policy, repaired, pictures })
            }
            Command::Batch { command: BatchCommand::List } => self.batches(&config()?),
            Command::Batch { command: BatchCommand::Show { batch: id } }
            | Command::Letter { command: LetterCommand::Show { letter: id } } => {
                let shown = inquiry::show(&config()?, &id)?;
                if self.json {
                    let line = json!({"id": id, "state": shown.state, "age_days": shown.age_days, "history": shown.history});
                    show::line(&mut self.out, "shown", &line)?;
                    show::line(&mut self.out, "summary", &json!({"events": shown.history.len()}))?;
                } else {
                    show::shown(&mut self.out, &shown)?;
                }
                Ok(exit::DONE)
            }
            Command::Batch { command: BatchCommand::Release { batch, by } } => self.release(&config()?, &batch, by.as_deref()),
            Command::Batch { command: BatchCommand::Verify { path, certificate, terms } } => self.batch_verify(&path, &certificate, terms),
            Command::Letter { command: LetterCommand::List { filter, count, status, municipality, batch, limit } } => {
                let which = Which { filter, status, municipality, batch };
                if count { self.count(&config()?, &which) } else { self.letters(&config()?, &which, limit) }
            }
            Command::Letter { command: LetterCommand::Proof { letter, out } } => self.make_proof(&config()?, &letter, &out),
            Command::Proof { command } => self.proof(command),
            Command::Batch { command: BatchCommand::Retry { batch, rerun } } => self.retry(&config()?, Target::Batch(batch), rerun),
            Command::Batch { command: BatchCommand::Cancel { batch, letters, why } } => {
                self.batch_cancel(&config()?, &batch, letters, &why)
            }
            Command::Letter { command: LetterCommand::Hold { letters, why } } => self.hold(&config()?, &letters, &why),
            Command::Letter { command: LetterCommand::Release { letters, to_print, why } } => {
                self.let_go(&config()?, &letters, to_print, &why)
            }
            Command::Letter { command: LetterCommand::Cancel { letters, why } } => self.letter_cancel(&config()?, &letters, &why),
            Command::Letter { command: LetterCommand::Retry { letters, rerun } } => {
                let ids = orders::ids(&letters)?;
                self.retry(&config()?, Target::Letters(ids), rerun)
            }
            Command::Stop { vendor, why } => self.stop(&config()?, vendor.as_deref(), &why),
            Command::Resume { vendor, why } => self.resume(&config()?, vendor.as_deref(), &why),
            Command::Reconcile(wish) => self.reconcile(&config()?, &wish),
            Command::Status { business_date } => self.status(&config()?, business_date.as_deref()),
            Command::Report { html, from, to } => self.page(&config()?, &html, from.as_deref(), to.as_deref()),
            Command::Metrics { out } => self.metrics(&config()?, out.as_deref()),
            Command::Gate { command } => self.gate(&config()?, command),
            Command::Alarms { check } => self.alarms(&config()?, check),
            Command::Audit { command } => self.audit(&config()?, command),
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
                let profiles = profiles::in_force(folder, &arguments.config)?;
                for profile in &profiles {
                    if self.json {
                        show::line(&mut self.out, "vendor", &json!({"vendor": profile.id, "name": profile.name}))?;
                        continue;
                    }
                    writeln!(self.out, "{:<12} {}", profile.id.as_str(), profile.name)?;
                }
                self.end(profiles.len())
            }
            Command::Vendor { command: VendorCommand::Check { vendor, live } } => {
                self.vendor_check(&Place { folder, config: &arguments.config }, &vendor, live)
            }
            Command::Vendor { command: VendorCommand::Rehearse { vendor, from, to } } => {
                let mut config = config()?;
                if let Some(folder) = folder {
                    let profiles = profiles::select(Some(folder), &vendor)?;
                    config.profiles.extend(profiles.into_iter().map(|profile| (profile.id.clone(), profile)));
                }
                self.rehearse(&config, &RehearseOptions { vendor, from, to })
            }
            Command::Vendor { command: VendorCommand::Site(wish) } => self.site(wish, &arguments.config, folder),
            Command::Vendor { command: VendorCommand::Ack { at, status, letters } } => {
                let status = VendorStatus::from_word(&status).expect("the words that can be given are the known ones");
                self.answer(&arguments.config, at, &Word::Acknowledge { status, letters })
            }
            Command::Vendor { command: VendorCommand::Reject { at, reason } } => {
                self.answer(&arguments.config, at, &Word::Reject { reason })
            }
            Command::Vendor { command: VendorCommand::Return { at, reason } } => {
                self.answer(&arguments.config, at, &Word::Return { reason })
            }
            Command::Vendor { command: VendorCommand::Conformance { vendor } } => self.conformance(&config()?, &vendor),
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
}

/// Each stage with its seconds.
fn stages(report: &RunReport) -> Value {
    report.stage_seconds.iter().map(|(stage, seconds)| ((*stage).to_owned(), json!(rounded(*seconds)))).collect()
}

/// To the millisecond.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
