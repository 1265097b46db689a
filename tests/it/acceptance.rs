//! The vendor's acceptance test: whole batches are accepted, and every breaking is refused with its own code.

use crate::batches::{Draft, Sealed, Signer, letter, seconds_ago};
use crate::night::fjernprint;
use crate::pdf::{A4, pdf};
use fjernprint::domain::{BatchName, Envelope, Plex, Sha256};
use fjernprint::pdf::join::join;
use fjernprint::vendor::Container;
use fjernprint::vendor_site::{batches_at, tiling, verify};
use fjernprint::wire::manifest::BatchFiles;
use std::fs;
use std::io::Cursor;
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
    // One that carries a copy of what it signs is whole, and not what is wanted: nobody changed a byte of it.
    use openssl::cms::{CMSOptions, CmsContentInfo};
    let whole = CmsContentInfo::sign(Some(&good.certificate), Some(&good.key), None, Some(b"x"), CMSOptions::BINARY).unwrap();
    let why = fjernprint::wire::cms::check(b"x", &whole.to_der().unwrap(), &good.root_pem).unwrap_err().to_string();
    assert!(why.starts_with("signature: is not detached") && !why.contains("were changed"), "{why}");
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
    check("FP-B011", |s| rewrite(s, |_| "seq;letter_id\n1;x\n".to_owned()));
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

/// Puts other rows into letters.csv; the batch's name follows from them, whatever they are.
fn rewrite(sealed: &mut Sealed, change: impl Fn(&str) -> String) {
    let csv = &mut sealed.files.last_mut().unwrap().1;
    *csv = change(std::str::from_utf8(csv).unwrap()).into_bytes();
    let hash = Sha256(openssl::sha::sha256(csv));
    let named = sealed.batch().as_str().rsplit_once('-').unwrap().0.to_owned();
    let (old, new) = (sealed.batch().to_string(), format!("{named}-{}", hash.short()));
    sealed.files.iter_mut().for_each(|(name, _)| *name = name.replace(&old, &new));
    sealed.manifest.batch = new.parse().unwrap();
    sealed.vouch();
}

/// As [`code`], with the sentence.
fn said(sealed: &Sealed) -> String {
    let (dir, signer) = (tempfile::tempdir().unwrap(), Signer::new());
    let batch = sealed.write(dir.path(), &signer);
    let refusal = verify(dir.path(), &batch, &signer.root_pem).unwrap_err();
    format!("{} {}", refusal.code, refusal.message.replace(batch.as_str(), "B"))
}

/// Vendors' programs read columns by name or by number; both must read the same.
#[test]
fn letters_csv_has_the_columns_of_the_format_and_no_others() {
    let check = |expected: &str, change: fn(&str) -> String| {
        let mut sealed = draft("edora").seal();
        rewrite(&mut sealed, change);
        assert_eq!(said(&sealed), format!("FP-B011 B.letters.csv does not parse: line 1: {expected}"));
    };
    check("column \"note\" is one too many", |csv| csv.replace("deadline\n", "deadline;note\n").replace(";DK;;\n", ";DK;;;x\n"));
    check("column \"pages\" stands there, expected is first_page", |csv| csv.replacen("first_page;pages", "pages;first_page", 1));
    check("the column deadline is missing", |csv| csv.replace(";deadline\n", "\n").replace(";DK;;\n", ";DK;\n"));
    check("begins with a byte order mark", |csv| format!("\u{feff}{csv}"));
}

#[test]
fn a_row_that_no_letter_can_be_is_refused() {
    let check = |vendor: &str, expected: &str, change: fn(&mut Draft)| {
        let mut draft = draft(vendor);
        change(&mut draft);
        assert_eq!(said(&draft.seal()), format!("FP-B026 B.letters.csv: row 2: {expected}"));
    };
    for (vendor, container) in VENDORS {
        check(vendor, "sheets is 3, 3 pages duplex are 2", |d| d.rows[1].sheets = 3);
        check(vendor, "sheets is 2, 3 pages simplex are 3", |d| d.rows[1].plex = Plex::Simplex);
        check(vendor, "envelope is auto, expected c5 or c4: which one was decided when the letter was made ready", |d| {
            d.rows[1].envelope = Envelope::Auto;
        });
        check(vendor, "weight_g is 0, expected 1 to 30000", |d| d.rows[1].weight_g = 0);
        check(vendor, "weight_g is 30001, expected 1 to 30000", |d| d.rows[1].weight_g = 30_001);
        check(vendor, "deadline is \"2026-02-30\", neither empty nor a date as 2026-11-24", |d| {
            d.rows[1].deadline = "2026-02-30".to_owned()
        });
        check(vendor, "deadline is \"20261124\", neither empty nor a date as 2026-11-24", |d| d.rows[1].deadline = "20261124".to_owned());
        if container != Container::Stream {
            check(vendor, "first_page is 2, a letter's own PDF begins with page 1", |d| d.rows[1].first_page = 2);
        }
        let mut right = draft(vendor);
        (right.rows[0].weight_g, right.rows[1].weight_g) = (1, 30_000);
        right.rows[2].deadline = "2028-02-29".to_owned();
        assert_eq!(code(&right.seal(), untouched), "accepted", "{vendor}");
    }
}

#[test]
fn a_manifest_was_made_at_a_moment_that_has_been() {
    let check = |expected: &str, created: String| {
        let mut sealed = draft("edora").seal();
        sealed.manifest.created = created.clone();
        assert_eq!(code(&sealed, untouched), expected, "{created}");
    };
    let moment = seconds_ago(60);
    check("accepted", moment.replace('Z', ".25Z"));
    check("accepted", seconds_ago(-23 * 3600));
    check("FP-B002", seconds_ago(-25 * 3600));
    check("FP-B002", moment.replace('Z', "+00:00"));
    check("FP-B002", moment.replace('Z', ""));
    check("FP-B002", moment.replace('T', " "));
    check("FP-B002", moment.replace('Z', ".Z"));
    check("FP-B002", "yesterday".to_owned());
}

/// Other letters could lie behind it when the batch is printed.
#[test]
fn a_letters_folder_that_is_a_link_is_refused() {
    let link = |folder: &Path, batch: &BatchName| {
        let (path, away) = (folder.join(batch.as_str()), folder.join("elsewhere"));
        fs::rename(&path, &away).unwrap();
        std::os::unix::fs::symlink(&away, &path).unwrap();
    };
    assert_eq!(code(&draft("kmd").seal(), link), "FP-B021");
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

/// A ZIP made by hand: what our writer would make, and what it never would.
#[derive(Default)]
struct Zip {
    /// Bytes before the member of this number; the directory is the last.
    before: Vec<(usize, &'static [u8])>,
    local_extra: &'static [u8],
    central_extra: &'static [u8],
    comment: &'static [u8],
    before_end: &'static [u8],
    after_end: &'static [u8],
    /// Written into the first local head instead of its name.
    first_name: Option<&'static str>,
    other_count: bool,
}

impl Zip {
    fn bytes(&self, members: &[(String, Vec<u8>)]) -> Vec<u8> {
        let (mut zip, mut directory) = (Vec::new(), Vec::new());
        let junk = |at: usize| self.before.iter().filter(move |(number, _)| *number == at).flat_map(|(_, bytes)| bytes.iter().copied());
        let (short, long) = (|number: usize| (number as u16).to_le_bytes(), |number: usize| (number as u32).to_le_bytes());
        for (index, (name, pdf)) in members.iter().enumerate() {
            zip.extend(junk(index));
            let at = zip.len();
            // Version, flags, method, time and day, check sum, twice the size, length of the name.
            let common = [&short(10)[..], &[0; 8], &[0; 4], &long(pdf.len()), &long(pdf.len()), &short(name.len())].concat();
            let named = self.first_name.filter(|_| index == 0).unwrap_or(name);
            zip.extend([b"PK\x03\x04", &common[..], &short(self.local_extra.len()), named.as_bytes(), self.local_extra, pdf].concat());
            directory.extend([b"PK\x01\x02", &short(10)[..], &common, &short(self.central_extra.len()), &[0; 10]].concat());
            directory.extend([&long(at)[..], name.as_bytes(), self.central_extra].concat());
        }
        zip.extend(junk(members.len()));
        let at = zip.len();
        let count = short(members.len());
        let size = long(directory.len() + usize::from(self.other_count));
        zip.extend([&directory, self.before_end, b"PK\x05\x06", &[0; 4], &count, &count, &size, &long(at)].concat());
        zip.extend([&short(self.comment.len())[..], self.comment, self.after_end].concat());
        zip
    }
}

/// Who unpacks the ZIP with another program than ours must find the letters that were checked, and no others.
#[test]
fn a_zip_is_its_letters_one_after_another_and_nothing_else() {
    let check = |expected: &str, order: &[usize], zip: Zip| {
        let draft = draft("edora");
        let decoy = (format!("{}.pdf", letter(1)), pdf(&[A4, A4], |_, _| {}));
        let members: Vec<_> = order.iter().map(|number| draft.members.get(*number).unwrap_or(&decoy).clone()).collect();
        let mut sealed = draft.seal();
        sealed.files[0].1 = zip.bytes(&members);
        sealed.vouch();
        if expected.is_empty() {
            assert_eq!(code(&sealed, untouched), "accepted");
        } else {
            let told = said(&sealed);
            assert!(told.starts_with("FP-B017 B.zip ") && told.contains(expected), "{told}, expected {expected}");
        }
    };
    const JUNK: &[u8] = b"twenty bytes of junk";
    // An extra field of six bytes: a kind that nobody knows, and two bytes.
    const EXTRA: &[u8] = b"\xfe\xca\x02\x00xy";
    let (all, junk_before) = ([0, 1, 2], |number| Zip { before: vec![(number, JUNK)], ..Zip::default() });
    check("", &all, Zip::default());
    check("it holds two files of one name", &[3, 0, 1, 2], Zip::default());
    check("L000000000000000000000001.pdf is not at its place, which is number 1", &[1, 0, 2], Zip::default());
    check("L000000000000000000000001.pdf begins at byte 20, expected 0", &all, junk_before(0));
    check("L000000000000000000000002.pdf begins at byte", &all, junk_before(1));
    check("its directory begins at byte", &all, junk_before(3));
    check("has an extra field in its head", &all, Zip { local_extra: EXTRA, ..Zip::default() });
    check("in the directory, expected", &all, Zip { central_extra: EXTRA, ..Zip::default() });
    check("it has a comment", &all, Zip { comment: JUNK, ..Zip::default() });
    check("bytes of end record follow", &all, Zip { before_end: JUNK, ..Zip::default() });
    check("bytes of end record follow", &all, Zip { after_end: JUNK, ..Zip::default() });
    check("is not that of the directory before it", &all, Zip { other_count: true, ..Zip::default() });
    check("cannot be read as a ZIP", &all, Zip { first_name: Some("L000000000000000000000003.pdf"), ..Zip::default() });
}

/// Of more letters than its end record can count, a ZIP has more of an end.
#[test]
fn a_zip_of_many_letters_is_measured_too() {
    for count in [65_535u32, 65_536, 65_537] {
        let names: Vec<String> = (1..=count).map(|number| format!("{}.pdf", letter(number))).collect();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for name in &names {
            zip.start_file(name.as_str(), stored).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        let open = |bytes: &[u8]| zip::ZipArchive::new(Cursor::new(bytes.to_vec()));
        let fault = |archive| tiling::fault(archive, names.iter().map(String::as_str)).unwrap_or_else(|fault| Some(fault.to_string()));
        assert_eq!(fault(open(&bytes).unwrap()), None, "{count}");
        // The size of the directory, once in each record that has it.
        for back in [10, 58].into_iter().filter(|back| *back == 10 || count > 65_535) {
            let mut other = bytes.clone();
            let at = other.len() - back;
            other[at] ^= 1;
            assert!(open(&other).map_or(true, |archive| fault(archive).is_some()), "{count}, {back} bytes before the end");
        }
    }
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
    check("FP-B023", |d| (d.rows[1].pages, d.rows[1].sheets) = (5, 3));
    check("FP-B023", |d| (d.rows[2].pages, d.rows[2].sheets) = (3, 2));
    check("FP-B023", |d| (d.rows[2].pages, d.rows[2].sheets) = (0, 0));
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
