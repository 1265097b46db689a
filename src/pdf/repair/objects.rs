//! Reading and changing objects: through references, with an end.

use hayro_interpret::kurbo::{Affine, Rect};
use lopdf::{Dictionary, Document, Object, ObjectId};

/// Parents that hand an attribute down.
const PARENTS_MAX: usize = 64;
/// Dictionaries and arrays in one another; lopdf nests at most 100 deep while reading.
const DEPTH_MAX: usize = 128;

/// What an object says in the end, through references; `None` when it is not there.
pub(super) fn follow<'a>(document: &'a Document, object: &'a Object) -> Option<&'a Object> {
    document.dereference(object).ok().map(|(_, object)| object)
}

pub(super) fn entry<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    follow(document, dictionary.get(key).ok()?)
}

pub(super) fn entry_name<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a [u8]> {
    entry(document, dictionary, key)?.as_name().ok()
}

pub(super) fn entry_number(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Option<f64> {
    number(document, dictionary.get(key).ok()?)
}

pub(super) fn entry_flags(document: &Document, dictionary: &Dictionary, key: &[u8]) -> i64 {
    entry(document, dictionary, key).and_then(|f| f.as_i64().ok()).unwrap_or(0)
}

pub(super) fn entry_array<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a [Object]> {
    Some(entry(document, dictionary, key)?.as_array().ok()?.as_slice())
}

/// The dictionary of a dictionary or of a stream.
pub(super) fn dictionary_of(object: &Object) -> Option<&Dictionary> {
    match object {
        Object::Dictionary(dictionary) => Some(dictionary),
        Object::Stream(stream) => Some(&stream.dict),
        _ => None,
    }
}

pub(super) fn entry_dictionary<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a Dictionary> {
    dictionary_of(entry(document, dictionary, key)?)
}

pub(super) fn number(document: &Document, object: &Object) -> Option<f64> {
    follow(document, object)?.as_float().ok().filter(|v| v.is_finite()).map(f64::from)
}

pub(super) fn numbers<const N: usize>(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Option<[f64; N]> {
    let items = entry_array(document, dictionary, key)?;
    let mut values = [0.0; N];
    for (value, item) in values.iter_mut().zip(items.get(..N)?) {
        *value = number(document, item)?;
    }
    Some(values)
}

/// A rectangle, whichever two corners it is written with.
pub(super) fn rect(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Option<Rect> {
    numbers(document, dictionary, key).map(|[x0, y0, x1, y1]| Rect::new(x0, y0, x1, y1).abs())
}

/// The dictionary of this id, itself and not what it refers to.
pub(super) fn dictionary(document: &Document, id: ObjectId) -> Option<&Dictionary> {
    document.get_dictionary(id).ok()
}

/// An attribute of a page or field, inherited from its parents where it has none. Not followed.
pub(super) fn inherited<'a>(document: &'a Document, node: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let mut node = node;
    for _ in 0..PARENTS_MAX {
        if let Ok(value) = node.get(key) {
            return Some(value);
        }
        node = entry_dictionary(document, node, b"Parent")?;
    }
    None
}

/// A number as PDF content writes it: no exponent, at most six decimals.
pub(super) fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if matches!(text, "" | "-0") { "0".to_owned() } else { text.to_owned() }
}

/// `a b c d e f`, as `cm` takes them.
pub(super) fn matrix_text(matrix: Affine) -> String {
    matrix.as_coeffs().map(plain).join(" ")
}

pub(super) fn reals(values: impl IntoIterator<Item = f64>) -> Object {
    // Thousandths of a point are finer than any printer.
    Object::Array(values.into_iter().map(|v| Object::Real(v as f32)).collect())
}

pub(super) fn corners(rect: Rect) -> Object {
    reals([rect.x0, rect.y0, rect.x1, rect.y1].map(|v| (v * 1000.0).round() / 1000.0))
}

/// Visits every dictionary of the document, those in arrays, streams and the trailer too; in the order of object numbers.
pub(super) fn each_dictionary(document: &mut Document, visit: &mut dyn FnMut(&Document, &mut Dictionary)) {
    let ids: Vec<ObjectId> = document.objects.keys().copied().collect();
    for id in ids {
        // Taken out while it is changed, so that the others can be looked at.
        let Some(mut object) = document.objects.remove(&id) else { continue };
        visit_object(document, &mut object, visit, 0);
        document.objects.insert(id, object);
    }
    let mut trailer = std::mem::take(&mut document.trailer);
    visit_dictionary(document, &mut trailer, visit, 0);
    document.trailer = trailer;
}

fn visit_object(document: &Document, object: &mut Object, visit: &mut dyn FnMut(&Document, &mut Dictionary), depth: usize) {
    match object {
        _ if depth > DEPTH_MAX => {}
        Object::Dictionary(dictionary) => visit_dictionary(document, dictionary, visit, depth),
        Object::Stream(stream) => visit_dictionary(document, &mut stream.dict, visit, depth),
        Object::Array(items) => items.iter_mut().for_each(|item| visit_object(document, item, visit, depth + 1)),
        _ => {}
    }
}

fn visit_dictionary(document: &Document, dictionary: &mut Dictionary, visit: &mut dyn FnMut(&Document, &mut Dictionary), depth: usize) {
    visit(document, dictionary);
    for (_, value) in dictionary.iter_mut() {
        visit_object(document, value, visit, depth + 1);
    }
}
