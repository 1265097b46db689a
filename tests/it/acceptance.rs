//! The vendor's acceptance test: whole batches are accepted, and every breaking is refused with its own code.

use crate::batches::{Draft, Sealed, Signer, letter};
use crate::night::fjernprint;
use crate::pdf::{A4, pdf};
use fjernprint::domain::{BatchName, Sha256};
use fjernprint::pdf::join::join;
use fjernprint::vendor::Container;
use fjernprint::vendor_site::{batches_at, verify};
use fjernprint::wire::manifest::BatchFiles;
use std::fs;
use std::path::{Path, PathBuf};

const VENDORS: [(&str, Container); 3] = [("edora", Container::Zip), ("kmd", Container::Files), ("straalfors", Container::Stream)];
const PAGES: [u32; 3] = [1, 3, 2];

fn draft(vendor: &str) -> Draft {
    Draft::new(vendor, 1, &PAGES)
}

/// Writes what `make` sealed, and what acceptance says to it.
fn code(sealed: &Sealed, broken: impl Fn(&Path, &BatchName)) -> &'static str {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let batch = sealed.write(dir.path(), &signer);
    broken(dir.path(), &batch);
    match verify(dir.path(), &batch, &signer.root_pem) {
        Ok(_) => "accepted",
        Err(refusal) => {
            let first = refusal.message.chars().next().unwrap();
            assert!(!refusal.message.ends_with('.') && (first.is_lowercase() || refusal.message.starts_with("FP-")), "{refusal}");
            assert!(fjernprint::domain::codes::find(refusal.code).is_some(), "{}", refusal.code);
            refusal.code
        }
    }
}

fn untouched(_: &Path, _: &BatchName) {}

#[test]
fn whole_batches_of_every_container_are_accepted() {
    for (vendor, container) in VENDORS {
        let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
        let sealed = draft(vendor).seal();
        let batch = sealed.write(dir.path(), &signer);
        let accepted = verify(dir.path(), &batch, &signer.root_pem).unwrap();
        assert_eq!((accepted.container, accepted.letters.len()), (container, 3), "{vendor}");
        assert_eq!(accepted.manifest_sha256, Sha256(openssl::sha::sha256(&sealed.manifest.to_json())));
        assert_eq!(accepted.manifest, sealed.manifest);
    }
}

#[test]
fn one_changed_bit_in_any_file_is_refused() {
    for (vendor, _) in VENDORS {
        let sealed = draft(vendor).seal();
        for (name, bytes) in sealed.signed(&Signer::new()) {
            // The end of the signature file is the signature itself, the end of others is data like any other.
            let expected = if name.contains(".manifest.json") { "FP-K011" } else { "FP-B008" };
            for back in [2, 9, 16].into_iter().filter(|back| *back < bytes.len()) {
                let flip = |folder: &Path, _: &BatchName| {
                    let mut bytes = fs::read(folder.join(&name)).unwrap();
                    let at = bytes.len() - back;
                    bytes[at] ^= 1;
                    fs::write(folder.join(&name), bytes).unwrap();
                };
                assert_eq!(code(&sealed, flip), expected, "{name}, {back} bytes before its end");
            }
        }
    }
}

#[test]
fn missing_cut_and_strange_files_are_refused() {
    for (vendor, _) in VENDORS {
        let sealed = draft(vendor).seal();
        for (name, _) in sealed.signed(&Signer::new()) {
            let (missing, cut) = match name.as_str() {
                name if name.ends_with(".ready") => continue,
                name if name.ends_with(".p7s") => ("FP-K010", "FP-K011"),
                name if name.ends_with(".json") => ("FP-B001", "FP-K011"),
                _ => ("FP-B006", "FP-B007"),
            };
            assert_eq!(code(&sealed, |folder, _| fs::remove_file(folder.join(&name)).unwrap()), missing, "{name}");
            let shorten = |folder: &Path, _: &BatchName| {
                let bytes = fs::read(folder.join(&name)).unwrap();
                fs::write(folder.join(&name), &bytes[..bytes.len() - 1]).unwrap();
            };
            assert_eq!(code(&sealed, shorten), cut, "{name}");
            let link = |folder: &Path, _: &BatchName| {
                let (path, away) = (folder.join(&name), folder.join("elsewhere"));
                fs::rename(&path, &away).unwrap();
                std::os::unix::fs::symlink(&away, &path).unwrap();
            };
            assert_eq!(code(&sealed, link), "FP-B021", "{name}");
        }
        let extra = |folder: &Path, batch: &BatchName| {
            fs::create_dir_all(folder.join(batch.as_str())).unwrap();
            fs::write(folder.join(batch.as_str()).join("L000000000000000000000009.pdf"), b"x").unwrap();
        };
        assert_eq!(code(&sealed, extra), "FP-B009");
        let huge = |folder: &Path, batch: &BatchName| {
            fs::File::options().write(true).open(folder.join(BatchFiles::manifest(batch))).unwrap().set_len(40 << 20).unwrap();
        };
        assert_eq!(code(&sealed, huge), "FP-B001");
    }
}

#[test]
fn signatures_are_refused_each_for_its_own_reason() {
    let dir = tempfile::tempdir().unwrap();
    let sealed = draft("edora").seal();
    let refusal = |signer: &Signer, trusted: &[u8]| {
        let batch = sealed.write(dir.path(), signer);
        verify(dir.path(), &batch, trusted).err().map(|refusal| (refusal.code, refusal.message))
    };
    let (good, stranger, expired, early) = (Signer::new(), Signer::new(), Signer::valid(-9, -1), Signer::valid(1, 9));
    assert_eq!(refusal(&good, &good.root_pem), None);
    for (signer, trusted, code, says) in [
        (&stranger, &good.root_pem[..], "FP-K012", "leads to no trusted certificate"),
        (&expired, &expired.root_pem, "FP-K013", "expired"),
        (&early, &early.root_pem, "FP-K013", "not yet valid"),
        (&good, b"no certificate", "FP-K014", "no certificate in PEM"),
    ] {
        let (found, message) = refusal(signer, trusted).unwrap();
        assert_eq!(found, code, "{message}");
        assert!(message.contains(says), "{message}");
    }
    let message = refusal(&stranger, &good.root_pem).unwrap().1;
    assert!(message.starts_with(&format!("{}.manifest.json.p7s: signature: does not verify", sealed.batch())), "{message}");
}

#[test]
fn a_manifest_that_says_something_else_is_refused() {
    let check = |expected: &str, change: fn(&mut Sealed)| {
        for (vendor, _) in VENDORS {
            let mut sealed = draft(vendor).seal();
            change(&mut sealed);
            assert_eq!(code(&sealed, untouched), expected, "{vendor}");
        }
    };
    check("FP-B003", |s| s.manifest.format = "fjernprint-batch/2".to_owned());
    check("FP-B004", |s| s.manifest.vendor = "other".parse().unwrap());
    check("FP-B004", |s| s.manifest.municipality_cvr = "99990012".parse().unwrap());
    check("FP-B004", |s| s.manifest.business_date = "2026-11-25".to_owned());
    check("FP-B004", |s| s.manifest.sequence = 8);
    check("FP-B005", |s| s.manifest.files[0].name = format!("{}/../../x.pdf", s.batch()));
    check("FP-B005", |s| s.manifest.files[0].name = format!("{}/a/b.pdf", s.batch()));
    check("FP-B005", |s| s.manifest.files[0].name = "/etc/passwd".to_owned());
    check("FP-B005", |s| s.manifest.files.push(s.manifest.files[0].clone()));
    check("FP-B006", |s| s.manifest.files[0].name = format!("{}.other", s.batch()));
    check("FP-B007", |s| s.manifest.files[0].bytes += 1);
    check("FP-B008", |s| s.manifest.files[0].sha256 = Sha256([0; 32]));
    check("FP-B014", |s| s.manifest.letters += 1);
    check("FP-B014", |s| s.manifest.pages -= 1);
    check("FP-B014", |s| s.manifest.sheets += 1);
    check("FP-B014", |s| s.manifest.bytes += 1);
    check("FP-B011", |s| {
        // The batch's name follows from the rows, whatever they are.
        s.files.last_mut().unwrap().1 = b"seq;letter_id\n1;x\n".to_vec();
        let hash = Sha256(openssl::sha::sha256(&s.files.last().unwrap().1));
        let named = s.batch().as_str().rsplit_once('-').unwrap().0.to_owned();
        let (old, new) = (s.batch().to_string(), format!("{named}-{}", hash.short()));
        s.files.iter_mut().for_each(|(name, _)| *name = name.replace(&old, &new));
        s.manifest.batch = new.parse().unwrap();
        s.vouch();
    });
    // letters.csv stands last in the manifest.
    check("FP-B010", |s| drop(s.manifest.files.pop()));
    check("FP-B010", |s| {
        s.files.last_mut().unwrap().1.push(b'\n');
        s.vouch();
    });
    check("FP-B015", |s| {
        s.files.insert(0, (format!("{}.extra", s.batch()), b"x".to_vec()));
        s.vouch();
    });
}

#[test]
fn a_signed_file_that_is_no_manifest_is_refused() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let sealed = draft("edora").seal();
    let batch = sealed.write(dir.path(), &signer);
    let json = String::from_utf8(sealed.manifest.to_json()).unwrap();
    for (text, code) in [
        ("not json".to_owned(), "FP-B002"),
        (json.replace("\"letters\"", "\"other\""), "FP-B002"),
        (json.replace("{\n  \"format\"", "{\n  \"more\": 1,\n  \"format\""), "FP-B002"),
        (json.replace("fjernprint-batch/1", "fjernprint-batch/2").replace("\"letters\"", "\"other\""), "FP-B003"),
    ] {
        fs::write(dir.path().join(BatchFiles::manifest(&batch)), &text).unwrap();
        fs::write(dir.path().join(BatchFiles::signature(&batch)), signer.sign(text.as_bytes())).unwrap();
        assert_eq!(verify(dir.path(), &batch, &signer.root_pem).unwrap_err().code, code, "{text}");
    }
}

#[test]
fn a_batch_under_another_name_is_refused() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let batch = draft("edora").seal().write(dir.path(), &signer);
    let other: BatchName = batch.as_str().replace("-7-", "-8-").parse().unwrap();
    for (from, to) in
        [(BatchFiles::manifest(&batch), BatchFiles::manifest(&other)), (BatchFiles::signature(&batch), BatchFiles::signature(&other))]
    {
        fs::rename(dir.path().join(from), dir.path().join(to)).unwrap();
    }
    assert_eq!(verify(dir.path(), &other, &signer.root_pem).unwrap_err().code, "FP-B004");
    let json = serde_json::from_slice::<serde_json::Value>(&fs::read(dir.path().join(BatchFiles::manifest(&other))).unwrap()).unwrap();
    assert_eq!(json["batch"], batch.as_str());
}

#[test]
fn letters_that_are_not_what_letters_csv_says_are_refused() {
    let check = |vendors: &[&str], expected: &str, change: fn(&mut Draft)| {
        for vendor in vendors {
            let mut draft = draft(vendor);
            change(&mut draft);
            assert_eq!(code(&draft.seal(), untouched), expected, "{vendor}");
        }
    };
    let (all, single) = (["edora", "kmd", "straalfors"], ["edora", "kmd"]);
    check(&all, "FP-B012", |d| d.rows[2].seq = 4);
    check(&all, "FP-B012", |d| d.rows.swap(0, 1));
    check(&all, "FP-B013", |d| d.rows[1].letter_id = letter(1));
    check(&all, "FP-B016", |d| d.rows[1].file = "../x.pdf".to_owned());
    check(&single, "FP-B016", |d| d.members[1].0 = "other.pdf".to_owned());
    check(&single, "FP-B016", |d| d.members.push(("L000000000000000000000009.pdf".to_owned(), pdf(&[A4], |_, _| {}))));
    check(&single, "FP-B016", |d| drop(d.members.pop()));
    check(&single, "FP-B019", |d| {
        let first = d.members[0].1.clone();
        d.members[0].1 = std::mem::replace(&mut d.members[1].1, first);
    });
    check(&single, "FP-B019", |d| d.rows[0].sha256 = Sha256([0; 32]));
    check(&single, "FP-B019", |d| d.rows[0].bytes += 1);
    check(&single, "FP-B020", |d| d.rows[0].pages += 1);
    check(&single, "FP-B020", |d| {
        d.members[0].1 = b"%PDF-1.7 not really".to_vec();
        d.rows[0].bytes = 19;
        d.rows[0].sha256 = Sha256(openssl::sha::sha256(&d.members[0].1));
    });
}

#[test]
fn a_zip_whose_members_are_not_stored_is_refused() {
    let mut sealed = draft("edora").seal();
    let zip = &mut sealed.files[0].1;
    // The method's place in local (PK 3 4) and central (PK 1 2) headers, set from stored to deflated.
    for at in 0..zip.len() - 12 {
        match &zip[at..at + 4] {
            b"PK\x03\x04" => zip[at + 8] = 8,
            b"PK\x01\x02" => zip[at + 10] = 8,
            _ => {}
        }
    }
    sealed.vouch();
    assert_eq!(code(&sealed, untouched), "FP-B018");
    sealed.files[0].1 = b"PK no zip at all".to_vec();
    sealed.vouch();
    assert_eq!(code(&sealed, untouched), "FP-B017");
}

#[test]
fn a_stream_gives_every_page_to_one_letter() {
    let check = |expected: &str, change: fn(&mut Draft)| {
        let mut draft = draft("straalfors");
        change(&mut draft);
        assert_eq!(code(&draft.seal(), untouched), expected);
    };
    // Pages 1, 3 to 5 and 7 to 8 of 8.
    check("FP-B023", |d| d.rows[1].first_page = 2);
    check("FP-B023", |d| d.rows[2].first_page = 5);
    check("FP-B023", |d| d.rows[0].first_page = 3);
    check("FP-B023", |d| d.rows[1].pages = 5);
    check("FP-B023", |d| d.rows[2].pages = 3);
    check("FP-B023", |d| d.rows[2].pages = 0);
    check("FP-B020", |d| d.stream = Some(b"%PDF-1.7 not really".to_vec()));
    check("FP-B023", |d| {
        let parts: Vec<&[u8]> = d.members.iter().map(|(_, pdf)| pdf.as_slice()).chain([d.members[0].1.as_slice()]).collect();
        d.stream = Some(join(&parts, true).unwrap().bytes);
    });
    // Without a blank back, letters begin where others end.
    check("FP-B023", |d| {
        let parts: Vec<&[u8]> = d.members.iter().map(|(_, pdf)| pdf.as_slice()).collect();
        d.stream = Some(join(&parts, false).unwrap().bytes);
    });
}

#[test]
fn batches_are_found_by_folder_and_by_manifest() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    assert_eq!(batches_at(dir.path()).unwrap_err().code, "FP-B022");
    let first = draft("edora").seal().write(dir.path(), &signer);
    let second = draft("kmd").seal().write(dir.path(), &signer);
    let here: PathBuf = dir.path().to_owned();
    assert_eq!(batches_at(dir.path()).unwrap(), [(here.clone(), first.clone()), (here.clone(), second)]);
    assert_eq!(batches_at(&here.join(BatchFiles::manifest(&first))).unwrap(), [(here.clone(), first)]);
    assert_eq!(batches_at(&here.join("letters.csv")).unwrap_err().code, "FP-B022");
    assert_eq!(batches_at(&here.join("FP-kmd-99990011-20261124-9-0123456789ab.manifest.json")).unwrap_err().code, "FP-B001");
}

/// Letters lie there and nothing says what they are: that is a batch to be refused, beside good ones and alone.
#[test]
fn a_batch_without_its_manifest_is_refused_and_not_passed_over() {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let certificate = tempfile::NamedTempFile::new().unwrap();
    fs::write(certificate.path(), &signer.root_pem).unwrap();
    let verify = || {
        let words = ["batch", "verify", dir.path().to_str().unwrap(), "--certificate", certificate.path().to_str().unwrap()];
        let output = fjernprint(&words);
        (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    };
    let [good, bad] = ["edora", "kmd"].map(|vendor| {
        let mut sealed = draft(vendor).seal();
        sealed.manifest.previous_manifest_sha256 = Some(Sha256([9; 32]));
        sealed.write(dir.path(), &signer)
    });
    let (code, told) = verify();
    assert_eq!(code, Some(0), "{told}");
    fs::remove_file(dir.path().join(BatchFiles::manifest(&bad))).unwrap();
    let (code, told) = verify();
    assert_eq!(code, Some(6), "{told}");
    assert!(told.contains("FP-B001") && told.contains(bad.as_str()), "{told}");
    fs::remove_file(dir.path().join(BatchFiles::signature(&bad))).unwrap();
    assert_eq!(verify().0, Some(6), "also by its letters alone");
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with(good.as_str()) {
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    }
    let (code, told) = verify();
    assert_eq!(code, Some(6), "{told}");
    // What is on its way has no name yet, and an answer is no part of what was delivered.
    let empty = tempfile::tempdir().unwrap();
    for name in [format!("{bad}.zip.1.part"), format!("{bad}.ack.json"), format!("{bad}.receipt-1.csv"), "notes.txt".to_owned()] {
        fs::write(empty.path().join(name), "x").unwrap();
    }
    assert_eq!(batches_at(empty.path()).unwrap_err().code, "FP-B022");
}
