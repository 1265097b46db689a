//! Text of a plain page: where each glyph of a run stands.

use super::super::faces::Letter;
use super::super::glyphs::Style;
use super::super::paint::Look;
use super::super::pen::{half_pen_mm, to_mm};
use super::{NotPlain, State, Walk, affine, written_name};
use hayro_interpret::hayro_syntax::content::ops::TypedInstruction;
use hayro_interpret::hayro_syntax::object::{Name, Object};
use hayro_interpret::kurbo::{Affine, Rect, Vec2};
use hayro_interpret::{BlendMode, Context};

const UNITS_PER_EM: f32 = 1000.0;

/// Where a glyph stands, and its number in the font.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub x: f64,
    pub y: f64,
    pub letter: usize,
}

impl<'a, C: Fn(Affine, Rect) -> Context<'a>> Walk<'_, 'a, '_, C> {
    pub(super) fn text_operation(&mut self, operation: TypedInstruction<'_, '_>) -> Result<(), NotPlain> {
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
            Op::ShowText(text) => self.show(text.0.as_bytes())?,
            Op::NextLineAndShowText(text) => {
                state.next_line(0.0, -f64::from(state.leading));
                self.show(text.0.as_bytes())?;
            }
            Op::ShowTextWithParameters(text) => {
                (state.word_space, state.char_space) = (text.0.as_f32(), text.1.as_f32());
                state.next_line(0.0, -f64::from(state.leading));
                self.show(text.2.as_bytes())?;
            }
            Op::ShowTexts(texts) => {
                self.run.clear();
                for item in texts.0.iter::<Object<'_>>() {
                    match item {
                        Object::String(text) => self.append(text.as_bytes())?,
                        Object::Number(back) => self.set_back(back.as_f32())?,
                        _ => drop(self.state.font.ok_or(NotPlain)?),
                    }
                }
                self.show_run();
            }
            _ => return Err(NotPlain),
        }
        Ok(())
    }

    pub(super) fn select(&mut self, name: &Name<'_>, size: f32) -> Result<(), NotPlain> {
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

    pub(super) fn show(&mut self, text: &[u8]) -> Result<(), NotPlain> {
        self.run.clear();
        self.append(text)?;
        self.show_run();
        Ok(())
    }

    /// The pen is set back within a run, by thousandths of the size.
    pub(super) fn set_back(&mut self, back: f32) -> Result<(), NotPlain> {
        let face = self.faces.get(self.state.font.ok_or(NotPlain)?);
        let state = &mut self.state;
        let scaled = -back / UNITS_PER_EM * state.font_size * if face.horizontal { state.horizontal_scaling / 100.0 } else { 1.0 };
        let (x, y) = if face.horizontal { (scaled, 0.0) } else { (0.0, scaled) };
        state.step(x, y);
        Ok(())
    }

    /// Adds a text to the run.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), NotPlain> {
        let face = self.faces.get(self.state.font.ok_or(NotPlain)?);
        let state = &mut self.state;
        let stretch = state.horizontal_scaling / 100.0;
        let (size, rise) = (f64::from(state.font_size), f64::from(state.rise));
        let sized = Affine::new([size * f64::from(stretch), 0.0, 0.0, size, 0.0, rise]);
        // Only the place changes from glyph to glyph, not the size.
        let [a, b, c, d, _, _] = (state.matrix * sized * Affine::scale(1.0 / f64::from(UNITS_PER_EM))).as_coeffs();
        self.run_coefficients = [a, b, c, d];
        let [right, up, across, along, mut x, mut y] = state.matrix.as_coeffs();
        let mut at = 0;
        while at < bytes.len() {
            let (code, length) = face.code(bytes, at).ok_or(NotPlain)?;
            at += length;
            let number = face.letter(code, self.pen).ok_or(NotPlain)?;
            self.run.push(Spot { x: across * rise + x, y: along * rise + y, letter: number });
            let letter = &face.letters[number];
            let word_space = if code == 32 && length == 1 { state.word_space } else { 0.0 };
            let step = |advance: f32| advance * state.font_size + state.char_space + word_space;
            let (step_x, step_y) = if face.horizontal { (step(letter.step.0) * stretch, 0.0) } else { (0.0, step(letter.step.1)) };
            // As a multiplication of matrices rounds it.
            let (step_x, step_y) = (f64::from(step_x), f64::from(step_y));
            (x, y) = (right * step_x + across * step_y + x, up * step_x + along * step_y + y);
        }
        state.matrix = Affine::new([right, up, across, along, x, y]);
        Ok(())
    }

    pub(super) fn show_run(&mut self) {
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
        let [a, b, c, d] = self.run_coefficients;
        let [right, up, across, along, x, y] = transform.as_coeffs();
        let [turned_a, turned_b, turned_c, turned_d, _, _] = (transform * Affine::new([a, b, c, d, 0.0, 0.0])).as_coeffs();
        let letters = &self.faces.get(font).letters;
        for (look, invisible, pen_mm) in looks {
            self.pen.shared.spend(1);
            let style = Style { look: *look, invisible: *invisible, mask: false, blend: BlendMode::Normal, pen_mm: *pen_mm };
            let mut hand = self.pen.hand(style, [turned_a, turned_b, turned_c, turned_d]);
            for spot in &self.run {
                let Letter { outline, shape, advance, text, placed, .. } = &letters[spot.letter];
                if let Some((displaced, stretch)) = placed {
                    let place = Affine::new([a, b, c, d, spot.x, spot.y]);
                    let place = transform * (place * Affine::translate(*displaced) * Affine::scale_non_uniform(*stretch, 1.0));
                    let [a, b, c, d, x, y] = place.as_coeffs();
                    hand.turn_to([a, b, c, d]);
                    self.pen.glyph(&hand, *shape, Some(outline), *advance, (x, y), text.as_ref());
                    hand.turn_to([turned_a, turned_b, turned_c, turned_d]);
                } else {
                    let place = (right * spot.x + across * spot.y + x, up * spot.x + along * spot.y + y);
                    self.pen.glyph(&hand, *shape, Some(outline), *advance, place, text.as_ref());
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
