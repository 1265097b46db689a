//! Thousands of ways to break a sealed batch of each container: every one is refused, with the sentence of the part that
//! is broken.

use crate::batches::{Draft, Sealed, Signer, letter};
use crate::pdf::{A4, pdf};
use fjernprint::adapters::keys;
use fjernprint::domain::{BatchName, Sha256};
use fjernprint::vendor_site::{Refusal, Terms, verify_on};
use fjernprint::wire::cms;
use fjernprint::wire::manifest::BatchFiles;
use std::fs;
use std::path::PathBuf;

const VENDORS: [&str; 3] = ["edora", "kmd", "straalfors"];

/// A delivered batch in a folder, and what its vendor takes.
struct Delivered {
    dir: tempfile::TempDir,
    batch: BatchName,
    files: Vec<(String, Vec<u8>)>,
    terms: Terms,
}

impl Delivered {
    fn new(vendor: &str) -> Self {
        Self::of(&Draft::new(vendor, 1, &[1, 3, 2]).seal(), &Signer::new())
    }

    fn of(sealed: &Sealed, signer: &Signer) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let batch = sealed.batch();
        let files = sealed.signed(signer);
        let vendor = batch.as_str().split('-').nth(1).unwrap().parse().unwrap();
        let environment = Some("test".to_owned());
        let terms = Terms { trusted_pem: signer.root_pem.clone(), vendor: Some(vendor), environment, delivered: true, ..Terms::default() };
        let delivered = Self { dir, batch, files, terms };
        delivered.files.iter().for_each(|(name, bytes)| delivered.put(name, bytes));
        assert!(delivered.verify().is_ok(), "unbroken it is accepted");
        delivered
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn verify(&self) -> Result<(), Refusal> {
        verify_on(self.dir.path(), &self.batch, &self.terms).map(|_| ())
    }

    /// Must be refused with one of these codes, and the sentence must name the file.
    fn refused(&self, what: &str, file: &str, codes: &[&str]) {
        let Err(refusal) = self.verify() else { panic!("{what}: accepted") };
        assert!(codes.contains(&refusal.code), "{what}: {} {}, expected {codes:?}", refusal.code, refusal.message);
        assert!(refusal.message.contains(file), "{what}: {} does not name {file}", refusal.message);
    }

    /// Breaks one file, looks, and repairs it.
    fn broken(&self, what: &str, name: &str, bytes: &[u8], says: &str, codes: &[&str]) {
        let (_, whole) = self.files.iter().find(|(known, _)| known == name).unwrap();
        self.put(name, bytes);
        self.refused(&format!("{name}: {what}"), says, codes);
        self.put(name, whole);
    }

    /// The file that is named when this one is changed or cut, and the codes: a changed manifest is a signature that does
    /// not fit.
    fn blamed(&self, name: &str) -> (String, &'static [&'static str], &'static [&'static str]) {
        let signature = BatchFiles::signature(&self.batch);
        match name {
            name if name == signature => (signature, &["FP-K011", "FP-K012", "FP-K013", "FP-K015"], &["FP-K011"]),
            name if name.ends_with(".manifest.json") => (signature, &["FP-K011"], &["FP-K011"]),
            name => (name.to_owned(), &["FP-B008"], &["FP-B007"]),
        }
    }
}

/// All through every part, one bit of a byte; and every bit of one signature, with the certificate that it carries.
#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let (mut cases, mut slipped) = (0, Vec::new());
    for vendor in VENDORS {
        let delivered = Delivered::new(vendor);
        for (name, whole) in &delivered.files {
            let (says, codes, _) = delivered.blamed(name);
            let every_bit = vendor == "edora" && name.ends_with(".p7s");
            // Every byte of what is small, a third of the letters' own.
            let step = if name.contains(".letters.") || name.contains(".manifest.") { 1 } else { 3 };
            for at in (0..whole.len()).step_by(step) {
                for bit in (0..8).filter(|bit| every_bit || *bit == at % 8) {
                    let mut bytes = whole.clone();
                    bytes[at] ^= 1 << bit;
                    delivered.put(name, &bytes);
                    if delivered.verify().is_ok() {
                        slipped.push(format!("{name}: bit {bit} of byte {at}"));
                    } else {
                        delivered.refused(&format!("bit {bit} of byte {at}"), &says, codes);
                    }
                    cases += 1;
                }
            }
            delivered.put(name, whole);
        }
    }
    assert!(slipped.is_empty(), "accepted although changed:\n{}", slipped.join("\n"));
    assert!(cases > 10_000, "{cases}");
}

/// The chain that `init` makes: the signature carries the issuing certificate too, and every byte of it counts.
#[test]
fn one_flipped_bit_in_a_signature_that_carries_its_chain_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    keys::make_chain(dir.path()).unwrap();
    let at = |name: &str| dir.path().join(name);
    let (certificate, key) = (at("signer.pem"), at("signer.key"));
    let files = fjernprint::adapters::signer::SignerFiles { certificate, key, key_password: None, root: Some(at("ca.pem")) };
    let signer = fjernprint::adapters::signer::Signer::read(&files, crate::certificates::now_s()).unwrap();
    let root = fs::read(dir.path().join("ca.pem")).unwrap();
    let content = b"{\n  \"format\": \"fjernprint-batch/1\"\n}\n";
    let signature = cms::sign(content, &signer.certificate, &signer.key, &signer.issuers).unwrap();
    cms::check(content, &signature, &root).unwrap();
    let accepted = |at: &usize| {
        let mut changed = signature.clone();
        changed[*at] ^= 1 << (at % 8);
        cms::check(content, &changed, &root).is_ok()
    };
    let slipped: Vec<usize> = (0..signature.len()).filter(accepted).collect();
    assert!(slipped.is_empty(), "accepted although changed at {slipped:?} of {}", signature.len());
}

#[test]
fn what_is_cut_lengthened_or_emptied_is_refused() {
    for vendor in VENDORS {
        let delivered = Delivered::new(vendor);
        for (name, whole) in &delivered.files {
            let (says, _, codes) = delivered.blamed(name);
            if whole.is_empty() {
                for bytes in [&b"\n"[..], b"x", &[0; 4096]] {
                    delivered.broken("something in it", name, bytes, name, &["FP-B025"]);
                }
                continue;
            }
            for kept in (0..whole.len()).step_by(3).chain(whole.len().saturating_sub(40)..whole.len()) {
                delivered.broken(&format!("cut after {kept} bytes"), name, &whole[..kept], &says, codes);
            }
            for more in [&b"\n"[..], b"\0", b" ", &[0; 512], &whole[..]] {
                delivered.broken("lengthened", name, &[whole, more].concat(), &says, codes);
            }
            let mut turned = whole.clone();
            turned.reverse();
            delivered.broken("turned round", name, &turned, &says, delivered.blamed(name).1);
        }
    }
}

#[test]
fn what_is_missing_renamed_or_too_much_is_refused() {
    for vendor in VENDORS {
        let delivered = Delivered::new(vendor);
        let batch = &delivered.batch;
        for (name, whole) in &delivered.files {
            let code = match name.as_str() {
                name if name.ends_with(".ready") => "FP-B025",
                name if name.ends_with(".p7s") => "FP-K010",
                name if name.ends_with(".manifest.json") => "FP-B001",
                _ => "FP-B006",
            };
            fs::remove_file(delivered.path(name)).unwrap();
            delivered.refused("missing", name, &[code]);
            for other in [
                format!("{name}.part"),
                format!("{name}.bak"),
                name.to_lowercase(),
                name.replace("FP-", "fp-"),
                format!("x{}", name.replace('/', "-")),
            ] {
                delivered.put(&other, whole);
                delivered.refused(&format!("renamed to {other}"), name, &[code]);
                fs::remove_file(delivered.path(&other)).unwrap();
            }
            delivered.put(name, whole);
        }
        let strangers = [".pdf.bak", ".zip2", ".letters.csv.old", ".manifest.json.old", ".ready2", ".extra", ".p7s"];
        let beside = strangers.iter().map(|ending| format!("{batch}{ending}"));
        let inside = ["L000000000000000000000009.pdf", "index.html", ".hidden", "letters.csv"].iter().map(|name| format!("{batch}/{name}"));
        for stranger in beside.chain(inside) {
            delivered.put(&stranger, b"%PDF-1.7");
            delivered.refused("too much", &stranger, &["FP-B009"]);
            fs::remove_file(delivered.path(&stranger)).unwrap();
        }
        // What another batch or a broken upload left there is nobody's fault.
        delivered.put("FP-other-99990011-20261124-7-0123456789ab.zip", b"x");
        delivered.put(&format!("{batch}.manifest.json.part"), b"{");
        assert!(delivered.verify().is_ok());
    }
}

/// Everything that two batches of one vendor, both good, can lend each other.
#[test]
fn parts_of_another_good_batch_are_refused() {
    for vendor in VENDORS {
        let signer = Signer::new();
        let ours = Delivered::of(&Draft::new(vendor, 1, &[1, 3, 2]).seal(), &signer);
        let theirs = Draft::new(vendor, 7, &[1, 3, 2]).seal();
        let lent = |name: &str| -> Vec<u8> {
            let ending = name.strip_prefix(ours.batch.as_str()).unwrap();
            let files = theirs.signed(&signer);
            let same = files.iter().find(|(known, _)| known.strip_prefix(theirs.batch().as_str()) == Some(ending));
            same.or_else(|| files.iter().find(|(known, _)| known.contains('/'))).unwrap().1.clone()
        };
        for (name, whole) in &ours.files {
            let bytes = lent(name);
            if whole.is_empty() || bytes == *whole {
                continue;
            }
            let (says, codes, cut) = ours.blamed(name);
            ours.broken("lent", name, &bytes, &says, &[codes, cut].concat());
        }
        // A good manifest with its good signature, under our name.
        for name in [BatchFiles::manifest(&ours.batch), BatchFiles::signature(&ours.batch)] {
            ours.put(&name, &lent(&name));
        }
        ours.refused("another batch's manifest", &BatchFiles::manifest(&ours.batch), &["FP-B004"]);
        let (manifest, signature) = (BatchFiles::manifest(&ours.batch), BatchFiles::signature(&ours.batch));
        for name in [manifest, signature] {
            ours.put(&name, &ours.files.iter().find(|(known, _)| *known == name).unwrap().1);
        }
        // Two letters' files change places without anybody signing.
        let letters: Vec<&(String, Vec<u8>)> = ours.files.iter().filter(|(name, _)| name.contains('/')).collect();
        for (one, other) in letters.iter().zip(letters.iter().skip(1)) {
            ours.put(&one.0, &other.1);
            ours.put(&other.0, &one.1);
            ours.refused("changed places", ours.batch.as_str(), &["FP-B007", "FP-B008"]);
            ours.put(&one.0, &one.1);
            ours.put(&other.0, &other.1);
        }
        // Two rows, and one twice.
        let name = BatchFiles::letters(&ours.batch);
        let text = String::from_utf8(ours.files.iter().find(|(known, _)| *known == name).unwrap().1.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (one, other) in [(1, 2), (2, 3), (1, 3)] {
            let mut swapped = lines.clone();
            swapped.swap(one, other);
            ours.broken("rows changed places", &name, (swapped.join("\n") + "\n").as_bytes(), &name, &["FP-B008"]);
            let mut twice = lines.clone();
            twice[one] = lines[other];
            ours.broken("a row twice", &name, (twice.join("\n") + "\n").as_bytes(), &name, &["FP-B007", "FP-B008"]);
        }
    }
}

/// What was wrong before it was signed: the signature is good, and the batch is refused all the same.
#[test]
fn what_was_sealed_wrongly_is_refused() {
    type Change = fn(&mut Draft);
    let changes: [(&str, &[&str], Change); 9] = [
        ("rows changed places", &["FP-B012"], |d| d.rows.swap(0, 1)),
        ("a letter's row twice", &["FP-B013"], |d| d.rows[2].letter_id = letter(1)),
        ("a number missing", &["FP-B012"], |d| d.rows[1].seq = 7),
        ("letters changed places", &["FP-B019", "FP-B023", "accepted"], |d| {
            let first = d.members[0].1.clone();
            d.members[0].1 = std::mem::replace(&mut d.members[1].1, first);
        }),
        ("a letter's bytes", &["FP-B019", "accepted"], |d| d.rows[0].bytes += 1),
        ("a letter's hash", &["FP-B019", "accepted"], |d| d.rows[1].sha256 = Sha256([9; 32])),
        ("a page more than there is", &["FP-B020", "FP-B023"], |d| (d.rows[2].pages, d.rows[2].sheets) = (4, 2)),
        ("a letter too few", &["FP-B016", "FP-B023"], |d| drop(d.rows.pop())),
        ("a letter too many", &["FP-B016", "FP-B023"], |d| {
            d.members.push((format!("{}.pdf", letter(9)), pdf(&[A4], |_, _| {})));
        }),
    ];
    for vendor in VENDORS {
        for (what, codes, change) in &changes {
            let mut draft = Draft::new(vendor, 1, &[1, 3, 2]);
            change(&mut draft);
            let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
            let batch = draft.seal().write(dir.path(), &signer);
            let terms = Terms { trusted_pem: signer.root_pem.clone(), ..Terms::default() };
            let code = verify_on(dir.path(), &batch, &terms).err().map_or("accepted", |refusal| refusal.code);
            // A letter's own bytes and hash cannot be seen in a stream; its pages can.
            assert!(codes.contains(&code) && (code != "accepted" || vendor == "straalfors"), "{vendor}: {what}: {code}");
        }
    }
}

#[test]
fn another_key_vendor_or_environment_is_refused() {
    for vendor in VENDORS {
        let sealed = Draft::new(vendor, 1, &[1, 2]).seal();
        let signature = BatchFiles::signature(&sealed.batch());
        let mut delivered = Delivered::of(&sealed, &Signer::new());
        let good = delivered.terms.clone();
        delivered.terms.trusted_pem = Signer::new().root_pem;
        delivered.refused("another key", &signature, &["FP-K012"]);
        for (from_days, to_days, says) in [(-9, -1, "expired"), (2, 9, "not yet valid")] {
            let signer = Signer::valid(from_days, to_days);
            delivered.put(&signature, &signer.sign(&sealed.manifest.to_json()));
            delivered.terms.trusted_pem = signer.root_pem;
            delivered.refused(says, says, &["FP-K013"]);
        }
        delivered.put(&signature, &delivered.files.iter().find(|(name, _)| *name == signature).unwrap().1.clone());
        delivered.terms = Terms { vendor: Some("other".parse().unwrap()), ..good.clone() };
        delivered.refused("another vendor", "for vendor", &["FP-B004"]);
        delivered.terms = Terms { environment: Some("production".to_owned()), ..good.clone() };
        delivered.refused("another environment", "the batch is for test, this is production", &["FP-B024"]);
        delivered.terms = good;
        assert!(delivered.verify().is_ok());
        let mut sealed = Draft::new(vendor, 1, &[1, 2]).seal();
        sealed.manifest.environment = "staging".to_owned();
        let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
        let batch = sealed.write(dir.path(), &signer);
        let terms = Terms { trusted_pem: signer.root_pem.clone(), ..Terms::default() };
        assert_eq!(verify_on(dir.path(), &batch, &terms).unwrap_err().code, "FP-B024");
    }
}
