//! The picture of a page: what is marked is seen, what stands there is seen through it, and nothing stops a picture.

use crate::pdf::{A4, pdf};
use fjernprint::domain::Severity;
use fjernprint::pdf::inspect;
use fjernprint::pdf::overlay::{Marking, picture, picture_without_page};
use fjernprint::pipeline::validate::{Expected, Policy, judge, marking};
use fjernprint::vendor::VendorProfile;
use hayro::vello_cpu::Pixmap;
use hayro::vello_cpu::color::PremulRgba8;
use lopdf::{Document, Object, Stream, dictionary};
use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

/// Pixels a mm of an A4 sheet, and where the sheet's corner is.
const SCALE: f32 = 120.0 / 25.4;
const CORNER: f32 = 62.0;

fn profile() -> VendorProfile {
    let text = fs::read_to_string(format!("{}/vendors/kmd/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    VendorProfile::parse(&text).unwrap()
}

/// One page with this content in mm from its top left corner.
fn page(size: (f32, f32), content: &str, change: impl FnOnce(&mut Document)) -> Vec<u8> {
    let in_mm = format!("{} 0 0 {} 0 {} cm {content}", 72.0 / 25.4, -72.0 / 25.4, size.1);
    pdf(&[size], |document, _| {
        let content = document.add_object(Stream::new(dictionary! {}, in_mm.into_bytes()));
        let page = document.get_pages()[&1];
        document.get_object_mut(page).unwrap().as_dict_mut().unwrap().set("Contents", content);
        change(document);
    })
}

/// What this vendor finds on the first page.
fn marked(bytes: &[u8]) -> Marking {
    let profile = profile();
    marking(1, &judge(&inspect(bytes), &Expected::default(), &profile, &Policy::default()), &profile)
}

fn decoded(png: &[u8]) -> Pixmap {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    Pixmap::from_png(Cursor::new(png)).unwrap()
}

/// The colour at a place on the sheet, mm.
fn at(picture: &Pixmap, x_mm: f32, y_mm: f32) -> PremulRgba8 {
    picture.sample((CORNER + x_mm * SCALE).round() as u16, (CORNER + y_mm * SCALE).round() as u16)
}

fn is_red(colour: PremulRgba8) -> bool {
    u32::from(colour.r) > 160 && colour.g < 120 && colour.b < 80
}

fn is_black(colour: PremulRgba8) -> bool {
    colour.r < 90 && colour.g < 90 && colour.b < 90
}

fn is_white(colour: PremulRgba8) -> bool {
    colour.r == 255 && colour.g == 255 && colour.b == 255
}

/// Whether any pixel of the sheet's area has such a colour.
fn any_on_sheet(picture: &Pixmap, wanted: fn(PremulRgba8) -> bool) -> bool {
    (0..210).any(|x| (0..1188).any(|y| wanted(at(picture, x as f32 + 0.5, y as f32 / 4.0))))
}

const INK_IN_THE_MACHINES_PLACE: &str = "5 120 30 4 re f";

#[test]
fn ink_where_there_must_be_none_is_framed_and_stays_visible() {
    let bytes = page(A4, INK_IN_THE_MACHINES_PLACE, |_| {});
    let marking = marked(&bytes);
    assert!(marking.faults.iter().any(|fault| fault.rule == "MARGIN_LEFT_ZONE"), "{:?}", marking.faults);
    let picture = decoded(&picture(&bytes, &marking).unwrap());
    assert!(is_black(at(&picture, 20.0, 122.0)), "the page's own ink");
    // The frame stands three pixels outside of the ink.
    let frame = 3.0 / SCALE;
    for (x, y) in [(20.0, 120.0 - frame), (20.0, 124.0 + frame), (35.0 + frame, 122.0)] {
        assert!(is_red(at(&picture, x, y)), "{x}, {y}: {:?}", at(&picture, x, y));
    }
    assert!(is_white(at(&picture, 100.0, 150.0)), "paper where nothing is");
    assert!(!is_white(at(&picture, 7.0, 160.0)), "the machine's place is tinted");
    assert!(!is_white(at(&picture, 60.0, 60.0)), "the window is tinted");
    assert!(!is_white(at(&picture, 205.0, 250.0)), "the margin is tinted");
}

#[test]
fn each_page_has_its_own_faults_and_those_of_the_file() {
    let bytes = pdf(&[A4, (500.0, 500.0)], |_, _| {});
    let findings = judge(&inspect(&bytes), &Expected::default(), &profile(), &Policy::default());
    let rules_of = |page| marking(page, &findings, &profile()).faults.into_iter().map(|fault| fault.rule).collect::<Vec<_>>();
    let (first, second) = (rules_of(1), rules_of(2));
    assert!(first.iter().any(|rule| rule == "ADDR_BOX") && !first.iter().any(|rule| rule == "PAGE_A4_TOL"), "{first:?}");
    assert!(second.iter().any(|rule| rule == "PAGE_A4_TOL") && !second.iter().any(|rule| rule == "ADDR_BOX"), "{second:?}");
    let broken = judge(&inspect(b"not a PDF"), &Expected::default(), &profile(), &Policy::default());
    let of_any = |page| marking(page, &broken, &profile()).faults.len();
    assert!(of_any(1) > 0 && of_any(1) == of_any(2));
    let zones = |page| marking(page, &findings, &profile()).zones.len();
    assert_eq!((zones(1), zones(2)), (3, 1), "the window is on the first page only");
}

#[test]
fn the_sheet_has_its_shape_and_the_legend_stands_beside_it() {
    let check = |size: (f32, f32), wanted: (f32, f32)| {
        let bytes = page(size, INK_IN_THE_MACHINES_PLACE, |_| {});
        let picture = decoded(&picture(&bytes, &marked(&bytes)).unwrap());
        assert_eq!(f32::from(picture.width()), (CORNER + wanted.0 + 50.0 + 600.0 + 28.0).ceil(), "{size:?}");
        // The sheet's border in its lower right corner.
        let (right, bottom) = ((CORNER + wanted.0) as u16, (CORNER + wanted.1) as u16);
        let dark = |x, y| picture.sample(x, y).r < 200;
        assert!((0..3).any(|i| dark(right - 20, bottom + 1 - i)) && !dark(right - 20, bottom + 3), "{size:?}");
        assert!((0..3).any(|i| dark(right + 1 - i, bottom - 20)) && !dark(right + 3, bottom - 20), "{size:?}");
        assert!(picture.height() >= bottom + 28, "{size:?}");
    };
    check(A4, (992.0, 1403.0));
    check((A4.1, A4.0), (1100.0, 778.0));
    check((A4.0 * 1.5, A4.1 * 1.5), (1004.0, 1420.0));
}

#[test]
fn a_page_without_faults_has_no_mark() {
    let bytes = page(A4, "30 100 100 20 re f", |_| {});
    let clean = Marking { faults: Vec::new(), ..marked(&bytes) };
    assert!(!any_on_sheet(&decoded(&picture(&bytes, &clean).unwrap()), is_red));
    let bytes = page(A4, INK_IN_THE_MACHINES_PLACE, |_| {});
    assert!(any_on_sheet(&decoded(&picture(&bytes, &marked(&bytes)).unwrap()), is_red), "the check can fail");
}

#[test]
fn annotations_are_drawn_as_they_print() {
    let check = |flags: i64, wanted: bool| {
        let bytes = page(A4, "", |document| {
            let form = dictionary! { "Subtype" => "Form", "BBox" => vec![0.into(), 0.into(), 100.into(), 100.into()] };
            let look = document.add_object(Stream::new(form, b"0 0 100 100 re f".to_vec()));
            let corners: Vec<Object> = vec![300.into(), 300.into(), 400.into(), 400.into()];
            let stamp = dictionary! { "Subtype" => "Stamp", "F" => flags, "Rect" => corners, "AP" => dictionary! { "N" => look } };
            let page = document.get_pages()[&1];
            document.get_object_mut(page).unwrap().as_dict_mut().unwrap().set("Annots", vec![stamp.into()]);
        });
        let marking = Marking { faults: Vec::new(), ..marked(&bytes) };
        let picture = decoded(&picture(&bytes, &marking).unwrap());
        assert_eq!(is_black(at(&picture, 350.0 * 25.4 / 72.0, (A4.1 - 350.0) * 25.4 / 72.0)), wanted, "flags {flags}");
    };
    let (hidden, print, no_view) = (2, 4, 32);
    check(print, true);
    check(print | no_view, true);
    check(0, false);
    check(no_view, false);
    check(print | hidden, false);
}

#[test]
fn what_cannot_be_drawn_has_a_picture_that_lists_its_faults() {
    let image = |width: u32| format!("100 0 0 100 50 50 cm BI /W {width} /H {width} /BPC 8 /CS /G ID x EI");
    let tiles = |document: &mut Document| {
        let dict = dictionary! {
            "PatternType" => 1, "PaintType" => 1, "TilingType" => 1, "XStep" => Object::Real(0.02), "YStep" => Object::Real(0.02),
            "BBox" => vec![0.into(), 0.into(), 100.into(), 100.into()],
        };
        let tiles = document.add_object(Stream::new(dict, b"0 0 1 1 re f".to_vec()));
        let page = document.get_pages()[&1];
        let resources = dictionary! { "Pattern" => dictionary! { "P" => tiles } };
        document.get_object_mut(page).unwrap().as_dict_mut().unwrap().set("Resources", resources);
    };
    let ok = page(A4, INK_IN_THE_MACHINES_PLACE, |_| {});
    let check = |name: &str, bytes: &[u8], number: u32, drawn: bool| {
        let marking = Marking { page: number, ..marked(&ok) };
        let made = decoded(&picture(bytes, &marking).unwrap());
        let nothing = decoded(&picture_without_page(&marking).unwrap());
        assert!(any_on_sheet(&made, is_red), "{name}: the faults are marked all the same");
        assert_eq!(made.height(), nothing.height(), "{name}");
        assert_eq!(is_black(at(&made, 20.0, 122.0)), drawn, "{name}");
    };
    check("a page", &ok, 1, true);
    check("no such page", &ok, 2, false);
    check("page 0", &ok, 0, false);
    check("no PDF", b"not a PDF", 1, false);
    check("nothing", b"", 1, false);
    check("an image of gigabytes", &page(A4, &format!("5 120 30 4 re f {}", image(60_000)), |_| {}), 1, false);
    check("a small image", &page(A4, &format!("5 120 30 4 re f {}", image(1)), |_| {}), 1, true);
    check("tiles without number", &page(A4, "5 120 30 4 re f /Pattern cs /P scn 0 0 200 200 re f", tiles), 1, false);
    check("a page of no size", &page((1.0, 1.0), "", |_| {}), 1, false);
}

#[test]
fn faults_without_end_make_a_picture_with_an_end() {
    let bytes = page(A4, INK_IN_THE_MACHINES_PLACE, |_| {});
    let mut marking = marked(&bytes);
    let mut fault = marking.faults[0].clone();
    fault.measured = "æøå \u{4e2d} ".repeat(3_000);
    fault.box_mm = Some([f32::NAN, -1e30, 1e30, f32::INFINITY]);
    marking.faults = vec![fault.clone(); 2_000];
    marking.faults.extend((0..2_000).map(|i| {
        let box_mm = Some([(i % 50) as f32 * 5.0 - 20.0, (i / 50) as f32 * 9.0 - 20.0, 3.0, 3.0]);
        fjernprint::pdf::overlay::Fault { box_mm, ..fault.clone() }
    }));
    marking.vendor = "K".repeat(10_000);
    marking.margins_mm = Some([1e30, -4.0, f32::NAN, 0.0]);
    marking.paper_mm = (f32::INFINITY, -1.0);
    let picture = decoded(&picture(&bytes, &marking).unwrap());
    assert!(picture.height() <= 8_000);
}

#[test]
fn the_same_page_gives_the_same_bytes() {
    let bytes = page(A4, INK_IN_THE_MACHINES_PLACE, |_| {});
    let marking = marked(&bytes);
    let first = picture(&bytes, &marking).unwrap();
    let read_back: Marking = serde_json::from_slice(&serde_json::to_vec(&marking).unwrap()).unwrap();
    assert_eq!(read_back, marking);
    let others: Vec<_> = (0..2)
        .map(|_| {
            std::thread::spawn({
                let (bytes, marking) = (bytes.clone(), read_back.clone());
                move || picture(&bytes, &marking).unwrap()
            })
        })
        .collect();
    assert!(others.into_iter().all(|other| other.join().unwrap() == first));
}

/// Whatever a fault means, the picture shows it; only what is off is not told.
#[test]
fn a_fault_of_every_severity_is_framed() {
    let bytes = page(A4, INK_IN_THE_MACHINES_PLACE, |_| {});
    for severity in [Severity::Info, Severity::Warn, Severity::Repair, Severity::Reject, Severity::Off] {
        let mut marking = marked(&bytes);
        marking.faults.retain(|fault| fault.rule == "MARGIN_LEFT_ZONE");
        marking.faults.iter_mut().for_each(|fault| fault.severity = severity);
        let told = picture(&bytes, &marking).unwrap();
        marking.faults.clear();
        assert_eq!(told == picture(&bytes, &marking).unwrap(), severity == Severity::Off, "{severity:?}");
    }
}

#[test]
fn hostile_files_have_a_picture() {
    let Some(hostile) = std::env::var_os("FJERNPRINT_CORPUS").map(|corpus| PathBuf::from(corpus).join("hostile")).filter(|p| p.is_dir())
    else {
        eprintln!("FJERNPRINT_CORPUS is not set, or has no folder hostile: no picture of its files is made");
        return;
    };
    let mut files = 0;
    for entry in fs::read_dir(hostile).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        decoded(&picture(&bytes, &marked(&bytes)).unwrap());
        files += 1;
    }
    assert!(files > 10);
}
