//! The bad mornings of docs/operations.md: each command there is run where it is told to be run, and what one sees is held
//! against what stands there.

use crate::shipping::Town;
use fjernprint::vendor_site::{Manners, Site};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

/// A command with its exit code and what one sees; or the words between two blocks, at which the world changes.
struct Step {
    command: String,
    exit: i32,
    seen: Vec<String>,
}

/// The blocks of a morning, each a list of steps.
fn blocks(title: &str) -> Vec<Vec<Step>> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let after = text.split_once(&format!("\n### {title}\n")).unwrap_or_else(|| panic!("no morning {title:?}")).1;
    let page = after.split("\n## ").next().unwrap().split("\n### ").next().unwrap();
    let mut blocks: Vec<Vec<Step>> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        let Some(line) = line.strip_prefix("    ") else {
            inside = false;
            continue;
        };
        if !inside {
            blocks.push(Vec::new());
            inside = true;
        }
        let block = blocks.last_mut().unwrap();
        if let Some(command) = line.strip_prefix("$ ") {
            let (command, exit) = command.split_once(" # exit ").map_or((command, 0), |(c, e)| (c, e.trim().parse().unwrap()));
            block.push(Step { command: command.trim().to_owned(), exit, seen: Vec::new() });
        } else {
            block.last_mut().expect("a block begins with a command").seen.push(line.to_owned());
        }
    }
    assert!(!blocks.is_empty(), "{title:?} has no command");
    blocks
}

struct Morning {
    town: Town,
    /// What BATCH, LETTER and HASH stand for.
    names: BTreeMap<&'static str, String>,
}

impl Morning {
    fn new(town: Town) -> Self {
        Self { town, names: BTreeMap::new() }
    }

    fn in_words(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn run(&mut self, block: &[Step]) {
        for step in block {
            if let Some((batch, _)) = self.town.batches("edora").last() {
                self.names.entry("BATCH").or_insert_with(|| batch.to_string());
            }
            let output = self.shell(&self.in_words(&step.command));
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if let Some((_, hash)) = text.split_once("--apply ") {
                self.names.insert("HASH", hash.split(' ').next().unwrap().to_owned());
            }
            let (code, stderr) = (output.status.code(), String::from_utf8_lossy(&output.stderr));
            assert_eq!(code, Some(step.exit), "{}:\n{text}{stderr}", step.command);
            let seen: Vec<String> = step.seen.iter().map(|line| self.in_words(line)).collect();
            let shown: Vec<&str> = text.lines().collect();
            assert!(fits(&seen, &shown), "{} shows\n{text}{stderr}\nand the document says\n{}", step.command, seen.join("\n"));
        }
    }

    /// As it would be typed, with this program and this configuration.
    fn shell(&self, command: &str) -> Output {
        let program = format!("'{}' --quiet --config '{}'", env!("CARGO_BIN_EXE_fjernprint"), self.town.path("fjernprint.toml").display());
        let words: Vec<String> =
            command.split(' ').map(|word| if word == "fjernprint" { program.clone() } else { word.to_owned() }).collect();
        Command::new("bash").args(["-c", &words.join(" ")]).output().unwrap()
    }
}

/// Whether the lines shown are those seen; `...` alone is any number of lines, and within a line any text.
fn fits(seen: &[String], shown: &[&str]) -> bool {
    match (seen.split_first(), shown.split_first()) {
        (None, None) => true,
        (Some((any, rest)), _) if any == "..." => fits(rest, shown) || (!shown.is_empty() && fits(seen, &shown[1..])),
        (Some((line, rest)), Some((first, others))) => line_fits(line, first) && fits(rest, others),
        // Blank lines at the end are not written down.
        (None, Some((first, others))) => first.trim().is_empty() && fits(seen, others),
        (Some(_), None) => false,
    }
}

fn line_fits(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    let parts: Vec<&str> = pattern.split("...").collect();
    for (index, part) in parts.iter().enumerate() {
        let at = if index == 0 { rest.starts_with(part).then_some(0) } else { rest.find(part) };
        let Some(at) = at else { return false };
        rest = &rest[at + part.len()..];
    }
    parts.last().is_some_and(|last| last.is_empty()) || rest.trim().is_empty()
}

fn by_hand() -> Manners {
    Manners { by_hand: true, ..Manners::default() }
}

/// A vendor that answers by hand, and letters for it that nothing has happened to.
fn fresh() -> (Morning, Site) {
    let town = Town::of("edora");
    let (site, address) = town.site_as("edora", by_hand());
    town.configure(&[("edora", address)]);
    (Morning::new(town), site)
}

fn say(morning: &Morning, arguments: &[&str]) {
    let dir = morning.town.path("site/edora");
    let output = crate::night::command(&[&["vendor"], arguments, &["--dir", dir.to_str().unwrap()]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_batch_that_the_vendor_refused() {
    let (mut morning, _site) = fresh();
    assert_eq!(morning.town.run(&["run"]), Some(0));
    let batch = morning.town.batches("edora")[0].0.to_string();
    say(&morning, &["reject", &batch, "--reason", "unreadable signature"]);
    assert_eq!(morning.town.run(&["reconcile"]), Some(6));
    blocks("A batch is stuck: the vendor refused it").iter().for_each(|block| morning.run(block));
}

#[test]
fn a_vendor_that_is_down() {
    let (mut morning, site) = fresh();
    site.stop();
    let blocks = blocks("A vendor is down");
    morning.run(&blocks[0]);
    let (_site, address) = morning.town.site_as("edora", by_hand());
    morning.town.configure(&[("edora", address)]);
    morning.run(&blocks[1]);
}

#[test]
fn receipts_that_do_not_add_up() {
    let (mut morning, _site) = fresh();
    assert_eq!(morning.town.run(&["run"]), Some(0));
    let batch = morning.town.batches("edora")[0].0.to_string();
    say(&morning, &["ack", &batch, "--letters"]);
    // The vendor's receipt says of one letter that it took a sheet more.
    let outbox = morning.town.path("site/edora/files/out");
    let (rows, head) = (outbox.join(format!("{batch}.receipt-1.csv")), outbox.join(format!("{batch}.receipt-1.json")));
    let text = fs::read_to_string(&rows).unwrap();
    let line = text.lines().nth(1).unwrap();
    let mut cells: Vec<String> = line.split(';').map(str::to_owned).collect();
    morning.names.insert("LETTER", cells[0].clone());
    let sheets: u32 = cells[4].parse().unwrap();
    cells[4] = (sheets + 1).to_string();
    let changed = text.replace(line, &cells.join(";"));
    fs::write(&rows, &changed).unwrap();
    let mut said: serde_json::Value = serde_json::from_slice(&fs::read(&head).unwrap()).unwrap();
    said["sheets"] = (said["sheets"].as_u64().unwrap() + 1).into();
    let hash = if said.get("rows_sha256").is_some() { "rows_sha256" } else { "csv_sha256" };
    said[hash] = fjernprint::domain::Sha256(openssl::sha::sha256(changed.as_bytes())).to_string().into();
    fs::write(&head, said.to_string()).unwrap();
    blocks("Receipts do not add up").iter().for_each(|block| morning.run(block));
}

#[test]
fn a_host_key_that_changed() {
    let (mut morning, site) = fresh();
    assert_eq!(morning.town.run(&["run", "--until", "seal"]), Some(0));
    site.stop();
    let config = fs::read_to_string(morning.town.path("fjernprint.toml")).unwrap();
    fs::remove_file(morning.town.path("site/edora/host_key")).unwrap();
    let (_site, address) = morning.town.site_as("edora", by_hand());
    let old = config.split("host_key_pin = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_ne!(old, address.host_key_pin);
    morning.town.configure(&[("edora", fjernprint::adapters::sftp::Address { host_key_pin: old, ..address.clone() })]);
    let blocks = blocks("The vendor's host key changed");
    morning.run(&blocks[0]);
    morning.town.configure(&[("edora", address)]);
    morning.run(&blocks[1]);
}

#[test]
fn letters_for_the_wrong_vendor() {
    let (mut morning, _site) = fresh();
    assert_eq!(morning.town.run(&["run", "--until", "seal"]), Some(0));
    let blocks = blocks("Letters are on their way to the wrong vendor");
    morning.run(&blocks[0]);
    let path = morning.town.path("fjernprint.toml");
    let config = fs::read_to_string(&path).unwrap();
    let moved = config.replace("name = \"edoraby\"\nvendor = \"edora\"", "name = \"edoraby\"\nvendor = \"kmd\"");
    assert_ne!(config, moved);
    fs::write(&path, moved).unwrap();
    morning.run(&blocks[1]);
    assert_eq!(morning.town.batches("kmd").len(), 1);
}

#[test]
fn everything_is_stopped() {
    let (mut morning, _site) = fresh();
    blocks("Stop everything").iter().for_each(|block| morning.run(block));
}

/// The comparison itself can fail.
#[test]
fn what_one_sees_is_compared() {
    let check = |seen: &[&str], shown: &[&str]| fits(&seen.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(), shown);
    assert!(check(&["a", "...", "z"], &["a", "b", "c", "z"]) && check(&["a...c"], &["abc"]) && check(&["..."], &[]));
    assert!(!check(&["a"], &["b"]) && !check(&["a", "b"], &["a"]) && !check(&["a"], &["a", "b"]) && !check(&["a...d"], &["abc"]));
}
