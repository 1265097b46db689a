//! A run that changes nothing: the same stages over a copy of the ledger, up to the plan of the batches.

use super::{Night, RunReport, intake, middle, open, register, seal, ship, templates};
use crate::adapters::store::{Store, private_folder};
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::gates;
use crate::app::watch::Watch;
use crate::ledger::Ledger;
use crate::pipeline::group::VendorPlan;
use std::fs;
use std::path::{Path, PathBuf};

/// What a run would do now.
#[derive(Debug)]
pub struct DryRun {
    pub report: RunReport,
    pub plans: Vec<VendorPlan>,
    /// Batches sealed earlier that would be shipped: name, letters.
    pub waiting: Vec<(String, u32)>,
}

/// Goes through intake, recipient, render, validate and group on a copy, and throws the copy away.
pub fn dry_run(config: &Config, business_date: Option<&str>, watch: &dyn Watch) -> Result<DryRun, Fault> {
    let mut ahead = RunReport::default();
    super::check_date(business_date)?;
    super::look_ahead(config, super::day_of(business_date), watch, &mut ahead)?;
    let mut dry = forecast(config, business_date, watch)?;
    dry.report.warnings = ahead.warnings;
    Ok(dry)
}

/// The same without asking whether batches could be signed: what will go to whom, when, and what it costs.
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
    report.faults = held_back(&night, &plans)?;
    let waiting = seal::unshipped(&night.ledger)?.into_iter().map(|(name, state)| (name.to_string(), state.letters)).collect();
    Ok(DryRun { report, plans, waiting })
}

/// What would keep a run from sealing what is planned.
fn held_back(night: &Night<'_>, plans: &[VendorPlan]) -> Result<Vec<Fault>, Fault> {
    let closed = gates::closed_now(night.config, &night.ledger, night.business_day())?;
    let mut faults: Vec<Fault> = closed.iter().map(gates::fault).collect();
    for vendor in plans.iter().filter(|plan| !plan.batches.is_empty()).map(|plan| &plan.vendor) {
        faults.extend(ship::held_back(night.config, &night.ledger, vendor)?);
    }
    Ok(faults)
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
