//! Whole nights: what comes in, where it ends, and that nothing is lost or doubled whatever happens on the way.

use fjernprint::domain::LetterId;
use fjernprint::domain::status::LetterStatus;
use fjernprint::ledger::Ledger;
use fjernprint::vendor_site::printed;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const VENDORS: [&str; 3] = ["edora", "kmd", "straalfors"];

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fjernprint"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

pub fn fjernprint(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn summary(output: &Output) -> serde_json::Value {
    let text = text(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap_or_else(|| panic!("no output; stderr: {}", String::from_utf8_lossy(&output.stderr))))
        .unwrap()
}

fn number(value: &serde_json::Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn balances(s: &serde_json::Value) {
    let terms = ["digital", "shipped", "rejected", "held", "pending"].map(|key| number(s, key));
    assert_eq!(number(s, "accepted"), terms.iter().sum::<u64>(), "{s}");
    assert_eq!(number(s, "shipped"), number(s, "settled") + number(s, "open"), "{s}");
}

pub fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                let _ = found.insert(path);
            }
        }
    }
    found
}

/// A demo night's folder, finished.
struct Night {
    dir: tempfile::TempDir,
}

impl Night {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join("night").join(below)
    }

    fn demo(&self, letters: u64) -> Command {
        let (dir, letters) = (self.path(""), letters.to_string());
        command(&["demo", "--json", "--quiet", "--dir", dir.to_str().unwrap(), "--letters", &letters])
    }

    fn with_config(&self, arguments: &[&str]) -> Output {
        let config = self.path("fjernprint.toml");
        let mut all = arguments.to_vec();
        all.extend(["--config", config.to_str().unwrap()]);
        fjernprint(&all)
    }

    fn ledger(&self) -> Ledger {
        Ledger::open_read_only(&self.path("data/ledger.db")).unwrap()
    }

    /// Where each letter ended: by id, its status and the vendor's word.
    fn ends(&self) -> BTreeMap<LetterId, (LetterStatus, Option<String>)> {
        let mut ends = BTreeMap::new();
        self.ledger().for_each_letter(|id, state| drop(ends.insert(id, (state.status, state.word)))).unwrap();
        ends
    }

    /// Every letter a site printed, and that it printed none twice.
    fn printed(&self) -> BTreeSet<LetterId> {
        let mut all = Vec::new();
        for vendor in VENDORS {
            all.extend(printed(&self.path(&format!("site/{vendor}"))).unwrap().into_iter().map(|(_, letter)| letter));
        }
        let once: BTreeSet<LetterId> = all.iter().cloned().collect();
        assert_eq!(once.len(), all.len(), "a letter was printed twice");
        once
    }

    /// The laws of a night that is over, however it went.
    fn nothing_lost_nothing_doubled(&self) {
        let ends = self.ends();
        let settled: BTreeSet<LetterId> = ends.iter().filter(|(_, (s, _))| *s == LetterStatus::Settled).map(|(id, _)| id.clone()).collect();
        assert_eq!(self.printed(), settled, "what was printed is what the ledger knows as settled");
        let verified = self.with_config(&["ledger", "verify", "--deep"]);
        assert_eq!(verified.status.code(), Some(0), "{}{}", text(&verified.stdout), text(&verified.stderr));
        for vendor in VENDORS {
            let parts: Vec<_> =
                files_below(&self.path(&format!("site/{vendor}/files"))).into_iter().filter(|p| p.ends_with(".part")).collect();
            assert!(parts.is_empty(), "{parts:?}");
        }
    }
}

#[test]
fn the_sample_night_ends_where_it_should_and_a_second_run_changes_nothing() {
    let night = Night::new();
    let output = night.demo(0).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let first = summary(&output);
    balances(&first);
    assert_eq!(number(&first, "pending") + number(&first, "open"), 0);
    for vendor in VENDORS {
        assert!(number(&first["vendors"][vendor], "settled") >= 8, "{first}");
    }
    night.nothing_lost_nothing_doubled();

    let (head, files) = (night.ledger().head().unwrap(), files_below(&night.path("data")));
    let again = night.with_config(&["run", "--json"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert_eq!(night.ledger().head().unwrap(), head);
    assert_eq!(files_below(&night.path("data")), files);
    let mut second = summary(&again);
    second["seconds"] = first["seconds"].clone();
    assert_eq!(second, first);

    // The demo itself too, on the folder it left.
    let third = night.demo(0).output().unwrap();
    assert_eq!(third.status.code(), Some(0));
    assert_eq!(night.ledger().head().unwrap(), head);
    night.the_batches_are_what_their_vendors_need();
    night.numbers_leak_nowhere(&output);
    night.the_memo_is_untouched();
}

impl Night {
    /// Every sealed batch passes the vendor's acceptance test, and OpenSSL's own tool accepts its signature.
    fn the_batches_are_what_their_vendors_need(&self) {
        let ca = self.path("keys/ca.pem");
        let mut batches = 0;
        for entry in fs::read_dir(self.path("data/batches")).unwrap() {
            let folder = entry.unwrap().path();
            let (name, ca) = (folder.file_name().unwrap().to_str().unwrap(), ca.to_str().unwrap());
            let verified = fjernprint(&["batch", "verify", folder.to_str().unwrap(), "--certificate", ca]);
            assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));
            let manifest = folder.join(format!("{name}.manifest.json"));
            let openssl = Command::new("openssl")
                .args(["cms", "-verify", "-binary", "-inform", "DER", "-in"])
                .arg(folder.join(format!("{name}.manifest.json.p7s")))
                .arg("-content")
                .arg(&manifest)
                .args(["-CAfile", ca, "-purpose", "any", "-out", "/dev/null"])
                .output()
                .unwrap();
            assert!(openssl.status.success(), "{}", text(&openssl.stderr));
            let (shown, signature) = (text(&fs::read(&manifest).unwrap()), folder.join(format!("{name}.manifest.json.p7s")));
            fs::write(&signature, b"not a signature").unwrap();
            assert_eq!(
                fjernprint(&["batch", "verify", manifest.to_str().unwrap(), "--certificate", ca]).status.code(),
                Some(12),
                "{shown}"
            );
            batches += 1;
        }
        assert!(batches >= 8);
    }

    /// No CPR number of the register in the ledger, in a receipt, in what a vendor gets beside the letters, in a name, or
    /// in what the program says.
    fn numbers_leak_nowhere(&self, output: &Output) {
        let register = fs::read_to_string(self.path("register.csv")).unwrap();
        let numbers: Vec<&str> = register.lines().skip(1).filter_map(|l| l.split(';').next()).filter(|n| n.len() == 10).collect();
        assert!(numbers.len() > 20);
        let mut looked_at = 0;
        for path in files_below(&self.path("")) {
            let shown = path.display().to_string();
            assert!(numbers.iter().all(|n| !shown.contains(n)), "{shown}");
            // Originals, MeMos, PDFs and the register hold numbers by right.
            let by_right = ["data/store", "digital-outbox", "register.csv"].iter().any(|b| path.starts_with(self.path(b)));
            let is_letter = path.extension().is_some_and(|e| e == "pdf" || e == "zip");
            if by_right || is_letter {
                continue;
            }
            let content = text(&fs::read(&path).unwrap());
            assert!(numbers.iter().all(|n| !content.contains(n)), "{shown} holds a CPR number");
            looked_at += 1;
        }
        assert!(looked_at > 50);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(numbers.iter().all(|n| !said.contains(n)));
    }

    /// What goes to Digital Post stands byte for byte in what came in.
    fn the_memo_is_untouched(&self) {
        let originals: Vec<Vec<u8>> = files_below(&self.path("data/store")).into_iter().map(|p| fs::read(p).unwrap()).collect();
        let mut memos = 0;
        for path in files_below(&self.path("digital-outbox")) {
            let memo = fs::read(&path).unwrap();
            let in_an_original = |part: &[u8]| originals.iter().any(|o| o.windows(part.len()).any(|w| w == part));
            // Where a namespace was declared around the MeMo, its start tag declares it now; all after that is untouched.
            let after_start_tag = &memo[memo.iter().position(|b| *b == b'>').unwrap()..];
            assert!(in_an_original(&memo) || in_an_original(after_start_tag), "{} is in no original", path.display());
            memos += 1;
        }
        assert!(memos >= 8);
    }
}

fn kill_after(mut child: Child, wait: Duration) {
    std::thread::sleep(wait);
    let _ = child.kill();
    child.wait().unwrap();
}

/// Twenty kills at random moments, five nights: each is finished by starting it again.
#[test]
fn a_night_that_is_killed_anywhere_is_finished_by_the_next_run() {
    let whole = Night::new();
    let started = Instant::now();
    let output = whole.demo(40).output().unwrap();
    let length = started.elapsed();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let seed: u64 = std::env::var("FJERNPRINT_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("FJERNPRINT_SEED={seed}");
    let mut random = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(seed);
    for _ in 0..5 {
        let night = Night::new();
        for _ in 0..4 {
            let child = night.demo(40).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            kill_after(child, length.mul_f64(rand::Rng::random_range(&mut random, 0.0..1.0)));
        }
        let output = night.demo(40).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "seed {seed}: {}{}", text(&output.stdout), text(&output.stderr));
        balances(&summary(&output));
        assert_eq!(night.ends(), whole.ends(), "seed {seed}");
        night.nothing_lost_nothing_doubled();
    }
}

/// Batches carry the hash of their rows in their names: equal names are equal letters in equal order with equal bytes.
#[test]
fn the_number_of_threads_changes_no_batch() {
    let names = |threads: &str| {
        let night = Night::new();
        assert_eq!(night.demo(30).env("RAYON_NUM_THREADS", threads).output().unwrap().status.code(), Some(0));
        fs::read_dir(night.path("data/batches")).unwrap().map(|e| e.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names("1"), names("8"));
}

/// The demo's word is worth something: whatever the samples expect otherwise, or do not expect at all, is told.
#[test]
fn a_sample_that_ends_elsewhere_or_is_not_expected_fails_the_demo() {
    let samples = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/sample-batches/.")).arg(samples.path()).status();
    assert!(copied.unwrap().success());
    let expected = samples.path().join("omsorg/expected.csv");
    let whole = fs::read_to_string(&expected).unwrap();
    let without_a_row: String = whole.lines().enumerate().filter(|(n, _)| *n != 1).map(|(_, line)| format!("{line}\n")).collect();
    for (text, word) in [(whole.replacen(";digital;;", ";settled;;edora", 1), "found"), (without_a_row, "row in expected.csv")] {
        fs::write(&expected, text).unwrap();
        let night = Night::new();
        let output = night.demo(0).arg("--samples").arg(samples.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(6));
        let said = text_of(&output);
        assert!(said.contains("\"missed\"") && said.contains(word), "{said}");
    }
}

fn text_of(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}
