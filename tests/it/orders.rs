//! What operators order: letters kept back, let go, called back and sent once more, batches taken back, shipping stopped. What
//! counts in the end is what the vendor printed.

use crate::night::command;
use crate::shipping::{LETTERS, Town};
use fjernprint::domain::filter::Filter;
use fjernprint::domain::status::{BatchStatus, LetterStatus};
use fjernprint::ledger::Ledger;
use fjernprint::pipeline::rerun::reprints_max;
use fjernprint::vendor_site::{Manners, Misbehaviour, Site, printed};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

const WHY: [&str; 4] = ["--reason", "the decision was changed", "--by", "Anna"];

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn last(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap_or_else(|| panic!("{}", said(output)))).unwrap()
}

/// One municipality that prints at Edora, and its operator.
struct Shift {
    town: Town,
    site: Option<Site>,
}

impl Shift {
    /// Made ready and no further.
    fn ready() -> Self {
        let shift = Self::with(Manners { by_hand: true, ..Manners::default() });
        assert_eq!(shift.town.run(&["run", "--until", "validate"]), Some(0));
        shift
    }

    fn with(manners: Manners) -> Self {
        let town = Town::of("edora");
        let (site, address) = town.site_as("edora", manners);
        town.configure(&[("edora", address)]);
        Self { town, site: Some(site) }
    }

    /// Shipped, and the vendor answers by hand.
    fn shipped() -> Self {
        let shift = Self::ready();
        assert_eq!(shift.town.run(&["run"]), Some(0));
        shift
    }

    fn letters(&self) -> Vec<String> {
        let all = self.town.ledger().letters(&Filter::default(), 100).unwrap();
        let mut ids: Vec<String> = all.into_iter().map(|(id, _)| id.to_string()).collect();
        ids.sort();
        ids
    }

    fn state(&self, letter: &str) -> fjernprint::domain::state::LetterState {
        self.town.ledger().letter(&letter.parse().unwrap()).unwrap().unwrap()
    }

    fn batch(&self) -> String {
        self.town.batches("edora").last().unwrap().0.to_string()
    }

    fn orders(&self, arguments: &[&str], exit: i32) -> Value {
        let output = self.town.ask(arguments);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}{}", said(&output), String::from_utf8_lossy(&output.stdout));
        if output.stdout.is_empty() { serde_json::from_str(said(&output).trim()).unwrap() } else { last(&output) }
    }

    fn vendor(&self, arguments: &[&str]) {
        let dir = self.town.path("site/edora");
        let output = command(&[&["vendor"], arguments, &["--dir", dir.to_str().unwrap()]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    }

    /// The plan's hash and its summary.
    fn plan(&self, arguments: &[&str]) -> (String, Value) {
        let plan = self.orders(&[arguments, &["--plan"]].concat(), 0);
        (plan["hash"].as_str().unwrap().to_owned(), plan)
    }

    fn printed(&self) -> Vec<String> {
        printed(&self.town.path("site/edora")).unwrap().into_iter().map(|(_, letter)| letter.to_string()).collect()
    }

    /// A new night: the vendor takes everything and prints it, and every letter is accounted for.
    fn ends_well(&self) {
        assert_eq!(self.town.run(&["run"]), Some(0));
        for (name, status) in self.town.batches("edora") {
            if matches!(status, BatchStatus::Shipped | BatchStatus::Acknowledged) {
                self.vendor(&["ack", name.as_str(), "--letters"]);
            }
        }
        assert_eq!(self.town.run(&["reconcile"]), Some(0));
        assert_eq!(self.town.run(&["ledger", "verify", "--deep"]), Some(0));
        let account = last(&self.town.ask(&["status"]));
        let n = |key: &str| account[key].as_u64().unwrap();
        assert_eq!(n("accepted"), n("digital") + n("shipped") + n("rejected") + n("held") + n("pending"), "{account}");
        let all = self.printed();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "printed twice: {all:?}");
    }
}

#[test]
fn a_letter_kept_back_is_not_printed_until_it_is_let_go() {
    let shift = Shift::ready();
    let letters = shift.letters();
    shift.orders(&["letter", "hold", &letters[0], "--reason", "x", "--by", "Anna"], 2);
    shift.orders(&[&["letter", "hold", "L000000000000000000000000"], &WHY[..]].concat(), 2);
    let held = shift.orders(&[&["letter", "hold", &letters[0]], &WHY[..]].concat(), 0);
    assert_eq!((held["order"].as_str(), held["letters"].as_u64()), (Some("O000001"), Some(1)));
    let refused = shift.orders(&[&["letter", "hold", &letters[1], &letters[0]], &WHY[..]].concat(), 4);
    assert_eq!(refused["code"], "FP-O005");
    assert_eq!(shift.state(&letters[1]).status, LetterStatus::Validated, "all or nothing");
    shift.ends_well();
    assert_eq!(shift.printed().len(), LETTERS - 1);
    assert!(!shift.printed().contains(&letters[0]));
    assert_eq!(shift.state(&letters[0]).reason.unwrap().0, "FP-O001");
    // A list is read from the standard input, as `letter list` prints it.
    let config = shift.town.path("fjernprint.toml");
    let mut release = command(&[&["letter", "release", "-"], &WHY[..], &["--config", config.to_str().unwrap()]].concat());
    let mut child = release.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{}  held  FP-O001\n", letters[0]).as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    shift.ends_well();
    assert_eq!(shift.printed().len(), LETTERS);
}

/// A letter whose recipient nobody knows is held; a person who has found out says that it goes on paper.
#[test]
fn a_held_letter_goes_on_paper_when_a_person_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().to_str().unwrap();
    assert_eq!(command(&["demo", "--lay-only", "--dir", place]).output().unwrap().status.code(), Some(0));
    let config = dir.path().join("fjernprint.toml");
    let ask =
        |arguments: &[&str]| command(&[arguments, &["--quiet", "--json", "--config", config.to_str().unwrap()]].concat()).output().unwrap();
    let state = |id: &str| {
        let ledger = Ledger::open_read_only(&dir.path().join("data/ledger.db")).unwrap();
        ledger.letter(&id.parse().unwrap()).unwrap().unwrap()
    };
    ask(&["run", "--until", "validate"]);
    let list = ask(&["letter", "list", "--status", "held"]);
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    let unknown = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|l| l["reason"][0] == "FP-R001");
    let id = unknown.expect("a sample whose recipient is not in the register")["letter_id"].as_str().unwrap().to_owned();
    let release = |more: &[&str]| ask(&[&["letter", "release", &id], &WHY[..], more].concat()).status.code();
    assert_eq!((release(&[]), state(&id).status), (Some(0), LetterStatus::Accepted));
    assert_eq!((release(&[]), state(&id).status), (Some(4), LetterStatus::Accepted), "it is not held any more");
    ask(&["run", "--until", "validate"]);
    assert_eq!(state(&id).status, LetterStatus::Held, "the register knows no more than before");
    assert_eq!(release(&["--to-print"]), Some(0));
    ask(&["run", "--until", "validate"]);
    assert_eq!(state(&id).status, LetterStatus::Validated, "{:?}", state(&id));
}

/// Each of the five words of a recall, at the place where it is the true one.
#[test]
fn a_letter_is_called_back_as_long_as_no_vendor_has_it() {
    let shift = Shift::ready();
    let letters = shift.letters();
    let cancel = |letter: &str, exit: i32, tilbagekald: &str| {
        let output = shift.town.ask(&[&["letter", "cancel", letter], &WHY[..]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(exit), "{text}{}", said(&output));
        assert!(text.contains(&format!("\"{tilbagekald}\"")), "{text}");
    };
    cancel(&letters[0], 0, "Tilbagekaldt");
    let head = shift.town.ledger().head().unwrap();
    cancel(&letters[0], 0, "Tilbagekaldt");
    assert_eq!(shift.town.ledger().head().unwrap(), head, "twice is once");
    assert_eq!(shift.town.run(&["run", "--until", "seal"]), Some(0));
    // The batch has not gone up: it is taken back, and the other letter goes in another one.
    let first = shift.batch();
    cancel(&letters[1], 0, "Tilbagekaldt");
    assert_eq!(shift.town.batches("edora")[0].1, BatchStatus::Withdrawn);
    assert_eq!(shift.town.run(&["run"]), Some(0));
    assert_ne!(shift.batch(), first);
    cancel(&letters[2], 4, "Tilbagekald ikke muligt");
    shift.ends_well();
    assert_eq!(shift.printed(), [letters[2].clone()]);
    let account = last(&shift.town.ask(&["status"]));
    assert_eq!((account["rejected"].as_u64(), account["settled"].as_u64()), (Some(2), Some(1)), "{account}");
}

/// Nobody knows yet whether the vendor has the batch: the recall waits, and is told to have come too late.
#[test]
fn a_recall_waits_where_the_outcome_is_unknown() {
    let shift = Shift::ready();
    assert_eq!(shift.town.run(&["run", "--until", "seal"]), Some(0));
    let (letters, batch) = (shift.letters(), shift.batch());
    let mut ledger = Ledger::open(&shift.town.path("data/ledger.db")).unwrap();
    use fjernprint::domain::status::BatchEvent::{ReadyIntended, UploadStarted};
    let entry = |event| fjernprint::ledger::Entry::Batch(batch.parse().unwrap(), event);
    ledger.record("2026-11-24T02:00:00Z", &[entry(UploadStarted { attempt: 1 }), entry(ReadyIntended {})]).unwrap();
    drop(ledger);
    shift.orders(&[&["batch", "cancel", &batch], &WHY[..]].concat(), 4);
    let recall = shift.orders(&[&["letter", "cancel", &letters[0]], &WHY[..]].concat(), 3);
    assert_eq!(recall["recalled"], 0);
    let config = shift.town.path("fjernprint.toml");
    let plain = [&["letter", "cancel", &letters[0], "--config", config.to_str().unwrap()], &WHY[..]].concat();
    let output = crate::night::command(&plain).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("0 of 1 letter is called back"), "{text}{}", said(&output));
    let oio = |letter: &str| shift.state(letter).recall.map(|recall| recall.oio());
    assert_eq!(oio(&letters[0]), Some("Afventer tilbagekald"));
    shift.ends_well();
    assert_eq!(oio(&letters[0]), Some("Tilbagekald lykkedes ikke"));
    assert_eq!(shift.printed().len(), LETTERS);
}

#[test]
fn a_batch_is_taken_back_and_its_letters_are_held_sent_or_called_back() {
    for (word, printed_in_the_end) in [("hold", 0), ("again", LETTERS), ("cancel", 0)] {
        let shift = Shift::ready();
        assert_eq!(shift.town.run(&["run", "--until", "seal"]), Some(0));
        let batch = shift.batch();
        shift.orders(&[&["batch", "cancel", &batch, "--letters", word], &WHY[..]].concat(), 0);
        let again = shift.orders(&[&["batch", "cancel", &batch, "--letters", word], &WHY[..]].concat(), 4);
        assert_eq!(again["code"], "FP-O005");
        shift.ends_well();
        assert_eq!(shift.printed().len(), printed_in_the_end, "{word}");
        let folder = shift.town.path(&format!("site/edora/files/in/{batch}.ready"));
        assert!(!folder.exists(), "{word}: it never went up");
        let expected = match word {
            "hold" => LetterStatus::Held,
            "again" => LetterStatus::Settled,
            _ => LetterStatus::Cancelled,
        };
        assert_eq!(shift.town.count(expected), LETTERS as u64, "{word}");
    }
}

/// The vendor refused the batch: nothing of it was printed, so the letters go again as themselves.
#[test]
fn a_refused_batch_goes_again_by_its_plan_and_is_printed_once() {
    let shift = Shift::shipped();
    let (batch, letters) = (shift.batch(), shift.letters());
    shift.vendor(&["reject", &batch, "--reason", "unreadable signature"]);
    assert_eq!(shift.town.run(&["reconcile"]), Some(6));
    let (hash, plan) = shift.plan(&["batch", "retry", &batch]);
    assert_eq!((plan["again"].as_u64(), plan["copies_possible"].as_u64()), (Some(3), Some(0)), "{plan}");
    assert!(plan["vendors"]["edora"]["cost_ore"].as_u64().unwrap() > 0 && plan["vendors"]["edora"]["handover"].is_string(), "{plan}");
    let before = shift.town.ledger().head().unwrap();
    shift.plan(&["batch", "retry", &batch]);
    assert_eq!(shift.town.ledger().head().unwrap(), before, "a plan changes nothing");
    let apply =
        |hash: &str| shift.town.ask(&["batch", "retry", &batch, "--apply", hash, "--reason", "certificate replaced", "--by", "Anna"]);
    assert_eq!(apply(&"0".repeat(64)).status.code(), Some(4));
    assert_eq!(shift.town.ledger().head().unwrap(), before, "another plan's hash changes nothing");
    assert_eq!(apply(&hash).status.code(), Some(0));
    let second = apply(&hash);
    assert_eq!(second.status.code(), Some(4));
    assert!(said(&second).contains("FP-O004") && said(&second).contains("Anna"), "who was first is told: {}", said(&second));
    shift.ends_well();
    let mut printed = shift.printed();
    printed.sort();
    assert_eq!(printed, letters, "the same letters under their own ids");
}

/// Its manifest came damaged: the refusal quotes what came, which is not ours, and is a refusal all the same.
#[test]
fn a_batch_refused_for_a_damaged_manifest_goes_again() {
    let shift = Shift::shipped();
    let batch = shift.batch();
    let manifest = shift.town.path(&format!("site/edora/files/in/{batch}.manifest.json"));
    let mut bytes = fs::read(&manifest).unwrap();
    bytes.push(b'\n');
    fs::write(&manifest, bytes).unwrap();
    shift.vendor(&["reject", &batch, "--reason", "signature does not fit"]);
    let output = shift.town.ask(&["reconcile"]);
    assert_eq!(output.status.code(), Some(6));
    assert!(said(&output).contains("FP-A007") && said(&output).contains("other bytes than ours"), "{}", said(&output));
    assert!(said(&output).contains("FP-M017") && !said(&output).contains("FP-M020"), "one alarm for one thing: {}", said(&output));
    assert!(!said(&output).contains("FP-A002"), "{}", said(&output));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("the vendors and we agree"));
    let (hash, plan) = shift.plan(&["batch", "retry", &batch]);
    assert_eq!((plan["again"].as_u64(), plan["copies_possible"].as_u64()), (Some(LETTERS as u64), Some(0)), "{plan}");
    shift.orders(&["batch", "retry", &batch, "--apply", &hash, "--reason", "sent anew", "--by", "Anna"], 0);
    shift.ends_well();
    assert_eq!(shift.printed().len(), LETTERS);
}

/// Nothing is waited for there any more, and somebody else answers at the vendor's address: that is never a side remark.
#[test]
fn a_host_key_that_changed_is_told_when_only_returns_are_asked_for() {
    let shift = Shift::shipped();
    shift.ends_well();
    let config = shift.town.path("fjernprint.toml");
    let text = fs::read_to_string(&config).unwrap();
    let (before, pin) = text.split_once("host_key_pin = \"SHA256:").unwrap();
    let other = pin.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).take(43).collect::<String>().replace(['a', 'A'], "B");
    fs::write(&config, format!("{before}host_key_pin = \"SHA256:{other}{}", &pin[43..])).unwrap();
    for words in [&["reconcile"][..], &["run"][..]] {
        let output = shift.town.ask(words);
        assert_eq!(output.status.code(), Some(12), "{words:?}: {}", said(&output));
        assert!(said(&output).contains("FP-S002"), "{}", said(&output));
    }
}

/// Only what the vendor rejected goes again, as a new letter that says which one it is; what was handed over needs two
/// persons, and no more of it than the cap allows.
#[test]
fn failed_letters_go_again_and_reprints_take_two_persons_and_a_cap() {
    let shift = Shift::shipped();
    let (batch, letters) = (shift.batch(), shift.letters());
    shift.vendor(&["ack", &batch]);
    shift.vendor(&["ack", &letters[0], &letters[1]]);
    shift.vendor(&["reject", &letters[2], "--reason", "torn"]);
    assert_eq!(shift.town.run(&["reconcile"]), Some(0));
    let (hash, plan) = shift.plan(&["batch", "retry", &batch]);
    assert_eq!((plan["again"].as_u64(), plan["two_persons"].as_bool()), (Some(1), Some(false)), "{plan}");
    shift.orders(&["batch", "retry", &batch, "--apply", &hash, "--reason", "torn at the vendor", "--by", "Anna"], 0);
    let again = shift.state(&letters[2]).reprinted_as.unwrap().to_string();
    assert_eq!(shift.state(&again).reprint_of.unwrap().to_string(), letters[2]);
    shift.ends_well();
    let printed = shift.printed();
    assert!(printed.contains(&again) && !printed.contains(&letters[2]), "{printed:?}");
    let (_, plan) = shift.plan(&["batch", "retry", &batch]);
    assert_eq!(plan["again"].as_u64(), Some(0), "once is enough: {plan}");

    // A letter that was handed over.
    let retry = |who: &str, hash: &str, more: &[&str]| {
        let given = ["letter", "retry", &letters[0], "--reprint", "--apply", hash, "--reason", "lost in the post", "--by", who];
        shift.town.ask(&[&given[..], more].concat())
    };
    let (_, plan) = shift.plan(&["letter", "retry", &letters[0]]);
    assert_eq!(plan["again"].as_u64(), Some(0), "it did not fail");
    let (hash, plan) = shift.plan(&["letter", "retry", &letters[0], "--reprint"]);
    assert_eq!((plan["copies_possible"].as_u64(), plan["two_persons"].as_bool()), (Some(1), Some(true)), "{plan}");
    let first = retry("Anna", &hash, &[]);
    assert_eq!(last(&first)["outcome"], "waits_for_second", "{}", said(&first));
    assert!(said(&retry(" anna", &hash, &[])).contains("FP-O006"), "the same person");
    assert_eq!(shift.state(&letters[0]).reprinted_as, None, "nothing was done yet");
    assert_eq!(last(&retry("Bo", &hash, &[]))["outcome"], "done");
    let new = shift.state(&letters[0]).reprinted_as.unwrap().to_string();
    shift.ends_well();
    assert!(shift.printed().contains(&new));

    // Another one of the same batch is more than the cap allows.
    let (hash, plan) = shift.plan(&["letter", "retry", &letters[1], "--reprint"]);
    assert_eq!(plan["over_cap"].as_array().unwrap().len(), 1, "{plan}");
    let given = ["letter", "retry", &letters[1], "--reprint", "--apply", &hash, "--reason", "lost in the post", "--by", "Anna"];
    assert_eq!(shift.orders(&given, 8)["code"], "FP-O007");
    assert_eq!(shift.orders(&[&given[..], &["--over-cap"]].concat(), 0)["outcome"], "waits_for_second");
    assert_eq!([(1, 5), (19, 5), (20, 5), (39, 5), (40, 5), (1000, 5), (10, 0)].map(|(n, p)| reprints_max(n, p)), [1, 1, 1, 1, 2, 50, 1]);
}

/// Two operators give the same order at the same moment: one of them does it, the other is told.
#[test]
fn two_operators_at_once_do_it_once() {
    let shift = Shift::shipped();
    let batch = shift.batch();
    shift.vendor(&["reject", &batch, "--reason", "unreadable signature"]);
    assert_eq!(shift.town.run(&["reconcile"]), Some(6));
    let (hash, _) = shift.plan(&["batch", "retry", &batch]);
    let config = shift.town.path("fjernprint.toml");
    let apply = |who: &str| {
        let given = ["batch", "retry", &batch, "--apply", &hash, "--reason", "certificate replaced", "--by", who, "--json"];
        let mut command = command(&[&given[..], &["--config", config.to_str().unwrap()]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both: Vec<Output> = [apply("Anna"), apply("Bo")].into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let mut codes: Vec<i32> = both.iter().map(|output| output.status.code().unwrap()).collect();
    codes.sort_unstable();
    assert!(codes[0] == 0 && [4, 11].contains(&codes[1]), "{codes:?}");
    let (loser, winner) = if both[0].status.code() == Some(0) { (&both[1], "Anna") } else { (&both[0], "Bo") };
    let told = said(loser);
    assert!(told.contains(winner) || told.contains("FP-L002"), "{told}");
    shift.ends_well();
    assert_eq!(shift.printed().len(), LETTERS);
}

/// The stop button is pressed while a run ships to a slow vendor: within a second no new final name appears.
#[test]
fn a_stop_lets_no_new_file_appear_and_a_later_run_goes_on() {
    let town = Town::of("kmd");
    let slow = Misbehaviour::Slow(Duration::from_millis(60));
    let (site, address) = town.site_as("kmd", Manners { misbehaviour: vec![slow], ..Manners::default() });
    town.configure(&[("kmd", address)]);
    let shift = Shift { town, site: Some(site) };
    let files = || {
        let finals = |path: &std::path::Path| !path.to_string_lossy().ends_with(".part");
        crate::night::files_below(&shift.town.path("site/kmd/files")).into_iter().filter(|path| finals(path)).count()
    };
    assert_eq!(shift.town.run(&["run", "--until", "seal"]), Some(0));
    let config = shift.town.path("fjernprint.toml");
    let before = files();
    let run = command(&["run", "--quiet", "--json", "--config", config.to_str().unwrap()])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while files() == before {
        assert!(Instant::now() < deadline, "the run ships nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
    shift.orders(&["stop", "--reason", "the wrong logo", "--by", "Anna"], 0);
    std::thread::sleep(Duration::from_secs(1));
    let stopped = files();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(8), "{}", said(&output));
    assert_eq!(files(), stopped, "a final name appeared after the stop");
    assert!(said(&output).contains("FP-O003"), "{}", said(&output));
    assert!(!crate::night::files_below(&shift.town.path("site/kmd/files")).iter().any(|path| path.to_string_lossy().ends_with(".ready")));
    assert_eq!(shift.town.run(&["run"]), Some(8), "it stays stopped");
    shift.orders(&["resume", "--vendor", "kmd", "--reason", "not all", "--by", "Anna"], 4);
    shift.orders(&["resume", "--reason", "logo put right", "--by", "Anna"], 0);
    assert_eq!(shift.town.run(&["run"]), Some(0));
    shift.town.until_settled(LETTERS);
    assert_eq!(printed(&shift.town.path("site/kmd")).unwrap().len(), LETTERS);
    drop(shift.site);
}

/// What is told of one letter speaks of one, and money is written as a forecast writes it.
#[test]
fn one_letter_is_told_as_one() {
    let shift = Shift::shipped();
    let id = shift.letters().remove(0);
    let plain = |arguments: &[&str], exit: i32| {
        let output = shift.town.ask_plainly(arguments);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", said(&output));
        format!("{}{}", String::from_utf8_lossy(&output.stdout), said(&output))
    };
    let plan = plain(&["letter", "retry", &id, "--reprint", "--plan"], 0);
    assert!(plan.contains(&format!("plan for letter {id}: 1 of 1 letter goes once more")), "{plan}");
    assert!(plan.contains(" 1 letter on 1 sheet, ") && plan.contains(",00 kr., on account of "), "{plan}");
    let batch = shift.state(&id).batch.unwrap().to_string();
    shift.vendor(&["ack", &batch]);
    shift.vendor(&["ack", &id]);
    let told = plain(&["reconcile"], 0);
    assert!(told.starts_with("1 batch acknowledged, 0 refused; 1 receipt applied, 1 letter settled, 0 came back"), "{told}");
    let none = plain(&["resume", "--reason", "all is well", "--by", "Anna"], 4);
    assert!(none.contains("not every vendor is stopped (nothing is stopped)"), "{none}");
}

/// A batch that never went up: there is nothing to print once more, and applying the plan ships it under its own name.
#[test]
fn a_stuck_batch_is_shipped_by_its_plan_under_the_same_name() {
    let shift = Shift::ready();
    assert_eq!(shift.town.run(&["run", "--until", "seal"]), Some(0));
    let batch = shift.batch();
    let (hash, plan) = shift.plan(&["batch", "retry", &batch]);
    assert_eq!(plan["again"], 0);
    let shipped = shift.orders(&["batch", "retry", &batch, "--apply", &hash, "--reason", "vendor is up again", "--by", "Anna"], 0);
    assert_eq!(shipped["outcome"], "shipped");
    assert_eq!(shift.town.batches("edora")[0], (batch.parse().unwrap(), BatchStatus::Shipped));
    shift.ends_well();
    assert_eq!(shift.printed().len(), LETTERS);
}
