//! The printer: finds ready batches, decides once, prints once, answers as often as it is asked.
//!
//! What is decided about a batch stands in `taken/<batch>/` before anything is done about it: the receipt, then
//! `ack.json`, whose presence is the decision. Everything after that follows from these files and may be done twice.
//! `done` holds which completion sign was answered last; another one is the question once more. A decision is never
//! taken back, not even a refusal: the sender may have put the letters into another batch by then.

use super::acceptance::{Refusal, Terms, UNREADABLE, verify_on};
use super::answers::{Answers, read_bounded};
use super::book::{Book, put};
use super::{Places, log, now};
use crate::domain::{BatchName, LetterId, Sha256};
use crate::wire::manifest::{BatchFiles, LetterRow, MANIFEST_BYTES_MAX};
use crate::wire::receipt::{Ack, AckResult, ReceiptRow, VendorStatus};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the inbox is looked at when nothing wakes the printer.
pub const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After a fault (a full disk, most likely) the printer rests for so long.
const REST: Duration = Duration::from_secs(2);

/// Tells one completion sign from a later one of the same name.
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
    terms: Terms,
    /// `None` after a fault, until it was read again.
    book: Option<Book>,
    /// The sign that each batch was last answered, or logged, for.
    answered: HashMap<BatchName, String>,
    resting_until: Option<Instant>,
    /// Whether what was decided before is carried out; asked again after a fault.
    resumed: bool,
}

impl Desk {
    pub fn open(places: Places, terms: Terms) -> io::Result<Self> {
        let book = Some(Book::open(&places.dir)?);
        Ok(Self { places, terms, book, answered: HashMap::new(), resting_until: None, resumed: false })
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

    /// Completion signs, the oldest first.
    fn markers(&self) -> io::Result<Vec<(Stamp, BatchName)>> {
        let (mut found, ending) = (Vec::new(), self.places.sign.ending());
        for entry in fs::read_dir(self.places.held())? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(Ok(batch)) = name.to_str().and_then(|name| name.strip_suffix(&ending)).map(str::parse) else { continue };
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
        match (Answers::to(&self.places, batch).decided()?, manifest) {
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

    /// Judges a batch and writes down what will be answered; `ack.json` last. Gives back why nothing could be decided.
    fn decide(&self, batch: &BatchName, manifest: Sha256) -> io::Result<Option<Refusal>> {
        let (answers, at) = (Answers::to(&self.places, batch), now());
        let (result, reason, manifest_sha256) = match verify_on(self.places.held(), batch, &self.terms) {
            Ok(accepted) => {
                let rows: Vec<ReceiptRow> = accepted.letters.iter().map(|row| self.receipt_row(batch, row, &at)).collect();
                let dispatch: HashMap<&LetterId, &str> =
                    accepted.letters.iter().map(|row| (&row.letter_id, row.dispatch_id.as_str())).collect();
                let dispatch_id = |letter: &LetterId| dispatch.get(letter).copied().unwrap_or_default().to_owned();
                answers.add_receipt(1, (accepted.manifest_sha256, true), &rows, dispatch_id, &at)?;
                (AckResult::Accepted, String::new(), accepted.manifest_sha256)
            }
            Err(fault) if fault.code == UNREADABLE => return Ok(Some(fault)),
            Err(Refusal { code, message }) => {
                self.log(&format!("{batch} is refused: {code} {message}"));
                (AckResult::Rejected, format!("{code} {message}"), manifest)
            }
        };
        answers.decide(&Ack { batch: batch.clone(), manifest_sha256, result, reason, at })?;
        Ok(None)
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

    fn carry_out(&mut self, batch: &BatchName) -> io::Result<()> {
        let book = self.book.as_mut().expect("a round opens the book before it works");
        Answers::to(&self.places, batch).bring_out(|rows| book.print(batch, rows))
    }

    fn log(&self, text: &str) {
        log(&self.places.dir, text);
    }
}
