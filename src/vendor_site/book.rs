//! printed.csv: which letter was printed, in which batch. What makes "never twice" true across a kill is that a batch's
//! lines are written and made durable in one go, and read back before anything more is printed.

use crate::domain::{BatchName, LetterId};
use crate::wire::receipt::{ReceiptRow, VendorStatus};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

const FILE: &str = "printed.csv";
const HEADER: &str = "batch;letter_id;pages;sheets;at\n";

/// What a site in this folder has printed, in order; nothing when it has not begun. For tests and the demo.
pub fn printed(dir: &Path) -> io::Result<Vec<(BatchName, LetterId)>> {
    match File::open(dir.join(FILE)) {
        Ok(file) => read(&file).map(|(lines, _)| lines),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

/// The lines that are whole, and where the last of them ends.
fn read(file: &File) -> io::Result<(Vec<(BatchName, LetterId)>, u64)> {
    let mut reader = BufReader::new(file);
    let (mut lines, mut end, mut line) = (Vec::new(), 0u64, String::new());
    loop {
        line.clear();
        let read = reader.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Ok((lines, end));
        }
        if end > 0 {
            lines.push(parse(&line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{FILE} is damaged at byte {end}")))?);
        }
        end += read as u64;
    }
}

fn parse(line: &str) -> Option<(BatchName, LetterId)> {
    let mut fields = line.split(';');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The open printed.csv.
pub struct Book {
    file: File,
    printed: HashMap<LetterId, BatchName>,
}

impl Book {
    /// Opens or begins it. A last line that a kill tore was never acted on and is cut off.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(FILE))?;
        let (lines, end) = read(&file)?;
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        if end == 0 {
            file.write_all(HEADER.as_bytes())?;
        }
        file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(Self { file, printed: lines.into_iter().map(|(batch, letter)| (letter, batch)).collect() })
    }

    /// The batch in which a letter was printed.
    pub fn printed_in(&self, letter: &LetterId) -> Option<&BatchName> {
        self.printed.get(letter)
    }

    /// Prints what is to be handed over and was not printed before; durable when it returns. After an error the book
    /// must be opened again before it is used: part of the lines may stand in it.
    pub fn print(&mut self, batch: &BatchName, rows: &[ReceiptRow]) -> io::Result<()> {
        let new = |row: &&ReceiptRow| row.status == VendorStatus::HandedOver && !self.printed.contains_key(&row.letter_id);
        let rows: Vec<&ReceiptRow> = rows.iter().filter(new).collect();
        let lines = rows.iter().map(|row| format!("{batch};{};{};{};{}\n", row.letter_id, row.pages, row.sheets, row.at));
        self.file.write_all(lines.collect::<String>().as_bytes())?;
        self.file.sync_data()?;
        self.printed.extend(rows.into_iter().map(|row| (row.letter_id.clone(), batch.clone())));
        Ok(())
    }
}

/// Writes a file under `beside`, makes it durable, and lets it appear as `target`. Both must lie in one file system.
pub fn put(beside: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, target)?;
    let folder = target.parent().expect("a target is a file in one of the site's folders");
    File::open(folder)?.sync_all()
}
