//! Takes files out of the drop folders: stored as received, recorded, answered with a technical receipt, and only then
//! taken away.
//!
//! A cut between any two of these steps is harmless: the file still lies there, is known by its hash, and is answered
//! and taken away again. While one lot of files is made durable, recorded and answered, the next is read.

use super::claim::{Claim, Claimant, Filed, LOTS_AHEAD};
use super::{Night, RunReport};
use crate::adapters::clock;
use crate::adapters::drop_folder;
use crate::adapters::store::{private_folder, write_private};
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::watch::Watch;
use crate::domain::redact::redact;
use crate::domain::state::{IntakeEvent, LetterState};
use crate::domain::status::LetterEvent;
use crate::domain::{LetterId, Sha256, counted, verb};
use crate::ledger::{Entry, Ledger, file_subject};
use crate::pipeline::intake::{Content, Sender, contents};
use crate::wire::message::{SenderLetter, comparable};
use crate::wire::table::TableRow;
use crate::wire::xml::Refusal;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The technical receipt: accepted or rejected, and why; `partial` when some rows of a table were rejected.
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
    let (lots, claimed) = crossbeam_channel::bounded(LOTS_AHEAD);
    let reader = Ledger::open_read_only(&night.config.ledger_path())?;
    let claimant = Claimant::new(night.config, night.store.clone(), reader, watch, lots);
    let left = std::thread::scope(|scope| {
        let claiming = scope.spawn(move || claimant.claim_all());
        let taken = claimed.iter().try_for_each(|lot| take(night, &lot, report));
        // The claimant may be waiting for room; without a receiver it ends.
        drop(claimed);
        let left = claiming.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(left)
    })?;
    report.files_waiting += left.waiting;
    report.files_ignored += left.ignored;
    watch.end("intake");
    Ok(())
}

/// Records the claims in one transaction, then answers and takes away.
fn take(night: &mut Night<'_>, claims: &[Claim<'_>], report: &mut RunReport) -> Result<(), Fault> {
    let at = clock::now();
    let mut decided = Decided { entries: Vec::new(), new: BTreeMap::new(), files: BTreeMap::new() };
    let mut receipts = Vec::new();
    for claim in claims {
        receipts.push(decided.claim(night, claim.sender, claim, &at, report)?);
        night.watch.step("intake", 1);
    }
    night.store.sync()?;
    night.ledger.record(&at, &decided.entries)?;
    if night.dry {
        return Ok(());
    }
    let (config, watch) = (night.config, night.watch);
    for sender in claims.iter().map(|claim| &claim.sender.id).collect::<BTreeSet<_>>() {
        let folder = config.receipts.join(sender);
        private_folder(&folder).map_err(|e| Fault::io(format!("making {}", folder.display()), &e))?;
    }
    claims.par_iter().zip(&receipts).try_for_each(|(claim, receipt)| {
        write_receipt(config, claim, receipt)?;
        take_away(config, watch, claim)
    })
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
        claim: &'a Claim<'_>,
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
        if receipt.letters.iter().any(|line| line.result == "rejected") {
            receipt.result = "partial";
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

    fn letter(&mut self, night: &Night<'_>, sender: &Sender, claim: &Claim<'_>, filed: &Filed) -> Result<Verdict, Fault> {
        let part = filed.letter.part;
        let refusal = filed.letter.content.as_ref().err();
        let line = |result: &'static str, refusal: Option<&Refusal>| LetterLine {
            letter_id: filed.id.clone(),
            dispatch_id: filed.letter.dispatch_id.clone(),
            result,
            code: refusal.map(|r| r.code.to_owned()),
            message: refusal.map(ToString::to_string),
        };
        let recorded: Option<LetterState> = night.ledger.letter(&filed.id)?;
        let before = match self.new.get(&filed.id) {
            Some(known) => Some(known.clone()),
            None => recorded.as_ref().map(|s| (s.original, s.part, s.documents.clone())),
        };
        if let Some((original, its_part, documents)) = before {
            let same = (original, its_part) == (claim.hash, part)
                || documents == filed.documents && same_content(night, (&original, its_part), (&claim.hash, part))?;
            if same {
                // What became of it is told again: the first receipt may be lost.
                let (code, message) = recorded.and_then(|state| state.reason).unzip();
                return Ok(Verdict::Known(LetterLine { code, message, ..line("known", None) }));
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

/// Whether two parts of stored files say the same, whatever the bytes around them.
fn same_content(night: &Night<'_>, theirs: (&Sha256, u32), ours: (&Sha256, u32)) -> Result<bool, Fault> {
    let at = |bytes: &[u8], part: u32| {
        let content = contents(bytes).ok()?.into_iter().nth(part as usize)?;
        // The same row may stand on another line of another table.
        content.ok().map(|content| match content {
            Content::Row(row) => Content::Row(Box::new(TableRow { line: 0, ..*row })),
            // And the same UUID may be written in the other case.
            Content::Message(letter) => {
                Content::Message(Box::new(SenderLetter { dispatch_id: comparable(&letter.dispatch_id), ..*letter }))
            }
            Content::Dropped => Content::Dropped,
        })
    };
    let (theirs, ours) = (at(&night.store.get(theirs.0)?, theirs.1), at(&night.store.get(ours.0)?, ours.1));
    Ok(theirs.is_some() && theirs == ours)
}

fn write_receipt(config: &Config, claim: &Claim<'_>, receipt: &Receipt<'_>) -> Result<(), Fault> {
    let folder = config.receipts.join(&claim.sender.id);
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let name: String = claim.name.chars().map(safe).take(120).collect();
    let mut json = serde_json::to_vec_pretty(receipt).expect("a receipt has only string keys");
    json.push(b'\n');
    write_private(&folder.join(format!("{name}.{}.receipt.json", claim.hash.short())), &json)
        .map_err(|e| Fault::io(format!("writing a receipt into {}", folder.display()), &e))
}

fn take_away(config: &Config, watch: &dyn Watch, claim: &Claim<'_>) -> Result<(), Fault> {
    let what = || format!("taking {} out of the drop folder", claim.name);
    if claim.oversized {
        let aside = config.data.join("too-large");
        private_folder(&aside).map_err(|e| Fault::io(what(), &e))?;
        let name = claim.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let target = aside.join(format!("{}-{}", claim.hash.short(), redact(&name)));
        watch.note(&format!("too large to be stored, moved aside to {}", target.display()));
        return std::fs::rename(&claim.path, target).map_err(|e| Fault::io(what(), &e));
    }
    if !claim.path.is_dir() {
        return drop_folder::remove_file(&claim.path, claim.bytes, &claim.hash).map_err(|e| Fault::io(what(), &e));
    }
    let left = drop_folder::remove_table(&claim.path, &claim.beside, claim.bytes, &claim.hash).map_err(|e| Fault::io(what(), &e))?;
    if left > 0 {
        let (files, stay) = (counted(left as u64, "file"), verb(left as u64, "stays", "stay"));
        watch.note(&format!("{}: {files} that no row names {stay} in the drop folder", claim.name));
    }
    Ok(())
}
