//! The dialect `csv`: `letter_id;status;reason;pages;sheets;at`, a header row, RFC 4180 quoting. Says everything.

use super::{Named, ReceiptRow, Row, RowsFault, field, meaning};
use crate::domain::answer::Words;
use crate::wire::manifest::{WireError, from_csv, to_csv};
use serde::{Deserialize, Serialize};

const WHAT: &str = "receipt csv";

/// A row whose words are the vendor's.
#[derive(Serialize, Deserialize)]
struct Written {
    letter_id: String,
    status: String,
    reason: String,
    pages: u32,
    sheets: u32,
    at: String,
}

/// In our own words, whatever the vendor's are.
pub fn rows_to_csv(rows: &[ReceiptRow]) -> Result<Vec<u8>, WireError> {
    to_csv(WHAT, rows)
}

pub fn rows_from_csv(bytes: &[u8]) -> Result<Vec<ReceiptRow>, WireError> {
    from_csv(WHAT, bytes)
}

pub fn read(words: &Words, bytes: &[u8], rows_max: usize) -> Result<Vec<Row>, RowsFault> {
    let mut reader = ::csv::ReaderBuilder::new().delimiter(b';').flexible(false).from_reader(bytes);
    let mut rows = Vec::new();
    for (index, written) in reader.deserialize().enumerate() {
        if index == rows_max {
            return Err(RowsFault::TooMany(rows_max));
        }
        let written: Written = written.map_err(|e| WireError::new(WHAT, e))?;
        let number = index + 1;
        rows.push(Row {
            named: Named::Letter(field(number, "letter_id", &written.letter_id)?),
            meaning: meaning(words, number, written.status.trim())?,
            said: field(number, "status", &written.status)?,
            reason: field(number, "reason", &written.reason)?,
            pages: Some(written.pages),
            sheets: Some(written.sheets),
            at: field(number, "at", &written.at)?,
        });
    }
    Ok(rows)
}

pub fn write(words: &Words, rows: &[ReceiptRow]) -> Result<Vec<u8>, WireError> {
    let written = |row: &ReceiptRow| Written {
        letter_id: row.letter_id.to_string(),
        status: words.word_for(row.status).to_owned(),
        reason: row.reason.clone(),
        pages: row.pages,
        sheets: row.sheets,
        at: row.at.clone(),
    };
    to_csv(WHAT, &rows.iter().map(written).collect::<Vec<_>>())
}
