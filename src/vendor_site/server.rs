//! The vendor's SFTP server: who may come in, and on which terms. One user, one key; what a session may
//! then do to files is decided in [`super::files`].

use super::SiteFault;
use super::files::FileSession;
use super::jail::Jail;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Sessions at a time; a further one waits until a place is free.
const SESSIONS_MAX: usize = 16;
/// Channels of one session, each with its own SFTP.
const CHANNELS_MAX: usize = 4;
/// A session that says nothing for so long is closed, seconds.
const IDLE_S: u64 = 120;

/// Who may come in.
#[derive(Debug, Clone)]
pub struct Door {
    pub user: String,
    pub key: PublicKey,
}

/// The client's key, from the line of an OpenSSH `.pub` file.
pub fn client_key(line: &str) -> Result<PublicKey, SiteFault> {
    let failed = |why: &dyn std::fmt::Display| SiteFault::new("authorised key", why);
    let key: PublicKey = line.trim().parse().map_err(|fault| failed(&fault))?;
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(key),
        // This server is built without RSA; a login with such a key would fail without a word why.
        other => Err(failed(&format!("{other} is not taken here; make an ed25519 key with `ssh-keygen -t ed25519`"))),
    }
}

/// The server's own key: made once, then read, so that a client's pin survives a restart.
pub fn host_key(path: &Path) -> Result<PrivateKey, SiteFault> {
    let failed = |why: &dyn std::fmt::Display| SiteFault::new(format!("host key {}", path.display()), why);
    if !path.exists() {
        let key = new_host_key();
        let text = key.to_openssh(LineEnding::LF).map_err(|fault| failed(&fault))?;
        let beside = path.with_extension("part");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&beside, path)).map_err(|fault| failed(&fault))?;
    }
    PrivateKey::read_openssh_file(path).map_err(|fault| failed(&fault))
}

/// A key that no client has pinned.
pub fn new_host_key() -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&rand::random()))
}

/// `SHA256:` and base64 without padding, as ssh-keygen prints it.
pub fn pin(key: &PrivateKey) -> String {
    key.public_key().fingerprint(HashAlg::Sha256).to_string()
}

/// Takes connections until the runtime is shut down.
pub async fn serve(listener: TcpListener, host_key: PrivateKey, door: Arc<Door>, jail: Arc<Jail>) {
    let config = Arc::new(config(host_key));
    let places = Arc::new(Semaphore::new(SESSIONS_MAX));
    loop {
        let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let Ok((socket, _)) = listener.accept().await else {
            // Out of file handles, most likely: the sessions that are open give theirs back.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (config, door, jail) = (config.clone(), door.clone(), jail.clone());
        tokio::spawn(async move {
            let _place = place;
            visit(config, socket, door, jail).await;
        });
    }
}

async fn visit(config: Arc<Config>, socket: TcpStream, door: Arc<Door>, jail: Arc<Jail>) {
    // `Config::nodelay` counts only where russh listens itself; without it, each answer may wait 40 ms for the client's
    // delayed acknowledgement. A socket that refuses is only slower.
    let _ = socket.set_nodelay(true);
    // A second hold on the line, to break it off. Out of file handles is a session that does not come about.
    let Ok((line, socket)) = socket.into_std().and_then(|line| Ok((line.try_clone()?, TcpStream::from_std(line)?))) else { return };
    let visitor = Visitor { door, jail, line: Arc::new(line), channels: HashMap::new() };
    // A broken session is the client's to notice: it gets no answer and asks again.
    if let Ok(session) = run_stream(config, socket, visitor).await {
        let _ = session.await;
    }
}

fn config(host_key: PrivateKey) -> Config {
    Config {
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        auth_rejection_time: Duration::from_millis(200),
        auth_rejection_time_initial: Some(Duration::ZERO),
        max_auth_attempts: 4,
        keys: vec![host_key],
        // PDFs are compressed already, and a bomb needs a decompressor.
        preferred: russh::Preferred { compression: Cow::Borrowed(&[russh::compression::NONE]), ..russh::Preferred::default() },
        inactivity_timeout: Some(Duration::from_secs(IDLE_S)),
        ..Config::default()
    }
}

/// One connection, before and after it has shown its key.
struct Visitor {
    door: Arc<Door>,
    jail: Arc<Jail>,
    line: Arc<std::net::TcpStream>,
    /// Opened, and not yet turned into SFTP.
    channels: HashMap<ChannelId, Option<Channel<Msg>>>,
}

impl Visitor {
    fn judge(&self, user: &str, key: &PublicKey) -> Auth {
        // Key data, not the whole key: a comment is no part of who somebody is.
        if user == self.door.user && key.key_data() == self.door.key.key_data() { Auth::Accept } else { Auth::reject() }
    }
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, offer.public_key))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.channels.len() >= CHANNELS_MAX {
            reply.reject(russh::ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.channels.insert(channel.id(), Some(channel));
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        match self.channels.get_mut(&id).and_then(Option::take) {
            Some(channel) if name == "sftp" => {
                session.channel_success(id)?;
                russh_sftp::server::run(channel.into_stream(), FileSession::new(self.jail.clone(), self.line.clone())).await;
                Ok(())
            }
            _ => session.channel_failure(id),
        }
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn exec_request(&mut self, id: ChannelId, _command: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn channel_eof(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.exit_status_request(id, 0)?;
        session.close(id)
    }

    async fn channel_close(&mut self, id: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        Ok(())
    }
}
