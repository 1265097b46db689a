//! Makes the proof of one letter out of ledger, batch and store, and checks one without any of them.

use super::config::Config;
use super::fault::{Fault, exit};
use super::heads;
use super::night::read_manifest;
use crate::adapters::keys::read_bounded;
use crate::adapters::signer;
use crate::adapters::store::{Store, write_private};
use crate::domain::redact::redact;
use crate::domain::state::BatchState;
use crate::domain::status::{BatchEvent, LetterEvent, Term};
use crate::domain::{BatchName, LetterId, Sha256, VendorId};
use crate::ledger::Ledger;
use crate::pdf::certificate;
use crate::pipeline::certificate::{Said, page};
use crate::pipeline::proof::{Against, ProofFault, Shown, check, quoted_from};
use crate::wire::cms::{SIGNATURE_BYTES_MAX, signer_name};
use crate::wire::head::Head;
use crate::wire::manifest::{BatchFiles, LETTERS_CSV_BYTES_MAX, MANIFEST_BYTES_MAX, Manifest};
use crate::wire::merkle;
use crate::wire::proof::{Anchor, Answer, Bytes, FORMAT, PROOF_BYTES_MAX, Proof, Proved, Row, Signed};
use crate::wire::receipt::{ANSWER_BYTES_MAX, ROWS_MAX, read_rows};
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest document whose hash is taken, bytes: more than any letter that is taken in.
const DOCUMENT_BYTES_MAX: u64 = 200 << 20;

/// Where a proof was written.
#[derive(Debug, Clone, Serialize)]
pub struct Made {
    pub letter_id: LetterId,
    pub page: PathBuf,
    pub proof: PathBuf,
    pub proof_sha256: Sha256,
}

/// Writes the proof of a letter as JSON beside `out`, and the page about it to `out`, a name that ends in .pdf.
///
/// FP-C003: no such letter. FP-P009: the letter is not at its vendor, so there is nothing to prove. FP-L006: the batch or an
/// answer is not there any more, or was changed.
pub fn make(config: &Config, letter: &str, out: &Path) -> Result<Made, Fault> {
    if !out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("pdf")) {
        return Err(Fault::usage("FP-C003", "--out is the name of the page and ends in .pdf; the proof itself is written beside it"));
    }
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let unknown = || Fault::usage("FP-C003", format!("the ledger knows no letter {:?}", redact(letter)));
    let id: LetterId = letter.parse().map_err(|_| unknown())?;
    let state = ledger.letter(&id)?.ok_or_else(unknown)?;
    let batch = state.batch.clone().filter(|_| state.status.term() == Term::Shipped);
    let nothing = || {
        let text = format!("letter {id} is {}: it is not at its print vendor, and there is nothing to prove", state.status.word());
        Fault::usage("FP-P009", text)
    };
    let batch = batch.ok_or_else(nothing)?;
    let sealed = ledger.batch(&batch)?.ok_or_else(unknown)?;
    let (proof, manifest) = proof(config, &ledger, (&id, &state.dispatch_id), &batch, &sealed)?;
    // What is handed out was checked as its reader will check it.
    let against = Against {
        trusted_pem: trusted(config)?,
        signers: crate::wire::cms::signer_cvr(&proof.manifest.signature.0)?.into_iter().collect(),
        ..Against::default()
    };
    let shown = check(&proof, &against).map_err(refused)?;
    let json = proof.to_json();
    let proof_sha256 = Sha256(openssl::sha::sha256(&json));
    let signer = signer_name(&proof.manifest.signature.0)?;
    let municipality = config.municipalities.get(&state.municipality).map(|m| m.name.clone()).unwrap_or_default();
    let vendor = config.profiles.get(&manifest.vendor).map_or_else(|| manifest.vendor.to_string(), |profile| profile.name.clone());
    let said = Said { proof: &proof, manifest: &manifest, shown: &shown, proof_sha256, signer, municipality, vendor, state: &state };
    let drawn = certificate::draw(&page(&said)).map_err(|e| Fault::new(e.code, exit::UNEXPECTED, e.message))?;
    let beside = out.with_extension("json");
    for (path, bytes) in [(out, &drawn), (beside.as_path(), &json)] {
        write_private(path, bytes).map_err(|e| Fault::io(format!("writing {}", path.display()), &e))?;
    }
    Ok(Made { letter_id: id, page: out.to_owned(), proof: beside, proof_sha256 })
}

/// What our own vendors trust; our own certificate where no root is configured.
fn trusted(config: &Config) -> Result<Vec<u8>, Fault> {
    Ok(read_bounded(config.signer.root.as_deref().unwrap_or(&config.signer.certificate))?)
}

fn proof(
    config: &Config,
    ledger: &Ledger,
    (id, dispatch_id): (&LetterId, &str),
    batch: &BatchName,
    sealed: &BatchState,
) -> Result<(Proof, Manifest), Fault> {
    let folder = config.batches_path().join(batch.as_str());
    let (manifest, _) = read_manifest(&folder, batch, sealed)?;
    let name = BatchFiles::manifest(batch);
    let content = Bytes(read_file(&folder.join(&name), MANIFEST_BYTES_MAX)?);
    let signature = Bytes(read_file(&folder.join(BatchFiles::signature(batch)), SIGNATURE_BYTES_MAX)?);
    let csv = read_file(&folder.join(BatchFiles::letters(batch)), LETTERS_CSV_BYTES_MAX)?;
    let row = row(id, &manifest, csv)?;
    let mut entries: Vec<Proved> = Vec::new();
    for entry in ledger.entries_of(id)?.into_iter().chain(ledger.entries_of(batch)?) {
        if may_be_shown(&entry.kind, &entry.data) {
            entries.push(Proved { entry, anchor: None });
        }
    }
    entries.sort_by_key(|proved| proved.entry.seq);
    let answers = answers(config, id, dispatch_id, &sealed.vendor, &entries)?;
    let heads = anchor(config, ledger, &mut entries)?;
    let manifest_signed = Signed { name, content, signature };
    let proof = Proof { format: FORMAT.to_owned(), letter_id: id.clone(), manifest: manifest_signed, row, answers, entries, heads };
    Ok((proof, manifest))
}

fn row(id: &LetterId, manifest: &Manifest, csv: Vec<u8>) -> Result<Row, Fault> {
    if manifest.letters_merkle_sha256.is_none() {
        return Ok(Row::LettersCsv(Bytes(csv)));
    }
    let rows = merkle::rows(&csv)?;
    let missing = || Fault::new("FP-L006", exit::MISMATCH, format!("letter {id} stands in no row of its batch's letters.csv"));
    // The second field of a row is the letter's id.
    let index = rows.iter().position(|row| row.split(|byte| *byte == b';').nth(1) == Some(id.as_str().as_bytes()));
    let index = index.ok_or_else(missing)?;
    let leaves: Vec<Sha256> = rows.iter().map(|row| merkle::leaf(row)).collect();
    Ok(Row::Merkle { row: String::from_utf8_lossy(rows[index]).into_owned(), path: merkle::path(&leaves, index) })
}

/// Whether an entry of the log holds nothing of a person: not the one with the recipient's postcode, none with an
/// employee's name, and none with a text that the vendor wrote.
fn may_be_shown(kind: &str, data: &str) -> bool {
    if kind == "letter" {
        return serde_json::from_str(data).is_ok_and(|event| !matches!(event, LetterEvent::Validated { .. }));
    }
    serde_json::from_str(data).is_ok_and(|event| match event {
        BatchEvent::Approved { .. } | BatchEvent::Released { .. } | BatchEvent::Explained { .. } => false,
        // A question may quote what a vendor says of another letter.
        BatchEvent::Answered { questions, .. } => questions.is_empty(),
        BatchEvent::Acknowledged { reason, .. } => reason.is_empty(),
        _ => true,
    })
}

fn answers(config: &Config, id: &LetterId, dispatch_id: &str, vendor: &VendorId, entries: &[Proved]) -> Result<Vec<Answer>, Fault> {
    let words = config.profiles.get(vendor).map(|profile| profile.answers.vocabulary());
    let words = words.as_ref();
    let store = Store::open(&config.store_path())?;
    let mut answers = Vec::new();
    let of_batch = entries.iter().filter(|proved| proved.entry.kind == "batch");
    for event in of_batch.filter_map(|proved| serde_json::from_str(&proved.entry.data).ok()) {
        match event {
            BatchEvent::Acknowledged { answer, signature, .. } => {
                let signature = signature.map(|hash| store.get(&hash).map(Bytes)).transpose()?;
                let known = ["batch", "manifest_sha256", "result", "reason", "at"];
                answers.push(Answer::Ack { sha256: answer, content: without_text(store.get(&answer)?, &known), signature });
            }
            BatchEvent::Answered { number, head, rows, signature, .. } => {
                let signature = signature.map(|hash| store.get(&hash).map(Bytes)).transpose()?;
                let known = ["batch", "manifest_sha256", "number", "cumulative", "letters", "pages", "sheets", "rows_sha256", "at"];
                // Where a vendor speaks otherwise, its hashes stand here, and what it said stands in the log.
                let said = words.and_then(|words| read_rows(words, &store.get(&rows).ok()?, ROWS_MAX).ok()).unwrap_or_default();
                let quoted = words.and_then(|words| said.iter().find_map(|row| quoted_from(id, dispatch_id, words, row)));
                let head_content = without_text(store.get(&head)?, &known);
                answers.push(Answer::Receipt { number, head_sha256: head, head: head_content, signature, rows_sha256: rows, quoted });
            }
            _ => {}
        }
    }
    Ok(answers)
}

/// A vendor's JSON, when it holds the known fields only, and no text but what a machine writes.
fn without_text(bytes: Vec<u8>, known: &[&str]) -> Option<Bytes> {
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    let plain = |(key, value): (&String, &Value)| {
        let machine_made = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_:.+".contains(c)) && redact(text) == text;
        known.contains(&key.as_str()) && !value.is_object() && !value.is_array() && value.as_str().is_none_or(machine_made)
    };
    value.as_object()?.iter().all(plain).then_some(Bytes(bytes))
}

/// Finds the signed head that covers each entry, and gives those heads.
fn anchor(config: &Config, ledger: &Ledger, entries: &mut [Proved]) -> Result<Vec<Signed>, Fault> {
    let mut found = Vec::new();
    for head in heads::all(config, ledger)? {
        let covered = |proved: &&mut Proved| (head.head.first..=head.head.last).contains(&proved.entry.seq);
        let mut covered: Vec<&mut Proved> = entries.iter_mut().filter(covered).collect();
        if covered.is_empty() {
            continue;
        }
        let Head { first, last, .. } = head.head;
        let hashes = ledger.entry_hashes(first, last)?;
        for proved in &mut covered {
            let index = usize::try_from(proved.entry.seq - first).unwrap_or_default();
            proved.anchor = Some(Anchor { head: found.len(), path: merkle::path(&hashes, index) });
        }
        found.push(head.signed);
    }
    Ok(found)
}

/// What is to be checked, and against what.
#[derive(Debug, Clone)]
pub struct VerifyProof {
    pub file: PathBuf,
    pub certificate: PathBuf,
    pub document: Option<PathBuf>,
    pub receipt: Option<PathBuf>,
    /// What the vendor's signatures must lead to.
    pub answers_certificate: Option<PathBuf>,
    pub signers: Vec<crate::domain::Cvr>,
}

/// Checks a proof without ledger and without configuration. FP-P001 to FP-P008 for the first part that does not hold.
pub fn verify(asked: &VerifyProof) -> Result<Shown, Fault> {
    let invalid = |fault: Fault| Fault { exit: exit::INVALID, ..fault };
    let bytes = read_file(&asked.file, PROOF_BYTES_MAX).map_err(invalid)?;
    let proof = Proof::from_json(&bytes).map_err(|e| Fault::new("FP-P001", exit::INVALID, redact(&e.to_string())))?;
    let document = asked.document.as_deref().map(|path| read_file(path, DOCUMENT_BYTES_MAX)).transpose().map_err(invalid)?;
    let receipt = asked.receipt.as_deref().map(|path| read_file(path, ANSWER_BYTES_MAX)).transpose().map_err(invalid)?;
    let document = document.map(|bytes| Sha256(openssl::sha::sha256(&bytes)));
    let answers_pem = asked.answers_certificate.as_deref().map(signer::trusted).transpose()?;
    let against =
        Against { answers_pem, trusted_pem: signer::trusted(&asked.certificate)?, signers: asked.signers.clone(), document, receipt };
    check(&proof, &against).map_err(refused)
}

fn refused(fault: ProofFault) -> Fault {
    let exit = match fault.code {
        "FP-P001" => exit::INVALID,
        "FP-P002" | "FP-K014" => exit::KEYS,
        _ => exit::MISMATCH,
    };
    Fault::new(fault.code, exit, fault.message)
}

/// The whole file, of bounded size. FP-C006 when it cannot be read or is larger.
pub(super) fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Fault> {
    let what = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| Fault::io(what(), &e))?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|e| Fault::io(what(), &e))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Fault::new("FP-C006", exit::UNEXPECTED, format!("{}: larger than {bytes_max} bytes", what())));
    }
    Ok(bytes)
}
