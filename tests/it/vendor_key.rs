//! Batches encrypted to a vendor's certificate, opened with its RSA key. `openssl cms` is the second opinion.

use crate::batches::{Draft, Sealed, Signer};
use crate::certificates::{Issued, SIGNER, Usage, Wish, issue};
use crate::night::fjernprint;
use crate::sealing::{change, edora_with};
use crate::shipping::Town;
use age::secrecy::ExposeSecret;
use fjernprint::adapters::encrypt;
use fjernprint::domain::Sha256;
use fjernprint::domain::status::BatchStatus;
use fjernprint::vendor_site::{Manners, Terms, verify_on};
use fjernprint::wire::envelope_open;
use fjernprint::wire::manifest::EncryptedTo;
use fjernprint::wire::vendor_key::VendorKey;
use std::fs;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const PIECE: usize = 64 * 1024;

fn vendor() -> Issued {
    issue(Wish { name: "vendor", usage: Usage::Encipher, rsa_bits: Some(2048), ..SIGNER }, None)
}

fn pem(issued: &Issued) -> String {
    String::from_utf8(issued.key.private_key_to_pem_pkcs8().unwrap()).unwrap()
}

fn key(issued: &Issued) -> VendorKey {
    VendorKey::parse(&pem(issued)).unwrap()
}

/// As the night encrypts it.
fn sealed_to(vendor: &Issued, plain: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("plain"), dir.path().join("sealed"));
    fs::write(&from, plain).unwrap();
    encrypt::encrypt(&from, &to, &encrypt::Recipient::Certificate(vendor.certificate.clone())).unwrap();
    fs::read(&to).unwrap()
}

/// Opens it, or says why it does not open.
fn open(sealed: &[u8], vendor: &Issued) -> Result<Vec<u8>, String> {
    let mut opened = envelope_open::open(Cursor::new(sealed), &vendor.key).map_err(|fault| fault.to_string())?;
    let mut plain = Vec::new();
    opened.read_to_end(&mut plain).map(|_| plain).map_err(|fault| fault.to_string())
}

fn random(bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    openssl::rand::rand_bytes(&mut content).unwrap();
    content
}

#[test]
fn an_envelope_opens_with_its_key_from_anywhere_in_it() {
    let (vendor, other) = (vendor(), self::vendor());
    for bytes in [0, 1, 15, 16, 17, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE - 16, 3 * PIECE + 5, 1 << 20] {
        let plain = random(bytes);
        let sealed = sealed_to(&vendor, &plain);
        assert!(open(&sealed, &vendor).unwrap() == plain, "{bytes}");
        assert_eq!(open(&sealed, &other).unwrap_err(), "it is encrypted to another key");
    }
    let plain = random(2 * PIECE + 100);
    let sealed = sealed_to(&vendor, &plain);
    let mut opened = envelope_open::open(Cursor::new(&sealed), &vendor.key).unwrap();
    for at in [2 * PIECE, 10, PIECE, PIECE - 3, 0, 2 * PIECE + 90, PIECE + 1] {
        let mut found = [0; 10];
        opened.seek(SeekFrom::Start(at as u64)).unwrap();
        opened.read_exact(&mut found).unwrap();
        assert_eq!(found, plain[at..at + 10], "{at}");
    }
    assert_eq!(opened.seek(SeekFrom::End(-5)).unwrap(), plain.len() as u64 - 5);
    assert_eq!(opened.read(&mut [0; 10]).unwrap(), 5);
    assert_eq!(opened.seek(SeekFrom::End(5)).unwrap(), plain.len() as u64 + 5);
    assert_eq!(opened.read(&mut [0; 10]).unwrap(), 0);
    assert!(opened.seek(SeekFrom::Start(3)).is_ok() && opened.seek(SeekFrom::Current(-4)).is_err());
    // Every changed bit of the head but those of issuer and number is seen, every cut, and bytes more.
    let begins = sealed.len() - (2 * PIECE + 112);
    let unseen = (0..begins).filter(|at| {
        let mut broken = sealed.clone();
        broken[*at] ^= 1;
        open(&broken, &vendor).is_ok_and(|found| found == plain)
    });
    assert!(unseen.count() < 60);
    for cut in [0, 1, 3, 30, begins - 1, begins, begins + 16, sealed.len() - 16, sealed.len() - 1] {
        assert!(open(&sealed[..cut], &vendor).is_err(), "{cut}");
    }
    for more in [1, 16] {
        let longer = [&sealed[..], &vec![0; more]].concat();
        assert_eq!(open(&longer, &vendor).unwrap_err(), "its lengths are not those of the file");
    }
}

#[test]
fn what_openssl_encrypts_so_opens_and_what_it_encrypts_otherwise_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (vendor, other) = (vendor(), self::vendor());
    fs::write(path("vendor.pem"), vendor.pem()).unwrap();
    fs::write(path("other.pem"), other.pem()).unwrap();
    let plain = random(100_000);
    fs::write(path("plain"), &plain).unwrap();
    let oaep = ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256"];
    let theirs = |cipher: &str, more: &[&str], keyopt: &[&str]| {
        let mut command = Command::new("openssl");
        command.current_dir(dir.path()).args(["cms", "-encrypt", "-binary", "-outform", "DER", "-in", "plain", "-out", "theirs", cipher]);
        let output = command.args(more).args(["-recip", "vendor.pem"]).args(keyopt).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        open(&fs::read(path("theirs")).unwrap(), &vendor)
    };
    assert!(theirs("-aes256", &[], &oaep).unwrap() == plain);
    let refused = |cipher: &str, more: &[&str], keyopt: &[&str], expected: &str| {
        let said = theirs(cipher, more, keyopt).unwrap_err();
        assert!(said.contains(expected), "{cipher} {more:?}: {said}");
    };
    refused("-aes256", &[], &[], "its key is not wrapped with RSA-OAEP and SHA-256");
    refused("-aes256", &[], &oaep[..2], "its key is not wrapped with RSA-OAEP and SHA-256");
    refused("-aes128", &[], &oaep, "its cipher is not AES-256-CBC");
    refused("-aes256", &["-stream"], &oaep, "it is BER, and no DER");
    let both = [&oaep[..], &["-recip", "other.pem"], &oaep[..]].concat();
    refused("-aes256", &[], &both, "it is encrypted to more than one certificate");
}

#[test]
fn a_key_is_taken_in_pem_without_a_password_and_every_other_file_is_told() {
    let (vendor, elliptic) = (vendor(), issue(SIGNER, None));
    let rsa = vendor.key.rsa().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let certificate = text(vendor.pem());
    for taken in [pem(&vendor), text(rsa.private_key_to_pem().unwrap()), format!("{certificate}{}", pem(&vendor))] {
        assert!(matches!(VendorKey::parse(&taken), Ok(VendorKey::Certificate(_))));
    }
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    for (written, expected) in [
        (certificate, "holds a certificate and no private key"),
        (pem(&elliptic), "not an RSA key"),
        (text(vendor.key.private_key_to_pem_pkcs8_passphrase(cipher, b"x").unwrap()), "is protected by a password"),
        (text(rsa.private_key_to_pem_passphrase(cipher, b"x").unwrap()), "is protected by a password"),
        (pem(&vendor)[..400].to_owned(), "holds no private key in PEM that can be read"),
        ("hello".to_owned(), "no secret key of age-keygen's (AGE-SECRET-KEY-1...), and the file has no private key in PEM"),
    ] {
        let said = VendorKey::parse(&written).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}

/// Puts envelopes in the place of a draft's containers, as the manifest says it.
fn encrypted(draft: Draft, vendor: &Issued) -> (Sealed, Vec<(String, Vec<u8>)>) {
    let to = EncryptedTo::Certificate(Sha256(openssl::sha::sha256(&vendor.certificate.to_der().unwrap())));
    draft.seal().encrypted(to, |bytes| sealed_to(vendor, bytes))
}

#[test]
fn a_vendor_checks_a_batch_with_the_key_of_its_certificate_and_nothing_plain_is_written() {
    let signer = Signer::new();
    let (ours, other) = (vendor(), vendor());
    let age = VendorKey::parse(age::x25519::Identity::generate().to_string().expose_secret()).unwrap();
    for (name, pages) in [("edora", [1, 500, 2]), ("straalfors", [1, 2, 800])] {
        let (whole, plain) = encrypted(Draft::new(name, 1, &pages), &ours);
        assert!(plain[0].1.len() > PIECE, "{}", plain[0].1.len());
        let said = |sealed: &Sealed, vendor_key: VendorKey, change: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            let batch = sealed.write(folder.path(), &signer);
            change(folder.path());
            let names = || fs::read_dir(folder.path()).unwrap().count();
            let before = names();
            let terms = Terms { trusted_pem: signer.root_pem.clone(), vendor_key, ..Terms::default() };
            let said = verify_on(folder.path(), &batch, &terms).map_or_else(|refusal| refusal.code, |_| "accepted");
            assert_eq!(names(), before, "nothing is written");
            said
        };
        let nothing = |_: &Path| {};
        let plain_beside = |folder: &Path| fs::write(folder.join(&plain[0].0), &plain[0].1).unwrap();
        let damaged_beside = |folder: &Path| {
            plain_beside(folder);
            change(&folder.join(&plain[0].0), |bytes| bytes[50] ^= 1);
        };
        let damaged = |folder: &Path| change(&folder.join(&whole.files[0].0), |bytes| *bytes.last_mut().unwrap() ^= 1);
        assert_eq!(said(&whole, key(&ours), &nothing), "accepted", "{name}");
        assert_eq!(said(&whole, key(&ours), &plain_beside), "accepted");
        assert_eq!(said(&whole, VendorKey::None, &plain_beside), "accepted");
        assert_eq!(said(&whole, VendorKey::None, &nothing), "FP-B033");
        assert_eq!(said(&whole, key(&other), &nothing), "FP-K028");
        assert_eq!(said(&whole, age.clone(), &nothing), "FP-K028");
        assert_eq!(said(&whole, key(&ours), &damaged_beside), "FP-B008");
        assert_eq!(said(&whole, key(&ours), &damaged), "FP-B008", "the signed hash says so, before the key is used");

        // Sealed so: the signature holds, and the file is not what the manifest says.
        let made = |with: &dyn Fn(&mut Sealed)| {
            let (mut sealed, _) = encrypted(Draft::new(name, 1, &pages), &ours);
            with(&mut sealed);
            sealed.vouch();
            said(&sealed, key(&ours), &nothing)
        };
        assert_eq!(made(&|_| {}), "accepted");
        assert_eq!(made(&|s| s.files[0].1[6] ^= 1), "FP-B036");
        assert_eq!(made(&|s| *s.files[0].1.last_mut().unwrap() ^= 1), "FP-B036", "the padding");
        let length = whole.files[0].1.len();
        assert_eq!(made(&|s| s.files[0].1[length - 40_000] ^= 1), "FP-B008", "a block in the middle");
        assert_eq!(made(&|s| s.files[0].1.truncate(length - 16)), "FP-B036");
        assert_eq!(made(&|s| s.files[0].1 = plain[0].1.clone()), "FP-B036", "not encrypted at all");
        assert_eq!(made(&|s| s.files[0].1 = sealed_to(&ours, &plain[0].1[16..])), "FP-B036", "another size");
        assert_eq!(made(&|s| s.files[0].1 = sealed_to(&other, &plain[0].1)), "FP-K028");
        assert_eq!(made(&|s| s.manifest.encrypted.as_mut().unwrap().plain[0].bytes = u64::MAX), "FP-B036");
        assert_eq!(made(&|s| s.manifest.encrypted.as_mut().unwrap().plain[0].sha256 = Sha256([0; 32])), "FP-B008");
    }
}

#[test]
fn a_night_goes_to_a_vendor_with_a_certificate_and_its_answers_come_back() {
    let town = Town::new();
    edora_with(&town, "encrypt_to = \"keys/edora.pem\"", "encrypt_to");
    let (ours, other) = (vendor(), vendor());
    fs::write(town.path("keys/edora.pem"), ours.pem()).unwrap();
    let (edora, address) = town.site_as("edora", Manners { vendor_key: key(&ours), ..Manners::default() });
    town.configure(&[("edora", address)]);
    assert_eq!(town.run(&["run"]), Some(2), "the others have no connection");
    town.until_settled(3);
    let (name, status) = &town.batches("edora")[0];
    assert_eq!(*status, BatchStatus::Settled);
    edora.stop();

    // By hand, as the vendor's technician does.
    let folder = town.path("data/batches").join(name.as_str());
    assert!(folder.join(format!("{name}.zip.p7m")).exists() && !folder.join(format!("{name}.zip")).exists());
    let file = |name: &str, text: String, mode: u32| -> PathBuf {
        fs::write(town.path(name), text).unwrap();
        fs::set_permissions(town.path(name), fs::Permissions::from_mode(mode)).unwrap();
        town.path(name)
    };
    let ours_file = file("vendor-rsa.key", pem(&ours), 0o600);
    let root = town.path("keys/ca.pem");
    let verify = |identity: &Path| {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let (folder, root, identity) = (path(&folder), path(&root), path(identity));
        let output = fjernprint(&["batch", "verify", &folder, "--certificate", &root, "--identity", &identity]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(verify(&ours_file), (Some(0), String::new()));
    let age = age::x25519::Identity::generate().to_string().expose_secret().to_owned();
    let certificate_sha256 = Sha256(openssl::sha::sha256(&ours.certificate.to_der().unwrap())).to_string();
    for (identity, expected) in [
        (file("other.key", pem(&other), 0o600), "FP-K028"),
        (file("age.key", age, 0o600), "FP-K028"),
        (file("open.key", pem(&ours), 0o644), "FP-K024"),
        (town.path("keys/edora.pem"), "FP-K020"),
    ] {
        let (code, said) = verify(&identity);
        let named = !said.contains("FP-K028") || said.contains(&certificate_sha256);
        assert!(named, "the certificate is named: {said}");
        assert!(code == Some(12) && said.contains(expected), "{code:?} {said}");
    }
}
