//! Validates PDF files against one vendor or several: each file read once, all faults, files in parallel.

use super::fault::Fault;
use super::mend::mend;
use crate::adapters::inspector::Inspector;
use crate::domain::redact::redact;
use crate::domain::{Finding, Severity};
use crate::pdf::{PDF_BYTES_MAX, PdfFacts};
pub use crate::pipeline::validate::Policy;
use crate::pipeline::validate::{Expected, judge, marking, rejects};
use crate::vendor::VendorProfile;
use crate::vendor::profile::markers;
use rayon::prelude::*;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Pages pictured of one file; more than any envelope takes.
const PAGES_PICTURED_MAX: usize = 200;
/// Files read before their results are handed on: bounds the memory, whatever the number of files.
const FILES_AT_ONCE: usize = 64;

/// What is asked.
pub struct Ask<'a> {
    /// Files, folders, and `-` for a list of paths on the standard input.
    pub named: &'a [PathBuf],
    pub profiles: &'a [VendorProfile],
    /// Whose letters they are.
    pub policy: Policy,
    /// Where repaired documents are written, a folder a vendor; none are made without it.
    pub repaired: Option<&'a Path>,
    /// Where a picture of each page is written, a folder a vendor; none are made without it.
    pub pictures: Option<&'a Path>,
}

/// What one vendor makes of one file.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub file: String,
    pub vendor: String,
    /// `accept`, `repair` or `reject`.
    pub verdict: &'static str,
    pub pages: usize,
    pub findings: Vec<Finding>,
    /// What was done to the file, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    /// Where the repaired file was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<String>,
    /// Those of the vendors asked that would print the file, repaired or not.
    pub taken_by: Vec<String>,
}

/// Totals over files; a file counts as rejected when any vendor rejects it, and as repaired when any would have to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub files: u64,
    pub accepted: u64,
    pub repaired: u64,
    pub rejected: u64,
    pub pages: u64,
}

impl Totals {
    fn add(&mut self, verdicts: &[Verdict]) {
        self.files += 1;
        self.pages += verdicts.first().map_or(0, |v| v.pages as u64);
        let any = |word: &str| verdicts.iter().any(|v| v.verdict == word);
        *match () {
            () if any("reject") => &mut self.rejected,
            () if any("repair") => &mut self.repaired,
            () => &mut self.accepted,
        } += 1;
    }
}

/// Validates the files and hands the verdicts of each on, in the order of the files and of the vendors. Each file is looked
/// at in a worker process; one that kills its worker has that for a verdict.
///
/// A folder stands for the PDFs in it and below it, by name, links not followed; `-` for the paths on the standard input,
/// one a line. They are found as they are needed: the memory does not grow with their number. A fault when no worker can be
/// started, or a file that was asked for cannot be written.
pub fn validate(ask: &Ask<'_>, mut on_file: impl FnMut(&[Verdict])) -> Result<Totals, Fault> {
    let desk = Desk { ask, inspector: Inspector::of_this_program()?.looking_for(markers(ask.profiles)) };
    let mut totals = Totals::default();
    let mut files = ask.named.iter().flat_map(|path| expanded(path));
    loop {
        let chunk: Vec<Named> = files.by_ref().take(FILES_AT_ONCE).collect();
        if chunk.is_empty() {
            break;
        }
        let verdicts: Vec<Vec<Verdict>> = chunk.par_iter().map(|file| desk.of_file(file)).collect::<Result<_, Fault>>()?;
        for of_one in verdicts {
            totals.add(&of_one);
            on_file(&of_one);
        }
    }
    Ok(totals)
}

/// A file, and what it is called in what is written of it: its path below the folder that was named.
struct Named {
    path: PathBuf,
    name: PathBuf,
}

impl Named {
    fn alone(path: PathBuf) -> Self {
        Self { name: path.file_name().map_or_else(|| path.clone(), PathBuf::from), path }
    }

    fn below(root: &Path, path: PathBuf) -> Self {
        Self { name: path.strip_prefix(root).unwrap_or(&path).to_owned(), path }
    }
}

/// The files that a named path stands for.
fn expanded(path: &Path) -> Box<dyn Iterator<Item = Named>> {
    if path == Path::new("-") {
        // A line that cannot be read ends the list: what was named before is looked at.
        let lines = std::io::stdin().lines().map_while(Result::ok).map(|line| line.trim_end_matches('\r').to_owned());
        return Box::new(lines.filter(|line| !line.is_empty()).map(PathBuf::from).map(Named::alone));
    }
    if path.is_dir() {
        let root = path.to_owned();
        let files = Below { folders: vec![path.to_owned()], files: Vec::new() };
        return Box::new(files.map(move |file| Named::below(&root, file)));
    }
    Box::new(std::iter::once(Named::alone(path.to_owned())))
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

/// What is asked, and who looks.
struct Desk<'a> {
    ask: &'a Ask<'a>,
    inspector: Inspector,
}

impl Desk<'_> {
    fn of_file(&self, file: &Named) -> Result<Vec<Verdict>, Fault> {
        let (bytes, facts) = self.looked_at(&file.path)?;
        let of_vendor = |profile| self.of_vendor(file, &bytes, &facts, profile);
        let mut verdicts = self.ask.profiles.iter().map(of_vendor).collect::<Result<Vec<_>, _>>()?;
        let taken_by: Vec<String> = verdicts.iter().filter(|v| v.verdict != "reject").map(|v| v.vendor.clone()).collect();
        verdicts.iter_mut().for_each(|v| v.taken_by.clone_from(&taken_by));
        Ok(verdicts)
    }

    fn of_vendor(&self, file: &Named, bytes: &[u8], facts: &PdfFacts, profile: &VendorProfile) -> Result<Verdict, Fault> {
        let look = |facts: &PdfFacts, policy: &Policy| judge(facts, &Expected::default(), profile, policy);
        let judged = mend(&self.inspector, (bytes, facts), look, profile, &self.ask.policy)?;
        self.pictures(file, bytes, facts, &judged.findings, profile)?;
        let verdict = match &judged.repaired {
            Some(_) => "repair",
            None if rejects(&judged.findings) => "reject",
            None => "accept",
        };
        let (repairs, repaired) = match (&judged.repaired, self.ask.repaired) {
            (Some(made), Some(folder)) => {
                let path = folder.join(profile.id.as_str()).join(redacted(&file.name));
                write(&path, &made.bytes)?;
                (made.repairs.clone(), Some(shown(&path)))
            }
            (Some(made), None) => (made.repairs.clone(), None),
            (None, _) => (Vec::new(), None),
        };
        let (file, vendor) = (shown(&file.path), profile.id.to_string());
        let (pages, findings) = (facts.pages.len(), judged.findings);
        Ok(Verdict { file, vendor, verdict, pages, findings, repairs, repaired, taken_by: Vec::new() })
    }

    /// A PNG a page, as the document came: `<name>.p1.png` in the vendor's folder.
    fn pictures(&self, file: &Named, bytes: &[u8], facts: &PdfFacts, findings: &[Finding], profile: &VendorProfile) -> Result<(), Fault> {
        let Some(folder) = self.ask.pictures else { return Ok(()) };
        // A file without pages gets one sheet that says why.
        for page in 1..=facts.pages.len().clamp(1, PAGES_PICTURED_MAX) {
            let number = u32::try_from(page).unwrap_or(u32::MAX);
            let png = self.inspector.picture(bytes, &marking(number, findings, profile))?;
            let png = png.map_err(|why| Fault::io(format!("drawing page {page} of {}", shown(&file.path)), &std::io::Error::other(why)))?;
            write(&folder.join(profile.id.as_str()).join(redacted(&file.name).with_extension(format!("p{page}.png"))), &png)?;
        }
        Ok(())
    }

    fn looked_at(&self, path: &Path) -> Result<(Vec<u8>, PdfFacts), Fault> {
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(PDF_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)) {
            Ok(_) => {
                let facts = self.inspector.inspect(&bytes)?;
                Ok((bytes, facts))
            }
            Err(fault) => Ok((Vec::new(), PdfFacts { unreadable: Some(fault.to_string()), ..PdfFacts::default() })),
        }
    }
}

/// A path as it may be told.
fn shown(path: &Path) -> String {
    redact(&path.display().to_string())
}

/// The name without what might be a CPR number: it becomes a name of ours.
fn redacted(name: &Path) -> PathBuf {
    name.components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(redact(&part.to_string_lossy())),
            _ => None,
        })
        .collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|fault| Fault::io(format!("writing {}", shown(path)), &fault))
}

/// The word for a severity in front of a line that a person reads.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Off => "off",
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Repair => "repair",
        Severity::Reject => "reject",
    }
}

/// Becomes a worker: facts for the PDFs on the input, until it ends. Gives the exit code.
pub fn work() -> std::io::Result<u8> {
    crate::adapters::inspector::work().map(|()| super::fault::exit::DONE)
}
