//! The chain of a vendor's batches: each manifest has a running number and quotes the hash of the manifest before it, so a
//! batch that never came shows, and so does one that was sealed beside another. Pure: the batches are accepted already.

use super::acceptance::{AcceptedBatch, Refusal};
use crate::domain::VendorId;
use std::collections::BTreeMap;

/// What is wrong between the batches, each vendor's for itself. The first batch of each may have others before it that are
/// no longer here.
///
/// FP-B034: a number is missing. FP-B035: two batches have one number, or one quotes another manifest before it than lies
/// here under the number before.
pub fn check_sequence<'a>(batches: impl IntoIterator<Item = &'a AcceptedBatch>) -> Vec<Refusal> {
    let mut by_vendor: BTreeMap<&VendorId, Vec<&AcceptedBatch>> = BTreeMap::new();
    for batch in batches {
        by_vendor.entry(&batch.manifest.vendor).or_default().push(batch);
    }
    let mut faults = Vec::new();
    for mut batches in by_vendor.into_values() {
        batches.sort_by_key(|batch| batch.manifest.sequence);
        faults.extend(batches.windows(2).filter_map(|pair| between(pair[0], pair[1])));
        faults.extend(batches.first().and_then(|first| begins(first)));
    }
    faults
}

fn between(before: &AcceptedBatch, after: &AcceptedBatch) -> Option<Refusal> {
    let (first, second) = (&before.manifest, &after.manifest);
    match second.sequence.saturating_sub(first.sequence) {
        0 => Some(fork(format!("{} and {} both have number {}", first.batch, second.batch, first.sequence))),
        1 if second.previous_manifest_sha256 == Some(before.manifest_sha256) => None,
        1 => Some(fork(format!("{} does not follow {}: it quotes another manifest before it", second.batch, first.batch))),
        _ => {
            let why = match (first.sequence + 1, second.sequence - 1) {
                (one, same) if one == same => format!("number {one} is missing"),
                (from, to) => format!("numbers {from} to {to} are missing"),
            };
            Some(Refusal::new("FP-B034", format!("between {} and {}: {why}", first.batch, second.batch)))
        }
    }
}

/// Number 1 quotes nothing, and every other one something.
fn begins(first: &AcceptedBatch) -> Option<Refusal> {
    let manifest = &first.manifest;
    let as_it_should = (manifest.sequence == 1) == manifest.previous_manifest_sha256.is_none();
    (!as_it_should).then(|| fork(format!("{} has number {} and does not begin or go on as such", manifest.batch, manifest.sequence)))
}

fn fork(message: String) -> Refusal {
    Refusal::new("FP-B035", message)
}
