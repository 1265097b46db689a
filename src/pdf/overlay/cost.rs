//! Says before a page is drawn whether that is affordable: pixels of images, tiles of patterns, masks and operations.
//!
//! The rasterizer takes whatever is asked for. It is asked here what that would be, with a pen that draws nothing.

use crate::pdf::ink;
use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::hayro_syntax::object::{Dict, Stream};
use hayro::hayro_interpret::hayro_syntax::page::Page;
use hayro::hayro_interpret::pattern::{Pattern, TilingPattern};
use hayro::hayro_interpret::util::{TransformExt, x_y_advances};
use hayro::hayro_interpret::{
    BlendMode, CacheKey, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache, InterpreterSettings,
    Paint, SoftMask, interpret_page,
};
use hayro::kurbo::{Affine, BezPath, Rect};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Operations, glyphs and parts of paths counted; tiles as often as they are laid.
const OPERATIONS_MAX: u32 = 1_000_000;
/// A glyph that is a little program, and a pattern or mask beside what it draws.
const PROGRAM_COST: u32 = 100;
/// One image: A4 at 600 dots an inch and a little more. And all of a page, each as often as it is shown.
const IMAGE_PIXELS_MAX: u64 = 40_000_000;
const PAGE_PIXELS_MAX: u64 = 120_000_000;
/// What an image's data may become, bytes.
const IMAGE_BYTES_MAX: u64 = 160 << 20;
/// Side of one tile, pixels.
const TILE_MAX_PX: f64 = 4_000.0;
/// Masks, each as large as the page.
const MASKS_MAX: usize = 60;
/// Patterns and masks within each other.
const DEPTH_MAX: u8 = 6;

/// Thrown through the interpreter, which has no other way to be stopped.
struct TooDear;

/// Whether the page can be drawn at this scale, pixels a point. A panic of the interpreter counts as no.
pub fn affordable(page: &Page<'_>, scale: f32, settings: &InterpreterSettings) -> bool {
    let (width, height) = page.render_dimensions();
    let target = Rect::new(0.0, 0.0, f64::from(width * scale), f64::from(height * scale));
    let asked = catch_unwind(AssertUnwindSafe(|| {
        let cache = InterpreterCache::new();
        let place = Affine::scale(f64::from(scale)) * page.initial_transform(true).to_kurbo();
        let mut context = Context::new(place, target, &cache, page.xref(), settings.clone());
        let mut bill = Bill { target, left: OPERATIONS_MAX, pixels: 0, masks: HashSet::new(), depth: 0 };
        interpret_page(page, &mut context, &mut bill);
    }));
    asked.is_ok()
}

struct Bill {
    target: Rect,
    left: u32,
    pixels: u64,
    masks: HashSet<u128>,
    depth: u8,
}

impl Bill {
    fn spend(&mut self, operations: u32) {
        match self.left.checked_sub(operations) {
            Some(left) => self.left = left,
            None => resume_unwind(Box::new(TooDear)),
        }
    }

    fn must(&self, holds: bool) {
        if !holds {
            resume_unwind(Box::new(TooDear));
        }
    }

    /// Asks what something within would take; gives its operations.
    fn within(&mut self, ask: impl FnOnce(&mut Self)) -> u32 {
        self.depth += 1;
        self.must(self.depth <= DEPTH_MAX);
        let before = self.left;
        ask(self);
        self.depth -= 1;
        before - self.left
    }

    fn mask<'a>(&mut self, mask: Option<&SoftMask<'a>>) {
        self.spend(1);
        let Some(mask) = mask else { return };
        // A mask is drawn once, however often it is used.
        if self.masks.insert(mask.cache_key()) {
            self.must(self.masks.len() <= MASKS_MAX);
            self.spend(PROGRAM_COST);
            self.within(|bill| mask.interpret(bill));
        }
    }

    fn paint<'a>(&mut self, paint: &Paint<'a>, area: Rect, mode: &DrawMode) {
        let Paint::Pattern(pattern) = paint else { return };
        self.spend(PROGRAM_COST);
        if let Pattern::Tiling(tiling) = pattern.as_ref() {
            self.tiles(tiling, area, matches!(mode, DrawMode::Stroke(_)));
        }
    }

    fn tiles<'a>(&mut self, tiling: &TilingPattern<'a>, area: Rect, stroke: bool) {
        let area = tiling.matrix.inverse().transform_rect_bbox(area);
        let (x_advance, y_advance) = x_y_advances(&tiling.matrix);
        let across = tiles_along(tiling.bbox.width(), tiling.x_step, area.width(), x_advance.length());
        let down = tiles_along(tiling.bbox.height(), tiling.y_step, area.height(), y_advance.length());
        let copies = across.zip(down).map(|(across, down)| across * down).filter(|copies| *copies <= f64::from(OPERATIONS_MAX));
        self.must(copies.is_some());
        let one = self.within(|bill| {
            tiling.interpret(bill, tiling.matrix, stroke);
        });
        let all = f64::from(one + PROGRAM_COST) * copies.unwrap_or_default();
        self.spend(if all < f64::from(u32::MAX) { all as u32 } else { u32::MAX });
    }

    fn stream(&mut self, stream: &Stream<'_>) {
        let side = |long: &[u8], short: &[u8]| stream.dict().get::<u32>(long).or_else(|| stream.dict().get::<u32>(short)).unwrap_or(0);
        let pixels = u64::from(side(b"Width", b"W")) * u64::from(side(b"Height", b"H"));
        self.pixels += pixels.min(IMAGE_PIXELS_MAX + 1);
        self.must(pixels <= IMAGE_PIXELS_MAX && self.pixels <= PAGE_PIXELS_MAX);
        self.must(ink::decodes_within(stream, IMAGE_BYTES_MAX));
    }
}

/// How many tiles are laid along one axis to fill the one texture that is repeated; `None` when that is too large.
fn tiles_along(cell: f64, step: f32, visible: f64, scale: f64) -> Option<f64> {
    let step = f64::from(step.abs());
    let repeats = visible >= step;
    let texture_px = scale * if repeats { step } else { visible };
    let tiles = (cell + if repeats { 0.0 } else { visible }) / step + 2.0;
    (texture_px.is_finite() && texture_px <= TILE_MAX_PX && tiles.is_finite()).then_some(tiles)
}

impl<'a> Device<'a> for Bill {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.spend(1 + path.elements().len() as u32);
        self.mask(props.soft_mask.as_ref());
        if let Paint::Pattern(_) = &props.paint {
            let area = props.transform.transform_rect_bbox(path.control_box());
            self.paint(&props.paint, area, mode);
        }
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.spend(1 + clip.path.elements().len() as u32);
    }

    fn push_transparency_group(&mut self, _: f32, mask: Option<SoftMask<'a>>, _: BlendMode) {
        self.mask(mask.as_ref());
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        self.mask(props.soft_mask.as_ref());
        self.paint(&props.paint, self.target, mode);
        for glyph in run.glyphs() {
            self.spend(if matches!(**glyph, Glyph::Type3(_)) { PROGRAM_COST } else { 1 });
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.mask(props.soft_mask.as_ref());
        let hull = props.transform.transform_rect_bbox(Rect::new(0.0, 0.0, f64::from(image.width()), f64::from(image.height())));
        if !hull.overlaps(self.target) && self.depth == 0 {
            return;
        }
        let stream = match &image {
            Image::Stencil(stencil) => stencil.stream(),
            Image::Raster(raster) => raster.stream(),
        };
        self.stream(stream);
        let dict: &Dict<'_> = stream.dict();
        for mask in [b"SMask".as_slice(), b"Mask"] {
            if let Some(mask) = dict.get::<Stream<'_>>(mask) {
                self.stream(&mask);
            }
        }
    }

    fn pop_clip(&mut self) {
        self.spend(1);
    }

    fn pop_transparency_group(&mut self) {
        self.spend(1);
    }
}
