//! Groups printable letters into batches: which letters go to a vendor together, and in what order.
//!
//! A pure function of its input set: neither the order the letters come in nor the number of threads changes the plan.
//! No letter is lost or doubled, no limit of the profile is crossed, and a batch holds one municipality's letters only.

use crate::domain::{Cvr, LetterId, PrintOptions, VendorId};
use crate::vendor::VendorProfile;
use serde::Serialize;
use std::collections::BTreeMap;

/// What grouping must know of a letter; no name and no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub letter: LetterId,
    pub municipality: Cvr,
    pub options: PrintOptions,
    pub postcode: String,
    pub pages: u32,
    pub sheets: u32,
    pub bytes: u64,
}

/// One batch to be sealed, in print order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchPlan {
    pub vendor: VendorId,
    pub municipality: Cvr,
    /// The options that the profile wants shared, as `plex=duplex` and so on.
    pub class: Vec<String>,
    pub letters: Vec<LetterId>,
    pub pages: u32,
    pub sheets: u32,
    /// Sum of the letters' PDFs.
    pub bytes: u64,
}

/// The plan, and the letters that are larger than any batch of this vendor (FP-G001).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    pub batches: Vec<BatchPlan>,
    pub too_large: Vec<LetterId>,
}

/// Plans one vendor's batches.
pub fn group(candidates: Vec<Candidate>, profile: &VendorProfile) -> Grouping {
    let mut classes: BTreeMap<(Cvr, Vec<String>), Vec<Candidate>> = BTreeMap::new();
    let mut too_large = Vec::new();
    for candidate in candidates {
        if candidate.bytes > profile.batch.bytes_max {
            too_large.push(candidate.letter);
        } else {
            let class = class_of(&candidate.options, profile);
            classes.entry((candidate.municipality.clone(), class)).or_default().push(candidate);
        }
    }
    too_large.sort();
    let mut batches = Vec::new();
    for ((municipality, class), mut letters) in classes {
        sort(&mut letters, &profile.batch.sort);
        batches.extend(fill(letters, profile, &municipality, &class));
    }
    Grouping { batches, too_large }
}

fn class_of(options: &PrintOptions, profile: &VendorProfile) -> Vec<String> {
    let word = |key: &str| match key {
        "plex" => options.plex.word(),
        "colour" => options.colour.word(),
        "envelope" => options.envelope.word(),
        _ => options.postage.word(),
    };
    profile.batch.one_of.iter().map(|key| format!("{key}={}", word(key))).collect()
}

fn sort(letters: &mut [Candidate], by: &str) {
    match by {
        "sheets" => letters.sort_by(|a, b| (a.sheets, &a.letter).cmp(&(b.sheets, &b.letter))),
        _ => letters.sort_by(|a, b| (&a.postcode, &a.letter).cmp(&(&b.postcode, &b.letter))),
    }
}

/// Cuts sorted letters into batches, each as full as the limits allow.
fn fill(letters: Vec<Candidate>, profile: &VendorProfile, municipality: &Cvr, class: &[String]) -> Vec<BatchPlan> {
    let empty = || BatchPlan {
        vendor: profile.id.clone(),
        municipality: municipality.clone(),
        class: class.to_vec(),
        letters: Vec::new(),
        pages: 0,
        sheets: 0,
        bytes: 0,
    };
    let mut batches: Vec<BatchPlan> = Vec::new();
    for letter in letters {
        let fits = batches
            .last()
            .is_some_and(|b| b.letters.len() < profile.batch.letters_max as usize && b.bytes + letter.bytes <= profile.batch.bytes_max);
        if !fits {
            batches.push(empty());
        }
        let batch = batches.last_mut().expect("a batch was pushed when none had room");
        batch.pages += letter.pages;
        batch.sheets += letter.sheets;
        batch.bytes += letter.bytes;
        batch.letters.push(letter.letter);
    }
    batches
}
