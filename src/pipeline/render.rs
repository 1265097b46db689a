//! Makes one letter of what the sender handed in: draws it from a template, or takes the sender's PDF, and puts cover sheet
//! and attachments to it.
//!
//! Pure. A PDF that needs nothing goes through byte for byte; where parts are joined, the content streams of the sender's
//! pages stay as they are. What the vendor makes of the result is for [`super::validate`] to say.

use super::template::{DATE, MissingValue, SENDER, Template, Templates};
use crate::domain::redact::redact;
use crate::domain::{Plex, PostalAddress, Sha256};
use crate::pdf::draw::{DrawFault, LetterText, Window, cover_sheet, letter};
use crate::pdf::join::join;
use crate::vendor::VendorProfile;
use crate::vendor::profile::AddressBox;
use std::borrow::Cow;
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;

const MONTHS: [&str; 12] =
    ["januar", "februar", "marts", "april", "maj", "juni", "juli", "august", "september", "oktober", "november", "december"];

/// What the letter itself is.
#[derive(Clone, Copy)]
pub enum Main<'a> {
    /// The sender's PDF.
    Pdf(&'a [u8]),
    /// Drawn here; `values` by column.
    Template { name: &'a str, values: &'a BTreeMap<String, String> },
}

/// What is to become one letter. No `Debug`: it holds names and addresses.
pub struct Order<'a> {
    pub main: Main<'a>,
    /// PDFs in print order.
    pub attachments: Vec<&'a [u8]>,
    pub address: Option<&'a PostalAddress>,
    /// PaatrykModtagerAdresseIndikator: a cover sheet with the address goes in front. A template carries the address itself.
    pub imprint: bool,
    pub plex: Plex,
    /// Name and return address of the municipality.
    pub sender_lines: &'a [String],
    /// ISO date; written in Danish on letters.
    pub date: &'a str,
}

/// One letter's PDF, as it goes to the vendor. Only [`render`] makes one.
pub struct RenderedLetter {
    bytes: Vec<u8>,
    received: Sha256,
    untouched: bool,
}

/// Why no letter came of the order: FP-D001 to FP-D005 and FP-I010. The message holds no text of the letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderFault {
    pub code: &'static str,
    pub message: String,
}

impl RenderedLetter {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Hash of the main PDF as it was handed in; of the drawn PDF where there was none.
    pub fn received(&self) -> Sha256 {
        self.received
    }

    /// The bytes are those that the sender handed in. Never so for a drawn letter.
    pub fn untouched(&self) -> bool {
        self.untouched
    }
}

impl From<DrawFault> for RenderFault {
    fn from(fault: DrawFault) -> Self {
        Self { code: fault.code, message: fault.message }
    }
}

impl From<&AddressBox> for Window {
    fn from(of: &AddressBox) -> Self {
        Self {
            x_mm: of.x_mm,
            y_mm: of.y_mm,
            width_mm: of.width_mm,
            height_mm: of.height_mm,
            font_size_max_pt: of.font_size_max_pt,
            font_size_min_pt: of.font_size_min_pt,
            lines_max: of.lines_max,
        }
    }
}

/// Makes the letter.
pub fn render(order: &Order<'_>, templates: &Templates, profile: &VendorProfile) -> Result<RenderedLetter, RenderFault> {
    let window = Window::from(&profile.address_box);
    let main = match order.main {
        Main::Pdf(bytes) => Cow::Borrowed(bytes),
        Main::Template { name, values } => {
            let template = templates.get(name).ok_or_else(|| unknown(name, templates))?;
            Cow::Owned(draw(template, values, order, &window)?)
        }
    };
    let received = Sha256(openssl::sha::sha256(&main));
    let handed_in = matches!(order.main, Main::Pdf(_));
    let cover = match handed_in && order.imprint {
        true => Some(cover_sheet(order.sender_lines, &address_lines(order)?, &window)?),
        false => None,
    };
    if cover.is_none() && order.attachments.is_empty() {
        return Ok(RenderedLetter { bytes: main.into_owned(), received, untouched: handed_in });
    }
    let parts: Vec<&[u8]> = cover.as_deref().into_iter().chain([&main[..]]).chain(order.attachments.iter().copied()).collect();
    let joined = join(&parts, order.plex == Plex::Duplex).map_err(|fault| {
        let part = match fault.part - usize::from(cover.is_some()) {
            0 => "the cover sheet".to_owned(),
            1 => "the main document".to_owned(),
            nth => format!("attachment {}", nth - 1),
        };
        RenderFault { code: "FP-D005", message: format!("{part} cannot be joined: {}", fault.why) }
    })?;
    Ok(RenderedLetter { bytes: joined.bytes, received, untouched: false })
}

/// The address as it stands in the window: no empty lines. FP-I010 when nothing is left.
fn address_lines(order: &Order<'_>) -> Result<Vec<String>, RenderFault> {
    let lines = order.address.map(|address| &address.lines[..]).unwrap_or_default();
    // Some systems write Å as A and a ring: composed, it is the one character that the font has.
    let lines: Vec<String> = lines.iter().map(|line| line.trim().nfc().collect()).filter(|line: &String| !line.is_empty()).collect();
    match lines.is_empty() {
        true => Err(RenderFault { code: "FP-I010", message: "the letter has no address to put in the window".to_owned() }),
        false => Ok(lines),
    }
}

fn draw(template: &Template, values: &BTreeMap<String, String>, order: &Order<'_>, window: &Window) -> Result<Vec<u8>, RenderFault> {
    let address_lines = address_lines(order)?;
    let fault = |message: String| RenderFault { code: "FP-D003", message };
    let date = danish_date(order.date).ok_or_else(|| fault(format!("placeholder {DATE}: the letter's date is not an ISO date")))?;
    let sender = order.sender_lines.first().map(String::as_str).unwrap_or_default();
    let values: BTreeMap<String, String> = values.iter().map(|(column, text)| (column.clone(), text.nfc().collect())).collect();
    let filled = template.fill(&values, &date, sender).map_err(|MissingValue(name)| {
        fault(match name.as_str() {
            SENDER => format!("placeholder {SENDER}: the sender has no line"),
            _ => format!("column {name} has no value"),
        })
    })?;
    let text = LetterText {
        title: template.title(),
        sender_lines: order.sender_lines,
        address_lines: &address_lines,
        date_line: &filled.place_and_date,
        heading: &filled.heading,
        paragraphs: &filled.paragraphs,
    };
    Ok(letter(&text, window)?)
}

fn unknown(name: &str, templates: &Templates) -> RenderFault {
    let known: Vec<&str> = templates.names().collect();
    RenderFault { code: "FP-D003", message: format!("no template is named {}; known are {}", redact(name), known.join(", ")) }
}

/// `2026-11-24` as "24. november 2026".
fn danish_date(iso: &str) -> Option<String> {
    let date: jiff::civil::Date = iso.parse().ok()?;
    let month = MONTHS.get(usize::try_from(date.month()).ok()?.checked_sub(1)?)?;
    Some(format!("{}. {month} {}", date.day(), date.year()))
}
