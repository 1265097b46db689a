//! Several sessions to one vendor: small files wait for answers, not for the line, so they go up side by side.

use super::{Address, Connection, Manner, SftpFault, Target};
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A further session is worth its login from so many files on.
const FILES_PER_SESSION_MIN: usize = 4;
/// So many files of a batch's own folder are written before they are listed and get their names. An upload that breaks off
/// writes no more than these anew.
const LISTED_TOGETHER: usize = 2_000;

/// A file of ours and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub local: PathBuf,
    pub target: Target,
}

/// The sessions that are open to one vendor. The first is always there; others are opened when there is work for them.
pub struct Sessions {
    address: Address,
    sessions_max: usize,
    open: Vec<Connection>,
}

impl Sessions {
    /// Opens the first session; at most `sessions_max` will be open at a time.
    pub fn open(address: &Address, sessions_max: usize) -> Result<Self, SftpFault> {
        let first = Connection::open(address)?;
        Ok(Self { address: address.clone(), sessions_max, open: vec![first] })
    }

    pub fn first(&self) -> &Connection {
        &self.open[0]
    }

    /// Uploads all of them, in no order, and gives the first fault. What is up stays up.
    ///
    /// Each file is an open, its writes, a close, a look at its size and a rename, and each of these waits for an answer. In a
    /// batch's own folder one listing looks at all of them.
    pub fn upload(&mut self, uploads: &[Upload], manner: &Manner<'_>) -> Result<(), SftpFault> {
        let Some(folder) = manner.own_folder.filter(|_| manner.look) else {
            return self.side_by_side(uploads, &|connection, upload| connection.upload(&mut local(upload)?, &upload.target, manner));
        };
        // A name that may be taken is looked at before, and so by itself.
        let (fresh, others): (Vec<Upload>, Vec<Upload>) = uploads.iter().cloned().partition(|upload| upload.target.absent);
        self.upload(&others, &Manner { own_folder: None, ..*manner })?;
        for uploads in fresh.chunks(LISTED_TOGETHER) {
            let write = |connection: &Connection, upload: &Upload| {
                connection.write(&mut local(upload)?, &upload.target, &manner.under(&upload.target.remote))
            };
            self.side_by_side(uploads, &write)?;
            // Not every server lists, and some list without end: then each file is looked at.
            let listed = self.first().list(folder.remote, folder.entries_max).unwrap_or_default();
            let name = |connection: &Connection, upload: &Upload| {
                let under = manner.under(&upload.target.remote);
                let size = under.rsplit_once('/').and_then(|(_, name)| listed.get(name).copied());
                connection.give_name(&upload.target, manner, size)
            };
            self.side_by_side(uploads, &name)?;
        }
        Ok(())
    }

    /// Does something with each upload, in no order, over as many sessions as are worth while. Gives the first fault.
    fn side_by_side(&mut self, uploads: &[Upload], task: &Task<'_>) -> Result<(), SftpFault> {
        let wanted = self.sessions_max.min(uploads.len() / FILES_PER_SESSION_MIN).max(1);
        let work =
            Work { address: &self.address, uploads, task, next: AtomicUsize::new(0), broken: AtomicBool::new(false), door: Mutex::new(()) };
        let mut held: Vec<Option<Connection>> = self.open.drain(..).map(Some).collect();
        held.resize_with(wanted.max(held.len()), || None);
        let ended: Vec<(Option<Connection>, Result<(), SftpFault>)> = std::thread::scope(|scope| {
            let threads: Vec<_> = held.into_iter().map(|connection| scope.spawn(|| work.take_turns(connection))).collect();
            let broken = || (None, Err(SftpFault::new("FP-S009", "uploading", "a session's thread ended unexpectedly", false)));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| broken())).collect()
        });
        let mut first_fault = Ok(());
        for (connection, outcome) in ended {
            self.open.extend(connection);
            first_fault = first_fault.and(outcome);
        }
        first_fault
    }
}

/// What is done with one upload over one session.
type Task<'a> = dyn Fn(&Connection, &Upload) -> Result<(), SftpFault> + Sync + 'a;

/// What the threads share.
struct Work<'a> {
    address: &'a Address,
    uploads: &'a [Upload],
    task: &'a Task<'a>,
    next: AtomicUsize,
    broken: AtomicBool,
    /// Sessions are opened one by one: servers turn away who comes in crowds (MaxStartups).
    door: Mutex<()>,
}

impl Work<'_> {
    fn take_turns(&self, connection: Option<Connection>) -> (Option<Connection>, Result<(), SftpFault>) {
        let idle = || self.broken.load(Ordering::Relaxed) || self.next.load(Ordering::Relaxed) >= self.uploads.len();
        if connection.is_none() && idle() {
            return (None, Ok(()));
        }
        let connection = match connection.map_or_else(|| self.another(), Ok) {
            Ok(connection) => connection,
            // The server takes no more sessions: those that are open do the work.
            Err(fault) if fault.retry => return (None, Ok(())),
            Err(fault) => return (None, Err(fault)),
        };
        while !self.broken.load(Ordering::Relaxed) {
            let Some(upload) = self.uploads.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            if let Err(fault) = (self.task)(&connection, upload) {
                self.broken.store(true, Ordering::Relaxed);
                return (Some(connection), Err(fault));
            }
        }
        (Some(connection), Ok(()))
    }

    fn another(&self) -> Result<Connection, SftpFault> {
        let _turn = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        Connection::open(self.address)
    }
}

fn local(upload: &Upload) -> Result<File, SftpFault> {
    File::open(&upload.local).map_err(|e| SftpFault::new("FP-C006", format!("reading {}", upload.local.display()), e, false))
}
