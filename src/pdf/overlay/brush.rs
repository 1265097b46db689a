//! Areas, lines and text on the picture, in pixels from its top left corner.

use crate::pdf::face::Face;
use hayro::kurbo::{Affine, BezPath, Circle, Point, Rect, Shape, Stroke};
use hayro::vello_cpu::color::{AlphaColor, Srgb};
use hayro::vello_cpu::peniko::{Extend, ImageQuality, ImageSampler};
use hayro::vello_cpu::{Image, ImageSource, Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, MetadataProvider};
use std::sync::Arc;

/// Red, green, blue, and how much covers what is below.
pub type Colour = [u8; 4];

/// Largest side of a picture.
const SIDE_MAX_PX: f64 = 8_000.0;
const BACKGROUND: Colour = [243, 243, 240, 255];

pub struct Brush {
    context: RenderContext,
}

impl Brush {
    pub fn new(width: f64, height: f64) -> Result<Self, String> {
        let side = |px: f64| (px.is_finite() && (1.0..=SIDE_MAX_PX).contains(&px)).then_some(px.ceil() as u16);
        let (Some(width), Some(height)) = (side(width), side(height)) else {
            return Err(format!("a picture of {width:.0}x{height:.0} pixels is too large"));
        };
        Ok(Self { context: RenderContext::new(width, height) })
    }

    pub fn area(&mut self, area: Rect, colour: Colour) {
        self.context.set_paint(of(colour));
        self.context.fill_rect(&area);
    }

    /// A line along the border, inside and outside of it alike; dashed where `dash` says how long, pixels.
    pub fn border(&mut self, area: Rect, width: f64, colour: Colour, dash: Option<f64>) {
        self.line(&area.to_path(0.1), width, colour, dash);
    }

    pub fn segment(&mut self, from: Point, to: Point, width: f64, colour: Colour) {
        let mut path = BezPath::new();
        path.move_to(from);
        path.line_to(to);
        self.line(&path, width, colour, None);
    }

    fn line(&mut self, path: &BezPath, width: f64, colour: Colour, dash: Option<f64>) {
        let stroke = Stroke::new(width);
        self.context.set_stroke(match dash {
            Some(dash) => stroke.with_dashes(0.0, [dash, dash * 0.7]),
            None => stroke,
        });
        self.context.set_paint(of(colour));
        self.context.stroke_path(path);
    }

    /// Slanting lines: rising to the right, or falling.
    pub fn hatch(&mut self, area: Rect, step: f64, rising: bool, colour: Colour) {
        self.context.push_clip_rect(&area);
        let mut path = BezPath::new();
        let high = area.height();
        // From a grid that all areas share: neighbours run on into each other.
        let mut x = ((area.x0 - high) / step).floor() * step;
        let shift = if rising { area.y1.rem_euclid(step) } else { -area.y0.rem_euclid(step) };
        while x <= area.x1 + high {
            let (from, to) = if rising { (area.y1, area.y0) } else { (area.y0, area.y1) };
            path.move_to((x - shift, from));
            path.line_to((x - shift + high, to));
            x += step;
        }
        self.line(&path, 1.0, colour, None);
        self.context.pop_clip();
    }

    pub fn disc(&mut self, centre: Point, radius: f64, colour: Colour) {
        self.context.set_paint(of(colour));
        self.context.fill_path(&Circle::new(centre, radius).to_path(0.05));
    }

    pub fn rounded(&mut self, area: Rect, radius: f64, colour: Colour) {
        self.context.set_paint(of(colour));
        self.context.fill_path(&area.to_rounded_rect(radius).to_path(0.05));
    }

    pub fn image(&mut self, pixels: &Arc<Pixmap>, x: f64, y: f64) {
        let (width, height) = (f64::from(pixels.width()), f64::from(pixels.height()));
        let sampler = ImageSampler { x_extend: Extend::Pad, y_extend: Extend::Pad, quality: ImageQuality::Low, alpha: 1.0 };
        self.context.set_paint(Image { image: ImageSource::Pixmap(Arc::clone(pixels)), sampler });
        self.context.set_paint_transform(Affine::translate((x, y)));
        self.context.fill_rect(&Rect::new(x, y, x + width, y + height));
        self.context.reset_paint_transform();
    }

    /// One line of text; what the face does not have is left out.
    pub fn text(&mut self, face: &Face, size: f64, at: Point, text: &str, colour: Colour) {
        let Ok(font) = FontRef::new(&face.font.original_bytes) else { return };
        let (glyphs, names) = (font.outline_glyphs(), font.charmap());
        let mut pen = GlyphPen { path: BezPath::new(), at };
        let mut letter = [0; 4];
        for c in text.chars() {
            if let Some(glyph) = names.map(c).and_then(|id| glyphs.get(id)) {
                // A glyph that cannot be drawn leaves a gap.
                let _ = glyph.draw(DrawSettings::unhinted(Size::new(size as f32), LocationRef::default()), &mut pen);
            }
            pen.at.x += width(face, size, c.encode_utf8(&mut letter));
        }
        self.context.set_paint(of(colour));
        self.context.fill_path(&pen.path);
    }

    pub fn png(mut self) -> Result<Vec<u8>, String> {
        self.context.flush();
        let mut pixels = Pixmap::new(self.context.width(), self.context.height());
        let settings = RasterizerSettings { target_init: TargetInit::Clear(of(BACKGROUND)), ..RasterizerSettings::default() };
        self.context.render_with(&mut pixels, &mut Resources::default(), settings);
        pixels.into_png().map_err(|fault| format!("writing a PNG: {fault}"))
    }
}

fn of([red, green, blue, alpha]: Colour) -> AlphaColor<Srgb> {
    AlphaColor::from_rgba8(red, green, blue, alpha)
}

/// Width of a text in the units of its size.
pub fn width(face: &Face, size: f64, text: &str) -> f64 {
    f64::from(face.width(text)) * size / 1000.0
}

/// Turns a font's upward outlines into the picture's downward ones.
struct GlyphPen {
    path: BezPath,
    at: Point,
}

impl GlyphPen {
    fn place(&self, x: f32, y: f32) -> Point {
        Point::new(self.at.x + f64::from(x), self.at.y - f64::from(y))
    }
}

impl OutlinePen for GlyphPen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.place(x, y));
    }
    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.place(x, y));
    }
    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path.quad_to(self.place(cx, cy), self.place(x, y));
    }
    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        self.path.curve_to(self.place(ax, ay), self.place(bx, by), self.place(x, y));
    }
    fn close(&mut self) {
        self.path.close_path();
    }
}
