//! Where the plain letters of a batch are read: from a file as it lies there, or out of an age file with the vendor's own key.
//! What comes out of an age file is never written anywhere.

use super::acceptance::{Refusal, open};
use crate::wire::age_file::{self, Identities, OpenFault, header, payload_bytes};
use crate::wire::manifest::{Encrypted, EncryptedTo, FileEntry};
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

/// The code of an encrypted file that is not what the manifest says of it.
const NOT_AS_SAID: &str = "FP-B036";
/// The code of one that the vendor's key does not open.
const OTHER_KEY: &str = "FP-K028";

pub trait Content: Read + Seek {}
impl<T: Read + Seek> Content for T {}

/// The plain files of one batch.
pub struct Contents<'a> {
    folder: &'a Path,
    /// Of the files that are opened here.
    sealed: &'a [FileEntry],
    identities: &'a Identities,
}

impl<'a> Contents<'a> {
    /// With a key that fits the method, the encrypted files are opened; otherwise the plain ones lie in the folder.
    pub fn new(folder: &'a Path, encrypted: Option<&'a Encrypted>, identities: &'a Identities) -> Self {
        let opened = encrypted.filter(|encrypted| matches!(encrypted.to, EncryptedTo::Age(_)) && !identities.is_empty());
        Self { folder, sealed: opened.map_or(&[], |encrypted| &encrypted.plain), identities }
    }

    pub fn opens(&self, name: &str) -> bool {
        self.sealed.iter().any(|entry| entry.name == name)
    }

    pub fn open(&self, name: &str) -> Result<Box<dyn Content>, Refusal> {
        if !self.opens(name) {
            return Ok(Box::new(open(self.folder, name, "FP-B006")?));
        }
        let sealed = format!("{name}{}", age_file::ENDING);
        let file = open(self.folder, &sealed, "FP-B006")?;
        let opened = age_file::open(file, self.identities).map_err(|fault| match fault {
            OpenFault::OtherKey => Refusal::new(OTHER_KEY, format!("{sealed} does not open with this key: {fault}")),
            OpenFault::Damaged(why) => Refusal::new(NOT_AS_SAID, format!("{sealed} does not open: {why}")),
            OpenFault::Io(fault) => Refusal::unreadable(&sealed, &fault),
        })?;
        // Many short reads follow, and each of the reader below costs a look at its chunk.
        Ok(Box::new(BufReader::new(opened)))
    }

    /// Reading failed: for what an encrypted file holds, or for the disk.
    pub fn fault(&self, name: &str, fault: &io::Error) -> Refusal {
        if self.opens(name) && age_file::is_damage(fault) {
            return Refusal::new(NOT_AS_SAID, format!("{name}{} does not open to its end: {fault}", age_file::ENDING));
        }
        Refusal::unreadable(name, fault)
    }
}

/// What can be said of an age file without a key: whom it is encrypted to, and that its size is that of a file of `plain`'s.
/// Its own size and hash are known to be what the manifest says.
pub fn check_sealed(folder: &Path, plain: &FileEntry, to: &EncryptedTo) -> Result<(), Refusal> {
    let EncryptedTo::Age(recipients) = to else { return Ok(()) };
    let sealed = format!("{}{}", plain.name, age_file::ENDING);
    let refuse = |why: String| Err(Refusal::new(NOT_AS_SAID, format!("{sealed}: {why}")));
    let file = open(folder, &sealed, "FP-B006")?;
    let bytes = file.metadata().map_err(|fault| Refusal::unreadable(&sealed, &fault))?.len();
    let head = match header(file) {
        Ok(head) => head,
        Err(fault) if age_file::is_damage(&fault) => return refuse(fault.to_string()),
        Err(fault) => return Err(Refusal::unreadable(&sealed, &fault)),
    };
    if head.recipients != recipients.len() {
        return refuse(format!("it is encrypted to {} keys, the manifest names {}", head.recipients, recipients.len()));
    }
    let payload = bytes.saturating_sub(head.bytes);
    if payload != payload_bytes(plain.bytes) {
        return refuse(format!("it cannot hold the {} bytes that the manifest says come out", plain.bytes));
    }
    Ok(())
}

/// Which key is missing, before any is tried.
pub fn check_key(to: &EncryptedTo, identities: &Identities) -> Result<(), Refusal> {
    let (EncryptedTo::Age(recipients), false) = (to, identities.is_empty()) else { return Ok(()) };
    let ours = identities.recipients();
    if ours.iter().any(|our| recipients.contains(our)) {
        return Ok(());
    }
    let list = |keys: &[age_file::Recipient]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let why = format!("the batch is encrypted to {}, the key given opens what is encrypted to {}", list(recipients), list(&ours));
    Err(Refusal::new(OTHER_KEY, why))
}
