//! The three ways a batch's letters arrive: a ZIP, a folder of PDFs, or one print stream. Decides which it is from
//! what the manifest names, and whether the letters in it are the ones that letters.csv speaks of.

use super::acceptance::Refusal;
use super::contents::Contents;
use super::tiling;
use crate::domain::{BatchName, LetterId, Plex, Sha256};
use crate::pdf::{PDF_BYTES_MAX, count_pages};
use crate::vendor::Container;
use crate::wire::manifest::{BatchFiles, FileEntry, LetterRow, STREAM_FILE};
use std::collections::BTreeMap;
use std::io::Read;
use zip::{CompressionMethod, ZipArchive};

/// Largest print stream, bytes. It is counted in memory, so the bound is one of memory.
const STREAM_BYTES_MAX: u64 = 512 << 20;

/// Told from the content: the names beside letters.csv.
pub fn kind(batch: &BatchName, files: &[FileEntry]) -> Result<Container, Refusal> {
    let letters_csv = BatchFiles::letters(batch);
    let names: Vec<&str> = files.iter().map(|entry| entry.name.as_str()).filter(|name| *name != letters_csv).collect();
    let (zip, stream, folder) = (format!("{batch}.zip"), format!("{batch}.pdf"), format!("{batch}/"));
    match names[..] {
        [one] if one == zip => Ok(Container::Zip),
        [one] if one == stream => Ok(Container::Stream),
        [_, ..] if names.iter().all(|name| name.starts_with(&folder)) => Ok(Container::Files),
        _ => {
            let why = format!("the manifest names {} files that are neither one ZIP, one print stream nor one PDF a letter", names.len());
            Err(Refusal::new("FP-B015", why))
        }
    }
}

/// Checks the letters in the container against their rows. Sizes and hashes of the files themselves are known to be
/// what the manifest says.
pub fn check(
    contents: &Contents<'_>,
    batch: &BatchName,
    kind: Container,
    files: &[FileEntry],
    letters: &[LetterRow],
) -> Result<(), Refusal> {
    for row in letters {
        let expected = if kind == Container::Stream { STREAM_FILE.to_owned() } else { format!("{}.pdf", row.letter_id) };
        if row.file != expected {
            let why =
                format!("{}: letter {} is said to lie in {:?}, expected {expected}", BatchFiles::letters(batch), row.letter_id, row.file);
            return Err(Refusal::new("FP-B016", why));
        }
        if kind != Container::Stream && row.first_page != 1 {
            let why = format!(
                "{}: row {}: first_page is {}, a letter's own PDF begins with page 1",
                BatchFiles::letters(batch),
                row.seq,
                row.first_page
            );
            return Err(Refusal::new("FP-B026", why));
        }
    }
    match kind {
        Container::Zip => check_zip(contents, &format!("{batch}.zip"), letters),
        Container::Files => check_files(contents, batch, files, letters),
        Container::Stream => check_stream(contents, &format!("{batch}.pdf"), letters),
    }
}

fn check_zip(contents: &Contents<'_>, name: &str, letters: &[LetterRow]) -> Result<(), Refusal> {
    let damaged = |why: &dyn std::fmt::Display| Refusal::new("FP-B017", format!("{name} cannot be read as a ZIP: {why}"));
    let mut archive = ZipArchive::new(contents.open(name)?).map_err(|fault| damaged(&fault))?;
    for row in letters {
        let index = archive.index_for_name(&row.file);
        let index = index.ok_or_else(|| Refusal::new("FP-B016", format!("{name} does not hold {}", row.file)))?;
        // Raw: what is not stored is refused, so nothing is ever expanded.
        let member = archive.by_index_raw(index).map_err(|fault| damaged(&fault))?;
        let (method, encrypted, bytes) = (member.compression(), member.encrypted(), member.size());
        if method != CompressionMethod::Stored || encrypted || !member.is_file() {
            return Err(Refusal::new("FP-B018", format!("{name}: {} is not stored plainly ({method:?})", row.file)));
        }
        check_letter(contents, name, row, bytes, member)?;
    }
    // Last, so that a letter under another name is told as the one that is missing.
    if archive.len() != letters.len() {
        return Err(Refusal::new("FP-B016", format!("{name} holds {} files, letters.csv names {}", archive.len(), letters.len())));
    }
    // The reader above keeps one of two members of a name, and overlooks what no member's place names.
    let fault = tiling::fault(archive, letters.iter().map(|row| row.file.as_str())).map_err(|fault| damaged(&fault))?;
    fault.map_or(Ok(()), |why| Err(Refusal::new("FP-B017", format!("{name} holds more than its letters, one after another: {why}"))))
}

fn check_files(contents: &Contents<'_>, batch: &BatchName, files: &[FileEntry], letters: &[LetterRow]) -> Result<(), Refusal> {
    let listed: BTreeMap<&str, &FileEntry> = files.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    for row in letters {
        let name = format!("{batch}/{}", row.file);
        let entry = listed.get(name.as_str());
        let entry = entry.ok_or_else(|| Refusal::new("FP-B016", format!("letters.csv names {name}, the manifest does not")))?;
        check_letter(contents, batch.as_str(), row, entry.bytes, contents.open(&name)?)?;
    }
    // letters.csv stands in the manifest too.
    if files.len() != letters.len() + 1 {
        return Err(Refusal::new(
            "FP-B016",
            format!("the manifest names {} letters' files, letters.csv {}", files.len() - 1, letters.len()),
        ));
    }
    Ok(())
}

/// One letter's own PDF: size, hash, and pages as the second reader counts them.
fn check_letter(contents: &Contents<'_>, container: &str, row: &LetterRow, bytes: u64, content: impl Read) -> Result<(), Refusal> {
    let at = format!("{container}: {}", row.file);
    if bytes != row.bytes || bytes > PDF_BYTES_MAX as u64 {
        return Err(Refusal::new("FP-B019", format!("{at} has {bytes} bytes, letters.csv says {} (at most {PDF_BYTES_MAX})", row.bytes)));
    }
    let mut pdf = Vec::new();
    content.take(bytes + 1).read_to_end(&mut pdf).map_err(|fault| contents.fault(&at, &fault))?;
    let found = Sha256(openssl::sha::sha256(&pdf));
    if found != row.sha256 {
        return Err(Refusal::new("FP-B019", format!("{at} has sha256 {found}, letters.csv says {}", row.sha256)));
    }
    match count_pages(pdf) {
        Some(pages) if pages == row.pages as usize => Ok(()),
        Some(pages) => Err(Refusal::new("FP-B020", format!("{at} has {pages} pages, letters.csv says {}", row.pages))),
        None => Err(Refusal::new("FP-B020", format!("{at} cannot be read as a PDF"))),
    }
}

fn check_stream(contents: &Contents<'_>, name: &str, letters: &[LetterRow]) -> Result<(), Refusal> {
    let mut pdf = Vec::new();
    let file = contents.open(name)?;
    file.take(STREAM_BYTES_MAX + 1).read_to_end(&mut pdf).map_err(|fault| contents.fault(name, &fault))?;
    if pdf.len() as u64 > STREAM_BYTES_MAX {
        return Err(Refusal::new("FP-B007", format!("{name} is larger than {STREAM_BYTES_MAX} bytes")));
    }
    let pages = count_pages(pdf).ok_or_else(|| Refusal::new("FP-B020", format!("{name} cannot be read as a PDF")))?;
    check_ranges(name, letters, pages as u64)
}

/// Every page belongs to one letter, or is the blank back of one: a page of nobody's would go into somebody's envelope.
fn check_ranges(name: &str, letters: &[LetterRow], pages: u64) -> Result<(), Refusal> {
    let refuse = |id: &LetterId, why: String| Err(Refusal::new("FP-B023", format!("{name}: letter {id} {why}")));
    let mut next = 1u64;
    let mut blank_back = false;
    for row in letters {
        let (id, first, duplex) = (&row.letter_id, u64::from(row.first_page), row.plex == Plex::Duplex);
        if duplex && first.is_multiple_of(2) {
            return refuse(id, format!("begins on page {first}, the back of a sheet"));
        }
        let expected = if duplex { next + (next + 1) % 2 } else { next };
        if first != expected || row.pages == 0 {
            return refuse(id, format!("has {} pages from page {first}, expected to begin on page {expected}", row.pages));
        }
        next = first + u64::from(row.pages);
        if next - 1 > pages {
            return refuse(id, format!("ends on page {}, the file has {pages}", next - 1));
        }
        blank_back = duplex && next.is_multiple_of(2);
    }
    let used = next - 1;
    if pages > used + u64::from(blank_back) {
        return Err(Refusal::new("FP-B023", format!("{name} has {pages} pages, its letters end on page {used}")));
    }
    Ok(())
}
