//! The way to a vendor: SSH sessions with SFTP, to a host whose key we hold.
//!
//! Nothing is sent before the host key was compared with the pinned one, and there is no trust on first use. A file
//! goes up under a name of its attempt, is looked at, and appears by rename; it is never overwritten. Every call has a
//! time-out. What a vendor's server lists is compared with names of ours and is never a path.

mod fetch;
mod open;
mod sessions;
mod upload;

pub use sessions::{Sessions, Upload};
pub use upload::{Manner, OwnFolder, Target};

use crate::domain::redact::redact;
use ssh2::{ErrorCode, FileStat, OpenFlags, OpenType, RenameFlags, Session, Sftp};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// LIBSSH2_FX_NO_SUCH_FILE.
const NO_SUCH_FILE: i32 = 2;
/// LIBSSH2_FX_PERMISSION_DENIED and LIBSSH2_FX_OP_UNSUPPORTED: not every vendor lets others remove files.
const REMOVAL_REFUSED: [ErrorCode; 2] = [ErrorCode::SFTP(3), ErrorCode::SFTP(8)];
/// LIBSSH2_ERROR_FILE: what libssh2 says at the end of a listing.
const END_OF_LIST: i32 = -16;

/// Where a vendor is and how we prove who we are.
#[derive(Debug, Clone)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub user: String,
    /// The private key; with `agent`, the public key that the agent is asked for.
    pub key_file: PathBuf,
    /// Holds the passphrase of an encrypted key, on one line.
    pub key_passphrase_file: Option<PathBuf>,
    /// The key is used through ssh-agent, found by SSH_AUTH_SOCK.
    pub agent: bool,
    /// `SHA256:` and base64 without padding, as ssh-keygen prints it.
    pub host_key_pin: String,
    pub timeout_s: u32,
}

/// What went wrong on the way; says whether trying again can help.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}: {why}")]
pub struct SftpFault {
    pub code: &'static str,
    pub what: String,
    pub why: String,
    pub retry: bool,
}

impl SftpFault {
    pub fn new(code: &'static str, what: impl Into<String>, why: impl std::fmt::Display, retry: bool) -> Self {
        Self { code, what: what.into(), why: redact(&why.to_string()), retry }
    }
}

/// A logged-in session. [`Connection::open`] makes one.
pub struct Connection {
    sftp: Option<Sftp>,
    session: Option<Session>,
    socket: TcpStream,
    timeout: Duration,
}

impl Connection {
    fn sftp(&self) -> &Sftp {
        self.sftp.as_ref().expect("the channel is given up only when the connection is dropped")
    }

    /// What the server says of a name; `None` when there is none of it.
    fn look(&self, remote: &str) -> Result<Option<FileStat>, SftpFault> {
        match self.sftp().stat(Path::new(remote)) {
            Ok(stat) => Ok(Some(stat)),
            Err(fault) if fault.code() == ErrorCode::SFTP(NO_SUCH_FILE) => Ok(None),
            Err(fault) => Err(SftpFault::new("FP-S001", format!("looking at {remote}"), fault, true)),
        }
    }

    pub fn exists(&self, remote: &str) -> Result<bool, SftpFault> {
        Ok(self.look(remote)?.is_some())
    }

    pub fn is_folder(&self, remote: &str) -> Result<bool, SftpFault> {
        Ok(self.look(remote)?.is_some_and(|stat| stat.is_dir()))
    }

    /// Size of a remote file; `None` when there is none of this name. A server that says nothing of the size is a fault: it
    /// must not be taken for one that has no such file.
    pub fn size(&self, remote: &str) -> Result<Option<u64>, SftpFault> {
        let unsaid = || SftpFault::new("FP-S008", format!("looking at {remote}"), "the server does not say how large it is", true);
        self.look(remote)?.map(|stat| stat.size.ok_or_else(unsaid)).transpose()
    }

    /// Makes a folder; one that is there is fine. True when it was made, and so is empty.
    pub fn folder(&self, remote: &str) -> Result<bool, SftpFault> {
        if self.exists(remote)? {
            return Ok(false);
        }
        self.sftp()
            .mkdir(Path::new(remote), 0o750)
            .map(|()| true)
            .map_err(|e| SftpFault::new("FP-S008", format!("making folder {remote}"), e, true))
    }

    /// Names and sizes of what lies in a folder. More than `entries_max` is a fault: a listing has an end.
    pub fn list(&self, remote: &str, entries_max: usize) -> Result<BTreeMap<String, u64>, SftpFault> {
        let (entries, complete) = self.entries(remote, entries_max, Duration::MAX)?;
        if !complete {
            let why = format!("more than {entries_max} entries lie there, and only the batch's files should");
            return Err(SftpFault::new("FP-S008", format!("listing {remote}"), why, false));
        }
        // A name that is no UTF-8 is none of ours.
        Ok(entries.into_iter().filter_map(|(name, stat)| Some((name.to_str()?.to_owned(), stat.size.unwrap_or(0)))).collect())
    }

    /// The names in a folder, at most `names_max` and for at most `longest`; the flag says whether these are all. A name
    /// is the server's text: to be counted and shown, never to be opened.
    pub fn names(&self, remote: &str, names_max: usize, longest: Duration) -> Result<(Vec<String>, bool), SftpFault> {
        let (entries, complete) = self.entries(remote, names_max, longest)?;
        Ok((entries.into_iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect(), complete))
    }

    fn entries(&self, remote: &str, entries_max: usize, longest: Duration) -> Result<(Vec<(PathBuf, FileStat)>, bool), SftpFault> {
        let failed = |e: ssh2::Error| SftpFault::new("FP-S001", format!("listing {remote}"), e, true);
        let (started, mut entries) = (Instant::now(), Vec::new());
        let mut folder = self.sftp().opendir(Path::new(remote)).map_err(failed)?;
        while entries.len() <= entries_max && started.elapsed() < longest {
            match folder.readdir() {
                Ok(entry) => entries.push(entry),
                Err(end) if end.code() == ErrorCode::Session(END_OF_LIST) => return Ok((entries, true)),
                Err(fault) => return Err(failed(fault)),
            }
        }
        entries.truncate(entries_max);
        Ok((entries, false))
    }

    pub fn remove_folder(&self, remote: &str) -> Result<(), SftpFault> {
        self.sftp().rmdir(Path::new(remote)).map_err(|e| SftpFault::new("FP-S008", format!("removing folder {remote}"), e, true))
    }

    /// Removes a file; one that is not there is fine.
    pub fn remove(&self, remote: &str) -> Result<(), SftpFault> {
        match self.sftp().unlink(Path::new(remote)) {
            Err(fault) if fault.code() != ErrorCode::SFTP(NO_SUCH_FILE) => {
                Err(SftpFault::new("FP-S008", format!("removing {remote}"), fault, true))
            }
            _ => Ok(()),
        }
    }

    /// Takes away what an earlier attempt left, where the server lets us. Names belong to one attempt, so what stays is in
    /// nobody's way.
    pub fn clear_away(&self, remote: &str) -> Result<(), SftpFault> {
        match self.sftp().unlink(Path::new(remote)) {
            Ok(()) => Ok(()),
            Err(fault) if REMOVAL_REFUSED.contains(&fault.code()) => Ok(()),
            Err(_) => self.remove(remote),
        }
    }

    /// Gives a file another name. Fails where that name is taken.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), SftpFault> {
        // Without flags: SFTP version 3 knows none.
        let renamed = self.sftp().rename(Path::new(from), Path::new(to), Some(RenameFlags::empty()));
        renamed.map_err(|e| SftpFault::new("FP-S008", format!("giving {to} its name"), e, true))
    }

    /// Bytes that we may still write below this folder; `None` where the server does not tell.
    ///
    /// By fstatvfs@openssh.com on the folder itself, opened as a file, which OpenSSH allows.
    pub fn free_bytes(&self, folder: &str) -> Option<u64> {
        let mut opened = self.sftp().open_mode(Path::new(folder), OpenFlags::READ, 0, OpenType::File).ok()?;
        let told = opened.statvfs().ok()?;
        told.f_bavail.checked_mul(told.f_frsize)
    }

    /// Reads a remote file of at most `bytes_max`; `None` when there is none of this name.
    pub fn read_if_there(&self, remote: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, SftpFault> {
        if self.exists(remote)? { self.read(remote, bytes_max).map(Some) } else { Ok(None) }
    }

    /// Reads a remote file of at most `bytes_max`.
    pub fn read(&self, remote: &str, bytes_max: u64) -> Result<Vec<u8>, SftpFault> {
        let failed = |e: &dyn std::fmt::Display| SftpFault::new("FP-S001", format!("reading {remote}"), e, true);
        let file = self.sftp().open(Path::new(remote)).map_err(|e| failed(&e))?;
        let mut bytes = Vec::new();
        file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|e| failed(&e))?;
        if bytes.len() as u64 > bytes_max {
            return Err(SftpFault::new("FP-A001", format!("reading {remote}"), format!("is larger than {bytes_max} bytes"), false));
        }
        Ok(bytes)
    }
}

impl Drop for Connection {
    /// Without the shutdown each of the drops below would wait a whole time-out for a server that hangs.
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        self.sftp = None;
        self.session = None;
    }
}
