//! Judges a document and has it repaired where its findings ask for that and the sender allows it.

use super::fault::Fault;
use crate::adapters::inspector::Inspector;
use crate::domain::Finding;
use crate::pdf::PdfFacts;
use crate::pdf::repair::Done;
use crate::pipeline::validate::{Policy, needs_repair, not_repaired, rejects, repair_order, still_amiss};
use crate::vendor::VendorProfile;

/// What was found in a document as it came, and what it became.
pub struct Judged {
    /// All that is amiss with the document as it came; a repair that failed is one of them.
    pub findings: Vec<Finding>,
    /// The document is printed as this, not as it came.
    pub repaired: Option<Repaired>,
}

/// A document that was put right, and judged once more.
pub struct Repaired {
    pub bytes: Vec<u8>,
    pub facts: PdfFacts,
    /// What was done, a sentence each.
    pub repairs: Vec<String>,
}

/// Passes at most: a page that is brought onto the paper shows its ink only then, and may have to be moved once more.
const PASSES_MAX: usize = 2;

/// Judges the document by `judge` and repairs it. A repair that leaves a fault, or makes another, counts for nothing: the
/// document is then rejected as it came.
pub fn mend(
    inspector: &Inspector,
    (bytes, facts): (&[u8], &PdfFacts),
    judge: impl Fn(&PdfFacts, &Policy) -> Vec<Finding>,
    profile: &VendorProfile,
    policy: &Policy,
) -> Result<Judged, Fault> {
    let mut findings = judge(facts, policy);
    let mut made: Option<Repaired> = None;
    for _ in 0..PASSES_MAX {
        let (bytes, facts) = made.as_ref().map_or((bytes, facts), |made| (&made.bytes, &made.facts));
        // Most documents need nothing: they are judged once.
        let again = made.is_some().then(|| judge(facts, policy));
        let found = again.as_ref().unwrap_or(&findings);
        if !needs_repair(found) || rejects(found) {
            break;
        }
        let Some(order) = repair_order(found, facts, profile) else { break };
        let done = match inspector.repair(bytes, &order)? {
            Ok(done) => done,
            Err(fault) => {
                findings.push(not_repaired(None, &fault.message));
                return Ok(Judged { findings, repaired: None });
            }
        };
        let sentence = |done: &Done| done.page.map(|page| format!("page {page}: ")).unwrap_or_default() + &done.what;
        let repairs = made.take().map(|made| made.repairs).into_iter().flatten().chain(done.done.iter().map(sentence)).collect();
        made = Some(Repaired { facts: inspector.inspect(&done.bytes)?, bytes: done.bytes, repairs });
    }
    let Some(made) = made else { return Ok(Judged { findings, repaired: None }) };
    if let Some(amiss) = still_amiss(&findings, &judge(&made.facts, &policy.without_remedies())) {
        findings.push(amiss);
        return Ok(Judged { findings, repaired: None });
    }
    Ok(Judged { findings, repaired: Some(made) })
}
