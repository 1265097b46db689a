//! The dialect `pipe`: a line a letter, `reference|status|page_count|tier|date`, after the response file that GOV.UK
//! Notify's printer sent until 2024.
//!
//! `reference` is our letter id and `page_count` counts sheets of paper, as it does there; pages it does not say. `status`
//! may have a reason after a blank. `tier` is the price's: `Sorted`, `Unsorted` or nothing. One line that is wrong makes the
//! file wrong: there is no telling what the others were meant to be.

use super::{Named, ReceiptRow, Row, RowsFault, field, meaning};
use crate::domain::answer::Words;

const FIELDS: usize = 5;

pub fn read(words: &Words, bytes: &[u8], rows_max: usize) -> Result<Vec<Row>, RowsFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| RowsFault::Unreadable("the rows are not UTF-8".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}');
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(RowsFault::Unreadable("the last line has no end: the file may not be whole yet".to_owned()));
    }
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if index == rows_max {
            return Err(RowsFault::TooMany(rows_max));
        }
        rows.push(row(words, index + 1, line)?);
    }
    Ok(rows)
}

fn row(words: &Words, number: usize, line: &str) -> Result<Row, RowsFault> {
    let wrong = |why: &str| RowsFault::Unreadable(format!("line {number}: {why}"));
    let fields: Vec<&str> = line.split('|').collect();
    let [reference, status, page_count, tier, date] = fields[..] else {
        return Err(wrong(&format!("{} fields, expected are {FIELDS}", fields.len())));
    };
    if !["", "sorted", "unsorted"].contains(&tier.trim().to_ascii_lowercase().as_str()) {
        return Err(wrong("the tier is neither Sorted nor Unsorted"));
    }
    let (word, reason) = status.trim().split_once(' ').unwrap_or((status.trim(), ""));
    let sheets = match page_count.trim() {
        "" => None,
        count => Some(count.parse().map_err(|_| wrong("page_count is no number"))?),
    };
    Ok(Row {
        named: Named::Letter(field(number, "reference", reference)?),
        meaning: meaning(words, number, word)?,
        said: field(number, "status", word)?,
        reason: field(number, "the reason", reason)?,
        pages: None,
        sheets,
        at: field(number, "date", date)?,
    })
}

pub fn write(words: &Words, rows: &[ReceiptRow]) -> Vec<u8> {
    let line = |row: &ReceiptRow| {
        let ReceiptRow { letter_id, status, sheets, at, .. } = row;
        // What parts the fields cannot stand in one.
        let reason = row.reason.replace(['|', '\r', '\n'], "/");
        let status = [words.word_for(*status), &reason].join(" ");
        format!("{letter_id}|{}|{sheets}|Unsorted|{}\n", status.trim_end(), at.get(..10).unwrap_or(at))
    };
    rows.iter().map(line).collect::<String>().into_bytes()
}
