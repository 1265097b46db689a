//! Facts about PDFs and what a vendor makes of them: one document per defect, and one that just has none.

use fjernprint::domain::Severity;
use fjernprint::pdf::inspect;
use fjernprint::pipeline::validate::{Expected, Policy, judge, rejects};
use fjernprint::vendor::VendorProfile;
use lopdf::{Document, EncryptionState, EncryptionVersion, Object, Permissions, Stream, dictionary};
use std::fs;

/// A PDF with one page a size, in points, and what else `change` does to it.
pub fn pdf(sizes: &[(f32, f32)], change: impl FnOnce(&mut Document, lopdf::ObjectId)) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let pages = document.new_object_id();
    let kids: Vec<Object> = sizes
        .iter()
        .map(|(width, height)| {
            let content = document.add_object(Stream::new(dictionary! {}, b"0 0 m 9 9 l S".to_vec()));
            let media: Vec<Object> = vec![0.into(), 0.into(), Object::Real(*width), Object::Real(*height)];
            document.add_object(dictionary! { "Type" => "Page", "Parent" => pages, "MediaBox" => media, "Contents" => content }).into()
        })
        .collect();
    let count = kids.len() as i64;
    document.objects.insert(pages, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count }.into());
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", catalog);
    document.trailer.set("ID", vec![Object::string_literal("0123456789abcdef"), Object::string_literal("0123456789abcdef")]);
    change(&mut document, catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

pub const A4: (f32, f32) = (595.276, 841.89);

fn rules(vendor: &str, bytes: &[u8]) -> Vec<&'static str> {
    let text = fs::read_to_string(format!("{}/vendors/{vendor}/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let findings = judge(&inspect(bytes), &Expected::default(), &VendorProfile::parse(&text).unwrap(), &Policy::default());
    let grave = |f: &&fjernprint::domain::Finding| f.severity == Severity::Reject;
    assert_eq!(rejects(&findings), findings.iter().any(|f| grave(&f)));
    // The fixtures have a line in their lowest corner, and no address: what these tests ask is what stops a letter.
    findings.iter().filter(|f| grave(f) || f.rule == "PDF_VERSION").map(|finding| finding.rule).collect()
}

#[test]
fn a_plain_a4_letter_is_accepted_by_every_vendor() {
    for vendor in ["edora", "kmd", "straalfors"] {
        assert_eq!(rules(vendor, &pdf(&[A4, A4], |_, _| {})), [""; 0], "{vendor}");
    }
}

#[test]
fn each_defect_is_found_and_named() {
    let plain = |_: &mut Document, _| {};
    let action = |kind: &'static str| {
        move |d: &mut Document, catalog| {
            let action = dictionary! { "S" => kind, "JS" => Object::string_literal("x") };
            d.get_object_mut(catalog).unwrap().as_dict_mut().unwrap().set("OpenAction", action);
        }
    };
    let font = |d: &mut Document, _| {
        let font = d.add_object(dictionary! { "Type" => "Font", "Subtype" => "TrueType", "BaseFont" => "Calibri" });
        let page = d.page_iter().next().unwrap();
        let resources = dictionary! { "Font" => dictionary! { "F1" => font } };
        d.get_object_mut(page).unwrap().as_dict_mut().unwrap().set("Resources", resources);
    };
    let embedded = |d: &mut Document, _| {
        d.add_object(Stream::new(dictionary! { "Type" => "EmbeddedFile" }, b"x".to_vec()));
    };
    assert_eq!(rules("edora", &pdf(&[A4, (612.0, 792.0)], plain)), ["PAGE_A4_TOL"]);
    assert_eq!(rules("edora", &pdf(&[(841.89, 595.276)], plain)), ["PAGE_ORIENTATION"]);
    assert_eq!(rules("edora", &pdf(&[A4; 41], plain)), ["PAGES_MAX"]);
    assert_eq!(rules("edora", &pdf(&[A4; 40], plain)), [""; 0]);
    assert_eq!(rules("edora", &pdf(&[A4], font)), ["FONT_EMBED"]);
    assert_eq!(rules("edora", &pdf(&[A4], embedded)), ["EMBEDDED_FILE"]);
    assert_eq!(rules("edora", &pdf(&[A4], action("JavaScript"))), ["JAVASCRIPT"]);
    assert_eq!(rules("edora", &pdf(&[A4], |d, _| d.version = "2.0".to_owned())), ["PDF_VERSION"]);
    assert!(rules("edora", &pdf(&[], plain)).contains(&"PAGES_ZERO"));
    assert_eq!(rules("edora", &pdf(&[(612.0, 792.0)], font)), ["FONT_EMBED", "PAGE_A4_TOL"], "all faults, not the first");
}

#[test]
fn tolerances_hold_one_below_and_one_above() {
    let mm = |width: f32, height: f32| pdf(&[(width / 25.4 * 72.0, height / 25.4 * 72.0)], |_, _| {});
    assert_eq!(rules("edora", &mm(212.0, 297.0)), [""; 0]);
    assert_eq!(rules("edora", &mm(212.2, 297.0)), ["PAGE_A4_TOL"]);
    assert_eq!(rules("straalfors", &mm(200.0, 287.0)), [""; 0]);
    assert_eq!(rules("straalfors", &mm(210.2, 297.0)), ["PAGE_A4_TOL"]);
}

#[test]
fn rotation_and_user_unit_count() {
    let turned = |d: &mut Document, _| {
        for id in d.get_pages().into_values().collect::<Vec<_>>() {
            let page = d.get_object_mut(id).unwrap().as_dict_mut().unwrap();
            page.set("Rotate", 90);
            page.set("UserUnit", 2);
        }
    };
    assert_eq!(rules("kmd", &pdf(&[(A4.1 / 2.0, A4.0 / 2.0)], turned)), [""; 0]);
}

#[test]
fn an_encrypted_file_is_seen_even_when_it_opens_without_a_password() {
    let encrypted = pdf(&[A4], |d, _| {
        let permissions = Permissions::all();
        let version = EncryptionVersion::V2 { document: d, owner_password: "owner", user_password: "", key_length: 128, permissions };
        let state = EncryptionState::try_from(version).unwrap();
        d.encrypt(&state).unwrap();
    });
    assert!(rules("edora", &encrypted).contains(&"ENCRYPTED"));
}

#[test]
fn damage_is_unreadable_and_never_a_panic() {
    let whole = pdf(&[A4], |_, _| {});
    for broken in [&b""[..], b"not a pdf", b"%PDF-1.7", &whole[..whole.len() / 2]] {
        assert!(rules("edora", broken).contains(&"UNREADABLE"), "{} bytes", broken.len());
    }
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x5a;
        rules("edora", &changed);
    }
}

/// The public corpus, where the variable names it: every file ends with a verdict.
#[test]
fn every_file_of_the_corpus_gets_a_verdict() {
    let Ok(folder) = std::env::var("FJERNPRINT_CORPUS") else {
        eprintln!("FJERNPRINT_CORPUS is not set: the corpus is not looked at");
        return;
    };
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "pdf") {
                rules("edora", &fs::read(&path).unwrap());
                files += 1;
            }
        }
    }
    assert!(files > 0);
}

fn pages_by_qpdf(bytes: &[u8]) -> u32 {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let check = std::process::Command::new("qpdf").arg("--check").arg(file.path()).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    let count = std::process::Command::new("qpdf").arg("--show-npages").arg(file.path()).output().unwrap();
    String::from_utf8(count.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn joined_letters_begin_on_a_front_and_another_reader_agrees() {
    use fjernprint::pdf::join::join;
    let (one, two, three) = (pdf(&[A4], |_, _| {}), pdf(&[A4; 2], |_, _| {}), pdf(&[A4; 3], |_, _| {}));
    let parts = [&one[..], &two, &three, &one];
    let stream = join(&parts, true).unwrap();
    assert_eq!((stream.first_pages.as_slice(), stream.pages), (&[1, 3, 5, 9][..], 9));
    assert!(stream.first_pages.iter().all(|page| page % 2 == 1), "nobody's page stands behind another's");
    assert_eq!(pages_by_qpdf(&stream.bytes), 9);
    let simplex = join(&parts, false).unwrap();
    assert_eq!((simplex.first_pages.as_slice(), simplex.pages), (&[1, 2, 4, 7][..], 7));
    assert_eq!(pages_by_qpdf(&simplex.bytes), 7);
    assert_eq!(join(&parts, true).unwrap(), stream, "the same input gives the same bytes");
    assert_eq!(rules("edora", &stream.bytes), [""; 0]);
    assert_eq!(join(&[&one, b"%PDF-1.7"], true).unwrap_err().part, 2);
    assert_eq!(join(&[&one, &pdf(&[], |_, _| {})], true).unwrap_err().part, 2);
}
