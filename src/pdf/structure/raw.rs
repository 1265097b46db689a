//! What the bytes say without being parsed: saves, what follows the end, and other formats in the same bytes.

use super::super::facts::Structure;
use memchr::memmem;

/// The header and the linearization dictionary stand within this, bytes.
const HEAD_BYTES: usize = 1024;
/// Bytes before the first object that are searched for another language.
const PREAMBLE_BYTES_MAX: usize = 64 << 10;
/// A ZIP archive's end record with its longest comment, bytes.
const ZIP_END_BYTES_MAX: usize = 22 + 0xffff;
const EOF: &[u8] = b"%%EOF";

/// Places found in one pass over the file, byte offsets in order.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Where `1 0 obj` and its like begin, inside of streams too.
    pub objects: Vec<usize>,
    /// Ends of saves: just behind each `%%EOF` that follows a `startxref`.
    ends: Vec<usize>,
    /// The first end belongs to the first page's section of a linearized file.
    first_is_a_section: bool,
}

impl Marks {
    /// Ends of what was the whole file once, without the last.
    pub fn earlier_saves(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let saves = self.ends.len().saturating_sub(1);
        self.ends[..saves].iter().copied().skip(usize::from(self.first_is_a_section))
    }
}

pub(super) fn marks(bytes: &[u8]) -> Marks {
    let mut marks = Marks::default();
    let mut first_startxref = None;
    for at in memmem::find_iter(bytes, EOF) {
        if let Some(value) = startxref_before(&bytes[..at]) {
            first_startxref.get_or_insert(value);
            marks.ends.push(at + EOF.len());
        }
    }
    marks.objects.extend(memmem::find_iter(bytes, b"obj").filter_map(|at| object_start(&bytes[..at])));
    let end = marks.ends.first().copied().unwrap_or(0);
    marks.first_is_a_section = marks.ends.len() > 1 && first_section(bytes, end, first_startxref);
    marks
}

/// Whether what ends at `end` is the first page's section of a linearized file. The word alone is not believed, or it would
/// hide a save: a section stands before the main table, and says 0 where a save says the place of its own.
fn first_section(bytes: &[u8], end: usize, startxref: Option<u64>) -> bool {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    if find(head, b"/Linearized").is_none() {
        return false;
    }
    let main_table = find(head, b"/T").map(|at| &head[at + 2..]).and_then(number);
    startxref == Some(0) || main_table.is_some_and(|table| table > end as u64 && table < bytes.len() as u64)
}

fn number(text: &[u8]) -> Option<u64> {
    let digits: Vec<u8> = text.iter().skip_while(|b| is_blank(**b)).take_while(|b| b.is_ascii_digit()).take(12).copied().collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// The number between `startxref` and the end of this.
fn startxref_before(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.trim_ascii_end();
    let digits = bytes.iter().rev().take(20).take_while(|b| b.is_ascii_digit()).count();
    let (before, digits) = bytes.split_at(bytes.len() - digits);
    before.trim_ascii_end().ends_with(b"startxref").then(|| number(digits)).flatten()
}

/// Where the two numbers before `obj` begin.
fn object_start(before: &[u8]) -> Option<usize> {
    let mut at = before.len();
    for _ in 0..2 {
        let blanks = before[..at].iter().rev().take(20).take_while(|b| is_blank(**b)).count();
        let digits = before[..at - blanks].iter().rev().take(20).take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || (blanks == 0 && at != before.len()) {
            return None;
        }
        at -= blanks + digits;
    }
    Some(at)
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\0' | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

pub(super) fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    memmem::find(bytes, word)
}

/// Bytes after `from` that are more than line ends and blanks.
pub(super) fn beyond(bytes: &[u8], from: usize) -> u64 {
    bytes.get(from..).unwrap_or_default().iter().filter(|b| !is_blank(**b)).count() as u64
}

pub(super) fn tell(bytes: &[u8], marks: &Marks, structure: &mut Structure) {
    let sections = usize::from(marks.first_is_a_section);
    structure.revisions = u32::try_from(marks.ends.len() - sections).unwrap_or(u32::MAX);
    let end = marks.ends.last().copied().unwrap_or(bytes.len());
    structure.trailing_bytes = beyond(bytes, end);
    let first_object = marks.objects.first().copied().unwrap_or(bytes.len()).min(PREAMBLE_BYTES_MAX);
    structure.also = also(bytes, &bytes[..first_object], &bytes[end..]).map(str::to_owned);
}

/// Another format that a reader of that format would accept these bytes as. PDF bytes begin with `%PDF-`, so only formats
/// that begin elsewhere, or whose readers skip what they do not know, are possible.
fn also(bytes: &[u8], preamble: &[u8], after: &[u8]) -> Option<&'static str> {
    if is_zip(bytes) {
        return Some("zip");
    }
    let magic_at = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
    for (at, magic, name) in [(257, &b"ustar"[..], "tar"), (128, b"DICM", "dicom"), (0x8001, b"CD001", "iso")] {
        if magic_at(at, magic) {
            return Some(name);
        }
    }
    for text in [preamble, after] {
        let lower = text[..text.len().min(PREAMBLE_BYTES_MAX)].to_ascii_lowercase();
        for (word, name) in
            [(&b"<html"[..], "html"), (b"<script", "html"), (b"<!doctype html", "html"), (b"<svg", "html"), (b"<?php", "php")]
        {
            if find(&lower, word).is_some() {
                return Some(name);
            }
        }
        let mut lines = text[..text.len().min(HEAD_BYTES)].split(|b| matches!(b, b'\n' | b'\r'));
        if lines.any(|line| line.starts_with(b"#!/")) {
            return Some("script");
        }
    }
    let after = after.trim_ascii_start();
    let magics = [
        (&b"\x7fELF"[..], "elf"),
        (b"MZ", "exe"),
        (b"PK\x03\x04", "zip"),
        (b"Rar!\x1a\x07", "rar"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"GIF8", "gif"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"\x89PNG", "png"),
        (b"\x1f\x8b", "gzip"),
    ];
    magics.into_iter().find(|(magic, _)| after.starts_with(magic)).map(|(_, name)| name)
}

/// An archive's end record near the end that truly points at a list of members: readers of ZIP begin there, wherever the
/// archive stands.
fn is_zip(bytes: &[u8]) -> bool {
    let from = bytes.len().saturating_sub(ZIP_END_BYTES_MAX);
    let tail = &bytes[from..];
    let le32 = |at: usize| tail.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    memmem::rfind_iter(&tail[..tail.len().saturating_sub(18)], b"PK\x05\x06").any(|at| {
        let listed = le32(at + 12).and_then(|size| (from + at).checked_sub(size));
        listed.is_some_and(|listed| bytes[listed..].starts_with(b"PK\x01\x02"))
    })
}
