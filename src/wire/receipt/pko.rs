//! The dialect `pko`: the business receipt of the municipalities' common infrastructure, `PKO_PostStatus`, one element a
//! letter and step, in a `PKO_PostStatusSamling` or alone.
//!
//! A letter is named as its sender matches it: by AfsendelseIdentifikator, or by MessageUUID where there is none. The status
//! is TransaktionsStatusKode, by its text; FejlDetaljer say why. Pages and sheets it does not say. What is told of another
//! channel than paper (KanalKode) is no news of a print.

use super::{FIELD_CHARS_MAX, Named, ReceiptRow, Row, RowsFault, meaning};
use crate::domain::LetterId;
use crate::domain::answer::{Meaning, VendorStatus, Words, return_reason};
use crate::wire::xml::{Refusal, child, optional_value, parse_within, required_value, text};
use roxmltree::Node;

const COLLECTION: &str = "PKO_PostStatusSamling";
const STATUS: &str = "PKO_PostStatus";
const NAMESPACE: &str = "http://serviceplatformen.dk/xml/print/PKO_PostStatus/1/types";
const PAPER: &str = "Fysisk Post";
/// Elements, attributes and texts of one status, at most: the type has some twenty elements.
const NODES_EACH_MAX: usize = 80;

impl From<Refusal> for RowsFault {
    fn from(refusal: Refusal) -> Self {
        Self::Unreadable(refusal.to_string())
    }
}

pub fn read(words: &Words, bytes: &[u8], rows_max: usize) -> Result<Vec<Row>, RowsFault> {
    let nodes_max = u32::try_from((rows_max + 1).saturating_mul(NODES_EACH_MAX)).unwrap_or(u32::MAX);
    let text = text(bytes)?;
    let document = parse_within(text, nodes_max)?;
    let root = document.root_element();
    let of_name = |name: &'static str| move |node: &Node<'_, '_>| node.is_element() && node.tag_name().name() == name;
    let statuses: Vec<Node<'_, '_>> = match root.tag_name().name() {
        STATUS => vec![root],
        COLLECTION => root.children().filter(Node::is_element).collect(),
        _ => return Err(RowsFault::Unreadable(format!("the root is neither {COLLECTION} nor {STATUS}"))),
    };
    if statuses.len() > rows_max {
        return Err(RowsFault::TooMany(rows_max));
    }
    if !statuses.iter().all(of_name(STATUS)) {
        return Err(RowsFault::Unreadable(format!("{COLLECTION} holds something else than {STATUS}")));
    }
    statuses.into_iter().enumerate().map(|(index, node)| row(words, index + 1, node)).collect()
}

fn row(words: &Words, number: usize, node: Node<'_, '_>) -> Result<Row, RowsFault> {
    let value = |name: &str| optional_value(node, name, FIELD_CHARS_MAX);
    let named = value("AfsendelseIdentifikator")?.or(value("MessageUUID")?);
    let named = named.ok_or_else(|| RowsFault::Unreadable(format!("row {number} names no letter")))?;
    let said = required_value(node, "TransaktionsStatusKode", FIELD_CHARS_MAX)?;
    let reason = child(node, "FejlDetaljer").map(reason).transpose()?.unwrap_or_default();
    let elsewhere = value("KanalKode")?.is_some_and(|channel| !channel.eq_ignore_ascii_case(PAPER));
    let meaning = match meaning(words, number, &said) {
        _ if elsewhere => Meaning::NoNews,
        // A new address or a tracking number comes under the same word.
        Ok(Meaning::Is(VendorStatus::Returned)) if return_reason(&reason).is_none() => Meaning::NoNews,
        meant => meant?,
    };
    let at = value("TransaktionsDatoTid")?.unwrap_or_default();
    Ok(Row { named: Named::Dispatch(named), meaning, said, reason, pages: None, sheets: None, at })
}

/// Code and text, as far as there are.
fn reason(details: Node<'_, '_>) -> Result<String, RowsFault> {
    let parts = [optional_value(details, "FejlKode", FIELD_CHARS_MAX)?, optional_value(details, "FejlTekst", FIELD_CHARS_MAX)?];
    Ok(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

pub fn write(words: &Words, rows: &[ReceiptRow], dispatch_id: impl Fn(&LetterId) -> String) -> Vec<u8> {
    let mut xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{COLLECTION} xmlns=\"{NAMESPACE}\">\n");
    for row in rows {
        xml += &format!("  <{STATUS}>\n");
        let mut element = |name: &str, value: &str| xml += &format!("    <{name}>{}</{name}>\n", escaped(value));
        element("AfsendelseIdentifikator", &dispatch_id(&row.letter_id));
        element("KanalKode", PAPER);
        element("TransaktionsDatoTid", &row.at);
        element("TransaktionsStatusKode", words.word_for(row.status));
        if !row.reason.is_empty() {
            // The code of a return stands by itself; what else is said is text.
            let (code, text) = if return_reason(&row.reason).is_some() { row.reason.split_at(3) } else { ("", row.reason.as_str()) };
            let (code, text) = (escaped(code), escaped(text.trim()));
            xml += &format!("    <FejlDetaljer><FejlKode>{code}</FejlKode><FejlTekst>{text}</FejlTekst></FejlDetaljer>\n");
        }
        xml += &format!("  </{STATUS}>\n");
    }
    xml += &format!("</{COLLECTION}>\n");
    xml.into_bytes()
}

/// As text of an element. What XML cannot hold at all becomes a question mark.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}
