//! Where the plain letters of a batch are read: from a file as it lies there, or out of an encrypted file with the vendor's own
//! key. What comes out of one is never written anywhere.

use super::acceptance::{Refusal, open};
use crate::domain::counted;
use crate::wire::age_file::{self, OpenFault, header, payload_bytes};
use crate::wire::envelope::encrypted_bytes;
use crate::wire::envelope_open;
use crate::wire::manifest::{Encrypted, EncryptedTo, FileEntry};
use crate::wire::vendor_key::VendorKey;
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
    /// The files that are opened here.
    opened: Option<&'a Encrypted>,
    key: &'a VendorKey,
}

impl<'a> Contents<'a> {
    /// With a key, the encrypted files are opened; otherwise the plain ones lie in the folder.
    pub fn new(folder: &'a Path, encrypted: Option<&'a Encrypted>, key: &'a VendorKey) -> Self {
        Self { folder, opened: encrypted.filter(|_| !matches!(key, VendorKey::None)), key }
    }

    pub fn opens(&self, name: &str) -> bool {
        self.to(name).is_some()
    }

    /// Whose keys open this file, if it is opened here.
    fn to(&self, name: &str) -> Option<&'a EncryptedTo> {
        let encrypted = self.opened?;
        encrypted.plain.iter().any(|entry| entry.name == name).then_some(&encrypted.to)
    }

    pub fn open(&self, name: &str) -> Result<Box<dyn Content>, Refusal> {
        let Some(to) = self.to(name) else { return Ok(Box::new(open(self.folder, name, "FP-B006")?)) };
        let sealed = format!("{name}{}", to.ending());
        let file = open(self.folder, &sealed, "FP-B006")?;
        // Many short reads follow, and each of the reader below costs a look at its chunk.
        let opened: Result<Box<dyn Content>, OpenFault> = match self.key {
            VendorKey::None => return Ok(Box::new(file)),
            VendorKey::Age(identities) => age_file::open(file, identities).map(|opened| Box::new(BufReader::new(opened)) as _),
            VendorKey::Certificate(key) => envelope_open::open(file, key).map(|opened| Box::new(BufReader::new(opened)) as _),
        };
        opened.map_err(|fault| match fault {
            OpenFault::OtherKey => {
                let theirs = match to {
                    EncryptedTo::Certificate(sha256) => format!("; the manifest names the certificate with sha256 {sha256}"),
                    EncryptedTo::Age(_) => String::new(),
                };
                Refusal::new(OTHER_KEY, format!("{sealed} does not open with this key: {fault}{theirs}"))
            }
            OpenFault::Damaged(why) => Refusal::new(NOT_AS_SAID, format!("{sealed} does not open: {why}")),
            OpenFault::Io(fault) => Refusal::unreadable(&sealed, &fault),
        })
    }

    /// Reading failed: for what an encrypted file holds, or for the disk.
    pub fn fault(&self, name: &str, fault: &io::Error) -> Refusal {
        match self.to(name) {
            Some(to) if age_file::is_damage(fault) => {
                Refusal::new(NOT_AS_SAID, format!("{name}{} does not open to its end: {fault}", to.ending()))
            }
            _ => Refusal::unreadable(name, fault),
        }
    }
}

/// What can be said of an encrypted file without a key: whom it is encrypted to, as far as it tells, and that its size is that
/// of a file of `plain`'s. Its own size and hash are known to be what the manifest says.
pub fn check_sealed(folder: &Path, plain: &FileEntry, to: &EncryptedTo) -> Result<(), Refusal> {
    let sealed = format!("{}{}", plain.name, to.ending());
    let refuse = |why: String| Refusal::new(NOT_AS_SAID, format!("{sealed}: {why}"));
    let unfit = |fault: io::Error| match age_file::is_damage(&fault) {
        true => refuse(fault.to_string()),
        false => Refusal::unreadable(&sealed, &fault),
    };
    let file = open(folder, &sealed, "FP-B006")?;
    let fits = match to {
        EncryptedTo::Certificate(_) => envelope_open::head(file).map_err(unfit)?.encrypted_bytes == encrypted_bytes(plain.bytes),
        EncryptedTo::Age(recipients) => {
            let bytes = file.metadata().map_err(|fault| Refusal::unreadable(&sealed, &fault))?.len();
            let head = header(file).map_err(unfit)?;
            if head.recipients != recipients.len() {
                let found = counted(head.recipients as u64, "key");
                return Err(refuse(format!("it is encrypted to {found}, the manifest names {}", recipients.len())));
            }
            bytes.saturating_sub(head.bytes) == payload_bytes(plain.bytes)
        }
    };
    if fits { Ok(()) } else { Err(refuse(format!("it cannot hold the {} bytes that the manifest says come out", plain.bytes))) }
}

/// Which key is missing, before any is tried. Whether an RSA key is the certificate's, only trying tells.
pub fn check_key(to: &EncryptedTo, key: &VendorKey) -> Result<(), Refusal> {
    let list = |keys: &[age_file::Recipient]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let why = match (to, key) {
        (_, VendorKey::None) | (EncryptedTo::Certificate(_), VendorKey::Certificate(_)) => return Ok(()),
        (EncryptedTo::Age(recipients), VendorKey::Age(identities)) => {
            let ours = identities.recipients();
            if ours.iter().any(|our| recipients.contains(our)) {
                return Ok(());
            }
            format!("the batch is encrypted to {}, the key given opens what is encrypted to {}", list(recipients), list(&ours))
        }
        (EncryptedTo::Age(recipients), VendorKey::Certificate(_)) => {
            format!("the batch is encrypted to {}, the key given is that of a certificate: give the age key", list(recipients))
        }
        (EncryptedTo::Certificate(sha256), VendorKey::Age(_)) => {
            format!(
                "the batch is encrypted to the certificate with sha256 {sha256}, the key given is an age key: give the certificate's RSA key in PEM"
            )
        }
    };
    Err(Refusal::new(OTHER_KEY, why))
}
