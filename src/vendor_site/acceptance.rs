//! The vendor's acceptance test: decides whether a delivered batch is whole, signed by whom we trust, and what its
//! manifest says. It takes a folder and a batch's name, gives the batch's rows or the first thing that is wrong, and
//! never changes a byte of what it looks at.

use super::container;
use super::contents::{Contents, check_key, check_sealed};
use crate::domain::redact::redact;
use crate::domain::{BatchName, CompletionSign, Cvr, Envelope, Sha256, VendorId, counted, sheets_of};
use crate::vendor::Container;
use crate::wire::cms::{self, SIGNATURE_BYTES_MAX, SignatureFault};
use crate::wire::manifest::{
    BatchFiles, FORMAT, FileEntry, LETTERS_CSV_BYTES_MAX, LetterRow, MANIFEST_BYTES_MAX, Manifest, WireError, letters_from_csv,
};
use crate::wire::merkle;
use crate::wire::vendor_key::VendorKey;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
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
/// The code of a batch whose completion sign is missing or is none.
const NOT_READY: &str = "FP-B025";
const HASH_BUFFER_BYTES: usize = 1 << 20;
/// So far may the clocks of a sender and a vendor lie apart.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Heaviest letter, g: more than any vendor's machine or carrier takes.
const WEIGHT_G_MAX: u32 = 30_000;
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

/// What a vendor takes: whose signature, and which batches.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Certificates in PEM that a signature's chain must lead to.
    pub trusted_pem: Vec<u8>,
    /// Only batches for this vendor.
    pub vendor: Option<VendorId>,
    /// Only `test` or only `production`.
    pub environment: Option<String>,
    /// Organisations that may sign for a municipality, beside itself. Asked about only where the certificate says whose
    /// it is.
    pub signers: Vec<Cvr>,
    /// The completion sign must be there too.
    pub delivered: bool,
    /// The sign that is agreed on.
    pub sign: CompletionSign,
    pub moment: Moment,
    /// Opens the files of encrypted batches; without it, the plain files must lie beside them.
    pub vendor_key: VendorKey,
}

/// Checks a delivered batch as a vendor would; names the first thing that is wrong.
///
/// `folder` holds the batch's files, `trusted_pem` the certificates a signature's chain must lead to.
pub fn verify(folder: &Path, batch: &BatchName, trusted_pem: &[u8]) -> Result<AcceptedBatch, Refusal> {
    verify_as_of(folder, batch, trusted_pem, Moment::Now)
}

/// When the certificates of a signature must have been valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Moment {
    /// When the batch was sealed, and now too: a batch that arrives.
    #[default]
    Now,
    /// When the batch was sealed: a batch out of the archive, whose certificates may have ended since.
    Sealing,
}

/// As [`verify`], for a batch that arrives or for one of long ago.
pub fn verify_as_of(folder: &Path, batch: &BatchName, trusted_pem: &[u8], moment: Moment) -> Result<AcceptedBatch, Refusal> {
    verify_on(folder, batch, &Terms { trusted_pem: trusted_pem.to_owned(), moment, ..Terms::default() })
}

/// As [`verify`], on this vendor's own terms.
pub fn verify_on(folder: &Path, batch: &BatchName, terms: &Terms) -> Result<AcceptedBatch, Refusal> {
    check_marker(folder, batch, terms)?;
    let name = BatchFiles::manifest(batch);
    let manifest_bytes = read_whole(folder, &name, MANIFEST_BYTES_MAX, "FP-B001")?;
    let signature = read_whole(folder, &BatchFiles::signature(batch), SIGNATURE_BYTES_MAX, "FP-K010")?;
    let signed = |at_s| check_signature(batch, &manifest_bytes, &signature, &terms.trusted_pem, at_s);
    if terms.moment == Moment::Now {
        signed(None)?;
    }
    // The manifest says itself when it was sealed, and is believed when the signature over it holds as of then.
    match sealed_s(&manifest_bytes) {
        Some(sealed_s) => signed(Some(sealed_s))?,
        None if terms.moment == Moment::Now => {}
        None => return Err(Refusal::new("FP-B002", format!("{name} does not say when it was sealed"))),
    }
    let manifest = parse(&name, &manifest_bytes)?;
    check_created(&name, &manifest.created)?;
    check_name(batch, &manifest)?;
    check_terms(terms, &manifest)?;
    check_signer(batch, &signature, &manifest, &terms.signers)?;
    check_file_names(batch, &manifest.files)?;
    check_folder(folder, batch)?;
    for entry in &manifest.files {
        check_file(folder, entry)?;
    }
    check_nothing_extra(folder, batch, &manifest, &terms.sign)?;
    let letters = read_letters(folder, batch, &manifest)?;
    check_letters(&manifest, &letters)?;
    let contents = Contents::new(folder, manifest.encrypted.as_ref(), &terms.vendor_key);
    let plain = plain_files(folder, batch, &manifest, &terms.vendor_key, &contents)?;
    let container = container::kind(batch, &plain)?;
    container::check(&contents, batch, container, &plain, &letters)?;
    Ok(AcceptedBatch { manifest_sha256: Sha256(openssl::sha::sha256(&manifest_bytes)), manifest, container, letters })
}

/// Batches lying at a path: a batch's `.manifest.json`, or a folder that holds one or several. Any file of a batch counts: one
/// whose manifest is missing is to be refused for that and not passed over. Parts that are still on their way do not.
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
    let files = entries.take(ENTRIES_MAX).filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()));
    let found: BTreeSet<BatchName> = files.filter_map(|entry| named_in(&entry.file_name().to_string_lossy())).collect();
    if found.is_empty() {
        return Err(none("holds no file of a batch, as <batch>.manifest.json"));
    }
    Ok(found.into_iter().map(|batch| (path.to_owned(), batch)).collect())
}

/// The batch that a file belongs to by its name. A part has no name yet, and an answer is not of what was delivered.
fn named_in(file_name: &str) -> Option<BatchName> {
    let (batch, rest) = file_name.split_once('.')?;
    let another = rest.ends_with("part") || rest.starts_with("ack.") || rest.starts_with("receipt-");
    if another { None } else { batch.parse().ok() }
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
    Some(created.parse::<Timestamp>().ok()?.as_second())
}

/// The marker is empty: what lies in it was written by somebody else, or to another file. Where the signature is the sign,
/// there is none; whether that is there is asked anyway.
fn check_marker(folder: &Path, batch: &BatchName, terms: &Terms) -> Result<(), Refusal> {
    let Some(name) = terms.sign.marker(batch) else { return Ok(()) };
    match open(folder, &name, NOT_READY) {
        Ok(file) => match file.metadata().map_err(|fault| Refusal::unreadable(&name, &fault))?.len() {
            0 => Ok(()),
            bytes => Err(Refusal::new(NOT_READY, format!("{name} has {}, a completion sign is empty", counted(bytes, "byte")))),
        },
        Err(missing) if missing.code == NOT_READY && !terms.delivered => Ok(()),
        Err(fault) => Err(fault),
    }
}

fn check_signature(batch: &BatchName, manifest: &[u8], signature: &[u8], trusted_pem: &[u8], at_s: Option<i64>) -> Result<(), Refusal> {
    cms::check_at(manifest, signature, trusted_pem, at_s).map_err(|fault| {
        let code = match fault {
            SignatureFault::NotCms | SignatureFault::Attached | SignatureFault::Changed(_) | SignatureFault::Shape(_) => "FP-K011",
            SignatureFault::Untrusted(_) => "FP-K012",
            SignatureFault::OutsideValidity(_) => "FP-K013",
            SignatureFault::MayNotSign(_) => "FP-K016",
            SignatureFault::Trusted(_) => "FP-K014",
        };
        Refusal::new(code, format!("{}: {fault}", BatchFiles::signature(batch)))
    })
}

/// Whose signature it is: a chain to a public root says only that somebody signed.
fn check_signer(batch: &BatchName, signature: &[u8], manifest: &Manifest, signers: &[Cvr]) -> Result<(), Refusal> {
    let refuse = |why: String| Err(Refusal::new("FP-K015", format!("{}: {why}", BatchFiles::signature(batch))));
    match cms::signer_cvr(signature) {
        Err(fault) => refuse(fault.to_string()),
        Ok(None) => Ok(()),
        Ok(Some(cvr)) if cvr == manifest.municipality_cvr || signers.contains(&cvr) => Ok(()),
        Ok(Some(cvr)) => refuse(format!("signature: is by the organisation with CVR {cvr}, the batch is of {}", manifest.municipality_cvr)),
    }
}

fn check_terms(terms: &Terms, manifest: &Manifest) -> Result<(), Refusal> {
    let name = BatchFiles::manifest(&manifest.batch);
    if !["test", "production"].contains(&manifest.environment.as_str()) {
        return Err(Refusal::new("FP-B024", format!("{name}: environment is {:?}, neither test nor production", manifest.environment)));
    }
    match &terms.environment {
        Some(ours) if *ours != manifest.environment => {
            return Err(Refusal::new("FP-B024", format!("{name}: the batch is for {}, this is {ours}", manifest.environment)));
        }
        _ => {}
    }
    match &terms.vendor {
        Some(ours) if *ours != manifest.vendor => {
            Err(Refusal::new("FP-B004", format!("{name}: the batch is for vendor {}, this is {ours}", manifest.vendor)))
        }
        _ => Ok(()),
    }
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

/// Everything that is reckoned from it later (certificates, the archive) needs a moment that has been.
fn check_created(name: &str, created: &str) -> Result<(), Refusal> {
    let refuse = |why: &str| Err(Refusal::new("FP-B002", format!("{name}: created is {created:?}, {why}")));
    let moment = created.parse::<Timestamp>().ok().filter(|moment| is_written(*moment, created));
    match moment {
        None => refuse("not a moment in UTC, as 2026-11-24T05:12:09Z"),
        Some(moment) if moment > Timestamp::now() + AHEAD_MAX => refuse("more than a day ahead of this machine's clock"),
        Some(_) => Ok(()),
    }
}

/// RFC 3339 in UTC; the parser takes more.
fn is_written(moment: Timestamp, text: &str) -> bool {
    let rest = text.strip_prefix(&moment.strftime("%Y-%m-%dT%H:%M:%S").to_string()).and_then(|rest| rest.strip_suffix('Z'));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('.').is_some_and(digits))
}

fn check_name(batch: &BatchName, manifest: &Manifest) -> Result<(), Refusal> {
    let mut pairs = vec![("batch", batch.as_str().to_owned(), manifest.batch.to_string())];
    let parts: Vec<&str> = batch.as_str().split('-').collect();
    // A vendor may have names of its own (batch.name in its profile): then only the name as a whole says something.
    if let ["FP", vendor, cvr, date, sequence, _] = parts[..] {
        // Compared as numbers: a profile may want leading zeros.
        let sequence = sequence.parse::<u64>().map(|n| n.to_string()).unwrap_or_else(|_| sequence.to_owned());
        pairs.push(("vendor", vendor.to_owned(), manifest.vendor.to_string()));
        pairs.push(("municipality_cvr", cvr.to_owned(), manifest.municipality_cvr.to_string()));
        pairs.push(("business_date", date.to_owned(), manifest.business_date.replace('-', "")));
        pairs.push(("sequence", sequence, manifest.sequence.to_string()));
    }
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

/// The letters' own folder, where there is one. A link may lead anywhere, and to other letters when they are printed.
fn check_folder(folder: &Path, batch: &BatchName) -> Result<(), Refusal> {
    match fs::symlink_metadata(folder.join(batch.as_str())) {
        Ok(found) if !found.is_dir() => Err(Refusal::new(UNREADABLE, format!("{batch} is not a plain folder"))),
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(Refusal::unreadable(batch.as_str(), &fault)),
        _ => Ok(()),
    }
}

fn check_file(folder: &Path, entry: &FileEntry) -> Result<(), Refusal> {
    let name = &entry.name;
    let file = open(folder, name, "FP-B006")?;
    let bytes = file.metadata().map_err(|fault| Refusal::unreadable(name, &fault))?.len();
    if bytes != entry.bytes {
        return Err(Refusal::new("FP-B007", format!("{name} has {}, the manifest says {}", counted(bytes, "byte"), entry.bytes)));
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

/// As [`check_file`], of what comes out of an encrypted file; never more of it is read than the manifest says, and a byte.
fn check_opened(contents: &Contents<'_>, entry: &FileEntry) -> Result<(), Refusal> {
    let name = &entry.name;
    if entry.bytes > FILE_BYTES_MAX {
        return Err(Refusal::new("FP-B007", format!("{name} has {} bytes, at most {FILE_BYTES_MAX} are taken", entry.bytes)));
    }
    let mut content = contents.open(name)?.take(entry.bytes + 1);
    let found = hash(&mut content).map_err(|fault| contents.fault(name, &fault))?;
    let bytes = entry.bytes + 1 - content.limit();
    if bytes != entry.bytes {
        return Err(Refusal::new("FP-B007", format!("{name} has other than the {} bytes that the manifest says", entry.bytes)));
    }
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

/// What bears the batch's name and no manifest vouches for would be somebody's letter, or nobody's: beside its files, and
/// in its own folder.
fn check_nothing_extra(folder: &Path, batch: &BatchName, manifest: &Manifest, sign: &CompletionSign) -> Result<(), Refusal> {
    // What came out of an encrypted file may lie beside it.
    let plain = manifest.encrypted.iter().flat_map(|encrypted| &encrypted.plain);
    let mut known: BTreeSet<String> = manifest.files.iter().chain(plain).map(|entry| entry.name.clone()).collect();
    // A manifest without letters.csv is told in words of its own.
    known.extend([BatchFiles::manifest(batch), BatchFiles::signature(batch), BatchFiles::letters(batch), sign.file(batch)]);
    let stranger = |name: &str| Err(Refusal::new("FP-B009", format!("{name} lies there, and the manifest does not name it")));
    let own = format!("{batch}.");
    for_each_name(folder, &folder.display().to_string(), |name| {
        if name.starts_with(&own) && !broke_off(&name) && !known.contains(&name) { stranger(&name) } else { Ok(()) }
    })?;
    for_each_name(&folder.join(batch.as_str()), batch.as_str(), |name| {
        let name = format!("{batch}/{name}");
        if known.contains(&name) || broke_off(&name) { Ok(()) } else { stranger(&name) }
    })
}

/// An upload that broke off: nobody's file, and not always ours to take away.
fn broke_off(name: &str) -> bool {
    name.ends_with(".part")
}

/// One name at a time, until one is refused: a folder may hold more of them than should be remembered. None where there is
/// no such folder.
fn for_each_name(folder: &Path, shown: &str, mut look: impl FnMut(String) -> Result<(), Refusal>) -> Result<(), Refusal> {
    let unreadable = |fault: io::Error| Refusal::unreadable(shown, &fault);
    let mut entries = match fs::read_dir(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(unreadable)?,
    };
    entries.try_for_each(|entry| look(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned()))
}

/// The files as they are read: of an encrypted batch the plain ones, which the vendor has laid beside them, or which its key
/// opens here.
fn plain_files(
    folder: &Path,
    batch: &BatchName,
    manifest: &Manifest,
    key: &VendorKey,
    contents: &Contents<'_>,
) -> Result<Vec<FileEntry>, Refusal> {
    let Some(encrypted) = &manifest.encrypted else { return Ok(manifest.files.clone()) };
    let ending = encrypted.to.ending();
    check_file_names(batch, &encrypted.plain)?;
    check_key(&encrypted.to, key)?;
    for entry in &encrypted.plain {
        let sealed = format!("{}{ending}", entry.name);
        if !manifest.files.iter().any(|file| file.name == sealed) {
            return Err(Refusal::new("FP-B015", format!("the manifest says that {} is encrypted, and does not name {sealed}", entry.name)));
        }
        check_sealed(folder, entry, &encrypted.to)?;
        let beside = folder.join(&entry.name).exists();
        if contents.opens(&entry.name) {
            check_opened(contents, entry)?;
        } else if !beside {
            let why = format!("{sealed} is encrypted: open it to {} beside it (docs/batch-format.md), and check again", entry.name);
            return Err(Refusal::new("FP-B033", why));
        }
        // Also where the key opens it here: what lies beside it is what would be printed.
        if beside {
            check_file(folder, entry)?;
        }
    }
    let rest = manifest.files.iter().filter(|file| !file.name.ends_with(ending)).cloned();
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
    let unreadable = |fault: WireError| Refusal::new("FP-B011", format!("{name} does not parse: {}", fault.why));
    let leaves = merkle::row_leaves(&bytes).map_err(unreadable)?;
    if manifest.letters_merkle_sha256.is_some_and(|root| root != merkle::root(&leaves)) {
        return Err(Refusal::new("FP-B010", format!("the manifest's letters_merkle_sha256 is not that of the rows of {name}")));
    }
    letters_from_csv(&bytes).map_err(unreadable)
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
        if let Some(why) = impossible(row) {
            return Err(Refusal::new("FP-B026", format!("{name}: row {expected}: {why}")));
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

/// What a row says that no letter can be. Its pages are compared with the letter's own PDF.
fn impossible(row: &LetterRow) -> Option<String> {
    let LetterRow { pages, plex, sheets, envelope, weight_g, deadline, .. } = row;
    let needed = sheets_of(*pages, *plex);
    if *sheets != needed {
        return Some(format!("sheets is {sheets}, {} {} are {needed}", counted(u64::from(*pages), "page"), plex.word()));
    }
    if *envelope == Envelope::Auto {
        return Some("envelope is auto, expected c5 or c4: which one was decided when the letter was made ready".to_owned());
    }
    if !(1..=WEIGHT_G_MAX).contains(weight_g) {
        return Some(format!("weight_g is {weight_g}, expected 1 to {WEIGHT_G_MAX}"));
    }
    // The parser takes more than the one way it is written.
    let date = deadline.parse::<Date>().is_ok_and(|day| day.to_string() == *deadline);
    (!deadline.is_empty() && !date).then(|| format!("deadline is {deadline:?}, neither empty nor a date as 2026-11-24"))
}
