//! Laws of grouping, for any letters and limits.

use fjernprint::domain::calendar::Cutoff;
use fjernprint::domain::{Colour, Envelope, LetterId, Plex, Postage, PrintOptions, sheets_of};
use fjernprint::pipeline::group::{Candidate, group, plan};
use fjernprint::vendor::{Container, PrintOrder, VendorProfile};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;

fn cutoff() -> Cutoff {
    Cutoff { business_day: jiff::civil::date(2026, 11, 24), at: "2026-11-24T17:00:00Z".parse().unwrap() }
}

fn profile(letters_max: u32, bytes_max: u64) -> VendorProfile {
    let text = fs::read_to_string(format!("{}/vendors/straalfors/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut profile = VendorProfile::parse(&text).unwrap();
    profile.batch.letters_max = letters_max;
    profile.batch.bytes_max = bytes_max;
    profile
}

fn candidate() -> impl Strategy<Value = Candidate> {
    (0u32..200, 0u8..3, any::<bool>(), any::<bool>(), 1000u32..1010, 1u32..13, 1u64..1200).prop_map(
        |(n, cvr, duplex, c4, postcode, pages, bytes)| {
            let plex = if duplex { Plex::Duplex } else { Plex::Simplex };
            let envelope = if c4 { Envelope::C4 } else { Envelope::C5 };
            Candidate {
                letter: format!("L{n:024x}").parse().unwrap(),
                municipality: format!("9999001{cvr}").parse().unwrap(),
                options: PrintOptions { plex, colour: Colour::BlackWhite, envelope, postage: Postage::Economique },
                postcode: postcode.to_string(),
                pages,
                sheets: sheets_of(pages, plex),
                bytes,
                weight_g: 10 + 5 * sheets_of(pages, plex),
                latest_arrival: None,
            }
        },
    )
}

/// A container, and whether it is encrypted: files of their own never are.
fn containers() -> impl Strategy<Value = (Container, bool)> {
    let kinds = [Container::Zip, Container::Stream, Container::Files];
    (0usize..3, any::<bool>()).prop_map(move |(kind, encrypted)| (kinds[kind], encrypted && kinds[kind] != Container::Files))
}

#[test]
fn a_container_weighs_more_than_its_letters() {
    let mut profile = profile(100_000, 2 << 30);
    let mut check = |container, encrypted: bool, letters, letters_bytes, expected: u64| {
        profile.batch.container = container;
        profile.delivery.encrypt_to = encrypted.then(|| "keys/vendor.pem".to_owned().into());
        assert_eq!(profile.container_bytes(letters, letters_bytes), expected, "{container:?} {encrypted} {letters} {letters_bytes}");
    };
    check(Container::Files, false, 3, 3_000, 3_000);
    check(Container::Stream, false, 3, 3_000, 3_000);
    check(Container::Zip, false, 1, 0, 156);
    check(Container::Zip, false, 65_535, 0, 134 * 65_535 + 22);
    check(Container::Zip, false, 65_536, 0, 134 * 65_536 + 98);
    check(Container::Stream, true, 1, 65_536, 65_536 + 4096 + 32);
    check(Container::Stream, true, 1, 65_537, 65_537 + 4096 + 48);
    check(Container::Zip, true, 1, 65_536, 65_692 + 4096 + 48);
    check(Container::Zip, true, u64::MAX, u64::MAX, u64::MAX);
}

proptest! {
    #[test]
    fn no_letter_is_lost_no_limit_crossed_and_order_does_not_matter(
        letters in proptest::collection::vec(candidate(), 0..120),
        letters_max in 1u32..9,
        bytes_max in 1000u64..3000,
        turn in 0usize..120,
        (container, encrypted) in containers(),
    ) {
        let head = if encrypted { 4_128 } else { 0 };
        let bytes_max = bytes_max + head;
        let mut profile = profile(letters_max, bytes_max);
        profile.batch.container = container;
        profile.delivery.encrypt_to = encrypted.then(|| "keys/vendor.age".to_owned().into());
        // Written out, so that the arithmetic is said twice: 134 bytes a letter and 22 of a ZIP, all within one chunk of age's.
        let weighs = |members: &[&Candidate]| {
            let of_zip = if container == Container::Zip { 134 * members.len() as u64 + 22 } else { 0 };
            members.iter().map(|c| c.bytes).sum::<u64>() + of_zip + head
        };
        let by_id: BTreeMap<LetterId, Candidate> = letters.into_iter().map(|c| (c.letter.clone(), c)).collect();
        let input: Vec<Candidate> = by_id.values().cloned().collect();
        let plan = group(input.clone(), &profile);

        let mut all: Vec<&LetterId> = plan.batches.iter().flat_map(|b| &b.letters).chain(&plan.too_large).collect();
        all.sort();
        prop_assert_eq!(all, by_id.keys().collect::<Vec<_>>());
        for batch in &plan.batches {
            let members: Vec<&Candidate> = batch.letters.iter().map(|id| &by_id[id]).collect();
            prop_assert!(!members.is_empty() && members.len() <= letters_max as usize);
            prop_assert!(weighs(&members) <= bytes_max);
            prop_assert_eq!(batch.bytes, members.iter().map(|c| c.bytes).sum::<u64>());
            prop_assert_eq!(batch.pages, members.iter().map(|c| c.pages).sum::<u32>());
            prop_assert_eq!(batch.sheets, members.iter().map(|c| c.sheets).sum::<u32>());
            prop_assert!(members.iter().all(|c| c.municipality == batch.municipality && c.options == members[0].options));
            prop_assert!(members.windows(2).all(|w| w[0].postcode <= w[1].postcode));
        }
        prop_assert!(plan.too_large.iter().all(|id| weighs(&[&by_id[id]]) > bytes_max));
        // As full as the limits allow: what begins a batch had no room in the one before.
        for pair in plan.batches.windows(2).filter(|pair| pair[0].municipality == pair[1].municipality && pair[0].class == pair[1].class) {
            let with_next: Vec<&Candidate> = pair[0].letters.iter().chain(&pair[1].letters[..1]).map(|id| &by_id[id]).collect();
            prop_assert!(with_next.len() > letters_max as usize || weighs(&with_next) > bytes_max);
        }

        let mut turned = input;
        let middle = turn % turned.len().max(1);
        turned.rotate_left(middle);
        turned.reverse();
        prop_assert_eq!(group(turned, &profile), plan);
    }

    #[test]
    fn a_plan_counts_every_letter_once_and_prices_it_by_the_table(
        letters in proptest::collection::vec(candidate(), 0..80),
        bytes_max in 600u64..3000,
        turn in 0usize..80,
    ) {
        let mut profile = profile(7, bytes_max);
        profile.batch.order = PrintOrder::Descending;
        let by_id: BTreeMap<LetterId, Candidate> = letters.into_iter().map(|c| (c.letter.clone(), c)).collect();
        let mut input: Vec<Candidate> = by_id.values().cloned().collect();
        let made = plan(input.clone(), &profile, cutoff());
        let planned: Vec<&Candidate> = made.batches.iter().flat_map(|b| &b.letters).map(|id| &by_id[id]).collect();
        let sum = |of: fn(&Candidate) -> u64| planned.iter().map(|c| of(c)).sum::<u64>();
        prop_assert_eq!(made.classes.iter().map(|c| c.letters).sum::<u64>(), planned.len() as u64);
        prop_assert_eq!(made.classes.iter().map(|c| c.sheets).sum::<u64>(), sum(|c| u64::from(c.sheets)));
        prop_assert_eq!(made.classes.iter().map(|c| c.weight_g).sum::<u64>(), sum(|c| u64::from(c.weight_g)));
        let price = |c: &&Candidate| profile.postage.price_ore(c.options.postage, c.weight_g, cutoff().business_day);
        let prices: Vec<Option<u32>> = planned.iter().map(price).collect();
        prop_assert_eq!(made.classes.iter().map(|c| c.cost_ore).sum::<u64>(), prices.iter().flatten().map(|ore| u64::from(*ore)).sum::<u64>());
        prop_assert_eq!(made.classes.iter().map(|c| c.unpriced).sum::<u64>(), prices.iter().filter(|p| p.is_none()).count() as u64);
        for batch in &made.batches {
            prop_assert!(batch.letters.windows(2).all(|w| by_id[&w[0]].postcode >= by_id[&w[1]].postcode));
        }
        let middle = turn % input.len().max(1);
        input.rotate_left(middle);
        prop_assert_eq!(plan(input, &profile, cutoff()), made);
    }
}
