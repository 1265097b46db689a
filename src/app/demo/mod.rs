//! A whole night on a fresh machine: the sample night is laid into the drop folders, three print-vendor sites come up on
//! loopback, and the ordinary run ships to them over SSH. Nothing in here decides anything for a letter.
//!
//! Cut off anywhere and started again on the same folder, it goes on where it was.

mod expected;
mod lay;
mod synthetic;

pub use expected::Missed;

use super::account::{Account, account};
use super::config::Config;
use super::fault::{Fault, exit};
use super::night::{self, RunOptions, RunReport, Stage};
use super::setup::{self, CONFIG_NAME, Reach};
use super::watch::Watch;
use crate::adapters::keys;
use crate::adapters::store::private_folder;
use crate::ledger::Ledger;
use crate::vendor_site::{Site, SiteFault, SiteOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the vendors may take to answer. They work while they are sent to; a minute for each thousand letters.
const ANSWER_WAIT: Duration = Duration::from_secs(120);
const ASK_EVERY: Duration = Duration::from_millis(150);

/// What a demo night is asked to do.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    pub dir: PathBuf,
    /// Synthetic letters beside the samples.
    pub letters: u64,
    /// The samples' folder; the one built in when absent.
    pub samples: Option<PathBuf>,
}

/// How it went.
#[derive(Debug)]
pub struct DemoNight {
    pub report: RunReport,
    pub account: Account,
    /// Letters that did not end where the samples say.
    pub missed: Vec<Missed>,
    /// Letters and files that did.
    pub as_expected: usize,
    /// Of the night itself, without laying out and looking after it.
    pub seconds: f64,
}

impl DemoNight {
    /// 0 when every letter ended where the samples say it should and the account balances.
    pub fn exit_code(&self) -> u8 {
        if !self.account.terms.balance() || !self.missed.is_empty() {
            return exit::MISMATCH;
        }
        match self.report.exit_code() {
            exit::PARTIAL => exit::DONE,
            code => code,
        }
    }
}

/// Runs the demo in `options.dir`, which it makes.
pub fn demo(options: &DemoOptions, watch: &dyn Watch) -> Result<DemoNight, Fault> {
    let dir = &options.dir;
    let samples = prepare(options)?;
    let (sites, reaches) = start_sites(dir)?;
    let config = configure(dir, &samples, &reaches)?;
    lay::lay(&samples, options.letters, &config, watch)?;

    let started = Instant::now();
    let mut report = night::run(&config, &RunOptions { business_date: None, until: Stage::Reconcile }, watch)?;
    report.timed("answers", |report| wait_for_answers(&config, report, watch))?;
    let seconds = started.elapsed().as_secs_f64();
    for site in sites {
        site.stop();
    }
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let account = account(&config, &ledger, None)?;
    let checked = expected::check(&samples, &config, &ledger)?;
    Ok(DemoNight { report, account, missed: checked.missed, as_expected: checked.met, seconds })
}

/// Lays everything out and runs no night: `run` does, up to the sealed batches, which wait for want of vendors.
pub fn lay_only(options: &DemoOptions, watch: &dyn Watch) -> Result<(), Fault> {
    let samples = prepare(options)?;
    let config = configure(&options.dir, &samples, &[])?;
    lay::lay(&samples, options.letters, &config, watch)
}

/// Folders, keys and the register of all recipients.
fn prepare(options: &DemoOptions) -> Result<lay::Samples, Fault> {
    let dir = &options.dir;
    private_folder(dir).map_err(|e| Fault::io(format!("making {}", dir.display()), &e))?;
    let ledger = dir.join("data/ledger.db");
    if dir.join(CONFIG_NAME).exists() && !ledger.is_file() {
        return Err(crate::ledger::LedgerError::Missing(ledger.display().to_string()).into());
    }
    setup::keys_and_folders(dir)?;
    let samples = lay::Samples::find(options.samples.as_deref())?;
    setup::write(&dir.join("register.csv"), &synthetic::register(samples.register()?, options.letters))?;
    Ok(samples)
}

fn configure(dir: &Path, samples: &lay::Samples, reaches: &[Reach]) -> Result<Config, Fault> {
    let path = dir.join(CONFIG_NAME);
    setup::write(&path, &setup::demo_config(&samples.municipalities()?, reaches))?;
    Config::read(&path)
}

/// Three vendors on loopback, each with a host key and a folder of its own.
fn start_sites(dir: &Path) -> Result<(Vec<Site>, Vec<Reach>), Fault> {
    let failed = |fault: SiteFault| Fault::new("FP-C010", exit::UNEXPECTED, fault.to_string());
    let trusted_pem = keys::read_bounded(&dir.join("keys/ca.pem"))?;
    let public = keys::make_ssh_key(&dir.join("keys/ssh"), "fjernprint")?;
    let (mut sites, mut reaches) = (Vec::new(), Vec::new());
    for profile in super::profiles::all(None)? {
        let vendor = profile.id.clone();
        let options = SiteOptions {
            profile,
            dir: dir.join("site").join(vendor.as_str()),
            authorised_key: public.clone(),
            trusted_pem: trusted_pem.clone(),
            port: 0,
        };
        let site = Site::start(options).map_err(failed)?;
        reaches.push(Reach { vendor, port: site.port(), host_key_pin: site.host_key_pin().to_owned() });
        sites.push(site);
    }
    Ok((sites, reaches))
}

/// Reconciles until nothing is open, or the vendors have had their time.
fn wait_for_answers(config: &Config, report: &mut RunReport, watch: &dyn Watch) -> Result<(), Fault> {
    let per_letter = Duration::from_millis(60).saturating_mul(u32::try_from(report.letters_shipped).unwrap_or(u32::MAX));
    let deadline = Instant::now() + ANSWER_WAIT + per_letter;
    loop {
        let open = account(config, &Ledger::open_read_only(&config.ledger_path())?, None)?.terms.open;
        if open == 0 || !report.faults.is_empty() || Instant::now() > deadline {
            return Ok(());
        }
        std::thread::sleep(ASK_EVERY);
        let answers = night::reconcile_only(config, watch)?;
        report.letters_settled += answers.letters_settled;
        report.faults.extend(answers.faults);
    }
}
