//! Fonts of one document as plain text needs them: what a code shows is worked out once, however often it is shown.

use super::glyphs::GlyphBox;
use super::pen::Pen;
use hayro_font::{Font, FontCache, FontGlyph};
use hayro_interpret::InterpreterSettings;
use hayro_interpret::font::{FontData, OutlineGlyph};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::object::{Array, Dict, Stream};
use hayro_interpret::kurbo::Vec2;
use std::borrow::Cow;
use std::collections::HashMap;

/// Codes below this are looked up in a table; those of embedded subsets are.
const TABLE_CODES: usize = 0x2000;
const NOT_YET: u32 = u32::MAX;

/// What one code of a font shows.
pub struct Letter {
    pub outline: OutlineGlyph,
    pub shape: GlyphBox,
    /// Advance by the font's own table, in thousandths of its size.
    pub advance: f32,
    /// Advance of the pen, in thousandths of the size.
    pub step: Vec2,
    pub text: Option<BfString>,
    /// Displacement and stretch from the glyph to the font's space, where that is more than nothing.
    pub placed: Option<(Vec2, f64)>,
}

/// One font.
pub struct Face<'a> {
    font: Font<'a>,
    pub horizontal: bool,
    /// Bytes that are known to be a code of their own, and pairs of bytes that are, a bit for each.
    single: [bool; 256],
    pairs: Vec<u64>,
    table: Vec<u32>,
    far: HashMap<u32, u32>,
    pub letters: Vec<Letter>,
}

/// A font program that was expanded to draw with it.
pub struct DrawnProgram<'a> {
    pub deflated: Cow<'a, [u8]>,
    program: FontData,
}

impl DrawnProgram<'_> {
    pub fn bytes(&self) -> &[u8] {
        self.program.as_ref().as_ref()
    }
}

/// All fonts of a document that can be shown plainly.
#[derive(Default)]
pub struct Faces<'a> {
    cache: FontCache<'a>,
    /// By where their dictionaries stand.
    known: HashMap<(usize, usize), Option<usize>>,
    faces: Vec<Face<'a>>,
    pub drawn: Vec<DrawnProgram<'a>>,
}

impl<'a> Faces<'a> {
    /// The number of the font; `None` for one that is replaced, or drawn by little programs.
    pub fn number(&mut self, dict: &Dict<'a>, settings: &InterpreterSettings) -> Option<usize> {
        let place = (dict.data().as_ptr() as usize, dict.data().len());
        if let Some(known) = self.known.get(&place) {
            return *known;
        }
        let font = self.cache.font(dict, &settings.font_resolver, &settings.cmap_resolver);
        let outline = font.as_ref().and_then(|font| match font.glyph(font.map_code(0), 0) {
            FontGlyph::Outline(outline) => Some(outline),
            FontGlyph::Type3(_) => None,
        });
        let number = font.zip(outline).map(|(font, outline)| {
            self.drawn.extend(drawn_program(dict, &outline));
            let horizontal = font.is_horizontal();
            let table = Vec::new();
            self.faces.push(Face {
                font,
                horizontal,
                single: [false; 256],
                pairs: vec![0; 1 << 10],
                table,
                far: HashMap::new(),
                letters: Vec::new(),
            });
            self.faces.len() - 1
        });
        self.known.insert(place, number);
        number
    }

    pub fn get(&mut self, number: usize) -> &mut Face<'a> {
        &mut self.faces[number]
    }
}

/// The program of a font that has one and no other that could be meant.
fn drawn_program<'a>(font: &Dict<'a>, outline: &OutlineGlyph) -> Option<DrawnProgram<'a>> {
    let descendant = font.get::<Array<'a>>(b"DescendantFonts").and_then(|fonts| fonts.iter::<Dict<'a>>().next());
    let descriptor = descendant.as_ref().unwrap_or(font).get::<Dict<'a>>(b"FontDescriptor")?;
    let mut programs = [&b"FontFile"[..], b"FontFile2", b"FontFile3"].into_iter().filter_map(|key| descriptor.get::<Stream<'a>>(key));
    let (Some(program), None) = (programs.next(), programs.next()) else { return None };
    Some(DrawnProgram { deflated: program.raw_data(), program: outline.font_data()?.data })
}

impl Face<'_> {
    /// The code at `at` and its length in bytes.
    pub fn code(&mut self, bytes: &[u8], at: usize) -> (u32, usize) {
        let first = u32::from(bytes[at]);
        if self.single[first as usize] {
            return (first, 1);
        }
        let pair = bytes.get(at + 1).map(|second| first << 8 | u32::from(*second));
        if let Some(pair) = pair.filter(|pair| self.pairs[*pair as usize / 64] >> (pair % 64) & 1 == 1) {
            return (pair, 2);
        }
        let (code, length) = self.font.read_code(bytes, at);
        // A code that cannot be read is 0 and one byte long, and that may depend on the bytes after it.
        if length == 1 && code == first && code != 0 {
            self.single[first as usize] = true;
        } else if length == 2 && Some(code) == pair {
            self.pairs[code as usize / 64] |= 1 << (code % 64);
        }
        (code, length)
    }

    /// The number of what a code shows in `letters`; `None` where it is no outline.
    pub fn letter(&mut self, code: u32, pen: &Pen<'_>) -> Option<usize> {
        let known = match self.table.get(code as usize) {
            Some(known) => *known,
            None => self.far.get(&code).copied().unwrap_or(NOT_YET),
        };
        if known != NOT_YET {
            return Some(known as usize);
        }
        let id = self.font.map_code(code);
        let FontGlyph::Outline(outline) = self.font.glyph(id, code) else { return None };
        let (displaced, stretch) = (self.font.origin_displacement(code), self.font.glyph_stretch(id, code));
        let placed = (displaced != Vec2::ZERO || stretch != 1.0).then_some((displaced, stretch));
        let letter = Letter {
            shape: pen.outline_box(&outline),
            advance: outline.advance_width().unwrap_or(0.0),
            step: self.font.code_advance(code),
            text: outline.as_unicode(),
            outline,
            placed,
        };
        self.letters.push(letter);
        let number = self.letters.len() - 1;
        if (code as usize) < TABLE_CODES {
            if self.table.len() <= code as usize {
                self.table.resize(code as usize + 1, NOT_YET);
            }
            self.table[code as usize] = number as u32;
        } else {
            self.far.insert(code, number as u32);
        }
        Some(number)
    }
}
