//! What a vendor receives beside the letters: `letters.csv` and `manifest.json` (batch format 1, docs/batch-format.md),
//! and the names of the files of a batch.

use super::age_file::{self, RECIPIENTS_MAX, Recipient};
use super::envelope;
use crate::domain::{BatchName, Colour, Cvr, Envelope, LetterId, Plex, Postage, Sha256, VendorId};
use serde::{Deserialize, Serialize};

pub const FORMAT: &str = "fjernprint-batch/1";
/// What `file` says in letters.csv when the letters lie in a print stream. The stream's own name, `<batch>.pdf`, cannot
/// stand there: the batch's name ends in the hash of letters.csv.
pub const STREAM_FILE: &str = "stream.pdf";
/// The header row of letters.csv.
pub const LETTERS_HEADER: &str = "seq;letter_id;dispatch_id;file;first_page;pages;sheets;bytes;sha256;sha256_received;plex;colour;envelope;postage;weight_g;country;cost_group;deadline";
/// Of another header row, so much is looked at and shown.
const HEADER_BYTES_SHOWN: usize = 500;
/// Largest manifest.json read, bytes: a hundred thousand files of 150 bytes each.
pub const MANIFEST_BYTES_MAX: u64 = 32 << 20;
/// Largest letters.csv read, bytes.
pub const LETTERS_CSV_BYTES_MAX: u64 = 64 << 20;

/// One row of letters.csv. No CPR number, name or address stands in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LetterRow {
    pub seq: u32,
    pub letter_id: LetterId,
    /// AfsendelseIdentifikator: the sender's own identifier.
    pub dispatch_id: String,
    /// `<letter>.pdf` inside the container; for a stream, [`STREAM_FILE`].
    pub file: String,
    /// Counted from 1 inside `file`.
    pub first_page: u32,
    /// The letter's own pages, without a blank back added in a duplex stream.
    pub pages: u32,
    pub sheets: u32,
    pub bytes: u64,
    /// Of the letter's own PDF, also where it went into a stream.
    pub sha256: Sha256,
    /// Of the document as it came in; equal to `sha256` when untouched.
    pub sha256_received: Sha256,
    pub plex: Plex,
    pub colour: Colour,
    pub envelope: Envelope,
    pub postage: Postage,
    pub weight_g: u32,
    pub country: String,
    pub cost_group: String,
    pub deadline: String,
}

/// A file the manifest vouches for. Names of letters' files have the batch's folder in front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub name: String,
    pub bytes: u64,
    pub sha256: Sha256,
}

/// How the container was encrypted, and what it must be when it is open again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EncryptedJson", into = "EncryptedJson")]
pub struct Encrypted {
    pub to: EncryptedTo,
    /// The plain files.
    pub plain: Vec<FileEntry>,
}

/// Whose keys open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncryptedTo {
    /// SHA-256 of the certificate, DER.
    Certificate(Sha256),
    Age(Vec<Recipient>),
}

impl EncryptedTo {
    pub fn method(&self) -> &'static str {
        match self {
            Self::Certificate(_) => envelope::METHOD,
            Self::Age(_) => age_file::METHOD,
        }
    }

    /// What an encrypted file's name ends in, after the plain file's own.
    pub fn ending(&self) -> &'static str {
        match self {
            Self::Certificate(_) => envelope::ENDING,
            Self::Age(_) => age_file::ENDING,
        }
    }
}

/// As it stands in the file: of the two in the middle there is always the one that goes with the method.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptedJson {
    method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate_sha256: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipients: Option<Vec<Recipient>>,
    plain: Vec<FileEntry>,
}

impl TryFrom<EncryptedJson> for Encrypted {
    type Error = String;

    fn try_from(json: EncryptedJson) -> Result<Self, String> {
        let to = match (json.method.as_str(), json.certificate_sha256, json.recipients) {
            (envelope::METHOD, Some(certificate), None) => EncryptedTo::Certificate(certificate),
            (age_file::METHOD, None, Some(to)) if (1..=RECIPIENTS_MAX).contains(&to.len()) => EncryptedTo::Age(to),
            (envelope::METHOD, ..) => return Err("encrypted: a certificate's batch has certificate_sha256, and no recipients".to_owned()),
            (age_file::METHOD, ..) => {
                return Err(format!("encrypted: a batch to age keys has 1 to {RECIPIENTS_MAX} recipients, and no certificate_sha256"));
            }
            (other, ..) => {
                return Err(format!("encrypted.method is {other:?}, known are {} and {}", envelope::METHOD, age_file::METHOD));
            }
        };
        Ok(Self { to, plain: json.plain })
    }
}

impl From<Encrypted> for EncryptedJson {
    fn from(encrypted: Encrypted) -> Self {
        let method = encrypted.to.method().to_owned();
        let (certificate_sha256, recipients) = match encrypted.to {
            EncryptedTo::Certificate(certificate) => (Some(certificate), None),
            EncryptedTo::Age(recipients) => (None, Some(recipients)),
        };
        Self { method, certificate_sha256, recipients, plain: encrypted.plain }
    }
}

/// manifest.json. Field order here is the order in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    pub batch: BatchName,
    pub vendor: VendorId,
    pub profile_version: String,
    /// `test` or `production`.
    pub environment: String,
    pub municipality_cvr: Cvr,
    /// ISO 8601 date.
    pub business_date: String,
    pub sequence: u64,
    /// RFC 3339, UTC.
    pub created: String,
    pub letters: u32,
    pub pages: u32,
    pub sheets: u32,
    /// Sum of the letters' own PDFs.
    pub bytes: u64,
    pub files: Vec<FileEntry>,
    /// Over the rows of letters.csv ([`super::merkle`]), so that one letter is proved without showing the others; absent in
    /// batches that were sealed before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letters_merkle_sha256: Option<Sha256>,
    /// Present where the container is encrypted: `files` are then the encrypted ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<Encrypted>,
    /// A chain per vendor, so that a gap shows; `null` in the first.
    pub previous_manifest_sha256: Option<Sha256>,
    pub replaces: Option<BatchName>,
    /// Of the numbers before this one, those whose batches were taken back and never come: no gap of the chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<WithdrawnBatch>,
}

/// A batch of the chain that never comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawnBatch {
    pub sequence: u64,
    pub batch: BatchName,
    pub manifest_sha256: Sha256,
}

/// The files of a batch in the vendor's inbox.
pub struct BatchFiles;

impl BatchFiles {
    /// What the name of letters.csv ends in, after the batch's own.
    pub const LETTERS: &str = ".letters.csv";

    pub fn manifest(batch: &BatchName) -> String {
        format!("{batch}.manifest.json")
    }
    pub fn signature(batch: &BatchName) -> String {
        format!("{batch}.manifest.json.p7s")
    }
    pub fn letters(batch: &BatchName) -> String {
        format!("{batch}{}", Self::LETTERS)
    }
    pub fn ready(batch: &BatchName) -> String {
        format!("{batch}.ready")
    }
    pub fn ack(batch: &BatchName) -> String {
        format!("{batch}.ack.json")
    }
}

/// Why bytes from a batch or a vendor could not be read as what they should be.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct WireError {
    pub what: &'static str,
    pub why: String,
}

impl WireError {
    pub fn new(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self { what, why: crate::domain::redact::redact(&why.to_string()) }
    }
}

/// letters.csv: UTF-8, `;`, header row, RFC 4180 quoting.
pub fn letters_to_csv(rows: &[LetterRow]) -> Result<Vec<u8>, WireError> {
    to_csv("letters.csv", rows)
}

/// Reads letters.csv, whose header row is [`LETTERS_HEADER`] to the byte: with a column more, or in another order, who reads
/// by number would take one cell for another.
pub fn letters_from_csv(bytes: &[u8]) -> Result<Vec<LetterRow>, WireError> {
    check_header(bytes).map_err(|why| WireError::new("letters.csv", why))?;
    from_csv("letters.csv", bytes)
}

fn check_header(bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err("line 1: begins with a byte order mark".to_owned());
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line == LETTERS_HEADER.as_bytes() {
        return Ok(());
    }
    let line = String::from_utf8_lossy(&line[..line.len().min(HEADER_BYTES_SHOWN)]);
    let (mut found, mut expected) = (line.split(';'), LETTERS_HEADER.split(';'));
    loop {
        // Not equal as a whole, so they differ before both end.
        match (found.next(), expected.next()) {
            (Some(found), Some(expected)) if found == expected => {}
            (Some(found), Some(expected)) => return Err(format!("line 1: column {found:?} stands there, expected is {expected}")),
            (Some(found), None) => return Err(format!("line 1: column {found:?} is one too many")),
            (None, expected) => return Err(format!("line 1: the column {} is missing", expected.unwrap_or_default())),
        }
    }
}

pub(crate) fn to_csv<T: Serialize>(what: &'static str, rows: &[T]) -> Result<Vec<u8>, WireError> {
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|e| WireError::new(what, e))?;
    }
    writer.into_inner().map_err(|e| WireError::new(what, e))
}

pub(crate) fn from_csv<T: serde::de::DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<Vec<T>, WireError> {
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').flexible(false).from_reader(bytes);
    reader.deserialize().map(|row| row.map_err(|e| WireError::new(what, e))).collect()
}

impl Manifest {
    /// The bytes that are signed: pretty JSON with a final newline.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest has only string keys");
        bytes.push(b'\n');
        bytes
    }

    pub fn from_json(bytes: &[u8]) -> Result<Self, WireError> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| WireError::new("manifest.json", e))?;
        if manifest.format != FORMAT {
            return Err(WireError::new("manifest.json", format!("format {} is not {FORMAT}", manifest.format)));
        }
        Ok(manifest)
    }
}
