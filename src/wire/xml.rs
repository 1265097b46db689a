//! Reading XML from outside: bounded, without DTD, and with a place for every complaint.

use crate::domain::redact::redact;
use roxmltree::{Document, Node, ParsingOptions};

/// Largest message, bytes: 99.5 MB, the limit of SF1601 and of Digital Post.
pub const MESSAGE_BYTES_MAX: usize = 99_500_000;
const NODES_MAX: u32 = 200_000;
const DEPTH_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 500;

/// Why a message is not taken in. Quotes no content: it may be personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({place})")]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
    /// The element's path, or a line or row.
    pub place: String,
    /// The text just ends: it may still be being written.
    pub incomplete: bool,
}

impl Refusal {
    pub fn new(code: &'static str, message: impl Into<String>, place: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: place.into(), incomplete: false }
    }

    pub(super) fn at(code: &'static str, message: impl Into<String>, node: Node<'_, '_>) -> Self {
        Self::new(code, message, path(node))
    }
}

/// The message as text: UTF-8, with or without a byte order mark, within the size limit.
pub fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        let message = format!("the message has {} bytes, at most {MESSAGE_BYTES_MAX} are taken", bytes.len());
        return Err(Refusal::new("FP-I003", message, "file"));
    }
    let text = std::str::from_utf8(bytes).map_err(|fault| {
        let line = bytes[..fault.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        // A character cut in two at the very end is a file that is not finished.
        let incomplete = fault.error_len().is_none();
        Refusal { incomplete, ..Refusal::new("FP-I002", "the message is not UTF-8", format!("line {line}")) }
    })?;
    Ok(text.trim_start_matches('\u{feff}'))
}

/// Parses within bounds on nodes and depth.
pub fn parse(text: &str) -> Result<Document<'_>, Refusal> {
    parse_within(text, NODES_MAX)
}

/// As [`parse`], with another bound on nodes.
pub(super) fn parse_within(text: &str, nodes_max: u32) -> Result<Document<'_>, Refusal> {
    if attributes_exceed(text, ATTRIBUTES_MAX) {
        return Err(Refusal::new("FP-I002", format!("an element has more than {ATTRIBUTES_MAX} attributes"), "file"));
    }
    if depth_exceeds(text, DEPTH_MAX) {
        return Err(Refusal::new("FP-I002", format!("elements are nested deeper than {DEPTH_MAX}"), "file"));
    }
    let options = ParsingOptions { nodes_limit: nodes_max, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|fault| {
        use roxmltree::Error;
        let position = fault.pos();
        let place = format!("line {}, column {}", position.row, position.col);
        match fault {
            Error::DtdDetected => Refusal::new("FP-I002", "the message has a DTD, which is not taken", place),
            Error::NodesLimitReached => Refusal::new("FP-I002", format!("the message has more than {nodes_max} nodes"), place),
            Error::UnclosedRootNode | Error::UnexpectedEndOfStream | Error::NoRootNode => {
                // The parser has no position for this one: it is the end of the text.
                let place = format!("line {}, the last", text.lines().count().max(1));
                Refusal { incomplete: true, ..Refusal::new("FP-I001", "the message ends in the middle", place) }
            }
            // The parser's own words may quote the message: only its line is told.
            _ => {
                let incomplete = position.row as usize >= text.lines().count();
                Refusal { incomplete, ..Refusal::new("FP-I001", "the message is not well-formed XML", place) }
            }
        }
    })
}

/// roxmltree descends by recursion; this counts before it does. Comments and text may only make it count too much.
fn depth_exceeds(text: &str, most: usize) -> bool {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    for (at, _) in text.match_indices('<') {
        match bytes.get(at + 1) {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'!' | b'?') | None => {}
            Some(_) => {
                let end = text[at..].find('>').map_or(text.len(), |end| at + end);
                if bytes[end.saturating_sub(1)] != b'/' {
                    depth += 1;
                }
            }
        }
        if depth > most {
            return true;
        }
    }
    false
}

/// Whether an element may have more attributes than that: the parser's work grows with their square. Counts `=` between
/// `<` and `>`, which is never less.
fn attributes_exceed(text: &str, most: usize) -> bool {
    let mut count = 0;
    for byte in text.bytes() {
        match byte {
            b'<' | b'>' => count = 0,
            b'=' => count += 1,
            _ => {}
        }
        // Base64 ends with at most two, and stands between tags.
        if count > most {
            return true;
        }
    }
    false
}

/// The element's path by local names, as `kombi_request/Message/MessageHeader`.
pub fn path(node: Node<'_, '_>) -> String {
    let mut names: Vec<&str> = node.ancestors().filter(Node::is_element).map(|n| n.tag_name().name()).collect();
    names.reverse();
    redact(&names.join("/"))
}

pub(super) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|n| n.is_element() && n.tag_name().name() == name)
}

pub(super) fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> impl Iterator<Item = Node<'a, 'i>> + 'a {
    node.children().filter(move |n| n.is_element() && n.tag_name().name() == name)
}

pub(super) fn required<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Result<Node<'a, 'i>, Refusal> {
    child(node, name).ok_or_else(|| Refusal::new("FP-I005", format!("element {name} is missing"), path(node)))
}

/// The text of an element, trimmed; at most `most` characters.
pub(super) fn value(node: Node<'_, '_>, most: usize) -> Result<String, Refusal> {
    let joined: String = node.children().filter(Node::is_text).filter_map(|n| n.text()).collect();
    let trimmed = joined.trim();
    if trimmed.chars().count() > most {
        return Err(Refusal::at("FP-I020", format!("the text is longer than {most} characters"), node));
    }
    Ok(trimmed.to_owned())
}

pub(super) fn optional_value(node: Node<'_, '_>, name: &str, most: usize) -> Result<Option<String>, Refusal> {
    Ok(child(node, name).map(|n| value(n, most)).transpose()?.filter(|text| !text.is_empty()))
}

pub(super) fn required_value(node: Node<'_, '_>, name: &str, most: usize) -> Result<String, Refusal> {
    let element = required(node, name)?;
    let text = value(element, most)?;
    if text.is_empty() { Err(Refusal::at("FP-I005", "the element is empty", element)) } else { Ok(text) }
}

/// Decoded base64, white space allowed.
pub(super) fn base64_value(node: Node<'_, '_>) -> Result<Vec<u8>, Refusal> {
    use base64::Engine;
    let mut encoded = String::new();
    for part in node.children().filter(Node::is_text).filter_map(|n| n.text()) {
        encoded.extend(part.split_ascii_whitespace());
    }
    base64::engine::general_purpose::STANDARD.decode(&encoded).map_err(|_| Refusal::at("FP-I013", "the content is not base64", node))
}
