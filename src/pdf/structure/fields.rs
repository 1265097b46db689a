//! Form fields that every program draws in its own way, because the file does not say how they look.

use super::super::facts::Structure;
use super::{entry, entry_array, entry_dictionary, entry_name, follow};
use lopdf::{Dictionary, Document, Object};
use std::collections::HashSet;

/// Fields and widgets looked at.
const FIELDS_MAX: usize = 100_000;
/// Parents that hand a value down.
const PARENTS_MAX: usize = 32;
/// Bit 2 of an annotation's flags: neither shown nor printed.
const HIDDEN: i64 = 1 << 1;
/// Bit 17 of a button's flags: it holds no value.
const PUSH_BUTTON: i64 = 1 << 16;

pub(super) fn look(document: &Document, structure: &mut Structure) {
    let form = document.catalog().ok().and_then(|catalog| entry_dictionary(document, catalog, b"AcroForm"));
    let Some(form) = form else { return };
    let redrawn = entry(document, form, b"NeedAppearances").and_then(|v| v.as_bool().ok()).unwrap_or(false);
    let mut seen = HashSet::new();
    let mut left = FIELDS_MAX;
    let mut waiting: Vec<&Object> = entry_array(document, form, b"Fields").unwrap_or_default().iter().collect();
    while let Some(field) = waiting.pop() {
        let Some(field) = follow(document, field).and_then(|f| f.as_dict().ok()) else { continue };
        if !seen.insert(std::ptr::from_ref(field)) || seen.len() > FIELDS_MAX {
            continue;
        }
        let kids = entry_array(document, field, b"Kids").unwrap_or_default();
        // Many fields may share one list of kids.
        left = left.saturating_sub(kids.len());
        waiting.extend(kids.iter().take(left));
        if kids.is_empty() && is_shown(document, field) && has_value(document, field) && (redrawn || !has_appearance(document, field)) {
            structure.fields_without_appearance += 1;
        }
    }
}

/// Takes up room on the page and is not hidden.
fn is_shown(document: &Document, widget: &Dictionary) -> bool {
    let flags = entry(document, widget, b"F").and_then(|f| f.as_i64().ok()).unwrap_or(0);
    let corners = entry_array(document, widget, b"Rect").unwrap_or_default();
    let side = |i: usize| corners.get(i).and_then(|c| follow(document, c)?.as_float().ok());
    let extent = |a, b| side(a).zip(side(b)).is_some_and(|(a, b)| (a - b).abs() > 0.0);
    flags & HIDDEN == 0 && extent(0, 2) && extent(1, 3)
}

/// A value of the field or of the fields it belongs to.
fn inherited<'a>(document: &'a Document, field: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let mut field = field;
    for _ in 0..PARENTS_MAX {
        if let Some(value) = entry(document, field, key) {
            return Some(value);
        }
        field = entry_dictionary(document, field, b"Parent")?;
    }
    None
}

fn has_value(document: &Document, field: &Dictionary) -> bool {
    let flags = inherited(document, field, b"Ff").and_then(|f| f.as_i64().ok()).unwrap_or(0);
    let is_button = inherited(document, field, b"FT").and_then(|t| t.as_name().ok()) == Some(b"Btn");
    if is_button && flags & PUSH_BUTTON != 0 {
        return false;
    }
    match inherited(document, field, b"V") {
        None | Some(Object::Null) => false,
        Some(Object::Name(name)) => name != b"Off" && !name.is_empty(),
        Some(Object::String(text, _)) => !matches!(text.as_slice(), [] | [0xfe, 0xff]),
        Some(Object::Array(chosen)) => !chosen.is_empty(),
        Some(_) => true,
    }
}

/// There is a drawing for the state the widget is in.
fn has_appearance(document: &Document, widget: &Dictionary) -> bool {
    let normal = entry_dictionary(document, widget, b"AP").and_then(|ap| entry(document, ap, b"N"));
    match normal {
        Some(Object::Stream(_)) => true,
        Some(Object::Dictionary(states)) => match entry_name(document, widget, b"AS") {
            Some(state) => states.has(state) || state == b"Off",
            None => !states.is_empty(),
        },
        _ => false,
    }
}
