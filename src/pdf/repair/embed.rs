//! EmbedFonts: the standard fonts get a program of the same widths. Widths that the file tells stay, so no glyph moves.

use super::faces::{Face, base_font};
use super::objects::{each_dictionary, entry, entry_array, entry_dictionary, entry_flags, entry_name};
use super::{Remedy, RepairFault, Work};
use lopdf::{Dictionary, Document, Object, dictionary};
use std::collections::{BTreeMap, BTreeSet};

/// Keys of a font descriptor that hold a program.
const PROGRAMS: [&[u8]; 3] = [b"FontFile", b"FontFile2", b"FontFile3"];
/// Fonts written as dictionaries in one file.
const FONTS_MAX: usize = 2_000;
const NAME_CHARS_MAX: usize = 80;

impl Work<'_> {
    pub(super) fn embed_fonts(&mut self) -> Result<(), RepairFault> {
        if !self.asked(Remedy::EmbedFonts) || self.facts.fonts_not_embedded.is_empty() {
            return Ok(());
        }
        let mut wanted: BTreeMap<Face, Vec<u8>> = BTreeMap::new();
        let mut found = 0;
        each_dictionary(&mut self.document, &mut |document, font| {
            if let Some((name, face)) = needs_program(document, font) {
                found += 1;
                wanted.entry(face).or_insert(name);
            }
        });
        if found > FONTS_MAX {
            return Err(RepairFault::new(format!("the file has more than {FONTS_MAX} fonts")));
        }
        let descriptors: BTreeMap<Face, Object> =
            wanted.keys().map(|face| (*face, self.faces.descriptor(&mut self.document, *face).into())).collect();
        let mut embedded: BTreeSet<(String, &str)> = BTreeSet::new();
        let mut cannot: BTreeSet<String> = BTreeSet::new();
        each_dictionary(&mut self.document, &mut |document, font| {
            let Some((name, face)) = needs_program(document, font) else { return };
            let Some(descriptor) = descriptors.get(&face) else { return };
            match give_program(document, font, face, descriptor.clone()) {
                Ok(()) => drop(embedded.insert((told(&name), face.name()))),
                Err(()) => drop(cannot.insert(told(&name))),
            }
        });
        // A font that is named and never shown is no fault, and no reason to give up.
        let left: Vec<&String> = self.facts.fonts_not_embedded.iter().filter(|name| Face::named(name.as_bytes()).is_none()).collect();
        if let Some(name) = left.into_iter().chain(&cannot).next() {
            let name = crate::domain::redact::redact(name);
            return Err(RepairFault::new(format!("the font {name} is not in the file, and nothing here can stand in for it")));
        }
        for (name, face) in embedded {
            self.did(Remedy::EmbedFonts, None, format!("{} is drawn with {face}", crate::domain::redact::redact(&name)));
        }
        Ok(())
    }
}

/// A name as it may be told.
fn told(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(NAME_CHARS_MAX).collect()
}

/// A simple font without a program that goes by the name of a standard one.
fn needs_program(document: &Document, font: &Dictionary) -> Option<(Vec<u8>, Face)> {
    let kind = entry_name(document, font, b"Subtype")?;
    if !matches!(kind, b"Type1" | b"MMType1" | b"TrueType") {
        return None;
    }
    let name = entry_name(document, font, b"BaseFont")?;
    let descriptor = entry_dictionary(document, font, b"FontDescriptor");
    let has_program = descriptor.is_some_and(|d| PROGRAMS.iter().any(|key| entry(document, d, key).is_some_and(|p| p.as_stream().is_ok())));
    if has_program {
        return None;
    }
    Some((name.to_vec(), Face::named(name)?))
}

fn give_program(document: &Document, font: &mut Dictionary, face: Face, descriptor: Object) -> Result<(), ()> {
    let codes = Codes::of(document, font);
    let drawn = |code: u8| match entry_array(document, font, b"Widths") {
        None => true,
        Some(widths) => {
            let first = entry_flags(document, font, b"FirstChar");
            let at = usize::try_from(i64::from(code) - first).ok();
            at.and_then(|at| widths.get(at)).and_then(|w| super::objects::number(document, w)).is_some_and(|w| w != 0.0)
        }
    };
    // Only what Differences names can be something that no standard encoding has.
    if (0..=255).any(|code| codes.named_here(code) && drawn(code) && !codes.has(code, face)) {
        return Err(());
    }
    if !font.has(b"Widths") {
        let width = |code: u8| Object::from(codes.character(code).and_then(|c| face.metrics().width(c)).unwrap_or(0));
        font.set("FirstChar", 0);
        font.set("LastChar", 255);
        font.set("Widths", (0..=255).map(width).collect::<Vec<Object>>());
    }
    fill_widths(document, font);
    if let Some(encoding) = codes.written {
        font.set("Encoding", encoding);
    }
    font.set("Type", "Font");
    font.set("Subtype", "TrueType");
    font.set("BaseFont", base_font(face).as_str());
    font.set("FontDescriptor", descriptor);
    Ok(())
}

/// The old descriptor's width for codes that have none goes into the list: the new descriptor is shared by fonts.
fn fill_widths(document: &Document, font: &mut Dictionary) {
    let missing = entry_dictionary(document, font, b"FontDescriptor").and_then(|d| entry(document, d, b"MissingWidth")).cloned();
    let Some(missing) = missing.filter(|width| width.as_float().is_ok_and(|width| width != 0.0)) else { return };
    let first = entry_flags(document, font, b"FirstChar");
    let widths = entry_array(document, font, b"Widths").map(<[Object]>::to_vec).unwrap_or_default();
    let width = |code: i64| usize::try_from(code - first).ok().and_then(|at| widths.get(at)).unwrap_or(&missing).clone();
    let all: Vec<Object> = (0..=255).map(width).collect();
    font.set("FirstChar", 0);
    font.set("LastChar", 255);
    font.set("Widths", all);
}

/// What each code of a font shows.
struct Codes {
    characters: Vec<Option<char>>,
    /// Names of Differences; one that is no known name of a character has none above.
    differences: BTreeMap<u8, Vec<u8>>,
    /// The encoding anew, where it was not told or is one that a TrueType font cannot be told.
    written: Option<Object>,
}

impl Codes {
    fn of(document: &Document, font: &Dictionary) -> Self {
        let is_truetype = entry_name(document, font, b"Subtype") == Some(b"TrueType");
        let encoding = entry(document, font, b"Encoding");
        let (base, items) = match encoding {
            Some(Object::Name(name)) => (Some(name.as_slice()), &[][..]),
            Some(Object::Dictionary(encoding)) => {
                (entry_name(document, encoding, b"BaseEncoding"), entry_array(document, encoding, b"Differences").unwrap_or_default())
            }
            _ => (None, &[][..]),
        };
        let differences = differences(document, items);
        // Without a base, a font that is not in the file has Adobe's standard encoding; for TrueType readers take Windows'.
        let (base, told): (&[u8], bool) = match base {
            Some(base @ (b"WinAnsiEncoding" | b"MacRomanEncoding")) => (base, true),
            None if is_truetype => (b"WinAnsiEncoding", false),
            _ => (b"StandardEncoding", false),
        };
        let mut characters = table(base);
        for (code, name) in &differences {
            characters[usize::from(*code)] = named(name);
        }
        let written = (!told).then(|| written(base, &differences));
        Self { characters, differences, written }
    }

    fn character(&self, code: u8) -> Option<char> {
        self.characters[usize::from(code)]
    }

    fn named_here(&self, code: u8) -> bool {
        self.differences.get(&code).is_some_and(|name| name != b".notdef")
    }

    fn has(&self, code: u8, face: Face) -> bool {
        self.character(code).is_some_and(|c| face.metrics().width(c).is_some())
    }
}

fn differences(document: &Document, items: &[Object]) -> BTreeMap<u8, Vec<u8>> {
    let mut names = BTreeMap::new();
    let mut code = 0_i64;
    for item in items.iter().take(1_000) {
        match super::objects::follow(document, item) {
            Some(Object::Integer(first)) => code = *first,
            Some(Object::Name(name)) => {
                if let Ok(code) = u8::try_from(code) {
                    names.insert(code, name.clone());
                }
                code = code.saturating_add(1);
            }
            _ => {}
        }
    }
    names
}

/// A base encoding, as lopdf knows it.
fn table(base: &[u8]) -> Vec<Option<char>> {
    let document = Document::new();
    let font = dictionary! { "Type" => "Font", "Encoding" => Object::Name(base.to_vec()) };
    let encoding = font.get_font_encoding(&document);
    let character = |code: u8| {
        let text = Document::decode_text(encoding.as_ref().ok()?, &[code]).ok()?;
        text.chars().next()
    };
    (0..=255).map(character).collect()
}

/// The character that a glyph's name means.
fn named(name: &[u8]) -> Option<char> {
    let document = Document::new();
    let differences = Object::Array(vec![Object::Integer(0), Object::Name(name.to_vec())]);
    let encoding = dictionary! { "Type" => "Encoding", "Differences" => differences };
    let font = dictionary! { "Type" => "Font", "Encoding" => encoding };
    let text = Document::decode_text(&font.get_font_encoding(&document).ok()?, &[0]).ok()?;
    text.chars().next()
}

/// Adobe's standard encoding where it is another than Windows': code, then the names from there on.
const STANDARD: &str = "39 quoteright 96 quoteleft 161 exclamdown cent sterling fraction yen florin section currency \
    quotesingle quotedblleft guillemotleft guilsinglleft guilsinglright fi fl 177 endash dagger daggerdbl periodcentered \
    182 paragraph bullet quotesinglbase quotedblbase quotedblright guillemotright ellipsis perthousand 191 questiondown \
    193 grave acute circumflex tilde macron breve dotaccent dieresis 202 ring cedilla 205 hungarumlaut ogonek caron emdash \
    225 AE 227 ordfeminine 232 Lslash Oslash OE ordmasculine 241 ae 245 dotlessi 248 lslash oslash oe germandbls";

/// An encoding that says by itself what every code is: a TrueType font has no standard encoding to be based on.
fn written(base: &[u8], differences: &BTreeMap<u8, Vec<u8>>) -> Object {
    let mut names: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    if base == b"StandardEncoding" {
        // Windows' encoding has something where the standard has nothing.
        names.extend((127..=255).map(|code| (code, b".notdef".to_vec())));
        let mut code = 0;
        for word in STANDARD.split_whitespace() {
            match word.parse::<u8>() {
                Ok(first) => code = first,
                Err(_) => {
                    names.insert(code, word.as_bytes().to_vec());
                    code = code.wrapping_add(1);
                }
            }
        }
    }
    names.extend(differences.iter().map(|(code, name)| (*code, name.clone())));
    let mut items: Vec<Object> = Vec::new();
    let mut next = None;
    for (code, name) in names {
        if next != Some(code) {
            items.push(code.into());
        }
        items.push(Object::Name(name));
        next = code.checked_add(1);
    }
    dictionary! { "Type" => "Encoding", "BaseEncoding" => "WinAnsiEncoding", "Differences" => items }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_encoding_is_the_one_lopdf_knows() {
        let Object::Dictionary(encoding) = written(b"StandardEncoding", &BTreeMap::new()) else { panic!() };
        let names = differences(&Document::new(), encoding.get(b"Differences").unwrap().as_array().unwrap());
        let (standard, windows) = (table(b"StandardEncoding"), table(b"WinAnsiEncoding"));
        for code in 32..=255_u8 {
            let ours = names.get(&code).map_or(windows[usize::from(code)], |name| named(name));
            assert_eq!(ours, standard[usize::from(code)], "{code}");
        }
    }

    #[test]
    fn names_mean_characters() {
        assert_eq!([&b"ae"[..], b"Aring", b"quoteright", b"nothing-known"].map(named), [Some('æ'), Some('Å'), Some('’'), None]);
    }
}
