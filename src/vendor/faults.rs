//! What in a profile cannot be meant: each sentence names the key and what it must be. What is possible and looks wrong all the
//! same is said by `lint`.

use super::VendorProfile;
use super::naming;
use super::profile::{AddressBox, Answers, Area, Container, PageRules, UploadCheck};
use crate::domain::CompletionSign;
use crate::domain::answer::Dialect;
use crate::domain::rules::severity_faults;
use std::collections::BTreeSet;

/// Longest word of a vendor's, characters.
const WORD_CHARS_MAX: usize = 60;
/// Longest name and version of a profile, characters.
const NAME_CHARS_MAX: usize = 80;
const VERSION_CHARS_MAX: usize = 40;
/// Smallest limit of a letter's PDF, bytes: an empty page alone is some hundred.
const PDF_BYTES_MIN: u64 = 1024;
/// A week.
const ACK_MINUTES_MAX: u32 = 7 * 24 * 60;

/// Text of one line that shows what it says.
fn is_label(text: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(char::is_control)
}

impl VendorProfile {
    /// All of them, for a profile and the text's own table.
    pub(super) fn faults(&self, value: &toml::Table) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        must(is_label(&self.name, NAME_CHARS_MAX), "name must have 1 to 80 characters, none of them a control character");
        must(
            is_label(&self.profile_version, VERSION_CHARS_MAX),
            "profile_version must have 1 to 40 characters, none of them a control character",
        );
        let d = &self.delivery;
        must(!d.sweeps || d.check_after_upload == UploadCheck::AnswerOnly, "delivery.sweeps needs check_after_upload = \"answer_only\"");
        must(
            d.completion_sign.is_possible(),
            "delivery.completion_sign must be none, or 1 to 16 of a-z and 0-9 that no other file of a batch ends in",
        );
        must(
            d.completion_sign != CompletionSign::Signature || d.rename_into_place,
            "delivery.completion_sign = \"none\" needs rename_into_place = true: half a signature would be the sign",
        );
        must(d.inbox != d.outbox, "delivery.inbox and delivery.outbox are the same folder");
        // "./in" and "in" are one folder under two names.
        let plain = |p: &str| !p.starts_with('/') && !p.split('/').any(|segment| ["", ".", ".."].contains(&segment));
        must(plain(&d.inbox) && plain(&d.outbox), "delivery.inbox and outbox must be relative folders without . and ..");
        must(
            d.encrypt_to.is_none() || self.batch.container != Container::Files,
            "delivery.encrypt_to needs a container of one file: zip or stream",
        );
        must((1..=600).contains(&d.timeout_s), "delivery.timeout_s must be 1 to 600");
        must((1..=20).contains(&d.attempts_max), "delivery.attempts_max must be 1 to 20");
        must((1..=8).contains(&d.sessions), "delivery.sessions must be 1 to 8");
        must(!d.resume || d.rename_into_place, "delivery.resume needs rename_into_place = true");
        must(
            !d.resume || d.check_after_upload == UploadCheck::Size,
            "delivery.resume needs check_after_upload = \"size\": where to go on is known by looking",
        );
        must(!d.resume || !d.sweeps, "delivery.resume cannot go with sweeps: what lies there may be taken away meanwhile");
        must((1..=100_000).contains(&self.batch.letters_max), "batch.letters_max must be 1 to 100000");
        let largest = self.container_bytes(1, self.page.bytes_max);
        must(
            largest <= self.batch.bytes_max,
            &format!(
                "page.bytes_max is {}, which is {largest} in its container, and batch.bytes_max is {}: such a letter fits no batch",
                self.page.bytes_max, self.batch.bytes_max
            ),
        );
        must(self.batch.bytes_max <= 2 << 30, "batch.bytes_max must be at most 2 GiB");
        let known = ["plex", "colour", "envelope", "postage"];
        must(self.batch.one_of.iter().all(|k| known.contains(&k.as_str())), "batch.one_of knows plex, colour, envelope, postage");
        let distinct: BTreeSet<&String> = self.batch.one_of.iter().collect();
        must(distinct.len() == self.batch.one_of.len(), "batch.one_of names a word twice");
        must(["postcode", "sheets"].contains(&self.batch.sort.as_str()), "batch.sort must be postcode or sheets");
        must(
            self.batch.container != Container::Stream || self.batch.one_of.iter().any(|k| k == "plex"),
            "a stream must not mix simplex and duplex: batch.one_of needs plex",
        );
        let p = &self.page;
        let s = &self.sheet;
        must(s.paper_gsm >= 40.0 && s.paper_gsm <= 300.0, "sheet.paper_gsm must be 40 to 300");
        let a = &self.address_box;
        if let Some(m) = self.margins {
            let sane = |mm: f32| (0.0..=60.0).contains(&mm);
            must([m.left_mm, m.right_mm, m.top_mm, m.bottom_mm].into_iter().all(sane), "margins must be 0 to 60 mm");
        }
        if let Some(z) = &self.zones {
            let on_page = |area: &Area| {
                let sane = area.x_mm >= 0.0 && area.y_mm >= 0.0 && area.width_mm > 0.0 && area.height_mm > 0.0;
                sane && area.x_mm + area.width_mm <= p.width_mm && area.y_mm + area.height_mm <= p.height_mm
            };
            must([z.machine, z.visible, z.keepout].iter().all(on_page), "zones must be areas on the page");
            let holds = |outer: &Area, x: f32, y: f32, w: f32, h: f32| {
                x >= outer.x_mm && y >= outer.y_mm && x + w <= outer.x_mm + outer.width_mm && y + h <= outer.y_mm + outer.height_mm
            };
            let v = z.visible;
            must(holds(&z.keepout, v.x_mm, v.y_mm, v.width_mm, v.height_mm), "zones.visible must lie within zones.keepout");
            must(holds(&v, a.x_mm, a.y_mm, a.width_mm, a.height_mm), "address_box must lie within zones.visible");
        }
        if let Some(i) = self.ink {
            must(
                (0.0..=1.0).contains(&i.coverage_max) && (0.0..=2400.0).contains(&i.image_dpi_min),
                "ink: coverage_max is 0 to 1, image_dpi_min 0 to 2400",
            );
        }
        if let Some(marker) = &self.marker {
            let letters = marker.text.chars().filter(|c| !c.is_whitespace()).count();
            must((4..=64).contains(&letters), "marker.text must have 4 to 64 characters: a shorter one stands in many letters");
        }
        faults.extend(p.faults());
        faults.extend(a.faults(p));
        faults.extend(not_finite(value));
        faults.extend(self.answers.faults());
        faults.extend(severity_faults(&self.severity));
        faults.extend(self.envelope.faults());
        faults.extend(self.postage.faults());
        faults.extend(self.carriage.faults(&self.postage));
        faults.extend(self.calendar.faults());
        faults.extend(naming::fault(&self.batch.name, &self.id));
        faults.extend(self.provenance_faults(value));
        faults
    }

    fn provenance_faults(&self, value: &toml::Table) -> Vec<String> {
        let keys = self.keys_with_provenance(value);
        let missing = keys.iter().filter(|k| !self.provenance.contains_key(*k)).map(|k| format!("{k} has no provenance"));
        let stray = self.provenance.keys().filter(|k| !keys.contains(k)).map(|k| format!("provenance names {k}, which is not there"));
        let known = |from: &str| from == "contract" || from == "assumed" || from.strip_prefix("sourced:").is_some_and(|s| !s.is_empty());
        let odd = self
            .provenance
            .iter()
            .filter(|(_, from)| !known(from))
            .map(|(k, _)| format!("provenance of {k} must be contract, assumed or sourced:<what>"));
        missing.chain(stray).chain(odd).collect()
    }

    /// Every value's key. A table inside a section has one line as a whole, or one for each of its values.
    fn keys_with_provenance(&self, value: &toml::Table) -> Vec<String> {
        let mut keys = Vec::new();
        for (section, content) in value {
            let toml::Value::Table(table) = content else { continue };
            if section == "provenance" {
                continue;
            }
            for (key, content) in table {
                let whole = format!("{section}.{key}");
                match content {
                    toml::Value::Table(inner) if !self.provenance.contains_key(&whole) => {
                        keys.extend(inner.keys().map(|inner| format!("{whole}.{inner}")));
                    }
                    _ => keys.push(whole),
                }
            }
        }
        keys
    }
}

impl Answers {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        must((1..=ACK_MINUTES_MAX).contains(&self.ack_within_minutes), "answers.ack_within_minutes must be 1 to 10080, a week");
        must((1..=60).contains(&self.receipt_within_workdays), "answers.receipt_within_workdays must be 1 to 60");
        must((1..=3650).contains(&self.kept_days), "answers.kept_days must be 1 to 3650");
        must(self.heads || self.dialect != Dialect::Csv, "answers.heads = false: the dialect csv always has heads");
        must(self.signed == self.certificate.is_some(), "answers.signed = true and answers.certificate go together");
        let plain = |word: &String| is_label(word, WORD_CHARS_MAX);
        must(self.words.keys().all(plain), "answers.words: a word has 1 to 60 characters, none of them a control character");
        let one_word = |word: &String| !word.contains([' ', '|']);
        must(self.dialect != Dialect::Pipe || self.words.keys().all(one_word), "answers.words: in the dialect pipe a word has no blank");
        let folded: BTreeSet<String> = self.words.keys().map(|word| word.to_lowercase()).collect();
        must(folded.len() == self.words.len(), "answers.words: two words differ only by case");
        let columns = [&self.invoice.letter_id, &self.invoice.sheets, &self.invoice.postage, &self.invoice.price];
        let distinct: BTreeSet<&String> = columns.into_iter().collect();
        must(distinct.len() == columns.len() && columns.iter().all(|c| plain(c)), "answers.invoice: four columns have four names");
        faults
    }
}

impl PageRules {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        let versions = ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "2.0"];
        must(versions.contains(&self.pdf_version_max.as_str()), "page.pdf_version_max must be a version of PDF: 1.0 to 1.7, or 2.0");
        must((100.0..=400.0).contains(&self.width_mm), "page.width_mm must be 100 to 400");
        must((140.0..=600.0).contains(&self.height_mm), "page.height_mm must be 140 to 600");
        must(self.height_mm > self.width_mm, "page must be upright: height_mm larger than width_mm");
        let tolerance = |mm: f32| (0.0..=20.0).contains(&mm);
        must(tolerance(self.over_mm) && tolerance(self.under_mm), "page tolerances must be 0 to 20 mm");
        must(self.pages_max >= 1, "page.pages_max must be at least 1");
        must(self.bytes_max >= PDF_BYTES_MIN, "page.bytes_max must be at least 1024: no PDF of a letter is that small");
        faults
    }
}

impl AddressBox {
    fn faults(&self, page: &PageRules) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        let (right_mm, bottom_mm) = (self.x_mm + self.width_mm, self.y_mm + self.height_mm);
        must(
            self.x_mm >= 0.0 && self.y_mm >= 0.0 && right_mm <= page.width_mm && bottom_mm <= page.height_mm,
            "address_box lies outside the page",
        );
        must(self.width_mm >= 40.0, "address_box.width_mm must be at least 40: a street's name fits into no less");
        must(self.height_mm >= 10.0, "address_box.height_mm must be at least 10: three lines fit into no less");
        must(
            self.font_size_min_pt >= 5.0 && self.font_size_min_pt <= self.font_size_max_pt,
            "address_box font sizes must be 5 pt or more, min not above max",
        );
        must(self.font_size_max_pt <= 24.0, "address_box.font_size_max_pt must be at most 24");
        must((1..=12).contains(&self.lines_max), "address_box.lines_max must be 1 to 12");
        faults
    }
}

/// Numbers that are none, or larger than the program reckons with, wherever they stand: `inf` passes a limit that has no upper
/// end, and `nan` one that is written the other way round.
fn not_finite(value: &toml::Table) -> Vec<String> {
    fn look(key: &str, value: &toml::Value, found: &mut Vec<String>) {
        match value {
            toml::Value::Float(number) if !(*number as f32).is_finite() => found.push(format!("{key} must be a number, not {number}")),
            toml::Value::Table(table) => table.iter().for_each(|(inner, value)| look(&format!("{key}.{inner}"), value, found)),
            toml::Value::Array(items) => items.iter().for_each(|item| look(key, item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    value.iter().for_each(|(key, value)| look(key, value, &mut found));
    found
}
