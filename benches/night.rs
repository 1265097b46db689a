//! Measures whole nights: `cargo bench --bench night`, or `cargo bench --bench night -- 1000 2000` for other sizes.
//!
//! For each size a demo night runs as a process of its own, and then the pipeline alone over the same letters, up to the
//! sealed batches. Prints and asserts nothing: times depend on the machine and on who else uses it.

mod child;

use child::peak_kib_until_end;
use serde_json::{Map, Value};
use std::path::Path;
use std::process::{Command, Stdio};

const FJERNPRINT: &str = env!("CARGO_BIN_EXE_fjernprint");
const SIZES: [u64; 2] = [10_000, 20_000];
const STAGES: [&str; 5] = ["intake", "letters", "batches", "shipping", "answers"];

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
    let peak_kib = peak_kib_until_end(&mut child);
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
