//! Grouping and sealing beside `openssl dgst -sha256` on the same bytes: `cargo bench --bench sealing`, or
//! `cargo bench --bench sealing -- 20000 3` for so many letters in so many rounds.
//!
//! Letters of 40 KiB lie in a store and stand in a ledger as printable; the night's own stage groups them, writes what the
//! vendor takes, reads it back, signs and records. Once for a vendor that takes ZIPs, whose letters are hashed twice, by
//! themselves and in their ZIP, and once for one that takes files. OpenSSL's tool hashes the same letters, a file each, and
//! the ZIPs. Everything lies on a tmpfs, where there is one, in memory that was written to before. Prints and asserts nothing:
//! times depend on the machine and on who else uses it.

mod child;

use child::{children_seconds, peak_kib_until_end};
use fjernprint::adapters::store::Store;
use fjernprint::domain::status::LetterEvent;
use fjernprint::domain::{Colour, Envelope, LetterId, Plex, Postage, PrintJob, PrintOptions};
use fjernprint::ledger::{Entry, Ledger};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const FJERNPRINT: &str = env!("CARGO_BIN_EXE_fjernprint");
const LETTERS: u64 = 100_000;
const LETTER_BYTES: usize = 40 * 1024;
/// Letters recorded in one transaction.
const RECORD_AT_ONCE: u64 = 1_000;

/// Wall-clock and processor time of some work on so many bytes.
struct Pace {
    bytes: f64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Pace {
    fn mb_s(&self) -> f64 {
        self.bytes / 1e6 / self.seconds
    }

    fn told(&self, what: &str) {
        println!("  {what:<42} {:>6.0} MB/s  {:>6.2} s, {:>6.2} s of processor time", self.mb_s(), self.seconds, self.cpu_seconds);
    }
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let letters = numbers.first().copied().unwrap_or(LETTERS);
    let rounds = numbers.get(1).copied().unwrap_or(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{letters} letters of {LETTER_BYTES} bytes, {rounds} rounds, {cores} cores");
    for (vendor, what) in [("edora", "ZIPs"), ("kmd", "files")] {
        println!("sealed as {what}");
        let mut ratios: Vec<f64> = (0..rounds).map(|_| round_of(vendor, letters)).collect();
        ratios.sort_by(f64::total_cmp);
        println!("  median: {:.0} % of `openssl dgst -sha256` on the same letters", ratios[ratios.len() / 2]);
        let home = laid(vendor, letters / 10);
        let (_, peak_mib) = seal(home.path(), 0.0);
        println!("  {} letters: peak memory {peak_mib:.0} MiB", letters / 10);
    }
}

fn percent(ours: &Pace, theirs: &Pace) -> f64 {
    100.0 * ours.mb_s() / theirs.mb_s()
}

/// Sealing, then dgst on the letters and on the ZIPs. Gives sealing's pace in percent of the first.
fn round_of(vendor: &str, letters: u64) -> f64 {
    let home = laid(vendor, letters);
    let bytes = (letters * LETTER_BYTES as u64) as f64;
    touch_memory(home.path(), bytes);
    let (sealing, peak_mib) = seal(home.path(), bytes);
    sealing.told("grouping and sealing");
    let documents = below(&home.path().join("data/store"));
    assert_eq!(documents.len() as u64, letters);
    let of_letters = dgst(&documents, bytes);
    of_letters.told("openssl dgst -sha256, the letters");
    println!("  sealing is {:.0} % of that; its peak memory {peak_mib:.0} MiB", percent(&sealing, &of_letters));
    let batches = below(&home.path().join("data/batches"));
    let zips: Vec<PathBuf> = batches.into_iter().filter(|p| p.extension().is_some_and(|e| e == "zip")).collect();
    if !zips.is_empty() {
        let of_zips = dgst(&zips, bytes);
        of_zips.told("openssl dgst -sha256, the ZIPs");
        println!("  sealing is {:.0} % of that", percent(&sealing, &of_zips));
    }
    percent(&sealing, &of_letters)
}

/// A virtual machine may be given its memory page by page, when it is first written to, and then whoever writes pays for that:
/// sealing writes as much as it reads, dgst writes nothing. So the room that sealing will need is written to before.
fn touch_memory(home: &Path, bytes: f64) {
    let path = home.join("room");
    let mut file = fs::File::create(&path).expect("a file of ours");
    let piece = vec![0; 1 << 20];
    for _ in 0..(bytes * 1.2 / piece.len() as f64) as u64 {
        file.write_all(&piece).expect("room on the file system");
    }
    fs::remove_file(path).expect("a file of ours");
}

fn laid(vendor: &str, letters: u64) -> tempfile::TempDir {
    let home = home();
    lay(home.path(), vendor, letters);
    home
}

fn home() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.expect("a temporary folder")
}

/// An installation as `init` makes it, with printable letters.
fn lay(home: &Path, vendor: &str, letters: u64) {
    let made =
        Command::new(FJERNPRINT).arg("init").arg(home).stdout(Stdio::null()).status().expect("the program that was just built starts");
    assert!(made.success());
    let store = Store::open(&home.join("data/store")).expect("a store");
    let mut ledger = Ledger::open(&home.join("data/ledger.db")).expect("a ledger");
    let mut pdf = vec![0; LETTER_BYTES];
    openssl::rand::rand_bytes(&mut pdf).expect("random bytes");
    let mut entries = Vec::new();
    for number in 0..letters {
        pdf[..8].copy_from_slice(&number.to_be_bytes());
        let document = store.put(&pdf).expect("room on the file system");
        let letter: LetterId = format!("L{number:024x}").parse().expect("24 digits");
        let accepted = LetterEvent::Accepted {
            municipality: "99990011".parse().expect("a CVR number"),
            sender: "sagssystem".to_owned(),
            dispatch_id: format!("brev-{number}"),
            business_date: "2026-11-24".to_owned(),
            original: document,
            part: 0,
            documents: Vec::new(),
        };
        let job = PrintJob {
            vendor: vendor.parse().expect("a vendor"),
            document,
            received: document,
            repairs: Vec::new(),
            pages: 2,
            sheets: 1,
            bytes: LETTER_BYTES as u64,
            weight_g: 13,
            options: PrintOptions { plex: Plex::Duplex, colour: Colour::BlackWhite, envelope: Envelope::C5, postage: Postage::Economique },
            postcode: format!("{:04}", 1000 + number % 9000),
            country: "DK".to_owned(),
            cost_group: String::new(),
            latest_arrival: None,
        };
        entries.push(Entry::Letter(letter.clone(), accepted));
        entries.push(Entry::Letter(letter, LetterEvent::Validated { job }));
        if (number + 1) % RECORD_AT_ONCE == 0 || number + 1 == letters {
            ledger.record("2026-11-24T02:00:00Z", &entries).expect("a record");
            entries.clear();
        }
    }
}

fn seal(home: &Path, bytes: f64) -> (Pace, f64) {
    let before = children_seconds();
    let mut child = Command::new(FJERNPRINT)
        .args(["run", "--until", "seal", "--quiet", "--json", "--config"])
        .arg(home.join("fjernprint.toml"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program that was just built starts");
    let peak_kib = peak_kib_until_end(&mut child);
    let output = child.wait_with_output().expect("the child's output");
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let stages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|v| v["message_type"] == "stages");
    let seconds = stages.and_then(|stages| stages["batches"].as_f64()).expect("the seconds of the stage");
    (Pace { bytes, seconds, cpu_seconds: children_seconds() - before }, peak_kib as f64 / 1024.0)
}

/// As many files in one process as a command line holds.
fn dgst(files: &[PathBuf], bytes: f64) -> Pace {
    let before = children_seconds();
    let started = Instant::now();
    let mut child = Command::new("xargs")
        .args(["-0", "openssl", "dgst", "-sha256"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("xargs and openssl are installed");
    let mut names = child.stdin.take().expect("a pipe");
    for file in files {
        names.write_all(file.as_os_str().as_encoded_bytes()).and_then(|()| names.write_all(b"\0")).expect("xargs reads");
    }
    drop(names);
    assert!(child.wait().expect("a child of ours").success());
    Pace { bytes, seconds: started.elapsed().as_secs_f64(), cpu_seconds: children_seconds() - before }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of ours") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found
}
