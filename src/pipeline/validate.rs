//! Judges what is true of a PDF by what a vendor demands: every breach at once, not the first.
//!
//! Policy only: the facts come from [`crate::pdf::inspect`], nothing is parsed here.

use crate::domain::redact::redact;
use crate::domain::{Envelope, Finding, Plex, PostalAddress, PrintJob, PrintOptions, PrintWishes, Severity, Sha256, sheets_of};
use crate::pdf::PdfFacts;
use crate::vendor::VendorProfile;

/// A side within this of its limit is measured by rounding, not by the printer, mm.
const ROUNDING_MM: f32 = 0.05;

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
    let mut findings = judge(facts, profile);
    let wishes = demand.wishes;
    let plex = wishes.plex.unwrap_or(demand.defaults.plex);
    let pages = u32::try_from(facts.pages.len()).unwrap_or(u32::MAX);
    let sheets = sheets_of(pages, plex);
    let wish = wishes.envelope.unwrap_or(demand.defaults.envelope);
    let envelope = profile.envelope_for(wish, sheets);
    if envelope.is_none() && !findings.iter().any(|f| f.rule == "PAGES_MAX") {
        findings.push(too_many_sheets(sheets, plex, profile));
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
        cost_group: redact(wishes.cost_group.as_deref().unwrap_or_default()),
    }
}

fn too_many_sheets(sheets: u32, plex: Plex, profile: &VendorProfile) -> Finding {
    Finding {
        code: "FP-V043",
        rule: "SHEETS_MAX",
        severity: Severity::Reject,
        page: None,
        box_mm: None,
        measured: format!("{sheets} sheets ({})", plex.word()),
        limit: format!("{} sheets", profile.sheet.c4_sheets_max),
        message: "the letter has more sheets than the vendor's largest envelope takes".to_owned(),
    }
}

/// All findings of one document at one vendor; empty when it prints as it is.
pub fn judge(facts: &PdfFacts, profile: &VendorProfile) -> Vec<Finding> {
    let mut sheet = Findings { profile, list: Vec::new() };
    file_rules(facts, &mut sheet);
    page_rules(facts, &mut sheet);
    for font in &facts.fonts_not_embedded {
        sheet.add("FP-V020", "FONT_EMBED", None, redact(font), "every font embedded", "the font's program is not in the file");
    }
    let found = |there: bool| there.then_some("found");
    for (code, rule, there, message) in [
        ("FP-V030", "JAVASCRIPT", found(facts.structure.javascript), "the file holds JavaScript"),
        ("FP-V031", "LAUNCH", found(facts.structure.launch), "the file starts another program"),
        ("FP-V032", "EMBEDDED_FILE", found(facts.structure.embedded_files), "the file holds other files, which paper cannot show"),
    ] {
        if let Some(measured) = there {
            sheet.add(code, rule, None, measured.to_owned(), "none", message);
        }
    }
    sheet.list
}

/// Whether the letter leaves the pipeline because of these findings.
pub fn rejects(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Reject)
}

struct Findings<'a> {
    profile: &'a VendorProfile,
    list: Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, code: &'static str, rule: &'static str, page: Option<u32>, measured: String, limit: &str, message: &str) {
        let severity = self.profile.severity.get(rule).copied().unwrap_or(Severity::Reject);
        self.list.push(Finding {
            code,
            rule,
            severity,
            page,
            box_mm: None,
            measured,
            limit: limit.to_owned(),
            message: message.to_owned(),
        });
    }
}

fn file_rules(facts: &PdfFacts, sheet: &mut Findings<'_>) {
    let rules = &sheet.profile.page;
    if let Some(why) = &facts.parser_killed {
        return sheet.add(
            "FP-V090",
            "PARSER_KILLED",
            None,
            why.clone(),
            "readable within limits",
            "the file broke the parser that looked at it",
        );
    }
    if facts.bytes > rules.bytes_max {
        let limit = format!("{} bytes", rules.bytes_max);
        sheet.add("FP-V041", "FILE_MAX", None, format!("{} bytes", facts.bytes), &limit, "the file is too large");
    }
    if facts.encrypted {
        sheet.add(
            "FP-V002",
            "ENCRYPTED",
            None,
            "encrypted".to_owned(),
            "not encrypted",
            "the file is encrypted or protected by a password",
        );
    }
    if let Some(why) = &facts.unreadable {
        return sheet.add("FP-V001", "UNREADABLE", None, redact(why), "readable as written", "the file cannot be read without repair");
    }
    if facts.pages.is_empty() {
        sheet.add("FP-V003", "PAGES_ZERO", None, "0 pages".to_owned(), "1 page", "the file has no page");
    }
    let counted = facts.pages.len();
    let by_second = facts.pages_by_second_reader;
    // The second reader does not open every encrypted file; that is no disagreement.
    if by_second != Some(counted) && !facts.encrypted {
        let second = by_second.map_or("none".to_owned(), |n| n.to_string());
        let measured = format!("{counted} and {second}");
        sheet.add("FP-V004", "PAGE_COUNT_DISAGREES", None, measured, "the same", "two readers do not find the same number of pages");
    }
    if counted > rules.pages_max as usize {
        let limit = format!("{} pages", rules.pages_max);
        sheet.add("FP-V040", "PAGES_MAX", None, format!("{counted} pages"), &limit, "the letter has more pages than the vendor takes");
    }
    if version_number(&facts.version) > version_number(&rules.pdf_version_max) {
        let limit = rules.pdf_version_max.clone();
        sheet.add("FP-V042", "PDF_VERSION", None, redact(&facts.version), &limit, "the PDF version is newer than the vendor takes");
    }
}

/// Major and minor of a version; what is not one counts as newest.
fn version_number(text: &str) -> (u32, u32) {
    let parsed = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    parsed.unwrap_or((u32::MAX, 0))
}

fn page_rules(facts: &PdfFacts, sheet: &mut Findings<'_>) {
    let rules = &sheet.profile.page;
    let limit = format!("{}x{} mm +{}/-{}", rules.width_mm, rules.height_mm, rules.over_mm, rules.under_mm);
    let (over, under) = (rules.over_mm + ROUNDING_MM, rules.under_mm + ROUNDING_MM);
    let within = |side: f32, of: f32| side <= of + over && side >= of - under;
    let fits = |width: f32, height: f32| within(width, rules.width_mm) && within(height, rules.height_mm);
    for (index, page) in facts.pages.iter().enumerate() {
        let number = Some(index as u32 + 1);
        let (width, height) = (page.width_mm, page.height_mm);
        let measured = format!("{width:.1}x{height:.1} mm");
        if fits(width, height) {
            continue;
        }
        if fits(height, width) {
            sheet.add("FP-V011", "PAGE_ORIENTATION", number, measured, &limit, "the page lies on its side");
        } else {
            sheet.add("FP-V010", "PAGE_A4_TOL", number, measured, &limit, "the page is not A4 within the vendor's tolerance");
        }
    }
}
