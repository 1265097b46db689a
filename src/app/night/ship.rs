//! Ships sealed batches: every vendor in a thread of its own, so that one that is down delays no other.
//!
//! Intent stands in the ledger before the first byte leaves, and again before the ready marker: from there to the record
//! that it is done, the outcome is unknown and is asked about, never guessed.

use super::{Night, RunReport, seal};
use crate::adapters::clock;
use crate::adapters::sftp::{Connection, SftpFault};
use crate::adapters::store::size_and_hash;
use crate::app::config::Config;
use crate::app::fault::{Fault, exit};
use crate::app::watch::Watch;
use crate::domain::redact::redact;
use crate::domain::state::BatchState;
use crate::domain::status::{BatchEvent, LetterEvent};
use crate::domain::{BatchName, Sha256, VendorId};
use crate::ledger::{Entry, Ledger};
use crate::pipeline::ship::{Step, folders, parts, ready_marker, step};
use crate::vendor::{UploadCheck, VendorProfile};
use crate::wire::manifest::{BatchFiles, MANIFEST_BYTES_MAX, Manifest};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// First wait before another try at a vendor that does not answer; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(20);

/// What one vendor's thread did.
#[derive(Default)]
struct Shipped {
    batches: u64,
    letters: u64,
    fault: Option<Fault>,
}

pub(super) fn ship(night: &mut Night<'_>, report: &mut RunReport) -> Result<(), Fault> {
    let mut by_vendor: BTreeMap<VendorId, Vec<(BatchName, BatchState)>> = BTreeMap::new();
    for (name, state) in seal::unshipped(&night.ledger)? {
        by_vendor.entry(state.vendor.clone()).or_default().push((name, state));
    }
    let now = clock::time_of_day();
    by_vendor.retain(|vendor, batches| {
        let Some(window) = night.config.profiles.get(vendor).map(|p| p.delivery.window).filter(|w| !w.contains(now)) else { return true };
        night.watch.note(&format!("{} batches wait: {vendor} takes files {window}, Danish time", batches.len()));
        false
    });
    let total = by_vendor.values().map(|list| list.len() as u64).sum();
    night.watch.begin("shipping", Some(total));
    let (config, watch) = (night.config, night.watch);
    let ledger = Mutex::new(&mut night.ledger);
    let results: Vec<Shipped> = std::thread::scope(|scope| {
        let ship_all = |(vendor, batches): (VendorId, Vec<_>)| {
            let ledger = &ledger;
            scope.spawn(move || Delivery { config, ledger, watch, vendor }.ship_all(&batches))
        };
        let threads: Vec<_> = by_vendor.into_iter().map(ship_all).collect();
        let broken =
            || Shipped { fault: Some(Fault::new("FP-S009", exit::UNEXPECTED, "shipping broke off unexpectedly")), ..Shipped::default() };
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| broken())).collect()
    });
    for shipped in results {
        report.batches_shipped += shipped.batches;
        report.letters_shipped += shipped.letters;
        report.faults.extend(shipped.fault);
    }
    watch.end("shipping");
    Ok(())
}

/// One vendor's deliveries.
struct Delivery<'a, 'l> {
    config: &'a Config,
    ledger: &'a Mutex<&'l mut Ledger>,
    watch: &'a dyn Watch,
    vendor: VendorId,
}

impl Delivery<'_, '_> {
    fn ship_all(&self, batches: &[(BatchName, BatchState)]) -> Shipped {
        let mut shipped = Shipped::default();
        let (Some(profile), Some(address)) = (self.config.profiles.get(&self.vendor), self.config.connections.get(&self.vendor)) else {
            let text = format!("{} batches wait for {}, and the configuration has no connection to it", batches.len(), self.vendor);
            shipped.fault = Some(Fault::usage("FP-C008", text));
            return shipped;
        };
        let mut waiting = batches.iter();
        let mut current = waiting.next();
        let (mut tries, mut wait) = (0, FIRST_WAIT);
        while current.is_some() {
            tries += 1;
            let outcome = Connection::open(address).map_err(Fault::from).map_err(|f| (f, true)).and_then(|connection| {
                while let Some((name, _)) = current {
                    let letters = self.ship_one(&connection, profile, name)?;
                    shipped.batches += 1;
                    shipped.letters += letters;
                    self.watch.step("shipping", 1);
                    // What got through proves that the vendor is there: the count of tries begins anew.
                    (tries, wait) = (1, FIRST_WAIT);
                    current = waiting.next();
                }
                Ok(())
            });
            let Err((fault, can_help)) = outcome else { break };
            if !can_help || fault.exit != exit::UNREACHABLE || tries >= profile.delivery.attempts_max {
                let name = current.map(|(name, _)| name.to_string()).unwrap_or_default();
                let after = waiting.len();
                let message = format!("{}, tried {tries} times: batch {name} and {after} after it wait: {}", self.vendor, fault.message);
                shipped.fault = Some(Fault { message, ..fault });
                break;
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(WAIT_MAX);
        }
        shipped
    }

    fn record(&self, entries: &[Entry]) -> Result<(), (Fault, bool)> {
        // A poisoned lock is another vendor's broken thread; every record is a transaction of its own.
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.record(&clock::now(), entries).map_err(|e| (e.into(), false))
    }

    /// Ships one batch from where the ledger says it is; gives its number of letters.
    fn ship_one(&self, connection: &Connection, profile: &VendorProfile, name: &BatchName) -> Result<u64, (Fault, bool)> {
        let (state, letters) = {
            let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            let of_ledger = |e| (Fault::from(e), false);
            let state = ledger.batch(name).map_err(of_ledger)?;
            (state, ledger.letters_of(name).map_err(of_ledger)?)
        };
        let Some(state) = state else { return Ok(0) };
        let event = |event| Entry::Batch(name.clone(), event);
        match step(state.status) {
            Step::Nothing => return Ok(0),
            Step::Upload => {
                self.record(&[event(BatchEvent::UploadStarted { attempt: state.attempts + 1 })])?;
                self.upload(connection, profile, name, &state)?;
                self.record(&[event(BatchEvent::ReadyIntended {})])?;
                self.mark(connection, profile, name)?;
            }
            Step::Mark => {
                self.watch.note(&format!("batch {name}: the last run ended before it knew the outcome; asking {}", self.vendor));
                let asks = profile.delivery.check_after_upload != UploadCheck::None;
                if !(asks && self.has_answered(connection, profile, name)?) {
                    if profile.delivery.check_after_upload == UploadCheck::Size {
                        // Every part is looked at; those that are there with their size are left.
                        self.upload(connection, profile, name, &state)?;
                    }
                    self.mark(connection, profile, name)?;
                }
            }
        }
        let count = letters.len() as u64;
        let shipped = letters.into_iter().map(|(id, _)| Entry::Letter(id, LetterEvent::Shipped { batch: name.clone() }));
        let entries: Vec<Entry> = std::iter::once(event(BatchEvent::Shipped {})).chain(shipped).collect();
        self.record(&entries)?;
        Ok(count)
    }

    fn upload(&self, connection: &Connection, profile: &VendorProfile, name: &BatchName, state: &BatchState) -> Result<(), (Fault, bool)> {
        let folder = self.config.batches_path().join(name.as_str());
        let delivery = &profile.delivery;
        let look = delivery.check_after_upload == UploadCheck::Size;
        let ours = |e: Fault| (e, false);
        // Nothing of a batch goes up before all of it is proved to be what was sealed.
        let (manifest, manifest_bytes) = sealed_on_disk(&folder, name, state).map_err(ours)?;
        let signature = folder.join(BatchFiles::signature(name));
        let signature_bytes = fs::metadata(&signature).map_err(|e| ours(Fault::io(format!("reading {}", signature.display()), &e)))?.len();
        let parts = parts(&manifest, manifest_bytes, signature_bytes, delivery);
        for remote in folders(&parts) {
            connection.folder(&remote).map_err(theirs)?;
        }
        for part in parts {
            let path = folder.join(&part.local);
            let mut file = File::open(&path).map_err(|e| ours(Fault::io(format!("reading {}", path.display()), &e)))?;
            connection.upload(&mut file, part.bytes, &part.remote, delivery.rename_into_place, look).map_err(theirs)?;
        }
        Ok(())
    }

    fn mark(&self, connection: &Connection, profile: &VendorProfile, name: &BatchName) -> Result<(), (Fault, bool)> {
        let delivery = &profile.delivery;
        let look = delivery.check_after_upload == UploadCheck::Size;
        let marker = ready_marker(name, delivery);
        connection.upload(&mut io::empty(), 0, &marker, delivery.rename_into_place, look).map_err(theirs)
    }

    fn has_answered(&self, connection: &Connection, profile: &VendorProfile, name: &BatchName) -> Result<bool, (Fault, bool)> {
        let answer = format!("{}/{}", profile.delivery.outbox, BatchFiles::ack(name));
        connection.exists(&answer).map_err(theirs)
    }
}

fn theirs(fault: SftpFault) -> (Fault, bool) {
    let can_help = fault.retry;
    (fault.into(), can_help)
}

/// A batch on disk as it was sealed: manifest and signature are those that the ledger knows, every file is what the
/// manifest says, and nothing else lies in the folder. Gives the manifest and its size; FP-L006 names what is wrong.
pub(crate) fn sealed_on_disk(folder: &Path, name: &BatchName, state: &BatchState) -> Result<(Manifest, u64), Fault> {
    let changed = |file: &str, why: &str| {
        let text = format!("batch {name}: {file} on disk {why}; restore it from a backup, and do not seal the letters anew by hand");
        Fault::new("FP-L006", exit::MISMATCH, text)
    };
    let (manifest, manifest_bytes) = read_manifest(folder, name, state)?;
    let mut expected: BTreeMap<String, (Option<u64>, Sha256)> =
        manifest.files.iter().map(|file| (file.name.clone(), (Some(file.bytes), file.sha256))).collect();
    expected.insert(BatchFiles::signature(name), (None, state.signature));
    expected.insert(BatchFiles::manifest(name), (Some(manifest_bytes), state.manifest));
    for (file, (bytes, hash)) in &expected {
        let (found_bytes, found) = size_and_hash(&folder.join(file)).map_err(|e| changed(file, &format!("cannot be read ({e})")))?;
        if found != *hash || bytes.is_some_and(|bytes| bytes != found_bytes) {
            return Err(changed(file, "is not what was sealed"));
        }
    }
    for below in names_below(folder).map_err(|e| changed("its folder", &format!("cannot be read ({e})")))? {
        if !expected.contains_key(&below) {
            return Err(changed(&redact(&below), "belongs to nothing that was sealed"));
        }
    }
    Ok((manifest, manifest_bytes))
}

/// Files of a batch's folder and of the one folder that may lie in it, as the manifest names them.
fn names_below(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            for inner in fs::read_dir(entry.path())? {
                names.push(format!("{name}/{}", inner?.file_name().to_string_lossy()));
            }
        } else {
            names.push(name);
        }
    }
    Ok(names)
}

/// The manifest as it was sealed: its bytes must be those that the ledger knows.
pub(crate) fn read_manifest(folder: &Path, name: &BatchName, state: &BatchState) -> Result<(Manifest, u64), Fault> {
    let path: PathBuf = folder.join(BatchFiles::manifest(name));
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|e| Fault::io(format!("reading {}", path.display()), &e))?;
    if Sha256(openssl::sha::sha256(&bytes)) != state.manifest {
        let text = format!("the manifest of batch {name} on disk is not the one that was sealed; nothing of it was sent");
        return Err(Fault::new("FP-L006", exit::MISMATCH, text));
    }
    Ok((Manifest::from_json(&bytes)?, bytes.len() as u64))
}
