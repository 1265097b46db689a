//! Rules about the file as a whole: what it is, what it holds, how large it is.

use super::{Expected, Findings};
use crate::domain::redact::redact;
use crate::domain::{Envelope, Plex, counted, sheets_of};
use crate::pdf::PdfFacts;

/// All of them. `false` when nothing more can be said of the file.
pub(super) fn file_rules(facts: &PdfFacts, sheet: &mut Findings<'_>) -> bool {
    let rules = &sheet.profile.page;
    if let Some(why) = &facts.parser_killed {
        sheet.whole("PARSER_KILLED", why.clone(), "readable within limits", "the file broke the parser that looked at it");
        return false;
    }
    if facts.bytes > rules.bytes_max {
        sheet.whole("FILE_MAX", format!("{} bytes", facts.bytes), &format!("{} bytes", rules.bytes_max), "the file is too large");
    }
    if facts.encrypted {
        sheet.whole("ENCRYPTED", "encrypted", "not encrypted", "the file is encrypted or protected by a password");
    }
    if let Some(why) = &facts.unreadable {
        sheet.whole("UNREADABLE", redact(why), "readable as written", "the file cannot be read as it is");
        return false;
    }
    counts(facts, sheet);
    fonts(facts, sheet);
    active(facts, sheet);
    history(facts, sheet);
    true
}

fn counts(facts: &PdfFacts, sheet: &mut Findings<'_>) {
    let rules = &sheet.profile.page;
    let counted = facts.pages.len();
    if counted == 0 {
        sheet.whole("PAGES_ZERO", "0 pages", "1 page", "the file has no page");
    }
    // The second reader does not open every encrypted file; that is no disagreement.
    if facts.pages_by_second_reader != Some(counted) && !facts.encrypted {
        let second = facts.pages_by_second_reader.map_or("none".to_owned(), |n| n.to_string());
        let measured = format!("{counted} and {second}");
        sheet.whole("PAGE_COUNT_DISAGREES", measured, "the same", "two readers do not find the same number of pages");
    }
    if counted > rules.pages_max as usize {
        let limit = format!("{} pages", rules.pages_max);
        sheet.whole("PAGES_MAX", format!("{counted} pages"), &limit, "the letter has more pages than the vendor takes");
    }
    if version_number(&facts.version) > version_number(&rules.pdf_version_max) {
        let limit = rules.pdf_version_max.clone();
        sheet.whole("PDF_VERSION", redact(&facts.version), &limit, "the PDF version is newer than the vendor takes");
    }
}

/// What the letter is on paper: an envelope for its sheets, and a two-sided letter whose last sheet has no back. Gives the
/// envelope.
pub(super) fn envelope(facts: &PdfFacts, expected: &Expected<'_>, sheet: &mut Findings<'_>) -> Option<Envelope> {
    let plex = expected.plex;
    let sheets = sheets_of(u32::try_from(facts.pages.len()).unwrap_or(u32::MAX), plex);
    let envelope = sheet.profile.envelope_for(expected.envelope, sheets);
    if envelope.is_none() {
        let limit = format!("{} sheets", sheet.profile.envelope.sheets_max());
        let message = "the letter has more sheets than the vendor's largest envelope takes";
        sheet.whole("SHEETS_MAX", format!("{sheets} sheets ({})", plex.word()), &limit, message);
    }
    if plex == Plex::Duplex && facts.pages.len() % 2 == 1 {
        let measured = format!("{} pages", facts.pages.len());
        sheet.whole("PAGES_ODD", measured, "an even number", "the back of the last sheet is not in the file");
    }
    envelope
}

/// Major and minor of a version; what is not one counts as newest.
fn version_number(text: &str) -> (u32, u32) {
    let parsed = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    parsed.unwrap_or((u32::MAX, 0))
}

fn fonts(facts: &PdfFacts, sheet: &mut Findings<'_>) {
    for font in &facts.fonts_not_embedded {
        sheet.whole("FONT_EMBED", redact(font), "every font embedded", "the font's program is not in the file");
    }
    for font in &facts.structure.fonts_unusable {
        sheet.whole("FONT_UNUSABLE", redact(font), "a font program that works", "the font's program in the file cannot be used");
    }
    for font in &facts.structure.type3_fonts {
        sheet.whole("FONT_TYPE3", redact(font), "outline fonts", "the font is drawn by little programs (Type 3), which print badly");
    }
}

/// What has no place on paper.
fn active(facts: &PdfFacts, sheet: &mut Findings<'_>) {
    let s = &facts.structure;
    let found = [
        ("JAVASCRIPT", s.javascript, "the file holds JavaScript"),
        ("LAUNCH", s.launch, "the file starts another program"),
        ("EMBEDDED_FILE", s.embedded_files, "the file holds other files, which paper cannot show"),
        ("XFA", s.xfa, "the file is a dynamic form (XFA), which every program draws otherwise"),
        ("OPTIONAL_CONTENT", s.print_differs_from_view, "layers of the file are printed otherwise than they are shown"),
        ("CHANGED_AFTER_SIGNING", s.changed_after_signing, "the file was changed after it was signed"),
    ];
    for (rule, there, message) in found {
        if there {
            sheet.whole(rule, "some", "none", message);
        }
    }
    if !s.actions.is_empty() {
        sheet.whole("ACTION", listed(&s.actions), "none", "the file holds actions, which do nothing on paper");
    }
    if !s.rich_media.is_empty() {
        sheet.whole("RICH_MEDIA", listed(&s.rich_media), "none", "the file holds sound, film or 3D, which paper cannot show");
    }
    if s.fields_without_appearance > 0 {
        let measured = format!("{} fields", s.fields_without_appearance);
        sheet.whole("FORM_WITHOUT_APPEARANCE", measured, "none", "form fields have no appearance of their own: they may print empty");
    }
}

fn listed(words: &std::collections::BTreeSet<String>) -> String {
    redact(&words.iter().take(8).cloned().collect::<Vec<_>>().join(", "))
}

fn history(facts: &PdfFacts, sheet: &mut Findings<'_>) {
    let s = &facts.structure;
    if s.revisions > 1 {
        sheet.whole("REVISIONS", s.revisions.to_string(), "1", "the file was saved onto itself: older contents are still in it");
    }
    if s.trailing_bytes > 0 {
        sheet.whole("TRAILING_DATA", counted(s.trailing_bytes, "byte"), "none", "something stands after the end of the PDF");
    }
    if let Some(also) = &s.also {
        sheet.whole("POLYGLOT", redact(also), "PDF only", "the same bytes are a file of another format too");
    }
    if s.missing_objects > 0 {
        sheet.whole("OBJECT_MISSING", s.missing_objects.to_string(), "0", "pages refer to objects that are not in the file");
    }
    if let Some(claim) = &s.pdfa_claim {
        sheet.whole("PDFA_CLAIM", redact(claim), "-", "the file says that it is PDF/A; nobody checked");
    }
}
