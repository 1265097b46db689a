//! Sealing: what lies on the disk is what is signed, batches follow one another, may be encrypted to the vendor, and may wait
//! for two persons.

use crate::batches::{Draft, Signer, letter, profile};
use crate::certificates::{ROOT, SIGNER, Usage, Wish, issue, reissue};
use crate::intake::House;
use crate::pdf::{A4, pdf};
use crate::shipping::Town;
use fjernprint::adapters::store::Store;
use fjernprint::adapters::{container, encrypt, measure};
use fjernprint::domain::state::{BatchState, LetterState};
use fjernprint::domain::status::{BatchEvent, BatchStatus, LetterStatus, Person};
use fjernprint::domain::{Colour, Envelope, LetterId, Plex, Postage, PrintJob, PrintOptions, Sha256, sheets_of};
use fjernprint::pipeline::seal::{Member, rows};
use fjernprint::vendor::{Container, EncryptTo};
use fjernprint::vendor_site::{Terms, batches_at, check_sequence, verify, verify_on};
use fjernprint::wire::envelope::encrypted_bytes;
use fjernprint::wire::manifest::{LetterRow, Manifest, WithdrawnBatch, letters_to_csv};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

const BASE: &str = ".making";

/// Three letters in a store, and their container on the disk.
struct Bench {
    dir: tempfile::TempDir,
    kind: Container,
    members: Vec<Member>,
    rows: Vec<LetterRow>,
}

impl Bench {
    fn new(kind: Container) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let members: Vec<Member> = [1, 2, 3]
            .into_iter()
            .map(|pages| {
                let bytes = pdf(&vec![A4; pages as usize], |_, _| {});
                let document = store.put(&bytes).unwrap();
                let options =
                    PrintOptions { plex: Plex::Duplex, colour: Colour::BlackWhite, envelope: Envelope::C5, postage: Postage::Economique };
                let job = PrintJob {
                    vendor: "edora".parse().unwrap(),
                    document,
                    received: document,
                    repairs: Vec::new(),
                    pages,
                    sheets: sheets_of(pages, Plex::Duplex),
                    bytes: bytes.len() as u64,
                    weight_g: 20,
                    options,
                    postcode: "8000".to_owned(),
                    country: "DK".to_owned(),
                    cost_group: String::new(),
                    latest_arrival: None,
                };
                Member { letter: letter(pages), dispatch_id: format!("brev-{pages}"), job }
            })
            .collect();
        let mut bench = Self { dir, kind, members, rows: Vec::new() };
        bench.write().unwrap();
        bench
    }

    fn write(&mut self) -> Result<(), String> {
        let folder = self.dir.path().join("batch");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let store = Store::open(&self.dir.path().join("store")).unwrap();
        let first_pages = container::write(&store, self.kind, &self.members, &folder, BASE).map_err(|e| e.to_string())?;
        self.rows = rows(&self.members, self.kind, &first_pages);
        Ok(())
    }

    fn container_file(&self) -> String {
        match self.kind {
            Container::Zip => format!("{BASE}.zip"),
            Container::Files => format!("{BASE}/{}.pdf", letter(2)),
            Container::Stream => format!("{BASE}.pdf"),
        }
    }

    /// What is said when the container is read back after `change` had it.
    fn said(&self, change: impl FnOnce(&Path)) -> String {
        change(&self.dir.path().join("batch"));
        measure::container(&self.dir.path().join("batch"), BASE, self.kind, &self.rows)
            .map_or_else(|e| e.to_string(), |_| "as it was".to_owned())
    }
}

pub fn change(path: &Path, with: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    with(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// A byte in the middle of the second letter.
fn flip(bytes: &mut [u8], of: &[u8]) {
    let at = bytes.windows(of.len()).position(|window| window == of).unwrap() + of.len() / 2;
    bytes[at] ^= 1;
}

#[test]
fn what_lies_on_the_disk_is_read_back_and_every_difference_names_its_file() {
    for kind in [Container::Zip, Container::Files, Container::Stream] {
        let bench = Bench::new(kind);
        assert_eq!(bench.said(|_| {}), "as it was", "{kind:?}");
        let entries = measure::container(&bench.dir.path().join("batch"), BASE, kind, &bench.rows).unwrap();
        for entry in entries {
            let bytes = fs::read(bench.dir.path().join("batch").join(&entry.name)).unwrap();
            assert_eq!((entry.bytes, entry.sha256), (bytes.len() as u64, Sha256(openssl::sha::sha256(&bytes))));
        }
        let gone = bench.container_file();
        assert!(bench.said(|folder| fs::remove_file(folder.join(&gone)).unwrap()).contains("cannot be read"), "{kind:?}");
    }
    let store = |bench: &Bench| Store::open(&bench.dir.path().join("store")).unwrap();
    let second = |bench: &Bench| store(bench).get(&bench.members[1].job.document).unwrap();
    for kind in [Container::Zip, Container::Files] {
        let bench = Bench::new(kind);
        let name = bench.container_file();
        let said = bench.said(|folder| change(&folder.join(&name), |bytes| flip(bytes, &second(&bench))));
        assert!(said.starts_with(&name) && said.contains(letter(2).as_str()) && said.contains("other bytes"), "{said}");
        let bench = Bench::new(kind);
        assert_ne!(bench.said(|folder| change(&folder.join(&name), |bytes| bytes.truncate(bytes.len() - 1))), "as it was");
        // The letter was damaged in the store, and so in the container too.
        let mut bench = Bench::new(kind);
        let hash = bench.members[1].job.document.to_string();
        change(&bench.dir.path().join("store").join(&hash[..2]).join(&hash), |bytes| bytes[9] ^= 1);
        bench.write().unwrap();
        assert!(bench.said(|_| {}).contains(letter(2).as_str()), "{kind:?}");
    }
    let bench = Bench::new(Container::Files);
    assert!(bench.said(|folder| fs::write(folder.join(BASE).join("more.pdf"), b"x").unwrap()).contains("belongs to no letter"));
    let mut bench = Bench::new(Container::Zip);
    bench.rows.swap(0, 1);
    assert!(bench.said(|_| {}).contains("at its place"));
    bench.rows.pop();
    assert!(bench.said(|_| {}).contains("holds 3 letters, expected 2"));
    let mut bench = Bench::new(Container::Stream);
    bench.rows[2].pages -= 1;
    assert!(bench.said(|_| {}).contains("its letters end on page"));
    assert!(bench.said(|folder| change(&folder.join(".making.pdf"), |bytes| bytes.truncate(99))).contains("PDF"));
}

#[test]
fn totals_are_those_of_letters_csv_as_it_lies_on_the_disk() {
    let bench = Bench::new(Container::Zip);
    let folder = bench.dir.path().join("batch");
    let csv = letters_to_csv(&bench.rows).unwrap();
    fs::write(folder.join("letters.csv"), &csv).unwrap();
    let (entry, totals) = measure::letters(&folder, "letters.csv", &bench.rows).unwrap();
    assert_eq!((entry.bytes, entry.sha256), (csv.len() as u64, Sha256(openssl::sha::sha256(&csv))));
    let bytes = bench.rows.iter().map(|row| row.bytes).sum::<u64>();
    assert_eq!((totals.letters, totals.pages, totals.sheets, totals.bytes), (3, 6, 4, bytes));
    let text = String::from_utf8(csv).unwrap();
    for (from, to) in [("brev-2", "brev-9"), (";20;", ";21;"), ("8", "x")] {
        fs::write(folder.join("letters.csv"), text.replacen(from, to, 1)).unwrap();
        let said = measure::letters(&folder, "letters.csv", &bench.rows).unwrap_err().to_string();
        assert!(said.starts_with("letters.csv on the disk"), "{said}");
    }
}

/// Batches of one vendor in a folder: number, and which manifest each quotes: the one before, none, or another. `gone` quotes the
/// one before, is taken back and never comes, `lies` comes all the same; `told` says so of all of them.
fn chain(links: &[(u64, &str)]) -> Vec<&'static str> {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let (mut before, mut withdrawn) = (None, Vec::new());
    for (index, (number, quotes)) in links.iter().enumerate() {
        let mut sealed = Draft::new("edora", 1 + index as u32, &[1]).seal();
        let renamed = sealed.batch().as_str().replace("-7-", &format!("-{number}-"));
        let old = sealed.batch().to_string();
        sealed.files.iter_mut().for_each(|(name, _)| *name = name.replace(&old, &renamed));
        sealed.manifest.batch = renamed.parse().unwrap();
        sealed.manifest.sequence = *number;
        sealed.manifest.previous_manifest_sha256 = match *quotes {
            "before" | "gone" | "lies" | "told" => before,
            "none" => None,
            _ => Some(Sha256([7; 32])),
        };
        if *quotes == "told" {
            sealed.manifest.withdrawn = withdrawn.clone();
        }
        sealed.vouch();
        if *quotes != "gone" {
            sealed.write(dir.path(), &signer);
        }
        let manifest_sha256 = Sha256(openssl::sha::sha256(&sealed.manifest.to_json()));
        before = Some(manifest_sha256);
        if ["gone", "lies"].contains(quotes) {
            withdrawn.push(WithdrawnBatch { sequence: *number, batch: sealed.batch(), manifest_sha256 });
        }
    }
    let accepted: Vec<_> =
        batches_at(dir.path()).unwrap().iter().map(|(folder, name)| verify(folder, name, &signer.root_pem).unwrap()).collect();
    check_sequence(&accepted).into_iter().map(|refusal| refusal.code).collect()
}

#[test]
fn a_gap_and_a_fork_between_batches_are_told() {
    assert_eq!(chain(&[(1, "none"), (2, "before"), (3, "before")]), [""; 0]);
    assert_eq!(chain(&[(4, "other"), (5, "before")]), [""; 0], "what was before is no longer here");
    assert_eq!(chain(&[(1, "none"), (3, "other")]), ["FP-B034"]);
    assert_eq!(chain(&[(1, "none"), (2, "other")]), ["FP-B035"]);
    assert_eq!(chain(&[(1, "none"), (2, "none")]), ["FP-B035"]);
    assert_eq!(chain(&[(4, "other"), (4, "other")]), ["FP-B035"]);
    assert_eq!(chain(&[(1, "other")]), ["FP-B035"]);
    assert_eq!(chain(&[(4, "none")]), ["FP-B035"]);
    // What was taken back is no gap once a manifest says so, whichever, and is not to be printed.
    assert_eq!(chain(&[(1, "none"), (2, "gone"), (3, "told")]), [""; 0]);
    assert_eq!(chain(&[(1, "none"), (2, "gone"), (3, "gone"), (4, "before"), (5, "told")]), [""; 0]);
    assert_eq!(chain(&[(1, "none"), (2, "gone"), (3, "before")]), ["FP-B034"], "nobody says so");
    assert_eq!(chain(&[(1, "none"), (2, "gone"), (4, "told")]), ["FP-B034"], "of another number");
    assert_eq!(chain(&[(1, "none"), (2, "gone"), (3, "other"), (4, "told")]), ["FP-B035"], "and it must be the one that is quoted");
    assert_eq!(chain(&[(1, "none"), (2, "lies"), (3, "told")]), ["FP-B037"]);
}

#[test]
fn what_is_encrypted_to_a_certificate_openssl_opens_with_its_key() {
    let vendor = issue(Wish { name: "vendor", usage: Usage::Encipher, rsa_bits: Some(2048), ..SIGNER }, None);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("vendor.pem"), vendor.pem()).unwrap();
    fs::write(path("vendor.key"), vendor.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let certificate = encrypt::recipient(&EncryptTo::File(path("vendor.pem")), crate::certificates::now_s()).ok().unwrap();
    // Around a block, a length of one, two and three bytes in DER, and a piece.
    for bytes in [0usize, 1, 15, 16, 17, 100, 127, 128, 200, 255, 256, 65_000, 70_000, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 17 << 20]
    {
        let mut plain = vec![0; bytes];
        openssl::rand::rand_bytes(&mut plain).unwrap();
        fs::write(path("plain"), &plain).unwrap();
        let _ = fs::remove_file(path("sealed"));
        encrypt::encrypt(&path("plain"), &path("sealed"), &certificate).unwrap();
        assert!(fs::metadata(path("sealed")).unwrap().len() > encrypted_bytes(bytes as u64));
        let mut command = Command::new("openssl");
        command.args(["cms", "-decrypt", "-binary", "-inform", "DER", "-in"]).arg(path("sealed")).arg("-inkey").arg(path("vendor.key"));
        let output = command.arg("-recip").arg(path("vendor.pem")).arg("-out").arg(path("opened")).output().unwrap();
        assert!(output.status.success(), "{bytes}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read(path("opened")).unwrap() == plain, "{bytes}");
    }
    let unfit = |wish: Wish| {
        fs::write(path("unfit.pem"), issue(wish, None).pem()).unwrap();
        let fault = encrypt::recipient(&EncryptTo::File(path("unfit.pem")), crate::certificates::now_s()).err().unwrap();
        assert_eq!(fault.code(), "FP-K025");
        fault.to_string()
    };
    assert!(unfit(SIGNER).contains("not an RSA key"));
    assert!(unfit(Wish { rsa_bits: Some(1024), ..SIGNER }).contains("shorter than 2048"));
    assert!(unfit(Wish { rsa_bits: Some(2048), ..SIGNER }).contains("no key encipherment"));
    assert!(unfit(Wish { rsa_bits: Some(2048), usage: Usage::Unsaid, days: (-9, -1), ..SIGNER }).contains("has expired"));
    assert_eq!(encrypt::recipient(&EncryptTo::File(path("absent.pem")), 0).err().unwrap().code(), "FP-K025");
}

/// Next year's certificate beside this year's, in either order; never that of an authority that stands along.
#[test]
fn of_several_certificates_the_first_that_is_valid_is_encrypted_to() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("vendor.pem");
    let root = issue(crate::certificates::ROOT, None);
    let authority = issue(Wish { name: "authority", usage: Usage::Unsaid, rsa_bits: Some(2048), ..crate::certificates::ROOT }, Some(&root));
    let of = |name, days, issuer| issue(Wish { name, usage: Usage::Encipher, rsa_bits: Some(2048), days }, issuer);
    let (past, now, next) = (of("vendor", (-9, -1), None), of("vendor", (-1, 30), None), of("vendor", (9, 400), None));
    let used = |all: &[&crate::certificates::Issued]| {
        fs::write(&file, all.iter().flat_map(|each| each.pem()).collect::<Vec<u8>>()).unwrap();
        match encrypt::recipient(&EncryptTo::File(file.clone()), crate::certificates::now_s()) {
            Ok(encrypt::Recipient::Certificate(used)) => Ok(used),
            Ok(_) => panic!("no certificate"),
            Err(fault) => Err(format!("{} {fault}", fault.code())),
        }
    };
    for order in [[&past, &now, &next], [&next, &past, &now], [&now, &next, &past]] {
        assert!(used(&order).unwrap() == now.certificate);
    }
    assert!(used(&[&past, &next]).unwrap_err().contains("has expired"));
    let issued_past = of("leaf", (-9, -1), Some(&authority));
    let refused = used(&[&issued_past, &authority]).unwrap_err();
    assert!(refused.starts_with("FP-K025") && refused.contains("the certificate of leaf has expired"), "{refused}");
    let issued_now = of("leaf", (-1, 30), Some(&authority));
    assert!(used(&[&authority, &issued_now]).unwrap() == issued_now.certificate);
}

pub fn edora_with(town: &Town, line: &str, key: &str) {
    delivery_with(&town.path("vendors/edora/profile.toml"), line, key);
}

/// Puts one more line into a profile's `[delivery]`, with its provenance.
fn delivery_with(file: &Path, line: &str, key: &str) {
    let text = fs::read_to_string(file).unwrap();
    let text = text.replacen("[batch]", &format!("{line}\n\n[batch]"), 1);
    fs::write(file, text.replacen("\n[provenance]\n", &format!("\n[provenance]\n\"delivery.{key}\" = \"contract\"\n"), 1)).unwrap();
}

#[test]
fn a_vendor_with_a_certificate_gets_its_letters_encrypted_and_can_check_them() {
    let town = Town::new();
    edora_with(&town, "encrypt_to = \"keys/edora.pem\"", "encrypt_to");
    // Without the certificate nothing is sealed for this vendor, and everything for the others.
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(12));
    assert_eq!(["edora", "kmd"].map(|vendor| town.batches(vendor).len()), [0, 1]);
    let vendor = issue(Wish { name: "vendor", usage: Usage::Encipher, rsa_bits: Some(2048), ..SIGNER }, None);
    fs::write(town.path("keys/edora.pem"), vendor.pem()).unwrap();
    fs::write(town.path("edora.key"), vendor.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(0));
    let name = &town.batches("edora")[0].0;
    let folder = town.path("data/batches").join(name.as_str());
    let manifest = Manifest::from_json(&fs::read(folder.join(format!("{name}.manifest.json"))).unwrap()).unwrap();
    let encrypted = manifest.encrypted.unwrap();
    assert_eq!((encrypted.plain[0].name.clone(), manifest.files[0].name.clone()), (format!("{name}.zip"), format!("{name}.zip.p7m")));
    assert!(!folder.join(format!("{name}.zip")).exists(), "the plain letters are gone");
    let root = fs::read(town.path("keys/ca.pem")).unwrap();
    assert_eq!(verify(&folder, name, &root).unwrap_err().code, "FP-B033");
    assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0));
    let inbox = town.path("inbox");
    fs::create_dir(&inbox).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, inbox.join(path.file_name().unwrap())).unwrap();
    }
    let mut command = Command::new("openssl");
    command.args(["cms", "-decrypt", "-binary", "-inform", "DER", "-in"]).arg(inbox.join(format!("{name}.zip.p7m")));
    command.arg("-inkey").arg(town.path("edora.key")).arg("-out").arg(inbox.join(format!("{name}.zip")));
    assert!(command.output().unwrap().status.success());
    assert_eq!(verify(&inbox, name, &root).unwrap().letters.len(), 3);
    change(&inbox.join(format!("{name}.zip")), |bytes| bytes[50] ^= 1);
    assert_eq!(verify(&inbox, name, &root).unwrap_err().code, "FP-B008");
    change(&inbox.join(format!("{name}.zip.p7m")), |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert_eq!(verify(&inbox, name, &root).unwrap_err().code, "FP-B008");
}

/// The arithmetic of `batch.bytes_max` against real files, up to the most keys that one is encrypted to.
#[test]
fn a_container_weighs_what_grouping_counts() {
    use fjernprint::wire::age_file::recipients;
    let bench = Bench::new(Container::Zip);
    let zip = bench.dir.path().join("batch").join(bench.container_file());
    let letters_bytes: u64 = bench.members.iter().map(|member| member.job.bytes).sum();
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let mut edora = profile("edora");
    assert_eq!(size(&zip), edora.container_bytes(3, letters_bytes));

    let keys: String = (0..16).map(|_| format!("{}\n", age::x25519::Identity::generate().to_public())).collect();
    let certificate = issue(Wish { usage: Usage::Encipher, rsa_bits: Some(2048), ..SIGNER }, None).certificate;
    edora.delivery.encrypt_to = Some(EncryptTo::File("keys/edora".into()));
    let to = [encrypt::Recipient::Age(recipients(&keys).unwrap()), encrypt::Recipient::Certificate(certificate)];
    for (number, recipient) in to.iter().enumerate() {
        // Also one that ends with a chunk of age's, and one that is just longer.
        for plain_bytes in [size(&zip), 65_536, 65_537, 3 << 20] {
            let (plain, sealed) = (bench.dir.path().join("plain"), bench.dir.path().join(format!("{number}-{plain_bytes}")));
            fs::write(&plain, vec![7; plain_bytes as usize]).unwrap();
            encrypt::encrypt(&plain, &sealed, recipient).unwrap();
            let most = edora.container_bytes(3, plain_bytes - 3 * 134 - 22);
            assert!((plain_bytes..=most).contains(&size(&sealed)), "{plain_bytes} became {}, more than {most}", size(&sealed));
        }
    }
}

/// Two letters that fit a batch, and do not when what the container adds is counted.
#[test]
fn no_container_is_larger_than_the_profile_says() {
    for encrypted in [false, true] {
        let house = House::new();
        house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
        let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vendors/edora/profile.toml")).unwrap();
        house.write("vendors/edora/profile.toml", &text);
        for n in 1..3 {
            house.drop(&format!("{n}.xml"), crate::intake::message(&format!("00000000000{n}"), crate::intake::AUTO, "6101804567"));
        }
        house.run();
        let letters = house.letters("validated");
        let bytes = |letter: &serde_json::Value| {
            let id = letter["letter_id"].as_str().unwrap();
            let shown: serde_json::Value =
                serde_json::from_slice(house.ask(&["letter", "show", id]).stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
            shown["state"]["job"]["bytes"].as_u64().unwrap_or_else(|| panic!("{shown}"))
        };
        let sum: u64 = letters.iter().map(bytes).sum();
        // What an age file with one key really is: a head of some hundred bytes, of which the arithmetic keeps 4 KiB.
        let bytes_max = if encrypted { sum + 4096 } else { sum };
        let text =
            text.replace("bytes_max = 41943040", &format!("bytes_max = {bytes_max}")).replace("bytes_max = 7340032", "bytes_max = 1024");
        house.write("vendors/edora/profile.toml", text);
        if encrypted {
            house.write("keys/edora.age", age::x25519::Identity::generate().to_public().to_string());
            delivery_with(&house.path("vendors/edora/profile.toml"), "encrypt_to = \"keys/edora.age\"", "encrypt_to");
        }
        let run = house.ask(&["run", "--until", "seal"]);
        assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
        let batches: Vec<_> = fs::read_dir(house.path("data/batches")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!((letters.len(), batches.len()), (2, 2), "a batch each");
        for file in batches.iter().flat_map(|batch| fs::read_dir(batch).unwrap()).map(|e| e.unwrap().path()) {
            let size = fs::metadata(&file).unwrap().len();
            if !file.to_str().unwrap().contains(".zip") {
                continue;
            }
            assert!(size <= bytes_max, "{} has {size} bytes, more than {bytes_max}", file.display());
        }
    }
}

/// What the vendor's acceptance test would refuse as FP-K015 is not sealed.
#[test]
fn nothing_is_sealed_with_the_certificate_of_another_organisation() {
    for (organisation, agreed, sealed) in [
        ("NTRDK-99990011", None, [1, 0, 0]),
        ("NTRDK-99990099", None, [0, 0, 0]),
        ("NTRDK-99990099", Some("99990099"), [1, 1, 1]),
        ("NTRDK-99990011", Some("99990099"), [1, 0, 0]),
        ("NTRSE-5560000000", None, [1, 1, 1]),
    ] {
        let town = Town::new();
        let signer = Signer::named(&[("CN", "x"), ("organizationIdentifier", organisation)]);
        fs::write(town.path("keys/signer.pem"), signer.certificate.to_pem().unwrap()).unwrap();
        fs::write(town.path("keys/signer.key"), signer.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let config = fs::read_to_string(town.path("fjernprint.toml")).unwrap();
        let line = agreed.map(|cvr| format!("agreed_cvr = \"{cvr}\"\n")).unwrap_or_default();
        fs::write(town.path("fjernprint.toml"), config.replace("[signing]\n", &format!("[signing]\n{line}"))).unwrap();
        let all = sealed == [1, 1, 1];
        let planned = town.ask(&["run", "--dry-run"]);
        // 2: no connection leads to any of them.
        assert_eq!(planned.status.code(), Some(if all { 2 } else { 12 }));
        assert_eq!(String::from_utf8_lossy(&planned.stderr).contains("FP-K027"), !all);
        let output = town.ask(&["run", "--until", "seal"]);
        let found = ["edora", "kmd", "straalfors"].map(|vendor| town.batches(vendor).len());
        assert_eq!(found, sealed, "{organisation}, agreed {agreed:?}");
        assert_eq!(output.status.code(), Some(if all { 0 } else { 12 }));
        assert_eq!(String::from_utf8_lossy(&output.stderr).contains("FP-K027"), !all);
        // It stays in status, whatever is run meanwhile.
        assert_eq!(town.run(&["run", "--until", "intake"]), Some(0));
        assert_eq!(String::from_utf8_lossy(&town.ask_plainly(&["status"]).stdout).contains("!! FP-K027"), !all);
        for (name, _) in ["edora", "kmd", "straalfors"].into_iter().flat_map(|vendor| town.batches(vendor)) {
            let terms = Terms {
                trusted_pem: signer.root_pem.clone(),
                signers: agreed.iter().map(|cvr| cvr.parse().unwrap()).collect(),
                ..Terms::default()
            };
            verify_on(&town.path("data/batches").join(name.as_str()), &name, &terms).unwrap();
        }
    }
}

/// The letters of a town by their senders' identifiers: what was printed of each, and its status.
fn documents(town: &Town) -> BTreeMap<String, (LetterId, LetterState)> {
    let mut letters = BTreeMap::new();
    town.ledger().for_each_letter(|id, state| drop(letters.insert(state.dispatch_id.clone(), (id, state)))).unwrap();
    letters
}

/// A disk that forgets a bit holds up the letter that it stood for, and no other: not of its batch, not of its vendor, not of
/// another's.
#[test]
fn a_stored_letter_that_is_damaged_is_held_and_every_other_is_sealed() {
    let town = Town::new();
    assert_eq!(town.run(&["run", "--until", "validate"]), Some(0));
    let document = documents(&town)["edora-1"].1.job.clone().unwrap().document.to_string();
    let path = town.path(&format!("data/store/{}/{document}", &document[..2]));
    let sound = fs::read(&path).unwrap();
    change(&path, |bytes| bytes[100] ^= 1);
    let output = town.ask(&["run", "--until", "seal"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(
        said.contains("FP-L006") && said.contains(&format!("stored file store/{}/{document} has other bytes", &document[..2])),
        "{said}"
    );
    let mut held = Vec::new();
    for (name, (id, state)) in documents(&town) {
        let damaged = state.status == LetterStatus::Held;
        assert!(damaged || state.status == LetterStatus::Batched, "{name}: {:?}", state.status);
        if damaged {
            assert_eq!((name.ends_with("-1"), state.reason.unwrap().0.as_str(), state.job), (true, "FP-L006", None), "{name}");
            held.push(id.to_string());
        }
    }
    // The letters of the three vendors are the same PDFs.
    assert_eq!(held.len(), 3);
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(0), "it is told once; status has it");
    assert_eq!(town.run(&["ledger", "verify", "--quick"]), Some(0));
    // Released before it was put right, it is held again; afterwards it goes.
    let release = |ids: &[String]| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(town.run(&[&["letter", "release"], &ids[..], &["--reason", "restored", "--by", "Anna"]].concat()), Some(0));
    };
    release(&held[..1]);
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(6));
    fs::write(&path, sound).unwrap();
    release(&held);
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(0));
    assert!(documents(&town).values().all(|(_, state)| state.status == LetterStatus::Batched));
    assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0));
}

/// A batch that was taken back is no gap: the manifests after it say so, and print nothing of it where it lies all the same.
#[test]
fn a_batch_that_was_taken_back_is_told_to_the_vendor_and_no_gap() {
    let town = Town::of("edora");
    let (site, address) = town.site("edora");
    town.configure(&[("edora", address)]);
    assert_eq!(town.run(&["run"]), Some(0));
    let hand_in = |night: &str| {
        let folder = town.path(&format!("drop/edora/{night}"));
        fs::create_dir_all(&folder).unwrap();
        let rows = format!("{night}-1;;Bo Prøvesen;;Ågade 1;;6875;Æblesund;brev.pdf\n");
        let table = format!("dispatch_id;recipient_id;name;co;street;place;postcode;city;document\n{rows}");
        fs::write(folder.join("letters.csv"), table).unwrap();
        fs::write(folder.join("brev.pdf"), pdf(&[A4], |_, _| {})).unwrap();
    };
    hand_in("second");
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(0));
    let taken_back = town.batches("edora")[1].0.to_string();
    let cancel = ["batch", "cancel", &taken_back, "--letters", "again", "--reason", "wrong paper", "--by", "Anna"];
    assert_eq!(town.run(&cancel), Some(0));
    // What is left of it is nobody's any more.
    fs::remove_file(town.path(&format!("data/batches/{taken_back}/{taken_back}.zip"))).unwrap();
    assert_eq!(town.run(&["run"]), Some(0));
    town.until_settled(4);
    assert_eq!(town.run(&["ledger", "verify"]), Some(0));
    let inbox = town.path("site/edora/files/in");
    let verify = || {
        let (ca, inbox) = (town.path("keys/ca.pem"), inbox.to_str().unwrap());
        let output = town.ask(&["batch", "verify", inbox, "--certificate", ca.to_str().unwrap()]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout))
    };
    let (code, said) = verify();
    assert_eq!(code, Some(0), "{said}");
    let third = town.batches("edora").pop().unwrap().0;
    let manifest = fs::read(inbox.join(format!("{third}.manifest.json"))).unwrap();
    let manifest = Manifest::from_json(&manifest).unwrap();
    assert_eq!((manifest.sequence, manifest.withdrawn.len(), manifest.withdrawn[0].sequence), (3, 1, 2));
    assert_eq!(manifest.previous_manifest_sha256, Some(manifest.withdrawn[0].manifest_sha256));
    site.stop();
}

/// The vendor would refuse it, so nothing goes up; its letters can be sealed anew.
#[test]
fn a_batch_whose_signature_has_ended_is_not_shipped() {
    let town = Town::of("edora");
    let root = issue(ROOT, None);
    let signer = issue(SIGNER, Some(&root));
    let ended = reissue(Wish { days: (-400, -2), ..ROOT }, &root);
    fs::write(town.path("keys/signer.pem"), signer.pem()).unwrap();
    fs::write(town.path("keys/signer.key"), signer.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    fs::write(town.path("keys/ca.pem"), root.pem()).unwrap();
    let (site, address) = town.site("edora");
    town.configure(&[("edora", address)]);
    let config = fs::read_to_string(town.path("fjernprint.toml")).unwrap();
    let config = config.replace("key = \"keys/signer.key\"\n", "key = \"keys/signer.key\"\nroot = \"keys/ca.pem\"\n");
    fs::write(town.path("fjernprint.toml"), config).unwrap();
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(0));
    let name = town.batches("edora").remove(0).0;
    fs::write(town.path("keys/ca.pem"), ended.pem()).unwrap();
    let output = town.ask(&["run"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let told = format!("the signature of batch {name} does not hold any more");
    assert!(output.status.code() == Some(12) && said.contains("FP-K021") && said.contains(&told), "{said}");
    assert_eq!(fs::read_dir(town.path("site/edora/files/in")).unwrap().count(), 0);
    let shown = String::from_utf8_lossy(&town.ask_plainly(&["status"]).stdout).into_owned();
    assert!(shown.contains(&told), "status says why: {shown}");
    let planned = town.ask_plainly(&["run", "--dry-run"]);
    let plan = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert_eq!(planned.status.code(), Some(12), "{plan}");
    assert!(plan.contains(&format!("would keep {name}, sealed earlier, 3 letters: it waits for what FP-K021 says")), "{plan}");
    // With certificates that hold, the letters are sealed anew and arrive once.
    fs::write(town.path("keys/ca.pem"), root.pem()).unwrap();
    let again = ["batch", "cancel", name.as_str(), "--letters", "again", "--reason", "its certificate ended", "--by", "Anna"];
    assert_eq!(town.run(&again), Some(0));
    assert_eq!(town.run(&["run"]), Some(0));
    town.until_settled(3);
    site.stop();
}

#[test]
fn an_original_that_is_damaged_holds_its_own_letters_only() {
    let town = Town::new();
    assert_eq!(town.run(&["run", "--until", "intake"]), Some(0));
    let original = documents(&town)["kmd-0"].1.original.to_string();
    fs::remove_file(town.path(&format!("data/store/{}/{original}", &original[..2]))).unwrap();
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(6));
    for (name, (_, state)) in documents(&town) {
        let status = if name.starts_with("kmd") { LetterStatus::Held } else { LetterStatus::Batched };
        assert_eq!(state.status, status, "{name}");
    }
}

#[test]
fn a_batch_that_two_persons_must_release_waits_for_both() {
    let town = Town::new();
    edora_with(&town, "release = \"two_persons\"", "release");
    let (_site, address) = town.site("edora");
    town.configure(&[("edora", address)]);
    // The other vendors have no connection (2); this one's batch is not even tried.
    assert_eq!(town.run(&["run"]), Some(2));
    let status = || town.batches("edora")[0].1;
    let name = town.batches("edora")[0].0.to_string();
    let release = |by: &str| town.run(&["batch", "release", &name, "--by", by]);
    let shown = || String::from_utf8_lossy(&town.ask_plainly(&["status"]).stdout).into_owned();
    assert_eq!(status(), BatchStatus::Unreleased);
    assert!(
        shown().contains("waits for two persons\n") && shown().contains(&format!("  fjernprint batch release {name} --by NAME\n")),
        "{}",
        shown()
    );
    for by in ["", " ", "a\tb", &"x".repeat(81)] {
        assert_eq!(release(by), Some(2), "{by:?}");
    }
    let plan = String::from_utf8_lossy(&town.ask_plainly(&["run", "--dry-run"]).stdout).into_owned();
    assert!(plan.contains(&format!("would keep {name}, sealed earlier, 3 letters: it waits for two persons")), "{plan}");
    assert_eq!(release("Person A"), Some(0));
    assert!(shown().contains("approved by Person A"), "{}", shown());
    assert_eq!(town.run(&["run", "--until", "ship"]), Some(2));
    assert_eq!(status(), BatchStatus::Unreleased);
    for by in ["Person A", "person  a ", "PERSON A"] {
        assert_eq!(release(by), Some(2), "{by:?}");
    }
    // What is released is the bytes: a batch that was changed since is not.
    let csv = town.path(&format!("data/batches/{name}/{name}.letters.csv"));
    let bytes = fs::read(&csv).unwrap();
    fs::write(&csv, b"other").unwrap();
    assert_eq!(release("Person B"), Some(6));
    fs::write(&csv, bytes).unwrap();
    assert_eq!(release("Person B"), Some(0));
    assert_eq!(status(), BatchStatus::Sealed);
    assert_eq!(release("Person C"), Some(2), "it waits for nobody any more");
    assert_eq!(town.run(&["batch", "release", "FP-edora-99990011-20261124-9-0123456789ab", "--by", "A"]), Some(2));
    assert_eq!(town.run(&["run", "--until", "ship"]), Some(2));
    assert_eq!(status(), BatchStatus::Shipped);
    let words: Vec<String> = town.ledger().history(&name).unwrap().into_iter().map(|(_, event)| event).collect();
    assert!(
        words[2].contains("approved") && words[2].contains("Person A") && words[3].contains("released") && words[3].contains("Person B")
    );
    assert_eq!(town.run(&["ledger", "verify"]), Some(0));
}

#[test]
fn the_second_word_must_be_another_persons_and_about_the_same_bytes() {
    let manifest = Sha256([1; 32]);
    let sealed = BatchEvent::Sealed {
        vendor: "edora".parse().unwrap(),
        municipality: "99990011".parse().unwrap(),
        business_date: "2026-11-24".into(),
        sequence: 1,
        manifest,
        signature: manifest,
        letters: 1,
        pages: 1,
        sheets: 1,
        bytes: 1,
    };
    let person = |name: &str, account: Option<&str>| Person { name: name.into(), account: account.map(str::to_owned) };
    let a = || person("A", Some("a"));
    let approved = |by| BatchEvent::Approved { by, manifest };
    let released = |by| BatchEvent::Released { by, manifest };
    let holds = |events: &[BatchEvent]| {
        let first = [sealed.clone(), BatchEvent::ReleaseRequired {}];
        first.iter().chain(events).try_fold(None, |state, event| BatchState::after(state, event).map(Some)).is_ok()
    };
    assert!(holds(&[approved(a()), released(person("B", Some("b")))]));
    assert!(holds(&[approved(a()), released(person("B", None))]));
    assert!(!holds(&[released(a())]));
    assert!(!holds(&[approved(a()), approved(person("B", Some("b")))]));
    assert!(!holds(&[approved(a()), released(person("B", Some("a")))]), "one account");
    assert!(!holds(&[approved(a()), released(person(" a", Some("b")))]), "one name");
    assert!(!holds(&[BatchEvent::Approved { by: a(), manifest: Sha256([2; 32]) }]), "another manifest");
    let over = [approved(a()), released(person("B", Some("b"))), BatchEvent::ReleaseRequired {}];
    assert!(!holds(&over), "it is asked once");
    assert!(!holds(&[BatchEvent::UploadStarted { attempt: 1 }]), "nothing goes up before");
}

#[test]
fn profiles_ask_for_encryption_and_release_only_where_it_can_be() {
    for vendor in ["edora", "kmd", "straalfors"] {
        let delivery = profile(vendor).delivery;
        assert!(delivery.encrypt_to.is_none() && delivery.release.is_none(), "{vendor}");
    }
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vendors/kmd/profile.toml")).unwrap();
    let with = |line: &str, key: &str| {
        let text = text.replacen("[batch]", &format!("{line}\n\n[batch]"), 1);
        let text = text.replacen("\n[provenance]\n", &format!("\n[provenance]\n\"delivery.{key}\" = \"contract\"\n"), 1);
        fjernprint::vendor::VendorProfile::parse(&text).map_err(|fault| fault.to_string())
    };
    assert!(with("encrypt_to = \"kmd.pem\"", "encrypt_to").unwrap_err().contains("a container of one file"));
    assert!(with("release = \"two_persons\"", "release").is_ok());
    assert!(with("release = \"one\"", "release").is_err());
    assert!(with("release = \"two_persons\"", "encrypt_to").unwrap_err().contains("provenance"));
}
