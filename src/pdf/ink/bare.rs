//! Annotations that have no appearance of their own and are drawn all the same: the viewer makes one up from what they say.
//! Where that is, is known; how it looks, each viewer decides.

use super::lines::Setting;
use super::pen::{Pen, to_mm};
use crate::pdf::facts::MarkKind;
use hayro_interpret::RectExt;
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::object::{Array, Dict, Name, Number, Rect as Corners, String as Text};
use hayro_interpret::kurbo::{Affine, Point, Rect};

/// Points of one annotation that are looked at.
const POINTS_MAX: usize = 5_000;
/// Letters of one annotation that are read; more do not fit a page.
const LETTERS_MAX: usize = 10_000;
/// Size of letters where nothing says another, and how wide and how far apart they are, in their sizes.
const SIZE_PT: f64 = 12.0;
const LETTER_EM: f64 = 0.5;
const LINE_EM: f64 = 1.2;

/// Adds what a viewer draws of such an annotation. `place` is the pen's, from the page's space.
pub(super) fn draw(annotation: &Dict<'_>, place: Affine, pen: &mut Pen<'_>) {
    let has_appearance = annotation.get::<Dict<'_>>(b"AP").is_some_and(|looks| looks.contains_key(b"N"));
    let kind = annotation.get::<Name<'_>>(b"Subtype");
    let (Some(kind), false) = (kind, has_appearance) else { return };
    let Some(rect) = annotation.get::<Corners>(b"Rect").map(|corners| corners.to_kurbo().abs()) else { return };
    let border = border(annotation);
    let colour = annotation.get::<Array<'_>>(b"C");
    let inside = annotation.get::<Array<'_>>(b"IC");
    let filled = inside.as_ref().is_some_and(|colour| colour.iter::<Number>().next().is_some());
    let area = match kind.as_ref() {
        // The border stands on the edge, half of it outside.
        b"Link" if border > 0.0 && colour.as_ref().is_none_or(|colour| colour.iter::<Number>().next().is_some()) => {
            rect.inflate(border / 2.0, border / 2.0)
        }
        b"Square" | b"Circle" if border > 0.0 || filled => rect,
        b"Line" | b"Ink" | b"Polygon" | b"PolyLine" if border > 0.0 || filled => with_points(annotation, rect, border / 2.0, pen),
        b"Highlight" | b"Underline" | b"StrikeOut" | b"Squiggly" | b"FreeText" => with_points(annotation, rect, 0.0, pen),
        b"Stamp" | b"Redact" | b"Text" | b"FileAttachment" => rect,
        _ => return,
    };
    let area_mm = to_mm(place).transform_rect_bbox(area);
    if !area_mm.is_finite() {
        return;
    }
    pen.owner = Some(MarkKind::Annotation);
    // What it covers is not known; an area of one colour is.
    if filled || kind.as_ref() == b"Highlight" {
        pen.add(MarkKind::Annotation, area_mm);
    } else if let Some(seen) = pen.printed(area_mm) {
        pen.seen.marks.add(MarkKind::Annotation, seen);
    }
    pen.seen.colour |= [colour, inside].into_iter().flatten().any(|colour| is_coloured(&colour));
    if kind.as_ref() == b"FreeText" {
        write(annotation, to_mm(place).transform_rect_bbox(rect), place, pen);
    }
}

/// Width of the border; one where nothing is said, which is what viewers do.
fn border(annotation: &Dict<'_>) -> f64 {
    let number = |number: Option<Number>| number.map_or(1.0, |number| number.as_f64());
    if let Some(style) = annotation.get::<Dict<'_>>(b"BS") {
        return number(style.get(b"W"));
    }
    annotation.get::<Array<'_>>(b"Border").map_or(1.0, |border| number(border.iter::<Number>().nth(2)))
}

/// The annotation's place with the points it names, which may lie beside it.
fn with_points(annotation: &Dict<'_>, rect: Rect, half_border: f64, pen: &Pen<'_>) -> Rect {
    let mut hull = rect;
    let mut include = |points: Array<'_>| {
        let numbers: Vec<f64> = points.iter::<Number>().take(2 * POINTS_MAX).map(|number| number.as_f64()).collect();
        pen.shared.spend(1 + numbers.len() as u32);
        for [x, y] in numbers.as_chunks::<2>().0 {
            hull = hull.union(Rect::from_points((*x, *y), (*x, *y)).inflate(half_border, half_border));
        }
    };
    for key in [&b"L"[..], b"Vertices", b"QuadPoints", b"CL"] {
        annotation.get::<Array<'_>>(key).into_iter().for_each(&mut include);
    }
    if let Some(strokes) = annotation.get::<Array<'_>>(b"InkList") {
        strokes.iter::<Array<'_>>().take(POINTS_MAX).for_each(&mut include);
    }
    hull
}

/// Three parts that differ, or any of four.
fn is_coloured(colour: &Array<'_>) -> bool {
    let parts: Vec<f64> = colour.iter::<Number>().take(5).map(|part| part.as_f64()).collect();
    match parts[..] {
        [r, g, b] => r != g || g != b,
        [c, m, y, _] => c != m || m != y,
        _ => false,
    }
}

/// Puts a free text's words where they stand, about: in lines from the top, no wider than their place.
fn write(annotation: &Dict<'_>, area_mm: Rect, place: Affine, pen: &mut Pen<'_>) {
    let Some(text) = annotation.get::<Text<'_>>(b"Contents") else { return };
    // Two bytes a letter at most that is read.
    let text = decoded(&text.as_bytes()[..text.as_bytes().len().min(2 * LETTERS_MAX)]);
    let Some(seen) = pen.printed(area_mm) else { return };
    let lines: Vec<Vec<char>> = text.replace("\r\n", "\n").split(['\r', '\n']).map(|line| line.chars().collect()).collect();
    let longest = lines.iter().map(Vec::len).max().unwrap_or(0).max(1) as f64;
    let [a, b, ..] = to_mm(place).as_coeffs();
    let asked_mm = size_pt(annotation) * a.hypot(b);
    let size_mm = asked_mm.min(area_mm.width() / longest / LETTER_EM).min(area_mm.height() / lines.len() as f64 / LINE_EM);
    let setting = Setting { size_mm, turn: 0, invisible: false, unread: false };
    for (row, line) in lines.iter().enumerate() {
        let baseline_mm = area_mm.y0 + (row + 1) as f64 * LINE_EM * size_mm;
        for (column, letter) in line.iter().enumerate() {
            pen.shared.spend(1);
            let origin = Point::new(area_mm.x0 + column as f64 * LETTER_EM * size_mm, baseline_mm);
            let end = Point::new(origin.x + LETTER_EM * size_mm, baseline_mm);
            let ink = Rect::new(origin.x, baseline_mm - size_mm, end.x, baseline_mm).intersect(seen);
            let seen = (ink.area() > 0.0).then_some(ink);
            pen.seen.letters.add(&setting, origin, end, seen, Some(&BfString::Char(*letter)));
        }
    }
}

/// Size that the default appearance asks for: the number before `Tf`; 0 leaves it to the viewer.
fn size_pt(annotation: &Dict<'_>) -> f64 {
    let told = annotation.get::<Text<'_>>(b"DA").and_then(|content| {
        let content = String::from_utf8_lossy(content.as_bytes()).into_owned();
        let words: Vec<&str> = content.split_ascii_whitespace().collect();
        let at = words.iter().position(|word| *word == "Tf")?;
        words.get(at.checked_sub(1)?)?.parse::<f64>().ok()
    });
    told.filter(|size| size.is_finite() && *size > 0.0).unwrap_or(SIZE_PT)
}

/// A text string: UTF-16 or UTF-8 where it says so; else as Latin-1, which reads digits and letters right.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xFE, 0xFF, rest @ ..] => {
            String::from_utf16_lossy(&rest.as_chunks::<2>().0.iter().map(|u| u16::from_be_bytes(*u)).collect::<Vec<_>>())
        }
        [0xFF, 0xFE, rest @ ..] => {
            String::from_utf16_lossy(&rest.as_chunks::<2>().0.iter().map(|u| u16::from_le_bytes(*u)).collect::<Vec<_>>())
        }
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}
