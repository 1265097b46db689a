//! What is drawn over the sheet: its rulers and borders, the zones, and each fault's box with its number.

use super::brush::{Brush, Colour, width};
use super::{Fault, Marking, ZoneKind};
use crate::domain::Severity;
use crate::pdf::face;
use crate::pdf::facts::BoxMm;
use hayro::kurbo::{Point, Rect};

/// Faults that get a number and a line; more are outlined only.
const NUMBERED_MAX: usize = 40;
const OUTLINED_MAX: usize = 400;
const DISC_RADIUS: f64 = 12.5;

const WHITE: Colour = [255, 255, 255, 255];
const GREY: Colour = [110, 110, 110, 255];
pub const PAPER_EDGE: Colour = [60, 60, 60, 255];

/// Colours of the zones: what is laid over the page, and what borders it.
pub const MARGIN: (Colour, Colour) = ([255, 190, 0, 52], [190, 130, 0, 255]);
pub fn zone_colours(kind: ZoneKind) -> (Colour, Colour) {
    match kind {
        ZoneKind::Machine => ([140, 40, 190, 56], [120, 30, 170, 255]),
        ZoneKind::WindowVisible => ([0, 150, 70, 30], [0, 125, 60, 255]),
        ZoneKind::WindowKeepout => ([30, 110, 220, 30], [20, 90, 200, 255]),
    }
}

pub fn severity_colour(severity: Severity) -> Colour {
    match severity {
        Severity::Reject => [200, 0, 20, 255],
        Severity::Repair | Severity::Warn => [205, 80, 0, 255],
        Severity::Info | Severity::Off => [85, 95, 105, 255],
    }
}

/// The faults of a picture by what they are, the gravest first, those that have a place numbered from 1.
pub struct Numbered<'a> {
    pub groups: Vec<Vec<(Option<u32>, &'a Fault)>>,
    /// Beyond what a legend can hold.
    pub more: Vec<&'a Fault>,
}

impl<'a> Numbered<'a> {
    pub fn of(faults: &'a [Fault]) -> Self {
        let told = || faults.iter().filter(|fault| fault.severity != Severity::Off);
        let mut groups: Vec<Vec<(Option<u32>, &Fault)>> = Vec::new();
        let (mut listed, mut more) = (0, Vec::new());
        for severity in [Severity::Reject, Severity::Repair, Severity::Warn, Severity::Info] {
            for fault in told().filter(|fault| fault.severity == severity) {
                listed += 1;
                match groups.iter_mut().find(|group| group[0].1.code == fault.code && group[0].1.severity == severity) {
                    _ if listed > NUMBERED_MAX => more.push(fault),
                    Some(group) => group.push((None, fault)),
                    None => groups.push(vec![(None, fault)]),
                }
            }
        }
        let mut next = 0;
        for (number, fault) in groups.iter_mut().flatten() {
            if fault.box_mm.is_some_and(sane) {
                next += 1;
                *number = Some(next);
            }
        }
        Self { groups, more }
    }
}

fn sane([x, y, width, height]: BoxMm) -> bool {
    [x, y, width, height].iter().all(|mm| mm.is_finite()) && width >= 0.0 && height >= 0.0
}

/// Where mm on the sheet are on the picture.
pub struct View {
    pub left: f64,
    pub top: f64,
    pub px_per_mm: f64,
    pub page_mm: (f32, f32),
    pub paper_mm: (f32, f32),
}

impl View {
    fn at(&self, [x, y, width, height]: BoxMm) -> Rect {
        let px = |mm: f32| f64::from(mm) * self.px_per_mm;
        Rect::new(self.left + px(x), self.top + px(y), self.left + px(x + width), self.top + px(y + height))
    }

    fn page(&self) -> Rect {
        self.at([0.0, 0.0, self.page_mm.0, self.page_mm.1])
    }

    fn paper(&self) -> Rect {
        self.at([0.0, 0.0, self.paper_mm.0, self.paper_mm.1])
    }

    /// All that page and paper take on the picture.
    pub fn extent(&self) -> Rect {
        self.page().union(self.paper())
    }

    /// The paper's size where the page has another.
    pub fn other_paper(&self) -> Option<(f32, f32)> {
        let differs = (self.page_mm.0 - self.paper_mm.0).abs() > 1.0 || (self.page_mm.1 - self.paper_mm.1).abs() > 1.0;
        differs.then_some(self.paper_mm)
    }

    /// The sheet's border, the rulers in mm, and the vendor's paper where the sheet has another size.
    pub fn frame(&self, brush: &mut Brush) {
        let page = self.page();
        brush.border(page, 1.0, PAPER_EDGE, None);
        if self.other_paper().is_some() {
            brush.border(self.paper(), 2.0, PAPER_EDGE, Some(9.0));
        }
        // Steps that leave room for the labels, whatever the scale.
        let step_mm = [5, 10, 20, 50, 100, 200, 500].into_iter().find(|step| f64::from(*step) * self.px_per_mm >= 14.0).unwrap_or(1_000);
        let ticks = |length_mm: f32| (0..=(length_mm as i32 / step_mm)).map(move |tick| tick * step_mm);
        for mm in ticks(self.page_mm.0) {
            let (long, x) = (mm % (2 * step_mm) == 0, page.x0 + f64::from(mm) * self.px_per_mm);
            brush.segment(Point::new(x, page.y0 - if long { 9.0 } else { 5.0 }), Point::new(x, page.y0 - 1.0), 1.0, GREY);
            if mm % (4 * step_mm) == 0 {
                let text = mm.to_string();
                let at = Point::new(x - width(face::regular(), 12.0, &text) / 2.0, page.y0 - 13.0);
                brush.text(face::regular(), 12.0, at, &text, GREY);
            }
        }
        for mm in ticks(self.page_mm.1) {
            let (long, y) = (mm % (2 * step_mm) == 0, page.y0 + f64::from(mm) * self.px_per_mm);
            brush.segment(Point::new(page.x0 - if long { 9.0 } else { 5.0 }, y), Point::new(page.x0 - 1.0, y), 1.0, GREY);
            if mm % (4 * step_mm) == 0 {
                let text = mm.to_string();
                let at = Point::new(page.x0 - 12.0 - width(face::regular(), 12.0, &text), y + 4.0);
                brush.text(face::regular(), 12.0, at, &text, GREY);
            }
        }
        brush.text(face::regular(), 12.0, Point::new(page.x0 - 30.0, page.y0 - 13.0), "mm", GREY);
    }

    /// What stands in the page's place when it is not drawn.
    pub fn empty_sheet(&self, brush: &mut Brush, why: &str) {
        let sheet = self.page();
        brush.area(sheet, WHITE);
        let lines = ["Siden er ikke tegnet,".to_owned(), format!("fordi {why}.")];
        let (text_width, mut y) = ((sheet.width() - 100.0).max(60.0), sheet.y0 + sheet.height() * 0.42);
        for line in lines.iter().flat_map(|line| face::bold().wrap(line, 24.0, text_width as f32)) {
            let x = sheet.center().x - width(face::bold(), 24.0, &line) / 2.0;
            brush.text(face::bold(), 24.0, Point::new(x, y), &line, GREY);
            y += 34.0;
        }
    }

    /// The margins and zones, laid over the page so that it can be seen through them.
    pub fn zones(&self, brush: &mut Brush, marking: &Marking) {
        if let Some([left, top, right, bottom]) = marking.margins_mm {
            let (width, height) = self.page_mm;
            let (inner_width, inner_height) = ((width - left - right).max(0.0), (height - top - bottom).max(0.0));
            let bands = [
                [0.0, 0.0, width, top],
                [0.0, height - bottom, width, bottom],
                [0.0, top, left, inner_height],
                [width - right, top, right, inner_height],
            ];
            for band in bands {
                let band = self.at(band).intersect(self.page());
                brush.area(band, MARGIN.0);
                brush.hatch(band, 12.0, true, with_alpha(MARGIN.1, 70));
            }
            brush.border(self.at([left, top, inner_width, inner_height]).intersect(self.page()), 1.0, MARGIN.1, None);
        }
        // The window's visible part lies within what must be kept free around it, and goes on top.
        for kind in [ZoneKind::WindowKeepout, ZoneKind::WindowVisible, ZoneKind::Machine] {
            for zone in marking.zones.iter().filter(|zone| zone.kind == kind && sane(zone.box_mm)) {
                self.zone(brush, kind, self.at(zone.box_mm).intersect(self.extent()));
            }
        }
    }

    fn zone(&self, brush: &mut Brush, kind: ZoneKind, area: Rect) {
        let (tint, line) = zone_colours(kind);
        match kind {
            ZoneKind::Machine => {
                brush.area(area, tint);
                brush.hatch(area, 9.0, false, with_alpha(line, 110));
                brush.border(area, 1.5, line, None);
            }
            ZoneKind::WindowVisible => {
                brush.area(area, tint);
                brush.border(area, 2.5, line, None);
            }
            ZoneKind::WindowKeepout => {
                brush.area(area, tint);
                brush.border(area, 2.0, line, Some(8.0));
            }
        }
    }

    /// Each fault's box, and its number near it where it covers no other.
    pub fn faults(&self, brush: &mut Brush, numbered: &Numbered<'_>) {
        let page = self.page();
        // A box outside the page, or as large as it, is drawn along the page's border.
        let around = |fault: &Fault| {
            let area = self.at(fault.box_mm.filter(|mm| sane(*mm))?).inflate(3.0, 3.0);
            let clip = page.inflate(3.0, 3.0);
            Some(Rect::new(
                area.x0.clamp(clip.x0, clip.x1 - 6.0),
                area.y0.clamp(clip.y0, clip.y1 - 6.0),
                area.x1.clamp(clip.x0 + 6.0, clip.x1),
                area.y1.clamp(clip.y0 + 6.0, clip.y1),
            ))
        };
        let listed = || numbered.groups.iter().flatten();
        let all = listed().map(|(_, fault)| *fault).chain(numbered.more.iter().copied());
        let boxes: Vec<(Rect, Severity)> = all.filter_map(|fault| Some((around(fault)?, fault.severity))).take(OUTLINED_MAX).collect();
        // The gravest come first, and lie on top.
        for (area, severity) in boxes.iter().rev() {
            let colour = severity_colour(*severity);
            if area.area() < page.area() * 0.3 {
                brush.area(*area, with_alpha(colour, 26));
            }
            brush.border(*area, 4.5, with_alpha(WHITE, 150), None);
            brush.border(*area, 2.5, colour, None);
        }
        let mut discs: Vec<Point> = Vec::new();
        for (number, fault) in listed() {
            let (Some(number), Some(area)) = (number, around(fault)) else { continue };
            let at = place(area, page, &discs, &boxes);
            discs.push(at);
            let colour = severity_colour(fault.severity);
            let near = Point::new(at.x.clamp(area.x0, area.x1), at.y.clamp(area.y0, area.y1));
            if near.distance(at) > DISC_RADIUS + 3.0 {
                brush.segment(at, near, 3.5, with_alpha(WHITE, 180));
                brush.segment(at, near, 1.8, colour);
            }
            disc(brush, at, &number.to_string(), colour);
        }
    }
}

/// A number in a disc.
pub fn disc(brush: &mut Brush, at: Point, text: &str, colour: Colour) {
    let size = if text.len() > 1 { 13.5 } else { 15.5 };
    brush.disc(at, DISC_RADIUS + 2.0, WHITE);
    brush.disc(at, DISC_RADIUS, colour);
    let left = at.x - width(face::bold(), size, text) / 2.0;
    brush.text(face::bold(), size, Point::new(left, at.y + size * 0.36), text, WHITE);
}

/// Where a number stands: at a corner or side of its box, on no other number, and on no other box where that can be helped.
fn place(area: Rect, page: Rect, taken: &[Point], boxes: &[(Rect, Severity)]) -> Point {
    let near = DISC_RADIUS + 4.0;
    let middle = area.center();
    let room = page.inflate(super::RULER_PX - DISC_RADIUS, 14.0);
    let free = |at: &Point| taken.iter().all(|other| other.distance(*at) >= 2.0 * DISC_RADIUS + 5.0);
    // Rings around the box, each further out than the one before.
    let mut spots = (0..24).flat_map(|ring| {
        let out = near + f64::from(ring) * 10.0;
        let (left, right, above, below) = (area.x0 - out, area.x1 + out, area.y0 - out, area.y1 + out);
        let upper = area.y0 + near.min(area.height() / 2.0);
        let along = (f64::from(ring) * 30.0).min(area.width());
        [
            (left, upper),
            (right, upper),
            (area.x0 + along, above),
            (left, middle.y),
            (right, middle.y),
            (area.x1 - along, above),
            (middle.x, above),
            (middle.x, below),
            (left, above),
            (right, above),
            (left, below),
            (right, below),
            (area.x0 + near + along, area.y0 + near),
        ]
        .map(|(x, y)| Point::new(x, y))
    });
    let inside: Vec<Point> = spots.by_ref().filter(|at| room.contains(*at) && free(at)).collect();
    let clear = |at: &&Point| boxes.iter().all(|(other, _)| *other == area || !other.inflate(DISC_RADIUS, DISC_RADIUS).contains(**at));
    let close = |at: &Point| at.distance(Point::new(at.x.clamp(area.x0, area.x1), at.y.clamp(area.y0, area.y1))) < 90.0;
    let clear = inside.iter().find(|at| clear(at) && close(at));
    clear.or(inside.first()).copied().unwrap_or(Point::new(middle.x, middle.y))
}

fn with_alpha([red, green, blue, _]: Colour, alpha: u8) -> Colour {
    [red, green, blue, alpha]
}
