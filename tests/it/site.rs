//! The vendor in a box: our client and OpenSSH's deliver to it, every letter is printed once, answers come back.

use crate::batches::{Draft, Sealed, Signer, letter, profile};
use crate::sshd::{fingerprint, keygen};
use fjernprint::adapters::sftp::{Address, Connection, Manner, Target};
use fjernprint::domain::answer::Meaning;
use fjernprint::domain::{BatchName, LetterId, Sha256};
use fjernprint::vendor_site::{Site, SiteOptions, printed};
use fjernprint::wire::manifest::BatchFiles;
use fjernprint::wire::receipt::{Ack, AckResult, Named, ReceiptHead, VendorStatus, read_rows, rows_from_csv};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

struct Vendor {
    dir: tempfile::TempDir,
    signer: Signer,
    vendor: &'static str,
    site: Option<Site>,
}

impl Vendor {
    fn new(vendor: &'static str) -> Self {
        let mut new = Self { dir: tempfile::tempdir().unwrap(), signer: Signer::new(), vendor, site: None };
        keygen(&new.path("key"));
        new.start();
        new
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn site_dir(&self) -> PathBuf {
        self.path("site")
    }

    fn options(&self) -> SiteOptions {
        let authorised_key = fs::read_to_string(self.path("key.pub")).unwrap();
        SiteOptions {
            profile: profile(self.vendor),
            dir: self.site_dir(),
            authorised_key,
            trusted_pem: self.signer.root_pem.clone(),
            port: 0,
        }
    }

    fn start(&mut self) {
        self.site = Some(Site::start(self.options()).unwrap());
    }

    fn stop(&mut self) {
        self.site.take().unwrap().stop();
    }

    fn address(&self) -> Address {
        let site = self.site.as_ref().unwrap();
        Address {
            host: "127.0.0.1".into(),
            port: site.port(),
            user: self.vendor.into(),
            key_file: self.path("key"),
            key_passphrase_file: None,
            agent: false,
            host_key_pin: site.host_key_pin().to_owned(),
            timeout_s: 10,
        }
    }

    /// Delivers as the profile says, in the order of the format.
    fn deliver(&self, sealed: &Sealed) -> BatchName {
        self.upload(&sealed.signed(&self.signer));
        sealed.batch()
    }

    fn upload(&self, files: &[(String, Vec<u8>)]) {
        let (connection, delivery) = (Connection::open(&self.address()).unwrap(), profile(self.vendor).delivery);
        for (name, bytes) in files {
            if let Some((folder, _)) = name.split_once('/') {
                connection.folder(&format!("{}/{folder}", delivery.inbox)).unwrap();
            }
            let remote = format!("{}/{name}", delivery.inbox);
            let manner = Manner { rename: delivery.rename_into_place, look: !delivery.sweeps, ..Manner::default() };
            connection.upload(&mut Cursor::new(bytes), &Target::new(remote, bytes.len() as u64), &manner).unwrap();
        }
    }

    fn outbox(&self, name: &str) -> PathBuf {
        self.site_dir().join("files").join(profile(self.vendor).delivery.outbox).join(name)
    }

    /// Fetches an answer over SFTP once it is there.
    fn answer(&self, name: &str) -> Vec<u8> {
        wait(name, || self.outbox(name).exists());
        let connection = Connection::open(&self.address()).unwrap();
        connection.read(&format!("{}/{name}", profile(self.vendor).delivery.outbox), 1 << 20).unwrap()
    }

    fn ack(&self, batch: &BatchName) -> Ack {
        serde_json::from_slice(&self.answer(&BatchFiles::ack(batch))).unwrap()
    }

    fn printed(&self) -> Vec<LetterId> {
        printed(&self.site_dir()).unwrap().into_iter().map(|(_, letter)| letter).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.site_dir().join("site.log")).unwrap_or_default()
    }

    /// Takes an answer away and asks again with another ready marker.
    fn ask_again(&self, batch: &BatchName) {
        let delivery = profile(self.vendor).delivery;
        let ready = format!("{}/{}", delivery.inbox, BatchFiles::ready(batch));
        let _ = fs::remove_file(self.site_dir().join("files").join(&ready));
        let connection = Connection::open(&self.address()).unwrap();
        connection.upload(&mut Cursor::new(b""), &Target::new(ready, 0), &Manner { look: false, ..Manner::default() }).unwrap();
    }
}

fn wait(what: &str, until: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !until() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn head_name(batch: &BatchName) -> String {
    format!("{batch}.receipt-1.json")
}

fn csv_name(batch: &BatchName) -> String {
    format!("{batch}.receipt-1.csv")
}

/// The rows in the vendor's dialect.
fn rows_name(vendor: &str, batch: &BatchName) -> String {
    format!("{batch}.receipt-1.{}", profile(vendor).answers.dialect.ending())
}

#[test]
fn every_vendor_answers_and_prints_each_letter_once() {
    for vendor in ["edora", "kmd", "straalfors"] {
        let mut v = Vendor::new(vendor);
        let sealed = Draft::new(vendor, 1, &[1, 3, 2]).seal();
        // Signed once: a signature made again has other bytes, and the vendor would hold another file under its name.
        let (batch, files) = (sealed.batch(), sealed.signed(&v.signer));
        v.upload(&files);
        let head: ReceiptHead = serde_json::from_slice(&v.answer(&head_name(&batch))).unwrap();
        let manifest = Sha256(openssl::sha::sha256(&sealed.manifest.to_json()));
        let ack = v.ack(&batch);
        assert_eq!((ack.result, ack.manifest_sha256, &ack.batch), (AckResult::Accepted, manifest, &batch), "{vendor}: {}", ack.reason);
        let written = v.answer(&rows_name(vendor, &batch));
        assert_eq!((head.manifest_sha256, head.rows_sha256, head.cumulative), (manifest, Sha256(openssl::sha::sha256(&written)), true));
        assert_eq!((head.letters, head.pages, head.sheets), (3, 6, 4));
        let rows = read_rows(&profile(vendor).answers.vocabulary(), &written, 3).unwrap();
        assert!(rows.iter().all(|row| row.meaning == Meaning::Is(VendorStatus::HandedOver) && row.reason.is_empty()));
        let letters = [letter(1), letter(2), letter(3)];
        let named = [0, 1, 2].map(|n| match vendor {
            "straalfors" => Named::Dispatch(format!("dispatch-{n}")),
            _ => Named::Letter(letters[n].to_string()),
        });
        assert_eq!(rows.into_iter().map(|row| row.named).collect::<Vec<_>>(), named);
        assert_eq!(v.printed(), letters);

        // A sweeping vendor's inbox is empty, another's still holds the batch.
        let inbox = v.site_dir().join("files").join(profile(vendor).delivery.inbox);
        assert_eq!(inbox.join(BatchFiles::manifest(&batch)).exists(), vendor != "straalfors");

        // Another start and another marker change nothing but bring the answers again.
        let (pin, ack_bytes) = (v.address().host_key_pin, fs::read(v.outbox(&BatchFiles::ack(&batch))).unwrap());
        v.stop();
        v.start();
        assert_eq!(v.address().host_key_pin, pin);
        for name in [BatchFiles::ack(&batch), rows_name(vendor, &batch), head_name(&batch)] {
            fs::remove_file(v.outbox(&name)).unwrap();
        }
        v.upload(&files);
        v.ask_again(&batch);
        v.answer(&head_name(&batch));
        assert_eq!(v.answer(&BatchFiles::ack(&batch)), ack_bytes);
        assert_eq!(v.answer(&rows_name(vendor, &batch)), written);
        assert_eq!(v.printed(), letters, "{vendor}");
        assert_eq!(v.log(), "");
    }
}

#[test]
fn what_a_killed_site_left_is_finished_without_printing_twice() {
    for vendor in ["edora", "straalfors"] {
        let mut v = Vendor::new(vendor);
        let batch = v.deliver(&Draft::new(vendor, 1, &[1, 1, 1]).seal());
        v.answer(&head_name(&batch));
        v.stop();
        let whole = fs::read(v.site_dir().join("printed.csv")).unwrap();
        let line = (whole.len() - 35) / 3;
        // Killed while printing: nothing written, one line and a half, or all of it and no answer.
        for kept in [0, 20, 35, 35 + line + line / 2, whole.len() - 1, whole.len()] {
            fs::write(v.site_dir().join("printed.csv"), &whole[..kept]).unwrap();
            fs::remove_file(v.site_dir().join("taken").join(batch.as_str()).join("done")).unwrap();
            for name in [rows_name(vendor, &batch), head_name(&batch)] {
                fs::remove_file(v.outbox(&name)).unwrap();
            }
            v.start();
            v.answer(&head_name(&batch));
            v.stop();
            assert_eq!(fs::read(v.site_dir().join("printed.csv")).unwrap(), whole, "{vendor}: {kept} bytes kept");
        }
        // Killed before the decision: the receipt may be there, the acknowledgement is not.
        fs::remove_dir_all(v.site_dir().join("taken").join(batch.as_str())).unwrap();
        fs::remove_file(v.outbox(&head_name(&batch))).unwrap();
        v.start();
        v.answer(&head_name(&batch));
        assert_eq!(v.printed().len(), 3);
    }
}

const KILLED: &str = "FJERNPRINT_TEST_KILLED_SITE";

/// Not a test of its own: the process that the next test starts and kills.
#[test]
fn child_of_the_next_test() {
    let Some(dir) = std::env::var_os(KILLED).map(PathBuf::from) else { return };
    let read = |name: &str| fs::read(dir.join(name)).unwrap();
    let authorised_key = String::from_utf8(read("key.pub")).unwrap();
    let options = SiteOptions { profile: profile("edora"), dir: dir.join("site"), authorised_key, trusted_pem: read("root.pem"), port: 0 };
    let _site = Site::start(options).unwrap();
    // Longer than the parent lives.
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_site_that_is_killed_again_and_again_prints_each_letter_once() {
    let mut v = Vendor::new("edora");
    v.stop();
    fs::write(v.path("root.pem"), &v.signer.root_pem).unwrap();
    let (mut batches, mut unfinished) = (Vec::new(), 0);
    for round in 0..16 {
        batches.push(Draft::new("edora", 100 * round, &[1; 30]).seal().write(&v.site_dir().join("files/in"), &v.signer));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "site::child_of_the_next_test"]).env(KILLED, v.dir.path()).stdout(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        // Killed as soon as one of the steps of this batch shows: another step each round.
        let batch = batches.last().unwrap();
        let state = v.site_dir().join("taken").join(batch.as_str());
        let (receipt, head, ack) = (state.join("receipt-1.csv"), state.join("receipt-1.json"), state.join("ack.json"));
        let out = [BatchFiles::ack(batch), csv_name(batch), head_name(batch)].map(|name| v.outbox(&name));
        let steps = [receipt, head, ack, out[0].clone(), out[1].clone(), out[2].clone(), state.clone(), state.join("done.part")];
        let (step, deadline) = (&steps[round as usize % steps.len()], Instant::now() + Duration::from_millis(300));
        while !step.exists() && Instant::now() < deadline {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        unfinished += u32::from(!state.join("done").exists());
    }
    assert!(unfinished > 0, "every kill came too late to prove anything");
    v.start();
    for batch in &batches {
        let head: ReceiptHead = serde_json::from_slice(&v.answer(&head_name(batch))).unwrap();
        let csv = fs::read(v.outbox(&csv_name(batch))).unwrap();
        assert_eq!((head.letters, head.rows_sha256), (30, Sha256(openssl::sha::sha256(&csv))));
        assert!(rows_from_csv(&csv).unwrap().iter().all(|row| row.status == VendorStatus::HandedOver));
    }
    let mut letters = v.printed();
    letters.sort();
    let expected: Vec<LetterId> = (0..16).flat_map(|round| (0..30).map(move |number| letter(100 * round + number))).collect();
    assert_eq!(letters, expected);
    assert_eq!(v.log(), "");
}

#[test]
fn a_refused_batch_is_not_printed_and_stays_refused() {
    let v = Vendor::new("kmd");
    let mut sealed = Draft::new("kmd", 1, &[1, 1]).seal();
    sealed.files[0].1.push(b'\n');
    let batch = v.deliver(&sealed);
    let ack = v.ack(&batch);
    assert_eq!(ack.result, AckResult::Rejected);
    assert!(ack.reason.starts_with("FP-B007 ") && ack.reason.contains("the manifest says"), "{}", ack.reason);
    assert!(v.printed().is_empty());
    // The file is repaired and the batch marked ready again: the sender may have sealed the letters anew by now.
    sealed.files[0].1.pop();
    fs::write(v.site_dir().join("files/upload").join(&sealed.files[0].0), &sealed.files[0].1).unwrap();
    fs::remove_file(v.outbox(&BatchFiles::ack(&batch))).unwrap();
    v.ask_again(&batch);
    assert_eq!(v.ack(&batch), ack);
    assert!(v.printed().is_empty() && !v.outbox(&head_name(&batch)).exists());
}

#[test]
fn another_manifest_under_a_known_name_does_not_replace_the_first_answer() {
    let v = Vendor::new("straalfors");
    let mut sealed = Draft::new("straalfors", 1, &[1, 1]).seal();
    let batch = v.deliver(&sealed);
    v.answer(&head_name(&batch));
    let first = v.ack(&batch);
    sealed.manifest.created = crate::batches::seconds_ago(30);
    v.deliver(&sealed);
    wait("a line in the log", || v.log().contains("came again with another manifest"));
    assert_eq!(v.ack(&batch), first);
    assert_eq!(v.printed().len(), 2);
}

#[test]
fn a_letter_of_an_earlier_batch_is_not_printed_again() {
    let v = Vendor::new("edora");
    let first = v.deliver(&Draft::new("edora", 1, &[1, 1]).seal());
    v.answer(&head_name(&first));
    let second = v.deliver(&Draft::new("edora", 2, &[1, 1]).seal());
    v.answer(&head_name(&second));
    assert_eq!(v.printed(), [letter(1), letter(2), letter(3)]);
    let rows = rows_from_csv(&v.answer(&csv_name(&second))).unwrap();
    assert_eq!((rows[0].status, rows[1].status), (VendorStatus::Rejected, VendorStatus::HandedOver));
    assert!(rows[0].reason.contains(first.as_str()) && v.log().contains(&format!("it was printed in {first}")));
}

#[test]
fn a_batch_for_another_vendor_and_a_marker_alone() {
    let v = Vendor::new("edora");
    let batch = v.deliver(&Draft::new("kmd", 1, &[1]).seal());
    assert!(v.ack(&batch).reason.starts_with("FP-B004 "));
    // A marker whose batch has not come is no decision: once the batch is there, it is worked on.
    let sealed = Draft::new("edora", 1, &[1]).seal();
    v.ask_again(&sealed.batch());
    wait("a line in the log", || v.log().contains("its manifest is not there"));
    fs::remove_file(v.site_dir().join("files/in").join(BatchFiles::ready(&sealed.batch()))).unwrap();
    v.deliver(&sealed);
    assert_eq!(v.ack(&sealed.batch()).result, AckResult::Accepted);
}

#[test]
fn a_file_that_cannot_be_read_decides_nothing() {
    let v = Vendor::new("edora");
    let sealed = Draft::new("edora", 1, &[1]).seal();
    // A manifest that is a folder holds nobody else up.
    fs::create_dir(v.site_dir().join("files/in/FP-edora-99990011-20261124-1-0123456789ab.manifest.json")).unwrap();
    fs::write(v.site_dir().join("files/in/FP-edora-99990011-20261124-1-0123456789ab.ready"), b"").unwrap();
    let (zip, away) = (v.site_dir().join("files/in").join(&sealed.files[0].0), v.path("away"));
    fs::write(&away, &sealed.files[0].1).unwrap();
    std::os::unix::fs::symlink(&away, &zip).unwrap();
    for (name, bytes) in &sealed.signed(&v.signer)[1..] {
        fs::write(v.site_dir().join("files/in").join(name), bytes).unwrap();
    }
    wait("a line in the log for each", || v.log().matches("waits: FP-B021").count() == 2);
    assert!(!v.outbox(&BatchFiles::ack(&sealed.batch())).exists());
    fs::rename(&away, &zip).unwrap();
    assert_eq!(v.ack(&sealed.batch()).result, AckResult::Accepted);
    assert_eq!(v.log().lines().count(), 2, "{}", v.log());
}

#[test]
fn a_stranger_and_a_second_site_are_kept_out() {
    let v = Vendor::new("edora");
    assert!(Site::start(v.options()).err().unwrap().to_string().contains("another site runs"));
    keygen(&v.path("stranger"));
    let mut address = v.address();
    address.key_file = v.path("stranger");
    assert_eq!(Connection::open(&address).err().unwrap().code, "FP-S003");
    let mut address = v.address();
    address.user = "root".into();
    assert_eq!(Connection::open(&address).err().unwrap().code, "FP-S003");
    let mut options = v.options();
    (options.dir, options.authorised_key) = (v.path("other"), "not a key".into());
    assert!(Site::start(options).err().unwrap().to_string().contains("authorised key"));
    let mut options = v.options();
    (options.dir, options.trusted_pem) = (v.path("other"), b"not a certificate".to_vec());
    assert!(Site::start(options).err().unwrap().to_string().contains("trusted certificates"));
    let host_key = v.site_dir().join("host_key");
    assert_eq!(fingerprint(&host_key), v.address().host_key_pin);
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(host_key).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn names_do_not_lead_out_of_the_root() {
    let v = Vendor::new("edora");
    fs::write(v.path("secret"), b"secret").unwrap();
    fs::write(v.site_dir().join("files/in/inside"), b"inside").unwrap();
    std::os::unix::fs::symlink(v.path("secret"), v.site_dir().join("files/in/link")).unwrap();
    std::os::unix::fs::symlink(v.dir.path(), v.site_dir().join("files/in/way")).unwrap();
    let connection = Connection::open(&v.address()).unwrap();
    assert_eq!(connection.read("in/../../../in/./inside", 9).unwrap(), b"inside");
    for name in ["../../etc/passwd", "/etc/passwd", "../host_key", "in/link", "in/way/secret", "in/../../secret"] {
        assert!(connection.read(name, 9).is_err(), "{name}");
    }
    let plain = Manner { rename: false, look: false, ..Manner::default() };
    let put = |name: &str| connection.upload(&mut Cursor::new(b"x"), &Target::new(name, 1), &plain);
    for name in ["in/link", "in/way/new", "..", "in", &"d/".repeat(9)] {
        assert!(put(name).is_err(), "{name}");
    }
    assert_eq!(fs::read(v.path("secret")).unwrap(), b"secret");
    assert!(!v.path("new").exists());
}

#[test]
fn more_than_the_buffers_hold_goes_up_whole() {
    let v = Vendor::new("edora");
    let large: Vec<u8> = (0..40_000_003u32).map(|n| (n % 251) as u8).collect();
    let connection = Connection::open(&v.address()).unwrap();
    connection.upload(&mut Cursor::new(&large), &Target::new("in/large.zip", large.len() as u64), &Manner::default()).unwrap();
    assert!(fs::read(v.site_dir().join("files/in/large.zip")).unwrap() == large);
    assert_eq!(connection.read("in/large.zip", large.len() as u64).unwrap().len(), large.len());
}

/// OpenSSH's own client in batch mode, which stops at the first command that fails.
fn sftp(v: &Vendor, commands: &str) -> Output {
    let (address, script, known) = (v.address(), v.path("commands"), v.path("known_hosts"));
    fs::write(&script, commands).unwrap();
    let public = Command::new("ssh-keygen").arg("-yf").arg(v.site_dir().join("host_key")).output().unwrap().stdout;
    fs::write(&known, format!("[127.0.0.1]:{} {}", address.port, String::from_utf8(public).unwrap())).unwrap();
    let mut command = Command::new("sftp");
    command.args(["-F", "/dev/null", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"]);
    command.arg("-o").arg(format!("UserKnownHostsFile={}", known.display())).arg("-i").arg(v.path("key"));
    command.arg("-P").arg(address.port.to_string()).arg("-b").arg(&script).arg(format!("{}@127.0.0.1", v.vendor));
    command.output().unwrap()
}

#[test]
fn openssh_delivers_and_fetches_the_answer() {
    let v = Vendor::new("kmd");
    let local = v.path("local");
    fs::create_dir(&local).unwrap();
    let batch = Draft::new("kmd", 1, &[1, 2]).seal().write(&local, &v.signer);
    let l = local.display();
    let mut commands = format!("cd upload\npwd\nmkdir {batch}\n");
    for number in [1, 2] {
        let file = format!("{batch}/{}.pdf", letter(number));
        commands += &format!("put {l}/{file} {file}.part\nrename {file}.part {file}\n");
    }
    for file in [BatchFiles::letters(&batch), BatchFiles::manifest(&batch), BatchFiles::signature(&batch), BatchFiles::ready(&batch)] {
        commands += &format!("put -p {l}/{file} {file}.part\nrename {file}.part {file}\n");
    }
    let output = sftp(&v, &(commands + &format!("ls -l\nls -l {batch}\n")));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("/upload") && shown.contains(&format!("{}.pdf", letter(2))), "{shown}");
    assert_eq!(v.ack(&batch).result, AckResult::Accepted);
    wait("the receipt", || v.outbox(&head_name(&batch)).exists());

    let got = v.path("got");
    let output = sftp(&v, &format!("get download/{} {}\nrm download/{}\n", head_name(&batch), got.display(), head_name(&batch)));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let head: ReceiptHead = serde_json::from_slice(&fs::read(&got).unwrap()).unwrap();
    assert_eq!((&head.batch, head.pages), (&batch, 3));
    assert!(!v.outbox(&head_name(&batch)).exists());

    // What is there is not replaced, and what is outside is not given.
    let manifest = BatchFiles::manifest(&batch);
    let taken: &Path = &local.join(&manifest);
    let output = sftp(&v, &format!("put {} upload/x.part\nrename upload/x.part upload/{manifest}\n", taken.display()));
    assert!(!output.status.success());
    assert!(!sftp(&v, &format!("get ../../etc/passwd {}\n", got.display())).status.success());
    assert!(!sftp(&v, "ln -s upload/x.part upload/link\n").status.success());
    // Answers are the vendor's: they can be fetched and taken away, not written.
    assert!(!sftp(&v, &format!("put {} download/x\n", taken.display())).status.success());
    assert!(!sftp(&v, "mkdir download/x\n").status.success());
    assert!(!sftp(&v, "rename upload/x.part download/x\n").status.success());
}
