//! Envelopes and postage: the sections `[envelope]` and `[postage]` of a profile.

use crate::domain::calendar::Calendar;
use crate::domain::{Envelope, Postage};
use jiff::civil::Date;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Steps of one class over all its price lists.
const STEPS_MAX: usize = 1_000;

/// `[envelope]`: what the vendor has. One that is absent is not used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelopes {
    pub c5: Option<EnvelopeRules>,
    pub c4: Option<EnvelopeRules>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeRules {
    pub sheets_max: u32,
    /// Of the empty envelope.
    pub weight_g: f32,
    /// It has a window: what must not be seen in it is looked for.
    pub window: bool,
}

impl Envelopes {
    pub fn rules(&self, envelope: Envelope) -> Option<&EnvelopeRules> {
        match envelope {
            Envelope::C5 => self.c5.as_ref(),
            Envelope::C4 => self.c4.as_ref(),
            Envelope::Auto => None,
        }
    }

    /// Sheets that the largest envelope takes.
    pub fn sheets_max(&self) -> u32 {
        [&self.c5, &self.c4].into_iter().flatten().map(|e| e.sheets_max).max().unwrap_or(0)
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.c5.is_none() && self.c4.is_none() {
            faults.push("envelope: neither c5 nor c4 is there, so no letter can be posted".to_owned());
        }
        for (name, rules) in [("c5", &self.c5), ("c4", &self.c4)] {
            let Some(rules) = rules else { continue };
            if !(1..=1_000).contains(&rules.sheets_max) {
                faults.push(format!("envelope.{name}.sheets_max must be 1 to 1000"));
            }
            if !(0.5..=200.0).contains(&rules.weight_g) {
                faults.push(format!("envelope.{name}.weight_g must be 0.5 to 200"));
            }
        }
        if let (Some(c5), Some(c4)) = (&self.c5, &self.c4) {
            if c5.sheets_max > c4.sheets_max {
                faults.push("envelope.c5.sheets_max is larger than envelope.c4.sheets_max: envelopes swapped?".to_owned());
            }
            if c5.weight_g >= c4.weight_g {
                faults.push("envelope.c5.weight_g is not below envelope.c4.weight_g: envelopes swapped?".to_owned());
            }
        }
        faults
    }
}

/// One weight step of one class, from a date on until a later list of the same class begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceStep {
    pub valid_from: Date,
    pub weight_max_g: u32,
    /// What the vendor invoices for one letter up to this weight, printed and posted, in øre without VAT.
    pub price_ore: u32,
}

/// `[carriage]`: days of post from the handover to the carrier until a letter has arrived at the latest, by class. A class that
/// is not here arrives nobody knows when.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Carriage(BTreeMap<Postage, u32>);

/// Longest carriage, days of post.
const CARRIAGE_DAYS_MAX: u32 = 60;

impl Carriage {
    /// When a letter of this class has arrived at the latest. Mondays to Fridays are days of post, public holidays are none.
    pub fn arrival(&self, class: Postage, handover: Date) -> Option<Date> {
        carriers_calendar().workdays_after(handover, *self.0.get(&class)?)
    }

    /// Classes that are sold and of which nobody says how long they take: their letters are late by no reckoning.
    pub(super) fn unsaid(&self, sold: &PostageTable) -> Vec<String> {
        let unsaid = sold.classes().filter(|class| !self.0.contains_key(class));
        unsaid.map(|class| format!("carriage.{0} is missing: a letter of {0} is held against no latest arrival", class.word())).collect()
    }

    /// `sold` are the classes of the same profile.
    pub(super) fn faults(&self, sold: &PostageTable) -> Vec<String> {
        let unsold = self.0.keys().filter(|class| !sold.0.contains_key(class));
        let mut faults: Vec<String> = unsold.map(|class| format!("carriage.{0}: postage.{0} is not sold", class.word())).collect();
        let odd = self.0.iter().filter(|(_, days)| !(1..=CARRIAGE_DAYS_MAX).contains(*days));
        faults.extend(odd.map(|(class, _)| format!("carriage.{} must be 1 to {CARRIAGE_DAYS_MAX} days", class.word())));
        faults
    }
}

/// Only its days are asked for.
fn carriers_calendar() -> Calendar {
    use jiff::civil::Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
    Calendar {
        weekdays: [Monday, Tuesday, Wednesday, Thursday, Friday].into_iter().collect(),
        public_holidays: true,
        closed_yearly: BTreeSet::new(),
        closed: BTreeSet::new(),
        open: BTreeSet::new(),
        cutoff: jiff::civil::Time::midnight(),
        handover_workdays: 0,
    }
}

/// `[postage]`: the classes that this vendor sells, each with its steps. A class that is not here is not sold.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct PostageTable(BTreeMap<Postage, Vec<PriceStep>>);

impl PostageTable {
    /// The heaviest letter of a class, in grams; `None` when the class is not sold.
    pub fn weight_max_g(&self, class: Postage) -> Option<u32> {
        self.0.get(&class)?.iter().map(|step| step.weight_max_g).max()
    }

    /// The price of one letter on a day, in øre; `None` when no list is valid yet, or it ends below this weight.
    pub fn price_ore(&self, class: Postage, weight_g: u32, day: Date) -> Option<u32> {
        let steps = self.list_at(class, day)?;
        let fitting = steps.into_iter().filter(|step| step.weight_max_g >= weight_g);
        fitting.min_by_key(|step| step.weight_max_g).map(|step| step.price_ore)
    }

    pub fn classes(&self) -> impl Iterator<Item = Postage> + '_ {
        self.0.keys().copied()
    }

    /// The steps of the list that is valid on this day.
    fn list_at(&self, class: Postage, day: Date) -> Option<Vec<&PriceStep>> {
        let steps = self.0.get(&class)?;
        let since = steps.iter().map(|step| step.valid_from).filter(|from| *from <= day).max()?;
        Some(steps.iter().filter(|step| step.valid_from == since).collect())
    }

    /// The list of a class that is valid on this day, and those that begin later: beginning and steps, by weight.
    pub(super) fn lists_from(&self, class: Postage, day: Date) -> BTreeMap<Date, Vec<PriceStep>> {
        let steps = self.0.get(&class).map(Vec::as_slice).unwrap_or_default();
        let since = steps.iter().map(|step| step.valid_from).filter(|from| *from <= day).max();
        let mut lists: BTreeMap<Date, Vec<PriceStep>> = BTreeMap::new();
        for step in steps.iter().filter(|step| step.valid_from > day || Some(step.valid_from) == since) {
            lists.entry(step.valid_from).or_default().push(*step);
        }
        lists.values_mut().for_each(|list| list.sort());
        lists
    }

    /// Steps that cost nothing, and those of a list whose price falls with the weight: two cells swapped, most likely.
    pub(super) fn odd_prices(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (class, steps) in &self.0 {
            let free = steps.iter().filter(|step| step.price_ore == 0);
            found.extend(free.map(|step| {
                let (word, from) = (class.word(), step.valid_from);
                format!("postage.{word} of {from}: {} g cost nothing; a price left out?", step.weight_max_g)
            }));
            let mut sorted = steps.clone();
            sorted.sort();
            let falls = sorted.windows(2).filter(|w| w[0].valid_from == w[1].valid_from && w[0].price_ore > w[1].price_ore);
            found.extend(falls.map(|w| {
                let (word, from) = (class.word(), w[1].valid_from);
                format!("postage.{word} of {from}: {} g cost less than {} g; prices swapped?", w[1].weight_max_g, w[0].weight_max_g)
            }));
        }
        found
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.0.is_empty() {
            faults.push("postage: no class is sold, so no letter can be posted".to_owned());
        }
        for (class, steps) in &self.0 {
            let word = class.word();
            if steps.is_empty() || steps.len() > STEPS_MAX {
                faults.push(format!("postage.{word} must have 1 to {STEPS_MAX} steps"));
            }
            let sane = |step: &PriceStep| (1..=30_000).contains(&step.weight_max_g) && step.price_ore <= 1_000_000;
            if !steps.iter().all(sane) {
                faults.push(format!("postage.{word}: a step is 1 to 30000 g and at most 1000000 øre"));
            }
            let mut seen = BTreeSet::new();
            let twice = steps.iter().filter(|step| !seen.insert((step.valid_from, step.weight_max_g)));
            faults.extend(
                twice.map(|step| format!("postage.{word}: {} g stands twice in the list of {}", step.weight_max_g, step.valid_from)),
            );
        }
        faults
    }
}
