//! Colours of a plain page: the interpreter says what each leaves on paper, once.

use super::super::paint::{Look, look};
use super::super::pen::Shared;
use super::{NotPlain, Walk, written_name};
use hayro_interpret::font::GlyphRun;
use hayro_interpret::hayro_syntax::content::TypedIter;
use hayro_interpret::hayro_syntax::object::{Name, Number};
use hayro_interpret::kurbo::{Affine, BezPath, Rect};
use hayro_interpret::{BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, Paint, SoftMask, interpret};
use std::fmt::Write;

/// A colour: the operators that set it, and what it leaves on paper.
pub(super) struct Colour<'a> {
    pub set: String,
    /// Length of the part of them that sets the colour space.
    pub space: usize,
    pub paint: Paint<'a>,
    pub look: Look,
}

impl<'a, C: Fn(Affine, Rect) -> Context<'a>> Walk<'_, 'a, '_, C> {
    pub(super) fn colour(&mut self, stroke: bool, parts: &[Number], operator: &str) -> Result<(), NotPlain> {
        let set = written(parts, operator);
        let space = set.len();
        self.choose(stroke, set, space)
    }

    pub(super) fn colour_space(&mut self, stroke: bool, name: &Name<'_>) -> Result<(), NotPlain> {
        let set = format!("{} {} ", written_name(name), if stroke { "CS" } else { "cs" });
        let space = set.len();
        self.choose(stroke, set, space)
    }

    pub(super) fn colour_in_space(&mut self, stroke: bool, parts: &[Number]) -> Result<(), NotPlain> {
        let now = &self.colours[if stroke { self.state.stroke } else { self.state.fill }];
        let space = now.space;
        let set = format!("{}{}", &now.set[..space], written(parts, if stroke { "SCN" } else { "scn" }));
        self.choose(stroke, set, space)
    }

    pub(super) fn choose(&mut self, stroke: bool, set: String, space: usize) -> Result<(), NotPlain> {
        let number = match self.by_operators.get(&set) {
            Some(number) => *number,
            None => {
                let mut probe = Probe { shared: self.pen.shared, seen: None };
                let content = format!("{set} 0 0 9 9 re {}", if stroke { "S" } else { "f" });
                let sheet = Rect::new(0.0, 0.0, 9.0, 9.0);
                interpret(TypedIter::new(content.as_bytes()), self.resources, &mut (self.context)(Affine::IDENTITY, sheet), &mut probe);
                let (paint, look) = probe.seen.ok_or(NotPlain)?;
                if matches!(paint, Paint::Pattern(_)) {
                    return Err(NotPlain);
                }
                self.colours.push(Colour { set: set.clone(), space, paint, look });
                self.by_operators.insert(set, self.colours.len() - 1);
                self.colours.len() - 1
            }
        };
        *(if stroke { &mut self.state.stroke } else { &mut self.state.fill }) = number;
        Ok(())
    }
}

/// Learns what a colour leaves on paper.
struct Probe<'s, 'a> {
    shared: &'s Shared,
    seen: Option<(Paint<'a>, Look)>,
}

impl<'a> Device<'a> for Probe<'_, 'a> {
    fn draw_path(&mut self, _: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        let look = look(&props.paint, props.blend_mode, matches!(mode, DrawMode::Stroke(_)), self.shared);
        self.seen = Some((props.paint, look));
    }
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_glyph_run(&mut self, _: &GlyphRun<'_, 'a>, _: DrawProps<'a>, _: &DrawMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// Operands and their operator as content.
fn written(parts: &[Number], operator: &str) -> String {
    let mut text = String::new();
    for part in parts {
        let _ = write!(text, "{} ", part.as_f32());
    }
    text + operator + " "
}
