//! How large the file with a batch's letters becomes: what `batch.bytes_max` is held against.
//!
//! A vendor refuses a file that is too large, whatever in it is ours. So what the container adds to its letters is counted, and
//! what encryption adds on top of it.

use super::{Container, VendorProfile};

/// Of each letter, before it and in the list at the end (APPNOTE.TXT 4.3.7 and 4.3.12), its name in both: a letter's id and
/// `.pdf`. Members are stored, without extra fields.
const ZIP_LETTER_BYTES: u64 = 30 + 46 + 2 * 29;
/// The end of the list (4.3.16).
const ZIP_END_BYTES: u64 = 22;
/// The end of a longer list and what points to it (4.3.14, 4.3.15), beyond as many letters as two bytes can count.
const ZIP64_END_BYTES: u64 = 56 + 20;
const ZIP_LETTERS: u64 = 65_535;
/// Longest head of an encrypted file: age's with 16 keys is below 2 KiB, that of CMS holds an issuer's name and an RSA key.
const HEAD_BYTES: u64 = 4096;
/// age's nonce and its tags, one for each chunk. CMS pads to blocks of 16 bytes, which is never more.
const NONCE_BYTES: u64 = 16;
const TAG_BYTES: u64 = 16;
const CHUNK_BYTES: u64 = 64 * 1024;

impl VendorProfile {
    /// The most that a container of so many letters weighs when their PDFs are `letters_bytes` together, encrypted where the
    /// vendor wants that.
    ///
    /// Of a stream this is an estimate: what its letters share is in it once, and a letter may get a blank back. Files of their
    /// own add nothing.
    pub fn container_bytes(&self, letters: u64, letters_bytes: u64) -> u64 {
        let plain = match self.batch.container {
            Container::Zip => {
                let end = if letters > ZIP_LETTERS { ZIP_END_BYTES + ZIP64_END_BYTES } else { ZIP_END_BYTES };
                letters_bytes.saturating_add(letters.saturating_mul(ZIP_LETTER_BYTES)).saturating_add(end)
            }
            Container::Files | Container::Stream => letters_bytes,
        };
        match self.delivery.encrypt_to {
            None => plain,
            Some(_) => plain.saturating_add(HEAD_BYTES + NONCE_BYTES + TAG_BYTES * plain.div_ceil(CHUNK_BYTES).max(1)),
        }
    }
}
