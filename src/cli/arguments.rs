//! What can be typed.

use crate::app::vendor_side::VendorStatus;
use crate::domain::{Cvr, VendorId};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Remote print (fjernprint) for Danish municipalities.
#[derive(Parser)]
#[command(name = "fjernprint", version)]
pub struct Arguments {
    /// One JSON object a line on stdout; the last is the summary
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress and no notes on stderr
    #[arg(long, global = true)]
    pub quiet: bool,
    /// The configuration
    #[arg(long, global = true, env = "FJERNPRINT_CONFIG", value_name = "FILE", default_value = "fjernprint.toml")]
    pub config: PathBuf,
    /// Folder with vendor profiles for `validate` and `vendor`, instead of the configuration's or those that come with the program
    #[arg(long, global = true, env = "FJERNPRINT_VENDORS", value_name = "DIR")]
    pub vendors: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// A whole night on this machine: samples, three print vendors on loopback, and the account
    Demo {
        /// Where everything of the night lies afterwards; a night that was cut off goes on
        #[arg(long, value_name = "DIR", default_value = "fjernprint-demo")]
        dir: PathBuf,
        /// So many synthetic letters beside the samples
        #[arg(long, value_name = "N", default_value_t = 0)]
        letters: u64,
        /// Another folder of samples
        #[arg(long, value_name = "DIR")]
        samples: Option<PathBuf>,
        /// Lay everything out and run no night: for `fjernprint run --until seal`, without vendors
        #[arg(long)]
        lay_only: bool,
    },
    /// Writes a commented configuration, keys and folders
    Init {
        #[arg(default_value = ".", value_name = "DIR")]
        dir: PathBuf,
    },
    /// The nightly job: intake, recipient, render, validate, group, seal, ship, reconcile
    Run {
        /// Says what would be done, and changes nothing
        #[arg(long)]
        dry_run: bool,
        /// Stops after this stage
        #[arg(long, value_enum, value_name = "STAGE", default_value = "reconcile", conflicts_with = "dry_run")]
        until: Until,
        /// Business date as 2026-11-24; today in Denmark when not given
        #[arg(long, value_name = "D")]
        business_date: Option<String>,
    },
    /// What will go to whom, when, and what it costs: letters and sheets by class and vendor. Changes nothing
    Forecast {
        /// Business date as 2026-11-24; today in Denmark when not given
        #[arg(long, value_name = "D")]
        business_date: Option<String>,
    },
    /// Every fault of each PDF, against one vendor or all
    Validate {
        /// A vendor's id, or all
        #[arg(long, value_name = "ID")]
        vendor: String,
        /// By this sender's policy, as the configuration has it: what it allows to be repaired, and how grave a breach is
        #[arg(long, value_name = "ID")]
        sender: Option<String>,
        /// Repairs what can be repaired (with --sender: what the sender allows) and writes it here, a folder a vendor
        #[arg(long, value_name = "DIR")]
        repair: Option<PathBuf>,
        /// Writes a picture of each page here, a folder a vendor: forbidden zones, and what stands in them
        #[arg(long, value_name = "DIR")]
        overlay: Option<PathBuf>,
        /// PDFs, folders of PDFs, or - for a list of paths on the standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Batches: what was sealed and where it stands
    Batch {
        #[command(subcommand)]
        command: BatchCommand,
    },
    /// Letters: where each stands, and what happened to it
    Letter {
        #[command(subcommand)]
        command: LetterCommand,
    },
    /// The proof of a letter, as it was handed out
    Proof {
        #[command(subcommand)]
        command: ProofCommand,
    },
    /// The stop button: nothing gets its final name at a vendor from here on, whatever run is at work
    Stop {
        /// Only this vendor
        #[arg(long, value_name = "ID")]
        vendor: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Ends a stop; the next run ships what waits
    Resume {
        /// Only this vendor
        #[arg(long, value_name = "ID")]
        vendor: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Fetches and matches the vendors' answers: sent = handed over + rejected + cancelled + returned + open, what is open, and
    /// what does not fit
    Reconcile(ReconcileArguments),
    /// Where every letter stands: accepted = digital + shipped + rejected + held + pending
    Status {
        /// Only letters that this night took in
        #[arg(long, value_name = "D")]
        business_date: Option<String>,
    },
    /// A page about many nights: letters by vendor, what is open and how old, rejects by code, the account. One file, no scripts
    Report {
        /// The file; it appears by rename
        #[arg(long, value_name = "FILE")]
        html: PathBuf,
        /// First business date, as 2026-11-24; 30 days ago when not given
        #[arg(long, value_name = "D")]
        from: Option<String>,
        /// Last business date; today when not given
        #[arg(long, value_name = "D")]
        to: Option<String>,
    },
    /// Writes what Prometheus' node exporter reads: letters, batches, runs
    Metrics {
        /// Written by rename, readable by all; the standard output when not given
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Gates that stop a run before anything is sealed: unusual volume, error rate
    Gate {
        #[command(subcommand)]
        command: GateCommand,
    },
    /// What a person must know: the alarms that are raised
    Alarms {
        /// Looks anew, tells what is new, and ends with 7 while a deadline is missed: for a timer between the nights
        #[arg(long)]
        check: bool,
    },
    /// Who did what, when and why; and the proof that the log was not written anew
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// The ledger
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
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
    /// Looks at PDFs from its input: what this program starts to keep itself safe
    #[command(hide = true)]
    InspectWorker,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Until {
    Intake,
    /// Letters are routed, rendered and validated in one go; groups are made when they are sealed
    #[value(aliases = ["recipient", "render", "group"])]
    Validate,
    Seal,
    Ship,
    Reconcile,
}

#[derive(Subcommand)]
pub enum BatchCommand {
    /// All batches, by vendor and running number
    List,
    /// One batch and what happened to it
    Show { batch: String },
    /// Says that a sealed batch may go to its vendor, where the profile wants two persons to say so
    Release {
        batch: String,
        /// Who you are; your account's name when not given
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Sends once more what failed of a batch: its plan, or exactly that plan. What never went up goes up, under the same name
    Retry {
        batch: String,
        #[command(flatten)]
        rerun: Rerun,
    },
    /// Takes a batch back before its vendor has it, or gives up one that the vendor refused
    Cancel {
        batch: String,
        /// What becomes of its letters: they are held, go through once more with the next run, or are called back
        #[arg(long, value_enum, value_name = "WORD", default_value = "hold")]
        letters: LettersAfterwards,
        #[command(flatten)]
        why: Why,
    },
    /// The vendor's acceptance test: signature, files, hashes, totals. Needs no ledger
    Verify {
        /// A batch's .manifest.json, or the folder it lies in
        path: PathBuf,
        /// The certificates that the signature must lead to, PEM
        #[arg(long, value_name = "PEM")]
        certificate: PathBuf,
        #[command(flatten)]
        terms: VerifyTerms,
    },
}

/// What a vendor takes, beside a good signature.
#[derive(Args)]
pub struct VerifyTerms {
    /// Refuse batches for another vendor
    #[arg(long, value_name = "ID")]
    pub vendor: Option<VendorId>,
    /// Refuse batches of the other kind
    #[arg(long, value_name = "WORD", value_parser = ["test", "production"])]
    pub environment: Option<String>,
    /// An organisation that may sign for municipalities, beside each for itself
    #[arg(long, value_name = "CVR")]
    pub signer: Vec<Cvr>,
    /// The completion sign must be there too
    #[arg(long)]
    pub delivered: bool,
    /// The completion sign that is agreed on: the suffix of the empty file that comes last, or none
    #[arg(long, default_value = "ready", value_name = "WORD")]
    pub completion_sign: String,
    /// An old batch: its certificates must have been valid when it was sealed, and may have ended since
    #[arg(long)]
    pub archived: bool,
    /// The secret key that opens encrypted batches: the certificate's, RSA in PEM without a password, or as age-keygen wrote it
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum LetterCommand {
    /// Letters, by id
    List {
        /// Conditions joined by `and`, as 'status=held and age>3d'. Fields: status, code, word, age, night, municipality, vendor,
        /// batch, sender, dispatch, pages, sheets, reprint, recall. Comparisons: = != < <= > >=
        #[arg(long = "where", value_name = "FILTER")]
        filter: Option<String>,
        /// Only how many
        #[arg(long)]
        count: bool,
        /// accepted, digital, held, rejected, validated, batched, shipped, settled, returned or cancelled
        #[arg(long)]
        status: Option<String>,
        /// CVR number
        #[arg(long, value_name = "CVR")]
        municipality: Option<String>,
        #[arg(long)]
        batch: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// One letter and what happened to it
    Show { letter: String },
    /// One page and a file beside it that prove, offline, that the letter stood in a signed batch and what was answered
    Proof {
        letter: String,
        /// The page; the proof itself is FILE.json beside it
        #[arg(long, value_name = "FILE.pdf")]
        out: PathBuf,
    },
    /// Keeps letters back that stand in no batch yet
    Hold {
        /// Ids, or - for a list on the standard input, an id at the beginning of each line
        #[arg(required = true, value_name = "LETTER")]
        letters: Vec<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Lets held letters go on
    Release {
        /// Ids, or - for a list on the standard input
        #[arg(required = true, value_name = "LETTER")]
        letters: Vec<String>,
        /// On paper, whatever the register says of the recipients
        #[arg(long)]
        to_print: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Calls letters back (tilbagekald), up to the point where a vendor has them
    Cancel {
        /// Ids, or - for a list on the standard input
        #[arg(required = true, value_name = "LETTER")]
        letters: Vec<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Sends letters once more: the plan, or exactly that plan
    Retry {
        /// Ids, or - for a list on the standard input
        #[arg(required = true, value_name = "LETTER")]
        letters: Vec<String>,
        #[command(flatten)]
        rerun: Rerun,
    },
}

#[derive(Subcommand)]
pub enum ProofCommand {
    /// Checks the proof of a letter; needs no ledger and no configuration
    Verify {
        file: PathBuf,
        /// The certificates that its signatures must lead to, PEM
        #[arg(long, value_name = "PEM")]
        certificate: PathBuf,
        /// A PDF that should be the letter's
        #[arg(long, value_name = "FILE.pdf")]
        document: Option<PathBuf>,
        /// A receipt's rows as the vendor sent them, to prove what is quoted from it
        #[arg(long, value_name = "FILE.csv")]
        receipt: Option<PathBuf>,
        /// The certificates that the vendor's signatures over its answers must lead to, PEM, where it signs them
        #[arg(long, value_name = "PEM")]
        answers_certificate: Option<PathBuf>,
        /// An organisation that may sign for municipalities, beside each for itself
        #[arg(long, value_name = "CVR")]
        signer: Vec<Cvr>,
    },
}

#[derive(Subcommand)]
pub enum GateCommand {
    /// The gates that would stop a run now
    List {
        /// Business date as 2026-11-24; today in Denmark when not given
        #[arg(long, value_name = "D")]
        business_date: Option<String>,
    },
    /// Says that a run may pass a gate, for this business date and for what it measures now
    Pass {
        /// As `gate list` names it
        gate: String,
        #[command(flatten)]
        why: Why,
        #[arg(long, value_name = "D")]
        business_date: Option<String>,
    },
}

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Orders, releases, stops, passed gates and alarms, oldest first
    List {
        /// First day, as 2026-11-24
        #[arg(long, value_name = "D")]
        from: Option<jiff::civil::Date>,
        /// Last day
        #[arg(long, value_name = "D")]
        to: Option<jiff::civil::Date>,
        /// A part of a name or account
        #[arg(long, value_name = "TEXT")]
        who: Option<String>,
        /// A part of the deed or of what it was about
        #[arg(long, value_name = "TEXT")]
        what: Option<String>,
    },
    /// Proves the log's chain, and that every signed daily head stands on it
    Verify {
        /// A head's .json or a folder of them that was kept elsewhere; the data folder's own when not given
        #[arg(long, value_name = "PATH")]
        heads: Option<PathBuf>,
        /// The certificates that the heads' signatures must lead to, PEM; the configured root when not given
        #[arg(long, value_name = "PEM")]
        certificate: Option<PathBuf>,
    },
}

/// Who orders something, and why.
#[derive(Args)]
pub struct Why {
    /// Why, in a sentence, without personal data; it is kept
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who you are; your account's name when not given
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// A plan, or what is done with it.
#[derive(Args)]
#[group(id = "rerun")]
pub struct Rerun {
    /// Says what would be done: letters, why they failed, whether copies may be printed, cost, days, and the plan's hash
    #[arg(long, conflicts_with_all = ["apply", "reason"], required_unless_present = "apply")]
    pub plan: bool,
    /// Does exactly the plan of this hash, or refuses because things have moved
    #[arg(long, value_name = "HASH", requires = "reason")]
    pub apply: Option<String>,
    /// Letters too that did not fail: they are printed as new letters
    #[arg(long)]
    pub reprint: bool,
    /// More letters than max_resend_percent allows are meant; two persons say so
    #[arg(long, requires = "apply")]
    pub over_cap: bool,
    /// Why, in a sentence, without personal data; it is kept
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who you are; your account's name when not given
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LettersAfterwards {
    Hold,
    Again,
    Cancel,
}

#[derive(Subcommand)]
pub enum LedgerCommand {
    /// Proves that the ledger's chain, its tables, the stored originals and the batches are what they should be
    Verify {
        /// Only the chain and the tables
        #[arg(long, conflicts_with = "deep")]
        quick: bool,
        /// Every stored byte too
        #[arg(long)]
        deep: bool,
    },
}

#[derive(Subcommand)]
pub enum VendorCommand {
    /// The known vendors
    List,
    /// Checks a profile: what cannot be, what looks wrong, what is still assumed
    Check {
        #[arg(default_value = "all", value_name = "ID")]
        vendor: String,
        /// Logs in at the vendor's server with the pinned host key, and looks whether inbox and outbox are there
        #[arg(long)]
        live: bool,
    },
    /// Past nights against another vendor's profile: rejects, cost, days won or lost. Sends and changes nothing
    Rehearse {
        #[arg(long, value_name = "ID")]
        vendor: String,
        /// First business date, as 2026-11-24
        #[arg(long, value_name = "D")]
        from: Option<String>,
        /// Last business date
        #[arg(long, value_name = "D")]
        to: Option<String>,
    },
    /// Runs a print vendor in a box: SFTP server, acceptance test, answers, and misbehaviour on request
    Site(SiteArguments),
    /// Answers by hand, at a site's folder: a batch is accepted, a letter has come as far as --status
    Ack {
        #[command(flatten)]
        at: AtSite,
        /// printed, enveloped, handed_over and so on
        #[arg(long, value_name = "WORD", default_value = "handed_over", value_parser = VendorStatus::PROGRESS.map(VendorStatus::word))]
        status: String,
        /// With a batch: every letter of it too
        #[arg(long)]
        letters: bool,
    },
    /// Answers by hand: a batch is refused, or a letter will not be printed
    Reject {
        #[command(flatten)]
        at: AtSite,
        /// Why, without personal data
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Answers by hand: the carrier brought a letter back
    Return {
        #[command(flatten)]
        at: AtSite,
        /// R01 to R10, with a text after it where it helps
        #[arg(long, value_name = "CODE")]
        reason: String,
    },
    /// Holds a vendor's site against the checklist of docs/vendor-guide.md; sends no letter
    Conformance {
        #[arg(long, value_name = "ID")]
        vendor: String,
    },
}

#[derive(Args)]
pub struct SiteArguments {
    /// Which vendor it plays: user name and folders
    #[arg(long, value_name = "ID")]
    pub vendor: VendorId,
    /// Everything that it receives and answers; made where it is missing
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Port 0 is any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The server's private key, made where it is missing; DIR/host_key when not given
    #[arg(long, value_name = "FILE")]
    pub host_key: Option<PathBuf>,
    /// The public key that is let in, ed25519 or ECDSA; the configuration's when not given
    #[arg(long, value_name = "FILE.pub")]
    pub client_key: Option<PathBuf>,
    /// The certificates that signatures must lead to; the configuration's signer when not given
    #[arg(long, value_name = "PEM")]
    pub certificate: Option<PathBuf>,
    /// Decide and print nothing: a technician answers with `vendor ack`, `reject` and `return`
    #[arg(long)]
    pub by_hand: bool,
    /// Refuse batches of the other kind
    #[arg(long, value_name = "WORD", value_parser = ["test", "production"])]
    pub environment: Option<String>,
    /// An organisation that may sign for municipalities, beside each for itself
    #[arg(long, value_name = "CVR")]
    pub signer: Vec<Cvr>,
    /// What the server does wrong, as cut=40000 or lose-answer=rename:1; docs/vendor-guide.md has the list
    #[arg(long, value_name = "SCRIPT")]
    pub misbehave: Vec<String>,
    /// The secret key that opens encrypted batches: the certificate's, RSA in PEM without a password, or as age-keygen wrote it
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

/// Without any of these, answers are fetched.
#[derive(Args)]
pub struct ReconcileArguments {
    /// Holds this invoice against what was handed over, both ways; fetches and changes nothing
    #[arg(long, value_name = "FILE", requires = "vendor", conflicts_with = "explain")]
    pub invoice: Option<PathBuf>,
    /// Whose invoice it is
    #[arg(long, value_name = "ID", requires = "invoice")]
    pub vendor: Option<VendorId>,
    /// First night that it is for; that of the first letter in it when not given
    #[arg(long, value_name = "D", requires = "invoice")]
    pub from: Option<String>,
    /// Last night that it is for
    #[arg(long, value_name = "D", requires = "invoice")]
    pub to: Option<String>,
    /// Says what became of a letter of this batch whose receipt does not fit
    #[arg(long, value_name = "BATCH", requires_all = ["letter", "reason"])]
    pub explain: Option<String>,
    /// The letter, as `reconcile` names it
    #[arg(long, value_name = "LETTER", requires = "explain")]
    pub letter: Option<String>,
    /// What became of it; without personal data
    #[arg(long, value_name = "TEXT", requires = "explain")]
    pub reason: Option<String>,
    /// Who you are; your account's name when not given
    #[arg(long, value_name = "NAME", requires = "explain")]
    pub by: Option<String>,
}

/// What is answered, and where.
#[derive(Args)]
pub struct AtSite {
    /// Batches and letters
    #[arg(required = true, value_name = "BATCH|LETTER")]
    pub what: Vec<String>,
    /// The site's folder
    #[arg(long, value_name = "DIR", required_unless_present = "vendor", conflicts_with = "vendor")]
    pub dir: Option<PathBuf>,
    /// The folder site/ID beside the configuration, where `demo` has it
    #[arg(long, value_name = "ID")]
    pub vendor: Option<VendorId>,
}
