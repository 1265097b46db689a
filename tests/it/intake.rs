//! The drop folder: what is read, what is waited for, what is refused, and that nothing is lost on the way.

use crate::night::fjernprint;
use crate::pdf::{A4, pdf};
use serde_json::Value;
use std::fs::{self, File, FileTimes};
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, SystemTime};

/// A fresh set-up: one municipality, one sender, no vendor to ship to.
pub struct House {
    dir: tempfile::TempDir,
}

impl House {
    pub fn new() -> Self {
        let house = Self { dir: tempfile::tempdir().unwrap() };
        assert_eq!(fjernprint(&["init", house.dir.path().to_str().unwrap()]).status.code(), Some(0));
        // Tables are looked at twice, that far apart.
        house.change("settle_s = 5", "settle_s = 0");
        house.write("register.csv", "recipient_id;status\n6101804567;exempt\n6201804567;registered\n");
        house
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub fn change(&self, from: &str, to: &str) {
        let config = fs::read_to_string(self.path("fjernprint.toml")).unwrap();
        assert!(config.contains(from));
        fs::write(self.path("fjernprint.toml"), config.replace(from, to)).unwrap();
    }

    pub fn write(&self, below: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub fn drop(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.write(&format!("drop/sagssystem/{name}"), content)
    }

    pub fn ask(&self, arguments: &[&str]) -> Output {
        let config = self.path("fjernprint.toml");
        fjernprint(&[arguments, &["--json", "--quiet", "--config", config.to_str().unwrap()]].concat())
    }

    /// Runs up to validation; the lines of its answer by message type.
    pub fn run(&self) -> Value {
        let output = self.ask(&["run", "--until", "validate"]);
        let stdout = String::from_utf8(output.stdout).unwrap();
        let found = stdout.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).find(|l| l["message_type"] == "run");
        found.unwrap_or_else(|| panic!("{stdout}{}", String::from_utf8_lossy(&output.stderr)))
    }

    pub fn receipts(&self) -> Vec<Value> {
        let folder = self.path("receipts/sagssystem");
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|p| serde_json::from_slice(&fs::read(p).unwrap()).unwrap()).collect()
    }

    pub fn letters(&self, status: &str) -> Vec<Value> {
        let output = self.ask(&["letter", "list", "--status", status]);
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).filter(|l| l["message_type"] == "letter").collect()
    }
}

fn set_age(path: &std::path::Path, age: Duration) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(SystemTime::now() - age)).unwrap();
}

pub fn message(id: &str, choice: &str, cpr: &str) -> String {
    message_of(id, choice, cpr, &pdf(&[A4, A4], |_, _| {}))
}

fn message_of(id: &str, choice: &str, cpr: &str, pdf: &[u8]) -> String {
    use base64::Engine;
    let content = base64::engine::general_purpose::STANDARD.encode(pdf);
    let memo = format!(
        "<m:Message xmlns:m=\"https://DigitalPost.dk/MeMo-1\" memoVersion=\"1.2\"><m:MessageHeader><m:messageType>DIGITALPOST</m:messageType>\
         <m:messageUUID>5f1e0000-0000-4000-8000-{id}</m:messageUUID><m:label>Brev</m:label><m:Sender><m:senderID>99990011</m:senderID>\
         <m:idType>CVR</m:idType><m:label>Kommune</m:label></m:Sender><m:Recipient><m:recipientID>{cpr}</m:recipientID>\
         <m:idType>CPR</m:idType></m:Recipient></m:MessageHeader><m:MessageBody><m:createdDateTime>2026-11-24T02:00:00Z</m:createdDateTime>\
         <m:MainDocument><m:File><m:encodingFormat>application/pdf</m:encodingFormat><m:filename>a.pdf</m:filename><m:language>da</m:language>\
         <m:content>{content}</m:content></m:File></m:MainDocument></m:MessageBody></m:Message>"
    );
    let physical = format!(
        "<f:ForsendelseISamling xmlns:f=\"urn:oio:fjernprint:1.0.0\" xmlns:d=\"urn:oio:dkal:1.0.0\"><f:ForsendelseI>\
         <f:AfsendelseIdentifikator>{id}</f:AfsendelseIdentifikator><d:FilformatNavn>pdf</d:FilformatNavn>\
         <d:MeddelelseIndholdData>{content}</d:MeddelelseIndholdData><f:DokumentParametre/></f:ForsendelseI></f:ForsendelseISamling>"
    );
    format!("<kombi_request><KombiValgKode>{choice}</KombiValgKode>{memo}{physical}</kombi_request>")
}

pub const AUTO: &str = "Automatisk Valg";

#[test]
fn a_half_written_message_is_waited_for_and_taken_when_it_is_whole() {
    let house = House::new();
    let whole = message("000000000001", AUTO, "6101804567");
    let half = house.drop("a.xml", &whole[..whole.len() / 2]);
    house.drop("b.xml.part", &whole);
    house.drop("empty.xml", "");
    let run = house.run();
    assert_eq!((&run["files_waiting"], &run["files_taken"], &run["files_refused"]), (&2.into(), &0.into(), &0.into()));
    assert!(half.exists() && house.receipts().is_empty());

    fs::write(&half, &whole).unwrap();
    let run = house.run();
    assert_eq!((&run["files_taken"], &run["validated"]), (&1.into(), &1.into()));
    assert!(!half.exists());
    assert!(house.path("drop/sagssystem/b.xml.part").exists(), "somebody's unfinished work is left alone");
    let receipts = house.receipts();
    assert_eq!((receipts.len(), &receipts[0]["result"], &receipts[0]["already_known"]), (1, &"accepted".into(), &false.into()));
    // Stored as received, under its hash.
    let hash = receipts[0]["sha256"].as_str().unwrap();
    assert_eq!(fs::read(house.path(&format!("data/store/{}/{hash}", &hash[..2]))).unwrap(), whole.as_bytes());
}

#[test]
fn a_message_that_stays_cut_off_is_refused_with_a_receipt_and_its_bytes_are_kept() {
    let house = House::new();
    let whole = message("000000000001", AUTO, "6101804567");
    let half = house.drop("6101804567.xml", &whole[..whole.len() / 2]);
    set_age(&half, Duration::from_secs(120));
    let run = house.run();
    assert_eq!((&run["files_refused"], &run["letters_accepted"]), (&1.into(), &0.into()));
    let receipts = house.receipts();
    assert_eq!((&receipts[0]["result"], &receipts[0]["code"]), (&"rejected".into(), &"FP-I001".into()));
    assert_eq!(receipts[0]["file"], "xxxxxx-xxxx.xml", "a number in a file's name is masked");
    let hash = receipts[0]["sha256"].as_str().unwrap();
    assert!(house.path(&format!("data/store/{}/{hash}", &hash[..2])).exists());
    assert!(!half.exists());
}

#[test]
fn the_same_message_twice_is_one_letter_and_another_content_under_its_name_is_refused() {
    let house = House::new();
    let first = message("000000000001", AUTO, "6101804567");
    house.drop("a.xml", &first);
    house.drop("b.xml", &first);
    // Other bytes, the same content.
    house.drop("c.xml", format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{first}\n"));
    let run = house.run();
    assert_eq!((&run["letters_accepted"], &run["files_known"], &run["files_refused"]), (&1.into(), &2.into(), &0.into()));
    // A UUID is the same in capitals.
    let bare = |id: &str| {
        let message = message(id, AUTO, "6101804567");
        let part = &message[message.find("<f:ForsendelseI>").unwrap()..message.find("</f:ForsendelseISamling>").unwrap()];
        part.replacen("<f:ForsendelseI>", "<f:ForsendelseI xmlns:f=\"urn:oio:fjernprint:1.0.0\" xmlns:d=\"urn:oio:dkal:1.0.0\">", 1)
    };
    house.drop("f.xml", bare("5f1e0000-0000-4000-8000-0000000000ab"));
    house.drop("g.xml", bare("5F1E0000-0000-4000-8000-0000000000AB"));
    let run = house.run();
    assert_eq!((&run["letters_accepted"], &run["files_known"], &run["files_refused"]), (&1.into(), &1.into(), &0.into()), "{run}");
    house.drop("d.xml", message("000000000001", AUTO, "6201804567"));
    house.drop("e.xml", &first);
    let run = house.run();
    assert_eq!((&run["letters_accepted"], &run["files_known"], &run["files_refused"]), (&0.into(), &1.into(), &1.into()));
    assert!(house.receipts().iter().any(|r| r["code"] == "FP-I011"));
    assert_eq!(house.letters("validated").len(), 2);
    assert_eq!(house.ask(&["ledger", "verify", "--deep"]).status.code(), Some(0));
}

#[test]
fn a_link_is_not_followed_and_a_stranger_is_left_where_it_lies() {
    let house = House::new();
    let outside = house.write("secret.xml", message("000000000001", AUTO, "6101804567"));
    fs::create_dir_all(house.path("drop/sagssystem")).unwrap();
    std::os::unix::fs::symlink(&outside, house.path("drop/sagssystem/link.xml")).unwrap();
    house.drop("note.txt", "hello");
    let run = house.run();
    assert_eq!((&run["files_ignored"], &run["letters_accepted"]), (&2.into(), &0.into()));
    assert!(outside.exists() && house.path("drop/sagssystem/note.txt").exists());
}

const HEADER: &str = "dispatch_id;recipient_id;name;co;street;place;postcode;city;country;document;attachments;template;plex;colour;envelope;\
                      postage;cost_group;sagsnummer;beloeb;frist\n";

#[test]
fn each_row_of_a_table_ends_where_it_should() {
    let house = House::new();
    let rows = [
        "t-1;6101804567;Åse Ægidius;;Ærtevej 3;;6875;Æblesund;;;;afgoerelse;;;;;;S-1;100,00;1. december",
        "t-2;;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;brev.pdf;bilag.pdf|bilag.pdf;;simplex;colour;c4;prioritaire;4110;;;",
        "t-3;;No Address;;;;;;;;;afgoerelse;;;;;;S-3;100,00;1. december",
        "t-4;;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;gone.pdf;;;;;;;;;;",
        "t-5;;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;../../fjernprint.toml;;;;;;;;;;",
        "t-6;12;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;brev.pdf;;;;;;;;;;",
        ";;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;brev.pdf;;;;;;;;;;",
        "t-8;;Bo Prøvesen;;Ågade 4;;87;Æblesund;;brev.pdf;;;;;;;;;;",
        "t-9;;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;;;nosuch;;;;;;;;",
        "t-10;;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;;;afgoerelse;;;;;;S-10;;1. december",
        "t-11;;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;brev.pdf;;;tripleks;;;;;;;",
    ];
    house.drop("night/letters.csv", format!("\u{feff}{HEADER}{}\n", rows.join("\n")));
    house.drop("night/brev.pdf", pdf(&[A4; 3], |_, _| {}));
    house.drop("night/bilag.pdf", pdf(&[A4], |_, _| {}));
    let run = house.run();
    assert_eq!((&run["letters_accepted"], &run["validated"], &run["rejected"]), (&11.into(), &2.into(), &9.into()), "{run}");
    let rejected: Vec<(String, String)> = house
        .letters("rejected")
        .iter()
        .map(|l| (l["dispatch_id"].as_str().unwrap().to_owned(), l["reason"][0].as_str().unwrap().to_owned()))
        .collect();
    let code = |id: &str| rejected.iter().find(|(known, _)| known.ends_with(id)).map(|(_, code)| code.as_str());
    for (id, expected) in [
        ("t-3", "FP-I010"),
        ("t-4", "FP-I014"),
        ("t-5", "FP-I014"),
        ("t-6", "FP-I009"),
        ("-line-8", "FP-I005"),
        ("t-8", "FP-I010"),
        ("t-9", "FP-D003"),
        ("t-10", "FP-D003"),
        ("t-11", "FP-I005"),
    ] {
        assert_eq!(code(id), Some(expected), "{id}: {rejected:?}");
    }
    let valid = house.letters("validated");
    let simplex = valid.iter().find(|l| l["dispatch_id"] == "t-2").unwrap();
    assert_eq!(
        (&simplex["job"]["pages"], &simplex["job"]["sheets"], &simplex["job"]["options"]["envelope"]),
        (&5.into(), &5.into(), &"c4".into())
    );
    assert!(!house.path("drop/sagssystem/night").exists());

    // The corrected table: what is known stays one letter, what was rejected keeps its name's word.
    house.drop("again/letters.csv", format!("{HEADER}{}\nt-12;;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;brev.pdf;;;;;;;;;;\n", rows[0]));
    house.drop("again/brev.pdf", pdf(&[A4], |_, _| {}));
    let run = house.run();
    assert_eq!((&run["letters_accepted"], &run["validated"]), (&1.into(), &1.into()), "{run}");
}

/// What stands beside a table under a PDF's name, and is none; and a PDF that comes after its row was refused.
#[test]
fn strange_things_beside_a_table_refuse_their_row_and_hold_up_nothing() {
    let house = House::new();
    let row = |id: &str, file: &str| format!("{id};;Bo Prøvesen;;Ågade 4;;6875;Æblesund;;{file};;;;;;;;;;\n");
    let table =
        format!("{HEADER}{}{}{}{}", row("s-1", "folder.pdf"), row("s-2", "pipe.pdf"), row("s-3", "late.pdf"), row("s-4", "brev.pdf"));
    house.drop("night/letters.csv", &table);
    house.drop("night/folder.pdf/inside", "x");
    house.drop("night/brev.pdf", pdf(&[A4], |_, _| {}));
    let made = std::process::Command::new("mkfifo").arg(house.path("drop/sagssystem/night/pipe.pdf")).status().unwrap();
    assert!(made.success());
    let run = house.run();
    assert_eq!((&run["validated"], &run["rejected"]), (&1.into(), &3.into()), "{run}");
    assert!(house.letters("rejected").iter().all(|l| l["reason"][0] == "FP-I014"));
    let receipt = house.receipts().remove(0);
    assert_eq!(receipt["result"], "partial");

    // The same table again, now with the PDF: its row keeps its word, told again, and the PDF is not taken away unread.
    house.drop("night/letters.csv", &table);
    let late = house.drop("night/late.pdf", pdf(&[A4; 2], |_, _| {}));
    house.run();
    assert!(late.exists());
    let receipt = house.receipts().remove(0);
    assert_eq!((&receipt["letters"][2]["result"], &receipt["letters"][2]["code"]), (&"known".into(), &"FP-I014".into()), "{receipt}");
}

#[test]
fn what_is_too_large_is_refused_whole_and_kept_aside() {
    let house = House::new();
    let rows = "x".repeat(3_000);
    let mut table = HEADER.to_owned();
    while table.len() as u64 <= fjernprint::wire::table::TABLE_BYTES_MAX {
        table += &format!("id;;{rows}\n");
    }
    house.drop("night/letters.csv", &table);
    let run = house.run();
    assert_eq!((&run["files_refused"], &run["letters_accepted"]), (&1.into(), &0.into()));
    assert_eq!(house.receipts()[0]["code"], "FP-I016");
    assert!(!house.path("drop/sagssystem/night").exists());
    let aside: Vec<PathBuf> = fs::read_dir(house.path("data/too-large")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(fs::metadata(aside[0].join("letters.csv")).unwrap().len(), table.len() as u64);
}

#[test]
fn a_table_that_cannot_be_read_as_rows_is_refused_whole_and_nothing_beside_it_is_lost() {
    for (name, table) in [("cells", format!("{HEADER}a;b\n")), ("header", "id;name\n1;2\n".to_owned()), ("empty", HEADER.to_owned())] {
        let house = House::new();
        house.drop(&format!("{name}/letters.csv"), table);
        let letter = house.drop(&format!("{name}/brev.pdf"), pdf(&[A4], |_, _| {}));
        assert_eq!(house.run()["files_refused"], 1, "{name}");
        assert_eq!(house.receipts()[0]["code"], "FP-I016");
        assert!(letter.exists());
    }
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let house = House::new();
    house.drop("a.xml", message("000000000001", AUTO, "6101804567"));
    house.drop("b.xml", message("000000000002", AUTO, "6201804567"));
    let output = house.ask(&["run", "--dry-run"]);
    let lines: Vec<Value> = String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&lines[0]["message_type"], lines[0]["letters"].as_array().unwrap().len()), (&"plan".into(), 1));
    let class = (&lines[1]["message_type"], &lines[1]["letters"], &lines[1]["unpriced"]);
    assert_eq!(class, (&"class".into(), &1.into(), &0.into()), "{}", lines[1]);
    assert!(lines[1]["cost_ore"].as_u64().unwrap() > 0 && lines[2]["message_type"] == "forecast");
    let summary = lines.last().unwrap();
    assert_eq!((&summary["digital"], &summary["validated"]), (&1.into(), &1.into()));
    assert!(house.path("drop/sagssystem/a.xml").exists() && house.path("drop/sagssystem/b.xml").exists());
    assert!(house.receipts().is_empty() && house.letters("accepted").is_empty());
    let left: Vec<_> = fs::read_dir(house.path("data")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with("ledger.db")), "the copy is gone: {left:?}");
    assert_eq!(fs::read_dir(house.path("digital-outbox")).unwrap().count(), 0);
    assert_eq!(house.run()["validated"], 1);
}

#[test]
fn a_run_that_cannot_have_the_ledger_does_nothing_and_says_so() {
    let house = House::new();
    let letter = house.drop("a.xml", message("000000000001", AUTO, "6101804567"));
    // A ledger that vanished is no fresh start.
    fs::rename(house.path("data/ledger.db"), house.path("away.db")).unwrap();
    for command in [&["status"][..], &["run"], &["run", "--dry-run"], &["reconcile"], &["ledger", "verify"]] {
        assert_eq!(house.ask(command).status.code(), Some(10), "{command:?}");
    }
    fs::rename(house.path("away.db"), house.path("data/ledger.db")).unwrap();
    let lock = File::create(house.path("data/run.lock")).unwrap();
    lock.lock().unwrap();
    let output = house.ask(&["run"]);
    assert_eq!(output.status.code(), Some(11));
    assert!(String::from_utf8_lossy(&output.stderr).contains("FP-L002"));
    assert!(letter.exists() && house.letters("accepted").is_empty());
    drop(lock);
    // Without a connection the batch is sealed and waits.
    let output = house.ask(&["run"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("FP-C008"));
    assert_eq!(house.letters("batched").len(), 1);
}

#[test]
fn production_does_not_ship_on_assumptions_and_a_wrong_configuration_names_every_fault() {
    let house = House::new();
    house.change("environment = \"test\"", "environment = \"production\"");
    let output = house.ask(&["run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("FP-C005"));
    house.change("environment = \"production\"", "environment = \"toast\"");
    house.change("vendor = \"edora\"\nplex", "vendor = \"nobody\"\nplex");
    let said = String::from_utf8(house.ask(&["run"]).stderr).unwrap();
    assert!(said.contains("FP-C004") && said.contains("test or production") && said.contains("nobody"), "{said}");
    assert_eq!(fjernprint(&["init", house.dir.path().to_str().unwrap()]).status.code(), Some(2), "init changes nothing that is there");
}

/// The public samples through a night each, where the variable names them: the letter's end or the refusal's code. Their
/// PDFs are the words "This is a test", some name their sender "Sender ID", and one version of MeMo is not taken any more.
#[test]
fn the_public_samples_go_through_the_night() {
    let Ok(folder) = std::env::var("FJERNPRINT_FORMATS") else {
        eprintln!("FJERNPRINT_FORMATS is not set: the public samples do not go through the night");
        return;
    };
    let mut samples = Vec::new();
    let mut folders = vec![PathBuf::from(&folder)];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(&inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "xml") {
                samples.push(path);
            }
        }
    }
    samples.sort();
    assert!(samples.len() > 15);
    let mut found = String::new();
    for sample in &samples {
        // A house each: several bear the same identifier.
        let house = House::new();
        house.change("cvr = \"99990011\"", "cvr = \"12345678\"");
        house.change("municipalities = [\"99990011\"]", "municipalities = [\"12345678\"]");
        house.write("register.csv", "recipient_id;status\n2211771212;exempt\n");
        let path = house.drop("sample.xml", fs::read(sample).unwrap());
        set_age(&path, Duration::from_secs(120));
        house.run();
        assert!(!path.exists(), "{} was taken", sample.display());
        let receipt = house.receipts().remove(0);
        let end = match (receipt["code"].as_str(), receipt["letters"][0]["letter_id"].as_str()) {
            (Some(code), _) => format!("refused {code}"),
            (None, Some(id)) => {
                let shown = String::from_utf8(house.ask(&["letter", "show", id]).stdout).unwrap();
                let state: Value = serde_json::from_str(shown.lines().next().unwrap()).unwrap();
                format!("{} {}", state["state"]["status"].as_str().unwrap(), state["state"]["reason"][0].as_str().unwrap_or("-"))
            }
            _ => "no letter".to_owned(),
        };
        found += &format!("{end}  {}\n", sample.strip_prefix(&folder).unwrap().display());
        assert_eq!(house.ask(&["ledger", "verify", "--deep"]).status.code(), Some(0));
    }
    assert_eq!(found, PUBLIC_SAMPLES);
}

const PUBLIC_SAMPLES: &str = "\
rejected FP-V001  derived/kombi/kombi_request.auto.forsendelse-first.xml
rejected FP-V001  derived/kombi/kombi_request.auto.message-first.xml
held FP-R002  derived/kombi/kombi_request.digital.xml
rejected FP-V001  derived/kombi/kombi_request.fysisk.xml
refused FP-I004  derived/kombi/kombi_response.ok.shape.xml
refused FP-I004  derived/pko/PKO_PostStatus.error.decoded.xml
refused FP-I004  derived/pko/PKO_PostStatus.success.decoded.xml
rejected FP-V001  itk-dev-rpa__python-serviceplatformen/tests/message_xml/MeMo_Full_Example.xml
held FP-R005  itk-dev-rpa__python-serviceplatformen/tests/message_xml/MeMo_Minimum_Example.xml
refused FP-I005  itk-dev-rpa__python-serviceplatformen/tests/message_xml/MeMo_NemSMS.xml
refused FP-I005  itk-dev-rpa__python-serviceplatformen/tests/message_xml/MeMo_with_attachment.xml
held FP-R005  itk-dev-rpa__python-serviceplatformen/tests/message_xml_memo11/MeMo_Full_Example.xml
held FP-R005  itk-dev-rpa__python-serviceplatformen/tests/message_xml_memo11/MeMo_Minimum_Example.xml
refused FP-I005  itk-dev-rpa__python-serviceplatformen/tests/message_xml_memo11/MeMo_NemSMS.xml
refused FP-I005  itk-dev-rpa__python-serviceplatformen/tests/message_xml_memo11/MeMo_with_attachment.xml
rejected FP-V001  itk-dev-rpa__python-serviceplatformen/tests/physical_mail_xml/ForsendelseI_Minimal.xml
refused FP-I004  itk-dev__beskedfordeler-drupal/resources/messages/sf1601/PostStatusBeskedModtag.error.xml
refused FP-I004  itk-dev__beskedfordeler-drupal/resources/messages/sf1601/PostStatusBeskedModtag.success.xml
refused FP-I006  itk-dev__serviceplatformen/branch_feature_DW-277-SF1601-unit-tests/testMeMoScenarie1Eksempel.xml
refused FP-I006  itk-dev__serviceplatformen/branch_feature_DW-277-SF1601-unit-tests/testNamespaces.xml
refused FP-I006  itk-dev__serviceplatformen/branch_feature_DW-277-SF1601-unit-tests/testSerializeEmptyMessage.xml
";

/// A script prints nothing: where the sender allows it, it is taken out, and the ledger says so; where not, the letter is
/// rejected and its bytes are as they came.
#[test]
fn a_letter_is_repaired_where_its_sender_allows_it_and_nowhere_else() {
    let scripted = pdf(&[A4, A4], |document, catalog| {
        let script = lopdf::dictionary! { "S" => "JavaScript", "JS" => lopdf::Object::string_literal("app.alert(1)") };
        let catalog = document.get_object_mut(catalog).unwrap().as_dict_mut().unwrap();
        catalog.set("OpenAction", script);
    });
    let sent = message_of("000000000001", AUTO, "6101804567", &scripted);
    let house = House::new();
    house.drop("a.xml", &sent);
    assert_eq!(house.run()["rejected"], 1);
    assert!(house.letters("rejected")[0]["reason"].to_string().contains("FP-V030"));

    let house = House::new();
    house.change("# repair = [\"boxes\", \"turn\", \"flatten\", \"drop_active\"]", "repair = [\"drop_active\"]");
    house.drop("a.xml", &sent);
    let run = house.run();
    assert_eq!((&run["rejected"], &run["validated"]), (&0.into(), &1.into()));
    let letter = &house.letters("validated")[0];
    let job = &letter["job"];
    assert!(!job["repairs"].as_array().unwrap().is_empty(), "what was done is listed: {letter}");
    assert_eq!(job["received"], sha256(&scripted), "what came in is told as it came in");
    let printed = job["document"].as_str().unwrap();
    let printed = fs::read(house.path(&format!("data/store/{}/{printed}", &printed[..2]))).unwrap();
    let facts = fjernprint::pdf::inspect(&printed);
    assert!(!facts.structure.javascript && facts.pages.len() == 2);
}

fn sha256(bytes: &[u8]) -> Value {
    fjernprint::domain::Sha256(openssl::sha::sha256(bytes)).to_string().into()
}
