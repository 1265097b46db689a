//! From sealed batches to the vendors' last word: vendors that are down, runs that were cut off at the worst moment, and
//! answers that do not add up.

use crate::night::{command, fjernprint};
use crate::pdf::{A4, pdf};
use crate::proxy::black_hole;
use fjernprint::adapters::sftp::Address;
use fjernprint::domain::status::{BatchEvent, BatchStatus, LetterStatus};
use fjernprint::domain::{BatchName, Sha256, VendorId};
use fjernprint::ledger::{Entry, Ledger};
use fjernprint::pipeline::ship::{Part, earlier, left_over, wait_after};
use fjernprint::vendor::VendorProfile;
use fjernprint::vendor_site::{Manners, Site, SiteOptions, printed, verify};
use fjernprint::wire::manifest::{BatchFiles, letters_from_csv};
use fjernprint::wire::receipt::{Ack, AckResult, ReceiptHead, ReceiptRow, VendorStatus, rows_to_csv};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A municipality for each vendor, letters for all of them, and vendors that are tried once.
pub struct Town {
    dir: tempfile::TempDir,
    vendors: Vec<(&'static str, &'static str)>,
}

pub const VENDORS: [(&str, &str); 3] = [("edora", "99990011"), ("kmd", "99990022"), ("straalfors", "99990033")];
/// Letters that each vendor gets.
pub const LETTERS: usize = 3;

fn plain(n: usize) -> Vec<u8> {
    pdf(&vec![A4; n + 1], |_, _| {})
}

impl Town {
    pub fn new() -> Self {
        Self::with(&VENDORS, plain)
    }

    /// Where one vendor prints for everybody.
    pub fn of(vendor: &str) -> Self {
        Self::with(&VENDORS.into_iter().filter(|(known, _)| *known == vendor).collect::<Vec<_>>(), plain)
    }

    /// As it is, in another place.
    pub fn copy(&self) -> Self {
        let town = Self { dir: tempfile::tempdir().unwrap(), vendors: self.vendors.clone() };
        let copied = Command::new("cp").arg("-a").arg(self.path(".")).arg(town.dir.path()).status().unwrap();
        assert!(copied.success());
        town
    }

    /// Every vendor gets letters number 0 to 2.
    pub fn with_letters(letter: impl Fn(usize) -> Vec<u8>) -> Self {
        Self::with(&VENDORS, letter)
    }

    fn with(vendors: &[(&'static str, &'static str)], letter: impl Fn(usize) -> Vec<u8>) -> Self {
        let town = Self { dir: tempfile::tempdir().unwrap(), vendors: vendors.to_vec() };
        assert_eq!(fjernprint(&["init", town.dir.path().to_str().unwrap()]).status.code(), Some(0));
        for (vendor, _) in VENDORS {
            let text = fs::read_to_string(format!("{}/vendors/{vendor}/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
            let folder = town.path(&format!("vendors/{vendor}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("profile.toml"), text.replace("attempts_max = 5", "attempts_max = 1")).unwrap();
        }
        for (vendor, _) in &town.vendors {
            let folder = town.path(&format!("drop/{vendor}/night"));
            fs::create_dir_all(&folder).unwrap();
            let row = |n: usize| format!("{vendor}-{n};;Bo Prøvesen;;Ågade {n};;6875;Æblesund;brev-{n}.pdf\n");
            let rows: String = (0..LETTERS).map(row).collect();
            fs::write(folder.join("letters.csv"), format!("dispatch_id;recipient_id;name;co;street;place;postcode;city;document\n{rows}"))
                .unwrap();
            (0..LETTERS).for_each(|n| fs::write(folder.join(format!("brev-{n}.pdf")), letter(n)).unwrap());
        }
        town.configure(&[]);
        town
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub fn configure(&self, reaches: &[(&str, Address)]) {
        let mut text = "environment = \"test\"\n[folders]\ndrop = \"drop\"\ndata = \"data\"\nreceipts = \"receipts\"\ndigital = \"digital-outbox\"\n\
            vendors = \"vendors\"\n[intake]\nsettle_s = 0\n[register]\nfile = \"register.csv\"\nkey_file = \"keys/register.key\"\n[signing]\n\
            certificate = \"keys/signer.pem\"\nkey = \"keys/signer.key\"\n"
            .to_owned();
        for (vendor, cvr) in &self.vendors {
            text += &format!("[[municipality]]\ncvr = \"{cvr}\"\nname = \"{vendor}by\"\nvendor = \"{vendor}\"\n");
            text += &format!("[[sender]]\nid = \"{vendor}\"\nmunicipalities = [\"{cvr}\"]\n");
        }
        for (vendor, address) in reaches {
            let Address { host, port, user, key_file, agent, host_key_pin, .. } = address;
            text += &format!("[[connection]]\nvendor = \"{vendor}\"\nhost = \"{host}\"\nport = {port}\nuser = \"{user}\"\n");
            text += &format!("key_file = \"{}\"\nagent = {agent}\nhost_key_pin = \"{host_key_pin}\"\n", key_file.display());
        }
        fs::write(self.path("fjernprint.toml"), text).unwrap();
    }

    pub fn site(&self, vendor: &str) -> (Site, Address) {
        self.site_as(vendor, Manners::default())
    }

    pub fn site_as(&self, vendor: &str, manners: Manners) -> (Site, Address) {
        let text = fs::read_to_string(self.path(&format!("vendors/{vendor}/profile.toml"))).unwrap();
        let options = SiteOptions {
            profile: VendorProfile::parse(&text).unwrap(),
            dir: self.path(&format!("site/{vendor}")),
            authorised_key: fs::read_to_string(self.path("keys/ssh.pub")).unwrap(),
            trusted_pem: fs::read(self.path("keys/ca.pem")).unwrap(),
            port: 0,
        };
        // The lock of a site that was just stopped may live on for a moment in a process that is being started elsewhere.
        let deadline = Instant::now() + Duration::from_secs(10);
        let site = loop {
            match Site::start_as(options.clone(), manners.clone()) {
                Ok(site) => break site,
                Err(fault) => assert!(fault.why.contains("another site") && Instant::now() < deadline, "{fault}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let address = Address {
            host: "127.0.0.1".into(),
            port: site.port(),
            user: vendor.into(),
            key_file: self.path("keys/ssh"),
            key_passphrase_file: None,
            agent: false,
            host_key_pin: site.host_key_pin().to_owned(),
            timeout_s: 10,
        };
        (site, address)
    }

    pub fn ask(&self, arguments: &[&str]) -> Output {
        let config = self.path("fjernprint.toml");
        fjernprint(&[arguments, &["--json", "--quiet", "--config", config.to_str().unwrap()]].concat())
    }

    pub fn ask_plainly(&self, arguments: &[&str]) -> Output {
        let config = self.path("fjernprint.toml");
        fjernprint(&[arguments, &["--config", config.to_str().unwrap()]].concat())
    }

    pub fn run(&self, arguments: &[&str]) -> Option<i32> {
        let output = self.ask(arguments);
        eprintln!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.status.code()
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::open_read_only(&self.path("data/ledger.db")).unwrap()
    }

    pub fn batches(&self, vendor: &str) -> Vec<(BatchName, BatchStatus)> {
        let vendor: VendorId = vendor.parse().unwrap();
        let all = self.ledger().batches(&BatchStatus::ALL).unwrap();
        all.into_iter().filter(|(_, s)| s.vendor == vendor).map(|(name, s)| (name, s.status)).collect()
    }

    pub fn count(&self, status: LetterStatus) -> u64 {
        self.ledger().counts_of_status(status).unwrap()
    }

    /// Runs until the vendors have answered for every letter.
    pub fn until_settled(&self, letters: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.count(LetterStatus::Settled) < letters as u64 {
            assert!(Instant::now() < deadline, "not settled in time");
            assert_eq!(self.run(&["reconcile"]), Some(0));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_vendor_that_is_down_delays_no_other_and_is_shipped_to_by_a_later_run() {
    let town = Town::new();
    let (kmd, kmd_address) = town.site("kmd");
    let (edora, edora_address) = town.site("edora");
    edora.stop();
    // Strålfors shows another host key than the pinned one: not a byte goes there.
    let (straalfors, mut straalfors_address) = town.site("straalfors");
    let right = straalfors_address.host_key_pin.clone();
    straalfors_address.host_key_pin = kmd_address.host_key_pin.clone();
    town.configure(&[("edora", edora_address.clone()), ("kmd", kmd_address.clone()), ("straalfors", straalfors_address.clone())]);
    let output = town.ask(&["run"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(12), "a wrong key is graver than a vendor that is down: {said}");
    assert!(said.contains("FP-S001") && said.contains("FP-S002"), "{said}");
    town.until_settled(LETTERS);
    assert!(town.batches("edora").iter().chain(&town.batches("straalfors")).all(|(_, status)| *status == BatchStatus::Sealed));

    straalfors_address.host_key_pin = right;
    town.configure(&[("edora", edora_address), ("kmd", kmd_address.clone()), ("straalfors", straalfors_address.clone())]);
    assert_eq!(town.run(&["run"]), Some(5));
    let (edora, edora_address) = town.site("edora");
    town.configure(&[("edora", edora_address), ("kmd", kmd_address), ("straalfors", straalfors_address)]);
    assert_eq!(town.run(&["run"]), Some(0));
    town.until_settled(3 * LETTERS);
    for (vendor, _) in VENDORS {
        assert_eq!(printed(&town.path(&format!("site/{vendor}"))).unwrap().len(), LETTERS, "{vendor}");
    }
    drop((kmd, edora, straalfors));
}

/// The worst neighbour: it accepts, and never says a word. While its time-out runs, the others are done.
#[test]
fn a_vendor_that_accepts_and_never_speaks_delays_no_other() {
    let town = Town::new();
    let (kmd, kmd_address) = town.site("kmd");
    let (straalfors, straalfors_address) = town.site("straalfors");
    let silent = Address { port: black_hole(), ..kmd_address.clone() };
    town.configure(&[("edora", silent), ("kmd", kmd_address), ("straalfors", straalfors_address)]);
    let config = town.path("fjernprint.toml");
    let mut run = command(&["run", "--until", "ship", "--quiet", "--config", config.to_str().unwrap()]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(25);
    let shipped = |vendor: &str| town.batches(vendor).iter().any(|(_, status)| *status == BatchStatus::Shipped);
    // The ledger is there from `init` on; the run opens it for writing meanwhile.
    while !(shipped("kmd") && shipped("straalfors")) {
        assert!(Instant::now() < deadline, "the others waited for the silent one");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(run.try_wait().unwrap().is_none(), "the silent one is still waited for: its time-out is 30 s");
    assert_eq!(town.batches("edora")[0].1, BatchStatus::Sealed);
    run.kill().unwrap();
    run.wait().unwrap();
    drop((kmd, straalfors));
}

#[test]
fn waits_double_up_to_a_bound_and_differ_by_chance() {
    let wait = |tries, random| wait_after(tries, random).as_millis();
    assert_eq!([1, 2, 3, 4].map(|tries| wait(tries, 1.0)), [500, 1000, 2000, 4000]);
    assert_eq!([1, 2, 3, 4].map(|tries| wait(tries, 0.0)), [250, 500, 1000, 2000]);
    assert_eq!([6, 7, 20, u32::MAX].map(|tries| wait(tries, 1.0)), [16_000, 20_000, 20_000, 20_000]);
    assert_eq!((wait(0, 1.0), wait(1, 7.0), wait(1, -1.0)), (500, 500, 250));
}

/// Only what is made of a name of ours and an earlier attempt's number is taken for our own.
#[test]
fn what_an_earlier_attempt_left_is_known_by_its_name() {
    let part = |name: &str| Part { local: format!("B/{name}"), remote: format!("in/B/{name}"), bytes: 1 };
    let parts = [part("a.pdf"), part("b.pdf")];
    let left = |names: &[&str]| -> Vec<(String, u32)> {
        let listed = names.iter().map(|name| ((*name).to_owned(), 1)).collect();
        left_over(&listed, "in/B", &parts, 3).into_iter().map(|(part, attempt)| (part.remote.clone(), attempt)).collect()
    };
    assert_eq!(left(&["a.pdf", "a.pdf.1.part", "b.pdf.2.part"]), [("in/B/a.pdf".to_owned(), 1), ("in/B/b.pdf".to_owned(), 2)]);
    let strange = ["a.pdf.3.part", "a.pdf.part", "c.pdf.1.part", "../a.pdf.1.part", "a.pdf.x.part", "a.pdf.-1.part", "a.pdf.1.part/.", ""];
    assert_eq!(left(&strange), []);
    assert_eq!((earlier(1), earlier(3), earlier(100)), (1..1, 1..3, 68..100));
}

/// Each vendor's batches are complete by this sign.
fn signs(town: &Town, word: &str) {
    for (vendor, _) in &town.vendors {
        let path = town.path(&format!("vendors/{vendor}/profile.toml"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("completion_sign = \"ready\"", &format!("completion_sign = \"{word}\""))).unwrap();
    }
}

/// A vendor begins on the sign that is agreed on, and its acceptance test asks for that one.
#[test]
fn a_batch_is_complete_by_the_sign_of_the_profile() {
    for word in ["done", "none"] {
        let town = Town::new();
        signs(&town, word);
        let sites: Vec<(&str, Site, Address)> = VENDORS.map(|(vendor, _)| (vendor, town.site(vendor))).map(|(v, (s, a))| (v, s, a)).into();
        town.configure(&sites.iter().map(|(vendor, _, address)| (*vendor, address.clone())).collect::<Vec<_>>());
        assert_eq!(town.run(&["run"]), Some(0), "{word}");
        town.until_settled(3 * LETTERS);
        for (vendor, inbox) in [("edora", "files/in"), ("kmd", "files/upload"), ("straalfors", "swept")] {
            let folder = town.path(&format!("site/{vendor}/{inbox}"));
            let batch = &town.batches(vendor)[0].0;
            assert!(!folder.join(BatchFiles::ready(batch)).exists(), "{vendor}");
            assert_eq!(folder.join(format!("{batch}.done")).exists(), word == "done", "{vendor}");
            let check = |sign: &[&str]| {
                let (folder, root) = (folder.to_str().unwrap(), town.path("keys/ca.pem"));
                let verify = ["batch", "verify", folder, "--certificate", root.to_str().unwrap(), "--delivered"];
                fjernprint(&[&verify, sign].concat()).status.code()
            };
            assert_eq!(check(&["--completion-sign", word]), Some(0), "{vendor} {word}");
            assert_eq!(check(&[]), Some(6), "{vendor} {word}: nobody agreed on .ready");
            if word == "done" {
                fs::remove_file(folder.join(format!("{batch}.done"))).unwrap();
                assert_eq!(check(&["--completion-sign", word]), Some(6), "{vendor}");
            }
        }
    }
}

#[test]
fn a_completion_sign_can_be_taken_for_no_other_file() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vendors/kmd/profile.toml")).unwrap();
    let with = |word: &str, renames: bool| {
        let text = text.replace("completion_sign = \"ready\"", &format!("completion_sign = \"{word}\""));
        let text = if renames { text } else { text.replace("rename_into_place = true", "rename_into_place = false") };
        VendorProfile::parse(&text).map(|_| ()).map_err(|fault| fault.to_string())
    };
    for word in ["ready", "done", "ok", "none", "a234567890123456"] {
        assert_eq!(with(word, true), Ok(()), "{word}");
    }
    for word in ["", "zip", "pdf", "csv", "json", "p7s", "p7m", "age", "part", "Ready", "a.b", "a/b", "..", "klar!", "a2345678901234567"] {
        assert!(with(word, true).unwrap_err().contains("completion_sign"), "{word}");
    }
    assert_eq!(with("done", false), Ok(()));
    assert!(with("none", false).unwrap_err().contains("half a signature"));
}

/// The cut that matters most: everything went up, and the run ended before it could write that down.
#[test]
fn a_run_cut_off_after_the_completion_sign_asks_and_prints_nothing_twice() {
    for (word, marker_arrived) in [("ready", true), ("ready", false), ("none", true), ("none", false)] {
        let town = Town::new();
        signs(&town, word);
        let sites: Vec<(Site, Address)> = VENDORS.iter().map(|(vendor, _)| town.site(vendor)).collect();
        let reaches: Vec<(&str, Address)> =
            VENDORS.iter().zip(&sites).map(|((vendor, _), (_, address))| (*vendor, address.clone())).collect();
        town.configure(&reaches);
        assert_eq!(town.run(&["run", "--until", "seal"]), Some(0));
        let (ledger, before) = (town.path("data/ledger.db"), town.path("before.db"));
        Ledger::open(&ledger).unwrap().copy_to(&before).unwrap();
        if marker_arrived {
            assert_eq!(town.run(&["run", "--until", "ship"]), Some(0));
        } else {
            // Parts are there, the sign is not: what a run leaves that is cut off before its last file.
            for (vendor, _) in VENDORS {
                // Where each site has what came: one sweeps it away, the others keep it in their inbox.
                let inbox = match vendor {
                    "straalfors" => "swept",
                    "kmd" => "files/upload",
                    _ => "files/in",
                };
                let target = town.path(&format!("site/{vendor}/{inbox}"));
                for (name, _) in town.batches(vendor) {
                    // Not even for a moment may the sign lie where the site looks.
                    let aside = town.path(&format!("aside/{name}"));
                    copy_all(&town.path(&format!("data/batches/{name}")), &aside);
                    if word == "none" {
                        fs::remove_file(aside.join(BatchFiles::signature(&name))).unwrap();
                    }
                    copy_all(&aside, &target);
                }
            }
        }
        for name in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = fs::remove_file(town.path(&format!("data/{name}")));
        }
        fs::copy(&before, &ledger).unwrap();
        let mut writer = Ledger::open(&ledger).unwrap();
        for (vendor, _) in VENDORS {
            for (name, _) in town.batches(vendor) {
                let events = [BatchEvent::UploadStarted { attempt: 1 }, BatchEvent::ReadyIntended {}];
                writer.record("2026-11-24T02:00:00Z", &events.map(|event| Entry::Batch(name.clone(), event))).unwrap();
            }
        }
        drop(writer);
        assert_eq!(town.run(&["run"]), Some(0), "{word} arrived: {marker_arrived}");
        town.until_settled(3 * LETTERS);
        for (vendor, _) in VENDORS {
            let mut letters: Vec<_> = printed(&town.path(&format!("site/{vendor}"))).unwrap().into_iter().map(|(_, l)| l).collect();
            letters.sort();
            letters.dedup();
            assert_eq!(letters.len(), LETTERS);
            assert_eq!(printed(&town.path(&format!("site/{vendor}"))).unwrap().len(), LETTERS, "{vendor} printed one twice");
        }
        assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0));
    }
}

pub fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// What a vendor's technician writes into the outbox by hand.
pub struct Desk {
    pub outbox: PathBuf,
    pub batch: BatchName,
    pub manifest: Sha256,
    pub rows: Vec<ReceiptRow>,
}

pub const AT: &str = "2026-11-24T06:00:00Z";

impl Desk {
    pub fn ack(&self, result: AckResult) {
        let ack = Ack {
            batch: self.batch.clone(),
            manifest_sha256: self.manifest,
            result,
            reason: "the printer is on fire".into(),
            at: AT.into(),
        };
        fs::write(self.outbox.join(format!("{}.ack.json", self.batch)), serde_json::to_vec(&ack).unwrap()).unwrap();
    }

    pub fn receipt(&self, number: u32, cumulative: bool, rows: &[ReceiptRow], change: impl FnOnce(&mut ReceiptHead)) {
        let csv = rows_to_csv(rows).unwrap();
        let mut head = ReceiptHead {
            batch: self.batch.clone(),
            manifest_sha256: self.manifest,
            number,
            cumulative,
            letters: rows.len() as u32,
            pages: rows.iter().map(|r| r.pages).sum(),
            sheets: rows.iter().map(|r| r.sheets).sum(),
            rows_sha256: Sha256(openssl::sha::sha256(&csv)),
            at: AT.into(),
        };
        change(&mut head);
        let base = format!("{}/{}.receipt-{number}", self.outbox.display(), self.batch);
        fs::write(format!("{base}.csv"), &csv).unwrap();
        fs::write(format!("{base}.json"), serde_json::to_vec(&head).unwrap()).unwrap();
    }
}

/// A night that was shipped to a vendor with an ordinary OpenSSH server: the server, the town, the vendor's outbox.
pub fn over_openssh() -> (crate::sshd::Server, Town, PathBuf) {
    let server = crate::sshd::start();
    let town = Town::new();
    let outbox = server.jail.join("out");
    fs::create_dir_all(&outbox).unwrap();
    town.configure(&[("edora", server.address.clone())]);
    // The other two have no connection: their batches wait, and that is told.
    assert_eq!(town.run(&["run"]), Some(2));
    (server, town, outbox)
}

/// A vendor with an ordinary OpenSSH server, who answers by hand: first wrongly in every way, then rightly.
#[test]
fn a_night_over_a_real_openssh_server_and_answers_that_do_not_add_up() {
    let (server, town, outbox) = over_openssh();
    let [(batch, BatchStatus::Shipped)] = &town.batches("edora")[..] else { panic!("{:?}", town.batches("edora")) };
    assert!(server.jail.join(format!("in/{batch}.ready")).exists());
    let accepted =
        verify(&server.jail.join("in"), batch, &fs::read(town.path("keys/ca.pem")).unwrap()).unwrap_or_else(|r| panic!("{}", r.message));
    let csv = fs::read(server.jail.join(format!("in/{batch}.letters.csv"))).unwrap();
    let letters = letters_from_csv(&csv).unwrap();
    let row = |status| {
        move |l: &fjernprint::wire::manifest::LetterRow| ReceiptRow {
            letter_id: l.letter_id.clone(),
            status,
            reason: String::new(),
            pages: l.pages,
            sheets: l.sheets,
            at: AT.into(),
        }
    };
    let desk = Desk {
        outbox: outbox.clone(),
        batch: batch.clone(),
        manifest: accepted.manifest_sha256,
        rows: letters.iter().map(row(VendorStatus::HandedOver)).collect(),
    };
    let refused = |code: &str| {
        // Alarms are the ledger's too: what is compared is the batch and its letters.
        let stands = || (town.ledger().history(batch.as_str()).unwrap(), town.ledger().letters_of(batch).unwrap());
        let before = stands();
        let output = town.ask(&["reconcile"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(6), "{code}: {said}");
        assert!(said.contains(code), "{code}: {said}");
        assert_eq!(stands(), before, "{code}: nothing of it was applied");
    };
    let ack_name = outbox.join(format!("{batch}.ack.json"));
    fs::write(&ack_name, "{").unwrap();
    refused("FP-A001");
    Desk { manifest: Sha256([7; 32]), rows: Vec::new(), outbox: outbox.clone(), batch: batch.clone() }.ack(AckResult::Accepted);
    refused("FP-A002");
    fs::write(&ack_name, vec![b' '; 100_000]).unwrap();
    refused("FP-A001");
    desk.ack(AckResult::Accepted);
    assert_eq!(town.run(&["reconcile"]), Some(0));
    assert_eq!(town.batches("edora")[0].1, BatchStatus::Acknowledged);

    let rows = &desk.rows;
    desk.receipt(1, true, rows, |head| head.pages += 1);
    refused("FP-A003");
    desk.receipt(1, true, rows, |head| head.rows_sha256 = Sha256([1; 32]));
    refused("FP-A003");
    desk.receipt(1, true, &rows[1..], |_| {});
    refused("FP-A003");
    desk.receipt(1, true, rows, |head| head.number = 2);
    refused("FP-A002");
    fs::remove_file(outbox.join(format!("{batch}.receipt-1.csv"))).unwrap();
    refused("FP-A001");

    // Progress, then one final word, then the rest; each is applied once.
    let mut first: Vec<ReceiptRow> = letters.iter().map(row(VendorStatus::Printed)).collect();
    first[0].status = VendorStatus::HandedOver;
    desk.receipt(1, true, &first, |_| {});
    assert_eq!(town.run(&["reconcile"]), Some(0));
    assert_eq!(town.count(LetterStatus::Settled), 1);
    // Backwards is no news; incremental may leave letters out.
    desk.receipt(2, false, &letters[1..].iter().map(row(VendorStatus::Received)).collect::<Vec<_>>(), |_| {});
    assert_eq!(town.run(&["reconcile"]), Some(0));
    desk.receipt(3, true, rows, |_| {});
    assert_eq!(town.run(&["reconcile"]), Some(0));
    assert_eq!(town.count(LetterStatus::Settled), LETTERS as u64);
    assert_eq!(town.batches("edora")[0].1, BatchStatus::Settled);
    assert_eq!(town.run(&["ledger", "verify"]), Some(0));
}

#[test]
fn a_batch_that_the_vendor_refuses_is_told_and_stays_open() {
    let (_server, town, outbox) = over_openssh();
    let (batch, _) = town.batches("edora").remove(0);
    let manifest = town.ledger().batch(&batch).unwrap().unwrap().manifest;
    Desk { outbox, batch: batch.clone(), manifest, rows: Vec::new() }.ack(AckResult::Rejected);
    let output = town.ask(&["reconcile"]);
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stderr).contains("FP-A007"));
    assert_eq!(town.batches("edora")[0].1, BatchStatus::Refused);
    let status = town.ask(&["status"]);
    let summary: serde_json::Value = serde_json::from_str(String::from_utf8_lossy(&status.stdout).lines().last().unwrap()).unwrap();
    assert_eq!((&summary["open"], &summary["pending"]), (&LETTERS.into(), &(2 * LETTERS).into()));
}

/// What lies on disk is proved before it is sent, whatever was done to it.
#[test]
fn a_batch_that_was_changed_on_disk_is_not_sent_and_the_ledger_says_so() {
    type Change = fn(&std::path::Path, &BatchName);
    let changes: [Change; 5] = [
        |folder, name| flip_a_bit(&folder.join(format!("{name}.manifest.json.p7s"))),
        |folder, name| flip_a_bit(&folder.join(format!("{name}.letters.csv"))),
        |folder, name| flip_a_bit(&folder.join(format!("{name}.zip"))),
        |folder, name| fs::remove_file(folder.join(format!("{name}.manifest.json.p7s"))).unwrap(),
        |folder, _| fs::write(folder.join("stranger.pdf"), b"%PDF-1.7").unwrap(),
    ];
    let town = Town::new();
    let (site, address) = town.site("edora");
    town.configure(&[("edora", address)]);
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(0));
    let (name, _) = town.batches("edora").remove(0);
    let folder = town.path(&format!("data/batches/{name}"));
    copy_all(&folder, &town.path("kept"));
    for change in changes {
        change(&folder, &name);
        let output = town.ask(&["run", "--until", "ship"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("FP-L006") && output.status.code() == Some(6), "{said}");
        assert!(fs::read_dir(town.path("site/edora/files/in")).unwrap().next().is_none(), "nothing of it went up");
        let verified = town.ask(&["ledger", "verify", "--deep"]);
        assert_eq!(verified.status.code(), Some(6));
        fs::remove_dir_all(&folder).unwrap();
        copy_all(&town.path("kept"), &folder);
    }
    assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0));
    // Without a signer nothing is sealed, but what is sealed still goes.
    fs::rename(town.path("keys/signer.key"), town.path("keys/away")).unwrap();
    assert_eq!(town.run(&["run"]), Some(12));
    town.until_settled(LETTERS);
    site.stop();
}

fn flip_a_bit(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}
