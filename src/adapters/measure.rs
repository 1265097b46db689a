//! Reads a batch back from the disk, just before it is signed: what its files are, and that the letters in them are those
//! that letters.csv speaks of. In memory stand letters.csv and one piece of a file; of a print stream, the whole.

use super::placed::Peeked;
use crate::domain::Sha256;
use crate::pdf::count_pages;
use crate::pipeline::seal::Totals;
use crate::vendor::Container;
use crate::wire::manifest::{FileEntry, LETTERS_CSV_BYTES_MAX, LetterRow, letters_from_csv};
use openssl::sha::Sha256 as Hasher;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

/// Read at once. Small enough to stay in the processor's cache while it is hashed twice.
const PIECE_BYTES: usize = 256 * 1024;

/// What lies on the disk is not what was to be sealed (FP-B030), or cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{file} on the disk {why}")]
pub struct Difference {
    pub file: String,
    pub why: String,
}

impl Difference {
    fn new(file: &str, why: impl std::fmt::Display) -> Self {
        Self { file: file.to_owned(), why: why.to_string() }
    }

    fn unreadable(file: &str, fault: impl std::fmt::Display) -> Self {
        Self::new(file, format!("cannot be read: {fault}"))
    }
}

/// Reads the container below `folder` whose names begin with `base`. Gives its files as the manifest lists them; each
/// letter in it has the size and the hash of its row, and there is nothing else.
///
/// A letter's pages follow from its bytes: they were counted when it was validated, and the hash says that the bytes are
/// the same. Those of a stream are counted here.
pub fn container(folder: &Path, base: &str, container: Container, rows: &[LetterRow]) -> Result<Vec<FileEntry>, Difference> {
    match container {
        Container::Zip => Ok(vec![zip(folder, &format!("{base}.zip"), rows)?]),
        Container::Files => files(folder, base, rows),
        Container::Stream => Ok(vec![stream(folder, &format!("{base}.pdf"), rows)?]),
    }
}

/// Reads letters.csv: its entry of the manifest, and what it adds up to. It must say what `rows` say.
pub fn letters(folder: &Path, name: &str, rows: &[LetterRow]) -> Result<(FileEntry, Totals), Difference> {
    let mut bytes = Vec::new();
    let read = File::open(folder.join(name)).and_then(|file| file.take(LETTERS_CSV_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|fault| Difference::unreadable(name, fault))?;
    let found = letters_from_csv(&bytes).map_err(|fault| Difference::new(name, fault))?;
    if found != rows {
        return Err(Difference::new(name, "speaks of other letters than were put into the batch"));
    }
    let entry = FileEntry { name: name.to_owned(), bytes: bytes.len() as u64, sha256: Sha256(openssl::sha::sha256(&bytes)) };
    Ok((entry, Totals::of(&found)))
}

fn zip(folder: &Path, name: &str, rows: &[LetterRow]) -> Result<FileEntry, Difference> {
    let unreadable = |fault: &dyn std::fmt::Display| Difference::unreadable(name, fault);
    let file = File::open(folder.join(name)).map_err(|e| unreadable(&e))?;
    let peeked = Peeked::new(&file).map_err(|e| unreadable(&e))?;
    let mut archive = ZipArchive::new(peeked).map_err(|e| unreadable(&e))?;
    if archive.len() != rows.len() {
        return Err(Difference::new(name, format!("holds {} letters, expected {}", archive.len(), rows.len())));
    }
    let mut places = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let member = archive.by_index_raw(index).map_err(|e| unreadable(&e))?;
        let as_planned = member.name().is_ok_and(|found| found == row.file)
            && member.compression() == CompressionMethod::Stored
            && member.size() == row.bytes;
        if !as_planned {
            return Err(Difference::new(name, format!("does not hold {} at its place, stored, with {} bytes", row.file, row.bytes)));
        }
        let start = member.data_start().ok_or_else(|| unreadable(&"a letter begins nowhere"))?;
        places.push((start..start + row.bytes, row));
    }
    drop(archive);
    hash_with_parts(file, name, &places)
}

/// One pass over a file, in which the file and every letter in it are hashed.
fn hash_with_parts(mut file: File, name: &str, places: &[(Range<u64>, &LetterRow)]) -> Result<FileEntry, Difference> {
    let mut whole = Hasher::new();
    let mut part = Hasher::new();
    let (mut at, mut piece) = (0u64, vec![0; PIECE_BYTES]);
    let mut places = places.iter();
    let mut current = places.next();
    loop {
        let read = file.read(&mut piece).map_err(|e| Difference::unreadable(name, e))?;
        if read == 0 {
            break;
        }
        whole.update(&piece[..read]);
        let end = at + read as u64;
        while let Some((place, row)) = current {
            let (from, to) = (place.start.clamp(at, end), place.end.clamp(at, end));
            part.update(&piece[(from - at) as usize..(to - at) as usize]);
            if place.end > end {
                break;
            }
            let found = Sha256(std::mem::take(&mut part).finish());
            same_letter(name, row, row.bytes, found)?;
            current = places.next();
        }
        at = end;
    }
    match current {
        Some((_, row)) => Err(Difference::new(name, format!("ends before letter {} does", row.letter_id))),
        None => Ok(FileEntry { name: name.to_owned(), bytes: at, sha256: Sha256(whole.finish()) }),
    }
}

fn same_letter(name: &str, row: &LetterRow, bytes: u64, sha256: Sha256) -> Result<(), Difference> {
    if bytes == row.bytes && sha256 == row.sha256 {
        return Ok(());
    }
    Err(Difference::new(name, format!("holds letter {} with other bytes than were validated", row.letter_id)))
}

fn files(folder: &Path, base: &str, rows: &[LetterRow]) -> Result<Vec<FileEntry>, Difference> {
    let unreadable = |fault: io::Error| Difference::unreadable(base, fault);
    let lying = fs::read_dir(folder.join(base)).map_err(unreadable)?;
    let mut strangers = BTreeSet::new();
    for entry in lying {
        strangers.insert(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let name = format!("{base}/{}", row.file);
        let (bytes, sha256) = super::store::size_and_hash(&folder.join(&name)).map_err(|e| Difference::unreadable(&name, e))?;
        same_letter(&name, row, bytes, sha256)?;
        strangers.remove(&row.file);
        entries.push(FileEntry { name, bytes, sha256 });
    }
    match strangers.first() {
        Some(_) => Err(Difference::new(base, "holds a file that belongs to no letter")),
        None => Ok(entries),
    }
}

/// A stream holds all letters' pages: the last of them, and one blank back at most.
fn stream(folder: &Path, name: &str, rows: &[LetterRow]) -> Result<FileEntry, Difference> {
    let bytes = fs::read(folder.join(name)).map_err(|e| Difference::unreadable(name, e))?;
    let entry = FileEntry { name: name.to_owned(), bytes: bytes.len() as u64, sha256: Sha256(openssl::sha::sha256(&bytes)) };
    let expected = rows.last().map_or(0, |last| last.first_page + last.pages - 1) as usize;
    match count_pages(bytes) {
        Some(pages) if pages == expected => Ok(entry),
        Some(pages) => Err(Difference::new(name, format!("has {pages} pages, its letters end on page {expected}"))),
        None => Err(Difference::new(name, "cannot be read as a PDF")),
    }
}
