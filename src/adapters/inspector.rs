//! Looks at PDFs in processes of their own, so that a file that breaks a parser breaks nothing else.
//!
//! A worker is this same program, started again with nothing but two pipes: it opens no file and no connection, its
//! memory and its time have a limit, and it knows no ledger. It gets bytes and gives facts. One that dies or takes too
//! long is replaced, and the file in its hands is named.

use crate::pdf::overlay::{Marking, picture, picture_without_page};
use crate::pdf::repair::{Done, RepairFault, RepairOrder, Repaired, repair};
use crate::pdf::{PDF_BYTES_MAX, PdfFacts, inspect, inspect_for};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The hidden command that makes a process a worker.
pub const WORKER_COMMAND: &str = "inspect-worker";
/// Longest that one file may take, wall clock.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Address space of a worker, bytes; the program itself and its stacks are part of it.
const MEMORY_BYTES_MAX: u64 = 480 << 20;
/// Largest answer, bytes: the facts of a thousand pages, or a file that was repaired.
const ANSWER_BYTES_MAX: u32 = 128 << 20;
/// Largest task, bytes: what is to be done with the file.
const TASK_BYTES_MAX: u32 = 16 << 20;
/// Memory made ready for a part before it is there, bytes.
const READ_AT_ONCE_BYTES: u32 = 1 << 20;
/// Stack of the thread that parses.
const STACK_BYTES: usize = 48 << 20;
/// Memory that was given back is kept for the next file, within the limit: to fetch it anew for each costs more than to look.
const KEEP_MEMORY: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=33554432:glibc.malloc.mmap_threshold=16777216");
/// A worker is replaced after so many files: whatever a parser keeps goes with it.
const FILES_PER_WORKER: u32 = 2_000;

/// Why a worker could not be had at all. Not the file's fault.
#[derive(Debug, thiserror::Error)]
#[error("starting a worker to look at PDFs: {0}")]
pub struct InspectorFault(#[from] io::Error);

/// Hands files to workers. Shared by threads; each look takes a worker for itself.
pub struct Inspector {
    program: PathBuf,
    /// Texts that mean something to a vendor's machines: their places are told.
    markers: Vec<String>,
    time_max: Duration,
    idle: Mutex<Vec<Worker>>,
}

/// What a worker is asked to do with a file.
#[derive(Debug, Serialize, Deserialize)]
enum Task {
    /// Facts.
    Look { markers: Vec<String> },
    /// The file, put right.
    Repair(RepairOrder),
    /// A page as a picture, with what is amiss.
    Picture(Marking),
}

/// What is said of the file as JSON, and a file that was made of it; or what became of the worker.
type Answer = Result<(Vec<u8>, Vec<u8>), String>;

struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    files: u32,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Inspector {
    /// Workers are started from `program` when they are needed.
    pub fn new(program: PathBuf) -> Self {
        Self { program, markers: Vec::new(), time_max: TIME_MAX, idle: Mutex::new(Vec::new()) }
    }

    /// The same, telling where these texts stand.
    pub fn looking_for(self, markers: Vec<String>) -> Self {
        Self { markers, ..self }
    }

    /// The same with another time for each file.
    pub fn with_time(self, time_max: Duration) -> Self {
        Self { time_max, ..self }
    }

    /// Workers of the program that runs now.
    pub fn of_this_program() -> Result<Self, InspectorFault> {
        // The program may be replaced on disk while it runs: this name still means the one that does.
        let running = PathBuf::from("/proc/self/exe");
        Ok(Self::new(if running.exists() { running } else { std::env::current_exe()? }))
    }

    /// The facts of a PDF. A file that kills its worker has `parser_killed`, and costs nobody else anything.
    pub fn inspect(&self, bytes: &[u8]) -> Result<PdfFacts, InspectorFault> {
        if bytes.len() > PDF_BYTES_MAX {
            return Ok(inspect(bytes));
        }
        let answer = self.ask(&Task::Look { markers: self.markers.clone() }, bytes)?;
        let facts = answer.and_then(|(json, _)| serde_json::from_slice(&json).map_err(|_| "the parser's answer cannot be read".to_owned()));
        Ok(facts.unwrap_or_else(|why| PdfFacts { bytes: bytes.len() as u64, parser_killed: Some(why), ..PdfFacts::default() }))
    }

    /// The PDF as the order wants it. The inner fault is the file's: it cannot be repaired, or killed its worker.
    pub fn repair(&self, bytes: &[u8], order: &RepairOrder) -> Result<Result<Repaired, RepairFault>, InspectorFault> {
        let fault = |message: String| RepairFault { code: "FP-V092".to_owned(), message };
        Ok(match self.ask(&Task::Repair(order.clone()), bytes)? {
            Err(why) => Err(fault(why)),
            Ok((said, bytes)) => serde_json::from_slice::<Result<Vec<Done>, RepairFault>>(&said)
                .unwrap_or_else(|_| Err(fault("the answer cannot be read".to_owned())))
                .map(|done| Repaired { bytes, done }),
        })
    }

    /// A page as a PNG, with what is amiss marked on it. A page that cannot be drawn, or kills its worker, is an empty sheet
    /// that says so; the inner `Err` only when no picture can be made at all.
    pub fn picture(&self, bytes: &[u8], marking: &Marking) -> Result<Result<Vec<u8>, String>, InspectorFault> {
        if bytes.len() > PDF_BYTES_MAX {
            return Ok(picture_without_page(marking));
        }
        let drawn = self.ask(&Task::Picture(marking.clone()), bytes)?;
        Ok(drawn.map(|(_, png)| png).or_else(|_| picture_without_page(marking)))
    }

    /// Gives the task to a worker that is free, or to a new one. The inner `Err` says what became of the worker.
    fn ask(&self, task: &Task, bytes: &[u8]) -> Result<Answer, InspectorFault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => Worker::start(&self.program)?,
        };
        let answer = worker.ask(task, bytes, self.time_max);
        if answer.is_ok() && worker.files < FILES_PER_WORKER {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
        Ok(answer)
    }
}

impl Worker {
    fn start(program: &PathBuf) -> Result<Self, InspectorFault> {
        let mut command = Command::new(program);
        command
            .arg(WORKER_COMMAND)
            .env_clear()
            .env(KEEP_MEMORY.0, KEEP_MEMORY.1)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the worker has no pipes").into());
        };
        let worker = Self { child, input, output, files: 0 };
        // A worker that does not read must not hold up its supervisor.
        fcntl_setfl(&worker.input, fcntl_getfl(&worker.input).map_err(io::Error::from)? | OFlags::NONBLOCK).map_err(io::Error::from)?;
        Ok(worker)
    }

    /// Sends the task and the bytes and waits for what comes of them; `Err` says what became of the worker.
    fn ask(&mut self, task: &Task, bytes: &[u8], time_max: Duration) -> Answer {
        self.files += 1;
        let died = "the parser crashed or wanted too much memory".to_owned();
        let deadline = Instant::now() + time_max;
        let task = serde_json::to_vec(task).map_err(|_| died.clone())?;
        for part in [&task, bytes] {
            let length = u32::try_from(part.len()).map_err(|_| died.clone())?;
            self.write_until(&length.to_le_bytes(), deadline, &died)?;
            self.write_until(part, deadline, &died)?;
        }
        Ok((self.read_part(deadline, &died)?, self.read_part(deadline, &died)?))
    }

    fn read_part(&mut self, deadline: Instant, died: &str) -> Result<Vec<u8>, String> {
        let mut head = [0; 4];
        self.read_until(&mut head, deadline, died)?;
        let length = u32::from_le_bytes(head);
        if length > ANSWER_BYTES_MAX {
            return Err("the parser's answer is too large".to_owned());
        }
        let mut part = vec![0; length as usize];
        self.read_until(&mut part, deadline, died)?;
        Ok(part)
    }

    fn write_until(&mut self, mut bytes: &[u8], deadline: Instant, died: &str) -> Result<(), String> {
        while !bytes.is_empty() {
            wait(PollFd::new(&self.input, PollFlags::OUT), deadline)?;
            match self.input.write(bytes) {
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return Err(died.to_owned()),
                Ok(written) => bytes = &bytes[written..],
            }
        }
        Ok(())
    }

    fn read_until(&mut self, mut buffer: &mut [u8], deadline: Instant, died: &str) -> Result<(), String> {
        while !buffer.is_empty() {
            wait(PollFd::new(&self.output, PollFlags::IN), deadline)?;
            match self.output.read(buffer) {
                Ok(0) | Err(_) => return Err(died.to_owned()),
                Ok(read) => buffer = &mut buffer[read..],
            }
        }
        Ok(())
    }
}

/// Waits until the pipe is ready, or the file has had its time.
fn wait(pipe: PollFd<'_>, deadline: Instant) -> Result<(), String> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(0), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [pipe.clone()], Some(&timeout)) {
            Ok(0) => return Err("the parser did not finish in time".to_owned()),
            Ok(_) => return Ok(()),
            Err(fault) if fault == rustix::io::Errno::INTR => {}
            Err(fault) => return Err(fault.to_string()),
        }
    }
}

/// The worker's side: limits itself, then answers until its input ends.
pub fn work() -> io::Result<()> {
    // A thread with a deep stack is made before the limits, which count it.
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(|| {
        limit()?;
        answer_all(&mut io::stdin().lock(), &mut io::stdout().lock())
    })?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the parser panicked")))
}

fn limit() -> io::Result<()> {
    let to = |resource, value: u64| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    to(Resource::As, MEMORY_BYTES_MAX)?;
    // No file is written, none is opened, no connection is made.
    to(Resource::Fsize, 0)?;
    to(Resource::Core, 0)?;
    to(Resource::Nofile, 3)?;
    Ok(())
}

fn answer_all(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let (mut task, mut bytes) = (Vec::new(), Vec::new());
    while read_part(input, &mut task, TASK_BYTES_MAX)? {
        if !read_part(input, &mut bytes, PDF_BYTES_MAX as u32)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (said, made) = carry_out(&serde_json::from_slice(&task)?, &bytes)?;
        for part in [said, made] {
            output.write_all(&u32::try_from(part.len()).map_err(io::Error::other)?.to_le_bytes())?;
            output.write_all(&part)?;
        }
        output.flush()?;
    }
    Ok(())
}

fn carry_out(task: &Task, bytes: &[u8]) -> io::Result<(Vec<u8>, Vec<u8>)> {
    Ok(match task {
        Task::Look { markers } => (serde_json::to_vec(&inspect_for(bytes, markers))?, Vec::new()),
        Task::Repair(order) => match repair(bytes, order) {
            Ok(repaired) => (serde_json::to_vec(&Ok::<_, RepairFault>(repaired.done))?, repaired.bytes),
            Err(fault) => (serde_json::to_vec(&Err::<Vec<Done>, _>(fault))?, Vec::new()),
        },
        Task::Picture(marking) => (Vec::new(), picture(bytes, marking).map_err(io::Error::other)?),
    })
}

/// `false` when the input has ended.
fn read_part(input: &mut impl Read, part: &mut Vec<u8>, bytes_max: u32) -> io::Result<bool> {
    let mut head = [0; 4];
    match input.read_exact(&mut head) {
        Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        read => read?,
    }
    let length = u32::from_le_bytes(head);
    if length > bytes_max {
        return Err(io::Error::other("a part that is too large"));
    }
    part.clear();
    part.reserve(length.min(READ_AT_ONCE_BYTES) as usize);
    input.take(length.into()).read_to_end(part)?;
    Ok(true)
}
