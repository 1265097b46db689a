//! Receipts of a night beside a script that joins the same tables: `cargo bench --bench reconcile`, or
//! `cargo bench --bench reconcile -- 20000 1000` for so many letters in batches of so many.
//!
//! Shipped and acknowledged batches stand in a ledger; their receipts lie at three vendors on loopback, each in its own
//! dialect. `fjernprint reconcile` fetches them over SFTP, stores, checks and records them, letter by letter. The peer, with
//! the same rows on disk, is Python with SQLite: both tables imported and joined, one transaction a batch, as durable as ours. It
//! fetches nothing, keeps no history and no chain. Prints and asserts nothing about time.

mod child;

use child::{children_seconds, peak_kib_until_end};
use fjernprint::domain::status::{BatchEvent, LetterEvent};
use fjernprint::domain::{BatchName, Colour, Envelope, LetterId, Plex, Postage, PrintJob, PrintOptions, Sha256};
use fjernprint::ledger::{Entry, Ledger};
use fjernprint::vendor::VendorProfile;
use fjernprint::vendor_site::{Manners, Site, SiteOptions};
use fjernprint::wire::receipt::{ReceiptHead, ReceiptRow, VendorStatus, rows_to_csv, write_rows};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const FJERNPRINT: &str = env!("CARGO_BIN_EXE_fjernprint");
const LETTERS: usize = 100_000;
const BATCH_LETTERS: usize = 1_000;
const VENDORS: [&str; 3] = ["edora", "kmd", "straalfors"];
const AT: &str = "2026-11-24T06:00:00Z";

const PEER: &str = r#"
import csv, hashlib, json, os, sqlite3, sys
folder = sys.argv[1]
db = sqlite3.connect(os.path.join(folder, "peer.db"))
db.executescript("""PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
CREATE TABLE sent (letter TEXT PRIMARY KEY, batch TEXT, pages INT, sheets INT);
CREATE TABLE answered (letter TEXT PRIMARY KEY, batch TEXT, status TEXT, pages INT, sheets INT, at TEXT);""")
def rows(name):
    with open(os.path.join(folder, name), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=";"))
settled = differ = 0
for name in sorted(n[:-len(".sent.csv")] for n in os.listdir(folder) if n.endswith(".sent.csv")):
    with open(os.path.join(folder, name + ".receipt.csv"), "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == json.load(open(os.path.join(folder, name + ".json")))["rows_sha256"]
    with db:
        db.executemany("INSERT INTO sent VALUES (?, ?, ?, ?)", [(r["letter_id"], name, r["pages"], r["sheets"]) for r in rows(name + ".sent.csv")])
        db.executemany("INSERT INTO answered VALUES (?, ?, ?, ?, ?, ?)", [(r["letter_id"], name, r["status"], r["pages"], r["sheets"], r["at"]) for r in rows(name + ".receipt.csv")])
    settled += db.execute("SELECT count(*) FROM sent JOIN answered USING (letter) WHERE sent.batch = ? AND status = 'handed_over'", (name,)).fetchone()[0]
    differ += db.execute("SELECT count(*) FROM sent LEFT JOIN answered USING (letter) WHERE sent.batch = ? AND (answered.letter IS NULL OR sent.pages <> answered.pages OR sent.sheets <> answered.sheets)", (name,)).fetchone()[0]
print(settled, differ)
"#;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let letters = numbers.first().copied().unwrap_or(LETTERS);
    let batch_letters = numbers.get(1).copied().unwrap_or(BATCH_LETTERS);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let shm = Path::new("/dev/shm");
    let home = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.expect("a temporary folder");
    println!("{letters} letters in batches of {batch_letters} at {} vendors, {cores} cores", VENDORS.len());
    let sites = lay(home.path(), letters, batch_letters);
    let (ours, cpu, peak) = reconcile(home.path(), letters as u64);
    println!("  reconcile                        {ours:>6.2} s, {cpu:>6.2} s of processor time, peak memory {peak:.0} MiB");
    let (again, cpu_again, _) = reconcile(home.path(), 0);
    println!("  reconcile, nothing new           {again:>6.2} s, {cpu_again:>6.2} s of processor time");
    let (theirs, cpu, peak) = peer(&home.path().join("peer"), letters);
    println!("  python3 and SQLite, same rows    {theirs:>6.2} s, {cpu:>6.2} s of processor time, peak memory {peak:.0} MiB");
    println!("  reconcile takes {:.2} times as long as the script", ours / theirs);
    drop(sites);
}

/// An installation with shipped and acknowledged batches, and three vendors with their receipts.
fn lay(home: &Path, letters: usize, batch_letters: usize) -> Vec<Site> {
    let made = Command::new(FJERNPRINT).arg("init").arg(home).stdout(Stdio::null()).status().expect("the program starts");
    assert!(made.success());
    let mut config =
        "environment = \"test\"\n[folders]\ndrop = \"drop\"\ndata = \"data\"\nreceipts = \"receipts\"\ndigital = \"digital-outbox\"\n\
        [register]\nfile = \"register.csv\"\nkey_file = \"keys/register.key\"\n[signing]\ncertificate = \"keys/signer.pem\"\n\
        key = \"keys/signer.key\"\n[[municipality]]\ncvr = \"99990011\"\nname = \"Prøveby\"\nvendor = \"edora\"\n\
        [[sender]]\nid = \"sagssystem\"\nmunicipalities = [\"99990011\"]\n"
            .to_owned();
    let mut sites = Vec::new();
    let profiles = VENDORS.map(|vendor| {
        let text = fs::read_to_string(format!("{}/vendors/{vendor}/profile.toml", env!("CARGO_MANIFEST_DIR"))).expect("a profile");
        VendorProfile::parse(&text).expect("a profile")
    });
    for profile in &profiles {
        let options = SiteOptions {
            profile: profile.clone(),
            dir: home.join("site").join(profile.id.as_str()),
            authorised_key: fs::read_to_string(home.join("keys/ssh.pub")).expect("a key"),
            trusted_pem: fs::read(home.join("keys/ca.pem")).expect("a certificate"),
            port: 0,
        };
        let site = Site::start_as(options, Manners { by_hand: true, ..Manners::default() }).expect("a site");
        let (port, pin, vendor) = (site.port(), site.host_key_pin().to_owned(), &profile.id);
        config += &format!("[[connection]]\nvendor = \"{vendor}\"\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{vendor}\"\n");
        config += &format!("key_file = \"keys/ssh\"\nhost_key_pin = \"{pin}\"\n");
        sites.push(site);
    }
    fs::write(home.join("fjernprint.toml"), config).expect("a configuration");
    fs::create_dir_all(home.join("peer")).expect("a folder");
    let mut ledger = Ledger::open(&home.join("data/ledger.db")).expect("a ledger");
    let mut first = 0;
    for index in 0.. {
        let last = (first + batch_letters).min(letters);
        if first == last {
            break;
        }
        batch(home, &mut ledger, &profiles[index % VENDORS.len()], index as u64, first..last);
        first = last;
    }
    sites
}

fn batch(home: &Path, ledger: &mut Ledger, profile: &VendorProfile, sequence: u64, letters: std::ops::Range<usize>) {
    let hash = Sha256(openssl::sha::sha256(&sequence.to_be_bytes()));
    let vendor = &profile.id;
    let name: BatchName = format!("FP-{vendor}-99990011-20261124-{sequence}-{}", hash.short()).parse().expect("a batch's name");
    let count = letters.len() as u32;
    let (mut entries, mut rows, mut sent) = (Vec::new(), Vec::new(), "letter_id;pages;sheets\n".to_owned());
    let sealed = BatchEvent::Sealed {
        vendor: vendor.clone(),
        municipality: "99990011".parse().expect("a CVR number"),
        business_date: "2026-11-24".to_owned(),
        sequence,
        manifest: hash,
        signature: hash,
        letters: count,
        pages: 2 * count,
        sheets: count,
        bytes: u64::from(count),
    };
    let before = [sealed, BatchEvent::UploadStarted { attempt: 1 }, BatchEvent::ReadyIntended {}, BatchEvent::Shipped {}];
    for number in letters {
        let id: LetterId = format!("L{:024x}", number * 7919).parse().expect("24 digits");
        for event in letter(number, hash, profile, &name) {
            entries.push(Entry::Letter(id.clone(), event));
        }
        sent += &format!("{id};2;1\n");
        let (status, reason) = (VendorStatus::HandedOver, String::new());
        rows.push(ReceiptRow { letter_id: id, status, reason, pages: 2, sheets: 1, at: AT.to_owned() });
    }
    entries.extend(before.into_iter().map(|event| Entry::Batch(name.clone(), event)));
    let acknowledged = BatchEvent::Acknowledged { accepted: true, reason: String::new(), answer: hash, signature: None };
    entries.push(Entry::Batch(name.clone(), acknowledged));
    ledger.record(AT, &entries).expect("a record");

    let dispatch = |id: &LetterId| format!("brev-{id}");
    let words = profile.answers.vocabulary();
    let head = |rows_sha256| ReceiptHead {
        batch: name.clone(),
        manifest_sha256: hash,
        number: 1,
        cumulative: true,
        letters: count,
        pages: 2 * count,
        sheets: count,
        rows_sha256,
        at: AT.to_owned(),
    };
    let json = |bytes: &[u8]| serde_json::to_vec(&head(Sha256(openssl::sha::sha256(bytes)))).expect("a head is JSON");
    let written = write_rows(&words, &rows, dispatch).expect("rows");
    let outbox = home.join("site").join(vendor.as_str()).join("files").join(&profile.delivery.outbox);
    fs::write(outbox.join(format!("{name}.receipt-1.{}", words.dialect.ending())), &written).expect("room");
    fs::write(outbox.join(format!("{name}.receipt-1.json")), json(&written)).expect("room");
    let csv = rows_to_csv(&rows).expect("rows");
    let peer = home.join("peer");
    fs::write(peer.join(format!("{name}.sent.csv")), sent).expect("room");
    fs::write(peer.join(format!("{name}.receipt.csv")), &csv).expect("room");
    fs::write(peer.join(format!("{name}.json")), json(&csv)).expect("room");
}

fn letter(number: usize, hash: Sha256, profile: &VendorProfile, batch: &BatchName) -> [LetterEvent; 4] {
    let id = format!("L{:024x}", number * 7919);
    let accepted = LetterEvent::Accepted {
        municipality: "99990011".parse().expect("a CVR number"),
        sender: "sagssystem".to_owned(),
        dispatch_id: format!("brev-{id}"),
        business_date: "2026-11-24".to_owned(),
        original: hash,
        part: number as u32,
        documents: Vec::new(),
    };
    let job = PrintJob {
        vendor: profile.id.clone(),
        document: hash,
        received: hash,
        repairs: Vec::new(),
        pages: 2,
        sheets: 1,
        bytes: 40_960,
        weight_g: 13,
        options: PrintOptions { plex: Plex::Duplex, colour: Colour::BlackWhite, envelope: Envelope::C5, postage: Postage::Economique },
        postcode: format!("{:04}", 1000 + number % 9000),
        country: "DK".to_owned(),
        cost_group: String::new(),
        latest_arrival: None,
    };
    let (batched, shipped) = (LetterEvent::Batched { batch: batch.clone() }, LetterEvent::Shipped { batch: batch.clone() });
    [accepted, LetterEvent::Validated { job }, batched, shipped]
}

/// Wall-clock and processor seconds, and peak memory in MiB; so many letters must be settled by it.
fn reconcile(home: &Path, settled: u64) -> (f64, f64, f64) {
    let (before, started) = (children_seconds(), Instant::now());
    let mut child = Command::new(FJERNPRINT)
        .args(["reconcile", "--quiet", "--json", "--config"])
        .arg(home.join("fjernprint.toml"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program that was just built starts");
    let peak_kib = peak_kib_until_end(&mut child);
    let seconds = started.elapsed().as_secs_f64();
    let output = child.wait_with_output().expect("the child's output");
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let answers = lines.iter().find(|line| line["message_type"] == "answers").expect("what was fetched");
    assert_eq!(answers["letters_settled"].as_u64(), Some(settled));
    (seconds, children_seconds() - before, peak_kib as f64 / 1024.0)
}

fn peer(folder: &Path, letters: usize) -> (f64, f64, f64) {
    let (before, started) = (children_seconds(), Instant::now());
    let mut child = Command::new("python3").args(["-c", PEER]).arg(folder).stdout(Stdio::piped()).spawn().expect("python3 is installed");
    let peak_kib = peak_kib_until_end(&mut child);
    let seconds = started.elapsed().as_secs_f64();
    let output = child.wait_with_output().expect("the child's output");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("{letters} 0"));
    (seconds, children_seconds() - before, peak_kib as f64 / 1024.0)
}
