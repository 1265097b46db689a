//! Takes files out of the drop folders: stored as received, recorded, answered with a technical receipt, and only then
//! taken away.
//!
//! A cut between any two of these steps is harmless: the file still lies there, is known by its hash, and is answered
//! and taken away again.

use super::{Night, RunReport};
use crate::adapters::clock;
use crate::adapters::drop_folder::{self, Dropped, TableLook};
use crate::adapters::store::{Store, private_folder, write_private};
use crate::app::fault::Fault;
use crate::domain::redact::redact;
use crate::domain::state::{IntakeEvent, LetterState};
use crate::domain::status::LetterEvent;
use crate::domain::{LetterId, Sha256};
use crate::ledger::{Entry, file_subject};
use crate::pdf::inspect::PDF_BYTES_MAX;
use crate::pipeline::intake::{Content, FiledLetter, Sender, accept_message, accept_table, contents};
use crate::wire::table::{RowBody, TABLE_NAME, TableRow};
use crate::wire::xml::{MESSAGE_BYTES_MAX, Refusal};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes and files of one transaction: bounds the memory, whatever lies in the folder.
const CHUNK_BYTES: u64 = 64 << 20;
const CHUNK_FILES: usize = 256;

/// A file in our hands, and what it is.
struct Claim {
    path: PathBuf,
    /// As it is shown: masked, and for a table its folder and `letters.csv`.
    name: String,
    bytes: Vec<u8>,
    hash: Sha256,
    letters: Result<Vec<Filed>, Refusal>,
    /// Names of the PDFs that the table's rows name.
    beside: Vec<String>,
}

/// A letter without its content, which would fill the memory.
struct Filed {
    id: LetterId,
    letter: FiledLetter,
    documents: Vec<Sha256>,
}

/// The technical receipt: accepted or rejected, and why.
#[derive(Serialize)]
struct Receipt<'a> {
    format: &'static str,
    sender: &'a str,
    file: &'a str,
    sha256: Sha256,
    received_at: &'a str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// These bytes were handed in before.
    already_known: bool,
    letters: Vec<LetterLine>,
}

#[derive(Serialize)]
struct LetterLine {
    letter_id: LetterId,
    dispatch_id: String,
    /// `accepted`, `rejected`, or `known` when the same letter was handed in before.
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

pub(super) fn intake(night: &mut Night<'_>, report: &mut RunReport) -> Result<(), Fault> {
    let watch = night.watch;
    watch.begin("intake", None);
    for sender in night.config.senders.clone() {
        let folder = night.config.drop.join(&sender.id);
        let found = drop_folder::list(&folder).map_err(|e| Fault::io(format!("looking into {}", folder.display()), &e))?;
        let mut chunk: Vec<PathBuf> = Vec::new();
        let mut chunk_bytes = 0;
        let mut tables = Vec::new();
        for dropped in found {
            match dropped {
                Dropped::Message { path, bytes } => {
                    if !chunk.is_empty() && (chunk.len() == CHUNK_FILES || chunk_bytes + bytes > CHUNK_BYTES) {
                        messages(night, &sender, std::mem::take(&mut chunk), report)?;
                        chunk_bytes = 0;
                    }
                    chunk_bytes += bytes;
                    chunk.push(path);
                }
                Dropped::Table { folder } => tables.push(folder),
                Dropped::Other { path } => {
                    report.files_ignored += 1;
                    watch.note(&format!("left in the drop folder of {}, neither XML nor a table: {}", sender.id, shown(&path)));
                }
            }
        }
        messages(night, &sender, chunk, report)?;
        for folder in settled(night, tables, report)? {
            table(night, &sender, &folder, report)?;
        }
    }
    watch.end("intake");
    Ok(())
}

fn shown(path: &Path) -> String {
    redact(&path.file_name().unwrap_or_default().to_string_lossy())
}

fn messages(night: &mut Night<'_>, sender: &Sender, paths: Vec<PathBuf>, report: &mut RunReport) -> Result<(), Fault> {
    let store = &night.store;
    let claimed: Vec<Option<Claim>> = paths.par_iter().map(|path| claim_message(store, sender, path)).collect::<Result<_, Fault>>()?;
    let mut claims = Vec::new();
    for (claim, path) in claimed.into_iter().zip(&paths) {
        let Some(claim) = claim else {
            report.files_waiting += 1;
            continue;
        };
        let grace = Duration::from_secs(night.config.intake.grace_s);
        let ends_in_the_middle = claim.letters.as_ref().is_err_and(|refusal| refusal.incomplete);
        if ends_in_the_middle && drop_folder::age(path).unwrap_or_default() < grace {
            report.files_waiting += 1;
            night.watch.note(&format!("not whole yet, left for the next run: {}/{}", sender.id, claim.name));
            continue;
        }
        claims.push(claim);
    }
    take(night, sender, claims, report)
}

/// Reads, stores and parses one message; `None` when it is being written.
fn claim_message(store: &Store, sender: &Sender, path: &Path) -> Result<Option<Claim>, Fault> {
    let read = drop_folder::read_stable(path, MESSAGE_BYTES_MAX as u64);
    let Some(bytes) = read.map_err(|e| Fault::io(format!("reading {}", shown(path)), &e))? else { return Ok(None) };
    let letters = accept_message(&bytes, sender);
    // Refused bytes are kept too: nothing that was handed in is lost.
    let hash = store.put(&bytes)?;
    let filed = |letter: FiledLetter| Filed { id: letter.id.clone(), letter: without_content(letter), documents: Vec::new() };
    let letters = letters.map(|list| list.into_iter().map(filed).collect());
    Ok(Some(Claim { path: path.to_owned(), name: shown(path), bytes, hash, letters, beside: Vec::new() }))
}

/// Keeps only whether there is a content: an empty row stands for it.
fn without_content(letter: FiledLetter) -> FiledLetter {
    FiledLetter { content: letter.content.map(|_| Content::Dropped), ..letter }
}

/// The tables in whose folders nobody writes any more. The others are waited for once, and then left to the next run.
fn settled(night: &Night<'_>, folders: Vec<PathBuf>, report: &mut RunReport) -> Result<Vec<PathBuf>, Fault> {
    let settle = Duration::from_secs(night.config.intake.settle_s);
    let look = |folder: &Path| drop_folder::look_at_table(folder).map_err(|e| Fault::io(format!("looking into {}", shown(folder)), &e));
    let looks: Vec<(PathBuf, TableLook)> = folders.into_iter().map(|f| look(&f).map(|l| (f, l))).collect::<Result<_, _>>()?;
    let youngest = looks.iter().map(|(_, l)| l.age).min().unwrap_or(settle);
    if youngest < settle {
        std::thread::sleep(settle - youngest);
    }
    let mut whole = Vec::new();
    for (folder, before) in looks {
        if before.age >= settle || look(&folder)?.same_as(&before) {
            whole.push(folder);
        } else {
            report.files_waiting += 1;
            night.watch.note(&format!("still being written, left for the next run: {}", shown(&folder)));
        }
    }
    Ok(whole)
}

fn table(night: &mut Night<'_>, sender: &Sender, folder: &Path, report: &mut RunReport) -> Result<(), Fault> {
    let read = drop_folder::read_table(folder).map_err(|e| Fault::io(format!("reading the table in {}", shown(folder)), &e))?;
    let Some(bytes) = read else {
        report.files_waiting += 1;
        return Ok(());
    };
    let hash = night.store.put(&bytes)?;
    let known = night.ledger.file(&file_subject(&sender.id, &hash))?.is_some();
    let letters = accept_table(&bytes, sender);
    let beside: Vec<String> = letters.iter().flatten().flat_map(names_beside).collect();
    let letters = match letters {
        // The PDFs may be gone already: this table was taken before.
        Ok(list) if known => {
            Ok(list.into_iter().map(|l| Filed { id: l.id.clone(), letter: without_content(l), documents: Vec::new() }).collect())
        }
        Ok(list) => {
            let store = &night.store;
            let filed = list.into_par_iter().map(|letter| with_documents(store, folder, letter)).collect::<Result<Vec<_>, Fault>>()?;
            Ok(filed)
        }
        Err(refusal) => Err(refusal),
    };
    let name = format!("{}/{TABLE_NAME}", shown(folder));
    take(night, sender, vec![Claim { path: folder.to_owned(), name, bytes, hash, letters, beside }], report)
}

fn names_beside(letter: &FiledLetter) -> Vec<String> {
    let Ok(Content::Row(row)) = &letter.content else { return Vec::new() };
    let main = match &row.body {
        RowBody::Document(name) => Some(name.clone()),
        RowBody::Template { .. } => None,
    };
    main.into_iter().chain(row.attachments.iter().cloned()).collect()
}

/// Stores the PDFs that a row names. A row whose PDF is not there is refused (FP-I014).
fn with_documents(store: &Store, folder: &Path, mut letter: FiledLetter) -> Result<Filed, Fault> {
    let mut documents = Vec::new();
    for name in names_beside(&letter) {
        let read = drop_folder::read_stable(&folder.join(&name), PDF_BYTES_MAX as u64);
        match read.map_err(|e| Fault::io("reading a PDF beside a table", &e))? {
            Some(bytes) if bytes.len() <= PDF_BYTES_MAX => documents.push(store.put(&bytes)?),
            Some(_) => letter.content = Err(beside_refusal(&letter, "a PDF that the row names is larger than 100 MiB")),
            None => letter.content = Err(beside_refusal(&letter, "a PDF that the row names is not beside the table")),
        }
    }
    Ok(Filed { id: letter.id.clone(), letter: without_content(letter), documents })
}

fn beside_refusal(letter: &FiledLetter, message: &str) -> Refusal {
    let line = match &letter.content {
        Ok(Content::Row(row)) => row.line,
        _ => u64::from(letter.part) + 2,
    };
    Refusal::new("FP-I014", message, format!("line {line}"))
}

/// Records the claims in one transaction, then answers and takes away.
fn take(night: &mut Night<'_>, sender: &Sender, claims: Vec<Claim>, report: &mut RunReport) -> Result<(), Fault> {
    if claims.is_empty() {
        return Ok(());
    }
    let at = clock::now();
    let mut decided = Decided { entries: Vec::new(), new: BTreeMap::new(), files: BTreeMap::new() };
    let mut receipts = Vec::new();
    for claim in &claims {
        receipts.push(decided.claim(night, sender, claim, &at, report)?);
        night.watch.step("intake", 1);
    }
    night.store.sync()?;
    night.ledger.record(&at, &decided.entries)?;
    if night.dry {
        return Ok(());
    }
    for (claim, receipt) in claims.iter().zip(&receipts) {
        write_receipt(night, sender, claim, receipt)?;
        take_away(night, claim)?;
    }
    Ok(())
}

/// What one transaction will record.
struct Decided {
    entries: Vec<Entry>,
    /// Letters of this transaction: the ledger does not know them yet.
    new: BTreeMap<LetterId, (Sha256, u32, Vec<Sha256>)>,
    files: BTreeMap<String, ()>,
}

impl Decided {
    fn claim<'a>(
        &mut self,
        night: &Night<'_>,
        sender: &'a Sender,
        claim: &'a Claim,
        at: &'a str,
        report: &mut RunReport,
    ) -> Result<Receipt<'a>, Fault> {
        let subject = file_subject(&sender.id, &claim.hash);
        let before = night.ledger.file(&subject)?;
        let already_known = before.is_some() || self.files.insert(subject.clone(), ()).is_some();
        let mut receipt = Receipt {
            format: "fjernprint-receipt/1",
            sender: &sender.id,
            file: &claim.name,
            sha256: claim.hash,
            received_at: at,
            result: "accepted",
            code: None,
            message: None,
            already_known,
            letters: Vec::new(),
        };
        let mut refuse = |receipt: &mut Receipt<'_>, entries: &mut Vec<Entry>, refusal: &Refusal| {
            receipt.result = "rejected";
            (receipt.code, receipt.message) = (Some(refusal.code.to_owned()), Some(refusal.to_string()));
            if already_known {
                report.files_known += 1;
                return;
            }
            report.files_refused += 1;
            entries.push(refused(subject.clone(), &claim.name, &night.business_date, refusal));
        };
        let letters = match &claim.letters {
            Ok(letters) => letters,
            Err(refusal) => {
                refuse(&mut receipt, &mut self.entries, refusal);
                return Ok(receipt);
            }
        };
        let alone = letters.len() == 1;
        let (mut new, mut known, mut conflicts) = (0, 0, 0);
        for filed in letters {
            match self.letter(night, sender, claim, filed)? {
                Verdict::New(line) => {
                    new += 1;
                    receipt.letters.push(line);
                }
                Verdict::Known(line) => {
                    known += 1;
                    receipt.letters.push(line);
                }
                Verdict::Conflict(_, refusal) if alone => {
                    refuse(&mut receipt, &mut self.entries, &refusal);
                    return Ok(receipt);
                }
                Verdict::Conflict(line, refusal) => {
                    conflicts += 1;
                    receipt.letters.push(line);
                    if !already_known {
                        let part = format!("{subject}#{}", filed.letter.part);
                        self.entries.push(refused(part, &claim.name, &night.business_date, &refusal));
                    }
                }
            }
        }
        report.letters_accepted += new;
        report.rejected += receipt.letters.iter().filter(|l| l.result == "rejected").count() as u64 - conflicts;
        if already_known || (new == 0 && known > 0 && conflicts == 0) {
            report.files_known += 1;
        } else {
            report.files_taken += 1;
        }
        if !already_known {
            report.files_refused += conflicts;
            let taken = IntakeEvent::Taken { file: claim.name.clone(), business_date: night.business_date.clone(), letters: new as u32 };
            self.entries.push(Entry::File(subject, taken));
        }
        Ok(receipt)
    }

    fn letter(&mut self, night: &Night<'_>, sender: &Sender, claim: &Claim, filed: &Filed) -> Result<Verdict, Fault> {
        let part = filed.letter.part;
        let refusal = filed.letter.content.as_ref().err();
        let line = |result: &'static str, refusal: Option<&Refusal>| LetterLine {
            letter_id: filed.id.clone(),
            dispatch_id: filed.letter.dispatch_id.clone(),
            result,
            code: refusal.map(|r| r.code.to_owned()),
            message: refusal.map(ToString::to_string),
        };
        let before = match self.new.get(&filed.id) {
            Some(known) => Some(known.clone()),
            None => night.ledger.letter(&filed.id)?.map(|s: LetterState| (s.original, s.part, s.documents)),
        };
        if let Some((original, its_part, documents)) = before {
            let same = (original, its_part) == (claim.hash, part)
                || documents == filed.documents && same_content(night, &original, its_part, &claim.bytes, part)?;
            if same {
                return Ok(Verdict::Known(line("known", None)));
            }
            let text = "a letter with this identifier was handed in before, with another content; the first stands, this one was not taken";
            let refusal = Refusal::new("FP-I011", text, format!("letter {}", part + 1));
            return Ok(Verdict::Conflict(line("rejected", Some(&refusal)), refusal));
        }
        self.new.insert(filed.id.clone(), (claim.hash, part, filed.documents.clone()));
        let accepted = LetterEvent::Accepted {
            municipality: filed.letter.municipality.clone(),
            sender: sender.id.clone(),
            dispatch_id: filed.letter.dispatch_id.clone(),
            business_date: night.business_date.clone(),
            original: claim.hash,
            part,
            documents: filed.documents.clone(),
        };
        self.entries.push(Entry::Letter(filed.id.clone(), accepted));
        let Some(refusal) = refusal else { return Ok(Verdict::New(line("accepted", None))) };
        let rejected = LetterEvent::Rejected { code: refusal.code.to_owned(), message: refusal.to_string() };
        self.entries.push(Entry::Letter(filed.id.clone(), rejected));
        Ok(Verdict::New(line("rejected", Some(refusal))))
    }
}

enum Verdict {
    New(LetterLine),
    Known(LetterLine),
    Conflict(LetterLine, Refusal),
}

fn refused(subject: String, file: &str, business_date: &str, refusal: &Refusal) -> Entry {
    let event = IntakeEvent::Refused {
        file: file.to_owned(),
        business_date: business_date.to_owned(),
        code: refusal.code.to_owned(),
        message: refusal.to_string(),
    };
    Entry::File(subject, event)
}

/// Whether two parts say the same, whatever the bytes around them.
fn same_content(night: &Night<'_>, original: &Sha256, its_part: u32, bytes: &[u8], part: u32) -> Result<bool, Fault> {
    let stored = night.store.get(original)?;
    let at = |bytes: &[u8], part: u32| {
        let content = contents(bytes).ok()?.into_iter().nth(part as usize)?;
        // The same row may stand on another line of another table.
        content.ok().map(|content| match content {
            Content::Row(row) => Content::Row(Box::new(TableRow { line: 0, ..*row })),
            content => content,
        })
    };
    let (theirs, ours) = (at(&stored, its_part), at(bytes, part));
    Ok(theirs.is_some() && theirs == ours)
}

fn write_receipt(night: &Night<'_>, sender: &Sender, claim: &Claim, receipt: &Receipt<'_>) -> Result<(), Fault> {
    let folder = night.config.receipts.join(&sender.id);
    let what = || format!("writing a receipt into {}", folder.display());
    private_folder(&folder).map_err(|e| Fault::io(what(), &e))?;
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let name: String = claim.name.chars().map(safe).take(120).collect();
    let mut json = serde_json::to_vec_pretty(receipt).expect("a receipt has only string keys");
    json.push(b'\n');
    write_private(&folder.join(format!("{name}.{}.receipt.json", claim.hash.short())), &json).map_err(|e| Fault::io(what(), &e))
}

fn take_away(night: &Night<'_>, claim: &Claim) -> Result<(), Fault> {
    let what = || format!("taking {} out of the drop folder", claim.name);
    if !claim.path.is_dir() {
        return drop_folder::remove_file(&claim.path, &claim.bytes).map_err(|e| Fault::io(what(), &e));
    }
    let left = drop_folder::remove_table(&claim.path, &claim.beside, &claim.bytes).map_err(|e| Fault::io(what(), &e))?;
    if left > 0 {
        night.watch.note(&format!("{}: {left} files that no row names stay in the drop folder", claim.name));
    }
    Ok(())
}
