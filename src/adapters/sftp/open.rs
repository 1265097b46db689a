//! Comes in at a vendor: modern algorithms, the pinned host key, then the login.

use super::{Address, Connection, SftpFault};
use crate::adapters::keys::read_bounded;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ssh2::{ErrorCode, HashType, MethodType, Session};
use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// What is spoken, best first. No SHA-1, no CBC, no finite-field group below 3072 bits; AES-GCM and ChaCha20 carry their
/// own MAC, the MACs are for CTR.
const METHODS: [(MethodType, &str); 5] = [
    (
        MethodType::Kex,
        "mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,\
         ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512",
    ),
    (MethodType::CryptCs, CIPHERS),
    (MethodType::CryptSc, CIPHERS),
    (MethodType::MacCs, MACS),
    (MethodType::MacSc, MACS),
];
/// libssh2 gives ChaCha20 a packet at a time and AES a block of 16 bytes at a time: containers go up half as fast again. Both
/// ways alike, since not every server has another cipher for each.
const CIPHERS: &str = "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr";
const MACS: &str = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
/// A server has a key of each kind, shows one, and we hold the pin of one: each kind is asked for in turn.
const HOST_KEYS: [&str; 3] = ["ssh-ed25519", "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521", "rsa-sha2-512,rsa-sha2-256"];
/// LIBSSH2_ERROR_KEX_FAILURE: nothing in common. (KEY_EXCHANGE_FAILURE is said of a line that breaks, too.)
const NOTHING_IN_COMMON: ErrorCode = ErrorCode::Session(-5);
/// LIBSSH2_ERROR_FILE and LIBSSH2_ERROR_KEYFILE_AUTH_FAILED: the key cannot be read, or not with this passphrase. Which of
/// the two it is depends on the form of the key's file: the first for OpenSSH's own, the second for PEM and PKCS #8.
const KEY_UNUSABLE: [ErrorCode; 2] = [ErrorCode::Session(-16), ErrorCode::Session(-48)];
/// LIBSSH2_ERROR_AUTHENTICATION_FAILED: the server does not take the key.
const KEY_REFUSED: ErrorCode = ErrorCode::Session(-18);
/// LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED: nor the signature; but also a line that broke before the answer.
const SIGNATURE_REFUSED: ErrorCode = ErrorCode::Session(-19);
const NO_ANSWER: &str = "Waiting for";
/// Opening is several calls, and those that have no time-out of their own: the name's look-up, the agent. All of it
/// ends after so many time-outs.
const OPEN_TIMEOUTS: u32 = 2;

impl Connection {
    /// Connects, compares the host key, logs in.
    ///
    /// FP-S001 when nobody answers in time, FP-S002 when the host key is another, FP-S003 when the login is refused,
    /// FP-K020 when our own key or passphrase cannot be read or used, or ssh-agent does not answer.
    pub fn open(address: &Address) -> Result<Self, SftpFault> {
        let (give, take) = sync_channel(1);
        let (theirs, asking) = (address.clone(), Arc::new(AtomicBool::new(false)));
        let agent_asked = Arc::clone(&asking);
        // A thread that is given up ends when its call does, and closes what it opened.
        std::thread::spawn(move || give.send(open(&theirs, &asking)));
        let wait = timeout(address) * OPEN_TIMEOUTS;
        take.recv_timeout(wait).unwrap_or_else(|fault| {
            let why = match fault {
                RecvTimeoutError::Timeout if agent_asked.load(Ordering::Relaxed) => {
                    return Err(of_agent(&format!("it does not answer: nothing came in {} s", wait.as_secs())));
                }
                RecvTimeoutError::Timeout => format!("not logged in after {} s", wait.as_secs()),
                RecvTimeoutError::Disconnected => "broke off unexpectedly".to_owned(),
            };
            Err(SftpFault::new("FP-S001", connecting(address), why, true))
        })
    }
}

fn timeout(address: &Address) -> Duration {
    Duration::from_secs(u64::from(address.timeout_s))
}

fn connecting(address: &Address) -> String {
    format!("connecting to {}:{}", address.host, address.port)
}

/// `asking` is true while ssh-agent is asked for its keys: only we know then that it is not the vendor who hangs.
fn open(address: &Address, asking: &AtomicBool) -> Result<Connection, SftpFault> {
    let mut shown = BTreeMap::new();
    // Twice: a line that breaks early looks as a server that has no key of this kind.
    for kind in HOST_KEYS.into_iter().chain(HOST_KEYS) {
        if shown.contains_key(kind) {
            continue;
        }
        let Some((session, socket)) = handshake(address, kind)? else { continue };
        match shown_key(&session) {
            Some(key) if key == address.host_key_pin => return login(address, session, socket, asking),
            key => drop(shown.insert(kind, key.unwrap_or_default())),
        }
    }
    if shown.is_empty() {
        let why = "the line broke, or the server speaks no key exchange, host key or cipher that is modern enough";
        return Err(SftpFault::new("FP-S001", connecting(address), why, true));
    }
    let shown: Vec<String> = shown.into_values().collect();
    let why = format!("the server's host key is {}, pinned is {}", shown.join(" or "), address.host_key_pin);
    Err(SftpFault::new("FP-S002", connecting(address), why, false))
}

/// A session up to the point where the server has shown a host key of this kind; `None` when it has none.
fn handshake(address: &Address, kind: &str) -> Result<Option<(Session, TcpStream)>, SftpFault> {
    let unreachable = |why: &dyn std::fmt::Display| SftpFault::new("FP-S001", connecting(address), why, true);
    let target = (address.host.as_str(), address.port).to_socket_addrs().map_err(|e| unreachable(&e))?.next();
    let target = target.ok_or_else(|| unreachable(&"the name has no address"))?;
    let socket = TcpStream::connect_timeout(&target, timeout(address)).map_err(|e| unreachable(&e))?;
    socket.set_nodelay(true).map_err(|e| unreachable(&e))?;
    let mut session = Session::new().map_err(|e| unreachable(&e))?;
    session.set_timeout(address.timeout_s.saturating_mul(1000));
    for (method, list) in METHODS.into_iter().chain([(MethodType::HostKey, kind)]) {
        session.method_pref(method, list).map_err(|e| unreachable(&e))?;
    }
    session.set_tcp_stream(socket.try_clone().map_err(|e| unreachable(&e))?);
    match session.handshake() {
        Ok(()) => Ok(Some((session, socket))),
        Err(fault) if fault.code() == NOTHING_IN_COMMON => Ok(None),
        Err(fault) => {
            // As in the connection's drop: the session must not say good-bye to a server that hangs.
            let _ = socket.shutdown(std::net::Shutdown::Both);
            Err(unreachable(&fault))
        }
    }
}

fn shown_key(session: &Session) -> Option<String> {
    let hash = session.host_key_hash(HashType::Sha256)?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(hash)))
}

fn login(address: &Address, session: Session, socket: TcpStream, asking: &AtomicBool) -> Result<Connection, SftpFault> {
    // From here on a drop shuts the socket first.
    let mut connection = Connection { sftp: None, session: Some(session.clone()), socket, timeout: timeout(address) };
    if address.agent {
        by_agent(address, &session, asking)?;
    } else {
        let passphrase = address.key_passphrase_file.as_deref().map(passphrase).transpose()?;
        let tried = session.userauth_pubkey_file(&address.user, None, &address.key_file, passphrase.as_deref());
        tried.map_err(|fault| not_in(address, &fault))?;
    }
    let sftp = session.sftp().map_err(|e| SftpFault::new("FP-S001", connecting(address), e, true))?;
    connection.sftp = Some(sftp);
    Ok(connection)
}

/// Why a login did not come about: our own key, refused, or only broken off.
fn not_in(address: &Address, fault: &ssh2::Error) -> SftpFault {
    let what = format!("logging in at {}:{}", address.host, address.port);
    match fault.code() {
        // libssh2 has one word for a wrong and for a missing passphrase. The server was never shown the key.
        code if KEY_UNUSABLE.contains(&code) => {
            let passphrase = match &address.key_passphrase_file {
                Some(file) => format!("the passphrase in {} does not open it", file.display()),
                None => "it is under a passphrase and no key_passphrase_file is configured".to_owned(),
            };
            let why = format!("key_file {} cannot be used: it is no private key, or {passphrase} ({fault})", address.key_file.display());
            SftpFault::new("FP-K020", what, why, false)
        }
        KEY_REFUSED => SftpFault::new("FP-S003", what, fault, false),
        SIGNATURE_REFUSED if !fault.message().starts_with(NO_ANSWER) => SftpFault::new("FP-S003", what, fault, false),
        _ => SftpFault::new("FP-S001", what, fault, true),
    }
}

fn of_agent(why: &dyn std::fmt::Display) -> SftpFault {
    SftpFault::new("FP-K020", "asking ssh-agent", why, false)
}

fn by_agent(address: &Address, session: &Session, asking: &AtomicBool) -> Result<(), SftpFault> {
    let wanted = public_key(&address.key_file)?;
    let mut agent = session.agent().map_err(|e| of_agent(&e))?;
    asking.store(true, Ordering::Relaxed);
    let listed = agent.connect().and_then(|()| agent.list_identities());
    asking.store(false, Ordering::Relaxed);
    listed.map_err(|e| of_agent(&e))?;
    let held = agent.identities().map_err(|e| of_agent(&e))?;
    let identity = held.iter().find(|identity| identity.blob() == wanted);
    let identity = identity.ok_or_else(|| of_agent(&format!("it does not hold the key of {}", address.key_file.display())))?;
    agent.userauth(&address.user, identity).map_err(|fault| not_in(address, &fault))
}

/// The key of a `.pub` file: its second word, in base64.
fn public_key(path: &Path) -> Result<Vec<u8>, SftpFault> {
    let ours = |why: &dyn std::fmt::Display| SftpFault::new("FP-K020", format!("reading the public key {}", path.display()), why, false);
    let bytes = read_bounded(path).map_err(|e| ours(&e))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.contains("PRIVATE KEY") {
        return Err(ours(&"it is a private key; with agent = true, key_file names the public one (.pub)"));
    }
    let word = text.split_whitespace().nth(1).and_then(|word| STANDARD.decode(word).ok());
    word.ok_or_else(|| ours(&"it is no line of an OpenSSH .pub file"))
}

fn passphrase(path: &Path) -> Result<String, SftpFault> {
    let ours = |why: &dyn std::fmt::Display| SftpFault::new("FP-K020", format!("reading the passphrase in {}", path.display()), why, false);
    let text = String::from_utf8(read_bounded(path).map_err(|e| ours(&e))?).map_err(|_| ours(&"it is no UTF-8"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
