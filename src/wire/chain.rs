//! Certificates: who may sign, until when, and to which root a chain leads. Pure: files and the time of day come in.

use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509KeyUsage, X509PurposeId, X509Ref, X509StoreContext, X509VerifyResult};
use std::cmp::Ordering;

const DAY_S: i64 = 86_400;
/// Days before the end at which a certificate is spoken of, each louder than the one before (FP-K026).
const SPEAK_DAYS: [i64; 3] = [60, 30, 7];

/// Why a chain is not one to sign with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// FP-K021.
    #[error("the certificate of {subject} has expired: it was valid until {until}")]
    Expired { subject: String, until: String },
    /// FP-K021.
    #[error("the certificate of {subject} is not valid yet: it will be from {from}")]
    Early { subject: String, from: String },
    /// FP-K021: the same of the root that the chain leads to, where none of its name is valid now.
    #[error("{0}; the chain leads to it and to no other root that is valid now")]
    Root(Box<ChainFault>),
    /// FP-K022.
    #[error("the chain does not hold: {0}")]
    Broken(String),
    /// FP-K023.
    #[error("the certificate of {subject} may not sign: {why}")]
    MayNotSign { subject: String, why: &'static str },
}

/// Which certificate of a chain, or the root that it leads to, ends first, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    pub subject: String,
    /// As OpenSSL prints it.
    pub until: String,
    /// Whole days from the moment that was asked about.
    pub days: i64,
    /// The same moment, in seconds since 1970.
    pub until_s: i64,
}

/// How soon it ends, of the three times that are spoken of: at most 60, 30 or 7 days. `None` while it is longer.
pub fn urgency(days: i64) -> Option<i64> {
    SPEAK_DAYS.into_iter().rev().find(|limit| days <= *limit)
}

/// Whether a certificate's own words let it sign: key usage says digital signature or non-repudiation, or nothing at all.
pub fn may_sign(certificate: &X509Ref) -> Result<(), ChainFault> {
    match certificate.key_usage() {
        Some(usage) if !usage.intersects(X509KeyUsage::DIGITAL_SIGNATURE | X509KeyUsage::NON_REPUDIATION) => {
            let why = "its key usage has neither digital signature nor non-repudiation";
            Err(ChainFault::MayNotSign { subject: subject(certificate), why })
        }
        _ => Ok(()),
    }
}

/// Checks a signer's certificate and those that were issued above it, at a moment in seconds since 1970.
///
/// With `roots` the chain must lead to one of them; without, each certificate must be issued by the next one.
pub fn check(certificate: &X509, issuers: &[X509], roots: &[X509], at_s: i64) -> Result<(), ChainFault> {
    may_sign(certificate)?;
    for each in std::iter::once(certificate).chain(issuers) {
        valid_at(each, at_s)?;
    }
    if roots.is_empty() {
        return linked(certificate, issuers);
    }
    // OpenSSL says of a root that has ended only that "a certificate" has.
    let above = above(certificate, issuers, roots);
    if let Some(root) = lasting(above.iter().copied())
        && above.iter().all(|root| valid_at(root, at_s).is_err())
    {
        valid_at(root, at_s).map_err(|fault| ChainFault::Root(Box::new(fault)))?;
    }
    leads_to(certificate, issuers, roots, at_s)
}

/// The root that a chain leads to; of several that it may lead to, the one that lasts longest, for any of them will do.
pub fn root<'a>(certificate: &X509, issuers: &[X509], roots: &'a [X509]) -> Option<&'a X509> {
    lasting(above(certificate, issuers, roots))
}

/// The roots that stand in the chain or issued a certificate of it.
fn above<'a>(certificate: &X509, issuers: &[X509], roots: &'a [X509]) -> Vec<&'a X509> {
    let stands_over = |root: &X509, below: &X509| {
        let signed = || root.public_key().and_then(|key| below.verify(&key)).unwrap_or(false);
        *root == *below || (root.issued(below) == X509VerifyResult::OK && signed())
    };
    roots.iter().filter(|root| std::iter::once(certificate).chain(issuers).any(|below| stands_over(root, below))).collect()
}

fn lasting<'a>(certificates: impl IntoIterator<Item = &'a X509>) -> Option<&'a X509> {
    certificates.into_iter().max_by(|a, b| a.not_after().partial_cmp(b.not_after()).unwrap_or(Ordering::Equal))
}

/// The certificate that ends first. `at_s` is seconds since 1970.
pub fn expiry<'a>(certificates: impl IntoIterator<Item = &'a X509>, at_s: i64) -> Option<Expiry> {
    let ends = certificates.into_iter().filter_map(|certificate| {
        let end = certificate.not_after();
        let left = Asn1Time::from_unix(at_s).and_then(|at| at.diff(end)).ok()?;
        let until_s = at_s + i64::from(left.days) * DAY_S + i64::from(left.secs);
        Some(Expiry { subject: subject(certificate), until: end.to_string(), days: left.days.into(), until_s })
    });
    ends.min_by_key(|expiry| expiry.until_s)
}

/// Who a certificate is of: its common name, or its organisation's.
pub fn subject(certificate: &X509Ref) -> String {
    use openssl::nid::Nid;
    let name = certificate.subject_name();
    let of = |nid| name.entries_by_nid(nid).next().and_then(|entry| entry.data().to_string().ok());
    let found = of(Nid::COMMONNAME).or_else(|| of(Nid::ORGANIZATIONNAME));
    crate::domain::redact::redact(&found.unwrap_or_else(|| "no name".to_owned()))
}

/// Whether the certificate's own time of validity holds this moment, seconds since 1970.
pub fn valid_at(certificate: &X509Ref, at_s: i64) -> Result<(), ChainFault> {
    let broken = |fault: ErrorStack| ChainFault::Broken(fault.to_string());
    let at = Asn1Time::from_unix(at_s).map_err(broken)?;
    if certificate.not_after() < at {
        return Err(ChainFault::Expired { subject: subject(certificate), until: certificate.not_after().to_string() });
    }
    if certificate.not_before() > at {
        return Err(ChainFault::Early { subject: subject(certificate), from: certificate.not_before().to_string() });
    }
    Ok(())
}

fn linked(certificate: &X509, issuers: &[X509]) -> Result<(), ChainFault> {
    let mut below = certificate;
    for issuer in issuers {
        let signed = issuer.public_key().and_then(|key| below.verify(&key)).unwrap_or(false);
        if !signed {
            let text = format!("the certificate of {} was not issued by {}, which stands after it", subject(below), subject(issuer));
            return Err(ChainFault::Broken(text));
        }
        below = issuer;
    }
    Ok(())
}

fn leads_to(certificate: &X509, issuers: &[X509], roots: &[X509], at_s: i64) -> Result<(), ChainFault> {
    let broken = |fault: ErrorStack| ChainFault::Broken(fault.to_string());
    let store = store_at(roots, Some(at_s)).map_err(broken)?;
    let mut between = Stack::new().map_err(broken)?;
    for issuer in issuers {
        between.push(issuer.clone()).map_err(broken)?;
    }
    let mut context = X509StoreContext::new().map_err(broken)?;
    let verdict = context.init(&store, certificate, &between, |context| {
        let holds = context.verify_cert()?;
        Ok((holds, context.error().error_string()))
    });
    match verdict.map_err(broken)? {
        (true, _) => Ok(()),
        (false, why) => Err(ChainFault::Broken(format!("from {} to the root: {why}", subject(certificate)))),
    }
}

/// Certificates to trust, the moment at which chains to them are judged (now, when absent).
pub(super) fn store_at(trusted: &[X509], at_s: Option<i64>) -> Result<X509Store, ErrorStack> {
    let mut builder = X509StoreBuilder::new()?;
    for certificate in trusted {
        builder.add_cert(certificate.clone())?;
    }
    let mut rules = X509VerifyParam::new()?;
    // A vendor may pin the issuing or the signing certificate instead of the root.
    rules.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    // What a certificate is for is asked of its key usage: OpenSSL's own purposes are those of mail and of the web.
    rules.set_purpose(X509PurposeId::ANY)?;
    if let Some(at_s) = at_s {
        rules.set_time(at_s);
    }
    builder.set_param(&rules)?;
    Ok(builder.build())
}
