//! A print stream keeps what its letters have in common once, and every page looks as it did.

use crate::pdf::{A4, pdf};
use crate::render::long_letter;
use fjernprint::pdf::join::join;
use lopdf::{Document, Object, Stream, dictionary};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::process::Command;

fn check_with_qpdf(file: &Path) {
    let output = Command::new("qpdf").arg("--check").arg(file).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

/// Every page as grey pixels.
fn rasters(bytes: &[u8]) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("in.pdf");
    fs::write(&file, bytes).unwrap();
    check_with_qpdf(&file);
    let made = Command::new("pdftoppm").args(["-gray", "-r", "60"]).arg(&file).arg(dir.path().join("page")).status().unwrap();
    assert!(made.success());
    let mut pages: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().unwrap() == "pgm").collect();
    pages.sort();
    pages.iter().map(|page| fs::read(page).unwrap()).collect()
}

fn streams_of(bytes: &[u8], name: &[u8]) -> usize {
    let document = Document::load_mem(bytes).unwrap();
    let holds = |object: &&Object| match object {
        Object::Dictionary(dictionary) => dictionary.has(name),
        Object::Stream(stream) => stream.dict.has(name),
        _ => false,
    };
    document.objects.values().filter(holds).count()
}

#[test]
fn letters_share_their_fonts_and_look_as_before() {
    let letters: Vec<Vec<u8>> = (1..=12).map(|paragraphs| long_letter(paragraphs % 3 + 1).unwrap()).collect();
    let parts: Vec<&[u8]> = letters.iter().map(Vec::as_slice).collect();
    let joined = join(&parts, false).unwrap();
    let apart: usize = letters.iter().map(Vec::len).sum();
    assert!(joined.bytes.len() * 5 < apart, "{} bytes joined, {apart} apart", joined.bytes.len());
    assert_eq!(streams_of(&joined.bytes, b"FontFile2"), streams_of(&letters[0], b"FontFile2"), "each font stands there once");
    let before: Vec<Vec<u8>> = letters.iter().flat_map(|letter| rasters(letter)).collect();
    let after = rasters(&joined.bytes);
    assert_eq!(after.len(), before.len());
    assert!(after == before, "a page looks otherwise in the stream");
    assert_eq!(join(&parts, false).unwrap(), joined, "the same letters, the same bytes");
}

/// A letter whose text is shown in a font of the same name, with another program in it.
fn with_program(program: &[u8]) -> Vec<u8> {
    pdf(&[A4], |document, _| {
        let file = document.add_object(Stream::new(dictionary! { "Length1" => program.len() as i64 }, program.to_vec()));
        let descriptor = document.add_object(dictionary! { "Type" => "FontDescriptor", "FontName" => "ABCDEF+Same", "FontFile2" => file });
        let font = document.add_object(
            dictionary! { "Type" => "Font", "Subtype" => "TrueType", "BaseFont" => "ABCDEF+Same", "FontDescriptor" => descriptor },
        );
        let page = document.get_pages()[&1];
        let page = document.get_object_mut(page).unwrap().as_dict_mut().unwrap();
        page.set("Resources", dictionary! { "Font" => dictionary! { "F1" => font } });
    })
}

#[test]
fn fonts_that_only_have_the_same_name_stay_two() {
    let (one, other) = (with_program(b"program one"), with_program(b"program two"));
    let joined = join(&[&one, &other, &one], false).unwrap();
    let document = Document::load_mem(&joined.bytes).unwrap();
    let program = |page: u32| {
        let id = document.get_pages()[&page];
        let fonts = document.get_page_fonts(id).unwrap();
        let descriptor = document.get_dictionary(fonts[&b"F1".to_vec()].get(b"FontDescriptor").unwrap().as_reference().unwrap()).unwrap();
        document.get_object(descriptor.get(b"FontFile2").unwrap().as_reference().unwrap()).unwrap().as_stream().unwrap().content.clone()
    };
    assert_eq!([program(1), program(2), program(3)], [b"program one".to_vec(), b"program two".to_vec(), b"program one".to_vec()]);
    assert_eq!(streams_of(&joined.bytes, b"Length1"), 2);
}

#[test]
fn pages_that_are_alike_stay_pages_of_their_own() {
    let letter = pdf(&[A4, A4], |_, _| {});
    let joined = join(&[&letter, &letter], true).unwrap();
    let document = Document::load_mem(&joined.bytes).unwrap();
    let pages: std::collections::BTreeSet<_> = document.get_pages().into_values().collect();
    assert_eq!((pages.len(), joined.pages), (4, 4));
    assert!(pages.iter().all(|id| matches!(document.get_object(*id), Ok(Object::Dictionary(_)))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_letter_of_a_stream_begins_on_a_front(pages in proptest::collection::vec(1usize..5, 1..9)) {
        let letters: Vec<Vec<u8>> = pages.iter().map(|count| pdf(&vec![A4; *count], |_, _| {})).collect();
        let parts: Vec<&[u8]> = letters.iter().map(Vec::as_slice).collect();
        let joined = join(&parts, true).unwrap();
        let mut next = 1;
        for (first, count) in joined.first_pages.iter().zip(&pages) {
            prop_assert_eq!(*first % 2, 1);
            prop_assert!(*first == next || *first == next + 1);
            next = first + *count as u32;
        }
        prop_assert_eq!(joined.pages, next - 1);
    }
}
