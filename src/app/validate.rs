//! Validates PDF files against one vendor or several: each file read once, all faults, files in parallel.

use crate::domain::redact::redact;
use crate::domain::{Finding, Severity};
use crate::pdf::inspect::PDF_BYTES_MAX;
use crate::pdf::{PdfFacts, inspect};
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

/// Validates the files and hands each verdict on, in the order of the files and of the vendors.
pub fn validate(files: &[PathBuf], profiles: &[VendorProfile], mut on_verdict: impl FnMut(&Verdict)) -> Totals {
    let mut totals = Totals::default();
    for chunk in files.chunks(FILES_AT_ONCE) {
        let verdicts: Vec<Vec<Verdict>> = chunk.par_iter().map(|file| of_file(file, profiles)).collect();
        for of_one in verdicts {
            totals.files += 1;
            totals.pages += of_one.first().map_or(0, |v| v.pages as u64);
            let rejected = of_one.iter().any(|v| v.verdict == "reject");
            *(if rejected { &mut totals.rejected } else { &mut totals.accepted }) += 1;
            of_one.iter().for_each(&mut on_verdict);
        }
    }
    totals
}

fn of_file(path: &Path, profiles: &[VendorProfile]) -> Vec<Verdict> {
    let facts = facts_of(path);
    let verdict = |profile: &VendorProfile| {
        let findings = judge(&facts, profile);
        let verdict = if rejects(&findings) { "reject" } else { "accept" };
        let file = redact(&path.display().to_string());
        Verdict { file, vendor: profile.id.to_string(), verdict, pages: facts.pages.len(), findings }
    };
    profiles.iter().map(verdict).collect()
}

fn facts_of(path: &Path) -> PdfFacts {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(PDF_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)) {
        Ok(_) => inspect(&bytes),
        Err(fault) => PdfFacts { unreadable: Some(fault.to_string()), ..PdfFacts::default() },
    }
}

/// The word for a severity in front of a line that a person reads.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Reject => "reject",
    }
}
