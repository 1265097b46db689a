//! One page with what is wrong with it, as a PNG that a case worker understands.
//!
//! Takes the bytes of a PDF and what a vendor's rules found on one page; gives the page as it prints, the places where
//! ink must not stand, each offending mark with a number, and beside them a legend in Danish. What a fault means comes from
//! the codes' own pages. The same input gives the same bytes on the same machine. No file is opened.
//!
//! Bytes from outside: a page whose drawing would not end is not drawn, and the picture says so; memory that an image wants
//! against its own word is for the worker's limit to stop, and [`picture_without_page`] for what is shown then.

mod brush;
mod cost;
mod danish;
mod legend;
mod marks;
mod sheet;

use super::facts::BoxMm;
use crate::domain::{Finding, Severity};
use brush::Brush;
use legend::Legend;
use serde::{Deserialize, Serialize};
use sheet::Drawn;

/// What is marked on one page. Boxes are x, y, width, height in mm from the page's top left corner, as in facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Marking {
    /// From 1.
    pub page: u32,
    /// Width and height of what the vendor prints on, mm.
    pub paper_mm: (f32, f32),
    /// Left, top, right, bottom: ink stays within, mm.
    pub margins_mm: Option<[f32; 4]>,
    /// Those that count on this page: the window's on the first only.
    pub zones: Vec<Zone>,
    pub faults: Vec<Fault>,
    /// The vendor's name as people read it.
    pub vendor: String,
}

/// A place with a rule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    pub kind: ZoneKind,
    pub box_mm: BoxMm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneKind {
    /// Where machines print and read their marks: no ink.
    Machine,
    /// What the window always shows: the address stands here.
    WindowVisible,
    /// What the window may show: nothing but the address stands here.
    WindowKeepout,
}

/// One finding as it is marked: with a box where it has one, and in the legend in any case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub code: String,
    pub rule: String,
    pub severity: Severity,
    /// Absent when the whole file is meant.
    pub page: Option<u32>,
    pub box_mm: Option<BoxMm>,
    pub measured: String,
    pub limit: String,
}

impl From<&Finding> for Fault {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.to_owned(),
            rule: finding.rule.to_owned(),
            severity: finding.severity,
            page: finding.page,
            box_mm: finding.box_mm,
            measured: finding.measured.clone(),
            limit: finding.limit.clone(),
        }
    }
}

impl Marking {
    /// The faults that belong on this page's picture, out of all of a letter: its own, and those of the whole file.
    pub fn faults_of(page: u32, findings: &[Finding]) -> Vec<Fault> {
        findings.iter().filter(|finding| finding.page.is_none_or(|of| of == page)).map(Fault::from).collect()
    }
}

/// The picture of one page, a PNG. A page that cannot be drawn is an empty sheet that says so; `Err` only when the PNG
/// itself cannot be made, which no input should bring about.
pub fn picture(bytes: &[u8], marking: &Marking) -> Result<Vec<u8>, String> {
    compose(sheet::draw(bytes, marking.page, paper(marking)), marking)
}

/// The same without the page, for a file that broke its worker. Looks at no byte of it.
pub fn picture_without_page(marking: &Marking) -> Result<Vec<u8>, String> {
    compose(Err("det tog for lang tid eller for meget hukommelse at tegne den"), marking)
}

/// Around everything, pixels; and between the sheet and the legend, where numbers may stand.
const GAP_PX: f64 = 28.0;
const LEGEND_GAP_PX: f64 = 50.0;
/// The rulers at the sheet's left and top.
const RULER_PX: f64 = 34.0;
/// A sheet is drawn at 120 dots an inch, or smaller when it is larger than this.
const PX_PER_MM: f32 = 120.0 / 25.4;
const SHEET_MAX_PX: (f32, f32) = (1100.0, 1420.0);
/// Shorter and longer sides than these are not drawn to scale, mm.
const SIDES_MM: std::ops::RangeInclusive<f32> = 10.0..=6_000.0;

/// The vendor's paper; A4's sides for what cannot be paper.
fn paper(marking: &Marking) -> (f32, f32) {
    let side = |mm: f32, a4_mm: f32| if SIDES_MM.contains(&mm) { mm } else { a4_mm };
    (side(marking.paper_mm.0, 210.0), side(marking.paper_mm.1, 297.0))
}

/// How large page and paper are drawn, pixels a mm.
fn px_per_mm(page_mm: (f32, f32), paper_mm: (f32, f32)) -> f32 {
    PX_PER_MM.min(SHEET_MAX_PX.0 / page_mm.0.max(paper_mm.0)).min(SHEET_MAX_PX.1 / page_mm.1.max(paper_mm.1))
}

fn compose(drawn: Result<Drawn, &'static str>, marking: &Marking) -> Result<Vec<u8>, String> {
    let paper_mm = paper(marking);
    let page_mm = drawn.as_ref().map_or(paper_mm, |drawn| drawn.size_mm);
    let px = px_per_mm(page_mm, paper_mm);
    let numbered = marks::Numbered::of(&marking.faults);
    let (left, top) = (GAP_PX + RULER_PX, GAP_PX + RULER_PX);
    let view = marks::View { left, top, px_per_mm: f64::from(px), page_mm, paper_mm };
    let legend = Legend::of(marking, &numbered, view.other_paper(), drawn.as_ref().err().copied());
    let extent = view.extent();
    let legend_left = extent.x1.max(left + 240.0).round() + LEGEND_GAP_PX;
    let width = legend_left + legend::WIDTH_PX + GAP_PX;
    let height = extent.y1.max(GAP_PX + legend.height_px).round() + GAP_PX;
    let mut brush = Brush::new(width, height)?;
    match &drawn {
        Ok(drawn) => brush.image(&drawn.pixels, left, top),
        Err(why) => view.empty_sheet(&mut brush, why),
    }
    view.frame(&mut brush);
    view.zones(&mut brush, marking);
    view.faults(&mut brush, &numbered);
    legend.draw(&mut brush, legend_left, GAP_PX);
    brush.png()
}
