//! The detached CMS signature over a manifest: made and checked with OpenSSL, binary, DER.

use super::chain;
use super::cms_shape;
use super::manifest::WireError;
use crate::domain::Cvr;
use openssl::asn1::Asn1Object;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::nid::Nid;
use openssl::pkcs7::{Pkcs7, Pkcs7Flags};
use openssl::pkey::{PKeyRef, Private};
use openssl::stack::Stack;
use openssl::x509::store::X509Store;
use openssl::x509::{X509, X509Ref};

/// Largest signature read, bytes.
pub const SIGNATURE_BYTES_MAX: u64 = 64 * 1024;

/// Signs `content`; the issuing certificates go along, so that the vendor needs only the root.
pub fn sign(content: &[u8], certificate: &X509Ref, key: &PKeyRef<Private>, issuers: &[X509]) -> Result<Vec<u8>, WireError> {
    let failed = |e: openssl::error::ErrorStack| WireError::new("signing the manifest", e);
    let mut chain = Stack::new().map_err(failed)?;
    for issuer in issuers {
        chain.push(issuer.clone()).map_err(failed)?;
    }
    // Without BINARY, line ends would be rewritten before hashing.
    let options = CMSOptions::BINARY | CMSOptions::DETACHED;
    CmsContentInfo::sign(Some(certificate), Some(key), Some(&chain), Some(content), options).and_then(|cms| cms.to_der()).map_err(failed)
}

/// Why a signature was not accepted. Each is another person's work, so they are told apart.
#[derive(Debug, thiserror::Error)]
pub enum SignatureFault {
    /// FP-K011.
    #[error("signature: is not a CMS structure in DER")]
    NotCms,
    /// FP-K011.
    #[error("signature: does not verify over this content ({0})")]
    Changed(String),
    /// FP-K011: it may be good, but of a copy that it carries inside.
    #[error("signature: is not detached: it carries what it signs in itself; make one over the file's own bytes (CMS, detached)")]
    Attached,
    /// FP-K011: it verifies, and it is not as it was made.
    #[error("signature: {0}: bytes of it were changed that no signature covers")]
    Shape(&'static str),
    /// FP-K012.
    #[error("signature: does not verify, its certificate chain leads to no trusted certificate ({0})")]
    Untrusted(String),
    /// FP-K013. Also a certificate that is not valid yet.
    #[error("signature: does not verify, a certificate of its chain is outside its time of validity ({0})")]
    OutsideValidity(String),
    /// FP-K016.
    #[error("signature: {0}")]
    MayNotSign(String),
    /// FP-K014.
    #[error("{0}")]
    Trusted(#[from] WireError),
}

/// Checks a detached signature against trusted certificates in PEM; the chain must lead to one of them.
pub fn verify(content: &[u8], signature_der: &[u8], trusted_pem: &[u8]) -> Result<(), WireError> {
    check(content, signature_der, trusted_pem).map_err(|fault| match fault {
        SignatureFault::Trusted(fault) => fault,
        other => {
            let text = other.to_string();
            WireError::new("signature", text.strip_prefix("signature: ").unwrap_or(&text))
        }
    })
}

/// As [`verify`], and tells a changed content, an untrusted chain and an expired certificate apart.
pub fn check(content: &[u8], signature_der: &[u8], trusted_pem: &[u8]) -> Result<(), SignatureFault> {
    check_at(content, signature_der, trusted_pem, None)
}

/// As [`check`], by the certificates as they stood at a moment in seconds since 1970; now, when absent.
pub fn check_at(content: &[u8], signature_der: &[u8], trusted_pem: &[u8], at_s: Option<i64>) -> Result<(), SignatureFault> {
    let mut cms = CmsContentInfo::from_der(signature_der).map_err(|_| SignatureFault::NotCms)?;
    if cms_shape::is_attached(signature_der) {
        return Err(SignatureFault::Attached);
    }
    let store = trust_store(trusted_pem, at_s)?;
    let mut discarded = Vec::new();
    cms.verify(None, Some(&store), Some(content), Some(&mut discarded), CMSOptions::BINARY).map_err(|stack| {
        let mut reasons: Vec<String> = stack.errors().iter().filter_map(|e| e.reason().map(str::to_owned)).collect();
        // OpenSSL says what is wrong with a chain only in the text beside the error.
        let chain = stack.errors().iter().filter_map(|e| e.data()).find_map(|data| data.strip_prefix("Verify error:"));
        reasons.extend(chain.map(|why| why.trim().to_owned()));
        let text = reasons.join(", ");
        match chain {
            Some(why) if why.contains("expired") || why.contains("not yet valid") => SignatureFault::OutsideValidity(text),
            Some(_) => SignatureFault::Untrusted(text),
            None => SignatureFault::Changed(text),
        }
    })?;
    signers_may_sign(signature_der)?;
    cms_shape::check(signature_der).map_err(SignatureFault::Shape)
}

/// The CVR number that the signer's certificate carries: in organizationIdentifier (`NTRDK-12345678`, ETSI EN 319 412-1,
/// OCES 3), or in serialNumber (`CVR:12345678-...`, OCES 2). `None` when it carries none.
///
/// Says nothing about the signature; [`check`] does. A fault when it cannot be told who signed.
pub fn signer_cvr(signature_der: &[u8]) -> Result<Option<Cvr>, WireError> {
    let unclear = |why: &str| WireError::new("signature", why.to_owned());
    let structure = Pkcs7::from_der(signature_der).map_err(|_| unclear("does not say who signed"))?;
    let none = Stack::new().map_err(|e| WireError::new("signature", e))?;
    let signers = structure.signers(&none, Pkcs7Flags::empty()).map_err(|_| unclear("does not say who signed"))?;
    match signers.len() {
        1 => Ok(cvr_of(&signers[0])),
        several => Err(unclear(&format!("is by {several} signers, expected one"))),
    }
}

/// The name that the signer's certificate carries. Says nothing about the signature; [`check`] does.
pub fn signer_name(signature_der: &[u8]) -> Result<String, WireError> {
    let unclear = || WireError::new("signature", "does not say who signed");
    let structure = Pkcs7::from_der(signature_der).map_err(|_| unclear())?;
    let none = Stack::new().map_err(|e| WireError::new("signature", e))?;
    let signers = structure.signers(&none, Pkcs7Flags::empty()).map_err(|_| unclear())?;
    signers.get(0).map(chain::subject).ok_or_else(unclear)
}

/// The CVR number of the organisation that a certificate was issued to, where it carries one.
pub fn cvr_of(certificate: &X509Ref) -> Option<Cvr> {
    let number =
        |text: &str| -> Option<Cvr> { text.get(..8).filter(|_| !text[8..].starts_with(|c: char| c.is_ascii_digit()))?.parse().ok() };
    let organization = Asn1Object::from_str("2.5.4.97").ok()?.nid();
    certificate.subject_name().entries().find_map(|entry| {
        let text = entry.data().to_string().ok()?;
        match entry.object().nid() {
            nid if nid == organization => number(text.strip_prefix("NTRDK-").or_else(|| text.strip_prefix("VATDK-"))?),
            Nid::SERIALNUMBER => number(text.strip_prefix("CVR:")?),
            _ => None,
        }
    })
}

/// A chain that holds says that a certificate is real, not that it was made for signing.
fn signers_may_sign(signature_der: &[u8]) -> Result<(), SignatureFault> {
    let unclear = |_: openssl::error::ErrorStack| SignatureFault::MayNotSign("does not say with which certificate it was made".to_owned());
    let structure = Pkcs7::from_der(signature_der).map_err(unclear)?;
    let none = Stack::new().map_err(unclear)?;
    let signers = structure.signers(&none, Pkcs7Flags::empty()).map_err(unclear)?;
    for signer in &signers {
        chain::may_sign(signer).map_err(|fault| SignatureFault::MayNotSign(fault.to_string()))?;
    }
    Ok(())
}

fn trust_store(trusted_pem: &[u8], at_s: Option<i64>) -> Result<X509Store, WireError> {
    let failed = |e: openssl::error::ErrorStack| WireError::new("trusted certificate", e);
    let certificates = X509::stack_from_pem(trusted_pem).map_err(failed)?;
    if certificates.is_empty() {
        return Err(WireError::new("trusted certificate", "the file holds no certificate in PEM"));
    }
    chain::store_at(&certificates, at_s).map_err(failed)
}
