//! The daily head: once a day, at the end of the first run after midnight (Danish time), where the ledger's log stands is
//! signed and laid into `data/heads`. A log that was written anew, hashes and all, does not fit the heads that were kept.

use super::account::{Terms, account};
use super::config::Config;
use super::fault::{Fault, exit};
use super::proof::read_file;
use crate::adapters::clock;
use crate::adapters::signer::Signer;
use crate::adapters::store::{private_folder, sync_around, write_private};
use crate::domain::Sha256;
use crate::domain::head::HeadEvent;
use crate::ledger::{Entry, Ledger};
use crate::wire::cms::{self, SIGNATURE_BYTES_MAX};
use crate::wire::head::{FORMAT, HEAD_BYTES_MAX, Head, Letters};
use crate::wire::merkle;
use crate::wire::proof::{Bytes, Signed};
use std::path::{Path, PathBuf};

/// A head with its signature.
#[derive(Debug, Clone)]
pub struct KnownHead {
    pub head: Head,
    pub signed: Signed,
}

/// Where the heads lie.
pub fn folder(config: &Config) -> PathBuf {
    config.data.join("heads")
}

/// The heads that the ledger knows, by day, as they lie on the disk. FP-L006 when one is missing or was changed.
pub fn all(config: &Config, ledger: &Ledger) -> Result<Vec<KnownHead>, Fault> {
    let mut heads = Vec::new();
    for (date, HeadEvent::Signed { head, signature, .. }) in ledger.heads()? {
        let known = read(&folder(config).join(format!("{date}.json")))?;
        let hash = |bytes: &Bytes| Sha256(openssl::sha::sha256(&bytes.0));
        if hash(&known.signed.content) != head || hash(&known.signed.signature) != signature {
            let text = format!("the head of the log of {date} in data/heads is not the one that was signed");
            return Err(Fault::new("FP-L006", exit::MISMATCH, text));
        }
        heads.push(known);
    }
    Ok(heads)
}

/// A head and its signature beside it.
pub fn read(path: &Path) -> Result<KnownHead, Fault> {
    let missing = |fault: Fault| Fault::new("FP-L006", exit::MISMATCH, fault.message);
    let content = read_file(path, HEAD_BYTES_MAX).map_err(missing)?;
    let signature = read_file(&signature_path(path), SIGNATURE_BYTES_MAX).map_err(missing)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(KnownHead { head: Head::from_json(&content)?, signed: Signed { name, content: Bytes(content), signature: Bytes(signature) } })
}

fn signature_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".p7s");
    PathBuf::from(name)
}

/// The root of the tree over the log's entries from one number to another, both included.
pub(super) fn entries_merkle(ledger: &Ledger, first: i64, last: i64) -> Result<Sha256, Fault> {
    let mut tree = merkle::Growing::default();
    ledger.for_each_entry_hash(first, last, |hash| tree.push(hash))?;
    Ok(tree.root())
}

/// Signs the log as it stands, unless this day has its head or nothing was recorded since the last one.
pub(super) fn write_today(config: &Config, ledger: &mut Ledger) -> Result<(), Fault> {
    let date = clock::business_date();
    let (last, last_sha256) = ledger.head()?;
    let before = ledger.heads()?.pop();
    let covered = before.as_ref().map_or(0, |(_, HeadEvent::Signed { last, .. })| *last);
    // The entry that says that a head was signed is news to nobody.
    let nothing_new = last <= covered + i64::from(before.is_some());
    if nothing_new || before.as_ref().is_some_and(|(day, _)| *day >= date) {
        return Ok(());
    }
    let Terms { accepted, digital, shipped, rejected, held, pending, .. } = account(config, ledger, None)?.terms;
    let head = Head {
        format: FORMAT.to_owned(),
        date: date.clone(),
        environment: config.environment.clone(),
        created: clock::now(),
        first: covered + 1,
        last,
        last_sha256,
        entries_merkle_sha256: entries_merkle(ledger, covered + 1, last)?,
        letters: Letters { accepted, digital, shipped, rejected, held, pending },
        previous_head_sha256: before.map(|(_, HeadEvent::Signed { head, .. })| head),
    };
    let bytes = head.to_json();
    let signer = Signer::read(&config.signer, clock::now_s())?;
    let signature = cms::sign(&bytes, &signer.certificate, &signer.key, &signer.issuers)
        .map_err(|e| Fault::new("FP-K020", exit::KEYS, e.to_string()))?;
    let folder = folder(config);
    let failed = |e: std::io::Error| Fault::io("writing the head of the log", &e);
    let path = folder.join(format!("{date}.json"));
    private_folder(&folder).map_err(failed)?;
    write_private(&signature_path(&path), &signature).map_err(failed)?;
    write_private(&path, &bytes).map_err(failed)?;
    sync_around(&folder).map_err(failed)?;
    let hash = |bytes: &[u8]| Sha256(openssl::sha::sha256(bytes));
    let event = HeadEvent::Signed { last, head: hash(&bytes), signature: hash(&signature) };
    Ok(ledger.record(&clock::now(), &[Entry::Head(date, event)])?)
}
