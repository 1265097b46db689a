//! Whether the cross-reference table leads to what it says. lopdf reads around a wrong entry without a word; another reader
//! searches the file for the object, or leaves it out: two readers, two letters.

use lopdf::xref::XrefEntry;
use lopdf::{Document, Object, ObjectId};
use memchr::memmem;
use std::collections::HashSet;

/// White space and comments before an object that its entry may point at, bytes.
const BLANKS_MAX: usize = 1_024;
/// Sections that follow one another by `/Prev`.
const SECTIONS_MAX: usize = 1_000;
/// A section's dictionary is shorter, bytes.
const TRAILER_BYTES_MAX: usize = 16 << 10;

/// Whether an object that the file uses does not stand where the table says, or the table's sections go round in a circle.
pub(in super::super) fn is_damaged(document: &Document, bytes: &[u8]) -> bool {
    let wrong: HashSet<ObjectId> = document
        .reference_table
        .entries
        .iter()
        .filter_map(|(number, entry)| match entry {
            XrefEntry::Normal { offset, generation } => Some(((*number, *generation), *offset as usize)),
            _ => None,
        })
        .filter(|(id, offset)| !stands_at(bytes, *offset, *id))
        .map(|(id, _)| id)
        .collect();
    !wrong.is_empty() && uses_one_of(document, &wrong) || goes_round(bytes, document.xref_start)
}

/// Whether `<number> <generation> obj` stands here.
fn stands_at(bytes: &[u8], offset: usize, (number, generation): ObjectId) -> bool {
    let Some(at) = bytes.get(offset..) else { return false };
    let rest = after_number(unblanked(at), u64::from(number)).and_then(|rest| after_number(unblanked(rest), u64::from(generation)));
    rest.is_some_and(|rest| unblanked(rest).starts_with(b"obj"))
}

/// What follows white space and comments.
fn unblanked(bytes: &[u8]) -> &[u8] {
    let mut in_comment = false;
    let blank = |byte: &&u8| {
        in_comment = if in_comment { !matches!(byte, 10 | 13) } else { **byte == b'%' };
        in_comment || matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
    };
    &bytes[bytes.iter().take(BLANKS_MAX).take_while(blank).count()..]
}

/// What follows this number; `None` when another one, or none, stands here.
fn after_number(bytes: &[u8], wanted: u64) -> Option<&[u8]> {
    let (number, rest) = number(bytes)?;
    (number == wanted).then_some(rest)
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take(20).take_while(|b| b.is_ascii_digit()).count();
    let number = std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()?;
    Some((number, &bytes[digits..]))
}

/// Whether one of these is referred to by what hangs on the trailer.
fn uses_one_of(document: &Document, wanted: &HashSet<ObjectId>) -> bool {
    let (mut seen, mut waiting): (HashSet<ObjectId>, Vec<&Object>) = (HashSet::new(), document.trailer.iter().map(|(_, v)| v).collect());
    while let Some(object) = waiting.pop() {
        match object {
            Object::Reference(id) if wanted.contains(id) => return true,
            Object::Reference(id) if seen.insert(*id) => waiting.extend(document.objects.get(id)),
            Object::Array(items) => waiting.extend(items),
            Object::Dictionary(dictionary) => waiting.extend(dictionary.iter().map(|(_, value)| value)),
            Object::Stream(stream) => waiting.extend(stream.dict.iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    false
}

/// Whether a section of the table says that it follows itself, or one that follows it.
fn goes_round(bytes: &[u8], start: usize) -> bool {
    let (mut seen, mut at) = (HashSet::new(), Some(start));
    while let Some(offset) = at.filter(|_| seen.len() < SECTIONS_MAX) {
        if !seen.insert(offset) {
            return true;
        }
        at = previous(bytes, offset);
    }
    false
}

/// Where the section before this one begins.
fn previous(bytes: &[u8], offset: usize) -> Option<usize> {
    let section = unblanked(bytes.get(offset..)?);
    // A table has its dictionary behind it; a stream begins with its own.
    let (from, end) =
        if section.starts_with(b"xref") { (memmem::find(section, b"trailer")?, &b"startxref"[..]) } else { (0, &b"stream"[..]) };
    let dictionary = &section[from..section.len().min(from + TRAILER_BYTES_MAX)];
    let dictionary = &dictionary[..memmem::find(dictionary, end)?];
    let value = &dictionary[memmem::find(dictionary, b"/Prev")? + 5..];
    usize::try_from(number(unblanked(value))?.0).ok()
}
