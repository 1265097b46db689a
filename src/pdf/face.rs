//! The two faces of every letter: parsed once, measured here, and written as they are into each document.

use super::draw::DrawFault;
use printpdf::{FontId, ParsedFont};
use std::sync::OnceLock;

const REGULAR: &[u8] = include_bytes!("../../templates/fonts/FjernprintSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../templates/fonts/FjernprintSans-Bold.ttf");
/// Codepoints below this are looked up in a table; the shipped subset has none above.
const CODEPOINTS: usize = 0x2400;

/// One face: what it can show and how wide that is.
pub struct Face {
    /// Also the name of the font resource. Our own, since printpdf's come from a counter that all threads share.
    pub id: FontId,
    pub font: ParsedFont,
    /// The font program, compressed once and not for every letter.
    pub packed: lopdf::Stream,
    /// Advance in thousandths of the font size for each codepoint; `None` where there is no glyph.
    widths: Vec<Option<u16>>,
    /// Height above and depth below the baseline in thousandths of the font size, both positive.
    pub ascent: u32,
    pub descent: u32,
}

pub fn regular() -> &'static Face {
    static FACE: OnceLock<Face> = OnceLock::new();
    FACE.get_or_init(|| Face::parse("R", "FjernprintSans-Regular", REGULAR))
}

pub fn bold() -> &'static Face {
    static FACE: OnceLock<Face> = OnceLock::new();
    FACE.get_or_init(|| Face::parse("B", "FjernprintSans-Bold", BOLD))
}

impl Face {
    fn parse(id: &str, name: &str, bytes: &[u8]) -> Self {
        let mut font = ParsedFont::from_bytes(bytes, 0, &mut Vec::new()).expect("the font is built in and a test draws with it");
        font.font_name = Some(name.to_owned());
        let mut packed = lopdf::Stream::new(lopdf::Dictionary::new(), bytes.to_vec());
        packed.compress().expect("compressing into memory cannot fail");
        let em = u32::from(font.units_per_em);
        let mut widths = vec![None; CODEPOINTS];
        for (codepoint, glyph) in &font.codepoint_to_glyph {
            if let (Some(slot), Some(units)) = (widths.get_mut(*codepoint as usize), font.glyph_widths.get(glyph)) {
                // Cut, not rounded: as printpdf writes it into the document, and hence as a reader moves its pen.
                *slot = u16::try_from(u32::from(*units) * 1000 / em).ok();
            }
        }
        let thousandths = |units: i16| u32::from(units.unsigned_abs()) * 1000 / em;
        let (ascent, descent) = (thousandths(font.font_metrics.ascent), thousandths(font.font_metrics.descent));
        Self { id: FontId(id.to_owned()), font, packed, widths, ascent, descent }
    }

    fn advance(&self, c: char) -> Option<u16> {
        self.widths.get(c as usize).copied().flatten()
    }

    /// Width of a text that [`Self::check`] has let through, in thousandths of the font size.
    pub fn width(&self, text: &str) -> u32 {
        text.chars().map(|c| u32::from(self.advance(c).unwrap_or_default())).sum()
    }

    /// Width in points at a size in points.
    pub fn width_pt(&self, text: &str, size_pt: f32) -> f32 {
        self.width(text) as f32 * size_pt / 1000.0
    }

    /// FP-D001 for the first character that has no glyph; `place` says where ("address line 2"), the text is not told.
    pub fn check(&self, text: &str, place: impl FnOnce() -> String) -> Result<(), DrawFault> {
        match text.chars().find(|c| self.advance(*c).is_none()) {
            None => Ok(()),
            Some(c) => Err(DrawFault::new("FP-D001", format!("{}: character U+{:04X} is not in the font", place(), c as u32))),
        }
    }

    /// Breaks a text at its spaces into lines of at most `width_pt`; a word longer than a line is cut. At least one line.
    pub fn wrap(&self, text: &str, size_pt: f32, width_pt: f32) -> Vec<String> {
        let limit = (width_pt * 1000.0 / size_pt) as u32;
        let space = self.width(" ");
        let mut lines = Vec::new();
        let (mut line, mut used) = (String::new(), 0);
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let mut width = self.width(word);
            if !line.is_empty() && used + space + width <= limit {
                line.push(' ');
                line.push_str(word);
                used += space + width;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            if width <= limit {
                line.push_str(word);
            } else {
                width = self.cut(word, limit, &mut lines, &mut line);
            }
            used = width;
        }
        lines.push(line);
        lines
    }

    /// Fills whole lines with a word that no line takes; the rest goes into `line`, and its width is returned.
    fn cut(&self, word: &str, limit: u32, lines: &mut Vec<String>, line: &mut String) -> u32 {
        let mut used = 0;
        for c in word.chars() {
            let width = u32::from(self.advance(c).unwrap_or_default());
            if used + width > limit && !line.is_empty() {
                lines.push(std::mem::take(line));
                used = 0;
            }
            line.push(c);
            used += width;
        }
        used
    }
}
