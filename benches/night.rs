//! Measures whole nights: `cargo bench --bench night`, or `cargo bench --bench night -- 1000 2000` for other sizes.
//!
//! For each size a demo night runs as a process of its own, and then the pipeline alone over the same letters, up to the
//! sealed batches. At the end, validation beside `qpdf --check` on the same PDFs. Prints and asserts nothing: times
//! depend on the machine and on who else uses it.

use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const FJERNPRINT: &str = env!("CARGO_BIN_EXE_fjernprint");
const SIZES: [u64; 2] = [10_000, 20_000];
const STAGES: [&str; 5] = ["intake", "letters", "batches", "shipping", "answers"];
/// PDFs that both validators read.
const FILES_COMPARED: usize = 200;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Unit of the times in /proc, which Linux fixes at 100 a second.
const TICKS_A_SECOND: f64 = 100.0;

/// What one process said of its night, and the most memory it held.
struct Measured {
    stages: Map<String, Value>,
    summary: Map<String, Value>,
    peak_mib: f64,
}

impl Measured {
    fn of(&self, key: &str) -> f64 {
        self.summary[key].as_f64().expect("a number of the summary")
    }
}

fn main() {
    // Cargo adds a flag of its own.
    let sizes: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    // Everything goes at the end: right after many files were deleted, ext4 is slow at making new ones.
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("{} cores; letters are synthetic, and the public samples are among them", cores());
    let mut seconds = Vec::new();
    for letters in &sizes {
        let dir = folder.path().join(format!("demo-{letters}"));
        let night = measured(&["--quiet", "--json", "demo", "--letters", &letters.to_string(), "--dir"], &dir);
        println!("\n{letters} letters, the whole night with three vendor sites on loopback, in one process");
        told(&night);
        println!("  peak memory {:.0} MiB, which includes drawing the letters and the three vendor sites", night.peak_mib);
        seconds.push((*letters, night.of("seconds")));

        let dir = folder.path().join(format!("alone-{letters}"));
        measured(&["--quiet", "--json", "demo", "--lay-only", "--letters", &letters.to_string(), "--dir"], &dir);
        let alone = measured(&["--quiet", "--json", "run", "--until", "seal", "--config"], &dir.join("fjernprint.toml"));
        println!("{letters} letters, the pipeline alone, from the drop folders to sealed batches");
        told(&alone);
        println!("  peak memory {:.0} MiB", alone.peak_mib);
    }
    println!();
    for pair in seconds.windows(2) {
        let [(few, before), (many, after)] = pair else { continue };
        println!("{many} letters take {:.2} times as long as {few}", after / before);
    }
    compare(&pdfs(&folder.path().join(format!("demo-{}", sizes[0])).join("data/batches")));
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn told(night: &Measured) {
    let rate = night.of("accepted") / night.of("seconds");
    println!("  {rate:.0} letters/s: {} letters in {:.1} s", night.of("accepted"), night.of("seconds"));
    let stage = |name: &&str| Some(format!("{name} {:.1} s", night.stages.get(*name)?.as_f64()?));
    println!("  {}", STAGES.iter().filter_map(stage).collect::<Vec<_>>().join(", "));
}

/// Runs the program with `path` as its last argument, and looks at its memory until it ends.
fn measured(arguments: &[&str], path: &Path) -> Measured {
    let mut child =
        Command::new(FJERNPRINT).args(arguments).arg(path).stdout(Stdio::piped()).spawn().expect("the program that was just built starts");
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak_kib = 0;
    while child.try_wait().expect("a child of ours").is_none() {
        // The kernel keeps the peak itself; the last look before the end misses nothing but the end.
        peak_kib = fs::read_to_string(&status).ok().and_then(|text| peak_of(&text)).unwrap_or(peak_kib);
        std::thread::sleep(LOOK_EVERY);
    }
    let output = child.wait_with_output().expect("the child's output");
    // 3 says that some letters were rejected: there are such among the samples.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{arguments:?} ended with {}", output.status);
    let (mut stages, mut summary) = (Map::new(), Map::new());
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(Value::Object(fields)) = serde_json::from_str(line) else { continue };
        match fields["message_type"].as_str() {
            Some("stages") => stages = fields,
            Some("summary") => summary = fields,
            _ => {}
        }
    }
    Measured { stages, summary, peak_mib: peak_kib as f64 / 1024.0 }
}

fn peak_of(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

/// PDFs of letters as they lie in sealed batches.
fn pdfs(batches: &Path) -> Vec<PathBuf> {
    let inside = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let folders = inside(batches).into_iter().flat_map(|batch| inside(&batch)).filter(|path| path.is_dir());
    folders.flat_map(|folder| inside(&folder)).filter(|path| path.extension().is_some_and(|e| e == "pdf")).take(FILES_COMPARED).collect()
}

/// Validation beside qpdf's check, in files a second of processor time.
fn compare(files: &[PathBuf]) {
    if Command::new("qpdf").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("qpdf is not installed: validation is not compared with `qpdf --check`");
        return;
    }
    let one_by_one = |program: &str, arguments: &[&str]| {
        rate(files.len(), || files.iter().for_each(|file| silent(Command::new(program).args(arguments).arg(file))))
    };
    let theirs = one_by_one("qpdf", &["--check"]);
    let alone = one_by_one(FJERNPRINT, &["validate", "--vendor", "kmd"]);
    let together = rate(files.len(), || silent(Command::new(FJERNPRINT).args(["validate", "--vendor", "kmd"]).args(files)));
    println!("{} PDFs, files per CPU-second: `qpdf --check` {theirs:.0}", files.len());
    println!("  `fjernprint validate`, a process for each as qpdf's: {alone:.0}, {:.1} times qpdf", alone / theirs);
    println!("  `fjernprint validate`, one process for all: {together:.0}, {:.1} times qpdf", together / theirs);
}

fn silent(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the program starts");
    assert!(status.code().is_some(), "{command:?} was killed");
}

fn rate(files: usize, work: impl FnOnce()) -> f64 {
    let before = children_seconds();
    work();
    files as f64 / (children_seconds() - before).max(1.0 / TICKS_A_SECOND)
}

/// Processor time of all children that have ended: fields 16 and 17 of /proc/self/stat, of which the second may hold
/// blanks and ends in a bracket.
fn children_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
}
