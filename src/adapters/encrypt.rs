//! Encrypts the files of a batch to the vendor's certificate or its age keys, a piece at a time.

use super::keys::{KeyFault, read_bounded};
use super::signer::certificates;
use crate::domain::Sha256;
use crate::vendor::EncryptTo;
use crate::wire::age_file::{self, header, payload_bytes};
use crate::wire::chain;
use crate::wire::envelope::{BLOCK_BYTES, KEY_BYTES, encrypted_bytes, head, unfit};
use crate::wire::manifest::EncryptedTo;
use openssl::symm::{Cipher, Crypter, Mode};
use openssl::x509::{X509, X509VerifyResult};
use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const PIECE_BYTES: usize = 256 * 1024;
const PEM: &str = "-----BEGIN ";

/// Whom files are encrypted to, read and found fit.
pub enum Recipient {
    Certificate(X509),
    Age(Vec<age_file::Recipient>),
}

impl Recipient {
    /// As a manifest names it.
    pub fn named(&self) -> io::Result<EncryptedTo> {
        Ok(match self {
            Self::Certificate(certificate) => EncryptedTo::Certificate(Sha256(openssl::sha::sha256(&certificate.to_der()?))),
            Self::Age(recipients) => EncryptedTo::Age(recipients.clone()),
        })
    }
}

/// The vendor's certificate, the first of the file that is valid now, or its age keys. FP-K025 when nothing can be encrypted to
/// them now (`at_s`, seconds since 1970): a vendor that cannot read its batches prints nothing.
pub fn recipient(to: &EncryptTo, at_s: i64) -> Result<Recipient, KeyFault> {
    let refused = |file: String, why: String| KeyFault::Refused { code: "FP-K025", file, why };
    let in_profile = || "delivery.encrypt_to".to_owned();
    match to {
        EncryptTo::File(path) => of_file(path, at_s).map_err(|why| refused(path.display().to_string(), why)),
        EncryptTo::Key(key) => match key.parse() {
            Ok(recipient) => Ok(Recipient::Age(vec![recipient])),
            Err(why) => Err(refused(in_profile(), why.to_owned())),
        },
        EncryptTo::Secret => {
            let why = "is a secret key, and with it anybody who can read the profile can read the letters: it must not stand there. \
                Have the vendor make a new one, and write what `age-keygen -y` prints of it (age1...)";
            Err(refused(in_profile(), why.to_owned()))
        }
    }
}

/// What a file says decides what it is, not its name.
fn of_file(path: &Path, at_s: i64) -> Result<Recipient, String> {
    let told = |fault: KeyFault| match fault {
        KeyFault::File { why, .. } => why,
        other => other.to_string(),
    };
    let bytes = read_bounded(path).map_err(told)?;
    // Before anything else: also where it stands beside a certificate.
    if age_file::is_secret(&String::from_utf8_lossy(&bytes)) {
        return age_file::recipients(&String::from_utf8_lossy(&bytes)).map(Recipient::Age);
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains(PEM) && text.to_ascii_lowercase().contains("age1") => age_file::recipients(&text).map(Recipient::Age),
        Ok(text) if !text.contains(PEM) => {
            let why = age_file::recipients(&text).err().unwrap_or_default();
            Err(format!("holds neither a certificate in PEM nor an age key ({why})"))
        }
        Ok(text) if text.lines().any(|line| line.trim_start().to_ascii_lowercase().starts_with("age1")) => {
            Err("holds a certificate and an age key; leave the one that the vendor opens its batches with".to_owned())
        }
        Ok(_) => of_certificates(meant(path).map_err(told)?, at_s).map(Recipient::Certificate),
        Err(_) => Err("holds neither a certificate in PEM nor an age key in UTF-8".to_owned()),
    }
}

/// The certificates of a file that batches may be encrypted to: all but those that issued another one of it, whose keys are
/// an authority's. One that bears its issuer's name was issued by itself, or is the same vendor's next.
pub fn meant(path: &Path) -> Result<Vec<X509>, KeyFault> {
    let all = certificates(path)?;
    let issued = |above: &X509, below: &X509| {
        above.issued(below) == X509VerifyResult::OK
            && above.subject_name().try_cmp(below.subject_name()).is_ok_and(|order| order != Ordering::Equal)
    };
    let meant: Vec<X509> = all.iter().filter(|each| !all.iter().any(|other| issued(each, other))).cloned().collect();
    Ok(meant)
}

/// The first that is valid: next year's may stand beside this year's, in either order. Where none is, the first one's reason.
fn of_certificates(mut meant: Vec<X509>, at_s: i64) -> Result<X509, String> {
    let valid = meant.iter().position(|each| chain::valid_at(each, at_s).is_ok()).unwrap_or(0);
    if valid >= meant.len() {
        return Err("holds no certificate but those of issuers".to_owned());
    }
    of_certificate(meant.swap_remove(valid), at_s)
}

fn of_certificate(certificate: X509, at_s: i64) -> Result<X509, String> {
    if let Some(why) = unfit(&certificate) {
        return Err(format!("nothing can be encrypted to it: {why}"));
    }
    chain::valid_at(&certificate, at_s).map_err(|fault| fault.to_string())?;
    Ok(certificate)
}

/// Writes `plain` to a new file, encrypted. The file says how much it holds: one that changes its size meanwhile is refused.
pub fn encrypt(plain: &Path, encrypted: &Path, recipient: &Recipient) -> io::Result<()> {
    let from = File::open(plain)?;
    let bytes = from.metadata()?.len();
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(encrypted)?;
    let whole = match recipient {
        Recipient::Certificate(certificate) => to_certificate(from.take(bytes), &mut to, certificate, bytes)?,
        Recipient::Age(recipients) => {
            let read = age_file::encrypt(from.take(bytes), BufWriter::with_capacity(PIECE_BYTES, &mut to), recipients)?;
            // Read back, so that a file of another size than its head makes it is never signed.
            let head = header(File::open(encrypted)?)?;
            read == bytes && head.recipients == recipients.len() && to.metadata()?.len() == head.bytes + payload_bytes(bytes)
        }
    };
    if whole { Ok(()) } else { Err(io::Error::other("the file changed while it was encrypted")) }
}

/// Gives whether so many bytes came as the head says.
fn to_certificate(mut from: impl Read, to: &mut File, certificate: &X509, bytes: u64) -> io::Result<bool> {
    let (mut key, mut iv) = ([0; KEY_BYTES], [0; BLOCK_BYTES]);
    openssl::rand::rand_bytes(&mut key)?;
    openssl::rand::rand_bytes(&mut iv)?;
    to.write_all(&head(certificate, &key, &iv, bytes).map_err(io::Error::other)?)?;
    let mut cipher = Crypter::new(Cipher::aes_256_cbc(), Mode::Encrypt, &key, Some(&iv))?;
    let (mut piece, mut out) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES + BLOCK_BYTES]);
    let mut written = 0;
    loop {
        let read = from.read(&mut piece)?;
        let made = if read == 0 { cipher.finalize(&mut out)? } else { cipher.update(&piece[..read], &mut out)? };
        to.write_all(&out[..made])?;
        written += made as u64;
        if read == 0 {
            return Ok(written == encrypted_bytes(bytes));
        }
    }
}
