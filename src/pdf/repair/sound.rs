//! Whether the parser has all of what the file holds. lopdf is silent where it reads less than other readers would: what it
//! does not have would be lost in writing.

use super::save::references;
use lopdf::xref::XrefEntry;
use lopdf::{Document, Object, ObjectId};
use std::collections::BTreeSet;

/// Why a rewrite would lose something, if it would. Looks at all that can be reached, and at nothing else.
pub(super) fn loses(document: &Document, bytes: &[u8]) -> Option<&'static str> {
    let mut seen: BTreeSet<ObjectId> = BTreeSet::new();
    let mut waiting: Vec<ObjectId> = Vec::new();
    references(&Object::Dictionary(document.trailer.clone()), &mut |id| waiting.push(id));
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let Some(object) = document.objects.get(&id) else {
            let listed = document.reference_table.get(id.0);
            if listed.is_some_and(|entry| matches!(entry, XrefEntry::Normal { .. } | XrefEntry::Compressed { .. })) {
                return Some("an object of it cannot be read");
            }
            continue;
        };
        if let Object::Stream(stream) = object
            && !ends_where_it_says(stream, bytes)
        {
            return Some("a stream of it does not say how long it is");
        }
        references(object, &mut |next| waiting.push(next));
    }
    None
}

/// lopdf has checked the length of a stream that says it itself, and keeps where the others begin.
fn ends_where_it_says(stream: &lopdf::Stream, bytes: &[u8]) -> bool {
    let Some(start) = stream.start_position else { return true };
    let rest = start.checked_add(stream.content.len()).and_then(|end| bytes.get(end..)).unwrap_or_default();
    rest.trim_ascii_start().starts_with(b"endstream")
}
