//! What is to be repaired, decided from the findings; and whether the repair was one.

use crate::domain::rules::rule;
use crate::domain::{Finding, Severity};
use crate::pdf::PdfFacts;
use crate::pdf::facts::BoxMm;
use crate::pdf::repair::{RepairOrder, remedy_for};
use crate::vendor::VendorProfile;
use std::collections::BTreeSet;

/// Ink is brought into the printable area by scaling it down to this at the least: text of 10 points stays readable.
const SCALE_MIN: f32 = 0.9;

/// What must be done to a document before this vendor prints it; `None` when nothing must. Only what a finding asks for is
/// in it.
pub fn repair_order(findings: &[Finding], facts: &PdfFacts, profile: &VendorProfile) -> Option<RepairOrder> {
    let asked: Vec<&Finding> = findings.iter().filter(|finding| finding.severity == Severity::Repair).collect();
    let remedies: BTreeSet<_> = asked.iter().filter_map(|finding| remedy_for(finding.rule)).collect();
    if remedies.is_empty() {
        return None;
    }
    let page = &profile.page;
    let too_near = asked.iter().any(|finding| ["MARGIN_ALL", "MARGIN_LEFT_ZONE"].contains(&finding.rule));
    Some(RepairOrder {
        remedies,
        paper_mm: (page.width_mm, page.height_mm),
        over_mm: page.over_mm,
        under_mm: page.under_mm,
        printable_mm: too_near.then(|| printable(profile)),
        scale_min: SCALE_MIN,
        ink_mm: facts.pages.iter().map(|page| page.ink.as_ref().and_then(|ink| hull(ink.marks.iter().map(|m| &m.box_mm)))).collect(),
    })
}

/// Where the vendor lets ink stand on every page, mm. The machine's zone lies at the left edge.
fn printable(profile: &VendorProfile) -> BoxMm {
    let (width, height) = (profile.page.width_mm, profile.page.height_mm);
    let margins = profile.margins.map_or([0.0; 4], |m| [m.left_mm, m.top_mm, m.right_mm, m.bottom_mm]);
    let machine = profile.zones.as_ref().map_or(0.0, |z| z.machine.x_mm + z.machine.width_mm);
    let left = margins[0].max(if machine < width / 2.0 { machine } else { 0.0 });
    [left, margins[1], width - left - margins[2], height - margins[1] - margins[3]]
}

fn hull<'a>(mut boxes: impl Iterator<Item = &'a BoxMm>) -> Option<BoxMm> {
    let first = *boxes.next()?;
    Some(boxes.fold(first, |[x, y, w, h], other| {
        let (left, top) = (x.min(other[0]), y.min(other[1]));
        let (right, bottom) = ((x + w).max(other[0] + other[2]), (y + h).max(other[1] + other[3]));
        [left, top, right - left, bottom - top]
    }))
}

/// Why a repaired document is no better: what still stops it, or what was not amiss before. `None` when all is well.
pub fn still_amiss(before: &[Finding], after: &[Finding]) -> Option<Finding> {
    // What is amiss with the address must be just what it was: it may have been moved.
    let same = |finding: &Finding| (finding.rule, finding.page, finding.rule.starts_with("ADDR_").then(|| finding.measured.clone()));
    let known: BTreeSet<_> = before.iter().map(same).collect();
    let worse = |finding: &&Finding| {
        let new = !known.contains(&same(finding));
        finding.severity >= Severity::Repair || new && finding.severity >= Severity::Warn
    };
    after.iter().find(worse).map(|finding| not_repaired(finding.page, &format!("{} after it: {}", finding.rule, finding.measured)))
}

/// The document cannot be repaired, or would not be better for it.
pub fn not_repaired(page: Option<u32>, why: &str) -> Finding {
    let rule = rule("NOT_REPAIRED");
    Finding {
        code: rule.code,
        rule: rule.word,
        severity: Severity::Reject,
        page,
        box_mm: None,
        measured: why.to_owned(),
        limit: "repaired".to_owned(),
        message: "the document could not be repaired, so it is not printed".to_owned(),
    }
}
