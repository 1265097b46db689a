//! Where a page's content comes to stand: one matrix from its old measures to the new page's. Decides, changes nothing.

use super::objects::{entry_number, follow, inherited, number};
use super::{Remedy, RepairFault, RepairOrder};
use crate::pdf::facts::BoxMm;
use hayro_interpret::kurbo::{Affine, Rect};
use lopdf::{Dictionary, Document};

const POINTS_PER_MM: f64 = 72.0 / 25.4;
/// A side within this of its limit is measured by rounding, mm; as in validation.
const ROUNDING_MM: f64 = 0.05;
/// Ink that reaches over a border by less is the edge of a hull, not a mark, mm; as in validation.
const OVERHANG_MIN_MM: f64 = 0.1;
/// A page may become that much smaller or larger to fit the paper: from A3 and from A6's double.
const TO_PAPER_MIN: f64 = 0.7;
const TO_PAPER_MAX: f64 = 1.42;
/// A page is on its side when it is wider than high by more, mm.
const SQUARE_MM: f64 = 1.0;

/// A page as it is shown now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shown {
    /// What of the page's space is shown, points times its unit.
    pub crop: Rect,
    pub media: Rect,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub rotate: u16,
    pub user_unit: f64,
}

/// A page as it shall be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub matrix: Affine,
    pub width_pt: f64,
    pub height_pt: f64,
    pub done: Vec<(Remedy, String)>,
}

impl Shown {
    pub fn read(document: &Document, page: &Dictionary) -> Option<Self> {
        let corners = |key: &[u8]| {
            let items = follow(document, inherited(document, page, key)?)?.as_array().ok()?;
            let at = |i: usize| number(document, items.get(i)?);
            Some(Rect::new(at(0)?, at(1)?, at(2)?, at(3)?).abs())
        };
        let media = corners(b"MediaBox")?;
        let within = |crop: Rect| crop.x0 < media.x1 && crop.x1 > media.x0 && crop.y0 < media.y1 && crop.y1 > media.y0;
        let crop = corners(b"CropBox").filter(|crop| within(*crop)).map_or(media, |crop| crop.intersect(media));
        let rotate = inherited(document, page, b"Rotate").and_then(|r| follow(document, r)?.as_i64().ok()).unwrap_or(0);
        let rotate = u16::try_from(rotate.rem_euclid(360)).ok().filter(|r| r % 90 == 0)?;
        let user_unit = entry_number(document, page, b"UserUnit").filter(|unit| *unit > 0.0).unwrap_or(1.0);
        let sane = |v: f64| (1.0..=100_000.0).contains(&(v * user_unit));
        (sane(crop.width()) && sane(crop.height())).then_some(Self { crop, media, rotate, user_unit })
    }

    /// From the page's space to the upright page as it is shown, its lower left corner at 0, 0, in points.
    fn upright(&self) -> (Affine, f64, f64) {
        let (w, h) = (self.crop.width(), self.crop.height());
        let to_corner = Affine::translate((-self.crop.x0, -self.crop.y0));
        let (turn, width, height) = match self.rotate {
            90 => (Affine::new([0.0, -1.0, 1.0, 0.0, 0.0, w]), h, w),
            180 => (Affine::new([-1.0, 0.0, 0.0, -1.0, w, h]), w, h),
            270 => (Affine::new([0.0, 1.0, -1.0, 0.0, h, 0.0]), h, w),
            _ => (Affine::IDENTITY, w, h),
        };
        (Affine::scale(self.user_unit) * turn * to_corner, width * self.user_unit, height * self.user_unit)
    }

    /// Whether the page is written in another way than it is shown.
    fn is_plain(&self) -> bool {
        self.crop == self.media && self.crop.x0 == 0.0 && self.crop.y0 == 0.0 && self.rotate == 0 && self.user_unit == 1.0
    }
}

/// Where the page goes; `None` where it may stay. `ink` is in mm on the page as it is shown.
pub(super) fn place(page: u32, shown: &Shown, ink: Option<BoxMm>, order: &RepairOrder) -> Result<Option<Placed>, RepairFault> {
    let (matrix, width_pt, height_pt) = shown.upright();
    let mut placed = Placed { matrix, width_pt, height_pt, done: Vec::new() };
    let asked = |remedy| order.remedies.contains(&remedy);
    if asked(Remedy::Boxes) && !shown.is_plain() {
        placed.note(Remedy::Boxes, boxes_text(shown));
    }
    // To the paper's measures, its origin at the lower left corner of the page.
    let ink = ink.map(|[x, y, w, h]| {
        let [x, y, w, h] = [x, y, w, h].map(|v| f64::from(v) * POINTS_PER_MM);
        Rect::new(x, height_pt - y - h, x + w, height_pt - y)
    });
    let mut moved = Affine::IDENTITY;
    if asked(Remedy::Turn) && width_pt - height_pt > SQUARE_MM * POINTS_PER_MM {
        moved = Affine::new([0.0, 1.0, -1.0, 0.0, height_pt, 0.0]);
        (placed.width_pt, placed.height_pt) = (height_pt, width_pt);
        placed.note(Remedy::Turn, "turned a quarter to the left: its text runs from the bottom to the top");
    }
    if asked(Remedy::Scale) {
        moved = to_paper(page, &mut placed, order)? * moved;
        let ink = ink.map(|ink| moved.transform_rect_bbox(ink));
        if let (Some(ink), Some(area), true) = (ink, order.printable_mm, placed.is_upright()) {
            moved = into_area(page, &mut placed, ink, area, order)? * moved;
        }
    }
    placed.matrix = moved * matrix;
    Ok((!placed.done.is_empty()).then_some(placed))
}

impl Placed {
    fn note(&mut self, remedy: Remedy, what: impl Into<String>) {
        self.done.push((remedy, what.into()));
    }

    fn is_upright(&self) -> bool {
        self.height_pt + SQUARE_MM * POINTS_PER_MM >= self.width_pt
    }
}

fn boxes_text(shown: &Shown) -> String {
    let mut parts = Vec::new();
    if shown.crop != shown.media {
        parts.push("its boxes are one, what was outside stays cut off".to_owned());
    } else if (shown.crop.x0, shown.crop.y0) != (0.0, 0.0) {
        parts.push("its corner is at 0, 0".to_owned());
    }
    if shown.rotate != 0 {
        parts.push(format!("its content stands as it was shown, {} degrees clockwise", shown.rotate));
    }
    if shown.user_unit != 1.0 {
        parts.push("its unit is the point".to_owned());
    }
    parts.join("; ")
}

/// One factor, in the middle of the paper. A page that lies on its side is scaled onto paper that lies on its side.
fn to_paper(page: u32, placed: &mut Placed, order: &RepairOrder) -> Result<Affine, RepairFault> {
    let (paper_width, paper_height) = (f64::from(order.paper_mm.0), f64::from(order.paper_mm.1));
    let (paper_width, paper_height) = if placed.is_upright() { (paper_width, paper_height) } else { (paper_height, paper_width) };
    let (width, height) = (placed.width_pt / POINTS_PER_MM, placed.height_pt / POINTS_PER_MM);
    let (over, under) = (f64::from(order.over_mm) + ROUNDING_MM, f64::from(order.under_mm) + ROUNDING_MM);
    let fits = |side: f64, of: f64| side <= of + over && side >= of - under;
    if fits(width, paper_width) && fits(height, paper_height) {
        return Ok(Affine::IDENTITY);
    }
    let factor = (paper_width / width).min(paper_height / height);
    if !(TO_PAPER_MIN..=TO_PAPER_MAX).contains(&factor) {
        let limits = format!("{:.0} to {:.0} %", TO_PAPER_MIN * 100.0, TO_PAPER_MAX * 100.0);
        let what = format!("{width:.1}x{height:.1} mm would become {:.0} % of its size on the paper; {limits} are allowed", factor * 100.0);
        return Err(RepairFault::on_page(page, what));
    }
    let (left, bottom) = ((paper_width - width * factor) / 2.0, (paper_height - height * factor) / 2.0);
    (placed.width_pt, placed.height_pt) = (paper_width * POINTS_PER_MM, paper_height * POINTS_PER_MM);
    let what = format!("{width:.1}x{height:.1} mm scaled to {:.1} % onto {paper_width:.0}x{paper_height:.0} mm", factor * 100.0);
    placed.note(Remedy::Scale, what);
    Ok(Affine::translate((left * POINTS_PER_MM, bottom * POINTS_PER_MM)) * Affine::scale(factor))
}

/// Brings ink into the area: moved as little as is needed, made smaller only where it is larger than the area.
fn into_area(page: u32, placed: &mut Placed, ink: Rect, area: BoxMm, order: &RepairOrder) -> Result<Affine, RepairFault> {
    let [x, y, w, h] = area.map(|v| f64::from(v) * POINTS_PER_MM);
    let area = Rect::new(x, placed.height_pt - y - h, x + w, placed.height_pt - y);
    let over = [area.x0 - ink.x0, ink.x1 - area.x1, area.y0 - ink.y0, ink.y1 - area.y1];
    if over.into_iter().all(|over| over < OVERHANG_MIN_MM * POINTS_PER_MM) {
        return Ok(Affine::IDENTITY);
    }
    let fit = |ink: f64, area: f64| if ink > area { area / ink } else { 1.0 };
    let factor = fit(ink.width(), area.width()).min(fit(ink.height(), area.height()));
    if factor < f64::from(order.scale_min) {
        let least = f64::from(order.scale_min) * 100.0;
        let what = format!("its ink fits the printable area at {:.1} % of its size; at least {least:.1} % are asked for", factor * 100.0);
        return Err(RepairFault::on_page(page, what));
    }
    let smaller = Affine::translate(ink.center().to_vec2()) * Affine::scale(factor) * Affine::translate(-ink.center().to_vec2());
    let ink = smaller.transform_rect_bbox(ink);
    let shift = |low: f64, high: f64, from: f64, to: f64| {
        if low < from {
            from - low
        } else if high > to {
            to - high
        } else {
            0.0
        }
    };
    let (dx, dy) = (shift(ink.x0, ink.x1, area.x0, area.x1), shift(ink.y0, ink.y1, area.y0, area.y1));
    let mut parts = Vec::new();
    if factor < 1.0 {
        parts.push(format!("scaled to {:.1} % into the printable area", factor * 100.0));
    }
    for (by, ahead, back) in [(dx, "right", "left"), (dy, "up", "down")] {
        let mm = by.abs() / POINTS_PER_MM;
        if mm >= 0.05 {
            parts.push(format!("shifted by {mm:.1} mm {}", if by > 0.0 { ahead } else { back }));
        }
    }
    placed.note(Remedy::Scale, parts.join(", "));
    Ok(Affine::translate((dx, dy)) * smaller)
}
