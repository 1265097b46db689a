//! Whether an embedded font program can be used at all: its form, not its outlines.

use super::raw::find;
use super::tree::ends_with_checksum;
use crate::pdf::ink::DrawnProgram;
use lopdf::Stream;
use std::collections::BTreeSet;

/// A font program larger than this is not used, bytes when expanded.
const PROGRAM_BYTES_MAX: usize = 32 << 20;
/// Largest expansion of all font programs together, bytes.
pub(super) const PROGRAMS_BYTES_MAX: usize = 256 << 20;
/// The clear text of a Type 1 program ends within this, bytes.
const CLEAR_TEXT_BYTES_MAX: usize = 1 << 20;

/// Most compressed bytes that are kept to be judged later: of one program, and of all together.
const KEPT_BYTES_MAX: usize = 1 << 20;
const KEPT_ALL_BYTES_MAX: usize = 16 << 20;

/// A program that is judged when the pages are drawn, since that expands most of them too.
struct Unjudged {
    key: &'static [u8],
    program: Stream,
    names: BTreeSet<String>,
}

/// All programs of a file that wait for that.
#[derive(Default)]
pub(in crate::pdf) struct Unjudgeds {
    waiting: Vec<Unjudged>,
    bytes: usize,
}

/// Whether a program can be used, as far as that is known.
#[derive(Clone, Copy)]
pub(super) enum Judged {
    Usable(bool),
    /// Number among those that wait.
    Waits(usize),
}

impl Unjudgeds {
    /// Judges a program, or lets it wait.
    pub(super) fn take(&mut self, key: &'static [u8], program: &Stream, left: &mut usize) -> Judged {
        let bytes = program.content.len();
        if is_deflated_alone(program) && bytes <= KEPT_BYTES_MAX && self.bytes + bytes <= KEPT_ALL_BYTES_MAX {
            self.bytes += bytes;
            self.waiting.push(Unjudged { key, program: program.clone(), names: BTreeSet::new() });
            return Judged::Waits(self.waiting.len() - 1);
        }
        Judged::Usable(is_usable(key, program, left))
    }

    pub(super) fn name(&mut self, number: usize, name: String) {
        self.waiting[number].names.insert(name);
    }

    /// Names of the fonts whose programs cannot be used. What was drawn is expanded already; its checksum says whether that
    /// is all of it.
    pub(in crate::pdf) fn unusable(self, drawn: &[DrawnProgram<'_>]) -> BTreeSet<String> {
        let mut left = PROGRAMS_BYTES_MAX;
        let mut unusable = BTreeSet::new();
        for Unjudged { key, program, names } in self.waiting {
            let expanded = drawn.iter().find(|drawn| *drawn.deflated == *program.content).map(|drawn| drawn.bytes());
            let usable =
                match expanded.filter(|bytes| bytes.len() <= PROGRAM_BYTES_MAX.min(left) && ends_with_checksum(&program.content, bytes)) {
                    Some(bytes) => {
                        left -= bytes.len();
                        is_program(key, bytes)
                    }
                    None => is_usable(key, &program, &mut left),
                };
            if !usable {
                unusable.extend(names);
            }
        }
        unusable
    }
}

fn is_deflated_alone(program: &Stream) -> bool {
    matches!(program.filters().as_deref(), Ok([b"FlateDecode"])) && !program.dict.has(b"DecodeParms")
}

/// Keys of a font descriptor that hold a program.
pub(super) const KEYS: [&[u8]; 3] = [b"FontFile", b"FontFile2", b"FontFile3"];

/// `key` is where the descriptor holds the program: it says which kind it has to be. `left` is how many bytes may still be
/// expanded for all of a file's fonts; what does not fit is not used.
fn is_usable(key: &[u8], program: &Stream, left: &mut usize) -> bool {
    let limit = PROGRAM_BYTES_MAX.min(*left);
    let Ok(bytes) = program.decompressed_content_with_limit(limit) else {
        *left -= limit;
        return false;
    };
    *left -= bytes.len().min(*left);
    is_program(key, &bytes)
}

fn is_program(key: &[u8], bytes: &[u8]) -> bool {
    match key {
        b"FontFile" => is_type1(bytes),
        b"FontFile2" => is_sfnt(bytes),
        _ => is_cff(bytes) || is_sfnt(bytes),
    }
}

fn is_type1(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    let begins = text.starts_with(b"%!") || text.starts_with(b"\x80\x01");
    begins && find(&bytes[..bytes.len().min(CLEAR_TEXT_BYTES_MAX)], b"eexec").is_some()
}

fn be(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    Some(bytes.get(at..at.checked_add(length)?)?.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

/// TrueType or OpenType: every table that draws stands wholly in the program.
fn is_sfnt(bytes: &[u8]) -> bool {
    if !matches!(bytes.get(..4), Some(b"\0\x01\0\0" | b"true" | b"OTTO")) {
        return false;
    }
    let table = |tag: &[u8]| -> Option<usize> {
        let count = be(bytes, 4, 2)?;
        let at = (0..count).map(|i| 12 + 16 * i).find(|at| bytes.get(*at..*at + 4) == Some(tag))?;
        let (start, length) = (be(bytes, at + 8, 4)?, be(bytes, at + 12, 4)?);
        (start.checked_add(length)? <= bytes.len()).then_some(length)
    };
    if table(b"CFF ").is_some_and(|length| length > 4) {
        return true;
    }
    table(b"head").is_some_and(|length| length >= 54) && table(b"loca").is_some() && table(b"glyf").is_some()
}

/// Compact Font Format: a header, then a list of names and one of fonts that both can be read.
fn is_cff(bytes: &[u8]) -> bool {
    let top = || {
        let header = be(bytes, 2, 1).filter(|size| *size >= 4 && bytes[0] == 1)?;
        index_end(bytes, index_end(bytes, header)?)
    };
    top().is_some()
}

/// Where an INDEX with at least one member ends.
fn index_end(bytes: &[u8], at: usize) -> Option<usize> {
    let count = be(bytes, at, 2).filter(|count| *count > 0)?;
    let size = be(bytes, at + 2, 1).filter(|size| (1..=4).contains(size))?;
    let last = be(bytes, at + 3 + count * size, size).filter(|last| *last >= 1)?;
    let end = at + 2 + (count + 1) * size + last;
    (end <= bytes.len()).then_some(end)
}
