//! Rules about the envelope's window: the address that must stand in it, and what must not.
//!
//! The lines that are read here are somebody's name and address: findings tell their place and length, never their text.

use super::page::{inside, overlap_mm};
use super::person::{other_recipients, right_person};
use super::places::{danish_postcode, is_country};
use super::{Findings, Place};
use crate::domain::PostalAddress;
use crate::pdf::PdfFacts;
use crate::pdf::facts::{BoxMm, PageInk, TextLine};
use crate::vendor::profile::Area;

/// Lines of a Danish address: name and a place at least.
pub(super) const LINES_MIN: usize = 2;
/// OCR of sorting machines stumbles over these at a line's beginning (GOV.UK Notify's address rules).
const BAD_FIRST: [char; 13] = ['@', '(', ')', '=', '[', ']', '"', '\\', '/', ',', '<', '>', '~'];

/// `recipient` is the address in the message, where there is one.
pub(super) fn window_rules(facts: &PdfFacts, recipient: Option<&PostalAddress>, sheet: &mut Findings<'_>) {
    let Some(zones) = sheet.profile.zones.clone() else { return };
    let Some(first) = facts.pages.first().and_then(|page| page.ink.as_ref()) else { return };
    let lines = in_window(first, &zones.visible);
    address(first, &lines, &zones.visible, sheet);
    keepout(first, &lines, &zones.keepout, sheet);
    numbers(facts, &zones.keepout, sheet);
    if let Some(recipient) = recipient {
        right_person(&lines, recipient, sheet);
    }
    other_recipients(facts, &lines, sheet);
}

/// Lines that stand in the box for the most part: the address as the window shows it.
fn in_window<'a>(ink: &'a PageInk, visible: &Area) -> Vec<&'a TextLine> {
    let centred = |line: &&TextLine| {
        let middle_y = line.box_mm[1] + line.box_mm[3] / 2.0;
        overlap_mm(&line.box_mm, visible) > 0.0 && middle_y >= visible.y_mm && middle_y <= visible.y_mm + visible.height_mm
    };
    ink.window_text.iter().filter(centred).collect()
}

fn address(ink: &PageInk, lines: &[&TextLine], visible: &Area, sheet: &mut Findings<'_>) {
    if lines.is_empty() {
        // A scanned letter has its address as a picture: somebody must look.
        let pictured = ink.marks.iter().any(|mark| overlap_mm(&mark.box_mm, visible) > 1.0);
        let measured = if pictured { "ink, but no text" } else { "nothing" };
        sheet.add("ADDR_BOX", Place::page(1), measured, &visible.to_string(), "no address stands where the window shows it");
        return;
    }
    for line in lines {
        let outside_mm = outside_mm(&line.box_mm, visible);
        if outside_mm > 0.3 {
            let message = "a line of the address reaches out of the part of the window that is always visible";
            sheet.add("ADDR_BOX", Place::boxed(1, line.box_mm), format!("{outside_mm:.1} mm outside"), &visible.to_string(), message);
        }
    }
    let most = sheet.profile.address_box.lines_max as usize;
    if lines.len() < LINES_MIN || lines.len() > most {
        let message = "the address has too few or too many lines";
        sheet.add(
            "ADDR_LINES",
            Place::boxed(1, hull(lines)),
            format!("{} lines", lines.len()),
            &format!("{LINES_MIN} to {most} lines"),
            message,
        );
    }
    let width_mm = sheet.profile.address_box.width_mm;
    for (index, line) in lines.iter().enumerate() {
        if line.box_mm[2] > width_mm + 0.5 {
            let message = format!("address line {} is longer than the vendor's address box is wide", index + 1);
            sheet.add(
                "ADDR_LINELEN",
                Place::boxed(1, line.box_mm),
                format!("{:.1} mm", line.box_mm[2]),
                &format!("{width_mm} mm"),
                &message,
            );
        }
        let bad = line.text.trim_start().starts_with(BAD_FIRST) || line.text.chars().any(|c| c.is_control() || c == '\u{fffd}');
        if bad {
            let message = format!("address line {} has a character that sorting machines do not read", index + 1);
            sheet.add("ADDR_CHARACTERS", Place::boxed(1, line.box_mm), "some", "none", &message);
        }
    }
    postcode(lines, sheet);
}

/// The last line of a Danish address is a postcode of four digits and a district; a foreign one ends with a country.
fn postcode(lines: &[&TextLine], sheet: &mut Findings<'_>) {
    let Some(last) = lines.last() else { return };
    if lines.iter().any(|line| danish_postcode(&line.text).is_some()) || is_country(&last.text) {
        return;
    }
    let message =
        "no line of the address is a postcode of four digits (1000 to 9990, or 0800 to 0999) with its district, and none names a country";
    sheet.add("ADDR_POSTCODE", Place::boxed(1, last.box_mm), "not found", "postcode and district", message);
}

/// Nothing but the address may show: the sheet slides in the envelope.
fn keepout(ink: &PageInk, lines: &[&TextLine], keepout: &Area, sheet: &mut Findings<'_>) {
    let hull = if lines.is_empty() { None } else { Some(hull(lines)) };
    let not_address = |mark: &BoxMm| hull.is_none_or(|hull| outside_of(mark, &hull, 1.0));
    let others = PageInk { marks: ink.marks.iter().filter(|m| not_address(&m.box_mm)).copied().collect(), ..PageInk::default() };
    inside("ADDR_KEEPOUT", &others, *keepout, 1, sheet, "where the window may show it beside the address");
}

fn numbers(facts: &PdfFacts, keepout: &Area, sheet: &mut Findings<'_>) {
    let mut seen: Option<(u32, u32)> = None;
    for (index, page) in facts.pages.iter().enumerate() {
        let page_number = index as u32 + 1;
        for (number, place) in page.ink.iter().flat_map(|ink| &ink.cpr_numbers) {
            if page_number == 1 && overlap_mm(place, keepout) > 0.0 {
                let message = "a CPR number can be seen in or near the window";
                sheet.add("CPR_IN_WINDOW", Place::boxed(1, *place), "a CPR number", "none", message);
            }
            match seen {
                None => seen = Some((*number, page_number)),
                Some((first, on)) if first != *number => {
                    let message = format!("another CPR number than on page {on} is in this letter");
                    sheet.add("TWO_CPR", Place::boxed(page_number, *place), "another number", "one number", &message);
                    return;
                }
                Some(_) => {}
            }
        }
    }
}

pub(super) fn hull(lines: &[&TextLine]) -> BoxMm {
    let (mut left, mut top, mut right, mut bottom) = (f32::MAX, f32::MAX, f32::MIN, f32::MIN);
    for TextLine { box_mm: [x, y, w, h], .. } in lines {
        (left, top) = (left.min(*x), top.min(*y));
        (right, bottom) = (right.max(x + w), bottom.max(y + h));
    }
    [left, top, right - left, bottom - top]
}

/// How far a box reaches out of an area, mm.
fn outside_mm(b: &BoxMm, area: &Area) -> f32 {
    let right = b[0] + b[2] - area.x_mm - area.width_mm;
    let bottom = b[1] + b[3] - area.y_mm - area.height_mm;
    [area.x_mm - b[0], area.y_mm - b[1], right, bottom].into_iter().fold(0.0, f32::max)
}

/// Whether a mark is not a part of what the hull holds; `slack_mm` for what stands a little out.
fn outside_of(mark: &BoxMm, hull: &BoxMm, slack_mm: f32) -> bool {
    let area = Area { x_mm: hull[0], y_mm: hull[1], width_mm: hull[2], height_mm: hull[3] };
    outside_mm(mark, &area) > slack_mm
}
