//! Judges what is true of a PDF by what a vendor demands: every breach at once, not the first.
//!
//! Policy only: the facts come from [`crate::pdf::inspect`], nothing is parsed here.

mod file;
mod page;
mod window;

use crate::domain::redact::redact;
use crate::domain::rules;
use crate::domain::{Envelope, Finding, Plex, Postage, PostalAddress, PrintJob, PrintOptions, PrintWishes, Severity, Sha256, sheets_of};
use crate::pdf::PdfFacts;
use crate::pdf::facts::BoxMm;
use crate::vendor::VendorProfile;

/// A letter that this vendor can print: built here only, with the evidence looked at here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidLetter {
    job: PrintJob,
    bytes: Vec<u8>,
}

impl ValidLetter {
    pub fn job(&self) -> &PrintJob {
        &self.job
    }
    /// The PDF that will be printed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Rules about what a window shows: nothing to an envelope without one.
const SEEN_IN_WINDOW: [&str; 2] = ["ADDR_KEEPOUT", "CPR_IN_WINDOW"];

/// What is asked of one letter beside its PDF.
#[derive(Debug, Clone)]
pub struct Demand<'a> {
    pub wishes: &'a PrintWishes,
    /// What counts where the sender wished nothing.
    pub defaults: PrintOptions,
    pub address: Option<&'a PostalAddress>,
    /// Of the document as it came in.
    pub received: Sha256,
}

/// Judges one letter by the facts of its bytes, and decides how it is printed. The findings are all there are.
pub fn validate(bytes: Vec<u8>, facts: &PdfFacts, demand: &Demand<'_>, profile: &VendorProfile) -> Result<ValidLetter, Vec<Finding>> {
    let mut findings = judge(facts, demand.address, profile);
    let wishes = demand.wishes;
    let plex = wishes.plex.unwrap_or(demand.defaults.plex);
    let pages = u32::try_from(facts.pages.len()).unwrap_or(u32::MAX);
    let sheets = sheets_of(pages, plex);
    let wish = wishes.envelope.unwrap_or(demand.defaults.envelope);
    let envelope = profile.envelope_for(wish, sheets);
    if envelope.is_none() && !findings.iter().any(|f| f.rule == "PAGES_MAX") {
        findings.push(too_many_sheets(sheets, plex, profile));
    }
    if let Some(envelope) = envelope {
        if !profile.has_window(envelope) {
            findings.retain(|finding| !SEEN_IN_WINDOW.contains(&finding.rule));
        }
        let class = wishes.postage.unwrap_or(demand.defaults.postage);
        findings.extend(unsold(class, profile.weight_g(envelope, sheets), profile));
    }
    let Some(envelope) = envelope.filter(|_| !rejects(&findings)) else { return Err(findings) };
    Ok(ValidLetter { job: job(&bytes, demand, profile, (pages, sheets, plex, envelope)), bytes })
}

fn job(
    bytes: &[u8],
    demand: &Demand<'_>,
    profile: &VendorProfile,
    (pages, sheets, plex, envelope): (u32, u32, Plex, Envelope),
) -> PrintJob {
    let wishes = demand.wishes;
    PrintJob {
        vendor: profile.id.clone(),
        document: Sha256(openssl::sha::sha256(bytes)),
        received: demand.received,
        pages,
        sheets,
        bytes: bytes.len() as u64,
        weight_g: profile.weight_g(envelope, sheets),
        options: PrintOptions {
            plex,
            colour: wishes.colour.unwrap_or(demand.defaults.colour),
            envelope,
            postage: wishes.postage.unwrap_or(demand.defaults.postage),
        },
        postcode: demand.address.and_then(|a| a.postcode.clone()).unwrap_or_default(),
        country: demand.address.map_or("DK".to_owned(), |a| redact(&a.country)),
        cost_group: no_formula(redact(wishes.cost_group.as_deref().unwrap_or_default())),
    }
}

/// The vendor may open letters.csv in a spreadsheet: what would be a formula there becomes text.
fn no_formula(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

/// What of the vendor's postage table speaks against the letter: nobody would carry it.
fn unsold(class: Postage, weight_g: u32, profile: &VendorProfile) -> Option<Finding> {
    let (rule, measured, limit, message) = match profile.postage.weight_max_g(class) {
        None => {
            let sold: Vec<&str> = profile.postage.classes().map(Postage::word).collect();
            ("POSTAGE_UNSOLD", class.word().to_owned(), sold.join(", "), "the vendor does not sell this class of postage")
        }
        Some(most) if weight_g > most => (
            "WEIGHT_MAX",
            format!("{weight_g} g"),
            format!("{most} g"),
            "the letter is heavier than its class of postage takes at this vendor",
        ),
        Some(_) => return None,
    };
    let (code, message) = (rules::rule(rule).code, message.to_owned());
    Some(Finding { code, rule, severity: Severity::Reject, page: None, box_mm: None, measured, limit, message })
}

fn too_many_sheets(sheets: u32, plex: Plex, profile: &VendorProfile) -> Finding {
    Finding {
        code: rules::rule("SHEETS_MAX").code,
        rule: "SHEETS_MAX",
        severity: Severity::Reject,
        page: None,
        box_mm: None,
        measured: format!("{sheets} sheets ({})", plex.word()),
        limit: format!("{} sheets", profile.envelope.sheets_max()),
        message: "the letter has more sheets than the vendor's largest envelope takes".to_owned(),
    }
}

/// All findings of one document at one vendor; empty when it prints as it is. `recipient` is the address in the message,
/// where there is one to compare with.
pub fn judge(facts: &PdfFacts, recipient: Option<&PostalAddress>, profile: &VendorProfile) -> Vec<Finding> {
    let mut sheet = Findings { profile, list: Vec::new() };
    if file::file_rules(facts, &mut sheet) {
        page::page_rules(facts, &mut sheet);
        window::window_rules(facts, recipient, &mut sheet);
    }
    sheet.list
}

/// The same for a part of a letter, an attachment or what follows a cover sheet: it is in no window.
pub fn judge_part(facts: &PdfFacts, profile: &VendorProfile) -> Vec<Finding> {
    let mut sheet = Findings { profile, list: Vec::new() };
    if file::file_rules(facts, &mut sheet) {
        page::page_rules(facts, &mut sheet);
    }
    sheet.list
}

/// Whether the letter leaves the pipeline because of these findings.
pub fn rejects(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Reject)
}

/// Where a finding is.
#[derive(Debug, Clone, Copy)]
struct Place {
    page: Option<u32>,
    box_mm: Option<BoxMm>,
}

impl Place {
    fn page(page: u32) -> Self {
        Self { page: Some(page), box_mm: None }
    }

    fn boxed(page: u32, box_mm: BoxMm) -> Self {
        let tenth = |mm: f32| (mm * 10.0).round() / 10.0;
        Self { page: Some(page), box_mm: Some(box_mm.map(tenth)) }
    }
}

/// What was found so far, with the profile that says how grave it is.
struct Findings<'a> {
    profile: &'a VendorProfile,
    list: Vec<Finding>,
}

impl Findings<'_> {
    /// About the whole file.
    fn whole(&mut self, rule: &'static str, measured: impl Into<String>, limit: &str, message: &str) {
        self.add(rule, Place { page: None, box_mm: None }, measured, limit, message);
    }

    fn add(&mut self, word: &'static str, place: Place, measured: impl Into<String>, limit: &str, message: &str) {
        let rule = rules::rule(word);
        let severity = self.profile.severity.get(word).copied().unwrap_or(rule.default);
        if severity == Severity::Off {
            return;
        }
        self.list.push(Finding {
            code: rule.code,
            rule: rule.word,
            severity,
            page: place.page,
            box_mm: place.box_mm,
            measured: measured.into(),
            limit: limit.to_owned(),
            message: message.to_owned(),
        });
    }
}
