//! Groups printable letters into batches: which letters go to a vendor together, and in what order.
//!
//! A pure function of its input set: neither the order the letters come in nor the number of threads changes the plan.
//! No letter is lost or doubled, no limit of the profile is crossed (the size as the container weighs, not its letters alone),
//! and a batch holds one municipality's letters only.

use crate::domain::calendar::Cutoff;
use crate::domain::{Cvr, Envelope, LetterId, Postage, PrintOptions, VendorId};
use crate::vendor::{PrintOrder, VendorProfile};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use std::cmp::Ordering;
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
    pub weight_g: u32,
    pub latest_arrival: Option<Date>,
}

/// A letter that cannot reach its recipient in time, or of which that cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Late {
    pub letter: LetterId,
    pub postage: Postage,
    pub latest_arrival: Date,
    /// As it is to be posted; absent where the profile has no days of carriage for that class.
    pub arrival: Option<Date>,
    /// The cheapest class at this vendor that is in time.
    pub faster: Option<Faster>,
}

/// What a faster class would mean for one letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Faster {
    pub postage: Postage,
    pub arrival: Date,
    /// More than the class that was asked for, øre without VAT; absent where that one has no price.
    pub extra_ore: Option<u32>,
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
    /// Sum of the letters' PDFs; what is held against `batch.bytes_max` is [`VendorProfile::container_bytes`].
    pub bytes: u64,
}

/// The plan, and the letters that are larger than any batch of this vendor (FP-G001).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    pub batches: Vec<BatchPlan>,
    pub too_large: Vec<LetterId>,
}

/// Letters of one class at one vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassTotals {
    pub postage: Postage,
    pub envelope: Envelope,
    pub letters: u64,
    pub pages: u64,
    pub sheets: u64,
    pub weight_g: u64,
    /// By the vendor's own table, in øre without VAT, of the letters that have a price.
    pub cost_ore: u64,
    /// Letters without a price on that day.
    pub unpriced: u64,
}

/// Everything that is planned for one vendor: a value one can print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VendorPlan {
    pub vendor: VendorId,
    /// On this day's account.
    pub business_day: Date,
    pub cutoff_at: Timestamp,
    /// When the carrier has the letters.
    pub handover: Option<Date>,
    /// Of the letters in the batches, by class.
    pub classes: Vec<ClassTotals>,
    pub batches: Vec<BatchPlan>,
    pub too_large: Vec<LetterId>,
    /// Letters with a latest arrival that will not be met, by letter.
    pub late: Vec<Late>,
}

/// Plans one vendor's batches, and what they cost and when they leave the house there.
pub fn plan(candidates: Vec<Candidate>, profile: &VendorProfile, cutoff: Cutoff) -> VendorPlan {
    let classes = class_totals(candidates.iter().filter(|c| fits_a_batch(c, profile)), profile, cutoff.business_day);
    let handover = profile.calendar.calendar().handover(cutoff.business_day);
    let mut late: Vec<Late> = candidates.iter().filter_map(|c| late(c, profile, cutoff.business_day, handover)).collect();
    late.sort_by(|a, b| a.letter.cmp(&b.letter));
    let Grouping { batches, too_large } = group(candidates, profile);
    VendorPlan {
        vendor: profile.id.clone(),
        business_day: cutoff.business_day,
        cutoff_at: cutoff.at,
        handover,
        classes,
        batches,
        too_large,
        late,
    }
}

/// Whether this letter's latest arrival is missed when the carrier has it on `handover`, and which class would be in time.
fn late(letter: &Candidate, profile: &VendorProfile, day: Date, handover: Option<Date>) -> Option<Late> {
    let latest_arrival = letter.latest_arrival?;
    let postage = letter.options.postage;
    let arrival = |class| profile.carriage.arrival(class, handover?);
    let arrives = arrival(postage);
    if arrives.is_some_and(|arrives| arrives <= latest_arrival) {
        return None;
    }
    let price = |class| profile.postage.price_ore(class, letter.weight_g, day);
    let in_time = |class| Some((price(class)?, class, arrival(class).filter(|arrives| *arrives <= latest_arrival)?));
    let cheapest = profile.postage.classes().filter(|class| *class != postage).filter_map(in_time).min();
    let faster = cheapest.map(|(costs, class, arrival)| {
        let extra_ore = price(postage).map(|now| costs.saturating_sub(now));
        Faster { postage: class, arrival, extra_ore }
    });
    Some(Late { letter: letter.letter.clone(), postage, latest_arrival, arrival: arrives, faster })
}

/// Letters, sheets and cost of each class that occurs.
fn class_totals<'a>(letters: impl Iterator<Item = &'a Candidate>, profile: &VendorProfile, day: Date) -> Vec<ClassTotals> {
    let mut classes: BTreeMap<(Postage, Envelope), ClassTotals> = BTreeMap::new();
    for letter in letters {
        let (postage, envelope) = (letter.options.postage, letter.options.envelope);
        let empty = ClassTotals { postage, envelope, letters: 0, pages: 0, sheets: 0, weight_g: 0, cost_ore: 0, unpriced: 0 };
        let class = classes.entry((postage, envelope)).or_insert(empty);
        class.letters += 1;
        class.pages += u64::from(letter.pages);
        class.sheets += u64::from(letter.sheets);
        class.weight_g += u64::from(letter.weight_g);
        match profile.postage.price_ore(postage, letter.weight_g, day) {
            Some(price_ore) => class.cost_ore += u64::from(price_ore),
            None => class.unpriced += 1,
        }
    }
    classes.into_values().collect()
}

fn fits_a_batch(letter: &Candidate, profile: &VendorProfile) -> bool {
    profile.container_bytes(1, letter.bytes) <= profile.batch.bytes_max
}

/// Plans one vendor's batches: the letters of one municipality and class lie together, each batch as full as the limits allow.
pub fn group(mut letters: Vec<Candidate>, profile: &VendorProfile) -> Grouping {
    let mut too_large = Vec::new();
    letters.retain(|letter| {
        let fits = fits_a_batch(letter, profile);
        if !fits {
            too_large.push(letter.letter.clone());
        }
        fits
    });
    too_large.sort();
    // In place: all letters of a night are held here at once.
    letters.sort_unstable_by(|a, b| may_share(a, b, profile).then_with(|| in_print_order(a, b, profile)));
    let mut batches: Vec<BatchPlan> = Vec::new();
    let mut before: Option<Candidate> = None;
    for letter in letters {
        let shares = before.as_ref().is_some_and(|before| may_share(before, &letter, profile).is_eq());
        if !shares || batches.last().is_none_or(|batch| !has_room(batch, &letter, profile)) {
            batches.push(empty(&letter, profile));
        }
        let batch = batches.last_mut().expect("a batch was pushed when none had room");
        batch.pages += letter.pages;
        batch.sheets += letter.sheets;
        batch.bytes += letter.bytes;
        batch.letters.push(letter.letter.clone());
        before = Some(letter);
    }
    Grouping { batches, too_large }
}

/// Equal for letters that may lie in one batch.
fn may_share(a: &Candidate, b: &Candidate, profile: &VendorProfile) -> Ordering {
    let classes = || profile.batch.one_of.iter().map(|key| word(key, &a.options).cmp(word(key, &b.options)));
    a.municipality.cmp(&b.municipality).then_with(|| classes().find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
}

fn in_print_order(a: &Candidate, b: &Candidate, profile: &VendorProfile) -> Ordering {
    let ascending = match profile.batch.sort.as_str() {
        "sheets" => a.sheets.cmp(&b.sheets),
        _ => a.postcode.cmp(&b.postcode),
    };
    let ascending = ascending.then_with(|| a.letter.cmp(&b.letter));
    if profile.batch.order == PrintOrder::Descending { ascending.reverse() } else { ascending }
}

fn has_room(batch: &BatchPlan, letter: &Candidate, profile: &VendorProfile) -> bool {
    let letters = batch.letters.len() as u64 + 1;
    letters <= u64::from(profile.batch.letters_max)
        && profile.container_bytes(letters, batch.bytes.saturating_add(letter.bytes)) <= profile.batch.bytes_max
}

fn empty(first: &Candidate, profile: &VendorProfile) -> BatchPlan {
    BatchPlan {
        vendor: profile.id.clone(),
        municipality: first.municipality.clone(),
        class: profile.batch.one_of.iter().map(|key| format!("{key}={}", word(key, &first.options))).collect(),
        letters: Vec::new(),
        pages: 0,
        sheets: 0,
        bytes: 0,
    }
}

/// What a letter's options say of one of the keys in a profile's `batch.one_of`.
fn word(key: &str, options: &PrintOptions) -> &'static str {
    match key {
        "plex" => options.plex.word(),
        "colour" => options.colour.word(),
        "envelope" => options.envelope.word(),
        _ => options.postage.word(),
    }
}
