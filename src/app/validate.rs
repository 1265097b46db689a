//! Validates PDF files against one vendor or several: each file read once, all faults, files in parallel.

use super::fault::Fault;
use crate::adapters::inspector::Inspector;
use crate::domain::redact::redact;
use crate::domain::{Finding, Severity};
use crate::pdf::{PDF_BYTES_MAX, PdfFacts};
use crate::pipeline::validate::{judge, rejects};
use crate::vendor::VendorProfile;
use rayon::prelude::*;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files read before their results are handed on: bounds the memory, whatever the number of files.
const FILES_AT_ONCE: usize = 64;

/// What one vendor makes of one file.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub file: String,
    pub vendor: String,
    /// `accept` or `reject`.
    pub verdict: &'static str,
    pub pages: usize,
    pub findings: Vec<Finding>,
}

/// Totals over files; a file counts as rejected when any vendor rejects it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub files: u64,
    pub accepted: u64,
    pub repaired: u64,
    pub rejected: u64,
    pub pages: u64,
}

/// Validates the files and hands each verdict on, in the order of the files and of the vendors. Each file is looked at in
/// a worker process; one that kills its worker has that for a verdict.
///
/// A folder stands for the PDFs in it and below it, by name, links not followed; `-` for the paths on the standard input,
/// one a line. They are found as they are needed: the memory does not grow with their number.
pub fn validate(named: &[PathBuf], profiles: &[VendorProfile], mut on_verdict: impl FnMut(&Verdict)) -> Result<Totals, Fault> {
    let inspector = Inspector::of_this_program()?;
    let mut totals = Totals::default();
    let mut files = named.iter().flat_map(|path| expanded(path));
    loop {
        let chunk: Vec<PathBuf> = files.by_ref().take(FILES_AT_ONCE).collect();
        if chunk.is_empty() {
            break;
        }
        let verdicts: Vec<Vec<Verdict>> = chunk.par_iter().map(|file| of_file(&inspector, file, profiles)).collect::<Result<_, Fault>>()?;
        for of_one in verdicts {
            totals.files += 1;
            totals.pages += of_one.first().map_or(0, |v| v.pages as u64);
            let rejected = of_one.iter().any(|v| v.verdict == "reject");
            *(if rejected { &mut totals.rejected } else { &mut totals.accepted }) += 1;
            of_one.iter().for_each(&mut on_verdict);
        }
    }
    Ok(totals)
}

/// The files that a named path stands for.
fn expanded(path: &Path) -> Box<dyn Iterator<Item = PathBuf>> {
    if path == Path::new("-") {
        // A line that cannot be read ends the list: what was named before is looked at.
        let lines = std::io::stdin().lines().map_while(Result::ok).map(|line| line.trim_end_matches('\r').to_owned());
        return Box::new(lines.filter(|line| !line.is_empty()).map(PathBuf::from));
    }
    if path.is_dir() {
        return Box::new(Below { folders: vec![path.to_owned()], files: Vec::new() });
    }
    Box::new(std::iter::once(path.to_owned()))
}

/// The PDFs below a folder, a folder at a time.
struct Below {
    folders: Vec<PathBuf>,
    /// Of the folder in hand, the next one last.
    files: Vec<PathBuf>,
}

impl Iterator for Below {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        loop {
            if let Some(file) = self.files.pop() {
                return Some(file);
            }
            let folder = self.folders.pop()?;
            let mut inner = Vec::new();
            // A folder that cannot be read is a file that cannot be read: it is named in its verdict.
            let Ok(entries) = std::fs::read_dir(&folder) else { return Some(folder) };
            for entry in entries.filter_map(Result::ok) {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => inner.push(path),
                    Ok(kind) if kind.is_file() && path.extension().is_some_and(|e| e.eq_ignore_ascii_case("pdf")) => self.files.push(path),
                    _ => {}
                }
            }
            self.files.sort_by(|a, b| b.cmp(a));
            inner.sort_by(|a, b| b.cmp(a));
            self.folders.extend(inner);
        }
    }
}

fn of_file(inspector: &Inspector, path: &Path, profiles: &[VendorProfile]) -> Result<Vec<Verdict>, Fault> {
    let facts = facts_of(inspector, path)?;
    let verdict = |profile: &VendorProfile| {
        let findings = judge(&facts, None, profile);
        let verdict = if rejects(&findings) { "reject" } else { "accept" };
        let file = redact(&path.display().to_string());
        Verdict { file, vendor: profile.id.to_string(), verdict, pages: facts.pages.len(), findings }
    };
    Ok(profiles.iter().map(verdict).collect())
}

fn facts_of(inspector: &Inspector, path: &Path) -> Result<PdfFacts, Fault> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(PDF_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)) {
        Ok(_) => Ok(inspector.inspect(&bytes)?),
        Err(fault) => Ok(PdfFacts { unreadable: Some(fault.to_string()), ..PdfFacts::default() }),
    }
}

/// The word for a severity in front of a line that a person reads.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Off => "off",
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Reject => "reject",
    }
}

/// Becomes a worker: facts for the PDFs on the input, until it ends. Gives the exit code.
pub fn work() -> std::io::Result<u8> {
    crate::adapters::inspector::work().map(|()| super::fault::exit::DONE)
}
