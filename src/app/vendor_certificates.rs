//! How long the vendors' own certificates still last: those that batches are encrypted to, and those that answers lead to.
//!
//! Ours are spoken of in `signing`. A file that cannot be read is told where it is needed, not here.

use super::config::Config;
use super::signing::Warning;
use crate::adapters::{clock, encrypt, signer};
use crate::domain::counted;
use crate::vendor::{EncryptTo, VendorProfile};
use crate::wire::chain::{Expiry, expiry, urgency};
use jiff::civil::Date;
use openssl::x509::X509;
use std::path::Path;

/// FP-K029: of vendors with a contract today, what has ended or ends within 60 days.
pub fn outlook(config: &Config, today: Date) -> Vec<Warning> {
    let profiles = config.vendors_on(today).into_iter().filter_map(|vendor| config.profiles.get(vendor));
    profiles.flat_map(|profile| ending(profile, clock::now_s())).map(|message| Warning { code: "FP-K029", message }).collect()
}

/// The same of one vendor, in sentences.
pub fn ending(profile: &VendorProfile, at_s: i64) -> Vec<String> {
    let sealing = match &profile.delivery.encrypt_to {
        Some(EncryptTo::File(path)) => last_of(encrypt::meant(path).unwrap_or_default(), at_s).map(|last| (path, last)),
        _ => None,
    };
    let sealing = sealing.and_then(|(path, last)| {
        let what = format!("that batches for {} are encrypted to", profile.id);
        sentence(path, &last, at_s, &what, ("nothing is sealed for it any more", "after that nothing is sealed for it"))
    });
    let answers = profile.answers.certificate.as_ref().and_then(|path| Some((path, last_to_trust(path, at_s)?)));
    let answers = answers.and_then(|(path, last)| {
        let what = format!("that the signatures of {}'s answers lead to", profile.id);
        sentence(path, &last, at_s, &what, ("its answers are refused", "after that its answers are refused"))
    });
    sealing.into_iter().chain(answers).collect()
}

/// Why none of the certificates in an `answers.certificate` holds any more; `None` while one does, and where the file cannot be read.
pub fn ended(path: &Path, at_s: i64) -> Option<String> {
    let last = last_to_trust(path, at_s).filter(|last| last.until_s < at_s)?;
    Some(format!("{}: the certificate of {} has expired: it was valid until {}", path.display(), last.subject, last.until))
}

fn last_to_trust(path: &Path, at_s: i64) -> Option<Expiry> {
    last_of(signer::certificates(path).ok()?, at_s)
}

/// Next year's certificate may stand beside this year's: the last one counts.
fn last_of(certificates: Vec<X509>, at_s: i64) -> Option<Expiry> {
    certificates.iter().filter_map(|certificate| expiry([certificate], at_s)).max_by_key(|expiry| expiry.until_s)
}

fn sentence(path: &Path, last: &Expiry, at_s: i64, what: &str, (since, then): (&str, &str)) -> Option<String> {
    urgency(last.days)?;
    let Expiry { subject, until, days, until_s } = last;
    let (when, so) = match *until_s < at_s {
        true => (format!("ended on {until}"), since),
        false => (format!("ends in {}, on {until}", counted(days.unsigned_abs(), "day")), then),
    };
    let file = path.display();
    Some(format!(
        "the certificate of {subject} in {file}, {what}, {when}: {so}; ask the vendor for its next one and put it into the same file"
    ))
}
