//! Fonts of one document as plain text needs them: what a code shows is worked out once, however often it is shown.

use super::glyphs::GlyphBox;
use super::known::{Codes, Found, Known};
use super::pen::Pen;
use hayro_font::{CMapResolverFn, Font, FontCache, FontGlyph, FontResolverFn, UNITS_PER_EM};
use hayro_interpret::InterpreterSettings;
use hayro_interpret::font::{FontData, OutlineGlyph};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::object::{Array, Dict, Stream};
use hayro_interpret::kurbo::Vec2;
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// Codes below this are looked up in a table; those of embedded subsets are.
const TABLE_CODES: usize = 0x2000;
const NOT_YET: u32 = u32::MAX;

/// What one code of a font shows.
#[derive(Clone)]
pub struct Letter {
    pub outline: OutlineGlyph,
    pub shape: GlyphBox,
    /// Name of the outline among all of a document, and what it costs to draw it there the first time.
    outline_key: u128,
    outline_cost: u32,
    /// Advance by the font's own table, in thousandths of its size.
    pub advance: f32,
    /// Advance of the pen to the right and upwards, for a size of one.
    pub step: (f32, f32),
    pub text: Option<BfString>,
    /// Displacement and stretch from the glyph to the font's space, where that is more than nothing.
    pub placed: Option<(Vec2, f64)>,
}

/// One font.
pub struct Face<'a> {
    source: Source<'a>,
    known: Rc<Known>,
    pub horizontal: bool,
    codes: Codes,
    table: Vec<u32>,
    far: HashMap<u32, u32>,
    pub letters: Vec<Letter>,
}

/// Where a font comes from: one that was met in another document is opened only for what was not asked of it there.
struct Source<'a> {
    dict: Dict<'a>,
    cache: FontCache<'a>,
    resolvers: (FontResolverFn, CMapResolverFn),
    opened: Option<Font<'a>>,
}

impl<'a> Source<'a> {
    fn font(&mut self) -> Option<&Font<'a>> {
        if self.opened.is_none() {
            self.opened = self.cache.font(&self.dict, &self.resolvers.0, &self.resolvers.1);
        }
        self.opened.as_ref()
    }
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
        let resolvers = (settings.font_resolver.clone(), settings.cmap_resolver.clone());
        let mut source = Source { dict: dict.clone(), cache: self.cache.clone(), resolvers, opened: None };
        let number = known(&mut source).map(|known| {
            self.drawn.extend(drawn_program(dict, &known.outline));
            let (horizontal, codes) = (known.horizontal, known.codes.borrow().clone());
            self.faces.push(Face { source, known, horizontal, codes, table: Vec::new(), far: HashMap::new(), letters: Vec::new() });
            self.faces.len() - 1
        });
        self.known.insert(place, number);
        number
    }

    pub fn get(&mut self, number: usize) -> &mut Face<'a> {
        &mut self.faces[number]
    }
}

/// What is known of a font that can be shown plainly, from another document or from now on.
fn known(source: &mut Source<'_>) -> Option<Rc<Known>> {
    let found = Found::from(&source.dict);
    if let Some(known) = found.as_ref().and_then(Found::known) {
        return Some(known);
    }
    let font = source.font()?;
    let FontGlyph::Outline(outline) = font.glyph(font.map_code(0), 0) else { return None };
    let known = Rc::new(Known::new(outline, font.is_horizontal()));
    if let Some(found) = found {
        found.keep(&known);
    }
    Some(known)
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
    /// The code at `at` and its length in bytes; `None` where the font cannot be opened.
    #[inline]
    pub fn code(&mut self, bytes: &[u8], at: usize) -> Option<(u32, usize)> {
        let first = u32::from(bytes[at]);
        if self.codes.single[first as usize] {
            return Some((first, 1));
        }
        let pair = bytes.get(at + 1).map(|second| first << 8 | u32::from(*second));
        if let Some(pair) = pair.filter(|pair| self.codes.pairs[*pair as usize / 64] >> (pair % 64) & 1 == 1) {
            return Some((pair, 2));
        }
        self.new_code(bytes, at, pair)
    }

    #[cold]
    fn new_code(&mut self, bytes: &[u8], at: usize, pair: Option<u32>) -> Option<(u32, usize)> {
        let first = u32::from(bytes[at]);
        let (code, length) = self.source.font()?.read_code(bytes, at);
        // A code that cannot be read is 0 and one byte long, and that may depend on the bytes after it.
        for codes in [&mut self.codes, &mut *self.known.codes.borrow_mut()] {
            if length == 1 && code == first && code != 0 {
                codes.single[first as usize] = true;
            } else if length == 2 && Some(code) == pair {
                codes.pairs[code as usize / 64] |= 1 << (code % 64);
            }
        }
        Some((code, length))
    }

    /// The number of what a code shows in `letters`; `None` where it is no outline.
    #[inline]
    pub fn letter(&mut self, code: u32, pen: &Pen<'_>) -> Option<usize> {
        let known = match self.table.get(code as usize) {
            Some(known) => *known,
            None => self.far.get(&code).copied().unwrap_or(NOT_YET),
        };
        if known != NOT_YET { Some(known as usize) } else { self.new_letter(code, pen) }
    }

    #[cold]
    fn new_letter(&mut self, code: u32, pen: &Pen<'_>) -> Option<usize> {
        let letter = match self.known.letter(code) {
            Some(letter) => {
                pen.known_outline(letter.outline_key, letter.shape, letter.outline_cost);
                letter
            }
            None => self.opened_letter(code, pen)?,
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

    /// Works out what a code shows.
    fn opened_letter(&mut self, code: u32, pen: &Pen<'_>) -> Option<Letter> {
        let font = self.source.font()?;
        let id = font.map_code(code);
        let FontGlyph::Outline(outline) = font.glyph(id, code) else { return None };
        let (displaced, stretch) = (font.origin_displacement(code), font.glyph_stretch(id, code));
        let step = font.code_advance(code);
        let (shape, outline_key, cost) = pen.outline_box(&outline);
        let letter = Letter {
            shape,
            outline_key,
            outline_cost: cost.unwrap_or(0),
            advance: outline.advance_width().unwrap_or(0.0),
            step: (step.x as f32 / UNITS_PER_EM, step.y as f32 / UNITS_PER_EM),
            text: outline.as_unicode(),
            outline,
            placed: (displaced != Vec2::ZERO || stretch != 1.0).then_some((displaced, stretch)),
        };
        // Two fonts of a document may share an outline: what it costs is known where it was drawn.
        if cost.is_some() {
            self.known.keep(code, &letter);
        }
        Some(letter)
    }
}
