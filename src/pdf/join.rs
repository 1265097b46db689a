//! Puts PDFs one after another: a cover sheet, the sender's letter and its attachments into one letter, or the letters
//! of a batch into one print stream. Content streams of pages are taken over byte for byte, what the parts have in common
//! (fonts, above all) stands there once, and the same input gives the same bytes.

use super::inspect::PDF_BYTES_MAX;
use super::share::Shared;
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId, Stream, dictionary};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Page attributes that a page may inherit from the tree it leaves.
const INHERITED: [&[u8]; 4] = [b"Resources", b"MediaBox", b"CropBox", b"Rotate"];
const PARENTS_MAX: usize = 64;
const STREAM_BYTES_MAX: usize = 64 << 20;
/// A4 in points, for the blank back of a sheet.
const BLANK_POINTS: [f32; 4] = [0.0, 0.0, 595.276, 841.89];

/// Documents that cannot be joined (FP-D005); `part` counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("document {part} cannot be joined: {why}")]
pub struct JoinFault {
    pub part: usize,
    pub why: String,
}

/// The joined PDF, and where each part begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    pub bytes: Vec<u8>,
    /// First page of each part, counted from 1.
    pub first_pages: Vec<u32>,
    pub pages: u32,
}

/// Joins the parts. With `each_on_front`, a blank page follows a part that would let the next begin on the back of its
/// last sheet: what two-sided printing needs, so that nobody's page stands behind another's.
pub fn join(parts: &[&[u8]], each_on_front: bool) -> Result<Joined, JoinFault> {
    let mut target = Document::with_version("1.7");
    let tree = target.new_object_id();
    let mut kids: Vec<Object> = Vec::new();
    let mut first_pages = Vec::new();
    let mut shared = Shared::default();
    for (index, bytes) in parts.iter().enumerate() {
        let fault = |why: &str| JoinFault { part: index + 1, why: why.to_owned() };
        if each_on_front && kids.len() % 2 == 1 {
            kids.push(blank(&mut target, tree).into());
        }
        first_pages.push(kids.len() as u32 + 1);
        let taken = catch_unwind(AssertUnwindSafe(|| take_pages(&mut target, tree, bytes, &mut shared)));
        let pages = taken.unwrap_or(Err("the parser gave up")).map_err(fault)?;
        kids.extend(pages.into_iter().map(Object::Reference));
    }
    let pages = kids.len() as u32;
    target.objects.insert(tree, dictionary! { "Type" => "Pages", "Count" => i64::from(pages), "Kids" => kids }.into());
    let catalog = target.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    target.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    target.save_to(&mut bytes).map_err(|fault| JoinFault { part: parts.len(), why: fault.to_string() })?;
    Ok(Joined { bytes, first_pages, pages })
}

fn blank(target: &mut Document, tree: ObjectId) -> ObjectId {
    let media: Vec<Object> = BLANK_POINTS.iter().map(|point| Object::Real(*point)).collect();
    let content = target.add_object(Stream::new(Dictionary::new(), Vec::new()));
    target.add_object(dictionary! {
        "Type" => "Page", "Parent" => tree, "MediaBox" => media, "Resources" => Dictionary::new(), "Contents" => content,
    })
}

/// Moves a part's pages and what they need into the target, and gives their ids in order.
fn take_pages(target: &mut Document, tree: ObjectId, bytes: &[u8], shared: &mut Shared) -> Result<Vec<ObjectId>, &'static str> {
    if bytes.len() > PDF_BYTES_MAX {
        return Err("it is too large");
    }
    let options = LoadOptions::with_max_decompressed_size(STREAM_BYTES_MAX);
    let mut source = Document::load_mem_with_options(bytes, options).map_err(|_| "it cannot be read")?;
    if source.was_encrypted() || source.is_encrypted() {
        return Err("it is encrypted");
    }
    source.renumber_objects_with(target.max_id + 1);
    let pages: Vec<ObjectId> = source.get_pages().into_values().collect();
    if pages.is_empty() {
        return Err("it has no page");
    }
    for id in &pages {
        let mut page = source.get_dictionary(*id).map_err(|_| "a page is missing")?.clone();
        for key in INHERITED {
            if let Some(value) = inherited(&source, *id, key) {
                page.set(key, value);
            }
        }
        page.set("Parent", tree);
        source.objects.insert(*id, page.into());
    }
    target.max_id = source.max_id;
    // The old tree and catalog stay behind; pages no longer point to them.
    let left: Vec<ObjectId> = source
        .objects
        .iter()
        .filter(|(_, object)| object.as_dict().is_ok_and(|d| d.has_type(b"Pages") || d.has_type(b"Catalog")))
        .map(|(id, _)| *id)
        .collect();
    source.objects.retain(|id, _| !left.contains(id));
    shared.fold(&mut source.objects);
    target.objects.extend(source.objects);
    Ok(pages)
}

fn inherited(document: &Document, page: ObjectId, key: &[u8]) -> Option<Object> {
    let mut dictionary = document.get_dictionary(page).ok()?;
    for _ in 0..PARENTS_MAX {
        if let Ok(value) = dictionary.get(key) {
            return Some(value.clone());
        }
        dictionary = document.get_dictionary(dictionary.get(b"Parent").ok()?.as_reference().ok()?).ok()?;
    }
    None
}
