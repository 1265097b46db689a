//! A print vendor in a box: an SFTP server on loopback, the acceptance test, a "printer" that prints every letter once,
//! and the answers. For the demo, for tests, and for a vendor's technician who wants to see what the answers look like.
//! It trusts nothing it receives and shares no state with the pipeline that delivers to it.
//!
//! Under its folder: `files/` (what the client sees as `/`), `swept/` (what a sweeping vendor took away), `taken/<batch>/`
//! (answers, decided once), `printed.csv`, `site.log`, `host_key`, `lock`.

pub mod acceptance;
mod book;
mod container;
mod files;
mod sequence;
mod server;
mod work;

pub use acceptance::{AcceptedBatch, Moment, Refusal, batches_at, verify, verify_as_of};
pub use book::printed;
pub use sequence::check_sequence;

use crate::domain::VendorId;
use crate::domain::redact::redact;
use crate::vendor::VendorProfile;
use files::Jail;
use server::Door;
use std::fs::{self, DirBuilder, File};
use std::net::Ipv4Addr;
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
    port: u16,
    host_key_pin: String,
    stopping: Arc<AtomicBool>,
    wake: SyncSender<()>,
    worker: Option<JoinHandle<()>>,
    server: Option<Runtime>,
    // Held until the threads are gone: two sites in one folder would print twice.
    _lock: File,
}

impl Site {
    /// Starts server and printer, and finishes what an earlier site in the same folder left unfinished.
    pub fn start(options: SiteOptions) -> Result<Self, SiteFault> {
        let SiteOptions { profile, dir, authorised_key, trusted_pem, port } = options;
        let key = authorised_key.trim().parse().map_err(|fault| SiteFault::new("authorised key", fault))?;
        // Checked here, or every batch would be refused for what is this site's own fault.
        if !openssl::x509::X509::stack_from_pem(&trusted_pem).is_ok_and(|found| !found.is_empty()) {
            return Err(SiteFault::new("trusted certificates", "there is none in PEM"));
        }
        let door = Arc::new(Door { user: profile.id.to_string(), key });
        let places = Places::make(&dir, &profile).map_err(|fault| SiteFault::new(dir.display().to_string(), fault))?;
        let lock = lock(&dir)?;
        let host_key = server::host_key(&dir.join("host_key"))?;
        let host_key_pin = server::pin(&host_key);
        places.sweep_leftovers().map_err(|fault| SiteFault::new("sweeping the inbox", fault))?;

        let (wake, woken) = sync_channel(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let desk = Desk::open(places.clone(), trusted_pem).map_err(|fault| SiteFault::new("opening printed.csv", fault))?;
        let (root, answers) = (places.files.clone(), places.outbox.clone());
        let jail = Arc::new(Jail { root, answers, complete: on_complete(places, wake.clone()) });
        let failed = |fault: std::io::Error| SiteFault::new(format!("listening on 127.0.0.1:{port}"), fault);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(SERVER_THREADS).thread_name("vendor-sftp").enable_all().build().map_err(failed)?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port))).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        runtime.spawn(server::serve(listener, host_key, door, jail));
        let worker = spawn_worker(desk, stopping.clone(), woken)?;
        Ok(Self { port, host_key_pin, stopping, wake, worker: Some(worker), server: Some(runtime), _lock: lock })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `SHA256:...`, as ssh-keygen prints it.
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

fn lock(dir: &Path) -> Result<File, SiteFault> {
    let failed = |why: &dyn std::fmt::Display| SiteFault::new(dir.display().to_string(), why);
    let file = File::create(dir.join("lock")).map_err(|fault| failed(&fault))?;
    file.try_lock().map_err(|_| failed(&"another site runs in this folder"))?;
    Ok(file)
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
/// looking finds nothing; and a ready marker wakes the printer.
fn on_complete(places: Places, wake: SyncSender<()>) -> Box<dyn Fn(&Path) + Send + Sync> {
    Box::new(move |path| {
        if path.extension().is_some_and(|ending| ending == PART) || !path.starts_with(&places.inbox) {
            return;
        }
        if places.swept.is_some() {
            // A file that cannot be moved now is swept at the next start.
            let _ = places.sweep(path);
        }
        if path.extension().is_some_and(|ending| ending == "ready") {
            // A full channel means that the printer is about to look anyway.
            let _ = wake.try_send(());
        }
    })
}

/// The folders of a site.
#[derive(Debug, Clone)]
struct Places {
    vendor: VendorId,
    dir: PathBuf,
    files: PathBuf,
    inbox: PathBuf,
    outbox: PathBuf,
    taken: PathBuf,
    /// Where complete files go at a vendor that sweeps.
    swept: Option<PathBuf>,
    rename_into_place: bool,
}

impl Places {
    fn make(dir: &Path, profile: &VendorProfile) -> std::io::Result<Self> {
        let files = dir.join("files");
        let delivery = &profile.delivery;
        let places = Self {
            vendor: profile.id.clone(),
            inbox: files.join(&delivery.inbox),
            outbox: files.join(&delivery.outbox),
            taken: dir.join("taken"),
            swept: delivery.sweeps.then(|| dir.join("swept")),
            rename_into_place: delivery.rename_into_place,
            dir: dir.to_owned(),
            files,
        };
        for folder in [&places.inbox, &places.outbox, &places.taken].into_iter().chain(&places.swept) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        Ok(places)
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
