//! A print vendor in a box: an SFTP server on loopback, the acceptance test, a "printer" that prints every letter once,
//! and the answers. For the demo, for tests, and for a vendor's technician who wants to see what the answers look like.
//! It trusts nothing it receives and shares no state with the pipeline that delivers to it.
//!
//! Under its folder: `files/` (what the client sees as `/`), `swept/` (what a sweeping vendor took away), `taken/<batch>/`
//! (answers, decided once), `printed.csv`, `site.log`, `site.json` (which vendor, its folders, and how it answers), `host_key`,
//! `answers.pem` and `answers.key` where its answers are signed, and three locks: `lock` is the server's, `desk.lock` belongs to whoever prints, `hand.lock` to whoever answers by hand.

pub mod acceptance;
mod answers;
mod book;
mod container;
mod contents;
mod files;
pub mod hand;
mod jail;
pub mod misbehave;
mod seal;
mod sequence;
mod server;
pub mod tiling;
mod work;

pub use acceptance::{AcceptedBatch, Moment, Refusal, Terms, batches_at, verify, verify_as_of, verify_on};
pub use book::printed;
pub use misbehave::Misbehaviour;
pub use seal::CERTIFICATE as ANSWERS_CERTIFICATE;
pub use sequence::check_sequence;

use crate::domain::answer::{Dialect, Words};
use crate::domain::redact::redact;
use crate::domain::{CompletionSign, VendorId};
use crate::vendor::VendorProfile;
use crate::wire::vendor_key::VendorKey;
use jail::Jail;
use misbehave::Mischief;
use serde::{Deserialize, Serialize};
use server::Door;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use work::Desk;

/// Threads of the server; the printer has one of its own.
const SERVER_THREADS: usize = 2;
const PART: &str = "part";
const PLATE: &str = "site.json";
const PLATE_BYTES_MAX: u64 = 64 * 1024;

/// What a site is made of.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// Which vendor it plays: user name, folders, whether it sweeps.
    pub profile: VendorProfile,
    /// Made where it is missing; a site goes on with what lies there.
    pub dir: PathBuf,
    /// One line as in an OpenSSH `.pub` file; ed25519 or ECDSA.
    pub authorised_key: String,
    /// Certificates that the signatures of batches must lead to.
    pub trusted_pem: Vec<u8>,
    /// 0 is any free one.
    pub port: u16,
}

/// How a site behaves; by default it listens on loopback, answers by itself, and does nothing wrong.
#[derive(Debug, Clone)]
pub struct Manners {
    pub listen: IpAddr,
    /// The server's key, made where it is missing; `host_key` in the site's folder when absent.
    pub host_key: Option<PathBuf>,
    /// Nothing is decided or printed here: a technician answers with [`hand`].
    pub by_hand: bool,
    /// Which batches are taken, beside what [`SiteOptions`] says.
    pub environment: Option<String>,
    pub signers: Vec<crate::domain::Cvr>,
    pub misbehaviour: Vec<Misbehaviour>,
    /// Opens encrypted batches.
    pub vendor_key: VendorKey,
}

impl Default for Manners {
    fn default() -> Self {
        let listen = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (signers, misbehaviour) = (Vec::new(), Vec::new());
        Self { listen, host_key: None, by_hand: false, environment: None, signers, misbehaviour, vendor_key: VendorKey::None }
    }
}

/// Why a site cannot start. Each is the operator's to repair; trying again alone does not help.
#[derive(Debug, thiserror::Error)]
#[error("vendor site: {what}: {why}")]
pub struct SiteFault {
    pub what: String,
    pub why: String,
}

impl SiteFault {
    fn new(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self { what: what.into(), why: redact(&why.to_string()) }
    }
}

/// A running site. Dropping it stops it as [`Site::stop`] does.
pub struct Site {
    address: SocketAddr,
    host_key_pin: String,
    stopping: Arc<AtomicBool>,
    wake: SyncSender<()>,
    worker: Option<JoinHandle<()>>,
    server: Option<Runtime>,
    // Held until the threads are gone: two sites in one folder would print twice.
    _locks: Vec<Lock>,
}

impl Site {
    /// Starts server and printer, and finishes what an earlier site in the same folder left unfinished.
    pub fn start(options: SiteOptions) -> Result<Self, SiteFault> {
        Self::start_as(options, Manners::default())
    }

    /// As [`Site::start`], with manners of its own.
    pub fn start_as(options: SiteOptions, manners: Manners) -> Result<Self, SiteFault> {
        let SiteOptions { profile, dir, authorised_key, trusted_pem, port } = options;
        let key = server::client_key(&authorised_key)?;
        // Checked here, or every batch would be refused for what is this site's own fault.
        if !openssl::x509::X509::stack_from_pem(&trusted_pem).is_ok_and(|found| !found.is_empty()) {
            return Err(SiteFault::new("trusted certificates", "there is none in PEM"));
        }
        let in_dir = |fault: std::io::Error| SiteFault::new(dir.display().to_string(), fault);
        let door = Arc::new(Door { user: profile.id.to_string(), key });
        let places = Places::make(&dir, &profile, manners.misbehaviour.contains(&Misbehaviour::Sweep)).map_err(in_dir)?;
        let mut locks = vec![lock(&dir, "lock", "another site runs in this folder")?];
        let own_key = server::host_key(&manners.host_key.unwrap_or_else(|| dir.join("host_key")))?;
        // What is to be pinned is the site's own key, also when it shows another.
        let host_key_pin = server::pin(&own_key);
        let host_key = if manners.misbehaviour.contains(&Misbehaviour::NewHostKey) { server::new_host_key() } else { own_key };
        places.sweep_leftovers().map_err(|fault| SiteFault::new("sweeping the inbox", fault))?;

        let (wake, woken) = sync_channel(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let terms = Terms {
            trusted_pem,
            vendor: Some(profile.id.clone()),
            environment: manners.environment,
            signers: manners.signers,
            delivered: false,
            sign: profile.delivery.completion_sign.clone(),
            moment: Moment::Now,
            vendor_key: manners.vendor_key,
        };
        let desk = if manners.by_hand {
            None
        } else {
            locks.push(lock(&dir, DESK_LOCK, "somebody answers by hand in this folder; try again")?);
            Some(Desk::open(places.clone(), terms).map_err(|fault| SiteFault::new("opening printed.csv", fault))?)
        };
        let (root, answers) = (places.files.clone(), places.outbox.clone());
        let mischief = Mischief::new(manners.misbehaviour, Box::new(move |text| log(&dir, text)));
        let jail = Arc::new(Jail { root, answers, complete: on_complete(places, wake.clone()), mischief });
        let wanted = SocketAddr::new(manners.listen, port);
        let failed = |fault: std::io::Error| SiteFault::new(format!("listening on {wanted}"), fault);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(SERVER_THREADS).thread_name("vendor-sftp").enable_all().build().map_err(failed)?;
        let listener = runtime.block_on(TcpListener::bind(wanted)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        runtime.spawn(server::serve(listener, host_key, door, jail));
        let worker = desk.map(|desk| spawn_worker(desk, stopping.clone(), woken)).transpose()?;
        Ok(Self { address, host_key_pin, stopping, wake, worker, server: Some(runtime), _locks: locks })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Of the site's own key: `SHA256:...`, as ssh-keygen prints it.
    pub fn host_key_pin(&self) -> &str {
        &self.host_key_pin
    }

    /// Stops taking connections, lets the printer finish the batch in its hands, and waits for both.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // The server first: what it took is worked on at the next start.
        drop(self.server.take());
        self.stopping.store(true, Ordering::SeqCst);
        let _ = self.wake.try_send(());
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

/// Belongs to whoever decides and prints: the site itself, or a technician for the moment of an answer.
const DESK_LOCK: &str = "desk.lock";

/// A lock that is given back when it is dropped, and not only when its file is closed: a process that is just being
/// started holds a copy of every open file for a moment.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing gives it back too.
        let _ = self.0.unlock();
    }
}

fn lock(dir: &Path, name: &str, why: &str) -> Result<Lock, SiteFault> {
    let failed = |why: &dyn std::fmt::Display| SiteFault::new(dir.display().to_string(), why);
    let file = File::create(dir.join(name)).map_err(|fault| failed(&fault))?;
    file.try_lock().map_err(|_| failed(&why))?;
    Ok(Lock(file))
}

/// A line for the vendor's operator. When even that cannot be written, there is nobody left to tell.
fn log(dir: &Path, text: &str) {
    let file = OpenOptions::new().create(true).append(true).open(dir.join("site.log"));
    let _ = file.and_then(|mut file| file.write_all(format!("{} {text}\n", now()).as_bytes()));
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn spawn_worker(mut desk: Desk, stopping: Arc<AtomicBool>, woken: Receiver<()>) -> Result<JoinHandle<()>, SiteFault> {
    let work = move || {
        while !stopping.load(Ordering::SeqCst) {
            desk.look();
            let _ = woken.recv_timeout(work::LOOK_EVERY);
        }
    };
    std::thread::Builder::new().name("vendor-printer".to_owned()).spawn(work).map_err(|fault| SiteFault::new("starting the printer", fault))
}

/// What happens when a file is complete: a sweeping vendor takes it away before the client has its answer, so that
/// looking finds nothing; and a completion sign wakes the printer.
fn on_complete(places: Places, wake: SyncSender<()>) -> Box<dyn Fn(&Path) + Send + Sync> {
    Box::new(move |path| {
        if path.extension().is_some_and(|ending| ending == PART) || !path.starts_with(&places.inbox) {
            return;
        }
        if places.swept.is_some() {
            // A file that cannot be moved now is swept at the next start.
            let _ = places.sweep(path);
        }
        if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(&places.sign.ending())) {
            // A full channel means that the printer is about to look anyway.
            let _ = wake.try_send(());
        }
    })
}

/// What a site leaves in `site.json`, so that a technician's answers need no profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Plate {
    vendor: VendorId,
    inbox: String,
    outbox: String,
    sweeps: bool,
    rename_into_place: bool,
    #[serde(default = "Speech::usual")]
    speech: Speech,
    #[serde(default)]
    completion_sign: CompletionSign,
}

/// How a site answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Speech {
    words: Words,
    heads: bool,
    signed: bool,
}

impl Speech {
    fn usual() -> Self {
        Self { words: Words::usual(Dialect::Csv), heads: true, signed: false }
    }
}

/// The folders of a site.
#[derive(Debug, Clone)]
struct Places {
    dir: PathBuf,
    files: PathBuf,
    inbox: PathBuf,
    outbox: PathBuf,
    taken: PathBuf,
    /// Where complete files go at a vendor that sweeps.
    swept: Option<PathBuf>,
    rename_into_place: bool,
    speech: Speech,
    /// What the printer begins on.
    sign: CompletionSign,
}

impl Places {
    fn make(dir: &Path, profile: &VendorProfile, sweeps: bool) -> std::io::Result<Self> {
        let delivery = &profile.delivery;
        let plate = Plate {
            vendor: profile.id.clone(),
            inbox: delivery.inbox.clone(),
            outbox: delivery.outbox.clone(),
            sweeps: delivery.sweeps || sweeps,
            rename_into_place: delivery.rename_into_place,
            speech: Speech { words: profile.answers.vocabulary(), heads: profile.answers.heads, signed: profile.answers.signed },
            completion_sign: delivery.completion_sign.clone(),
        };
        let places = Self::of(dir, &plate);
        for folder in [&places.inbox, &places.outbox, &places.taken].into_iter().chain(&places.swept) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        if places.speech.signed {
            // Made now: whoever connects must know the certificate before the first answer.
            seal::Seal::open(dir)?;
        }
        book::put(&dir.join("site.part"), &dir.join(PLATE), &serde_json::to_vec_pretty(&plate)?)?;
        Ok(places)
    }

    /// The folders of a site that has run here; FP-Y003 is for whoever finds none.
    fn read(dir: &Path) -> std::io::Result<Self> {
        let bytes = answers::read_bounded(&dir.join(PLATE), PLATE_BYTES_MAX)?;
        Ok(Self::of(dir, &serde_json::from_slice(&bytes)?))
    }

    fn of(dir: &Path, plate: &Plate) -> Self {
        let files = dir.join("files");
        Self {
            inbox: files.join(&plate.inbox),
            outbox: files.join(&plate.outbox),
            taken: dir.join("taken"),
            swept: plate.sweeps.then(|| dir.join("swept")),
            rename_into_place: plate.rename_into_place,
            speech: plate.speech.clone(),
            sign: plate.completion_sign.clone(),
            dir: dir.to_owned(),
            files,
        }
    }

    /// Where the printer finds batches.
    fn held(&self) -> &Path {
        self.swept.as_deref().unwrap_or(&self.inbox)
    }

    /// Moves one complete file out of the inbox, keeping its place below it.
    fn sweep(&self, path: &Path) -> std::io::Result<()> {
        let (Some(swept), Ok(below)) = (&self.swept, path.strip_prefix(&self.inbox)) else { return Ok(()) };
        let target = swept.join(below);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(path, target)
    }

    /// Sweeps what a killed site left behind. Only where files appear by rename is what lies there known to be whole.
    fn sweep_leftovers(&self) -> std::io::Result<()> {
        if self.swept.is_none() || !self.rename_into_place {
            return Ok(());
        }
        let mut folders = vec![self.inbox.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else if path.extension().is_none_or(|ending| ending != PART) {
                    self.sweep(&path)?;
                }
            }
        }
        Ok(())
    }
}
