//! The detached CMS signature over a manifest: made and checked with OpenSSL, binary, DER.

use super::manifest::WireError;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::pkey::{PKeyRef, Private};
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509PurposeId, X509Ref};

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

/// Checks a detached signature against trusted certificates in PEM; the chain must lead to one of them.
pub fn verify(content: &[u8], signature_der: &[u8], trusted_pem: &[u8]) -> Result<(), WireError> {
    let mut cms = CmsContentInfo::from_der(signature_der).map_err(|_| WireError::new("signature", "is not a CMS structure in DER"))?;
    let store = trust_store(trusted_pem)?;
    let mut discarded = Vec::new();
    cms.verify(None, Some(&store), Some(content), Some(&mut discarded), CMSOptions::BINARY).map_err(|e| {
        let reasons: Vec<String> = e.errors().iter().filter_map(|e| e.reason().map(str::to_owned)).collect();
        WireError::new("signature", format!("does not verify ({})", reasons.join(", ")))
    })
}

fn trust_store(trusted_pem: &[u8]) -> Result<X509Store, WireError> {
    let failed = |e: openssl::error::ErrorStack| WireError::new("trusted certificate", e);
    let certificates = X509::stack_from_pem(trusted_pem).map_err(failed)?;
    if certificates.is_empty() {
        return Err(WireError::new("trusted certificate", "the file holds no certificate in PEM"));
    }
    let mut builder = X509StoreBuilder::new().map_err(failed)?;
    for certificate in certificates {
        builder.add_cert(certificate).map_err(failed)?;
    }
    // A vendor may pin the issuing or the signing certificate instead of the root.
    builder.set_flags(X509VerifyFlags::PARTIAL_CHAIN).map_err(failed)?;
    builder.set_purpose(X509PurposeId::ANY).map_err(failed)?;
    Ok(builder.build())
}
