//! The vendor's acceptance test: decides whether a delivered batch is whole, signed by whom we trust, and what its
//! manifest says. It takes a folder and a batch's name, gives the batch's rows or the first thing that is wrong, and
//! never changes a byte of what it looks at.

use super::container;
use crate::domain::redact::redact;
use crate::domain::{BatchName, Sha256};
use crate::vendor::Container;
use crate::wire::cms::{self, SIGNATURE_BYTES_MAX, SignatureFault};
use crate::wire::envelope;
use crate::wire::manifest::{
    BatchFiles, FORMAT, FileEntry, LETTERS_CSV_BYTES_MAX, LetterRow, MANIFEST_BYTES_MAX, Manifest, letters_from_csv,
};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest file of a batch that is looked at, bytes: the 2 GiB of a profile's `batch.bytes_max` and what a ZIP adds.
pub const FILE_BYTES_MAX: u64 = (2 << 30) + (64 << 20);
/// Batches looked at in one folder, and files in a batch's own folder.
const ENTRIES_MAX: usize = 100_000;
/// The code of a batch about which nothing can be said, because a file of it lies there and cannot be read.
pub const UNREADABLE: &str = "FP-B021";
const HASH_BUFFER_BYTES: usize = 1 << 20;
const MANIFEST_SUFFIX: &str = ".manifest.json";

/// A batch that a vendor would print.
#[derive(Debug, Clone, PartialEq)]
pub struct AcceptedBatch {
    pub manifest: Manifest,
    /// Of the bytes of manifest.json: what every answer quotes.
    pub manifest_sha256: Sha256,
    pub container: Container,
    /// In the order they are printed.
    pub letters: Vec<LetterRow>,
}

/// Why a batch is refused: the first thing that is wrong. Holds nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// `FP-B...` for the batch, `FP-K...` for its signature.
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: redact(&message.into()) }
    }

    pub(super) fn unreadable(name: &str, fault: &io::Error) -> Self {
        Self::new(UNREADABLE, format!("{name} cannot be read: {fault}"))
    }
}

/// Checks a delivered batch as a vendor would; names the first thing that is wrong.
///
/// `folder` holds the batch's files, `trusted_pem` the certificates a signature's chain must lead to.
pub fn verify(folder: &Path, batch: &BatchName, trusted_pem: &[u8]) -> Result<AcceptedBatch, Refusal> {
    verify_as_of(folder, batch, trusted_pem, Moment::Now)
}

/// When the certificates of a signature must have been valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When the batch was sealed, and now too: a batch that arrives.
    Now,
    /// When the batch was sealed: a batch out of the archive, whose certificates may have ended since.
    Sealing,
}

/// As [`verify`], for a batch that arrives or for one of long ago.
pub fn verify_as_of(folder: &Path, batch: &BatchName, trusted_pem: &[u8], moment: Moment) -> Result<AcceptedBatch, Refusal> {
    let name = BatchFiles::manifest(batch);
    let manifest_bytes = read_whole(folder, &name, MANIFEST_BYTES_MAX, "FP-B001")?;
    if moment == Moment::Now {
        check_signature(folder, batch, &manifest_bytes, trusted_pem, None)?;
    }
    // The manifest says itself when it was sealed, and is believed when the signature over it holds as of then.
    if let Some(sealed_s) = sealed_s(&manifest_bytes) {
        check_signature(folder, batch, &manifest_bytes, trusted_pem, Some(sealed_s))?;
    } else if moment == Moment::Sealing {
        return Err(Refusal::new("FP-B002", format!("{name} does not say when it was sealed")));
    }
    let manifest = parse(&name, &manifest_bytes)?;
    check_name(batch, &manifest)?;
    check_file_names(batch, &manifest.files)?;
    for entry in &manifest.files {
        check_file(folder, entry)?;
    }
    check_nothing_extra(folder, batch, &manifest.files)?;
    let letters = read_letters(folder, batch, &manifest)?;
    check_letters(&manifest, &letters)?;
    let plain = plain_files(folder, batch, &manifest)?;
    let container = container::kind(batch, &plain)?;
    container::check(folder, batch, container, &plain, &letters)?;
    Ok(AcceptedBatch { manifest_sha256: Sha256(openssl::sha::sha256(&manifest_bytes)), manifest, container, letters })
}

/// Batches (by manifest) lying at a path: a batch's `.manifest.json`, or a folder that holds one or several.
///
/// Gives folder and name of each, sorted by name; FP-B022 when there is none.
pub fn batches_at(path: &Path) -> Result<Vec<(PathBuf, BatchName)>, Refusal> {
    let none = |why: &str| Refusal::new("FP-B022", format!("{}: {why}", path.display()));
    if !path.is_dir() {
        let batch = path.file_name().and_then(|name| batch_of(&name.to_string_lossy()));
        let batch = batch.ok_or_else(|| none("is neither a folder nor named <batch>.manifest.json"))?;
        if !path.is_file() {
            return Err(Refusal::new("FP-B001", format!("{} is not there", path.display())));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok(vec![(folder.to_owned(), batch)]);
    }
    let entries = fs::read_dir(path).map_err(|fault| Refusal::unreadable(&path.display().to_string(), &fault))?;
    let names = entries.take(ENTRIES_MAX).filter_map(Result::ok).map(|entry| entry.file_name());
    let mut found: Vec<_> = names.filter_map(|name| batch_of(&name.to_string_lossy())).map(|batch| (path.to_owned(), batch)).collect();
    found.sort();
    if found.is_empty() { Err(none("holds no file named <batch>.manifest.json")) } else { Ok(found) }
}

fn batch_of(file_name: &str) -> Option<BatchName> {
    file_name.strip_suffix(MANIFEST_SUFFIX)?.parse().ok()
}

/// A file of the batch that is small enough to be read whole; `code` says what a missing or too large one is.
fn read_whole(folder: &Path, name: &str, bytes_max: u64, code: &'static str) -> Result<Vec<u8>, Refusal> {
    let file = open(folder, name, code)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|fault| Refusal::unreadable(name, &fault))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Refusal::new(code, format!("{name} is larger than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Opens a plain file; a link is not one, because it may lead out of the folder.
pub(super) fn open(folder: &Path, name: &str, code_missing: &'static str) -> Result<File, Refusal> {
    let path = folder.join(name);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_file() => File::open(&path).map_err(|fault| Refusal::unreadable(name, &fault)),
        Ok(_) => Err(Refusal::new(UNREADABLE, format!("{name} is not a plain file"))),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Err(Refusal::new(code_missing, format!("{name} is not there"))),
        Err(fault) => Err(Refusal::unreadable(name, &fault)),
    }
}

/// `created` of a manifest, in seconds since 1970; `None` where there is none that can be read.
fn sealed_s(manifest: &[u8]) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Created {
        created: String,
    }
    let Created { created } = serde_json::from_slice(manifest).ok()?;
    Some(created.parse::<jiff::Timestamp>().ok()?.as_second())
}

fn check_signature(folder: &Path, batch: &BatchName, manifest: &[u8], trusted_pem: &[u8], at_s: Option<i64>) -> Result<(), Refusal> {
    let name = BatchFiles::signature(batch);
    let signature = read_whole(folder, &name, SIGNATURE_BYTES_MAX, "FP-K010")?;
    cms::check_at(manifest, &signature, trusted_pem, at_s).map_err(|fault| {
        let code = match fault {
            SignatureFault::NotCms | SignatureFault::Changed(_) => "FP-K011",
            SignatureFault::Untrusted(_) => "FP-K012",
            SignatureFault::OutsideValidity(_) => "FP-K013",
            SignatureFault::MayNotSign(_) => "FP-K016",
            SignatureFault::Trusted(_) => "FP-K014",
        };
        Refusal::new(code, format!("{name}: {fault}"))
    })
}

fn parse(name: &str, bytes: &[u8]) -> Result<Manifest, Refusal> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: String,
    }
    // The format first: what a later version adds must not read as damage.
    let format: Format =
        serde_json::from_slice(bytes).map_err(|fault| Refusal::new("FP-B002", format!("{name} does not parse: {fault}")))?;
    if format.format != FORMAT {
        return Err(Refusal::new("FP-B003", format!("{name} is in format {}, known is {FORMAT}", format.format)));
    }
    Manifest::from_json(bytes).map_err(|fault| Refusal::new("FP-B002", format!("{name} does not parse: {}", fault.why)))
}

fn check_name(batch: &BatchName, manifest: &Manifest) -> Result<(), Refusal> {
    let parts: Vec<&str> = batch.as_str().split('-').collect();
    let [_, vendor, cvr, date, sequence, _] = parts[..] else { unreachable!("a batch name has six parts, checked when it was made") };
    // Compared as numbers: a profile may want leading zeros.
    let numbers = [sequence.parse::<u64>().ok().map(|n| n.to_string()).unwrap_or_default(), manifest.sequence.to_string()];
    let pairs = [
        ("batch", batch.as_str(), manifest.batch.as_str()),
        ("vendor", vendor, manifest.vendor.as_str()),
        ("municipality_cvr", cvr, manifest.municipality_cvr.as_str()),
        ("business_date", date, &manifest.business_date.replace('-', "")),
        ("sequence", &numbers[0], &numbers[1]),
    ];
    match pairs.iter().find(|(_, named, said)| named != said) {
        None => Ok(()),
        Some((field, named, said)) => {
            let name = BatchFiles::manifest(batch);
            Err(Refusal::new("FP-B004", format!("{name}: {field} is {said}, the file's name says {named}")))
        }
    }
}

/// Names are checked before any of them is opened.
fn check_file_names(batch: &BatchName, files: &[FileEntry]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for FileEntry { name, .. } in files {
        let refuse = |why: &str| Err(Refusal::new("FP-B005", format!("the manifest names a file {name:?}: {why}")));
        let own = name.strip_prefix(batch.as_str()).unwrap_or_default();
        let inside = own.strip_prefix('/').unwrap_or_else(|| own.strip_prefix('.').unwrap_or_default());
        if inside.is_empty() {
            return refuse("it is neither <batch>.<ending> nor <batch>/<letter>.pdf");
        }
        if inside.contains(['/', '\\']) || inside.starts_with('.') || name.contains("..") || name.chars().any(char::is_control) {
            return refuse("a path outside the batch");
        }
        if !seen.insert(name) {
            return refuse("it stands there twice");
        }
    }
    Ok(())
}

fn check_file(folder: &Path, entry: &FileEntry) -> Result<(), Refusal> {
    let name = &entry.name;
    let file = open(folder, name, "FP-B006")?;
    let bytes = file.metadata().map_err(|fault| Refusal::unreadable(name, &fault))?.len();
    if bytes != entry.bytes {
        return Err(Refusal::new("FP-B007", format!("{name} has {bytes} bytes, the manifest says {}", entry.bytes)));
    }
    if bytes > FILE_BYTES_MAX {
        return Err(Refusal::new("FP-B007", format!("{name} has {bytes} bytes, at most {FILE_BYTES_MAX} are taken")));
    }
    let found = hash(file.take(bytes)).map_err(|fault| Refusal::unreadable(name, &fault))?;
    if found != entry.sha256 {
        return Err(Refusal::new("FP-B008", format!("{name} has sha256 {found}, the manifest says {}", entry.sha256)));
    }
    Ok(())
}

fn hash(mut content: impl Read) -> io::Result<Sha256> {
    let mut hasher = openssl::sha::Sha256::new();
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(Sha256(hasher.finish())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// What lies in the batch's own folder and no manifest vouches for would be somebody's letter, or nobody's.
fn check_nothing_extra(folder: &Path, batch: &BatchName, files: &[FileEntry]) -> Result<(), Refusal> {
    let listed: BTreeSet<&str> = files.iter().map(|entry| entry.name.as_str()).collect();
    let entries = match fs::read_dir(folder.join(batch.as_str())) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|fault| Refusal::unreadable(batch.as_str(), &fault))?,
    };
    for entry in entries {
        let name = entry.map_err(|fault| Refusal::unreadable(batch.as_str(), &fault))?.file_name();
        let name = format!("{batch}/{}", name.to_string_lossy());
        if !listed.contains(name.as_str()) {
            return Err(Refusal::new("FP-B009", format!("{name} lies there, and the manifest does not name it")));
        }
    }
    Ok(())
}

/// The files as they are read: of an encrypted batch the plain ones, which the vendor has laid beside them.
fn plain_files(folder: &Path, batch: &BatchName, manifest: &Manifest) -> Result<Vec<FileEntry>, Refusal> {
    let Some(encrypted) = &manifest.encrypted else { return Ok(manifest.files.clone()) };
    check_file_names(batch, &encrypted.plain)?;
    for entry in &encrypted.plain {
        let sealed = format!("{}{}", entry.name, envelope::ENDING);
        if !manifest.files.iter().any(|file| file.name == sealed) {
            return Err(Refusal::new("FP-B015", format!("the manifest says that {} is encrypted, and does not name {sealed}", entry.name)));
        }
        if !folder.join(&entry.name).exists() {
            let why = format!("{sealed} is encrypted: open it to {} beside it (docs/batch-format.md), and check again", entry.name);
            return Err(Refusal::new("FP-B033", why));
        }
        check_file(folder, entry)?;
    }
    let rest = manifest.files.iter().filter(|file| !file.name.ends_with(envelope::ENDING)).cloned();
    Ok(encrypted.plain.iter().cloned().chain(rest).collect())
}

fn read_letters(folder: &Path, batch: &BatchName, manifest: &Manifest) -> Result<Vec<LetterRow>, Refusal> {
    let name = BatchFiles::letters(batch);
    let entry = manifest.files.iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| Refusal::new("FP-B010", format!("the manifest does not name {name}")))?;
    if !batch.as_str().ends_with(&format!("-{}", entry.sha256.short())) {
        let why = format!("{name} has a sha256 that begins with {}, the batch's name ends otherwise", entry.sha256.short());
        return Err(Refusal::new("FP-B010", why));
    }
    let bytes = read_whole(folder, &name, LETTERS_CSV_BYTES_MAX, "FP-B011")?;
    letters_from_csv(&bytes).map_err(|fault| Refusal::new("FP-B011", format!("{name} does not parse: {}", fault.why)))
}

fn check_letters(manifest: &Manifest, letters: &[LetterRow]) -> Result<(), Refusal> {
    let name = BatchFiles::letters(&manifest.batch);
    let mut seen = BTreeSet::new();
    for (row, expected) in letters.iter().zip(1u32..) {
        if row.seq != expected {
            return Err(Refusal::new("FP-B012", format!("{name}: row {expected} has seq {}, expected {expected}", row.seq)));
        }
        if !seen.insert(&row.letter_id) {
            return Err(Refusal::new("FP-B013", format!("{name}: letter {} stands there twice", row.letter_id)));
        }
    }
    let sum = |field: fn(&LetterRow) -> u64| letters.iter().fold(0u64, |sum, row| sum.saturating_add(field(row)));
    let totals = [
        ("letters", letters.len() as u64, u64::from(manifest.letters)),
        ("pages", sum(|row| row.pages.into()), manifest.pages.into()),
        ("sheets", sum(|row| row.sheets.into()), manifest.sheets.into()),
        ("bytes", sum(|row| row.bytes), manifest.bytes),
    ];
    match totals.iter().find(|(_, counted, said)| counted != said) {
        None => Ok(()),
        Some((what, counted, said)) => {
            Err(Refusal::new("FP-B014", format!("{name} adds up to {counted} {what}, the manifest says {said}")))
        }
    }
}
