//! Which fonts of a page's own resources its content selects and shows no text with. Some programs select a font at the
//! top of every page as a habit: what is not drawn cannot be drawn wrongly. A font that the content never selects counts as
//! any other: something that is not looked at here may use it.

use super::{dictionary_of, entry_dictionary, follow};
use lopdf::content::Content;
use lopdf::{Dictionary, Document, ObjectId};
use std::collections::HashSet;

/// Largest expansion of one page's content, bytes; a larger one shows all its fonts as far as this is concerned.
const CONTENT_BYTES_MAX: usize = 16 << 20;
const PAGES_MAX: usize = 200;
const PARENTS_MAX: usize = 64;

/// By address, the fonts that pages' contents select and never show text with. Empty when that cannot be told.
pub(super) fn unshown(document: &Document, pages: &[ObjectId]) -> HashSet<*const Dictionary> {
    let (mut named, mut shown) = (HashSet::new(), HashSet::new());
    if pages.len() > PAGES_MAX {
        return named;
    }
    for id in pages {
        let fonts = document.get_dictionary(*id).ok().and_then(|page| fonts_of(document, page));
        let Some(fonts) = fonts else { continue };
        let used = document.get_page_content_with_limit(*id, CONTENT_BYTES_MAX).ok().and_then(|content| used(&content));
        for (name, font) in fonts {
            let Some(font) = follow(document, font).and_then(dictionary_of) else { continue };
            let address = std::ptr::from_ref::<Dictionary>(font);
            let only_selected = used.as_ref().is_some_and(|u| u.selected.contains(name.as_slice()) && !u.shown.contains(name.as_slice()));
            if only_selected {
                named.insert(address);
            } else {
                shown.insert(address);
            }
        }
    }
    named.retain(|font| !shown.contains(font));
    named
}

fn fonts_of<'a>(document: &'a Document, page: &'a Dictionary) -> Option<&'a Dictionary> {
    entry_dictionary(document, resources_of(document, page)?, b"Font")
}

/// A page's resources, inherited where it has none of its own.
pub(super) fn resources_of<'a>(document: &'a Document, page: &'a Dictionary) -> Option<&'a Dictionary> {
    let mut node = page;
    for _ in 0..PARENTS_MAX {
        if let Some(resources) = entry_dictionary(document, node, b"Resources") {
            return Some(resources);
        }
        node = entry_dictionary(document, node, b"Parent")?;
    }
    None
}

/// Names of fonts in one content.
#[derive(Default)]
pub(super) struct Used {
    selected: HashSet<Vec<u8>>,
    shown: HashSet<Vec<u8>>,
    /// What leaves a trace on paper: category and name.
    pub called: HashSet<(&'static [u8], Vec<u8>)>,
}

/// `None` when the content cannot be read.
pub(super) fn used(content: &[u8]) -> Option<Used> {
    let content = Content::decode(content).ok()?;
    let mut used = Used::default();
    let (mut selected, mut saved): (Option<Vec<u8>>, Vec<Option<Vec<u8>>>) = (None, Vec::new());
    for operation in content.operations {
        match operation.operator.as_str() {
            "q" if saved.len() < 1_000 => saved.push(selected.clone()),
            "Q" => selected = saved.pop().unwrap_or(None),
            "Tf" => {
                selected = operation.operands.first().and_then(|name| name.as_name().ok()).map(<[u8]>::to_vec);
                used.selected.extend(selected.clone());
            }
            operator @ ("Do" | "gs") => {
                let category: &[u8] = if operator == "Do" { b"XObject" } else { b"ExtGState" };
                let name = operation.operands.first().and_then(|name| name.as_name().ok());
                used.called.extend(name.map(|name| (category, name.to_vec())));
            }
            "Tj" | "TJ" | "'" | "\"" => used.shown.extend(selected.clone()),
            _ => {}
        }
    }
    used.called.extend(used.shown.iter().map(|name| (&b"Font"[..], name.clone())));
    Some(used)
}
