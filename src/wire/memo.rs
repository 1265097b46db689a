//! MeMo 1.1 and 1.2: what routing, delivery and printing need of a message; the rest goes on untouched.

use super::message::{Digital, Document, Format, Physical, checked_identity};
use super::xml::{Refusal, base64_value, child, children, optional_value, required, required_value, value};
use crate::domain::{PostalAddress, PrintWishes, Recipient};
use roxmltree::Node;

/// A message may have that many documents with it; Digital Post takes ten by law and 99 at most in its contact points.
const DOCUMENTS_MAX: usize = 100;

/// What is read of one MeMo.
pub(super) struct Memo {
    pub digital: Digital,
    pub recipient: Recipient,
    pub is_nemsms: bool,
    /// Absent for NemSMS, and where the recipient has no postal address here.
    pub printable: Option<Physical>,
}

pub(super) fn parse(text: &str, message: Node<'_, '_>) -> Result<Memo, Refusal> {
    match message.attribute("memoVersion") {
        Some("1.1" | "1.2") => {}
        _ => return Err(Refusal::at("FP-I006", "memoVersion must be 1.1 or 1.2", message)),
    }
    let header = required(message, "MessageHeader")?;
    let is_nemsms = match required_value(header, "messageType", 40)?.as_str() {
        "DIGITALPOST" => false,
        "NEMSMS" => true,
        _ => return Err(Refusal::at("FP-I005", "messageType must be DIGITALPOST or NEMSMS", required(header, "messageType")?)),
    };
    let message_uuid = uuid(required(header, "messageUUID")?)?;
    let sender = required(header, "Sender")?;
    let sender_cvr = match required_value(sender, "idType", 256)?.to_uppercase().as_str() {
        "CVR" => {
            let id = required(sender, "senderID")?;
            let wrong = |_| Refusal::at("FP-I005", "senderID is not a CVR number of 8 digits", id);
            Some(value(id, 256)?.parse().map_err(wrong)?)
        }
        _ => None,
    };
    let recipient_node = required(header, "Recipient")?;
    let recipient = recipient_of(recipient_node)?;
    let printable = match child(message, "MessageBody") {
        Some(body) if !is_nemsms => printable(body, recipient_node)?,
        Some(_) => None,
        None if is_nemsms => None,
        None => return Err(Refusal::at("FP-I005", "element MessageBody is missing", message)),
    };
    let digital = Digital { message_uuid, memo_xml: standalone(text, message), sender_cvr };
    Ok(Memo { digital, recipient, is_nemsms, printable })
}

/// Version 4, as the schema demands; upper case is taken too.
fn uuid(node: Node<'_, '_>) -> Result<String, Refusal> {
    let text = checked_identity(value(node, 36)?, node)?.to_lowercase();
    let shape = |(index, byte): (usize, u8)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        14 => byte == b'4',
        19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
        _ => byte.is_ascii_hexdigit(),
    };
    let valid = text.len() == 36 && text.bytes().enumerate().all(shape);
    if valid { Ok(text) } else { Err(Refusal::at("FP-I005", "messageUUID is not a UUID of version 4", node)) }
}

fn recipient_of(node: Node<'_, '_>) -> Result<Recipient, Refusal> {
    let id = required(node, "recipientID")?;
    let kind = required_value(node, "idType", 256)?.to_uppercase();
    let recipient: Recipient =
        value(id, 256)?.parse().map_err(|_| Refusal::at("FP-I009", "recipientID is neither a CPR nor a CVR number", id))?;
    let fits = match recipient {
        Recipient::Citizen(_) | Recipient::Withheld => kind == "CPR",
        Recipient::Company(_) => kind == "CVR",
    };
    if fits { Ok(recipient) } else { Err(Refusal::at("FP-I009", "recipientID is not what idType says", id)) }
}

/// The PDF rendition of the main document and of what goes with it; none without an address to send it to.
fn printable(body: Node<'_, '_>, recipient: Node<'_, '_>) -> Result<Option<Physical>, Refusal> {
    let main = document(required(body, "MainDocument")?)?;
    let mut attachments = Vec::new();
    for node in children(body, "AdditionalDocument") {
        if attachments.len() == DOCUMENTS_MAX {
            return Err(Refusal::at("FP-I005", format!("more than {DOCUMENTS_MAX} documents"), body));
        }
        attachments.push(document(node)?);
    }
    let Some(address) = address(recipient)? else { return Ok(None) };
    // Nothing says that the document shows the address in the window: it is imprinted.
    let wishes = PrintWishes { imprint_recipient: true, ..PrintWishes::default() };
    Ok(Some(Physical { main, attachments, wishes, address: Some(address) }))
}

/// Several files of one document are the same in several formats: PDF where there is one.
fn document(node: Node<'_, '_>) -> Result<Document, Refusal> {
    let mut first = None;
    for file in children(node, "File") {
        let format = required_value(file, "encodingFormat", 256)?.to_lowercase();
        let content = required(file, "content")?;
        if format == "application/pdf" {
            return Ok(Document { format: Format::Pdf, bytes: base64_value(content)? });
        }
        first.get_or_insert((format, content));
    }
    let (format, content) = first.ok_or_else(|| Refusal::at("FP-I005", "element File is missing", node))?;
    Ok(Document { format: Format::Other(format), bytes: base64_value(content)? })
}

/// The recipient's address, where AttentionData has one.
fn address(recipient: Node<'_, '_>) -> Result<Option<PostalAddress>, Refusal> {
    let Some(attention) = child(recipient, "AttentionData") else { return Ok(None) };
    let Some(node) = child(attention, "Address") else { return Ok(None) };
    let get = |name| optional_value(node, name, 256);
    let (Some(name), Some(street), Some(zip)) = (optional_value(recipient, "label", 256)?, get("addressLabel")?, get("zipCode")?) else {
        return Ok(None);
    };
    let mut lines = vec![name];
    lines.extend(get("co")?.map(|co| if co.to_lowercase().starts_with("c/o") { co } else { format!("c/o {co}") }));
    let mut line = street;
    line.extend(get("houseNumber")?.map(|number| format!(" {number}")));
    let (floor, door) = (get("floor")?, get("door")?);
    line.extend(floor.map(|floor| format!(", {floor}.")));
    line.extend(door.map(|door| format!(" {door}")));
    lines.push(line);
    lines.push([zip.clone(), get("city")?.unwrap_or_default()].join(" ").trim_end().to_owned());
    // A sender family writes DA for Denmark.
    let country = get("country")?.map_or("DK".to_owned(), |c| c.to_uppercase());
    let danish = matches!(country.as_str(), "DK" | "DA" | "DNK" | "DANMARK" | "DENMARK");
    if !danish {
        lines.push(country.clone());
    }
    let is_postcode = danish && zip.len() == 4 && zip.bytes().all(|b| b.is_ascii_digit());
    let country = if danish { "DK".to_owned() } else { country };
    Ok(Some(PostalAddress { lines, postcode: is_postcode.then_some(zip), country }))
}

/// The element's own bytes, with the namespace declarations it inherits and uses added to its start tag.
fn standalone(text: &str, message: Node<'_, '_>) -> Vec<u8> {
    let element = &text[message.range()];
    let parent = message.parent_element();
    let mut inherited = String::new();
    for namespace in message.namespaces() {
        let declared_around = parent.is_some_and(|p| p.namespaces().any(|n| n.name() == namespace.name() && n.uri() == namespace.uri()));
        let attribute = namespace.name().map_or("xmlns".to_owned(), |name| format!("xmlns:{name}"));
        let start_tag = &element[..element.find('>').unwrap_or(element.len())];
        let declared_here = start_tag.split_ascii_whitespace().any(|word| word.split('=').next() == Some(attribute.as_str()));
        if declared_around && !declared_here && namespace.name() != Some("xml") {
            inherited += &format!(" {attribute}=\"{}\"", namespace.uri().replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"));
        }
    }
    let name_end = element.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/').unwrap_or(element.len());
    [&element[..name_end], &inherited, &element[name_end..]].concat().into_bytes()
}
