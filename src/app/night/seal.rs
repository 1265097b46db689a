//! Seals what grouping planned: container, letters.csv, manifest and signature, all on disk before the ledger says so.
//!
//! A batch's folder gets its final name when everything in it is written and durable. A folder that the ledger does not
//! know was cut off before that: it is cleared away, and its letters are planned again.

use super::days::{close_days, open_day};
use super::middle::damaged;
use super::ship::held_back;
use super::{Night, RunReport};
use crate::adapters::signer::Signer;
use crate::adapters::store::{Store, private_folder, size_and_hash, write_private};
use crate::adapters::{clock, container, encrypt, measure};
use crate::app::fault::{Fault, exit};
use crate::app::signing;
use crate::domain::state::BatchState;
use crate::domain::status::{BatchEvent, BatchStatus, LetterEvent};
use crate::domain::{BatchName, Cvr, LetterId, PrintJob, Sha256, VendorId};
use crate::ledger::{Entry, Ledger, LedgerError};
use crate::pipeline::group::{BatchPlan, Candidate, VendorPlan, plan};
use crate::pipeline::seal::{Facts, Member, Totals, manifest, name_of, rows};
use crate::vendor::profile::Release;
use crate::vendor::{Container, VendorProfile};
use crate::wire::manifest::{BatchFiles, Encrypted, FileEntry, Manifest, WithdrawnBatch, letters_to_csv};
use crate::wire::{cms, merkle};
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Numbers back from the last that a manifest tells of.
const WITHDRAWN_TOLD: u64 = 100;
/// What the names of a batch begin with until it has one.
const MAKING: &str = ".making";
/// Batches for each thread that are written before their turn to be signed: enough work for the time that the ledger takes
/// to record those before. Of each, no more than its hashes are held.
const AHEAD: usize = 16;
/// From so many letters on, the batches that are signed are recorded, all in one transaction: letters lie all over the
/// ledger's pages, and the more of them it writes at once, the fewer pages it writes twice.
const RECORD_LETTERS: usize = 10_000;

/// The plans for all printable letters that are in no batch, vendor by vendor.
pub(super) fn plans(night: &Night<'_>, as_of: Timestamp) -> Result<Vec<VendorPlan>, Fault> {
    let mut by_vendor: BTreeMap<VendorId, Vec<Candidate>> = BTreeMap::new();
    night.ledger.for_each_validated(|letter, state| {
        if let Some(job) = state.job {
            let vendor = job.vendor.clone();
            by_vendor.entry(vendor).or_default().push(candidate(letter, state.municipality, &job));
        }
    })?;
    let mut plans = Vec::new();
    for (vendor, candidates) in by_vendor {
        let Some(profile) = night.config.profiles.get(&vendor) else { continue };
        let cutoff = open_day(&night.ledger, profile, night.business_day(), as_of)?;
        plans.push(plan(candidates, profile, cutoff));
    }
    Ok(plans)
}

/// What grouping must know of a letter that is ready to be printed.
pub(super) fn candidate(letter: LetterId, municipality: Cvr, job: &PrintJob) -> Candidate {
    Candidate {
        letter,
        municipality,
        options: job.options,
        postcode: job.postcode.clone(),
        pages: job.pages,
        sheets: job.sheets,
        bytes: job.bytes,
        weight_g: job.weight_g,
        latest_arrival: job.latest_arrival,
    }
}

pub(super) fn seal(night: &mut Night<'_>, report: &mut RunReport) -> Result<(), Fault> {
    let root = night.config.batches_path();
    private_folder(&root).map_err(|e| Fault::io(format!("making {}", root.display()), &e))?;
    clear_unfinished(&root, &night.ledger)?;
    let as_of = night.as_of();
    close_days(night, as_of)?;
    // Where letters turned out to be damaged, the others of their batches get new ones at once.
    if seal_planned(night, plans(night, as_of)?, &root, report)? {
        seal_planned(night, plans(night, as_of)?, &root, report)?;
    }
    night.watch.end("batches");
    Ok(())
}

/// Seals what is planned; true when letters were set aside, whose batches' other letters may be planned anew.
fn seal_planned(night: &mut Night<'_>, plans: Vec<VendorPlan>, root: &Path, report: &mut RunReport) -> Result<bool, Fault> {
    let total = plans.iter().map(|plan| plan.batches.len() as u64).sum();
    night.watch.begin("batches", Some(total));
    let signer = if total > 0 { Some(Signer::read(&night.config.signer, clock::now_s())?) } else { None };
    let held_before = report.held;
    for plan in plans {
        for letter in plan.too_large {
            let message = "the letter is larger than any batch of this vendor".to_owned();
            let event = LetterEvent::Rejected { code: "FP-G001".to_owned(), message };
            night.ledger.record(&clock::now(), &[Entry::Letter(letter, event)])?;
            report.rejected += 1;
        }
        let Some(signer) = signer.as_ref().filter(|_| !plan.batches.is_empty()) else { continue };
        if let Some(fault) = held_back(night.config, &night.ledger, &plan.vendor)? {
            report.add(fault);
            continue;
        }
        let profile = &night.config.profiles[&plan.vendor];
        let (batches, foreign): (Vec<BatchPlan>, Vec<BatchPlan>) =
            plan.batches.into_iter().partition(|batch| signer.may_sign_for(&batch.municipality, night.config.agreed_signer.as_ref()));
        let municipalities: BTreeSet<Cvr> = foreign.into_iter().map(|batch| batch.municipality).collect();
        municipalities.iter().for_each(|municipality| report.add(signed_by_another(profile, municipality, signer)));
        match seal_all(night, plan.business_day, profile, &batches, signer, root, report) {
            Ok(()) => {}
            // The vendor's own certificate or key holds up its own batches only.
            Err(fault) if fault.code == "FP-K025" => {
                let message = format!("nothing was sealed for {}: {}", profile.id, fault.message);
                report.add(Fault { message, ..fault });
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(report.held > held_before)
}

/// The vendor's acceptance test would refuse the batches for their signature: better to say so here.
pub(super) fn signed_by_another(profile: &VendorProfile, municipality: &Cvr, signer: &Signer) -> Fault {
    signing::of_another(signer, &format!("nothing was sealed of municipality {municipality} for {}", profile.id))
}

/// Seals one vendor's batches in their order. They are written and read back by as many threads as there are processors,
/// ahead of the one that is being signed. A batch that cannot be made stops no other.
fn seal_all(
    night: &mut Night<'_>,
    business_day: Date,
    profile: &VendorProfile,
    plans: &[BatchPlan],
    signer: &Signer,
    root: &Path,
    report: &mut RunReport,
) -> Result<(), Fault> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(plans.len()).max(1);
    let recipient = profile.delivery.encrypt_to.as_ref().map(|to| encrypt::recipient(to, clock::now_s())).transpose()?;
    let maker = Maker {
        ledger: night.config.ledger_path(),
        store: night.store.clone(),
        kind: profile.batch.container,
        recipient,
        root: root.to_owned(),
    };
    std::thread::scope(|scope| {
        let (work, jobs) = bounded::<(usize, Sender<Result<Prepared, Fault>>)>(threads * AHEAD);
        for _ in 0..threads {
            let (jobs, maker) = (jobs.clone(), &maker);
            scope.spawn(move || maker.work(&jobs, plans));
        }
        // Held by the workers alone: when all of them are gone, giving out work fails and does not wait for ever.
        drop(jobs);
        let broken = || Fault::new("FP-C006", exit::UNEXPECTED, "writing the batches broke off unexpectedly");
        let mut ahead = VecDeque::new();
        let mut plans_left = plans.iter().enumerate();
        let previous = night.ledger.last_batch(&profile.id)?;
        let withdrawn = withdrawn(&night.ledger, &profile.id, previous.map_or(0, |(sequence, _)| sequence))?;
        let mut desk = Desk { night, business_day, profile, signer, previous, withdrawn, unrecorded: Vec::new(), batches: 0 };
        let mut next = |desk: &mut Desk<'_, '_>| -> Result<bool, Fault> {
            while ahead.len() < threads * AHEAD {
                let Some((index, plan)) = plans_left.next() else { break };
                let (done, prepared) = bounded(1);
                work.send((index, done)).map_err(|_| broken())?;
                ahead.push_back((plan, prepared));
            }
            let Some((plan, prepared)) = ahead.pop_front() else { return Ok(false) };
            match prepared.recv().map_err(|_| broken())? {
                Ok(batch) => desk.sign(plan, batch)?,
                Err(fault) if is_of_one_batch(&fault) => desk.set_aside(plan, fault, report)?,
                Err(fault) => return Err(fault),
            }
            Ok(true)
        };
        let outcome = loop {
            match next(&mut desk) {
                Ok(true) => {}
                end => break end,
            }
        };
        // What stops a batch does not undo those that are signed.
        desk.record()?;
        report.batches_sealed += desk.batches;
        outcome.map(|_| ())
    })
}

/// A vendor's batches that were taken back before it had them: among its last numbers, so that each is told in many manifests,
/// and no manifest grows for ever.
fn withdrawn(ledger: &Ledger, vendor: &VendorId, last: u64) -> Result<Vec<WithdrawnBatch>, LedgerError> {
    let told = |state: &BatchState| state.vendor == *vendor && state.never_comes() && state.sequence + WITHDRAWN_TOLD > last;
    let batches = ledger.batches(&[BatchStatus::Withdrawn])?.into_iter().filter(|(_, state)| told(state));
    let one = |(batch, state): (BatchName, BatchState)| WithdrawnBatch { sequence: state.sequence, batch, manifest_sha256: state.manifest };
    Ok(batches.map(one).collect())
}

/// What lies in the store or came out on the disk is not what was validated, or cannot be joined: other batches have letters
/// of their own.
fn is_of_one_batch(fault: &Fault) -> bool {
    fault.is_of_stored_file() || matches!(fault.code, "FP-B030" | "FP-D005")
}

/// Removes folders of batches that the ledger does not know.
fn clear_unfinished(root: &Path, ledger: &Ledger) -> Result<(), Fault> {
    let what = || format!("clearing {}", root.display());
    for entry in fs::read_dir(root).map_err(|e| Fault::io(what(), &e))? {
        let path = entry.map_err(|e| Fault::io(what(), &e))?.path();
        let name: Option<BatchName> = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse().ok());
        let known = match &name {
            Some(name) => ledger.batch(name)?.is_some(),
            None => false,
        };
        if !known && path.is_dir() {
            fs::remove_dir_all(&path).map_err(|e| Fault::io(what(), &e))?;
        }
    }
    Ok(())
}

/// A batch on the disk, all of it but name, manifest and signature: what was read back there.
struct Prepared {
    /// Where it is being made; its files' names begin with [`MAKING`].
    folder: PathBuf,
    /// Containers first, letters.csv last.
    files: Vec<FileEntry>,
    totals: Totals,
    letters_csv: Sha256,
    letters_merkle: Sha256,
    encrypted: Option<Encrypted>,
}

/// Writes batches. Needs neither the batches before them nor the ledger's one writer: many at once.
struct Maker {
    ledger: PathBuf,
    store: Store,
    kind: Container,
    recipient: Option<encrypt::Recipient>,
    root: PathBuf,
}

impl Maker {
    fn work(&self, jobs: &Receiver<(usize, Sender<Result<Prepared, Fault>>)>, plans: &[BatchPlan]) {
        let ledger = Ledger::open_read_only(&self.ledger).map_err(Fault::from);
        for (index, done) in jobs {
            let folder = self.root.join(format!("{MAKING}-{index}"));
            let prepared = match &ledger {
                Ok(ledger) => self.prepare(ledger, &plans[index], folder.clone()),
                Err(fault) => Err(fault.clone()),
            };
            if prepared.is_err() {
                // The next run clears away what stays.
                let _ = fs::remove_dir_all(&folder);
            }
            // Nobody waits any more when an earlier batch could not be sealed.
            let _ = done.send(prepared);
        }
    }

    /// Writes a batch's container and reads it back, encrypts it where the vendor wants that, and reads that back too; then
    /// the same with letters.csv, which stays plain.
    fn prepare(&self, ledger: &Ledger, plan: &BatchPlan, folder: PathBuf) -> Result<Prepared, Fault> {
        let failed = |e: io::Error| Fault::io("sealing a batch", &e);
        private_folder(&folder).map_err(failed)?;
        let members = members(ledger, plan)?;
        let first_pages = container::write(&self.store, self.kind, &members, &folder, MAKING)?;
        let rows = rows(&members, self.kind, &first_pages);
        drop(members);
        let plain = measure::container(&folder, MAKING, self.kind, &rows)?;
        let (mut files, encrypted) = match &self.recipient {
            None => (plain, None),
            Some(recipient) => {
                let (files, encrypted) = encrypted(&folder, plain, recipient).map_err(|e| Fault::io("encrypting a batch", &e))?;
                (files, Some(encrypted))
            }
        };
        let letters_csv = letters_to_csv(&rows)?;
        let name = format!("{MAKING}{}", BatchFiles::LETTERS);
        write_private(&folder.join(&name), &letters_csv).map_err(failed)?;
        let (entry, totals) = measure::letters(&folder, &name, &rows)?;
        let (letters_csv, letters_merkle) = (entry.sha256, merkle::root(&merkle::row_leaves(&letters_csv)?));
        files.push(entry);
        Ok(Prepared { folder, files, totals, letters_csv, letters_merkle, encrypted })
    }
}

/// Puts the encrypted files in the place of the plain ones.
fn encrypted(folder: &Path, plain: Vec<FileEntry>, recipient: &encrypt::Recipient) -> io::Result<(Vec<FileEntry>, Encrypted)> {
    let to = recipient.named()?;
    let mut files = Vec::new();
    for entry in &plain {
        let name = format!("{}{}", entry.name, to.ending());
        encrypt::encrypt(&folder.join(&entry.name), &folder.join(&name), recipient)?;
        fs::remove_file(folder.join(&entry.name))?;
        let (bytes, sha256) = size_and_hash(&folder.join(&name))?;
        files.push(FileEntry { name, bytes, sha256 });
    }
    Ok((files, Encrypted { to, plain }))
}

/// Where one vendor's batches are signed, one after another: each manifest quotes the one before.
struct Desk<'a, 'n> {
    night: &'a mut Night<'n>,
    business_day: Date,
    profile: &'a VendorProfile,
    signer: &'a Signer,
    /// Running number and manifest of the vendor's last batch.
    previous: Option<(u64, Sha256)>,
    /// The vendor's batches that never come, of the last numbers.
    withdrawn: Vec<WithdrawnBatch>,
    /// Of batches that are signed and have their name on the disk, and that the ledger does not know yet.
    unrecorded: Vec<Entry>,
    /// Signed here.
    batches: u64,
}

impl Desk<'_, '_> {
    fn sign(&mut self, plan: &BatchPlan, batch: Prepared) -> Result<(), Fault> {
        let what = |e: io::Error| Fault::io("sealing a batch", &e);
        let facts = Facts {
            vendor: self.profile.id.clone(),
            profile_version: self.profile.profile_version.clone(),
            municipality: plan.municipality.clone(),
            business_date: self.business_day.to_string(),
            sequence: self.previous.map_or(1, |(sequence, _)| sequence + 1),
            previous: self.previous.map(|(_, hash)| hash),
            withdrawn: self.withdrawn.clone(),
            environment: self.night.config.environment.clone(),
            created: clock::now(),
        };
        let name = name_of(&facts, &batch.letters_csv, &self.profile.batch.name);
        let named = |entry: FileEntry| FileEntry { name: entry.name.replace(MAKING, name.as_str()), ..entry };
        let files = batch.files.into_iter().map(named).collect();
        let encrypted = batch.encrypted.map(|e| Encrypted { plain: e.plain.into_iter().map(named).collect(), ..e });
        let manifest = manifest(facts, &name, batch.totals, files, batch.letters_merkle, encrypted);
        let bytes = manifest.to_json();
        // A night may be long: what was valid when it began need not be any more.
        self.signer.check(clock::now_s())?;
        let signature = cms::sign(&bytes, &self.signer.certificate, &self.signer.key, &self.signer.issuers)
            .map_err(|e| Fault::new("FP-K020", exit::KEYS, e.to_string()))?;
        write_private(&batch.folder.join(BatchFiles::manifest(&name)), &bytes).map_err(what)?;
        write_private(&batch.folder.join(BatchFiles::signature(&name)), &signature).map_err(what)?;
        give_name(&batch.folder, &self.night.config.batches_path().join(name.as_str()), &name).map_err(what)?;
        let (manifest_hash, signature_hash) = (Sha256(openssl::sha::sha256(&bytes)), Sha256(openssl::sha::sha256(&signature)));
        self.previous = Some((manifest.sequence, manifest_hash));
        self.unrecorded.extend(entries(self.profile, &name, manifest, manifest_hash, signature_hash, &plan.letters));
        self.batches += 1;
        if self.unrecorded.len() < RECORD_LETTERS { Ok(()) } else { self.record() }
    }

    /// A batch that could not be made: where stored letters are missing or damaged they are held, the others are planned
    /// anew; otherwise all of them are, by the next run.
    fn set_aside(&mut self, plan: &BatchPlan, fault: Fault, report: &mut RunReport) -> Result<(), Fault> {
        let mut documents = Vec::with_capacity(plan.letters.len());
        self.night.ledger.for_each_of(&plan.letters, |letter, state| {
            documents.extend(state.job.map(|job| (letter.clone(), job.document)));
        })?;
        let mut entries = Vec::new();
        for (letter, document) in documents {
            let Err(broken) = self.night.store.get(&document).map_err(Fault::from) else { continue };
            if !broken.is_of_stored_file() {
                return Err(broken);
            }
            let text =
                format!("letter {letter} is held: {}; restore it from a backup, then `fjernprint letter release {letter}`", broken.message);
            entries.push(Entry::Letter(letter, damaged(&broken)));
            report.add(Fault { message: text, ..broken });
        }
        if entries.is_empty() {
            report.add(fault);
            return Ok(());
        }
        report.held += entries.len() as u64;
        Ok(self.night.ledger.record(&clock::now(), &entries)?)
    }

    /// Makes the signed batches durable, and then known to the ledger.
    fn record(&mut self) -> Result<(), Fault> {
        if self.unrecorded.is_empty() {
            return Ok(());
        }
        self.night.store.sync()?;
        let entries = std::mem::take(&mut self.unrecorded);
        self.night.ledger.record(&clock::now(), &entries)?;
        for entry in entries {
            let Entry::Batch(name, event) = entry else { continue };
            match event {
                BatchEvent::Sealed { .. } => self.night.watch.step("batches", 1),
                BatchEvent::ReleaseRequired {} => {
                    let text = format!("batch {name} waits for two persons: `fjernprint batch release {name} --by NAME`");
                    self.night.watch.note(&text);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What the ledger is told of a sealed batch.
fn entries(
    profile: &VendorProfile,
    name: &BatchName,
    manifest: Manifest,
    manifest_hash: Sha256,
    signature_hash: Sha256,
    letters: &[LetterId],
) -> Vec<Entry> {
    let sealed = BatchEvent::Sealed {
        vendor: manifest.vendor,
        municipality: manifest.municipality_cvr,
        business_date: manifest.business_date,
        sequence: manifest.sequence,
        manifest: manifest_hash,
        signature: signature_hash,
        letters: manifest.letters,
        pages: manifest.pages,
        sheets: manifest.sheets,
        bytes: manifest.bytes,
    };
    let mut entries = vec![Entry::Batch(name.clone(), sealed)];
    if profile.delivery.release == Some(Release::TwoPersons) {
        entries.push(Entry::Batch(name.clone(), BatchEvent::ReleaseRequired {}));
    }
    entries.extend(letters.iter().map(|id| Entry::Letter(id.clone(), LetterEvent::Batched { batch: name.clone() })));
    entries
}

fn members(ledger: &Ledger, plan: &BatchPlan) -> Result<Vec<Member>, Fault> {
    let mut members = Vec::with_capacity(plan.letters.len());
    ledger.for_each_of(&plan.letters, |letter, state| {
        members.extend(state.job.map(|job| Member { letter: letter.clone(), dispatch_id: state.dispatch_id, job }));
    })?;
    if members.len() == plan.letters.len() {
        Ok(members)
    } else {
        Err(LedgerError::Corrupt { subject: "a printable letter without its print job".to_owned() }.into())
    }
}

/// Gives the container's files their batch's name, and the folder its own.
fn give_name(making: &Path, target: &Path, name: &BatchName) -> io::Result<()> {
    for entry in fs::read_dir(making)? {
        let path = entry?.path();
        let old = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(rest) = old.strip_prefix(MAKING) {
            fs::rename(&path, making.join(format!("{name}{rest}")))?;
        }
    }
    fs::rename(making, target)
}

/// Batches that are sealed and not yet known to be at the vendor.
pub(super) fn unshipped(ledger: &Ledger) -> Result<Vec<(BatchName, BatchState)>, LedgerError> {
    ledger.batches(&[BatchStatus::Sealed, BatchStatus::Uploading, BatchStatus::Unknown])
}
