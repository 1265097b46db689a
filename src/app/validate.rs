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
pub fn validate(files: &[PathBuf], profiles: &[VendorProfile], mut on_verdict: impl FnMut(&Verdict)) -> Result<Totals, Fault> {
    let inspector = Inspector::of_this_program()?;
    let mut totals = Totals::default();
    for chunk in files.chunks(FILES_AT_ONCE) {
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
