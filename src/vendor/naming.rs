//! How a vendor wants its batches named: `batch.name` of a profile.

use crate::domain::{BatchName, Cvr, Sha256, VendorId};
use std::fmt::Write;

/// Leading zeros that a running number may have.
const DIGITS_MAX: usize = 9;
/// What the names of the conformance list's files begin with. A vendor lets them lie, so no batch may be called so.
pub const PROBE: &str = "fjernprint-probe-";

/// What a name is made of.
#[derive(Debug, Clone)]
pub struct NameParts<'a> {
    pub vendor: &'a VendorId,
    pub municipality: &'a Cvr,
    /// ISO 8601.
    pub business_date: &'a str,
    pub sequence: u64,
    /// Of letters.csv.
    pub letters: &'a Sha256,
}

/// The batch's name by a template of `{vendor}`, `{cvr}`, `{date}`, `{seq}` or `{seq:6}` with leading zeros, and `{hash}`.
/// Why it cannot be one is said for the profile's author.
pub fn batch_name(template: &str, parts: &NameParts<'_>) -> Result<BatchName, String> {
    let mut name = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (field, after) = after.split_once('}').ok_or("a brace is not closed")?;
        name.push_str(before);
        match field.split_once(':').unwrap_or((field, "")) {
            ("vendor", "") => name.push_str(parts.vendor.as_str()),
            ("cvr", "") => name.push_str(parts.municipality.as_str()),
            ("date", "") => name.push_str(&parts.business_date.replace('-', "")),
            ("hash", "") => name.push_str(&parts.letters.short()),
            ("seq", "") => name.push_str(&parts.sequence.to_string()),
            ("seq", digits) => {
                let width = digits.parse().ok().filter(|width| (1..=DIGITS_MAX).contains(width));
                let width = width.ok_or_else(|| format!("{{seq:N}} takes 1 to {DIGITS_MAX} digits"))?;
                // Writing to a String cannot fail.
                let _ = write!(name, "{:0width$}", parts.sequence);
            }
            _ => return Err(format!("{{{field}}} is not known; known are vendor, cvr, date, seq and hash")),
        }
        rest = after;
    }
    name.push_str(rest);
    name.parse().map_err(|_| "a name is at most 96 of A-Z, a-z, 0-9, _ and -, begins with a letter and ends in -{hash}".to_owned())
}

/// Why a template cannot name every batch of this vendor: tried with the longest that can come.
pub(super) fn fault(template: &str, vendor: &VendorId) -> Option<String> {
    if !template.contains("{seq}") && !template.contains("{seq:") {
        return Some("batch.name has no {seq}: two batches could have one name".to_owned());
    }
    if !template.ends_with("-{hash}") {
        return Some("batch.name must end in -{hash}: the name follows from the bytes".to_owned());
    }
    let municipality = "00000000".parse().expect("eight digits are a CVR number");
    let letters = Sha256([0; 32]);
    let parts = NameParts { vendor, municipality: &municipality, business_date: "2026-01-01", sequence: u64::MAX, letters: &letters };
    match batch_name(template, &parts) {
        Err(why) => Some(format!("batch.name: {why}")),
        Ok(name) if name.as_str().to_ascii_lowercase().starts_with(PROBE) => Some(format!(
            "batch.name begins with {PROBE}, as the files of `vendor conformance` do, which nobody prints: let it begin otherwise"
        )),
        Ok(_) => None,
    }
}
