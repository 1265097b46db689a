//! Answers by hand: what a vendor's technician says to a batch or a letter, at the folder of a site. Everything that is
//! asked for in one go is checked before any of it is written. A final word is never taken back, and twice is once.

use super::acceptance::batches_at;
use super::answers::{Answers, RECEIPTS_MAX, read_bounded};
use super::book::Book;
use super::{DESK_LOCK, Places, SiteFault, lock, now};
use crate::domain::redact::{holds_cpr, redact};
use crate::domain::{BatchName, LetterId, Sha256};
use crate::wire::manifest::{BatchFiles, LETTERS_CSV_BYTES_MAX, LetterRow, MANIFEST_BYTES_MAX, letters_from_csv};
use crate::wire::receipt::{Ack, AckResult, ReceiptRow, VendorStatus, return_reason};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::str::FromStr;

/// Longest reason, characters.
const REASON_CHARS_MAX: usize = 200;

/// Batches that are named where another was looked for.
const BATCHES_SHOWN: usize = 3;

/// What is answered: a batch, or one letter of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Batch(BatchName),
    Letter(LetterId),
}

impl FromStr for Target {
    type Err = HandFault;

    fn from_str(text: &str) -> Result<Self, HandFault> {
        let batch = text.parse().map(Self::Batch).ok();
        let unknown = || HandFault::not_there(format!("{:?} is neither a batch's name nor a letter's", redact(text)));
        batch.or_else(|| text.parse().map(Self::Letter).ok()).ok_or_else(unknown)
    }
}

/// What the technician says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A batch is accepted, with `letters` also every letter of it; a letter has come as far as `status`.
    Acknowledge {
        status: VendorStatus,
        letters: bool,
    },
    Reject {
        reason: String,
    },
    /// `R01` to `R10`, and a text where it helps; R10 needs one.
    Return {
        reason: String,
    },
}

/// One answer that was given, now or before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    pub batch: String,
    /// Absent for an answer to the batch itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub letter: Option<String>,
    pub status: &'static str,
    /// It had been said before, or more than it; nothing was written.
    pub already: bool,
    /// How far the letter has come, where that is further than `status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stands: Option<&'static str>,
}

/// Why nothing was answered: FP-Y003 there is nothing of that kind, FP-Y004 it contradicts what was answered, FP-Y005 the
/// reason is none, FP-C006 a file, FP-C010 somebody else is at the folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HandFault {
    pub code: &'static str,
    pub message: String,
}

impl HandFault {
    fn not_there(message: String) -> Self {
        Self { code: "FP-Y003", message }
    }

    fn contradiction(message: String) -> Self {
        Self { code: "FP-Y004", message }
    }
}

impl From<io::Error> for HandFault {
    fn from(fault: io::Error) -> Self {
        Self { code: "FP-C006", message: redact(&format!("the site's folder: {fault}")) }
    }
}

impl From<SiteFault> for HandFault {
    fn from(fault: SiteFault) -> Self {
        Self { code: "FP-C010", message: fault.to_string() }
    }
}

/// Gives the answers in the site's folder `dir`. The site may run, as long as it leaves the answering to us.
pub fn answer(dir: &Path, targets: &[Target], word: &Word) -> Result<Vec<Said>, HandFault> {
    check_word(word)?;
    let places = Places::read(dir).map_err(|fault| {
        HandFault::not_there(format!("{} is no site's folder ({fault}); `fjernprint vendor site` makes one", dir.display()))
    })?;
    let _hand = lock(dir, "hand.lock", "somebody else is answering by hand in this folder")?;
    // A return is about letters that were printed and answered for: it needs no printer.
    let desk = match word {
        Word::Return { .. } => None,
        _ => Some(lock(dir, DESK_LOCK, "the site answers by itself; start it with --by-hand")?),
    };
    let at = now();
    let mut plans = Vec::new();
    for (batch, letters) in by_batch(&places, targets)? {
        let known = Known::read(&places, &batch)?;
        plans.push((batch.clone(), plan(&batch, &known, targets, &letters, word, &at)?, known));
    }
    let mut said = Vec::new();
    let mut book = desk.is_some().then(|| Book::open(dir)).transpose()?;
    for (batch, plan, known) in plans {
        let answers = Answers::to(&places, &batch);
        if !plan.rows.is_empty() {
            let number = known.receipts + 1;
            if number > RECEIPTS_MAX {
                return Err(HandFault::contradiction(format!("{batch} has {RECEIPTS_MAX} receipts, there is no room for more")));
            }
            let dispatch_id = |letter: &LetterId| known.letters.get(letter).map(|row| row.dispatch_id.clone()).unwrap_or_default();
            answers.add_receipt(number, (known.manifest_sha256, false), &plan.rows, dispatch_id, &at)?;
        }
        if let Some(ack) = &plan.ack {
            answers.decide(ack)?;
        }
        answers.bring_out(|rows| book.as_mut().map_or(Ok(()), |book| book.print(&batch, rows)))?;
        said.extend(plan.said);
    }
    Ok(said)
}

fn check_word(word: &Word) -> Result<(), HandFault> {
    let wrong = |message: &str| Err(HandFault { code: "FP-Y005", message: message.to_owned() });
    let (Word::Reject { reason } | Word::Return { reason }) = word else { return Ok(()) };
    if reason.trim().is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        return wrong("a reason has 1 to 200 characters, on one line");
    }
    if holds_cpr(reason) {
        return wrong("the reason holds what looks like a CPR number; say it without");
    }
    match word {
        Word::Return { .. } if return_reason(reason).is_none() => {
            wrong("a return's reason is one of R01 to R10, with a text after it where it helps; R10 needs one")
        }
        _ => Ok(()),
    }
}

/// The batches that are spoken of, each with its letters that are named.
fn by_batch(places: &Places, targets: &[Target]) -> Result<BTreeMap<BatchName, Vec<LetterId>>, HandFault> {
    let mut found: BTreeMap<BatchName, Vec<LetterId>> = BTreeMap::new();
    let mut letters: Vec<&LetterId> = Vec::new();
    for target in targets {
        match target {
            Target::Batch(batch) => drop(found.entry(batch.clone()).or_default()),
            Target::Letter(letter) => letters.push(letter),
        }
    }
    if letters.is_empty() {
        return Ok(found);
    }
    let held = batches_at(places.held()).map_err(|refusal| HandFault::not_there(refusal.message))?;
    let mut batches_of: BTreeMap<LetterId, Vec<BatchName>> = BTreeMap::new();
    for (_, batch) in held {
        // A batch that cannot be read has no letters to be answered for; naming it says why.
        let Ok(rows) = letters_of(places, &batch) else { continue };
        rows.into_iter().for_each(|row| batches_of.entry(row.letter_id).or_default().push(batch.clone()));
    }
    for letter in letters {
        let batch = match batches_of.get(letter).map(Vec::as_slice) {
            None => return Err(HandFault::not_there(format!("no batch that lies here holds letter {letter}"))),
            Some([batch]) => batch,
            Some(several) => match several.iter().find(|batch| targets.contains(&Target::Batch((*batch).clone()))) {
                Some(batch) => batch,
                None => the_one(places, letter, several)?,
            },
        };
        found.entry(batch.clone()).or_default().push(letter.clone());
    }
    Ok(found)
}

/// Of several batches with this letter, the one that it can be answered in. Of a refused one no letter is answered: that batch
/// was sealed anew, and the letter stands in another.
fn the_one<'a>(places: &Places, letter: &LetterId, several: &'a [BatchName]) -> Result<&'a BatchName, HandFault> {
    let mut open: Vec<&BatchName> = Vec::new();
    for batch in several {
        if Answers::to(places, batch).decided()?.is_none_or(|ack| ack.result != AckResult::Rejected) {
            open.push(batch);
        }
    }
    match (&open[..], several) {
        ([one], _) => Ok(one),
        // Each was refused, and the first says so.
        ([], [first, ..]) => Ok(first),
        // Printed once, in one of them; the others have it as a duplicate.
        _ => {
            let names: Vec<&str> = open.into_iter().map(BatchName::as_str).collect();
            Err(HandFault::not_there(format!("letter {letter} stands in {}: name the batch too", names.join(" and "))))
        }
    }
}

/// Why there is no manifest to answer to: no such batch, which is a slip of the hand, or one without it.
fn no_manifest(places: &Places, batch: &BatchName, fault: &io::Error) -> HandFault {
    let name = BatchFiles::manifest(batch);
    // No batch at all is a refusal there.
    let lying: Vec<BatchName> = batches_at(places.held()).into_iter().flatten().map(|(_, batch)| batch).collect();
    if fault.kind() != io::ErrorKind::NotFound {
        return HandFault::not_there(format!("{name} cannot be read: {fault}; an answer quotes its hash"));
    }
    if lying.contains(batch) {
        return HandFault::not_there(format!("{name} is not there, and an answer quotes its hash: ask the sender to deliver it"));
    }
    let shown: Vec<&str> = lying.iter().rev().take(BATCHES_SHOWN).map(BatchName::as_str).collect();
    let which = match lying.len() - shown.len() {
        _ if lying.is_empty() => "none does".to_owned(),
        0 => format!("here {} {}", if shown.len() == 1 { "lies" } else { "lie" }, shown.join(", ")),
        more => format!("here lie {} and {more} more", shown.join(", ")),
    };
    HandFault::not_there(format!("no batch {batch} lies here; {which}"))
}

fn letters_of(places: &Places, batch: &BatchName) -> Result<Vec<LetterRow>, HandFault> {
    let name = BatchFiles::letters(batch);
    let missing = |why: &dyn std::fmt::Display| HandFault::not_there(format!("{name}: {why}"));
    let bytes = read_bounded(&places.held().join(&name), LETTERS_CSV_BYTES_MAX).map_err(|fault| missing(&fault))?;
    letters_from_csv(&bytes).map_err(|fault| missing(&fault))
}

/// What is known of a batch before it is answered.
struct Known {
    manifest_sha256: Sha256,
    letters: BTreeMap<LetterId, LetterRow>,
    decided: Option<AckResult>,
    /// The last word on each letter.
    words: BTreeMap<LetterId, VendorStatus>,
    /// Why those came back that did.
    returned: BTreeMap<LetterId, String>,
    receipts: u32,
}

impl Known {
    fn read(places: &Places, batch: &BatchName) -> Result<Self, HandFault> {
        let manifest = read_bounded(&places.held().join(BatchFiles::manifest(batch)), MANIFEST_BYTES_MAX)
            .map_err(|fault| no_manifest(places, batch, &fault))?;
        let answers = Answers::to(places, batch);
        let receipts = answers.receipts()?;
        let mut words = BTreeMap::new();
        for row in receipts.iter().flatten() {
            let word = words.entry(row.letter_id.clone()).or_insert(row.status);
            *word = (*word).max(row.status);
        }
        let returns = receipts.iter().flatten().filter(|row| row.status == VendorStatus::Returned);
        let returned = returns.map(|row| (row.letter_id.clone(), row.reason.clone())).collect();
        Ok(Self {
            manifest_sha256: Sha256(openssl::sha::sha256(&manifest)),
            letters: letters_of(places, batch)?.into_iter().map(|row| (row.letter_id.clone(), row)).collect(),
            decided: answers.decided()?.map(|ack| ack.result),
            words,
            returned,
            receipts: receipts.len() as u32,
        })
    }
}

/// What is to be written for one batch.
#[derive(Default)]
struct Plan {
    ack: Option<Ack>,
    rows: Vec<ReceiptRow>,
    said: Vec<Said>,
}

fn plan(batch: &BatchName, known: &Known, targets: &[Target], letters: &[LetterId], word: &Word, at: &str) -> Result<Plan, HandFault> {
    let mut plan = Plan::default();
    let mut decided = known.decided;
    // A batch that is named for one of its letters only is there to tell two batches apart.
    if targets.contains(&Target::Batch(batch.clone())) && letters.is_empty() {
        decided = Some(plan_batch(&mut plan, batch, known, word, at)?);
    }
    if decided != Some(AckResult::Accepted) && !letters.is_empty() {
        let why = if decided.is_some() { "was refused" } else { "is not answered yet; acknowledge it first" };
        return Err(HandFault::contradiction(format!("batch {batch} {why}: nothing is said of its letters")));
    }
    for letter in letters {
        plan_letter(&mut plan, batch, known, letter, word, at)?;
    }
    if let (Word::Acknowledge { letters: true, .. }, Some(AckResult::Accepted)) = (word, decided) {
        for letter in known.letters.keys().filter(|letter| !known.words.get(letter).is_some_and(|word| word.is_final())) {
            plan_letter(&mut plan, batch, known, letter, word, at)?;
        }
    }
    Ok(plan)
}

fn plan_batch(plan: &mut Plan, batch: &BatchName, known: &Known, word: &Word, at: &str) -> Result<AckResult, HandFault> {
    let (result, status, reason) = match word {
        Word::Acknowledge { .. } => (AckResult::Accepted, "accepted", ""),
        Word::Reject { reason } => (AckResult::Rejected, "rejected", reason.as_str()),
        Word::Return { .. } => return Err(HandFault::contradiction(format!("{batch} is a batch: only letters come back"))),
    };
    match known.decided {
        Some(before) if before != result => {
            let before = if before == AckResult::Accepted { "accepted; its letters can be rejected one by one" } else { "refused" };
            return Err(HandFault::contradiction(format!("batch {batch} was {before}, and that stands")));
        }
        Some(_) => {}
        None => {
            let reason = reason.to_owned();
            plan.ack = Some(Ack { batch: batch.clone(), manifest_sha256: known.manifest_sha256, result, reason, at: at.to_owned() });
        }
    }
    plan.said.push(Said { batch: batch.to_string(), letter: None, status, already: known.decided.is_some(), stands: None });
    Ok(result)
}

fn plan_letter(plan: &mut Plan, batch: &BatchName, known: &Known, letter: &LetterId, word: &Word, at: &str) -> Result<(), HandFault> {
    let row = known.letters.get(letter).ok_or_else(|| HandFault::not_there(format!("batch {batch} does not hold letter {letter}")))?;
    let (status, reason) = match word {
        Word::Acknowledge { status, .. } => (*status, ""),
        Word::Reject { reason } => (VendorStatus::Rejected, reason.as_str()),
        Word::Return { reason } => (VendorStatus::Returned, reason.as_str()),
    };
    let before = known.words.get(letter).copied();
    // The code decides; the words behind it may be left out the second time.
    let code = |reason: &str| reason.split_whitespace().next().unwrap_or_default().to_owned();
    if let (VendorStatus::Returned, Some(said)) = (status, known.returned.get(letter).filter(|said| code(said) != code(reason))) {
        return Err(HandFault::contradiction(format!("letter {letter} came back for another reason, {said}, and that stands")));
    }
    let already = match before {
        None => false,
        Some(VendorStatus::HandedOver) if status == VendorStatus::Returned => false,
        Some(before) if before == status => true,
        Some(before) if before.is_final() => {
            return Err(HandFault::contradiction(format!("letter {letter} was answered as {}, and that stands", before.word())));
        }
        Some(before) => status < before,
    };
    if status == VendorStatus::Returned && !already && before != Some(VendorStatus::HandedOver) {
        return Err(HandFault::contradiction(format!(
            "letter {letter} is not answered as handed_over: it cannot come back before it left"
        )));
    }
    if !already {
        let (letter_id, reason) = (letter.clone(), reason.to_owned());
        plan.rows.push(ReceiptRow { letter_id, status, reason, pages: row.pages, sheets: row.sheets, at: at.to_owned() });
    }
    let stands = before.filter(|before| already && *before > status).map(VendorStatus::word);
    plan.said.push(Said { batch: batch.to_string(), letter: Some(letter.to_string()), status: status.word(), already, stands });
    Ok(())
}
