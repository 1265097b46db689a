//! The command line: asks `app`, shows what it says, and turns it into an exit code.

use crate::app::fault::Fault;
use crate::app::profiles;
use crate::app::validate::{Verdict, severity_word, validate};
use crate::domain::codes;
use crate::domain::redact::redact;
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const DONE: u8 = 0;
const UNEXPECTED: u8 = 1;
const USAGE: u8 = 2;
const PARTIAL: u8 = 3;
const NOTHING_VALID: u8 = 4;

/// Remote print (fjernprint) for Danish municipalities.
#[derive(Parser)]
#[command(name = "fjernprint", version, about)]
struct Arguments {
    /// One JSON object a line on stdout; the last is the summary
    #[arg(long, global = true)]
    json: bool,
    /// Folder with vendor profiles instead of the ones that come with the program
    #[arg(long, global = true, env = "FJERNPRINT_VENDORS", value_name = "DIR")]
    vendors: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every fault of each PDF, against one vendor or all
    Validate {
        /// A vendor's id, or all
        #[arg(long, value_name = "ID")]
        vendor: String,
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print vendors and their profiles
    Vendor {
        #[command(subcommand)]
        command: VendorCommand,
    },
    /// What a code means and what to do, in English and Danish
    Explain { code: String },
    /// A completion script for a shell
    Completions { shell: clap_complete::Shell },
}

#[derive(Subcommand)]
enum VendorCommand {
    /// The known vendors
    List,
    /// Checks a profile and names the values that are still assumed
    Check {
        #[arg(default_value = "all", value_name = "ID")]
        vendor: String,
    },
}

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
            let code = if help.use_stderr() { USAGE } else { DONE };
            // Nothing is left to do when even the help cannot be written.
            let _ = help.print();
            return ExitCode::from(code);
        }
    };
    let json = arguments.json;
    let code = match execute(arguments) {
        Ok(code) => code,
        Err(Ended::Fault(fault)) => {
            if json {
                eprintln!("{}", serde_json::json!({"message_type": "exit_error", "code": fault.code, "message": fault.message}));
            } else {
                eprintln!("{}  {}", fault.code, fault.message);
            }
            USAGE
        }
        // A reader that has seen enough, as in `| head`.
        Err(Ended::Output(fault)) if fault.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(Ended::Output(fault)) => {
            eprintln!("writing the output: {fault}");
            UNEXPECTED
        }
    };
    ExitCode::from(code)
}

fn execute(arguments: Arguments) -> Result<u8, Ended> {
    let folder = arguments.vendors.as_deref();
    let mut out = io::stdout().lock();
    match arguments.command {
        Command::Validate { vendor, files } => {
            let chosen = profiles::select(folder, &vendor)?;
            let started = Instant::now();
            let mut written = Ok(());
            let totals = validate(&files, &chosen, |verdict| {
                if written.is_ok() {
                    written = show_verdict(&mut out, verdict, arguments.json);
                }
            });
            written?;
            let seconds = started.elapsed().as_secs_f64();
            if arguments.json {
                let mut summary = serde_json::json!({"message_type": "summary", "seconds": seconds});
                if let (Some(summary), Ok(serde_json::Value::Object(totals))) = (summary.as_object_mut(), serde_json::to_value(&totals)) {
                    summary.extend(totals);
                }
                writeln!(out, "{summary}")?;
            } else {
                writeln!(
                    out,
                    "{} files: {} accepted, {} rejected, {} pages",
                    totals.files, totals.accepted, totals.rejected, totals.pages
                )?;
            }
            Ok(match (totals.accepted, totals.rejected) {
                (_, 0) => DONE,
                (0, _) => NOTHING_VALID,
                _ => PARTIAL,
            })
        }
        Command::Vendor { command: VendorCommand::List } => {
            for profile in profiles::check(folder, "all")? {
                writeln!(out, "{:<12} {}", profile.vendor, profile.name)?;
            }
            Ok(DONE)
        }
        Command::Vendor { command: VendorCommand::Check { vendor } } => {
            for checked in profiles::check(folder, &vendor)? {
                if arguments.json {
                    let line = serde_json::json!({"message_type": "vendor", "vendor": checked.vendor, "assumed": checked.assumed});
                    writeln!(out, "{line}")?;
                } else {
                    writeln!(out, "{}: no impossible combination; {} values are still assumed", checked.vendor, checked.assumed.len())?;
                    checked.assumed.iter().try_for_each(|key| writeln!(out, "    {key}"))?;
                }
            }
            Ok(DONE)
        }
        Command::Explain { code } => {
            let unknown = || Fault::usage("FP-C003", format!("code {:?} is not known", redact(&code)));
            let page = codes::find(&code).ok_or_else(unknown)?.page();
            write!(out, "{page}")?;
            Ok(DONE)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "fjernprint", &mut out);
            Ok(DONE)
        }
    }
}

fn show_verdict(out: &mut impl Write, verdict: &Verdict, json: bool) -> io::Result<()> {
    if json {
        let mut line = serde_json::json!({"message_type": "document"});
        if let (Some(line), Ok(serde_json::Value::Object(fields))) = (line.as_object_mut(), serde_json::to_value(verdict)) {
            line.extend(fields);
        }
        return writeln!(out, "{line}");
    }
    writeln!(out, "{:<7} {:<11} {}", verdict.verdict, verdict.vendor, verdict.file)?;
    for finding in &verdict.findings {
        let page = finding.page.map(|page| format!("page {page}: ")).unwrap_or_default();
        let (code, word) = (finding.code, severity_word(finding.severity));
        writeln!(out, "    {code} {word:<6} {page}{} (is {}, must be {})", finding.message, finding.measured, finding.limit)?;
    }
    Ok(())
}
