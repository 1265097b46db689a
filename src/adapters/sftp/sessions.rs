//! Several sessions to one vendor: small files wait for answers, not for the line, so they go up side by side.

use super::{Address, Connection, Manner, SftpFault, Target};
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A further session is worth its login from so many files on.
const FILES_PER_SESSION_MIN: usize = 4;

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
    pub fn upload(&mut self, uploads: &[Upload], manner: &Manner<'_>) -> Result<(), SftpFault> {
        let wanted = self.sessions_max.min(uploads.len() / FILES_PER_SESSION_MIN).max(1);
        let work = Work {
            address: &self.address,
            uploads,
            manner,
            next: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            door: Mutex::new(()),
        };
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

/// What the threads share.
struct Work<'a> {
    address: &'a Address,
    uploads: &'a [Upload],
    manner: &'a Manner<'a>,
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
            if let Err(fault) = one(&connection, upload, self.manner) {
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

fn one(connection: &Connection, upload: &Upload, manner: &Manner<'_>) -> Result<(), SftpFault> {
    let ours = |e| SftpFault::new("FP-C006", format!("reading {}", upload.local.display()), e, false);
    let mut file = File::open(&upload.local).map_err(|e: std::io::Error| ours(e))?;
    connection.upload(&mut file, &upload.target, manner)
}
