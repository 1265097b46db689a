//! Follows a page of plain text, lines and pictures, as letters are: what the interpreter does with such a page, without
//! what it does for all others. A page that asks for anything else is left to the interpreter, whole.
//!
//! Numbers are rounded in the same order as there: both give the same facts, and a test holds them to it.

mod colour;
mod path;
mod text;

use super::faces::Faces;
use super::paint::{Look, is_image};
use super::pen::Pen;
use colour::Colour;
use hayro_interpret::hayro_syntax::content::TypedIter;
use hayro_interpret::hayro_syntax::content::ops::{Transform, TypedInstruction};
use hayro_interpret::hayro_syntax::object::{Name, Number, Object};
use hayro_interpret::hayro_syntax::page::{Page, Resources};
use hayro_interpret::kurbo::{Affine, BezPath, Cap, Join, Point, Rect};
use hayro_interpret::{Context, Device, FillRule, InterpreterSettings, interpret};
use std::collections::HashMap;
use std::fmt::Write;
use text::Spot;

/// States saved at a time.
const SAVED_MAX: usize = 64;

/// What is asked for is not plain.
struct NotPlain;

/// The graphics state, as far as plain pages change it.
#[derive(Clone, Copy)]
struct State {
    ctm: Affine,
    /// Numbers of colours.
    fill: usize,
    stroke: usize,
    line_width: f32,
    line_cap: Cap,
    line_join: Join,
    miter_limit: f32,
    /// Number of the font among the document's.
    font: Option<usize>,
    /// Number of its name among the page's.
    font_name: usize,
    font_size: f32,
    char_space: f32,
    word_space: f32,
    horizontal_scaling: f32,
    leading: f32,
    rise: f32,
    mode: i64,
    matrix: Affine,
    line_matrix: Affine,
    clips: usize,
}

/// Draws a plain page. `false` says that it is none: what the pen has seen then is worth nothing.
pub fn draw_page<'a>(
    page: &Page<'a>,
    place: Affine,
    sheet: Rect,
    faces: &mut Faces<'a>,
    settings: &InterpreterSettings,
    context: &impl Fn(Affine, Rect) -> Context<'a>,
    pen: &mut Pen<'_>,
) -> bool {
    let Some(content) = page.page_stream() else { return false };
    let mut walk = Walk::new(page.resources(), place, sheet, faces, settings, context, pen);
    walk.run(content).is_ok()
}

struct Walk<'w, 'a, 's, C> {
    resources: &'w Resources<'a>,
    faces: &'w mut Faces<'a>,
    settings: &'w InterpreterSettings,
    context: &'w C,
    pen: &'w mut Pen<'s>,
    state: State,
    saved: Vec<State>,
    colours: Vec<Colour<'a>>,
    by_operators: HashMap<String, usize>,
    fonts: HashMap<Vec<u8>, (Option<usize>, usize)>,
    font_names: Vec<String>,
    path: BezPath,
    start: Point,
    last: Point,
    clip: Option<FillRule>,
    /// Boxes of clips, and whether the pen knows each.
    boxes: Vec<Rect>,
    clips: Vec<bool>,
    /// Glyphs of the run in hand, and from thousandths of their size to the page's units, the place aside.
    run: Vec<Spot>,
    run_coefficients: [f64; 4],
}

impl<'w, 'a, 's, C: Fn(Affine, Rect) -> Context<'a>> Walk<'w, 'a, 's, C> {
    fn new(
        resources: &'w Resources<'a>,
        place: Affine,
        sheet: Rect,
        faces: &'w mut Faces<'a>,
        settings: &'w InterpreterSettings,
        context: &'w C,
        pen: &'w mut Pen<'s>,
    ) -> Self {
        let state = State {
            ctm: place,
            fill: 0,
            stroke: 0,
            line_width: 1.0,
            line_cap: Cap::Butt,
            line_join: Join::Miter,
            miter_limit: 10.0,
            font: None,
            font_name: 0,
            font_size: 1.0,
            char_space: 0.0,
            word_space: 0.0,
            horizontal_scaling: 100.0,
            leading: 0.0,
            rise: 0.0,
            mode: 0,
            matrix: Affine::IDENTITY,
            line_matrix: Affine::IDENTITY,
            clips: 0,
        };
        let black =
            Colour { set: String::new(), space: 0, paint: super::paint::black(), look: Look::Ink { colour: false, through: false } };
        Self {
            resources,
            faces,
            settings,
            context,
            pen,
            state,
            saved: Vec::new(),
            colours: vec![black],
            by_operators: HashMap::new(),
            fonts: HashMap::new(),
            font_names: Vec::new(),
            path: BezPath::new(),
            start: Point::ORIGIN,
            last: Point::ORIGIN,
            clip: None,
            boxes: vec![sheet],
            clips: Vec::new(),
            run: Vec::new(),
            run_coefficients: [0.0; 4],
        }
    }

    fn run(&mut self, content: &[u8]) -> Result<(), NotPlain> {
        let mut operations = TypedIter::new(content);
        while let Some(operation) = operations.next() {
            self.operation(operation)?;
        }
        self.back_to(0);
        Ok(())
    }

    fn operation(&mut self, operation: TypedInstruction<'_, '_>) -> Result<(), NotPlain> {
        use TypedInstruction as Op;
        match operation {
            Op::SaveState(_) if self.saved.len() < SAVED_MAX => {
                self.saved.push(self.state);
                self.state.clips = self.clips.len();
            }
            Op::RestoreState(_) => {
                self.back_to(self.state.clips);
                self.state = self.saved.pop().ok_or(NotPlain)?;
            }
            Op::Transform(Transform(a, b, c, d, e, f)) => self.state.ctm *= affine([a, b, c, d, e, f]),
            Op::LineWidth(width) => self.state.line_width = width.0.as_f32(),
            Op::LineCap(cap) => self.state.line_cap = line_cap(cap.0.as_i64()),
            Op::LineJoin(join) => self.state.line_join = line_join(join.0.as_i64()),
            Op::MiterLimit(limit) => self.state.miter_limit = limit.0.as_f32(),
            Op::SetGraphicsState(name) => self.graphics_state(name.0)?,
            Op::NonStrokeColorDeviceGray(c) => self.colour(false, &[c.0], "g")?,
            Op::NonStrokeColorDeviceRgb(c) => self.colour(false, &[c.0, c.1, c.2], "rg")?,
            Op::NonStrokeColorCmyk(c) => self.colour(false, &[c.0, c.1, c.2, c.3], "k")?,
            Op::StrokeColorDeviceGray(c) => self.colour(true, &[c.0], "G")?,
            Op::StrokeColorDeviceRgb(c) => self.colour(true, &[c.0, c.1, c.2], "RG")?,
            Op::StrokeColorCmyk(c) => self.colour(true, &[c.0, c.1, c.2, c.3], "K")?,
            Op::ColorSpaceNonStroke(space) => self.colour_space(false, space.0)?,
            Op::ColorSpaceStroke(space) => self.colour_space(true, space.0)?,
            Op::NonStrokeColor(c) => self.colour_in_space(false, &c.0)?,
            Op::StrokeColor(c) => self.colour_in_space(true, &c.0)?,
            Op::NonStrokeColorNamed(c) if c.1.is_none() => self.colour_in_space(false, &c.0)?,
            Op::StrokeColorNamed(c) if c.1.is_none() => self.colour_in_space(true, &c.0)?,
            Op::RectPath(r) => self.rectangle([r.0, r.1, r.2, r.3]),
            Op::MoveTo(m) => {
                self.last = point(m.0, m.1);
                self.start = self.last;
                self.path.move_to(self.last);
            }
            Op::LineTo(l) => self.line_to(point(l.0, l.1)),
            Op::CubicTo(c) => self.curve_to(point(c.0, c.1), point(c.2, c.3), point(c.4, c.5)),
            Op::CubicStartTo(c) => self.curve_to(self.last, point(c.0, c.1), point(c.2, c.3)),
            Op::CubicEndTo(c) => self.curve_to(point(c.0, c.1), point(c.2, c.3), point(c.2, c.3)),
            Op::ClosePath(_) => self.close(),
            Op::ClipNonZero(_) => self.clip = Some(FillRule::NonZero),
            Op::ClipEvenOdd(_) => self.clip = Some(FillRule::EvenOdd),
            Op::EndPath(_) => self.end_path(),
            Op::FillPathNonZero(_) | Op::FillPathNonZeroCompatibility(_) => self.paint_path(Some(FillRule::NonZero), false),
            Op::FillPathEvenOdd(_) => self.paint_path(Some(FillRule::EvenOdd), false),
            Op::StrokePath(_) => self.paint_path(None, true),
            Op::FillAndStrokeNonZero(_) => self.paint_path(Some(FillRule::NonZero), true),
            Op::FillAndStrokeEvenOdd(_) => self.paint_path(Some(FillRule::EvenOdd), true),
            Op::CloseAndStrokePath(_) => {
                self.close();
                self.paint_path(None, true);
            }
            Op::CloseFillAndStrokeNonZero(_) => {
                self.close();
                self.paint_path(Some(FillRule::NonZero), true);
            }
            Op::CloseFillAndStrokeEvenOdd(_) => {
                self.close();
                self.paint_path(Some(FillRule::EvenOdd), true);
            }
            Op::XObject(name) => self.x_object(name.0)?,
            Op::BeginMarkedContent(_) => self.pen.begin_marked_content(&[], None),
            Op::BeginMarkedContentWithProperties(marked) => self.marked_content(marked.1)?,
            // None of these changes what is printed, or nothing that is looked at.
            Op::DashPattern(_)
            | Op::RenderingIntent(_)
            | Op::FlatnessTolerance(_)
            | Op::MarkedContentPoint(_)
            | Op::MarkedContentPointWithProperties(_)
            | Op::EndMarkedContent(_)
            | Op::BeginCompatibility(_)
            | Op::EndCompatibility(_)
            | Op::EndText(_)
            | Op::Fallback(_) => {}
            other => return self.text_operation(other),
        }
        Ok(())
    }

    fn graphics_state(&mut self, name: &Name<'_>) -> Result<(), NotPlain> {
        let Some(dict) = self.resources.get_ext_g_state(name) else { return Ok(()) };
        for key in dict.keys() {
            let name_of = |key: &[u8]| dict.get::<Name<'_>>(key);
            let plain = match key.as_ref() {
                b"LW" => dict.get::<f32>(b"LW").is_none_or(|width| {
                    self.state.line_width = width;
                    true
                }),
                b"LC" => dict.get::<Number>(b"LC").is_none_or(|cap| {
                    self.state.line_cap = line_cap(cap.as_i64());
                    true
                }),
                b"LJ" => dict.get::<Number>(b"LJ").is_none_or(|join| {
                    self.state.line_join = line_join(join.as_i64());
                    true
                }),
                b"ML" => dict.get::<f32>(b"ML").is_none_or(|limit| {
                    self.state.miter_limit = limit;
                    true
                }),
                opacity @ (b"CA" | b"ca") => dict.get::<f32>(opacity).is_none_or(|opacity| opacity == 1.0),
                b"TR" | b"TR2" => matches!(dict.get::<Object<'_>>(b"TR2").or_else(|| dict.get(b"TR")), Some(Object::Name(_))),
                b"SMask" => name_of(b"SMask").is_some(),
                b"BM" => name_of(b"BM").is_some_and(|mode| matches!(mode.as_ref(), b"Normal" | b"Compatible")),
                b"Font" => false,
                _ => true,
            };
            if !plain {
                return Err(NotPlain);
            }
        }
        Ok(())
    }

    fn marked_content(&mut self, properties: &Object<'_>) -> Result<(), NotPlain> {
        // What may be a layer is looked up by its number.
        let layer = match properties {
            Object::Name(name) => self.resources.properties.get_ref(name.as_ref()).is_some(),
            Object::Dict(dict) => dict.get_ref(b"OC").is_some(),
            Object::Stream(_) => true,
            _ => false,
        };
        self.pen.begin_marked_content(&[], None);
        if layer { Err(NotPlain) } else { Ok(()) }
    }

    /// Pictures and forms are drawn by the interpreter, in the state that they find.
    fn x_object(&mut self, name: &Name<'_>) -> Result<(), NotPlain> {
        if !self.path.elements().is_empty() {
            return Err(NotPlain);
        }
        let Some(stream) = self.resources.get_x_object(name) else { return Ok(()) };
        let state = &self.state;
        let mut call = String::new();
        if !is_image(stream.dict()) {
            let _ = write!(call, "{}{}", self.colours[state.stroke].set, stroke_state(state));
            if state.font.is_some() {
                let _ = write!(call, "{} {} Tf ", self.font_names[state.font_name], state.font_size);
            }
        }
        let _ = write!(call, "{}{} Do", self.colours[state.fill].set, written_name(name));
        let box_now = self.box_now();
        interpret(TypedIter::new(call.as_bytes()), self.resources, &mut (self.context)(state.ctm, box_now), self.pen);
        Ok(())
    }
}

fn point(x: Number, y: Number) -> Point {
    Point::new(x.as_f64(), y.as_f64())
}

fn affine(numbers: [Number; 6]) -> Affine {
    Affine::new(numbers.map(|number| number.as_f64()))
}

fn line_cap(number: i64) -> Cap {
    match number {
        1 => Cap::Round,
        2 => Cap::Square,
        _ => Cap::Butt,
    }
}

fn line_join(number: i64) -> Join {
    match number {
        1 => Join::Round,
        2 => Join::Bevel,
        _ => Join::Miter,
    }
}

fn written_name(name: &Name<'_>) -> String {
    name.as_ref().iter().fold("/".to_owned(), |text, byte| text + &format!("#{byte:02X}"))
}

/// The operators that set what a form takes over from its page, colours and font aside.
fn stroke_state(state: &State) -> String {
    let cap = [Cap::Butt, Cap::Round, Cap::Square].iter().position(|cap| *cap == state.line_cap).unwrap_or(0);
    let join = [Join::Miter, Join::Round, Join::Bevel].iter().position(|join| *join == state.line_join).unwrap_or(0);
    let State { line_width, miter_limit, char_space, word_space, horizontal_scaling, leading, rise, mode, .. } = state;
    format!(
        "{line_width} w {cap} J {join} j {miter_limit} M {char_space} Tc {word_space} Tw {horizontal_scaling} Tz {leading} TL {rise} Ts {mode} Tr "
    )
}
