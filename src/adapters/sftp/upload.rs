//! One file goes up, whole or not at all.

use super::{Connection, SftpFault};
use ssh2::{OpenFlags, OpenType};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// One write shows libssh2 so much, and that is what is on the line unacknowledged: below 1 MiB a slow line stands still
/// between the answers.
const WRITE_BYTES: u64 = 4 << 20;
/// Slower than this on the whole is as good as down: a server that takes a byte now and then must not hold us for ever.
const BYTES_PER_S_MIN: u64 = 16 << 10;

/// How this vendor takes files, in this attempt.
#[derive(Clone, Copy)]
pub struct Manner<'a> {
    /// Files go up as [`Manner::part`] and get their name by rename.
    pub rename: bool,
    /// Sizes are compared: before, with a file that has the name already, and after.
    pub look: bool,
    /// Which try of this batch it is. Each writes under names of its own, so that what is left of an earlier one, even
    /// one that still breathes somewhere, can never put half a file of this one under a final name.
    pub attempt: u32,
    /// Asked just before a file gets its final name: whether it still may.
    pub permit: &'a (dyn Fn() -> Result<(), SftpFault> + Sync),
    /// Where all of the files go, when that is a folder with nothing else in it.
    pub own_folder: Option<OwnFolder<'a>>,
}

/// A batch's own folder: one listing tells the sizes of many files that were just written there.
#[derive(Clone, Copy)]
pub struct OwnFolder<'a> {
    pub remote: &'a str,
    /// So many entries of it are read.
    pub entries_max: usize,
}

impl Default for Manner<'_> {
    fn default() -> Self {
        Self { rename: true, look: true, attempt: 1, permit: &|| Ok(()), own_folder: None }
    }
}

impl Manner<'_> {
    /// The name a file bears until it is whole.
    pub fn part(remote: &str, attempt: u32) -> String {
        format!("{remote}.{attempt}.part")
    }

    /// The name that this attempt writes a file under.
    pub(super) fn under(&self, remote: &str) -> String {
        if self.rename { Self::part(remote, self.attempt) } else { remote.to_owned() }
    }
}

/// Where a file shall stand, and what is known about that place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub remote: String,
    pub bytes: u64,
    /// Nothing has the name: it need not be looked for.
    pub absent: bool,
    /// So many bytes of this attempt's part are there already, taken over from an earlier one.
    pub from: u64,
}

impl Target {
    pub fn new(remote: impl Into<String>, bytes: u64) -> Self {
        Self { remote: remote.into(), bytes, absent: false, from: 0 }
    }

    /// Where to go on in a part of `there` bytes: of the last window, which was not acknowledged, a packet may be missing.
    pub fn resume_at(there: u64) -> u64 {
        there.saturating_sub(WRITE_BYTES)
    }
}

impl Connection {
    /// Uploads `content` so that it appears whole under its name, or not at all.
    ///
    /// A file that has the name already is done when its size is ours, and FP-S004 when it is not: nothing is overwritten.
    pub fn upload(&self, content: &mut (impl Read + Seek), target: &Target, manner: &Manner<'_>) -> Result<(), SftpFault> {
        if manner.look && !target.absent && self.is_there(target, manner)? {
            return Ok(());
        }
        self.write(content, target, &manner.under(&target.remote))?;
        self.give_name(target, manner, None)
    }

    /// Gives a file that was written its final name, once it has the right size. `listed` is what a listing said of it, after
    /// it was written; without one it is looked at.
    pub(super) fn give_name(&self, target: &Target, manner: &Manner<'_>, listed: Option<u64>) -> Result<(), SftpFault> {
        let Target { remote, bytes, .. } = target;
        let under = manner.under(remote);
        // A full disk can swallow the last write without an error; only looking tells.
        if manner.look && listed != Some(*bytes) && self.size(&under)? != Some(*bytes) {
            let why = "the vendor's copy has another size: its disk may be full";
            return Err(SftpFault::new("FP-S008", format!("uploading {remote}"), why, true));
        }
        if !manner.rename {
            return Ok(());
        }
        (manner.permit)()?;
        match self.rename(&under, remote) {
            // A server does not overwrite by rename: what has the name came there since we looked, and is ours or not.
            Err(fault) => match self.size(remote) {
                Ok(Some(there)) if there == *bytes => self.clear_away(&under),
                _ => Err(fault),
            },
            Ok(()) => Ok(()),
        }
    }

    fn is_there(&self, target: &Target, manner: &Manner<'_>) -> Result<bool, SftpFault> {
        match self.size(&target.remote)? {
            None => Ok(false),
            Some(there) if there == target.bytes => Ok(true),
            // Without rename, half a file under its name is what our own earlier attempt left.
            Some(there) if !manner.rename && manner.attempt > 1 && there < target.bytes => Ok(false),
            Some(there) => {
                let why = format!("the vendor holds {there} bytes under this name, ours are {}", target.bytes);
                Err(SftpFault::new("FP-S004", format!("uploading {}", target.remote), why, false))
            }
        }
    }

    /// Writes all of a file under a name.
    pub(super) fn write(&self, content: &mut (impl Read + Seek), target: &Target, under: &str) -> Result<(), SftpFault> {
        let Target { remote, bytes, from, .. } = target;
        let failed = |e: &dyn std::fmt::Display| SftpFault::new("FP-S008", format!("uploading {remote}"), e, true);
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | if *from == 0 { OpenFlags::TRUNCATE } else { OpenFlags::empty() };
        let mut file = self.sftp().open_mode(Path::new(under), flags, 0o640, OpenType::File).map_err(|e| failed(&e))?;
        if *from > 0 {
            content.seek(SeekFrom::Start(*from)).and_then(|_| file.seek(SeekFrom::Start(*from))).map_err(|e| failed(&e))?;
        }
        let deadline = Instant::now() + 2 * self.timeout + Duration::from_secs(bytes / BYTES_PER_S_MIN);
        let mut ahead = Ahead::of(content, bytes.saturating_sub(*from));
        let mut sent = *from;
        loop {
            let window = ahead.window().map_err(|e| failed(&e))?;
            if window.is_empty() || sent > *bytes {
                break;
            }
            let taken = file.write(window).map_err(|e| failed(&e))?;
            if taken == 0 || Instant::now() > deadline {
                return Err(failed(&format!("the vendor takes less than {BYTES_PER_S_MIN} bytes a second")));
            }
            ahead.start += taken;
            sent += taken as u64;
        }
        file.close().map_err(|e| failed(&e))?;
        if sent != *bytes {
            return Err(failed(&format!("{sent} bytes were read where {bytes} were announced")));
        }
        Ok(())
    }
}

/// Content read ahead of what the vendor has acknowledged. libssh2 keeps a whole window on the line when each write
/// shows it the bytes from the first unacknowledged one on; it remembers which of them it has sent.
struct Ahead<'a, R> {
    content: &'a mut R,
    buffer: Vec<u8>,
    /// What is not acknowledged yet.
    start: usize,
    end: usize,
    /// The content has no more.
    ended: bool,
}

impl<'a, R: Read> Ahead<'a, R> {
    /// Two windows, or all of a smaller file.
    fn of(content: &'a mut R, bytes: u64) -> Self {
        let size = usize::try_from(bytes.clamp(1, 2 * WRITE_BYTES)).unwrap_or(1);
        Self { content, buffer: vec![0; size], start: 0, end: 0, ended: false }
    }

    /// The next window; empty at the end of the content.
    fn window(&mut self) -> io::Result<&[u8]> {
        let window = WRITE_BYTES as usize;
        if !self.ended && self.end - self.start < window {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            while !self.ended && self.end < self.buffer.len() {
                let read = self.content.read(&mut self.buffer[self.end..])?;
                self.end += read;
                self.ended = read == 0;
            }
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + window)])
    }
}
