//! A vendor's invoice as a table: a row a letter, `letter_id;sheets;postage;price`, or with headers of the vendor's own. UTF-8,
//! separated by `;`, quoted as in RFC 4180; other columns are passed over.

use super::manifest::WireError;

/// Largest invoice read, bytes.
pub const INVOICE_BYTES_MAX: u64 = 64 << 20;
pub const INVOICE_ROWS_MAX: usize = 1_000_000;
/// Longest identifier or class, characters.
const FIELD_CHARS_MAX: usize = 100;
const WHAT: &str = "invoice";

/// What a letter is billed as. What the invoice does not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    pub letter: String,
    pub sheets: Option<u32>,
    pub postage: Option<String>,
    /// Øre without VAT.
    pub price_ore: Option<u32>,
}

/// Reads an invoice whose columns are called so: letter, sheets, postage, price. Only the first must be there.
pub fn read(columns: [&str; 4], bytes: &[u8]) -> Result<Vec<Billed>, WireError> {
    let wrong = |why: &dyn std::fmt::Display| WireError::new(WHAT, why);
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').flexible(false).from_reader(bytes);
    let headers = reader.headers().map_err(|e| wrong(&e))?;
    let place = columns.map(|column| headers.iter().position(|header| header.trim() == column));
    let letter_at = place[0].ok_or_else(|| wrong(&format!("there is no column {:?}", columns[0])))?;
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        if index == INVOICE_ROWS_MAX {
            return Err(wrong(&format!("more than {INVOICE_ROWS_MAX} rows")));
        }
        let record = record.map_err(|e| wrong(&e))?;
        let at = |place: Option<usize>| place.and_then(|at| record.get(at)).map(str::trim).filter(|text| !text.is_empty());
        let bad = |column: &str| wrong(&format!("row {}: {column:?} is not what it should be", index + 1));
        let letter = record.get(letter_at).map(str::trim).unwrap_or_default();
        if [Some(letter), at(place[2])].into_iter().flatten().any(|text| text.chars().count() > FIELD_CHARS_MAX) {
            return Err(bad(columns[0]));
        }
        rows.push(Billed {
            letter: letter.to_owned(),
            sheets: at(place[1]).map(|text| text.parse().map_err(|_| bad(columns[1]))).transpose()?,
            postage: at(place[2]).map(str::to_owned),
            price_ore: at(place[3]).map(|text| ore(text).ok_or_else(|| bad(columns[3]))).transpose()?,
        });
    }
    Ok(rows)
}

/// `14`, `14,5`, `14,50` or `14.50` kroner.
fn ore(text: &str) -> Option<u32> {
    let (kroner, part) = text.split_once([',', '.']).unwrap_or((text, "00"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(kroner) || !digits(part) || part.len() > 2 {
        return None;
    }
    let part: u32 = if part.len() == 1 { part.parse::<u32>().ok()? * 10 } else { part.parse().ok()? };
    kroner.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part)
}
