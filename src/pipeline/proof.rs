//! Checks the proof of one letter, with nothing but the proof and the certificate that is trusted. Whatever does not hold
//! refuses the whole proof, with a sentence that says which part.

use crate::domain::answer::{Meaning, Words};
use crate::domain::status::{BatchEvent, LetterEvent};
use crate::domain::{Cvr, LetterId, Sha256, counted};
use crate::wire::cms::{self, SignatureFault};
use crate::wire::head::Head;
use crate::wire::manifest::{BatchFiles, LETTERS_HEADER, LetterRow, Manifest, letters_from_csv};
use crate::wire::merkle;
use crate::wire::proof::{Answer, Bytes, Proof, Proved, Quoted, Row, Signed};
use crate::wire::receipt::{Ack, AckResult, Named, ROWS_MAX, ReceiptHead, Row as ReceiptRow, read_rows};
use jiff::Timestamp;
use serde::Serialize;

/// Why a proof is refused. FP-P001 unreadable, FP-P002 signature, FP-P003 row, FP-P004 answer, FP-P005 log, FP-P006 head of
/// the log, FP-P007 document, FP-P008 receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProofFault {
    pub code: &'static str,
    pub message: String,
}

fn fault(code: &'static str, message: impl Into<String>) -> ProofFault {
    ProofFault { code, message: message.into() }
}

/// What a proof that holds has shown, and what it cannot show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    pub letter_id: LetterId,
    pub batch: String,
    pub document_sha256: Sha256,
    pub received_sha256: Sha256,
    pub proved: Vec<String>,
    pub not_proved: Vec<String>,
}

/// What the proof is held against, beside itself.
#[derive(Debug, Clone, Default)]
pub struct Against {
    /// PEM: the certificates that its signatures must lead to.
    pub trusted_pem: Vec<u8>,
    /// PEM: the certificates that the vendor's signatures must lead to.
    pub answers_pem: Option<Vec<u8>>,
    /// Organisations that may sign for municipalities, beside each for itself.
    pub signers: Vec<Cvr>,
    /// Hash of a document that should be the letter's.
    pub document: Option<Sha256>,
    /// The rows of a receipt that is quoted, as the vendor sent them.
    pub receipt: Option<Vec<u8>>,
}

/// Checks every part of the proof.
pub fn check(proof: &Proof, against: &Against) -> Result<Shown, ProofFault> {
    let manifest = signed_manifest(proof, against)?;
    let row = row(proof, &manifest)?;
    let mut shown = Shown {
        letter_id: row.letter_id.clone(),
        batch: manifest.batch.to_string(),
        document_sha256: row.sha256,
        received_sha256: row.sha256_received,
        proved: vec![
            format!(
                "{} signed manifest {} on {}, with a certificate that leads to the trusted one",
                cms::signer_name(&proof.manifest.signature.0).map_err(|e| fault("FP-P002", e.to_string()))?,
                manifest.batch,
                manifest.created
            ),
            format!(
                "letter {} is number {} of {} in it, with {} on {}",
                row.letter_id,
                row.seq,
                manifest.letters,
                counted(row.pages.into(), "page"),
                counted(row.sheets.into(), "sheet")
            ),
        ],
        not_proved: Vec::new(),
    };
    log(proof, &manifest)?;
    answers(proof, &manifest, &row.dispatch_id, against, &mut shown)?;
    heads(proof, &manifest, against, &mut shown)?;
    document(&row, against, &mut shown)?;
    shown.not_proved.extend([
        "that the recipient received it: the last word is that of the print vendor".to_owned(),
        "the times: those of the log are by the municipality's clock, those in answers by the vendor's".to_owned(),
    ]);
    Ok(shown)
}

fn signed_manifest(proof: &Proof, against: &Against) -> Result<Manifest, ProofFault> {
    let manifest = Manifest::from_json(&proof.manifest.content.0).map_err(|e| fault("FP-P001", e.to_string()))?;
    if proof.manifest.name != BatchFiles::manifest(&manifest.batch) {
        return Err(fault("FP-P003", "the manifest is called otherwise than its batch"));
    }
    signature(&proof.manifest, &manifest.created, &manifest.municipality_cvr, against)?;
    Ok(manifest)
}

/// By the certificates as they stood when it was signed: a proof is looked at years later. A certificate that carries a CVR
/// number must carry the municipality's, or one that is known to sign for it.
fn signature(file: &Signed, created: &str, municipality: &Cvr, against: &Against) -> Result<(), ProofFault> {
    let bad = |why: String| fault("FP-P002", format!("{}: {why}", file.name));
    let at: Timestamp = created.parse().map_err(|_| fault("FP-P001", format!("{} does not say when it was made", file.name)))?;
    cms::check_at(&file.content.0, &file.signature.0, &against.trusted_pem, Some(at.as_second())).map_err(|why| match why {
        SignatureFault::Trusted(why) => fault("FP-K014", why.to_string()),
        why => bad(why.to_string()),
    })?;
    match cms::signer_cvr(&file.signature.0).map_err(|e| bad(e.to_string()))? {
        Some(cvr) if cvr != *municipality && !against.signers.contains(&cvr) => {
            Err(bad(format!("is signed for municipality {municipality} by the holder of CVR {cvr}; --signer {cvr} accepts that")))
        }
        _ => Ok(()),
    }
}

/// The letter's row, proved to be one of the manifest's.
fn row(proof: &Proof, manifest: &Manifest) -> Result<LetterRow, ProofFault> {
    let unreadable = |e: crate::wire::manifest::WireError| fault("FP-P003", e.to_string());
    let row = match (&proof.row, manifest.letters_merkle_sha256) {
        (Row::Merkle { row, path }, Some(root)) => {
            let mut found = letters_from_csv(format!("{LETTERS_HEADER}\n{row}\n").as_bytes()).map_err(unreadable)?;
            let (Some(read), true) = (found.pop(), found.is_empty()) else { return Err(fault("FP-P003", "the row is no single row")) };
            let index = u64::from(read.seq).checked_sub(1).ok_or_else(|| fault("FP-P003", "the row has no number"))?;
            let led_to = merkle::root_by(&merkle::leaf(row.as_bytes()), index, manifest.letters.into(), path);
            if led_to != Some(root) {
                return Err(fault(
                    "FP-P003",
                    format!("the row of letter {} does not lead to the manifest's letters_merkle_sha256", proof.letter_id),
                ));
            }
            read
        }
        (Row::LettersCsv(csv), None) => {
            let name = BatchFiles::letters(&manifest.batch);
            let hash = Sha256(openssl::sha::sha256(&csv.0));
            if !manifest.files.iter().any(|file| file.name == name && file.sha256 == hash) {
                return Err(fault("FP-P003", format!("{name} is not the one that the manifest vouches for")));
            }
            let rows = letters_from_csv(&csv.0).map_err(unreadable)?;
            let found = rows.into_iter().find(|row| row.letter_id == proof.letter_id);
            found.ok_or_else(|| fault("FP-P003", format!("letter {} stands in no row of {name}", proof.letter_id)))?
        }
        (Row::Merkle { .. }, None) => return Err(fault("FP-P003", "the row has a path, and the manifest no root for it")),
        (Row::LettersCsv(_), Some(_)) => return Err(fault("FP-P003", "the manifest has a root for the row, and the row has no path")),
    };
    if row.letter_id == proof.letter_id {
        return Ok(row);
    }
    Err(fault("FP-P003", format!("the row is of letter {}, the proof of letter {}", row.letter_id, proof.letter_id)))
}

/// The log's entries: each has the hash of what it says, neighbours follow one another, and what is said of the batch is
/// said of this manifest.
fn log(proof: &Proof, manifest: &Manifest) -> Result<(), ProofFault> {
    let wrong = |seq: i64, why: &str| Err(fault("FP-P005", format!("entry {seq} of the log {why}")));
    for Proved { entry, .. } in &proof.entries {
        if !entry.holds() {
            return wrong(entry.seq, "has another hash than what it says");
        }
        let subject = match entry.kind.as_str() {
            "letter" => proof.letter_id.as_str(),
            "batch" => manifest.batch.as_str(),
            _ => return wrong(entry.seq, "is neither of a letter nor of a batch"),
        };
        if entry.subject != subject {
            return wrong(entry.seq, "is of something else");
        }
    }
    for pair in proof.entries.windows(2) {
        let (one, next) = (&pair[0].entry, &pair[1].entry);
        if next.seq <= one.seq || next.seq == one.seq + 1 && next.previous != one.hash {
            return wrong(next.seq, "does not follow the one before it");
        }
    }
    let (manifest_sha256, signature_sha256) = (hash(&proof.manifest.content), hash(&proof.manifest.signature));
    let sealed = |event: &BatchEvent| matches!(event, BatchEvent::Sealed { manifest, signature, .. } if *manifest == manifest_sha256 && *signature == signature_sha256);
    if !batch_events(proof).any(|event| sealed(&event)) {
        return Err(fault("FP-P005", "no entry of the log says that this manifest was sealed with this signature"));
    }
    if !letter_events(proof).any(|event| matches!(event, LetterEvent::Batched { batch } if batch == manifest.batch)) {
        return Err(fault("FP-P005", format!("no entry of the log says that letter {} was put into this batch", proof.letter_id)));
    }
    Ok(())
}

fn batch_events(proof: &Proof) -> impl Iterator<Item = BatchEvent> {
    let of_batch = proof.entries.iter().filter(|proved| proved.entry.kind == "batch");
    of_batch.filter_map(|proved| serde_json::from_str(&proved.entry.data).ok())
}

fn letter_events(proof: &Proof) -> impl Iterator<Item = LetterEvent> {
    let of_letter = proof.entries.iter().filter(|proved| proved.entry.kind == "letter");
    of_letter.filter_map(|proved| serde_json::from_str(&proved.entry.data).ok())
}

/// The vendor's answers: each is the one that the log names, and quotes this manifest.
fn answers(proof: &Proof, manifest: &Manifest, dispatch_id: &str, against: &Against, shown: &mut Shown) -> Result<(), ProofFault> {
    let events: Vec<BatchEvent> = batch_events(proof).collect();
    let mut receipt_used = false;
    for answer in &proof.answers {
        match answer {
            Answer::Ack { sha256, content, signature } => {
                let at = ack(proof, manifest, &events, sha256, content.as_ref(), shown)?;
                let of_log = events.iter().find_map(|event| match event {
                    BatchEvent::Acknowledged { answer, signature, .. } if answer == sha256 => *signature,
                    _ => None,
                });
                let file = ("the technical answer".to_owned(), content.as_ref(), at.as_deref());
                vendor_signature(file, signature.as_ref(), of_log, manifest, against, shown)?;
            }
            Answer::Receipt { number, head_sha256, head, signature, rows_sha256, quoted } => {
                let same = |event: &BatchEvent| {
                    matches!(event, BatchEvent::Answered { number: n, head, rows, .. }
                        if n == number && head == head_sha256 && rows == rows_sha256)
                };
                if !events.iter().any(same) {
                    return Err(fault("FP-P004", format!("the log knows no receipt {number} with these hashes")));
                }
                let at = match head {
                    Some(bytes) => Some(receipt_head(proof, manifest, *number, (head_sha256, bytes), rows_sha256)?),
                    None => None,
                };
                let of_log = events.iter().filter(|event| same(event)).find_map(|event| match event {
                    BatchEvent::Answered { signature, .. } => *signature,
                    _ => None,
                });
                let file = (format!("receipt {number}"), head.as_ref(), at.as_deref());
                vendor_signature(file, signature.as_ref(), of_log, manifest, against, shown)?;
                if let Some(quoted) = quoted {
                    receipt_used |= receipt_row(manifest, *number, rows_sha256, quoted, dispatch_id, against, shown)?;
                }
            }
        }
    }
    if against.receipt.is_some() && !receipt_used {
        return Err(fault("FP-P008", "the receipt given is none of those that the proof quotes"));
    }
    for event in letter_events(proof) {
        match event {
            LetterEvent::Settled { word, .. } => shown.proved.push(format!("the log holds the vendor's final word: {word}")),
            LetterEvent::Returned { reason, .. } => shown.proved.push(format!("the log holds that the letter came back, reason {reason}")),
            _ => {}
        }
    }
    Ok(())
}

/// Whose word an answer is: name of the file, its content and the vendor's time in it. The signature is the one that the log
/// names, and holds as of that time.
fn vendor_signature(
    (what, content, at): (String, Option<&Bytes>, Option<&str>),
    signature: Option<&Bytes>,
    of_log: Option<Sha256>,
    manifest: &Manifest,
    against: &Against,
    shown: &mut Shown,
) -> Result<(), ProofFault> {
    let vendor = &manifest.vendor;
    if signature.map(hash) != of_log {
        return Err(fault("FP-P004", format!("the log names another signature of {vendor} over {what}")));
    }
    let Some(signature) = signature else {
        let text = format!("that {what} is {vendor}'s own: it is not signed; the log shows what was fetched from its server, and when");
        shown.not_proved.push(text);
        return Ok(());
    };
    let (Some(content), Some(at), Some(trusted)) = (content, at, &against.answers_pem) else {
        shown.not_proved.push(format!("that {what} is {vendor}'s own: it is signed; --answers-certificate PEM proves it"));
        return Ok(());
    };
    let at_s = at.parse::<Timestamp>().ok().map(|at| at.as_second());
    let bad = |why: String| fault("FP-P002", format!("{what} of {vendor}: {why}"));
    cms::check_at(&content.0, &signature.0, trusted, at_s).map_err(|why| bad(why.to_string()))?;
    let name = cms::signer_name(&signature.0).map_err(|e| bad(e.to_string()))?;
    shown.proved.push(format!("{what} is signed by {name}, with a certificate that leads to the one given for {vendor}"));
    Ok(())
}

/// The vendor's time, where the answer's own bytes are there.
fn ack(
    proof: &Proof,
    manifest: &Manifest,
    events: &[BatchEvent],
    sha256: &Sha256,
    content: Option<&Bytes>,
    shown: &mut Shown,
) -> Result<Option<String>, ProofFault> {
    if !events.iter().any(|event| matches!(event, BatchEvent::Acknowledged { answer, .. } if answer == sha256)) {
        return Err(fault("FP-P004", format!("the log knows no technical answer {sha256}")));
    }
    let Some(content) = content else { return Ok(None) };
    let ack: Ack = read("the technical answer", &content.0, sha256)?;
    if ack.manifest_sha256 != hash(&proof.manifest.content) || ack.batch != manifest.batch {
        return Err(fault("FP-P004", "the technical answer quotes another manifest"));
    }
    let word = if ack.result == AckResult::Accepted { "accepted" } else { "rejected" };
    shown.proved.push(format!("{} answered that the batch was {word}, at {}", manifest.vendor, ack.at));
    Ok(Some(ack.at))
}

fn receipt_head(
    proof: &Proof,
    manifest: &Manifest,
    number: u32,
    (sha256, bytes): (&Sha256, &Bytes),
    rows: &Sha256,
) -> Result<String, ProofFault> {
    let head: ReceiptHead = read(&format!("the head of receipt {number}"), &bytes.0, sha256)?;
    let ours = hash(&proof.manifest.content);
    if (&head.batch, head.manifest_sha256, head.number, head.rows_sha256) == (&manifest.batch, ours, number, *rows) {
        return Ok(head.at);
    }
    Err(fault("FP-P004", format!("the head of receipt {number} quotes another manifest, number or rows")))
}

/// What is quoted from a receipt; whether the receipt was there to prove it.
fn receipt_row(
    manifest: &Manifest,
    number: u32,
    rows_sha256: &Sha256,
    quoted: &Quoted,
    dispatch_id: &str,
    against: &Against,
    shown: &mut Shown,
) -> Result<bool, ProofFault> {
    if quoted.letter_id != shown.letter_id {
        return Err(fault("FP-P004", format!("receipt {number} is quoted about another letter")));
    }
    let Quoted { words, status, pages, sheets, at, .. } = quoted;
    let size = match (pages.map(|pages| counted(pages.into(), "page")), sheets.map(|sheets| counted(sheets.into(), "sheet"))) {
        (Some(pages), Some(sheets)) => format!(", {pages} on {sheets}"),
        (Some(one), None) | (None, Some(one)) => format!(", {one}"),
        (None, None) => String::new(),
    };
    let said = format!("{} said of the letter: {}{size}, at {at}", manifest.vendor, status.word());
    let Some(csv) = against.receipt.as_ref().filter(|csv| Sha256(openssl::sha::sha256(csv)) == *rows_sha256) else {
        shown.not_proved.push(format!("{said}; quoted from receipt {number}, which --receipt FILE proves"));
        return Ok(false);
    };
    let rows = read_rows(words, csv, ROWS_MAX).map_err(|e| fault("FP-P008", e.to_string()))?;
    let same = |row: &ReceiptRow| quoted_from(&quoted.letter_id, dispatch_id, words, row).as_ref() == Some(quoted);
    if !rows.iter().any(same) {
        return Err(fault("FP-P008", format!("receipt {number} does not say what is quoted from it")));
    }
    shown.proved.push(said);
    Ok(true)
}

/// A receipt's row without the vendor's own text; `None` when it is of another letter, or no news.
pub fn quoted_from(id: &LetterId, dispatch_id: &str, words: &Words, row: &ReceiptRow) -> Option<Quoted> {
    let of_letter = match &row.named {
        Named::Letter(named) => named == id.as_str(),
        Named::Dispatch(named) => named.eq_ignore_ascii_case(dispatch_id),
    };
    let status = match row.meaning {
        Meaning::Is(status) if of_letter => status,
        _ => return None,
    };
    Some(Quoted { letter_id: id.clone(), words: words.clone(), status, pages: row.pages, sheets: row.sheets, at: row.at.clone() })
}

fn hash(bytes: &Bytes) -> Sha256 {
    Sha256(openssl::sha::sha256(&bytes.0))
}

/// A file of the vendor's, proved to be the one with this hash.
fn read<T: serde::de::DeserializeOwned>(what: &str, bytes: &[u8], hash: &Sha256) -> Result<T, ProofFault> {
    if Sha256(openssl::sha::sha256(bytes)) != *hash {
        return Err(fault("FP-P004", format!("{what} has other bytes than its hash says")));
    }
    serde_json::from_slice(bytes).map_err(|_| fault("FP-P004", format!("{what} cannot be read")))
}

/// The signed heads, and that each entry with a way to one is covered by it.
fn heads(proof: &Proof, manifest: &Manifest, against: &Against, shown: &mut Shown) -> Result<(), ProofFault> {
    let mut heads = Vec::new();
    for file in &proof.heads {
        let head = Head::from_json(&file.content.0).map_err(|e| fault("FP-P006", e.to_string()))?;
        signature(file, &head.created, &manifest.municipality_cvr, against)?;
        if file.name != format!("{}.json", head.date) || head.environment != manifest.environment {
            return Err(fault("FP-P006", format!("head {} is of another day or another environment", file.name)));
        }
        heads.push(head);
    }
    let mut open = 0;
    for Proved { entry, anchor } in &proof.entries {
        let Some(anchor) = anchor else {
            open += 1;
            continue;
        };
        let head = heads.get(anchor.head).ok_or_else(|| fault("FP-P006", format!("entry {} names a head that is not there", entry.seq)))?;
        let (index, size) = (entry.seq - head.first, head.last - head.first + 1);
        let led_to = u64::try_from(index).ok().and_then(|index| merkle::root_by(&entry.hash, index, size.unsigned_abs(), &anchor.path));
        if led_to != Some(head.entries_merkle_sha256) {
            return Err(fault("FP-P006", format!("entry {} of the log is not covered by the signed head of {}", entry.seq, head.date)));
        }
    }
    let covered = proof.entries.len() - open;
    if covered > 0 {
        shown.proved.push(format!("{covered} entries of the log stand under a signed daily head"));
    }
    if open > 0 {
        let text = format!("{open} entries of the log stand under no signed head yet: a proof made after the next head has it");
        shown.not_proved.push(text);
    }
    Ok(())
}

fn document(row: &LetterRow, against: &Against, shown: &mut Shown) -> Result<(), ProofFault> {
    match against.document {
        None => {
            shown.not_proved.push("what the letter says: give its PDF with --document".to_owned());
            Ok(())
        }
        Some(hash) if hash == row.sha256 => {
            shown.proved.push(format!("the document given is the one that was sent to be printed, sha256 {hash}"));
            Ok(())
        }
        Some(hash) if hash == row.sha256_received => {
            shown.proved.push(format!("the document given is the one that was received, sha256 {hash}; it was printed as {}", row.sha256));
            Ok(())
        }
        Some(hash) => {
            let text = format!(
                "the document given has sha256 {hash}; the letter was received with {} and printed with {}",
                row.sha256_received, row.sha256
            );
            Err(fault("FP-P007", text))
        }
    }
}
