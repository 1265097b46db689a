//! What would keep a run from sealing what is planned, and from shipping what is sealed: asked by a dry run and a forecast, of
//! the same rules that a run goes by.

use super::dry::Waiting;
use super::seal::signed_by_another;
use super::{Night, RunReport, ship};
use crate::adapters::signer::Signer;
use crate::adapters::{clock, encrypt};
use crate::app::config::Config;
use crate::app::fault::{Fault, exit};
use crate::app::gates;
use crate::domain::state::BatchState;
use crate::domain::status::BatchStatus;
use crate::domain::{BatchName, VendorId};
use crate::ledger::LedgerError;
use crate::pipeline::group::VendorPlan;
use std::collections::{BTreeMap, BTreeSet};

/// Vendors that nothing would be sealed for now; what is in the way is reported. `config` is the installation's own: the night
/// may be one on a copy.
pub(super) fn unsealed(
    night: &Night<'_>,
    config: &Config,
    plans: &[VendorPlan],
    report: &mut RunReport,
) -> Result<BTreeSet<VendorId>, Fault> {
    let planned: Vec<&VendorPlan> = plans.iter().filter(|plan| !plan.batches.is_empty()).collect();
    let mut kept = BTreeSet::new();
    let closed = gates::closed_now(config, &night.ledger, night.business_day())?;
    closed.iter().map(gates::fault).for_each(|fault| report.add(fault));
    let signer = Signer::read(&config.signer, clock::now_s()).map_err(Fault::from);
    if let Err(fault) = &signer
        && !planned.is_empty()
    {
        report.add(fault.clone());
    }
    for plan in planned {
        let Some(profile) = config.profiles.get(&plan.vendor) else { continue };
        let mut faults = Vec::new();
        faults.extend(ship::held_back(config, &night.ledger, &plan.vendor)?);
        let unfit = profile.delivery.encrypt_to.as_ref().and_then(|to| encrypt::recipient(to, clock::now_s()).err()).map(Fault::from);
        faults.extend(unfit.map(|fault| Fault { message: format!("nothing is sealed for {}: {}", plan.vendor, fault.message), ..fault }));
        if !faults.is_empty() || !closed.is_empty() || signer.is_err() {
            kept.insert(plan.vendor.clone());
        }
        if let Ok(signer) = &signer {
            let own = |cvr| signer.may_sign_for(cvr, config.agreed_signer.as_ref());
            let foreign: BTreeSet<_> = plan.batches.iter().map(|batch| &batch.municipality).filter(|cvr| !own(cvr)).collect();
            if plan.batches.iter().all(|batch| foreign.contains(&batch.municipality)) {
                kept.insert(plan.vendor.clone());
            }
            faults.extend(foreign.into_iter().map(|cvr| signed_by_another(profile, cvr, signer)));
        }
        faults.into_iter().for_each(|fault| report.add(fault));
    }
    Ok(kept)
}

/// Batches sealed earlier, each with what it waits for where it would not be shipped now; what is a fault is reported.
pub(super) fn waiting(night: &Night<'_>, config: &Config, report: &mut RunReport) -> Result<Vec<Waiting>, Fault> {
    let statuses = [BatchStatus::Sealed, BatchStatus::Unreleased, BatchStatus::Uploading, BatchStatus::Unknown];
    let batches = night.ledger.batches(&statuses)?;
    let mut of_vendor: BTreeMap<VendorId, Option<String>> = BTreeMap::new();
    let mut all = Vec::new();
    for (batch, state) in batches {
        if !of_vendor.contains_key(&state.vendor) {
            let why = unshipped(night, config, &state.vendor, report)?;
            of_vendor.insert(state.vendor.clone(), why);
        }
        let waits_for = match of_vendor.get(&state.vendor).cloned().flatten() {
            _ if state.status == BatchStatus::Unreleased => Some("two persons".to_owned()),
            None => ended(config, &batch, &state, report)?,
            why => why,
        };
        all.push(Waiting { batch, vendor: state.vendor, letters: state.letters, waits_for });
    }
    Ok(all)
}

/// What keeps every batch from a vendor.
fn unshipped(night: &Night<'_>, config: &Config, vendor: &VendorId, report: &mut RunReport) -> Result<Option<String>, LedgerError> {
    let held = ship::held_back(config, &night.ledger, vendor);
    if let Ok(Some(fault)) | Err(fault) = held {
        let code = fault.code;
        report.add(fault);
        return Ok(Some(format!("what {code} says")));
    }
    if !config.connections.contains_key(vendor) {
        report.add(no_connection(vendor));
        return Ok(Some("a connection".to_owned()));
    }
    // Of another day nobody knows at what time its run is made.
    let window = config.profiles.get(vendor).map(|profile| profile.delivery.window).filter(|_| night.asked.is_none());
    let shut = window.filter(|window| !window.contains(clock::time_of_day()));
    Ok(shut.map(|window| format!("its window {window}, Danish time")))
}

/// A signature that the vendor would refuse by now.
fn ended(config: &Config, batch: &BatchName, state: &BatchState, report: &mut RunReport) -> Result<Option<String>, Fault> {
    if state.status == BatchStatus::Unknown {
        return Ok(None);
    }
    match ship::still_signed(config, batch, state) {
        Err(fault) if fault.exit == exit::KEYS || fault.exit == exit::MISMATCH => {
            let code = fault.code;
            report.add(fault);
            Ok(Some(format!("what {code} says")))
        }
        other => other.map(|()| None),
    }
}

/// Planned for a vendor that nothing can go up to.
pub(super) fn unconnected(config: &Config, plans: &[VendorPlan], report: &mut RunReport) {
    let planned = plans.iter().filter(|plan| !plan.batches.is_empty()).map(|plan| &plan.vendor);
    planned.filter(|vendor| !config.connections.contains_key(*vendor)).for_each(|vendor| report.add(no_connection(vendor)));
}

fn no_connection(vendor: &VendorId) -> Fault {
    Fault::usage("FP-C008", format!("nothing goes up to {vendor}: the configuration has no connection to it"))
}
