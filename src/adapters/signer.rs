//! Who signs the batches: reads key, password and certificates from their files, and refuses what no vendor could check.

use super::keys::{KeyFault, read_bounded};
use crate::domain::Cvr;
use crate::wire::chain::{self, ChainFault, Expiry};
use crate::wire::cms;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Rights of a key's or a password's file that nobody but its owner may have.
const OTHERS: u32 = 0o077;

/// Where a signer lies.
#[derive(Debug, Clone)]
pub struct SignerFiles {
    /// PEM: the signer's own certificate first, the issuing ones after it.
    pub certificate: PathBuf,
    /// PEM, readable by its owner only.
    pub key: PathBuf,
    /// Its first line opens the key; readable by its owner only.
    pub key_password: Option<PathBuf>,
    /// PEM: the roots that vendors trust.
    pub root: Option<PathBuf>,
}

/// A key and the certificates that go along with what it signs.
pub struct Signer {
    pub certificate: X509,
    /// The certificates between it and the root.
    pub issuers: Vec<X509>,
    pub key: PKey<Private>,
    roots: Vec<X509>,
    file: PathBuf,
    root_file: Option<PathBuf>,
}

impl Signer {
    /// Reads the signer and checks it as of a moment, in seconds since 1970.
    ///
    /// FP-K020: a file is missing, is not what it should be, or key and certificate do not belong together. FP-K024: a key
    /// or password that others may read, or a password that does not open the key. The rest as [`Signer::check`].
    pub fn read(files: &SignerFiles, at_s: i64) -> Result<Self, KeyFault> {
        let mut issuers = certificates(&files.certificate)?;
        let certificate = issuers.remove(0);
        let key = private_key(&files.key, files.key_password.as_deref())?;
        if !certificate.public_key()?.public_eq(&key) {
            let why = format!("does not belong to the first certificate in {}", files.certificate.display());
            return Err(KeyFault::file(&files.key, why));
        }
        let roots = files.root.as_deref().map(certificates).transpose()?.unwrap_or_default();
        let signer = Self { certificate, issuers, key, roots, file: files.certificate.clone(), root_file: files.root.clone() };
        signer.check(at_s)?;
        Ok(signer)
    }

    /// FP-K021: a certificate of the chain, or the root that it leads to, is outside its validity. FP-K022: the chain does not
    /// hold. FP-K023: the certificate may not sign.
    pub fn check(&self, at_s: i64) -> Result<(), KeyFault> {
        chain::check(&self.certificate, &self.issuers, &self.roots, at_s).map_err(|fault| {
            let (code, file) = match &fault {
                ChainFault::Root(_) => ("FP-K021", self.root_file.as_ref().unwrap_or(&self.file)),
                ChainFault::Expired { .. } | ChainFault::Early { .. } => ("FP-K021", &self.file),
                ChainFault::Broken(_) => ("FP-K022", &self.file),
                ChainFault::MayNotSign { .. } => ("FP-K023", &self.file),
            };
            KeyFault::Refused { code, file: file.display().to_string(), why: fault.to_string() }
        })
    }

    /// The organisation that the certificate was issued to, where it carries a CVR number.
    pub fn cvr(&self) -> Option<Cvr> {
        cms::cvr_of(&self.certificate)
    }

    /// Whether a vendor's acceptance test takes its signature on a batch of this municipality: the certificate carries no CVR
    /// number, the municipality's, or that of the organisation that signs by agreement.
    pub fn may_sign_for(&self, municipality: &Cvr, agreed: Option<&Cvr>) -> bool {
        self.cvr().is_none_or(|cvr| cvr == *municipality || Some(&cvr) == agreed)
    }

    /// Which of its certificates, the root that they lead to among them, ends first, and when: nothing is sealed after it.
    pub fn expiry(&self, at_s: i64) -> Option<Expiry> {
        let root = chain::root(&self.certificate, &self.issuers, &self.roots);
        chain::expiry(std::iter::once(&self.certificate).chain(&self.issuers).chain(root), at_s)
    }
}

/// The file that signatures must lead to, as it was given at a command line. FP-K014, naming it, when it holds no certificate in
/// PEM: the same said of each signature would send the reader to the batch.
pub fn trusted(path: &Path) -> Result<Vec<u8>, KeyFault> {
    let pem = read_bounded(path)?;
    match X509::stack_from_pem(&pem) {
        Ok(found) if !found.is_empty() => Ok(pem),
        _ => {
            let why = "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned();
            Err(KeyFault::Refused { code: "FP-K014", file: path.display().to_string(), why })
        }
    }
}

/// One or more certificates in PEM.
pub fn certificates(path: &Path) -> Result<Vec<X509>, KeyFault> {
    let found = X509::stack_from_pem(&read_bounded(path)?).map_err(|_| KeyFault::file(path, "is not a certificate in PEM"))?;
    if found.is_empty() { Err(KeyFault::file(path, "holds no certificate in PEM")) } else { Ok(found) }
}

fn private_key(path: &Path, password_file: Option<&Path>) -> Result<PKey<Private>, KeyFault> {
    closed_to_others(path)?;
    let pem = read_bounded(path)?;
    let password = password_file.map(password).transpose()?;
    // A password is never asked for at a terminal: a night has none.
    let mut asked = false;
    let answer = |room: &mut [u8]| {
        asked = true;
        let given = password.as_deref().unwrap_or_default();
        let fits = given.len() <= room.len();
        if fits {
            room[..given.len()].copy_from_slice(given);
        }
        Ok(if fits { given.len() } else { 0 })
    };
    let key = PKey::private_key_from_pem_callback(&pem, answer);
    match (key, asked, &password) {
        (Ok(key), ..) => Ok(key),
        (Err(_), true, None) => Err(refused(path, "is encrypted, and no key_password_file is configured")),
        (Err(_), true, Some(_)) => Err(refused(path, "is not opened by the password in key_password_file")),
        (Err(_), false, _) => Err(KeyFault::file(path, "is not a private key in PEM")),
    }
}

/// The first line of the file.
fn password(path: &Path) -> Result<Vec<u8>, KeyFault> {
    closed_to_others(path)?;
    let bytes = read_bounded(path)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() { Err(refused(path, "has no password in its first line")) } else { Ok(line.to_vec()) }
}

/// FP-K024 for a file of secrets that others may read.
pub fn closed_to_others(path: &Path) -> Result<(), KeyFault> {
    let mode = fs::metadata(path).map_err(|e| KeyFault::file(path, e))?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    Err(refused(path, &format!("may be read or changed by others (mode {:03o}); `chmod 600` it", mode & 0o777)))
}

fn refused(path: &Path, why: &str) -> KeyFault {
    KeyFault::Refused { code: "FP-K024", file: path.display().to_string(), why: why.to_owned() }
}
