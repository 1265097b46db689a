//! Rules about each page: its size and boxes, and what is drawn where the vendor's machines or its rules do not want it.

use super::{Findings, Place};
use crate::domain::Colour;
use crate::pdf::PdfFacts;
use crate::pdf::facts::{BoxMm, MarkKind, PageFacts, PageInk};
use crate::vendor::profile::{Area, Margins};

/// A side within this of its limit is measured by rounding, not by the printer, mm.
const ROUNDING_MM: f32 = 0.05;
/// Ink that reaches less than this into an area is the edge of a hull, not a mark, mm.
const OVERHANG_MIN_MM: f32 = 0.1;
/// What a dot or a thin rule counts as, mm.
const THIN_MM: f32 = 0.2;
/// Findings of one rule on one page; more are counted in the last.
const OF_A_KIND_MAX: usize = 5;

pub(super) fn page_rules(facts: &PdfFacts, job: Colour, sheet: &mut Findings<'_>) {
    for (index, page) in facts.pages.iter().enumerate() {
        let number = index as u32 + 1;
        let fits = size(page, number, sheet);
        if page.media_width_mm > 0.0 && page.cropped {
            let measured = format!(
                "MediaBox {:.1}x{:.1} mm, CropBox {:.1}x{:.1} mm",
                page.media_width_mm, page.media_height_mm, page.width_mm, page.height_mm
            );
            sheet.add("PAGE_BOXES", Place::page(number), measured, "the same", "the page shows only a part of its sheet");
        }
        match &page.ink {
            Some(ink) => drawn(ink, page, (number, job), sheet),
            None if fits && facts.pages_drawn() => {
                sheet.add("NOT_LOOKED_AT", Place::page(number), "not drawn", "drawn", "what is on the page could not be measured");
            }
            None => {}
        }
    }
}

/// Whether the page is A4 upright.
fn size(page: &PageFacts, number: u32, sheet: &mut Findings<'_>) -> bool {
    let rules = &sheet.profile.page;
    let limit = format!("{}x{} mm +{}/-{}", rules.width_mm, rules.height_mm, rules.over_mm, rules.under_mm);
    let (over, under) = (rules.over_mm + ROUNDING_MM, rules.under_mm + ROUNDING_MM);
    let within = |side: f32, of: f32| side <= of + over && side >= of - under;
    let fits = |width: f32, height: f32| within(width, rules.width_mm) && within(height, rules.height_mm);
    let (width, height) = (page.width_mm, page.height_mm);
    let measured = format!("{width:.1}x{height:.1} mm");
    if fits(width, height) {
        return true;
    }
    let (rule, message) = match fits(height, width) {
        true => ("PAGE_ORIENTATION", "the page lies on its side"),
        false => ("PAGE_A4_TOL", "the page is not A4 within the vendor's tolerance"),
    };
    sheet.add(rule, Place::page(number), measured, &limit, message);
    false
}

fn drawn(ink: &PageInk, page: &PageFacts, (number, job): (u32, Colour), sheet: &mut Findings<'_>) {
    if ink.too_much {
        sheet.add("TOO_COMPLEX", Place::page(number), "too many operations", "drawn within limits", "the page is too complex to be drawn");
    }
    margins(ink, page, number, sheet);
    if let Some(zone) = sheet.profile.zones.as_ref().map(|z| z.machine) {
        inside("MARGIN_LEFT_ZONE", ink, zone, number, sheet, "where the vendor's machines print and read their marks");
    }
    marker(ink, number, sheet);
    quality(ink, (number, job), sheet);
}

/// The vendor's own text for "a letter begins here" where none begins.
fn marker(ink: &PageInk, number: u32, sheet: &mut Findings<'_>) {
    let Some(marker) = sheet.profile.marker.as_ref().map(|m| m.text.clone()).filter(|_| number > 1) else { return };
    for (_, place) in ink.markers.iter().filter(|(text, _)| *text == marker) {
        let message = "the page shows the vendor's mark for the beginning of a letter";
        sheet.add("MARKER_COLLISION", Place::boxed(number, *place), "the vendor's mark", "on page 1 only", message);
    }
}

/// How far a box stands from one edge of a page of this width and height, mm.
type Distance = fn(&BoxMm, f32, f32) -> f32;

/// Ink nearer to an edge than the profile allows, by edge: the mark that reaches furthest.
fn margins(ink: &PageInk, page: &PageFacts, number: u32, sheet: &mut Findings<'_>) {
    let Some(Margins { left_mm, right_mm, top_mm, bottom_mm }) = sheet.profile.margins else { return };
    let (width, height) = (page.width_mm, page.height_mm);
    let edges: [(&str, f32, Distance); 4] = [
        ("left", left_mm, |b, _, _| b[0]),
        ("right", right_mm, |b, width, _| width - b[0] - b[2]),
        ("top", top_mm, |b, _, _| b[1]),
        ("bottom", bottom_mm, |b, _, height| height - b[1] - b[3]),
    ];
    for (edge, limit_mm, distance) in edges {
        let nearest = ink.marks.iter().min_by(|a, b| distance(&a.box_mm, width, height).total_cmp(&distance(&b.box_mm, width, height)));
        let Some(mark) = nearest else { continue };
        // Ink over the edge is clipped there; adding nothing takes the sign off a zero.
        let distance_mm = (distance(&mark.box_mm, width, height) * 10.0).round() / 10.0 + 0.0;
        if distance_mm < limit_mm - OVERHANG_MIN_MM {
            let message = format!("{} too near to the {edge} edge", mark.kind.word());
            sheet.add("MARGIN_ALL", Place::boxed(number, mark.box_mm), format!("{distance_mm:.1} mm"), &format!("{limit_mm} mm"), &message);
        }
    }
}

/// Ink that reaches into an area where there must be none.
pub(super) fn inside(rule: &'static str, ink: &PageInk, area: Area, number: u32, sheet: &mut Findings<'_>, what: &str) {
    let hits: Vec<_> = ink.marks.iter().filter(|mark| overlap_mm(&mark.box_mm, &area) >= OVERHANG_MIN_MM).collect();
    for mark in hits.iter().take(OF_A_KIND_MAX) {
        let reaches = overlap_mm(&mark.box_mm, &area);
        let message = format!("{} stands {what}", mark.kind.word());
        sheet.add(rule, Place::boxed(number, mark.box_mm), format!("{reaches:.1} mm inside"), &area.to_string(), &message);
    }
    if hits.len() > OF_A_KIND_MAX {
        let more = hits.len() - OF_A_KIND_MAX;
        sheet.add(rule, Place::page(number), format!("{more} more marks"), &area.to_string(), &format!("more stands {what}"));
    }
}

/// How far a box reaches into an area, mm: the smaller of the two directions; 0 when it does not.
pub(super) fn overlap_mm(b: &BoxMm, area: &Area) -> f32 {
    // A thin rule has next to no extent in one direction and is there all the same.
    let shared = |from: f32, length: f32, area_from: f32, area_length: f32| {
        let (middle, area_to) = (from + length / 2.0, area_from + area_length);
        match length < 2.0 * OVERHANG_MIN_MM {
            true if middle > area_from && middle < area_to => (middle - area_from).min(area_to - middle).max(OVERHANG_MIN_MM),
            true => 0.0,
            false => (from + length).min(area_to) - from.max(area_from),
        }
    };
    let (dx, dy) = (shared(b[0], b[2], area.x_mm, area.width_mm), shared(b[1], b[3], area.y_mm, area.height_mm));
    if dx <= 0.0 || dy <= 0.0 { 0.0 } else { dx.min(dy).min(THIN_MM.max(b[2]).max(b[3])) }
}

fn quality(ink: &PageInk, (number, job): (u32, Colour), sheet: &mut Findings<'_>) {
    let page = Place::page(number);
    if ink.transparency {
        sheet.add("TRANSPARENCY", page, "some", "none", "something is drawn through something else");
    }
    if ink.colour && job == Colour::BlackWhite {
        sheet.add("COLOUR", page, "colour", "black and white", "the page has colour, which a black and white job loses");
    }
    if let Some(rules) = &sheet.profile.ink {
        let (dpi_min, coverage_max) = (rules.image_dpi_min, rules.coverage_max);
        // The estimate is of hulls: only what is far beyond the limit is told.
        if ink.coverage > coverage_max {
            let (measured, limit) = (format!("{:.0} %", ink.coverage * 100.0), format!("{:.0} %", coverage_max * 100.0));
            sheet.add("INK_COVERAGE", page, measured, &limit, "more of the page is covered than the vendor's paper bears");
        }
        let coarse = ink.images.iter().filter(|i| i.dpi < dpi_min).min_by(|a, b| a.dpi.total_cmp(&b.dpi));
        if let Some(image) = coarse {
            let limit = format!("{dpi_min:.0} dpi");
            sheet.add("IMAGE_DPI", Place::boxed(number, image.box_mm), format!("{:.0} dpi", image.dpi), &limit, "an image is coarse");
        }
    }
    for hidden in ink.hidden_text.iter().take(OF_A_KIND_MAX) {
        let message = "text is in the file and cannot be seen: white, without ink, or too small to read";
        sheet.add("HIDDEN_TEXT", Place::boxed(number, *hidden), "hidden", "none", message);
    }
    if ink.text_outside {
        sheet.add("TEXT_OUTSIDE", page, "some", "none", "text stands outside the page");
    }
    if ink.marks.is_empty() && !ink.too_much {
        sheet.add("BLANK_PAGE", page, "no ink", "-", "the page is blank");
    }
    let annotation = ink.marks.iter().find(|m| matches!(m.kind, MarkKind::Annotation));
    if let Some(mark) = annotation {
        sheet.add("ANNOTATION", Place::boxed(number, mark.box_mm), "prints", "none", "an annotation is printed with the page");
    }
}
