//! Decides what a sender's file is: letters under their identities, or a refusal with a code and a place.
//!
//! Pure: takes bytes, gives values. The same bytes always give the same letters in the same order, so a letter is found
//! again as number `part` of its original.

use crate::domain::{Cvr, LetterId};
use crate::wire::message::{SenderLetter, comparable, parse_message};
use crate::wire::table::{TableRow, parse_table};
use crate::wire::xml::Refusal;

/// A system that hands letters in, and for whom it may.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The name of its drop folder.
    pub id: String,
    /// At least one; the first is meant where a message names none.
    pub municipalities: Vec<Cvr>,
}

/// What one letter was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Message(Box<SenderLetter>),
    Row(Box<TableRow>),
    /// Was there and was let go, to save memory.
    Dropped,
}

/// One letter of a file. `content` is a refusal for a table's row that is no letter: it is taken in and rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiledLetter {
    pub id: LetterId,
    pub municipality: Cvr,
    pub dispatch_id: String,
    /// Counted from 0.
    pub part: u32,
    pub content: Result<Content, Refusal>,
}

/// Whether the bytes are XML rather than a table.
pub fn is_xml(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    bytes.trim_ascii_start().starts_with(b"<")
}

/// The letters of a message. FP-I015 when it speaks for a municipality that this sender may not speak for.
pub fn accept_message(bytes: &[u8], sender: &Sender) -> Result<Vec<FiledLetter>, Refusal> {
    let letters = parse_message(bytes)?;
    let filed = |(part, letter): (usize, SenderLetter)| {
        let named = letter.digital.as_ref().and_then(|d| d.sender_cvr.clone());
        let municipality = named.unwrap_or_else(|| sender.municipalities[0].clone());
        if !sender.municipalities.contains(&municipality) {
            let text = "this sender may not send for the authority that the message names";
            return Err(Refusal::new("FP-I015", text, "Message/MessageHeader/Sender/senderID"));
        }
        Ok(FiledLetter {
            id: letter_id(&municipality, &letter.identity),
            municipality,
            dispatch_id: letter.dispatch_id.clone(),
            part: part as u32,
            content: Ok(Content::Message(Box::new(letter))),
        })
    };
    letters.into_iter().enumerate().map(filed).collect()
}

/// The letters of a table.
pub fn accept_table(bytes: &[u8], sender: &Sender) -> Result<Vec<FiledLetter>, Refusal> {
    let municipality = &sender.municipalities[0];
    // A row without a usable identifier is named after its table, so that it is accounted for and never doubled.
    let table = hex_short(bytes);
    let filed = |(part, row): (usize, crate::wire::table::Row)| {
        let dispatch_id = row.dispatch_id.unwrap_or_else(|| format!("{table}-line-{}", row.line));
        FiledLetter {
            id: letter_id(municipality, &comparable(&dispatch_id)),
            municipality: municipality.clone(),
            dispatch_id,
            part: part as u32,
            content: row.content.map(|row| Content::Row(Box::new(row))),
        }
    };
    Ok(parse_table(bytes)?.into_iter().enumerate().map(filed).collect())
}

/// What each part of a stored original says, again.
pub fn contents(bytes: &[u8]) -> Result<Vec<Result<Content, Refusal>>, Refusal> {
    if is_xml(bytes) {
        return Ok(parse_message(bytes)?.into_iter().map(|letter| Ok(Content::Message(Box::new(letter)))).collect());
    }
    Ok(parse_table(bytes)?.into_iter().map(|row| row.content.map(|row| Content::Row(Box::new(row)))).collect())
}

/// A letter's id: a function of the municipality and the sender's own identifier, so that the same message handed in
/// twice, through whatever system, is one letter.
pub fn letter_id(municipality: &Cvr, identity: &str) -> LetterId {
    let mut hasher = openssl::sha::Sha256::new();
    for part in ["fjernprint-letter/1", municipality.as_str(), identity] {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = crate::domain::Sha256(hasher.finish()).to_string();
    format!("L{}", &hash[..24]).parse().expect("L and 24 hex digits are a letter id")
}

fn hex_short(bytes: &[u8]) -> String {
    crate::domain::Sha256(openssl::sha::sha256(bytes)).short()
}
