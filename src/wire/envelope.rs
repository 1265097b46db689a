//! CMS EnvelopedData (RFC 5652) for one recipient with an RSA key: AES-256-CBC, its key under RSA-OAEP with SHA-256.
//!
//! Only the head is made here, in DER: everything that stands before the encrypted bytes. OpenSSL's own function wants the
//! whole content in memory; with the head written first, the content can stream through. CBC and not GCM, because print
//! vendors' tools know it, and what GCM adds is there already: the signed manifest holds the hash of the encrypted bytes.

use super::manifest::WireError;
use openssl::encrypt::Encrypter;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::Id;
use openssl::rsa::Padding;
use openssl::x509::{X509KeyUsage, X509Ref};

/// How a manifest names it.
pub const METHOD: &str = "cms-aes256cbc-rsaoaep";
/// What an encrypted file's name ends in, after the plain file's own.
pub const ENDING: &str = ".p7m";
pub const KEY_BYTES: usize = 32;
pub const BLOCK_BYTES: usize = 16;
const RSA_BITS_MIN: u32 = 2048;

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const OCTETS: u8 = 0x04;
const INTEGER: u8 = 0x02;
/// Constructed, tagged 0 and 1 by the structure around them.
pub(super) const TAGGED_0: u8 = 0xa0;
const TAGGED_1: u8 = 0xa1;
/// Plain bytes, tagged 0.
pub(super) const IMPLICIT_0: u8 = 0x80;
pub(super) const NULL: [u8; 2] = [0x05, 0x00];
pub(super) const VERSION_0: [u8; 3] = [INTEGER, 1, 0];

/// 1.2.840.113549.1.7.3 and .1, 1.2.840.113549.1.1.7 and .8, 2.16.840.1.101.3.4.2.1, 2.16.840.1.101.3.4.1.42.
pub(super) const ENVELOPED_DATA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3];
pub(super) const DATA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const RSAES_OAEP: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 7];
const MGF1: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8];
const SHA256: &[u8] = &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
pub(super) const AES_256_CBC: &[u8] = &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];

/// Why nothing can be encrypted to this certificate; `None` when it can.
pub fn unfit(certificate: &X509Ref) -> Option<&'static str> {
    let Ok(key) = certificate.public_key() else { return Some("its key cannot be read") };
    if key.id() != Id::RSA {
        return Some("its key is not an RSA key");
    }
    if key.bits() < RSA_BITS_MIN {
        return Some("its RSA key is shorter than 2048 bits");
    }
    let usage = certificate.key_usage();
    let encrypts = usage.is_none_or(|usage| usage.intersects(X509KeyUsage::KEY_ENCIPHERMENT | X509KeyUsage::DATA_ENCIPHERMENT));
    if encrypts { None } else { Some("its key usage has no key encipherment") }
}

/// Size of so many plain bytes when they are encrypted: padded to whole blocks, with one byte at least.
pub fn encrypted_bytes(plain_bytes: u64) -> u64 {
    // A size that a manifest says may be any number.
    (plain_bytes / BLOCK_BYTES as u64 + 1).saturating_mul(BLOCK_BYTES as u64)
}

/// What stands before the encrypted bytes of a content of `plain_bytes`; after them stands nothing.
pub fn head(certificate: &X509Ref, key: &[u8; KEY_BYTES], iv: &[u8; BLOCK_BYTES], plain_bytes: u64) -> Result<Vec<u8>, WireError> {
    let failed = |e: ErrorStack| WireError::new("encrypting to the vendor's certificate", e);
    let issuer = certificate.issuer_name().to_der().map_err(failed)?;
    let serial = certificate.serial_number().to_bn().map_err(failed)?.to_vec();
    let wrapped = wrap(certificate, key).map_err(failed)?;
    // A first bit that is set would make the number negative.
    let sign: &[u8] = if serial.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
    let who = der(SEQUENCE, &[&issuer, &der(INTEGER, &[sign, &serial])]);
    let recipient = der(SEQUENCE, &[&VERSION_0, &who, &oaep_sha256(&NULL), &der(OCTETS, &[&wrapped])]);
    let recipients = der(SET, &[&recipient]);

    let bytes = encrypted_bytes(plain_bytes);
    let cipher = der(SEQUENCE, &[AES_256_CBC, &der(OCTETS, &[iv])]);
    let content = begun(SEQUENCE, &[DATA, &cipher, &opening(IMPLICIT_0, bytes)], bytes);
    let enveloped = begun(SEQUENCE, &[&VERSION_0, &recipients, &content], bytes);
    let tagged = begun(TAGGED_0, &[&enveloped], bytes);
    Ok(begun(SEQUENCE, &[ENVELOPED_DATA, &tagged], bytes))
}

/// The algorithm that wraps the key, in the words of the structure.
///
/// SHA-256 has no parameters, which is written as NULL or left out: readers take both (RFC 4055, 2.1). We write `NULL`.
pub(super) fn oaep_sha256(no_parameters: &[u8]) -> Vec<u8> {
    let sha256 = der(SEQUENCE, &[SHA256, no_parameters]);
    let mgf1 = der(SEQUENCE, &[MGF1, &sha256]);
    der(SEQUENCE, &[RSAES_OAEP, &der(SEQUENCE, &[&der(TAGGED_0, &[&sha256]), &der(TAGGED_1, &[&mgf1])])])
}

fn wrap(certificate: &X509Ref, key: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let public = certificate.public_key()?;
    let mut encrypter = Encrypter::new(&public)?;
    encrypter.set_rsa_padding(Padding::PKCS1_OAEP)?;
    encrypter.set_rsa_oaep_md(MessageDigest::sha256())?;
    encrypter.set_rsa_mgf1_md(MessageDigest::sha256())?;
    let mut wrapped = vec![0; encrypter.encrypt_len(key)?];
    let length = encrypter.encrypt(key, &mut wrapped)?;
    wrapped.truncate(length);
    Ok(wrapped)
}

/// A whole element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    begun(tag, parts, 0)
}

/// An element of which `more` bytes are still to come.
fn begun(tag: u8, parts: &[&[u8]], more: u64) -> Vec<u8> {
    let inside = parts.concat();
    [opening(tag, inside.len() as u64 + more), inside].concat()
}

fn opening(tag: u8, length: u64) -> Vec<u8> {
    if length < 0x80 {
        return vec![tag, length as u8];
    }
    let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    [vec![tag, 0x80 | bytes.len() as u8], bytes].concat()
}
