//! The fonts that stand in for the standard ones: same widths, and in the repository (`fonts/README.md`).

use super::objects::corners;
use hayro_interpret::kurbo::Rect;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use printpdf::ParsedFont;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const COUNT: usize = 12;
/// Four of each family: regular, bold, italic, bold italic.
static PROGRAMS: [(&str, &[u8]); COUNT] = [
    ("FjernprintSans-Regular", include_bytes!("fonts/FjernprintSans-Regular.ttf")),
    ("FjernprintSans-Bold", include_bytes!("fonts/FjernprintSans-Bold.ttf")),
    ("FjernprintSans-Italic", include_bytes!("fonts/FjernprintSans-Italic.ttf")),
    ("FjernprintSans-BoldItalic", include_bytes!("fonts/FjernprintSans-BoldItalic.ttf")),
    ("FjernprintSerif-Regular", include_bytes!("fonts/FjernprintSerif-Regular.ttf")),
    ("FjernprintSerif-Bold", include_bytes!("fonts/FjernprintSerif-Bold.ttf")),
    ("FjernprintSerif-Italic", include_bytes!("fonts/FjernprintSerif-Italic.ttf")),
    ("FjernprintSerif-BoldItalic", include_bytes!("fonts/FjernprintSerif-BoldItalic.ttf")),
    ("FjernprintMono-Regular", include_bytes!("fonts/FjernprintMono-Regular.ttf")),
    ("FjernprintMono-Bold", include_bytes!("fonts/FjernprintMono-Bold.ttf")),
    ("FjernprintMono-Italic", include_bytes!("fonts/FjernprintMono-Italic.ttf")),
    ("FjernprintMono-BoldItalic", include_bytes!("fonts/FjernprintMono-BoldItalic.ttf")),
];
/// Names by which the standard families go, in small letters and without signs. The longer stand first.
const FAMILIES: [(&str, usize); 10] = [
    ("helvetica", 0),
    ("helv", 0),
    ("arial", 0),
    ("liberationsans", 0),
    ("timesnewroman", 4),
    ("times", 4),
    ("liberationserif", 4),
    ("couriernew", 8),
    ("courier", 8),
    ("liberationmono", 8),
];
/// What else may stand in such a name: anything more (Narrow, Black, Neue) is another font.
const BOLD: [&str; 2] = ["bold", "bd"];
const ITALIC: [&str; 3] = ["italic", "oblique", "it"];
const PLAIN: [&str; 6] = ["ps", "mt", "std", "regular", "roman", "normal"];
/// Flags of a font descriptor (ISO 32000-1, table 123).
const FIXED_PITCH: i64 = 1;
const SERIF: i64 = 1 << 1;
const NONSYMBOLIC: i64 = 1 << 5;
const ITALIC_FLAG: i64 = 1 << 6;

/// One of the twelve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Face(usize);

/// What is known of a face without its outlines.
pub(super) struct Metrics {
    /// Thousandths of the font size by character.
    widths: BTreeMap<char, u16>,
    pub ascent: f64,
    pub descent: f64,
    bbox: Rect,
}

impl Face {
    /// The face for a font's name, if it is a standard one or goes by one of its usual names.
    pub fn named(base_font: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(base_font).ok()?;
        let is_tag = |tag: &str| tag.len() == 6 && tag.bytes().all(|b| b.is_ascii_uppercase());
        let name = name.split_once('+').filter(|(tag, _)| is_tag(tag)).map_or(name, |(_, rest)| rest);
        let lower: String = name.to_ascii_lowercase().chars().filter(|c| !matches!(c, ' ' | '-' | ',' | '_')).collect();
        let (mut rest, first) = FAMILIES.iter().find_map(|(family, first)| Some((lower.strip_prefix(family)?, *first)))?;
        let (mut bold, mut italic) = (false, false);
        while !rest.is_empty() {
            let strip = |words: &[&str]| words.iter().find_map(|word| rest.strip_prefix(word));
            if let Some(after) = strip(&BOLD) {
                (bold, rest) = (true, after);
            } else if let Some(after) = strip(&ITALIC) {
                (italic, rest) = (true, after);
            } else {
                rest = strip(&PLAIN)?;
            }
        }
        Some(Self(first + usize::from(bold) + 2 * usize::from(italic)))
    }

    pub fn name(self) -> &'static str {
        PROGRAMS[self.0].0
    }

    pub fn metrics(self) -> &'static Metrics {
        static KNOWN: [OnceLock<Metrics>; COUNT] = [const { OnceLock::new() }; COUNT];
        KNOWN[self.0].get_or_init(|| Metrics::read(PROGRAMS[self.0].1))
    }

    fn flags(self) -> i64 {
        let family = match self.0 / 4 {
            0 => 0,
            1 => SERIF,
            _ => FIXED_PITCH | SERIF,
        };
        NONSYMBOLIC | family | if self.is_italic() { ITALIC_FLAG } else { 0 }
    }

    fn is_italic(self) -> bool {
        self.0 % 4 >= 2
    }
}

impl Metrics {
    fn read(program: &[u8]) -> Self {
        let font = ParsedFont::from_bytes(program, 0, &mut Vec::new()).expect("the font is built in and a test embeds it");
        let em = f64::from(font.units_per_em);
        let thousandths = |units: f64| units * 1000.0 / em;
        let width = |glyph: &u16| font.glyph_widths.get(glyph).map(|units| thousandths(f64::from(*units)).round() as u16);
        let widths = font.codepoint_to_glyph.iter().filter_map(|(c, glyph)| Some((char::from_u32(*c)?, width(glyph)?))).collect();
        let (ascent, descent) = (f64::from(font.font_metrics.ascent), f64::from(font.font_metrics.descent));
        let head = |at: usize| f64::from(i16::from_be_bytes([program[at], program[at + 1]]));
        let bbox = table(program, b"head").map_or([0.0, descent, em, ascent], |at| [36, 38, 40, 42].map(|field| head(at + field)));
        let [x0, y0, x1, y1] = bbox.map(|v| thousandths(v).round());
        Self { widths, ascent: thousandths(ascent).round(), descent: -thousandths(descent).abs().round(), bbox: Rect::new(x0, y0, x1, y1) }
    }

    /// Thousandths of the font size; `None` for a character that the face has not.
    pub fn width(&self, c: char) -> Option<u16> {
        self.widths.get(&c).copied()
    }
}

/// Where a table of a font program begins.
fn table(program: &[u8], tag: &[u8]) -> Option<usize> {
    let record = (0..40).map(|i| 12 + 16 * i).find(|at| program.get(*at..*at + 4) == Some(tag))?;
    let at = program.get(record + 8..record + 12)?;
    Some(u32::from_be_bytes([at[0], at[1], at[2], at[3]]) as usize)
}

/// The faces that a document has got so far: each is written once.
#[derive(Default)]
pub(super) struct Book {
    descriptors: BTreeMap<Face, ObjectId>,
    fonts: BTreeMap<Face, ObjectId>,
}

impl Book {
    /// The descriptor with the program in it.
    pub fn descriptor(&mut self, document: &mut Document, face: Face) -> ObjectId {
        if let Some(id) = self.descriptors.get(&face) {
            return *id;
        }
        let program = PROGRAMS[face.0].1;
        let mut stream = Stream::new(dictionary! { "Length1" => program.len() as i64 }, program.to_vec());
        stream.compress().expect("compressing into memory cannot fail");
        let program = document.add_object(stream);
        let metrics = face.metrics();
        let id = document.add_object(dictionary! {
            "Type" => "FontDescriptor",
            "FontName" => base_font(face).as_str(),
            "Flags" => face.flags(),
            "FontBBox" => corners(metrics.bbox),
            "ItalicAngle" => if face.is_italic() { -12 } else { 0 },
            "Ascent" => metrics.ascent as i64,
            "Descent" => metrics.descent as i64,
            "CapHeight" => 700,
            "StemV" => if face.0 % 2 == 1 { 140 } else { 80 },
            "FontFile2" => program,
        });
        self.descriptors.insert(face, id);
        id
    }

    /// A font of our own for text that we set, in WinAnsiEncoding.
    pub fn font(&mut self, document: &mut Document, face: Face) -> ObjectId {
        if let Some(id) = self.fonts.get(&face) {
            return *id;
        }
        let descriptor = self.descriptor(document, face);
        let width = |code: u8| Object::from(decoded(code).and_then(|c| face.metrics().width(c)).unwrap_or(0));
        let id = document.add_object(dictionary! {
            "Type" => "Font",
            "Subtype" => "TrueType",
            "BaseFont" => base_font(face).as_str(),
            "Encoding" => "WinAnsiEncoding",
            "FirstChar" => 32,
            "LastChar" => 255,
            "Widths" => (32..=255).map(width).collect::<Vec<Object>>(),
            "FontDescriptor" => descriptor,
        });
        self.fonts.insert(face, id);
        id
    }
}

/// A name that says what is inside, with the tag of a font that holds a part of its characters.
pub(super) fn base_font(face: Face) -> String {
    format!("FJERNP+{}", face.name())
}

/// Characters of WinAnsiEncoding that do not have their codepoint as code, from 0x80; `\0` where there is none.
const HIGH: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•', '–', '—', '˜', '™',
    'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// The character of a code in WinAnsiEncoding.
pub(super) fn decoded(code: u8) -> Option<char> {
    match code {
        0x20..=0x7e | 0xa0..=0xff => Some(char::from(code)),
        0x80..=0x9f => Some(HIGH[usize::from(code - 0x80)]).filter(|c| *c != '\0'),
        _ => None,
    }
}

/// The code of a character in WinAnsiEncoding.
pub(super) fn encoded(c: char) -> Option<u8> {
    match c {
        ' '..='~' | '\u{a0}'..='\u{ff}' => u8::try_from(c).ok(),
        _ => HIGH.iter().position(|high| *high == c && c != '\0').and_then(|at| u8::try_from(at + 0x80).ok()),
    }
}

/// An empty dictionary's worth of resources with this font as `F`.
pub(super) fn resources(font: ObjectId) -> Dictionary {
    dictionary! { "Font" => dictionary! { "F" => font } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_fonts_go_by_many_names() {
        let check = |name: &str, face: Option<&str>| assert_eq!(Face::named(name.as_bytes()).map(Face::name), face, "{name}");
        check("Helvetica", Some("FjernprintSans-Regular"));
        check("Helv", Some("FjernprintSans-Regular"));
        check("Helvetica-BoldOblique", Some("FjernprintSans-BoldItalic"));
        check("ABCDEF+ArialMT", Some("FjernprintSans-Regular"));
        check("Arial,Bold", Some("FjernprintSans-Bold"));
        check("Arial-BoldItalicMT", Some("FjernprintSans-BoldItalic"));
        check("Times-Roman", Some("FjernprintSerif-Regular"));
        check("TimesNewRomanPS-BoldMT", Some("FjernprintSerif-Bold"));
        check("Times New Roman,Italic", Some("FjernprintSerif-Italic"));
        check("CourierNewPSMT", Some("FjernprintMono-Regular"));
        check("Courier-Oblique", Some("FjernprintMono-Italic"));
        for other in ["ArialNarrow", "Arial-Black", "HelveticaNeue-Light", "Symbol", "ZapfDingbats", "Calibri", "", "TimesTen"] {
            check(other, None);
        }
    }

    #[test]
    fn every_face_has_danish_letters_of_the_standard_widths() {
        for face in (0..COUNT).map(Face) {
            let metrics = face.metrics();
            assert!("æøåÆØÅéÉüÜ€§½".chars().all(|c| metrics.width(c).is_some()), "{}", face.name());
            assert!((32..=255).filter_map(decoded).all(|c| encoded(c).and_then(decoded) == Some(c)));
        }
        // Adobe's metrics of Helvetica, Times-Bold and Courier.
        assert_eq!("Aåi".chars().filter_map(|c| Face(0).metrics().width(c)).collect::<Vec<_>>(), [667, 556, 222]);
        assert_eq!("AÅi".chars().filter_map(|c| Face(5).metrics().width(c)).collect::<Vec<_>>(), [722, 722, 278]);
        assert_eq!(Face(8).metrics().width('W'), Some(600));
    }
}
