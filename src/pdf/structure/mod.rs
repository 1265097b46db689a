//! What a file is made of beside its pages: programs, other files, layers, fonts, saves, disguises.
//!
//! Facts only. Every walk has an end: each object is looked at once, nesting and expansion are bounded. What stands anywhere
//! in the file counts, older saves and objects that nobody refers to as well, because another reader may find them.

mod active;
mod claim;
mod fields;
mod fonts;
mod layers;
mod names;
mod program;
mod raw;
mod shown;
mod table;
mod tree;

pub(super) use program::Unjudgeds;
pub(super) use table::is_damaged as table_is_damaged;

use super::facts::PdfFacts;
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

/// Earlier saves that are opened on their own; all are searched for what is not compressed.
const SAVES_OPENED_MAX: usize = 8;
/// Bytes that are read again for earlier saves, together.
const SAVES_BYTES_MAX: usize = 64 << 20;
/// Letters of a name that is told.
const NAME_CHARS_MAX: usize = 80;

/// Fills in all that can be said of a file that was loaded: its structure, its fonts, and why its pages cannot be trusted.
/// Returns the font programs that are still to be judged.
pub(super) fn look(document: &Document, bytes: &[u8], pages: &[ObjectId], options: &LoadOptions, facts: &mut PdfFacts) -> Unjudgeds {
    let marks = raw::marks(bytes);
    let mut active = active::Active::default();
    active::objects(document, &mut active);
    active::strays(bytes, &marks.objects, Some(document), &mut active);
    let mut read_again = 0;
    for end in marks.earlier_saves().rev().take(SAVES_OPENED_MAX) {
        read_again += end;
        if read_again > SAVES_BYTES_MAX {
            break;
        }
        if let Ok(earlier) = Document::load_mem_with_options(&bytes[..end], options.clone()) {
            active::objects(&earlier, &mut active);
        }
    }
    raw::tell(bytes, &marks, &mut facts.structure);
    active.tell(bytes, &mut facts.structure);
    layers::look(document, &mut facts.structure);
    fields::look(document, &mut facts.structure);
    facts.structure.pdfa_claim = claim::of(document);
    let (mut missing, names) = tree::look(document, pages, facts);
    let (missing_fonts, unjudged) = fonts::look(document, pages, facts);
    missing.extend(missing_fonts);
    facts.structure.missing_objects = u32::try_from(missing.len() + names.count()).unwrap_or(u32::MAX);
    unjudged
}

/// Fills in what the bytes alone say of a file that cannot be loaded.
pub(super) fn look_at_bytes(bytes: &[u8], facts: &mut PdfFacts) {
    let marks = raw::marks(bytes);
    let mut active = active::Active::default();
    active::strays(bytes, &marks.objects, None, &mut active);
    raw::tell(bytes, &marks, &mut facts.structure);
    active.tell(bytes, &mut facts.structure);
}

/// What an object says in the end, through references; `None` when it is not there.
fn follow<'a>(document: &'a Document, object: &'a Object) -> Option<&'a Object> {
    document.dereference(object).ok().map(|(_, object)| object)
}

/// An entry of a dictionary, through references.
fn entry<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    follow(document, dictionary.get(key).ok()?)
}

fn entry_name<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a [u8]> {
    entry(document, dictionary, key)?.as_name().ok()
}

/// The dictionary of a dictionary or of a stream.
fn dictionary_of(object: &Object) -> Option<&Dictionary> {
    match object {
        Object::Dictionary(dictionary) => Some(dictionary),
        Object::Stream(stream) => Some(&stream.dict),
        _ => None,
    }
}

fn entry_dictionary<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a Dictionary> {
    dictionary_of(entry(document, dictionary, key)?)
}

fn entry_array<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a [Object]> {
    Some(entry(document, dictionary, key)?.as_array().ok()?.as_slice())
}

/// A name as it may be told: bounded, and readable whatever its bytes are.
fn told(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(NAME_CHARS_MAX).collect()
}
