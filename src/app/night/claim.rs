//! Claims what lies in the drop folders: reads it, stores it as it was received, and says what letters are in it.
//!
//! Decides nothing and takes nothing away: a lot of claims goes to [`super::intake`], which is busy with the one before
//! meanwhile. Claims hold no contents, so that a lot is small whatever its files are.

use crate::adapters::drop_folder::{self, Dropped, TableLook};
use crate::adapters::store::Store;
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::watch::Watch;
use crate::domain::redact::redact;
use crate::domain::{LetterId, Sha256};
use crate::ledger::{Ledger, file_subject};
use crate::pdf::inspect::PDF_BYTES_MAX;
use crate::pipeline::intake::{Content, FiledLetter, Sender, accept_message, accept_table};
use crate::wire::table::{RowBody, TABLE_BYTES_MAX, TABLE_NAME};
use crate::wire::xml::{MESSAGE_BYTES_MAX, Refusal};
use crossbeam_channel::Sender as Lots;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files and letters of one lot, which is one transaction: it is full when it has so many of either.
const LOT_FILES: usize = 512;
const LOT_LETTERS: usize = 4_000;
/// Lots that wait to be taken.
pub(super) const LOTS_AHEAD: usize = 1;
/// Files claimed at once.
const AT_ONCE: usize = 64;

/// A file in our hands, and what it is.
pub(super) struct Claim<'a> {
    pub sender: &'a Sender,
    pub path: PathBuf,
    /// As it is shown: masked, and for a table its folder and `letters.csv`.
    pub name: String,
    pub bytes: u64,
    pub hash: Sha256,
    pub letters: Result<Vec<Filed>, Refusal>,
    /// Names of the PDFs beside the table that the store holds.
    pub beside: Vec<String>,
    /// Larger than anything we take, and not read to its end: the file itself is kept.
    pub oversized: bool,
}

/// A letter without its content, which would fill the memory.
pub(super) struct Filed {
    pub id: LetterId,
    pub letter: FiledLetter,
    pub documents: Vec<Sha256>,
}

/// What stays in the drop folders.
#[derive(Default)]
pub(super) struct Left {
    /// Files that are not whole yet.
    pub waiting: u64,
    /// Neither a message nor a table.
    pub ignored: u64,
}

/// Goes through the drop folders and sends lots of claims.
pub(super) struct Claimant<'a> {
    config: &'a Config,
    store: Store,
    /// Beside the one writer.
    ledger: Ledger,
    watch: &'a dyn Watch,
    lots: Lots<Vec<Claim<'a>>>,
    lot: Vec<Claim<'a>>,
    left: Left,
    closed: bool,
}

impl<'a> Claimant<'a> {
    pub fn new(config: &'a Config, store: Store, ledger: Ledger, watch: &'a dyn Watch, lots: Lots<Vec<Claim<'a>>>) -> Self {
        Self { config, store, ledger, watch, lots, lot: Vec::new(), left: Left::default(), closed: false }
    }

    /// Claims everything there is. A fault ends it; what was claimed before is taken all the same.
    pub fn claim_all(mut self) -> Result<Left, Fault> {
        let config = self.config;
        let claimed = config.senders.iter().try_for_each(|sender| self.sender(sender));
        self.hand_over();
        claimed.map(|()| self.left)
    }

    fn sender(&mut self, sender: &'a Sender) -> Result<(), Fault> {
        let folder = self.config.drop.join(&sender.id);
        let found = drop_folder::list(&folder).map_err(|e| Fault::io(format!("looking into {}", folder.display()), &e))?;
        let (mut messages, mut tables) = (Vec::new(), Vec::new());
        for dropped in found {
            match dropped {
                Dropped::Message { path } => messages.push(path),
                Dropped::Table { folder } => tables.push(folder),
                Dropped::Other { path } => {
                    self.left.ignored += 1;
                    let why = if path.is_dir() { "a folder without letters.csv" } else { "neither XML nor a table" };
                    self.watch.note(&format!("left in the drop folder of {}, {why}: {}", sender.id, shown(&path)));
                }
            }
        }
        messages.chunks(AT_ONCE).try_for_each(|paths| self.messages(sender, paths))?;
        for folder in self.settled(tables)? {
            self.table(sender, &folder)?;
        }
        Ok(())
    }

    fn messages(&mut self, sender: &'a Sender, paths: &[PathBuf]) -> Result<(), Fault> {
        if self.closed {
            return Ok(());
        }
        let store = &self.store;
        let claimed: Vec<Option<Claim<'a>>> = paths.par_iter().map(|path| message(store, sender, path)).collect::<Result<_, Fault>>()?;
        let grace = Duration::from_secs(self.config.intake.grace_s);
        for (claim, path) in claimed.into_iter().zip(paths) {
            let Some(claim) = claim else {
                self.left.waiting += 1;
                continue;
            };
            let ends_in_the_middle = claim.letters.as_ref().is_err_and(|refusal| refusal.incomplete);
            if ends_in_the_middle && drop_folder::age(path).unwrap_or_default() < grace {
                self.left.waiting += 1;
                self.watch.note(&format!("not whole yet, left for the next run: {}/{}", sender.id, claim.name));
                continue;
            }
            self.add(claim);
        }
        Ok(())
    }

    fn add(&mut self, claim: Claim<'a>) {
        self.lot.push(claim);
        let letters: usize = self.lot.iter().map(|claim| claim.letters.as_ref().map_or(0, Vec::len)).sum();
        if self.lot.len() >= LOT_FILES || letters >= LOT_LETTERS {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let lot = std::mem::take(&mut self.lot);
        // Nobody takes lots any more: whoever did has a fault of its own to tell.
        self.closed |= !lot.is_empty() && self.lots.send(lot).is_err();
    }

    /// The tables in whose folders nobody writes any more. The others are waited for once, and then left to the next run.
    fn settled(&mut self, folders: Vec<PathBuf>) -> Result<Vec<PathBuf>, Fault> {
        let settle = Duration::from_secs(self.config.intake.settle_s);
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
                self.left.waiting += 1;
                self.watch.note(&format!("still being written, left for the next run: {}", shown(&folder)));
            }
        }
        Ok(whole)
    }

    fn table(&mut self, sender: &'a Sender, folder: &Path) -> Result<(), Fault> {
        if self.closed {
            return Ok(());
        }
        let read = drop_folder::read_table(folder).map_err(|e| Fault::io(format!("reading the table in {}", shown(folder)), &e))?;
        let Some(bytes) = read else {
            self.left.waiting += 1;
            return Ok(());
        };
        let oversized = bytes.len() as u64 > TABLE_BYTES_MAX;
        let hash = keep(&self.store, &bytes, oversized)?;
        let known = self.ledger.file(&file_subject(&sender.id, &hash))?.is_some();
        let letters = match oversized {
            true => Err(Refusal::new("FP-I016", format!("the table is larger than {TABLE_BYTES_MAX} bytes"), "file")),
            false => accept_table(&bytes, sender),
        };
        let store = &self.store;
        let (letters, beside) = match letters {
            // This table was taken before: its PDFs may be gone, and what lies there now may be others.
            Ok(list) if known => {
                let beside = held(store, folder, list.iter().flat_map(names_beside).collect())?;
                (Ok(list.into_iter().map(filed).collect()), beside)
            }
            Ok(list) => {
                let stored = list.into_par_iter().map(|letter| with_documents(store, folder, letter)).collect::<Result<Vec<_>, Fault>>()?;
                let (letters, names): (Vec<_>, Vec<_>) = stored.into_iter().unzip();
                (Ok(letters), names.into_iter().flatten().collect())
            }
            Err(refusal) => (Err(refusal), Vec::new()),
        };
        let name = format!("{}/{TABLE_NAME}", shown(folder));
        self.add(Claim { sender, path: folder.to_owned(), name, bytes: bytes.len() as u64, hash, letters, beside, oversized });
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    redact(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// Reads, stores and parses one message; `None` when it is being written.
fn message<'a>(store: &Store, sender: &'a Sender, path: &Path) -> Result<Option<Claim<'a>>, Fault> {
    let read = drop_folder::read_stable(path, MESSAGE_BYTES_MAX as u64);
    let Some(bytes) = read.map_err(|e| Fault::io(format!("reading {}", shown(path)), &e))? else { return Ok(None) };
    let oversized = bytes.len() > MESSAGE_BYTES_MAX;
    let letters = accept_message(&bytes, sender);
    let hash = keep(store, &bytes, oversized)?;
    let letters = letters.map(|list| list.into_iter().map(filed).collect());
    let (path, name, bytes) = (path.to_owned(), shown(path), bytes.len() as u64);
    Ok(Some(Claim { sender, path, name, bytes, hash, letters, beside: Vec::new(), oversized }))
}

/// Stores what was handed in, refused or not, and gives its hash. What was not read to its end is kept as the file it is.
fn keep(store: &Store, bytes: &[u8], oversized: bool) -> Result<Sha256, Fault> {
    Ok(if oversized { Sha256(openssl::sha::sha256(bytes)) } else { store.put(bytes)? })
}

fn filed(letter: FiledLetter) -> Filed {
    Filed { id: letter.id.clone(), letter: without_content(letter), documents: Vec::new() }
}

/// Keeps only whether there is a content: an empty row stands for it.
fn without_content(letter: FiledLetter) -> FiledLetter {
    FiledLetter { content: letter.content.map(|_| Content::Dropped), ..letter }
}

/// Those of the named PDFs whose bytes the store holds: what was never ours is not taken away.
fn held(store: &Store, folder: &Path, mut names: Vec<String>) -> Result<Vec<String>, Fault> {
    names.sort();
    names.dedup();
    let keep = |name: String| {
        let read = drop_folder::read_stable(&folder.join(&name), PDF_BYTES_MAX as u64);
        let bytes = read.map_err(|e| Fault::io(format!("reading a PDF beside the table in {}", shown(folder)), &e))?;
        let ours = bytes.is_some_and(|bytes| store.holds(&Sha256(openssl::sha::sha256(&bytes))));
        Ok(ours.then_some(name))
    };
    let kept: Vec<Option<String>> = names.into_par_iter().map(keep).collect::<Result<_, Fault>>()?;
    Ok(kept.into_iter().flatten().collect())
}

fn names_beside(letter: &FiledLetter) -> Vec<String> {
    let Ok(Content::Row(row)) = &letter.content else { return Vec::new() };
    let main = match &row.body {
        RowBody::Document(name) => Some(name.clone()),
        RowBody::Template { .. } => None,
    };
    main.into_iter().chain(row.attachments.iter().cloned()).collect()
}

/// Stores the PDFs that a row names, and gives the names of those that are ours now. A row whose PDF is not there is
/// refused (FP-I014).
fn with_documents(store: &Store, folder: &Path, mut letter: FiledLetter) -> Result<(Filed, Vec<String>), Fault> {
    let (mut documents, mut stored) = (Vec::new(), Vec::new());
    for name in names_beside(&letter) {
        let read = drop_folder::read_stable(&folder.join(&name), PDF_BYTES_MAX as u64);
        match read.map_err(|e| Fault::io("reading a PDF beside a table", &e))? {
            Some(bytes) if bytes.len() <= PDF_BYTES_MAX => {
                documents.push(store.put(&bytes)?);
                stored.push(name);
            }
            Some(_) => letter.content = Err(beside_refusal(&letter, "a PDF that the row names is larger than 100 MiB")),
            None => letter.content = Err(beside_refusal(&letter, "a PDF that the row names is not beside the table")),
        }
    }
    Ok((Filed { id: letter.id.clone(), letter: without_content(letter), documents }, stored))
}

fn beside_refusal(letter: &FiledLetter, message: &str) -> Refusal {
    let line = match &letter.content {
        Ok(Content::Row(row)) => row.line,
        _ => u64::from(letter.part) + 2,
    };
    Refusal::new("FP-I014", message, format!("line {line}"))
}
