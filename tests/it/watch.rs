//! Proof of a letter, alarms, gates, and the audit of the log.

use crate::batches::{Draft, Signer, letter, seconds_ago};
use crate::night::fjernprint;
use fjernprint::domain::alarm::{Alarm, AlarmState, Gravity};
use fjernprint::domain::entry::{LoggedEntry, entry_hash};
use fjernprint::domain::status::{BatchEvent, LetterEvent};
use fjernprint::domain::{BatchName, LetterId, Sha256};
use fjernprint::ledger::Ledger;
use fjernprint::pipeline::alarms::{AlarmRules, Expected, Facts, Judged, Sent, Standing, Waiting, changes, judge};
use fjernprint::pipeline::gates::{ERROR_RATE, Errors, GateRules, Ready, closed};
use fjernprint::pipeline::proof::{Against, check};
use fjernprint::wire::chain::Expiry;
use fjernprint::wire::manifest::{BatchFiles, LETTERS_HEADER, letters_to_csv};
use fjernprint::wire::merkle;
use fjernprint::wire::proof::{Answer, Bytes, FORMAT, Proof, Proved, Row, Signed};
use rusqlite::Connection;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Output;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

fn hash(bytes: &[u8]) -> Sha256 {
    Sha256(openssl::sha::sha256(bytes))
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// A demo night, finished or only laid out.
struct House {
    dir: tempfile::TempDir,
}

impl House {
    fn new(more: &[&str]) -> Self {
        let house = Self { dir: tempfile::tempdir().unwrap() };
        let dir = house.path("");
        let output = fjernprint(&[&["demo", "--quiet", "--dir", dir.to_str().unwrap()], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        house
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join("night").join(below)
    }

    fn run(&self, arguments: &[&str], exit: i32) -> String {
        let config = self.path("fjernprint.toml");
        let output = fjernprint(&[arguments, &["--config", config.to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", told(&output));
        told(&output)
    }

    /// Puts lines below a table of the configuration, before those that are there.
    fn configure(&self, table: &str, lines: &str) {
        let path = self.path("fjernprint.toml");
        let text = fs::read_to_string(&path).unwrap();
        let kept = |line: &&str| !lines.lines().any(|new| new.split(" = ").next() == line.split(" = ").next());
        let text: Vec<&str> = text.lines().filter(kept).collect();
        fs::write(path, text.join("\n").replace(&format!("[{table}]"), &format!("[{table}]\n{lines}"))).unwrap();
    }

    fn ledger(&self) -> Ledger {
        Ledger::open_read_only(&self.path("data/ledger.db")).unwrap()
    }

    fn root(&self) -> Vec<u8> {
        fs::read(self.path("keys/ca.pem")).unwrap()
    }
}

#[test]
fn a_leaf_leads_to_the_root_of_its_tree_and_to_no_other() {
    for size in 1..40_usize {
        let leaves: Vec<Sha256> = (0..size).map(|n| merkle::leaf(&n.to_be_bytes())).collect();
        let root = merkle::root(&leaves);
        for index in 0..size {
            let path = merkle::path(&leaves, index);
            let by = |leaf: &Sha256, index: usize, path: &[Sha256]| merkle::root_by(leaf, index as u64, size as u64, path);
            assert_eq!(by(&leaves[index], index, &path), Some(root), "{index} of {size}");
            assert_ne!(by(&merkle::leaf(b"other"), index, &path), Some(root));
            assert_ne!(by(&leaves[index], index, &[path.clone(), vec![root]].concat()), Some(root), "a longer path");
            if size > 1 {
                assert_ne!(by(&leaves[index], (index + 1) % size, &path), Some(root), "another place");
                assert_ne!(by(&leaves[index], index, &path[1..]), Some(root), "a shorter path");
            }
        }
        assert_eq!(merkle::root_by(&root, size as u64, size as u64, &[]), None, "a place beyond the last");
    }
    let csv = letters_to_csv(&Draft::new("kmd", 1, &[1, 2]).rows).unwrap();
    let text = String::from_utf8(csv.clone()).unwrap();
    assert_eq!(text.lines().next().unwrap(), LETTERS_HEADER);
    let rows: Vec<&[u8]> = text.lines().skip(1).map(str::as_bytes).collect();
    assert_eq!(merkle::rows(&csv).unwrap(), rows);
}

/// Breaks every text and number of a JSON value, one at a time: at its first character, one in the middle and its last.
fn broken(value: &Value, at: &str, found: &mut Vec<(String, Value)>) {
    let mut put = |name: String, new: Value| found.push((name, new));
    match value {
        Value::String(text) => {
            let characters: Vec<char> = text.chars().collect();
            for index in [0, characters.len() / 3, characters.len() / 2, characters.len().saturating_sub(3)] {
                let Some(old) = characters.get(index) else { continue };
                let mut new = characters.clone();
                // Stays a letter or digit, so that the form holds and only the meaning is broken.
                new[index] = if *old == '1' {
                    '2'
                } else if old.is_ascii_digit() {
                    '1'
                } else if *old == 'a' {
                    'b'
                } else {
                    'a'
                };
                put(format!("{at}[{index}]"), Value::String(new.into_iter().collect()));
            }
        }
        Value::Number(number) => put(at.to_owned(), Value::from(number.as_u64().unwrap() + 1)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let mut inner = Vec::new();
                broken(item, &format!("{at}/{index}"), &mut inner);
                for (name, new) in inner {
                    let mut items = items.clone();
                    items[index] = new;
                    found.push((name, Value::Array(items)));
                }
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                let mut inner = Vec::new();
                broken(item, &format!("{at}/{key}"), &mut inner);
                for (name, new) in inner {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), new);
                    found.push((name, Value::Object(fields)));
                }
            }
        }
        _ => {}
    }
}

#[test]
fn a_letter_is_proved_offline_and_nothing_of_the_proof_can_be_changed() {
    let house = House::new(&[]);
    let listed = house.run(&["letter", "list", "--status", "settled", "--json"], 0);
    let rows: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|v: &Value| v["batch"].is_string()).collect();
    // One whose batch has others: there is a path, and somebody else's row.
    let of = |row: &Value| rows.iter().filter(|other| other["batch"] == row["batch"]).count();
    let row = rows.iter().max_by_key(|row| of(row)).unwrap();
    let (id, batch) = (row["letter_id"].as_str().unwrap(), row["batch"].as_str().unwrap());
    assert!(of(row) >= 3);
    let (page, file, root) = (house.path("proof.pdf"), house.path("proof.json"), house.path("keys/ca.pem"));
    house.run(&["letter", "proof", id, "--out", page.to_str().unwrap()], 0);
    assert!(fs::read(&page).unwrap().starts_with(b"%PDF-"));
    assert_eq!(fjernprint::pdf::count_pages(fs::read(&page).unwrap()).unwrap(), 1);
    let text = fs::read_to_string(&file).unwrap();

    // Nobody else's letter, and nothing of the recipient.
    for other in rows.iter().filter(|other| other["letter_id"] != id) {
        assert!(!text.contains(other["letter_id"].as_str().unwrap()) && !text.contains(other["dispatch_id"].as_str().unwrap()));
    }
    assert!(!text.contains("postcode"));

    // Offline: without the data folder, with the document and the receipt beside it.
    let store = |sha: &str| fs::read(house.path(&format!("data/store/{}/{sha}", &sha[..2]))).unwrap();
    let document = house.path("document.pdf");
    fs::write(&document, store(row["job"]["document"].as_str().unwrap())).unwrap();
    let proof = Proof::from_json(text.as_bytes()).unwrap();
    let rows_sha256 = proof.answers.iter().find_map(|answer| match answer {
        Answer::Receipt { rows_sha256, quoted: Some(_), .. } => Some(rows_sha256.to_string()),
        _ => None,
    });
    let receipt = house.path("receipt.csv");
    fs::write(&receipt, store(&rows_sha256.unwrap())).unwrap();
    let verify = |more: &[&str], exit: i32| {
        let all = [&["proof", "verify", file.to_str().unwrap(), "--certificate", root.to_str().unwrap()], more].concat();
        let output = fjernprint(&all);
        assert_eq!(output.status.code(), Some(exit), "{more:?}: {}", told(&output));
        told(&output)
    };
    let said = verify(&["--document", document.to_str().unwrap(), "--receipt", receipt.to_str().unwrap()], 0);
    assert!(said.contains("proved      the document given is the one") && said.contains(batch), "{said}");
    assert!(said.contains(&format!("proved      {} said of the letter: handed_over", row["job"]["vendor"].as_str().unwrap())), "{said}");
    assert!(verify(&[], 0).contains("not proved  what the letter says"));
    assert!(verify(&["--document", page.to_str().unwrap()], 6).contains("FP-P007"));
    assert!(verify(&["--receipt", page.to_str().unwrap()], 6).contains("FP-P008"));

    // One change anywhere.
    let against = || Against { trusted_pem: house.root(), ..Against::default() };
    assert!(check(&proof, &against()).is_ok());
    let value: Value = serde_json::from_str(&text).unwrap();
    let mut changed = Vec::new();
    broken(&value, "", &mut changed);
    assert!(changed.len() > 300, "{}", changed.len());
    for (place, value) in changed {
        let Ok(proof) = Proof::from_json(value.to_string().as_bytes()) else { continue };
        // What is quoted from a receipt is held against the receipt.
        let receipt = place.contains("/quoted/").then(|| fs::read(&receipt).unwrap());
        let verdict = check(&proof, &Against { receipt, ..against() });
        assert!(verdict.is_err(), "{place}: {verdict:?}");
    }
    let refused = |proof: &Proof, against: &Against| check(proof, against).unwrap_err().code;

    // Another letter's row, with its own path and with ours.
    let csv = fs::read(house.path(&format!("data/batches/{batch}/{batch}.letters.csv"))).unwrap();
    let (all, leaves) = (merkle::rows(&csv).unwrap(), merkle::row_leaves(&csv).unwrap());
    let other = all.iter().position(|row| !String::from_utf8_lossy(row).contains(id)).unwrap();
    let Row::Merkle { path, .. } = &proof.row else { panic!("a path") };
    for path in [path.clone(), merkle::path(&leaves, other)] {
        let row = Row::Merkle { row: String::from_utf8_lossy(all[other]).into_owned(), path };
        assert_eq!(refused(&Proof { row, ..proof.clone() }, &against()), "FP-P003");
    }
    // Another key.
    let stranger = Signer::new();
    let mut resigned = proof.clone();
    resigned.manifest.signature = Bytes(stranger.sign(&resigned.manifest.content.0));
    assert_eq!(refused(&resigned, &against()), "FP-P002");
    assert_eq!(refused(&proof, &Against { trusted_pem: stranger.root_pem.clone(), ..Against::default() }), "FP-P002");
    // An answer to something else, and one that the log does not know.
    let mut answered = proof.clone();
    let other_ack = br#"{"batch":"x"}"#;
    answered.answers[0] = Answer::Ack { sha256: hash(other_ack), content: Some(Bytes(other_ack.to_vec())), signature: None };
    assert_eq!(refused(&answered, &against()), "FP-P004");
    // Entries in another order, and without the one that says what was sealed.
    let mut entries = proof.entries.clone();
    entries.swap(0, 1);
    assert_eq!(refused(&Proof { entries, ..proof.clone() }, &against()), "FP-P005");
    let entries: Vec<Proved> = proof.entries.iter().filter(|p| !p.entry.data.contains("\"sealed\"")).cloned().collect();
    assert_eq!(refused(&Proof { entries, ..proof.clone() }, &against()), "FP-P005");

    // A letter that is not at its vendor.
    let held = house.run(&["letter", "list", "--status", "held", "--json"], 0);
    let held: Value = serde_json::from_str(held.lines().next().unwrap()).unwrap();
    assert!(house.run(&["letter", "proof", held["letter_id"].as_str().unwrap(), "--out", page.to_str().unwrap()], 2).contains("FP-P009"));
}

/// A proof of a batch that was sealed before manifests had a root over their rows, and whose vendor signs its answers.
fn old_proof(signer: &Signer, vendor: &Signer, of: LetterId) -> Proof {
    let sealed = Draft::new("kmd", 1, &[1, 2, 1]).seal();
    let batch: BatchName = sealed.batch();
    let file = |name: String| sealed.files.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    let manifest = sealed.manifest.to_json();
    let signature = signer.sign(&manifest);
    let (m, s) = (hash(&manifest), hash(&signature));
    let event = format!(
        r#"{{"event":"sealed","vendor":"kmd","municipality":"99990011","business_date":"2026-11-24","sequence":7,"manifest":"{m}","signature":"{s}","letters":3,"pages":4,"sheets":3,"bytes":1}}"#
    );
    assert!(serde_json::from_str::<BatchEvent>(&event).is_ok());
    let batched = serde_json::to_string(&LetterEvent::Batched { batch: batch.clone() }).unwrap();
    let mut previous = Sha256([9; 32]);
    let mut entry = |seq: i64, kind: &str, subject: &str, data: String| {
        let at = seconds_ago(60);
        let hash = entry_hash(&previous, seq, &at, kind, subject, &data);
        let entry = LoggedEntry { seq, at, kind: kind.to_owned(), subject: subject.to_owned(), data, previous, hash };
        previous = hash;
        Proved { entry, anchor: None }
    };
    let at = seconds_ago(30);
    let ack = format!(r#"{{"batch":"{batch}","manifest_sha256":"{m}","result":"accepted","reason":"","at":"{at}"}}"#).into_bytes();
    let ack_signature = vendor.sign(&ack);
    let acknowledged =
        BatchEvent::Acknowledged { accepted: true, reason: String::new(), answer: hash(&ack), signature: Some(hash(&ack_signature)) };
    let entries = vec![
        entry(7, "batch", batch.as_str(), event),
        entry(8, "letter", of.as_str(), batched),
        entry(9, "batch", batch.as_str(), serde_json::to_string(&acknowledged).unwrap()),
    ];
    Proof {
        format: FORMAT.to_owned(),
        letter_id: of,
        manifest: Signed { name: BatchFiles::manifest(&batch), content: Bytes(manifest), signature: Bytes(signature) },
        row: Row::LettersCsv(Bytes(file(BatchFiles::letters(&batch)))),
        answers: vec![Answer::Ack { sha256: hash(&ack), content: Some(Bytes(ack)), signature: Some(Bytes(ack_signature)) }],
        entries,
        heads: Vec::new(),
    }
}

#[test]
fn an_old_manifest_is_proved_by_the_whole_letters_csv_and_a_signed_answer_by_its_signature() {
    let signer = Signer::new();
    let against = Against { trusted_pem: signer.root_pem.clone(), ..Against::default() };
    let vendor = Signer::named(&[("CN", "printer")]);
    let proof = old_proof(&signer, &vendor, letter(2));
    let shown = check(&proof, &against).unwrap();
    assert!(shown.proved.iter().any(|said| said.contains("number 2 of 3")), "{shown:?}");
    // Whose the answer is: said only where its signature was asked about, and then it must hold.
    assert!(shown.not_proved.iter().any(|said| said.contains("--answers-certificate")), "{shown:?}");
    let asked = |by: &Signer| Against { answers_pem: Some(by.root_pem.clone()), ..against.clone() };
    let shown = check(&proof, &asked(&vendor)).unwrap();
    assert!(shown.proved.iter().any(|said| said.contains("the technical answer is signed by printer")), "{shown:?}");
    assert_eq!(check(&proof, &asked(&signer)).unwrap_err().code, "FP-P002");
    let mut unsigned = proof.clone();
    let Answer::Ack { signature, .. } = &mut unsigned.answers[0] else { panic!("an ack") };
    *signature = None;
    assert_eq!(check(&unsigned, &against).unwrap_err().code, "FP-P004");

    let Row::LettersCsv(csv) = &proof.row else { panic!("a csv") };
    for index in (0..csv.0.len()).step_by(7) {
        let mut changed = csv.0.clone();
        changed[index] ^= 1;
        assert!(check(&Proof { row: Row::LettersCsv(Bytes(changed)), ..proof.clone() }, &against).is_err(), "byte {index}");
    }
    assert_eq!(check(&old_proof(&signer, &vendor, letter(9)), &against).unwrap_err().code, "FP-P003");
    let with_path = Row::Merkle { row: String::new(), path: Vec::new() };
    assert_eq!(check(&Proof { row: with_path, ..proof }, &against).unwrap_err().code, "FP-P003");
}

fn date(text: &str) -> jiff::civil::Date {
    text.parse().unwrap()
}

fn quiet() -> Facts {
    Facts {
        now: "2026-11-24T06:00:00Z".parse().unwrap(),
        today: date("2026-11-24"),
        sent: None,
        waiting: Vec::new(),
        overdue: Vec::new(),
        signer: Ok(None),
        disk_free_mb: None,
        gates: None,
        refused: Vec::new(),
        stops: Vec::new(),
        unknown: Vec::new(),
        questions: Vec::new(),
        mismatches: None,
    }
}

fn codes(facts: &Facts) -> Vec<(String, Gravity)> {
    judge(&AlarmRules::default(), facts).alarms.into_iter().map(|alarm| (alarm.code, alarm.gravity)).collect()
}

#[test]
fn facts_become_alarms_at_their_limits() {
    use Gravity::{Grave, Notice, Warning};
    use fjernprint::domain::status::LetterStatus as S;
    let check = |facts: Facts, expected: &[(&str, Gravity)]| {
        let expected: Vec<_> = expected.iter().map(|(code, gravity)| ((*code).to_owned(), *gravity)).collect();
        assert_eq!(codes(&facts), expected);
        for (code, _) in expected {
            assert!(fjernprint::domain::codes::find(&code).is_some(), "{code}");
        }
    };
    check(quiet(), &[]);
    let sent = |day: &str, expected, today, past: &[u64]| {
        let sent = Sent { sender: "omsorg".to_owned(), expected, today, past: past.to_vec() };
        Facts { sent: Some((date(day), vec![sent])), ..quiet() }
    };
    let (silent, more) = (&[("FP-M010", Warning)][..], &[("FP-M011", Warning)][..]);
    let past = [100, 90, 110, 100, 0, 0, 0, 0];
    check(sent("2026-11-24", None, 0, &past), silent);
    check(sent("2026-11-24", None, 1, &past), &[]);
    check(sent("2026-11-24", None, 300, &past), &[]);
    check(sent("2026-11-24", None, 301, &past), more);
    check(sent("2026-11-24", None, 0, &past[1..]), &[]);
    check(sent("2026-11-24", None, 50, &[3, 3, 3, 3]), &[]);
    check(sent("2026-11-24", None, 51, &[3, 3, 3, 3]), more);
    check(sent("2026-04-02", None, 0, &past), &[]);
    let expected = Some(Expected { min: 10, max: 20 });
    check(sent("2026-11-24", expected, 9, &[]), silent);
    check(sent("2026-11-24", expected, 10, &[]), &[]);
    check(sent("2026-11-24", expected, 21, &[]), more);
    check(sent("2026-11-28", expected, 0, &[]), &[]);

    let waiting =
        |status, night: &str| Facts { waiting: vec![Waiting { status, vendor: None, business_date: date(night), letters: 3 }], ..quiet() };
    check(waiting(S::Accepted, "2026-11-23"), &[]);
    // From Friday the next day of work is Monday.
    check(waiting(S::Accepted, "2026-11-20"), &[("FP-M012", Warning)]);
    check(waiting(S::Held, "2026-11-17"), &[]);
    check(waiting(S::Held, "2026-11-16"), &[("FP-M012", Warning)]);
    check(waiting(S::Held, "2026-10-01"), &[("FP-M012", Grave)]);

    let expiry = |days| Facts { signer: Ok(Some(Expiry { subject: "s".into(), until: "u".into(), days, until_s: 0 })), ..quiet() };
    check(expiry(61), &[]);
    check(expiry(60), &[("FP-M014", Notice)]);
    check(expiry(30), &[("FP-M014", Warning)]);
    check(expiry(7), &[("FP-M014", Grave)]);
    check(Facts { signer: Err("FP-K021".into()), ..quiet() }, &[("FP-M014", Grave)]);
    let says = |facts: &Facts| judge(&AlarmRules::default(), facts).alarms[0].message.clone();
    assert_eq!(says(&expiry(1)), "the certificate of s ends in 1 day, on u");
    assert_eq!(says(&expiry(7)), "the certificate of s ends in 7 days, on u");
    let mut one = waiting(S::Accepted, "2026-11-20");
    one.waiting[0].letters = 1;
    assert_eq!(says(&one), "1 letter is accepted for longer than 1 day of work, the oldest of 2026-11-20");
    assert!(says(&sent("2026-11-24", Some(Expected { min: 2, max: 20 }), 1, &[])).starts_with("sender omsorg handed in 1 letter for"));
    check(Facts { disk_free_mb: Some(2_048), ..quiet() }, &[]);
    check(Facts { disk_free_mb: Some(2_047), ..quiet() }, &[("FP-M015", Warning)]);
    check(Facts { disk_free_mb: Some(1), ..quiet() }, &[("FP-M015", Grave)]);
    let since = |since: &str| vec![Standing { about: "edora".into(), since: since.into(), message: "m".into() }];
    check(Facts { stops: since("2026-11-23T06:00:00Z"), ..quiet() }, &[]);
    check(Facts { stops: since("2026-11-23T05:59:59Z"), ..quiet() }, &[("FP-M018", Warning)]);
    check(Facts { unknown: since("2026-11-24T00:00:00Z"), ..quiet() }, &[]);
    check(Facts { unknown: since("2026-11-23T23:59:59Z"), ..quiet() }, &[("FP-M019", Grave)]);
    check(Facts { overdue: since(""), refused: since(""), ..quiet() }, &[("FP-M013", Warning), ("FP-M017", Grave)]);
    check(Facts { questions: since(""), ..quiet() }, &[("FP-M022", Warning)]);
    check(Facts { mismatches: Some(since("")), ..quiet() }, &[("FP-M020", Grave)]);
}

#[test]
fn an_alarm_is_news_once_until_it_is_graver_or_over() {
    let alarm = |gravity| Alarm {
        code: "FP-M016".into(),
        gravity,
        about: "error-rate".into(),
        since: "2026-11-24T06:00:00Z".into(),
        message: "m".into(),
        command: "c".into(),
    };
    let judged = |alarms: Vec<Alarm>| Judged { alarms, unasked: Vec::new() };
    let mut known: Vec<(String, AlarmState)> = Vec::new();
    let mut look = |judged: &Judged| -> Vec<&'static str> {
        let news = changes(&known, judged);
        for (key, _, event) in &news {
            let before = known.iter().position(|(k, _)| k == key).map(|index| known.remove(index).1);
            known.push((key.clone(), AlarmState::after(before, event).unwrap()));
        }
        news.iter().map(|(_, _, event)| event.word()).collect()
    };
    assert_eq!(look(&judged(vec![alarm(Gravity::Warning), alarm(Gravity::Warning)])), ["raised"]);
    assert!(look(&judged(vec![alarm(Gravity::Warning)])).is_empty());
    assert!(look(&judged(vec![alarm(Gravity::Notice)])).is_empty());
    assert_eq!(look(&judged(vec![alarm(Gravity::Grave)])), ["graver"]);
    // What was not looked at is not over.
    assert!(look(&Judged { unasked: vec!["FP-M016/".into()], ..Judged::default() }).is_empty());
    assert_eq!(look(&judged(Vec::new())), ["cleared"]);
    assert!(look(&judged(Vec::new())).is_empty());
    assert_eq!(look(&judged(vec![alarm(Gravity::Notice)])), ["raised"]);
}

/// A webhook on loopback: answers each request with this status, or hangs with none; hands on what was posted.
struct Hook {
    address: String,
    posts: Receiver<String>,
}

impl Hook {
    fn new(status: Option<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/alarms", listener.local_addr().unwrap());
        let (send, posts) = channel();
        std::thread::spawn(move || {
            let mut hanging: Vec<TcpStream> = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(status) = status else {
                    hanging.push(stream);
                    continue;
                };
                let _ = send.send(request(&mut stream));
                let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Self { address, posts }
    }

    fn posted(&self) -> Vec<String> {
        self.posts.try_iter().collect()
    }
}

fn request(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => bytes.extend(&buffer[..read]),
            _ => return text,
        }
    }
}

#[test]
fn alarms_are_told_once_and_brought_to_the_webhook_until_it_takes_them() {
    let house = House::new(&["--lay-only"]);
    fs::write(house.path("keys/webhook.secret"), "tallulah\n").unwrap();
    let hook = |hook: &Hook, disk: &str| {
        let address = &hook.address;
        house.configure(
            "alarms",
            &format!(
                "webhook = \"{address}\"\nwebhook_secret_file = \"keys/webhook.secret\"\nwebhook_secret_header = \"X-Secret\"\nwebhook_timeout_s = 1\ndisk_free_min_mb = {disk}"
            ),
        );
    };
    let (sick, well, hanging) = (Hook::new(Some(500)), Hook::new(Some(204)), Hook::new(None));
    let full = "99999999999";
    hook(&sick, full);
    let said = house.run(&["alarms", "--check"], 0);
    assert!(said.contains("alarm (grave), disk") && said.contains("FP-M021"), "{said}");
    assert_eq!(sick.posted().len(), 3);

    // Told already; undelivered still.
    hook(&well, full);
    let said = house.run(&["alarms", "--check"], 0);
    assert!(!said.contains("alarm (grave)") && !said.contains("FP-M021") && said.contains("FP-M015  grave"), "{said}");
    let posts = well.posted();
    assert_eq!(posts.len(), 1);
    assert!(posts[0].to_lowercase().contains("x-secret: tallulah") && posts[0].contains("\"FP-M015/disk\"") && posts[0].contains("raised"));
    house.run(&["alarms", "--check"], 0);
    assert!(well.posted().is_empty());
    assert!(house.run(&["status"], 0).contains("!! FP-M015  "));
    assert!(house.run(&["alarms", "--json"], 0).contains("\"owner\":\"it\""));

    // Over, and a webhook that never answers does not hold the run for ever.
    hook(&hanging, "0");
    let began = Instant::now();
    let said = house.run(&["alarms", "--check"], 0);
    assert!(said.contains("alarm over, disk") && said.contains("FP-M021") && said.contains("no alarm is raised"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(60));
    hook(&well, "0");
    house.run(&["alarms", "--check"], 0);
    assert!(well.posted()[0].contains("cleared"));

    for (address, exit) in
        [("http://alarm.example.dk/", 2), ("ftp://127.0.0.1/", 2), ("https://alarm.example.dk/", 0), ("http://[::1]:9/", 0)]
    {
        house.configure("alarms", &format!("webhook = \"{address}\""));
        house.run(&["alarms"], exit);
    }
}

#[test]
fn gates_close_above_their_limits_and_only_with_a_history() {
    let (rules, day) = (GateRules::default(), date("2026-11-24"));
    let ready = |letters, past: &[u64]| {
        vec![Ready { vendor: "edora".parse().unwrap(), municipality: "99990011".parse().unwrap(), letters, past: past.to_vec() }]
    };
    let check = |letters, past: &[u64], shut: bool| {
        let found = closed(&rules, day, &ready(letters, past), Errors::default(), &[]);
        assert_eq!(found.iter().any(|gate| gate.code == "FP-M001"), shut, "{letters} after {past:?}");
        // Passed for this value and this day only.
        if let Some(gate) = found.first() {
            let passed = [gate.about.clone()];
            assert!(closed(&rules, day, &ready(letters, past), Errors::default(), &passed).is_empty());
            assert_eq!(closed(&rules, day, &ready(letters + 1, past), Errors::default(), &passed).len(), 1);
            assert_eq!(closed(&rules, date("2026-12-01"), &ready(letters, past), Errors::default(), &passed).len(), 1);
            for part in [&letters.to_string(), "2026-11-24", "Tuesday", "fjernprint gate pass volume-edora-99990011 --reason"] {
                assert!(gate.message.contains(part), "{}", gate.message);
            }
        }
    };
    check(10_000, &[100, 100, 100, 0, 0, 0, 0, 0], false);
    check(300, &[100, 100, 100, 100], false);
    check(301, &[100, 100, 100, 100], true);
    check(100, &[3, 3, 3, 3], false);
    check(101, &[3, 3, 3, 3], true);
    let rate = |letters, wrong| closed(&rules, day, &[], Errors { letters, wrong }, &[]).iter().any(|gate| gate.id == ERROR_RATE);
    assert!(!rate(199, 199) && !rate(200, 20) && rate(200, 21));
}

#[test]
fn a_gate_stops_the_night_until_a_person_passes_it_and_the_audit_says_who() {
    let house = House::new(&["--lay-only"]);
    house.configure("gates", "error_rate_max_percent = 1.0\nerror_rate_min_letters = 10");
    let said = house.run(&["run", "--until", "seal"], 8);
    assert!(said.contains("FP-M002") && said.contains("FP-M016") && said.contains("fjernprint gate pass error-rate"), "{said}");
    assert!(house.ledger().batches(&fjernprint::domain::status::BatchStatus::ALL).unwrap().is_empty());
    // Told once; stopped again all the same.
    assert!(!house.run(&["run", "--until", "seal"], 8).contains("alarm (grave)"));
    house.run(&["gate", "list"], 8);
    assert!(
        house.run(&["gate", "pass", "volume-kmd-99990022", "--reason", "because", "--by", "Operatør"], 2).contains("these do: error-rate")
    );
    house.run(&["gate", "pass", "error-rate", "--reason", "samples are wrong on purpose", "--by", "Operatør"], 0);
    house.run(&["gate", "list"], 0);
    let said = house.run(&["run", "--until", "seal"], 0);
    assert!(said.contains("alarm over, error-rate"), "{said}");
    assert!(!house.ledger().batches(&fjernprint::domain::status::BatchStatus::ALL).unwrap().is_empty());

    let deeds = house.run(&["audit", "list", "--who", "operat", "--json"], 0);
    let deed: Value = serde_json::from_str(deeds.lines().next().unwrap()).unwrap();
    assert_eq!((&deed["what"], &deed["why"]), (&"pass".into(), &"samples are wrong on purpose".into()));
    assert_eq!(deeds.lines().count(), 2);
    assert!(house.run(&["audit", "list", "--what", "alarm raised"], 0).contains("FP-M016/error-rate"));
    assert!(house.run(&["audit", "list", "--to", "2020-01-01", "--json"], 0).contains("\"deeds\":0"));
}

/// Writes the log anew from its first entry on: whoever does that recomputes every hash, and the chain holds.
fn rewrite(house: &House) {
    let connection = Connection::open(house.path("data/ledger.db")).unwrap();
    connection.execute_batch("DROP TRIGGER event_is_append_only_update; DROP TRIGGER event_is_append_only_delete;").unwrap();
    let mut previous = Sha256([0; 32]);
    let mut statement = connection.prepare("SELECT seq, at, kind, subject, data FROM event ORDER BY seq").unwrap();
    let rows: Vec<(i64, String, String, String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (seq, at, kind, subject, data) in rows {
        let at = if seq == 1 { "2020-01-01T00:00:00Z".to_owned() } else { at };
        let hash = entry_hash(&previous, seq, &at, &kind, &subject, &data);
        connection.execute("UPDATE event SET at = ?2, hash = ?3 WHERE seq = ?1", rusqlite::params![seq, at, hash.0]).unwrap();
        previous = hash;
    }
}

#[test]
fn a_log_that_was_written_anew_does_not_fit_its_signed_heads() {
    let house = House::new(&[]);
    let said = house.run(&["audit", "verify"], 0);
    assert!(said.contains("under 1 signed heads"), "{said}");
    let heads: Vec<PathBuf> = fs::read_dir(house.path("data/heads")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let head = heads.iter().find(|path| path.extension().unwrap() == "json").unwrap();
    let signature = heads.iter().find(|path| path.extension().unwrap() == "p7s").unwrap();
    // Kept elsewhere, with the root.
    let kept = tempfile::tempdir().unwrap();
    for path in [head, signature] {
        fs::copy(path, kept.path().join(path.file_name().unwrap())).unwrap();
    }
    let root = house.path("keys/ca.pem");
    let elsewhere = ["audit", "verify", "--heads", kept.path().to_str().unwrap(), "--certificate", root.to_str().unwrap()];
    house.run(&elsewhere, 0);

    for path in [head, signature] {
        let good = fs::read(path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        fs::write(path, bad).unwrap();
        house.run(&["audit", "verify"], 6);
        fs::remove_file(path).unwrap();
        house.run(&["audit", "verify"], 6);
        fs::write(path, good).unwrap();
    }
    house.run(&["audit", "verify"], 0);

    rewrite(&house);
    house.run(&["ledger", "verify", "--quick"], 0);
    assert!(house.run(&["audit", "verify"], 6).contains("FP-L009"));
    assert!(house.run(&elsewhere, 6).contains("written anew"));
}
