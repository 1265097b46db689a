//! What the pen does with text: a box for each glyph, and what it stands for.

use super::lines::Glyph;
use super::marks::{LinePlace, holds};
use super::outline;
use super::paint::{Look, black, look};
use super::pen::{Pen, half_pen_mm, to_mm};
use crate::pdf::facts::MarkKind;
use hayro_interpret::font::{Glyph as Drawn, GlyphRun, OutlineGlyph};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::kurbo::{Affine, PathEl, Point, Rect, Shape, Vec2};
use hayro_interpret::{BlendMode, CacheKey, DrawMode, DrawProps, FillRule};

/// Text below this is not read by anybody, mm: one point.
const READABLE_MM: f64 = 25.4 / 72.0;
/// A glyph higher and wider than this is looked at as the area it is, mm.
const LARGE_MM: f64 = 8.0;
/// Share of a text's hull that is black.
const TEXT_COVERAGE: f64 = 0.15;
/// Glyphs kept of one page.
const GLYPHS_MAX: usize = 100_000;

/// A glyph's box in thousandths of its size, and whether it brings colours of its own.
#[derive(Clone, Copy, Default)]
pub struct GlyphBox {
    hull: Option<Rect>,
    colour: bool,
}

/// What all glyphs of one run have in common.
pub struct Style {
    pub look: Look,
    /// Neither filled nor stroked.
    pub invisible: bool,
    pub mask: bool,
    pub blend: BlendMode,
    /// Half the pen that its outlines are drawn with, mm; nothing where they are filled.
    pub pen_mm: Vec2,
}

/// How glyphs are turned and how large they are; the same for all of a run, so it is worked out once.
#[derive(Clone, Copy, Default)]
pub struct Turned {
    coefficients: [f64; 4],
    size_mm: f64,
    /// Direction of writing in quarter turns clockwise; absent for text that stands askew.
    turn: Option<u8>,
}

impl Turned {
    fn of(&mut self, place: Affine) -> Self {
        let [a, b, c, d, _, _] = place.as_coeffs();
        if self.coefficients != [a, b, c, d] {
            *self = Self { coefficients: [a, b, c, d], size_mm: c.hypot(d) * 1000.0, turn: quarter_turns(a, b) };
        }
        *self
    }
}

impl Pen<'_> {
    /// The box of an outline, drawn once for all its uses.
    pub(super) fn outline_box(&self, outline: &OutlineGlyph) -> GlyphBox {
        self.known_box(outline.identifier().cache_key(), || {
            let path = outline.outline();
            self.shared.spend(path.elements().len() as u32);
            let drawn = path.elements().iter().any(|element| !matches!(element, PathEl::MoveTo(_) | PathEl::ClosePath));
            GlyphBox { hull: drawn.then(|| path.bounding_box()).filter(Rect::is_finite), colour: false }
        })
    }

    fn glyph_box<'a>(&self, glyph: &Drawn<'a>) -> GlyphBox {
        match glyph {
            Drawn::Outline(outline) => self.outline_box(outline),
            Drawn::Type3(program) => self.known_box(program.cache_key(), || {
                let drawn = Pen::try_out(self.shared, |probe| program.interpret(probe, Affine::IDENTITY, Affine::IDENTITY, &black()));
                GlyphBox { hull: drawn.map(|(hull, _)| hull), colour: drawn.is_some_and(|(_, colour)| colour) }
            }),
        }
    }

    fn known_box(&self, key: u128, found: impl FnOnce() -> GlyphBox) -> GlyphBox {
        if let Some(known) = self.shared.glyphs.borrow().get(&key) {
            return *known;
        }
        // Known before it is drawn: a glyph that shows itself would not end.
        self.shared.glyphs.borrow_mut().insert(key, GlyphBox::default());
        let found = found();
        self.shared.glyphs.borrow_mut().insert(key, found);
        found
    }

    /// The parts of a glyph that is so large that its box would claim what it surrounds.
    fn large_glyph(&mut self, outline: Option<&OutlineGlyph>, place: Affine, hull: Rect, pen_mm: Vec2) {
        let kind = self.owner.unwrap_or(MarkKind::Text);
        let Some(outline) = outline else { return self.seen.marks.add(kind, hull) };
        let path = place * outline.outline();
        self.shared.spend(path.elements().len() as u32);
        outline::fill(&path, FillRule::NonZero, hull, |part| {
            self.shared.spend(1);
            if let Some(part) = self.printed(part.inflate(pen_mm.x, pen_mm.y)) {
                self.seen.marks.add(kind, part);
            }
        });
    }

    pub(super) fn text(&mut self, run: &GlyphRun<'_, '_>, props: &DrawProps<'_>, mode: &DrawMode) {
        let transform = to_mm(props.transform);
        let style = Style {
            look: look(&props.paint, props.blend_mode, matches!(mode, DrawMode::Stroke(_)), self.shared),
            invisible: matches!(mode, DrawMode::Invisible),
            mask: props.soft_mask.is_some(),
            blend: props.blend_mode,
            pen_mm: if let DrawMode::Stroke(stroke) = mode { half_pen_mm(transform, stroke.line_width) } else { Vec2::ZERO },
        };
        let mut turned = Turned::default();
        for glyph in run.glyphs() {
            let place = transform * glyph.transform();
            let (shape, outline, advance) = match &**glyph {
                Drawn::Outline(outline) => (self.glyph_box(glyph), Some(outline), outline.advance_width()),
                Drawn::Type3(program) => (self.glyph_box(glyph), None, program.advance_width()),
            };
            if let Some(kept) = self.glyph(&style, shape, outline, advance.unwrap_or(0.0), place, &mut turned) {
                self.keep(kept, glyph.as_unicode().as_ref());
            }
        }
    }

    /// Marks one glyph where it is placed; gives it back where it can be read.
    pub(super) fn glyph(
        &mut self,
        style: &Style,
        shape: GlyphBox,
        outline: Option<&OutlineGlyph>,
        advance: f32,
        place: Affine,
        turned: &mut Turned,
    ) -> Option<Glyph> {
        self.shared.spend(1);
        let Turned { size_mm, turn, .. } = turned.of(place);
        let origin = place * Point::ORIGIN;
        if !size_mm.is_finite() || !origin.is_finite() {
            return None;
        }
        let placed = shape.hull.map(|hull| placed(place, hull));
        let placed = placed.filter(|hull| hull.is_finite() && hull.width() > 0.0 && hull.height() > 0.0);
        let placed = placed.map(|hull| hull.inflate(style.pen_mm.x, style.pen_mm.y));
        let seen = match placed {
            Some(hull) => Some(self.seen_of(hull)?),
            None => None,
        };
        let look = style.look;
        let nothing = style.invisible || self.unseen() || look == Look::Nothing;
        let white = look == Look::White && {
            let centre = seen.unwrap_or(Rect::from_points(origin, origin)).center();
            !self.seen.marks.covers(centre.x, centre.y)
        };
        if let (Some(hull), Look::Ink { colour, through }, false) = (seen, look, nothing) {
            let kind = self.owner.unwrap_or(MarkKind::Text);
            self.seen.marks.covered_mm2 += hull.area() * TEXT_COVERAGE;
            let ink = Look::Ink { colour: colour || shape.colour, through };
            if self.ink(ink, style.mask, style.blend).is_some() {
                match turn {
                    _ if hull.width().min(hull.height()) > LARGE_MM => self.large_glyph(outline, place, hull, style.pen_mm),
                    Some(turn) => {
                        let baseline_mm = if turn.is_multiple_of(2) { origin.y } else { origin.x };
                        self.seen.marks.add_glyph(kind, hull, LinePlace { turn, baseline_mm, size_mm });
                    }
                    None => self.seen.marks.add(kind, hull),
                }
            }
        }
        Some(Glyph {
            origin,
            end: place * Point::new(f64::from(advance), 0.0),
            seen,
            size_mm,
            turn: turn.unwrap_or(0),
            invisible: nothing,
            unread: white || size_mm < READABLE_MM,
            text: (0, 0),
        })
    }

    /// The part of a glyph that is printed; one that stands beside the page, and is not clipped away, is noted.
    fn seen_of(&mut self, hull: Rect) -> Option<Rect> {
        if holds(&self.clip().intersect(self.page), &hull) {
            return Some(hull);
        }
        if hull.intersect(self.clip()).area() > 0.0 && hull.intersect(self.page).area() <= 0.0 {
            self.seen.text_outside = true;
        }
        self.printed(hull)
    }

    /// Keeps a glyph for reading, with what it stands for.
    pub(super) fn keep(&mut self, glyph: Glyph, text: Option<&BfString>) {
        self.seen.letters.add(glyph, text.map(unicode));
        if self.seen.letters.len() > GLYPHS_MAX {
            self.shared.spend(u32::MAX);
        }
    }
}

/// The hull of a placed box; upright text needs two corners of it.
fn placed(place: Affine, hull: Rect) -> Rect {
    match place.as_coeffs() {
        [a, 0.0, 0.0, d, e, f] => Rect::from_points((a * hull.x0 + e, d * hull.y0 + f), (a * hull.x1 + e, d * hull.y1 + f)),
        _ => place.transform_rect_bbox(hull),
    }
}

fn unicode(text: &BfString) -> Unicode<'_> {
    match text {
        BfString::Char(c) => Unicode::Char(*c),
        BfString::String(text) => Unicode::Text(text),
    }
}

/// What a glyph stands for.
pub enum Unicode<'t> {
    Char(char),
    Text(&'t str),
}

/// Direction of writing in quarter turns clockwise; `None` for text that stands askew.
fn quarter_turns(a: f64, b: f64) -> Option<u8> {
    let turns = b.atan2(a) / std::f64::consts::FRAC_PI_2;
    ((turns - turns.round()).abs() < 0.03).then(|| (turns.round() as i64).rem_euclid(4) as u8)
}
