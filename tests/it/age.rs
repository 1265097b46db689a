//! Batches encrypted to a vendor's age keys. Debian's own `age` is the second opinion: it opens ours, and we open its.

use crate::batches::{Draft, Sealed, Signer};
use crate::night::fjernprint;
use crate::sealing::{change, edora_with};
use crate::shipping::Town;
use fjernprint::adapters::encrypt;
use fjernprint::domain::Sha256;
use fjernprint::domain::status::BatchStatus;
use fjernprint::vendor::EncryptTo;
use fjernprint::vendor_site::{Manners, Terms, verify_on};
use fjernprint::wire::age_file::{self, HEADER_BYTES_MAX, Identities, RECIPIENTS_MAX, header, payload_bytes, recipients};
use fjernprint::wire::manifest::{EncryptedTo, Manifest};
use fjernprint::wire::vendor_key::VendorKey;
use std::fs;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

fn tool(program: &str, arguments: &[&Path]) -> Result<Vec<u8>, String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// A vendor's key, made by age-keygen.
struct Key {
    file: PathBuf,
    text: String,
    public: String,
}

impl Key {
    fn new(folder: &Path, name: &str) -> Self {
        let file = folder.join(name);
        tool("age-keygen", &[Path::new("-o"), &file]).unwrap();
        let public = String::from_utf8(tool("age-keygen", &[Path::new("-y"), &file]).unwrap()).unwrap();
        Self { text: fs::read_to_string(&file).unwrap(), file, public }
    }

    fn identities(&self) -> Identities {
        Identities::parse(&self.text).unwrap()
    }
}

fn random(bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    openssl::rand::rand_bytes(&mut content).unwrap();
    content
}

fn sealed_to(keys: &[&Key], plain: &[u8]) -> Vec<u8> {
    let keys: String = keys.iter().map(|key| key.public.as_str()).collect();
    let mut sealed = Vec::new();
    assert_eq!(age_file::encrypt(plain, &mut sealed, &recipients(&keys).unwrap()).unwrap(), plain.len() as u64);
    sealed
}

/// Opens it, or says why it does not open, or not to its end.
fn open(sealed: &[u8], key: &Key) -> Result<Vec<u8>, String> {
    let mut opened = age_file::open(Cursor::new(sealed), &key.identities()).map_err(|fault| fault.to_string())?;
    let mut plain = Vec::new();
    opened.read_to_end(&mut plain).map(|_| plain).map_err(|fault| fault.to_string())
}

#[test]
fn what_is_encrypted_to_an_age_key_the_age_tool_opens_and_the_other_way_round() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (first, second, other) = (Key::new(dir.path(), "first"), Key::new(dir.path(), "second"), Key::new(dir.path(), "other"));
    fs::write(path("vendor.age"), format!("# the machine, and the one in reserve\n\n  {}\r\n{}", first.public.trim(), second.public))
        .unwrap();
    let to = encrypt::recipient(&EncryptTo::File(path("vendor.age")), 0).ok().unwrap();
    // Around a chunk, and around two; more than a piece of the reader.
    for bytes in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, (5 << 20) + 7] {
        let plain = random(bytes);
        fs::write(path("plain"), &plain).unwrap();
        let _ = fs::remove_file(path("sealed"));
        encrypt::encrypt(&path("plain"), &path("sealed"), &to).unwrap();
        let sealed = fs::read(path("sealed")).unwrap();
        let head = header(&sealed[..]).unwrap();
        assert_eq!((head.recipients, sealed.len() as u64), (2, head.bytes + payload_bytes(bytes as u64)), "{bytes}");
        for key in [&first, &second] {
            assert!(tool("age", &[Path::new("-d"), Path::new("-i"), &key.file, &path("sealed")]).unwrap() == plain, "{bytes}");
            assert!(open(&sealed, key).unwrap() == plain, "{bytes}");
        }
        assert_eq!(open(&sealed, &other).unwrap_err(), "it is encrypted to another key");
        assert!(tool("age", &[Path::new("-d"), Path::new("-i"), &other.file, &path("sealed")]).is_err());

        let theirs = tool("age", &[Path::new("-r"), Path::new(second.public.trim()), &path("plain")]).unwrap();
        let head = header(&theirs[..]).unwrap();
        assert_eq!((head.recipients, theirs.len() as u64), (1, head.bytes + payload_bytes(bytes as u64)), "{bytes}");
        assert!(open(&theirs, &second).unwrap() == plain, "{bytes}");
    }
    // A file that is there is never written over.
    assert!(encrypt::encrypt(&path("plain"), &path("sealed"), &to).is_err());
}

#[test]
fn no_changed_bit_and_no_cut_of_an_age_file_opens() {
    let dir = tempfile::tempdir().unwrap();
    let key = Key::new(dir.path(), "key");
    let plain = random(2 * CHUNK + 100);
    let sealed = sealed_to(&[&key], &plain);
    let payload = header(&sealed[..]).unwrap().bytes as usize + 16;
    let border = |chunks: usize| payload + chunks * (CHUNK + TAG);
    // Every byte of header and nonce, and of each chunk its beginning, middle, end and tag.
    let chunks = (0..3).flat_map(|n| [border(n), border(n) + 50, border(n) + 99]);
    let ends = (1..=3).flat_map(|n| [border(n).min(sealed.len()) - 1, border(n).min(sealed.len()) - TAG - 1]);
    for at in (0..payload).chain(chunks).chain(ends) {
        let mut broken = sealed.clone();
        broken[at] ^= 1;
        assert!(open(&broken, &key).is_err(), "byte {at} of {}", sealed.len());
    }
    for cut in
        [0, 1, payload - 17, payload - 16, payload - 1, payload, border(1) - 1, border(1), border(1) + 1, border(2), sealed.len() - 1]
    {
        assert!(open(&sealed[..cut], &key).is_err(), "cut at {cut} of {}", sealed.len());
    }
    let (one, two) = (&sealed[border(0)..border(1)], &sealed[border(1)..border(2)]);
    assert!(open(&[&sealed[..payload], two, one, &sealed[border(2)..]].concat(), &key).is_err(), "two chunks swapped");
    assert!(open(&[&sealed[..payload], one, &sealed[border(2)..]].concat(), &key).is_err(), "a chunk left out");
    assert!(open(&[&sealed[..], &[0]].concat(), &key).is_err(), "a byte more");
    assert!(open(&sealed, &key).unwrap() == plain);
    // The header is read to its bound and no further.
    let long = [&b"age-encryption.org/v1\n-> X25519 "[..], &vec![b'A'; 1 << 20]].concat();
    assert_eq!(open(&long, &key).unwrap_err(), "its header has no end, or is too long");
    let many: Vec<&Key> = vec![&key; RECIPIENTS_MAX];
    let keys: Vec<_> = many.iter().map(|key| key.public.trim().parse().unwrap()).collect();
    let mut most = Vec::new();
    age_file::encrypt(&b"x"[..], &mut most, &keys).unwrap();
    assert!((most.len() as u64) < HEADER_BYTES_MAX && open(&most, &key).unwrap() == b"x");
    // Read out of order, as a ZIP is.
    let mut opened = age_file::open(Cursor::new(&sealed), &key.identities()).unwrap();
    for at in [2 * CHUNK, 10, CHUNK, CHUNK - 3, 0, 2 * CHUNK + 90, CHUNK + 1] {
        let mut found = [0; 10];
        opened.seek(SeekFrom::Start(at as u64)).unwrap();
        opened.read_exact(&mut found).unwrap();
        assert_eq!(found, plain[at..at + 10], "{at}");
    }
}

#[test]
fn only_x25519_keys_are_taken_and_a_secret_key_never() {
    let dir = tempfile::tempdir().unwrap();
    let key = Key::new(dir.path(), "key");
    let (file, public) = (dir.path().join("vendor.age"), key.public.trim());
    let said = |to: &EncryptTo| match encrypt::recipient(to, 0) {
        Ok(_) => "taken".to_owned(),
        Err(fault) => {
            assert_eq!(fault.code(), "FP-K025");
            fault.to_string()
        }
    };
    let in_file = |content: &[u8]| {
        fs::write(&file, content).unwrap();
        said(&EncryptTo::File(file.clone()))
    };
    let secret = key.text.lines().last().unwrap();
    let check = |content: &str, expected: &str| {
        let said = in_file(content.as_bytes());
        assert!(said.contains(expected), "{content:?}: {said}");
        assert!(!said.contains(&secret[15..]) && !said.to_uppercase().contains(&secret[20..40]), "a key is quoted: {said}");
    };
    let weak = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z";
    let (short, plugin) = (
        "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqar9jk6",
        "age1yubikey1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqjrljxx",
    );
    let typo = format!("{}{}{}", &public[..10], if &public[10..11] == "q" { "p" } else { "q" }, &public[11..]);
    for taken in
        [public.to_owned(), public.to_uppercase(), format!("\u{feff}# made by age-keygen\r\n{public}\r\n"), format!("{public}\n{public}\n")]
    {
        check(&taken, "taken");
    }
    check(&format!("{}{}", public[..20].to_uppercase(), &public[20..]), "is no age key: a character of it is wrong");
    assert_eq!(said(&EncryptTo::from(public.to_uppercase())), "taken");
    check("# nothing\n", "holds no age key");
    check(&key.text, "holds a secret key");
    check(&format!("{public}\n# {}\n", secret.to_lowercase()), "it must not lie here");
    check(&format!("{public}\nAGE-PLUGIN-YUBIKEY-1QQQ\n"), "holds a secret key");
    check(&typo, "line 1 is no age key: a character of it is wrong or missing");
    check(&format!("{public} {public}"), "line 1 is no age key");
    check(&format!("# a\n{}", &public[..50]), "line 2 is no age key");
    check(short, "is no age key");
    check(plugin, "is a key of a plugin");
    check("age1pq1qqqqqqqqqqqqqqqq", "is a post-quantum key; only X25519 keys are taken");
    check("age1tagpq1qqqqqqqqqqqqqqqq", "is a post-quantum key");
    check(weak, "is a weak key");
    check(&format!("{public}\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5 vendor"), "line 2 is an ssh key; ask the vendor");
    check("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 vendor", "neither a certificate in PEM nor an age key (line 1 is an ssh key");
    check(&format!("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n{public}\n"), "holds a certificate and an age key");
    check("", "neither a certificate in PEM nor an age key (holds no age key");
    check("# age1\n", "holds no age key");
    check("hello", "neither a certificate in PEM nor an age key (line 1 is no age key; one begins with age1)");
    assert!(in_file(&[0xff, 0xfe, b'a', 0]).contains("in UTF-8"));
    let many: String = (0..=RECIPIENTS_MAX).map(|n| Key::new(dir.path(), &format!("key-{n}")).public).collect();
    check(&many, "holds more than 16 keys");
    check(many.trim_end().rsplit_once('\n').unwrap().0, "taken");

    // In the profile itself.
    let text = |text: &str| EncryptTo::from(text.to_owned());
    assert_eq!(said(&text(public)), "taken");
    assert_eq!(text(public).within(Path::new("/etc/fp")), EncryptTo::Key(public.to_owned()));
    for (name, below) in
        [("keys/vendor.age", "/etc/fp/keys/vendor.age"), ("age1.pem", "/etc/fp/age1.pem"), ("/a/ssh-key.pem", "/a/ssh-key.pem")]
    {
        assert_eq!(text(name).within(Path::new("/etc/fp")), EncryptTo::File(below.into()));
    }
    for (written, expected) in
        [(secret, "delivery.encrypt_to: is a secret key"), (plugin, "of a plugin"), (&typo, "wrong or missing"), (weak, "weak")]
    {
        assert!(said(&text(written)).contains(expected), "{}", said(&text(written)));
        assert!(!said(&text(written)).contains(&secret[20..]) && !format!("{:?}", text(written)).contains(&secret[20..]));
    }

    // The vendor's own side reads secret keys, and says as clearly what is none.
    let identities = |text: &str| Identities::parse(text).map(|keys| keys.recipients().len()).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((identities(&key.text), identities(&format!("{}{}", key.text, key.text))), (1, 2));
    for (written, expected) in [
        ("", "holds no secret key"),
        (public, "line 1 is no secret key of age-keygen's"),
        (&secret[..40], "line 1 is no secret key"),
        ("-----BEGIN AGE ENCRYPTED FILE-----\n", "protected by a passphrase"),
        ("age-encryption.org/v1\n-> scrypt a 18\n", "protected by a passphrase"),
    ] {
        let said = Identities::parse(written).unwrap_err();
        assert!(said.contains(expected) && !said.contains(&secret[20..40]), "{said}");
    }
}

/// Puts age files in the place of a draft's containers, as the manifest says it.
fn encrypted(draft: Draft, keys: &[&Key]) -> (Sealed, Vec<(String, Vec<u8>)>) {
    let public: String = keys.iter().map(|key| key.public.as_str()).collect();
    draft.seal().encrypted(EncryptedTo::Age(recipients(&public).unwrap()), |bytes| sealed_to(keys, bytes))
}

#[test]
fn a_vendor_checks_an_encrypted_batch_with_its_key_and_nothing_plain_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::new();
    let [ours, second, other] = ["ours", "second", "other"].map(|name| Key::new(dir.path(), name));
    // More than a chunk: some hundred pages.
    for (vendor, pages) in [("edora", [1, 500, 2]), ("straalfors", [1, 2, 800])] {
        let draft = || Draft::new(vendor, 1, &pages);
        let (whole, plain) = encrypted(draft(), &[&ours, &second]);
        assert!(plain[0].1.len() > CHUNK, "{}", plain[0].1.len());
        let file = whole.files[0].0.clone();
        // What the acceptance test says after `change` had the folder.
        let said = |sealed: &Sealed, key: Option<&Key>, change: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            let batch = sealed.write(folder.path(), &signer);
            change(folder.path());
            let names = || fs::read_dir(folder.path()).unwrap().count();
            let before = names();
            let vendor_key = key.map(|key| VendorKey::Age(key.identities())).unwrap_or_default();
            let terms = Terms { trusted_pem: signer.root_pem.clone(), vendor_key, ..Terms::default() };
            let said = verify_on(folder.path(), &batch, &terms).map_or_else(|refusal| refusal.code, |_| "accepted");
            assert_eq!(names(), before, "nothing is written");
            said
        };
        let plain_beside = |folder: &Path| fs::write(folder.join(&plain[0].0), &plain[0].1).unwrap();
        let nothing = |_: &Path| {};
        assert_eq!(said(&whole, Some(&ours), &nothing), "accepted", "{vendor}");
        assert_eq!(said(&whole, Some(&second), &nothing), "accepted", "{vendor}");
        assert_eq!(said(&whole, Some(&ours), &plain_beside), "accepted", "{vendor}");
        assert_eq!(said(&whole, None, &plain_beside), "accepted", "{vendor}");
        assert_eq!(said(&whole, None, &nothing), "FP-B033");
        assert_eq!(said(&whole, Some(&other), &nothing), "FP-K028");
        assert_eq!(said(&whole, Some(&other), &plain_beside), "FP-K028");
        let damaged_beside = |folder: &Path| {
            plain_beside(folder);
            change(&folder.join(&plain[0].0), |bytes| bytes[50] ^= 1);
        };
        assert_eq!(said(&whole, Some(&ours), &damaged_beside), "FP-B008");
        assert_eq!(said(&whole, None, &damaged_beside), "FP-B008");

        // Changed on the way: the signed hash says so, before a key is used.
        let (another, _) = encrypted(Draft::new(vendor, 7, &pages), &[&ours, &second]);
        let sealed = whole.files[0].1.clone();
        let head = header(&sealed[..]).unwrap().bytes as usize;
        let border = head + 16 + CHUNK + TAG;
        for at in [3, head - 2, head + 3, border - 1, border, sealed.len() - 1] {
            assert_eq!(said(&whole, Some(&ours), &|folder| change(&folder.join(&file), |bytes| bytes[at] ^= 1)), "FP-B008", "{at}");
        }
        assert_eq!(said(&whole, Some(&ours), &|folder| change(&folder.join(&file), |bytes| bytes.truncate(border))), "FP-B007");
        let swapped = |folder: &Path| fs::write(folder.join(&file), &another.files[0].1).unwrap();
        assert!(["FP-B007", "FP-B008"].contains(&said(&whole, Some(&ours), &swapped)));

        // Sealed so: the signature holds, and the file is not what the manifest says.
        let made = |with: &dyn Fn(&mut Sealed)| {
            let (mut sealed, _) = encrypted(draft(), &[&ours, &second]);
            with(&mut sealed);
            sealed.vouch();
            said(&sealed, Some(&ours), &nothing)
        };
        assert_eq!(made(&|_| {}), "accepted");
        let head = |bytes: &[u8]| header(bytes).unwrap().bytes as usize;
        type Place = fn(usize, usize) -> usize;
        let places: [(Place, &str); 6] = [
            (|_, _| 3, "FP-B036"),
            // The file's key, wrapped for the first recipient: it looks like one for somebody else.
            (|_, _| 100, "FP-K028"),
            (|head, _| head - 2, "FP-B036"),
            (|head, _| head + 3, "FP-B036"),
            (|head, _| head + 16 + CHUNK + TAG, "FP-B036"),
            (|_, end| end - 1, "FP-B036"),
        ];
        for (place, expected) in places {
            let flip = |sealed: &mut Sealed| {
                let bytes = &mut sealed.files[0].1;
                let at = place(head(bytes), bytes.len());
                // Another character of base64, where it is one.
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            };
            assert_eq!(made(&flip), expected);
        }
        assert_eq!(made(&|s| s.files[0].1.truncate(border)), "FP-B036");
        assert_eq!(made(&|s| s.files[0].1.push(0)), "FP-B036");
        assert_eq!(made(&|s| s.files[0].1 = plain[0].1.clone()), "FP-B036", "not encrypted at all");
        assert_eq!(made(&|s| s.files[0].1 = sealed_to(&[&ours], &plain[0].1)), "FP-B036", "to fewer keys");
        assert_eq!(made(&|s| s.files[0].1 = sealed_to(&[&second, &other], &plain[0].1)), "FP-K028", "to other keys than it says");
        let mut other_plain = plain[0].1.clone();
        other_plain[70_000] ^= 1;
        assert_eq!(made(&|s| s.files[0].1 = sealed_to(&[&ours, &second], &other_plain)), "FP-B008", "other letters");
        assert_eq!(made(&|s| s.manifest.encrypted.as_mut().unwrap().plain[0].bytes -= 1), "FP-B036");
        assert_eq!(made(&|s| s.manifest.encrypted.as_mut().unwrap().plain[0].bytes = u64::MAX), "FP-B036");
        assert_eq!(made(&|s| s.manifest.encrypted.as_mut().unwrap().plain[0].sha256 = Sha256([0; 32])), "FP-B008");
        assert_eq!(made(&|s| s.manifest.encrypted.as_mut().unwrap().plain[0].name += "x"), "FP-B015");
    }
}

#[test]
fn a_manifest_names_a_certificate_or_age_keys_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let key = Key::new(dir.path(), "key");
    let (mut sealed, _) = encrypted(Draft::new("edora", 1, &[1]), &[&key]);
    let public = key.public.trim();
    let json = String::from_utf8(sealed.manifest.to_json()).unwrap();
    let begins = format!(
        "  \"encrypted\": {{\n    \"method\": \"age-x25519\",\n    \"recipients\": [\n      \"{public}\"\n    ],\n    \"plain\": ["
    );
    assert!(json.contains(&begins), "{json}");
    assert_eq!(Manifest::from_json(json.as_bytes()).unwrap(), sealed.manifest);
    let refused = |from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        Manifest::from_json(json.replacen(from, to, 1).as_bytes()).unwrap_err().to_string()
    };
    let hash = "0".repeat(64);
    let both = format!("\"age-x25519\",\n    \"certificate_sha256\": \"{hash}\",");
    assert!(refused("\"age-x25519\",", &both).contains("no certificate_sha256"));
    assert!(
        refused("age-x25519", "age-x25520").contains("encrypted.method is \"age-x25520\", known are cms-aes256cbc-rsaoaep and age-x25519")
    );
    assert!(refused("age-x25519", "cms-aes256cbc-rsaoaep").contains("no recipients"));
    assert!(refused(&format!("\"recipients\": [\n      \"{public}\"\n    ],\n    "), "").contains("1 to 16 recipients"));
    assert!(refused(&format!("[\n      \"{public}\"\n    ]"), "[]").contains("1 to 16 recipients"));
    assert!(refused(public, "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z").contains("weak"));
    assert!(refused(public, &public[..40]).contains("no age key"));
    let secret = key.text.lines().last().unwrap();
    assert!(!refused(public, secret).contains(&secret[20..]));
    assert!(refused("\"plain\": [", "\"more\": 1,\n    \"plain\": [").contains("more"));

    // A certificate's batch is written as it always was.
    let encrypted = sealed.manifest.encrypted.as_mut().unwrap();
    (encrypted.to, encrypted.plain) = (EncryptedTo::Certificate(Sha256([0; 32])), Vec::new());
    let json = String::from_utf8(sealed.manifest.to_json()).unwrap();
    let as_before = format!(
        "  \"encrypted\": {{\n    \"method\": \"cms-aes256cbc-rsaoaep\",\n    \"certificate_sha256\": \"{hash}\",\n    \"plain\": []\n  }},\n"
    );
    assert!(json.contains(&as_before), "{json}");
    assert_eq!(Manifest::from_json(json.as_bytes()).unwrap(), sealed.manifest);
    let without = json.replace(&format!("    \"certificate_sha256\": \"{hash}\",\n"), "");
    assert!(Manifest::from_json(without.as_bytes()).unwrap_err().to_string().contains("has certificate_sha256"));
}

#[test]
fn a_night_goes_to_a_vendor_with_an_age_key_and_its_answers_come_back() {
    let town = Town::new();
    edora_with(&town, "encrypt_to = \"keys/edora.age\"", "encrypt_to");
    let checked = || {
        let output = town.ask_plainly(&["vendor", "check", "edora"]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let check = || checked().1;
    assert_eq!(checked().0, Some(12), "nothing would be sealed");
    assert!(check().contains("delivery.encrypt_to: ") && check().contains("nothing would be sealed"), "{}", check());
    let key = Key::new(&town.path(""), "edora.key");
    let profile = town.path("vendors/edora/profile.toml");
    let with_file = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, with_file.replace("\"keys/edora.age\"", &format!("\"{}\"", &key.public[..40]))).unwrap();
    let expected = "delivery.encrypt_to: is no age key: a character of it is wrong or missing; copy it once more; nothing would be sealed";
    assert!(check().contains(expected) && check().matches("encrypt_to").count() == 1, "{}", check());
    fs::write(&profile, with_file.replace("\"keys/edora.age\"", &format!("\"{}\"", key.public.trim()))).unwrap();
    assert!(!check().contains("encrypt_to: "), "{}", check());
    assert_eq!(checked().0, Some(0));
    fs::write(&profile, with_file).unwrap();
    // The vendor's secret key by mistake: nothing is sealed for it, and everything for the others.
    fs::copy(&key.file, town.path("keys/edora.age")).unwrap();
    let output = town.ask(&["run", "--until", "seal"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(12), "{said}");
    assert!(said.contains("FP-K025") && said.contains("it must not lie here") && !said.contains("AGE-SECRET-KEY-1"), "{said}");
    assert_eq!(["edora", "kmd"].map(|vendor| town.batches(vendor).len()), [0, 1]);
    assert_eq!(town.run(&["run", "--until", "intake"]), Some(0));
    let status = String::from_utf8_lossy(&town.ask_plainly(&["status"]).stdout).into_owned();
    assert!(status.contains("!! FP-K025  nothing is sealed for edora"), "{status}");
    let plan = town.ask_plainly(&["run", "--dry-run"]);
    assert_eq!(plan.status.code(), Some(12));
    assert!(String::from_utf8_lossy(&plan.stdout).contains("would keep for edora"));
    fs::write(town.path("keys/edora.age"), &key.public).unwrap();
    assert!(!check().contains("encrypt_to: "), "{}", check());

    let vendor_key = VendorKey::Age(key.identities());
    let (edora, address) = town.site_as("edora", Manners { vendor_key, ..Manners::default() });
    town.configure(&[("edora", address)]);
    assert_eq!(town.run(&["run"]), Some(2), "the others have no connection");
    town.until_settled(3);
    let (name, status) = &town.batches("edora")[0];
    let folder = town.path("data/batches").join(name.as_str());
    let manifest = Manifest::from_json(&fs::read(folder.join(format!("{name}.manifest.json"))).unwrap()).unwrap();
    assert_eq!(manifest.files[0].name, format!("{name}.zip.age"));
    assert!(!folder.join(format!("{name}.zip")).exists(), "the plain letters are gone");
    assert_eq!(*status, BatchStatus::Settled);
    assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0));
    edora.stop();

    // By hand, as the vendor's technician does.
    let other = Key::new(&town.path(""), "other.key");
    let (root, folder) = (town.path("keys/ca.pem"), folder.to_str().unwrap().to_owned());
    let verify = |identity: Option<&Path>| {
        let mut arguments = vec!["batch", "verify", &folder, "--certificate", root.to_str().unwrap()];
        arguments.extend(identity.iter().flat_map(|file| ["--identity", file.to_str().unwrap()]));
        let output = fjernprint(&arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(verify(Some(&key.file)).0, Some(0));
    for (identity, exit, expected) in [
        (None, 6, format!("FP-B033 {name}.zip.age is encrypted")),
        (Some(other.file.as_path()), 12, "FP-K028".to_owned()),
        (Some(root.as_path()), 12, "FP-K020".to_owned()),
        (Some(Path::new("/absent")), 12, "FP-K020".to_owned()),
    ] {
        let (code, said) = verify(identity);
        let words: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(code == Some(exit) && words.contains(&expected.split(' ').next().unwrap().to_owned()), "{code:?} {said}");
    }
    // With the age tool, beside the batch.
    let plain = Path::new(&folder).join(format!("{name}.zip"));
    let sealed = plain.with_extension("zip.age");
    tool("age", &[Path::new("-d"), Path::new("-i"), &key.file, Path::new("-o"), &plain, &sealed]).unwrap();
    assert_eq!(verify(None).0, Some(0));
}
