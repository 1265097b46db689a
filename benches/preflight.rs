//! Measures validation beside `qpdf --check` and `mutool info`, on the same files in the same run:
//! `cargo bench --bench preflight`. `-- memory` measures memory over 10,000 and 100,000 files instead of 1,000 and 10,000.
//!
//! The peers are run as they are, a process for each file; ours is the command that a person types, all files at once,
//! against every vendor. Processor time is that of the command and of all that it started. Files are letters that are
//! built here, and those below `FJERNPRINT_CORPUS` if it is set. Prints and asserts nothing: times depend on the machine.

mod child;
mod letters;

use child::{TICKS_A_SECOND, children_seconds, peak_kib_until_end};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FJERNPRINT: &str = env!("CARGO_BIN_EXE_fjernprint");
const VALIDATE: [&str; 4] = ["validate", "--vendor", "all", "--json"];
const LETTERS: u64 = 400;
const ROUNDS: usize = 3;
/// A peer that takes longer for one file is stopped, as a worker of ours is.
const TIME_MAX: Duration = Duration::from_secs(10);

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let letters: Vec<PathBuf> = (0..LETTERS)
        .map(|number| {
            let path = folder.path().join(format!("letter-{number:04}.pdf"));
            fs::write(&path, letters::built(number)).expect("a new file");
            path
        })
        .collect();
    let bytes: u64 = letters.iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if std::env::args().any(|word| word == "memory") {
        return memory(&letters, &[10_000, 100_000]);
    }
    println!(
        "{cores} cores; {LETTERS} letters of two pages, {} KB each, in the manner of four producers; {ROUNDS} rounds",
        bytes / LETTERS / 1000
    );
    compare("letters", &letters, ROUNDS);
    let started = Instant::now();
    ours(&letters);
    let rate = LETTERS as f64 / started.elapsed().as_secs_f64();
    println!("  wall clock: {rate:.0} letters/s, {:.0} on each core", rate / cores as f64);
    match std::env::var_os("FJERNPRINT_CORPUS") {
        Some(corpus) => {
            let mut files = Vec::new();
            below(Path::new(&corpus), &mut files);
            println!("\n{} files of the corpus, 1 round", files.len());
            compare("files", &files, 1);
        }
        None => println!("\nFJERNPRINT_CORPUS is not set: no other files are compared"),
    }
    println!();
    memory(&letters, &[1_000, 10_000]);
}

/// Processor time of a validator over some files, and the files it was stopped at.
#[derive(Default)]
struct Spent {
    seconds: f64,
    stopped: usize,
    seconds_until_stopped: f64,
}

impl Spent {
    fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.stopped += other.stopped;
        self.seconds_until_stopped += other.seconds_until_stopped;
    }
}

fn compare(what: &str, files: &[PathBuf], rounds: usize) {
    let peers: Vec<(&str, [&str; 2])> = [("qpdf --check", ["qpdf", "--check"]), ("mutool info", ["mutool", "info"])]
        .into_iter()
        .filter(|(name, [program, _])| {
            let there = Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
            if !there {
                println!("  {name}: {program} is not installed");
            }
            there
        })
        .collect();
    let mut spent: Vec<Spent> = peers.iter().map(|_| Spent::default()).collect();
    let mut our_seconds = 0.0;
    // In turns, so that whatever else the machine does strikes all alike.
    for _ in 0..rounds {
        for ((_, command), spent) in peers.iter().zip(&mut spent) {
            spent.add(&one_by_one(command, files));
        }
        our_seconds += ours(files);
    }
    let looked_at = (files.len() * rounds) as f64;
    let our_rate = looked_at / our_seconds;
    println!("  fjernprint {}: {our_rate:.0} {what} per CPU-second, all at once", VALIDATE.join(" "));
    for ((name, _), spent) in peers.iter().zip(spent) {
        let rate = looked_at / spent.seconds;
        println!("  {name}: {rate:.0} {what} per CPU-second, a process for each; ours is {:.1} times that", our_rate / rate);
        if spent.stopped > 0 {
            let rate = (looked_at - spent.stopped as f64) / (spent.seconds - spent.seconds_until_stopped);
            println!(
                "    without the {} it was stopped at after 10 s: {rate:.0}; ours is {:.1} times that",
                spent.stopped,
                our_rate / rate
            );
        }
    }
}

/// Ours over all files: processor seconds of the command and its workers.
fn ours(files: &[PathBuf]) -> f64 {
    let before = children_seconds();
    let status =
        Command::new(FJERNPRINT).args(VALIDATE).args(files).stdout(Stdio::null()).status().expect("the program that was just built");
    assert!(matches!(status.code(), Some(0 | 3 | 4)), "validate ended with {status}");
    (children_seconds() - before).max(1.0 / TICKS_A_SECOND)
}

fn one_by_one([program, argument]: &[&str; 2], files: &[PathBuf]) -> Spent {
    let mut spent = Spent::default();
    let start = children_seconds();
    for file in files {
        let before = children_seconds();
        let mut child =
            Command::new(program).arg(argument).arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        let started = Instant::now();
        // Looking is ours, and costs the child nothing.
        while child.try_wait().expect("a child of ours").is_none() {
            if started.elapsed() > TIME_MAX {
                let _ = child.kill();
                let _ = child.wait();
                spent.stopped += 1;
                spent.seconds_until_stopped += children_seconds() - before;
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    spent.seconds = (children_seconds() - start).max(1.0 / TICKS_A_SECOND);
    spent
}

/// The same letters again and again, listed on the standard input: most memory that the command held.
fn memory(letters: &[PathBuf], sizes: &[usize]) {
    for size in sizes {
        let mut child = Command::new(FJERNPRINT)
            .args(VALIDATE)
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program that was just built");
        let mut list = child.stdin.take().expect("it was asked for");
        let started = Instant::now();
        let peak_kib = std::thread::scope(|scope| {
            scope.spawn(move || letters.iter().cycle().take(*size).try_for_each(|letter| writeln!(list, "{}", letter.display())));
            peak_kib_until_end(&mut child)
        });
        let (peak, seconds) = (peak_kib as f64 / 1024.0, started.elapsed().as_secs_f64());
        println!("{size} letters: peak memory of the command {peak:.1} MiB, its workers aside; {seconds:.1} s");
    }
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            below(&path, files);
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("pdf")) {
            files.push(path);
        }
    }
}
