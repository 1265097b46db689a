//! Files of many letters, for a library that goes back and forth in them. Where it stands is counted here, and small pieces
//! are held: a writer that puts size and check sum into each letter's head afterwards makes two calls to the system a letter, and
//! one who reads the heads makes one, where a buffer that is emptied at each step aside makes several.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

/// Pieces up to this size are held back.
const SMALL_BYTES: usize = 1024;
/// Of small pieces that follow one another, so much is held back.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// Written at any place, read nowhere. What is written is in the file after [`Write::flush`].
#[derive(Debug)]
pub struct Placed {
    file: File,
    at: u64,
    end: u64,
    held: Vec<u8>,
    held_at: u64,
}

impl Placed {
    /// Of an empty file.
    pub fn new(file: File) -> Self {
        Self { file, at: 0, end: 0, held: Vec::new(), held_at: 0 }
    }

    /// Puts what is held back in its place.
    fn give(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.held, self.held_at)?;
        self.held.clear();
        Ok(())
    }

    fn hold(&mut self, piece: &[u8]) -> io::Result<()> {
        let within = self.at.checked_sub(self.held_at).and_then(|offset| usize::try_from(offset).ok());
        let fits = within.filter(|offset| *offset <= self.held.len() && offset + piece.len() <= HELD_BYTES_MAX);
        match fits {
            Some(offset) if !self.held.is_empty() => {
                let known = (self.held.len() - offset).min(piece.len());
                self.held[offset..offset + known].copy_from_slice(&piece[..known]);
                self.held.extend_from_slice(&piece[known..]);
            }
            _ => {
                self.give()?;
                self.held.extend_from_slice(piece);
                self.held_at = self.at;
            }
        }
        Ok(())
    }
}

impl Write for Placed {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        // In a file, nothing written behind the end leaves the end where it is.
        if piece.is_empty() {
            return Ok(0);
        }
        if piece.len() <= SMALL_BYTES {
            self.hold(piece)?;
        } else {
            let end = self.at + piece.len() as u64;
            if self.at < self.held_at + self.held.len() as u64 && self.held_at < end {
                self.give()?;
            }
            self.file.write_all_at(piece, self.at)?;
        }
        self.at += piece.len() as u64;
        self.end = self.end.max(self.at);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.give()
    }
}

impl Seek for Placed {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = place(to, self.at, self.end)?;
        Ok(self.at)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.at)
    }
}

/// Read at once where a head is.
const HEAD_BYTES: usize = 512;

/// Of a file, what stands at any place.
#[derive(Debug)]
pub struct Peeked<'a> {
    file: &'a File,
    at: u64,
    end: u64,
    held: [u8; HEAD_BYTES],
    held_at: u64,
    held_bytes: usize,
}

impl<'a> Peeked<'a> {
    pub fn new(file: &'a File) -> io::Result<Self> {
        Ok(Self { file, at: 0, end: file.metadata()?.len(), held: [0; HEAD_BYTES], held_at: 0, held_bytes: 0 })
    }
}

impl Read for Peeked<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let held = self.held_at..self.held_at + self.held_bytes as u64;
        if !held.contains(&self.at) {
            self.held_bytes = self.file.read_at(&mut self.held, self.at)?;
            self.held_at = self.at;
        }
        let known = &self.held[(self.at - self.held_at) as usize..self.held_bytes];
        let taken = known.len().min(into.len());
        into[..taken].copy_from_slice(&known[..taken]);
        self.at += taken as u64;
        Ok(taken)
    }
}

impl Seek for Peeked<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = place(to, self.at, self.end)?;
        Ok(self.at)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.at)
    }
}

fn place(to: SeekFrom, at: u64, end: u64) -> io::Result<u64> {
    let place = match to {
        SeekFrom::Start(place) => Some(place),
        SeekFrom::Current(by) => at.checked_add_signed(by),
        SeekFrom::End(by) => end.checked_add_signed(by),
    };
    place.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
