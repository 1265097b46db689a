//! A table of letters, one row each: `letters.csv` with the PDFs that it names beside it, or with values for a template.
//!
//! UTF-8 with or without a byte order mark, `;`, a header row, RFC 4180 quoting. Columns that are not known here are
//! values for the template's placeholders.

use super::message::identity_fault;
use super::xml::Refusal;
use crate::domain::{Colour, Envelope, Plex, Postage, PostalAddress, PrintWishes, Recipient};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// The table's name in its folder.
pub const TABLE_NAME: &str = "letters.csv";
/// Largest table, bytes.
pub const TABLE_BYTES_MAX: u64 = 64 << 20;
/// Most rows of one table.
pub const ROWS_MAX: usize = 100_000;
const ATTACHMENTS_MAX: usize = 100;
const CELL_CHARS_MAX: usize = 4_000;
/// AfsendelseIdentifikator has at most that many characters.
const IDENTITY_CHARS_MAX: usize = 38;
const LINE_CHARS_MAX: usize = 130;
const KNOWN: [&str; 19] = [
    "dispatch_id",
    "recipient_id",
    "name",
    "co",
    "street",
    "place",
    "postcode",
    "city",
    "country",
    "document",
    "attachments",
    "template",
    "imprint",
    "plex",
    "colour",
    "envelope",
    "postage",
    "cost_group",
    "latest_arrival",
];

/// What the letter is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowBody {
    /// The name of a PDF beside the table.
    Document(String),
    Template {
        name: String,
        values: BTreeMap<String, String>,
    },
}

/// One letter of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// Counted from 1, the header's line included.
    pub line: u64,
    pub recipient: Recipient,
    /// Absent when the PDF carries the address itself.
    pub address: Option<PostalAddress>,
    pub body: RowBody,
    /// Names of PDFs beside the table, in print order.
    pub attachments: Vec<String>,
    pub wishes: PrintWishes,
}

/// A row: a letter under its sender's identifier, or why it is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub line: u64,
    /// Absent when the row has no identifier that can be used.
    pub dispatch_id: Option<String>,
    pub content: Result<TableRow, Refusal>,
}

/// Parses a table. A row that is wrong is refused alone; a table that cannot be read as rows is refused whole (FP-I016).
pub fn parse_table(bytes: &[u8]) -> Result<Vec<Row>, Refusal> {
    let whole = |message: String, line: u64| Refusal::new("FP-I016", message, format!("line {line}"));
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|_| whole("the header row is not UTF-8".to_owned(), 1))?.clone();
    for needed in ["dispatch_id", "recipient_id"] {
        if header.iter().filter(|h| *h == needed).count() != 1 {
            return Err(whole(format!("the header row must name the column {needed} once"), 1));
        }
    }
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        if index == ROWS_MAX {
            return Err(whole(format!("the table has more than {ROWS_MAX} rows"), 1));
        }
        // The parser's own words may quote a cell: only the line is told.
        let record = record.map_err(|fault| {
            let line = fault.position().map_or(index as u64 + 2, csv::Position::line);
            let why = match fault.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!("the row has {len} cells, the header {expected_len}"),
                csv::ErrorKind::Utf8 { .. } => "the row is not UTF-8".to_owned(),
                _ => "the row cannot be read as CSV".to_owned(),
            };
            whole(why, line)
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(Cells { header: &header, record: &record, line }.row());
    }
    if rows.is_empty() { Err(whole("the table has no row".to_owned(), 1)) } else { Ok(rows) }
}

/// One row with its header, to look cells up by name.
struct Cells<'a> {
    header: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
    line: u64,
}

impl Cells<'_> {
    fn row(&self) -> Row {
        match self.identity() {
            Ok(id) => Row { line: self.line, dispatch_id: Some(id), content: self.content() },
            Err(refusal) => Row { line: self.line, dispatch_id: None, content: Err(refusal) },
        }
    }

    fn refuse(&self, code: &'static str, column: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(code, message, format!("line {}, column {column}", self.line))
    }

    /// The cell of a column; `None` when the table has no such column or the cell is empty.
    fn cell(&self, column: &str) -> Option<&str> {
        let index = self.header.iter().position(|h| h == column)?;
        self.record.get(index).filter(|text| !text.is_empty())
    }

    fn short(&self, column: &str, most: usize) -> Result<Option<String>, Refusal> {
        let text = self.cell(column).unwrap_or_default();
        if text.chars().count() > most {
            return Err(self.refuse("FP-I020", column, format!("the text is longer than {most} characters")));
        }
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn identity(&self) -> Result<String, Refusal> {
        let column = "dispatch_id";
        let id = self.short(column, IDENTITY_CHARS_MAX)?.ok_or_else(|| self.refuse("FP-I005", column, "the identifier is missing"))?;
        match identity_fault(&id) {
            Some((code, why)) => Err(self.refuse(code, column, why)),
            None => Ok(id),
        }
    }

    fn content(&self) -> Result<TableRow, Refusal> {
        let recipient = match self.cell("recipient_id") {
            None => Recipient::Withheld,
            Some(id) => {
                id.parse().map_err(|_| self.refuse("FP-I009", "recipient_id", "the recipient is neither a CPR nor a CVR number"))?
            }
        };
        let address = self.address()?;
        let body = self.body()?;
        let wishes = PrintWishes {
            plex: self.word("plex", Plex::from_word)?,
            colour: self.word("colour", Colour::from_word)?,
            envelope: self.word("envelope", Envelope::from_word)?,
            postage: self.word("postage", Postage::from_word)?,
            letter_type: None,
            imprint_recipient: self.yes("imprint")?,
            cost_group: self.short("cost_group", 2000)?,
            latest_arrival: self.day("latest_arrival")?,
        };
        let needs_address = wishes.imprint_recipient || matches!(body, RowBody::Template { .. });
        if needs_address && address.is_none() {
            return Err(self.refuse("FP-I010", "street, postcode", "the address is missing, and it is to be printed on the letter"));
        }
        let names: Vec<String> =
            self.cell("attachments").map(|list| list.split('|').map(|n| n.trim().to_owned()).collect()).unwrap_or_default();
        if names.len() > ATTACHMENTS_MAX {
            return Err(self.refuse("FP-I005", "attachments", format!("more than {ATTACHMENTS_MAX} attachments")));
        }
        for name in &names {
            self.plain_name("attachments", name)?;
        }
        Ok(TableRow { line: self.line, recipient, address, body, attachments: names, wishes })
    }

    /// Name, a street or place, and a postcode make an address; none of it is none; some of it is an error.
    fn address(&self) -> Result<Option<PostalAddress>, Refusal> {
        let line = |column| self.short(column, LINE_CHARS_MAX);
        let (name, co, street, place) = (line("name")?, line("co")?, line("street")?, line("place")?);
        let (postcode, city, country) = (line("postcode")?, line("city")?, line("country")?);
        let country = country.map_or("DK".to_owned(), |c| c.to_uppercase());
        if street.is_none() && place.is_none() && postcode.is_none() && city.is_none() {
            return Ok(None);
        }
        let Some(name) = name else { return Err(self.refuse("FP-I010", "name", "the address has no name")) };
        if street.is_none() && place.is_none() {
            return Err(self.refuse("FP-I010", "street", "the address has neither a street nor a place"));
        }
        let danish = matches!(country.as_str(), "DK" | "DNK" | "208");
        let four_digits = |code: &String| code.len() == 4 && code.bytes().all(|b| b.is_ascii_digit());
        if danish && !postcode.as_ref().is_some_and(four_digits) {
            return Err(self.refuse("FP-I010", "postcode", "the postcode of a Danish address must have four digits"));
        }
        let mut lines = vec![name];
        lines.extend(co.map(|co| if co.to_lowercase().starts_with("c/o") { co } else { format!("c/o {co}") }));
        lines.extend(street);
        lines.extend(place);
        let town = [postcode.clone().unwrap_or_default(), city.unwrap_or_default()].join(" ");
        lines.extend((!town.trim().is_empty()).then(|| town.trim().to_owned()));
        if !danish {
            lines.push(country.clone());
        }
        Ok(Some(PostalAddress { lines, postcode: postcode.filter(|_| danish), country: if danish { "DK".to_owned() } else { country } }))
    }

    fn body(&self) -> Result<RowBody, Refusal> {
        match (self.cell("document"), self.cell("template")) {
            (Some(name), None) => Ok(RowBody::Document(self.plain_name("document", name)?)),
            (None, Some(name)) => {
                let mut values = BTreeMap::new();
                for (column, text) in self.header.iter().zip(self.record) {
                    if text.chars().count() > CELL_CHARS_MAX {
                        return Err(self.refuse(
                            "FP-I020",
                            "a template value",
                            format!("the text is longer than {CELL_CHARS_MAX} characters"),
                        ));
                    }
                    if !KNOWN.contains(&column) || column == "name" {
                        values.insert(column.to_owned(), text.to_owned());
                    }
                }
                Ok(RowBody::Template { name: name.to_owned(), values })
            }
            _ => Err(self.refuse("FP-I005", "document, template", "the row must name a document or a template, and not both")),
        }
    }

    /// A name from outside is never a path.
    fn plain_name(&self, column: &str, name: &str) -> Result<String, Refusal> {
        let plain = !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        if plain { Ok(name.to_owned()) } else { Err(self.refuse("FP-I014", column, "not the plain name of a file beside the table")) }
    }

    fn word<T>(&self, column: &str, known: fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
        let Some(text) = self.cell(column) else { return Ok(None) };
        known(&text.to_lowercase())
            .map(Some)
            .ok_or_else(|| self.refuse("FP-I005", column, "the word is not one of those this column takes"))
    }

    fn day(&self, column: &str) -> Result<Option<Date>, Refusal> {
        let date = |text: &str| text.parse().map_err(|_| self.refuse("FP-I005", column, "not a date of the calendar as 2026-11-24"));
        self.cell(column).map(date).transpose()
    }

    fn yes(&self, column: &str) -> Result<bool, Refusal> {
        match self.cell(column).unwrap_or_default().to_lowercase().as_str() {
            "" | "0" | "no" | "nej" | "false" => Ok(false),
            "1" | "yes" | "ja" | "true" => Ok(true),
            _ => Err(self.refuse("FP-I005", column, "the word is neither yes nor no")),
        }
    }
}
