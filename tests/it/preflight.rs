//! `fjernprint validate` as it is called: one verdict a file and vendor, who would take the letter, what is repaired.

use crate::pdf::{A4, pdf};
use fjernprint::app::profiles;
use fjernprint::pipeline::validate::{Expected, Policy, preflight, rejects};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

fn validate(arguments: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_fjernprint")).arg("validate").args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (output.status.code(), lines, text + &String::from_utf8_lossy(&output.stderr))
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// 211 mm is within the tolerance of one vendor only.
#[test]
fn each_verdict_says_which_vendors_would_take_the_letter() {
    let dir = tempfile::tempdir().unwrap();
    let wide = written(dir.path(), "wide.pdf", &pdf(&[(598.1, 841.89)], |_, _| {}));
    let (code, lines, _) = validate(&["--vendor", "all", "--json", &wide]);
    let verdicts: Vec<_> = lines.iter().filter(|l| l["message_type"] == "document").collect();
    let said: Vec<_> = verdicts.iter().map(|l| (l["vendor"].as_str().unwrap(), l["verdict"].as_str().unwrap())).collect();
    assert_eq!(said, [("edora", "accept"), ("kmd", "reject"), ("straalfors", "reject")]);
    assert!(verdicts.iter().all(|l| l["taken_by"] == serde_json::json!(["edora"])));
    assert_eq!((code, &lines[3]["rejected"]), (Some(4), &Value::from(1)));
    let (_, _, text) = validate(&["--vendor", "all", &wide]);
    assert!(text.contains("taken by edora\n") && text.contains("PAGE_A4_TOL: page 1: "), "{text}");
    let (_, _, text) = validate(&["--vendor", "all", &written(dir.path(), "junk.pdf", b"junk")]);
    assert!(text.contains("none of these vendors takes it"), "{text}");
    let (_, _, text) = validate(&["--vendor", "kmd", &written(dir.path(), "good.pdf", &pdf(&[A4], |_, _| {}))]);
    assert!(!text.contains("taken by"), "one vendor: its verdict says it all\n{text}");
}

#[test]
fn the_library_says_what_the_command_says() {
    let vendors = profiles::all(None).unwrap();
    let of = |bytes: &[u8]| -> Vec<(String, bool)> {
        let looked = preflight(bytes, &Expected::default(), &vendors, &Policy::default());
        looked.into_iter().map(|(vendor, findings)| (vendor.id.to_string(), rejects(&findings))).collect()
    };
    let names = ["edora", "kmd", "straalfors"].map(str::to_owned);
    assert_eq!(of(&pdf(&[(598.1, 841.89)], |_, _| {})), names.clone().into_iter().zip([false, true, true]).collect::<Vec<_>>());
    assert_eq!(of(b"junk"), names.into_iter().zip([true; 3]).collect::<Vec<_>>());
}

#[test]
fn a_sender_that_is_not_known_is_told_who_is() {
    let dir = tempfile::tempdir().unwrap();
    let good = written(dir.path(), "good.pdf", &pdf(&[A4], |_, _| {}));
    let init = Command::new(env!("CARGO_BIN_EXE_fjernprint")).arg("init").arg(dir.path().join("house")).output().unwrap();
    assert!(init.status.success());
    let config = dir.path().join("house/fjernprint.toml");
    let (code, _, text) = validate(&["--vendor", "kmd", "--sender", "nobody", "--config", config.to_str().unwrap(), &good]);
    assert_eq!(code, Some(2));
    assert!(text.contains("FP-C003") && text.contains("known are"), "{text}");
}

/// A document that a vendor refuses as it is, and takes repaired.
fn scripted() -> Vec<u8> {
    pdf(&[A4], |document, catalog| {
        let script = lopdf::dictionary! { "S" => "JavaScript", "JS" => lopdf::Object::string_literal("app.alert(1)") };
        document.get_object_mut(catalog).unwrap().as_dict_mut().unwrap().set("OpenAction", script);
    })
}

#[test]
fn a_repaired_document_is_written_and_what_was_done_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let (inner, out) = (dir.path().join("in/0102031234"), dir.path().join("out"));
    fs::create_dir_all(&inner).unwrap();
    let file = written(&inner, "brev.pdf", &scripted());
    let (code, lines, _) = validate(&["--vendor", "kmd", "--json", &file]);
    assert_eq!((code, &lines[0]["verdict"]), (Some(4), &"reject".into()), "nobody asked for a repair");
    let root = dir.path().join("in");
    let (code, lines, _) = validate(&["--vendor", "all", "--json", "--repair", out.to_str().unwrap(), root.to_str().unwrap()]);
    let verdicts: Vec<_> = lines[..3].iter().map(|l| l["verdict"].as_str().unwrap()).collect();
    assert_eq!((code, verdicts), (Some(0), vec!["repair"; 3]));
    let script = lines[0]["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "JAVASCRIPT").unwrap().clone();
    assert_eq!(script["severity"], "repair");
    assert!(!lines[0]["repairs"].as_array().unwrap().is_empty());
    assert_eq!((&lines[3]["repaired"], &lines[3]["rejected"]), (&1.into(), &0.into()));
    let made = fs::read(out.join("edora/xxxxxx-xxxx/brev.pdf")).unwrap();
    assert_eq!(validate(&["--vendor", "edora", &written(dir.path(), "made.pdf", &made)]).0, Some(0));
}

/// A font that nobody has the program of cannot be put in: the letter is rejected as it came, and why is told.
#[test]
fn what_cannot_be_repaired_is_rejected_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = pdf(&[A4], |document, _| {
        let font = lopdf::dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Unobtainable" };
        let font = document.add_object(font);
        let page = *document.get_pages().get(&1).unwrap();
        let content = document.add_object(lopdf::Stream::new(lopdf::dictionary! {}, b"BT /F 10 Tf 100 500 Td (x) Tj ET".to_vec()));
        let page = document.get_object_mut(page).unwrap().as_dict_mut().unwrap();
        page.set("Resources", lopdf::dictionary! { "Font" => lopdf::dictionary! { "F" => font } });
        page.set("Contents", content);
    });
    let file = written(dir.path(), "a.pdf", &bytes);
    let out = dir.path().join("out");
    let (code, lines, _) = validate(&["--vendor", "kmd", "--json", "--repair", out.to_str().unwrap(), &file]);
    assert_eq!((code, &lines[0]["verdict"]), (Some(4), &"reject".into()));
    let why = lines[0]["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "NOT_REPAIRED").unwrap();
    assert!(why["measured"].as_str().unwrap().contains("Unobtainable"), "{why}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "nothing half right is written");
}

/// Two names that differ in a masked number are two files, and so are two of one name in two folders.
#[test]
fn what_is_written_of_one_file_never_replaces_anothers() {
    let dir = tempfile::tempdir().unwrap();
    for (folder, name) in [("a", "brev 010203-1234.pdf"), ("a", "brev 020304-1234.pdf"), ("a", "x.pdf"), ("a", "x.PDF"), ("b", "x.pdf")] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
        written(&dir.path().join(folder), name, &scripted());
    }
    let (a, b, out) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("out"));
    let pictures = dir.path().join("pictures");
    let [a, b, out_text, pictures_text] = [&a, &b, &out, &pictures].map(|path| path.to_str().unwrap());
    let (code, lines, _) = validate(&["--vendor", "kmd", "--json", "--repair", out_text, "--overlay", pictures_text, a, b]);
    assert_eq!((code, &lines[5]["repaired"]), (Some(0), &5.into()));
    let names = |folder: &Path| {
        let mut names: Vec<String> =
            fs::read_dir(folder.join("kmd")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&out), ["brev xxxxxx-xxxx-2.pdf", "brev xxxxxx-xxxx.pdf", "x-2.pdf", "x-3.pdf", "x.pdf"]);
    assert_eq!(names(&pictures).len(), 5);
    let png = fs::read(pictures.join("kmd/x-3.p1.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
    let (code, _, text) = validate(&["--vendor", "kmd", "--overlay", &written(dir.path(), "file", b""), a]);
    assert_eq!(code, Some(2), "{text}");
}

/// A pipe that nobody writes to must not be waited for, and nothing to look at is not well done.
#[test]
fn what_is_no_file_is_named_and_nothing_at_all_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.pdf");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let good = written(dir.path(), "good.pdf", &pdf(&[A4], |_, _| {}));
    let (code, lines, _) = validate(&["--vendor", "kmd", "--json", pipe.to_str().unwrap(), &good]);
    assert_eq!((code, &lines[0]["verdict"], &lines[1]["verdict"]), (Some(3), &"reject".into(), &"accept".into()));
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(validate(&["--vendor", "kmd", empty.to_str().unwrap()]).0, Some(4));
}
