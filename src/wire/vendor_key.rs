//! The vendor's own secret keys, which open what is encrypted to it: age's, or the one of its certificate.

use super::age_file::Identities;
use openssl::pkey::{Id, PKey, Private};

/// What a private key in PEM has somewhere, whatever its kind.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// What opens an encrypted batch.
#[derive(Debug, Clone, Default)]
pub enum VendorKey {
    /// Nothing is opened; plain files may lie beside the encrypted ones.
    #[default]
    None,
    Age(Identities),
    /// An RSA key.
    Certificate(PKey<Private>),
}

/// Whether a file holds a private key in PEM, which is for its owner's eyes only.
pub fn is_private_pem(text: &str) -> bool {
    text.contains(PRIVATE_KEY)
}

impl VendorKey {
    /// Reads a private key in PEM, or an identity file as `age-keygen` writes it. Says what is wrong in words that follow the
    /// file's name, and never quotes the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_private_pem(text) {
            return of_certificate(text).map(Self::Certificate).map_err(str::to_owned);
        }
        if text.contains("-----BEGIN CERTIFICATE-----") {
            return Err("holds a certificate and no private key; give the key that belongs to it".to_owned());
        }
        Identities::parse(text).map(Self::Age).map_err(|why| format!("{why}, and the file has no private key in PEM"))
    }
}

fn of_certificate(text: &str) -> Result<PKey<Private>, &'static str> {
    let mut asked = false;
    // A password is never asked for: the file is to be readable without one, by its owner only.
    let key = PKey::private_key_from_pem_callback(text.as_bytes(), |_| {
        asked = true;
        Ok(0)
    });
    match key {
        Ok(key) if key.id() == Id::RSA => Ok(key),
        Ok(_) => Err("holds a private key that is not an RSA key; give the one of the certificate that letters are encrypted to"),
        Err(_) if asked => {
            Err("is protected by a password; write it without one, where only you can read it: `openssl pkey -in FILE -out vendor.key`")
        }
        Err(_) => Err("holds no private key in PEM that can be read"),
    }
}
