//! The chain of a vendor's batches: each manifest has a running number and quotes the hash of the manifest before it, so a
//! batch that never came shows, and so does one that was sealed beside another. Pure: the batches are accepted already.

use super::acceptance::{AcceptedBatch, Refusal};
use crate::domain::VendorId;
use crate::wire::manifest::WithdrawnBatch;
use std::collections::BTreeMap;

/// What is wrong between the batches, each vendor's for itself. The first batch of each may have others before it that are
/// no longer here.
///
/// FP-B034: a number is missing, and no manifest says that its batch was taken back. FP-B035: two batches have one number, or
/// one quotes another manifest before it than lies here under the number before. FP-B037: a batch lies here that was taken back.
pub fn check_sequence<'a>(batches: impl IntoIterator<Item = &'a AcceptedBatch>) -> Vec<Refusal> {
    let mut by_vendor: BTreeMap<&VendorId, Vec<&AcceptedBatch>> = BTreeMap::new();
    for batch in batches {
        by_vendor.entry(&batch.manifest.vendor).or_default().push(batch);
    }
    let mut faults = Vec::new();
    for mut batches in by_vendor.into_values() {
        batches.sort_by_key(|batch| batch.manifest.sequence);
        let told = batches.iter().flat_map(|batch| &batch.manifest.withdrawn);
        let withdrawn: BTreeMap<u64, &WithdrawnBatch> = told.map(|one| (one.sequence, one)).collect();
        faults.extend(batches.windows(2).filter_map(|pair| between(pair[0], pair[1], &withdrawn)));
        faults.extend(batches.first().and_then(|first| begins(first)));
        faults.extend(batches.iter().filter_map(|batch| taken_back(batch, &withdrawn)));
    }
    faults
}

fn between(before: &AcceptedBatch, after: &AcceptedBatch, withdrawn: &BTreeMap<u64, &WithdrawnBatch>) -> Option<Refusal> {
    let (first, second) = (&before.manifest, &after.manifest);
    if second.sequence == first.sequence {
        return Some(fork(format!("{} and {} both have number {}", first.batch, second.batch, first.sequence)));
    }
    let mut missing = (first.sequence + 1..second.sequence).filter(|number| !withdrawn.contains_key(number));
    if let Some(one) = missing.next() {
        let why = match missing.next_back() {
            None => format!("number {one} is missing"),
            Some(last) => format!("numbers from {one} to {last} are missing"),
        };
        return Some(Refusal::new("FP-B034", format!("between {} and {}: {why}", first.batch, second.batch)));
    }
    let last = withdrawn.get(&(second.sequence - 1)).filter(|_| second.sequence - 1 > first.sequence);
    let expected = last.map_or(before.manifest_sha256, |last| last.manifest_sha256);
    (second.previous_manifest_sha256 != Some(expected)).then(|| {
        let name = last.map_or(&first.batch, |last| &last.batch);
        fork(format!("{} does not follow {name}: it quotes another manifest before it", second.batch))
    })
}

/// Its letters went into another batch, or nowhere.
fn taken_back(batch: &AcceptedBatch, withdrawn: &BTreeMap<u64, &WithdrawnBatch>) -> Option<Refusal> {
    let told = withdrawn.get(&batch.manifest.sequence).filter(|told| told.manifest_sha256 == batch.manifest_sha256)?;
    let text = format!("{} was taken back by its sender, as a later manifest says: print nothing of it, and delete its files", told.batch);
    Some(Refusal::new("FP-B037", text))
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
