//! The content store: bytes under their SHA-256, written once, never changed.
//!
//! What a sender hands in lies here as it was received. A file appears by rename and only whole; [`Store::sync`] makes
//! everything written so far durable with one call, so that a night of small letters is not a night of waiting for the
//! disk. Nothing may be acknowledged before it returned.

use crate::domain::Sha256;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Largest stored file, bytes: a message of 99.5 MB, the limit of SF1601 and Digital Post.
pub const STORED_BYTES_MAX: u64 = 100 << 20;

/// Files that are being written lie here, below the store's root.
const TEMPORARY_FOLDER: &str = ".unfinished";

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// A folder of files named by the hash of their bytes: `<root>/ab/ab12...`.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    /// Read where this one has nothing; never written to.
    base: Option<PathBuf>,
}

/// Why stored bytes could not be given back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("stored file {} is missing", shown(.0))]
    Missing(Sha256),
    #[error("stored file {} has other bytes than its name says", shown(.0))]
    Changed(Sha256),
    #[error("store: {0}")]
    Io(#[from] io::Error),
}

impl Store {
    /// Opens the store and makes its folder, readable by this user only.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        private_folder(root)?;
        Ok(Self { root: root.to_owned(), base: None })
    }

    /// Reads what lies under `base` too, and writes none of it.
    pub fn over(self, base: &Path) -> Self {
        Self { base: Some(base.to_owned()), ..self }
    }

    /// Whether there is a file for this hash, without reading it.
    pub fn holds(&self, hash: &Sha256) -> bool {
        path_in(&self.root, hash).is_file() || self.base.as_ref().is_some_and(|base| path_in(base, hash).is_file())
    }

    /// Stores the bytes and gives their hash; a second time changes nothing. Durable after [`Store::sync`].
    pub fn put(&self, bytes: &[u8]) -> Result<Sha256, StoreError> {
        let hash = Sha256(openssl::sha::sha256(bytes));
        let path = path_in(&self.root, &hash);
        // A file of the right length may still be torn after a power cut; its hash tells.
        if matches!(self.get(&hash), Ok(stored) if stored == bytes) {
            return Ok(hash);
        }
        let folder = path.parent().expect("a stored file lies in a folder of the store");
        private_folder(folder)?;
        let temporary = self.root.join(TEMPORARY_FOLDER);
        private_folder(&temporary)?;
        write_private_through(&temporary, &path, bytes)?;
        Ok(hash)
    }

    /// The bytes with this hash, proved to be them.
    pub fn get(&self, hash: &Sha256) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.read_unproved(hash, &mut bytes)?;
        if Sha256(openssl::sha::sha256(&bytes)) == *hash { Ok(bytes) } else { Err(StoreError::Changed(*hash)) }
    }

    /// The bytes that lie under this hash, for one who proves them later, into a buffer that served before.
    pub fn read_unproved(&self, hash: &Sha256, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
        let file = self.opened(hash)?;
        bytes.clear();
        bytes.reserve(file.metadata()?.len().min(STORED_BYTES_MAX) as usize + 1);
        file.take(STORED_BYTES_MAX + 1).read_to_end(bytes)?;
        Ok(())
    }

    /// Copies the bytes that lie under this hash to a new file that only this user can read, for one who proves them later.
    /// The file system does it, where it can without moving a byte.
    pub fn copy_unproved(&self, hash: &Sha256, path: &Path) -> Result<(), StoreError> {
        let mut from = self.opened(hash)?.take(STORED_BYTES_MAX + 1);
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        io::copy(&mut from, &mut to)?;
        Ok(())
    }

    fn opened(&self, hash: &Sha256) -> Result<File, StoreError> {
        let places = std::iter::once(&self.root).chain(&self.base);
        let mut opened = places.map(|root| File::open(path_in(root, hash)));
        let absent = |result: &io::Result<File>| result.as_ref().is_err_and(|fault| fault.kind() == io::ErrorKind::NotFound);
        Ok(opened.find(|result| !absent(result)).ok_or(StoreError::Missing(*hash))??)
    }

    /// Clears away what killed runs were writing. Only for the one that holds the store.
    pub fn clear_unfinished(&self) -> Result<(), StoreError> {
        match fs::remove_dir_all(self.root.join(TEMPORARY_FOLDER)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault.into()),
            _ => Ok(()),
        }
    }

    /// Makes everything stored so far durable. An error here must stop the run: it is never tried again.
    pub fn sync(&self) -> Result<(), StoreError> {
        Ok(sync_around(&self.root)?)
    }
}

/// Makes everything written around both folders durable: with one call where they lie on one file system.
pub fn sync_around_both(one: &Path, other: &Path) -> io::Result<()> {
    sync_around(one)?;
    if fs::metadata(one)?.dev() == fs::metadata(other)?.dev() { Ok(()) } else { sync_around(other) }
}

/// Makes everything written to the file system that this folder lies on durable.
pub fn sync_around(folder: &Path) -> io::Result<()> {
    rustix::fs::syncfs(File::open(folder)?).map_err(io::Error::from)
}

fn path_in(root: &Path, hash: &Sha256) -> PathBuf {
    let name = hash.to_string();
    root.join(&name[..2]).join(name)
}

/// Where a file lies below the store's root, for whoever looks for it.
fn shown(hash: &Sha256) -> String {
    path_in(Path::new("store"), hash).display().to_string()
}

/// Makes a folder, and those above it, that only this user can look into.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that only this user can read, beside its place and then into it by rename.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_private_through(path.parent().unwrap_or(Path::new(".")), path, bytes)
}

/// Writes a file that every user may read, whatever the umask, and that appears by rename. Nothing private goes there.
pub fn write_readable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = folder.join(format!(".{}-{}.part", std::process::id(), TEMPORARY.fetch_add(1, Ordering::Relaxed)));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    fs::rename(&beside, path)
}

/// The same, written first into a folder of the same file system.
fn write_private_through(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
    let beside = folder.join(format!(".{}-{number}.part", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    fs::rename(&beside, path)
}

/// Read at once when a file is hashed: it stays in the processor's cache.
const PIECE_BYTES: usize = 256 * 1024;

/// Size and SHA-256 of a file, read in pieces.
pub fn size_and_hash(path: &Path) -> io::Result<(u64, Sha256)> {
    let mut file = File::open(path)?;
    let mut hasher = openssl::sha::Sha256::new();
    // Letters are many and small: no more is laid out than they need.
    let mut buffer = vec![0; file.metadata()?.len().clamp(1, PIECE_BYTES as u64) as usize];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, Sha256(hasher.finish()))),
            read => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}
