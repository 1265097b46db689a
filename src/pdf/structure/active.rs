//! What has no place on paper: programs, actions, other files, film and sound; and how far a signature reaches.
//!
//! Kinds are taken from the keys and names that make a reader act, wherever they stand. lopdf has decoded `#` escapes in
//! names; where bytes are read without it, the same is done here.

use super::super::facts::Structure;
use super::raw::{beyond, find, is_blank};
use super::{entry, entry_array, entry_dictionary, entry_name, follow};
use lopdf::xref::XrefEntry;
use lopdf::{Dictionary, Document, Object};
use std::collections::{BTreeSet, HashSet};

/// lopdf nests at most 100 deep while reading.
const DEPTH_MAX: usize = 128;
/// Associated files looked at in one list: many lists may be the same one.
const ASSOCIATED_MAX: usize = 100;
/// Keys of an additional-actions dictionary, ISO 32000-2 tables 197 to 200.
const TRIGGERS: &[&[u8]] =
    &[b"E", b"X", b"D", b"U", b"Fo", b"Bl", b"PO", b"PC", b"PV", b"PI", b"O", b"C", b"K", b"F", b"V", b"WC", b"WS", b"DS", b"WP", b"DP"];

#[derive(Debug, Default)]
pub(super) struct Active {
    found: Structure,
    /// Where signed ranges end, bytes from the file's start.
    signed_to: BTreeSet<u64>,
}

impl Active {
    pub fn tell(self, bytes: &[u8], structure: &mut Structure) {
        structure.javascript |= self.found.javascript;
        structure.launch |= self.found.launch;
        structure.embedded_files |= self.found.embedded_files;
        structure.xfa |= self.found.xfa;
        structure.actions.extend(self.found.actions);
        structure.rich_media.extend(self.found.rich_media);
        // The first signature says most: what came after it was not seen by its signer.
        let first = self.signed_to.first().and_then(|end| usize::try_from(*end).ok());
        structure.changed_after_signing |= first.is_some_and(|end| beyond(bytes, end) > 0);
    }

    /// What a key with a name as its value makes a reader do.
    fn named(&mut self, key: &[u8], name: &[u8]) {
        let found = &mut self.found;
        let word = || String::from_utf8_lossy(name).into_owned();
        match (key, name) {
            (b"S", b"JavaScript") => found.javascript = true,
            (b"S", b"Launch") => found.launch = true,
            (b"S", b"URI" | b"SubmitForm" | b"ResetForm" | b"ImportData" | b"GoToR" | b"GoToE" | b"Thread" | b"Hide" | b"SetOCGState") => {
                found.actions.insert(word());
            }
            (b"S", b"Rendition" | b"Movie" | b"Sound" | b"GoTo3DView" | b"RichMediaExecute")
            | (b"Subtype", b"RichMedia" | b"3D" | b"Movie" | b"Sound" | b"Screen" | b"U3D" | b"PRC")
            | (b"Type", b"Rendition" | b"Sound" | b"3D") => {
                found.rich_media.insert(word());
            }
            (b"Subtype", b"FileAttachment") | (b"Type", b"EmbeddedFile") => found.embedded_files = true,
            // Turning the page is no more than a link; all else is a menu of the program that shows the file.
            (b"N", b"Print") => drop(found.actions.insert("Named:Print".to_owned())),
            _ => {}
        }
    }
}

/// Looks at every object that was loaded, and at all that stands in them.
pub(super) fn objects(document: &Document, active: &mut Active) {
    document.objects.values().for_each(|object| look_into(document, object, active, 0));
    look_at(document, &document.trailer, active, 0);
}

fn look_into(document: &Document, object: &Object, active: &mut Active, depth: usize) {
    match object {
        _ if depth > DEPTH_MAX => {}
        Object::Dictionary(dictionary) => look_at(document, dictionary, active, depth),
        Object::Stream(stream) => {
            // Data of a stream that stand in another file.
            if entry(document, &stream.dict, b"F").is_some_and(|f| matches!(f, Object::String(..) | Object::Dictionary(_))) {
                active.found.actions.insert("ExternalStream".to_owned());
            }
            if entry_dictionary(document, &stream.dict, b"Ref").is_some_and(|reference| reference.has(b"F")) {
                active.found.actions.insert("ReferenceXObject".to_owned());
            }
            look_at(document, &stream.dict, active, depth);
        }
        Object::Array(items) => items.iter().for_each(|item| look_into(document, item, active, depth + 1)),
        _ => {}
    }
}

fn look_at(document: &Document, dictionary: &Dictionary, active: &mut Active, depth: usize) {
    for (key, value) in dictionary {
        match key.as_slice() {
            b"S" | b"Subtype" | b"Type" => {
                if let Some(Ok(name)) = follow(document, value).map(Object::as_name) {
                    active.named(key, name);
                    if (key.as_slice(), name) == (b"S", b"Named") {
                        named_action(entry_name(document, dictionary, b"N"), active);
                    }
                }
            }
            b"JS" => active.found.javascript |= is_text(document, value),
            b"JavaScript" => active.found.javascript |= is_tree_with_leaves(document, value),
            b"EmbeddedFiles" => active.found.embedded_files |= is_tree_with_leaves(document, value),
            b"EF" => active.found.embedded_files |= follow(document, value).is_some_and(|v| v.as_dict().is_ok_and(|d| !d.is_empty())),
            b"AF" => active.found.embedded_files |= names_files(document, value),
            b"XFA" => active.found.xfa |= follow(document, value).is_some_and(is_forms),
            b"OpenAction" if follow(document, value).is_some_and(|v| !only_goes_to(document, v)) => {
                active.found.actions.insert("OpenAction".to_owned());
            }
            b"AA" if follow(document, value).is_some_and(|v| has_trigger(document, v)) => {
                active.found.actions.insert("AA".to_owned());
            }
            b"ByteRange" => active.signed_to.extend(range_end(document, dictionary)),
            _ => {}
        }
        look_into(document, value, active, depth + 1);
    }
}

/// Names of menu commands are the author's own text: only the known ones are told.
fn named_action(name: Option<&[u8]>, active: &mut Active) {
    let told = match name {
        Some(b"NextPage" | b"PrevPage" | b"FirstPage" | b"LastPage") => return,
        Some(b"Print") => "Named:Print",
        Some(b"SaveAs") => "Named:SaveAs",
        _ => "Named",
    };
    active.found.actions.insert(told.to_owned());
}

fn is_text(document: &Document, value: &Object) -> bool {
    follow(document, value).is_some_and(|v| matches!(v, Object::String(..) | Object::Stream(_)))
}

fn is_tree_with_leaves(document: &Document, value: &Object) -> bool {
    let filled = |tree: &Dictionary, key: &[u8]| entry_array(document, tree, key).is_some_and(|items| !items.is_empty());
    follow(document, value).and_then(|v| v.as_dict().ok()).is_some_and(|tree| filled(tree, b"Names") || filled(tree, b"Kids"))
}

/// Associated files: a list of file specifications, or one alone.
fn names_files(document: &Document, value: &Object) -> bool {
    match follow(document, value) {
        Some(Object::Array(items)) => {
            items.iter().take(ASSOCIATED_MAX).any(|i| follow(document, i).is_some_and(|i| matches!(i, Object::Dictionary(_))))
        }
        Some(Object::Dictionary(file)) => file.has(b"EF") || entry_name(document, file, b"Type") == Some(b"Filespec"),
        _ => false,
    }
}

fn is_forms(value: &Object) -> bool {
    matches!(value, Object::Stream(_)) || value.as_array().is_ok_and(|parts| !parts.is_empty())
}

/// A destination, or the action that only goes to one and has nothing after it.
fn only_goes_to(document: &Document, value: &Object) -> bool {
    match value {
        Object::Dictionary(action) => entry_name(document, action, b"S") == Some(b"GoTo") && !action.has(b"Next"),
        _ => true,
    }
}

fn has_trigger(document: &Document, value: &Object) -> bool {
    let Ok(actions) = value.as_dict() else { return false };
    TRIGGERS.iter().any(|trigger| entry_dictionary(document, actions, trigger).is_some_and(|action| action.has(b"S")))
}

fn range_end(document: &Document, dictionary: &Dictionary) -> Option<u64> {
    let range = entry_array(document, dictionary, b"ByteRange")?;
    let value = |item: &Object| follow(document, item)?.as_i64().ok().and_then(|v| u64::try_from(v).ok());
    // The last pair ends where the signature ends; an odd number is none.
    let [.., start, length] = range else { return None };
    value(start)?.checked_add(value(length)?)
}

/// Looks at objects in the bytes that were not loaded: replaced by a later save, unlisted, or too damaged for the reader.
/// `document` is what was loaded, if it was.
pub(super) fn strays(bytes: &[u8], objects: &[usize], document: Option<&Document>, active: &mut Active) {
    let loaded: HashSet<usize> = document.into_iter().flat_map(|document| loaded_at(document, bytes)).collect();
    for (index, start) in objects.iter().enumerate().filter(|(_, start)| !loaded.contains(start)) {
        // An object ends where the next begins at the latest: every byte is read once.
        let end = objects.get(index + 1).copied().unwrap_or(bytes.len());
        look_at_words(&bytes[*start..end], active);
    }
}

/// Where the objects stand that were loaded, at the first digit of their number.
fn loaded_at<'a>(document: &'a Document, bytes: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    document.reference_table.entries.iter().filter_map(move |(number, entry)| match entry {
        XrefEntry::Normal { offset, generation } if document.objects.contains_key(&(*number, *generation)) => {
            let offset = *offset as usize;
            Some(offset + bytes.get(offset..)?.iter().take(64).take_while(|b| is_blank(**b)).count())
        }
        _ => None,
    })
}

/// Looks at names one after another, outside of strings, comments and stream data.
fn look_at_words(object: &[u8], active: &mut Active) {
    let mut key: Option<Vec<u8>> = None;
    let mut strings_end = true;
    let mut at = 0;
    while at < object.len() {
        let rest = &object[at..];
        match rest[0] {
            b'/' => {
                let length = 1 + rest[1..].iter().take_while(|b| is_regular(**b)).count();
                let name = unescaped(&rest[1..length]);
                alone(&name, &rest[length..], active);
                if let Some(key) = &key {
                    active.named(key, &name);
                }
                key = Some(name);
                at += length;
                continue;
            }
            // No bracket that is never closed hides what follows it, and none is looked for twice.
            b'(' if strings_end => match string_length(rest) {
                Some(length) => at += length,
                None => strings_end = false,
            },
            b'%' => at += rest.iter().take_while(|b| !matches!(b, b'\n' | b'\r')).count(),
            b'e' if rest.starts_with(b"endobj") => return,
            b's' if rest.starts_with(b"stream") => return,
            _ => {}
        }
        if object.get(at).is_some_and(|b| !is_blank(*b)) {
            key = None;
        }
        at += 1;
    }
}

/// What a name says by standing there; `after` is what follows it.
fn alone(name: &[u8], after: &[u8], active: &mut Active) {
    let value = after.trim_ascii_start();
    let filled = !value.starts_with(b"null") && !value.starts_with(b"[]") && !value.starts_with(b"<<>>");
    match name {
        b"JavaScript" | b"JS" => active.found.javascript = true,
        b"EmbeddedFiles" | b"EF" if filled => active.found.embedded_files = true,
        b"XFA" if filled => active.found.xfa = true,
        b"AA" if value.starts_with(b"<<") => {
            active.found.actions.insert("AA".to_owned());
        }
        b"OpenAction" if value.starts_with(b"<<") && find(&value[..value.len().min(200)], b"/GoTo").is_none() => {
            active.found.actions.insert("OpenAction".to_owned());
        }
        _ => {}
    }
}

fn is_regular(byte: u8) -> bool {
    !is_blank(byte) && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// A name without its `#` escapes.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let digit = |at: usize| name.get(at).and_then(|b| (*b as char).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut plain = Vec::with_capacity(name.len());
    let mut at = 0;
    while at < name.len() {
        match (name[at], digit(at + 1), digit(at + 2)) {
            (b'#', Some(high), Some(low)) => {
                plain.push(high << 4 | low);
                at += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

/// Bytes up to the string's closing bracket, if there is one.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}
