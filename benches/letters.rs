//! Two-page letters as municipalities send them, written in the manner of four producers: the same bytes in every run.
//!
//! Each has a logo, an address, two embedded TrueType fonts cut down to what the letter uses, and forty lines a page.
//! Names and places are made up.

use fjernprint::pdf::draw::{LetterText, Window, letter};
use lopdf::{Dictionary, Document, Object, ObjectId, SaveOptions, Stream, dictionary};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const REGULAR: &[u8] = include_bytes!("../templates/fonts/FjernprintSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../templates/fonts/FjernprintSans-Bold.ttf");
const LINES: usize = 40;
const LINE_CHARS: usize = 82;
const WORDS: &str = "kommunen har truffet en afgørelse om din ansøgning og du kan klage inden fire uger fra den dag du har modtaget brevet \
    vi har lagt vægt på de oplysninger som fremgår af sagen og på reglerne i loven om social service du skal give besked hvis din indkomst \
    eller bolig ændrer sig beløbet bliver udbetalt den sidste hverdag i måneden spørgsmål besvares på rådhuset eller på hjemmesiden";

/// The letter with this number.
pub fn built(number: u64) -> Vec<u8> {
    let text = Text::new(number);
    match number % 4 {
        0 => own(&text),
        1 => Builder::new(&text, Manner::WordProcessor).build(),
        2 => Builder::new(&text, Manner::ReportEngine).build(),
        _ => Builder::new(&text, Manner::Browser).build(),
    }
}

/// What stands in a letter.
struct Text {
    address: Vec<String>,
    heading: String,
    /// Lines of the two pages.
    pages: [Vec<String>; 2],
}

impl Text {
    fn new(number: u64) -> Self {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut page = || {
            let mut lines = Vec::new();
            while lines.len() < LINES {
                // A paragraph of four lines and a half.
                for line in 0..5 {
                    let most = if line == 4 { 20 + next(LINE_CHARS - 20) } else { LINE_CHARS };
                    let mut text = String::new();
                    while text.len() < most - 8 {
                        text.push_str(words[next(words.len())]);
                        text.push(' ');
                    }
                    lines.push(text.trim_end().to_owned());
                }
            }
            lines
        };
        let pages = [page(), page()];
        let address = vec!["Kirsten Testesen".to_owned(), format!("Prøvevej {}, 2. tv.", 1 + number % 180), "9990 Æblesund".to_owned()];
        Self { address, heading: format!("Afgørelse i sag {}", 10_000 + number), pages }
    }
}

/// As this program draws its own letters.
fn own(text: &Text) -> Vec<u8> {
    let sender = ["Æblesund Kommune".to_owned(), "Rådhuspladsen 1".to_owned(), "9990 Æblesund".to_owned()];
    let paragraphs: Vec<String> = text
        .pages
        .iter()
        .flatten()
        .collect::<Vec<_>>()
        .chunks(5)
        .map(|lines| lines.iter().map(|line| line.as_str()).collect::<Vec<_>>().join(" "))
        .take(14)
        .collect();
    let letter_text = LetterText {
        title: &text.heading,
        sender_lines: &sender,
        address_lines: &text.address,
        date_line: "24. november 2026",
        heading: &text.heading,
        paragraphs: &paragraphs,
    };
    let window =
        Window { x_mm: 20.0, y_mm: 45.0, width_mm: 90.0, height_mm: 35.0, font_size_max_pt: 12.0, font_size_min_pt: 8.0, lines_max: 8 };
    letter(&letter_text, &window).expect("the text fits")
}

#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// One byte a letter, clips and marked content around every line, spacing by hand.
    WordProcessor,
    /// Glyph numbers, a font chosen for each line, objects packed in streams.
    ReportEngine,
    /// A page turned upside down, words placed one by one.
    Browser,
}

struct Builder<'t> {
    text: &'t Text,
    manner: Manner,
    document: Document,
}

impl<'t> Builder<'t> {
    fn new(text: &'t Text, manner: Manner) -> Self {
        Self { text, manner, document: Document::with_version("1.7") }
    }

    fn build(mut self) -> Vec<u8> {
        let all: BTreeSet<char> = self.text.pages.iter().flatten().chain(&self.text.address).flat_map(|line| line.chars()).collect();
        let (regular, bold) = (Font::of(REGULAR), Font::of(BOLD));
        let fonts = dictionary! {
            "F1" => self.font(&regular, "ABCDEF+FjernprintSans-Regular", &all),
            "F2" => self.font(&bold, "GHIJKL+FjernprintSans-Bold", &self.text.heading.chars().collect()),
        };
        let logo = self.stream(
            dictionary! { "Type" => "XObject", "Subtype" => "Image", "Width" => 240, "Height" => 80,
            "ColorSpace" => "DeviceRGB", "BitsPerComponent" => 8 },
            (0..240 * 80 * 3).map(|i| (i / 7 * 13 % 251) as u8).collect(),
        );
        let state = self.document.add_object(dictionary! { "Type" => "ExtGState", "BM" => "Normal", "ca" => 1 });
        let resources = self.document.add_object(dictionary! {
            "Font" => fonts, "XObject" => dictionary! { "Im1" => logo }, "ExtGState" => dictionary! { "G1" => state },
        });
        let tree = self.document.new_object_id();
        let kids: Vec<Object> = (0..2)
            .map(|page| {
                let content = self.content(page, &regular, &bold);
                let content = self.stream(Dictionary::new(), content.into_bytes());
                let size = vec![0.into(), 0.into(), Object::Real(595.32), Object::Real(841.92)];
                let page =
                    dictionary! { "Type" => "Page", "Parent" => tree, "MediaBox" => size, "Resources" => resources, "Contents" => content };
                self.document.add_object(page).into()
            })
            .collect();
        self.document.objects.insert(tree, dictionary! { "Type" => "Pages", "Count" => 2, "Kids" => kids }.into());
        let catalog = self.document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
        self.document.trailer.set("Root", catalog);
        let mut bytes = Vec::new();
        let packed = self.manner == Manner::ReportEngine;
        let options = SaveOptions::builder().use_object_streams(packed).use_xref_streams(packed).build();
        self.document.save_with_options(&mut bytes, options).expect("writing into memory cannot fail");
        bytes
    }

    fn stream(&mut self, dictionary: Dictionary, bytes: Vec<u8>) -> ObjectId {
        let mut stream = Stream::new(dictionary, bytes);
        stream.compress().expect("compressing into memory cannot fail");
        self.document.add_object(stream)
    }

    fn font(&mut self, font: &Font, name: &str, shown: &BTreeSet<char>) -> ObjectId {
        let program = font.with_glyphs_of(shown);
        let length = program.len() as i64;
        let program = self.stream(dictionary! { "Length1" => length }, program);
        let simple = self.manner == Manner::WordProcessor;
        let descriptor = self.document.add_object(dictionary! {
            "Type" => "FontDescriptor", "FontName" => name, "Flags" => if simple { 32 } else { 4 }, "Ascent" => 928, "Descent" => -236,
            "FontBBox" => vec![(-600).into(), (-400).into(), 1200.into(), 1100.into()], "ItalicAngle" => 0, "CapHeight" => 700, "StemV" => 80,
            "FontFile2" => program,
        });
        if simple {
            let widths: Vec<Object> = (32..=255_u8).map(|code| i64::from(font.width(char::from(code))).into()).collect();
            return self.document.add_object(dictionary! {
                "Type" => "Font", "Subtype" => "TrueType", "BaseFont" => name, "Encoding" => "WinAnsiEncoding",
                "FirstChar" => 32, "LastChar" => 255, "Widths" => widths, "FontDescriptor" => descriptor,
            });
        }
        let mut map = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Adobe-Identity-UCS def\n\
            1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            .to_owned();
        let mut widths: Vec<Object> = Vec::new();
        for shown in shown.iter().collect::<Vec<_>>().chunks(100) {
            let _ = writeln!(map, "{} beginbfchar", shown.len());
            for c in shown {
                let _ = writeln!(map, "<{:04X}> <{:04X}>", font.glyph(**c), **c as u32);
                widths.extend([i64::from(font.glyph(**c)).into(), vec![i64::from(font.width(**c)).into()].into()]);
            }
            map.push_str("endbfchar\n");
        }
        map.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
        let map = self.stream(Dictionary::new(), map.into_bytes());
        let descendant = self.document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "CIDFontType2", "BaseFont" => name, "CIDToGIDMap" => "Identity", "DW" => 600, "W" => widths,
            "CIDSystemInfo" => dictionary! { "Registry" => Object::string_literal("Adobe"), "Ordering" => Object::string_literal("Identity"), "Supplement" => 0 },
            "FontDescriptor" => descriptor,
        });
        self.document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type0", "BaseFont" => name, "Encoding" => "Identity-H",
            "DescendantFonts" => vec![descendant.into()], "ToUnicode" => map,
        })
    }

    fn content(&self, page: usize, regular: &Font, bold: &Font) -> String {
        let mut content = String::new();
        if page == 0 {
            content.push_str("q 100 0 0 33 440 770 cm /Im1 Do Q\n");
            for (index, line) in self.text.address.iter().enumerate() {
                self.line(&mut content, index, 71.0, 690.0 - index as f32 * 13.0, line, regular);
            }
            self.line(&mut content, 3, 71.0, 600.0, &self.text.heading, bold);
        }
        let top = if page == 0 { 575.0 } else { 780.0 };
        for (index, line) in self.text.pages[page].iter().enumerate() {
            self.line(&mut content, index + 4, 71.0, top - index as f32 * 13.0, line, regular);
        }
        content
    }

    fn line(&self, content: &mut String, number: usize, x: f32, y: f32, text: &str, font: &Font) {
        let name = if font.bold { "F2" } else { "F1" };
        let hex = |text: &str| text.chars().fold(String::new(), |hex, c| hex + &format!("{:04X}", font.glyph(c)));
        let _ = match self.manner {
            Manner::WordProcessor => {
                let latin: String =
                    text.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\{:03o}", c as u32) }).collect();
                let spaced = latin.replace("ar", "a) 3 (r").replace("de", "d) -2 (e");
                writeln!(
                    content,
                    "/P <</MCID {number}>> BDC q\n0.000008871 0 595.32 841.92 re\nW* n\nBT\n/{name} 9.96 Tf\n1 0 0 1 {x} {y} Tm\n\
                    0 g\n0 G\n[({spaced})] TJ\nET\nQ\n EMC"
                )
            }
            Manner::ReportEngine => {
                writeln!(content, "0 0 0 rg\nBT 1 0 0 1 {x} {y} Tm /{name} 10 Tf 13 TL <{}> Tj T* ET", hex(text))
            }
            Manner::Browser => {
                let _ = write!(
                    content,
                    "q\n.75 0 0 -.75 0 841.92 cm\n/G1 gs\n0 0 0 RG 0 0 0 rg\nBT\n/{name} 13.3 Tf\n1 0 0 -1 {} {} Tm\n",
                    x / 0.75,
                    (841.92 - y) / 0.75
                );
                for word in text.split_inclusive(' ') {
                    let wide: u32 = word.chars().map(|c| font.width(c)).sum();
                    let _ = writeln!(content, "<{}> Tj\n{} 0 Td", hex(word), wide as f32 * 13.3 / 1000.0);
                }
                writeln!(content, "ET\nQ")
            }
        };
    }
}

/// A TrueType program, as far as it is cut down here.
struct Font {
    bold: bool,
    bytes: &'static [u8],
    glyphs: BTreeMap<char, (u16, u32)>,
}

impl Font {
    fn of(bytes: &'static [u8]) -> Self {
        let parsed = printpdf::ParsedFont::from_bytes(bytes, 0, &mut Vec::new()).expect("a font that is shipped");
        let em = u32::from(parsed.units_per_em);
        let glyph = |(code, glyph): (&u32, &u16)| {
            let width = u32::from(*parsed.glyph_widths.get(glyph)?) * 1000 / em;
            Some((char::from_u32(*code)?, (*glyph, width)))
        };
        Self { bold: std::ptr::eq(bytes, BOLD), bytes, glyphs: parsed.codepoint_to_glyph.iter().filter_map(glyph).collect() }
    }

    fn glyph(&self, c: char) -> u16 {
        self.glyphs.get(&c).map_or(0, |glyph| glyph.0)
    }

    fn width(&self, c: char) -> u32 {
        self.glyphs.get(&c).map_or(0, |glyph| glyph.1)
    }

    fn table(&self, tag: &[u8]) -> &'static [u8] {
        let directory = (0..be(self.bytes, 4, 2)).map(|i| &self.bytes[12 + 16 * i..28 + 16 * i]);
        directory
            .filter(|entry| entry.starts_with(tag))
            .map(|entry| &self.bytes[be(entry, 8, 4)..][..be(entry, 12, 4)])
            .next()
            .unwrap_or_default()
    }

    /// The program with the outlines of these characters only; glyphs keep their numbers.
    fn with_glyphs_of(&self, shown: &BTreeSet<char>) -> Vec<u8> {
        let (glyf, loca, wide) = (self.table(b"glyf"), self.table(b"loca"), be(self.table(b"head"), 50, 2) == 1);
        let place = |glyph: usize| if wide { be(loca, glyph * 4, 4) } else { be(loca, glyph * 2, 2) * 2 };
        let mut kept: BTreeSet<usize> = shown.iter().map(|c| usize::from(self.glyph(*c))).chain([0]).collect();
        let mut waiting: Vec<usize> = kept.iter().copied().collect();
        while let Some(glyph) = waiting.pop() {
            let outline = &glyf[place(glyph)..place(glyph + 1)];
            // Composed of others.
            let mut at = 10;
            while outline.len() > 10 && outline[0] & 0x80 != 0 {
                let (flags, part) = (be(outline, at, 2), be(outline, at + 2, 2));
                if kept.insert(part) {
                    waiting.push(part);
                }
                at += 6 + if flags & 1 != 0 { 2 } else { 0 };
                at += if flags & 8 != 0 {
                    2
                } else if flags & 0x40 != 0 {
                    4
                } else if flags & 0x80 != 0 {
                    8
                } else {
                    0
                };
                if flags & 0x20 == 0 {
                    break;
                }
            }
        }
        let count = loca.len() / if wide { 4 } else { 2 } - 1;
        let (mut outlines, mut places) = (Vec::new(), 0_u32.to_be_bytes().to_vec());
        for glyph in 0..count {
            if kept.contains(&glyph) {
                outlines.extend(&glyf[place(glyph)..place(glyph + 1)]);
                outlines.resize(outlines.len().next_multiple_of(4), 0);
            }
            places.extend((outlines.len() as u32).to_be_bytes());
        }
        let mut head = self.table(b"head").to_vec();
        head[50..52].copy_from_slice(&1_u16.to_be_bytes());
        let tables: Vec<(&[u8], Vec<u8>)> = [&b"cmap"[..], b"cvt ", b"fpgm", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"prep"]
            .into_iter()
            .map(|tag| match tag {
                b"glyf" => (tag, outlines.clone()),
                b"loca" => (tag, places.clone()),
                b"head" => (tag, head.clone()),
                _ => (tag, self.table(tag).to_vec()),
            })
            .filter(|(_, table)| !table.is_empty())
            .collect();
        let mut program = vec![0, 1, 0, 0, 0, tables.len() as u8, 0, 0, 0, 0, 0, 0];
        let mut at = 12 + 16 * tables.len();
        for (tag, table) in &tables {
            program.extend(*tag);
            program.extend([0; 4]);
            program.extend((at as u32).to_be_bytes());
            program.extend((table.len() as u32).to_be_bytes());
            at += table.len().next_multiple_of(4);
        }
        for (_, table) in &tables {
            program.extend(table);
            program.resize(program.len().next_multiple_of(4), 0);
        }
        program
    }
}

fn be(bytes: &[u8], at: usize, length: usize) -> usize {
    bytes[at..at + length].iter().fold(0, |value, byte| value << 8 | usize::from(*byte))
}
