//! What a batch says of itself: its rows, its name and its manifest. A pure function of the letters, in print order.

use crate::domain::{BatchName, Cvr, LetterId, PrintJob, Sha256, VendorId};
use crate::vendor::Container;
use crate::vendor::naming::{NameParts, batch_name};
use crate::wire::manifest::{Encrypted, FORMAT, FileEntry, LetterRow, Manifest, STREAM_FILE, WithdrawnBatch};

/// One letter of a batch.
#[derive(Debug, Clone)]
pub struct Member {
    pub letter: LetterId,
    pub dispatch_id: String,
    pub job: PrintJob,
}

/// What a batch says of itself beside its letters.
#[derive(Debug, Clone)]
pub struct Facts {
    pub vendor: VendorId,
    pub profile_version: String,
    pub municipality: Cvr,
    /// ISO 8601.
    pub business_date: String,
    /// The vendor's running number, from 1.
    pub sequence: u64,
    /// Of the vendor's batch before this one.
    pub previous: Option<Sha256>,
    /// Batches before this one that never come.
    pub withdrawn: Vec<WithdrawnBatch>,
    /// `test` or `production`.
    pub environment: String,
    /// RFC 3339, UTC.
    pub created: String,
}

/// The rows of letters.csv. `first_pages` are those of a stream, and empty otherwise.
pub fn rows(members: &[Member], container: Container, first_pages: &[u32]) -> Vec<LetterRow> {
    let row = |(index, member): (usize, &Member)| {
        let job = &member.job;
        LetterRow {
            seq: index as u32 + 1,
            letter_id: member.letter.clone(),
            dispatch_id: member.dispatch_id.clone(),
            file: if container == Container::Stream { STREAM_FILE.to_owned() } else { format!("{}.pdf", member.letter) },
            first_page: first_pages.get(index).copied().unwrap_or(1),
            pages: job.pages,
            sheets: job.sheets,
            bytes: job.bytes,
            sha256: job.document,
            sha256_received: job.received,
            plex: job.options.plex,
            colour: job.options.colour,
            envelope: job.options.envelope,
            postage: job.options.postage,
            weight_g: job.weight_g,
            country: job.country.clone(),
            cost_group: job.cost_group.clone(),
            deadline: job.latest_arrival.map(|day| day.to_string()).unwrap_or_default(),
        }
    };
    members.iter().enumerate().map(row).collect()
}

/// The batch's name: a function of its facts and the hash of letters.csv, by the vendor's own template.
pub fn name_of(facts: &Facts, letters: &Sha256, template: &str) -> BatchName {
    let parts = NameParts {
        vendor: &facts.vendor,
        municipality: &facts.municipality,
        business_date: &facts.business_date,
        sequence: facts.sequence,
        letters,
    };
    batch_name(template, &parts).expect("the profile's template was tried with the longest name when it was read")
}

/// What letters.csv adds up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub letters: u32,
    pub pages: u32,
    pub sheets: u32,
    /// Of the letters' own PDFs.
    pub bytes: u64,
}

impl Totals {
    pub fn of(rows: &[LetterRow]) -> Self {
        Self {
            letters: rows.len() as u32,
            pages: rows.iter().map(|r| r.pages).sum(),
            sheets: rows.iter().map(|r| r.sheets).sum(),
            bytes: rows.iter().map(|r| r.bytes).sum(),
        }
    }
}

/// The manifest over files and totals as they were read back from the disk.
///
/// `letters_merkle` is the root over the rows of letters.csv.
pub fn manifest(
    facts: Facts,
    name: &BatchName,
    totals: Totals,
    files: Vec<FileEntry>,
    letters_merkle: Sha256,
    encrypted: Option<Encrypted>,
) -> Manifest {
    Manifest {
        format: FORMAT.to_owned(),
        batch: name.clone(),
        vendor: facts.vendor,
        profile_version: facts.profile_version,
        environment: facts.environment,
        municipality_cvr: facts.municipality,
        business_date: facts.business_date,
        sequence: facts.sequence,
        created: facts.created,
        letters: totals.letters,
        pages: totals.pages,
        sheets: totals.sheets,
        bytes: totals.bytes,
        files,
        letters_merkle_sha256: Some(letters_merkle),
        encrypted,
        previous_manifest_sha256: facts.previous,
        replaces: None,
        withdrawn: facts.withdrawn,
    }
}
