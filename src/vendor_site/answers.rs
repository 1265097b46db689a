//! A batch's answers as files, and the one place where their bytes are made. What is answered is decided in
//! `taken/<batch>/`, in this order: a receipt's rows, its head, and for the first answer `ack.json`, whose presence is the
//! decision. Then it is brought out into the outbox, as often as anybody asks; a receipt's head last, because it says
//! that the receipt is complete.

use super::book::put;
use super::{PART, Places};
use crate::domain::{BatchName, Sha256};
use crate::wire::manifest::BatchFiles;
use crate::wire::receipt::{ANSWER_BYTES_MAX, Ack, AckResult, ReceiptHead, ReceiptRow, rows_from_csv, rows_to_csv};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Receipts of one batch.
pub const RECEIPTS_MAX: u32 = 10_000;

/// The answers to one batch.
pub struct Answers<'a> {
    places: &'a Places,
    batch: &'a BatchName,
}

impl<'a> Answers<'a> {
    pub fn to(places: &'a Places, batch: &'a BatchName) -> Self {
        Self { places, batch }
    }

    /// Where they are decided.
    pub fn state(&self) -> PathBuf {
        self.places.taken.join(self.batch.as_str())
    }

    /// The answer to the batch itself, once it is decided.
    pub fn decided(&self) -> io::Result<Option<Ack>> {
        let bytes = read_if_there(&self.state().join("ack.json"))?;
        bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::other)).transpose()
    }

    /// Decides; after this nothing about the answer changes.
    pub fn decide(&self, ack: &Ack) -> io::Result<()> {
        let state = self.state();
        fs::create_dir_all(&state)?;
        put(&state.join("next.part"), &state.join("ack.json"), &json(ack)?)?;
        File::open(&self.places.taken)?.sync_all()
    }

    /// Writes down a receipt; it goes out with [`Answers::bring_out`].
    pub fn add_receipt(&self, number: u32, manifest_sha256: Sha256, cumulative: bool, rows: &[ReceiptRow], at: &str) -> io::Result<()> {
        let state = self.state();
        fs::create_dir_all(&state)?;
        let csv = rows_to_csv(rows).map_err(io::Error::other)?;
        let head = head(self.batch, number, manifest_sha256, cumulative, rows, &csv, at);
        put(&state.join("next.part"), &state.join(format!("receipt-{number}.csv")), &csv)?;
        put(&state.join("next.part"), &state.join(format!("receipt-{number}.json")), &json(&head)?)
    }

    /// The rows of each receipt that is decided, in order.
    pub fn receipts(&self) -> io::Result<Vec<Vec<ReceiptRow>>> {
        let mut receipts = Vec::new();
        for number in 1..=RECEIPTS_MAX {
            let Some((csv, _)) = self.receipt(number)? else { break };
            receipts.push(rows_from_csv(&csv).map_err(io::Error::other)?);
        }
        Ok(receipts)
    }

    /// Rows and head, as bytes.
    fn receipt(&self, number: u32) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let Some(head) = read_if_there(&self.state().join(format!("receipt-{number}.json")))? else { return Ok(None) };
        let csv = read_if_there(&self.state().join(format!("receipt-{number}.csv")))?;
        csv.map(|csv| (csv, head))
            .ok_or_else(|| io::Error::other(format!("receipt {number} of {} has a head, but no rows", self.batch)))
            .map(Some)
    }

    /// Brings out what is decided: the acknowledgement, and each receipt after `print` has had its rows.
    pub fn bring_out(&self, mut print: impl FnMut(&[ReceiptRow]) -> io::Result<()>) -> io::Result<()> {
        let Some(ack) = self.decided()? else { return Ok(()) };
        self.publish(&BatchFiles::ack(self.batch), &json(&ack)?)?;
        if ack.result == AckResult::Rejected {
            return Ok(());
        }
        for number in 1..=RECEIPTS_MAX {
            let Some((csv, head)) = self.receipt(number)? else { break };
            print(&rows_from_csv(&csv).map_err(io::Error::other)?)?;
            self.publish(&format!("{}.receipt-{number}.csv", self.batch), &csv)?;
            self.publish(&format!("{}.receipt-{number}.json", self.batch), &head)?;
        }
        Ok(())
    }

    fn publish(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        put(&self.state().join(format!("out.{PART}")), &self.places.outbox.join(name), bytes)
    }
}

fn head(
    batch: &BatchName,
    number: u32,
    manifest_sha256: Sha256,
    cumulative: bool,
    rows: &[ReceiptRow],
    csv: &[u8],
    at: &str,
) -> ReceiptHead {
    let sum = |field: fn(&ReceiptRow) -> u32| rows.iter().fold(0u32, |sum, row| sum.saturating_add(field(row)));
    ReceiptHead {
        batch: batch.clone(),
        manifest_sha256,
        number,
        cumulative,
        letters: rows.len() as u32,
        pages: sum(|row| row.pages),
        sheets: sum(|row| row.sheets),
        csv_sha256: Sha256(openssl::sha::sha256(csv)),
        at: at.to_owned(),
    }
}

fn json(answer: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(answer)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_bounded(path, ANSWER_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// At most `bytes_max` and one: what is larger is refused by whoever looks at it.
pub fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
