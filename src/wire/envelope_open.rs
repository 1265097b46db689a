//! Opens the envelopes that [`super::envelope`] makes, a piece at a time and from anywhere in them, as a ZIP is read.
//!
//! OpenSSL's own function wants the whole file and the whole content in memory, some times over. So the structure is read
//! here, and only the one that a manifest's method names: each part has to be, byte for byte, what the sealing side writes,
//! or what `openssl cms` writes for the same.
//! Anything else that CMS can say is refused with a sentence, and not read for what it may have meant.

use super::age_file::OpenFault;
use super::envelope::{
    AES_256_CBC, BLOCK_BYTES, DATA, ENVELOPED_DATA, IMPLICIT_0, KEY_BYTES, NULL, OCTETS, SEQUENCE, SET, TAGGED_0, VERSION_0, oaep_sha256,
};
use openssl::encrypt::Decrypter;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKeyRef, Private};
use openssl::rsa::Padding;
use openssl::symm::{Cipher, Crypter, Mode};
use std::io::{self, Read, Seek, SeekFrom};

/// Longest head read, bytes: an issuer's name, and a wrapped key of 2 KiB at most.
const HEAD_BYTES_MAX: u64 = 16 * 1024;
/// Decrypted at once, bytes; whole blocks.
const PIECE_BYTES: u64 = 64 * 1024;
const BLOCK: u64 = BLOCK_BYTES as u64;

const NOT_DER: &str = "it is no CMS EnvelopedData in DER, or is cut off";

/// What stands before the encrypted bytes.
pub struct Head {
    /// Where the encrypted bytes begin; they end with the file.
    begins: u64,
    /// How many there are.
    pub encrypted_bytes: u64,
    wrapped: Vec<u8>,
    iv: [u8; BLOCK_BYTES],
}

/// Reads the head at the beginning of a file, without a key. [`io::ErrorKind::InvalidData`] with a sentence for a structure
/// that is not what the method says.
pub fn head(mut file: impl Read + Seek) -> io::Result<Head> {
    let file_bytes = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut beginning = Vec::new();
    file.take(HEAD_BYTES_MAX).read_to_end(&mut beginning)?;
    head_of(&beginning, file_bytes).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
}

fn head_of(beginning: &[u8], file_bytes: u64) -> Result<Head, &'static str> {
    let mut der = Der { rest: beginning, left_bytes: file_bytes };
    der.last(SEQUENCE)?;
    der.exactly(ENVELOPED_DATA, "it is CMS, and no EnvelopedData")?;
    der.last(TAGGED_0)?;
    der.last(SEQUENCE)?;
    der.exactly(&VERSION_0, "it is not encrypted to one certificate that is named by its issuer and number")?;
    let wrapped = wrapped_in(der.whole(SET)?)?.to_vec();
    der.last(SEQUENCE)?;
    der.exactly(DATA, "what is encrypted is not plain data")?;
    let mut cipher = der.whole(SEQUENCE)?;
    cipher.exactly(AES_256_CBC, "its cipher is not AES-256-CBC")?;
    let iv = cipher.whole(OCTETS)?.rest.try_into().map_err(|_| NOT_DER)?;
    cipher.end(NOT_DER)?;
    der.last(IMPLICIT_0)?;
    let encrypted_bytes = der.left_bytes;
    if encrypted_bytes == 0 || !encrypted_bytes.is_multiple_of(BLOCK) {
        return Err("its encrypted bytes are not whole blocks");
    }
    Ok(Head { begins: file_bytes - encrypted_bytes, encrypted_bytes, wrapped, iv })
}

/// The wrapped key of the only recipient.
fn wrapped_in(mut recipients: Der<'_>) -> Result<&[u8], &'static str> {
    let mut recipient = recipients.whole(SEQUENCE)?;
    recipients.end("it is encrypted to more than one certificate")?;
    recipient.exactly(&VERSION_0, "its certificate is not named by issuer and number")?;
    recipient.whole(SEQUENCE)?;
    let wrapping = [oaep_sha256(&NULL), oaep_sha256(&[])];
    let found = wrapping.iter().find(|wrapping| recipient.rest.starts_with(wrapping));
    let why = "its key is not wrapped with RSA-OAEP and SHA-256";
    recipient.exactly(found.ok_or(why)?, why)?;
    let wrapped = recipient.whole(OCTETS)?.rest;
    recipient.end(NOT_DER)?;
    Ok(wrapped)
}

/// Elements one after the other. `rest` may end before they do: the encrypted bytes are not read with the head.
struct Der<'a> {
    rest: &'a [u8],
    left_bytes: u64,
}

impl<'a> Der<'a> {
    /// Steps over exactly these bytes.
    fn exactly(&mut self, expected: &[u8], why: &'static str) -> Result<(), &'static str> {
        self.rest = self.rest.strip_prefix(expected).ok_or(why)?;
        self.left_bytes = self.left_bytes.checked_sub(expected.len() as u64).ok_or(why)?;
        Ok(())
    }

    /// Steps into an element that reaches exactly to the end.
    fn last(&mut self, tag: u8) -> Result<(), &'static str> {
        if self.opening(tag)? == self.left_bytes { Ok(()) } else { Err("its lengths are not those of the file") }
    }

    /// Steps over an element of which everything has been read, and gives what is in it.
    fn whole(&mut self, tag: u8) -> Result<Self, &'static str> {
        let length = self.opening(tag)?;
        let (inside, rest) = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)).ok_or(NOT_DER)?;
        self.left_bytes = self.left_bytes.checked_sub(length).ok_or(NOT_DER)?;
        self.rest = rest;
        Ok(Self { rest: inside, left_bytes: length })
    }

    /// Steps over tag and length, and gives the length. One that is not told beforehand (0x80, as streaming tools write) is
    /// BER, and not DER.
    fn opening(&mut self, tag: u8) -> Result<u64, &'static str> {
        let (length, opening_bytes) = match self.rest {
            [found, ..] if *found != tag => return Err(NOT_DER),
            [_, short, ..] if *short < 0x80 => (u64::from(*short), 2),
            [_, 0x80, ..] => return Err("its lengths are not told beforehand: it is BER, and no DER"),
            [_, long, after @ ..] => {
                let length_bytes = usize::from(*long & 0x7f);
                let bytes = after.get(..length_bytes).filter(|bytes| bytes.len() <= 8).ok_or(NOT_DER)?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 2 + length_bytes)
            }
            _ => return Err(NOT_DER),
        };
        self.rest = &self.rest[opening_bytes..];
        self.left_bytes = self.left_bytes.checked_sub(opening_bytes as u64).ok_or(NOT_DER)?;
        Ok(length)
    }

    fn end(&self, why: &'static str) -> Result<(), &'static str> {
        if self.rest.is_empty() && self.left_bytes == 0 { Ok(()) } else { Err(why) }
    }
}

/// What comes out of an envelope.
///
/// CBC proves nothing: what was changed inside comes out as other bytes, which only the hash in the signed manifest tells.
pub struct Opened<R> {
    file: R,
    head: Head,
    key: [u8; KEY_BYTES],
    plain_bytes: u64,
    at: u64,
    /// The piece that was read last, and its number.
    piece: Vec<u8>,
    number: Option<u64>,
}

/// Opens a file with the key of the certificate that it is encrypted to.
pub fn open<R: Read + Seek>(mut file: R, key: &PKeyRef<Private>) -> Result<Opened<R>, OpenFault> {
    let head = head(&mut file)?;
    // OAEP tells a key that does not fit, or a wrapped key that was changed; the two look the same.
    let key = unwrap_key(&head.wrapped, key).map_err(|_| OpenFault::OtherKey)?;
    let key = key.try_into().map_err(|_| OpenFault::Damaged("its key is not one of AES-256".to_owned()))?;
    let mut opened = Opened { file, head, key, plain_bytes: 0, at: 0, piece: Vec::new(), number: None };
    let last = opened.decrypted(opened.head.encrypted_bytes - BLOCK, BLOCK)?;
    let padding = last.last().copied().unwrap_or_default();
    let filled = (1..=BLOCK).contains(&padding.into()) && last.iter().rev().take(padding.into()).all(|byte| *byte == padding);
    if !filled {
        return Err(OpenFault::Damaged("its last block was changed, or was encrypted under another key than the one in it".to_owned()));
    }
    opened.plain_bytes = opened.head.encrypted_bytes - u64::from(padding);
    Ok(opened)
}

fn unwrap_key(wrapped: &[u8], key: &PKeyRef<Private>) -> Result<Vec<u8>, ErrorStack> {
    let mut decrypter = Decrypter::new(key)?;
    decrypter.set_rsa_padding(Padding::PKCS1_OAEP)?;
    decrypter.set_rsa_oaep_md(MessageDigest::sha256())?;
    decrypter.set_rsa_mgf1_md(MessageDigest::sha256())?;
    let mut found = vec![0; decrypter.decrypt_len(wrapped)?];
    let length = decrypter.decrypt(wrapped, &mut found)?;
    found.truncate(length);
    Ok(found)
}

impl<R: Read + Seek> Opened<R> {
    /// So many bytes from so far behind the head, both whole blocks, with their padding.
    fn decrypted(&mut self, from: u64, bytes: u64) -> io::Result<Vec<u8>> {
        // Each block was mixed with the encrypted one before it, and the first with the IV.
        let mut before = self.head.iv;
        let begins = self.head.begins + from;
        if from == 0 {
            self.file.seek(SeekFrom::Start(begins))?;
        } else {
            self.file.seek(SeekFrom::Start(begins - BLOCK))?;
            self.file.read_exact(&mut before)?;
        }
        let mut sealed = vec![0; bytes as usize];
        self.file.read_exact(&mut sealed)?;
        let mut cipher = Crypter::new(Cipher::aes_256_cbc(), Mode::Decrypt, &self.key, Some(&before))?;
        cipher.pad(false);
        let mut plain = vec![0; sealed.len() + BLOCK_BYTES];
        let mut made = cipher.update(&sealed, &mut plain)?;
        made += cipher.finalize(&mut plain[made..])?;
        plain.truncate(made);
        Ok(plain)
    }
}

impl<R: Read + Seek> Read for Opened<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.plain_bytes || to.is_empty() {
            return Ok(0);
        }
        let number = self.at / PIECE_BYTES;
        let begins = number * PIECE_BYTES;
        if self.number != Some(number) {
            // A piece that was not read to its end is not kept.
            self.number = None;
            self.piece = self.decrypted(begins, PIECE_BYTES.min(self.head.encrypted_bytes - begins))?;
            self.piece.truncate((self.plain_bytes - begins) as usize);
            self.number = Some(number);
        }
        let given = (&self.piece[(self.at - begins) as usize..]).read(to)?;
        self.at += given as u64;
        Ok(given)
    }
}

impl<R> Seek for Opened<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.plain_bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the beginning"))?;
        Ok(self.at)
    }
}
