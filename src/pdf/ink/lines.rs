//! Puts glyphs together to the lines a reader sees, whatever the order they were drawn in.

use super::marks::box_mm;
use crate::domain::redact::{cpr_like_spans, is_dash};
use crate::pdf::facts::{BoxMm, TextLine};
use hayro_interpret::hayro_cmap::BfString;
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
/// Glyphs of a full page of text: room for them is made at once.
const GLYPHS_USUAL: usize = 4_000;
/// Digits of a CPR number: a text with fewer holds none.
const CPR_DIGITS: usize = 10;

/// How a glyph is set; the same for whole runs of them.
#[derive(Clone, Copy, PartialEq)]
pub struct Setting {
    pub size_mm: f64,
    /// Direction of writing, quarter turns clockwise.
    pub turn: u8,
    /// Drawn without ink, as a scanner's text behind its picture.
    pub invisible: bool,
    /// White, or too small for eyes.
    pub unread: bool,
}

impl Setting {
    /// Distance along the line, for a reader who has turned the page.
    fn along(&self, point: Point) -> f64 {
        match self.turn % 4 {
            0 => point.x,
            1 => point.y,
            2 => -point.x,
            _ => -point.y,
        }
    }

    fn across(&self, point: Point) -> f64 {
        match self.turn % 4 {
            0 => point.y,
            1 => -point.x,
            2 => -point.y,
            _ => point.x,
        }
    }

    fn kind(&self) -> (bool, bool, u8) {
        (self.unread, self.invisible, self.turn)
    }
}

/// One glyph as it is read, mm.
#[derive(Clone, Copy)]
struct Glyph {
    /// Where it stands along its line, and where the pen stands after it.
    at: f64,
    end: f64,
    size_mm: f64,
    /// Its ink; absent for a space.
    seen: Option<Rect>,
    says: Says,
}

/// What a glyph stands for: a character, or a text by its start and length in bytes.
#[derive(Clone, Copy)]
enum Says {
    Char(char),
    Text(u32, u32),
}

/// Glyphs drawn one after another, set alike on one baseline.
#[derive(Clone, Copy)]
struct Run {
    setting: Setting,
    across: f64,
    from: usize,
    to: usize,
}

/// All glyphs of one page. `Debug` is not derived: this is the text of a letter.
#[derive(Default)]
pub struct Letters {
    glyphs: Vec<Glyph>,
    runs: Vec<Run>,
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
    /// Adds a glyph at its place, with its ink, and where the pen stands after it.
    #[inline]
    pub fn add(&mut self, setting: &Setting, origin: Point, end: Point, seen: Option<Rect>, text: Option<&BfString>) {
        let says = match text {
            Some(BfString::Char(c)) if !is_ligature(*c) => Says::Char(*c),
            None => Says::Char(char::REPLACEMENT_CHARACTER),
            Some(BfString::Char(c)) => self.put_by(std::iter::once(*c)),
            Some(BfString::String(text)) => self.put_by(text.chars()),
        };
        let across = setting.across(origin);
        let number = self.glyphs.len();
        if number == 0 {
            self.glyphs.reserve(GLYPHS_USUAL);
        }
        self.glyphs.push(Glyph { at: setting.along(origin), end: setting.along(end), size_mm: setting.size_mm, seen, says });
        match self.runs.last_mut() {
            // To the last bit: the order of all glyphs is that of the runs.
            Some(run) if run.across.to_bits() == across.to_bits() && run.setting == *setting => run.to = number + 1,
            _ => self.runs.push(Run { setting: *setting, across, from: number, to: number + 1 }),
        }
    }

    #[cold]
    fn put_by(&mut self, text: impl Iterator<Item = char>) -> Says {
        let start = self.text.len();
        text.for_each(|c| push_plain(&mut self.text, c));
        let put = &self.text[start..];
        let mut chars = put.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => {
                self.text.truncate(start);
                Says::Char(only)
            }
            _ => Says::Text(start as u32, put.len() as u32),
        }
    }

    pub fn len(&self) -> usize {
        self.glyphs.len()
    }

    fn text_of(&self, start: u32, length: u32) -> &str {
        self.text.get(start as usize..).and_then(|text| text.get(..length as usize)).unwrap_or_default()
    }

    fn same(&self, a: &Glyph, b: &Glyph) -> bool {
        match (a.says, b.says) {
            (Says::Char(a), Says::Char(b)) => a == b,
            (Says::Text(a, of_a), Says::Text(b, of_b)) => self.text_of(a, of_a) == self.text_of(b, of_b),
            // What is one character is never kept as a text.
            _ => false,
        }
    }

    fn digits(&self, glyph: &Glyph) -> usize {
        match glyph.says {
            Says::Char(c) => usize::from(c.is_ascii_digit()),
            Says::Text(start, length) => self.text_of(start, length).bytes().filter(u8::is_ascii_digit).count(),
        }
    }

    /// Reads the page, from the top and from the left.
    pub fn read(mut self, reader: &mut Reader<'_>) -> Reading {
        let mut runs = std::mem::take(&mut self.runs);
        runs.sort_by(|a, b| a.setting.kind().cmp(&b.setting.kind()).then(a.across.total_cmp(&b.across)));
        let mut reading = Reading::default();
        let (mut line, mut piece): (Vec<Glyph>, Piece) = (Vec::new(), Piece::default());
        let mut rest = &runs[..];
        while let Some(first) = rest.first() {
            let (kind, size_mm) = (first.setting.kind(), first.setting.size_mm);
            let on_line =
                |run: &Run| run.setting.kind() == kind && run.across - first.across <= LINE_EM * size_mm.min(run.setting.size_mm).max(0.1);
            let of_line;
            (of_line, rest) = rest.split_at(rest.iter().position(|run| !on_line(run)).unwrap_or(rest.len()).max(1));
            line.clear();
            of_line.iter().for_each(|run| line.extend_from_slice(&self.glyphs[run.from..run.to]));
            line.sort_by(|a, b| a.at.total_cmp(&b.at));
            self.read_line(&line, &first.setting, &mut piece, reader, &mut reading);
        }
        reading
    }

    /// Cuts one line where its gaps are wide, and reads each piece.
    fn read_line(&self, line: &[Glyph], setting: &Setting, piece: &mut Piece, reader: &mut Reader<'_>, reading: &mut Reading) {
        let mut before: Option<&Glyph> = None;
        piece.clear();
        for (number, glyph) in line.iter().enumerate() {
            let mut apart = false;
            if let Some(last) = before {
                let em = last.size_mm.max(glyph.size_mm);
                if glyph.at - last.at < TWICE_EM * em && self.same(last, glyph) {
                    continue;
                }
                let gap = glyph.at - last.end.max(last.at);
                if gap > PART_EM * em {
                    self.finish(piece, line, setting, reader, reading);
                    piece.clear();
                } else {
                    apart = gap > SPACE_EM * em;
                }
            }
            piece.add(number, glyph, apart, self.digits(glyph));
            before = Some(glyph);
        }
        self.finish(piece, line, setting, reader, reading);
    }

    /// Notes what a piece is, and reads it where its text can mean something.
    fn finish(&self, piece: &Piece, line: &[Glyph], setting: &Setting, reader: &mut Reader<'_>, reading: &mut Reading) {
        let Some(hull) = piece.hull else { return };
        if setting.invisible || setting.unread {
            reading.hidden.push(box_mm(hull));
        }
        let in_window = !setting.unread && !setting.invisible && hull.intersect(WINDOW_MM).area() > 0.0;
        let has_number = !setting.unread && piece.digits >= CPR_DIGITS;
        if reader.markers.is_empty() && !in_window && !has_number {
            return;
        }
        let (chars, boxes) = self.spelled(piece, line);
        if !reader.markers.is_empty() {
            let text = unspaced(chars.iter().copied());
            let found = reader.markers.iter().filter(|(_, marker)| text.contains(marker));
            reading.markers.extend(found.map(|(marker, _)| ((*marker).to_owned(), box_mm(hull))));
        }
        if has_number {
            cpr_numbers(&chars, &boxes, &mut reader.book, reading);
        }
        if in_window {
            let text: String = chars.iter().collect::<String>().trim().to_owned();
            reading.window.push(TextLine { box_mm: box_mm(hull), text, size_pt: (piece.size_mm * POINTS_PER_MM) as f32 });
        }
    }

    /// The characters of a piece, and the ink of each; blanks are one.
    fn spelled(&self, piece: &Piece, line: &[Glyph]) -> (Vec<char>, Vec<Option<Rect>>) {
        let (mut chars, mut boxes) = (Vec::with_capacity(piece.glyphs.len() * 2), Vec::with_capacity(piece.glyphs.len() * 2));
        let mut put = |c: char, seen: Option<Rect>| {
            if !c.is_whitespace() {
                chars.push(c);
                boxes.push(seen);
            } else if chars.last().is_some_and(|last| *last != ' ') {
                chars.push(' ');
                boxes.push(None);
            }
        };
        for (number, apart) in &piece.glyphs {
            let glyph = &line[*number as usize];
            if *apart {
                put(' ', None);
            }
            match glyph.says {
                Says::Char(c) => put(c, glyph.seen),
                Says::Text(start, length) => self.text_of(start, length).chars().for_each(|c| put(c, glyph.seen)),
            }
        }
        (chars, boxes)
    }
}

/// Glyphs of a line without a wide gap.
#[derive(Default)]
struct Piece {
    /// Number of each on its line, and whether a blank parts it from the one before.
    glyphs: Vec<(u32, bool)>,
    hull: Option<Rect>,
    size_mm: f64,
    digits: usize,
}

impl Piece {
    fn clear(&mut self) {
        self.glyphs.clear();
        (self.hull, self.size_mm, self.digits) = (None, 0.0, 0);
    }

    fn add(&mut self, number: usize, glyph: &Glyph, apart: bool, digits: usize) {
        self.glyphs.push((number as u32, apart));
        self.hull = union(self.hull, glyph.seen);
        self.size_mm = self.size_mm.max(glyph.size_mm);
        self.digits += digits;
    }
}

/// CPR numbers, also where a form gives each digit a cell of its own.
fn cpr_numbers(chars: &[char], boxes: &[Option<Rect>], book: &mut CprBook, reading: &mut Reading) {
    let blank = |i: usize| chars.get(i).is_none_or(|c| *c == ' ');
    let alone = |i: usize| !blank(i) && blank(i + 1) && (i == 0 || blank(i - 1));
    let between_cells = |i: usize| blank(i) && i > 0 && alone(i - 1) && alone(i + 1);
    let kept = (0..chars.len()).filter(|i| !between_cells(*i));
    let (plain, boxes): (Vec<char>, Vec<Option<Rect>>) = kept.map(|i| (plain_dash(chars[i]), boxes[i])).unzip();
    for span in cpr_like_spans(&plain) {
        let digits: String = plain[span.clone()].iter().filter(|c| c.is_ascii_digit()).collect();
        let next = book.len() as u32;
        let number = *book.entry(digits).or_insert(next);
        let hull = boxes[span].iter().fold(None, |hull, part| union(hull, *part));
        reading.cpr_numbers.extend(hull.map(|hull| (number, box_mm(hull))));
    }
}

fn union(a: Option<Rect>, b: Option<Rect>) -> Option<Rect> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.union(b)),
        (a, b) => a.or(b),
    }
}

fn is_ligature(c: char) -> bool {
    matches!(c, '\u{FB00}'..='\u{FB06}')
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
