//! What a batch says of itself: its rows, its name and its manifest. A pure function of the letters, in print order.

use crate::domain::{BatchName, Cvr, LetterId, PrintJob, Sha256, VendorId};
use crate::vendor::{Container, VendorProfile};
use crate::wire::manifest::{FORMAT, FileEntry, LetterRow, Manifest, STREAM_FILE};

/// One letter of a batch.
#[derive(Debug, Clone)]
pub struct Member {
    pub letter: LetterId,
    pub dispatch_id: String,
    pub job: PrintJob,
}

/// What a batch's name is made of, beside its hash.
#[derive(Debug, Clone)]
pub struct Facts {
    pub vendor: VendorId,
    pub municipality: Cvr,
    /// ISO 8601.
    pub business_date: String,
    /// The vendor's running number, from 1.
    pub sequence: u64,
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
            deadline: String::new(),
        }
    };
    members.iter().enumerate().map(row).collect()
}

/// The batch's name: a function of its facts and the bytes of letters.csv.
pub fn name_of(facts: &Facts, letters_csv: &[u8]) -> BatchName {
    let hash = Sha256(openssl::sha::sha256(letters_csv)).short();
    let date = facts.business_date.replace('-', "");
    let name = format!("FP-{}-{}-{date}-{}-{hash}", facts.vendor, facts.municipality, facts.sequence);
    name.parse().expect("vendor, CVR, date, number and hash make a batch name")
}

/// The manifest over the rows and the files.
#[allow(clippy::too_many_arguments)]
pub fn manifest(
    facts: &Facts,
    name: &BatchName,
    profile: &VendorProfile,
    rows: &[LetterRow],
    files: Vec<FileEntry>,
    previous: Option<Sha256>,
    environment: &str,
    created: &str,
) -> Manifest {
    Manifest {
        format: FORMAT.to_owned(),
        batch: name.clone(),
        vendor: facts.vendor.clone(),
        profile_version: profile.profile_version.clone(),
        environment: environment.to_owned(),
        municipality_cvr: facts.municipality.clone(),
        business_date: facts.business_date.clone(),
        sequence: facts.sequence,
        created: created.to_owned(),
        letters: rows.len() as u32,
        pages: rows.iter().map(|r| r.pages).sum(),
        sheets: rows.iter().map(|r| r.sheets).sum(),
        bytes: rows.iter().map(|r| r.bytes).sum(),
        files,
        previous_manifest_sha256: previous,
        replaces: None,
    }
}
