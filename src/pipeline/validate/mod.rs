//! Judges what is true of a PDF by what a vendor demands: every breach at once, not the first.
//!
//! Policy only: the facts come from [`crate::pdf::inspect`], nothing is parsed here.

mod file;
mod mark;
mod mend;
mod page;
mod person;
mod places;
mod policy;
mod window;

pub use mark::marking;
pub use mend::{not_repaired, repair_order, still_amiss};
pub use policy::Policy;

use crate::domain::redact::redact;
use crate::domain::rules;
use crate::domain::{
    Colour, Envelope, Finding, Plex, Postage, PostalAddress, PrintJob, PrintOptions, PrintWishes, Severity, Sha256, sheets_of,
};
use crate::pdf::facts::BoxMm;
use crate::pdf::{PdfFacts, inspect_for};
use crate::vendor::VendorProfile;
use crate::vendor::profile::markers;

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
    /// What was done to it since.
    pub repairs: Vec<String>,
}

impl Demand<'_> {
    /// What the document is compared with.
    pub fn expected(&self) -> Expected<'_> {
        Expected {
            recipient: self.address,
            plex: self.wishes.plex.unwrap_or(self.defaults.plex),
            colour: self.wishes.colour.unwrap_or(self.defaults.colour),
            envelope: self.wishes.envelope.unwrap_or(self.defaults.envelope),
        }
    }
}

/// Judges one letter by the facts of its bytes, and decides how it is printed. The findings are all there are.
///
/// The document is printed as it is: what would have to be repaired is rejected here.
pub fn validate(
    bytes: Vec<u8>,
    facts: &PdfFacts,
    demand: &Demand<'_>,
    profile: &VendorProfile,
    policy: &Policy,
) -> Result<ValidLetter, Vec<Finding>> {
    let expected = demand.expected();
    let mut findings = judge(facts, &expected, profile, policy);
    let (wishes, plex) = (demand.wishes, expected.plex);
    let pages = u32::try_from(facts.pages.len()).unwrap_or(u32::MAX);
    let sheets = sheets_of(pages, plex);
    let envelope = profile.envelope_for(expected.envelope, sheets);
    if let Some(envelope) = envelope {
        let class = wishes.postage.unwrap_or(demand.defaults.postage);
        findings.extend(unsold(class, profile.weight_g(envelope, sheets), profile));
    }
    let Some(envelope) = envelope.filter(|_| !rejects(&findings) && !needs_repair(&findings)) else { return Err(findings) };
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
        repairs: demand.repairs.clone(),
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
        latest_arrival: wishes.latest_arrival,
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

/// What a letter is compared with beside its vendor's profile.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The address in the message, where there is one to compare with.
    pub recipient: Option<&'a PostalAddress>,
    pub plex: Plex,
    pub colour: Colour,
    pub envelope: Envelope,
}

impl Default for Expected<'_> {
    /// The plainest job: two-sided, black and white, to nobody in particular.
    fn default() -> Self {
        Self { recipient: None, plex: Plex::Duplex, colour: Colour::BlackWhite, envelope: Envelope::Auto }
    }
}

/// All findings of one document at one vendor; empty when it prints as it is.
pub fn judge(facts: &PdfFacts, expected: &Expected<'_>, profile: &VendorProfile, policy: &Policy) -> Vec<Finding> {
    let mut sheet = Findings { profile, policy, list: Vec::new() };
    if file::file_rules(facts, &mut sheet) {
        let envelope = file::envelope(facts, expected, &mut sheet);
        page::page_rules(facts, expected.colour, &mut sheet);
        window::window_rules(facts, expected.recipient, &mut sheet);
        if envelope.is_some_and(|envelope| !profile.has_window(envelope)) {
            sheet.list.retain(|finding| !SEEN_IN_WINDOW.contains(&finding.rule));
        }
    }
    sheet.list
}

/// Looks at one PDF and says what each vendor makes of it: the whole of validation in one call, in this process. `bytes` may
/// be anything; what cannot be read is a finding. The findings of each vendor are those of [`judge`], in the order of the
/// profiles; a vendor with none that [`rejects`] would print the document as it is.
pub fn preflight<'p>(
    bytes: &[u8],
    expected: &Expected<'_>,
    profiles: &'p [VendorProfile],
    policy: &Policy,
) -> Vec<(&'p VendorProfile, Vec<Finding>)> {
    let facts = inspect_for(bytes, &markers(profiles));
    profiles.iter().map(|profile| (profile, judge(&facts, expected, profile, policy))).collect()
}

/// The same for a part of a letter, an attachment or what follows a cover sheet: it is in no window.
pub fn judge_part(facts: &PdfFacts, colour: Colour, profile: &VendorProfile, policy: &Policy) -> Vec<Finding> {
    let mut sheet = Findings { profile, policy, list: Vec::new() };
    if file::file_rules(facts, &mut sheet) {
        page::page_rules(facts, colour, &mut sheet);
    }
    sheet.list
}

/// Whether the document is not printed because of these findings, repaired or not.
pub fn rejects(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Reject)
}

/// Whether the document is printed after it was repaired only.
pub fn needs_repair(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Repair)
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
    policy: &'a Policy,
    list: Vec<Finding>,
}

impl Findings<'_> {
    /// About the whole file.
    fn whole(&mut self, rule: &'static str, measured: impl Into<String>, limit: &str, message: &str) {
        self.add(rule, Place { page: None, box_mm: None }, measured, limit, message);
    }

    fn add(&mut self, word: &'static str, place: Place, measured: impl Into<String>, limit: &str, message: &str) {
        let rule = rules::rule(word);
        let severity = self.policy.severity(rule, self.profile);
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
