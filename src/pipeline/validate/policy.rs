//! What a sender may do and asks for: how grave a breach is for its letters, and which remedies it allows.

use crate::domain::Severity;
use crate::domain::rules::Rule;
use crate::pdf::repair::{Remedy, remedy_for};
use crate::vendor::VendorProfile;
use std::collections::{BTreeMap, BTreeSet};

/// One sender's policy. The default allows no repair and leaves every rule as the vendor has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// By a rule's word.
    pub severity: BTreeMap<String, Severity>,
    pub remedies: BTreeSet<Remedy>,
}

impl Policy {
    /// Every remedy is allowed; no rule is another than the vendor's.
    pub fn repairs_all() -> Self {
        Self { severity: BTreeMap::new(), remedies: Remedy::ALL.into() }
    }

    /// The same without remedies: what a repaired document is judged by.
    pub fn without_remedies(&self) -> Self {
        Self { severity: self.severity.clone(), remedies: BTreeSet::new() }
    }

    /// What a breach of this rule means for the sender's letters at this vendor.
    ///
    /// The sender's word replaces the rule's own default. Of what the vendor's profile names, the graver word counts: a
    /// sender cannot make a vendor take what it refuses. What would stop the letter is repaired where there is a remedy for
    /// it and the sender allows it, by name or by saying `repair` of the rule; else `repair` stops the letter.
    pub fn severity(&self, rule: Rule, profile: &VendorProfile) -> Severity {
        let (vendor, sender) = (profile.severity.get(rule.word).copied(), self.severity.get(rule.word).copied());
        let word = vendor.max(sender).unwrap_or(rule.default);
        let allowed = |remedy: &Remedy| self.remedies.contains(remedy) || sender == Some(Severity::Repair);
        match remedy_for(rule.word).filter(allowed) {
            Some(_) if word >= Severity::Repair => Severity::Repair,
            _ if word == Severity::Repair => Severity::Reject,
            _ => word,
        }
    }
}
