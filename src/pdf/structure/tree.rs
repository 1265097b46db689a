//! Whether the pages are those the file means: its tree without holes, and their contents readable to the end.

use super::super::facts::PdfFacts;
use super::super::inspect::PAGES_LOOKED_AT_MAX;
use super::names::{Names, seem_unknown};
use super::shown::resources_of;
use super::{entry, entry_array, entry_dictionary, entry_name, follow};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Pages whose contents are expanded.
const CONTENT_PAGES_MAX: usize = 200;
/// Largest expansion of one page's content, bytes.
const CONTENT_BYTES_MAX: usize = 64 << 20;
/// Largest expansion of all contents together, bytes.
const CONTENTS_BYTES_MAX: usize = 256 << 20;
/// Nodes of the tree looked at.
const NODES_MAX: usize = 200_000;
/// Streams one page is drawn by.
const PARTS_MAX: usize = 10_000;
/// A whole deflated stream of nothing is shorter, bytes.
const DEFLATED_NOTHING_BYTES: usize = 16;
/// A zlib stream's checksum stands within this from the end of the data, bytes.
const CHECKSUM_WITHIN_BYTES: usize = 64;

/// Fills in why the pages cannot be trusted, and returns what they refer to and is not there, by number and by name.
pub(super) fn look(document: &Document, pages: &[ObjectId], facts: &mut PdfFacts) -> (BTreeSet<ObjectId>, Names) {
    let mut missing = BTreeSet::new();
    let root = document.catalog().ok().and_then(|catalog| entry_dictionary(document, catalog, b"Pages"));
    let tree = root.map(|root| leaves(document, root, &mut missing));
    let told = root.and_then(|root| entry(document, root, b"Count")).and_then(|count| count.as_i64().ok());
    let all_are_known = pages.len() < PAGES_LOOKED_AT_MAX;
    let told = told.and_then(|count| usize::try_from(count).ok());
    if all_are_known && (tree != Some(Some(pages.len())) || told != Some(pages.len())) {
        facts.unreadable.get_or_insert_with(|| "the page tree is damaged".to_owned());
    }
    let mut sizes = HashMap::new();
    let mut left = CONTENTS_BYTES_MAX;
    let mut names = Names::default();
    for (index, id) in pages.iter().take(CONTENT_PAGES_MAX).enumerate() {
        let Ok(page) = document.get_dictionary(*id) else { continue };
        let (resources, mut suspect) = (resources_of(document, page), false);
        let look = |content: &[u8]| suspect |= seem_unknown(document, resources, content);
        let result = contents(document, page, &mut missing).and_then(|parts| expand(&parts, &mut sizes, left, look));
        if suspect {
            names.look(document, *id, resources);
        }
        match result {
            Ok(size) => left -= size.min(left),
            Err(why) => {
                facts.unreadable.get_or_insert_with(|| format!("the content of page {} {why}", index + 1));
                break;
            }
        }
    }
    (missing, names)
}

/// Pages that hang on the tree; `None` when it has a hole, a loop, or something else than pages.
fn leaves(document: &Document, root: &Dictionary, missing: &mut BTreeSet<ObjectId>) -> Option<usize> {
    let mut seen = HashSet::from([std::ptr::from_ref(root)]);
    let mut waiting: Vec<&Object> = entry_array(document, root, b"Kids")?.iter().collect();
    let (mut count, mut whole, mut left) = (0, true, NODES_MAX);
    while let Some(kid) = waiting.pop() {
        let Some(node) = follow(document, kid) else {
            missing.extend(kid.as_reference().ok());
            whole = false;
            continue;
        };
        let Ok(node) = node.as_dict() else {
            whole = false;
            continue;
        };
        let kids = entry_array(document, node, b"Kids");
        // A page may be listed twice; a branch that is met twice is a loop.
        if !seen.insert(std::ptr::from_ref(node)) && kids.is_some() {
            whole = false;
            continue;
        }
        match kids {
            Some(kids) if entry_name(document, node, b"Type") != Some(b"Page") => {
                // Many branches may share one list of kids.
                left = left.checked_sub(kids.len())?;
                waiting.extend(kids);
            }
            _ => count += 1,
        }
    }
    whole.then_some(count)
}

/// The streams a page is drawn by.
fn contents<'a>(document: &'a Document, page: &'a Dictionary, missing: &mut BTreeSet<ObjectId>) -> Result<Vec<&'a Stream>, &'static str> {
    let Ok(contents) = page.get(b"Contents") else { return Ok(Vec::new()) };
    let parts = match follow(document, contents) {
        Some(Object::Array(parts)) => parts.as_slice(),
        _ => std::slice::from_ref(contents),
    };
    if parts.len() > PARTS_MAX {
        return Err("is made of too many parts");
    }
    let mut streams = Vec::with_capacity(parts.len());
    for part in parts {
        match follow(document, part) {
            Some(Object::Stream(stream)) => streams.push(stream),
            None | Some(Object::Null) => missing.extend(part.as_reference().ok()),
            Some(_) => return Err("is not a stream"),
        }
    }
    Ok(streams)
}

/// Bytes that the streams give when expanded; each is expanded once, and looked at, however many pages it is drawn on.
fn expand(
    parts: &[&Stream],
    sizes: &mut HashMap<*const Dictionary, usize>,
    left: usize,
    mut look: impl FnMut(&[u8]),
) -> Result<usize, &'static str> {
    let (mut page, mut fresh) = (0, 0);
    for part in parts {
        let key = std::ptr::from_ref(&part.dict);
        let size = match sizes.get(&key) {
            Some(size) => *size,
            None => {
                let size = expanded(part, CONTENT_BYTES_MAX.min(left - fresh), &mut look)?;
                sizes.insert(key, size);
                fresh += size;
                size
            }
        };
        page += size;
        if page > CONTENT_BYTES_MAX {
            return Err("is too large");
        }
    }
    Ok(fresh)
}

fn expanded(stream: &Stream, limit: usize, look: impl FnOnce(&[u8])) -> Result<usize, &'static str> {
    use lopdf::{DecompressError, Error};
    let bytes = match stream.decompressed_content_with_limit(limit) {
        Ok(bytes) => bytes,
        Err(Error::Decompress(DecompressError::MemoryLimitExceeded { .. })) => return Err("is too large"),
        Err(_) => return Err("cannot be decoded"),
    };
    // lopdf gives what it could inflate and says nothing of the rest.
    if bytes.is_empty() && stream.content.len() > DEFLATED_NOTHING_BYTES {
        return Err("cannot be decoded");
    }
    let deflated_alone = matches!(stream.filters().as_deref(), Ok([b"FlateDecode"])) && !stream.dict.has(b"DecodeParms");
    if deflated_alone && !bytes.is_empty() && !ends_with_checksum(&stream.content, &bytes) {
        return Err("is damaged");
    }
    look(&bytes);
    Ok(bytes.len())
}

/// A zlib stream ends with the Adler-32 of what it holds: one that was cut off or changed does not. Some programs add line
/// ends and more.
pub(super) fn ends_with_checksum(deflated: &[u8], bytes: &[u8]) -> bool {
    let (mut a, mut b) = (1_u32, 0_u32);
    // The sums stay below 2^32 for so many bytes.
    for chunk in bytes.chunks(5_552) {
        for byte in chunk {
            a += u32::from(*byte);
            b += a;
        }
        (a, b) = (a % 65_521, b % 65_521);
    }
    let tail = &deflated[deflated.len().saturating_sub(CHECKSUM_WITHIN_BYTES)..];
    tail.windows(4).any(|window| window == (b << 16 | a).to_be_bytes())
}
