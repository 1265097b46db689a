//! Every rule by its stable word: its code, and what a breach means where the vendor's profile does not say.

use super::finding::Severity;
use Severity::{Info, Off, Reject, Warn};
use std::collections::BTreeMap;

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub word: &'static str,
    pub code: &'static str,
    pub default: Severity,
}

/// The rule of this word. Words are constants of this program; an unknown one is a fault of ours and counts as unreadable.
pub fn rule(word: &str) -> Rule {
    RULES.iter().copied().find(|rule| rule.word == word).unwrap_or(RULES[0])
}

/// These nobody may make less of: what cannot be read cannot be printed, and what fits no envelope cannot be sent.
const FIXED: [&str; 7] = ["UNREADABLE", "PAGES_ZERO", "SHEETS_MAX", "POSTAGE_UNSOLD", "WEIGHT_MAX", "PARSER_KILLED", "NOT_REPAIRED"];

/// What is wrong with a table of severities, a profile's or a sender's: words that no rule has, and rules that cannot be
/// less than a rejection.
pub fn severity_faults(table: &BTreeMap<String, Severity>) -> impl Iterator<Item = String> {
    table.iter().filter_map(|(word, severity)| match RULES.iter().any(|rule| rule.word == word) {
        false => Some(format!("severity.{word}: no rule has this word")),
        true if *severity < Reject && FIXED.contains(&word.as_str()) => {
            Some(format!("severity.{word}: such a letter cannot be sent, so it always rejects"))
        }
        true => None,
    })
}

const fn new(word: &'static str, code: &'static str, default: Severity) -> Rule {
    Rule { word, code, default }
}

/// All of them, by code. What decides whether a letter can be printed at all rejects; what a person may accept warns.
pub static RULES: &[Rule] = &[
    new("UNREADABLE", "FP-V001", Reject),
    new("ENCRYPTED", "FP-V002", Reject),
    new("PAGES_ZERO", "FP-V003", Reject),
    new("PAGE_COUNT_DISAGREES", "FP-V004", Reject),
    new("PAGE_A4_TOL", "FP-V010", Reject),
    new("PAGE_ORIENTATION", "FP-V011", Reject),
    new("PAGE_BOXES", "FP-V012", Warn),
    new("FONT_EMBED", "FP-V020", Reject),
    new("FONT_UNUSABLE", "FP-V021", Reject),
    new("FONT_TYPE3", "FP-V022", Warn),
    new("JAVASCRIPT", "FP-V030", Reject),
    new("LAUNCH", "FP-V031", Reject),
    new("EMBEDDED_FILE", "FP-V032", Reject),
    new("ACTION", "FP-V033", Info),
    new("XFA", "FP-V034", Reject),
    new("RICH_MEDIA", "FP-V035", Reject),
    new("OPTIONAL_CONTENT", "FP-V036", Reject),
    new("FORM_WITHOUT_APPEARANCE", "FP-V037", Reject),
    new("CHANGED_AFTER_SIGNING", "FP-V038", Warn),
    new("TRAILING_DATA", "FP-V039", Warn),
    new("PAGES_MAX", "FP-V040", Reject),
    new("FILE_MAX", "FP-V041", Reject),
    new("PDF_VERSION", "FP-V042", Reject),
    new("SHEETS_MAX", "FP-V043", Reject),
    new("REVISIONS", "FP-V044", Info),
    new("POLYGLOT", "FP-V045", Reject),
    new("OBJECT_MISSING", "FP-V046", Warn),
    new("PDFA_CLAIM", "FP-V047", Off),
    new("PAGES_ODD", "FP-V048", Off),
    new("MARGIN_ALL", "FP-V050", Warn),
    new("MARGIN_LEFT_ZONE", "FP-V051", Warn),
    new("ADDR_BOX", "FP-V052", Warn),
    new("ADDR_KEEPOUT", "FP-V053", Warn),
    new("MARKER_COLLISION", "FP-V054", Reject),
    new("ADDR_LINES", "FP-V060", Warn),
    new("ADDR_LINELEN", "FP-V061", Warn),
    new("ADDR_CHARACTERS", "FP-V062", Warn),
    new("ADDR_POSTCODE", "FP-V063", Warn),
    new("CPR_IN_WINDOW", "FP-V064", Reject),
    new("WRONG_PERSON", "FP-V065", Warn),
    new("TWO_RECIPIENTS", "FP-V066", Warn),
    new("TWO_CPR", "FP-V067", Warn),
    new("TRANSPARENCY", "FP-V070", Warn),
    new("COLOUR", "FP-V071", Info),
    new("IMAGE_DPI", "FP-V072", Warn),
    new("INK_COVERAGE", "FP-V073", Warn),
    new("HIDDEN_TEXT", "FP-V074", Warn),
    new("TEXT_OUTSIDE", "FP-V075", Warn),
    new("BLANK_PAGE", "FP-V076", Info),
    new("ANNOTATION", "FP-V077", Warn),
    new("TOO_COMPLEX", "FP-V078", Reject),
    new("NOT_LOOKED_AT", "FP-V079", Warn),
    new("POSTAGE_UNSOLD", "FP-V080", Reject),
    new("WEIGHT_MAX", "FP-V081", Reject),
    new("PARSER_KILLED", "FP-V090", Reject),
    new("NOT_REPAIRED", "FP-V092", Reject),
];
