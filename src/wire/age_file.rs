//! age files (https://age-encryption.org/v1, https://c2sp.org/age) to X25519 keys: which keys are taken, how large a file
//! must be, and reading and writing one a chunk at a time.
//!
//! The `age` crate does the cipher. What it does not do is here: a bound on the header, which it reads however long it is,
//! and clear words for the keys that are not taken.

use age::{Decryptor, Encryptor};
use bech32::FromBase32;
use openssl::derive::Deriver;
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, BufReader, Read, Seek, Write};
use std::str::FromStr;

/// How a manifest names it.
pub const METHOD: &str = "age-x25519";
/// What an encrypted file's name ends in, after the plain file's own.
pub const ENDING: &str = ".age";
/// Keys that one file is encrypted to.
pub const RECIPIENTS_MAX: usize = 16;
/// Longest header read, bytes: 98 for each key, and one stanza that no key opens, of a few hundred.
pub const HEADER_BYTES_MAX: u64 = 8 * 1024;

const VERSION_LINE: &[u8] = b"age-encryption.org/v1\n";
/// The last line of a header: `--- ` and a MAC of 43 characters.
const END_BYTES: usize = 4 + 43 + 1;
const NONCE_BYTES: u64 = 16;
const CHUNK_BYTES: u64 = 64 * 1024;
const TAG_BYTES: u64 = 16;

/// What every secret key of age and of its plugins begins with, in capitals.
const SECRETS: [&str; 2] = ["AGE-SECRET-KEY-", "AGE-PLUGIN-"];
const SECRET_WHY: &str = "holds a secret key, and with it anybody who can read this file can read the letters: it must not lie here. \
    Delete it, have the vendor make a new one, and put here only what `age-keygen -y` prints of it";

/// A key that letters can be encrypted to, `age1` and 58 characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recipient(age::x25519::Recipient);

impl FromStr for Recipient {
    type Err = &'static str;

    /// The fault never holds the text: it may be a secret key.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // bech32 may stand in capitals alone, as a QR code has it; the `age` crate reads small letters only.
        let small = text.bytes().any(|byte| byte.is_ascii_lowercase());
        if small { Self::of(text) } else { Self::of(&text.to_ascii_lowercase()) }
    }
}

impl Recipient {
    /// A key as age writes it.
    fn of(text: &str) -> Result<Self, &'static str> {
        if is_secret(text) {
            return Err(SECRET_WHY);
        }
        let key: age::x25519::Recipient = text.parse().map_err(|_| unfit(text))?;
        if is_weak(&key.to_string()) {
            return Err("is a weak key, which anybody could open; ask the vendor for one that age-keygen made");
        }
        Ok(Self(key))
    }
}

/// As a manifest has it: in small letters, as we write it.
impl TryFrom<String> for Recipient {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::of(&text).map_err(|why| format!("a recipient {why}"))
    }
}

impl From<Recipient> for String {
    fn from(recipient: Recipient) -> Self {
        recipient.to_string()
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a secret key stands anywhere in the text, also in a comment.
pub fn is_secret(text: &str) -> bool {
    let capitals = text.to_ascii_uppercase();
    SECRETS.iter().any(|secret| capitals.contains(secret))
}

/// Why a text is no X25519 key of age's, and what to do.
fn unfit(text: &str) -> &'static str {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("age1") {
        _ if lower.starts_with("ssh-") => "is an ssh key; ask the vendor for one that age-keygen made (age1...)",
        Some(rest) if ["pq1", "tagpq1"].iter().any(|kind| rest.starts_with(kind)) => {
            "is a post-quantum key; only X25519 keys are taken: ask the vendor for one that age-keygen made (age1 and 58 characters)"
        }
        // `1` is no character of bech32: it ends the name of a plugin.
        Some(rest) if rest.contains('1') && !rest.contains(char::is_whitespace) => {
            "is a key of a plugin; only X25519 keys are taken: ask the vendor for one that age-keygen made (age1 and 58 characters)"
        }
        Some(_) => "is no age key: a character of it is wrong or missing; copy it once more",
        None => "is no age key; one begins with age1",
    }
}

/// Whether what is agreed on with this key is the same for everybody (a point of low order). OpenSSL refuses to agree then.
/// `text` is a key that has been read.
fn is_weak(text: &str) -> bool {
    let key = bech32::decode(text).and_then(|(_, words, _)| Vec::<u8>::from_base32(&words)).unwrap_or_default();
    let agreed = || -> Result<Vec<u8>, ErrorStack> {
        let ours = PKey::generate_x25519()?;
        let theirs = PKey::public_key_from_raw_bytes(&key, Id::X25519)?;
        let mut deriver = Deriver::new(&ours)?;
        deriver.set_peer(&theirs)?;
        deriver.derive_to_vec()
    };
    agreed().is_err()
}

/// The keys in a recipients file, one a line; lines that begin with `#` are comments. Each is there once.
///
/// Says what is wrong in words that follow the file's name, and never quotes the file.
pub fn recipients(text: &str) -> Result<Vec<Recipient>, String> {
    if is_secret(text) {
        return Err(SECRET_WHY.to_owned());
    }
    let mut found = Vec::new();
    for (number, line) in lines(text) {
        let recipient: Recipient = line.parse().map_err(|why| format!("line {number} {why}"))?;
        if !found.contains(&recipient) {
            found.push(recipient);
        }
        if found.len() > RECIPIENTS_MAX {
            return Err(format!("holds more than {RECIPIENTS_MAX} keys"));
        }
    }
    if found.is_empty() { Err("holds no age key (age1...)".to_owned()) } else { Ok(found) }
}

/// Lines that are neither empty nor a comment, with their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Secret keys, which open what is encrypted to them.
#[derive(Clone, Default)]
pub struct Identities(Vec<age::x25519::Identity>);

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

impl Identities {
    /// Reads an identity file as `age-keygen` writes it. Says what is wrong in words that follow the file's name, and never
    /// quotes the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("-----BEGIN AGE ENCRYPTED FILE") || text.as_bytes().starts_with(VERSION_LINE) {
            return Err("is protected by a passphrase; open it first with `age -d`".to_owned());
        }
        let mut found = Vec::new();
        for (number, line) in lines(text) {
            if found.len() == RECIPIENTS_MAX {
                return Err(format!("holds more than {RECIPIENTS_MAX} keys"));
            }
            found.push(line.parse().map_err(|_| format!("line {number} is no secret key of age-keygen's (AGE-SECRET-KEY-1...)"))?);
        }
        if found.is_empty() { Err("holds no secret key (AGE-SECRET-KEY-1...)".to_owned()) } else { Ok(Self(found)) }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is encrypted to one of these, these open.
    pub fn recipients(&self) -> Vec<Recipient> {
        self.0.iter().map(|identity| Recipient(identity.to_public())).collect()
    }
}

/// Size of what follows the header: a nonce, and chunks of 64 KiB with a tag each, one at least.
pub fn payload_bytes(plain_bytes: u64) -> u64 {
    let tags_bytes = TAG_BYTES * plain_bytes.div_ceil(CHUNK_BYTES).max(1);
    plain_bytes.saturating_add(NONCE_BYTES + tags_bytes)
}

/// Encrypts all of `from`, a chunk at a time; gives how many bytes it was.
pub fn encrypt(mut from: impl Read, to: impl Write, recipients: &[Recipient]) -> io::Result<u64> {
    let keys = recipients.iter().map(|recipient| &recipient.0 as &dyn age::Recipient);
    let mut to = Encryptor::with_recipients(keys).map_err(io::Error::other)?.wrap_output(to)?;
    let bytes = io::copy(&mut from, &mut to)?;
    to.finish()?.flush()?;
    Ok(bytes)
}

/// What a header says to one without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub bytes: u64,
    /// X25519 keys that it is encrypted to.
    pub recipients: usize,
}

/// Reads the header at the beginning of a file, without a key.
pub fn header(file: impl Read) -> io::Result<Header> {
    let mut beginning = Vec::new();
    file.take(HEADER_BYTES_MAX).read_to_end(&mut beginning)?;
    header_of(&beginning).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
}

fn header_of(beginning: &[u8]) -> Result<Header, &'static str> {
    let mut rest = beginning.strip_prefix(VERSION_LINE).ok_or("it is no age file of version 1")?;
    let mut recipients = 0;
    loop {
        let line_bytes = 1 + rest.iter().position(|byte| *byte == b'\n').ok_or("its header has no end, or is too long")?;
        let (line, after) = rest.split_at(line_bytes);
        rest = after;
        match line {
            [b'-', b'-', b'-', b' ', ..] if line.len() == END_BYTES => break,
            [b'-', b'>', b' ', stanza @ ..] => {
                let tag = stanza.split(|byte| [b' ', b'\n'].contains(byte)).next().unwrap_or_default();
                // A stanza that no key opens, which age tools put in so that readers skip what they do not know.
                if tag != b"X25519" && !tag.ends_with(b"-grease") {
                    return Err("it is encrypted to something else than X25519 keys");
                }
                recipients += usize::from(tag == b"X25519");
            }
            [b'-', ..] => return Err("its header is damaged"),
            _ => {}
        }
    }
    Ok(Header { bytes: (beginning.len() - rest.len()) as u64, recipients })
}

/// Why an age file does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    #[error("it is encrypted to another key")]
    OtherKey,
    #[error("{0}")]
    Damaged(String),
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for OpenFault {
    fn from(fault: io::Error) -> Self {
        match is_damage(&fault) {
            true => Self::Damaged(fault.to_string()),
            false => Self::Io(fault),
        }
    }
}

/// Whether reading failed for what the file holds, and not for the disk it lies on.
pub fn is_damage(fault: &io::Error) -> bool {
    [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof].contains(&fault.kind())
}

/// What came out of an age file: each chunk is proved before a byte of it is given.
pub type Opened<R> = age::stream::StreamReader<BufReader<R>>;

/// Opens a file with whichever of the keys fits. `file` stands at its beginning.
pub fn open<R: Read + Seek>(mut file: R, identities: &Identities) -> Result<Opened<R>, OpenFault> {
    header(&mut file)?;
    file.rewind()?;
    let decryptor = Decryptor::new_buffered(BufReader::new(file)).map_err(fault_of)?;
    decryptor.decrypt(identities.0.iter().map(|identity| identity as &dyn age::Identity)).map_err(fault_of)
}

fn fault_of(fault: age::DecryptError) -> OpenFault {
    match fault {
        age::DecryptError::NoMatchingKeys => OpenFault::OtherKey,
        age::DecryptError::Io(fault) => fault.into(),
        age::DecryptError::InvalidMac => OpenFault::Damaged("its header was changed".to_owned()),
        _ => OpenFault::Damaged("its header is damaged".to_owned()),
    }
}
