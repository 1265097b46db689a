//! ForsendelseI, the physical letter of SF1600 and SF1601 (`urn:oio:fjernprint:1.0.0`).

use super::message::{Document, Format, Physical, checked_identity};
use super::xml::{Refusal, base64_value, child, children, optional_value, required, required_value, value};
use crate::domain::{Colour, Envelope, Plex, Postage, PostalAddress, PrintWishes, Recipient};
use roxmltree::Node;

/// AfsendelseIdentifikator has at most that many characters; it need not be a UUID.
const IDENTITY_CHARS_MAX: usize = 38;
/// Bilag in one ForsendelseI.
const ATTACHMENTS_MAX: usize = 100;

/// What is read of one ForsendelseI.
pub(super) struct Part {
    pub identity: String,
    pub recipient: Recipient,
    pub physical: Physical,
}

pub(super) fn parse(node: Node<'_, '_>) -> Result<Part, Refusal> {
    let identity = required_value(node, "AfsendelseIdentifikator", IDENTITY_CHARS_MAX)?;
    let identity = checked_identity(identity, required(node, "AfsendelseIdentifikator")?)?;
    let receiver = child(node, "ForsendelseModtager");
    let recipient = match receiver.and_then(|r| child(r, "AfsendelseModtager")) {
        Some(id) => recipient_of(id)?,
        None => Recipient::Withheld,
    };
    let address = receiver.and_then(|r| child(r, "ModtagerAdresse")).map(address).transpose()?;
    let main = document(node, required(node, "MeddelelseIndholdData")?)?;
    let wishes = wishes(node)?;
    if wishes.imprint_recipient && address.is_none() {
        return Err(Refusal::at("FP-I005", "the address is to be imprinted, but ModtagerAdresse is missing", node));
    }
    let attachments = attachments(node)?;
    Ok(Part { identity, recipient, physical: Physical { main, attachments, wishes, address } })
}

fn recipient_of(node: Node<'_, '_>) -> Result<Recipient, Refusal> {
    let id = child(node, "CPRnummerIdentifikator").or_else(|| child(node, "CVRnummerIdentifikator"));
    let Some(id) = id else { return Ok(Recipient::Withheld) };
    value(id, 40)?.parse().map_err(|_| Refusal::at("FP-I009", "the recipient is neither a CPR nor a CVR number", id))
}

fn document(owner: Node<'_, '_>, content: Node<'_, '_>) -> Result<Document, Refusal> {
    let name = required_value(owner, "FilformatNavn", 10)?.to_lowercase();
    let format = if name == "pdf" { Format::Pdf } else { Format::Other(name) };
    Ok(Document { format, bytes: base64_value(content)? })
}

fn attachments(node: Node<'_, '_>) -> Result<Vec<Document>, Refusal> {
    let Some(collection) = child(node, "BilagSamling") else { return Ok(Vec::new()) };
    let mut sorted = Vec::new();
    for bilag in children(collection, "Bilag") {
        if sorted.len() == ATTACHMENTS_MAX {
            return Err(Refusal::at("FP-I005", format!("more than {ATTACHMENTS_MAX} Bilag"), collection));
        }
        let index = required(bilag, "BilagSorteringsIndeksIdentifikator")?;
        let wrong = |_| Refusal::at("FP-I005", "the sort index is not a number", index);
        let order: u64 = value(index, 20)?.parse().map_err(wrong)?;
        let content = child(bilag, "VedhaeftningIndholdData")
            .ok_or_else(|| Refusal::at("FP-I005", "the Bilag holds no content; pre-stored enclosures and links are not taken", bilag))?;
        sorted.push((order, document(bilag, content)?));
    }
    sorted.sort_by_key(|(order, _)| *order);
    Ok(sorted.into_iter().map(|(_, document)| document).collect())
}

fn wishes(node: Node<'_, '_>) -> Result<PrintWishes, Refusal> {
    let print = child(node, "PrintParametre");
    let general = child(node, "KanalUafhaengigeParametreI");
    let letter_type = child(node, "ForsendelseTypeIdentifikator");
    let letter_type = letter_type.map(|n| {
        let wrong = |_| Refusal::at("FP-I005", "ForsendelseTypeIdentifikator is not a positive number", n);
        value(n, 20)?.parse::<u64>().map_err(wrong)
    });
    let imprint = match general {
        Some(g) => optional_value(g, "PaatrykModtagerAdresseIndikator", 5)?,
        None => None,
    };
    Ok(PrintWishes {
        plex: code(print, "SimplexDuplexKode", Plex::from_oio)?,
        colour: code(print, "FarveSHKode", Colour::from_oio)?,
        envelope: code(print, "KuvertTypeKode", Envelope::from_oio)?,
        postage: code(child(node, "PostParametre"), "PostKategoriKode", Postage::from_oio)?,
        letter_type: letter_type.transpose()?,
        imprint_recipient: matches!(imprint.as_deref(), Some("true" | "1")),
        cost_group: general.map(|g| optional_value(g, "KonteringsGruppeTekst", 2000)).transpose()?.flatten(),
        // The schema has no such element.
        latest_arrival: None,
    })
}

/// An optional enumeration; a word the schema does not know is an error, not a default.
fn code<T>(block: Option<Node<'_, '_>>, name: &str, known: fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
    let Some(node) = block.and_then(|b| child(b, name)) else { return Ok(None) };
    known(&value(node, 60)?).map(Some).ok_or_else(|| Refusal::at("FP-I005", "the code is not one of the schema's", node))
}

/// KontaktOplysningType: structured, or up to six free lines.
fn address(node: Node<'_, '_>) -> Result<PostalAddress, Refusal> {
    let get = |name: &str, most: usize| optional_value(node, name, most);
    let mut lines = vec![required_value(node, "PersonName", 130)?];
    let postcode = get("PostCodeIdentifier", 10)?;
    if let Some(street) = get("StreetName", 40)? {
        lines.extend(get("CoNavn", 130)?.map(|co| if co.to_lowercase().starts_with("c/o") { co } else { format!("c/o {co}") }));
        let mut line = format!("{street} {}", required_value(node, "StreetBuildingIdentifier", 10)?);
        line.extend(get("FloorIdentifier", 10)?.map(|floor| format!(", {}.", floor.to_lowercase())));
        line.extend(get("SuiteIdentifier", 4)?.map(|suite| format!(" {}", suite.to_lowercase())));
        lines.push(line);
        lines.extend(get("MailDeliverySublocationIdentifier", 34)?);
        // There is no district name in the schema: senders put it here.
        let district = get("DistrictSubdivisionIdentifier", 34)?.unwrap_or_default();
        lines.extend(postcode.as_ref().map(|code| format!("{code} {district}").trim_end().to_owned()));
    } else {
        let names = ["First", "Second", "Third", "Fourth", "Fifth", "Sixth"];
        for name in names {
            lines.extend(get(&format!("PostalAddress{name}LineText"), 34)?);
        }
        if lines.len() == 1 {
            return Err(Refusal::at("FP-I005", "the address has neither a street nor a line", node));
        }
        lines.extend(postcode.clone());
    }
    let country = get("CountryIdentificationCode", 4)?.map_or("DK".to_owned(), |c| c.to_uppercase());
    // 208 is Denmark in UN numeric, 5100 in the municipal code list (imk).
    let danish = matches!(country.as_str(), "DK" | "DNK" | "208" | "5100");
    if !danish {
        lines.push(country.clone());
    }
    let postcode = postcode.filter(|code| danish && code.len() == 4 && code.bytes().all(|b| b.is_ascii_digit()));
    Ok(PostalAddress { lines, postcode, country: if danish { "DK".to_owned() } else { country } })
}
