//! The way to a vendor: one SSH session with SFTP, to a host whose key we hold.
//!
//! Nothing is sent before the host key was compared with the pinned one, and there is no trust on first use. A file
//! goes up under `.part`, is looked at, and appears by rename; it is never overwritten. Every call has a time-out.

use crate::domain::redact::redact;
use ssh2::{ErrorCode, FileStat, HashType, MethodType, OpenFlags, OpenType, RenameFlags, Session, Sftp};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One write is one window of pipelined packets: below 1 MiB a slow line costs a round trip each.
const WRITE_BYTES: usize = 4 << 20;
/// LIBSSH2_FX_NO_SUCH_FILE.
const NO_SUCH_FILE: i32 = 2;
/// LIBSSH2_ERROR_FILE, which ssh2 gives at the end of a listing.
const LIST_ENDS: i32 = -16;
const CIPHERS: &str = "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr";
const HOST_KEYS: &str = "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512";

/// Where a vendor is and how we prove who we are.
#[derive(Debug, Clone)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub key_file: PathBuf,
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
    fn new(code: &'static str, what: impl Into<String>, why: impl std::fmt::Display, retry: bool) -> Self {
        Self { code, what: what.into(), why: redact(&why.to_string()), retry }
    }
}

/// A logged-in session.
pub struct Connection {
    sftp: Option<Sftp>,
    session: Option<Session>,
    socket: TcpStream,
}

impl Connection {
    /// Connects, compares the host key, logs in.
    ///
    /// FP-S001 when nobody answers in time, FP-S002 when the host key is another, FP-S003 when the login is refused.
    pub fn open(address: &Address) -> Result<Self, SftpFault> {
        let what = format!("connecting to {}:{}", address.host, address.port);
        let unreachable = |why: &dyn std::fmt::Display| SftpFault::new("FP-S001", what.clone(), why, true);
        let timeout = Duration::from_secs(u64::from(address.timeout_s));
        let target = (address.host.as_str(), address.port).to_socket_addrs().map_err(|e| unreachable(&e))?.next();
        let target = target.ok_or_else(|| unreachable(&"the name has no address"))?;
        let socket = TcpStream::connect_timeout(&target, timeout).map_err(|e| unreachable(&e))?;
        socket.set_nodelay(true).map_err(|e| unreachable(&e))?;
        let mut session = Session::new().map_err(|e| unreachable(&e))?;
        session.set_timeout(address.timeout_s.saturating_mul(1000));
        for (method, list) in [(MethodType::CryptCs, CIPHERS), (MethodType::CryptSc, CIPHERS), (MethodType::HostKey, HOST_KEYS)] {
            session.method_pref(method, list).map_err(|e| unreachable(&e))?;
        }
        session.set_tcp_stream(socket.try_clone().map_err(|e| unreachable(&e))?);
        session.handshake().map_err(|e| unreachable(&e))?;
        check_host_key(&session, address, &what)?;
        session
            .userauth_pubkey_file(&address.user, None, &address.key_file, None)
            .map_err(|e| SftpFault::new("FP-S003", format!("logging in at {}:{}", address.host, address.port), e, false))?;
        let sftp = session.sftp().map_err(|e| unreachable(&e))?;
        Ok(Self { sftp: Some(sftp), session: Some(session), socket })
    }

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

    /// Size of a remote file; `None` when there is none of this name. A server that says nothing of the size is a fault: it
    /// must not be taken for one that has no such file.
    pub fn size(&self, remote: &str) -> Result<Option<u64>, SftpFault> {
        let unsaid = || SftpFault::new("FP-S001", format!("looking at {remote}"), "the server does not say how large it is", true);
        self.look(remote)?.map(|stat| stat.size.ok_or_else(unsaid)).transpose()
    }

    /// Makes a folder; one that is there is fine.
    pub fn folder(&self, remote: &str) -> Result<(), SftpFault> {
        if self.exists(remote)? {
            return Ok(());
        }
        self.sftp().mkdir(Path::new(remote), 0o750).map_err(|e| SftpFault::new("FP-S008", format!("making folder {remote}"), e, true))
    }

    /// Renames a file; an existing one is never replaced.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), SftpFault> {
        // Without flags: SFTP version 3 knows none, and the target must not be there.
        let done = self.sftp().rename(Path::new(from), Path::new(to), Some(RenameFlags::empty()));
        done.map_err(|e| SftpFault::new("FP-S008", format!("renaming {from} to {to}"), e, true))
    }

    pub fn remove(&self, remote: &str) -> Result<(), SftpFault> {
        self.sftp().unlink(Path::new(remote)).map_err(|e| SftpFault::new("FP-S008", format!("removing {remote}"), e, true))
    }

    pub fn remove_folder(&self, remote: &str) -> Result<(), SftpFault> {
        self.sftp().rmdir(Path::new(remote)).map_err(|e| SftpFault::new("FP-S008", format!("removing folder {remote}"), e, true))
    }

    /// The names in a folder, at most `names_max` and for at most `longest`; the flag says whether these are all. A name
    /// is the server's text: to be counted and shown, never to be opened.
    pub fn names(&self, remote: &str, names_max: usize, longest: Duration) -> Result<(Vec<String>, bool), SftpFault> {
        let failed = |e: ssh2::Error| SftpFault::new("FP-S001", format!("listing {remote}"), e, true);
        let (started, mut names) = (Instant::now(), Vec::new());
        let mut folder = self.sftp().opendir(Path::new(remote)).map_err(failed)?;
        while names.len() < names_max && started.elapsed() < longest {
            match folder.readdir() {
                Ok((name, _)) => names.push(name.to_string_lossy().into_owned()),
                // This code is the end of the list.
                Err(fault) if fault.code() == ErrorCode::Session(LIST_ENDS) => return Ok((names, true)),
                Err(fault) => return Err(failed(fault)),
            }
        }
        Ok((names, false))
    }

    /// Uploads `content` so that it appears whole under `remote`, or not at all.
    ///
    /// With `rename`, goes up as `.part`. With `look`, the size is compared before the rename and a file that already has
    /// the name: same size is done, another is FP-S004 and nothing is touched.
    pub fn upload(&self, content: &mut dyn Read, bytes: u64, remote: &str, rename: bool, look: bool) -> Result<(), SftpFault> {
        let failed = |e: &dyn std::fmt::Display| SftpFault::new("FP-S008", format!("uploading {remote}"), e, true);
        if look {
            match self.size(remote)? {
                Some(there) if there == bytes => return Ok(()),
                Some(there) => {
                    let why = format!("the vendor holds {there} bytes under this name, ours are {bytes}");
                    return Err(SftpFault::new("FP-S004", format!("uploading {remote}"), why, false));
                }
                None => {}
            }
        }
        let under = if rename { format!("{remote}.part") } else { remote.to_owned() };
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let mut file = self.sftp().open_mode(Path::new(&under), flags, 0o640, OpenType::File).map_err(|e| failed(&e))?;
        let mut buffer = vec![0; WRITE_BYTES.min(usize::try_from(bytes).unwrap_or(WRITE_BYTES).max(1))];
        let mut sent = 0;
        loop {
            let read = content.read(&mut buffer).map_err(|e| failed(&e))?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).map_err(|e| failed(&e))?;
            sent += read as u64;
        }
        file.close().map_err(|e| failed(&e))?;
        if sent != bytes {
            return Err(failed(&format!("{sent} bytes were read where {bytes} were announced")));
        }
        // A full disk can swallow the last write without an error; only looking tells.
        if look && self.size(&under)? != Some(bytes) {
            return Err(failed(&"the vendor's copy has another size: its disk may be full"));
        }
        if rename {
            self.rename(&under, remote).map_err(|fault| failed(&fault.why))?;
        }
        Ok(())
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

fn check_host_key(session: &Session, address: &Address, what: &str) -> Result<(), SftpFault> {
    use base64::Engine;
    let hash =
        session.host_key_hash(HashType::Sha256).ok_or_else(|| SftpFault::new("FP-S002", what, "the server shows no host key", false))?;
    let shown = format!("SHA256:{}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(hash));
    if shown == address.host_key_pin {
        return Ok(());
    }
    let why = format!("the server's host key is {shown}, pinned is {}", address.host_key_pin);
    Err(SftpFault::new("FP-S002", what, why, false))
}
