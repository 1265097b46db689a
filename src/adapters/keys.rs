//! Keys and certificates: read from files, and made for a demonstration or a first set-up.

use super::store::write_private;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Name, X509NameBuilder};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Largest key or certificate file read, bytes.
const KEY_FILE_BYTES_MAX: u64 = 256 * 1024;
/// How long certificates of a test set-up are valid.
const VALID_DAYS: u32 = 730;

#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// FP-K020.
    #[error("reading {file}: {why}")]
    File { file: String, why: String },
    /// What was read is not to be used.
    #[error("{file}: {why}")]
    Refused { code: &'static str, file: String, why: String },
    #[error("making keys: {0}")]
    Crypto(#[from] ErrorStack),
    #[error("making keys: {0}")]
    Ssh(String),
    #[error("writing keys: {0}")]
    Io(#[from] io::Error),
}

impl KeyFault {
    pub fn file(path: &Path, why: impl std::fmt::Display) -> Self {
        Self::File { file: path.display().to_string(), why: why.to_string() }
    }

    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } => code,
            _ => "FP-K020",
        }
    }
}

/// The whole file, of bounded size.
pub fn read_bounded(path: &Path) -> Result<Vec<u8>, KeyFault> {
    let fault = |why: String| KeyFault::File { file: path.display().to_string(), why };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| fault(e.to_string()))?;
    file.take(KEY_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| fault(e.to_string()))?;
    if bytes.len() as u64 > KEY_FILE_BYTES_MAX { Err(fault("is too large".to_owned())) } else { Ok(bytes) }
}

/// Makes a certificate chain for tests and demonstrations: `ca.pem` (root), `signer.pem` (signer, then issuing CA) and
/// `signer.key` in `folder`. Does nothing when they are there.
pub fn make_chain(folder: &Path) -> Result<(), KeyFault> {
    if folder.join("signer.pem").is_file() {
        return Ok(());
    }
    let root = Issued::make("fjernprint test root", None, true)?;
    let issuing = Issued::make("fjernprint test issuing CA", Some(&root), true)?;
    let signer = Issued::make("fjernprint test signer", Some(&issuing), false)?;
    write_private(&folder.join("ca.pem"), &root.certificate.to_pem()?)?;
    write_private(&folder.join("signer.key"), &signer.key.private_key_to_pem_pkcs8()?)?;
    let chain = [signer.certificate.to_pem()?, issuing.certificate.to_pem()?].concat();
    write_private(&folder.join("signer.pem"), &chain)?;
    Ok(())
}

struct Issued {
    certificate: X509,
    key: PKey<Private>,
}

impl Issued {
    fn make(name: &str, issuer: Option<&Self>, authority: bool) -> Result<Self, ErrorStack> {
        let key = PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)?)?;
        let subject = common_name(name)?;
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        let mut serial = BigNum::new()?;
        serial.rand(120, MsbOption::MAYBE_ZERO, false)?;
        builder.set_serial_number(&*serial.to_asn1_integer()?)?;
        builder.set_subject_name(&subject)?;
        builder.set_issuer_name(issuer.map_or(&*subject, |i| i.certificate.subject_name()))?;
        builder.set_pubkey(&key)?;
        builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
        builder.set_not_after(&*Asn1Time::days_from_now(VALID_DAYS)?)?;
        let mut usage = KeyUsage::new();
        usage.critical();
        if authority {
            builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
            usage.key_cert_sign().crl_sign();
        } else {
            builder.append_extension(BasicConstraints::new().critical().build()?)?;
            usage.digital_signature().non_repudiation();
        }
        builder.append_extension(usage.build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(issuer.map(|i| &*i.certificate), None))?;
        builder.append_extension(identifier)?;
        if let Some(issuer) = issuer {
            let from = AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(Some(&issuer.certificate), None))?;
            builder.append_extension(from)?;
        }
        builder.sign(issuer.map_or(&key, |i| &i.key), MessageDigest::sha256())?;
        Ok(Self { certificate: builder.build(), key })
    }
}

fn common_name(name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509NameBuilder::new()?;
    builder.append_entry_by_text("CN", name)?;
    Ok(builder.build())
}

/// Makes an ed25519 SSH key pair, `<path>` and `<path>.pub`, unless it is there, and gives the public line.
pub fn make_ssh_key(path: &Path, comment: &str) -> Result<String, KeyFault> {
    use russh::keys::ssh_key::LineEnding;
    use russh::keys::{Algorithm, PrivateKey};
    let public_path = path.with_extension("pub");
    if public_path.is_file() && path.is_file() {
        return Ok(fs::read_to_string(&public_path)?.trim().to_owned());
    }
    let ssh = |e: &dyn std::fmt::Display| KeyFault::Ssh(e.to_string());
    let mut seed = [0; 32];
    openssl::rand::rand_bytes(&mut seed)?;
    let pair = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&seed);
    let mut key = PrivateKey::from(pair);
    debug_assert_eq!(key.algorithm(), Algorithm::Ed25519);
    key.set_comment(comment);
    let line = key.public_key().to_openssh().map_err(|e| ssh(&e))?;
    write_private(path, key.to_openssh(LineEnding::LF).map_err(|e| ssh(&e))?.as_bytes())?;
    write_private(&public_path, format!("{line}\n").as_bytes())?;
    Ok(line)
}

/// Makes a file of random bytes, as hex, unless it is there: the key of the register's look-ups.
pub fn make_secret(path: &Path) -> Result<(), KeyFault> {
    if path.is_file() {
        return Ok(());
    }
    let mut bytes = [0; 32];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(write_private(path, format!("{}\n", crate::domain::Sha256(bytes)).as_bytes())?)
}
