//! Facts about a PDF's structure: for each, a file that has it and one that just has not.

use crate::pdf::{A4, pdf};
use fjernprint::pdf::facts::{PdfFacts, Structure};
use fjernprint::pdf::inspect;
use lopdf::{Dictionary, Document, Object, ObjectId, SaveOptions, Stream, dictionary};

fn text(value: &str) -> Object {
    Object::string_literal(value)
}

fn stream(content: &[u8]) -> Stream {
    Stream::new(dictionary! {}, content.to_vec())
}

/// Facts of a one-page file whose catalog, page or objects were changed.
fn facts(change: impl FnOnce(&mut Document, ObjectId)) -> PdfFacts {
    inspect(&pdf(&[A4], change))
}

fn structure(change: impl FnOnce(&mut Document, ObjectId)) -> Structure {
    let facts = facts(change);
    assert_eq!(facts.unreadable, None);
    facts.structure
}

fn with_catalog(key: &str, value: impl Into<Object>) -> Structure {
    structure(|d, catalog| set(d, catalog, key, value))
}

fn set(document: &mut Document, id: ObjectId, key: &str, value: impl Into<Object>) {
    document.get_object_mut(id).unwrap().as_dict_mut().unwrap().set(key, value);
}

fn on_page(document: &mut Document, key: &str, value: impl Into<Object>) {
    let page = document.page_iter().next().unwrap();
    set(document, page, key, value);
}

/// A file of the objects as they are written, numbered from 1, whose first is the catalog, saved once for each list.
fn raw(saves: &[&[(u32, &str)]]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut previous = String::new();
    for objects in saves {
        let mut table = "xref\n0 1\n0000000000 65535 f \n".to_owned();
        for (number, body) in *objects {
            table += &format!("{number} 1\n{:010} 00000 n \n", bytes.len());
            bytes.extend(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
        }
        let start = bytes.len();
        bytes.extend(format!("{table}trailer\n<< /Size 20 /Root 1 0 R {previous} >>\nstartxref\n{start}\n%%EOF\n").as_bytes());
        previous = format!("/Prev {start}");
    }
    bytes
}

const PAGES: (u32, &str) = (2, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
const PAGE: (u32, &str) = (3, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>");
const CATALOG: (u32, &str) = (1, "<< /Type /Catalog /Pages 2 0 R >>");

#[test]
fn a_plain_letter_has_nothing_to_tell() {
    assert_eq!(structure(|_, _| {}), Structure { revisions: 1, ..Structure::default() });
    let facts = inspect(&raw(&[&[CATALOG, PAGES, PAGE]]));
    assert_eq!((facts.unreadable, facts.structure), (None, Structure { revisions: 1, ..Structure::default() }));
}

#[test]
fn a_table_that_leads_elsewhere_is_damaged() {
    const DAMAGED: Option<&str> = Some("its cross-reference table is damaged");
    const USED: (u32, &str) = (3, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /PieceInfo 4 0 R >>");
    const OTHER: (u32, &str) = (4, "<< >>");
    let sound = |objects: &[(u32, &str)]| String::from_utf8(raw(&[objects])).unwrap();
    let entry = |file: &str, number: u32| format!("{:010} 00000 n", file.find(&format!("\n{number} 0 obj")).unwrap() + 1);
    let moved = |file: &str, number: u32, by: isize| {
        let at = file.find(&format!("\n{number} 0 obj")).unwrap() + 1;
        file.replace(&entry(file, number), &format!("{:010} 00000 n", at.checked_add_signed(by).unwrap()))
    };
    let unreadable = |file: String| inspect(file.as_bytes()).unreadable;
    let (used, unused) = (sound(&[CATALOG, PAGES, USED, OTHER]), sound(&[CATALOG, PAGES, PAGE, OTHER]));
    assert_eq!(unreadable(used.clone()), None);
    // White space before the object is read over.
    assert_eq!(unreadable(moved(&used, 4, -1)), None);
    let commented = used.replace("\n4 0 obj", "\n%    \n4 0 obj");
    let start = commented.find("xref\n0").unwrap();
    let commented = commented.replace(&format!("startxref\n{}", start - 6), &format!("startxref\n{start}"));
    assert_eq!(unreadable(commented), None, "a comment");
    for by in [1, -2, 5, 100_000] {
        assert_eq!(unreadable(moved(&used, 4, by)).as_deref(), DAMAGED, "{by}");
    }
    assert_eq!(unreadable(used.replace(&entry(&used, 4), &entry(&used, 3))).as_deref(), DAMAGED, "another object");
    assert_eq!(unreadable(moved(&unused, 4, 5)), None, "nobody asks for it");
}

#[test]
fn a_table_that_follows_itself_is_damaged() {
    let file = String::from_utf8(raw(&[&[CATALOG, PAGES, PAGE], &[PAGE]])).unwrap();
    assert_eq!(inspect(file.as_bytes()).unreadable, None);
    let last = file.rfind("xref\n0").unwrap();
    let (before, after) = file.split_at(file.rfind("/Prev").unwrap());
    let round = format!("{before}/Prev {last}{}", &after[after.find(" >>").unwrap()..]);
    assert_eq!(inspect(round.as_bytes()).unreadable.as_deref(), Some("its cross-reference table is damaged"));
}

#[test]
fn javascript_is_found_wherever_it_stands() {
    let action = || dictionary! { "S" => "JavaScript", "JS" => text("x") };
    assert!(with_catalog("OpenAction", action()).javascript);
    assert!(with_catalog("Names", dictionary! { "JavaScript" => dictionary! { "Names" => vec![text("a"), action().into()] } }).javascript);
    assert!(with_catalog("X", vec![Object::Array(vec![dictionary! { "Next" => vec![action().into()] }.into()])]).javascript, "nested");
    let far = structure(|d, _| {
        let script = d.add_object(stream(b"x"));
        d.add_object(dictionary! { "JS" => script });
    });
    assert!(far.javascript, "an object nobody refers to, its script in a stream");
    let indirect = structure(|d, _| {
        let kind = d.add_object("JavaScript");
        d.add_object(dictionary! { "S" => kind });
    });
    assert!(indirect.javascript, "the kind behind a reference");
    // Names and empty trees are no programs.
    assert!(!with_catalog("Names", dictionary! { "JavaScript" => dictionary! { "Names" => Vec::<Object>::new() } }).javascript);
    assert!(!with_catalog("X", dictionary! { "JS" => 1, "T" => text("/JavaScript /JS (x)") }).javascript);
}

#[test]
fn escaped_names_and_object_streams_hide_nothing() {
    let escaped = (4, "<< /#53 /J#61vaScript /#4A#53 (x) >>");
    assert!(inspect(&raw(&[&[CATALOG, PAGES, PAGE, escaped]])).structure.javascript);
    assert!(inspect(&raw(&[&[CATALOG, PAGES, PAGE, (4, "<< /S /L#61unch >>")]])).structure.launch);
    let mut document = Document::load_mem(&pdf(&[A4], |_, _| {})).unwrap();
    let launch = document.add_object(dictionary! { "S" => "Launch", "F" => text("x") });
    let mut packed = Vec::new();
    let options =
        SaveOptions::builder().use_object_streams(true).use_xref_streams(true).max_objects_per_stream(100).compression_level(9).build();
    document.save_with_options(&mut packed, options).unwrap();
    assert!(!packed.windows(7).any(|w| w == b"/Launch"), "it is compressed");
    assert!(inspect(&packed).structure.launch);
    // A later save takes it away; only opening the earlier one finds it.
    let before = Document::load_mem(&packed).unwrap();
    let object = format!("{} 0 obj\n<< >>\nendobj\n", launch.0);
    let table = format!("xref\n{} 1\n{:010} 00000 n \n", launch.0, packed.len());
    let root = before.trailer.get(b"Root").unwrap().as_reference().unwrap().0;
    let trailer = format!("trailer\n<< /Size 99 /Root {root} 0 R /Prev {} >>\n", before.xref_start);
    let start = packed.len() + object.len();
    packed.extend(format!("{object}{table}{trailer}startxref\n{start}\n%%EOF\n").as_bytes());
    assert!(!Document::load_mem(&packed).unwrap().get_dictionary(launch).unwrap().has(b"S"));
    let facts = inspect(&packed);
    assert_eq!((facts.unreadable, facts.structure.revisions, facts.structure.launch), (None, 2, true));
}

#[test]
fn what_a_later_save_replaced_counts_too() {
    let script = (4, "<< /S /JavaScript /JS (x) >>");
    let replaced = inspect(&raw(&[&[CATALOG, PAGES, PAGE, script], &[(4, "<< >>")]])).structure;
    assert!(replaced.javascript);
    assert_eq!(replaced.revisions, 2);
    // Not in any table, and behind a string that is never closed.
    let mut unlisted = b"%PDF-1.7\n9 0 obj\n<< /A (x /S /J#61vaScript >>\nendobj\n".to_vec();
    let table_off = raw(&[&[CATALOG, PAGES, PAGE]]);
    unlisted.extend(&table_off[9..]);
    assert!(inspect(&unlisted).structure.javascript);
    // In a string, a comment or stream data they are only letters.
    let replaced = |body| inspect(&raw(&[&[CATALOG, PAGES, PAGE, (4, body)], &[(4, "<< >>")]])).structure;
    for body in ["<< /A (\\) /JS (x) /JavaScript) >>", "<< >> % /JavaScript", "<< /Length 11 >>\nstream\n/JavaScript\nendstream"] {
        assert!(!replaced(body).javascript, "{body}");
    }
    assert!(replaced("<< /Subtype /FileAttachment >>").embedded_files);
    assert!(replaced("<< /S /SubmitForm >>").actions.contains("SubmitForm"));
}

#[test]
fn actions_are_told_by_kind() {
    let kinds = |s: Structure| s.actions.into_iter().collect::<Vec<_>>();
    for kind in ["URI", "SubmitForm", "ImportData", "ResetForm", "GoToR", "GoToE", "Hide"] {
        assert_eq!(kinds(with_catalog("X", dictionary! { "S" => kind })), [kind]);
    }
    assert_eq!(kinds(with_catalog("X", dictionary! { "S" => "Named", "N" => "Print" })), ["Named:Print"]);
    assert_eq!(kinds(with_catalog("X", dictionary! { "S" => "Named", "N" => "SomebodysName" })), ["Named"]);
    assert_eq!(kinds(with_catalog("X", dictionary! { "S" => "Named", "N" => "NextPage" })), [""; 0]);
    assert_eq!(kinds(with_catalog("OpenAction", dictionary! { "S" => "GoTo", "D" => text("a") })), [""; 0]);
    assert_eq!(kinds(with_catalog("OpenAction", vec![0.into(), "Fit".into()])), [""; 0]);
    let next = dictionary! { "S" => "GoTo", "D" => text("a"), "Next" => dictionary! { "S" => "URI" } };
    assert_eq!(kinds(with_catalog("OpenAction", next)), ["OpenAction", "URI"]);
    assert_eq!(kinds(with_catalog("AA", dictionary! { "WP" => dictionary! { "S" => "GoTo" } })), ["AA"]);
    assert_eq!(kinds(with_catalog("AA", dictionary! {})), [""; 0]);
    let font_of_that_name = dictionary! { "AA" => dictionary! { "Type" => "Font", "Subtype" => "Type3" } };
    assert_eq!(kinds(with_catalog("X", font_of_that_name)), [""; 0]);
    let outside = |key: &str, value: Object| {
        let mut form = stream(b"");
        form.dict.set(key, value);
        kinds(structure(|d, _| {
            d.add_object(form);
        }))
    };
    assert_eq!(outside("F", text("data.bin")), ["ExternalStream"]);
    assert_eq!(outside("Ref", dictionary! { "F" => text("other.pdf"), "Page" => 0 }.into()), ["ReferenceXObject"]);
}

#[test]
fn files_forms_and_films_are_found() {
    let file = || dictionary! { "Type" => "Filespec", "F" => text("a") };
    assert!(with_catalog("X", dictionary! { "EF" => dictionary! { "F" => 1 } }).embedded_files);
    assert!(with_catalog("AF", vec![file().into()]).embedded_files);
    assert!(with_catalog("X", dictionary! { "Subtype" => "FileAttachment" }).embedded_files);
    let tree = |names: Vec<Object>| dictionary! { "EmbeddedFiles" => dictionary! { "Names" => names } };
    assert!(with_catalog("Names", tree(vec![text("a"), file().into()])).embedded_files);
    assert!(!with_catalog("Names", tree(vec![])).embedded_files, "an empty tree holds no file");
    assert!(!with_catalog("AF", Vec::<Object>::new()).embedded_files);
    let xfa = |parts: Vec<Object>| with_catalog("AcroForm", dictionary! { "XFA" => parts }).xfa;
    assert!(xfa(vec![text("datasets"), Object::Null]));
    assert!(!xfa(vec![]));
    for (key, kind) in [("Subtype", "RichMedia"), ("Subtype", "3D"), ("Subtype", "Screen"), ("Subtype", "U3D"), ("S", "Rendition")] {
        assert_eq!(with_catalog("X", dictionary! { key => kind }).rich_media.into_iter().collect::<Vec<_>>(), [kind]);
    }
    assert!(with_catalog("X", dictionary! { "Subtype" => "Link" }).rich_media.is_empty());
}

/// A file with one layer; `default` is its configuration, and `usage` what the layer is for.
fn layer(default: impl FnOnce(ObjectId) -> Dictionary, usage: Dictionary) -> (bool, bool) {
    let s = structure(|d, catalog| {
        let group = d.add_object(dictionary! { "Type" => "OCG", "Name" => text("n"), "Usage" => usage });
        set(d, catalog, "OCProperties", dictionary! { "OCGs" => vec![group.into()], "D" => default(group) });
    });
    (s.optional_content, s.print_differs_from_view)
}

#[test]
fn layers_that_print_otherwise_than_they_show() {
    let usage = |view: &'static str, print: &'static str| {
        dictionary! { "View" => dictionary! { "ViewState" => view }, "Print" => dictionary! { "PrintState" => print } }
    };
    let event = |event: &'static str, category: &'static str, group: ObjectId| -> Object {
        dictionary! { "Event" => event, "Category" => vec![category.into()], "OCGs" => vec![group.into()] }.into()
    };
    let both = |group| dictionary! { "AS" => vec![event("View", "View", group), event("Print", "Print", group)] };
    let print_only = |group| dictionary! { "OFF" => vec![Object::from(group)], "AS" => vec![event("Print", "Print", group)] };
    let base_off = |_| dictionary! { "BaseState" => "OFF" };
    assert_eq!(layer(|_| dictionary! {}, dictionary! {}), (true, false));
    assert_eq!(layer(both, usage("OFF", "ON")), (true, true), "printed, not shown");
    assert_eq!(layer(both, usage("ON", "OFF")), (true, true), "shown, not printed");
    assert_eq!(layer(both, usage("OFF", "OFF")), (true, false));
    assert_eq!(layer(both, usage("ON", "ON")), (true, false));
    assert_eq!(layer(print_only, usage("ON", "ON")), (true, true), "off, and on when printed");
    assert_eq!(layer(print_only, usage("OFF", "OFF")), (true, false));
    assert_eq!(layer(|_| dictionary! {}, usage("ON", "OFF")), (true, true), "programs that follow the usage alone");
    assert_eq!(layer(base_off, usage("ON", "OFF")), (true, false), "off for all of them");
    let zoom = dictionary! { "Zoom" => dictionary! { "min" => 2 } };
    assert_eq!(layer(|group| dictionary! { "AS" => vec![event("View", "Zoom", group)] }, zoom), (true, true), "shown when large");
    assert_eq!(layer(|group| dictionary! { "AS" => vec![event("View", "Zoom", group)] }, dictionary! {}), (true, false));
    assert!(!with_catalog("OCProperties", dictionary! { "OCGs" => Vec::<Object>::new() }).optional_content);
}

#[test]
fn a_claim_is_read_in_each_of_its_forms() {
    let claim = |description: &str| {
        let xmp = format!("<?xpacket begin='\u{feff}' id='x'?><r:RDF xmlns:r='urn:r'>{description}</r:RDF><?xpacket end='w'?>\n  ");
        structure(|d, catalog| {
            let metadata = d.add_object(stream(xmp.as_bytes()));
            set(d, catalog, "Metadata", metadata);
        })
        .pdfa_claim
    };
    let id = "xmlns:p='http://www.aiim.org/pdfa/ns/id/'";
    assert_eq!(claim(&format!("<r:D {id} p:part='2' p:conformance='B'/>")).as_deref(), Some("PDF/A-2b"));
    assert_eq!(claim(&format!("<r:D {id}><p:part> 3 </p:part><p:conformance>U</p:conformance></r:D>")).as_deref(), Some("PDF/A-3u"));
    assert_eq!(claim(&format!("<r:D {id} p:part='4'/>")).as_deref(), Some("PDF/A-4"));
    assert_eq!(claim("<r:D xmlns:pdfaid='http://example.org/' pdfaid:part='2' pdfaid:conformance='B'/>"), None, "not the namespace");
    assert_eq!(claim(&format!("<r:D {id} part='2'/>")), None);
    assert_eq!(claim(&format!("<r:D {id} p:part='2&lt;b&gt;' p:conformance='B'/>")), None, "not a part");
    assert_eq!(claim(&format!("<!DOCTYPE a [<!ENTITY e '2'>]><r:D {id} p:part='&e;'/>")), None, "no document type is read");
    assert_eq!(claim(&format!("<r:D {id} p:part='2'")), None, "damaged");
}

#[test]
fn saves_are_counted_and_the_first_page_of_a_linearized_file_is_none() {
    let once = raw(&[&[CATALOG, PAGES, PAGE]]);
    assert_eq!(inspect(&raw(&[&[CATALOG, PAGES, PAGE], &[PAGE], &[PAGE]])).structure.revisions, 3);
    // Its first section says 0 and comes before the rest, as Adobe's and qpdf's do.
    let section = |dictionary: &str, startxref: usize| {
        let first = format!("%PDF-1.7\n8 0 obj\n{dictionary}\nendobj\ntrailer\n<< >>\nstartxref\n{startxref}\n%%EOF\n");
        let moved = first.len() - 9;
        let rest = String::from_utf8(once[9..].to_vec()).unwrap();
        let objects = ["1 0 obj", "2 0 obj", "3 0 obj", "xref\n"].map(|word| rest.find(word).unwrap() + 9);
        let mut rest = rest;
        for at in objects {
            rest = rest.replace(&format!("{at:010}"), &format!("{:010}", at + moved));
        }
        rest = rest.replace(&format!("startxref\n{}\n", objects[3]), &format!("startxref\n{}\n", objects[3] + moved));
        let facts = inspect(format!("{first}{rest}").as_bytes());
        assert_eq!(facts.unreadable, None);
        facts.structure.revisions
    };
    assert_eq!(section("<< /Linearized 1 /L 700 /T 600 /E 100 /N 1 /O 3 /H [1 2] >>", 0), 1);
    assert_eq!(section("<< /Linear 1 >>", 0), 2, "without the dictionary");
    assert_eq!(section("<< /Linearized 1 /L 700 /T 20 /E 100 /N 1 /O 3 /H [1 2] >>", 30), 2, "the word alone hides no save");
}

#[test]
fn what_follows_a_signature_is_seen() {
    let signed = |length: usize, saves: usize| {
        let signature = format!("<< /Type /Sig /ByteRange [0 10 20 {length:04}] /Contents <00> >>");
        let objects = [CATALOG, PAGES, PAGE, (4, signature.as_str())];
        let all: Vec<&[(u32, &str)]> = (0..saves).map(|save| if save == 0 { &objects[..] } else { &objects[2..3] }).collect();
        raw(&all)
    };
    let whole = signed(0, 1).len();
    let changed = |length, saves| inspect(&signed(length, saves)).structure.changed_after_signing;
    assert!(!changed(whole - 20, 1), "to the last byte");
    assert!(!changed(whole - 21, 1), "all but the last line end");
    assert!(changed(whole - 22, 1), "all but the last letter");
    assert!(changed(whole - 20, 2), "saved again");
}

#[test]
fn trailing_bytes_are_counted_without_line_ends() {
    let with = |after: &[u8]| {
        let mut bytes = raw(&[&[CATALOG, PAGES, PAGE]]);
        bytes.extend(after);
        inspect(&bytes).structure
    };
    assert_eq!(with(b"\r\n \n\0").trailing_bytes, 0);
    assert_eq!(with(b"\nxyz\n").trailing_bytes, 3);
    assert_eq!(with(b"\nxyz\n%%EOF\n").trailing_bytes, 8, "a mark alone ends nothing");
    assert_eq!(with(b"\nxyz\n").also, None);
}

#[test]
fn other_formats_in_the_same_bytes_are_named() {
    let plain = raw(&[&[CATALOG, PAGES, PAGE]]);
    let also = |bytes: &[u8]| inspect(bytes).structure.also;
    let appended = |after: &[u8]| also(&[&plain[..], after].concat());
    let commented = |comment: &str| also(&[&plain[..9], comment.as_bytes(), &plain[9..]].concat());
    // One member without content: its header, its entry, the end record.
    let mut entry = b"PK\x01\x02".to_vec();
    entry.resize(46, 0);
    let mut end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
    end.extend(46_u32.to_le_bytes());
    end.resize(22, 0);
    assert_eq!(appended(&[&entry[..], &end].concat()).as_deref(), Some("zip"));
    assert_eq!(appended(&[&entry[..], &end, b"\n%%EOF\n"].concat()).as_deref(), Some("zip"), "hidden by another end");
    assert_eq!(appended(&end), None, "an end record that points at nothing");
    assert_eq!(appended(b"<HTML><script>").as_deref(), Some("html"));
    assert_eq!(appended(b"\x7fELF").as_deref(), Some("elf"));
    assert_eq!(commented("%<script>\n").as_deref(), Some("html"));
    assert_eq!(commented("#!/bin/sh\n").as_deref(), Some("script"));
    assert_eq!(commented("% plain #!/bin/sh words\n"), None);
    let mut tar = pdf(&[A4], |d, _| {
        d.add_object(text(&"x".repeat(600)));
    });
    tar[257..262].copy_from_slice(b"ustar");
    assert_eq!(also(&tar).as_deref(), Some("tar"));
    let content = (4, "<< /Length 6 >>\nstream\n<html>\nendstream");
    assert_eq!(also(&raw(&[&[CATALOG, PAGES, PAGE, content]])), None, "letters may speak of it");
}

/// A TrueType program: `tables` with their lengths, one after another.
fn sfnt(tables: &[(&str, u32)]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 0, 0, tables.len() as u8, 0, 0, 0, 0, 0, 0];
    let mut at = 12 + 16 * tables.len() as u32;
    for (tag, length) in tables {
        bytes.extend(tag.bytes().chain([0; 4]).chain(at.to_be_bytes()).chain(length.to_be_bytes()));
        at += length;
    }
    bytes.resize(at as usize, 0);
    bytes
}

const SOUND: &[(&str, u32)] = &[("head", 54), ("loca", 4), ("glyf", 8)];

fn font(document: &mut Document, program: Option<(&str, Stream)>) -> ObjectId {
    let mut descriptor = dictionary! { "Type" => "FontDescriptor", "FontName" => "Mine" };
    if let Some((key, program)) = program {
        descriptor.set(key, document.add_object(program));
    }
    let descriptor = document.add_object(descriptor);
    let font = dictionary! { "Type" => "Font", "Subtype" => "TrueType", "BaseFont" => "Mine", "FontDescriptor" => descriptor };
    document.add_object(font)
}

fn fonts(font: ObjectId) -> Dictionary {
    dictionary! { "Font" => dictionary! { "F1" => font } }
}

#[test]
fn only_fonts_that_are_used_have_to_be_embedded() {
    type Place = fn(&mut Document, ObjectId);
    let form = |d: &mut Document, font| {
        let mut form = stream(b"");
        form.dict.set("Resources", fonts(font));
        d.add_object(form)
    };
    let places: [(&str, Place); 5] = [
        ("the page", |d, f| on_page(d, "Resources", fonts(f))),
        ("its parent", |d, f| {
            let parent = d.get_dictionary(d.page_iter().next().unwrap()).unwrap().get(b"Parent").unwrap().as_reference().unwrap();
            set(d, parent, "Resources", fonts(f));
        }),
        ("a graphics state", |d, f| {
            let state = dictionary! { "G" => dictionary! { "Font" => vec![f.into(), 12.into()] } };
            on_page(d, "Resources", dictionary! { "ExtGState" => state });
        }),
        ("a Type 3 font", |d, f| {
            let outer = d.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type3", "Resources" => fonts(f) });
            on_page(d, "Resources", fonts(outer));
        }),
        ("a pattern in a form", |d, f| {
            let mut pattern = stream(b"");
            pattern.dict.set("Resources", fonts(f));
            let pattern = d.add_object(pattern);
            let mut form = stream(b"");
            form.dict.set("Resources", dictionary! { "Pattern" => dictionary! { "P" => pattern } });
            let form = d.add_object(form);
            on_page(d, "Resources", dictionary! { "XObject" => dictionary! { "X" => form } });
        }),
    ];
    for (name, place) in places {
        let lacking = facts(|d, _| {
            let font = font(d, None);
            place(d, font);
        });
        assert_eq!(lacking.fonts_not_embedded.into_iter().collect::<Vec<_>>(), ["Mine"], "{name}");
        let whole = facts(|d, _| {
            let font = font(d, Some(("FontFile2", stream(&sfnt(SOUND)))));
            place(d, font);
        });
        assert!(whole.fonts_not_embedded.is_empty() && whole.structure.fonts_unusable.is_empty(), "{name}");
    }
    let appearance = |key: &'static str| {
        facts(move |d, _| {
            let font = font(d, None);
            let form = form(d, font);
            let annotation = dictionary! { "Subtype" => "Stamp", "AP" => dictionary! { key => dictionary! { "On" => form } } };
            on_page(d, "Annots", vec![annotation.into()]);
        })
    };
    assert_eq!(appearance("N").fonts_not_embedded.len(), 1);
    assert_eq!(appearance("D").fonts_not_embedded.len(), 0, "is never printed");
    let orphan = facts(|d, _| {
        font(d, None);
    });
    assert!(orphan.fonts_not_embedded.is_empty(), "nobody refers to it");
}

#[test]
fn the_descendant_of_a_composite_font_holds_its_program() {
    let composite = |program: Option<(&'static str, Stream)>| {
        facts(|d, _| {
            let descendant = font(d, program);
            let name = Object::Name(vec![b'M'; 200]);
            let outer = dictionary! { "Subtype" => "Type0", "BaseFont" => name, "DescendantFonts" => vec![descendant.into()] };
            let outer = d.add_object(outer);
            on_page(d, "Resources", fonts(outer));
        })
    };
    assert!(composite(Some(("FontFile2", stream(&sfnt(SOUND))))).fonts_not_embedded.is_empty());
    let names = composite(None).fonts_not_embedded;
    assert_eq!(names.iter().map(|name| name.chars().count()).collect::<Vec<_>>(), [80], "a name is told in part");
}

#[test]
fn broken_font_programs_are_unusable() {
    let usable = |key: &'static str, program: Vec<u8>| {
        let facts = facts(|d, _| {
            let font = font(d, Some((key, Stream::new(dictionary! {}, program))));
            on_page(d, "Resources", fonts(font));
        });
        assert!(facts.fonts_not_embedded.is_empty());
        facts.structure.fonts_unusable.is_empty()
    };
    let cff = |names: u8| vec![1, 0, 4, 1, 0, names, 1, 1, 2, b'a', 0, 1, 1, 1, 2, 0];
    assert!(usable("FontFile2", sfnt(SOUND)));
    assert!(!usable("FontFile2", sfnt(SOUND)[..100].to_vec()), "cut off");
    assert!(!usable("FontFile2", sfnt(&SOUND[..2])), "no outlines");
    assert!(!usable("FontFile2", vec![]));
    assert!(!usable("FontFile2", b"%!PS".to_vec()));
    assert!(usable("FontFile", b"%!PS-AdobeFont-1.0\ncurrentfile eexec\n".to_vec()));
    assert!(!usable("FontFile", b"%!PS-AdobeFont-1.0\n".to_vec()), "no outlines");
    assert!(usable("FontFile3", cff(1)));
    assert!(!usable("FontFile3", cff(0)), "no font in it");
    assert!(!usable("FontFile3", cff(1)[..13].to_vec()));
    let bomb = facts(|d, _| {
        let mut program = Stream::new(dictionary! {}, vec![0; 40 << 20]);
        program.compress().unwrap();
        let font = font(d, Some(("FontFile2", program)));
        on_page(d, "Resources", fonts(font));
    });
    assert_eq!(bomb.structure.fonts_unusable.len(), 1, "larger than is read");
}

#[test]
fn fonts_made_of_programs_are_named() {
    let page = |kind: &'static str| {
        structure(move |d, _| {
            let font = d.add_object(dictionary! { "Subtype" => kind, "Name" => "Drawn" });
            on_page(d, "Resources", fonts(font));
        })
    };
    assert!(page("Type3").type3_fonts.contains("Drawn"));
    assert!(page("Type1").type3_fonts.is_empty());
}

#[test]
fn fields_that_every_program_draws_otherwise_are_counted() {
    let count = |more: Dictionary, redrawn: bool| {
        structure(|d, catalog| {
            let look = d.add_object(stream(b""));
            let rect: Vec<Object> = [0, 0, 9, 9].map(Object::from).to_vec();
            let mut field = dictionary! { "FT" => "Tx", "Subtype" => "Widget", "Rect" => rect, "V" => text("x"), "F" => 4 };
            more.into_iter().for_each(|(key, value)| field.set(key, value));
            if field.has(b"Drawn") {
                field.set("AP", dictionary! { "N" => look });
            }
            let field = d.add_object(field);
            on_page(d, "Annots", vec![field.into()]);
            set(d, catalog, "AcroForm", dictionary! { "Fields" => vec![field.into()], "NeedAppearances" => redrawn });
        })
        .fields_without_appearance
    };
    assert_eq!(count(dictionary! {}, false), 1);
    assert_eq!(count(dictionary! { "Drawn" => true }, false), 0);
    assert_eq!(count(dictionary! { "Drawn" => true }, true), 1, "asks to be drawn anew");
    assert_eq!(count(dictionary! { "Drawn" => true, "V" => text("") }, true), 0, "nothing to draw");
    assert_eq!(count(dictionary! { "F" => 2 }, false), 0, "hidden");
    assert_eq!(count(dictionary! { "Rect" => Object::Array([0; 4].map(Object::from).to_vec()) }, false), 0, "no room");
    assert_eq!(count(dictionary! { "FT" => "Btn", "V" => "Off" }, false), 0);
    assert_eq!(count(dictionary! { "FT" => "Btn", "V" => "Yes" }, false), 1);
}

#[test]
fn what_pages_refer_to_has_to_be_there() {
    let gone = |page: &str| inspect(&raw(&[&[CATALOG, PAGES, (3, page), (4, "null"), (5, "<< /Length 0 >>\nstream\n\nendstream")]]));
    let missing = |more: &str| {
        let facts = gone(&format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] {more} >>"));
        assert_eq!(facts.unreadable, None);
        facts.structure.missing_objects
    };
    assert_eq!(missing("/Contents 5 0 R /Resources << /XObject << /A 5 0 R >> >>"), 0);
    assert_eq!(missing("/Contents 9 0 R"), 1);
    assert_eq!(missing("/Contents [5 0 R 9 0 R 9 0 R]"), 1, "each object once");
    assert_eq!(missing("/Contents 4 0 R"), 1, "nothing is no content");
    assert_eq!(missing("/Resources << /Font << /A 4 0 R >> >>"), 1);
    assert_eq!(missing("/Annots 4 0 R /Resources << /Shading << /A 4 0 R >> >>"), 0, "nothing is allowed here");
    assert_eq!(missing("/Annots [9 0 R] /Resources << /Shading << /A 10 0 R >> >>"), 2);
}

#[test]
fn what_a_content_calls_by_name_has_to_be_there() {
    const RESOURCES: &str = "<< /Font << /F1 << >> >> /XObject << /X1 << >> >> /ExtGState << /G1 << >> >> >>";
    let missing = |content: &str| {
        let page = format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources {RESOURCES} >>");
        let content = format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len());
        let facts = inspect(&raw(&[&[CATALOG, PAGES, (3, &page), (4, &content)]]));
        assert_eq!(facts.unreadable, None);
        facts.structure.missing_objects
    };
    assert_eq!(missing("q /G1 gs /X1 Do BT /F1 12 Tf (x) Tj ET Q"), 0);
    assert_eq!(missing("/G#31 gs /#581 Do"), 0, "written otherwise");
    assert_eq!(missing("/G2 gs"), 1);
    assert_eq!(missing("/X2 Do /X2 Do"), 1, "each name once");
    assert_eq!(missing("/F1 Do"), 1, "a font is no picture");
    assert_eq!(missing("BT /F2 12 Tf (x) Tj /F3 9.5 Tf [(x)] TJ ET"), 2);
    assert_eq!(missing("BT /F2 12 Tf ET"), 0, "nothing is shown with it");
    assert_eq!(missing("BT /F1 12 Tf (/X2 Do /F2 12 Tf) Tj ET % /G2 gs"), 0, "said, not called");
}

#[test]
fn pages_that_cannot_be_trusted_are_unreadable() {
    let why = |change: &dyn Fn(&mut Document, ObjectId)| facts(change).unreadable;
    let content = |stream: Stream| {
        why(&move |d, _| {
            let content = d.add_object(stream.clone());
            on_page(d, "Contents", content);
        })
    };
    let root = |d: &mut Document, catalog| d.get_dictionary(catalog).unwrap().get(b"Pages").unwrap().as_reference().unwrap();
    let mut deflated = stream(&b"0 0 m 9 9 l S ".repeat(99));
    deflated.compress().unwrap();
    assert_eq!(content(deflated.clone()), None);
    let mut line_end = deflated.clone();
    line_end.content.push(b'\n');
    assert_eq!(content(line_end), None);
    let cut = deflated.content.len() - 6;
    deflated.content.truncate(cut);
    assert_eq!(content(deflated).as_deref(), Some("the content of page 1 is damaged"));
    let unknown = Stream::new(dictionary! { "Filter" => "OwnDecode" }, b"x".to_vec());
    assert_eq!(content(unknown).as_deref(), Some("the content of page 1 cannot be decoded"));
    let mut bomb = stream(&vec![b' '; (64 << 20) + 1]);
    bomb.compress().unwrap();
    assert_eq!(content(bomb).as_deref(), Some("the content of page 1 is too large"));
    let damaged = Some("the page tree is damaged".to_owned());
    let count = |d: &mut Document, catalog| {
        let root = root(d, catalog);
        set(d, root, "Count", 7);
    };
    assert_eq!(why(&count), damaged);
    let looped = |d: &mut Document, catalog| {
        let root = root(d, catalog);
        let page = d.page_iter().next().unwrap();
        set(d, root, "Kids", vec![page.into(), root.into()]);
    };
    assert_eq!(why(&looped), damaged);
}

/// Some programs select Helvetica at the top of every page and draw nothing with it: nothing of the letter depends on it.
#[test]
fn a_font_that_is_selected_and_shows_nothing_is_no_fault() {
    let page = |content: &'static str| {
        crate::pdf::pdf(&[crate::pdf::A4], move |d, _| {
            let font = d.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" });
            let stream = d.add_object(lopdf::Stream::new(dictionary! {}, content.as_bytes().to_vec()));
            let id = d.get_pages()[&1];
            let page = d.get_object_mut(id).unwrap().as_dict_mut().unwrap();
            page.set("Resources", dictionary! { "Font" => dictionary! { "F1" => font } });
            page.set("Contents", stream);
        })
    };
    let missing = |content| fjernprint::pdf::inspect(&page(content)).fonts_not_embedded.len();
    assert_eq!(missing("BT /F1 12 Tf 14.4 TL ET 0 0 m 9 9 l S"), 0);
    assert_eq!(missing("BT /F1 12 Tf (x) Tj ET"), 1);
    assert_eq!(missing("0 0 m 9 9 l S"), 1, "what is never selected may be used by what is not looked at");
    assert_eq!(missing("BT /F1 12 Tf q /F2 9 Tf Q [(x)] TJ ET"), 1, "what was selected comes back");
}
