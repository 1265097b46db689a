//! Writes the document: only what can be reached, numbered anew, with an /ID that is the hash of the rest.

use super::RepairFault;
use lopdf::{Dictionary, Document, Object, ObjectId, StringFormat};
use std::collections::{BTreeMap, BTreeSet};

/// A longer literal string is written in hexadecimal: the writer looks each byte up among all that it escapes.
const LITERAL_BYTES_MAX: usize = 1_000;

/// The bytes. Nothing of the old trailer stays but the catalog and the document's own information.
pub(super) fn save(document: &mut Document) -> Result<Vec<u8>, RepairFault> {
    let mut trailer = Dictionary::new();
    for key in ["Root", "Info"] {
        if let Ok(value) = document.trailer.get(key.as_bytes()) {
            trailer.set(key, value.clone());
        }
    }
    document.trailer = trailer;
    renumber(document);
    document.reference_table.cross_reference_type = lopdf::xref::XrefType::CrossReferenceTable;
    let id = |text: &[u8]| Object::Array(vec![Object::String(text.to_vec(), StringFormat::Hexadecimal); 2]);
    document.trailer.set("ID", id(&[]));
    let hash = openssl::sha::sha256(&written(document)?);
    document.trailer.set("ID", id(&hash[..16]));
    written(document)
}

fn written(document: &mut Document) -> Result<Vec<u8>, RepairFault> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).map_err(|_| RepairFault::new("the repaired file cannot be written"))?;
    Ok(bytes)
}

/// Numbers objects from 1 in the order in which they are met, and leaves out what is not. Not left to lopdf: it loses a
/// page that is listed twice. A reference to what is not there gets a number behind all others, or it would lead to
/// something that got its number now.
fn renumber(document: &mut Document) {
    let mut met: BTreeMap<ObjectId, ObjectId> = BTreeMap::new();
    let mut missing = BTreeSet::new();
    let mut queue: Vec<ObjectId> = Vec::new();
    let mut objects = BTreeMap::new();
    references(&Object::Dictionary(document.trailer.clone()), &mut |id| queue.push(id));
    let mut at = 0;
    while let Some(id) = queue.get(at).copied() {
        at += 1;
        if met.contains_key(&id) || missing.contains(&id) {
            continue;
        }
        let Some(object) = document.objects.remove(&id) else {
            missing.insert(id);
            continue;
        };
        references(&object, &mut |next| {
            if !met.contains_key(&next) {
                queue.push(next);
            }
        });
        let new = (met.len() as u32 + 1, 0);
        met.insert(id, new);
        objects.insert(new, object);
    }
    document.max_id = met.len() as u32;
    for (index, id) in missing.into_iter().enumerate() {
        met.insert(id, (document.max_id + 1 + index as u32, 0));
    }
    objects.values_mut().for_each(|object| tidy(object, &met));
    document.trailer.iter_mut().for_each(|(_, value)| tidy(value, &met));
    document.objects = objects;
}

pub(super) fn references(object: &Object, found: &mut dyn FnMut(ObjectId)) {
    match object {
        Object::Reference(id) => found(*id),
        Object::Array(items) => items.iter().for_each(|item| references(item, found)),
        Object::Dictionary(dictionary) => dictionary.iter().for_each(|(_, value)| references(value, found)),
        Object::Stream(stream) => stream.dict.iter().for_each(|(_, value)| references(value, found)),
        _ => {}
    }
}

/// New numbers in references, and only what can be written.
fn tidy(object: &mut Object, numbers: &BTreeMap<ObjectId, ObjectId>) {
    match object {
        Object::Reference(id) => *id = numbers.get(id).copied().unwrap_or(*id),
        // What is left of a number with 400 digits has no form in a PDF.
        Object::Real(value) if !value.is_finite() => *value = 0.0,
        Object::String(text, format) if text.len() > LITERAL_BYTES_MAX => *format = StringFormat::Hexadecimal,
        Object::Array(items) => items.iter_mut().for_each(|item| tidy(item, numbers)),
        Object::Dictionary(dictionary) => dictionary.iter_mut().for_each(|(_, value)| tidy(value, numbers)),
        Object::Stream(stream) => {
            stream.dict.set("Length", stream.content.len() as i64);
            stream.dict.iter_mut().for_each(|(_, value)| tidy(value, numbers));
        }
        _ => {}
    }
}
