//! Seals what grouping planned: container, letters.csv, manifest and signature, all on disk before the ledger says so.
//!
//! A batch's folder gets its final name when everything in it is written and durable. A folder that the ledger does not
//! know was cut off before that: it is cleared away, and its letters are planned again.

use super::{Night, RunReport};
use crate::adapters::clock;
use crate::adapters::signer::Signer;
use crate::adapters::store::{Store, private_folder, size_and_hash, write_private};
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::domain::state::LetterState;
use crate::domain::status::{BatchEvent, BatchStatus, LetterEvent};
use crate::domain::{BatchName, LetterId, PrintJob, Sha256, VendorId};
use crate::ledger::{Entry, Ledger, LedgerError};
use crate::pdf::join::join;
use crate::pipeline::group::{BatchPlan, Candidate, group};
use crate::pipeline::seal::{Facts, Member, manifest, name_of, rows};
use crate::vendor::{Container, VendorProfile};
use crate::wire::cms;
use crate::wire::manifest::{BatchFiles, FileEntry, letters_to_csv};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

const MAKING: &str = ".making";

/// The plans for all printable letters that are in no batch, vendor by vendor.
pub fn plan(config: &Config, ledger: &Ledger) -> Result<Vec<BatchPlan>, Fault> {
    Ok(groupings(config, ledger)?.into_iter().flat_map(|(_, grouping)| grouping.batches).collect())
}

fn groupings<'a>(config: &'a Config, ledger: &Ledger) -> Result<Vec<(&'a VendorProfile, crate::pipeline::group::Grouping)>, Fault> {
    let mut by_vendor: BTreeMap<VendorId, Vec<Candidate>> = BTreeMap::new();
    ledger.for_each_validated(|letter, state| {
        if let Some(job) = state.job {
            let candidate = Candidate {
                letter,
                municipality: state.municipality,
                options: job.options,
                postcode: job.postcode,
                pages: job.pages,
                sheets: job.sheets,
                bytes: job.bytes,
            };
            by_vendor.entry(job.vendor).or_default().push(candidate);
        }
    })?;
    let planned = |(vendor, candidates)| config.profiles.get(&vendor).map(|profile| (profile, group(candidates, profile)));
    Ok(by_vendor.into_iter().filter_map(planned).collect())
}

pub(super) fn seal(night: &mut Night<'_>, report: &mut RunReport) -> Result<(), Fault> {
    let root = night.config.batches_path();
    private_folder(&root).map_err(|e| Fault::io(format!("making {}", root.display()), &e))?;
    clear_unfinished(&root, &night.ledger)?;
    let groupings = groupings(night.config, &night.ledger)?;
    let total = groupings.iter().map(|(_, g)| g.batches.len() as u64).sum();
    night.watch.begin("batches", Some(total));
    let signer = if total > 0 { Some(Signer::read(&night.config.signer, clock::now_s())?) } else { None };
    for (profile, grouping) in groupings {
        for letter in grouping.too_large {
            let message = "the letter is larger than any batch of this vendor".to_owned();
            let event = LetterEvent::Rejected { code: "FP-G001".to_owned(), message };
            night.ledger.record(&clock::now(), &[Entry::Letter(letter, event)])?;
            report.rejected += 1;
        }
        for plan in grouping.batches {
            let Some(signer) = &signer else { break };
            seal_one(night, profile, &plan, signer, &root)?;
            report.batches_sealed += 1;
            night.watch.step("batches", 1);
        }
    }
    night.watch.end("batches");
    Ok(())
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

fn seal_one(night: &mut Night<'_>, profile: &VendorProfile, plan: &BatchPlan, signer: &Signer, root: &Path) -> Result<(), Fault> {
    let members = members(&night.ledger, plan)?;
    let making = root.join(MAKING);
    let what = |e: io::Error| Fault::io("sealing a batch", &e);
    if making.exists() {
        fs::remove_dir_all(&making).map_err(what)?;
    }
    private_folder(&making).map_err(what)?;
    let (contained, first_pages) = contain(&night.store, profile.batch.container, &members, &making)?;
    let rows = rows(&members, profile.batch.container, &first_pages);
    let letters_csv = letters_to_csv(&rows)?;
    let previous = night.ledger.last_batch(&profile.id)?;
    let facts = Facts {
        vendor: profile.id.clone(),
        profile_version: profile.profile_version.clone(),
        municipality: plan.municipality.clone(),
        business_date: night.business_date.clone(),
        sequence: previous.map_or(1, |(sequence, _)| sequence + 1),
        previous: previous.map(|(_, hash)| hash),
        environment: night.config.environment.clone(),
        created: clock::now(),
    };
    let name = name_of(&facts, &letters_csv);
    let mut files: Vec<FileEntry> =
        contained.into_iter().map(|entry| FileEntry { name: entry.name.replace(MAKING, name.as_str()), ..entry }).collect();
    write_private(&making.join(BatchFiles::letters(&name)), &letters_csv).map_err(what)?;
    let csv_entry =
        FileEntry { name: BatchFiles::letters(&name), bytes: letters_csv.len() as u64, sha256: Sha256(openssl::sha::sha256(&letters_csv)) };
    files.push(csv_entry);
    let manifest = manifest(facts, &name, &rows, files);
    let bytes = manifest.to_json();
    // A night may be long: what was valid when it began need not be any more.
    signer.check(clock::now_s())?;
    let signature = cms::sign(&bytes, &signer.certificate, &signer.key, &signer.issuers)
        .map_err(|e| Fault::new("FP-K020", crate::app::fault::exit::KEYS, e.to_string()))?;
    write_private(&making.join(BatchFiles::manifest(&name)), &bytes).map_err(what)?;
    write_private(&making.join(BatchFiles::signature(&name)), &signature).map_err(what)?;
    finish(&making, &root.join(name.as_str()), &name).map_err(what)?;
    night.store.sync()?;
    let sealed = BatchEvent::Sealed {
        vendor: profile.id.clone(),
        municipality: plan.municipality.clone(),
        business_date: manifest.business_date.clone(),
        sequence: manifest.sequence,
        manifest: Sha256(openssl::sha::sha256(&bytes)),
        signature: Sha256(openssl::sha::sha256(&signature)),
        letters: manifest.letters,
        pages: manifest.pages,
        sheets: manifest.sheets,
        bytes: manifest.bytes,
    };
    let batched = members.iter().map(|m| Entry::Letter(m.letter.clone(), LetterEvent::Batched { batch: name.clone() }));
    let entries: Vec<Entry> = std::iter::once(Entry::Batch(name.clone(), sealed)).chain(batched).collect();
    Ok(night.ledger.record(&manifest.created, &entries)?)
}

fn members(ledger: &Ledger, plan: &BatchPlan) -> Result<Vec<Member>, Fault> {
    let member = |id: &LetterId| {
        let corrupt = || LedgerError::Corrupt { subject: id.to_string() };
        let LetterState { dispatch_id, job: Some(job), .. } = ledger.letter(id)?.ok_or_else(corrupt)? else { return Err(corrupt()) };
        Ok(Member { letter: id.clone(), dispatch_id, job })
    };
    Ok(plan.letters.iter().map(member).collect::<Result<_, LedgerError>>()?)
}

/// Gives the container's files their batch's name, and the folder its own.
fn finish(making: &Path, target: &Path, name: &BatchName) -> io::Result<()> {
    for entry in fs::read_dir(making)? {
        let path = entry?.path();
        let old = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(rest) = old.strip_prefix(MAKING) {
            fs::rename(&path, making.join(format!("{name}{rest}")))?;
        }
    }
    fs::rename(making, target)
}

/// Writes the container under names that begin with [`MAKING`]; gives its files as the manifest lists them, and for a
/// stream each letter's first page.
fn contain(store: &Store, container: Container, members: &[Member], folder: &Path) -> Result<(Vec<FileEntry>, Vec<u32>), Fault> {
    let what = |e: io::Error| Fault::io("writing a batch's container", &e);
    let letter_name = |member: &Member| format!("{}.pdf", member.letter);
    match container {
        Container::Zip => {
            let name = format!("{MAKING}.zip");
            let file = BufWriter::new(File::create_new(folder.join(&name)).map_err(what)?);
            let mut zip = zip::ZipWriter::new(file);
            let options = zip::write::SimpleFileOptions::default()
                .compression_method(zip::CompressionMethod::Stored)
                .last_modified_time(zip::DateTime::default())
                .unix_permissions(0o640);
            for member in members {
                zip.start_file(letter_name(member), options).map_err(|e| what(e.into()))?;
                zip.write_all(&store.get(&member.job.document)?).map_err(what)?;
            }
            zip.finish().map_err(|e| what(e.into()))?.flush().map_err(what)?;
            Ok((vec![entry_of(folder, &name).map_err(what)?], Vec::new()))
        }
        Container::Files => {
            private_folder(&folder.join(MAKING)).map_err(what)?;
            let mut files = Vec::new();
            for member in members {
                let name = format!("{MAKING}/{}", letter_name(member));
                let PrintJob { document, bytes, .. } = &member.job;
                write_private(&folder.join(&name), &store.get(document)?).map_err(what)?;
                files.push(FileEntry { name, bytes: *bytes, sha256: *document });
            }
            Ok((files, Vec::new()))
        }
        Container::Stream => {
            let letters: Vec<Vec<u8>> = members.iter().map(|m| store.get(&m.job.document)).collect::<Result<_, _>>()?;
            let parts: Vec<&[u8]> = letters.iter().map(Vec::as_slice).collect();
            let duplex = members.iter().any(|m| m.job.options.plex == crate::domain::Plex::Duplex);
            let joined = join(&parts, duplex).map_err(|e| Fault::new("FP-D005", crate::app::fault::exit::UNEXPECTED, e.to_string()))?;
            let name = format!("{MAKING}.pdf");
            write_private(&folder.join(&name), &joined.bytes).map_err(what)?;
            Ok((vec![entry_of(folder, &name).map_err(what)?], joined.first_pages))
        }
    }
}

/// The manifest's entry of a file, read back from the disk.
fn entry_of(folder: &Path, name: &str) -> io::Result<FileEntry> {
    let (bytes, sha256) = size_and_hash(&folder.join(name))?;
    Ok(FileEntry { name: name.to_owned(), bytes, sha256 })
}

/// Batches that are sealed and not yet known to be at the vendor.
pub(super) fn unshipped(ledger: &Ledger) -> Result<Vec<(BatchName, crate::domain::state::BatchState)>, LedgerError> {
    ledger.batches(&[BatchStatus::Sealed, BatchStatus::Uploading, BatchStatus::Unknown])
}
