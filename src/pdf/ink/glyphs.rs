//! What the pen does with text: a box for each glyph, and what it stands for.

use super::lines::Setting;
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

/// How glyphs are put down that share a style, their size and their turn: worked out once for all of them.
pub struct Hand {
    style: Style,
    /// From thousandths of a glyph's size to mm, the place aside.
    coefficients: [f64; 4],
    finite: bool,
    /// Direction of writing in quarter turns clockwise; absent for text that stands askew.
    turn: Option<u8>,
    setting: Setting,
    /// Small for eyes; white depends on what lies below.
    tiny: bool,
    kind: MarkKind,
    /// What is printed of the plane.
    printed: Rect,
}

impl Pen<'_> {
    /// The box of an outline, drawn once for all its uses, the outline's name, and what it cost if that was now.
    pub(super) fn outline_box(&self, outline: &OutlineGlyph) -> (GlyphBox, u128, Option<u32>) {
        let key = outline.identifier().cache_key();
        let mut cost = None;
        let shape = self.known_box(key, || {
            let path = outline.outline();
            let elements = path.elements().len() as u32;
            self.shared.spend(elements);
            cost = Some(elements);
            let drawn = path.elements().iter().any(|element| !matches!(element, PathEl::MoveTo(_) | PathEl::ClosePath));
            GlyphBox { hull: drawn.then(|| path.bounding_box()).filter(Rect::is_finite), colour: false }
        });
        (shape, key, cost)
    }

    /// The same for an outline that was drawn in another document: it costs as much here.
    pub(super) fn known_outline(&self, key: u128, shape: GlyphBox, cost: u32) {
        self.known_box(key, || {
            self.shared.spend(cost);
            shape
        });
    }

    fn glyph_box<'a>(&self, glyph: &Drawn<'a>) -> GlyphBox {
        match glyph {
            Drawn::Outline(outline) => self.outline_box(outline).0,
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
        let mut hand = self.hand(style, [0.0; 4]);
        for glyph in run.glyphs() {
            let [a, b, c, d, x, y] = (transform * glyph.transform()).as_coeffs();
            if hand.coefficients != [a, b, c, d] {
                hand.turn_to([a, b, c, d]);
            }
            let (shape, outline, advance) = match &**glyph {
                Drawn::Outline(outline) => (self.glyph_box(glyph), Some(outline), outline.advance_width()),
                Drawn::Type3(program) => (self.glyph_box(glyph), None, program.advance_width()),
            };
            self.glyph(&hand, shape, outline, advance.unwrap_or(0.0), (x, y), glyph.as_unicode().as_ref());
        }
    }

    /// How glyphs of this style are put down.
    pub(super) fn hand(&self, style: Style, coefficients: [f64; 4]) -> Hand {
        let invisible = style.invisible || self.unseen() || style.look == Look::Nothing;
        let mut hand = Hand {
            style,
            coefficients,
            finite: false,
            turn: None,
            setting: Setting { size_mm: 0.0, turn: 0, invisible, unread: false },
            tiny: false,
            kind: self.owner.unwrap_or(MarkKind::Text),
            printed: self.clip().intersect(self.page),
        };
        hand.turn_to(coefficients);
        hand
    }

    /// Marks one glyph at its place, and keeps it to be read with what it stands for.
    #[inline]
    pub(super) fn glyph(
        &mut self,
        hand: &Hand,
        shape: GlyphBox,
        outline: Option<&OutlineGlyph>,
        advance: f32,
        (x, y): (f64, f64),
        text: Option<&BfString>,
    ) {
        self.shared.spend(1);
        if !(hand.finite && x.is_finite() && y.is_finite()) {
            return;
        }
        let [a, b, c, d] = hand.coefficients;
        let placed = shape.hull.map(|hull| hand.placed(hull, x, y));
        let placed = placed.filter(|hull| hull.width() > 0.0 && hull.height() > 0.0 && hull.is_finite());
        let placed = placed.map(|hull| hull.inflate(hand.style.pen_mm.x, hand.style.pen_mm.y));
        let seen = match placed {
            Some(hull) if holds(&hand.printed, &hull) => Some(hull),
            Some(hull) => match self.seen_of(hull) {
                None => return,
                seen => seen,
            },
            None => None,
        };
        let origin = Point::new(x, y);
        if let (Some(hull), Look::Ink { colour, through }, false) = (seen, hand.style.look, hand.setting.invisible) {
            self.seen.marks.covered_mm2 += hull.area() * TEXT_COVERAGE;
            let ink = Look::Ink { colour: colour || shape.colour, through };
            if self.ink(ink, hand.style.mask, hand.style.blend).is_some() {
                match hand.turn {
                    _ if hull.width().min(hull.height()) > LARGE_MM => {
                        self.large_glyph(outline, Affine::new([a, b, c, d, x, y]), hull, hand.style.pen_mm)
                    }
                    Some(turn) => {
                        let baseline_mm = if turn.is_multiple_of(2) { y } else { x };
                        self.seen.marks.add_glyph(hand.kind, hull, LinePlace { turn, baseline_mm, size_mm: hand.setting.size_mm });
                    }
                    None => self.seen.marks.add(hand.kind, hull),
                }
            }
        }
        let setting = Setting { unread: hand.tiny || self.white_on_white(hand, seen, origin), ..hand.setting };
        let end = Point::new(a * f64::from(advance) + x, b * f64::from(advance) + y);
        self.seen.letters.add(&setting, origin, end, seen, text);
        if self.seen.letters.len() > GLYPHS_MAX {
            self.shared.spend(u32::MAX);
        }
    }

    fn white_on_white(&self, hand: &Hand, seen: Option<Rect>, origin: Point) -> bool {
        hand.style.look == Look::White && {
            let centre = seen.unwrap_or(Rect::from_points(origin, origin)).center();
            !self.seen.marks.covers(centre.x, centre.y)
        }
    }

    /// The part of a glyph that is printed, where that is not all of it; one that stands beside the page, and is not clipped
    /// away, is noted.
    #[cold]
    fn seen_of(&mut self, hull: Rect) -> Option<Rect> {
        if hull.intersect(self.clip()).area() > 0.0 && hull.intersect(self.page).area() <= 0.0 {
            self.seen.text_outside = true;
        }
        self.printed(hull)
    }
}

impl Hand {
    /// The same hand for glyphs of another size or turn.
    pub(super) fn turn_to(&mut self, coefficients: [f64; 4]) {
        let [a, b, c, d] = coefficients;
        let size_mm = c.hypot(d) * 1000.0;
        self.coefficients = coefficients;
        self.finite = coefficients.iter().all(|coefficient| coefficient.is_finite()) && size_mm.is_finite();
        self.turn = quarter_turns(a, b);
        (self.setting.size_mm, self.setting.turn) = (size_mm, self.turn.unwrap_or(0));
        self.tiny = size_mm < READABLE_MM;
    }

    /// The hull of a placed box; upright text needs two corners of it.
    #[inline]
    fn placed(&self, hull: Rect, x: f64, y: f64) -> Rect {
        match self.coefficients {
            [a, 0.0, 0.0, d] => Rect::from_points((a * hull.x0 + x, d * hull.y0 + y), (a * hull.x1 + x, d * hull.y1 + y)),
            [a, b, c, d] => Affine::new([a, b, c, d, x, y]).transform_rect_bbox(hull),
        }
    }
}

/// Direction of writing in quarter turns clockwise; `None` for text that stands askew.
fn quarter_turns(a: f64, b: f64) -> Option<u8> {
    let turns = b.atan2(a) / std::f64::consts::FRAC_PI_2;
    ((turns - turns.round()).abs() < 0.03).then(|| (turns.round() as i64).rem_euclid(4) as u8)
}
