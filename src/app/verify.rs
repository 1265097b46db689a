//! Proofs: of a batch as its vendor sees it, and of the ledger with everything it stands for. Change nothing.

use super::account::account;
use super::config::Config;
use super::fault::{Fault, exit};
use super::night::{read_manifest, sealed_on_disk};
use crate::adapters::keys::{KeyFault, read_bounded};
use crate::adapters::signer::{closed_to_others, trusted};
use crate::adapters::store::{Store, StoreError};
use crate::domain::state::BatchState;
use crate::domain::status::BatchStatus;
use crate::domain::{BatchName, Sha256, counted};
use crate::ledger::Ledger;
pub use crate::vendor_site::{Moment, Terms as BatchTerms};
use crate::vendor_site::{batches_at, check_sequence, verify_on};
use crate::wire::manifest::BatchFiles;
use crate::wire::vendor_key::{VendorKey, is_private_pem};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// One batch that holds.
#[derive(Debug, Clone, Serialize)]
pub struct VerifiedBatch {
    pub batch: String,
    pub letters: u32,
    pub pages: u32,
    pub sheets: u32,
    pub manifest_sha256: Sha256,
}

/// The vendor's secret key: of its certificate, or out of its age identity file; none where none is given. FP-K020 when the
/// file holds none. FP-K024 when others may read the key of a certificate.
pub(super) fn vendor_key(file: Option<&Path>) -> Result<VendorKey, Fault> {
    let Some(file) = file else { return Ok(VendorKey::None) };
    let refused = |why: String| Fault::from(KeyFault::file(file, why));
    let not_text = |_| refused("is not text: neither a private key in PEM nor a file of age-keygen's".to_owned());
    let text = String::from_utf8(read_bounded(file)?).map_err(not_text)?;
    if is_private_pem(&text) {
        closed_to_others(file)?;
    }
    VendorKey::parse(&text).map_err(refused)
}

/// The acceptance test a vendor runs: needs no ledger and no configuration. Each batch at the path, or its refusal; then
/// what is wrong between those that were accepted.
pub fn batch_verify(
    path: &Path,
    certificate: &Path,
    identity: Option<&Path>,
    terms: BatchTerms,
) -> Result<Vec<Result<VerifiedBatch, Fault>>, Fault> {
    let terms = BatchTerms { trusted_pem: trusted(certificate)?, vendor_key: vendor_key(identity)?, ..terms };
    let refused = |refusal: crate::vendor_site::Refusal| {
        let exit = if refusal.code.starts_with("FP-K") { exit::KEYS } else { exit::MISMATCH };
        Fault::new(refusal.code, exit, refusal.message)
    };
    let found = batches_at(path).map_err(|refusal| Fault::new(refusal.code, exit::INVALID, refusal.message))?;
    let mut accepted_batches = Vec::new();
    let mut check = |(folder, batch): (std::path::PathBuf, BatchName)| {
        let accepted = verify_on(&folder, &batch, &terms).map_err(refused)?;
        let manifest = &accepted.manifest;
        let verified = VerifiedBatch {
            batch: batch.to_string(),
            letters: manifest.letters,
            pages: manifest.pages,
            sheets: manifest.sheets,
            manifest_sha256: accepted.manifest_sha256,
        };
        accepted_batches.push(accepted);
        Ok(verified)
    };
    let mut results: Vec<Result<VerifiedBatch, Fault>> = found.into_iter().map(&mut check).collect();
    results.extend(check_sequence(&accepted_batches).into_iter().map(|refusal| Err(refused(refusal))));
    Ok(results)
}

/// How much is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The chain of events and the tables.
    Quick,
    /// Also that every original, document and batch is there, and that the account balances.
    Usual,
    /// Also the hash of every stored file.
    Deep,
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub code: &'static str,
    pub message: String,
}

/// Everything that does not hold; empty when all is well.
pub fn ledger_verify(config: &Config, depth: Depth) -> Result<Vec<Violation>, Fault> {
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let mut violations: Vec<Violation> = ledger.verify()?.into_iter().map(|v| Violation { code: v.code, message: v.message }).collect();
    if depth == Depth::Quick || !violations.is_empty() {
        return Ok(violations);
    }
    if !account(config, &ledger, None)?.terms.balance() {
        violations.push(Violation { code: "FP-L007", message: "the account does not balance".to_owned() });
    }
    stored(config, &ledger, depth, &mut violations)?;
    // What was taken back before a vendor had it is no longer vouched for: damage may be why it was taken back.
    for (name, state) in ledger.batches(&BatchStatus::ALL)?.into_iter().filter(|(_, state)| !state.never_comes()) {
        batch_on_disk(config, &name, &state, depth, &mut violations);
    }
    Ok(violations)
}

fn stored(config: &Config, ledger: &Ledger, depth: Depth, violations: &mut Vec<Violation>) -> Result<(), Fault> {
    let store = Store::open(&config.store_path())?;
    let mut seen: BTreeSet<Sha256> = BTreeSet::new();
    let mut failed = None;
    ledger.for_each_letter(|id, state| {
        let document = state.job.map(|job| job.document);
        for hash in std::iter::once(state.original).chain(state.documents).chain(document) {
            if !seen.insert(hash) {
                continue;
            }
            let held = match depth {
                Depth::Deep => store.get(&hash).map(|_| ()),
                _ if store.holds(&hash) => Ok(()),
                _ => Err(StoreError::Missing(hash)),
            };
            match held {
                Ok(()) => {}
                Err(StoreError::Io(fault)) => failed = Some(fault),
                Err(fault) => violations.push(Violation { code: "FP-L006", message: format!("letter {id}: {fault}") }),
            }
        }
    })?;
    failed.map_or(Ok(()), |fault| Err(Fault::io("reading the store", &fault)))
}

fn batch_on_disk(config: &Config, name: &BatchName, state: &BatchState, depth: Depth, violations: &mut Vec<Violation>) {
    let folder = config.batches_path().join(name.as_str());
    let mut wrong = |message: String| violations.push(Violation { code: "FP-L006", message });
    if depth == Depth::Deep {
        if let Err(fault) = sealed_on_disk(&folder, name, state) {
            wrong(fault.message);
        }
        return;
    }
    let manifest = match read_manifest(&folder, name, state) {
        Ok((manifest, _)) => manifest,
        Err(fault) => return wrong(format!("batch {name}: {}", fault.message)),
    };
    if !folder.join(BatchFiles::signature(name)).is_file() {
        wrong(format!("batch {name}: its signature is not there"));
    }
    for entry in &manifest.files {
        match std::fs::metadata(folder.join(&entry.name)) {
            Err(fault) => wrong(format!("batch {name}: {}: {fault}", entry.name)),
            Ok(metadata) if metadata.len() != entry.bytes => {
                wrong(format!("batch {name}: {} has {}, its manifest says {}", entry.name, counted(metadata.len(), "byte"), entry.bytes));
            }
            Ok(_) => {}
        }
    }
}
