//! How many letters stand where: what is added and taken away by the events of one transaction, and written once at its end.

use super::LedgerError;
use crate::domain::state::LetterState;
use rusqlite::{Transaction, params};
use std::collections::BTreeMap;

/// Night, municipality, vendor, batch, status and word; see [`LetterState::counted_under`].
pub(super) type Place = [String; 6];

/// Letters, pages, sheets and bytes.
pub(super) type Sums = [i64; 4];

/// Sums by place; differences while a transaction is made.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<Place, Sums>);

impl Tally {
    /// A letter came to where this state says.
    pub fn add(&mut self, state: &LetterState) {
        self.count(state, 1);
    }

    /// A letter left the place that this state says.
    pub fn take(&mut self, state: &LetterState) {
        self.count(state, -1);
    }

    fn count(&mut self, state: &LetterState, sign: i64) {
        let sums = self.0.entry(place(state)).or_default();
        let job = state.job.as_ref();
        let of_job = [1, job.map_or(0, |j| i64::from(j.pages)), job.map_or(0, |j| i64::from(j.sheets)), job.map_or(0, |j| j.bytes as i64)];
        for (sum, one) in sums.iter_mut().zip(of_job) {
            *sum += sign * one;
        }
    }

    /// Adds the differences to the table.
    pub fn write(&self, t: &Transaction<'_>) -> Result<(), LedgerError> {
        let mut add = t.prepare_cached(
            "INSERT INTO tally (business_date, municipality, vendor, batch, status, word, letters, pages, sheets, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (business_date, municipality, vendor, batch, status, word) DO UPDATE SET letters = letters + excluded.letters,
             pages = pages + excluded.pages, sheets = sheets + excluded.sheets, bytes = bytes + excluded.bytes",
        )?;
        let mut clear = t.prepare_cached(
            "DELETE FROM tally WHERE business_date = ?1 AND municipality = ?2 AND vendor = ?3 AND batch = ?4 AND status = ?5
             AND word = ?6 AND letters = 0",
        )?;
        for ([night, municipality, vendor, batch, status, word], [letters, pages, sheets, bytes]) in &self.0 {
            if [letters, pages, sheets, bytes].iter().all(|sum| **sum == 0) {
                continue;
            }
            add.execute(params![night, municipality, vendor, batch, status, word, letters, pages, sheets, bytes])?;
            if *letters < 0 {
                clear.execute(params![night, municipality, vendor, batch, status, word])?;
            }
        }
        Ok(())
    }

    /// By place, what is not zero.
    pub fn into_sums(self) -> BTreeMap<Place, Sums> {
        self.0.into_iter().filter(|(_, sums)| sums[0] != 0).collect()
    }
}

fn place(state: &LetterState) -> Place {
    let vendor = state.job.as_ref().map(|job| job.vendor.to_string()).unwrap_or_default();
    let batch = state.batch.as_ref().map(ToString::to_string).unwrap_or_default();
    let (status, word) = (state.status.word().to_owned(), state.counted_under().to_owned());
    [state.business_date.clone(), state.municipality.to_string(), vendor, batch, status, word]
}
