//! What is true of a PDF: facts, no policy.
//!
//! Bytes from outside: nothing here may panic, hang or take memory without a bound. lopdf says `Ok` to much that is
//! damaged, so an empty page tree, a recovered cross-reference table and a second reader's other page count are facts too.

use super::facts::{PageFacts, PdfFacts};
use super::ink;
use super::structure::{self, Unjudgeds};
use lopdf::{Document, LoadOptions, Object, ObjectId};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A PDF larger than this is not opened at all, bytes: the limit of SF1601.
pub const PDF_BYTES_MAX: usize = 100 << 20;
/// Largest expansion of one object or cross-reference stream while loading, bytes.
pub(super) const STREAM_BYTES_MAX: usize = 64 << 20;
/// Pages looked at; more than any envelope takes.
pub(super) const PAGES_LOOKED_AT_MAX: usize = 5_000;
const PARENTS_MAX: usize = 64;
const MM_PER_POINT: f32 = 25.4 / 72.0;

/// Reads a PDF and says what it found. Never fails: what cannot be read is a fact.
pub fn inspect(bytes: &[u8]) -> PdfFacts {
    looked_at(bytes, &[], true)
}

/// The same, and where the `markers` stand: texts that mean something to a vendor's machines.
pub fn inspect_for(bytes: &[u8], markers: &[String]) -> PdfFacts {
    looked_at(bytes, markers, true)
}

/// The same, with every page left to the interpreter: what the shorter way is held to.
pub fn inspect_the_long_way(bytes: &[u8]) -> PdfFacts {
    looked_at(bytes, &[], false)
}

fn looked_at(bytes: &[u8], markers: &[String], plain: bool) -> PdfFacts {
    let mut facts = PdfFacts { bytes: bytes.len() as u64, ..PdfFacts::default() };
    if bytes.len() > PDF_BYTES_MAX {
        facts.unreadable = Some(format!("larger than {PDF_BYTES_MAX} bytes"));
        return facts;
    }
    let gave_up = PdfFacts { unreadable: Some("the parser gave up".to_owned()), ..facts.clone() };
    // Both readers are known to panic on some hostile files; a panic is one more way of being unreadable.
    let Ok((mut facts, unjudged)) = catch_unwind(AssertUnwindSafe(|| read(bytes, facts))) else { return gave_up };
    // It has no limits of its own: a file that is refused already gets no second chance to take time and memory.
    let second;
    let mut drawn = Vec::new();
    if facts.unreadable.is_none() {
        // Opened once for both: the count, and what is drawn.
        second = catch_unwind(|| hayro_syntax::Pdf::new(bytes.to_vec()).ok()).ok().flatten();
        facts.pages_by_second_reader = second.as_ref().and_then(|pdf| catch_unwind(AssertUnwindSafe(|| pdf.pages().len())).ok());
        if let Some(pdf) = second.as_ref().filter(|_| !facts.encrypted) {
            drawn = ink::add_ink(pdf, &mut facts.pages, markers, plain);
        }
    }
    match catch_unwind(AssertUnwindSafe(|| unjudged.unusable(&drawn))) {
        Ok(fonts) => facts.structure.fonts_unusable.extend(fonts),
        Err(_) => return gave_up,
    }
    facts
}

/// The same without a second reader and without what is drawn; the caller bounds the size and catches panics.
pub(super) fn structure_only(bytes: &[u8]) -> PdfFacts {
    let (mut facts, unjudged) = read(bytes, PdfFacts { bytes: bytes.len() as u64, ..PdfFacts::default() });
    facts.structure.fonts_unusable.extend(unjudged.unusable(&[]));
    facts
}

/// Pages as the second reader counts them; `None` when it cannot read the file. The caller bounds the size.
pub fn count_pages(bytes: Vec<u8>) -> Option<usize> {
    catch_unwind(|| hayro_syntax::Pdf::new(bytes).ok().map(|pdf| pdf.pages().len())).ok().flatten()
}

/// The facts, and the font programs that are still to be judged.
fn read(bytes: &[u8], mut facts: PdfFacts) -> (PdfFacts, Unjudgeds) {
    if !bytes.starts_with(b"%PDF-") {
        return unread(bytes, "does not start with %PDF-".to_owned(), facts);
    }
    let options = LoadOptions::with_max_decompressed_size(STREAM_BYTES_MAX);
    let document = match Document::load_mem_with_options(bytes, options.clone()) {
        Ok(document) => document,
        Err(fault) => return unread(bytes, why(&fault), facts),
    };
    // lopdf decrypts silently with the empty password: ask what the file was, not what it is now.
    facts.encrypted = document.was_encrypted() || document.is_encrypted();
    if document.is_encrypted() {
        facts.version = version(&document);
        return unread(bytes, "it opens with a password only".to_owned(), facts);
    }
    if document.xref_recovery.is_some() || structure::table_is_damaged(&document, bytes) {
        facts.unreadable = Some("its cross-reference table is damaged".to_owned());
    }
    facts.version = version(&document);
    let pages: Vec<ObjectId> = document.page_iter().take(PAGES_LOOKED_AT_MAX).collect();
    for (index, id) in pages.iter().enumerate() {
        match page(&document, *id) {
            Some(page) => facts.pages.push(page),
            None => facts.unreadable = Some(format!("page {} has no MediaBox", index + 1)),
        }
    }
    let unjudged = structure::look(&document, bytes, &pages, &options, &mut facts);
    (facts, unjudged)
}

/// What the bytes alone say of a file that the parser does not take.
fn unread(bytes: &[u8], why: String, mut facts: PdfFacts) -> (PdfFacts, Unjudgeds) {
    facts.encrypted |= find(bytes, b"/Encrypt");
    facts.unreadable = Some(why);
    structure::look_at_bytes(bytes, &mut facts);
    (facts, Unjudgeds::default())
}

/// The parser's words, where they are for the sender and not for its programmers.
fn why(fault: &lopdf::Error) -> String {
    match fault {
        lopdf::Error::Unimplemented(_) => "it is compressed or protected in a way that cannot be read".to_owned(),
        lopdf::Error::Decompress(_) => "it cannot be expanded, or becomes too large".to_owned(),
        other => other.to_string(),
    }
}

fn find(bytes: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(bytes, word).is_some()
}

fn version(document: &Document) -> String {
    let newer = document.catalog().ok().and_then(|c| c.get(b"Version").ok()).and_then(|v| v.as_name().ok());
    let newer = newer.map(|v| String::from_utf8_lossy(v).into_owned()).unwrap_or_default();
    if newer > document.version { newer } else { document.version.clone() }
}

/// A page attribute, inherited from the parents where the page has none.
fn inherited<'a>(document: &'a Document, page: ObjectId, key: &[u8]) -> Option<&'a Object> {
    let mut dictionary = document.get_dictionary(page).ok()?;
    for _ in 0..PARENTS_MAX {
        if let Ok(value) = dictionary.get(key) {
            return document.dereference(value).ok().map(|(_, object)| object);
        }
        dictionary = document.get_dictionary(dictionary.get(b"Parent").ok()?.as_reference().ok()?).ok()?;
    }
    None
}

fn page(document: &Document, id: ObjectId) -> Option<PageFacts> {
    let size = |key: &[u8]| -> Option<(f32, f32)> {
        let corners = inherited(document, id, key)?.as_array().ok()?;
        let value = |i: usize| document.dereference(corners.get(i)?).ok()?.1.as_float().ok().filter(|v| v.is_finite());
        Some(((value(2)? - value(0)?).abs(), (value(3)? - value(1)?).abs()))
    };
    let media = size(b"MediaBox")?;
    let shown = size(b"CropBox").map_or(media, |crop| (crop.0.min(media.0), crop.1.min(media.1)));
    let user_unit = inherited(document, id, b"UserUnit").and_then(|u| u.as_float().ok()).filter(|u| *u > 0.0).unwrap_or(1.0);
    let rotate = inherited(document, id, b"Rotate").and_then(|r| r.as_i64().ok()).unwrap_or(0);
    let (width, height) = if rotate.rem_euclid(180) == 90 { (shown.1, shown.0) } else { shown };
    let mm = user_unit * MM_PER_POINT;
    let turned = |(w, h): (f32, f32)| if rotate.rem_euclid(180) == 90 { (h, w) } else { (w, h) };
    let (media_width, media_height) = turned(media);
    Some(PageFacts {
        width_mm: width * mm,
        height_mm: height * mm,
        cropped: shown != media,
        media_width_mm: media_width * mm,
        media_height_mm: media_height * mm,
        rotate: i32::try_from(rotate.rem_euclid(360)).unwrap_or(0),
        user_unit,
        ink: None,
    })
}
