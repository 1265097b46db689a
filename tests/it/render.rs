//! Drawn letters and the render stage: the same bytes always, the address in the window, the sender's PDF untouched.

use crate::pdf::{A4, pdf};
use fjernprint::domain::{Plex, PostalAddress};
use fjernprint::pdf::draw::{DrawFault, LetterText, Window, cover_sheet, letter};
use fjernprint::pdf::inspect;
use fjernprint::pipeline::render::{Main, Order, RenderFault, RenderedLetter, render};
use fjernprint::pipeline::template::Templates;
use fjernprint::pipeline::validate::{Expected, Policy, judge, rejects};
use fjernprint::vendor::VendorProfile;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

const WINDOW: Window =
    Window { x_mm: 25.0, y_mm: 44.0, width_mm: 75.0, height_mm: 21.0, font_size_max_pt: 10.0, font_size_min_pt: 8.0, lines_max: 6 };
const VENDORS: [&str; 3] = ["edora", "kmd", "straalfors"];

fn profile(vendor: &str) -> VendorProfile {
    let text = fs::read_to_string(format!("{}/vendors/{vendor}/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    VendorProfile::parse(&text).unwrap()
}

fn lines(text: &[&str]) -> Vec<String> {
    text.iter().map(|line| (*line).to_owned()).collect()
}

fn sender() -> Vec<String> {
    lines(&["Øster Åby Kommune", "Rådhuspladsen 1", "9999 Øster Åby"])
}

fn address() -> PostalAddress {
    let lines = lines(&["Åse Ærøskøbing-Østergård", "c/o Bjørn Håkansson", "Sønder Allé 12, 2. tv.", "8000 Aarhus C"]);
    PostalAddress { lines, postcode: Some("8000".to_owned()), country: "DK".to_owned() }
}

fn values() -> BTreeMap<String, String> {
    let pairs = [
        ("sagsnummer", "2026-004711"),
        ("beloeb", "1.250,00"),
        ("frist", "22. december 2026"),
        ("moededato", "mandag den 7. december 2026 kl. 10.00"),
        ("moedested", "Rådhuset, Rådhuspladsen 1, 9999 Øster Åby, lokale Æ"),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Order of a template letter, or of a PDF with `imprint`, changed as the test needs it.
fn made(main: Main<'_>, vendor: &str, change: impl FnOnce(&mut Order<'_>)) -> Result<RenderedLetter, RenderFault> {
    let (sender, address) = (sender(), address());
    let mut order = Order {
        main,
        attachments: Vec::new(),
        address: Some(&address),
        imprint: false,
        plex: Plex::Duplex,
        sender_lines: &sender,
        date: "2026-11-24",
    };
    change(&mut order);
    render(&order, &Templates::shipped(), &profile(vendor))
}

pub fn long_letter(paragraphs: usize) -> Result<Vec<u8>, DrawFault> {
    let paragraph = "Blåbærgrød på æbleskiver: ÆØÅ æøå, “citat” – tankestreg … 25 € og § 81. ".repeat(9);
    let paragraphs = vec![paragraph; paragraphs];
    let (sender, address) = (sender(), address());
    let text = LetterText {
        title: "Prøve",
        sender_lines: &sender,
        address_lines: &address.lines,
        date_line: "24. november 2026",
        heading: "Ærlig overskrift på blåbærgrød",
        paragraphs: &paragraphs,
    };
    letter(&text, &WINDOW)
}

fn tool(name: &str, arguments: &[&str], bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let output = Command::new(name).args(arguments).arg(file.path()).args((name == "pdftotext").then_some("-")).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Left, top, right and bottom edge in mm of each word of the first page, as poppler sees it.
fn words(bytes: &[u8]) -> Vec<(String, [f32; 4])> {
    let page = tool("pdftotext", &["-bbox", "-l", "1"], bytes);
    let word = |line: &str| {
        let (head, text) = line.trim().strip_prefix("<word ")?.split_once('>')?;
        let mut edges = head.split('"').skip(1).step_by(2).map(|points| points.parse::<f32>().unwrap() / 72.0 * 25.4);
        Some((text.split('<').next()?.to_owned(), std::array::from_fn(|_| edges.next().unwrap())))
    };
    page.lines().filter_map(word).collect()
}

fn assert_inside(words: &[(String, [f32; 4])], window: &Window) {
    for (text, [left, top, right, bottom]) in words {
        let (far_x, far_y) = (window.x_mm + window.width_mm, window.y_mm + window.height_mm);
        let inside = *left >= window.x_mm - 0.05 && *top >= window.y_mm - 0.05 && *right <= far_x + 0.05 && *bottom <= far_y + 0.05;
        assert!(inside, "{text} at {left:.1}, {top:.1} to {right:.1}, {bottom:.1} mm");
    }
}

#[test]
fn every_shipped_template_renders_for_every_vendor_without_a_finding() {
    let values = values();
    assert_eq!(Templates::shipped().names().collect::<Vec<_>>(), ["afgoerelse", "indkaldelse"]);
    for vendor in VENDORS {
        for name in Templates::shipped().names() {
            let letter = made(Main::Template { name, values: &values }, vendor, |_| {}).unwrap();
            let facts = inspect(letter.bytes());
            assert_eq!(judge(&facts, &Expected::default(), &profile(vendor), &Policy::default()), [], "{name} at {vendor}");
            assert_eq!(facts.pages.len(), 1, "{name}");
            assert!(!letter.untouched());
            assert_eq!(letter.received().0, openssl::sha::sha256(letter.bytes()));
            tool("qpdf", &["--check"], letter.bytes());
        }
    }
}

#[test]
fn danish_letters_come_back_out_and_no_placeholder_is_left() {
    let values = values();
    let letter = made(Main::Template { name: "indkaldelse", values: &values }, "edora", |_| {}).unwrap();
    let text = tool("pdftotext", &["-layout"], letter.bytes());
    let wanted =
        ["Åse Ærøskøbing-Østergård", "8000 Aarhus C", "24. november 2026", "Rådhuspladsen 1", "lokale Æ", "mødet", "Øster Åby Kommune"];
    assert!(wanted.iter().all(|wanted| text.contains(wanted)), "{text}");
    assert!(!text.contains(['{', '}']), "{text}");
    let text = tool("pdftotext", &[], &long_letter(1).unwrap());
    for wanted in ["Blåbærgrød på æbleskiver: ÆØÅ æøå, “citat” – tankestreg … 25 € og § 81.", "Ærlig overskrift"] {
        assert!(text.replace('\n', " ").contains(wanted), "{text}");
    }
    let fonts = tool("pdffonts", &[], &long_letter(1).unwrap());
    let rows: Vec<&str> = fonts.lines().skip(2).collect();
    assert_eq!(rows.len(), 2, "{fonts}");
    assert!(rows.iter().all(|row| row.contains("Identity-H       yes ")), "{fonts}");
}

#[test]
fn the_same_input_gives_the_same_bytes_on_any_thread_and_in_any_order() {
    let alone = long_letter(12).unwrap();
    let cover = cover_sheet(&sender(), &address().lines, &WINDOW).unwrap();
    let drawn: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let draw = |nth: usize| {
            for other in 0..nth {
                long_letter(other + 1).unwrap();
            }
            long_letter(12).unwrap()
        };
        let running: Vec<_> = (0..8).map(|nth| scope.spawn(move || draw(nth))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(drawn.iter().all(|bytes| *bytes == alone));
    assert_eq!(cover_sheet(&sender(), &address().lines, &WINDOW).unwrap(), cover);
    assert_ne!(long_letter(11).unwrap(), alone);
}

#[test]
fn a_letter_of_several_pages_counts_them_and_keeps_its_margins() {
    let bytes = long_letter(12).unwrap();
    tool("qpdf", &["--check"], &bytes);
    let pages = inspect(&bytes).pages.len();
    assert!(pages >= 3, "{pages}");
    let text = tool("pdftotext", &["-layout"], &bytes);
    assert!((1..=pages).all(|page| text.contains(&format!("side {page} af {pages}"))), "{text}");
    for (word, [left, top, right, bottom]) in words(&bytes) {
        assert!(left >= 20.0 && top >= 20.0 && right <= 190.0 && bottom <= 277.0, "{word} at {left} {top} {right} {bottom}");
    }
    assert!(!tool("pdftotext", &[], &long_letter(1).unwrap()).contains("side 1"));
    assert_eq!(long_letter(400).unwrap_err().code, "FP-D004");
}

#[test]
fn the_address_stands_in_the_window_and_shrinks_before_it_is_refused() {
    let cover = |address: &[&str]| cover_sheet(&sender(), &lines(address), &WINDOW);
    let height = |bytes: &[u8], wanted: &str| {
        let found = words(bytes).into_iter().find(|(text, _)| text == wanted).unwrap();
        found.1[3] - found.1[1]
    };
    let short = cover(&["Åse Æbelø", "Sønder Allé 12", "8000 Aarhus C"]).unwrap();
    assert_inside(&words(&short), &WINDOW);
    assert!(words(&short).iter().any(|(text, _)| text == "Kommune,"), "the sender fits above three lines");
    let full = cover(&["Åse Æbelø", "c/o B", "Gård", "Sønder Allé 12", "8000 Aarhus C", "DANMARK"]).unwrap();
    assert_inside(&words(&full), &WINDOW);
    assert!(!words(&full).iter().any(|(text, _)| text == "Kommune,"), "no room for the sender above six lines");
    let long = cover(&["Kommanditselskabet for Grøn Omstilling og Bæredygtighed", "8000 Aarhus C"]).unwrap();
    assert_inside(&words(&long), &WINDOW);
    let (big, small) = (height(&short, "Aarhus"), height(&long, "Aarhus"));
    assert!(small < big && small > big * 0.79, "{small} and {big} mm");

    let refused = |address: &[&str]| {
        let fault = cover(address).unwrap_err();
        assert_eq!(fault.code, "FP-D002");
        fault.message
    };
    let name = "Kommanditselskabet for Grøn Omstilling og Bæredygtighed i Midtjylland";
    let message = refused(&["Åse Æbelø", name, "8000 Aarhus C"]);
    assert_eq!(message, "address line 2 is 90.0 mm long at 8 pt, the window takes 75 mm");
    assert_eq!(refused(&["x"; 7]), "the address has 7 lines, the window takes 6");
    assert_eq!(refused(&[]), "the address has no line");
    let low = Window { height_mm: 15.0, ..WINDOW };
    let message = cover_sheet(&[], &lines(&["x"; 6]), &low).unwrap_err().message;
    assert_eq!(message, "the address of 6 lines is 20.1 mm high at 8 pt, the window takes 15 mm");
    let drawn = made(Main::Template { name: "afgoerelse", values: &values() }, "edora", |_| {}).unwrap();
    let in_window: Vec<_> = words(drawn.bytes()).into_iter().filter(|(_, at)| at[1] < 70.0 && at[0] < 110.0).collect();
    assert_eq!(in_window.len(), 2 + 3 + 5 + 3);
    assert_inside(&in_window, &WINDOW);
    let wide = Window { width_mm: 160.0, ..WINDOW };
    let (sender, address) = (sender(), lines(&["Åse"]));
    let text = LetterText { title: "", sender_lines: &sender, address_lines: &address, date_line: "i dag", heading: "h", paragraphs: &[] };
    let in_window: Vec<_> = words(&letter(&text, &wide).unwrap()).into_iter().filter(|(_, at)| at[1] < 65.0).collect();
    assert_eq!(in_window.len(), 1, "a window as wide as the page sends the sender below it");
}

#[test]
fn a_character_the_font_lacks_is_named_and_the_text_around_it_is_not() {
    let told = |fault: DrawFault| {
        assert_eq!(fault.code, "FP-D001");
        fault.message
    };
    let cover = |sender: &[&str], address: &[&str]| told(cover_sheet(&lines(sender), &lines(address), &WINDOW).unwrap_err());
    assert_eq!(cover(&[], &["Åse", "Hemmelig 中vej 3"]), "address line 2: character U+4E2D is not in the font");
    assert_eq!(cover(&["Kommune\t"], &["Åse"]), "sender line 1: character U+0009 is not in the font");
    let letter_with = |heading: &str, paragraph: &str| {
        let (address, paragraphs) = (address(), lines(&["Godt.", paragraph]));
        let text = LetterText {
            title: "",
            sender_lines: &[],
            address_lines: &address.lines,
            date_line: "i dag",
            heading,
            paragraphs: &paragraphs,
        };
        told(letter(&text, &WINDOW).unwrap_err())
    };
    assert_eq!(letter_with("Hemmelig \u{1F600}", ""), "heading: character U+1F600 is not in the font");
    assert_eq!(letter_with("Ja", "Linje et\r\nA\u{30A}se"), "paragraph 2: character U+030A is not in the font");
}

#[test]
fn a_pdf_that_needs_nothing_goes_through_byte_for_byte() {
    let given = pdf(&[A4], |_, _| {});
    let letter = made(Main::Pdf(&given), "edora", |order| order.address = None).unwrap();
    assert!(letter.untouched());
    assert_eq!(letter.bytes(), given);
    assert_eq!(letter.received().0, openssl::sha::sha256(&given));
    assert_eq!(letter.into_bytes(), given);
}

#[test]
fn cover_sheet_and_attachments_are_put_to_the_senders_pages() {
    let given = pdf(&[A4; 2], |_, _| {});
    let pages = |plex, imprint, attachments: &[&'static [u8]]| {
        let change = |order: &mut Order<'_>| (order.plex, order.imprint, order.attachments) = (plex, imprint, attachments.to_vec());
        let letter = made(Main::Pdf(&given), "kmd", change).unwrap();
        assert!(!letter.untouched());
        assert_eq!(letter.received().0, openssl::sha::sha256(&given));
        assert!(!rejects(&judge(&inspect(letter.bytes()), &Expected::default(), &profile("kmd"), &Policy::default())));
        tool("qpdf", &["--check"], letter.bytes());
        let document = lopdf::Document::load_mem(letter.bytes()).unwrap();
        let drawn = |id| document.get_page_content_with_limit(id, 1 << 20).unwrap();
        document.get_pages().into_values().map(drawn).collect::<Vec<_>>()
    };
    let is_senders = |content: &Vec<u8>| content.starts_with(b"0 0 m 9 9 l S");
    let duplex = pages(Plex::Duplex, true, &[]);
    assert_eq!(duplex.iter().map(is_senders).collect::<Vec<_>>(), [false, false, true, true], "the sender's first page is page 3");
    let simplex = pages(Plex::Simplex, true, &[]);
    assert_eq!(simplex.iter().map(is_senders).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(pages(Plex::Duplex, true, &[ONE_PAGE, ONE_PAGE]).len(), 7);
    assert_eq!(pages(Plex::Duplex, false, &[ONE_PAGE]).len(), 3);
    let template = Main::Template { name: "afgoerelse", values: &values() };
    let with_attachment = made(template, "kmd", |order| (order.imprint, order.attachments) = (true, vec![ONE_PAGE])).unwrap();
    assert_eq!(inspect(with_attachment.bytes()).pages.len(), 2 + 1, "a template brings its own address, no cover sheet");
}

#[test]
fn each_fault_has_its_code_and_tells_no_text() {
    let values = values();
    let given = pdf(&[A4], |_, _| {});
    let template = Main::Template { name: "afgoerelse", values: &values };
    let fault = |main, change: fn(&mut Order<'_>)| {
        let fault = made(main, "edora", change).err().unwrap();
        (fault.code, fault.message)
    };
    let address_missing = ("FP-I010", "the letter has no address to put in the window".to_owned());
    assert_eq!(fault(template, |order| order.address = None), address_missing);
    let without_address = |order: &mut Order<'_>| (order.address, order.imprint) = (None, true);
    assert_eq!(fault(Main::Pdf(&given), without_address), address_missing);
    let message = "no template is named rykker; known are afgoerelse, indkaldelse".to_owned();
    assert_eq!(fault(Main::Template { name: "rykker", values: &values }, |_| {}), ("FP-D003", message));
    let mut blank = values.clone();
    blank.insert("frist".to_owned(), "  ".to_owned());
    let message = "column frist has no value".to_owned();
    assert_eq!(fault(Main::Template { name: "afgoerelse", values: &blank }, |_| {}), ("FP-D003", message));
    let message = "placeholder dato: the letter's date is not an ISO date".to_owned();
    assert_eq!(fault(template, |order| order.date = "24/11 2026"), ("FP-D003", message));
    let message = "placeholder afsender: the sender has no line".to_owned();
    assert_eq!(fault(template, |order| order.sender_lines = &[]), ("FP-D003", message));
    let message = "attachment 2 cannot be joined: it cannot be read".to_owned();
    assert_eq!(fault(Main::Pdf(&given), |order| order.attachments = vec![ONE_PAGE, b"%PDF-1.7"]), ("FP-D005", message));
    let message = "the main document cannot be joined: it cannot be read".to_owned();
    assert_eq!(fault(Main::Pdf(b"%PDF-1.7"), |order| order.imprint = true), ("FP-D005", message));
}

const ONE_PAGE: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\nxref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n\
0000000052 00000 n \n0000000101 00000 n \ntrailer<</Root 1 0 R/Size 4>>\nstartxref\n163\n%%EOF";

#[test]
fn a_template_that_cannot_be_meant_is_refused_when_it_is_loaded() {
    let template = |heading: &str, required: &str| {
        format!(
            "name = \"a\"\ntitle = \"t\"\nheading = \"{heading}\"\nplace_and_date = \"{{dato}}\"\nparagraphs = [\"x\"]\nrequired = [{required}]\n"
        )
    };
    let refused = |texts: &[String]| Templates::parse(texts).unwrap_err().to_string();
    assert_eq!(refused(&[template("{frist}", "")]), "template a: placeholder {frist} is not in required");
    assert_eq!(refused(&[template("h", "\"frist\"")]), "template a: required frist is not used");
    assert_eq!(refused(&[template("{", "")]), "template a: a brace without its partner");
    assert_eq!(refused(&[template("h", ""), template("h", "")]), "template a: the name comes twice");
    assert!(refused(&["x".to_owned()]).starts_with("template 1 does not parse: "));
    assert!(refused(&["#".repeat(70_000)]).ends_with("larger than 65536 bytes"));
    let braces: BTreeMap<_, _> = [("frist".to_owned(), "{dato}".to_owned())].into();
    let templates = Templates::parse(&[template("{frist}!", "\"frist\"")]).unwrap();
    let filled = templates.get("a").unwrap().fill(&braces, "i dag", "os").ok().unwrap();
    assert_eq!((filled.heading.as_str(), filled.place_and_date.as_str()), ("{dato}!", "i dag"), "a value is text");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]
    /// Whatever the text: a document that can be read, or a fault with a code.
    #[test]
    fn any_text_is_drawn_or_refused(line in "[a-zÆØÅéł .,-]{0,60}|\\PC{0,10}", paragraph in "[a-zæøå \n]{0,600}", height_mm in 0.0f32..40.0) {
        let window = Window { height_mm, ..WINDOW };
        let (address, paragraphs) = ([line.clone()], [paragraph, line]);
        let text = LetterText {
            title: "",
            sender_lines: &[],
            address_lines: &address,
            date_line: "",
            heading: "",
            paragraphs: &paragraphs,
        };
        match letter(&text, &window) {
            Ok(bytes) => assert!(!rejects(&judge(&inspect(&bytes), &Expected::default(), &profile("edora"), &Policy::default()))),
            Err(fault) => assert!(["FP-D001", "FP-D002"].contains(&fault.code), "{}", fault.code),
        }
    }
}
