//! A batch's answers as files, and the one place where their bytes are made. What is answered is decided in
//! `taken/<batch>/`, in this order: a receipt's rows (`receipt-<n>.csv` in our words, and beside it what the vendor's dialect
//! makes of them), its signature, its head, and for the first answer `ack.json`, whose presence is the decision. Then it is
//! brought out into the outbox, as often as anybody asks; a receipt's head last, because it says that the receipt is complete.

use super::book::put;
use super::seal::Seal;
use super::{PART, Places};
use crate::domain::answer::Dialect;
use crate::domain::{BatchName, LetterId, Sha256};
use crate::wire::receipt::{ANSWER_BYTES_MAX, Ack, AckResult, ReceiptHead, ReceiptRow, rows_from_csv, rows_to_csv, write_rows};
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
        self.put_signed(&state.join("ack.json"), &json(ack)?)?;
        File::open(&self.places.taken)?.sync_all()
    }

    /// Writes down a receipt; it goes out with [`Answers::bring_out`]. `dispatch_id` is the sender's identifier of a letter.
    pub fn add_receipt(
        &self,
        number: u32,
        (manifest_sha256, cumulative): (Sha256, bool),
        rows: &[ReceiptRow],
        dispatch_id: impl Fn(&LetterId) -> String,
        at: &str,
    ) -> io::Result<()> {
        let state = self.state();
        fs::create_dir_all(&state)?;
        let words = &self.places.speech.words;
        let written = write_rows(words, rows, dispatch_id).map_err(io::Error::other)?;
        let head = json(&head(self.batch, number, manifest_sha256, cumulative, rows, &written, at))?;
        put(&state.join("next.part"), &state.join(self.kept(number)), &rows_to_csv(rows).map_err(io::Error::other)?)?;
        let (rows_file, head_file) = (state.join(self.spoken(number)), state.join(format!("receipt-{number}.json")));
        if self.places.speech.heads {
            put(&state.join("next.part"), &rows_file, &written)?;
            return self.put_signed(&head_file, &head);
        }
        self.put_signed(&rows_file, &written)?;
        put(&state.join("next.part"), &head_file, &head)
    }

    /// A file, and before it the signature over it where this vendor signs.
    fn put_signed(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let next = self.state().join("next.part");
        if self.places.speech.signed {
            let signature = Seal::open(&self.places.dir)?.sign(bytes)?;
            put(&next, &signature_of(path), &signature)?;
        }
        put(&next, path, bytes)
    }

    /// The rows as we keep them.
    fn kept(&self, number: u32) -> String {
        match self.places.speech.words.dialect {
            // The same columns, and perhaps other words.
            Dialect::Csv => format!("kept-{number}.csv"),
            _ => format!("receipt-{number}.csv"),
        }
    }

    /// The rows as they were said: a receipt of before the vendor's dialect changed stays in the old one.
    fn said(&self, number: u32) -> String {
        let spoken = self.spoken(number);
        if self.state().join(&spoken).exists() { spoken } else { format!("receipt-{number}.csv") }
    }

    /// The rows as this vendor speaks.
    fn spoken(&self, number: u32) -> String {
        format!("receipt-{number}.{}", self.places.speech.words.dialect.ending())
    }

    /// The rows of each receipt that is decided, in order.
    pub fn receipts(&self) -> io::Result<Vec<Vec<ReceiptRow>>> {
        let mut receipts = Vec::new();
        for number in 1..=RECEIPTS_MAX {
            let Some(csv) = self.receipt(number)? else { break };
            receipts.push(rows_from_csv(&csv).map_err(io::Error::other)?);
        }
        Ok(receipts)
    }

    /// The rows as we keep them, once their head is decided.
    fn receipt(&self, number: u32) -> io::Result<Option<Vec<u8>>> {
        if !self.state().join(format!("receipt-{number}.json")).exists() {
            return Ok(None);
        }
        // A site that ran before kept them under the name that they have in the outbox.
        let kept = read_if_there(&self.state().join(self.kept(number)))?;
        let rows = kept.map_or_else(|| read_if_there(&self.state().join(format!("receipt-{number}.csv"))), |rows| Ok(Some(rows)))?;
        rows.ok_or_else(|| io::Error::other(format!("receipt {number} of {} has a head, but no rows", self.batch))).map(Some)
    }

    /// Brings out what is decided: the acknowledgement, and each receipt after `print` has had its rows.
    pub fn bring_out(&self, mut print: impl FnMut(&[ReceiptRow]) -> io::Result<()>) -> io::Result<()> {
        let Some(ack) = self.decided()? else { return Ok(()) };
        self.publish("ack.json")?;
        if ack.result == AckResult::Rejected {
            return Ok(());
        }
        for number in 1..=RECEIPTS_MAX {
            let Some(rows) = self.receipt(number)? else { break };
            print(&rows_from_csv(&rows).map_err(io::Error::other)?)?;
            self.publish(&self.said(number))?;
            if self.places.speech.heads {
                self.publish(&format!("receipt-{number}.json"))?;
            }
        }
        Ok(())
    }

    /// Brings out a file of the batch, its signature first where it has one.
    fn publish(&self, file: &str) -> io::Result<()> {
        let path = self.state().join(file);
        let bring = |bytes: &[u8], ending: &str| {
            let name = format!("{}.{file}{ending}", self.batch);
            put(&self.state().join(format!("out.{PART}")), &self.places.outbox.join(name), bytes)
        };
        if let Some(signature) = read_if_there(&signature_of(&path))? {
            bring(&signature, ".p7s")?;
        }
        bring(&fs::read(path)?, "")
    }
}

fn head(
    batch: &BatchName,
    number: u32,
    manifest_sha256: Sha256,
    cumulative: bool,
    rows: &[ReceiptRow],
    written: &[u8],
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
        rows_sha256: Sha256(openssl::sha::sha256(written)),
        at: at.to_owned(),
    }
}

fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".p7s");
    name.into()
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
