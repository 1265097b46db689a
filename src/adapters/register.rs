//! The register of who has Digital Post and who is exempt (*fritaget*), from a CSV file, kept by keyed hash.
//!
//! The file has a header `recipient_id;status` and a row a recipient: CPR or CVR number, and `registered` or `exempt`.
//! After reading, no number is in memory: a plain hash of a CPR number can be undone in a minute, a keyed one not
//! without the key.

use crate::domain::Recipient;
use crate::pipeline::recipient::DigitalPostStatus;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use std::collections::HashMap;
use std::io::Read;

/// Shortest key that is taken, bytes.
pub const KEY_BYTES_MIN: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("the register's key is shorter than {KEY_BYTES_MIN} bytes")]
    ShortKey,
    #[error("register, line {line}: {why}")]
    Row { line: u64, why: &'static str },
    #[error("register: {0}")]
    Csv(String),
    #[error("register: {0}")]
    Crypto(#[from] openssl::error::ErrorStack),
}

/// Answers by recipient; holds hashes and a status each.
pub struct Register {
    key: PKey<Private>,
    statuses: HashMap<[u8; 32], DigitalPostStatus>,
}

impl Register {
    /// Reads the register. Nothing of a row is quoted in an error. A recipient with two different statuses is an error.
    pub fn read(source: impl Read, key: &[u8]) -> Result<Self, RegisterError> {
        if key.len() < KEY_BYTES_MIN {
            return Err(RegisterError::ShortKey);
        }
        let mut register = Self { key: PKey::hmac(key)?, statuses: HashMap::new() };
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').trim(csv::Trim::All).from_reader(source);
        let header = reader.headers().map_err(|_| RegisterError::Row { line: 1, why: "no header" })?;
        if header.iter().map(|h| h.trim_start_matches('\u{feff}')).ne(["recipient_id", "status"]) {
            return Err(RegisterError::Row { line: 1, why: "the header must be recipient_id;status" });
        }
        for (index, row) in reader.records().enumerate() {
            let line = index as u64 + 2;
            let row = row.map_err(|_| RegisterError::Row { line, why: "not two columns of UTF-8" })?;
            register.add(&row).map_err(|why| RegisterError::Row { line, why })?;
        }
        Ok(register)
    }

    fn add(&mut self, row: &csv::StringRecord) -> Result<(), &'static str> {
        let recipient: Recipient = row[0].parse().map_err(|_| "not a CPR or CVR number")?;
        let status = match row[1].to_lowercase().as_str() {
            "registered" | "tilmeldt" => DigitalPostStatus::Registered,
            "exempt" | "fritaget" => DigitalPostStatus::Exempt,
            _ => return Err("the status must be registered or exempt"),
        };
        let id = recipient.lookup_key().ok_or("a withheld number cannot be looked up")?;
        let hash = self.hash(id).map_err(|_| "could not be hashed")?;
        match self.statuses.insert(hash, status) {
            Some(earlier) if earlier != status => Err("stands in the register with another status already"),
            _ => Ok(()),
        }
    }

    /// What the register says; a recipient that is not in it, or whose number was withheld, is unknown.
    pub fn status(&self, recipient: &Recipient) -> Result<DigitalPostStatus, RegisterError> {
        let Some(id) = recipient.lookup_key() else { return Ok(DigitalPostStatus::Unknown) };
        Ok(self.statuses.get(&self.hash(id)?).copied().unwrap_or(DigitalPostStatus::Unknown))
    }

    fn hash(&self, id: &str) -> Result<[u8; 32], openssl::error::ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        let mut hash = [0; 32];
        signer.sign_oneshot(&mut hash, id.as_bytes())?;
        Ok(hash)
    }
}
