//! The site's own signature under its answers, where its profile wants one: `answers.pem` and `answers.key` in its folder, made
//! for tests where they are missing. Whoever runs a site for more than that puts its own there.

use super::book::put;
use crate::wire::cms;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::KeyUsage;
use openssl::x509::{X509, X509NameBuilder};
use std::fs;
use std::io;
use std::path::Path;

pub const CERTIFICATE: &str = "answers.pem";
const KEY: &str = "answers.key";
const VALID_DAYS: u32 = 730;

pub struct Seal {
    certificate: X509,
    key: PKey<Private>,
}

impl Seal {
    pub fn open(dir: &Path) -> io::Result<Self> {
        let (certificate, key) = (dir.join(CERTIFICATE), dir.join(KEY));
        if !certificate.is_file() {
            let (made, its_key) = make()?;
            put(&dir.join("answers.part"), &key, &its_key.private_key_to_pem_pkcs8()?)?;
            put(&dir.join("answers.part"), &certificate, &made.to_pem()?)?;
        }
        Ok(Self { certificate: X509::from_pem(&fs::read(certificate)?)?, key: PKey::private_key_from_pem(&fs::read(key)?)? })
    }

    /// A detached signature, DER.
    pub fn sign(&self, content: &[u8]) -> io::Result<Vec<u8>> {
        cms::sign(content, &self.certificate, &self.key, &[]).map_err(io::Error::other)
    }
}

fn make() -> Result<(X509, PKey<Private>), ErrorStack> {
    let key = PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "fjernprint test vendor, answers")?;
    let name = name.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(120, MsbOption::MAYBE_ZERO, false)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_pubkey(&key)?;
    builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(VALID_DAYS)?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().non_repudiation().build()?)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok((builder.build(), key))
}
