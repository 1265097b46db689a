//! What a sender hands in, as values: `kombi_request` (SF1601), a bare MeMo, or a bare ForsendelseI.
//!
//! Both child orders of kombi_request are taken, and any namespace prefixes. Elements are found by local name below
//! their own root, which is found by namespace.

use super::xml::{self, Refusal, child, children, required};
use super::{forsendelse, memo};
use crate::domain::redact::looks_like_cpr;
use crate::domain::{Cvr, PostalAddress, PrintWishes, Recipient};
use roxmltree::Node;

pub const MEMO_NAMESPACE: &str = "https://DigitalPost.dk/MeMo-1";
pub const FJERNPRINT_NAMESPACE: &str = "urn:oio:fjernprint:1.0.0";
/// Letters in one ForsendelseISamling; every sender seen writes one.
const LETTERS_MAX: usize = 1_000;

/// KombiValgKode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `Automatisk Valg`; a bare MeMo too.
    Automatic,
    /// `Digital Post`.
    Digital,
    /// `Fysisk Post`; a bare ForsendelseI too.
    Physical,
    /// `NemSMS`; a bare MeMo of that type too.
    NemSms,
}

/// What kind of file a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    Pdf,
    Other(String),
}

/// A document, decoded. Its title may be personal and is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    pub format: Format,
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({:?}, {} bytes)", self.format, self.bytes.len())
    }
}

/// What Digital Post would deliver.
#[derive(Clone, PartialEq, Eq)]
pub struct Digital {
    /// Lower case: UUIDs are compared without regard to case.
    pub message_uuid: String,
    /// The Message element byte for byte. Only where a namespace was declared on an element around it, that
    /// declaration is added to its start tag, so that it is XML on its own.
    pub memo_xml: Vec<u8>,
    pub sender_cvr: Option<Cvr>,
}

impl std::fmt::Debug for Digital {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digital({}, {} bytes)", self.message_uuid, self.memo_xml.len())
    }
}

/// What could be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Physical {
    pub main: Document,
    /// In the order the sender asked for.
    pub attachments: Vec<Document>,
    pub wishes: PrintWishes,
    /// Absent when the sender's document carries the address itself.
    pub address: Option<PostalAddress>,
}

/// One letter as its sender describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderLetter {
    /// messageUUID in lower case, else AfsendelseIdentifikator: what makes a second delivery the same letter.
    pub identity: String,
    /// AfsendelseIdentifikator, else messageUUID: what the sender matches receipts on.
    pub dispatch_id: String,
    pub channel: Channel,
    pub recipient: Recipient,
    pub digital: Option<Digital>,
    pub physical: Option<Physical>,
}

/// Parses a message. Several letters come only from a `Fysisk Post` kombi_request with several ForsendelseI.
///
/// FP-I001 to FP-I013 and FP-I020 as `explain` tells them.
pub fn parse_message(bytes: &[u8]) -> Result<Vec<SenderLetter>, Refusal> {
    let text = xml::text(bytes)?;
    let document = xml::parse(text)?;
    let root = document.root_element();
    match (root.tag_name().namespace(), root.tag_name().name()) {
        (_, "kombi_request") => kombi(text, root),
        (Some(MEMO_NAMESPACE), "Message") => {
            let memo = memo::parse(text, root)?;
            let channel = if memo.is_nemsms { Channel::NemSms } else { Channel::Automatic };
            Ok(vec![digital_letter(memo, channel)])
        }
        (Some(FJERNPRINT_NAMESPACE), "ForsendelseI") => Ok(vec![physical_letter(forsendelse::parse(root)?)]),
        _ => Err(Refusal::at("FP-I004", "the root element is neither kombi_request nor a MeMo Message nor a ForsendelseI", root)),
    }
}

fn kombi(text: &str, root: Node<'_, '_>) -> Result<Vec<SenderLetter>, Refusal> {
    let channel = match xml::required_value(root, "KombiValgKode", 40)?.as_str() {
        "Automatisk Valg" => Channel::Automatic,
        "Digital Post" => Channel::Digital,
        "Fysisk Post" => Channel::Physical,
        "NemSMS" => Channel::NemSms,
        _ => return Err(Refusal::at("FP-I007", "KombiValgKode is none of the four", required(root, "KombiValgKode")?)),
    };
    let collection = child(root, "ForsendelseISamling");
    let parts: Vec<Node<'_, '_>> = collection.iter().flat_map(|c| children(*c, "ForsendelseI")).take(LETTERS_MAX + 1).collect();
    if parts.len() > LETTERS_MAX {
        return Err(Refusal::at("FP-I005", format!("more than {LETTERS_MAX} ForsendelseI in one message"), root));
    }
    if channel == Channel::Physical {
        let letters = parts.into_iter().map(|part| forsendelse::parse(part).map(physical_letter)).collect::<Result<Vec<_>, _>>()?;
        return if letters.is_empty() { Err(missing("Fysisk Post needs a ForsendelseI", root)) } else { Ok(letters) };
    }
    let message = child(root, "Message").ok_or_else(|| missing("this KombiValgKode needs a MeMo Message", root))?;
    let memo = memo::parse(text, message)?;
    if (channel == Channel::NemSms) != memo.is_nemsms {
        return Err(Refusal::at("FP-I008", "KombiValgKode and messageType do not belong together", message));
    }
    let mut letter = digital_letter(memo, channel);
    match parts.as_slice() {
        [] => {}
        [one] => {
            let part = forsendelse::parse(*one)?;
            // Senders withhold the number there; one that is given must be the same person's.
            if part.recipient != Recipient::Withheld && letter.recipient != Recipient::Withheld && part.recipient != letter.recipient {
                return Err(Refusal::at("FP-I008", "MeMo and ForsendelseI are for two different recipients", *one));
            }
            letter.dispatch_id = part.identity;
            letter.physical = Some(part.physical);
        }
        [_, second, ..] => return Err(Refusal::at("FP-I008", "one MeMo cannot go with several ForsendelseI", *second)),
    }
    Ok(vec![letter])
}

fn missing(text: &str, root: Node<'_, '_>) -> Refusal {
    Refusal::at("FP-I008", text, root)
}

fn digital_letter(memo: memo::Memo, channel: Channel) -> SenderLetter {
    SenderLetter {
        identity: memo.digital.message_uuid.clone(),
        dispatch_id: memo.digital.message_uuid.clone(),
        channel,
        recipient: memo.recipient,
        digital: Some(memo.digital),
        physical: memo.printable,
    }
}

fn physical_letter(part: forsendelse::Part) -> SenderLetter {
    SenderLetter {
        identity: comparable(&part.identity),
        dispatch_id: part.identity,
        channel: Channel::Physical,
        recipient: part.recipient,
        digital: None,
        physical: Some(part.physical),
    }
}

/// The identifier as it is compared: a UUID without regard to case, anything else as it is written.
pub fn comparable(identity: &str) -> String {
    let groups: Vec<usize> = identity.split('-').map(str::len).collect();
    let uuid = groups == [8, 4, 4, 4, 12] && identity.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    if uuid { identity.to_lowercase() } else { identity.to_owned() }
}

/// A sender's identifier goes into file names and manifests, so it must not be somebody's number.
pub(super) fn checked_identity(text: String, node: Node<'_, '_>) -> Result<String, Refusal> {
    match identity_fault(&text) {
        Some((code, why)) => Err(Refusal::at(code, why, node)),
        None => Ok(text),
    }
}

/// What is wrong with an identifier, if anything: code and sentence.
pub(super) fn identity_fault(text: &str) -> Option<(&'static str, &'static str)> {
    if looks_like_cpr(text) {
        return Some(("FP-I012", "the identifier looks like a CPR number"));
    }
    if text.chars().any(char::is_control) {
        return Some(("FP-I005", "the identifier holds control characters"));
    }
    text.starts_with(['=', '+', '@']).then_some(("FP-I005", "the identifier begins with a character that spreadsheets take for a formula"))
}
