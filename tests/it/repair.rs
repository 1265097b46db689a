//! Repair: each remedy on a document that needs it, and what must hold of all of them. qpdf and poppler are the second opinion.

use crate::pdf::{A4, pdf};
use fjernprint::domain::rules::RULES;
use fjernprint::pdf::draw::{Window, cover_sheet};
use fjernprint::pdf::facts::{BoxMm, PdfFacts};
use fjernprint::pdf::inspect;
use fjernprint::pdf::repair::{Done, Remedy, RepairOrder, Repaired, remedy_for, repair};
use fjernprint::pipeline::validate::{Expected, Policy, judge};
use fjernprint::vendor::VendorProfile;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use std::collections::BTreeSet;
use std::process::Command;
use std::{env, fs};

const ALL: [Remedy; 8] = [
    Remedy::Boxes,
    Remedy::Turn,
    Remedy::Scale,
    Remedy::Flatten,
    Remedy::DropActive,
    Remedy::DropFiles,
    Remedy::EmbedFonts,
    Remedy::BlankBack,
];
/// An F in the lower left, a grey bar in the upper right: no turn or mirror of it looks the same.
const FIGURE: &str = "0 g 100 100 20 200 re f 100 280 120 20 re f 100 200 80 20 re f 0.5 g 350 500 120 30 re f";

// ---- building ----

fn set(document: &mut Document, id: ObjectId, key: &str, value: impl Into<Object>) {
    document.get_object_mut(id).unwrap().as_dict_mut().unwrap().set(key, value);
}

fn page_id(document: &Document, number: u32) -> ObjectId {
    document.get_pages()[&number]
}

fn set_content(document: &mut Document, number: u32, content: &str) {
    let content = document.add_object(Stream::new(dictionary! {}, content.as_bytes().to_vec()));
    let page = page_id(document, number);
    set(document, page, "Contents", content);
}

/// One page of this size, in points, with this content.
fn drawn(size: (f32, f32), content: &str, change: impl FnOnce(&mut Document, ObjectId)) -> Vec<u8> {
    pdf(&[size], |document, catalog| {
        set_content(document, 1, content);
        change(document, catalog);
    })
}

fn boxed(values: [f32; 4]) -> Object {
    Object::Array(values.into_iter().map(Object::Real).collect())
}

fn text(value: &str) -> Object {
    Object::string_literal(value)
}

fn form_xobject(document: &mut Document, bbox: [f32; 4], content: &str) -> ObjectId {
    let dict = dictionary! { "Type" => "XObject", "Subtype" => "Form", "BBox" => boxed(bbox) };
    document.add_object(Stream::new(dict, content.as_bytes().to_vec()))
}

/// Puts annotations on the first page.
fn annotate(document: &mut Document, annotations: Vec<Dictionary>) -> Vec<ObjectId> {
    let ids: Vec<ObjectId> = annotations.into_iter().map(|a| document.add_object(a)).collect();
    let page = page_id(document, 1);
    set(document, page, "Annots", ids.iter().map(|id| Object::Reference(*id)).collect::<Vec<_>>());
    ids
}

/// A form whose fields are these widgets.
fn form(document: &mut Document, catalog: ObjectId, fields: Vec<Dictionary>) {
    let ids = annotate(document, fields);
    let fields: Vec<Object> = ids.into_iter().map(Object::Reference).collect();
    set(document, catalog, "AcroForm", dictionary! { "Fields" => fields, "DA" => text("/Helv 0 Tf 0 g") });
}

fn text_field(rect: [f32; 4], value: &str) -> Dictionary {
    dictionary! { "Type" => "Annot", "Subtype" => "Widget", "FT" => "Tx", "T" => text("felt"), "F" => 4, "Rect" => boxed(rect), "V" => text(value) }
}

/// The dictionary with these entries in the place of its own.
fn with(mut dictionary: Dictionary, entries: Dictionary) -> Dictionary {
    entries.iter().for_each(|(key, value)| dictionary.set(key.clone(), value.clone()));
    dictionary
}

// ---- repairing ----

fn hulls(facts: &PdfFacts) -> Vec<Option<BoxMm>> {
    let hull = |marks: &[fjernprint::pdf::facts::Mark]| {
        marks.iter().map(|m| m.box_mm).reduce(|a, b| {
            let (x, y) = (a[0].min(b[0]), a[1].min(b[1]));
            [x, y, (a[0] + a[2]).max(b[0] + b[2]) - x, (a[1] + a[3]).max(b[1] + b[3]) - y]
        })
    };
    facts.pages.iter().map(|page| page.ink.as_ref().and_then(|ink| hull(&ink.marks))).collect()
}

fn order(bytes: &[u8], remedies: &[Remedy]) -> RepairOrder {
    RepairOrder {
        remedies: remedies.iter().copied().collect(),
        paper_mm: (210.0, 297.0),
        over_mm: 2.0,
        under_mm: 2.0,
        printable_mm: Some([15.0, 5.0, 180.0, 287.0]),
        scale_min: 0.9,
        ink_mm: hulls(&inspect(bytes)),
    }
}

fn rules(bytes: &[u8]) -> BTreeSet<&'static str> {
    let profile = fs::read_to_string(format!("{}/vendors/edora/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    judge(&inspect(bytes), &Expected::default(), &VendorProfile::parse(&profile).unwrap(), &Policy::default())
        .into_iter()
        .map(|finding| finding.rule)
        .collect()
}

fn qpdf_check(bytes: &[u8]) -> (bool, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let output = Command::new("qpdf").arg("--check").arg(file.path()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// Repairs, and asserts what holds of every repair: the same bytes again, no new finding, nothing qpdf has to say, and
/// nothing left to do.
#[track_caller]
fn repaired(bytes: &[u8], remedies: &[Remedy]) -> Repaired {
    let order = order(bytes, remedies);
    let repaired = repair(bytes, &order).unwrap();
    assert!(!repaired.done.is_empty());
    assert_eq!(repair(bytes, &order).unwrap(), repaired, "the same input gives the same bytes");
    let (clean, said) = qpdf_check(&repaired.bytes);
    assert!(clean, "{said}");
    let before = rules(bytes);
    // What stands on a page far from A4 is looked at for the first time when it has the paper's size.
    let first_look = |rule: &str| before.contains("PAGE_A4_TOL") && rule.starts_with("ADDR_");
    let new = |rule: &&str| !before.contains(rule) && *rule != "BLANK_PAGE" && !first_look(rule);
    let new: Vec<_> = rules(&repaired.bytes).into_iter().filter(new).collect();
    assert_eq!(new, [""; 0], "no new finding");
    assert_eq!(inspect(&repaired.bytes).unreadable, None);
    let again = repair(&repaired.bytes, &self::order(&repaired.bytes, remedies)).unwrap();
    assert_eq!((again.bytes == repaired.bytes, again.done), (true, vec![]), "nothing is left to do");
    repaired
}

#[track_caller]
fn fault(bytes: &[u8], remedies: &[Remedy], wanted: &str) {
    let fault = repair(bytes, &order(bytes, remedies)).unwrap_err();
    assert_eq!(fault.code, "FP-V092");
    assert!(fault.message.contains(wanted), "{}", fault.message);
}

#[track_caller]
fn untouched(bytes: &[u8], remedies: &[Remedy]) {
    let result = repair(bytes, &order(bytes, remedies)).unwrap();
    assert_eq!(result.done, []);
    assert!(result.bytes == bytes);
}

fn whats(done: &[Done]) -> Vec<&str> {
    done.iter().map(|done| done.what.as_str()).collect()
}

// ---- looking ----

/// A page in grey pixels.
struct Raster {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

const DPI: f64 = 50.0;

fn raster(bytes: &[u8], page: u32) -> Raster {
    let folder = tempfile::tempdir().unwrap();
    let (file, picture) = (folder.path().join("a.pdf"), folder.path().join("a"));
    fs::write(&file, bytes).unwrap();
    let page = page.to_string();
    let arguments = ["-gray", "-cropbox", "-singlefile", "-r", "50", "-f", &page, "-l", &page];
    let output = Command::new("pdftoppm").args(arguments).arg(&file).arg(&picture).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pgm = fs::read(picture.with_extension("pgm")).unwrap();
    let mut fields = pgm.splitn(4, |b| *b == b'\n');
    let (_, size, _, pixels) = (fields.next(), fields.next().unwrap(), fields.next(), fields.next().unwrap());
    let mut size = std::str::from_utf8(size).unwrap().split(' ').map(|v| v.parse::<usize>().unwrap());
    Raster { width: size.next().unwrap(), height: size.next().unwrap(), pixels: pixels.to_vec() }
}

impl Raster {
    /// Darkest and lightest around a pixel; white beyond the edges.
    fn around(&self, x: i64, y: i64) -> (u8, u8) {
        let at = |x: i64, y: i64| match (usize::try_from(x), usize::try_from(y)) {
            (Ok(x), Ok(y)) if x < self.width && y < self.height => self.pixels[y * self.width + x],
            _ => 255,
        };
        let all = (-2..=2).flat_map(|dx| (-2..=2).map(move |dy| (dx, dy))).map(|(dx, dy)| at(x + dx, y + dy));
        all.fold((255, 0), |(low, high), v| (low.min(v), high.max(v)))
    }

    /// Pixels that have no like near the place in `other` that `place` names.
    fn strange(&self, other: &Raster, place: &impl Fn(f64, f64) -> (f64, f64)) -> usize {
        let pixels = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        let is_strange = |(x, y): &(usize, usize)| {
            let (u, v) = place((*x as f64 + 0.5) / DPI * 25.4, (*y as f64 + 0.5) / DPI * 25.4);
            let (low, high) = other.around((u / 25.4 * DPI).floor() as i64, (v / 25.4 * DPI).floor() as i64);
            let value = self.pixels[y * self.width + x];
            value < low.saturating_sub(50) || value > high.saturating_add(50)
        };
        pixels.filter(is_strange).count()
    }

    fn ink(&self) -> usize {
        self.pixels.iter().filter(|v| **v < 128).count()
    }
}

/// The pages look alike, when a point of the page before, in mm from its top left corner, went where `there` says.
#[track_caller]
fn looks_alike(before: &[u8], after: &[u8], page: u32, there: impl Fn(f64, f64) -> (f64, f64), back: impl Fn(f64, f64) -> (f64, f64)) {
    // To look at what is compared: before and after, one pair after another.
    if let Ok(folder) = env::var("FJERNPRINT_KEEP") {
        let line = std::panic::Location::caller().line();
        let at = (0..).find(|at| !std::path::Path::new(&format!("{folder}/{line}-{at}-before.pdf")).exists()).unwrap();
        fs::write(format!("{folder}/{line}-{at}-before.pdf"), before).unwrap();
        fs::write(format!("{folder}/{line}-{at}-after.pdf"), after).unwrap();
    }
    let (before, after) = (raster(before, page), raster(after, page));
    assert!(before.ink() > 100, "there is something to see");
    let strange = (before.strange(&after, &there), after.strange(&before, &back));
    // Edges of patterns fall on other pixels; what is in another place differs by whole figures.
    let few = after.pixels.len() / 2_000;
    assert!(strange.0 <= few && strange.1 <= few, "{strange:?} pixels of {}x{}", after.width, after.height);
}

fn same(x: f64, y: f64) -> (f64, f64) {
    (x, y)
}

// ---- the remedies ----

#[test]
fn boxes_become_one_and_the_page_looks_as_it_did() {
    for rotate in [0, 90, 180, 270, -90] {
        let bytes = drawn(A4, FIGURE, |document, _| {
            let page = page_id(document, 1);
            set(document, page, "MediaBox", boxed([-50.0, -20.0, 700.0, 900.0]));
            set(document, page, "CropBox", boxed([20.0, 30.0, 615.276, 871.89]));
            set(document, page, "TrimBox", boxed([30.0, 40.0, 600.0, 860.0]));
            set(document, page, "Rotate", rotate);
            // Outside of what is shown, in white paper's place.
            set_content(document, 1, &format!("{FIGURE} 0 g -40 -10 50 890 re f"));
        });
        let after = repaired(&bytes, &[Remedy::Boxes]);
        let facts = &inspect(&after.bytes).pages[0];
        assert!(!facts.cropped && facts.rotate == 0, "{rotate}: {facts:?}");
        looks_alike(&bytes, &after.bytes, 1, same, same);
    }
    let large = drawn((300.0, 400.0), FIGURE, |document, _| {
        let page = page_id(document, 1);
        set(document, page, "UserUnit", 2);
    });
    let after = repaired(&large, &[Remedy::Boxes]);
    assert_eq!(hulls(&inspect(&large))[0].map(|b| b.map(f32::round)), hulls(&inspect(&after.bytes))[0].map(|b| b.map(f32::round)));
    assert_eq!(inspect(&after.bytes).pages[0].user_unit, 1.0);
    untouched(&drawn(A4, FIGURE, |_, _| {}), &[Remedy::Boxes]);
}

#[test]
fn a_page_on_its_side_is_turned_to_the_left() {
    let wide = drawn((A4.1, A4.0), FIGURE, |_, _| {});
    let after = repaired(&wide, &[Remedy::Turn]);
    // The top goes to the left: a point x from the left and y from the top stands y from the left, x from the bottom.
    looks_alike(&wide, &after.bytes, 1, |x, y| (y, 297.0 - x), |x, y| (297.0 - y, x));
    let by_rotate = drawn(A4, FIGURE, |document, _| {
        let page = page_id(document, 1);
        set(document, page, "Rotate", 90);
    });
    let after = repaired(&by_rotate, &[Remedy::Turn]);
    looks_alike(&by_rotate, &after.bytes, 1, |x, y| (y, 297.0 - x), |x, y| (297.0 - y, x));
    assert!(!rules(&after.bytes).contains("PAGE_ORIENTATION"));
    untouched(&drawn(A4, FIGURE, |_, _| {}), &[Remedy::Turn]);
    untouched(&drawn((A4.1, A4.0), FIGURE, |_, _| {}), &[Remedy::Scale]);
}

/// A figure, a tiling pattern that stands in the page's space, and a shading.
fn with_pattern(document: &mut Document, start: &str) {
    let dict = dictionary! {
        "Type" => "Pattern", "PatternType" => 1, "PaintType" => 1, "TilingType" => 1, "BBox" => boxed([0.0, 0.0, 40.0, 40.0]),
        "XStep" => 40, "YStep" => 40, "Resources" => Dictionary::new(), "Matrix" => vec![1.into(), 0.into(), 0.into(), 1.into(), 7.into(), 3.into()],
    };
    let pattern = document.add_object(Stream::new(dict, b"0 g 0 0 20 20 re f".to_vec()));
    let function =
        dictionary! { "FunctionType" => 2, "Domain" => vec![0.into(), 1.into()], "C0" => vec![0.into()], "C1" => vec![1.into()], "N" => 1 };
    let shading = dictionary! { "ShadingType" => 2, "ColorSpace" => "DeviceGray", "Coords" => boxed([200.0, 0.0, 420.0, 0.0]), "Function" => function };
    let shading = document.add_object(dictionary! { "PatternType" => 2, "Shading" => shading });
    let page = page_id(document, 1);
    set(document, page, "Resources", dictionary! { "Pattern" => dictionary! { "P" => pattern, "S" => shading } });
    set_content(document, 1, &format!("{start} {FIGURE} /Pattern cs /P scn 250 80 160 160 re f /S scn 300 300 120 60 re f"));
}

#[test]
fn a_page_of_another_size_is_scaled_onto_the_paper() {
    for (width, height, factor) in [(612.0, 792.0, 210.0 / 215.9), (148.0, 210.0, 297.0 / 210.0), (297.0, 420.0, 297.0 / 420.0)] {
        let (width, height) = if width > 500.0 { (width, height) } else { (width / 25.4 * 72.0, height / 25.4 * 72.0) };
        // On the smallest, all of it is drawn smaller; patterns stand in the page's space.
        let start = if width < 500.0 { "0.7 0 0 0.7 0 0 cm" } else { "" };
        let bytes = pdf(&[(width, height)], |document, _| with_pattern(document, start));
        let after = repaired(&bytes, &[Remedy::Scale, Remedy::Turn]);
        let mm = |points: f32| f64::from(points) / 72.0 * 25.4;
        let (left, top) = ((210.0 - mm(width) * factor) / 2.0, (297.0 - mm(height) * factor) / 2.0);
        // Where ink is brought in too, the second step is told apart below.
        if after.done.len() == 1 {
            let (there, back) = (|x, y| (left + factor * x, top + factor * y), |x, y| ((x - left) / factor, (y - top) / factor));
            looks_alike(&bytes, &after.bytes, 1, there, back);
        }
        assert!(after.done[0].what.contains("scaled to"), "{:?}", after.done);
        assert!(!rules(&after.bytes).contains("PAGE_A4_TOL"));
    }
    let letter = pdf(&[(612.0, 792.0)], |document, _| with_pattern(document, ""));
    assert_eq!(whats(&repaired(&letter, &[Remedy::Scale]).done), ["215.9x279.4 mm scaled to 97.3 % onto 210x297 mm"]);
    fault(&drawn((1190.0, 1684.0), FIGURE, |_, _| {}), &[Remedy::Scale], "page 1: 419.8x594.1 mm would become 50 %");
    untouched(&drawn((A4.0 + 5.0, A4.1 - 5.0), FIGURE, |_, _| {}), &[Remedy::Scale]);
}

#[test]
fn what_was_cut_off_by_the_crop_box_stays_cut_off_on_a_larger_page() {
    let bytes = drawn((800.0, 900.0), &format!("{FIGURE} 0 g 0 0 90 900 re f"), |document, _| {
        let page = page_id(document, 1);
        set(document, page, "CropBox", boxed([95.0, 90.0, 707.0, 882.0]));
    });
    let after = repaired(&bytes, &[Remedy::Scale]);
    assert!(after.done[0].what.contains("onto 210x297 mm"));
    let factor = 210.0 / 215.9;
    let top = (297.0 - 279.4 * factor) / 2.0;
    let moved = after.done.get(1).is_none();
    assert!(moved || after.done[1].what.contains("shifted"));
    let ink = hulls(&inspect(&after.bytes))[0].unwrap();
    assert!(ink[0] >= 14.9, "nothing of the bar that was outside is seen: {ink:?}, {top}");
}

#[test]
fn ink_outside_the_printable_area_is_shifted_and_only_then_scaled() {
    let mm = |v: f32| v / 25.4 * 72.0;
    let bar = |x: f32, y: f32, w: f32, h: f32| {
        let content = format!("0 g {} {} {} {} re f", mm(x), A4.1 - mm(y) - mm(h), mm(w), mm(h));
        drawn(A4, &content, |_, _| {})
    };
    let cases: [(BoxMm, &str, BoxMm); 4] = [
        ([5.0, 50.0, 100.0, 10.0], "shifted by 10.0 mm right", [15.0, 50.0, 100.0, 10.0]),
        ([190.0, 290.0, 15.0, 5.0], "shifted by 10.0 mm left, shifted by 3.0 mm up", [180.0, 287.0, 15.0, 5.0]),
        ([5.0, 50.0, 190.0, 10.0], "scaled to 94.7 % into the printable area, shifted by 5.0 mm right", [15.0, 50.3, 180.0, 9.5]),
        ([20.0, 1.0, 20.0, 20.0], "shifted by 4.0 mm down", [20.0, 5.0, 20.0, 20.0]),
    ];
    for ([x, y, w, h], what, wanted) in cases {
        let bytes = bar(x, y, w, h);
        let after = repaired(&bytes, &[Remedy::Scale]);
        assert_eq!(whats(&after.done), [what]);
        let ink = hulls(&inspect(&after.bytes))[0].unwrap();
        assert!(ink.iter().zip(wanted).all(|(is, wanted)| (is - wanted).abs() < 0.1), "{ink:?}, not {wanted:?}");
        assert!(!rules(&after.bytes).contains("MARGIN_ALL"));
    }
    let (before, after) = (bar(5.0, 50.0, 100.0, 10.0), repaired(&bar(5.0, 50.0, 100.0, 10.0), &[Remedy::Scale]));
    looks_alike(&before, &after.bytes, 1, |x, y| (x + 10.0, y), |x, y| (x - 10.0, y));
    fault(&bar(1.0, 50.0, 208.0, 10.0), &[Remedy::Scale], "page 1: its ink fits the printable area at 86.5 %");
    untouched(&bar(15.0, 5.0, 180.0, 287.0), &[Remedy::Scale]);
    untouched(&bar(14.95, 5.0, 100.0, 10.0), &[Remedy::Scale]);
}

#[test]
fn annotations_that_print_become_content_at_the_same_place() {
    let bytes = drawn(A4, FIGURE, |document, _| {
        let stamp = form_xobject(document, [10.0, 10.0, 60.0, 40.0], "0 g 10 10 30 10 re f 0.4 g 40 20 20 20 re f");
        let turned = form_xobject(document, [0.0, 0.0, 50.0, 30.0], "0 g 0 0 30 10 re f");
        set_matrix(document, turned, [0.0, 1.0, -1.0, 0.0, 5.0, 9.0]);
        let shared = dictionary! { "N" => stamp };
        let annotation = |kind: &str, rect: [f32; 4], flags: i64, looks: Dictionary| {
            dictionary! { "Type" => "Annot", "Subtype" => kind, "Rect" => boxed(rect), "F" => flags, "AP" => looks }
        };
        let states = dictionary! { "Yes" => turned, "Off" => stamp };
        let mut button = annotation("Widget", [400.0, 300.0, 460.0, 400.0], 4, dictionary! { "N" => states });
        button.set("AS", "Yes");
        annotate(
            document,
            vec![
                annotation("Stamp", [300.0, 100.0, 400.0, 160.0], 4, shared.clone()),
                annotation("FreeText", [500.0, 700.0, 560.0, 640.0], 4, shared.clone()),
                button,
                annotation("Stamp", [100.0, 600.0, 200.0, 700.0], 6, shared.clone()),
                annotation("Popup", [200.0, 600.0, 300.0, 700.0], 4, shared),
            ],
        );
        // Names that collide, a state that is left open, and text that never ends.
        let page = page_id(document, 1);
        set(document, page, "Resources", dictionary! { "XObject" => dictionary! { "Fp1" => stamp } });
        set_content(document, 1, &format!("q 0.9 0 0 0.9 20 0 cm q {FIGURE} BT"));
    });
    let after = repaired(&bytes, &[Remedy::Flatten]);
    assert_eq!(
        whats(&after.done),
        ["1 form field became page content", "2 annotations became page content", "2 annotations with nothing to print dropped"]
    );
    let hidden_free = drawn_without_hidden(&bytes);
    looks_alike(&hidden_free, &after.bytes, 1, same, same);
    assert!(!rules(&after.bytes).contains("ANNOTATION"));
    let only_links = drawn(A4, FIGURE, |document, _| {
        annotate(document, vec![dictionary! { "Subtype" => "Link", "Rect" => boxed([0.0, 0.0, 9.0, 9.0]), "Border" => boxed([0.0; 4]) }]);
    });
    untouched(&only_links, &[Remedy::Flatten]);
}

fn set_matrix(document: &mut Document, form: ObjectId, matrix: [f32; 6]) {
    let matrix: Vec<Object> = matrix.into_iter().map(Object::Real).collect();
    document.get_object_mut(form).unwrap().as_stream_mut().unwrap().dict.set("Matrix", matrix);
}

/// The same file as its printer sees it: poppler shows a popup on the screen.
fn drawn_without_hidden(bytes: &[u8]) -> Vec<u8> {
    let mut document = Document::load_mem(bytes).unwrap();
    let page = page_id(&document, 1);
    let list = document.get_dictionary(page).unwrap().get(b"Annots").unwrap().as_array().unwrap()[..3].to_vec();
    set(&mut document, page, "Annots", list);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

fn words(bytes: &[u8]) -> Vec<(String, [f32; 4])> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let output = Command::new("pdftotext").args(["-bbox", "-l", "1"]).arg(file.path()).arg("-").output().unwrap();
    assert!(output.status.success());
    let word = |line: &str| {
        let (head, text) = line.trim().strip_prefix("<word ")?.split_once('>')?;
        let mut edges = head.split('"').skip(1).step_by(2).map(|points| points.parse::<f32>().unwrap());
        Some((text.split('<').next()?.to_owned(), std::array::from_fn(|_| edges.next().unwrap())))
    };
    String::from_utf8(output.stdout).unwrap().lines().filter_map(word).collect()
}

#[test]
fn fields_without_looks_get_them_and_nothing_is_cut_off() {
    let bytes = drawn(A4, FIGURE, |document, catalog| {
        let comb = with(
            text_field([300.0, 400.0, 500.0, 420.0], "0101905"),
            dictionary! { "Ff" => 1 << 24, "MaxLen" => 10, "MK" => dictionary! { "BC" => vec![0.into()] } },
        );
        let mut several = text_field([300.0, 300.0, 400.0, 360.0], "Et svar i flere linjer\rog en til");
        several.set("Ff", 1 << 12);
        let right = with(
            text_field([300.0, 260.0, 500.0, 280.0], ""),
            dictionary! { "Q" => 2, "V" => Object::string_literal(b"\xfe\xff\x00H\x00\xf8\x00j\x00r\x00e".to_vec()), "DA" => text("0.2 g /TiRo 11 Tf") },
        );
        let tick = with(
            text_field([300.0, 200.0, 320.0, 220.0], ""),
            dictionary! { "FT" => "Btn", "V" => "Ja", "AS" => "Ja", "MK" => dictionary! { "CA" => text("8") } },
        );
        let off = with(text_field([340.0, 200.0, 360.0, 220.0], ""), dictionary! { "FT" => "Btn", "V" => "Off", "AS" => "Off" });
        let mut empty = text_field([420.0, 200.0, 520.0, 220.0], "");
        empty.set("MK", dictionary! { "BC" => vec![0.into()] });
        form(document, catalog, vec![empty, text_field([300.0, 440.0, 500.0, 460.0], "Kort"), comb, several, right, tick, off]);
    });
    assert!(rules(&bytes).contains("FORM_WITHOUT_APPEARANCE"));
    let after = repaired(&bytes, &[Remedy::Flatten]);
    assert!(!rules(&after.bytes).contains("FORM_WITHOUT_APPEARANCE"));
    let words = words(&after.bytes);
    let find = |wanted: &str| words.iter().find(|(word, _)| word == wanted).unwrap_or_else(|| panic!("{wanted} in {words:?}")).1;
    let [left, top, right, bottom] = find("Kort");
    assert!(left >= 300.0 && right <= 500.0 && top >= A4.1 - 462.0 && bottom <= A4.1 - 438.0);
    assert!((find("Højre")[2] - 498.0).abs() < 0.6, "to the right: {:?}", find("Højre"));
    assert!(find("linjer")[1] > A4.1 - 361.0 && find("til")[3] < A4.1 - 299.0);
    // Seven figures, each in the middle of its cell of 20 points.
    let cells: Vec<f32> =
        words.iter().filter(|(w, b)| w.len() == 1 && (b[1] - (A4.1 - 418.0)).abs() < 6.0).map(|(_, b)| (b[0] + b[2]) / 2.0).collect();
    assert_eq!(cells.iter().map(|x| ((x - 310.0) / 20.0 * 10.0).round() / 10.0).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let marks = inspect(&after.bytes).pages[0].ink.clone().unwrap().marks;
    let in_box = |x: f32| {
        marks.iter().any(|m| (m.box_mm[0] - x / 72.0 * 25.4).abs() < 3.0 && (m.box_mm[1] - (A4.1 - 220.0) / 72.0 * 25.4).abs() < 3.0)
    };
    assert!(in_box(300.0) && !in_box(340.0) && in_box(420.0), "{marks:?}");

    let only = |field: Dictionary| drawn(A4, FIGURE, |document, catalog| form(document, catalog, vec![field]));
    let long = "mange ord ".repeat(20);
    fault(&only(text_field([300.0, 440.0, 340.0, 460.0], &long)), &[Remedy::Flatten], "page 1: the text of a form field is wider");
    let greek = Object::string_literal(b"\xfe\xff\x03\xb1".to_vec());
    let mut strange = text_field([300.0, 440.0, 340.0, 460.0], "");
    strange.set("V", greek);
    fault(&only(strange), &[Remedy::Flatten], "U+03B1");
    let mut dingbats = text_field([300.0, 440.0, 340.0, 460.0], "x");
    dingbats.set("DA", text("/ZaDb 10 Tf"));
    fault(&only(dingbats), &[Remedy::Flatten], "none of the standard fonts");
}

#[test]
fn looks_that_are_to_be_made_anew_are() {
    let bytes = drawn(A4, FIGURE, |document, catalog| {
        let stale = form_xobject(document, [0.0, 0.0, 100.0, 20.0], "");
        let mut field = text_field([300.0, 440.0, 400.0, 460.0], "Nyt");
        field.set("AP", dictionary! { "N" => stale });
        form(document, catalog, vec![field]);
        let form = document.get_dictionary(catalog).unwrap().get(b"AcroForm").unwrap().as_dict().unwrap().clone();
        let mut form = form;
        form.set("NeedAppearances", true);
        set(document, catalog, "AcroForm", form);
    });
    assert!(words(&repaired(&bytes, &[Remedy::Flatten]).bytes).iter().any(|(word, _)| word == "Nyt"));
}

#[test]
fn a_hybrid_form_is_flattened_and_a_dynamic_one_is_refused() {
    let with_xfa = |fields: bool, rendering: bool| {
        drawn(A4, FIGURE, |document, catalog| {
            form(document, catalog, if fields { vec![text_field([300.0, 440.0, 400.0, 460.0], "Svar")] } else { vec![] });
            let mut form = document.get_dictionary(catalog).unwrap().get(b"AcroForm").unwrap().as_dict().unwrap().clone();
            form.set("XFA", document.add_object(Stream::new(dictionary! {}, b"<xdp/>".to_vec())));
            set(document, catalog, "AcroForm", form);
            if rendering {
                set(document, catalog, "NeedsRendering", true);
            }
        })
    };
    let after = repaired(&with_xfa(true, false), &[Remedy::Flatten]);
    assert!(!rules(&after.bytes).contains("XFA"));
    fault(&with_xfa(false, false), &[Remedy::Flatten], "dynamic form");
    fault(&with_xfa(true, true), &[Remedy::Flatten], "dynamic form");
}

#[test]
fn programs_actions_and_media_go_and_their_picture_stays() {
    let action = |kind: &str| dictionary! { "S" => kind, "JS" => text("x"), "URI" => text("https://example.org") };
    let bytes = drawn(A4, FIGURE, |document, catalog| {
        let poster = form_xobject(document, [0.0, 0.0, 50.0, 30.0], "0.3 g 0 0 50 30 re f");
        annotate(
            document,
            vec![
                dictionary! { "Subtype" => "Link", "Rect" => boxed([100.0, 100.0, 200.0, 120.0]), "A" => action("URI") },
                dictionary! { "Subtype" => "Movie", "Rect" => boxed([300.0, 100.0, 400.0, 160.0]), "F" => 4, "AP" => dictionary! { "N" => poster }, "A" => true },
                dictionary! { "Subtype" => "Screen", "Rect" => boxed([300.0, 200.0, 400.0, 260.0]), "AA" => dictionary! { "E" => action("Launch") } },
            ],
        );
        let mut open = action("JavaScript");
        open.set("Next", vec![action("SubmitForm").into()]);
        set(document, catalog, "OpenAction", open);
        let names = dictionary! { "Names" => vec![text("a"), action("JavaScript").into()] };
        set(document, catalog, "Names", dictionary! { "JavaScript" => names });
        set(document, catalog, "X", vec![Object::Array(vec![action("GoToR").into()])]);
        let page = page_id(document, 1);
        set(document, page, "AA", dictionary! { "O" => action("Named") });
        document.add_object(action("Launch"));
    });
    let after = repaired(&bytes, &[Remedy::DropActive]);
    let found = inspect(&after.bytes).structure;
    assert!(!found.javascript && !found.launch && found.actions.is_empty() && found.rich_media.is_empty(), "{found:?}");
    assert!(whats(&after.done).contains(&"JavaScript dropped"), "{:?}", after.done);
    let ink = |bytes: &[u8]| hulls(&inspect(bytes))[0];
    assert_eq!(ink(&bytes).map(|b| b.map(f32::round)), ink(&after.bytes).map(|b| b.map(f32::round)));
    let poster_free = |bytes: &[u8]| raster(bytes, 1).ink();
    assert!(poster_free(&after.bytes) > raster(&drawn(A4, FIGURE, |_, _| {}), 1).ink() + 1_000, "the poster is seen");
    let to_a_page = drawn(A4, FIGURE, |document, catalog| {
        let page = page_id(document, 1);
        set(document, catalog, "OpenAction", vec![page.into(), "Fit".into()]);
    });
    untouched(&to_a_page, &[Remedy::DropActive]);
}

#[test]
fn other_files_older_saves_and_trailing_bytes_go() {
    let bytes = drawn(A4, FIGURE, |document, catalog| {
        let icon = form_xobject(document, [0.0, 0.0, 20.0, 20.0], "0 g 0 0 20 20 re f");
        let file = document.add_object(Stream::new(dictionary! { "Type" => "EmbeddedFile" }, b"secret".to_vec()));
        let spec = document.add_object(dictionary! { "Type" => "Filespec", "F" => text("a.txt"), "EF" => dictionary! { "F" => file } });
        set(document, catalog, "Names", dictionary! { "EmbeddedFiles" => dictionary! { "Names" => vec![text("a.txt"), spec.into()] } });
        set(document, catalog, "AF", vec![spec.into()]);
        set(document, catalog, "Collection", dictionary! { "View" => "T" });
        let mut pin = dictionary! { "Subtype" => "FileAttachment", "Rect" => boxed([300.0, 100.0, 320.0, 120.0]), "F" => 4, "FS" => spec };
        pin.set("AP", dictionary! { "N" => icon });
        annotate(document, vec![pin]);
    });
    let after = repaired(&bytes, &[Remedy::DropFiles]);
    assert!(!inspect(&after.bytes).structure.embedded_files);
    assert!(!after.bytes.windows(6).any(|w| w == b"secret"));
    looks_alike(&bytes, &after.bytes, 1, same, same);

    let plain = drawn(A4, FIGURE, |_, _| {});
    let mut longer = plain.clone();
    longer.extend(b"\nMZ and more");
    let after = repaired(&longer, &[Remedy::DropFiles]);
    assert_eq!(inspect(&after.bytes).structure.trailing_bytes, 0);
    // A later save; any repair leaves the first one behind.
    let mut saved = plain.clone();
    let at = saved.len();
    let root = Document::load_mem(&plain).unwrap().trailer.get(b"Root").unwrap().as_reference().unwrap().0;
    saved.extend(b"90 0 obj\n(x)\nendobj\n");
    let table = saved.len();
    let previous = Document::load_mem(&plain).unwrap().xref_start;
    saved.extend(
        format!("xref\n90 1\n{at:010} 00000 n \ntrailer\n<< /Size 91 /Root {root} 0 R /Prev {previous} >>\nstartxref\n{table}\n%%EOF\n")
            .bytes(),
    );
    assert_eq!(whats(&repaired(&saved, &[Remedy::DropFiles]).done), ["1 older save left behind"]);
    assert_eq!(inspect(&repaired(&saved, &[Remedy::BlankBack]).bytes).structure.revisions, 1);
    untouched(&plain, &[Remedy::DropFiles]);
}

fn with_fonts(fonts: &[(&str, Dictionary)], content: &str) -> Vec<u8> {
    drawn(A4, content, |document, _| {
        let mut all = Dictionary::new();
        for (name, font) in fonts {
            all.set(*name, document.add_object(font.clone()));
        }
        let page = page_id(document, 1);
        set(document, page, "Resources", dictionary! { "Font" => all });
    })
}

#[test]
fn standard_fonts_are_embedded_and_no_glyph_moves() {
    let type1 = |name: &str| dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => name };
    let windows = |name: &str| {
        let mut font = type1(name);
        font.set("Encoding", "WinAnsiEncoding");
        font
    };
    let mut differing = type1("Helvetica");
    differing.set("Encoding", dictionary! { "Differences" => vec![1.into(), "ae".into(), "oslash".into(), "aring".into()] });
    let widths: Vec<Object> = (32..=255).map(|_| Object::from(700)).collect();
    let wide = dictionary! { "Subtype" => "TrueType", "FirstChar" => 32, "LastChar" => 255, "Widths" => widths };
    let wide = with(windows("TimesNewRomanPSMT"), wide);
    let fonts = [
        ("A", windows("Helvetica")),
        ("B", type1("Times-BoldItalic")),
        ("C", windows("Courier")),
        ("D", differing),
        ("E", wide),
        ("F", windows("Arial,Bold")),
    ];
    let line = |font: &str, y: u32, text: &str| format!("BT /{font} 14 Tf 60 {y} Td ({text}) Tj ET\n");
    // Codes outside of its list have a width of their own: the blank between words.
    let descriptor = dictionary! { "Type" => "FontDescriptor", "FontName" => "Helvetica", "Flags" => 32, "MissingWidth" => 500 };
    let short: Vec<Object> = (33..=126).map(|_| Object::from(600)).collect();
    let short = dictionary! { "FirstChar" => 33, "LastChar" => 126, "Widths" => short, "FontDescriptor" => descriptor };
    let fonts = [fonts.to_vec(), vec![("G", with(windows("Helvetica"), short))]].concat();
    let content = line("G", 460, "Ord med mellemrum")
        + &line("A", 700, "R\\370dgr\\370d med fl\\370de \\200 \\226 \\247")
        + &line("B", 660, "Standard \\341 \\361 \\256 'quoted'")
        + &line("C", 620, "Fast bredde 0123456789")
        + &line("D", 580, "bl\\001\\002\\003rn og mere")
        + &line("E", 540, "Brede tegn")
        + &line("F", 500, "Fed skrift \\306\\330\\305");
    let bytes = with_fonts(&fonts, &content);
    let after = repaired(&bytes, &[Remedy::EmbedFonts]);
    assert!(inspect(&after.bytes).fonts_not_embedded.is_empty());
    let (was, is) = (words(&bytes), words(&after.bytes));
    assert_eq!(was.iter().map(|w| &w.0).collect::<Vec<_>>(), is.iter().map(|w| &w.0).collect::<Vec<_>>());
    assert!(
        is.iter().any(|(w, _)| w == "Rødgrød") && is.iter().any(|(w, _)| w == "blæøårn") && is.iter().any(|(w, _)| w == "ÆØÅ"),
        "{is:?}"
    );
    for ((word, a), (_, b)) in was.iter().zip(&is) {
        // Left and right edge: what is moved. Heights are what each font says of itself.
        assert!((a[0] - b[0]).abs() < 0.15 && (a[2] - b[2]).abs() < 0.15, "{word}: {a:?} {b:?}");
    }
    // The text's ink stands where it stood, as a reader sees that has fonts of its own for both.
    let ink = |bytes: &[u8]| inspect(bytes).pages[0].ink.clone().unwrap().marks.iter().map(|m| m.box_mm).collect::<Vec<_>>();
    for (a, b) in ink(&bytes).iter().zip(ink(&after.bytes)) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.7), "{a:?} {b:?}");
    }
    let (before, now) = (raster(&bytes, 1), raster(&after.bytes, 1));
    let (strange, all) = (now.strange(&before, &|x, y| same(x, y)), now.ink());
    assert!(strange * 50 < all && all.abs_diff(before.ink()) * 5 < all, "{strange} of {all}, {} before", before.ink());
    // Helvetica is there twice, with two encodings.
    assert_eq!(after.done.len(), 5, "{:?}", after.done);
}

#[test]
fn fonts_that_nothing_stands_in_for_are_named() {
    for name in ["Symbol", "ZapfDingbats", "Calibri", "ArialNarrow"] {
        let font = dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => name };
        let bytes = with_fonts(&[("A", font)], &format!("{FIGURE} BT /A 14 Tf 60 700 Td (abc) Tj ET"));
        fault(&bytes, &[Remedy::EmbedFonts], &format!("the font {name} is not in the file"));
    }
    let descendant = dictionary! { "Type" => "Font", "Subtype" => "CIDFontType2", "BaseFont" => "Calibri" };
    let font = dictionary! { "Type" => "Font", "Subtype" => "Type0", "BaseFont" => "Calibri", "Encoding" => "Identity-H", "DescendantFonts" => vec![descendant.into()] };
    let bytes = with_fonts(&[("A", font)], &format!("{FIGURE} BT /A 14 Tf 60 700 Td <00410042> Tj ET"));
    fault(&bytes, &[Remedy::EmbedFonts], "Calibri");
    let mut odd = dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" };
    odd.set("Encoding", dictionary! { "Differences" => vec![65.into(), "g23".into()] });
    let bytes = with_fonts(&[("A", odd)], &format!("{FIGURE} BT /A 14 Tf 60 700 Td (A) Tj ET"));
    fault(&bytes, &[Remedy::EmbedFonts], "Helvetica");
}

#[test]
fn an_odd_number_of_pages_gets_a_blank_one() {
    let after = repaired(&pdf(&[A4; 3], |_, _| {}), &[Remedy::BlankBack]);
    let facts = inspect(&after.bytes);
    assert_eq!((facts.pages.len(), facts.pages_by_second_reader), (4, Some(4)));
    assert_eq!(facts.pages[3].ink.as_ref().map(|ink| ink.marks.len()), Some(0));
    assert_eq!(after.done, [Done { remedy: Remedy::BlankBack, page: Some(4), what: "a blank page added".to_owned() }]);
    untouched(&pdf(&[A4; 2], |_, _| {}), &[Remedy::BlankBack]);
}

// ---- laws ----

#[test]
fn a_letter_that_needs_nothing_comes_back_as_it_is() {
    let window =
        Window { x_mm: 25.0, y_mm: 44.0, width_mm: 75.0, height_mm: 21.0, font_size_max_pt: 10.0, font_size_min_pt: 8.0, lines_max: 6 };
    let lines = ["Prøve Prøvesen".to_owned(), "Prøvevej 1".to_owned(), "8000 Aarhus C".to_owned()];
    let letter = cover_sheet(&lines, &lines, &window).unwrap();
    untouched(&letter, &ALL[..7]);
    untouched(&letter, &[]);
}

/// What a page is drawn with, as bytes: its streams as they stand in the file, through its resources.
fn bytes_of(document: &Document, object: &Object, depth: usize) -> Vec<u8> {
    let (_, object) = document.dereference(object).unwrap();
    assert!(depth < 20);
    match object {
        Object::Array(items) => items.iter().flat_map(|item| bytes_of(document, item, depth + 1)).collect(),
        Object::Dictionary(d) => d
            .iter()
            .filter(|(key, _)| *key != b"Parent")
            .flat_map(|(key, v)| [key.clone(), bytes_of(document, v, depth + 1)].concat())
            .collect(),
        Object::Stream(s) => {
            let entries = s.dict.iter().flat_map(|(key, v)| [key.clone(), bytes_of(document, v, depth + 1)].concat());
            entries.chain(s.content.iter().copied()).collect()
        }
        other => format!("{other:?}").into_bytes(),
    }
}

#[test]
fn pages_that_need_nothing_keep_every_byte() {
    let bytes = pdf(&[A4, (A4.1, A4.0), (612.0, 792.0)], |document, _| {
        let mut stream = Stream::new(dictionary! {}, format!("{} /Fm Do", FIGURE.repeat(40)).into_bytes());
        stream.compress().unwrap();
        let content = document.add_object(stream);
        let form = form_xobject(document, [200.0, 400.0, 250.0, 450.0], "200 400 50 50 re f");
        let tree = document.get_dictionary(page_id(document, 1)).unwrap().get(b"Parent").unwrap().as_reference().unwrap();
        // Inherited and shared by all three.
        set(document, tree, "Resources", dictionary! { "XObject" => dictionary! { "Fm" => form } });
        for number in 1..=3 {
            let page = page_id(document, number);
            set(document, page, "Contents", content);
        }
    });
    let after = repaired(&bytes, &[Remedy::Turn, Remedy::Scale, Remedy::BlankBack]);
    let (before, now) = (Document::load_mem(&bytes).unwrap(), Document::load_mem(&after.bytes).unwrap());
    let page = |d: &Document, number| bytes_of(d, &Object::Reference(page_id(d, number)), 0);
    assert!(page(&before, 1) == page(&now, 1), "the page that needs nothing");
    assert!(page(&before, 2) != page(&now, 2));
    // The streams of a page that moved are the same too; something stands before and behind them.
    let contents =
        |d: &Document, number| d.get_page_contents(page_id(d, number)).into_iter().map(|id| bytes_of(d, &id.into(), 0)).collect::<Vec<_>>();
    for number in [2, 3] {
        assert_eq!(contents(&now, number)[1], contents(&before, number)[0]);
    }
    assert_eq!(after.done.iter().map(|d| d.page).collect::<Vec<_>>(), [Some(2), Some(3), Some(4)], "{:?}", after.done);
    looks_alike(&bytes, &after.bytes, 1, same, same);
}

#[test]
fn content_that_leaves_states_open_or_closes_too_many_is_moved_all_the_same() {
    // Poppler draws no further where a state is closed that was never opened, others skip it: it is held against those.
    for (content, plain) in [
        (format!("q 0.8 0 0 0.8 0 0 cm q {FIGURE} q"), None),
        (format!("0.8 0 0 0.8 0 0 cm Q Q {FIGURE} Q"), Some(format!("0.8 0 0 0.8 0 0 cm {FIGURE}"))),
        (format!("q Q Q 1 0 0 1 30 30 cm {FIGURE} /X BMC BT"), Some(format!("1 0 0 1 30 30 cm {FIGURE}"))),
        (format!("{FIGURE} BI /W 1 /H 1 /CS /G /BPC 8 ID Q EI q"), None),
    ] {
        let with = |content: &str| {
            drawn((612.0, 792.0), content, |document, _| {
                let stamp = form_xobject(document, [0.0, 0.0, 20.0, 20.0], "0 g 0 0 20 20 re f");
                let looks = dictionary! { "N" => stamp };
                let stamp = dictionary! { "Subtype" => "Stamp", "Rect" => boxed([500.0, 400.0, 520.0, 420.0]), "F" => 4, "AP" => looks };
                annotate(document, vec![stamp]);
            })
        };
        let bytes = with(&content);
        let mut ordered = order(&bytes, &[Remedy::Scale, Remedy::Flatten]);
        ordered.printable_mm = None;
        let after = repair(&bytes, &ordered).unwrap();
        assert!(qpdf_check(&after.bytes).0);
        let (factor, top) = (210.0 / 215.9, (297.0 - 279.4 * 210.0 / 215.9) / 2.0);
        let before = plain.map_or(bytes, |plain| with(&plain));
        looks_alike(&before, &after.bytes, 1, |x, y| (factor * x, top + factor * y), |x, y| (x / factor, (y - top) / factor));
    }
}

#[test]
fn annotations_that_stay_move_with_their_page() {
    let bytes = drawn((A4.1, A4.0), FIGURE, |document, _| {
        let stamp = form_xobject(document, [0.0, 0.0, 60.0, 30.0], "0 g 0 0 20 30 re f 0.5 g 20 0 40 10 re f");
        annotate(
            document,
            vec![
                dictionary! { "Subtype" => "Stamp", "Rect" => boxed([500.0, 400.0, 560.0, 430.0]), "F" => 4, "AP" => dictionary! { "N" => stamp } },
                // A stroke of the pen that its reader draws.
                dictionary! {
                    "Subtype" => "Ink", "Rect" => boxed([300.0, 100.0, 400.0, 300.0]), "F" => 4, "C" => vec![0.into()],
                    "BS" => dictionary! { "W" => 8 }, "InkList" => vec![boxed([310.0, 110.0, 390.0, 290.0])],
                },
            ],
        );
    });
    let after = repaired(&bytes, &[Remedy::Turn]);
    looks_alike(&bytes, &after.bytes, 1, |x, y| (y, 297.0 - x), |x, y| (297.0 - y, x));
    assert!(rules(&after.bytes).contains("ANNOTATION"), "nobody asked for it to be flattened");
}

#[test]
fn what_the_parser_does_not_have_is_not_lost_in_writing() {
    // A stream without a length, which other readers find the end of; and an object that is listed and cannot be read.
    for (from, to) in [("/Length 16", "/Lengte 16"), ("<</Type/Font", "<</Type{Font")] {
        let bytes =
            with_fonts(&[("A", dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Symbol" })], "0 0 m 99 99 l S ");
        let text = bytes.iter().map(|b| char::from(*b)).collect::<String>();
        assert!(text.contains(from), "{text}");
        let changed: Vec<u8> = text.replacen(from, to, 1).chars().map(|c| c as u8).collect();
        let refused = repair(&changed, &order(&changed, &[Remedy::BlankBack])).unwrap_err().message;
        assert!(refused.contains("without loss") || refused.contains("cannot be read"), "{refused}");
    }
}

#[test]
fn a_page_whose_content_is_missing_is_not_hidden_by_a_repair() {
    let bytes = pdf(&[(612.0, 792.0)], |document, _| {
        let page = page_id(document, 1);
        set(document, page, "Contents", vec![Object::Reference((77, 0))]);
    });
    fault(&bytes, &[Remedy::Scale], "page 1: a part of its content is not in the file");
}

#[test]
fn a_page_that_is_listed_twice_is_moved_once() {
    let bytes = pdf(&[(612.0, 792.0), A4], |document, _| {
        set_content(document, 1, FIGURE);
        let (first, second) = (page_id(document, 1), page_id(document, 2));
        let tree = document.get_dictionary(first).unwrap().get(b"Parent").unwrap().as_reference().unwrap();
        set(document, tree, "Kids", vec![first.into(), second.into(), first.into()]);
        set(document, tree, "Count", 3);
    });
    let after = repair(&bytes, &order(&bytes, &[Remedy::Scale, Remedy::BlankBack])).unwrap();
    let facts = inspect(&after.bytes);
    assert_eq!((facts.pages.len(), facts.unreadable), (4, None));
    assert_eq!(hulls(&inspect(&after.bytes))[0], hulls(&inspect(&after.bytes))[2]);
    let sizes: Vec<u32> = facts.pages.iter().map(|page| page.width_mm.round() as u32).collect();
    assert_eq!(sizes, [210; 4]);
}

#[test]
fn a_claim_and_a_signature_go_with_the_first_change() {
    let xmp = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="2" pdfaid:conformance="B"/></rdf:RDF></x:xmpmeta>"#;
    let bytes = drawn(A4, FIGURE, |document, catalog| {
        let metadata = document.add_object(Stream::new(dictionary! { "Type" => "Metadata", "Subtype" => "XML" }, xmp.as_bytes().to_vec()));
        set(document, catalog, "Metadata", metadata);
        let range: Vec<Object> = [0, 10, 20, 10].map(Object::from).to_vec();
        let signature = document
            .add_object(dictionary! { "Type" => "Sig", "Filter" => "Adobe.PPKLite", "ByteRange" => range, "Contents" => text("x") });
        let seal = form_xobject(document, [0.0, 0.0, 20.0, 20.0], "0 g 0 0 20 20 re f");
        let field = with(
            text_field([300.0, 100.0, 320.0, 120.0], ""),
            dictionary! { "FT" => "Sig", "V" => signature, "AP" => dictionary! { "N" => seal } },
        );
        form(document, catalog, vec![field]);
    });
    assert_eq!(inspect(&bytes).structure.pdfa_claim.as_deref(), Some("PDF/A-2b"));
    for remedy in [Remedy::BlankBack, Remedy::Flatten] {
        let after = repaired(&bytes, &[remedy]);
        let found = inspect(&after.bytes).structure;
        assert_eq!((found.pdfa_claim, found.changed_after_signing), (None, false));
        for wanted in ["claim PDF/A-2b", "signature does not hold"] {
            assert_eq!(after.done.iter().filter(|done| done.what.contains(wanted)).count(), 1, "{:?}", after.done);
        }
        looks_alike(&bytes, &after.bytes, 1, same, same);
    }
}

#[test]
fn what_cannot_be_read_is_refused_and_nothing_panics() {
    fault(b"", &ALL, "cannot be read");
    fault(b"%PDF-1.7\n", &ALL, "cannot be read");
    fault(&pdf(&[], |_, _| {}), &ALL, "");
    let encrypted = pdf(&[A4], |d, _| {
        use lopdf::{EncryptionState, EncryptionVersion, Permissions};
        let permissions = Permissions::all();
        let version = EncryptionVersion::V2 { document: d, owner_password: "owner", user_password: "", key_length: 128, permissions };
        let state = EncryptionState::try_from(version).unwrap();
        d.encrypt(&state).unwrap();
    });
    fault(&encrypted, &ALL, "encrypted");
    let whole = drawn((612.0, 792.0), FIGURE, |document, catalog| {
        form(document, catalog, vec![text_field([300.0, 440.0, 400.0, 460.0], "Svar")]);
    });
    let ordered = order(&whole, &ALL);
    for at in 0..whole.len() {
        for flip in [0x5a, 0x01, 0x10] {
            let mut changed = whole.clone();
            changed[at] ^= flip;
            if let Ok(result) = repair(&changed, &ordered) {
                assert!(result.done.is_empty() == (result.bytes == changed));
            }
        }
    }
    for strange in [[f32::NAN, 0.0, 1.0, 1.0], [0.0, 0.0, 900.0, 900.0], [-5.0, 0.0, 100.0, 100.0]] {
        let ordered = RepairOrder { printable_mm: Some(strange), ..ordered.clone() };
        assert!(repair(&whole, &ordered).unwrap_err().message.contains("order"));
    }
}

#[test]
fn every_rule_with_a_remedy_is_a_rule() {
    let of: Vec<(&str, Remedy)> = RULES.iter().filter_map(|rule| Some((rule.word, remedy_for(rule.word)?))).collect();
    assert_eq!(of.len(), 17);
    assert_eq!(ALL.iter().filter(|remedy| !of.iter().any(|(_, r)| r == *remedy)).count(), 0, "each has a rule");
    assert_eq!((remedy_for("PAGES_ODD"), remedy_for("ENCRYPTED")), (Some(Remedy::BlankBack), None));
    let order = order(&drawn(A4, FIGURE, |_, _| {}), &ALL);
    let text = serde_json::to_string(&order).unwrap();
    assert!(text.contains("\"drop_active\""));
    assert_eq!(serde_json::from_str::<RepairOrder>(&text).unwrap(), order, "it crosses a pipe");
}

/// The public corpus, where the variable names it: each file is repaired or refused, and what is repaired is sound.
#[test]
fn every_file_of_the_corpus_is_repaired_or_refused() {
    let Ok(folder) = env::var("FJERNPRINT_CORPUS") else {
        eprintln!("FJERNPRINT_CORPUS is not set: the corpus is not looked at");
        return;
    };
    let (mut folders, mut files) = (vec![std::path::PathBuf::from(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else if path.extension().is_some_and(|e| e == "pdf") {
                files.push(path)
            }
        }
    }
    files.sort();
    let (mut repaired, mut same, mut refused, mut worse) = (0, 0, 0, Vec::new());
    for path in &files {
        let bytes = fs::read(path).unwrap();
        match repair(&bytes, &order(&bytes, &ALL)) {
            Err(fault) => {
                refused += 1;
                println!("refused {}: {}", path.display(), fault.message);
            }
            Ok(result) if result.done.is_empty() => same += 1,
            Ok(result) => {
                repaired += 1;
                let (before, after) = (inspect(&bytes), inspect(&result.bytes));
                let added = result.done.iter().filter(|done| done.remedy == Remedy::BlankBack && done.page.is_some()).count();
                // A page that is listed twice is one for the second reader, before and after.
                let second = before.pages_by_second_reader.is_none_or(|pages| after.pages_by_second_reader == Some(pages + added));
                let sound = after.pages.len() == before.pages.len() + added && second;
                if !sound || (!qpdf_check(&result.bytes).0 && qpdf_check(&bytes).0) {
                    worse.push(path.display().to_string());
                }
            }
        }
    }
    println!("{} files: {repaired} repaired, {same} as they are, {refused} refused", files.len());
    assert_eq!(worse, [""; 0]);
    assert!(repaired > 0);
}
