//! Where ink stands: each kind of drawing in a small PDF of its own, measured in mm on the printed sheet.

use crate::pdf::{A4, pdf};
use fjernprint::pdf::draw::{LetterText, Window, letter};
use fjernprint::pdf::facts::{BoxMm, Mark, MarkKind, PageInk, PdfFacts};
use fjernprint::pdf::{inspect, inspect_for, inspect_the_long_way};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

const WINDOW: Window =
    Window { x_mm: 25.0, y_mm: 44.0, width_mm: 75.0, height_mm: 21.0, font_size_max_pt: 10.0, font_size_min_pt: 8.0, lines_max: 6 };

/// Changes the only page.
fn change_page(document: &mut Document, change: impl FnOnce(&mut Dictionary)) -> ObjectId {
    let page = document.get_pages()[&1];
    change(document.get_object_mut(page).unwrap().as_dict_mut().unwrap());
    page
}

fn set_content(document: &mut Document, content: &str) {
    let content = document.add_object(Stream::new(dictionary! {}, content.as_bytes().to_vec()));
    change_page(document, |page| page.set("Contents", content));
}

/// What stands on one A4 page with this content.
fn drawn(content: &str, change: impl FnOnce(&mut Document)) -> PageInk {
    let bytes = pdf(&[A4], |document, _| {
        set_content(document, content);
        change(document);
    });
    seen_alike(&bytes).pages[0].ink.clone().expect("the page can be drawn")
}

/// The facts, which must be the same whether plain pages are followed the short way or by the interpreter.
#[track_caller]
fn seen_alike(bytes: &[u8]) -> PdfFacts {
    let facts = inspect(bytes);
    assert_eq!(facts, inspect_the_long_way(bytes));
    facts
}

fn helvetica(document: &mut Document) {
    let font = dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" };
    change_page(document, |page| page.set("Resources", dictionary! { "Font" => dictionary! { "F" => font } }));
}

/// A content that begins at the top left corner and counts in mm, downwards.
fn in_mm(content: &str) -> String {
    format!("{} 0 0 {} 0 {} cm {content}", 72.0 / 25.4, -72.0 / 25.4, A4.1)
}

fn boxes(ink: &PageInk) -> Vec<BoxMm> {
    ink.marks.iter().map(|mark| mark.box_mm).collect()
}

#[track_caller]
fn stands_at(marks: &[Mark], kind: MarkKind, wanted: &[BoxMm]) {
    let near = |a: &BoxMm, b: &BoxMm| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.3);
    assert_eq!(marks.len(), wanted.len(), "{marks:?}");
    for (mark, wanted) in marks.iter().zip(wanted) {
        assert!(mark.kind == kind && near(&mark.box_mm, wanted), "{mark:?}, not {kind:?} at {wanted:?}");
    }
}

#[test]
fn lines_and_areas_stand_where_they_are_seen() {
    let check = |content: &str, wanted: &[BoxMm]| stands_at(&drawn(&in_mm(content), |_| {}).marks, MarkKind::Path, wanted);
    check("20 30 40 10 re f", &[[20.0, 30.0, 40.0, 10.0]]);
    check("20 30 40 10 re W n 0 0 25 200 re f", &[[20.0, 30.0, 5.0, 10.0]]);
    check("200 290 40 40 re f", &[[200.0, 290.0, 10.0, 7.0]]);
    check("300 290 40 40 re f", &[]);
    check("0.2 w 20 30 m 190 30 l S", &[[20.0, 29.9, 170.0, 0.2]]);
    check("1 w 10 10 190 277 re S", &[[9.5, 9.5, 191.0, 1.0], [199.5, 9.5, 1.0, 278.0], [9.5, 286.5, 191.0, 1.0], [9.5, 9.5, 1.0, 278.0]]);
    check(
        "10 10 190 277 re 12 12 186 273 re f*",
        &[[10.0, 10.0, 190.0, 2.0], [10.0, 12.0, 2.0, 273.0], [198.0, 12.0, 2.0, 273.0], [10.0, 285.0, 190.0, 2.0]],
    );
    check("20 w 50 50 m 100 50 l S", &[[50.0, 40.0, 50.0, 20.0]]);
    check("20 30 40 0 re f", &[[20.0, 30.0, 40.0, 0.1]]);
}

#[test]
fn a_pointed_corner_reaches_beyond_its_pen() {
    // The topmost ink, mm.
    let top = |content: &str| boxes(&drawn(&in_mm(content), |_| {})).iter().map(|b| b[1]).fold(f32::MAX, f32::min);
    let check = |content: &str, wanted: f32| assert!((top(content) - wanted).abs() < 0.1, "{content}: {} is not {wanted}", top(content));
    // An angle whose sides rise four for each one aside: the point reaches 4.12 times half the pen.
    let angle = "90 140 m 100 100 l 110 140 l S";
    check(&format!("4 w {angle}"), 100.0 - 2.0 * 17.0_f32.sqrt());
    check(&format!("4 w 4.2 M {angle}"), 100.0 - 2.0 * 17.0_f32.sqrt());
    check("4 w 100 100 m 110 140 l 90 140 l h S", 100.0 - 2.0 * 17.0_f32.sqrt());
    check("4 w 100 100 m 100 100 110 140 110 140 c 90 140 l 100 100 l h S", 100.0 - 2.0 * 17.0_f32.sqrt());
    for cut_off in ["4 w 4 M", "4 w 1 j", "4 w 2 j"] {
        check(&format!("{cut_off} {angle}"), 98.0);
    }
    // Ends that only meet are no corner.
    check("4 w 90 140 m 100 100 l 100 100 m 110 140 l S", 100.0 - 2.0 / 17.0_f32.sqrt());
    check("4 w 50 100 m 100 100 l 150 100 l S", 98.0);
    check("4 w 50 100 100 60 re S", 98.0);
}

#[test]
fn stroked_text_is_wider_by_its_pen() {
    let text = |mode: &str| drawn(&format!("q 2 0 0 2 0 0 cm BT 3 w {mode} /F 12 Tf 50 200 Td (III) Tj ET Q"), helvetica).marks[0].box_mm;
    let filled = text("0 Tr");
    let pen_mm = 3.0 * 25.4 / 72.0;
    for mode in ["1 Tr", "2 Tr"] {
        let [x, y, width, height] = text(mode);
        let near = |a: f32, b: f32| assert!((a - b).abs() < 0.05, "{mode}: {a} is not {b}");
        near(x, filled[0] - pen_mm);
        near(y, filled[1] - pen_mm);
        near(width, filled[2] + 2.0 * pen_mm);
        near(height, filled[3] + 2.0 * pen_mm);
    }
}

#[test]
fn a_slanting_line_claims_nothing_far_from_it() {
    for content in ["0.5 w 20 20 m 190 270 l S", "20 20 m 21 20 l 191 270 l 190 270 l f"] {
        let ink = drawn(&in_mm(content), |_| {});
        for [x, y, width, height] in boxes(&ink) {
            for (x, y) in [(x, y), (x + width, y), (x, y + height), (x + width, y + height)] {
                let on_line = 20.0 + (y - 20.0) * 170.0 / 250.0;
                assert!((x - on_line).abs() < 4.0, "{x} {y}");
            }
        }
        assert!(ink.coverage < 0.05 && !ink.more);
    }
}

#[test]
fn what_leaves_no_ink_is_none() {
    for content in
        ["1 g 20 30 40 10 re f", "1 1 1 rg 20 30 40 10 re f", "0 0 0 0 k 20 30 40 10 re f", "1 G 20 30 40 10 re S", "20 30 40 10 re n"]
    {
        stands_at(&drawn(&in_mm(content), |_| {}).marks, MarkKind::Path, &[]);
    }
    let clear = |document: &mut Document| {
        let state = dictionary! { "ExtGState" => dictionary! { "G" => dictionary! { "ca" => 0 } } };
        change_page(document, |page| page.set("Resources", state));
    };
    stands_at(&drawn(&in_mm("/G gs 20 30 40 10 re f"), clear).marks, MarkKind::Path, &[]);
    let on_ink = drawn(&in_mm("20 30 40 10 re f 1 g 25 32 10 2 re f"), |_| {});
    stands_at(&on_ink.marks, MarkKind::Path, &[[20.0, 30.0, 40.0, 10.0]]);
}

#[test]
fn colour_and_transparency_are_seen() {
    let state = |entry: &'static str, value: Object| {
        move |document: &mut Document| {
            let mut state = Dictionary::new();
            state.set(entry, value);
            change_page(document, |page| page.set("Resources", dictionary! { "ExtGState" => dictionary! { "G" => state } }));
        }
    };
    let flags = |ink: PageInk| (ink.colour, ink.transparency);
    assert_eq!(flags(drawn("0 0 99 99 re f", |_| {})), (false, false));
    assert_eq!(flags(drawn("0.5 g 0 0 99 99 re f", |_| {})), (false, false));
    assert_eq!(flags(drawn("0 0 0 1 k 0 0 99 99 re f", |_| {})), (false, false));
    assert_eq!(flags(drawn("1 0 0 rg 0 0 99 99 re f", |_| {})), (true, false));
    assert_eq!(flags(drawn("1 0 0 RG 0 0 99 99 re S", |_| {})), (true, false));
    assert_eq!(flags(drawn("1 0 0 rg 900 0 99 99 re f", |_| {})), (false, false), "outside the page");
    assert_eq!(flags(drawn("/G gs 0 0 99 99 re f", state("ca", Object::Real(0.5)))), (false, true));
    assert_eq!(flags(drawn("/G gs 0 0 99 99 re f", state("BM", "Multiply".into()))), (false, true));
    assert_eq!(flags(drawn("/G gs 0 0 99 99 re f", state("ca", Object::Real(1.0)))), (false, false));
}

/// Draws an image of 300 by 150 pixels over 25.4 by 25.4 mm.
fn with_image(space: &str, bits: i64) -> PageInk {
    drawn("q 72 0 0 72 72 72 cm /I Do Q", |document| {
        let dict = dictionary! {
            "Type" => "XObject", "Subtype" => "Image", "Width" => 300, "Height" => 150, "ColorSpace" => space, "BitsPerComponent" => bits
        };
        let image = document.add_object(Stream::new(dict, vec![0; 300 * 150 * 3]));
        change_page(document, |page| page.set("Resources", dictionary! { "XObject" => dictionary! { "I" => image } }));
    })
}

#[test]
fn images_have_a_place_a_density_and_a_depth() {
    let grey = with_image("DeviceGray", 8);
    stands_at(&grey.marks, MarkKind::Image, &[[25.4, 297.0 - 50.8, 25.4, 25.4]]);
    assert!((grey.images[0].dpi - 150.0).abs() < 0.1 && !grey.images[0].bilevel && !grey.colour);
    assert!(with_image("DeviceRGB", 8).colour);
    let lines = with_image("DeviceGray", 1);
    assert!(lines.images[0].bilevel && !lines.colour);
}

#[test]
fn turned_enlarged_and_cut_pages_are_measured_as_printed() {
    let (width, height) = (A4.0, A4.1);
    let at = |rotate: i64, unit: f32, content: String, media: [f32; 4], crop: [f32; 4]| {
        let ink = drawn(&content, |document| {
            let corners = |box_pt: [f32; 4]| -> Vec<Object> { box_pt.into_iter().map(Object::Real).collect() };
            change_page(document, |page| {
                page.set("Rotate", rotate);
                page.set("UserUnit", unit);
                page.set("MediaBox", corners(media));
                page.set("CropBox", corners(crop));
            });
        });
        stands_at(&ink.marks, MarkKind::Path, &[[10.0, 20.0, 40.0, 30.0]]);
    };
    let pt = |mm: f32| mm / 25.4 * 72.0;
    let re = |x: f32, y: f32, w: f32, h: f32| format!("{x} {y} {w} {h} re f");
    let a4 = [0.0, 0.0, width, height];
    let side = [0.0, 0.0, height, width];
    at(0, 1.0, re(pt(10.0), height - pt(50.0), pt(40.0), pt(30.0)), a4, a4);
    at(180, 1.0, re(width - pt(50.0), pt(20.0), pt(40.0), pt(30.0)), a4, a4);
    // Turned right by 90 degrees the left edge becomes the upper one.
    at(90, 1.0, re(pt(20.0), pt(10.0), pt(30.0), pt(40.0)), side, side);
    at(270, 1.0, re(height - pt(50.0), width - pt(50.0), pt(30.0), pt(40.0)), side, side);
    let half = [0.0, 0.0, width / 2.0, height / 2.0];
    at(0, 2.0, re(pt(5.0), height / 2.0 - pt(25.0), pt(20.0), pt(15.0)), half, half);
    let crop = [30.0, 40.0, 30.0 + width, 40.0 + height];
    at(0, 1.0, re(30.0 + pt(10.0), 40.0 + height - pt(50.0), pt(40.0), pt(30.0)), [0.0, 0.0, 700.0, 900.0], crop);
}

#[test]
fn text_has_hulls_and_is_hidden_where_nobody_can_read_it() {
    let text = |before: &str| drawn(&format!("BT /F 12 Tf {before} 72 700 Td (HEH) Tj ET"), helvetica);
    let ink = text("");
    let mm = |points: f32| points / 72.0 * 25.4;
    // Capitals of Helvetica are 0.72 high; H is 0.72 wide and E 0.67.
    stands_at(&ink.marks, MarkKind::Text, &[[mm(72.0) + 0.3, 297.0 - mm(700.0 + 8.6), mm(24.0), mm(8.6)]]);
    assert!(ink.hidden_text.is_empty() && !ink.text_outside);
    for hidden in ["3 Tr", "1 g", "0.05 0 0 0.05 0 0 Tm 1440 14000 Td"] {
        let ink = text(hidden);
        assert_eq!(ink.hidden_text.len(), 1, "{hidden}");
        assert!(ink.window_text.is_empty());
    }
    assert!(text("3 Tr").marks.is_empty() && text("1 g").marks.is_empty());
    assert!(text("-600 0 Td").text_outside && text("-600 0 Td").marks.is_empty());
    let on_dark = drawn("0 0 600 800 re f BT 1 g /F 12 Tf 72 700 Td (HEH) Tj ET", helvetica);
    assert!(on_dark.hidden_text.is_empty(), "white on black is read");
}

#[test]
fn a_large_letter_leaves_its_inside_free() {
    let ink = drawn("BT /F 600 Tf 100 200 Td (O) Tj ET", helvetica);
    let centre = (100.0 + 0.39 * 600.0, A4.1 - 200.0 - 0.36 * 600.0);
    let (x, y) = (centre.0 / 72.0 * 25.4, centre.1 / 72.0 * 25.4);
    assert!(ink.marks.iter().all(|m| m.kind == MarkKind::Text));
    assert!(!boxes(&ink).iter().any(|b| b[0] < x && x < b[0] + b[2] && b[1] < y && y < b[1] + b[3]), "{:?}", ink.marks);
}

#[test]
fn patterns_and_drawn_fonts_are_ink_and_end() {
    let square = |document: &mut Document, mut dict: Dictionary, content: &str| {
        dict.set("Resources", dictionary! {});
        document.add_object(Stream::new(dict, content.as_bytes().to_vec()))
    };
    let corners = || -> Vec<Object> { vec![0.into(), 0.into(), 10.into(), 10.into()] };
    let tiled = |cell: &'static str| {
        drawn(&in_mm("/Pattern cs /P scn 20 30 40 10 re f"), |document| {
            let dict =
                dictionary! { "PatternType" => 1, "PaintType" => 1, "TilingType" => 1, "BBox" => corners(), "XStep" => 10, "YStep" => 10 };
            let pattern = square(document, dict, cell);
            // The cell may be painted with itself.
            let own = dictionary! { "Pattern" => dictionary! { "P" => pattern } };
            document.get_object_mut(pattern).unwrap().as_stream_mut().unwrap().dict.set("Resources", own.clone());
            change_page(document, |page| page.set("Resources", own));
        })
    };
    let red = tiled("1 0 0 rg 0 0 5 5 re f");
    stands_at(&red.marks, MarkKind::Path, &[[20.0, 30.0, 40.0, 10.0]]);
    assert!(red.colour);
    stands_at(&tiled("1 g 0 0 5 5 re f").marks, MarkKind::Path, &[]);
    stands_at(&tiled("/Pattern cs /P scn 0 0 5 5 re f").marks, MarkKind::Path, &[]);
    let shown = |program: &'static str| {
        drawn("BT /F 72 Tf 72 720 Td (a) Tj ET", |document| {
            let glyph = square(document, dictionary! {}, program);
            let font = document.new_object_id();
            let dict = dictionary! {
                "Type" => "Font", "Subtype" => "Type3", "FontBBox" => corners(), "FirstChar" => 97, "LastChar" => 97,
                "FontMatrix" => vec![Object::Real(0.1), 0.into(), 0.into(), Object::Real(0.1), 0.into(), 0.into()],
                "Widths" => vec![10.into()], "CharProcs" => dictionary! { "a" => glyph },
                "Encoding" => dictionary! { "Differences" => vec![97.into(), "a".into()] },
                "Resources" => dictionary! { "Font" => dictionary! { "F" => font } },
            };
            document.objects.insert(font, dict.into());
            change_page(document, |page| page.set("Resources", dictionary! { "Font" => dictionary! { "F" => font } }));
        })
    };
    let square = shown("10 0 0 0 10 10 d1 0 0 5 5 re f");
    stands_at(&square.marks, MarkKind::Text, &[[25.4, 297.0 - 254.0 - 12.7, 12.7, 12.7]]);
    assert!(!shown("10 0 d0 BT /F 1 Tf (a) Tj ET").too_much, "a glyph that shows itself");
}

/// What stands on the page with an annotation that says not how it looks.
fn with_bare_annotation(kind: &'static str, change: impl FnOnce(&mut Dictionary)) -> PageInk {
    drawn("", |document| {
        let rect: Vec<Object> = vec![72.into(), 72.into(), 144.into(), 108.into()];
        let mut annotation = dictionary! { "Type" => "Annot", "Subtype" => kind, "F" => 4, "Rect" => rect };
        change(&mut annotation);
        let annotation = document.add_object(annotation);
        change_page(document, |page| page.set("Annots", vec![annotation.into()]));
    })
}

#[test]
fn an_annotation_without_an_appearance_is_ink_where_viewers_draw_one() {
    let place = [25.4, 297.0 - 38.1, 25.4, 12.7];
    let numbers = |numbers: &[i64]| -> Vec<Object> { numbers.iter().map(|n| (*n).into()).collect() };
    let no_width = || dictionary! { "W" => 0 };
    let drawn = |kind, change: &dyn Fn(&mut Dictionary)| {
        stands_at(&with_bare_annotation(kind, change).marks, MarkKind::Annotation, &[place]);
    };
    let not_drawn = |kind, change: &dyn Fn(&mut Dictionary)| {
        stands_at(&with_bare_annotation(kind, change).marks, MarkKind::Annotation, &[]);
    };
    for kind in ["FreeText", "Square", "Circle", "Line", "Ink", "Polygon", "PolyLine", "Highlight", "Stamp", "Redact", "Text"] {
        drawn(kind, &|_| {});
        not_drawn(kind, &|a| a.set("F", 6));
        not_drawn(kind, &|a| a.set("F", 0));
    }
    not_drawn("Popup", &|_| {});
    let link = with_bare_annotation("Link", |_| {});
    stands_at(&link.marks, MarkKind::Annotation, &[[25.2, 258.7, 25.8, 13.0]]);
    for kind in ["Square", "Line", "Link"] {
        not_drawn(kind, &|a| a.set("BS", no_width()));
        not_drawn(kind, &|a| a.set("Border", numbers(&[0, 0, 0])));
        let newer = with_bare_annotation(kind, |a| {
            a.set("Border", numbers(&[0, 0, 0]));
            a.set("BS", dictionary! { "W" => 1 });
        });
        assert_eq!(newer.marks.len(), 1, "{kind}: the newer entry is heeded");
    }
    not_drawn("Link", &|a| a.set("C", numbers(&[])));
    drawn("Square", &|a| {
        a.set("BS", no_width());
        a.set("IC", numbers(&[0, 0, 0]));
    });
    let beside = with_bare_annotation("Line", |a| a.set("L", numbers(&[72, 72, 216, 90])));
    stands_at(&beside.marks, MarkKind::Annotation, &[[25.4, 297.0 - 38.1, 51.0, 12.7]]);
    assert!(!beside.colour && with_bare_annotation("Square", |a| a.set("C", numbers(&[1, 0, 0]))).colour);
}

#[test]
fn a_free_text_without_an_appearance_is_read() {
    let written = |text: Object| with_bare_annotation("FreeText", |a| a.set("Contents", text)).cpr_numbers;
    assert_eq!(written(Object::string_literal("Hej")), []);
    for text in [&b"CPR 010203-1234"[..], b"Hej\rCPR 010203-1234", b"\xfe\xff\x000\x001\x000\x002\x000\x003\x001\x002\x003\x004"] {
        let found = written(Object::string_literal(text.to_vec()));
        assert_eq!(found.len(), 1, "{text:?}");
        let [x, y, width, height] = found[0].1;
        assert!(x >= 25.0 && x + width <= 51.2 && y >= 258.5 && y + height <= 272.0, "{found:?}");
    }
    let comment = with_bare_annotation("Square", |a| a.set("Contents", Object::string_literal("CPR 010203-1234")));
    assert_eq!(comment.cpr_numbers, [], "what is said of a square is not drawn");
}

#[test]
fn a_shading_is_seen_as_far_as_it_reaches() {
    let shaded = |extend: bool| {
        drawn(&in_mm("/S sh"), |document| {
            let reals = |values: &[f32]| -> Vec<Object> { values.iter().map(|v| Object::Real(*v)).collect() };
            let function = dictionary! {
                "FunctionType" => 2, "N" => 1, "Domain" => reals(&[0.0, 1.0]), "C0" => reals(&[0.0, 0.0, 0.0]), "C1" => reals(&[1.0, 0.0, 0.0])
            };
            let shading = dictionary! {
                "ShadingType" => 3, "ColorSpace" => "DeviceRGB", "Coords" => reals(&[50.0, 60.0, 0.0, 50.0, 60.0, 20.0]), "Function" => function,
                "Extend" => vec![extend.into(), extend.into()],
            };
            change_page(document, |page| page.set("Resources", dictionary! { "Shading" => dictionary! { "S" => shading } }));
        })
    };
    stands_at(&shaded(false).marks, MarkKind::Path, &[[30.0, 40.0, 40.0, 40.0]]);
    stands_at(&shaded(true).marks, MarkKind::Path, &[[0.0, 0.0, 210.0, 297.0]]);
    assert!(shaded(false).colour);
}

fn with_annotation(kind: &'static str, flags: i64) -> PageInk {
    drawn("", |document| {
        let dict = dictionary! { "Type" => "XObject", "Subtype" => "Form", "BBox" => vec![0.into(), 0.into(), 10.into(), 10.into()] };
        let form = document.add_object(Stream::new(dict, b"0 0 10 10 re f".to_vec()));
        let annotation = dictionary! {
            "Type" => "Annot", "Subtype" => kind, "F" => flags, "AP" => dictionary! { "N" => form },
            "Rect" => vec![72.into(), 72.into(), 144.into(), 108.into()],
        };
        let annotation = document.add_object(annotation);
        change_page(document, |page| page.set("Annots", vec![annotation.into()]));
    })
}

#[test]
fn annotations_are_ink_when_they_are_printed() {
    let place = [25.4, 297.0 - 38.1, 25.4, 12.7];
    stands_at(&with_annotation("Stamp", 4).marks, MarkKind::Annotation, &[place]);
    stands_at(&with_annotation("Widget", 4).marks, MarkKind::Field, &[place]);
    stands_at(&with_annotation("Stamp", 4 | 32).marks, MarkKind::Annotation, &[place]);
    for flags in [0, 2, 6] {
        stands_at(&with_annotation("Stamp", flags).marks, MarkKind::Annotation, &[]);
    }
}

fn lines(text: &[&str]) -> Vec<String> {
    text.iter().map(|line| (*line).to_owned()).collect()
}

fn a_letter(paragraphs: &[String]) -> Vec<u8> {
    let sender = lines(&["Øster Åby Kommune", "Rådhuspladsen 1", "9999 Øster Åby"]);
    let address = lines(&ADDRESS);
    let text = LetterText {
        title: "Prøve",
        sender_lines: &sender,
        address_lines: &address,
        date_line: "24. november 2026",
        heading: "Ærlig overskrift på blåbærgrød",
        paragraphs,
    };
    letter(&text, &WINDOW).unwrap()
}

const ADDRESS: [&str; 4] = ["Åse Ærøskøbing-Østergård", "c/o Bjørn Håkansson", "Sønder Allé 12, 2. tv.", "8000 Aarhus C"];

#[test]
fn the_window_shows_the_address_as_it_is_written() {
    let facts = inspect(&a_letter(&lines(&["Kort."])));
    let ink = facts.pages[0].ink.as_ref().unwrap();
    let inside = |line: &&fjernprint::pdf::facts::TextLine| line.box_mm[1] < 66.0 && line.box_mm[0] < 100.0;
    let address: Vec<&str> = ink.window_text.iter().filter(inside).map(|line| line.text.as_str()).collect();
    assert_eq!(address, ADDRESS);
    assert!(ink.window_text.iter().all(|line| (line.size_pt - 10.0).abs() < 4.1));
    assert!(!format!("{:?}", ink.window_text).contains("Aarhus"), "Debug shows no text");
    assert!(!ink.colour && !ink.transparency && ink.hidden_text.is_empty() && ink.coverage < 0.1);
}

#[test]
fn equal_cpr_numbers_have_equal_numbers() {
    let mut paragraphs = vec!["Vedrørende 010203-1234 og 0102031234.".to_owned(), "Vedrørende 311299 4321, ikke 990203-1234.".to_owned()];
    paragraphs.extend(vec!["Langt afsnit om intet. ".repeat(60); 4]);
    paragraphs.push("Igen 311299–4321.".to_owned());
    let facts = inspect(&a_letter(&paragraphs));
    let numbers = |page: usize| -> Vec<u32> { facts.pages[page].ink.as_ref().unwrap().cpr_numbers.iter().map(|(n, _)| *n).collect() };
    assert_eq!((numbers(0), numbers(1)), (vec![0, 0, 1], vec![1]));
    assert!(!format!("{facts:?}").contains("010203"));
}

/// A form gives each digit a cell of its own; a table of single digits is no CPR number.
#[test]
fn a_cpr_number_in_the_cells_of_a_form_is_one() {
    let numbers = |text: &str| {
        let facts = inspect(&a_letter(&[text.to_owned()]));
        facts.pages[0].ink.as_ref().unwrap().cpr_numbers.len()
    };
    assert_eq!(numbers("CPR 0 1 0 2 0 3 - 1 2 3 4 udfyldt"), 1);
    assert_eq!(numbers("0 1 0 2 0 3 1 2 3 4"), 1);
    assert_eq!(numbers("9 9 0 2 0 3 1 2 3 4"), 0);
    assert_eq!(numbers("0 1 0 2 0 3 1 2 3 4 5"), 0);
    assert_eq!(numbers("01 02 03 12 34"), 0);
    for written in ["01.02.03-1234", "01 02 03 1234", "010203/1234", "010203 - 1234", "010203 -1234", "01-02-03-1234", "010203–1234"] {
        assert_eq!(numbers(&format!("CPR {written} udfyldt")), 1, "{written}");
    }
    for other in ["24.11.26 8000 Aarhus", "01.02.2003 1234", "99.02.03-1234", "1.02.03-1234", "01.02.03-12345"] {
        assert_eq!(numbers(&format!("den {other}")), 0, "{other}");
    }
}

/// Markers are found by their letters, whatever stands between them, and where they stand.
#[test]
fn a_text_that_was_asked_for_is_found_where_it_stands() {
    let bytes = a_letter(&lines(&["Her står S HEADER i teksten."]));
    let found = |text: &str| inspect_for(&bytes, &[text.to_owned()]).pages[0].ink.as_ref().unwrap().markers.clone();
    let [(marker, [x, y, w, h])] = &found("Sheader")[..] else { panic!("not found once") };
    assert_eq!(marker, "Sheader");
    assert!(*x > 15.0 && *y > 90.0 && *w > 20.0 && *h < 6.0, "{x} {y} {w} {h}");
    assert_eq!(found("SHEADERS"), []);
    assert!(inspect(&bytes).pages[0].ink.as_ref().unwrap().markers.is_empty());
}

/// Words as poppler finds them on the first page: x0, y0, x1, y1 in mm.
fn words_by_poppler(bytes: &[u8]) -> Vec<[f32; 4]> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let out = std::process::Command::new("pdftotext").args(["-bbox", "-l", "1"]).arg(file.path()).arg("-").output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let words = text.lines().filter(|line| line.contains("<word"));
    words
        .map(|line| {
            ["xMin", "yMin", "xMax", "yMax"].map(|key| {
                line.split(&format!("{key}=\"")).nth(1).unwrap().split('"').next().unwrap().parse::<f32>().unwrap() / 72.0 * 25.4
            })
        })
        .collect()
}

#[test]
fn another_reader_finds_the_words_where_the_marks_are() {
    let bytes = a_letter(&vec!["Blåbærgrød på æbleskiver: “citat” – tankestreg. ".repeat(9); 3]);
    let ink = inspect(&bytes).pages[0].ink.clone().unwrap();
    let words = words_by_poppler(&bytes);
    assert!(words.len() > 100);
    for [x0, y0, x1, y1] in words {
        // A word's box is as high as its font: its middle is compared, and both of its ends.
        let middle = (y0 + y1) / 2.0;
        let holds = |m: &Mark| {
            let [x, y, width, height] = m.box_mm;
            m.kind == MarkKind::Text && x - 1.0 <= x0 && x1 <= x + width + 1.0 && y - 1.0 <= middle && middle <= y + height + 1.0
        };
        assert!(ink.marks.iter().any(holds), "{x0} {y0} {x1} {y1}");
    }
}

#[test]
fn drawing_without_end_is_given_up() {
    let endless = |ink: PageInk| assert!(ink.too_much);
    endless(drawn(&"0 0 9 9 re f ".repeat(1_100_000), |_| {}));
    // Ten forms that each call the next ten times: 10^9 calls that draw nothing.
    endless(drawn("/X Do", |document| {
        let mut next = document.add_object(Stream::new(dictionary! {}, Vec::new()));
        for _ in 0..9 {
            let dict = dictionary! {
                "Type" => "XObject", "Subtype" => "Form", "BBox" => vec![0.into(), 0.into(), 9.into(), 9.into()],
                "Resources" => dictionary! { "XObject" => dictionary! { "X" => next } },
            };
            next = document.add_object(Stream::new(dict, b"/X Do ".repeat(10)));
        }
        change_page(document, |page| page.set("Resources", dictionary! { "XObject" => dictionary! { "X" => next } }));
    }));
    let many =
        drawn(&in_mm(&(0..8000).map(|i| format!("{} {} 0.3 0.3 re f ", 10 + i % 80 * 2, 10 + i / 80 * 2)).collect::<String>()), |_| {});
    assert!(many.marks.len() <= 400 && !many.too_much);
}

/// Every operator that plain pages use, and some that make a page another's business halfway.
#[test]
fn the_short_way_sees_what_the_interpreter_sees() {
    let check = |content: &str| {
        let bytes = pdf(&[A4], |document, _| {
            let font = dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding" };
            let form = dictionary! { "Type" => "XObject", "Subtype" => "Form", "BBox" => vec![0.into(), 0.into(), 80.into(), 30.into()] };
            let form = document.add_object(Stream::new(form, b"2 2 60 20 re S BT 5 5 Td (form) Tj ET".to_vec()));
            let image = dictionary! {
                "Type" => "XObject", "Subtype" => "Image", "Width" => 2, "Height" => 2, "BitsPerComponent" => 8, "ColorSpace" => "DeviceRGB",
            };
            let image = document.add_object(Stream::new(image, (0..12).collect()));
            let states = dictionary! {
                "Plain" => dictionary! { "LW" => 4, "LC" => 2, "BM" => "Normal", "ca" => 1, "SMask" => "None" },
                "Thin" => dictionary! { "ca" => Object::Real(0.5) },
            };
            let grey = vec!["CalGray".into(), dictionary! { "WhitePoint" => vec![1.into(), 1.into(), 1.into()] }.into()];
            change_page(document, |page| {
                page.set(
                    "Resources",
                    dictionary! {
                        "Font" => dictionary! { "F" => font }, "XObject" => dictionary! { "Fm" => form, "Im" => image },
                        "ExtGState" => states, "ColorSpace" => dictionary! { "Grey" => Object::Array(grey) },
                    },
                );
            });
            set_content(document, content);
        });
        assert!(seen_alike(&bytes).pages[0].ink.is_some(), "{content}");
    };
    for content in [
        "BT /F 11 Tf 13 TL 60 700 Td (one) Tj T* (two) Tj (three) ' 1 2 (four five) \" 0 -20 TD (six) Tj ET",
        "BT /F 9 Tf 0.5 Tc 3 Tw 120 Tz 4 Ts 1 0 0 1 60 600 Tm [(spaced) -250 (out 010180-4444) 90.5 (text)] TJ ET",
        "BT /F 9 Tf 0 1 -1 0 300 300 Tm (turned) Tj 0.7 0.7 -0.7 0.7 200 200 Tm (askew) Tj ET BT /F 90 Tf 60 400 Td (BIG) Tj ET",
        "q 0.5 0 0 0.5 40 40 cm q 10 10 300 300 re W n BT /F 20 Tf 20 20 Td (clipped at the side of a box that is too narrow) Tj ET Q Q",
        "BT /F 12 Tf 560 500 Td (beyond the right side) Tj 0 -700 Td (and below) Tj ET",
        "1 0 0 rg 0 0 1 RG 50 50 100 80 re B 0.2 0.3 0.4 0.5 k 200 50 m 260 90 l 300 50 l h f* 0 G 5 w 1 J 50 300 m 200 350 l S",
        "/Grey cs 0.4 sc 50 50 40 40 re f /Grey CS 0.9 SCN 100 100 40 40 re S 1 g 10 10 30 30 re f BT /F 9 Tf 12 12 Td (white) Tj ET",
        "10 10 m 20 80 60 90 90 10 c 120 60 150 20 v 180 60 200 20 y s 300 300 m 400 300 l f 300 400 50 0 re f 100 500 m 100 500 l S",
        "200 200 m 400 200 l 300 400 l h W* n 0 0 595 842 re f 0 0 595 842 re W n 100 100 50 50 re f",
        "/Plain gs 60 60 m 90 60 l S q 2 w 0.5 g BT /F 14 Tf 3 Tc ET 1 0 0 1 100 600 cm /Fm Do Q q 60 0 0 40 400 700 cm /Im Do Q",
        "1 Tr BT /F 30 Tf 60 600 Td (outline) Tj 2 Tr 0 -40 Td (both) Tj 3 Tr 0 -40 Td (none) Tj ET",
        "/P <</MCID 0>> BDC BT /F 10 Tf 60 600 Td (marked) Tj ET EMC /Artifact BMC 10 10 20 20 re f EMC 0.1 i 3 M [2 1] 0 d 1 j /Perceptual ri",
        "BT /F 10 Tf 60 600 Td (first plain) Tj ET /Thin gs BT /F 10 Tf 60 500 Td (then see-through) Tj ET",
        "BT /F 10 Tf 60 600 Td (first plain) Tj /None 10 Tf (then a font that is not there) Tj ET",
        "BT /F 20 Tf 7 Tr 60 600 Td (clip) Tj ET 0 0 595 842 re f Q Q 5 5 10 10 re f",
        "BI /W 2 /H 2 /BPC 8 /CS /G ID \x00\x01\x02\x03 EI BT /F 10 Tf 60 600 Td (after a picture) Tj ET",
    ] {
        check(content);
    }
}

/// What was met in another document may be looked up, and must not show: each letter here differs from the one before it in
/// a single part of its font.
#[test]
fn facts_are_the_same_whatever_was_looked_at_before() {
    let letter = |cmap_says: &str, wide: i64, glyph: u16| {
        pdf(&[A4], |document, _| {
            let program = std::fs::read("templates/fonts/FjernprintSans-Regular.ttf").unwrap();
            let program = document.add_object(Stream::new(dictionary! {}, program));
            let descriptor = document.add_object(dictionary! {
                "Type" => "FontDescriptor", "FontName" => "ABCDEF+Sans", "Flags" => 4, "FontFile2" => program,
            });
            let map = format!(
                "begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange 1 beginbfchar <0030> <{cmap_says}> endbfchar endcmap"
            );
            let map = document.add_object(Stream::new(dictionary! {}, map.into_bytes()));
            let glyphs: Vec<u8> = (0..64_u16).flat_map(|code| (code + glyph).to_be_bytes()).collect();
            let glyphs = document.add_object(Stream::new(dictionary! {}, glyphs));
            let widths = document.add_object(Object::Array(vec![48.into(), vec![wide.into()].into()]));
            let descendant = document.add_object(dictionary! {
                "Type" => "Font", "Subtype" => "CIDFontType2", "BaseFont" => "ABCDEF+Sans", "CIDToGIDMap" => glyphs, "W" => widths,
                "CIDSystemInfo" => dictionary! { "Registry" => "Adobe", "Ordering" => "Identity", "Supplement" => 0 },
                "FontDescriptor" => descriptor,
            });
            let font = document.add_object(dictionary! {
                "Type" => "Font", "Subtype" => "Type0", "BaseFont" => "ABCDEF+Sans", "Encoding" => "Identity-H",
                "DescendantFonts" => vec![descendant.into()], "ToUnicode" => map,
            });
            change_page(document, |page| page.set("Resources", dictionary! { "Font" => dictionary! { "F" => font } }));
            set_content(document, "BT /F 12 Tf 100 700 Td <003000300031> Tj ET");
        })
    };
    let letters = [letter("0041", 600, 0), letter("0042", 600, 0), letter("0042", 900, 0), letter("0042", 900, 7), letter("0041", 600, 0)];
    // A thread of its own has met nothing.
    let fresh: Vec<PdfFacts> = letters
        .iter()
        .map(|bytes| {
            let bytes = bytes.clone();
            std::thread::spawn(move || inspect(&bytes)).join().unwrap()
        })
        .collect();
    assert!(fresh.windows(2).all(|pair| pair[0] != pair[1]), "each part shows");
    for (bytes, fresh) in letters.iter().zip(&fresh).chain(letters.iter().zip(&fresh).rev()) {
        assert_eq!(&seen_alike(bytes), fresh);
    }
}

/// The public corpus, where the variable names it: every file is drawn or given up, soon.
#[test]
fn every_file_of_the_corpus_is_drawn_or_given_up() {
    let Ok(folder) = std::env::var("FJERNPRINT_CORPUS") else {
        eprintln!("FJERNPRINT_CORPUS is not set: the corpus is not looked at");
        return;
    };
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "pdf") {
                let bytes = fs::read(&path).unwrap();
                let facts = inspect(&bytes);
                assert!(facts == inspect_the_long_way(&bytes), "{}", path.display());
                for ink in facts.pages.iter().filter_map(|page| page.ink.as_ref()) {
                    assert!(ink.marks.len() <= 400, "{}", path.display());
                    let finite = |b: &BoxMm| b.iter().all(|v| v.is_finite()) && b[0] >= 0.0 && b[1] >= 0.0 && b[2] >= 0.0 && b[3] >= 0.0;
                    assert!(boxes(ink).iter().all(finite), "{}", path.display());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One mark where the rectangle meets the page, none elsewhere.
    #[test]
    fn a_rectangle_is_seen_as_far_as_it_is_on_the_page(x in -100.0f32..250.0, y in -100.0f32..350.0, w in 1.0f32..200.0, h in 1.0f32..200.0) {
        let ink = drawn(&in_mm(&format!("{x} {y} {w} {h} re f")), |_| {});
        let (x0, y0, x1, y1) = (x.max(0.0), y.max(0.0), (x + w).min(210.0), (y + h).min(297.0));
        if x1 - x0 > 0.1 && y1 - y0 > 0.1 {
            stands_at(&ink.marks, MarkKind::Path, &[[x0, y0, x1 - x0, y1 - y0]]);
        } else if x1 < x0 || y1 < y0 {
            stands_at(&ink.marks, MarkKind::Path, &[]);
        }
    }
}
