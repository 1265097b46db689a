//! Keeps what many letters of a print stream have in common once: a font's program above all, and what is built on it.
//!
//! Two objects are one when they are the same value: equal streams, arrays, fonts and what hangs on fonts. Pages,
//! annotations and everything else whose identity may mean something are never touched. The same input shares the same.

use lopdf::{Dictionary, Object, ObjectId};
use std::collections::{BTreeMap, HashMap};

/// Rounds over one part: a font's program, descriptor, descendant, array of descendants and font are five.
const ROUNDS_MAX: usize = 12;
/// Direct objects nested deeper than this are left alone.
const DEPTH_MAX: usize = 32;
/// Dictionaries that are nothing but values.
const VALUES: [&[u8]; 5] = [b"Font", b"FontDescriptor", b"Encoding", b"CMap", b"ExtGState"];

/// What was seen so far, by the hash of its value.
#[derive(Default)]
pub(super) struct Shared {
    known: HashMap<[u8; 32], ObjectId>,
}

impl Shared {
    /// Removes from a part's objects those that the target has already or that the part itself has twice, and lets
    /// everything that named them name the first.
    pub fn fold(&mut self, objects: &mut BTreeMap<ObjectId, Object>) {
        let contents: HashMap<ObjectId, [u8; 32]> =
            objects.iter().filter_map(|(id, object)| Some((*id, openssl::sha::sha256(&object.as_stream().ok()?.content)))).collect();
        for _ in 0..ROUNDS_MAX {
            let mut same: HashMap<ObjectId, ObjectId> = HashMap::new();
            for (id, object) in objects.iter() {
                let Some(key) = key(object, contents.get(id)) else { continue };
                let first = *self.known.entry(key).or_insert(*id);
                if first != *id {
                    same.insert(*id, first);
                }
            }
            if same.is_empty() {
                return;
            }
            objects.retain(|id, _| !same.contains_key(id));
            objects.values_mut().for_each(|object| rename(object, &same, 0));
        }
    }
}

/// The hash of an object's value; `None` for one that is no mere value.
fn key(object: &Object, content: Option<&[u8; 32]>) -> Option<[u8; 32]> {
    let mut bytes = Vec::new();
    match object {
        Object::Stream(stream) => {
            bytes.extend_from_slice(content?);
            write_dictionary(&stream.dict, &mut bytes, 0)?;
        }
        Object::Dictionary(dictionary) if VALUES.iter().any(|name| dictionary.has_type(name)) => write(object, &mut bytes, 0)?,
        Object::Array(_) => write(object, &mut bytes, 0)?,
        _ => return None,
    }
    Some(openssl::sha::sha256(&bytes))
}

/// Writes a value so that two are written alike only when they are alike: every part with its kind and length in front.
fn write(object: &Object, bytes: &mut Vec<u8>, depth: usize) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    let mut tagged = |tag: u8, content: &[u8]| {
        bytes.push(tag);
        bytes.extend_from_slice(&(content.len() as u64).to_be_bytes());
        bytes.extend_from_slice(content);
    };
    match object {
        Object::Null => tagged(b'0', &[]),
        Object::Boolean(value) => tagged(b'b', &[u8::from(*value)]),
        Object::Integer(value) => tagged(b'i', &value.to_be_bytes()),
        Object::Real(value) => tagged(b'r', &value.to_bits().to_be_bytes()),
        Object::Name(name) => tagged(b'n', name),
        Object::String(text, _) => tagged(b's', text),
        Object::Reference((number, generation)) => tagged(b'R', &(u64::from(*number) << 16 | u64::from(*generation)).to_be_bytes()),
        Object::Array(items) => {
            tagged(b'[', &(items.len() as u64).to_be_bytes());
            items.iter().try_for_each(|item| write(item, bytes, depth + 1))?;
        }
        Object::Dictionary(dictionary) => write_dictionary(dictionary, bytes, depth + 1)?,
        Object::Stream(_) => return None,
    }
    Some(())
}

fn write_dictionary(dictionary: &Dictionary, bytes: &mut Vec<u8>, depth: usize) -> Option<()> {
    let sorted: BTreeMap<&Vec<u8>, &Object> = dictionary.iter().collect();
    bytes.push(b'<');
    bytes.extend_from_slice(&(sorted.len() as u64).to_be_bytes());
    for (key, value) in sorted {
        write(&Object::Name(key.clone()), bytes, depth)?;
        write(value, bytes, depth)?;
    }
    Some(())
}

fn rename(object: &mut Object, same: &HashMap<ObjectId, ObjectId>, depth: usize) {
    if depth > DEPTH_MAX * 8 {
        return;
    }
    match object {
        Object::Reference(id) => {
            if let Some(first) = same.get(id) {
                *id = *first;
            }
        }
        Object::Array(items) => items.iter_mut().for_each(|item| rename(item, same, depth + 1)),
        Object::Dictionary(dictionary) => dictionary.iter_mut().for_each(|(_, value)| rename(value, same, depth + 1)),
        Object::Stream(stream) => stream.dict.iter_mut().for_each(|(_, value)| rename(value, same, depth + 1)),
        _ => {}
    }
}
