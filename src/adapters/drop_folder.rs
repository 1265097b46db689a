//! The drop folder: what lies in a sender's folder, read only when it is whole, taken away only when it is ours.
//!
//! Names are data: a link is never followed, nothing outside the folder is read, and files that end in `.part`, `.tmp`
//! or `.filepart`, or begin with a dot, are somebody's unfinished work.

use crate::domain::Sha256;
use crate::wire::table::{TABLE_BYTES_MAX, TABLE_NAME};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Most PDFs beside one table.
const FILES_IN_TABLE_MAX: usize = 200_000;

/// Something that a sender laid down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// An XML message.
    Message { path: PathBuf },
    /// A folder with `letters.csv` in it.
    Table { folder: PathBuf },
    /// Neither: left where it is.
    Other { path: PathBuf },
}

/// What lies in the folder, by name. An absent folder holds nothing.
pub fn list(folder: &Path) -> io::Result<Vec<Dropped>> {
    let entries = match fs::read_dir(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if is_unfinished(&path) {
            continue;
        }
        // A file may vanish between the listing and the look: its owner took it back.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let is_xml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("xml"));
        found.push(match metadata {
            m if m.is_file() && is_xml => Dropped::Message { path },
            m if m.is_dir() && path.join(TABLE_NAME).is_file() => Dropped::Table { folder: path },
            _ => Dropped::Other { path },
        });
    }
    found.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(found)
}

impl Dropped {
    pub fn path(&self) -> &Path {
        match self {
            Self::Message { path } | Self::Other { path } => path,
            Self::Table { folder } => folder,
        }
    }
}

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || [".part", ".tmp", ".filepart"].iter().any(|end| name.ends_with(end))
}

/// Reads a file of at most `bytes_max` (and one byte more, so that the caller sees that it is larger). `None` when it
/// changed while it was read, is gone, or is no plain file: a link, a folder, a pipe that would keep us waiting.
pub fn read_stable(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut file = match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) if fs::symlink_metadata(path).is_ok_and(|m| !m.is_file()) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let before = stamp(&metadata);
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(bytes_max + 1).read_to_end(&mut bytes)?;
    let unchanged = stamp(&file.metadata()?) == before && (bytes.len() as u64 == before.0 || before.0 > bytes_max);
    Ok(unchanged.then_some(bytes))
}

/// How long ago the file was last written; zero when that lies in the future.
pub fn age(path: &Path) -> io::Result<Duration> {
    Ok(since(&fs::symlink_metadata(path)?))
}

fn since(metadata: &Metadata) -> Duration {
    metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default()
}

fn stamp(metadata: &Metadata) -> (u64, i64, i64) {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

/// A table's folder as it stands: every file with its size and time. Two equal looks, some time apart, mean that nobody
/// writes there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableLook {
    files: BTreeMap<PathBuf, (u64, i64, i64)>,
    /// Of the file written last.
    pub age: Duration,
}

impl TableLook {
    pub fn same_as(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

/// Looks at a table's folder.
pub fn look_at_table(folder: &Path) -> io::Result<TableLook> {
    let mut look = TableLook { files: BTreeMap::new(), age: Duration::MAX };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = fs::symlink_metadata(entry.path())?;
        look.age = look.age.min(since(&metadata));
        look.files.insert(entry.path(), stamp(&metadata));
        if look.files.len() > FILES_IN_TABLE_MAX {
            return Err(io::Error::other(format!("more than {FILES_IN_TABLE_MAX} files in one folder")));
        }
    }
    Ok(look)
}

/// The bytes of a folder's table.
pub fn read_table(folder: &Path) -> io::Result<Option<Vec<u8>>> {
    read_stable(&folder.join(TABLE_NAME), TABLE_BYTES_MAX)
}

/// Takes a message away. Gone already is fine; bytes that are not the ones we took stay.
pub fn remove_file(path: &Path, bytes: u64, hash: &Sha256) -> io::Result<()> {
    let same = File::open(path).and_then(|file| {
        let mut now = Vec::new();
        file.take(bytes + 1).read_to_end(&mut now)?;
        Ok(Sha256(openssl::sha::sha256(&now)) == *hash)
    });
    match same {
        Ok(true) => fs::remove_file(path),
        Ok(false) => Ok(()),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Takes a table away: the PDFs it names first, the table last, so that what is left after a cut is known again. The
/// folder goes when it is empty; what no row names stays in it. Gives how many files stay.
pub fn remove_table(folder: &Path, names: &[String], bytes: u64, hash: &Sha256) -> io::Result<usize> {
    for name in names {
        match fs::remove_file(folder.join(name)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            _ => {}
        }
    }
    remove_file(&folder.join(TABLE_NAME), bytes, hash)?;
    let left = fs::read_dir(folder)?.count();
    if left == 0 {
        fs::remove_dir(folder)?;
    }
    Ok(left)
}
