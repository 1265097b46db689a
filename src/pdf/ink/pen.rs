//! Follows what is drawn and keeps where: boxes in mm, no pixels.

use super::glyphs::GlyphBox;
use super::lines::Letters;
use super::marks::{Marks, box_mm};
use super::outline;
use super::paint::{Look, image_look, look, reach};
use crate::pdf::facts::{ImageFact, MarkKind};
use hayro_interpret::font::GlyphRun;
use hayro_interpret::kurbo::{Affine, BezPath, Cap, Join, Rect, Shape, Vec2};
use hayro_interpret::{BlendMode, ClipPath, Device, DrawMode, DrawProps, FillRule, Image, ImageDrawProps, SoftMask, StrokeProps};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// The interpreter draws in these, so that what it rounds to whole units is small.
pub const UNITS_PER_MM: f64 = 100.0;
/// Operations of one document, glyphs and parts of paths counted; a letter of forty pages needs some 200,000.
const OPERATIONS_MAX: u32 = 2_000_000;
/// A pen of no width still draws a line as thin as the printer can, mm.
const HAIR_MM: f64 = 0.05;
/// Images kept of one page.
const IMAGES_MAX: usize = 2_000;
/// Patterns within glyphs within patterns: deeper ones are not looked into.
const DEPTH_MAX: u8 = 4;
/// The plane: far beyond every page.
const EVERYWHERE: Rect = Rect::new(-1e9, -1e9, 1e9, 1e9);

/// Drawing was given up; thrown through the interpreter, which has no other way to be stopped.
pub struct GivenUp;

/// What all pages of a document share.
pub struct Shared {
    left: Cell<u32>,
    depth: Cell<u8>,
    pub glyphs: RefCell<HashMap<u128, GlyphBox>>,
    pub patterns: RefCell<HashMap<(u128, bool), Look>>,
}

impl Shared {
    pub fn new() -> Self {
        Self { left: Cell::new(OPERATIONS_MAX), depth: Cell::new(0), glyphs: RefCell::default(), patterns: RefCell::default() }
    }

    /// Counts work; leaves by unwinding when there was too much, quietly.
    pub fn spend(&self, operations: u32) {
        match self.left.get().checked_sub(operations) {
            Some(left) => self.left.set(left),
            None => {
                self.left.set(0);
                std::panic::resume_unwind(Box::new(GivenUp));
            }
        }
    }

    pub fn left(&self) -> u32 {
        self.left.get()
    }

    /// Work that was done for nothing does not count.
    pub fn has_left(&self, operations: u32) {
        self.left.set(operations);
    }

    /// Forgets where a panic struck.
    pub fn start_anew(&self) {
        self.depth.set(0);
    }

    pub fn is_spent(&self) -> bool {
        self.left.get() == 0
    }
}

/// What the pen has seen on one page.
#[derive(Default)]
pub struct Seen {
    pub marks: Marks,
    pub letters: Letters,
    pub images: Vec<ImageFact>,
    pub colour: bool,
    pub transparency: bool,
    pub text_outside: bool,
}

pub struct Pen<'s> {
    pub(super) shared: &'s Shared,
    /// What the printer sees of the plane, mm.
    pub(super) page: Rect,
    /// What is drawn now, where that is not for itself to say.
    pub owner: Option<MarkKind>,
    clips: Vec<Rect>,
    opacities: Vec<f32>,
    pub seen: Seen,
}

impl<'s> Pen<'s> {
    pub fn new(shared: &'s Shared, page: Rect) -> Self {
        Self { shared, page, owner: None, clips: Vec::new(), opacities: Vec::new(), seen: Seen::default() }
    }

    /// Draws something apart: its hull in the units it is drawn in, and whether it is coloured. `None` when it leaves no ink.
    pub fn try_out(shared: &'s Shared, draw: impl FnOnce(&mut Self)) -> Option<(Rect, bool)> {
        if shared.depth.get() >= DEPTH_MAX {
            return None;
        }
        shared.depth.set(shared.depth.get() + 1);
        let mut pen = Self::new(shared, EVERYWHERE);
        draw(&mut pen);
        shared.depth.set(shared.depth.get().saturating_sub(1));
        let hull = pen.seen.marks.hull()?;
        Some((Affine::scale(UNITS_PER_MM).transform_rect_bbox(hull), pen.seen.colour))
    }

    pub(super) fn clip(&self) -> Rect {
        self.clips.last().copied().unwrap_or(EVERYWHERE)
    }

    pub(super) fn unseen(&self) -> bool {
        self.opacities.last().is_some_and(|opacity| *opacity <= 0.0)
    }

    /// Notes how ink is applied; `None` when there is none.
    pub(super) fn ink(&mut self, look: Look, mask: bool, blend: BlendMode) -> Option<()> {
        let Look::Ink { colour, through } = look else { return None };
        if self.unseen() {
            return None;
        }
        self.seen.colour |= colour;
        self.seen.transparency |= through || mask || blend != BlendMode::Normal;
        Some(())
    }

    /// The part of a box that is printed; `None` when it has no area.
    pub(super) fn printed(&self, hull: Rect) -> Option<Rect> {
        let seen = hull.intersect(self.clip()).intersect(self.page);
        (seen.width() > 0.0 && seen.height() > 0.0).then_some(seen)
    }

    pub(super) fn add(&mut self, kind: MarkKind, hull: Rect) {
        if let Some(seen) = self.printed(hull) {
            self.seen.marks.covered_mm2 += seen.area();
            self.seen.marks.add(self.owner.unwrap_or(kind), seen);
        }
    }

    fn stroke(&mut self, path: &BezPath, transform: Affine, props: &StrokeProps) {
        let half_mm = half_pen_mm(transform, props.line_width);
        let clip = self.clip().intersect(self.page);
        let flat = props.line_cap == Cap::Butt;
        let mut add = |hull| {
            self.shared.spend(1);
            self.add(MarkKind::Path, hull);
        };
        outline::stroke(path, half_mm, flat, clip, &mut add);
        if props.line_join == Join::Miter && path.elements().len() > 2 {
            outline::mitres(path, half_mm, f64::from(props.miter_limit), add);
        }
    }

    fn path(&mut self, path: &BezPath, props: &DrawProps<'_>, mode: &DrawMode) {
        let transform = to_mm(props.transform);
        let drawn = transform * path.clone();
        let hull = drawn.control_box();
        if !hull.is_finite() {
            return;
        }
        match mode {
            DrawMode::Fill(rule) => self.fill(&drawn, hull, *rule),
            DrawMode::Stroke(stroke) => self.stroke(&drawn, transform, stroke),
            DrawMode::FillAndStroke(rule, stroke) => {
                self.fill(&drawn, hull, *rule);
                self.stroke(&drawn, transform, stroke);
            }
            DrawMode::Invisible => {}
        }
    }

    fn fill(&mut self, path: &BezPath, hull: Rect, rule: FillRule) {
        let clip = self.clip().intersect(self.page);
        if hull.intersect(clip).area() <= 0.0 {
            return;
        }
        outline::fill(path, rule, clip, |hull| {
            self.shared.spend(1);
            self.add(MarkKind::Path, hull);
        });
    }
}

/// Half the pen's width and height on paper.
pub(super) fn half_pen_mm(transform: Affine, line_width: f32) -> Vec2 {
    let [a, b, c, d, _, _] = transform.as_coeffs();
    let half = f64::from(line_width.abs()) / 2.0;
    Vec2::new((half * a.hypot(c)).max(HAIR_MM / 2.0), (half * b.hypot(d)).max(HAIR_MM / 2.0))
}

pub(super) fn to_mm(transform: Affine) -> Affine {
    Affine::scale(1.0 / UNITS_PER_MM) * transform
}

impl<'a> Device<'a> for Pen<'_> {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.shared.spend(1 + path.elements().len() as u32);
        let look = look(&props.paint, props.blend_mode, matches!(mode, DrawMode::Stroke(_)), self.shared);
        let before = (self.seen.colour, self.seen.transparency);
        if self.ink(look, props.soft_mask.is_some(), props.blend_mode).is_none() {
            return;
        }
        let covered = self.seen.marks.covered_mm2;
        // A shading may end before the area that it is asked to fill.
        let reach = reach(&props.paint).map_or(EVERYWHERE, |units| to_mm(Affine::IDENTITY).transform_rect_bbox(units));
        self.clips.push(reach.intersect(self.clip()));
        self.path(path, &props, mode);
        self.clips.pop();
        if covered == self.seen.marks.covered_mm2 {
            // It left nothing on the page: neither did its colour.
            (self.seen.colour, self.seen.transparency) = before;
        }
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.shared.spend(1 + clip.path.elements().len() as u32);
        let hull = if clip.path.elements().is_empty() { Rect::ZERO } else { clip.path.bounding_box() };
        self.clips.push(to_mm(Affine::IDENTITY).transform_rect_bbox(hull).intersect(self.clip()));
    }

    fn push_clip_rect(&mut self, rect: &Rect) {
        self.shared.spend(1);
        self.clips.push(to_mm(Affine::IDENTITY).transform_rect_bbox(*rect).intersect(self.clip()));
    }

    fn push_transparency_group(&mut self, opacity: f32, mask: Option<SoftMask<'a>>, blend: BlendMode) {
        self.shared.spend(1);
        self.seen.transparency |= opacity < 1.0 || mask.is_some() || blend != BlendMode::Normal;
        self.opacities.push(opacity * self.opacities.last().copied().unwrap_or(1.0));
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        self.shared.spend(1);
        self.text(run, &props, mode);
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.shared.spend(1);
        let transform = to_mm(props.transform);
        let (width, height) = (f64::from(image.width()), f64::from(image.height()));
        let hull = transform.transform_rect_bbox(Rect::new(0.0, 0.0, width, height));
        let Some(seen) = Some(hull).filter(Rect::is_finite).and_then(|hull| self.printed(hull)) else { return };
        let (look, bilevel, soft) = image_look(&image, self.shared);
        if self.ink(look, soft || props.soft_mask.is_some(), props.blend_mode).is_none() {
            return;
        }
        self.add(MarkKind::Image, hull);
        if self.seen.images.len() < IMAGES_MAX {
            let [a, b, c, d, _, _] = transform.as_coeffs();
            let dpi = (25.4 / a.hypot(b)).min(25.4 / c.hypot(d));
            self.seen.images.push(ImageFact { box_mm: box_mm(seen), dpi: dpi as f32, bilevel });
        }
    }

    fn pop_clip(&mut self) {
        self.shared.spend(1);
        self.clips.pop();
    }

    fn pop_transparency_group(&mut self) {
        self.shared.spend(1);
        self.opacities.pop();
    }

    fn begin_marked_content(&mut self, _: &[u8], _: Option<&hayro_interpret::hayro_syntax::object::Dict<'_>>) {
        self.shared.spend(1);
    }
}
