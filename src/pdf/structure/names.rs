//! Names that a page's content calls and its resources do not have: the text, picture or state is left out without a word.

use super::shown::used;
use super::{dictionary_of, entry};
use lopdf::{Dictionary, Document, ObjectId};
use memchr::memchr_iter;
use std::collections::BTreeSet;

/// Largest content of a page that is parsed for this, bytes, and how many are.
const CONTENT_BYTES_MAX: usize = 16 << 20;
const PARSED_MAX: usize = 20;

/// Looks for such names page by page, and counts each once.
#[derive(Default)]
pub(super) struct Names {
    unknown: BTreeSet<(&'static [u8], Vec<u8>)>,
    parsed: usize,
}

impl Names {
    pub(super) fn count(&self) -> usize {
        self.unknown.len()
    }

    /// Parses a page that seems to call what it does not have.
    pub(super) fn look(&mut self, document: &Document, page: ObjectId, resources: Option<&Dictionary>) {
        self.parsed += 1;
        if self.parsed > PARSED_MAX {
            return;
        }
        let content = document.get_page_content_with_limit(page, CONTENT_BYTES_MAX).ok();
        let Some(used) = content.and_then(|content| used(&content)) else { return };
        self.unknown.extend(used.called.into_iter().filter(|(category, name)| !has(document, resources, category, name)));
    }
}

/// Whether the bytes seem to call a name that is not there: quick, and wrong where they stand in a text or a picture.
pub(super) fn seem_unknown(document: &Document, resources: Option<&Dictionary>, content: &[u8]) -> bool {
    memchr_iter(b'/', content).any(|at| {
        let Some((category, name)) = called(&content[at + 1..]) else { return false };
        // An escaped name is left to the parser.
        name.contains(&b'#') || !has(document, resources, category, name)
    })
}

fn has(document: &Document, resources: Option<&Dictionary>, category: &[u8], name: &[u8]) -> bool {
    let members = resources.and_then(|resources| entry(document, resources, category)).and_then(dictionary_of);
    members.is_some_and(|members| members.has(name))
}

/// The name that stands here, where an operator calls it; and what for.
fn called(text: &[u8]) -> Option<(&'static [u8], &[u8])> {
    let end = text.iter().take(128).position(|b| !is_regular(*b))?;
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_ascii_start();
    let operator = |rest: &[u8], operator: &[u8]| rest.starts_with(operator) && rest.get(2).is_none_or(|b| !is_regular(*b));
    if operator(rest, b"Do") {
        return Some((b"XObject", name));
    }
    if operator(rest, b"gs") {
        return Some((b"ExtGState", name));
    }
    let digits = rest.iter().take(20).take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+')).count();
    (digits > 0 && operator(rest[digits..].trim_ascii_start(), b"Tf")).then_some((b"Font", name))
}

fn is_regular(byte: u8) -> bool {
    !matches!(byte, 0 | 9 | 10 | 12 | 13 | 32 | b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}
