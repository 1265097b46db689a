//! Ships sealed batches: every vendor in a thread of its own, so that one that is down delays no other.
//!
//! Intent stands in the ledger before the first byte leaves, and again before the completion sign: from there to the record
//! that it is done, the outcome is unknown and is asked about, never guessed.

use super::upload::{self, Round};
use super::{Night, RunReport, seal};
use crate::adapters::clock;
use crate::adapters::keys::read_bounded;
use crate::adapters::sftp::{Manner, OwnFolder, Sessions, SftpFault, Target};
use crate::adapters::store::size_and_hash;
use crate::app::config::Config;
use crate::app::contracts;
use crate::app::fault::{Fault, exit};
use crate::app::watch::Watch;
use crate::domain::redact::redact;
use crate::domain::state::{BatchState, Recall};
use crate::domain::status::{BatchEvent, LetterEvent};
use crate::domain::{BatchName, CompletionSign, OrderId, Sha256, VendorId, counted};
use crate::ledger::{Entry, Ledger};
use crate::pipeline::ship::{Parts, Step, completion_sign, earlier, step, wait_after};
use crate::vendor::{UploadCheck, VendorProfile};
use crate::wire::cms::{self, SIGNATURE_BYTES_MAX, SignatureFault};
use crate::wire::manifest::{BatchFiles, MANIFEST_BYTES_MAX, Manifest};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What to do about a batch that is damaged on our disk.
const RESTORE: &str = "restore it from a backup; without one, and while no vendor has the batch, \
    `fjernprint batch cancel NAME --letters again --reason TEXT` has its letters sealed anew";

/// What one vendor's thread did.
#[derive(Default)]
struct Shipped {
    batches: u64,
    letters: u64,
    fault: Option<Fault>,
}

/// Ships what waits, or of it only the batch `only`.
pub(super) fn ship(night: &mut Night<'_>, only: Option<&BatchName>, report: &mut RunReport) -> Result<(), Fault> {
    let mut by_vendor: BTreeMap<VendorId, Vec<(BatchName, BatchState)>> = BTreeMap::new();
    for (name, state) in seal::unshipped(&night.ledger)?.into_iter().filter(|(name, _)| only.is_none_or(|only| only == name)) {
        by_vendor.entry(state.vendor.clone()).or_default().push((name, state));
    }
    let now = clock::time_of_day();
    by_vendor.retain(|vendor, batches| {
        let Some(window) = night.config.profiles.get(vendor).map(|p| p.delivery.window).filter(|w| !w.contains(now)) else { return true };
        let waiting = counted(batches.len() as u64, "batch");
        night.watch.note(&format!("{vendor} takes files {window}, Danish time: {waiting} waiting for it"));
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
        if shipped.fault.as_ref().is_some_and(|fault| fault.exit == exit::LEDGER_HELD) {
            // Another run has taken over: whatever this one would still do is that one's.
            return shipped.fault.map_or(Ok(()), Err);
        }
        // What kept its letters from being sealed, and keeps its batches here too, is said once.
        shipped.fault.into_iter().for_each(|fault| report.add(fault));
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

impl<'l> Delivery<'_, 'l> {
    fn ship_all(&self, batches: &[(BatchName, BatchState)]) -> Shipped {
        let mut shipped = Shipped::default();
        let held_back = held_back(self.config, &self.ledger(), &self.vendor);
        if let Some(fault) = held_back.unwrap_or_else(Some) {
            shipped.fault = Some(fault);
            return shipped;
        }
        let (Some(profile), Some(address)) = (self.config.profiles.get(&self.vendor), self.config.connections.get(&self.vendor)) else {
            let waiting = counted(batches.len() as u64, "batch");
            let text = format!("nothing goes up to {}, {waiting} waiting: the configuration has no connection to it", self.vendor);
            shipped.fault = Some(Fault::usage("FP-C008", text));
            return shipped;
        };
        let mut waiting = batches.iter();
        let mut current = waiting.next();
        let mut tries = 0;
        while current.is_some() {
            tries += 1;
            let outcome = Sessions::open(address, profile.delivery.sessions as usize).map_err(theirs).and_then(|mut sessions| {
                while let Some((name, _)) = current {
                    let letters = Shipment { delivery: self, profile, name }.ship(&mut sessions)?;
                    shipped.batches += 1;
                    shipped.letters += letters;
                    self.watch.step("shipping", 1);
                    // What got through proves that the vendor is there: the count of tries begins anew.
                    tries = 1;
                    current = waiting.next();
                }
                Ok(())
            });
            let Err((fault, can_help)) = outcome else { break };
            if !can_help || fault.exit != exit::UNREACHABLE || tries >= profile.delivery.attempts_max {
                let name = current.map(|(name, _)| name.to_string()).unwrap_or_default();
                let rest = match waiting.len() {
                    0 => format!("batch {name} waits"),
                    after => format!("batch {name} and {after} after it wait"),
                };
                let tried = counted(u64::from(tries), "time");
                let message = format!("{}, tried {tried}: {rest}: {}", self.vendor, fault.message);
                shipped.fault = Some(Fault { message, ..fault });
                break;
            }
            std::thread::sleep(wait_after(tries, rand::random()));
        }
        shipped
    }

    /// A poisoned lock is another vendor's broken thread; every record is a transaction of its own.
    fn ledger(&self) -> MutexGuard<'_, &'l mut Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, entries: &[Entry]) -> Result<(), Failed> {
        self.ledger().record(&clock::now(), entries).map_err(|e| (e.into(), false))
    }

    /// Whether this run still holds the ledger, and nobody has stopped the vendor: asked before anything gets its final name at the vendor.
    fn permit(&self) -> Result<(), SftpFault> {
        let fault = |fault: Fault| SftpFault::new(fault.code, format!("shipping to {}", self.vendor), fault.message, false);
        let stopped = {
            let ledger = self.ledger();
            ledger.check_lease().map_err(|e| fault(e.into()))?;
            ledger.stopped(&self.vendor).map_err(|e| fault(e.into()))?
        };
        match stopped {
            Some(order) => Err(fault(stop_of(&self.vendor, &order))),
            None => Ok(()),
        }
    }
}

/// What keeps everything from a vendor: a person's order (FP-O003), or values that are assumed (FP-C005).
pub(super) fn held_back(config: &Config, ledger: &Ledger, vendor: &VendorId) -> Result<Option<Fault>, Fault> {
    let stopped = ledger.stopped(vendor)?.map(|order| stop_of(vendor, &order));
    Ok(stopped.or_else(|| contracts::on_assumptions(config, vendor)))
}

/// FP-O003: a person stopped it.
fn stop_of(vendor: &VendorId, order: &OrderId) -> Fault {
    let text = format!("nothing more goes to {vendor}: order {order} stopped it; `fjernprint resume` ends that");
    Fault::new("FP-O003", exit::GATE, text)
}

/// A fault, and whether trying again can help.
type Failed = (Fault, bool);

fn theirs(fault: SftpFault) -> Failed {
    let can_help = fault.retry;
    (fault.into(), can_help)
}

/// One batch on its way.
struct Shipment<'a, 'd, 'l> {
    delivery: &'a Delivery<'d, 'l>,
    profile: &'a VendorProfile,
    name: &'a BatchName,
}

impl Shipment<'_, '_, '_> {
    /// Ships the batch from where the ledger says it is; gives its number of letters.
    fn ship(&self, sessions: &mut Sessions) -> Result<u64, Failed> {
        let (state, letters) = {
            let ledger = self.delivery.ledger();
            let of_ledger = |e| (Fault::from(e), false);
            (ledger.batch(self.name).map_err(of_ledger)?, ledger.letters_of(self.name).map_err(of_ledger)?)
        };
        let Some(state) = state else { return Ok(0) };
        let attempt = state.attempts + 1;
        match step(state.status) {
            Step::Nothing => return Ok(0),
            Step::Upload => {
                self.record(BatchEvent::UploadStarted { attempt })?;
                self.upload(sessions, &state, attempt)?;
                self.record(BatchEvent::ReadyIntended {})?;
                self.mark(sessions, &state, attempt)?;
            }
            Step::Mark => {
                let vendor = &self.delivery.vendor;
                self.delivery.watch.note(&format!("batch {}: the last run ended before it knew the outcome; asking {vendor}", self.name));
                let asks = self.profile.delivery.check_after_upload != UploadCheck::None;
                if !(asks && self.has_answered(sessions)?) {
                    self.record(BatchEvent::UploadStarted { attempt })?;
                    if self.looks() {
                        // Every part is looked at; those that are there with their size are left.
                        self.upload(sessions, &state, attempt)?;
                    }
                    self.mark(sessions, &state, attempt)?;
                }
            }
        }
        let count = letters.len() as u64;
        let mut entries = vec![Entry::Batch(self.name.clone(), BatchEvent::Shipped {})];
        for (id, state) in letters {
            entries.push(Entry::Letter(id.clone(), LetterEvent::Shipped { batch: self.name.clone() }));
            if state.recall == Some(Recall::Waiting) {
                entries.push(Entry::Letter(id, LetterEvent::RecallFailed {}));
            }
        }
        self.delivery.record(&entries)?;
        Ok(count)
    }

    fn record(&self, event: BatchEvent) -> Result<(), Failed> {
        self.delivery.record(&[Entry::Batch(self.name.clone(), event)])
    }

    fn looks(&self) -> bool {
        self.profile.delivery.check_after_upload == UploadCheck::Size
    }

    fn upload(&self, sessions: &mut Sessions, state: &BatchState, attempt: u32) -> Result<(), Failed> {
        let folder = self.delivery.config.batches_path().join(self.name.as_str());
        let ours = |e: Fault| (e, false);
        // Nothing of a batch goes up before all of it is proved to be what was sealed.
        let (manifest, manifest_bytes) = sealed_on_disk(&folder, self.name, state).map_err(ours)?;
        still_signed(self.delivery.config, self.name, state).map_err(ours)?;
        let signature = folder.join(BatchFiles::signature(self.name));
        let signature_bytes = fs::metadata(&signature).map_err(|e| ours(Fault::io(format!("reading {}", signature.display()), &e)))?.len();
        let parts = Parts::of(&manifest, manifest_bytes, signature_bytes, &self.profile.delivery);
        let permit = || self.delivery.permit();
        let manner = self.manner(attempt, &permit);
        let round = Round { connection: sessions.first(), parts: &parts, delivery: &self.profile.delivery, manner, batch: &folder };
        let (content, proof) = round.prepare().map_err(theirs)?;
        let folders = parts.folders();
        let own_folder = folders.first().map(|remote| OwnFolder { remote, entries_max: upload::entries_max(&parts) });
        sessions.upload(&content, &Manner { own_folder, ..manner }).map_err(theirs)?;
        // In this order: the signature says that all that it signs is there. Where it is the sign, it waits for the intent.
        proof.iter().try_for_each(|one| sessions.upload(std::slice::from_ref(one), &manner)).map_err(theirs)
    }

    /// Puts up what the vendor begins on.
    fn mark(&self, sessions: &Sessions, state: &BatchState, attempt: u32) -> Result<(), Failed> {
        let permit = || self.delivery.permit();
        let content = match self.profile.delivery.completion_sign {
            CompletionSign::Marker(_) => Vec::new(),
            CompletionSign::Signature => signature(self.delivery.config, self.name, state).map_err(|fault| (fault, false))?,
        };
        let target = Target::new(completion_sign(self.name, &self.profile.delivery), content.len() as u64);
        for earlier in earlier(attempt) {
            sessions.first().clear_away(&Manner::part(&target.remote, earlier)).map_err(theirs)?;
        }
        sessions.first().upload(&mut Cursor::new(content), &target, &self.manner(attempt, &permit)).map_err(theirs)
    }

    fn manner<'p>(&self, attempt: u32, permit: &'p (dyn Fn() -> Result<(), SftpFault> + Sync)) -> Manner<'p> {
        Manner { rename: self.profile.delivery.rename_into_place, look: self.looks(), attempt, permit, own_folder: None }
    }

    fn has_answered(&self, sessions: &Sessions) -> Result<bool, Failed> {
        let answer = format!("{}/{}", self.profile.delivery.outbox, BatchFiles::ack(self.name));
        sessions.first().exists(&answer).map_err(theirs)
    }
}

/// FP-K021 when a certificate of the batch's signature has ended since it was sealed: the vendor's acceptance test takes none
/// that does not hold when it is made. Asked where it is known what the vendor trusts.
pub(super) fn still_signed(config: &Config, name: &BatchName, state: &BatchState) -> Result<(), Fault> {
    let Some(trusted) = config.signer.root.as_ref().and_then(|root| read_bounded(root).ok()) else { return Ok(()) };
    let manifest = manifest_bytes_of(&config.batches_path().join(name.as_str()), name)?;
    let checked = cms::check(&manifest, &signature(config, name, state)?, &trusted);
    let Err(SignatureFault::OutsideValidity(why)) = checked else { return Ok(()) };
    let text = format!(
        "the signature of batch {name} does not hold any more ({why}), and the vendor would refuse it: it does not go up; \
         `fjernprint batch cancel {name} --letters again --reason TEXT` has its letters sealed anew"
    );
    Err(Fault::new("FP-K021", exit::KEYS, text))
}

/// The batch's signature, as it was sealed.
fn signature(config: &Config, name: &BatchName, state: &BatchState) -> Result<Vec<u8>, Fault> {
    let path = config.batches_path().join(name.as_str()).join(BatchFiles::signature(name));
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(SIGNATURE_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|e| Fault::io(format!("reading {}", path.display()), &e))?;
    if Sha256(openssl::sha::sha256(&bytes)) == state.signature {
        return Ok(bytes);
    }
    let text = format!("the signature of batch {name} on disk is not the one that was sealed; {RESTORE}");
    Err(Fault::new("FP-L006", exit::MISMATCH, text))
}

/// A batch on disk as it was sealed: manifest and signature are those that the ledger knows, every file is what the
/// manifest says, and nothing else lies in the folder. Gives the manifest and its size; FP-L006 names what is wrong.
pub(crate) fn sealed_on_disk(folder: &Path, name: &BatchName, state: &BatchState) -> Result<(Manifest, u64), Fault> {
    let changed = |file: &str, why: &str| {
        let text = format!("batch {name}: {file} on disk {why}; {RESTORE}");
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

fn manifest_bytes_of(folder: &Path, name: &BatchName) -> Result<Vec<u8>, Fault> {
    let path: PathBuf = folder.join(BatchFiles::manifest(name));
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
            let text = format!("the manifest of batch {name} on disk is missing; {RESTORE}");
            Err(Fault::new("FP-L006", exit::MISMATCH, text))
        }
        read => read.map(|_| bytes).map_err(|e| Fault::io(format!("reading {}", path.display()), &e)),
    }
}

/// The manifest as it was sealed: its bytes must be those that the ledger knows.
pub(crate) fn read_manifest(folder: &Path, name: &BatchName, state: &BatchState) -> Result<(Manifest, u64), Fault> {
    let bytes = manifest_bytes_of(folder, name)?;
    if Sha256(openssl::sha::sha256(&bytes)) != state.manifest {
        let text = format!("the manifest of batch {name} on disk is not the one that was sealed, nothing of it was sent; {RESTORE}");
        return Err(Fault::new("FP-L006", exit::MISMATCH, text));
    }
    Ok((Manifest::from_json(&bytes)?, bytes.len() as u64))
}
