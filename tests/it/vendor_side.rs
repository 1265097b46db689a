//! The vendor's own side: a site from the command line, answers by hand, the checklist for a vendor's server, and the guide
//! that a technician reads.

use crate::batches::{Draft, Signer};
use crate::night::fjernprint;
use crate::shipping::{LETTERS, Town};
use crate::sshd::keygen;
use fjernprint::adapters::sftp::{Address, Connection, Manner, Target};
use fjernprint::app::conformance::CHECKS;
use fjernprint::domain::answer::{Dialect, Words};
use fjernprint::domain::state::LetterState;
use fjernprint::domain::status::{BatchStatus, LetterStatus};
use fjernprint::domain::{BatchName, Sha256};
use fjernprint::pipeline::reconcile::{Receipt, match_receipt, may_come_back, read_ack};
use fjernprint::vendor_site::{Manners, Misbehaviour, Terms, printed, verify_on};
use fjernprint::wire::receipt::{RETURN_REASONS, ReceiptHead, ReceiptRow, VendorStatus, rows_to_csv};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Cursor};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A night that lies at a vendor who answers by hand, and how to answer there.
struct Desk {
    town: Town,
    batch: String,
    letters: Vec<String>,
    site: Option<fjernprint::vendor_site::Site>,
}

impl Desk {
    fn open(vendor: &'static str) -> Self {
        let town = Town::of(vendor);
        let (site, address) = town.site_as(vendor, Manners { by_hand: true, ..Manners::default() });
        town.configure(&[(vendor, address)]);
        assert_eq!(town.run(&["run"]), Some(0));
        let batch = town.batches(vendor)[0].0.to_string();
        let csv = fs::read_to_string(town.path(&format!("data/batches/{batch}/{batch}.letters.csv"))).unwrap();
        let letters: Vec<String> = csv.lines().skip(1).map(|line| line.split(';').nth(1).unwrap().to_owned()).collect();
        assert_eq!(letters.len(), LETTERS);
        Self { town, batch, letters, site: Some(site) }
    }

    fn dir(&self) -> String {
        self.town.path("site/edora").display().to_string()
    }

    fn say(&self, arguments: &[&str]) -> Output {
        fjernprint(&[&["vendor"], arguments, &["--dir", &self.dir(), "--json"]].concat())
    }

    fn answered(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.say(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
        let mut lines = lines(&output);
        assert_eq!(lines.pop().unwrap()["message_type"], "summary");
        lines
    }

    /// Refused with this exit and code, and nothing new in the outbox.
    fn refused(&self, arguments: &[&str], exit: i32, code: &str) {
        let outbox = || fs::read_dir(self.town.path("site/edora/files/out")).unwrap().count();
        let before = outbox();
        let output = self.say(arguments);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(code), "{arguments:?}: {}", said(&output));
        assert_eq!(outbox(), before, "{arguments:?}");
    }

    fn letter(&self, index: usize) -> Value {
        let output = self.town.ask(&["letter", "show", &self.letters[index]]);
        lines(&output)[0]["state"].clone()
    }
}

#[test]
fn a_technician_answers_by_hand_and_the_ledger_takes_it() {
    let desk = Desk::open("edora");
    let (batch, [one, two, three]) = (desk.batch.as_str(), [0, 1, 2].map(|n| desk.letters[n].as_str()));
    assert_eq!(desk.town.run(&["reconcile"]), Some(0), "a vendor that has not answered is waited for");
    assert_eq!(desk.town.batches("edora")[0].1, BatchStatus::Shipped);

    desk.refused(&["ack", one], 6, "FP-Y004");
    desk.refused(&["return", batch, "--reason", "R01"], 6, "FP-Y004");
    desk.refused(&["ack", "FP-edora-99990011-20261124-99-0123456789ab"], 4, "FP-Y003");
    desk.refused(&["ack", "FP-edora-99990011-20261124-99-0123456789ab"], 4, &format!(" lies here; here lies {batch}"));
    desk.refused(&["ack", "L0123456789abcdef01234567"], 4, "FP-Y003");
    desk.refused(&["ack", "../../etc/passwd"], 4, "FP-Y003");
    for number in ["0101011234", "010101-1234", "010101\u{2013}1234", "01.01.01-1234", "01 01 01 1234"] {
        desk.refused(&["reject", batch, "--reason", &format!("ring til {number}")], 2, "FP-Y005");
    }
    assert_eq!(desk.answered(&["ack", batch])[0]["status"], "accepted");
    assert_eq!(desk.answered(&["ack", batch])[0]["already"], true);
    assert_eq!(desk.town.run(&["reconcile"]), Some(0));
    assert_eq!(desk.town.batches("edora")[0].1, BatchStatus::Acknowledged);
    desk.refused(&["reject", batch, "--reason", "too late"], 6, "FP-Y004");

    desk.refused(&["return", one, "--reason", "R04"], 6, "FP-Y004");
    desk.answered(&["ack", one, two, "--status", "printed"]);
    let no_news = &desk.answered(&["ack", one, "--status", "received"])[0];
    assert_eq!((&no_news["already"], &no_news["stands"]), (&true.into(), &"printed".into()), "a word that is no news");
    let told = fjernprint(&["vendor", "ack", one, "--status", "received", "--dir", &desk.dir()]).stdout;
    assert_eq!(String::from_utf8(told).unwrap(), format!("{one}  is printed already\n"));
    let told = fjernprint(&["vendor", "ack", one, "--status", "printed", "--dir", &desk.dir()]).stdout;
    assert_eq!(String::from_utf8(told).unwrap(), format!("{one}  printed (had been said before)\n"));
    desk.answered(&["reject", three, "--reason", "the paper ran out"]);
    assert_eq!(desk.town.run(&["reconcile"]), Some(0));
    assert_eq!((desk.letter(0)["word"].as_str(), desk.letter(2)["word"].as_str()), (Some("printed"), Some("rejected")));

    // The rest, and none of it twice: the third has its final word.
    let all = desk.answered(&["ack", batch, "--letters"]);
    let new: Vec<&str> = all.iter().filter(|one| one["already"] == false).map(|one| one["letter"].as_str().unwrap()).collect();
    assert_eq!(new.len(), 2, "{all:?}");
    assert!(!new.contains(&three));
    desk.refused(&["ack", three], 6, "FP-Y004");
    // One that cannot be answered, and nothing is said of the other.
    desk.refused(&["return", one, three, "--reason", "R04"], 6, "FP-Y004");
    assert_eq!(desk.town.run(&["reconcile"]), Some(0));
    assert_eq!(desk.town.count(LetterStatus::Settled), LETTERS as u64);
    assert_eq!(desk.town.batches("edora")[0].1, BatchStatus::Settled);
    assert_eq!(printed(&desk.town.path("site/edora")).unwrap().len(), 2);

    // Weeks later one comes back.
    for reason in ["", "R11", "gone", "R10", "R04x"] {
        desk.refused(&["return", one, "--reason", reason], 2, "FP-Y005");
    }
    desk.answered(&["return", one, "--reason", "R04 not on the door"]);
    assert_eq!(desk.answered(&["return", one, "--reason", "R04"])[0]["already"], true);
    desk.refused(&["return", one, "--reason", "R09"], 6, "FP-Y004");
    for _ in 0..2 {
        assert_eq!(desk.town.run(&["run"]), Some(0));
        assert_eq!((desk.letter(0)["status"].as_str(), desk.letter(0)["word"].as_str()), (Some("returned"), Some("returned R04")));
    }
    assert_eq!((desk.town.count(LetterStatus::Returned), desk.town.count(LetterStatus::Settled)), (1, 2));
    assert_eq!(desk.town.run(&["status"]), Some(0), "the account balances");
    assert_eq!(desk.town.run(&["ledger", "verify", "--deep"]), Some(0));
    // A vendor that is away is not missed when nothing is open.
    let Desk { town, site, .. } = desk;
    site.unwrap().stop();
    assert_eq!(town.run(&["reconcile"]), Some(0));
}

/// The letters of a batch that was refused lie at the vendor in another one as well, when it was retried.
#[test]
fn a_letter_is_answered_in_the_batch_that_was_not_refused() {
    let desk = Desk::open("edora");
    let (first, letter) = (desk.batch.as_str(), desk.letters[0].as_str());
    let another = |number: u32| {
        let name = format!("FP-edora-99990011-20261124-{number}-0123456789ab");
        let inbox = desk.town.path("site/edora/files/in");
        for ending in ["manifest.json", "letters.csv"] {
            fs::copy(inbox.join(format!("{first}.{ending}")), inbox.join(format!("{name}.{ending}"))).unwrap();
        }
        name
    };
    let second = another(8);
    desk.refused(&["ack", letter], 4, "name the batch too");
    desk.answered(&["reject", first, "--reason", "the seal is broken"]);
    desk.answered(&["ack", &second]);
    assert_eq!(desk.answered(&["ack", letter])[0]["batch"], second.as_str());
    desk.refused(&["ack", letter, first], 6, "was refused");
    let third = another(9);
    desk.answered(&["ack", &third]);
    desk.refused(&["ack", letter], 4, &format!("stands in {second} and {third}: name"));
    assert_eq!(desk.answered(&["ack", letter, &third])[0]["batch"], third.as_str());
    // One of which only the letters came.
    fs::remove_file(desk.town.path(&format!("site/edora/files/in/{third}.manifest.json"))).unwrap();
    desk.refused(&["ack", &third], 4, "manifest.json is not there, and an answer quotes its hash: ask the sender to deliver it");
}

#[test]
fn a_batch_refused_by_hand_is_told_and_a_site_that_answers_itself_is_left_alone() {
    let desk = Desk::open("edora");
    desk.answered(&["reject", &desk.batch, "--reason", "the seal is broken"]);
    desk.refused(&["ack", &desk.batch], 6, "FP-Y004");
    desk.refused(&["ack", &desk.letters[0]], 6, "FP-Y004");
    let output = desk.town.ask(&["reconcile"]);
    assert!(output.status.code() == Some(6) && said(&output).contains("the seal is broken"), "{}", said(&output));
    let Desk { town, batch, letters, site } = desk;
    site.unwrap().stop();

    // The automatic printer finds the answer decided, and does not print.
    let (site, _) = town.site_as("edora", Manners::default());
    let (done, deadline) = (town.path(&format!("site/edora/taken/{batch}/done")), Instant::now() + Duration::from_secs(30));
    while !done.exists() {
        assert!(Instant::now() < deadline, "the printer did not look");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(printed(&town.path("site/edora")).unwrap().is_empty());
    let dir = town.path("site/edora").display().to_string();
    let output = fjernprint(&["vendor", "ack", &batch, "--dir", &dir, "--json"]);
    assert!(output.status.code() == Some(2) && said(&output).contains("--by-hand"), "{}", said(&output));
    site.stop();
    let output = fjernprint(&["vendor", "ack", &letters[0], "--dir", town.path("data").to_str().unwrap(), "--json"]);
    assert!(output.status.code() == Some(4) && said(&output).contains("no site's folder"), "{}", said(&output));
}

/// The site as a technician starts it: address and key on the first line, a delivery, an answer, SIGTERM.
/// Who accepts a batch must quote our manifest; who refuses it quotes what came, which may be damaged.
#[test]
fn only_a_refusal_may_quote_another_manifest_than_ours() {
    let batch: BatchName = "FP-edora-99990011-20261124-1-0123456789ab".parse().unwrap();
    let (ours, theirs) = (Sha256([1; 32]), Sha256([2; 32]));
    let read = |result: &str, manifest: Sha256, name: &str| {
        let ack =
            serde_json::json!({"batch": name, "manifest_sha256": manifest.to_string(), "result": result, "at": "2026-11-24T05:12:09Z"});
        read_ack(ack.to_string().as_bytes(), &batch, &ours).map(|_| ()).map_err(|fault| fault.code)
    };
    assert_eq!(read("accepted", ours, batch.as_str()), Ok(()));
    assert_eq!(read("accepted", theirs, batch.as_str()), Err("FP-A002"));
    assert_eq!(read("rejected", theirs, batch.as_str()), Ok(()));
    assert_eq!(read("rejected", ours, "FP-edora-99990011-20261124-2-0123456789ab"), Err("FP-A002"));
}

/// The site is the vendor of the configuration beside it, not the shipped one of that name.
#[test]
fn vendor_site_takes_the_profile_of_the_configuration() {
    let house = crate::intake::House::new();
    house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
    house.write("vendors/nordprint/profile.toml", crate::vendors::example());
    house.change("vendor = \"edora\"\nplex", "vendor = \"nordprint\"\nplex");
    let dir = tempfile::tempdir().unwrap();
    let unknown = house.ask(&["vendor", "site", "--vendor", "edora", "--dir", dir.path().to_str().unwrap()]);
    assert!(said(&unknown).contains("FP-C003") && said(&unknown).contains("nordprint"), "{}", said(&unknown));
}

/// A program that does not outlive a test that fails.
struct EndsWithTest(std::process::Child);

impl Drop for EndsWithTest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn vendor_site_runs_until_it_is_told_to_stop() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let path = |name: &str| dir.path().join(name);
    keygen(&path("key"));
    fs::write(path("ca.pem"), &signer.root_pem).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fjernprint"));
    command.args(["vendor", "site", "--vendor", "edora", "--json", "--misbehave", "slow=1ms", "--dir"]).arg(path("site"));
    command.arg("--client-key").arg(path("key.pub")).arg("--certificate").arg(path("ca.pem")).arg("--host-key").arg(path("host"));
    let mut child = EndsWithTest(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut out = BufReader::new(child.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let shown: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&shown["message_type"], &shown["user"], &shown["misbehave"][0]), (&"site".into(), &"edora".into(), &"slow=1ms".into()));
    assert_eq!(shown["host_key_pin"], crate::sshd::fingerprint(&path("host")).as_str());
    let address = Address {
        host: shown["host"].as_str().unwrap().to_owned(),
        port: shown["port"].as_u64().unwrap() as u16,
        user: "edora".into(),
        key_file: path("key"),
        host_key_pin: shown["host_key_pin"].as_str().unwrap().to_owned(),
        timeout_s: 10,
        key_passphrase_file: None,
        agent: false,
    };
    let connection = Connection::open(&address).unwrap();
    let sealed = Draft::new("edora", 1, &[1, 2]).seal();
    for (name, bytes) in sealed.signed(&signer) {
        let target = Target::new(format!("in/{name}"), bytes.len() as u64);
        connection.upload(&mut Cursor::new(&bytes), &target, &Manner::default()).unwrap();
    }
    let head = format!("out/{}.receipt-1.json", sealed.batch());
    let deadline = Instant::now() + Duration::from_secs(30);
    while !connection.exists(&head).unwrap() {
        assert!(Instant::now() < deadline, "no answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(connection);
    assert!(Command::new("kill").arg("-TERM").arg(child.0.id().to_string()).status().unwrap().success());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    out.read_line(&mut rest).unwrap();
    let summary: Value = serde_json::from_str(&rest).unwrap();
    assert_eq!((&summary["message_type"], &summary["printed"]), (&"summary".into(), &2.into()));
    // A letter that the site itself reported comes back.
    let letter = crate::batches::letter(1);
    let site = path("site").display().to_string();
    let output = fjernprint(&["vendor", "return", letter.as_str(), "--reason", "R01", "--dir", &site, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let csv = fs::read_to_string(path("site").join(format!("files/out/{}.receipt-2.csv", sealed.batch()))).unwrap();
    assert!(csv.contains(&format!("{letter};returned;R01;1;1;")), "{csv}");
}

#[test]
fn a_site_that_cannot_start_says_why() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let path = |name: &str| dir.path().join(name).display().to_string();
    keygen(Path::new(&path("key")));
    fs::write(path("ca.pem"), &signer.root_pem).unwrap();
    let rsa = Command::new("ssh-keygen").args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", &path("rsa")]).status().unwrap();
    assert!(rsa.success());
    let start = |vendor: &str, key: &str, more: &[&str]| {
        let (site, key, certificate) = (path("site"), path(key), path("ca.pem"));
        let usual = ["vendor", "site", "--vendor", vendor, "--dir", &site, "--client-key", &key, "--certificate", &certificate, "--json"];
        fjernprint(&[&usual[..], more].concat())
    };
    for (output, says) in [
        (start("edora", "rsa.pub", &[]), "ssh-keygen -t ed25519"),
        (start("edora", "key", &[]), "authorised key"),
        (start("edora", "key.pub", &["--misbehave", "explode"]), "FP-Y002"),
        (start("nobody", "key.pub", &[]), "known are edora"),
    ] {
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
    }
    assert!(!said(&start("edora", "key", &[])).contains("PRIVATE"));
}

/// What a receipt says of a letter that came back, in every state that the letter can be in.
#[test]
fn a_letter_that_comes_back_is_returned_once_and_contradicts_no_final_word() {
    let batch: BatchName = "FP-edora-99990011-20261124-7-0123456789ab".parse().unwrap();
    let letter = crate::batches::letter(1);
    let state = |status: LetterStatus, word: Option<&str>| {
        let (municipality, original) = ("99990011".parse().unwrap(), Sha256([0; 32]));
        let (sender, dispatch_id, business_date) = (String::new(), String::new(), String::new());
        let (word, said, batch) = (word.map(str::to_owned), None, Some(batch.clone()));
        let (part, documents, reason, job) = (0, Vec::new(), None, None);
        let (to_print, recall, reprint_of, reprinted_as) = (false, None, None, None);
        LetterState {
            status,
            municipality,
            sender,
            dispatch_id,
            business_date,
            original,
            part,
            documents,
            reason,
            job,
            batch,
            word,
            said,
            to_print,
            recall,
            reprint_of,
            reprinted_as,
        }
    };
    let matched = |state: LetterState, status: VendorStatus, reason: &str| {
        let (letter_id, reason, at) = (letter.clone(), reason.to_owned(), "2026-11-24T06:00:00Z".to_owned());
        let csv = rows_to_csv(&[ReceiptRow { letter_id, status, reason, pages: 1, sheets: 1, at: at.clone() }]).unwrap();
        let (manifest_sha256, rows_sha256) = (Sha256([0; 32]), Sha256(openssl::sha::sha256(&csv)));
        let (number, cumulative, letters, pages, sheets) = (2, false, 1, 1, 1);
        let head = ReceiptHead { batch: batch.clone(), manifest_sha256, number, cumulative, letters, pages, sheets, rows_sha256, at };
        let words = Words::usual(Dialect::Csv);
        let receipt = Receipt { batch: &batch, number, words: &words, head: Some(&head), rows: &csv };
        let matched = match_receipt(&receipt, &[(letter.clone(), state)], &[]).map_err(|fault| fault.code)?;
        let asked = matched.questions.iter().map(|question| question.code.clone());
        Ok::<_, &str>(matched.events.iter().map(|(_, event)| event.word().to_owned()).chain(asked).collect::<Vec<_>>())
    };
    use LetterStatus::{Returned, Settled, Shipped};
    use VendorStatus as V;
    for (status, word, says, reason, expected) in [
        (Settled, Some("handed_over"), V::Returned, "R04", Ok(vec!["returned"])),
        (Settled, Some("handed_over"), V::Returned, "R10 wet", Ok(vec!["returned"])),
        // Nobody said that it left, and it came back: both are true.
        (Shipped, Some("printed"), V::Returned, "R01", Ok(vec!["settled", "returned"])),
        (Shipped, None, V::Returned, "R01", Ok(vec!["settled", "returned"])),
        (Returned, Some("returned R04"), V::Returned, "R04", Ok(vec![])),
        (Returned, Some("returned R04"), V::HandedOver, "", Ok(vec![])),
        (Returned, Some("returned R04"), V::Printed, "", Ok(vec![])),
        (Returned, Some("returned R04"), V::Rejected, "", Ok(vec!["FP-A006"])),
        (Settled, Some("rejected"), V::Returned, "R01", Ok(vec!["FP-A006"])),
        (Settled, Some("cancelled"), V::Returned, "R01", Ok(vec!["FP-A006"])),
        (Settled, Some("handed_over"), V::Returned, "", Err("FP-A001")),
        (Settled, Some("handed_over"), V::Returned, "R11", Err("FP-A001")),
        (Settled, Some("handed_over"), V::Returned, "R10", Err("FP-A001")),
    ] {
        let expected = expected.map(|words| words.into_iter().map(str::to_owned).collect());
        assert_eq!(matched(state(status, word), says, reason), expected, "{status:?} {word:?}, then {says:?} {reason:?}");
    }
    for (today, asked) in [("2026-11-24", true), ("2027-01-23", true), ("2027-01-24", false), ("2026-11-01", true), ("nonsense", true)] {
        assert_eq!(may_come_back("2026-11-24", today), asked, "{today}");
    }
}

/// Each line of the list, by its verdict.
fn conformance(town: &Town, vendor: &str) -> (Option<i32>, Vec<(String, String)>) {
    let output = town.ask(&["vendor", "conformance", "--vendor", vendor]);
    let lines = lines(&output);
    let checks = lines.iter().filter(|line| line["message_type"] == "check");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (output.status.code(), checks.map(|line| (text(&line["check"]), text(&line["verdict"]))).collect())
}

fn with_verdict(checks: &[(String, String)], wanted: &str) -> Vec<String> {
    checks.iter().filter(|(_, verdict)| verdict == wanted).map(|(check, _)| check.clone()).collect()
}

#[test]
fn conformance_passes_at_a_real_openssh_server_and_leaves_nothing_there() {
    let (server, town) = (crate::sshd::start(), Town::of("edora"));
    fs::create_dir_all(server.jail.join("out")).unwrap();
    town.configure(&[("edora", server.address.clone())]);
    let (exit, checks) = conformance(&town, "edora");
    assert_eq!((exit, with_verdict(&checks, "fail")), (Some(0), Vec::new()), "{checks:?}");
    assert_eq!(with_verdict(&checks, "skip"), ["encryption", "folder"]);
    assert_eq!(checks.len(), CHECKS.len());
    assert_eq!(fs::read_dir(server.jail.join("in")).unwrap().count(), 0);
    // A certificate that no signature of its answers can lead to any more.
    let profile = town.path("vendors/edora/profile.toml");
    let text = fs::read_to_string(&profile).unwrap();
    let signed = text.replacen("[answers]\n", "[answers]\nsigned = true\ncertificate = \"keys/answers.pem\"\n", 1);
    let provenance = "[provenance]\n\"answers.signed\" = \"contract\"\n\"answers.certificate\" = \"contract\"\n";
    fs::write(&profile, signed.replacen("[provenance]\n", provenance, 1)).unwrap();
    let answers = |days| crate::certificates::issue(crate::certificates::Wish { days, ..crate::certificates::SIGNER }, None).pem();
    fs::write(town.path("keys/answers.pem"), answers((-9, -1))).unwrap();
    let (exit, checks) = conformance(&town, "edora");
    assert_eq!((exit, with_verdict(&checks, "fail")), (Some(6), vec!["answers".to_owned()]), "{checks:?}");
    fs::write(town.path("keys/answers.pem"), [answers((-9, -1)), answers((-1, 9))].concat()).unwrap();
    assert_eq!(conformance(&town, "edora").0, Some(0));
    fs::write(&profile, text).unwrap();
    // Without an outbox, and with a key that nobody knows.
    fs::remove_dir(server.jail.join("out")).unwrap();
    let (exit, checks) = conformance(&town, "edora");
    assert_eq!(exit, Some(6));
    assert_eq!(with_verdict(&checks, "fail"), ["outbox", "outbox_listing", "outbox_names"]);
    let mut address = server.address.clone();
    address.key_file = address.key_file.with_file_name("stranger");
    keygen(&address.key_file);
    town.configure(&[("edora", address)]);
    let (exit, checks) = conformance(&town, "edora");
    // What the profile says alone is judged all the same.
    assert_eq!((exit, with_verdict(&checks, "pass").join(" ")), (Some(6), "host_key answers timeout".to_owned()));
    let mut address = server.address.clone();
    drop(server);
    address.timeout_s = 2;
    town.configure(&[("edora", address)]);
    assert_eq!(conformance(&town, "edora"), (Some(5), Vec::new()));
}

/// What is said of a check, after its verdict.
fn found(town: &Town, vendor: &str) -> impl Fn(&str) -> String {
    let lines = lines(&town.ask(&["vendor", "conformance", "--vendor", vendor]));
    move |check| {
        let line = lines.iter().find(|line| line["check"] == check).unwrap();
        format!("{}: {}", line["verdict"].as_str().unwrap(), line["found"].as_str().unwrap())
    }
}

#[test]
fn conformance_knows_a_folder_from_a_file_and_counts_names_of_files() {
    let (server, town) = (crate::sshd::start(), Town::of("edora"));
    let (inbox, outbox) = (server.jail.join("in"), server.jail.join("out"));
    fs::create_dir_all(&outbox).unwrap();
    town.configure(&[("edora", server.address.clone())]);
    let names = || {
        let said = found(&town, "edora");
        assert_eq!(said("outbox_listing"), said("outbox_names"));
        said("outbox_listing")
    };
    assert_eq!(names(), "pass: 0 names");
    fs::write(outbox.join("one"), "").unwrap();
    assert_eq!(names(), "pass: 1 name");
    fs::write(outbox.join("-rf"), "").unwrap();
    assert_eq!(found(&town, "edora")("outbox_names"), "fail: 1 name is no file name: \"-rf\"");
    fs::remove_dir_all(&outbox).unwrap();
    fs::remove_dir_all(&inbox).unwrap();
    [&inbox, &outbox].into_iter().for_each(|path| fs::write(path, "").unwrap());
    let said = found(&town, "edora");
    assert_eq!(
        (said("inbox"), said("outbox")),
        ("fail: in is there, and is no folder".into(), "fail: out is there, and is no folder".into())
    );
    [&inbox, &outbox].into_iter().for_each(|path| fs::remove_file(path).unwrap());
    assert_eq!(found(&town, "edora")("inbox"), "fail: there is no folder in");
}

#[test]
fn what_a_profile_does_not_ask_for_is_skipped_whatever_failed() {
    const NOT_TRIED: &str = "fail: not tried, because of what failed before";
    let town = Town::of("edora");
    let path = town.path("vendors/edora/profile.toml");
    let profile = fs::read_to_string(&path).unwrap();
    let site = |script: &str| {
        let (site, address) = town.site_as("edora", Manners { misbehaviour: vec![script.parse().unwrap()], ..Manners::default() });
        town.configure(&[("edora", address)]);
        site
    };
    let bad = site("refuse=rename");
    let said = found(&town, "edora");
    assert!(said("write").starts_with("pass") && said("rename").starts_with("fail"), "{}", said("rename"));
    assert_eq!((said("content"), said("no_overwrite")), (NOT_TRIED.to_owned(), NOT_TRIED.to_owned()));
    drop(bad);
    let bad = site("refuse=write");
    let said = found(&town, "edora");
    assert_eq!(said("folder"), "skip: the container is one file");
    for check in ["size", "rename", "content", "no_overwrite", "marker"] {
        assert_eq!(said(check), NOT_TRIED, "{check}");
    }
    drop(bad);
    let sweeping = [
        ("completion_sign = \"ready\"", "completion_sign = \"none\""),
        ("check_after_upload = \"size\"", "check_after_upload = \"answer_only\""),
        ("resume = true", "resume = false"),
        ("sweeps = false", "sweeps = true"),
    ];
    let in_place = [("rename_into_place = true", "rename_into_place = false"), ("resume = true", "resume = false")];
    for (changes, skips) in
        [(&sweeping[..], "encryption size content no_overwrite folder marker"), (&in_place, "encryption rename no_overwrite folder")]
    {
        let other = changes.iter().fold(profile.clone(), |text, (from, to)| text.replace(from, to));
        fs::write(&path, other).unwrap();
        let skipped = || {
            let (_, checks) = conformance(&town, "edora");
            with_verdict(&checks, "skip").join(" ")
        };
        let bad = site("refuse=write");
        assert_eq!(skipped(), skips);
        drop(bad);
        // Also where nobody was let in.
        let (_site, mut address) = town.site_as("edora", Manners::default());
        address.key_file = address.key_file.with_file_name("stranger");
        if !address.key_file.exists() {
            keygen(&address.key_file);
        }
        town.configure(&[("edora", address)]);
        assert_eq!(skipped(), skips);
    }
}

#[test]
fn conformance_finds_each_fault_of_a_site_and_sends_no_letter() {
    for (vendor, skips) in [
        ("edora", &["encryption", "folder"][..]),
        ("kmd", &["encryption"]),
        ("straalfors", &["encryption", "size", "content", "no_overwrite", "folder"]),
    ] {
        let town = Town::of(vendor);
        let site = |script: &str| {
            let misbehaviour: Vec<Misbehaviour> = Some(script).filter(|s| !s.is_empty()).map(|s| s.parse().unwrap()).into_iter().collect();
            let (site, address) = town.site_as(vendor, Manners { misbehaviour, ..Manners::default() });
            town.configure(&[(vendor, address)]);
            site
        };
        let good = site("");
        let (exit, checks) = conformance(&town, vendor);
        assert_eq!((exit, with_verdict(&checks, "fail")), (Some(0), Vec::new()), "{vendor}: {checks:?}");
        assert_eq!(with_verdict(&checks, "skip"), skips);
        drop(good);
        for (script, fails) in [
            ("refuse=write", "write"),
            ("refuse=rename", "rename"),
            ("refuse=list", "outbox_listing"),
            ("refuse=stat", "inbox"),
            ("refuse=remove", "cleanup"),
            ("hostile-names", "outbox_names"),
            ("endless-listing", "outbox_listing"),
            ("cut=100000", "write"),
            ("disk-full=100000", "write"),
            ("swallow=100000", "size"),
            ("lying-stat", "size"),
            ("lying-stat=no-size", "size"),
            ("overwrite", "no_overwrite"),
            ("refuse=mkdir", "folder"),
        ] {
            if skips.contains(&fails) || (vendor == "straalfors" && script == "refuse=remove") {
                continue;
            }
            let bad = site(script);
            let (exit, checks) = conformance(&town, vendor);
            assert_eq!(exit, Some(6), "{vendor} {script}: {checks:?}");
            assert!(with_verdict(&checks, "fail").iter().any(|check| check == fails), "{vendor} {script}: {checks:?}");
            drop(bad);
        }
        let dir = town.path(&format!("site/{vendor}"));
        assert!(printed(&dir).unwrap().is_empty() && fs::read_dir(dir.join("taken")).unwrap().count() == 0);
        assert!(town.batches(vendor).is_empty());
    }
}

#[test]
fn a_signature_of_another_organisation_is_refused() {
    let sealed = Draft::new("edora", 1, &[1]).seal();
    // The batch is of 99990011.
    for (subject, allowed, code) in [
        (&[("CN", "fjernprint")][..], &[][..], None),
        (&[("CN", "x"), ("organizationIdentifier", "NTRDK-99990011")], &[], None),
        (&[("CN", "x"), ("organizationIdentifier", "NTRDK-99990099")], &[], Some("FP-K015")),
        (&[("CN", "x"), ("organizationIdentifier", "NTRDK-99990099")], &["99990099"], None),
        (&[("CN", "x"), ("organizationIdentifier", "VATDK-99990099")], &["99990022"], Some("FP-K015")),
        (&[("CN", "x"), ("serialNumber", "CVR:99990011-FID:12345678")], &[], None),
        (&[("CN", "x"), ("serialNumber", "CVR:99990099-FID:12345678")], &[], Some("FP-K015")),
        (&[("CN", "x"), ("serialNumber", "UI:DK-O:G:0123")], &[], None),
        (&[("CN", "x"), ("organizationIdentifier", "NTRSE-5560000000")], &[], None),
    ] {
        let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::named(subject));
        let batch = sealed.write(dir.path(), &signer);
        let signers = allowed.iter().map(|cvr: &&str| cvr.parse().unwrap()).collect();
        let terms = Terms { trusted_pem: signer.root_pem.clone(), signers, ..Terms::default() };
        let refusal = verify_on(dir.path(), &batch, &terms).err();
        assert_eq!(refusal.as_ref().map(|refusal| refusal.code), code, "{subject:?} {allowed:?}: {refusal:?}");
        if let Some(refusal) = refusal {
            assert!(refusal.message.contains("99990099") && refusal.message.contains("99990011"), "{refusal}");
        }
    }
}

fn guide() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/vendor-guide.md")).unwrap()
}

fn between(text: &str, name: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    text.split(&begin).nth(1).and_then(|rest| rest.split(&end).next()).unwrap_or_else(|| panic!("no {name} in the guide")).to_owned()
}

/// The commands of the guide are run as they stand there: good batches pass, and a changed bit anywhere does not.
#[test]
fn the_openssl_commands_of_the_guide_work() {
    let script = between(&guide(), "check").replace("```sh\n", "").replace("```\n", "");
    for vendor in ["edora", "kmd", "straalfors"] {
        let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
        let sealed = Draft::new(vendor, 1, &[1, 3, 2]).seal();
        let batch = sealed.write(dir.path(), &signer);
        fs::write(dir.path().join("ca.pem"), &signer.root_pem).unwrap();
        let run = || Command::new("bash").args(["-c", &script]).env("B", batch.as_str()).current_dir(dir.path()).output().unwrap();
        let output = run();
        assert!(output.status.success(), "{vendor}: {}{}", said(&output), String::from_utf8_lossy(&output.stdout));
        for (name, whole) in sealed.signed(&signer) {
            if whole.is_empty() {
                continue;
            }
            let path = dir.path().join(&name);
            let mut changed = fs::read(&path).unwrap();
            let last = changed.len() - 3;
            changed[last] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(!run().status.success(), "{name} was changed");
            fs::remove_file(&path).unwrap();
            assert!(!run().status.success(), "{name} is missing");
            // As it was written: a signature made again has other bytes.
            changed[last] ^= 1;
            fs::write(&path, &changed).unwrap();
        }
        assert!(run().status.success());
        fs::write(dir.path().join("ca.pem"), Signer::new().root_pem).unwrap();
        assert!(!run().status.success(), "another root");
    }
}

#[test]
fn the_tables_of_the_guide_are_what_the_program_does() {
    let text = guide();
    let checks: String = CHECKS.iter().map(|(check, means)| format!("| `{check}` | {means} |\n")).collect();
    assert_eq!(between(&text, "conformance"), format!("| check | what it proves |\n|---|---|\n{checks}"));
    let scripts = between(&text, "misbehaviour");
    let scripts: Vec<&str> = scripts.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(scripts.len() >= 14);
    for script in scripts {
        script.parse::<Misbehaviour>().unwrap_or_else(|fault| panic!("{fault}"));
    }
    for (code, reason) in RETURN_REASONS {
        assert!(text.contains(&format!("| {code} | {reason} |\n")), "{code}");
    }
}
