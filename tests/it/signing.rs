//! Who may seal: key, password, chain and validity are proved before anything is signed, and an end is told in time.

use crate::batches::{Draft, Sealed};
use crate::certificates::{ISSUING, Issued, ROOT, SIGNER, Usage, Wish, issue, now_s, reissue};
use crate::night::fjernprint;
use fjernprint::adapters::signer::{Signer, SignerFiles};
use fjernprint::vendor_site::{Moment, verify, verify_as_of};
use fjernprint::wire::chain::urgency;
use fjernprint::wire::cms;
use fjernprint::wire::manifest::BatchFiles;
use openssl::symm::Cipher;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A signer's files: root, issuing certificate, signer, each of which a case may break.
struct Desk {
    dir: tempfile::TempDir,
    root: Issued,
    issuing: Issued,
    signer: Issued,
}

impl Desk {
    fn of(issuing: Wish, signer: Wish) -> Self {
        Self::under(ROOT, issuing, signer)
    }

    fn under(root: Wish, issuing: Wish, signer: Wish) -> Self {
        let root = issue(root, None);
        let issuing = issue(issuing, Some(&root));
        let signer = issue(signer, Some(&issuing));
        let desk = Self { dir: tempfile::tempdir().unwrap(), root, issuing, signer };
        desk.write("ca.pem", &desk.root.pem(), 0o644);
        desk.write("signer.pem", &[desk.signer.pem(), desk.issuing.pem()].concat(), 0o644);
        desk.write("signer.key", &desk.signer.key.private_key_to_pem_pkcs8().unwrap(), 0o600);
        desk
    }

    fn new() -> Self {
        Self::of(ISSUING, SIGNER)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8], mode: u32) {
        fs::write(self.path(name), bytes).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn encrypt(&self, password: &[u8]) {
        let pem = self.signer.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), password).unwrap();
        self.write("signer.key", &pem, 0o600);
    }

    fn read_with(&self, password: Option<&str>, root: Option<&str>) -> Result<Signer, (&'static str, String)> {
        let files = SignerFiles {
            certificate: self.path("signer.pem"),
            key: self.path("signer.key"),
            key_password: password.map(|name| self.path(name)),
            root: root.map(|name| self.path(name)),
        };
        Signer::read(&files, now_s()).map_err(|fault| (fault.code(), fault.to_string()))
    }

    /// The code of what is wrong with a root that is configured, and with none.
    fn check(&self, with_root: &str, without: &str) {
        for (root, expected) in [(Some("ca.pem"), with_root), (None, without)] {
            let found = self.read_with(None, root).err();
            assert_eq!(found.as_ref().map_or("", |(code, _)| code), expected, "{root:?}: {found:?}");
        }
    }
}

#[test]
fn a_chain_is_read_and_each_defect_of_it_is_refused_by_name() {
    Desk::new().check("", "");
    Desk::of(ISSUING, Wish { usage: Usage::Unsaid, ..SIGNER }).check("", "");
    Desk::of(ISSUING, Wish { days: (-9, -1), ..SIGNER }).check("FP-K021", "FP-K021");
    Desk::of(ISSUING, Wish { days: (1, 9), ..SIGNER }).check("FP-K021", "FP-K021");
    Desk::of(Wish { days: (-9, -1), ..ISSUING }, SIGNER).check("FP-K021", "FP-K021");
    Desk::of(ISSUING, Wish { usage: Usage::Encipher, ..SIGNER }).check("FP-K023", "FP-K023");
    Desk::under(Wish { days: (-9, -1), ..ROOT }, ISSUING, SIGNER).check("FP-K021", "");
    Desk::under(Wish { days: (1, 9), ..ROOT }, ISSUING, SIGNER).check("FP-K021", "");
    // Without a root, a vendor may have pinned the signer's own certificate.
    let lonely = Desk::new();
    lonely.write("signer.pem", &lonely.signer.pem(), 0o644);
    lonely.check("FP-K022", "");
    let stranger = Desk::new();
    stranger.write("ca.pem", &issue(ROOT, None).pem(), 0o644);
    stranger.check("FP-K022", "");
    let strange_issuer = Desk::new();
    strange_issuer.write("signer.pem", &[strange_issuer.signer.pem(), issue(ISSUING, None).pem()].concat(), 0o644);
    strange_issuer.check("FP-K022", "FP-K022");
    let wrong_order = Desk::new();
    wrong_order.write("signer.pem", &[wrong_order.issuing.pem(), wrong_order.signer.pem()].concat(), 0o644);
    wrong_order.check("FP-K020", "FP-K020");
    let other_key = Desk::new();
    other_key.write("signer.key", &issue(SIGNER, None).key.private_key_to_pem_pkcs8().unwrap(), 0o600);
    other_key.check("FP-K020", "FP-K020");
    for name in ["signer.pem", "signer.key"] {
        let no_pem = Desk::new();
        no_pem.write(name, b"no pem", 0o600);
        no_pem.check("FP-K020", "FP-K020");
        fs::remove_file(no_pem.path(name)).unwrap();
        no_pem.check("FP-K020", "FP-K020");
    }
}

#[test]
fn a_key_is_opened_by_the_password_in_its_file_and_by_nothing_else() {
    let desk = Desk::new();
    let code = |password: Option<&str>| {
        desk.read_with(password, None).err().map(|(code, message)| {
            assert!(!message.contains("kodeord"), "{message}");
            code
        })
    };
    desk.encrypt(b"kodeord 1");
    assert_eq!(code(None), Some("FP-K024"));
    for (text, expected) in [
        ("kodeord 1", None),
        ("kodeord 1\n", None),
        ("kodeord 1\r\nand a remark", None),
        ("kodeord 2\n", Some("FP-K024")),
        (" kodeord 1\n", Some("FP-K024")),
        ("\nkodeord 1\n", Some("FP-K024")),
        ("", Some("FP-K024")),
        (&"kodeord".repeat(1_000), Some("FP-K024")),
    ] {
        desk.write("password", text.as_bytes(), 0o600);
        assert_eq!(code(Some("password")), expected, "{text:?}");
    }
    assert_eq!(code(Some("absent")), Some("FP-K020"));
    desk.write("password", b"kodeord 1", 0o600);
    for name in ["password", "signer.key"] {
        for (mode, expected) in [(0o400, None), (0o640, Some("FP-K024")), (0o604, Some("FP-K024")), (0o602, Some("FP-K024"))] {
            fs::set_permissions(desk.path(name), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(code(Some("password")), expected, "{name} {mode:o}");
        }
        fs::set_permissions(desk.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn the_end_is_told_from_sixty_thirty_and_seven_days_before_it() {
    for (days, expected) in
        [(400, None), (61, None), (60, Some(60)), (31, Some(60)), (30, Some(30)), (8, Some(30)), (7, Some(7)), (0, Some(7)), (-1, Some(7))]
    {
        assert_eq!(urgency(days), expected, "{days}");
    }
    // The chain ends with the first certificate of it that ends.
    let desk = Desk::of(Wish { days: (-9, 20), ..ISSUING }, Wish { days: (-1, 50), ..SIGNER });
    let expiry = desk.read_with(None, None).ok().and_then(|signer| signer.expiry(now_s())).unwrap();
    assert_eq!((expiry.subject.as_str(), expiry.days), ("issuing", 20));
}

/// Whichever ends is named, with its end: the signer's own, the issuing one, or the root, which stands in another file.
#[test]
fn what_has_ended_is_named_with_its_file() {
    let said = |root: Wish, issuing: Wish, signer: Wish| Desk::under(root, issuing, signer).read_with(None, Some("ca.pem")).err().unwrap();
    let ended = |wish: Wish| Wish { days: (-9, -1), ..wish };
    for (fault, name, file) in [
        (said(ROOT, ISSUING, ended(SIGNER)), "signer", "signer.pem"),
        (said(ROOT, ended(ISSUING), SIGNER), "issuing", "signer.pem"),
        (said(ended(ROOT), ISSUING, SIGNER), "root", "ca.pem"),
    ] {
        let (code, text) = fault;
        let named = text.contains(&format!("the certificate of {name} has expired: it was valid until ")) && text.contains(" GMT");
        assert!(code == "FP-K021" && named && text.contains(file), "{code} {text}");
    }
    let (_, text) = said(Wish { days: (2, 9), ..ROOT }, ISSUING, SIGNER);
    assert!(text.contains("ca.pem") && text.contains("the certificate of root is not valid yet: it will be from "), "{text}");
}

/// Its end stops sealing as well as that of the certificates below it.
#[test]
fn the_end_of_the_root_is_told_too() {
    let ending = |days| Wish { days: (-9, days), ..ROOT };
    let end = |desk: &Desk, root| desk.read_with(None, root).ok().and_then(|signer| signer.expiry(now_s())).map(|e| (e.subject, e.days));
    let told = |name: &str, days| Some((name.to_owned(), days));
    let desk = Desk::under(ending(20), ISSUING, SIGNER);
    assert_eq!(end(&desk, Some("ca.pem")), told("root", 20));
    assert_eq!(end(&desk, None), told("signer", 365), "no root is configured");
    // Another root in the file is none of this chain, however soon it ends.
    desk.write("both.pem", &[issue(Wish { name: "other", ..ending(5) }, None).pem(), desk.root.pem()].concat(), 0o644);
    assert_eq!(end(&desk, Some("both.pem")), told("root", 20));
    // The same root renewed, with its key: the chain leads to either.
    let renewed = reissue(ending(50), &desk.root);
    desk.write("renewed.pem", &[desk.root.pem(), renewed.pem()].concat(), 0o644);
    assert_eq!(end(&desk, Some("renewed.pem")), told("root", 50));
    let old = Desk::under(ending(-1), ISSUING, SIGNER);
    let renewed = reissue(ending(50), &old.root);
    old.write("renewed.pem", &[old.root.pem(), renewed.pem()].concat(), 0o644);
    assert_eq!(end(&old, Some("renewed.pem")), told("root", 50), "one that is valid is enough");
    // A vendor may hold the issuing certificate in the root's place.
    let pinned = Desk::of(Wish { days: (-9, 20), ..ISSUING }, SIGNER);
    pinned.write("ca.pem", &pinned.issuing.pem(), 0o644);
    assert_eq!(end(&pinned, Some("ca.pem")), told("issuing", 20));
}

/// Runs with this signer in an installation that `init` made: exit code, output and what stands on stderr.
fn runs_with(signer: Wish, arguments: &[&str]) -> (Option<i32>, String, String) {
    runs_under(ROOT, signer, arguments)
}

fn runs_under(root: Wish, signer: Wish, arguments: &[&str]) -> (Option<i32>, String, String) {
    let desk = Desk::under(root, ISSUING, signer);
    let home = tempfile::tempdir().unwrap();
    assert_eq!(fjernprint(&["init", home.path().to_str().unwrap()]).status.code(), Some(0));
    for name in ["ca.pem", "signer.pem", "signer.key"] {
        fs::copy(desk.path(name), home.path().join("keys").join(name)).unwrap();
    }
    let config = home.path().join("fjernprint.toml");
    let output = fjernprint(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_run_warns_once_and_refuses_to_seal_with_what_has_ended() {
    let lasting = |days| Wish { days: (-300, days), ..SIGNER };
    let times = |text: &str| text.matches("FP-K026").count();
    for (days, warned) in [(61, 0), (60, 1), (30, 1), (7, 1)] {
        let (code, out, err) = runs_with(lasting(days), &["run", "--until", "seal"]);
        assert_eq!((code, times(&err)), (Some(0), warned), "{days}: {err}");
        assert!(warned == 0 || err.contains(&format!("ends in {days} days")), "{err}");
        assert_eq!(err.matches("`fjernprint explain FP-M014`").count(), warned, "{err}");
        assert_eq!(times(&out), 0, "{out}");
        let (_, out, _) = runs_with(lasting(days), &["run", "--json", "--quiet"]);
        assert_eq!(times(&out), warned, "{out}");
        let (_, out, _) = runs_with(lasting(days), &["run", "--dry-run", "--json", "--quiet"]);
        assert_eq!(times(&out), warned, "{out}");
        let (code, out, _) = runs_with(lasting(days), &["status"]);
        assert_eq!((code, out.matches("FP-K026  the certificate").count()), (Some(0), warned), "{out}");
        assert_eq!(out.contains("!! FP-K026"), days == 7, "{out}");
    }
    for arguments in [&["run"][..], &["run", "--dry-run"]] {
        let (code, _, err) = runs_with(lasting(-1), arguments);
        assert_eq!(code, Some(12), "{err}");
        assert!(err.contains("FP-K021") && err.contains("has expired"), "{err}");
    }
    let (code, out, _) = runs_with(lasting(-1), &["status"]);
    assert!(code == Some(0) && out.contains("nothing can be sealed: FP-K021"), "{out}");
    let (_, _, err) = runs_with(lasting(1), &["run", "--until", "seal"]);
    assert_eq!(err.matches("ends in 1 day,").count(), 2, "the warning and the alarm: {err}");
    let root = |days| Wish { days: (-300, days), ..ROOT };
    let (code, _, err) = runs_under(root(20), SIGNER, &["run", "--until", "seal"]);
    assert!(code == Some(0) && err.contains("the certificate of root ends in 20 days"), "{err}");
    let (code, _, err) = runs_under(root(-1), SIGNER, &["run"]);
    assert!(code == Some(12) && err.contains("FP-K021") && err.contains("the certificate of root has expired"), "{err}");
}

/// A batch sealed so many days ago, as `certificate` signs it.
fn sealed(days_ago: i64) -> Sealed {
    let mut sealed = Draft::new("edora", 1, &[1, 2]).seal();
    let created = jiff::Timestamp::from_second(now_s() - days_ago * 86_400).unwrap();
    sealed.manifest.created = created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    sealed
}

#[test]
fn a_signature_is_judged_by_the_time_of_sealing_and_by_what_its_certificate_is_for() {
    let code = |signer: Wish, days_ago: i64, moment: Moment| {
        let desk = Desk::of(ISSUING, signer);
        let batch = sealed(days_ago);
        let folder = tempfile::tempdir().unwrap();
        let name = batch.write_with(folder.path(), |content| {
            let issuers = std::slice::from_ref(&desk.issuing.certificate);
            cms::sign(content, &desk.signer.certificate, &desk.signer.key, issuers).unwrap()
        });
        let verdict = verify_as_of(folder.path(), &name, &desk.root.pem(), moment);
        assert_eq!(
            verify(folder.path(), &name, &desk.root.pem()).is_ok(),
            verify_as_of(folder.path(), &name, &desk.root.pem(), Moment::Now).is_ok()
        );
        if verdict.is_ok() {
            let mut command = std::process::Command::new("openssl");
            command
                .args(["cms", "-verify", "-binary", "-inform", "DER", "-no_check_time", "-in"])
                .arg(folder.path().join(BatchFiles::signature(&name)));
            command.arg("-content").arg(folder.path().join(BatchFiles::manifest(&name))).arg("-CAfile").arg(desk.path("ca.pem"));
            assert!(command.args(["-purpose", "any", "-out", "/dev/null"]).output().unwrap().status.success());
        }
        verdict.err().map(|refusal| refusal.code)
    };
    let then = |from, until| Wish { days: (from, until), ..SIGNER };
    assert_eq!(code(SIGNER, 0, Moment::Now), None);
    assert_eq!(code(then(-100, -5), 20, Moment::Now), Some("FP-K013"), "has ended since");
    assert_eq!(code(then(-100, -5), 20, Moment::Sealing), None);
    assert_eq!(code(then(-100, -5), 2, Moment::Sealing), Some("FP-K013"), "had ended when the batch was sealed");
    assert_eq!(code(then(-10, 90), 20, Moment::Now), Some("FP-K013"), "was not valid yet when the batch was sealed");
    assert_eq!(code(Wish { usage: Usage::Unsaid, ..SIGNER }, 0, Moment::Now), None);
    assert_eq!(code(Wish { usage: Usage::Encipher, ..SIGNER }, 0, Moment::Now), Some("FP-K016"));
}
