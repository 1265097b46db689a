//! The command line as scripts see it: exit codes, JSON, and errors that say what to do.

use std::fs;
use std::process::{Command, Output};

fn fjernprint(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fjernprint")).args(arguments).output().unwrap()
}

fn lines(output: &Output) -> Vec<serde_json::Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn validate_names_file_and_vendor_and_ends_with_a_summary() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good.pdf"), dir.path().join("6101804567.pdf"));
    fs::write(&good, crate::pdf::pdf(&[crate::pdf::A4, crate::pdf::A4], |_, _| {})).unwrap();
    fs::write(&bad, b"%PDF-1.7").unwrap();
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());

    let output = fjernprint(&["validate", "--vendor", "all", "--json", good, bad]);
    assert_eq!(output.status.code(), Some(3));
    let lines = lines(&output);
    assert_eq!(lines.len(), 7);
    assert!(lines[..3].iter().all(|l| l["verdict"] == "accept" && l["pages"] == 2 && l["message_type"] == "document"));
    assert!(lines[3..6].iter().all(|l| l["verdict"] == "reject" && l["findings"][0]["code"] == "FP-V001"));
    let summary = &lines[6];
    assert_eq!(summary["message_type"], "summary");
    for (key, value) in [("files", 2), ("accepted", 1), ("repaired", 0), ("rejected", 1), ("pages", 2)] {
        assert_eq!(summary[key], value, "{key}");
    }
    assert!(!String::from_utf8_lossy(&output.stdout).contains("6101804567"));
    assert_eq!(fjernprint(&["validate", "--vendor", "kmd", good]).status.code(), Some(0));
    assert_eq!(fjernprint(&["validate", "--vendor", "kmd", bad]).status.code(), Some(4));
}

#[test]
fn usage_errors_say_what_is_known() {
    let output = fjernprint(&["validate", "--vendor", "nobody", "x.pdf", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&error["message_type"], &error["code"]), (&"exit_error".into(), &"FP-C003".into()));
    assert!(error["message"].as_str().unwrap().contains("edora, kmd, straalfors"));
    assert_eq!(fjernprint(&["print-everything"]).status.code(), Some(2));
    assert_eq!(fjernprint(&["--help"]).status.code(), Some(0));
}

#[test]
fn vendor_check_names_what_is_assumed_and_what_is_impossible() {
    let output = fjernprint(&["vendor", "check", "kmd"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("delivery.inbox"));

    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("newvendor");
    fs::create_dir(&folder).unwrap();
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vendors/kmd/profile.toml")).unwrap();
    fs::write(folder.join("profile.toml"), text.replace("id = \"kmd\"", "id = \"newvendor\"")).unwrap();
    let vendors = dir.path().to_str().unwrap();
    assert_eq!(fjernprint(&["vendor", "check", "newvendor", "--vendors", vendors]).status.code(), Some(0));
    fs::write(folder.join("profile.toml"), text).unwrap();
    let output = fjernprint(&["vendor", "check", "--vendors", vendors]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("FP-C002"));
}

/// The file that was given is at fault, not the signature of a batch that is looked at with it.
#[test]
fn a_certificate_that_is_none_is_named_by_its_own_path() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(fjernprint(&["init", dir.path().to_str().unwrap()]).status.code(), Some(0));
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for file in [path("keys/ssh.pub"), path("keys/signer.key"), path("fjernprint.toml")] {
        let output = fjernprint(&["batch", "verify", &path(""), "--certificate", &file]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(12), "{said}");
        assert!(said.contains("FP-K014") && said.contains(&file) && !said.contains(".p7s"), "{said}");
    }
    assert_eq!(fjernprint(&["batch", "verify", &path(""), "--certificate", &path("keys/ca.pem")]).status.code(), Some(4));
}

#[test]
fn explain_knows_every_code_that_the_sources_name() {
    let output = fjernprint(&["explain", "fp-v002"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("krypteret"));
    assert_eq!(fjernprint(&["explain", "FP-X999"]).status.code(), Some(2));

    let mut files = Vec::new();
    crate::house::sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    let mut named = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for found in text.split("\"FP-").skip(1) {
            let code = format!("FP-{}", found.split('"').next().unwrap());
            // Prefixes and patterns begin like a code too.
            if code.len() != 7 || !code[4..].bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            assert!(fjernprint::domain::codes::find(&code).is_some(), "{code} in {} has no page", file.display());
            named += 1;
        }
    }
    assert!(named > 30);
    assert!(fjernprint::domain::codes::CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
}

/// Whoever follows a page must not have a letter printed twice: by a command, and by its sender under another identifier.
#[test]
fn a_page_that_lets_a_letter_be_handed_in_anew_says_what_becomes_of_the_first() {
    // A letter that was called back has no way out (docs/ledger.md): the first never goes.
    let gone = ["FP-O002"];
    let commands = ["letter release", "letter retry", "batch retry"];
    let mut told = 0;
    for page in fjernprint::domain::codes::CODES {
        let english = page.fix.contains("new identifier");
        let danish = page.fix_da.contains("nyt id") || page.fix_da.contains("nye id");
        assert_eq!(english, danish, "{}: one of the languages only", page.code);
        assert!(![page.cause, page.cause_da].iter().any(|c| c.contains("new identifier") || c.contains("nyt id")), "{}", page.code);
        for command in commands {
            assert_eq!(page.fix.contains(command), page.fix_da.contains(command), "{}: {command} in one language only", page.code);
        }
        if !english || gone.contains(&page.code) {
            continue;
        }
        told += 1;
        assert!(page.fix.contains("Never do both") && page.fix_da.contains("Gør aldrig begge dele"), "{}: say never to do both", page.code);
        assert!(commands.iter().any(|command| page.fix.contains(command)), "{}: name the program's own way", page.code);
        // What waits for a word must be called back before the same letter comes in under another name.
        if page.fix.contains("letter release") {
            assert!(page.fix.contains("letter cancel") && page.fix_da.contains("letter cancel"), "{}: call the held one back", page.code);
        }
    }
    assert!(told > 10, "{told}");
}
