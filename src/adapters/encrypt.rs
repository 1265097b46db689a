//! Encrypts the files of a batch to the vendor's certificate, a piece at a time.

use super::keys::KeyFault;
use super::signer::certificates;
use crate::wire::chain;
use crate::wire::envelope::{BLOCK_BYTES, KEY_BYTES, encrypted_bytes, head, unfit};
use openssl::symm::{Cipher, Crypter, Mode};
use openssl::x509::X509;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const PIECE_BYTES: usize = 256 * 1024;

/// The vendor's certificate, the first of the file. FP-K025 when nothing can be encrypted to it now (`at_s`, seconds since
/// 1970): a vendor that cannot read its batches prints nothing.
pub fn recipient(path: &Path, at_s: i64) -> Result<X509, KeyFault> {
    let refused = |why: String| KeyFault::Refused { code: "FP-K025", file: path.display().to_string(), why };
    let told = |fault: KeyFault| match fault {
        KeyFault::File { why, .. } => refused(why),
        other => refused(other.to_string()),
    };
    let certificate = certificates(path).map_err(told)?.remove(0);
    if let Some(why) = unfit(&certificate) {
        return Err(refused(format!("nothing can be encrypted to it: {why}")));
    }
    chain::valid_at(&certificate, at_s).map_err(|fault| refused(fault.to_string()))?;
    Ok(certificate)
}

/// Writes `plain` to a new file, encrypted.
pub fn encrypt(plain: &Path, encrypted: &Path, recipient: &X509) -> io::Result<()> {
    let (mut key, mut iv) = ([0; KEY_BYTES], [0; BLOCK_BYTES]);
    openssl::rand::rand_bytes(&mut key)?;
    openssl::rand::rand_bytes(&mut iv)?;
    let bytes = fs::metadata(plain)?.len();
    let mut from = File::open(plain)?.take(bytes);
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(encrypted)?;
    to.write_all(&head(recipient, &key, &iv, bytes).map_err(io::Error::other)?)?;
    let mut cipher = Crypter::new(Cipher::aes_256_cbc(), Mode::Encrypt, &key, Some(&iv))?;
    let (mut piece, mut out) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES + BLOCK_BYTES]);
    let mut written = 0;
    loop {
        let read = from.read(&mut piece)?;
        let made = if read == 0 { cipher.finalize(&mut out)? } else { cipher.update(&piece[..read], &mut out)? };
        to.write_all(&out[..made])?;
        written += made as u64;
        if read == 0 {
            break;
        }
    }
    // The head says how much follows: a file that changed its size meanwhile would make it lie.
    if written == encrypted_bytes(bytes) { Ok(()) } else { Err(io::Error::other("the file changed while it was encrypted")) }
}
