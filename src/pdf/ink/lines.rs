//! Puts glyphs together to the lines a reader sees, whatever the order they were drawn in.

use super::glyphs::Unicode;
use super::marks::box_mm;
use crate::domain::redact::{cpr_like_spans, is_dash};
use crate::pdf::facts::{BoxMm, TextLine};
use hayro_interpret::kurbo::{Point, Rect};
use std::collections::HashMap;

/// From left to right, and from the top: what may show in an envelope's window, mm.
const WINDOW_MM: Rect = Rect::new(0.0, 20.0, 130.0, 105.0);
const POINTS_PER_MM: f64 = 72.0 / 25.4;
/// Gap that is a space, and one that parts two texts on one line, in font sizes.
const SPACE_EM: f64 = 0.25;
const PART_EM: f64 = 2.5;
/// Baselines that near are one line, and a glyph that near over its like is the same drawn twice, in font sizes.
const LINE_EM: f64 = 0.2;
const TWICE_EM: f64 = 0.12;

/// One glyph as it is placed, mm.
#[derive(Clone, Copy)]
pub struct Glyph {
    pub origin: Point,
    /// Where the pen stands after it.
    pub end: Point,
    /// Its ink; absent for a space.
    pub seen: Option<Rect>,
    pub size_mm: f64,
    /// Direction of writing, quarter turns clockwise.
    pub turn: u8,
    /// Drawn without ink, as a scanner's text behind its picture.
    pub invisible: bool,
    /// White, or too small for eyes.
    pub unread: bool,
    /// Where its text stands: start and length in bytes.
    pub text: (u32, u32),
}

impl Glyph {
    /// Distance along and across the line, for a reader who has turned the page.
    fn along(&self, point: Point) -> f64 {
        [point.x, point.y, -point.x, -point.y][usize::from(self.turn % 4)]
    }

    fn across(&self) -> f64 {
        [self.origin.y, -self.origin.x, -self.origin.y, self.origin.x][usize::from(self.turn % 4)]
    }

    fn kind(&self) -> (bool, bool, u8) {
        (self.unread, self.invisible, self.turn)
    }
}

/// All glyphs of one page. `Debug` is not derived: this is the text of a letter.
#[derive(Default)]
pub struct Letters {
    glyphs: Vec<Glyph>,
    text: String,
}

/// What the text of a page says.
#[derive(Default)]
pub struct Reading {
    pub window: Vec<TextLine>,
    pub hidden: Vec<BoxMm>,
    pub cpr_numbers: Vec<(u32, BoxMm)>,
    pub markers: Vec<(String, BoxMm)>,
}

/// What is known of the document while its pages are read.
pub struct Reader<'m> {
    pub book: CprBook,
    /// Texts to be found wherever they stand, and each without blanks in upper case.
    markers: Vec<(&'m str, String)>,
}

impl<'m> Reader<'m> {
    pub fn new(markers: &'m [String]) -> Self {
        Self { book: CprBook::default(), markers: markers.iter().map(|marker| (marker.as_str(), unspaced(marker.chars()))).collect() }
    }
}

/// Without blanks and in upper case: a marker is found whatever its spacing.
fn unspaced(text: impl Iterator<Item = char>) -> String {
    text.filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}

/// CPR numbers of a document, each with its running number. Lives while the document is looked at and is never shown.
pub type CprBook = HashMap<String, u32>;

impl Letters {
    pub fn add(&mut self, mut glyph: Glyph, text: Option<Unicode<'_>>) {
        let start = self.text.len();
        match text {
            Some(Unicode::Char(c)) => push_plain(&mut self.text, c),
            Some(Unicode::Text(text)) => text.chars().for_each(|c| push_plain(&mut self.text, c)),
            None => self.text.push(char::REPLACEMENT_CHARACTER),
        }
        glyph.text = (start as u32, (self.text.len() - start) as u32);
        self.glyphs.push(glyph);
    }

    pub fn len(&self) -> usize {
        self.glyphs.len()
    }

    fn text_of(&self, glyph: &Glyph) -> &str {
        let start = glyph.text.0 as usize;
        self.text.get(start..start + glyph.text.1 as usize).unwrap_or_default()
    }

    /// Reads the page, from the top and from the left.
    pub fn read(mut self, reader: &mut Reader<'_>) -> Reading {
        let mut glyphs = std::mem::take(&mut self.glyphs);
        glyphs.sort_by(|a, b| a.kind().cmp(&b.kind()).then(a.across().total_cmp(&b.across())));
        let mut reading = Reading::default();
        let mut rest = &mut glyphs[..];
        while let Some(first) = rest.first().copied() {
            let on_line =
                |g: &Glyph| g.kind() == first.kind() && g.across() - first.across() <= LINE_EM * first.size_mm.min(g.size_mm).max(0.1);
            let (line, after) = rest.split_at_mut(rest.iter().position(|glyph| !on_line(glyph)).unwrap_or(rest.len()));
            line.sort_by(|a, b| a.along(a.origin).total_cmp(&b.along(b.origin)));
            self.read_line(line, reader, &mut reading);
            rest = after;
        }
        reading
    }

    /// Cuts one line where its gaps are wide, and reads each piece.
    fn read_line(&self, line: &[Glyph], reader: &mut Reader<'_>, reading: &mut Reading) {
        let mut piece = Piece::default();
        let mut before: Option<&Glyph> = None;
        for glyph in line {
            if let Some(last) = before {
                let em = last.size_mm.max(glyph.size_mm);
                let gap = glyph.along(glyph.origin) - last.along(last.end).max(last.along(last.origin));
                let twice = glyph.along(glyph.origin) - last.along(last.origin) < TWICE_EM * em;
                if twice && self.text_of(last) == self.text_of(glyph) {
                    continue;
                }
                if gap > PART_EM * em {
                    std::mem::take(&mut piece).finish(line, reader, reading);
                } else if gap > SPACE_EM * em {
                    piece.space();
                }
            }
            piece.add(glyph, self.text_of(glyph));
            before = Some(glyph);
        }
        piece.finish(line, reader, reading);
    }
}

/// Text without a wide gap.
#[derive(Default)]
struct Piece {
    chars: Vec<char>,
    /// Ink of each character.
    boxes: Vec<Option<Rect>>,
    hull: Option<Rect>,
    size_mm: f64,
}

impl Piece {
    fn space(&mut self) {
        if self.chars.last().is_some_and(|c| *c != ' ') {
            self.chars.push(' ');
            self.boxes.push(None);
        }
    }

    fn add(&mut self, glyph: &Glyph, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() {
                self.space();
            } else {
                self.chars.push(c);
                self.boxes.push(glyph.seen);
            }
        }
        self.hull = union(self.hull, glyph.seen);
        self.size_mm = self.size_mm.max(glyph.size_mm);
    }

    /// CPR numbers, also where a form gives each digit a cell of its own.
    fn cpr_numbers(&self, book: &mut CprBook, reading: &mut Reading) {
        let blank = |i: usize| self.chars.get(i).is_none_or(|c| *c == ' ');
        let alone = |i: usize| !blank(i) && blank(i + 1) && (i == 0 || blank(i - 1));
        let between_cells = |i: usize| blank(i) && i > 0 && alone(i - 1) && alone(i + 1);
        let kept = (0..self.chars.len()).filter(|i| !between_cells(*i));
        let (plain, boxes): (Vec<char>, Vec<Option<Rect>>) = kept.map(|i| (plain_dash(self.chars[i]), self.boxes[i])).unzip();
        for span in cpr_like_spans(&plain) {
            let digits: String = plain[span.clone()].iter().filter(|c| c.is_ascii_digit()).collect();
            let next = book.len() as u32;
            let number = *book.entry(digits).or_insert(next);
            let hull = boxes[span].iter().fold(None, |hull, part| union(hull, *part));
            reading.cpr_numbers.extend(hull.map(|hull| (number, box_mm(hull))));
        }
    }

    fn finish(self, line: &[Glyph], reader: &mut Reader<'_>, reading: &mut Reading) {
        let (Some(hull), Some(first)) = (self.hull, line.first()) else { return };
        if first.invisible || first.unread {
            reading.hidden.push(box_mm(hull));
        }
        if !reader.markers.is_empty() {
            let text = unspaced(self.chars.iter().copied());
            let found = reader.markers.iter().filter(|(_, marker)| text.contains(marker));
            reading.markers.extend(found.map(|(marker, _)| ((*marker).to_owned(), box_mm(hull))));
        }
        if first.unread {
            return;
        }
        self.cpr_numbers(&mut reader.book, reading);
        let touches = hull.intersect(WINDOW_MM).area() > 0.0;
        if touches && !first.invisible {
            let text: String = self.chars.iter().collect::<String>().trim().to_owned();
            reading.window.push(TextLine { box_mm: box_mm(hull), text, size_pt: (self.size_mm * POINTS_PER_MM) as f32 });
        }
    }
}

fn union(a: Option<Rect>, b: Option<Rect>) -> Option<Rect> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.union(b)),
        (a, b) => a.or(b),
    }
}

/// Ligatures as the letters they stand for.
fn push_plain(text: &mut String, c: char) {
    match c {
        '\u{FB00}' => text.push_str("ff"),
        '\u{FB01}' => text.push_str("fi"),
        '\u{FB02}' => text.push_str("fl"),
        '\u{FB03}' => text.push_str("ffi"),
        '\u{FB04}' => text.push_str("ffl"),
        '\u{FB05}' | '\u{FB06}' => text.push_str("st"),
        _ => text.push(c),
    }
}

/// A dash of whatever length as a hyphen.
fn plain_dash(c: char) -> char {
    if is_dash(c) { '-' } else { c }
}
