//! Letters by filter. The counts in `tally` know most of what can be asked: they say how many letters are meant, and in which
//! batches and statuses these are, which is what the table of letters has an index for.

use super::{Ledger, LedgerError};
use crate::domain::LetterId;
use crate::domain::filter::{Comparison, Condition, Field, Filter, Value};
use crate::domain::state::LetterState;
use rusqlite::params_from_iter;
use rusqlite::types::Value as Sql;

/// Where fewer than one in so many letters can be meant, they are looked up by batch and status; otherwise the table is read
/// in the order that the letters came until the list is full.
const FEW: i64 = 20;

impl Ledger {
    /// Letters by filter, in the order they came, at most `limit`.
    pub fn letters(&self, filter: &Filter, limit: u32) -> Result<Vec<(LetterId, LetterState)>, LedgerError> {
        let (condition, mut parameters) = question(filter, of_letter);
        let counted = Filter(filter.0.iter().filter(|c| of_tally(c.field).is_some()).cloned().collect());
        let query = if counted.0.is_empty() || self.sum(&counted)? * FEW >= self.sum(&Filter::default())? {
            format!("SELECT id, state FROM letter NOT INDEXED WHERE {condition} ORDER BY rowid LIMIT {limit}")
        } else {
            let (places, of_places) = question(&counted, of_tally);
            parameters.splice(0..0, of_places);
            format!(
                "SELECT id, state FROM letter INDEXED BY letter_batch
                 WHERE (batch, status) IN (SELECT batch, status FROM tally WHERE {places}) AND {condition} ORDER BY rowid LIMIT {limit}"
            )
        };
        self.states(&query, params_from_iter(parameters))
    }

    /// How many letters are meant.
    pub fn count_letters(&self, filter: &Filter) -> Result<u64, LedgerError> {
        if filter.0.iter().all(|c| of_tally(c.field).is_some()) {
            return Ok(self.sum(filter)?.unsigned_abs());
        }
        let counted = Filter(filter.0.iter().filter(|c| of_tally(c.field).is_some()).cloned().collect());
        let (places, mut parameters) = question(&counted, of_tally);
        let (condition, of_letters) = question(filter, of_letter);
        parameters.extend(of_letters);
        let places = if counted.0.is_empty() {
            String::new()
        } else {
            format!("(batch, status) IN (SELECT batch, status FROM tally WHERE {places}) AND ")
        };
        let query = format!("SELECT count(*) FROM letter WHERE {places}{condition}");
        let count: i64 = self.connection.query_row(&query, params_from_iter(parameters), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Letters of the places in `tally` that a filter of its fields takes.
    fn sum(&self, filter: &Filter) -> Result<i64, LedgerError> {
        let (condition, parameters) = question(filter, of_tally);
        let query = format!("SELECT coalesce(sum(letters), 0) FROM tally WHERE {condition}");
        Ok(self.connection.query_row(&query, params_from_iter(parameters), |row| row.get(0))?)
    }
}

/// The text of a condition, and the values that belong to it, which are never part of the text.
fn question(filter: &Filter, column: fn(Field) -> Option<&'static str>) -> (String, Vec<Sql>) {
    let mut parts = vec!["1".to_owned()];
    let mut parameters = Vec::new();
    for Condition { field, comparison, value } in &filter.0 {
        let Some(column) = column(*field) else { continue };
        parts.push(format!("{column} {} ?", sign(*comparison)));
        parameters.push(match value {
            Value::Text(text) => Sql::Text(text.clone()),
            Value::Number(number) => Sql::Integer(*number),
        });
    }
    (parts.join(" AND "), parameters)
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Is => "=",
        Comparison::IsNot => "<>",
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::More => ">",
        Comparison::AtLeast => ">=",
    }
}

/// Where a field stands in the table of letters.
fn of_letter(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::Status => "status",
        Field::Municipality => "municipality",
        Field::Vendor => "vendor",
        Field::Batch => "batch",
        Field::Night => "state ->> '$.business_date'",
        Field::Code => "coalesce(state ->> '$.reason[0]', '')",
        Field::Word => "coalesce(state ->> '$.word', '')",
        Field::Sender => "state ->> '$.sender'",
        Field::Dispatch => "state ->> '$.dispatch_id'",
        Field::Pages => "state ->> '$.job.pages'",
        Field::Sheets => "state ->> '$.job.sheets'",
        Field::Reprint => "iif(state ->> '$.reprint_of' IS NULL, 'no', 'yes')",
        Field::Recall => "coalesce(state ->> '$.recall', 'no')",
    })
}

/// The same in the table of counts; `None` for what is not counted. See [`LetterState::counted_under`].
fn of_tally(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::Status => "status",
        Field::Municipality => "municipality",
        Field::Vendor => "vendor",
        Field::Batch => "batch",
        Field::Night => "business_date",
        Field::Code => "iif(status IN ('held', 'rejected', 'cancelled'), word, '')",
        Field::Word => "iif(status IN ('shipped', 'settled', 'returned'), word, '')",
        _ => return None,
    })
}
