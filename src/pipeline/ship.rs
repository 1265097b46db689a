//! What goes up for a batch, in which order, what an earlier attempt left, and what an unknown outcome is asked.

use crate::domain::status::BatchStatus;
use crate::domain::{BatchName, CompletionSign};
use crate::vendor::profile::Delivery;
use crate::wire::manifest::{BatchFiles, Manifest};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// First wait before another try at a vendor that does not answer; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(20);
/// So many earlier attempts are cleared up after. Each attempt does so first, so one is the rule.
const ATTEMPTS_CLEARED: u32 = 32;

/// One file of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Relative to the batch's own folder.
    pub local: String,
    /// Relative to the login folder at the vendor.
    pub remote: String,
    pub bytes: u64,
}

/// The files of a batch in the order they go up: containers and letters.csv, in any order among themselves, then the
/// manifest, its signature last. The completion sign is not among them: it says that all of these are complete. Where the
/// signature is the sign, it is not among them either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    pub content: Vec<Part>,
    pub proof: Vec<Part>,
}

impl Parts {
    pub fn of(manifest: &Manifest, manifest_bytes: u64, signature_bytes: u64, delivery: &Delivery) -> Self {
        let part = |name: String, bytes: u64| Part { remote: format!("{}/{name}", delivery.inbox), local: name, bytes };
        let manifest_part = part(BatchFiles::manifest(&manifest.batch), manifest_bytes);
        let signature = part(BatchFiles::signature(&manifest.batch), signature_bytes);
        Self {
            content: manifest.files.iter().map(|file| part(file.name.clone(), file.bytes)).collect(),
            proof: match delivery.completion_sign {
                CompletionSign::Marker(_) => vec![manifest_part, signature],
                CompletionSign::Signature => vec![manifest_part],
            },
        }
    }

    /// Folders to make at the vendor before the parts go up.
    pub fn folders(&self) -> Vec<String> {
        let mut folders: Vec<String> = self.content.iter().filter_map(Part::own_folder).map(str::to_owned).collect();
        folders.dedup();
        folders
    }
}

impl Part {
    /// The remote folder, where it is the batch's own and not the inbox.
    pub fn own_folder(&self) -> Option<&str> {
        self.local.contains('/').then(|| self.remote.rsplit_once('/')).flatten().map(|(folder, _)| folder)
    }
}

/// What a vendor starts on, at the vendor.
pub fn completion_sign(batch: &BatchName, delivery: &Delivery) -> String {
    format!("{}/{}", delivery.inbox, delivery.completion_sign.file(batch))
}

/// The attempts before this one whose parts may still lie at the vendor.
pub fn earlier(attempt: u32) -> Range<u32> {
    attempt.saturating_sub(ATTEMPTS_CLEARED).max(1)..attempt
}

/// Of the names that lie in a batch's own folder, those that an earlier attempt left of `parts`: part and attempt. A name
/// that is not made of ours is nobody we know, and is left.
pub fn left_over<'a>(listed: &BTreeMap<String, u64>, folder: &str, parts: &'a [Part], attempt: u32) -> Vec<(&'a Part, u32)> {
    let ours: BTreeMap<&str, &Part> =
        parts.iter().filter(|p| p.own_folder() == Some(folder)).filter_map(|p| Some((p.remote.rsplit_once('/')?.1, p))).collect();
    let of_ours = |name: &String| {
        let (name, number) = name.strip_suffix(".part")?.rsplit_once('.')?;
        let number: u32 = number.parse().ok()?;
        Some((*ours.get(name)?, number)).filter(|_| number < attempt)
    };
    listed.keys().filter_map(of_ours).collect()
}

/// How long to wait after try number `tries`, the first being 1. `random` is from 0 to 1: two who failed together do not
/// come back together.
pub fn wait_after(tries: u32, random: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(WAIT_MAX);
    doubled.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// Where a batch's shipping goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From the first file; what is there already with the right size is left.
    Upload,
    /// Every file is complete at the vendor, only the completion sign may be missing. A server that keeps its files is looked at; one
    /// that sweeps them away has answered, or gets the sign again: it carries no letter, and a vendor that has the batch
    /// answers once more.
    Mark,
    Nothing,
}

pub fn step(status: BatchStatus) -> Step {
    match status {
        BatchStatus::Sealed | BatchStatus::Uploading => Step::Upload,
        BatchStatus::Unknown => Step::Mark,
        BatchStatus::Unreleased
        | BatchStatus::Shipped
        | BatchStatus::Acknowledged
        | BatchStatus::Refused
        | BatchStatus::Settled
        | BatchStatus::Withdrawn => Step::Nothing,
    }
}
