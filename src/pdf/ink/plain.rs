//! Follows a page of plain text, lines and pictures, as letters are: what the interpreter does with such a page, without
//! what it does for all others. A page that asks for anything else is left to the interpreter, whole.
//!
//! Numbers are rounded in the same order as there: both give the same facts, and a test holds them to it.

use super::faces::{Faces, Letter};
use super::glyphs::{Style, Turned};
use super::paint::{Look, is_image, look};
use super::pen::{Pen, Shared, half_pen_mm, to_mm};
use hayro_interpret::font::GlyphRun;
use hayro_interpret::hayro_syntax::content::TypedIter;
use hayro_interpret::hayro_syntax::content::ops::{Transform, TypedInstruction};
use hayro_interpret::hayro_syntax::object::{Name, Number, Object};
use hayro_interpret::hayro_syntax::page::{Page, Resources};
use hayro_interpret::kurbo::{Affine, BezPath, Cap, Join, PathEl, Point, Rect, Shape, Vec2};
use hayro_interpret::util::{Float32Ext, Float64Ext, x_y_advances};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, FillRule, Image, ImageDrawProps, InterpreterSettings, Paint, SoftMask,
    StrokeProps, interpret,
};
use std::collections::HashMap;
use std::fmt::Write;

const UNITS_PER_EM: f32 = 1000.0;
/// States saved at a time.
const SAVED_MAX: usize = 64;

/// What is asked for is not plain.
struct NotPlain;

/// A colour: the operators that set it, and what it leaves on paper.
struct Colour<'a> {
    set: String,
    /// Length of the part of them that sets the colour space.
    space: usize,
    paint: Paint<'a>,
    look: Look,
}

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
    /// Glyphs of the run in hand: where each stands, and its number in the font.
    run: Vec<(Affine, usize)>,
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

    fn text_operation(&mut self, operation: TypedInstruction<'_, '_>) -> Result<(), NotPlain> {
        use TypedInstruction as Op;
        let state = &mut self.state;
        match operation {
            Op::BeginText(_) => (state.matrix, state.line_matrix) = (Affine::IDENTITY, Affine::IDENTITY),
            Op::SetTextMatrix(m) => {
                state.line_matrix = affine([m.0, m.1, m.2, m.3, m.4, m.5]);
                state.matrix = state.line_matrix;
            }
            Op::TextFont(font) => self.select(font.0, font.1.as_f32())?,
            Op::CharacterSpacing(space) => state.char_space = space.0.as_f32(),
            Op::WordSpacing(space) => state.word_space = space.0.as_f32(),
            Op::HorizontalScaling(scaling) => state.horizontal_scaling = scaling.0.as_f32(),
            Op::TextLeading(leading) => state.leading = leading.0.as_f32(),
            Op::TextRise(rise) => state.rise = rise.0.as_f32(),
            Op::TextRenderingMode(mode) => {
                state.mode = mode.0.as_i64();
                if (4..=7).contains(&state.mode) {
                    return Err(NotPlain);
                }
            }
            Op::NextLine(to) => state.next_line(to.0.as_f64(), to.1.as_f64()),
            Op::NextLineAndSetLeading(to) => {
                state.leading = -to.1.as_f64() as f32;
                state.next_line(to.0.as_f64(), to.1.as_f64());
            }
            Op::NextLineUsingLeading(_) => state.next_line(0.0, -f64::from(state.leading)),
            Op::ShowText(text) => self.show(&Object::String(text.0.clone()))?,
            Op::NextLineAndShowText(text) => {
                state.next_line(0.0, -f64::from(state.leading));
                self.show(&Object::String(text.0.clone()))?;
            }
            Op::ShowTextWithParameters(text) => {
                (state.word_space, state.char_space) = (text.0.as_f32(), text.1.as_f32());
                state.next_line(0.0, -f64::from(state.leading));
                self.show(&Object::String(text.2.clone()))?;
            }
            Op::ShowTexts(texts) => {
                self.run.clear();
                for item in texts.0.iter::<Object<'_>>() {
                    self.append(&item)?;
                }
                self.show_run();
            }
            _ => return Err(NotPlain),
        }
        Ok(())
    }

    // Colours: the interpreter says what each is.

    fn colour(&mut self, stroke: bool, parts: &[Number], operator: &str) -> Result<(), NotPlain> {
        let set = written(parts, operator);
        let space = set.len();
        self.choose(stroke, set, space)
    }

    fn colour_space(&mut self, stroke: bool, name: &Name<'_>) -> Result<(), NotPlain> {
        let set = format!("{} {} ", written_name(name), if stroke { "CS" } else { "cs" });
        let space = set.len();
        self.choose(stroke, set, space)
    }

    fn colour_in_space(&mut self, stroke: bool, parts: &[Number]) -> Result<(), NotPlain> {
        let now = &self.colours[if stroke { self.state.stroke } else { self.state.fill }];
        let space = now.space;
        let set = format!("{}{}", &now.set[..space], written(parts, if stroke { "SCN" } else { "scn" }));
        self.choose(stroke, set, space)
    }

    fn choose(&mut self, stroke: bool, set: String, space: usize) -> Result<(), NotPlain> {
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

    // Paths.

    fn rectangle(&mut self, [x, y, width, height]: [Number; 4]) {
        let rect = Rect::new(x.as_f64(), y.as_f64(), x.as_f64() + width.as_f64(), y.as_f64() + height.as_f64());
        self.path.extend(rect.path_elements(0.1));
        (self.last, self.start) = (point(x, y), point(x, y));
    }

    fn line_to(&mut self, to: Point) {
        if self.path.elements().is_empty() {
            return;
        }
        // A line of no length may still be drawn by a round pen.
        let nudge = if self.last == to { 0.0001 } else { 0.0 };
        self.last = to;
        self.path.line_to((to.x + nudge, to.y));
    }

    fn curve_to(&mut self, one: Point, two: Point, to: Point) {
        if !self.path.elements().is_empty() {
            self.last = to;
            self.path.curve_to(one, two, to);
        }
    }

    fn close(&mut self) {
        if self.path.elements().last() != Some(&PathEl::ClosePath) && !self.path.is_empty() {
            self.path.close_path();
            self.last = self.start;
        }
    }

    fn paint_path(&mut self, fill: Option<FillRule>, stroke: bool) {
        let props = |paint: &Paint<'a>| DrawProps {
            transform: self.state.ctm,
            paint: paint.clone(),
            soft_mask: None,
            blend_mode: BlendMode::Normal,
        };
        let rect = as_rect(&self.path).map(|rect| rect.to_path(0.1));
        if let Some(rule) = fill {
            let props = props(&self.colours[self.state.fill].paint);
            let hull = hull_of(&self.path);
            let (x, y) = x_y_advances(&self.state.ctm);
            if ((hull.width() * x.length()) as f32).is_nearly_zero() || ((hull.height() * y.length()) as f32).is_nearly_zero() {
                // An area of no width is a thin line.
                let line = BezPath::from_vec(vec![PathEl::MoveTo((hull.x0, hull.y0).into()), PathEl::LineTo((hull.x1, hull.y1).into())]);
                let scale = x.length().max(y.length()) as f32;
                let line_width = if scale > 0.0 { 1.0 / scale } else { 0.001 };
                let stroke = StrokeProps { line_width, line_join: Join::Bevel, line_cap: Cap::Butt, ..StrokeProps::default() };
                self.pen.draw_path(&line, props, &DrawMode::Stroke(stroke));
            } else {
                self.pen.draw_path(rect.as_ref().unwrap_or(&self.path), props, &DrawMode::Fill(rule));
            }
        }
        if stroke {
            let props = props(&self.colours[self.state.stroke].paint);
            let State { line_width, line_cap, line_join, miter_limit, .. } = self.state;
            let stroke = StrokeProps { line_width, line_cap, line_join, miter_limit, ..StrokeProps::default() };
            self.pen.draw_path(rect.as_ref().unwrap_or(&self.path), props, &DrawMode::Stroke(stroke));
        }
        self.end_path();
    }

    fn end_path(&mut self) {
        if let Some(fill) = self.clip.take()
            && !self.path.elements().is_empty()
        {
            self.push_clip(self.state.ctm * self.path.clone(), fill);
        }
        self.path.truncate(0);
    }

    fn box_now(&self) -> Rect {
        self.boxes.last().copied().unwrap_or(Rect::new(0.0, 0.0, 1.0, 1.0))
    }

    fn push_clip(&mut self, path: BezPath, fill: FillRule) {
        let now = self.box_now();
        let hull = match as_rect(&path) {
            Some(rect) => {
                let covers = now.min_x().is_nearly_greater_or_equal(rect.min_x())
                    && now.min_y().is_nearly_greater_or_equal(rect.min_y())
                    && now.max_x().is_nearly_less_or_equal(rect.max_x())
                    && now.max_y().is_nearly_less_or_equal(rect.max_y());
                // What takes nothing away is not told.
                if covers {
                    return self.clips.push(false);
                }
                self.pen.push_clip_rect(&rect);
                rect
            }
            None => {
                let hull = path.bounding_box();
                self.pen.push_clip_path(&ClipPath { path, fill });
                hull
            }
        };
        self.boxes.push(now.intersect(hull));
        self.clips.push(true);
    }

    fn back_to(&mut self, clips: usize) {
        while self.clips.len() > clips {
            if self.clips.pop() == Some(true) {
                self.pen.pop_clip();
                self.boxes.pop();
            }
        }
    }

    // Text.

    fn select(&mut self, name: &Name<'_>, size: f32) -> Result<(), NotPlain> {
        let known = self.fonts.get(name.as_ref()).copied();
        let (font, font_name) = match known {
            Some(known) => known,
            None => {
                let font = self.resources.get_font(name).and_then(|dict| self.faces.number(&dict, self.settings));
                self.font_names.push(written_name(name));
                let known = (font, self.font_names.len() - 1);
                self.fonts.insert(name.as_ref().to_vec(), known);
                known
            }
        };
        (self.state.font, self.state.font_name, self.state.font_size) = (font, font_name, size);
        Ok(())
    }

    fn show(&mut self, text: &Object<'_>) -> Result<(), NotPlain> {
        self.run.clear();
        self.append(text)?;
        self.show_run();
        Ok(())
    }

    /// Adds a part of a run: a text, or by how much the pen is set back.
    fn append(&mut self, item: &Object<'_>) -> Result<(), NotPlain> {
        let face = self.faces.get(self.state.font.ok_or(NotPlain)?);
        let state = &mut self.state;
        let stretch = state.horizontal_scaling / 100.0;
        let text = match item {
            Object::String(text) => text,
            Object::Number(back) => {
                let scaled = -back.as_f32() / UNITS_PER_EM * state.font_size * if face.horizontal { stretch } else { 1.0 };
                let (x, y) = if face.horizontal { (scaled, 0.0) } else { (0.0, scaled) };
                state.step(x, y);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let size = f64::from(state.font_size);
        let sized = Affine::new([size * f64::from(stretch), 0.0, 0.0, size, 0.0, f64::from(state.rise)]);
        // Only the place changes from glyph to glyph, not the size.
        let [a, b, c, d, _, _] = (state.matrix * sized * Affine::scale(1.0 / f64::from(UNITS_PER_EM))).as_coeffs();
        let rise = f64::from(state.rise);
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let (code, length) = face.code(bytes, at);
            at += length;
            let number = face.letter(code, self.pen).ok_or(NotPlain)?;
            let letter = &face.letters[number];
            let [_, _, across, along, x, y] = state.matrix.as_coeffs();
            let mut place = Affine::new([a, b, c, d, across * rise + x, along * rise + y]);
            if let Some((displaced, stretch)) = letter.placed {
                place = place * Affine::translate(displaced) * Affine::scale_non_uniform(stretch, 1.0);
            }
            self.run.push((place, number));
            let word_space = if code == 32 && length == 1 { state.word_space } else { 0.0 };
            let step = |advance: f64| advance as f32 / UNITS_PER_EM * state.font_size + state.char_space + word_space;
            let (x, y) = if face.horizontal { (step(letter.step.x) * stretch, 0.0) } else { (0.0, step(letter.step.y)) };
            state.step(x, y);
        }
        Ok(())
    }

    fn show_run(&mut self) {
        if self.run.is_empty() {
            return;
        }
        let Some(font) = self.state.font else { return };
        let (fill, stroke) = (self.colours[self.state.fill].look, self.colours[self.state.stroke].look);
        let transform = to_mm(self.state.ctm);
        let (filled, pen_mm) = (Vec2::ZERO, half_pen_mm(transform, self.state.line_width));
        let looks: &[(Look, bool, Vec2)] = match self.state.mode {
            1 => &[(stroke, false, pen_mm)],
            2 => &[(fill, false, filled), (stroke, false, pen_mm)],
            3 => &[(fill, true, filled)],
            _ => &[(fill, false, filled)],
        };
        let letters = &self.faces.get(font).letters;
        for (look, invisible, pen_mm) in looks {
            self.pen.shared.spend(1);
            let style = Style { look: *look, invisible: *invisible, mask: false, blend: BlendMode::Normal, pen_mm: *pen_mm };
            let mut turned = Turned::default();
            for (place, number) in &self.run {
                let Letter { outline, shape, advance, text, .. } = &letters[*number];
                if let Some(kept) = self.pen.glyph(&style, *shape, Some(outline), *advance, transform * *place, &mut turned) {
                    self.pen.keep(kept, text.as_ref());
                }
            }
        }
        self.run.clear();
    }
}

impl State {
    fn next_line(&mut self, x: f64, y: f64) {
        self.line_matrix *= Affine::translate((x, y));
        self.matrix = self.line_matrix;
    }

    fn step(&mut self, x: f32, y: f32) {
        self.matrix *= Affine::new([1.0, 0.0, 0.0, 1.0, f64::from(x), f64::from(y)]);
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

/// Operands and their operator as content.
fn written(parts: &[Number], operator: &str) -> String {
    let mut text = String::new();
    for part in parts {
        let _ = write!(text, "{} ", part.as_f32());
    }
    text + operator + " "
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

/// Hull of all points, those that steer curves too.
fn hull_of(path: &BezPath) -> Rect {
    let mut hull: Option<Rect> = None;
    let mut include = |point: Point| hull = Some(hull.map_or(Rect::from_points(point, point), |hull| hull.union_pt(point)));
    for element in path.elements() {
        match *element {
            PathEl::MoveTo(to) | PathEl::LineTo(to) => include(to),
            PathEl::QuadTo(one, to) => [one, to].into_iter().for_each(&mut include),
            PathEl::CurveTo(one, two, to) => [one, two, to].into_iter().for_each(&mut include),
            PathEl::ClosePath => {}
        }
    }
    hull.unwrap_or(Rect::ZERO)
}

/// The rectangle that a path of four straight sides is.
fn as_rect(path: &BezPath) -> Option<Rect> {
    use PathEl::{ClosePath, LineTo, MoveTo};
    let near = |a: f64, b: f64| Float64Ext::is_nearly_zero(&(a - b));
    let points = match *path.elements() {
        [MoveTo(a), LineTo(b), LineTo(c), LineTo(d), ClosePath] => [a, b, c, d, a],
        [MoveTo(a), LineTo(b), LineTo(c), LineTo(d), LineTo(e)] if near(a.x, e.x) && near(a.y, e.y) => [a, b, c, d, e],
        _ => return None,
    };
    let mut before = None;
    for side in points.windows(2) {
        let (level, upright) = (near(side[0].y, side[1].y), near(side[0].x, side[1].x));
        if upright == level || before == Some(upright) {
            return None;
        }
        before = Some(upright);
    }
    Some(hull_of(path))
}
