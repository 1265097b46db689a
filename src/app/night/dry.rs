//! A run that changes nothing: the same stages over a copy of the ledger, up to the plan of the batches.

use super::{Night, RunReport, intake, kept, middle, open, register, seal, templates};
use crate::adapters::store::{Store, private_folder};
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::watch::Watch;
use crate::domain::{BatchName, VendorId};
use crate::ledger::Ledger;
use crate::pipeline::group::VendorPlan;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a run would do now.
#[derive(Debug)]
pub struct DryRun {
    pub report: RunReport,
    pub plans: Vec<VendorPlan>,
    /// Batches sealed earlier that are not at their vendors.
    pub waiting: Vec<Waiting>,
    /// Vendors that nothing would be sealed for now: the report's faults say why.
    pub unsealed: BTreeSet<VendorId>,
}

/// A batch sealed earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    pub batch: BatchName,
    pub vendor: VendorId,
    pub letters: u32,
    /// What keeps it from being shipped now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
}

/// Goes through intake, recipient, render, validate and group on a copy, and throws the copy away.
pub fn dry_run(config: &Config, business_date: Option<&str>, watch: &dyn Watch) -> Result<DryRun, Fault> {
    let mut ahead = RunReport::default();
    super::check_date(business_date)?;
    let signer = super::look_ahead(config, super::day_of(business_date), watch, &mut ahead);
    let mut dry = forecast(config, business_date, watch)?;
    dry.report.warnings = ahead.warnings;
    // A signer that cannot sign is told also when there is nothing to seal.
    signer.err().into_iter().for_each(|fault| dry.report.add(fault));
    Ok(dry)
}

/// The same for planning: what will go to whom, when, what it costs, and what is in the way as things stand.
pub fn forecast(config: &Config, business_date: Option<&str>, watch: &dyn Watch) -> Result<DryRun, Fault> {
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let scratch = Scratch::make(&config.data)?;
    let copy =
        Config { data: scratch.0.join("data"), receipts: scratch.0.join("receipts"), digital: scratch.0.join("digital"), ..config.clone() };
    private_folder(&copy.data).map_err(|e| Fault::io("making the folder of a dry run", &e))?;
    ledger.copy_to(&copy.ledger_path())?;
    let mut night: Night<'_> = open(&copy, business_date, watch)?;
    night.dry = true;
    night.store = Store::open(&copy.store_path())?.over(&config.store_path());
    let mut report = RunReport { business_date: night.business_date.clone(), ..RunReport::default() };
    intake::intake(&mut night, &mut report)?;
    middle::middle(&mut night, &register(config)?, &templates(config)?, &mut report)?;
    let plans = seal::plans(&night, night.as_of())?;
    let unsealed = kept::unsealed(&night, config, &plans, &mut report)?;
    let waiting = kept::waiting(&night, config, &mut report)?;
    kept::unconnected(config, &plans, &mut report);
    Ok(DryRun { report, plans, waiting, unsealed })
}

/// A folder that goes when it is dropped; what a killed dry run left is cleared by the next.
struct Scratch(PathBuf);

const PREFIX: &str = ".dry-run-";

impl Scratch {
    fn make(data: &Path) -> Result<Self, Fault> {
        let failed = |e: std::io::Error| Fault::io("making the folder of a dry run", &e);
        for entry in fs::read_dir(data).map_err(failed)?.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let alive = name.strip_prefix(PREFIX).is_some_and(|pid| Path::new("/proc").join(pid).exists());
            if name.starts_with(PREFIX) && !alive {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        let path = data.join(format!("{PREFIX}{}", std::process::id()));
        private_folder(&path).map_err(failed)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
