//! What a file says it conforms to.

use super::entry;
use lopdf::Document;

/// Metadata larger than this are not looked into, bytes.
const METADATA_BYTES_MAX: usize = 4 << 20;
const NODES_MAX: u32 = 50_000;
const PDFA: &str = "http://www.aiim.org/pdfa/ns/id/";

/// The claim as `PDF/A-2b`, from the document's metadata; what is damaged claims nothing.
pub(super) fn of(document: &Document) -> Option<String> {
    let metadata = entry(document, document.catalog().ok()?, b"Metadata")?.as_stream().ok()?;
    let bytes = metadata.decompressed_content_with_limit(METADATA_BYTES_MAX).ok()?;
    let text = text(&bytes)?;
    if !text.contains(PDFA) {
        return None;
    }
    // Without a document type there are no entities, so the text cannot grow.
    let options = roxmltree::ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..Default::default() };
    let xml = roxmltree::Document::parse_with_options(text.trim_matches(['\0', '\u{feff}', ' ', '\n', '\r', '\t']), options).ok()?;
    let value = |name: &str| {
        xml.descendants().find_map(|node| match node.attribute((PDFA, name)) {
            Some(value) => Some(value),
            None if node.has_tag_name((PDFA, name)) => node.text(),
            None => None,
        })
    };
    let part = value("part").map(str::trim).filter(|part| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))?;
    let level = value("conformance").map(|level| level.trim().to_ascii_lowercase()).unwrap_or_default();
    matches!(level.as_str(), "" | "a" | "b" | "u" | "e" | "f").then(|| format!("PDF/A-{part}{level}"))
}

/// XMP may be written in any encoding of Unicode: the mark at its start says which.
fn text(bytes: &[u8]) -> Option<String> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}
