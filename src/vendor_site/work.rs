//! The printer: finds ready batches, decides once, prints once, answers as often as it is asked.
//!
//! What is decided about a batch stands in `taken/<batch>/` before anything is done about it: the receipt, then
//! `ack.json`, whose presence is the decision. Everything after that follows from these files and may be done twice.
//! `done` holds which ready marker was answered last; another marker is the question once more. A decision is never
//! taken back, not even a refusal: the sender may have put the letters into another batch by then.

use super::acceptance::{AcceptedBatch, Refusal, UNREADABLE, verify};
use super::book::{Book, put};
use super::{PART, Places};
use crate::domain::{BatchName, Sha256};
use crate::wire::manifest::{BatchFiles, LetterRow, MANIFEST_BYTES_MAX};
use crate::wire::receipt::{ANSWER_BYTES_MAX, Ack, AckResult, ReceiptHead, ReceiptRow, VendorStatus, rows_from_csv, rows_to_csv};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the inbox is looked at when nothing wakes the printer.
pub const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After a fault (a full disk, most likely) the printer rests for so long.
const REST: Duration = Duration::from_secs(2);

/// Tells one ready marker from a later one of the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    modified_ns: i128,
    inode: u64,
}

impl Stamp {
    fn text(&self) -> String {
        format!("{} {}\n", self.modified_ns, self.inode)
    }
}

/// The printer's desk.
pub struct Desk {
    places: Places,
    trusted_pem: Vec<u8>,
    /// `None` after a fault, until it was read again.
    book: Option<Book>,
    /// The marker that each batch was last answered, or logged, for.
    answered: HashMap<BatchName, String>,
    resting_until: Option<Instant>,
    /// Whether what was decided before is carried out; asked again after a fault.
    resumed: bool,
}

impl Desk {
    pub fn open(places: Places, trusted_pem: Vec<u8>) -> io::Result<Self> {
        let book = Some(Book::open(&places.dir)?);
        Ok(Self { places, trusted_pem, book, answered: HashMap::new(), resting_until: None, resumed: false })
    }

    /// Works through everything that is ready. A fault ends the round; nothing is left out, the next one begins again.
    pub fn look(&mut self) {
        if self.resting_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.resting_until = None;
        if let Err(fault) = self.round() {
            (self.book, self.resumed) = (None, false);
            self.resting_until = Some(Instant::now() + REST);
            self.log(&format!("the printer stopped and tries again: {fault}"));
        }
    }

    fn round(&mut self) -> io::Result<()> {
        if self.book.is_none() {
            self.book = Some(Book::open(&self.places.dir)?);
        }
        if !self.resumed {
            for batch in self.unfinished()? {
                self.carry_out(&batch)?;
            }
            self.resumed = true;
        }
        for (stamp, batch) in self.markers()? {
            if self.answered_for(&batch) != Some(stamp.text()) {
                self.answer(&batch, &stamp)?;
            }
        }
        Ok(())
    }

    /// Batches that were decided and whose answers may not all be out.
    fn unfinished(&self) -> io::Result<Vec<BatchName>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.places.taken)? {
            let Ok(batch) = entry?.file_name().to_string_lossy().parse() else { continue };
            let state = self.state(&batch);
            if state.join("ack.json").exists() && !state.join("done").exists() {
                found.push(batch);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Ready markers, the oldest first.
    fn markers(&self) -> io::Result<Vec<(Stamp, BatchName)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.places.held())? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(Ok(batch)) = name.to_str().and_then(|name| name.strip_suffix(".ready")).map(str::parse) else { continue };
            // Between the listing and this a client may have taken its marker back.
            let Ok(meta) = entry.metadata() else { continue };
            let modified_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
            found.push((Stamp { modified_ns, inode: meta.ino() }, batch));
        }
        found.sort();
        Ok(found)
    }

    fn state(&self, batch: &BatchName) -> PathBuf {
        self.places.taken.join(batch.as_str())
    }

    fn answered_for(&mut self, batch: &BatchName) -> Option<String> {
        if !self.answered.contains_key(batch) {
            let text = fs::read_to_string(self.state(batch).join("done")).ok()?;
            self.answered.insert(batch.clone(), text);
        }
        self.answered.get(batch).cloned()
    }

    fn answer(&mut self, batch: &BatchName, stamp: &Stamp) -> io::Result<()> {
        let state = self.state(batch);
        let name = BatchFiles::manifest(batch);
        let manifest = match read_bounded(&self.places.held().join(&name), MANIFEST_BYTES_MAX) {
            Ok(bytes) => Some(Sha256(openssl::sha::sha256(&bytes))),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => None,
            Err(fault) => {
                self.put_aside(batch, stamp, &Refusal::unreadable(&name, &fault));
                return Ok(());
            }
        };
        match (self.decided(batch)?, manifest) {
            (Some(ack), Some(other)) if ack.manifest_sha256 != other => {
                let first = ack.manifest_sha256;
                self.log(&format!("{batch} came again with another manifest (sha256 {other}, first {first}); the first answer stands"));
            }
            (Some(_), _) => self.carry_out(batch)?,
            (None, None) => {
                // An answer quotes the manifest's hash, so there is none to give: the sender has to bring it first.
                self.log(&format!("{batch} is marked ready, and its manifest is not there"));
                self.answered.insert(batch.clone(), stamp.text());
                return Ok(());
            }
            (None, Some(manifest)) => {
                if let Some(fault) = self.decide(batch, manifest)? {
                    self.put_aside(batch, stamp, &fault);
                    return Ok(());
                }
                self.carry_out(batch)?;
            }
        }
        put(&state.join("done.part"), &state.join("done"), stamp.text().as_bytes())?;
        self.answered.insert(batch.clone(), stamp.text());
        Ok(())
    }

    /// A file of the batch could not be read. That says nothing about the batch, so nothing is decided: it is looked at
    /// again after a rest, and logged once.
    fn put_aside(&mut self, batch: &BatchName, stamp: &Stamp, fault: &Refusal) {
        self.resting_until = Some(Instant::now() + REST);
        let aside = format!("aside {}", stamp.text());
        if self.answered.get(batch) != Some(&aside) {
            self.log(&format!("{batch} waits: {} {fault}", fault.code));
            self.answered.insert(batch.clone(), aside);
        }
    }

    fn decided(&self, batch: &BatchName) -> io::Result<Option<Ack>> {
        match read_bounded(&self.state(batch).join("ack.json"), ANSWER_BYTES_MAX) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Judges a batch and writes down what will be answered; `ack.json` last. Gives back why nothing could be decided.
    fn decide(&self, batch: &BatchName, manifest: Sha256) -> io::Result<Option<Refusal>> {
        let verdict = verify(self.places.held(), batch, &self.trusted_pem).and_then(|accepted| self.for_us(accepted));
        let (state, at) = (self.state(batch), now());
        fs::create_dir_all(&state)?;
        let (result, reason, manifest_sha256) = match verdict {
            Ok(accepted) => {
                let rows: Vec<ReceiptRow> = accepted.letters.iter().map(|row| self.receipt_row(batch, row, &at)).collect();
                let csv = rows_to_csv(&rows).map_err(io::Error::other)?;
                let head = receipt_head(batch, accepted.manifest_sha256, &rows, &csv, &at);
                put(&state.join("next.part"), &state.join("receipt-1.csv"), &csv)?;
                put(&state.join("next.part"), &state.join("receipt-1.json"), &json(&head)?)?;
                (AckResult::Accepted, String::new(), accepted.manifest_sha256)
            }
            Err(fault) if fault.code == UNREADABLE => return Ok(Some(fault)),
            Err(Refusal { code, message }) => {
                self.log(&format!("{batch} is refused: {code} {message}"));
                (AckResult::Rejected, format!("{code} {message}"), manifest)
            }
        };
        let ack = Ack { batch: batch.clone(), manifest_sha256, result, reason, at };
        put(&state.join("next.part"), &state.join("ack.json"), &json(&ack)?)?;
        File::open(&self.places.taken)?.sync_all()?;
        Ok(None)
    }

    fn for_us(&self, accepted: AcceptedBatch) -> Result<AcceptedBatch, Refusal> {
        let (theirs, ours) = (&accepted.manifest.vendor, &self.places.vendor);
        if theirs == ours {
            Ok(accepted)
        } else {
            Err(Refusal::new("FP-B004", format!("the batch is for vendor {theirs}, this is {ours}")))
        }
    }

    /// What becomes of one letter. One that another batch brought before is not printed, and the receipt says so.
    fn receipt_row(&self, batch: &BatchName, row: &LetterRow, at: &str) -> ReceiptRow {
        let before = self.book.as_ref().and_then(|book| book.printed_in(&row.letter_id)).filter(|before| *before != batch);
        let (status, reason) = match before {
            None => (VendorStatus::HandedOver, String::new()),
            Some(before) => {
                self.log(&format!("letter {} of {batch} is not printed: it was printed in {before}", row.letter_id));
                (VendorStatus::Rejected, format!("duplicate: printed in {before}"))
            }
        };
        ReceiptRow { letter_id: row.letter_id.clone(), status, reason, pages: row.pages, sheets: row.sheets, at: at.to_owned() }
    }

    /// Brings out what was decided: acknowledgement, print, receipt, and the receipt's head, which says it is complete.
    fn carry_out(&mut self, batch: &BatchName) -> io::Result<()> {
        let state = self.state(batch);
        let publish = |name: &str, bytes: &[u8]| put(&state.join(format!("out.{PART}")), &self.places.outbox.join(name), bytes);
        let Some(ack) = self.decided(batch)? else { return Ok(()) };
        publish(&BatchFiles::ack(batch), &json(&ack)?)?;
        if ack.result == AckResult::Rejected {
            return Ok(());
        }
        let csv = read_bounded(&state.join("receipt-1.csv"), ANSWER_BYTES_MAX)?;
        let head = read_bounded(&state.join("receipt-1.json"), ANSWER_BYTES_MAX)?;
        let rows = rows_from_csv(&csv).map_err(io::Error::other)?;
        self.book.as_mut().expect("a round opens the book before it works").print(batch, &rows)?;
        publish(&format!("{batch}.receipt-1.csv"), &csv)?;
        publish(&format!("{batch}.receipt-1.json"), &head)
    }

    /// A line for the vendor's operator. When even that cannot be written, there is nobody left to tell.
    fn log(&self, text: &str) {
        let file = OpenOptions::new().create(true).append(true).open(self.places.dir.join("site.log"));
        let _ = file.and_then(|mut file| writeln!(file, "{} {text}", now()));
    }
}

fn receipt_head(batch: &BatchName, manifest_sha256: Sha256, rows: &[ReceiptRow], csv: &[u8], at: &str) -> ReceiptHead {
    let sum = |field: fn(&ReceiptRow) -> u32| rows.iter().fold(0u32, |sum, row| sum.saturating_add(field(row)));
    ReceiptHead {
        batch: batch.clone(),
        manifest_sha256,
        number: 1,
        cumulative: true,
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

/// At most `bytes_max` and one: what is larger is refused by whoever looks at it.
fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
