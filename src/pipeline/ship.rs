//! What goes up for a batch, in which order, and what an unknown outcome is asked.

use crate::domain::BatchName;
use crate::domain::status::BatchStatus;
use crate::vendor::profile::Delivery;
use crate::wire::manifest::{BatchFiles, Manifest};

/// One file of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Relative to the batch's own folder.
    pub local: String,
    /// Relative to the login folder at the vendor.
    pub remote: String,
    pub bytes: u64,
}

/// The files of a batch in the order they go up: containers and letters.csv, then the manifest, its signature last. The
/// ready marker is not among them: it says that all of these are complete.
pub fn parts(manifest: &Manifest, manifest_bytes: u64, signature_bytes: u64, delivery: &Delivery) -> Vec<Part> {
    let part = |name: String, bytes: u64| Part { remote: format!("{}/{name}", delivery.inbox), local: name, bytes };
    let mut parts: Vec<Part> = manifest.files.iter().map(|file| part(file.name.clone(), file.bytes)).collect();
    parts.push(part(BatchFiles::manifest(&manifest.batch), manifest_bytes));
    parts.push(part(BatchFiles::signature(&manifest.batch), signature_bytes));
    parts
}

/// The empty marker that a vendor starts on.
pub fn ready_marker(batch: &BatchName, delivery: &Delivery) -> String {
    format!("{}/{}", delivery.inbox, BatchFiles::ready(batch))
}

/// Folders to make at the vendor before the parts go up.
pub fn folders(parts: &[Part]) -> Vec<String> {
    let mut folders: Vec<String> = parts
        .iter()
        .filter(|p| p.local.contains('/'))
        .filter_map(|p| p.remote.rsplit_once('/'))
        .map(|(folder, _)| folder.to_owned())
        .collect();
    folders.dedup();
    folders
}

/// Where a batch's shipping goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From the first file; what is there already with the right size is left.
    Upload,
    /// Every file is complete at the vendor, only the marker may be missing. A server that keeps its files is looked at; one
    /// that sweeps them away has answered, or gets the marker again: it carries no letter, and a vendor that has the batch
    /// answers once more.
    Mark,
    Nothing,
}

pub fn step(status: BatchStatus) -> Step {
    match status {
        BatchStatus::Sealed | BatchStatus::Uploading => Step::Upload,
        BatchStatus::Unknown => Step::Mark,
        BatchStatus::Unreleased | BatchStatus::Shipped | BatchStatus::Acknowledged | BatchStatus::Refused | BatchStatus::Settled => {
            Step::Nothing
        }
    }
}
